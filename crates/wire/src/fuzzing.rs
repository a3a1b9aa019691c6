//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use std::fmt::Write;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use strongroom_types::{ObjectKey, Timestamp, VersionId};

use crate::error::s3_body;
use crate::xml::{XmlDocument, XmlElement, XmlWriter};
use crate::{
    ActionForm, CopySource, ErrorResponse, FormError, FormEvent, FormFields, FormParser, FromText,
    HostRules, Query, RequestHead, ToText, parse_target, percent_decode,
};

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[
    ("xml", xml),
    ("xml_text", xml_text),
    ("target", target),
    ("query", query),
    ("copy_source", copy_source),
    ("scalars", scalars),
    ("forms", forms),
    ("actions", actions),
];

/// The XML reader: what it accepts is a tree within its limits, and the tree can be written and
/// is read again as the same one.
pub fn xml(bytes: &[u8]) {
    let Ok(document) = XmlDocument::parse(bytes) else {
        return;
    };
    let mut written = String::new();
    let elements = write(document.root(), 1, &mut written);
    assert!(elements * 3 <= bytes.len(), "an element has three bytes at least");
    let again = XmlDocument::parse(written.as_bytes());
    assert!(again.is_ok(), "what was read can be written: {again:?}");
    if let Ok(again) = again {
        assert_same(document.root(), again.root());
    }
}

/// The XML writer: any text in an element or in an error answer is read back as that text, or was
/// refused; no text makes an element.
pub fn xml_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut writer = XmlWriter::new();
    writer.text_element("E", text);
    if let Ok(written) = writer.finish() {
        let document = XmlDocument::parse(written.as_bytes());
        assert!(document.is_ok_and(|document| document.root().text() == text));
    }
    let error = ErrorResponse::new("InvalidArgument", 400, text.to_owned());
    let body = s3_body(&error.element("ArgumentValue", text), text, "request", "host");
    assert!(XmlDocument::parse(body.as_bytes()).is_ok(), "an error answer is a document");
}

/// Host and path: one meaning, which survives being encoded again, and no bucket or key that
/// could not exist.
pub fn target(bytes: &[u8]) {
    let Some(head) = heads::head(bytes) else {
        return;
    };
    let hosts = HostRules::new(["s3.example.com", "example.com", "localhost"]);
    let Ok(target) = parse_target(&head, &hosts) else {
        return;
    };
    let Some(bucket) = &target.bucket else {
        assert!(target.object_key.is_none());
        return;
    };
    let key = target.object_key.as_ref().map_or("", ObjectKey::as_str);
    let path = match target.addressing {
        crate::Addressing::Path => format!("/{bucket}/{}", encode_all(key)),
        crate::Addressing::VirtualHost => format!("/{}", encode_all(key)),
    };
    let again = RequestHead { raw_path: path, query: Query::default(), ..head };
    assert_eq!(parse_target(&again, &hosts), Ok(target), "encoding again changes nothing");
}

/// The query: decoded once, in order, and the same after being encoded again.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(query) = Query::parse(text) else {
        return;
    };
    let mut encoded = String::new();
    for (name, value) in query.iter() {
        encoded.push('&');
        encoded.push_str(&encode_all(name));
        if let Some(value) = value {
            encoded.push('=');
            encoded.push_str(&encode_all(value));
        }
        assert!(query.contains(name) && query.count(name) >= 1 && query.get(name).is_some());
    }
    // A parameter without name and value is written as nothing.
    if query.iter().all(|(name, value)| !name.is_empty() || value.is_some()) {
        assert_eq!(Query::parse(&encoded), Ok(query));
    }
}

/// The copy source: one meaning, the same after being encoded again.
pub fn copy_source(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(source) = CopySource::parse(text) else {
        return;
    };
    let mut encoded = format!("{}/{}", source.bucket, encode_all(source.object_key.as_str()));
    if let Some(version_id) = source.version_id {
        let _ = write!(encoded, "?versionId={version_id}");
    }
    assert_eq!(CopySource::parse(&encoded), Ok(source));
}

/// Scalars of headers, parameters and elements: what is read is written in one form, and that is
/// read as the same value.
pub fn scalars(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    same::<bool>(text);
    same::<i32>(text);
    same::<i64>(text);
    same::<VersionId>(text);
    if let Ok(moment) = Timestamp::from_text(text) {
        assert!(Timestamp::from_text(&moment.to_text()).is_ok());
    }
    if let Some(bytes) = percent_decode(text) {
        assert!(bytes.len() <= text.len());
    }
}

/// Form uploads: however the body is cut, it is the same form, with bounded fields and one file.
///
/// The input is a byte for the cuts, then the body, whose boundary is `b`.
pub fn forms(bytes: &[u8]) {
    let Some((seed, body)) = bytes.split_first() else {
        return;
    };
    let whole = read_form(body, body.len().max(1));
    assert_eq!(read_form(body, usize::from(*seed).max(1)), whole, "cuts change the form");
    assert_eq!(read_form(body, 1), whole, "cuts change the form");
    if let Ok(form) = whole {
        let fields: usize = form.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(fields <= crate::FORM_BYTES_MAX && form.content.len() <= body.len());
        assert!(!form.filename.contains('/'), "a file name has no path");
        let mut kept = FormFields::default();
        for (name, value) in form.fields {
            if kept.push(name.clone(), value).is_ok() {
                assert!(kept.get(&name.to_ascii_uppercase()).is_some());
            }
        }
        let _ = kept.expand(&form.filename);
    }
}

/// Requests of the query protocol: one meaning, within its limits, whatever the order of the
/// parameters.
pub fn actions(bytes: &[u8]) {
    let Ok(form) = ActionForm::parse(bytes) else {
        return;
    };
    let mut written = String::new();
    let elements = write(form.document().root(), 1, &mut written);
    assert!(elements <= 1 + 8 * 1024, "a parameter makes few elements");
    let mut pairs: Vec<_> = bytes.split(|b| *b == b'&').collect();
    pairs.reverse();
    let again = ActionForm::parse(&pairs.join(&b"&"[..]));
    assert!(again.is_ok_and(|again| {
        assert_same(form.document().root(), again.document().root());
        again.action() == form.action()
    }));
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Form {
    fields: Vec<(String, String)>,
    filename: String,
    content: Vec<u8>,
}

fn read_form(body: &[u8], piece_bytes: usize) -> Result<Form, FormError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=b"));
    let mut parser = FormParser::new(&headers)?;
    let mut form = Form::default();
    for piece in body.chunks(piece_bytes) {
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            match parser.feed(&mut piece)? {
                FormEvent::Field { name, value } => form.fields.push((name, value)),
                FormEvent::File { filename } => form.filename = filename,
                FormEvent::Content(bytes) => form.content.extend_from_slice(&bytes),
                FormEvent::NeedMore => break,
            }
        }
    }
    parser.finish()?;
    Ok(form)
}

/// Percent-encoding of every byte.
fn encode_all(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    })
}

/// Writes an element and what is in it; gives the number of elements.
fn write(element: XmlElement<'_>, depth: usize, out: &mut String) -> usize {
    assert!(depth <= 16, "documents are shallow");
    let name = element.name();
    assert!(!name.is_empty() && name.len() <= 128);
    let _ = write!(out, "<{name}");
    for (attribute, value) in element.attributes() {
        // The reader takes any prefix for a declared one, and the writer must declare it.
        let _ = write!(out, " {attribute}=\"{}\"", escaped(value));
    }
    out.push('>');
    out.push_str(&escaped(element.text()));
    let mut elements = 1;
    for child in element.children() {
        elements += write(child, depth + 1, out);
    }
    assert!(elements == 1 || element.text().is_empty(), "text or elements, not both");
    let _ = write!(out, "</{name}>");
    elements
}

fn escaped(text: &str) -> String {
    let mut writer = XmlWriter::new();
    writer.text(text);
    let written = writer.finish();
    assert!(written.is_ok(), "what was read can be written");
    let written = written.unwrap_or_default();
    written.split_once('\n').map(|(_, text)| text.to_owned()).unwrap_or_default()
}

fn assert_same(one: XmlElement<'_>, other: XmlElement<'_>) {
    assert_eq!((one.name(), one.text()), (other.name(), other.text()));
    assert_eq!(one.path(), other.path());
    assert!(one.attributes().eq(other.attributes()), "attributes differ");
    assert_eq!(one.children().count(), other.children().count());
    for (one, other) in one.children().zip(other.children()) {
        assert_same(one, other);
    }
}

fn same<T: FromText + ToText + PartialEq + std::fmt::Debug>(text: &str) {
    if let Ok(value) = T::from_text(text) {
        let written = value.to_text().into_owned();
        assert_eq!(T::from_text(&written).as_ref(), Ok(&value));
    }
}

#[path = "../../../fuzz/heads.rs"]
mod heads;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
