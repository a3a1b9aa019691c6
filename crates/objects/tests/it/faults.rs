//! Damage, failing engines and things that change while a request runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use strongroom_store::{
    Batch, BoxFuture, CommitError, Entry, KeyRange, MetadataStore, NewPayload, Precondition,
    Protection, StoreError, Write,
};
use strongroom_wire::{Payload, PayloadError, PayloadSource};

use crate::objects::body;
use crate::watched::{Watch, watched};
use crate::world::{World, root_of};

/// The record of the object that there is.
async fn only_object(world: &World) -> (Bytes, Entry) {
    let objects = world.store.metadata.scan(KeyRange::prefix(b"v"), 2).await.unwrap();
    assert_eq!(objects.len(), 1);
    objects.into_iter().next().unwrap()
}

async fn stored_bytes(world: &World, entry: &Entry) -> Vec<u8> {
    let reader = world.store.blobs.open(entry.payload.as_ref().unwrap()).await.unwrap();
    let length = usize::try_from(reader.stored_bytes()).unwrap();
    reader.read_at(0, length).await.unwrap().to_vec()
}

/// Exchanges the stored bytes beneath a record.
async fn exchange(world: &World, key: &Bytes, entry: &Entry, bytes: Vec<u8>) {
    let payload = if bytes.len() > 65_792 {
        let blob_id = strongroom_crypto::BlobId::random(&strongroom_crypto::SystemEntropy).unwrap();
        let mut writer = world.store.blobs.create(blob_id).await.unwrap();
        writer.write(bytes.into()).await.unwrap();
        NewPayload::Blob(writer.finish().await.unwrap())
    } else {
        NewPayload::Inline(bytes.into())
    };
    let write = Write::Put {
        key: key.clone(),
        value: entry.value.clone(),
        payload,
        protection: Protection::default(),
    };
    world.store.metadata.commit(Batch { writes: vec![write], ..Batch::default() }).await.unwrap();
}

#[tokio::test]
async fn a_damaged_object_is_an_internal_error_and_never_served() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("hello world").send().await.ok();
    let (key, entry) = only_object(&world).await;
    let whole = stored_bytes(&world, &entry).await;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        exchange(&world, &key, &entry, damaged).await;
        world.get("/bkt/k").send().await.expect(500, "InternalError");
        let ranged = world.get("/bkt/k").header("range", "bytes=0-0").send().await;
        ranged.expect(500, "InternalError");
        let copy = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/k").send().await;
        copy.expect(500, "InternalError");
    }
    for length in [0, 10, whole.len() - 1] {
        exchange(&world, &key, &entry, whole[..length].to_vec()).await;
        world.get("/bkt/k").send().await.expect(500, "InternalError");
    }
    exchange(&world, &key, &entry, [whole.as_slice(), &[0]].concat()).await;
    world.get("/bkt/k").send().await.expect(500, "InternalError");
    exchange(&world, &key, &entry, whole).await;
    assert_eq!(world.get("/bkt/k").send().await.ok().text(), "hello world");
    // It can be deleted whatever it is.
    exchange(&world, &key, &entry, vec![1, 2, 3]).await;
    world.delete("/bkt/k").send().await.ok();
}

#[tokio::test]
async fn damage_far_inside_breaks_the_answer_off() {
    let world = World::with_bucket().await;
    let whole = body(2_000_000);
    world.put("/bkt/k").body(whole.clone()).send().await.ok();
    let (key, entry) = only_object(&world).await;
    let mut damaged = stored_bytes(&world, &entry).await;
    let at = damaged.len() - 100;
    damaged[at] ^= 1;
    exchange(&world, &key, &entry, damaged).await;
    let got = world.get("/bkt/k").send().await;
    assert!(got.status == 200 && got.broken && got.body.len() < whole.len());
    assert_eq!(got.body, whole[..got.body.len()]);
    // What is whole is still served, and a copy of what is not is no object.
    let ranged = world.get("/bkt/k").header("range", "bytes=0-999999").send().await.ok();
    assert_eq!(ranged.body, whole[..1_000_000]);
    let tail = world.get("/bkt/k").header("range", "bytes=-10").send().await;
    tail.expect(500, "InternalError");
    let copy = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/k").send().await;
    copy.expect(500, "InternalError");
    assert_eq!(world.head("/bkt/copy").send().await.status, 404);
}

#[tokio::test]
async fn the_bytes_of_one_object_are_not_those_of_another() {
    let world = World::with_bucket().await;
    world.put("/bkt/a").body("content of a").send().await.ok();
    world.put("/bkt/b").body("content of b").send().await.ok();
    let objects = world.store.metadata.scan(KeyRange::prefix(b"v"), 10).await.unwrap();
    let mut all = Vec::new();
    for (_, entry) in &objects {
        all.push(stored_bytes(&world, entry).await);
    }
    exchange(&world, &objects[0].0, &objects[0].1, all[1].clone()).await;
    exchange(&world, &objects[1].0, &objects[1].1, all[0].clone()).await;
    world.get("/bkt/a").send().await.expect(500, "InternalError");
    world.get("/bkt/b").send().await.expect(500, "InternalError");
}

#[tokio::test]
async fn equal_objects_are_stored_unequally_and_hide_their_content() {
    let world = World::with_bucket().await;
    let marker = "a marker that nobody else writes";
    world.put("/bkt/a").body(marker).send().await.ok();
    world.put("/bkt/b").body(marker).send().await.ok();
    let objects = world.store.metadata.scan(KeyRange::prefix(b"v"), 10).await.unwrap();
    let mut all = Vec::new();
    for (_, entry) in &objects {
        let stored = stored_bytes(&world, entry).await;
        assert!(!stored.windows(8).any(|piece| piece == &marker.as_bytes()[..8]));
        all.push(stored);
    }
    assert_ne!(all[0][64..], all[1][64..]);
}

/// Reads and commits fail as told.
#[derive(Debug, Default)]
struct Failing {
    mode: AtomicU8,
}

const FULL: u8 = 1;
const STOPPED: u8 = 2;
const CORRUPT: u8 = 3;
const UNKNOWN: u8 = 4;
/// The record of the bucket changes before each of the next commits.
const CHANGING_BUCKET: u8 = 5;

impl Watch for Failing {
    fn get(&self) -> Result<(), StoreError> {
        match self.mode.load(Ordering::SeqCst) {
            STOPPED => Err(StoreError::Stopped { reason: "as told".to_owned() }),
            CORRUPT => Err(StoreError::Corrupt { what: "as told".to_owned() }),
            _ => Ok(()),
        }
    }

    fn commit<'a>(
        &'a self,
        engine: &'a dyn MetadataStore,
    ) -> BoxFuture<'a, Result<(), CommitError>> {
        Box::pin(async move {
            match self.mode.load(Ordering::SeqCst) {
                FULL => return Err(CommitError::Store(StoreError::Full)),
                UNKNOWN => return Err(CommitError::Unknown),
                CHANGING_BUCKET => {
                    self.mode.store(0, Ordering::SeqCst);
                    touch_bucket(engine).await;
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// Writes the bucket's record again, as a change of its settings would.
async fn touch_bucket(metadata: &dyn MetadataStore) {
    let (key, entry) = metadata.scan(KeyRange::prefix(b"n"), 1).await.unwrap().remove(0);
    let batch = Batch {
        preconditions: vec![Precondition::Present { key: key.clone() }],
        writes: vec![Write::Put {
            key,
            value: entry.value,
            payload: NewPayload::None,
            protection: Protection::default(),
        }],
        ..Batch::default()
    };
    metadata.commit(batch).await.unwrap();
}

async fn failing() -> (World, Arc<Failing>) {
    let world = World::new();
    let failing: Arc<Failing> = Arc::default();
    let world = world.over(|store| watched(store, failing.clone()));
    world.put("/bkt").send().await.ok();
    world.put("/bkt/k").body("old").send().await.ok();
    (world, failing)
}

#[tokio::test]
async fn an_engine_that_fails_leaves_everything_as_it_was() {
    let (world, engine) = failing().await;
    let before = world.engine.payload_bytes();
    for (mode, status, code) in [
        (FULL, 503, "ServiceUnavailable"),
        (UNKNOWN, 503, "ServiceUnavailable"),
        (STOPPED, 503, "ServiceUnavailable"),
        (CORRUPT, 503, "ServiceUnavailable"),
    ] {
        engine.mode.store(mode, Ordering::SeqCst);
        for length in [10, 500_000] {
            let put = world.put("/bkt/k").body(body(length)).send().await.expect(status, code);
            assert!(!put.recorded);
        }
        world.delete("/bkt/k").send().await.expect(status, code);
        if mode == FULL || mode == UNKNOWN {
            world.put("/other").send().await.expect(status, code);
            let copy = world.put("/bkt/c").header("x-amz-copy-source", "bkt/k").send().await;
            copy.expect(status, code);
            let list = "<Delete><Object><Key>k</Key></Object></Delete>";
            let list = world.post("/bkt?delete").body(list).send().await.ok();
            assert!(list.elements("Error")[0].contains("ServiceUnavailable"));
            assert_eq!(world.get("/bkt/k").send().await.ok().text(), "old");
        }
        assert_eq!(world.engine.payload_bytes(), before);
    }
    engine.mode.store(0, Ordering::SeqCst);
    assert_eq!(world.get("/bkt/k").send().await.ok().text(), "old");
    assert_eq!(world.head("/other").send().await.status, 404);
    world.put("/bkt/k").body("new").send().await.ok();
}

#[tokio::test]
async fn a_change_of_the_bucket_is_judged_again_and_disturbs_nobody() {
    let (world, engine) = failing().await;
    let change = || engine.mode.store(CHANGING_BUCKET, Ordering::SeqCst);
    change();
    world.put("/bkt/k").body(body(200_000)).send().await.ok();
    assert_eq!(world.get("/bkt/k").send().await.body, body(200_000));
    change();
    world.put("/bkt/c").header("x-amz-copy-source", "bkt/k").send().await.ok();
    change();
    world.delete("/bkt/k").send().await.ok();
    change();
    let list = "<Delete><Object><Key>c</Key></Object><Object><Key>d</Key></Object></Delete>";
    let list = world.post("/bkt?delete").body(list).send().await.ok();
    assert_eq!(list.elements("Deleted").len(), 2);
    change();
    world.delete("/bkt").send().await.ok();
    assert_eq!(world.engine.payload_bytes(), 0);
}

/// A body that waits for something else to happen before its first byte.
struct Interrupted {
    first: Option<BoxFuture<'static, ()>>,
    bytes: Option<Bytes>,
    content_length: u64,
}

impl Interrupted {
    fn by(action: impl Future<Output = ()> + Send + 'static, bytes: Bytes) -> Payload {
        let content_length = u64::try_from(bytes.len()).unwrap();
        Payload::new(Self { first: Some(Box::pin(action)), bytes: Some(bytes), content_length })
    }
}

impl PayloadSource for Interrupted {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>> {
        Box::pin(async move {
            if let Some(first) = self.first.take() {
                first.await;
            }
            self.bytes.take().map(Ok)
        })
    }

    fn content_length(&self) -> Option<u64> {
        Some(self.content_length)
    }

    fn announced_trailers(&self) -> &[String] {
        &[]
    }

    fn trailers(&self) -> &[(String, String)] {
        &[]
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        None
    }
}

#[tokio::test]
async fn an_upload_into_a_deleted_bucket_fails_and_leaves_nothing() {
    for made_again in [false, true] {
        for length in [10, 500_000] {
            let world = Arc::new(World::with_bucket().await);
            let other = Arc::clone(&world);
            let delete = async move {
                other.delete("/bkt").send().await.ok();
                if made_again {
                    other.put("/bkt").by(root_of(222_222_222_222)).send().await.ok();
                }
            };
            let payload = Interrupted::by(delete, body(length));
            let put = world.put("/bkt/k").payload(payload).send().await;
            put.expect(404, "NoSuchBucket");
            assert_eq!(world.engine.payload_bytes(), 0);
            let objects = world.store.metadata.scan(KeyRange::prefix(b"v"), 10).await.unwrap();
            assert!(objects.is_empty());
        }
    }
}

#[tokio::test]
async fn conditions_are_judged_when_the_body_is_there() {
    let world = Arc::new(World::with_bucket().await);
    for (interruption, status, code) in
        [("put", 412, "PreconditionFailed"), ("delete", 404, "NoSuchKey")]
    {
        let etag = world.put("/bkt/k").body("first").send().await.ok();
        let etag = etag.header("etag").unwrap().to_owned();
        let other = Arc::clone(&world);
        let action = async move {
            match interruption {
                "put" => other.put("/bkt/k").body("second").send().await.ok(),
                _ => other.delete("/bkt/k").send().await.ok(),
            };
        };
        let put = world.put("/bkt/k").header("if-match", &etag);
        let put = put.payload(Interrupted::by(action, body(100))).send().await;
        put.expect(status, code);
    }
    let other = Arc::clone(&world);
    let action = async move {
        other.put("/bkt/k").body("second").send().await.ok();
    };
    let put = world.put("/bkt/k").header("if-none-match", "*");
    let put = put.payload(Interrupted::by(action, body(100))).send().await;
    put.expect(412, "PreconditionFailed");
    assert_eq!(world.get("/bkt/k").send().await.text(), "second");
}

#[tokio::test]
async fn a_read_that_has_begun_ends_with_the_same_object() {
    let world = World::with_bucket().await;
    let whole = body(3_000_000);
    world.put("/bkt/k").body(whole.clone()).send().await.ok();
    let get = world.get("/bkt/k").begin().await;
    world.put("/bkt/k").body("new").send().await.ok();
    world.delete("/bkt/k").send().await.ok();
    assert_eq!(get.finish().await.body, whole);
}
