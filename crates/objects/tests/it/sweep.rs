//! What is freed when objects in parts, uploads and buckets end.

use bytes::Bytes;
use strongroom_objects::SweepReport;
use strongroom_store::KeyRange;
use strongroom_wire::{ByteSource, ByteStream};

use crate::world::World;

async fn records(world: &World, tags: &[u8]) -> Vec<usize> {
    let mut counts = Vec::new();
    for tag in tags {
        let range = KeyRange::prefix(&[*tag]);
        counts.push(world.store.metadata.scan(range, 1_000).await.unwrap().len());
    }
    counts
}

/// An object of two parts: 5 MiB of `A` and a few bytes.
async fn object_in_parts(world: &World, target: &str) {
    let created = world.post(&format!("{target}?uploads")).send().await.ok();
    let id = created.element("UploadId").unwrap();
    let mut list = String::new();
    for (number, body) in [(1, vec![b'A'; 5 << 20]), (2, b"tail".to_vec())] {
        let part = format!("{target}?partNumber={number}&uploadId={id}");
        let reply = world.put(&part).body(Bytes::from(body)).send().await.ok();
        let etag = reply.header("etag").unwrap().trim_matches('"').to_owned();
        list.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        ));
    }
    let body = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    world.post(&format!("{target}?uploadId={id}")).body(body).send().await.ok();
}

#[tokio::test]
async fn parts_of_deleted_and_replaced_objects_are_freed() {
    let world = World::with_bucket().await;
    for target in ["/bkt/deleted", "/bkt/replaced", "/bkt/kept", "/bkt/rewritten"] {
        object_in_parts(&world, target).await;
    }
    assert_eq!(records(&world, b"pg").await, [8, 0]);
    world.delete("/bkt/deleted").send().await.ok();
    world.put("/bkt/replaced").body("x").send().await.ok();
    object_in_parts(&world, "/bkt/rewritten").await;
    assert_eq!(records(&world, b"pg").await, [10, 3]);
    let report = world.service.sweep().await.unwrap();
    assert_eq!(report, SweepReport { uploads: 3, buckets: 0, uploads_read: 0 });
    assert_eq!(records(&world, b"pg").await, [4, 0]);
    for target in ["/bkt/kept", "/bkt/rewritten"] {
        let got = world.get(target).send().await.ok();
        assert!(got.body.ends_with(b"AAtail") && got.body.len() == (5 << 20) + 4);
    }
    assert_eq!(world.service.sweep().await.unwrap(), SweepReport::default());
}

#[tokio::test]
async fn uploads_of_a_deleted_bucket_are_freed_and_its_key_destroyed() {
    let world = World::with_bucket().await;
    world.put("/other").send().await.ok();
    for bucket in ["bkt", "other"] {
        for key in ["a", "b"] {
            let target = format!("/{bucket}/{key}");
            let created = world.post(&format!("{target}?uploads")).send().await.ok();
            let id = created.element("UploadId").unwrap();
            for number in 1..=300 {
                let part = format!("{target}?partNumber={number}&uploadId={id}");
                world.put(&part).body("x").send().await.ok();
            }
        }
    }
    // Uploads in progress do not keep a bucket alive.
    assert_eq!(world.delete("/bkt").send().await.status, 204);
    assert_eq!(records(&world, b"ud").await, [4, 1]);
    let report = world.service.sweep().await.unwrap();
    assert_eq!(report, SweepReport { uploads: 2, buckets: 1, uploads_read: 0 });
    assert_eq!(records(&world, b"upgd").await, [2, 600, 0, 0]);
    // A bucket of the same name is another bucket.
    world.put("/bkt").send().await.ok();
    assert_eq!(world.get("/bkt?uploads").send().await.ok().elements("Key").len(), 0);
    assert_eq!(world.get("/other?uploads").send().await.ok().elements("Key"), ["a", "b"]);
}

#[tokio::test]
async fn an_object_that_is_being_read_stays_until_its_reader_is_done() {
    let world = World::with_bucket().await;
    object_in_parts(&world, "/bkt/k").await;
    let (length, mut source) = match world.get("/bkt/k").open().await {
        ByteStream::Stream { content_length, source } => (content_length, source),
        other => panic!("{other:?}"),
    };
    let mut body = next(source.as_mut()).await.unwrap();
    world.delete("/bkt/k").send().await.ok();
    let report = world.service.sweep().await.unwrap();
    assert_eq!(report, SweepReport { uploads: 0, buckets: 0, uploads_read: 1 });
    while let Some(piece) = next(source.as_mut()).await {
        body.extend_from_slice(&piece);
    }
    assert_eq!(u64::try_from(body.len()).unwrap(), length);
    assert!(body.ends_with(b"AAtail"));
    drop(source);
    world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
    assert_eq!(world.service.sweep().await.unwrap().uploads, 1);
    assert_eq!(records(&world, b"pg").await, [0, 0]);
}

async fn next(source: &mut dyn ByteSource) -> Option<Vec<u8>> {
    source.next().await.map(|piece| piece.unwrap().to_vec())
}
