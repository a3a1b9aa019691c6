//! A good request for every operation, made from the operation's own table.

use data_encoding::BASE64;
use strongroom_crypto::Md5;
use strongroom_testkit::Call;
use strongroom_wire::{InputKind, Location, MemberSpec, OperationSpec, PathShape, ShapeKind};

use crate::world::{BUCKET, KEY, World};

/// A request for an operation on the bucket and object that exist, not signed.
pub(crate) fn request(world: &World, spec: &OperationSpec) -> Call {
    let path = match spec.path {
        PathShape::Service => "/".to_owned(),
        PathShape::Bucket => format!("/{BUCKET}"),
        PathShape::Object => format!("/{BUCKET}/{KEY}"),
        PathShape::Fixed(path) => path.to_owned(),
    };
    let fixed = spec.query.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => format!("{name}="),
    });
    let required = spec.required_query().map(|name| format!("{name}={}", query_value(world, name)));
    let query: Vec<_> = fixed.chain(required).collect();
    let mut call = world.server.call(spec.method, &format!("{path}?{}", query.join("&")));
    for name in spec.required_headers() {
        call = call.header(name, header_value(name));
    }
    if spec.name == "CopyObject" {
        // Onto itself, which is refused without a change.
        call = call.header("x-amz-metadata-directive", "REPLACE");
    }
    let body = document(spec);
    if spec.checksum_required {
        call = call.header("content-md5", BASE64.encode(&md5(&body)));
    }
    call.body(body)
}

fn query_value(world: &World, name: &str) -> String {
    match name {
        "uploadId" => world.upload_id.clone(),
        "partNumber" => "1".to_owned(),
        "annotationName" | "id" => "sample".to_owned(),
        other => panic!("no sample for the query parameter `{other}`"),
    }
}

fn header_value(name: &str) -> String {
    match name {
        "x-amz-copy-source" | "x-amz-rename-source" => format!("/{BUCKET}/{KEY}"),
        "x-amz-object-attributes" => "ETag,ObjectSize".to_owned(),
        "x-amz-request-route" | "x-amz-request-token" => "sample".to_owned(),
        other => panic!("no sample for the header `{other}`"),
    }
}

/// What the body of the operation would be.
fn document(spec: &OperationSpec) -> Vec<u8> {
    let text = match (spec.name, spec.input) {
        (_, InputKind::None | InputKind::Form) => String::new(),
        (_, InputKind::Stream) => "new content".to_owned(),
        ("PutBucketPolicy", _) => format!(
            "{{\"Statement\":{{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:ReplicateDelete\",\
             \"Resource\":\"arn:aws:s3:::{BUCKET}/*\"}}}}"
        ),
        (_, InputKind::Text { .. }) => r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned(),
        // The only ones that say something about us; all others are written from the table.
        ("CreateBucket", _) => String::new(),
        ("DeleteObjects", _) => format!("<Delete><Object><Key>{KEY}</Key></Object></Delete>"),
        ("PutBucketCors", _) => "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod>\
            <AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>"
            .to_owned(),
        ("PutBucketEncryption", _) => "<ServerSideEncryptionConfiguration><Rule>\
            <ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>\
            </ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
            .to_owned(),
        ("PutBucketOwnershipControls", _) => "<OwnershipControls><Rule><ObjectOwnership>\
            BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"
            .to_owned(),
        ("CompleteMultipartUpload", _) => format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part>\
             </CompleteMultipartUpload>",
            crate::world::PART_ETAG
        ),
        (_, InputKind::Xml { root, .. }) => {
            // Where no member is the root, the input itself is it.
            let at = spec.members.iter().position(|m| matches!(m.location, Location::Root(_)));
            let content = match at {
                Some(at) => children(&spec.members[at + 1..], spec.members[at].depth + 1),
                None => children(spec.members, 0),
            };
            format!("<{root}>{content}</{root}>")
        }
    };
    text.into_bytes()
}

/// The required members of this depth, up to the first that lies further out, with what they need.
fn children(members: &[MemberSpec], depth: u8) -> String {
    let inside = members.iter().take_while(|member| member.depth >= depth).count();
    let mut text = String::new();
    for (index, member) in members[..inside].iter().enumerate() {
        if member.depth != depth || !member.required {
            continue;
        }
        let content = match member.kind {
            ShapeKind::Structure | ShapeKind::StructureList => {
                children(&members[index + 1..inside], depth + 1)
            }
            ShapeKind::Integer | ShapeKind::Long => "1".to_owned(),
            ShapeKind::Boolean => "true".to_owned(),
            ShapeKind::Timestamp => "2026-01-01T00:00:00Z".to_owned(),
            _ => "Enabled".to_owned(),
        };
        match member.location {
            Location::Element(name) => text += &format!("<{name}>{content}</{name}>"),
            Location::Wrapped(list, item) => {
                text += &format!("<{list}><{item}>{content}</{item}></{list}>");
            }
            // Attributes belong to operations that are refused by name before they are read.
            _ => {}
        }
    }
    text
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut md5 = Md5::new();
    md5.update(bytes);
    md5.finish()
}
