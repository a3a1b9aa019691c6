//! Form uploads: the one way to write an object in which only a policy is signed.

use std::time::Duration;

use strongroom_crypto::hmac_sha1;
use strongroom_testkit::{Call, Keys, Reply};
use strongroom_types::Clock;

use super::{assert_alive, assert_refused};
use crate::world::{BUCKET, CONTENT, KEY, World};

/// A form in the making.
#[derive(Clone)]
struct Form {
    fields: Vec<(String, String)>,
    filename: String,
    content: Vec<u8>,
    behind: Vec<(String, String)>,
}

impl Form {
    fn new(fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let (filename, content) = ("f.txt".to_owned(), b"of a form".to_vec());
        Self { fields, filename, content, behind: Vec::new() }
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut part = |name: &str, value: &[u8]| {
            let head = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"");
            body.extend_from_slice(head.as_bytes());
            if name == "file" {
                body.extend_from_slice(format!("; filename=\"{}\"", self.filename).as_bytes());
            }
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        };
        self.fields.iter().for_each(|(name, value)| part(name, value.as_bytes()));
        part("file", &self.content);
        self.behind.iter().for_each(|(name, value)| part(name, value.as_bytes()));
        body.extend_from_slice(b"--XX--\r\n");
        body
    }

    fn call(&self, world: &World) -> Call {
        self.call_to(world, BUCKET)
    }

    fn call_to(&self, world: &World, bucket: &str) -> Call {
        world
            .server
            .call("POST", &format!("/{bucket}"))
            .header("content-type", "multipart/form-data; boundary=XX")
            .body(self.body())
    }
}

fn policy(expiration: &str, conditions: &str) -> String {
    let bucket = format!(r#"{{"bucket":"{BUCKET}"}}"#);
    let comma = if conditions.is_empty() { "" } else { "," };
    let text =
        format!(r#"{{"expiration":"{expiration}","conditions":[{bucket}{comma}{conditions}]}}"#);
    data_encoding::BASE64.encode(text.as_bytes())
}

/// A form signed with version 4 by these keys; the conditions cover what the signature adds.
fn signed_by(world: &World, keys: &Keys, form: Form, conditions: &str) -> Form {
    let signer = world.server.signer(keys);
    let added = r#"["starts-with","$x-amz-algorithm",""],["starts-with","$x-amz-date",""],
        ["starts-with","$x-amz-credential",""]"#;
    let token = if keys.session_token.is_some() {
        r#",["starts-with","$x-amz-security-token",""]"#
    } else {
        ""
    };
    let comma = if conditions.is_empty() { "" } else { "," };
    let policy = policy("2026-01-02T05:00:00Z", &format!("{added}{token}{comma}{conditions}"));
    let signature = signer.sign_policy(&policy);
    let form = form
        .with("x-amz-algorithm", "AWS4-HMAC-SHA256")
        .with("x-amz-credential", signer.credential())
        .with("x-amz-date", world.server.clock().now().to_amz_date())
        .with("policy", policy)
        .with("x-amz-signature", signature);
    match &keys.session_token {
        Some(token) => form.with("x-amz-security-token", token.danger_expose()),
        None => form,
    }
}

fn signed(world: &World, form: Form, conditions: &str) -> Form {
    signed_by(world, world.server.main(), form, conditions)
}

/// The same with version 2, as botocore makes it where the region is us-east-1.
fn signed_v2(world: &World, form: Form, conditions: &str) -> Form {
    let main = world.server.main();
    let policy = policy("2026-01-02T05:00:00Z", conditions);
    let secret = main.secret_access_key.danger_expose().as_bytes();
    let signature = data_encoding::BASE64.encode(&hmac_sha1(secret, policy.as_bytes()));
    form.with("AWSAccessKeyId", main.access_key_id.as_str())
        .with("policy", policy)
        .with("signature", signature)
}

/// A good form of version 2.
pub(super) fn version_2(world: &World) -> Call {
    signed_v2(world, Form::new(&[("key", "k")]), ANY_KEY).call(world)
}

const ANY_KEY: &str = r#"["starts-with","$key",""]"#;

fn read(world: &World, key: &str) -> Reply {
    world.server.send_signed(world.server.call("GET", &format!("/{BUCKET}/{key}"))).unwrap()
}

#[test]
fn a_form_stores_its_file_and_hears_what_it_wants_to_hear() {
    let world = World::new();
    let conditions = format!(
        r#"{ANY_KEY},{{"acl":"private"}},["starts-with","$Content-Type","text/"],
        ["starts-with","$x-amz-meta-a",""],["starts-with","$x-amz-checksum-crc32",""],
        {{"x-amz-server-side-encryption":"AES256"}},["starts-with","$tagging",""],
        ["content-length-range",9,9]"#
    );
    let form = Form::new(&[
        ("key", "forms/${filename}"),
        ("acl", "private"),
        ("Content-Type", "text/plain"),
        ("x-amz-meta-a", "of ${filename}"),
        ("x-amz-server-side-encryption", "AES256"),
        ("tagging", "<Tagging><TagSet><Tag><Key>t</Key><Value>v</Value></Tag></TagSet></Tagging>"),
        ("x-ignore-a", "1"),
    ])
    .with("x-amz-checksum-crc32", crc32(b"of a form"));
    for form in [signed(&world, form.clone(), &conditions), signed_v2(&world, form, &conditions)] {
        let reply = world.server.send(&form.call(&world)).unwrap();
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{reply:?}");
        assert_eq!(reply.header("x-amz-server-side-encryption"), Some("AES256"));
        let location = reply.header("location").unwrap();
        assert!(location.ends_with("/kept-bucket/forms/f.txt"), "{location}");
        let stored = read(&world, "forms/f.txt");
        assert_eq!(stored.body, b"of a form");
        assert_eq!(stored.header("etag"), reply.header("etag"));
        assert_eq!(stored.header("content-type"), Some("text/plain"));
        assert_eq!(stored.header("x-amz-meta-a"), Some("of f.txt"));
        assert_eq!(stored.header("x-amz-tagging-count"), Some("1"));
        let delete = world.server.call("DELETE", &format!("/{BUCKET}/forms/f.txt"));
        assert_eq!(world.server.send_signed(delete).unwrap().status, 204);
    }
    let conditions = format!(
        r#"{ANY_KEY},["starts-with","$success_action_status",""],
        ["starts-with","$success_action_redirect",""]"#
    );
    for (status, url, heard) in
        [("200", "", 200), ("201", "", 201), ("404", "", 204), ("201", "https://x.example/?a", 303)]
    {
        let form = Form::new(&[
            ("key", "k&<"),
            ("success_action_status", status),
            ("success_action_redirect", url),
        ]);
        let reply = world.server.send(&signed(&world, form, &conditions).call(&world)).unwrap();
        assert_eq!(reply.status, heard);
        if heard == 201 {
            assert_eq!(reply.element("Bucket"), Some(BUCKET));
            assert_eq!(reply.element("Key"), Some("k&amp;&lt;"));
        }
        if heard == 303 {
            let location = reply.header("location").unwrap();
            let start = "https://x.example/?a&bucket=kept-bucket&key=k%26%3C&etag=%22";
            assert!(location.starts_with(start), "{location}");
        }
    }
}

fn crc32(bytes: &[u8]) -> String {
    let mut hasher =
        strongroom_crypto::ChecksumHasher::new(strongroom_crypto::ChecksumAlgorithm::Crc32);
    hasher.update(bytes);
    hasher.finish().to_base64()
}

/// Sends a form that must be refused, and gives what is heard.
fn refused(world: &World, name: &str, form: &Form) -> String {
    assert_refused(world, name, &form.call(world).to_bytes()).unwrap().outcome()
}

#[test]
fn a_form_without_a_signature_is_anonymous() {
    let world = World::new();
    let form = Form::new(&[("key", "k"), ("acl", "public-read")]);
    assert_eq!(refused(&world, "no signature", &form), "403 AccessDenied");
    // What is wrong with it beside is nothing that a stranger hears.
    let form = Form::new(&[("x-amz-copy-source", "a/b")]);
    assert_eq!(refused(&world, "no key", &form), "403 AccessDenied");
    let form = Form::new(&[("key", "k")]);
    let call = form.call_to(&world, "none-bucket");
    let reply = assert_refused(&world, "no bucket", &call.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "404 NoSuchBucket");
}

#[test]
fn the_signer_of_a_form_needs_the_right_to_write() {
    let world = World::new();
    let form = Form::new(&[("key", "k")]);
    let other = signed_by(&world, world.server.other(), form.clone(), ANY_KEY);
    assert_eq!(refused(&world, "another account", &other), "403 AccessDenied");
    let expired = signed_by(&world, &world.expired, form.clone(), ANY_KEY);
    assert_eq!(refused(&world, "an expired session", &expired), "400 ExpiredToken");
    let session = world.server.session(Duration::from_secs(900)).unwrap();
    let good = signed_by(&world, &session, form.clone(), ANY_KEY);
    assert_eq!(world.server.send(&good.call(&world)).unwrap().status, 204);
    let without: Vec<_> =
        good.fields.iter().filter(|field| field.0 != "x-amz-security-token").cloned().collect();
    let without = Form { fields: without, ..good };
    assert_eq!(refused(&world, "no token", &without), "403 InvalidAccessKeyId");
}

#[test]
fn a_form_that_was_changed_is_refused() {
    let world = World::new();
    let form = Form::new(&[("key", "u/k"), ("acl", "private")]);
    let conditions = r#"["starts-with","$key","u/"],{"acl":"private"}"#;
    for good in
        [signed(&world, form.clone(), conditions), signed_v2(&world, form.clone(), conditions)]
    {
        assert_eq!(world.server.send(&good.call(&world)).unwrap().status, 204);
        for index in 0..good.fields.len() {
            let name = good.fields[index].0.clone();
            let mut less = good.clone();
            less.fields.remove(index);
            refused(&world, &format!("without {name}"), &less);
            let mut other = good.clone();
            other.fields[index].1.insert(0, 'A');
            refused(&world, &format!("another {name}"), &other);
            let twice = good.clone().with(&name, good.fields[index].1.clone());
            refused(&world, &format!("{name} twice"), &twice);
            let twice = good.clone().with(&name.to_uppercase(), "x");
            refused(&world, &format!("{name} in capitals"), &twice);
        }
        for (name, value) in [
            ("Content-Type", "text/html"),
            ("x-amz-meta-a", "b"),
            ("success_action_redirect", "https://evil.example/"),
            ("x-amz-website-redirect-location", "https://evil.example/"),
            ("tagging", "<Tagging><TagSet/></Tagging>"),
            ("x-amz-acl", "public-read"),
            ("x-amz-copy-source", "kept-bucket/kept/object"),
            ("submit", "Send"),
        ] {
            let added = good.clone().with(name, value);
            assert_eq!(refused(&world, name, &added), "403 AccessDenied", "{name}");
        }
        // Behind the file it means nothing.
        let mut behind = good.clone();
        behind.behind.push(("key".to_owned(), "evil".to_owned()));
        assert_eq!(world.server.send(&behind.call(&world)).unwrap().status, 204);
        assert_eq!(read(&world, "evil").status, 404);
    }
    assert_eq!(read(&world, "u/k").body, b"of a form");
}

#[test]
fn a_form_is_for_the_bucket_that_its_policy_names() {
    let world = World::new();
    let made = world.server.send_signed(world.server.call("PUT", "/second-bucket")).unwrap();
    assert_eq!(made.status, 200);
    let form = Form::new(&[("key", "k")]);
    for form in [
        signed(&world, form.clone(), ANY_KEY),
        signed_v2(&world, form.clone(), ANY_KEY),
        signed(&world, form.clone().with("bucket", BUCKET), ANY_KEY),
        signed(&world, form.clone().with("bucket", "second-bucket"), ANY_KEY),
    ] {
        let call = form.call_to(&world, "second-bucket");
        let reply = assert_refused(&world, "another bucket", &call.to_bytes()).unwrap();
        assert_eq!(reply.outcome(), "403 AccessDenied");
    }
    let named = signed(&world, form.with("bucket", "second-bucket"), ANY_KEY);
    assert_eq!(refused(&world, "a field names another", &named), "403 AccessDenied");
}

#[test]
fn both_versions_in_one_form_are_refused() {
    let world = World::new();
    let form = signed_v2(&world, signed(&world, Form::new(&[("key", "k")]), ANY_KEY), ANY_KEY);
    assert_eq!(refused(&world, "two policies", &form), "400 InvalidArgument");
    let good = signed(&world, Form::new(&[("key", "k")]), ANY_KEY);
    let both = good.clone().with("AWSAccessKeyId", "x");
    assert_eq!(refused(&world, "one of each", &both), "400 InvalidArgument");
    // A form with another signature beside it.
    let signer = world.server.signer(world.server.main());
    let header = good.call(&world).sign(&signer).unwrap();
    let reply = assert_refused(&world, "a signed head", &header.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "400 InvalidArgument");
    assert_eq!(reply.element("ArgumentName"), Some("Authorization"));
    let query = good.call(&world).presign(&signer, 60).unwrap();
    let reply = assert_refused(&world, "a presigned form", &query.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "400 InvalidArgument");
}

#[test]
fn nothing_outside_the_fields_has_a_meaning() {
    let world = World::new();
    let good = signed(&world, Form::new(&[("key", "k")]), ANY_KEY);
    for (name, value) in [
        ("x-amz-acl", "public-read"),
        ("x-amz-meta-a", "b"),
        ("x-amz-copy-source", "kept-bucket/kept/object"),
        ("x-amz-tagging", "a=b"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-security-token", "x"),
    ] {
        let call = good.call(&world).header(name, value);
        let reply = assert_refused(&world, name, &call.to_bytes()).unwrap();
        assert_eq!(reply.outcome(), "403 AccessDenied", "{name}");
    }
    for query in ["x=1", "versionId=null", "x-amz-acl=public-read", "x-id=PutObject"] {
        let mut call = good.call(&world);
        call.query = query.to_owned();
        let reply = assert_refused(&world, query, &call.to_bytes()).unwrap();
        assert_eq!(reply.status, 400, "{query}");
    }
    // To an object, or by another method, a form is no form.
    for (method, path) in [("POST", "/kept-bucket/k"), ("PUT", "/kept-bucket/k"), ("POST", "/")] {
        let mut call = good.call(&world);
        (call.method, call.path) = (method.to_owned(), path.to_owned());
        let reply = assert_refused(&world, path, &call.to_bytes()).unwrap();
        assert!(matches!(reply.status, 403 | 405), "{method} {path}: {reply:?}");
    }
}

#[test]
fn fields_that_are_not_enforced_are_refused_though_the_policy_covers_them() {
    let world = World::new();
    for (name, value, heard) in [
        ("acl", "public-read", "400 AccessControlListNotSupported"),
        ("acl", "nonsense", "400 InvalidArgument"),
        ("x-amz-server-side-encryption", "aws:kms", "501 NotImplemented"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256", "403 AccessDenied"),
        ("x-amz-storage-class", "GLACIER", "400 InvalidStorageClass"),
        ("x-amz-object-lock-mode", "COMPLIANCE", "501 NotImplemented"),
        ("x-amz-grant-read", "id=x", "400 AccessControlListNotSupported"),
        ("x-amz-copy-source", "kept-bucket/kept/object", "501 NotImplemented"),
        ("x-amz-trailer", "x-amz-checksum-crc32", "501 NotImplemented"),
        ("x-amz-checksum-crc32", "AAAAAA==", "400 BadDigest"),
        ("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==", "400 BadDigest"),
        ("x-amz-sdk-checksum-algorithm", "SHA256", "400 InvalidRequest"),
        ("x-amz-expected-bucket-owner", "999999999999", "403 AccessDenied"),
        ("x-amz-website-redirect-location", "javascript:x", "400 InvalidRedirectLocation"),
        ("x-amz-meta-a", "1\r\nx-amz-acl: public-read", "400 InvalidArgument"),
        ("tagging", "a=b", "400 MalformedXML"),
    ] {
        let conditions = format!(r#"{ANY_KEY},["starts-with","${name}",""]"#);
        let form = signed(&world, Form::new(&[("key", "k"), (name, value)]), &conditions);
        assert_eq!(refused(&world, name, &form), heard, "{name}: {value}");
    }
    let conditions = format!(r#"{ANY_KEY},["starts-with","$If-None-Match",""]"#);
    let form = Form::new(&[("key", KEY), ("If-None-Match", "*")]);
    let form = signed(&world, form, &conditions);
    assert_eq!(refused(&world, "if-none-match", &form), "412 PreconditionFailed");
    let large = Form::new(&[("key", "k"), ("x-amz-meta-a", &"v".repeat(2048))]);
    let conditions = format!(r#"{ANY_KEY},["starts-with","$x-amz-meta-a",""]"#);
    let form = signed(&world, large, &conditions);
    assert_eq!(refused(&world, "metadata", &form), "400 MetadataTooLarge");
}

#[test]
fn the_length_of_the_file_is_within_the_range() {
    let world = World::new();
    let with = |range: &str, bytes: usize| {
        let mut form = Form::new(&[("key", "k")]);
        form.content = vec![b'x'; bytes];
        signed(&world, form, &format!(r#"{ANY_KEY},["content-length-range",{range}]"#))
    };
    for (range, bytes) in [("0,10", 10), ("10,10", 10), ("0,0", 0), ("1,1000000", 999_999)] {
        assert_eq!(world.server.send(&with(range, bytes).call(&world)).unwrap().status, 204);
    }
    for (range, bytes, heard) in [
        ("0,10", 11, "400 EntityTooLarge"),
        ("0,0", 1, "400 EntityTooLarge"),
        ("0,10", 100_000, "400 EntityTooLarge"),
        ("11,20", 10, "400 EntityTooSmall"),
        ("1,1", 0, "400 EntityTooSmall"),
        ("9,3", 5, "400 EntityTooLarge"),
        ("0,100000", 100_001, "400 EntityTooLarge"),
    ] {
        assert_eq!(refused(&world, range, &with(range, bytes)), heard, "{range} {bytes}");
    }
    // In HTTP chunks, where no length is declared.
    let body = with("0,10", 11).body();
    let mut call = with("0,10", 11).call(&world).header("transfer-encoding", "chunked");
    call.body = format!("{:x}\r\n", body.len()).into_bytes();
    call.body.extend_from_slice(&body);
    call.body.extend_from_slice(b"\r\n0\r\n\r\n");
    let reply = assert_refused(&world, "chunks", &call.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "400 EntityTooLarge");
}

#[test]
fn a_policy_that_is_over_or_broken_lets_nothing_through() {
    let world = World::new();
    let signer = world.server.signer(world.server.main());
    let send = |policy: &str| {
        let form = Form::new(&[("key", "k")])
            .with("x-amz-algorithm", "AWS4-HMAC-SHA256")
            .with("x-amz-credential", signer.credential())
            .with("x-amz-date", world.server.clock().now().to_amz_date())
            .with("policy", policy)
            .with("x-amz-signature", signer.sign_policy(policy));
        assert_refused(&world, policy, &form.call(&world).to_bytes()).unwrap()
    };
    let over = send(&policy("2026-01-02T03:04:05Z", ANY_KEY));
    assert_eq!(over.outcome(), "403 AccessDenied");
    let expired = "Invalid according to Policy: Policy expired.";
    assert_eq!(over.element("Message"), Some(expired));
    for broken in [
        "",
        "e30=",
        "!",
        "e30",
        &policy("tomorrow", ANY_KEY),
        &policy("2027-01-01T00:00:00Z", "{}"),
    ] {
        assert_eq!(send(broken).outcome(), "400 InvalidPolicyDocument", "{broken}");
    }
    let form = signed_v2(&world, Form::new(&[("key", "k")]), ANY_KEY);
    world.server.clock().advance(Duration::from_secs(3600));
    assert_eq!(refused(&world, "an hour later", &form), "403 AccessDenied");
}

#[test]
fn hostile_forms_are_refused_and_leave_no_trace() {
    let world = World::new();
    let good = signed(&world, Form::new(&[("key", "k")]), ANY_KEY);
    let body = good.body();
    let text = String::from_utf8(body.clone()).unwrap();
    let send = |name: &str, body: Vec<u8>| {
        let call = good.call(&world).body(body);
        assert_refused(&world, name, &call.to_bytes()).unwrap().outcome()
    };
    for (name, body) in [
        ("no end", text.trim_end().trim_end_matches("--").to_owned()),
        ("no file", text.replace("name=\"file\"", "name=\"fill\"")),
        ("two files", text.replace("--XX--", &text)),
        ("another boundary", text.replace("XX", "YY")),
        ("bare line feeds", text.replace("\r\n", "\n")),
        ("nothing", String::new()),
        (
            "an encoded part",
            text.replacen("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1),
        ),
    ] {
        let heard = send(name, body.into_bytes());
        let known = ["400 MalformedPOSTRequest", "400 InvalidArgument"].contains(&heard.as_str());
        assert!(known, "{name}: {heard}");
    }
    let fields =
        "--XX\r\nContent-Disposition: form-data; name=\"x-ignore-a\"\r\n\r\n1\r\n".repeat(400);
    assert_eq!(
        send("many fields", (fields + &text).into_bytes()),
        "400 MaxPostPreDataLengthExceeded"
    );
    let value = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{}",
        "v".repeat(1 << 20)
    );
    assert_eq!(send("an endless field", value.into_bytes()), "400 MaxPostPreDataLengthExceeded");
    let head = format!("--XX\r\nX: {}", "v".repeat(1 << 20));
    assert_eq!(send("an endless head", head.into_bytes()), "400 MaxPostPreDataLengthExceeded");
    let bomb = "${filename}".repeat(1000);
    let mut form = Form::new(&[("key", "k"), ("x-ignore-a", &bomb)]);
    form.filename = "f".repeat(4000);
    let form = signed(&world, form, ANY_KEY);
    assert_eq!(refused(&world, "a bomb", &form), "400 MaxPostPreDataLengthExceeded");
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
    ] {
        let mut call = good.call(&world);
        call.headers.retain(|header| header.0 != "content-type");
        let call = call.header("content-type", content_type);
        let reply = assert_refused(&world, content_type, &call.to_bytes()).unwrap();
        assert_eq!(reply.outcome(), "400 MalformedPOSTRequest", "{content_type}");
    }
    // A body that ends before its length, and one that has none.
    let mut bytes = good.call(&world).to_bytes();
    bytes.truncate(bytes.len() - 10);
    let before = world.server.contents().unwrap();
    let mut socket = world.server.connect().unwrap();
    std::io::Write::write_all(&mut socket, &bytes).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut socket, &mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 2"));
    assert!(world.server.contents().unwrap() == before);
    let original = read(&world, KEY);
    assert_eq!(original.body, CONTENT);
    assert_alive(&world);
}

/// Everything is judged before the file: who is refused need not send it, and the server keeps none
/// of it.
#[test]
fn a_form_is_judged_before_its_file_is_read() {
    let world = World::new();
    let hear = |form: &Form| {
        // Who asks first is answered without a wait for what may still come.
        let call = form.call(&world).header("expect", "100-continue");
        let mut call = call.header("content-length", "100000000");
        let end = call.body.windows(9).position(|part| part == b"of a form").unwrap();
        call.body.truncate(end);
        let mut socket = world.server.connect().unwrap();
        std::io::Write::write_all(&mut socket, &call.to_bytes()).unwrap();
        let mut answer = Vec::new();
        // The rest is never sent: without an answer before it this would end in a timeout.
        std::io::Read::read_to_end(&mut socket, &mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        answer.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n").to_owned()
    };
    let form = Form::new(&[("key", "k")]);
    assert!(hear(&form).starts_with("HTTP/1.1 403"), "anonymous");
    let other = signed_by(&world, world.server.other(), form.clone(), ANY_KEY);
    assert!(hear(&other).starts_with("HTTP/1.1 403"), "another account");
    let added = signed(&world, form.clone(), ANY_KEY).with("acl", "private");
    assert!(hear(&added).starts_with("HTTP/1.1 403"), "an extra field");
    let short = format!(r#"{ANY_KEY},["content-length-range",0,1000]"#);
    let heard = hear(&signed(&world, form, &short));
    assert!(heard.starts_with("HTTP/1.1 400"), "{heard}");
    assert_alive(&world);
}

#[test]
fn the_name_of_a_file_leads_nowhere_else() {
    let world = World::new();
    for (filename, key) in [
        ("../../etc/passwd", "u/passwd"),
        ("C:\\Users\\x\\f.txt", "u/f.txt"),
        ("..", "u/.."),
        ("", "u/"),
        ("${filename}", "u/${filename}"),
    ] {
        let mut form = Form::new(&[("key", "u/${filename}")]);
        form.filename = filename.to_owned();
        let form = signed(&world, form, r#"["starts-with","$key","u/"]"#);
        let form = Form { fields: form.fields, ..form };
        let call = form.call(&world);
        let reply = world.server.send(&call).unwrap();
        assert_eq!(reply.status, 204, "{filename}: {reply:?}");
        let encoded = key.replace('$', "%24").replace('{', "%7B").replace('}', "%7D");
        assert_eq!(read(&world, &encoded).body, b"of a form", "{filename}");
    }
    // The condition is judged on what comes out.
    let mut form = Form::new(&[("key", "${filename}")]);
    form.filename = "evil".to_owned();
    let form = signed(&world, form, r#"["starts-with","$key","u/"]"#);
    assert_eq!(refused(&world, "a name out of the folder", &form), "403 AccessDenied");
}
