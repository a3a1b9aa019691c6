//! Tests of the XML reader and writer.

use proptest::prelude::*;
use strongroom_types::Timestamp;

use super::*;
use crate::{DecodeErrorKind, EncodeError};

#[track_caller]
fn refused(text: &str) -> XmlFlaw {
    XmlDocument::parse(text.as_bytes()).expect_err(text)
}

fn text_of(document: &str) -> String {
    XmlDocument::parse(document.as_bytes()).unwrap().root().text().to_owned()
}

#[test]
fn a_document_is_read() {
    let document = XmlDocument::parse(
        b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\n<!-- c -->\
          <A xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n <B x='1&amp;2'>t&lt;&#x41;</B>\
          <C/><B><![CDATA[<&>]]></B>\n</A>\n",
    )
    .unwrap();
    let root = document.root();
    assert_eq!((root.name(), root.text()), ("A", ""));
    let children: Vec<_> = root.children().map(|c| (c.name(), c.text())).collect();
    assert_eq!(children, [("B", "t<A"), ("C", ""), ("B", "<&>")]);
    let first = root.children().next().unwrap();
    assert_eq!(first.attributes().collect::<Vec<_>>(), [("x", "1&2")]);
    assert_eq!(first.path(), "A.B");
}

#[test]
fn names_are_not_copied() {
    let text = "<?xml version='1.0'?>\n<Root> <Child a='1'/><!-- c --><Other>y</Other></Root>";
    let document = XmlDocument::parse(text.as_bytes()).unwrap();
    let inside = |name: &str| text.as_bytes().as_ptr_range().contains(&name.as_ptr());
    assert!(inside(document.root().name()));
    assert!(document.root().children().all(|child| inside(child.name())));
}

#[test]
fn the_billion_laughs_are_refused() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;\">]>\
                <a>&c;</a>";
    assert_eq!(refused(bomb), XmlFlaw::DocumentType);
    let external = "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>";
    assert_eq!(refused(external), XmlFlaw::DocumentType);
    assert_eq!(refused("<a><!DOCTYPE b></a>"), XmlFlaw::DocumentType);
    assert_eq!(refused("<a>&b;</a>"), XmlFlaw::Entity);
    assert_eq!(refused("<a b='&c;'/>"), XmlFlaw::Entity);
    assert_eq!(refused("<a>&nbsp;</a>"), XmlFlaw::Entity);
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(XmlDocument::parse(nested(16).as_bytes()).is_ok());
    assert_eq!(refused(&nested(17)), XmlFlaw::TooDeep);
    assert_eq!(refused(&"<a>".repeat(1_000_000)), XmlFlaw::TooDeep);
}

#[test]
fn attributes_are_limited() {
    let with = |count: usize| {
        let attributes: String = (0..count).map(|i| format!(" a{i}='x'")).collect();
        format!("<a{attributes}/>")
    };
    assert!(XmlDocument::parse(with(8).as_bytes()).is_ok());
    assert_eq!(refused(&with(9)), XmlFlaw::TooManyAttributes);
    assert_eq!(refused(&with(50_000)), XmlFlaw::TooManyAttributes);
    assert_eq!(refused("<a x='1' x='2'/>"), XmlFlaw::NotWellFormed);
}

#[test]
fn elements_and_bytes_are_limited() {
    let with = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
    assert!(XmlDocument::parse(with(131_071).as_bytes()).is_ok());
    assert_eq!(refused(&with(131_072)), XmlFlaw::TooManyElements);
    let long = |bytes: usize| format!("<a>{}</a>", "x".repeat(bytes - 7));
    assert!(XmlDocument::parse(long(XML_BYTES_MAX).as_bytes()).is_ok());
    assert_eq!(refused(&long(XML_BYTES_MAX + 1)), XmlFlaw::TooLarge);
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in [
        "",
        " ",
        "x",
        "<a>",
        "</a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a><b></a></b>",
        "<a x=1/>",
        "<a x/>",
        "<a x='<'/>",
        "<a>&</a>",
        "<a>&amp</a>",
        "<a",
        "<a><![CDATA[x</a>",
        "<![CDATA[x]]><a/>",
        "&amp;<a/>",
        "<a/>&amp;",
        "<1a/>",
        "<a$/>",
        "<a><!-- -- --></a>",
        "<?xml version='1.0'?><?xml version='1.0'?><a/>",
        " <?xml version='1.0'?><a/>",
    ] {
        refused(text);
    }
}

#[test]
fn other_encodings_and_instructions_are_refused() {
    assert_eq!(refused("<?xml version='1.1'?><a/>"), XmlFlaw::Encoding);
    assert_eq!(refused("<?xml version='1.0' encoding='UTF-16'?><a/>"), XmlFlaw::Encoding);
    assert_eq!(refused("<?xml version='1.0' encoding='latin1'?><a/>"), XmlFlaw::Encoding);
    assert_eq!(refused("<?php x?><a/>"), XmlFlaw::ProcessingInstruction);
    assert_eq!(refused("<a><?x y?></a>"), XmlFlaw::ProcessingInstruction);
    assert_eq!(XmlDocument::parse(b"<a>\xff</a>").unwrap_err(), XmlFlaw::Encoding);
    assert_eq!(XmlDocument::parse(b"\xfe\xff\0<\0a").unwrap_err(), XmlFlaw::Encoding);
}

#[test]
fn characters_outside_xml_are_refused() {
    for text in ["<a>\0</a>", "<a>\u{1}</a>", "<a>\u{fffe}</a>", "<a b='\u{b}'/>", "<a\0/>"] {
        assert_eq!(refused(text), XmlFlaw::Character, "{text:?}");
    }
    for code in ["0", "x0", "1", "xD800", "xFFFE", "x110000", "99999999999", "", "x", "+65", "x+4"]
    {
        assert_eq!(refused(&format!("<a>&#{code};</a>")), XmlFlaw::Character, "{code}");
    }
}

#[test]
fn ends_of_lines_are_read_as_xml_says() {
    assert_eq!(text_of("<a>x\r\ny\rz</a>"), "x\ny\nz");
    assert_eq!(text_of("<a>x&#13;&#10;y</a>"), "x\r\ny");
}

#[test]
fn other_namespaces_are_refused() {
    assert_eq!(refused("<a xmlns='urn:x'/>"), XmlFlaw::Namespace);
    assert_eq!(refused("<x:a xmlns:x='urn:x'/>"), XmlFlaw::Namespace);
    assert_eq!(refused("<a><b xmlns='urn:x'/></a>"), XmlFlaw::Namespace);
    assert!(XmlDocument::parse(b"<a xmlns=''/>").is_ok());
}

#[test]
fn an_attribute_has_a_name() {
    for text in ["<a b*='1'/>", "<a 1b='1'/>", "<a b\".>c='1'/>", "<a x:y:z='1'/>", "<a :b='1'/>"] {
        assert_eq!(refused(text), XmlFlaw::NotWellFormed, "{text}");
    }
    let document = XmlDocument::parse(b"<a x:y-1='1' z.2='2'/>").unwrap();
    let found: Vec<_> = document.root().attributes().collect();
    assert_eq!(found, [("x:y-1", "1"), ("z.2", "2")]);
}

#[test]
fn text_beside_elements_is_refused() {
    assert_eq!(refused("<a>x<b/></a>"), XmlFlaw::MixedContent);
    assert_eq!(refused("<a><b/>&#120;</a>"), XmlFlaw::MixedContent);
}

#[test]
fn of_two_elements_none_is_taken() {
    let document = XmlDocument::parse(b"<a><b>1</b><b>2</b><c/><c/></a>").unwrap();
    let error = document.root().optional::<i32>("b").unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Duplicate);
    let error = document.root().wrapped_list::<i32>("c", "d").unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Duplicate);
    assert_eq!(document.root().list::<i32>("b"), Ok(vec![1, 2]));
}

#[test]
fn scalars_are_read() {
    let document = XmlDocument::parse(
        b"<a><n> 7 </n><s> x </s><t>true</t><d>2026-01-02T03:04:05.000Z</d><e/><f><g/></f></a>",
    )
    .unwrap();
    let root = document.root();
    assert_eq!(root.required("n"), Ok(7_i32));
    assert_eq!(root.required("s"), Ok(" x ".to_owned()));
    assert_eq!(root.required("t"), Ok(true));
    assert_eq!(root.required("d"), Ok(Timestamp::from_seconds(1_767_323_045).unwrap()));
    assert_eq!(root.required("e"), Ok(String::new()));
    assert_eq!(root.optional::<i32>("z"), Ok(None));
    let error = root.required::<i32>("z").unwrap_err();
    assert_eq!(
        (error.kind, error.location.to_string().as_str()),
        (DecodeErrorKind::Missing, "element `a.z`")
    );
    assert_eq!(root.required::<i32>("s").unwrap_err().kind, DecodeErrorKind::NotANumber);
    let error = root.required::<String>("f").unwrap_err();
    assert!(matches!(error.kind, DecodeErrorKind::MalformedXml(_)));
}

#[test]
fn what_needs_care_is_found_wherever_it_stands() {
    let cares = [("&", "&amp;"), ("<", "&lt;"), ("\n", "&#10;"), ("\u{7f}", "\u{7f}"), ("ä", "ä")];
    for (care, written) in cares {
        for length in 0..40 {
            for at in 0..=length {
                let (before, behind) = ("a".repeat(at), "~".repeat(length - at));
                let mut writer = XmlWriter::new();
                writer.text_element("E", &format!("{before}{care}{behind}"));
                let document = writer.finish().unwrap();
                let expected = format!("<E>{before}{written}{behind}</E>");
                assert!(document.ends_with(&expected), "{care:?} at {at} of {length}: {document}");
            }
        }
    }
}

#[test]
fn text_is_escaped() {
    let mut writer = XmlWriter::new();
    writer.open_root("R", S3_NAMESPACE);
    writer.text_element("E", "\"a\" <b> & 'c'\r\n\t]]>é");
    writer.close("R");
    assert_eq!(
        writer.finish().unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <E>&quot;a&quot; &lt;b&gt; &amp; 'c'&#13;&#10;&#9;]]&gt;é</E></R>"
    );
}

#[test]
fn what_xml_cannot_express_is_never_written() {
    for text in ["\0", "a\u{1}b", "\u{b}", "\u{fffe}", "\u{ffff}"] {
        let mut writer = XmlWriter::new();
        writer.text_element("Key", text);
        assert_eq!(writer.finish(), Err(EncodeError::XmlCharacter { element: "Key" }), "{text:?}");
        let mut writer = XmlWriter::lossy();
        writer.text_element("Key", text);
        assert!(XmlDocument::parse(writer.into_text().as_bytes()).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_is_read(text in any::<String>()) {
        let mut writer = XmlWriter::new();
        writer.text_element("E", &text);
        match writer.finish() {
            Ok(document) => prop_assert_eq!(text_of(&document), text),
            Err(_) => prop_assert!(!text.chars().all(is_xml_character)),
        }
    }

    #[test]
    fn no_input_panics(text in "([a-z<>/&;#x0-9 !?\\[\\]='\"-]|<a>|</a>|<!--|-->|<!\\[CDATA\\[|\\]\\]>){0,60}") {
        if let Ok(document) = XmlDocument::parse(text.as_bytes()) {
            let _ = document.root().children().count();
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = XmlDocument::parse(&bytes);
    }
}
