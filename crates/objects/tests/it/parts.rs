//! Objects that were written in parts, in operations on objects.

use bytes::Bytes;
use strongroom_store::{Batch, KeyRange, NewPayload, Precondition, Protection, Write};

use crate::objects::body;
use crate::world::World;

const PART_BYTES: usize = 5 * 1024 * 1024;

/// Writes an object of so many parts, the last of them short, and returns its bytes.
async fn object_in_parts(world: &World, target: &str, parts_count: usize) -> Bytes {
    let created = world.post(&format!("{target}?uploads"));
    let created = created.header("x-amz-checksum-algorithm", "CRC32").send().await.ok();
    let id = created.element("UploadId").unwrap().to_owned();
    let whole = body(PART_BYTES * (parts_count - 1) + 1000);
    let mut list = String::new();
    for (number, bytes) in (1..).zip(whole.chunks(PART_BYTES)) {
        let mut hasher =
            strongroom_crypto::ChecksumHasher::new(strongroom_crypto::ChecksumAlgorithm::Crc32);
        hasher.update(bytes);
        let crc32 = hasher.finish().to_base64();
        let put = world.put(&format!("{target}?partNumber={number}&uploadId={id}"));
        let put = put.header("x-amz-checksum-crc32", &crc32).body(whole.slice_ref(bytes));
        let put = put.send().await.ok();
        let etag = put.header("etag").unwrap().trim_matches('"').to_owned();
        list.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>\
             <ChecksumCRC32>{crc32}</ChecksumCRC32></Part>"
        ));
    }
    let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    world.post(&format!("{target}?uploadId={id}")).body(list).send().await.ok();
    whole
}

#[tokio::test]
async fn attributes_list_the_parts_page_by_page() {
    let world = World::with_bucket().await;
    object_in_parts(&world, "/bkt/k", 6).await;
    let get = |headers: &[(&'static str, &'static str)]| {
        let call = world.get("/bkt/k?attributes");
        let call = call.header("x-amz-object-attributes", "ObjectParts,Checksum,ETag");
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    };
    let all = get(&[]).await.ok();
    assert_eq!(all.element("PartsCount"), Some("6"));
    assert_eq!(all.elements("PartNumber"), ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(all.elements("Size")[4..], ["5242880", "1000"]);
    assert_eq!(all.element("IsTruncated"), Some("false"));
    assert!(all.element("ETag").unwrap().ends_with("-6"));
    assert_eq!(all.element("ChecksumType"), Some("COMPOSITE"));
    // One for the object, one for each part.
    assert_eq!(all.elements("ChecksumCRC32").len(), 7);
    let page = get(&[("x-amz-max-parts", "1"), ("x-amz-part-number-marker", "3")]).await.ok();
    assert_eq!(page.elements("PartNumber"), ["4"]);
    assert_eq!(page.element("PartNumberMarker"), Some("3"));
    assert_eq!(page.element("NextPartNumberMarker"), Some("4"));
    assert_eq!(page.element("MaxParts"), Some("1"));
    assert_eq!(page.element("IsTruncated"), Some("true"));
    let none = get(&[("x-amz-part-number-marker", "6")]).await.ok();
    assert!(none.elements("PartNumber").is_empty());
    assert_eq!(none.element("IsTruncated"), Some("false"));
    for (name, value) in [("x-amz-max-parts", "-1"), ("x-amz-part-number-marker", "x")] {
        get(&[(name, value)]).await.expect(400, "InvalidArgument");
    }
}

#[tokio::test]
async fn a_copy_is_an_object_in_one_piece() {
    let world = World::with_bucket().await;
    let whole = object_in_parts(&world, "/bkt/k", 2).await;
    let copy = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/k").send().await.ok();
    assert!(!copy.element("ETag").unwrap().contains('-'));
    assert_eq!(copy.element("ChecksumType"), Some("FULL_OBJECT"));
    assert!(!copy.element("ChecksumCRC32").unwrap().contains('-'));
    let got = world.get("/bkt/copy").send().await.ok();
    assert_eq!(got.body, whole);
    // Copied onto itself with other metadata it is one piece as well, and its parts are gone.
    let call = world.put("/bkt/k").header("x-amz-copy-source", "bkt/k");
    call.header("x-amz-metadata-directive", "REPLACE").send().await.ok();
    let got = world.get("/bkt/k").send().await.ok();
    assert!(got.body == whole && !got.header("etag").unwrap().contains('-'));
    assert_eq!(world.service.sweep().await.unwrap().uploads, 1);
    let parts = world.store.metadata.scan(KeyRange::prefix(b"p"), 10).await.unwrap();
    assert!(parts.is_empty());
}

#[tokio::test]
async fn a_part_is_answered_with_its_own_checksum() {
    let world = World::with_bucket().await;
    let whole = object_in_parts(&world, "/bkt/k", 3).await;
    let get =
        |target: &'static str| world.get(target).header("x-amz-checksum-mode", "ENABLED").send();
    let full = get("/bkt/k").await.ok();
    let composite = full.header("x-amz-checksum-crc32").unwrap();
    assert!(composite.ends_with("-3"), "{composite}");
    assert_eq!(full.header("x-amz-checksum-type"), Some("COMPOSITE"));
    let last = get("/bkt/k?partNumber=3").await.ok();
    assert_eq!((last.status, last.header("x-amz-mp-parts-count")), (206, Some("3")));
    assert_eq!(last.body, whole[2 * PART_BYTES..]);
    let own = last.header("x-amz-checksum-crc32").unwrap();
    assert!(!own.contains('-'));
    let ranged = world.get("/bkt/k").header("x-amz-checksum-mode", "ENABLED");
    let ranged = ranged.header("range", "bytes=5242870-5242890").send().await.ok();
    assert_eq!(ranged.body, whole[5_242_870..=5_242_890]);
    assert_eq!(ranged.header("x-amz-checksum-crc32"), None);
}

#[tokio::test]
async fn a_source_above_five_gib_is_not_copied_in_one_piece() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("hello").send().await.ok();
    let (key, entry) =
        world.store.metadata.scan(KeyRange::prefix(b"v"), 1).await.unwrap().remove(0);
    for (object_bytes, status, code) in [
        (5_u64 * 1024 * 1024 * 1024 + 1, 400, "InvalidRequest"),
        // The largest that is allowed is read, and found to be damaged here.
        (5 * 1024 * 1024 * 1024, 500, "InternalError"),
    ] {
        // The record's length of the object; see docs/formats/object-record.md.
        let mut value = entry.value.to_vec();
        value[11..19].copy_from_slice(&object_bytes.to_be_bytes());
        let now = world.store.metadata.get(&key).await.unwrap().unwrap();
        let batch = Batch {
            preconditions: vec![Precondition::Revision {
                key: key.clone(),
                revision: now.revision,
            }],
            writes: vec![Write::Put {
                key: key.clone(),
                value: value.into(),
                payload: NewPayload::Keep,
                protection: Protection::default(),
            }],
            ..Batch::default()
        };
        world.store.metadata.commit(batch).await.unwrap();
        let copy = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/k").send().await;
        copy.expect(status, code);
    }
}
