//! What happens to an upload between the moment a request has read it and the moment it commits.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use strongroom_store::{
    Batch, BoxFuture, CommitError, KeyRange, MetadataStore, NewPayload, Protection, Write,
};
use tokio::task::JoinSet;

use crate::watched::{Watch, watched};
use crate::world::{Call, Reply, World};

type Meanwhile = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// Lets something else happen before the next commit.
#[derive(Default)]
struct Interposed(Mutex<Option<Meanwhile>>);

impl fmt::Debug for Interposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interposed")
    }
}

impl Watch for Interposed {
    fn commit<'a>(&'a self, _: &'a dyn MetadataStore) -> BoxFuture<'a, Result<(), CommitError>> {
        let meanwhile = self.0.lock().unwrap().take();
        Box::pin(async move {
            if let Some(meanwhile) = meanwhile {
                meanwhile().await;
            }
            Ok(())
        })
    }
}

/// A bucket with an upload of `/bkt/k` whose part 1 is `one`.
struct Scene {
    world: Arc<World>,
    interposed: Arc<Interposed>,
    id: String,
    etag: String,
}

impl Scene {
    async fn new() -> Self {
        let interposed: Arc<Interposed> = Arc::default();
        let interpose = |store| watched(store, interposed.clone());
        let world = Arc::new(World::with_bucket().await.over(interpose));
        let created = world.post("/bkt/k?uploads").send().await.ok();
        let id = created.element("UploadId").unwrap().to_owned();
        let target = format!("/bkt/k?partNumber=1&uploadId={id}");
        let part = world.put(&target).body("one").send().await.ok();
        let etag = part.header("etag").unwrap().trim_matches('"').to_owned();
        Self { world, interposed, id, etag }
    }

    /// Lets another request run before the next commit of this world; asserts its status.
    fn before_the_next_commit<F>(&self, status: u16, other: impl FnOnce(Requests) -> F)
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let requests = self.requests();
        let other = other(requests);
        *self.interposed.0.lock().unwrap() = Some(Box::new(move || {
            Box::pin(async move {
                let reply = other.await;
                assert_eq!(reply.status, status, "{}", reply.text());
            })
        }));
    }

    fn requests(&self) -> Requests {
        Requests { world: Arc::clone(&self.world), id: self.id.clone(), etag: self.etag.clone() }
    }

    /// Records by the tags of their keys, after a sweep.
    async fn left<const N: usize>(&self, tags: &[u8; N]) -> [usize; N] {
        self.world.service.sweep().await.unwrap();
        let mut counts = [0; N];
        for (count, tag) in counts.iter_mut().zip(tags) {
            let range = KeyRange::prefix(&[*tag]);
            *count = self.world.store.metadata.scan(range, 1_000).await.unwrap().len();
        }
        counts
    }

    async fn assert_object(&self, expected: &str) {
        assert!(self.interposed.0.lock().unwrap().is_none(), "nothing happened meanwhile");
        assert_eq!(self.world.get("/bkt/k").send().await.ok().text(), expected);
    }
}

/// The requests of a scene.
struct Requests {
    world: Arc<World>,
    id: String,
    etag: String,
}

impl Requests {
    async fn abort(self) -> Reply {
        self.world.delete(&format!("/bkt/k?uploadId={}", self.id)).send().await
    }

    async fn complete(self) -> Reply {
        self.complete_if("x-none", "").await
    }

    async fn complete_if(self, name: &str, value: &str) -> Reply {
        let part = format!("<Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part>", self.etag);
        let body = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
        let call = self.world.post(&format!("/bkt/k?uploadId={}", self.id)).body(body);
        call.header(name, value).send().await
    }

    async fn part(self, number: u32, body: &'static str) -> Reply {
        let target = format!("/bkt/k?partNumber={number}&uploadId={}", self.id);
        self.world.put(&target).body(body).send().await
    }

    async fn copy(self, number: u32, from: &'static str) -> Reply {
        let target = format!("/bkt/k?partNumber={number}&uploadId={}", self.id);
        self.world.put(&target).header("x-amz-copy-source", from).send().await
    }

    async fn put(self, target: &'static str, body: &'static str) -> Reply {
        self.world.put(target).body(body).send().await
    }

    async fn delete(self, target: &'static str) -> Reply {
        self.world.delete(target).send().await
    }
}

#[tokio::test]
async fn an_upload_that_is_aborted_meanwhile_is_not_completed() {
    let scene = Scene::new().await;
    scene.before_the_next_commit(204, |other| other.abort());
    scene.requests().complete().await.expect(404, "NoSuchUpload");
    scene.world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
    assert_eq!(scene.left(b"upgv").await, [0, 0, 0, 0]);
    // Also where the server stopped before it swept what was aborted.
    let scene = Scene::new().await;
    let store = scene.world.store.metadata.clone();
    let upload = store.scan(KeyRange::prefix(b"u"), 1).await.unwrap().remove(0).0;
    let mark = [b"g", &upload[upload.len() - 16..]].concat();
    let put = Write::Put {
        key: mark.into(),
        value: Bytes::new(),
        payload: NewPayload::None,
        protection: Protection::default(),
    };
    let writes = vec![Write::Delete { key: upload }, put];
    scene.before_the_next_commit(404, |other| async move {
        store.commit(Batch { writes, ..Batch::default() }).await.unwrap();
        other.abort().await
    });
    scene.requests().complete().await.expect(404, "NoSuchUpload");
    assert_eq!(scene.left(b"upgv").await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn an_upload_that_is_completed_meanwhile_is_not_aborted() {
    let scene = Scene::new().await;
    scene.before_the_next_commit(200, |other| other.complete());
    scene.requests().abort().await.expect(404, "NoSuchUpload");
    assert_eq!(scene.left(b"upgv").await, [0, 1, 0, 1]);
    scene.assert_object("one").await;
}

#[tokio::test]
async fn a_completion_that_is_overtaken_by_itself_answers_the_same() {
    let scene = Scene::new().await;
    scene.before_the_next_commit(200, |other| other.complete());
    scene.requests().complete_if("if-none-match", "*").await.ok();
    assert_eq!(scene.left(b"upgv").await, [0, 1, 0, 1]);
    scene.assert_object("one").await;
}

#[tokio::test]
async fn a_listed_part_that_is_replaced_meanwhile_is_not_the_one_that_was_listed() {
    let scene = Scene::new().await;
    scene.before_the_next_commit(200, |other| other.part(1, "two"));
    scene.requests().complete().await.expect(400, "InvalidPart");
    assert_eq!(scene.left(b"upgv").await, [1, 1, 0, 0]);
    // The same bytes again are another payload, and the object has it.
    let scene = Scene::new().await;
    scene.before_the_next_commit(200, |other| other.part(1, "one"));
    scene.requests().complete().await.ok();
    scene.assert_object("one").await;
}

#[tokio::test]
async fn a_part_that_arrives_during_the_completion_is_in_or_gone() {
    let scene = Scene::new().await;
    scene.before_the_next_commit(200, |other| other.part(2, "late"));
    scene.requests().complete().await.ok();
    scene.assert_object("one").await;
    // The late part belongs to nobody; deleting the object frees it with the others.
    scene.world.delete("/bkt/k").send().await.ok();
    assert_eq!(scene.left(b"upgv").await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn parts_of_an_upload_that_ended_meanwhile_are_refused() {
    let scene = Scene::new().await;
    scene.before_the_next_commit(200, |other| other.complete());
    scene.requests().part(1, "two").await.expect(404, "NoSuchUpload");
    assert_eq!(scene.left(b"upgv").await, [0, 1, 0, 1]);
    scene.assert_object("one").await;
    let scene = Scene::new().await;
    scene.before_the_next_commit(204, |other| other.abort());
    scene.requests().part(2, "two").await.expect(404, "NoSuchUpload");
    assert_eq!(scene.left(b"upgv").await, [0, 0, 0, 0]);
    let scene = Scene::new().await;
    scene.world.put("/bkt/source").body("two").send().await.ok();
    scene.before_the_next_commit(204, |other| other.abort());
    scene.requests().copy(2, "bkt/source").await.expect(404, "NoSuchUpload");
    assert_eq!(scene.left(b"upgv").await, [0, 0, 0, 1]);
}

#[tokio::test]
async fn an_object_that_is_written_meanwhile_is_seen_by_the_condition() {
    let scene = Scene::new().await;
    scene.before_the_next_commit(200, |other| other.put("/bkt/k", "other"));
    let refused = scene.requests().complete_if("if-none-match", "*").await;
    refused.expect(412, "PreconditionFailed");
    scene.assert_object("other").await;
    assert_eq!(scene.left(b"upgv").await, [1, 1, 0, 1]);
    // Without a condition the later one wins, and both were answered 200.
    scene.before_the_next_commit(200, |other| other.put("/bkt/k", "again"));
    scene.requests().complete().await.ok();
    scene.assert_object("one").await;
    // With one the object must still be the one that was named.
    let scene = Scene::new().await;
    let old = scene.world.put("/bkt/k").body("old").send().await.ok();
    scene.before_the_next_commit(204, |other| other.delete("/bkt/k"));
    let etag = old.header("etag").unwrap().to_owned();
    scene.requests().complete_if("if-match", &etag).await.expect(404, "NoSuchKey");
}

#[tokio::test]
async fn a_bucket_that_is_deleted_meanwhile_takes_no_more() {
    let create = Scene::new().await;
    create.before_the_next_commit(204, |other| other.delete("/bkt"));
    let created = create.world.post("/bkt/other?uploads").send().await;
    created.expect(404, "NoSuchBucket");
    let part = Scene::new().await;
    part.before_the_next_commit(204, |other| other.delete("/bkt"));
    part.requests().part(2, "two").await.expect(404, "NoSuchBucket");
    let complete = Scene::new().await;
    complete.before_the_next_commit(204, |other| other.delete("/bkt"));
    complete.requests().complete().await.expect(404, "NoSuchBucket");
    let abort = Scene::new().await;
    abort.before_the_next_commit(204, |other| other.delete("/bkt"));
    abort.requests().abort().await.expect(404, "NoSuchBucket");
    for scene in [create, part, complete, abort] {
        assert_eq!(scene.left(b"upgvdn").await, [0; 6]);
    }
}

#[tokio::test]
async fn a_source_bucket_that_is_deleted_meanwhile_gives_nothing() {
    let scene = Scene::new().await;
    scene.world.put("/from").send().await.ok();
    scene.world.put("/from/s").body("two").send().await.ok();
    scene.world.delete("/from?encryption").send().await.ok();
    scene.before_the_next_commit(204, |other| async move {
        other.world.delete("/from/s").send().await.ok();
        other.delete("/from").await
    });
    scene.requests().copy(2, "from/s").await.expect(404, "NoSuchBucket");
    assert_eq!(scene.left(b"upgv").await, [1, 1, 0, 0]);
}

#[tokio::test]
async fn a_changed_bucket_is_judged_again_and_the_write_succeeds() {
    for round in 0..4 {
        let scene = Scene::new().await;
        scene.before_the_next_commit(204, |other| other.delete("/bkt?encryption"));
        let reply = match round {
            0 => scene.world.post("/bkt/other?uploads").send().await,
            1 => scene.requests().part(2, "two").await,
            2 => scene.requests().complete().await,
            _ => scene.world.delete("/bkt?encryption").send().await,
        };
        assert!(reply.ok().recorded);
        assert!(scene.interposed.0.lock().unwrap().is_none());
    }
}

/// A scene in whose bucket versioning is on.
async fn versioned_scene() -> Scene {
    let scene = Scene::new().await;
    crate::versioning::set(&scene.world, "Enabled").await;
    scene
}

#[tokio::test]
async fn a_condition_that_holds_again_by_another_object_is_a_conflict() {
    // SPEC: data-protection, 1.11. Another marker came over the marker.
    let scene = versioned_scene().await;
    scene.world.delete("/bkt/k").send().await.ok();
    let bytes = scene.world.engine.payload_bytes();
    scene.before_the_next_commit(204, |other| other.delete("/bkt/k"));
    let put = scene.world.put("/bkt/k").header("if-none-match", "*").body("new");
    let conflict = put.send().await.expect(409, "ConditionalRequestConflict");
    assert!(!conflict.recorded);
    assert_eq!(scene.world.engine.payload_bytes(), bytes);
    // A completion as well; the upload stays.
    scene.before_the_next_commit(204, |other| other.delete("/bkt/k"));
    let complete = scene.requests().complete_if("if-none-match", "*").await;
    complete.expect(409, "ConditionalRequestConflict");
    scene.requests().complete_if("if-none-match", "*").await.ok();
    scene.assert_object("one").await;
    // The same bytes again are another object; other tags are not.
    let etag = scene.world.put("/bkt/k").body("old").send().await.ok();
    let etag = etag.header("etag").unwrap().to_owned();
    scene.before_the_next_commit(200, |other| other.put("/bkt/k", "old"));
    let put = scene.world.put("/bkt/k").header("if-match", &etag).body("new").send().await;
    put.expect(409, "ConditionalRequestConflict");
    scene.before_the_next_commit(200, |other| async move {
        let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
        other.world.put("/bkt/k?tagging").body(tags).send().await
    });
    scene.world.put("/bkt/k").header("if-match", &etag).body("new").send().await.ok();
    scene.assert_object("new").await;
}

#[tokio::test]
async fn a_version_that_comes_meanwhile_is_behind_the_one_that_is_committed_later() {
    let scene = versioned_scene().await;
    scene.before_the_next_commit(200, |other| other.put("/bkt/k", "first"));
    let later = scene.world.put("/bkt/k").body("second").send().await.ok();
    scene.assert_object("second").await;
    let listed = scene.world.get("/bkt?versions").send().await.ok();
    let ids = listed.elements("VersionId");
    assert_eq!((ids.len(), Some(ids[0])), (2, later.header("x-amz-version-id")));
    // A condition sees it.
    let etag = later.header("etag").unwrap().to_owned();
    scene.before_the_next_commit(200, |other| other.put("/bkt/k", "third"));
    let put = scene.world.put("/bkt/k").header("if-match", &etag).body("fourth").send().await;
    put.expect(412, "PreconditionFailed");
    scene.before_the_next_commit(204, |other| other.delete("/bkt/k"));
    let put = scene.world.put("/bkt/k").header("if-match", "*").body("fourth").send().await;
    put.expect(404, "NoSuchKey");
    // So does a conditional deletion.
    scene.world.put("/bkt/k").body("fifth").send().await.ok();
    scene.before_the_next_commit(200, |other| other.put("/bkt/k", "sixths"));
    let deletion = scene.world.delete("/bkt/k").header("x-amz-if-match-size", "5").send().await;
    deletion.expect(412, "PreconditionFailed");
    scene.assert_object("sixths").await;
}

#[tokio::test]
async fn a_write_follows_the_state_that_the_bucket_has_when_it_commits() {
    let enable = |other: Requests| async move {
        let body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        let set = other.world.put("/bkt?versioning").body(body).send().await;
        other.world.put("/bkt/k").body("other").send().await.ok();
        set
    };
    let scene = Scene::new().await;
    scene.before_the_next_commit(200, enable);
    let put = scene.world.put("/bkt/k").body("new").send().await.ok();
    assert!(put.header("x-amz-version-id").is_some_and(|id| id != "null"));
    let listed = scene.world.get("/bkt?versions").send().await.ok();
    assert_eq!(listed.elements("VersionId").len(), 2);
    let scene = Scene::new().await;
    scene.before_the_next_commit(200, enable);
    scene.requests().complete().await.ok();
    assert_eq!(scene.world.get("/bkt?versions").send().await.ok().elements("VersionId").len(), 2);
    // A deletion that was decided before there were versions hides the object and removes none.
    let scene = Scene::new().await;
    scene.world.put("/bkt/k").body("old").send().await.ok();
    scene.before_the_next_commit(200, enable);
    let deleted = scene.world.delete("/bkt/k").send().await.ok();
    assert_eq!(deleted.header("x-amz-delete-marker"), Some("true"));
    let listed = scene.world.get("/bkt?versions").send().await.ok();
    assert_eq!((listed.elements("Version").len(), listed.elements("DeleteMarker").len()), (2, 1));
}

#[tokio::test]
async fn the_null_version_that_is_replaced_meanwhile_is_replaced_again() {
    let suspended = || async {
        let scene = versioned_scene().await;
        scene.world.put("/bkt/k").body("named").send().await.ok();
        crate::versioning::set(&scene.world, "Suspended").await;
        scene
    };
    let check = async |scene: &Scene, expected: &str| {
        scene.assert_object(expected).await;
        let listed = scene.world.get("/bkt?versions").send().await.ok();
        let nulls = listed.elements("VersionId").iter().filter(|id| **id == "null").count();
        assert_eq!((nulls, scene.left(b"wv").await), (1, [1, 2]));
    };
    let scene = suspended().await;
    scene.before_the_next_commit(200, |other| other.put("/bkt/k", "null 1"));
    scene.world.put("/bkt/k").body("null 2").send().await.ok();
    check(&scene, "null 2").await;
    // Removed by name in between, and a marker in its place.
    scene.before_the_next_commit(204, |other| other.delete("/bkt/k?versionId=null"));
    scene.world.put("/bkt/k").body("null 3").send().await.ok();
    check(&scene, "null 3").await;
    scene.before_the_next_commit(204, |other| other.delete("/bkt/k"));
    scene.world.put("/bkt/k").body("null 4").send().await.ok();
    check(&scene, "null 4").await;
    // The named version in front of it goes away, and with it the reason to move.
    let scene = suspended().await;
    let id = scene.world.head("/bkt/k").send().await.header("x-amz-version-id").unwrap().to_owned();
    scene.before_the_next_commit(204, move |other| async move {
        other.world.delete(&format!("/bkt/k?versionId={id}")).send().await
    });
    scene.world.put("/bkt/k").body("alone").send().await.ok();
    scene.assert_object("alone").await;
    assert_eq!(scene.left(b"wv").await, [0, 1]);
}

/// Sends so many requests at the same time.
async fn race(
    world: &Arc<World>,
    requests: usize,
    request: fn(&World, usize) -> Call<'_>,
) -> Vec<Reply> {
    let mut running = JoinSet::new();
    for number in 0..requests {
        let world = Arc::clone(world);
        running.spawn(async move { request(&world, number).send().await });
    }
    running.join_all().await
}

fn claim(world: &World, _: usize) -> Call<'_> {
    world.put("/bkt/k").header("if-none-match", "*").body("y")
}

fn mixed(world: &World, number: usize) -> Call<'_> {
    match number % 3 {
        0 => world.put("/bkt/k").body("null"),
        1 => world.delete("/bkt/k"),
        _ => world.delete("/bkt/k?versionId=null"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_requests_lose_nothing_and_win_once() {
    let world = Arc::new(crate::versioning::versioned().await);
    // Writers all succeed, and each makes a version of its own.
    let written = race(&world, 32, |world, _| world.put("/bkt/k").body("x")).await;
    let written = written
        .into_iter()
        .map(|reply| reply.ok().header("x-amz-version-id").map(str::to_owned).unwrap());
    let written: BTreeSet<String> = written.collect();
    assert_eq!(written.len(), 32);
    let listed = world.get("/bkt?versions").send().await.ok();
    let found = listed.elements("VersionId").into_iter().map(str::to_owned);
    assert_eq!(found.collect::<BTreeSet<_>>(), written);
    // CND-012, CND-013: over a marker, one of many is the first.
    world.delete("/bkt/k").send().await.ok();
    let mut statuses: Vec<u16> =
        race(&world, 50, claim).await.into_iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200][..], &[412; 49]].concat());
    // Suspended: whatever happens, there is at most one null version, and it can be found.
    crate::versioning::set(&world, "Suspended").await;
    for reply in race(&world, 60, mixed).await {
        reply.ok();
    }
    let listed = world.get("/bkt?versions").send().await.ok();
    let nulls = listed.elements("VersionId").iter().filter(|id| **id == "null").count();
    let named = world.get("/bkt/k?versionId=null").send().await.status;
    assert!(matches!((nulls, named), (0, 404) | (1, 200 | 405)), "{nulls} {named}");
}
