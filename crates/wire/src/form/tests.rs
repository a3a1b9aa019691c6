use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderMap};
use http::{Method, Response};
use proptest::prelude::*;

use super::part::PartHead;
use super::*;
use crate::{
    ByteStream, HostRules, InputKind, MemberSpec, OperationSpec, PathShape, RequestHead, Target,
    members, parse_target,
};

fn headers(content_type: &str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())])
}

fn parser() -> FormParser {
    FormParser::new(&headers("multipart/form-data; boundary=XX")).unwrap()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Form {
    fields: Vec<(String, String)>,
    filename: Option<String>,
    content: Vec<u8>,
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Form, FormError> {
    let mut parser = parser();
    let mut form = Form::default();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            match parser.feed(&mut input) {
                Ok(FormEvent::NeedMore) => break,
                Ok(FormEvent::Field { name, value }) => form.fields.push((name, value)),
                Ok(FormEvent::File { filename }) => form.filename = Some(filename),
                Ok(FormEvent::Content(bytes)) => form.content.extend_from_slice(&bytes),
                Err(error) => {
                    assert_eq!(parser.feed(&mut Bytes::new()), Err(error.clone()));
                    assert_eq!(parser.finish(), Err(error.clone()));
                    return Err(error);
                }
            }
        }
        assert!(input.is_empty());
    }
    parser.finish().map(|()| form)
}

/// Read in one piece, and byte by byte: the same.
fn whole(body: &[u8]) -> Result<Form, FormError> {
    let at_once = read([body]);
    assert_eq!(read(body.chunks(1)), at_once);
    at_once
}

fn field(name: &str, value: &str) -> String {
    format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(content: &str) -> String {
    format!(
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n{content}\r\n"
    )
}

fn malformed(body: &str) -> bool {
    matches!(whole(body.as_bytes()), Err(FormError::Malformed(_)))
}

#[test]
fn fields_and_the_file_come_out() {
    let body =
        field("key", "a/b") + &field("Empty", "") + &file("content\r\n--X\r\n") + "--XX--\r\n";
    let form = whole(body.as_bytes()).unwrap();
    let fields = [("key".to_owned(), "a/b".to_owned()), ("Empty".to_owned(), String::new())];
    assert_eq!(form.fields, fields);
    assert_eq!(form.filename.as_deref(), Some("f.txt"));
    assert_eq!(form.content, b"content\r\n--X\r\n");
    // Without the last line break, too.
    assert!(whole(body.trim_end().as_bytes()).is_ok());
}

#[test]
fn fields_behind_the_file_mean_nothing() {
    let body = field("key", "a") + &file("c") + &field("key", "b") + &field("acl", "x") + "--XX--";
    let form = whole(body.as_bytes()).unwrap();
    assert_eq!(form.fields, [("key".to_owned(), "a".to_owned())]);
    assert_eq!(form.content, b"c");
}

#[test]
fn there_is_exactly_one_file() {
    let none = field("key", "a") + "--XX--";
    assert_eq!(whole(none.as_bytes()), Err(FormError::Files { files: 0 }));
    let two = file("a") + &file("b") + "--XX--";
    assert_eq!(whole(two.as_bytes()), Err(FormError::Files { files: 2 }));
    let parts = FormError::Files { files: 0 }.s3();
    assert_eq!((parts.status, &*parts.code), (400, "InvalidArgument"));
}

#[test]
fn a_form_that_is_cut_off_anywhere_is_refused() {
    let body = field("key", "a") + &file("content") + "--XX--";
    assert!(whole(body.as_bytes()).is_ok());
    for end in 0..body.len() {
        let refused = whole(&body.as_bytes()[..end]);
        assert!(matches!(refused, Err(FormError::Malformed(_))), "{end}: {refused:?}");
    }
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    let good = field("key", "a") + &file("c") + "--XX--";
    for (what, body) in [
        ("a preamble", format!("preamble\r\n{good}")),
        ("a line break in front", format!("\r\n{good}")),
        ("bare line feeds", good.replace("\r\n", "\n")),
        ("a boundary that goes on", good.replacen("--XX\r\n", "--XXX\r\n", 1)),
        ("a boundary that goes on, in the file", good.replace("c\r\n", "c\r\n--XXY\r\n")),
        ("blanks behind a boundary", good.replacen("--XX\r\n", "--XX \r\n", 1)),
        ("something behind the end", format!("{good}\r\nx")),
        ("a second form behind the end", format!("{good}\r\n{good}")),
        ("one hyphen", good.replace("--XX--", "--XX-x")),
        ("no disposition", good.replacen("Content-Disposition", "X-Disposition", 1)),
        (
            "two dispositions",
            good.replacen(
                "\r\n\r\n",
                "\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\n",
                1,
            ),
        ),
        ("a folded header", good.replacen("; name", ";\r\n name", 1)),
        ("a control in a header", good.replacen("; name", ";\x0b name", 1)),
        ("no name", good.replacen("; name=\"key\"", "", 1)),
        ("an empty name", good.replacen("\"key\"", "\"\"", 1)),
        ("two names", good.replacen("; name=\"key\"", "; name=\"key\"; name=\"acl\"", 1)),
        ("an extended name", good.replacen("name=\"key\"", "name*=utf-8''key", 1)),
        ("an open quote", good.replacen("\"key\"", "\"key", 1)),
        ("text behind a quote", good.replacen("\"key\"", "\"key\"x", 1)),
        ("another disposition", good.replacen("form-data", "attachment", 1)),
        (
            "an encoding",
            good.replacen("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1),
        ),
        ("an empty head", good.replacen("Content-Disposition: form-data; name=\"key\"\r\n", "", 1)),
    ] {
        assert!(malformed(&body), "{what}");
    }
    assert!(!malformed(&good.replacen(
        "\r\n\r\n",
        "\r\nContent-Transfer-Encoding: Binary\r\n\r\n",
        1
    )));
}

#[test]
fn all_beside_the_file_has_a_limit() {
    let small = field("key", "a") + &file("c") + "--XX--";
    let rest = FORM_BYTES_MAX - small.len() - field("x", "").len() + "c".len() + "\r\n--XX".len();
    let fits = field("x", &"v".repeat(rest)) + &small;
    assert!(whole(fits.as_bytes()).is_ok());
    let over = field("x", &"v".repeat(rest + 1)) + &small;
    assert_eq!(whole(over.as_bytes()), Err(FormError::FieldsTooLong));
    // A head without an end, a value without an end, many parts, line breaks without an end.
    for body in [
        format!("--XX\r\n{}", "h".repeat(FORM_BYTES_MAX)),
        format!(
            "{}{}",
            field("x", ""),
            "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
        ) + &"v".repeat(FORM_BYTES_MAX),
        field("x", "").repeat(FORM_BYTES_MAX / 40),
        file("c") + &field("x", "").repeat(FORM_BYTES_MAX / 40),
        small.clone() + &"\r\n".repeat(FORM_BYTES_MAX),
    ] {
        assert_eq!(whole(body.as_bytes()), Err(FormError::FieldsTooLong));
    }
    // The content of the file does not count, however it looks.
    let large = "\r\n-\r\r\n--X\r".repeat(FORM_BYTES_MAX);
    let body = file(&large) + "--XX--";
    assert_eq!(whole(body.as_bytes()).unwrap().content, large.as_bytes());
    let parts = FormError::FieldsTooLong.s3();
    assert_eq!((parts.status, &*parts.code), (400, "MaxPostPreDataLengthExceeded"));
}

#[test]
fn a_value_is_utf_8() {
    let mut body = b"--XX\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n\xff\r\n".to_vec();
    body.extend_from_slice((file("c") + "--XX--").as_bytes());
    assert_eq!(whole(&body), Err(FormError::Value { name: "key".to_owned() }));
}

#[test]
fn boundaries_are_as_the_standard_has_them() {
    for good in [
        "multipart/form-data; boundary=a",
        "Multipart/Form-Data;BOUNDARY=\"a b:c\"",
        "multipart/form-data; charset=utf-8; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        &format!("multipart/form-data; boundary={}", "b".repeat(70)),
    ] {
        assert!(FormParser::new(&headers(good)).is_ok(), "{good}");
    }
    for bad in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a ",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a; Boundary=a",
        "multipart/form-data; boundary=a\"b",
        "multipart/form-data; boundary=a\\b",
        "multipart/form-data; boundary",
        "multipart/mixed; boundary=a",
        "multipart/form-data boundary=a",
        &format!("multipart/form-data; boundary={}", "b".repeat(71)),
    ] {
        let refused = FormParser::new(&headers(bad)).map(|_| ());
        assert!(matches!(refused, Err(FormError::Malformed(_))), "{bad}");
    }
    let mut two = headers("multipart/form-data; boundary=a");
    two.append(CONTENT_TYPE, "multipart/form-data; boundary=b".parse().unwrap());
    assert!(FormParser::new(&two).is_err());
}

#[test]
fn names_of_files_are_read_as_browsers_write_them() {
    let name = |disposition: &str| {
        let head = format!("content-disposition: form-data; name=\"file\"; {disposition}\r\n");
        PartHead::parse(head.as_bytes()).map(|head| head.filename.unwrap_or_default())
    };
    for (sent, read) in [
        ("filename=\"a.txt\"", "a.txt"),
        ("filename=a.txt", "a.txt"),
        ("filename=\"\"", ""),
        ("filename=\"C:\\Program Files\\dir\\file.txt\"", "file.txt"),
        ("filename=\"/tmp/x/file.txt\"", "file.txt"),
        ("filename=\"a/b\\c/d\"", "d"),
        ("filename=\"dir/\"", ""),
        ("filename=\"a\\\"b\"", "a\"b"),
        ("filename=\"a%22b\"", "a\"b"),
        ("filename=\"a;b=c\"", "a;b=c"),
        ("filename=\"ü.txt\"", "ü.txt"),
        ("filename*=UTF-8''%C3%BC.txt", "ü.txt"),
        ("filename*=utf-8'en'a%2Fb.txt", "b.txt"),
        ("filename=\"..\"", ".."),
    ] {
        assert_eq!(name(sent).as_deref(), Ok(read), "{sent}");
    }
    for bad in [
        "filename=\"a\"; filename=\"b\"",
        "filename=\"a\"; filename*=utf-8''b",
        "filename*=iso-8859-1''b",
        "filename*=b",
        "filename*=utf-8''%ff",
        "filename*=utf-8''%",
        "filename",
        "filename=",
        "size=3",
        "filename=\"a\" \"b\"",
        "filename=a b",
    ] {
        assert!(name(bad).is_err(), "{bad}");
    }
}

proptest! {
    /// However the bytes are cut, the form is the same; and no bytes make the parser panic.
    #[test]
    fn any_split_reads_the_same(
        value in "[ -~\r\n]{0,40}",
        content in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'X'), any::<u8>()], 0..200),
        cuts in proptest::collection::vec(0_usize..400, 0..8),
    ) {
        let mut body = field("key", &value).into_bytes();
        body.extend_from_slice(file("").trim_end().as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&content);
        body.extend_from_slice(b"\r\n--XX--");
        let at_once = read([body.as_slice()]);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
        cuts.push(0);
        cuts.push(body.len());
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &body[cut[0]..cut[1]]).collect();
        prop_assert_eq!(&read(pieces), &at_once);
        let hidden = content.windows(6).any(|part| part == b"\r\n--XX") || value.contains("\r\n--XX")
            || content.starts_with(b"\n--XX");
        if !hidden {
            let form = at_once.unwrap();
            prop_assert_eq!(form.content, content);
            prop_assert_eq!(&form.fields[0].1, &value);
        }
    }

    #[test]
    fn hostile_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read([bytes.as_slice()]);
        let mut body = b"--XX\r\n".to_vec();
        body.extend_from_slice(&bytes);
        let _ = read([body.as_slice()]);
        let _ = PartHead::parse(&bytes);
    }
}

const MEMBERS: &[MemberSpec] = members! {
    0 "ACL" Header("x-amz-acl") Text optional,
    0 "Metadata" HeaderPrefix("x-amz-meta-") Map optional,
    0 "Tagging" Header("x-amz-tagging") Text optional,
    0 "ContentType" Header("content-type") Text optional,
};

fn spec() -> OperationSpec {
    OperationSpec {
        name: "PutObject",
        method: "PUT",
        path: PathShape::Object,
        query: &[],
        status: 200,
        input: InputKind::Stream,
        checksum_required: false,
        members: MEMBERS,
    }
}

fn form_head() -> (RequestHead, Target) {
    let mut headers = headers("multipart/form-data; boundary=XX");
    headers.insert(HOST, "localhost:9000".parse().unwrap());
    headers.insert("x-amz-meta-of-the-form", "1".parse().unwrap());
    let head = RequestHead::new(Method::POST, "/bucket-1", "a=b", headers).unwrap();
    let target = parse_target(&head, &HostRules::default()).unwrap();
    (head, target)
}

fn fields(pairs: &[(&str, &str)]) -> FormFields {
    let mut fields = FormFields::default();
    for (name, value) in pairs {
        fields.push((*name).to_owned(), (*value).to_owned()).unwrap();
    }
    fields
}

fn request(pairs: &[(&str, &str)]) -> Result<(RequestHead, Target), String> {
    let (head, target) = form_head();
    let mut all = vec![("key", "a/b")];
    all.extend_from_slice(pairs);
    fields(&all).request(&spec(), &head, &target).map_err(|error| error.code.into_owned())
}

#[test]
fn fields_become_the_headers_of_the_request() {
    let tags = "<Tagging><TagSet><Tag><Key>a b</Key><Value>c&amp;d</Value></Tag>\
                <Tag><Value/><Key>e</Key></Tag></TagSet></Tagging>";
    let (head, target) = request(&[
        ("acl", "private"),
        ("Content-Type", "text/ü"),
        ("X-Amz-Meta-A", "1"),
        ("tagging", tags),
        ("policy", "x"),
        ("x-amz-signature", "x"),
        ("AWSAccessKeyId", "x"),
        ("submit", "Send"),
        ("x-ignore-a", "1"),
        ("x-ignore-a", "2"),
        ("content-length", "7"),
        ("host", "evil"),
    ])
    .unwrap();
    assert_eq!((head.method.as_str(), head.raw_query.as_str()), ("PUT", ""));
    let mut names: Vec<_> = head.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "host", "x-amz-acl", "x-amz-meta-a", "x-amz-tagging"]);
    assert_eq!(head.headers["host"], "localhost:9000");
    assert_eq!(head.headers["x-amz-tagging"], "a%20b=c%26d&e=");
    assert_eq!(head.headers["content-type"].as_bytes(), "text/ü".as_bytes());
    assert_eq!(target.bucket.unwrap().as_str(), "bucket-1");
    assert_eq!(target.object_key.unwrap().as_str(), "a/b");
}

#[test]
fn fields_that_cannot_become_headers_are_refused() {
    for (name, value, code) in [
        ("x-amz-meta-a", "1\r\nx-amz-acl: public-read", "InvalidArgument"),
        ("Content-Type", "a\nb", "InvalidArgument"),
        ("acl", "a\0", "InvalidArgument"),
        ("x-amz-meta-\u{fc}", "1", "InvalidArgument"),
        ("x-amz-meta- a", "1", "InvalidArgument"),
        ("x-amz-copy-source", "bucket-1/other", "NotImplemented"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD", "NotImplemented"),
        ("x-amz-decoded-content-length", "1", "NotImplemented"),
        ("x-amz-unknown", "1", "NotImplemented"),
        ("tagging", "a=b", "MalformedXML"),
        ("tagging", "<Tagging/>", "MalformedXML"),
        ("tagging", "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", "MalformedXML"),
        (
            "tagging",
            "<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key></Tag></TagSet></Tagging>",
            "MalformedXML",
        ),
        ("tagging", "<Tagging><TagSet/><TagSet/></Tagging>", "MalformedXML"),
    ] {
        assert_eq!(request(&[(name, value)]).map(|_| ()), Err(code.to_owned()), "{name}: {value}");
    }
    let both = [("acl", "private"), ("x-amz-acl", "public-read")];
    assert_eq!(request(&both).map(|_| ()), Err("InvalidArgument".to_owned()));
    let (head, target) = form_head();
    let key = |key: &[(&str, &str)]| {
        fields(key).request(&spec(), &head, &target).map(|_| ()).map_err(|error| error.code)
    };
    assert_eq!(key(&[]).unwrap_err(), "InvalidArgument");
    assert_eq!(key(&[("key", "")]).unwrap_err(), "InvalidArgument");
    assert_eq!(key(&[("key", &"k".repeat(1025))]).unwrap_err(), "KeyTooLongError");
    assert!(key(&[("KEY", &"k".repeat(1024))]).is_ok());
}

#[test]
fn no_field_comes_twice() {
    let mut fields = fields(&[("key", "a")]);
    let again = fields.push("KEY".to_owned(), "a".to_owned());
    assert_eq!(again, Err(FormError::Duplicate { name: "KEY".to_owned() }));
    assert_eq!(format!("{fields:?}"), "[\"key\"]");
}

#[test]
fn the_name_of_the_file_goes_where_fields_want_it() {
    let mut all = fields(&[
        ("key", "u/${filename}-${filename}"),
        ("x-amz-meta-a", "${filename"),
        ("policy", "${filename}"),
        ("signature", "${filename}"),
    ]);
    all.expand("f.txt").unwrap();
    let values: Vec<_> = all.iter().map(|field| field.1).collect();
    assert_eq!(values, ["u/f.txt-f.txt", "${filename", "${filename}", "${filename}"]);
    // Not a second time, and no more than a form may have.
    let mut again = fields(&[("key", "${filename}")]);
    again.expand("${filename}").unwrap();
    assert_eq!(again.get("key"), Some("${filename}"));
    let mut bomb = fields(&[("key", &"${filename}".repeat(1000))]);
    assert_eq!(bomb.expand(&"f".repeat(5000)), Err(FormError::FieldsTooLong));
    let pairs: Vec<_> = (0..100).map(|n| (format!("x-ignore-{n}"), "${filename}")).collect();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(fields(&pairs).expand(&"f".repeat(1000)), Err(FormError::FieldsTooLong));
    let mut none = fields(&[("key", "a${filename}")]);
    none.expand("").unwrap();
    assert_eq!(none.get("key"), Some("a"));
}

fn answer(pairs: &[(&str, &str)]) -> Response<ByteStream> {
    let (_, target) = form_head();
    let target = Target { object_key: Some("a b/ü".parse().unwrap()), ..target };
    let stored = Response::builder().header("etag", "\"e\"").body(ByteStream::Empty).unwrap();
    let answer = FormAnswer::of(&fields(pairs));
    answer.encode(stored, "http://localhost:9000", &target).unwrap()
}

#[test]
fn an_answer_is_what_the_form_wants_to_hear() {
    let location = "http://localhost:9000/bucket-1/a%20b/%C3%BC";
    for (status, heard) in [
        (None, 204),
        (Some("200"), 200),
        (Some("201"), 201),
        (Some("204"), 204),
        (Some("404"), 204),
        (Some("abc"), 204),
        (Some(""), 204),
    ] {
        let pairs: Vec<_> =
            status.map(|status| ("Success_Action_Status", status)).into_iter().collect();
        let response = answer(&pairs);
        assert_eq!(response.status(), heard, "{status:?}");
        assert_eq!(response.headers()["location"], location);
        assert_eq!(response.headers()["etag"], "\"e\"");
        match response.into_body() {
            ByteStream::Full(document) if heard == 201 => assert_eq!(
                document,
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{location}\
                     </Location><Bucket>bucket-1</Bucket><Key>a b/ü</Key><ETag>&quot;e&quot;</ETag>\
                     </PostResponse>"
                )
            ),
            body => assert_eq!(body.content_length(), 0),
        }
    }
}

#[test]
fn a_redirect_tells_bucket_key_and_etag() {
    let told = "bucket=bucket-1&key=a%20b%2F%C3%BC&etag=%22e%22";
    for (url, separator, fragment) in [
        ("http://x.example/done", "?", ""),
        ("https://x.example:8443/done?a=b", "&", ""),
        ("HTTPS://[::1]/", "?", ""),
        ("http://x.example/#part", "?", "#part"),
    ] {
        let base = url.strip_suffix(fragment).unwrap();
        for name in ["success_action_redirect", "redirect"] {
            let response = answer(&[(name, url), ("success_action_status", "201")]);
            assert_eq!(response.status(), 303, "{url}");
            assert_eq!(
                response.headers()["location"],
                format!("{base}{separator}{told}{fragment}")
            );
            assert_eq!(response.into_body().content_length(), 0);
        }
    }
    for url in [
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "//x.example/",
        "/done",
        "http://",
        "http:///x",
        "http://x.example/\r\nset-cookie: a=b",
        "http://x.example/a b",
        "http://x.example/\"><script>",
        "http://x.example/ü",
        "ftp://x.example/",
        &format!("http://x.example/{}", "a".repeat(2048)),
    ] {
        assert_eq!(answer(&[("success_action_redirect", url)]).status(), 204, "{url}");
    }
}
