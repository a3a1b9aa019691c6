//! Versions compared with a reference that is nothing but lists: random requests, and after each one
//! what the service shows must be what the reference holds.

use std::collections::BTreeMap;
use std::time::Duration;

use strongroom_crypto::SystemEntropy;
use strongroom_store::KeyRange;
use strongroom_types::Entropy;
use tokio::task::JoinSet;

use crate::world::{Reply, World};

/// A version as the reference keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    id: String,
    /// `None` for a delete marker.
    body: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unversioned,
    Enabled,
    Suspended,
}

/// S3's rules in the plainest form: the versions of each key, newest first.
struct Reference {
    state: State,
    keys: BTreeMap<&'static str, Vec<Version>>,
}

impl Reference {
    fn new() -> Self {
        Self { state: State::Unversioned, keys: KEYS.map(|key| (key, Vec::new())).into() }
    }

    fn versions(&mut self, key: &str) -> &mut Vec<Version> {
        self.keys.get_mut(key).unwrap()
    }

    fn current(&self, key: &str) -> Option<&Version> {
        self.keys[key].first()
    }

    fn body(&self, key: &str, id: Option<&str>) -> Option<&str> {
        let version = match id {
            None => self.current(key)?,
            Some(id) => self.keys[key].iter().find(|version| version.id == id)?,
        };
        version.body.as_deref()
    }

    /// What a write or, without a body, a simple deletion does.
    fn write(&mut self, key: &str, id: Option<&str>, body: Option<String>) {
        let state = self.state;
        let versions = self.versions(key);
        let id = match state {
            State::Enabled => id.unwrap().to_owned(),
            State::Unversioned | State::Suspended => "null".to_owned(),
        };
        versions.retain(|version| version.id != id);
        if body.is_some() || state != State::Unversioned {
            versions.insert(0, Version { id, body });
        }
    }
}

struct Run {
    world: World,
    reference: Reference,
    dice: Dice,
    written: usize,
}

impl Run {
    async fn new(seed: u64) -> Self {
        let world = World::with_bucket().await;
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self { world, reference: Reference::new(), dice, written: 0 }
    }

    fn key(&mut self) -> &'static str {
        KEYS[self.dice.roll(KEYS.len())]
    }

    /// Of all versions of a key, or one that is not there.
    fn some_id(&mut self, key: &str) -> String {
        let versions = &self.reference.keys[key];
        let at = self.dice.roll(versions.len() + 2);
        match versions.get(at) {
            Some(version) => version.id.clone(),
            None if at == versions.len() => "null".to_owned(),
            None => "0123456789abcdef0123456789abcdef".to_owned(),
        }
    }

    fn fresh(&mut self) -> String {
        self.written += 1;
        format!("body {}", self.written)
    }

    /// One random request, on both sides.
    async fn step(&mut self) {
        match self.dice.roll(20) {
            0..=4 => self.put().await,
            5..=6 => self.put_if().await,
            7..=8 => self.copy().await,
            9 => self.upload().await,
            10..=12 => self.delete().await,
            13 => self.delete_if().await,
            14..=16 => self.delete_version().await,
            17 => self.delete_many().await,
            18 => match self.dice.roll(2) {
                0 => self.world.clock.advance(Duration::from_micros(3)),
                _ => self.world.clock.set_back(Duration::from_secs(1)),
            },
            _ => self.set_state().await,
        }
    }

    async fn put(&mut self) {
        let (key, body) = (self.key(), self.fresh());
        let put = self.world.put(&format!("/bkt/{key}")).body(body.clone()).send().await.ok();
        self.made(key, &put, Some(body));
    }

    /// Takes over what a write or a simple deletion made.
    fn made(&mut self, key: &str, reply: &Reply, body: Option<String>) {
        let id = reply.header("x-amz-version-id");
        match self.reference.state {
            State::Unversioned => assert_eq!(id, None),
            State::Suspended => assert_eq!(id, Some("null")),
            State::Enabled => {
                let id = id.unwrap();
                let known = self.reference.keys.values().flatten().any(|v| v.id == id);
                assert!(id != "null" && !known, "{id}");
            }
        }
        self.reference.write(key, id, body);
    }

    async fn put_if(&mut self) {
        let (key, body) = (self.key(), self.fresh());
        let there = self.reference.body(key, None).is_some();
        let current = self.world.head(&format!("/bkt/{key}")).send().await;
        let etag = current.header("etag").unwrap_or("\"none\"").to_owned();
        let (name, value, expected) = match self.dice.roll(3) {
            0 => ("if-none-match", "*", if there { 412 } else { 200 }),
            1 => ("if-match", etag.as_str(), if there { 200 } else { 404 }),
            _ => ("if-match", "\"other\"", if there { 412 } else { 404 }),
        };
        let put = self.world.put(&format!("/bkt/{key}")).header(name, value).body(body.clone());
        let put = put.send().await;
        assert_eq!(put.status, expected, "{name}: {value}");
        if expected == 200 {
            self.made(key, &put, Some(body));
        }
    }

    async fn copy(&mut self) {
        let (from, to) = (self.key(), self.key());
        let id = (self.dice.roll(2) == 0).then(|| self.some_id(from));
        let source = match &id {
            Some(id) => format!("bkt/{from}?versionId={id}"),
            None => format!("bkt/{from}"),
        };
        let copy = self.world.put(&format!("/bkt/{to}")).header("x-amz-copy-source", &source);
        // So that a copy onto itself is one.
        let copy = copy.header("x-amz-metadata-directive", "REPLACE").send().await;
        let marker = id.as_ref().is_some_and(|id| {
            self.reference.keys[from].iter().any(|v| v.id == *id && v.body.is_none())
        });
        match self.reference.body(from, id.as_deref()).map(str::to_owned) {
            Some(body) => {
                assert_eq!(copy.status, 200, "{source}");
                self.made(to, &copy, Some(body));
            }
            None => assert_eq!(copy.status, if marker { 400 } else { 404 }, "{source}"),
        }
    }

    async fn upload(&mut self) {
        let (key, body) = (self.key(), self.fresh());
        let created = self.world.post(&format!("/bkt/{key}?uploads")).send().await.ok();
        let id = created.element("UploadId").unwrap();
        let target = format!("/bkt/{key}?partNumber=1&uploadId={id}");
        let part = self.world.put(&target).body(body.clone()).send().await.ok();
        let etag = part.header("etag").unwrap().trim_matches('"');
        let list = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
             </CompleteMultipartUpload>"
        );
        let done = self.world.post(&format!("/bkt/{key}?uploadId={id}")).body(list);
        let done = done.send().await.ok();
        self.made(key, &done, Some(body));
    }

    async fn delete(&mut self) {
        let key = self.key();
        let deleted = self.world.delete(&format!("/bkt/{key}")).send().await.ok();
        let marked = self.reference.state != State::Unversioned;
        assert_eq!(deleted.header("x-amz-delete-marker").is_some(), marked);
        self.made(key, &deleted, None);
    }

    async fn delete_if(&mut self) {
        let key = self.key();
        let value = ["*", "\"other\""][self.dice.roll(2)];
        let call = self.world.delete(&format!("/bkt/{key}")).header("if-match", value);
        let deleted = call.send().await;
        match (self.reference.current(key), value) {
            (None, _) => {
                assert_eq!((deleted.status, deleted.header("x-amz-version-id")), (204, None));
            }
            (Some(_), "*") => {
                assert_eq!(deleted.status, 204);
                self.made(key, &deleted, None);
            }
            (Some(_), _) => assert_eq!(deleted.status, 412),
        }
    }

    async fn delete_version(&mut self) {
        let key = self.key();
        let id = self.some_id(key);
        let target = format!("/bkt/{key}?versionId={id}");
        let deleted = self.world.delete(&target).send().await.ok();
        let versions = self.reference.versions(key);
        let marker = versions.iter().any(|v| v.id == id && v.body.is_none());
        versions.retain(|version| version.id != id);
        assert_eq!(deleted.header("x-amz-delete-marker").is_some(), marker);
        let shown = (self.reference.state != State::Unversioned).then_some(id.as_str());
        assert_eq!(deleted.header("x-amz-version-id"), shown);
    }

    async fn delete_many(&mut self) {
        let (first, second) = (KEYS[0], KEYS[1]);
        let id = self.some_id(first);
        let body = format!(
            "<Delete><Object><Key>{first}</Key><VersionId>{id}</VersionId></Object>\
             <Object><Key>{second}</Key></Object></Delete>"
        );
        let reply = self.world.post("/bkt?delete").body(body).send().await.ok();
        self.reference.versions(first).retain(|version| version.id != id);
        let marked = reply.elements("Deleted")[1];
        let made = marked.split("<DeleteMarkerVersionId>").nth(1);
        let made = made.map(|rest| rest.split('<').next().unwrap());
        assert_eq!(made.is_some(), self.reference.state != State::Unversioned);
        self.reference.write(second, made, None);
    }

    async fn set_state(&mut self) {
        let (status, state) = match self.dice.roll(2) {
            0 => ("Enabled", State::Enabled),
            _ => ("Suspended", State::Suspended),
        };
        crate::versioning::set(&self.world, status).await;
        self.reference.state = state;
    }

    /// Everything that the service shows.
    async fn check(&mut self) {
        for key in KEYS {
            let got = self.world.get(&format!("/bkt/{key}")).send().await;
            match self.reference.current(key) {
                Some(Version { id, body: Some(body) }) => {
                    let shown = (self.reference.state != State::Unversioned).then_some(id.as_str());
                    assert_eq!((got.status, got.text()), (200, body.as_str()), "{key}");
                    assert_eq!(got.header("x-amz-version-id"), shown);
                }
                Some(Version { id, body: None }) => {
                    assert_eq!(got.status, 404);
                    assert_eq!(got.header("x-amz-version-id"), Some(id.as_str()));
                }
                None => {
                    assert_eq!((got.status, got.header("x-amz-delete-marker")), (404, None));
                }
            }
        }
        let expected: Vec<String> = KEYS
            .into_iter()
            .filter(|key| self.reference.body(key, None).is_some())
            .map(str::to_owned)
            .collect();
        let listed = self.world.get("/bkt?list-type=2").send().await.ok();
        assert_eq!(listed.elements("Key"), expected);
        let mut expected = Vec::new();
        for (key, versions) in &self.reference.keys {
            for (at, version) in versions.iter().enumerate() {
                let kind = if version.body.is_some() { "object" } else { "marker" };
                expected.push(format!("{key} {} {kind} {}", version.id, at == 0));
            }
        }
        let size = 1 + self.dice.roll(5);
        assert_eq!(self.listed_versions(size).await, expected);
    }

    /// The versions of the bucket, in pages of this size.
    async fn listed_versions(&self, size: usize) -> Vec<String> {
        let (mut lines, mut marker) = (Vec::new(), String::new());
        loop {
            let page = self.world.get(&format!("/bkt?versions&max-keys={size}{marker}"));
            let page = page.send().await.ok();
            lines.extend(entries(&page));
            assert!(lines.len() < 10 * STEPS, "the listing does not end");
            if page.element("IsTruncated") == Some("false") {
                return lines;
            }
            let key = page.element("NextKeyMarker").unwrap();
            let id = page.element("NextVersionIdMarker").unwrap();
            marker = format!("&key-marker={key}&version-id-marker={id}");
        }
    }

    /// Every version's bytes, and that nothing is kept that no version needs.
    async fn check_bytes(&self) {
        for (key, versions) in &self.reference.keys {
            for version in versions {
                let got = self.world.get(&format!("/bkt/{key}?versionId={}", version.id));
                let got = got.send().await;
                match &version.body {
                    Some(body) => assert_eq!((got.status, got.text()), (200, body.as_str())),
                    None => assert_eq!(got.status, 405),
                }
            }
        }
    }

    /// Deletes everything, version by version; nothing may be left.
    async fn tear_down(mut self) {
        for key in KEYS {
            for version in std::mem::take(self.reference.versions(key)) {
                let target = format!("/bkt/{key}?versionId={}", version.id);
                self.world.delete(&target).send().await.ok();
            }
        }
        self.world.service.sweep().await.unwrap();
        assert_eq!(self.world.engine.payload_bytes(), 0);
        for tag in *b"vwupg" {
            let left = self.world.store.metadata.scan(KeyRange::prefix(&[tag]), 10).await.unwrap();
            assert_eq!(left.len(), 0, "records `{}`", char::from(tag));
        }
        self.world.delete("/bkt").send().await.ok();
    }
}

/// The entries of a page of versions in their order.
fn entries(page: &Reply) -> Vec<String> {
    let pieces = page.text().split("<Version>").flat_map(|piece| piece.split("<DeleteMarker>"));
    let pieces = pieces.filter(|piece| piece.contains("<IsLatest>"));
    let field = |piece: &str, name: &str| {
        let rest = piece.split(&format!("<{name}>")).nth(1).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    pieces
        .map(|piece| {
            let kind = if piece.contains("<Size>") { "object" } else { "marker" };
            let [key, id, latest] = ["Key", "VersionId", "IsLatest"].map(|name| field(piece, name));
            format!("{key} {id} {kind} {latest}")
        })
        .collect()
}

/// Reproducible random numbers: xorshift.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }
}

const KEYS: [&str; 3] = ["a", "a/b", "b"];
const STEPS: usize = 120;
const FIXED_SEEDS: u64 = 8;

#[tokio::test]
async fn random_requests_do_what_the_reference_does() {
    let mut random = [0; 8];
    SystemEntropy.fill(&mut random).unwrap();
    for seed in (1..=FIXED_SEEDS).chain([u64::from_le_bytes(random)]) {
        // A task of its own, so that a failure can say of which seed it is.
        let mut runs = JoinSet::new();
        runs.spawn(async move {
            let mut run = Run::new(seed).await;
            for _ in 0..STEPS {
                run.step().await;
                run.check().await;
            }
            run.check_bytes().await;
            run.tear_down().await;
        });
        assert!(runs.join_next().await.unwrap().is_ok(), "seed {seed}");
    }
}
