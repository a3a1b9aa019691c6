//! Accounts and sessions over the in-memory engine.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use strongroom_access::{CredentialDirectory, CredentialError, Principal, SigningScope};
use strongroom_audit::{AuditEvent, AuthKind, PrincipalKind};
use strongroom_crypto::{SecretText, SystemEntropy, hmac_sha1, sha256};
use strongroom_sigv4::sign::{Credentials, Signer};
use strongroom_sigv4::{
    Expected, PayloadMode, RequestView, SigningKey, parse_claim, parse_form_claim,
};
use strongroom_store::memory::MemoryEngine;
use strongroom_store::{Batch, KeyName, KeyRange, NewPayload, Protection, Revision, Store, Write};
use strongroom_types::{AccessKeyId, Clock, Timestamp};
use tokio::task::JoinSet;

use crate::records::{AccessKeyFacts, AccessKeyRecord, AccessKeyStatus};
use crate::{
    AccountName, Bootstrap, GivenRootKey, Identity, IdentityError, NewAccount,
    SESSION_LIFETIME_MAX, SESSION_LIFETIME_MIN, SessionCredentials, keys,
};

#[derive(Debug)]
struct SetClock(Mutex<Timestamp>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.now().micros())
    }
}

struct World {
    clock: Arc<SetClock>,
    store: Store,
    identity: Arc<Identity>,
}

impl World {
    async fn new() -> Self {
        let start = Timestamp::parse_amz_date("20260102T030405Z").unwrap();
        let clock = Arc::new(SetClock(Mutex::new(start)));
        let store = MemoryEngine::new(Arc::new(SystemEntropy), clock.clone()).store();
        let identity = open(&store, &clock).await;
        Self { clock, store, identity }
    }

    async fn with_first_account() -> (Self, NewAccount) {
        let world = Self::new().await;
        let Bootstrap::Created(new) = world.identity.bootstrap(None).await.unwrap() else {
            panic!("the first start makes the first account")
        };
        (world, new)
    }

    fn advance(&self, span: Duration) {
        let mut now = self.clock.0.lock();
        *now = now.saturating_add(span);
    }

    async fn ask(
        &self,
        access_key_id: &AccessKeyId,
        session_token: Option<&str>,
    ) -> Result<(SigningKey, Principal), &'static str> {
        let now = self.clock.now();
        let found = self.identity.credential(access_key_id, session_token, SCOPE, now).await;
        found.map(|found| (found.signing_key, found.principal)).map_err(|error| match error {
            CredentialError::UnknownAccessKey => "unknown",
            CredentialError::InvalidToken => "invalid",
            CredentialError::ExpiredToken => "expired",
            CredentialError::Unavailable(_) => "unavailable",
        })
    }

    async fn ask_session(
        &self,
        session: &SessionCredentials,
    ) -> Result<(SigningKey, Principal), &'static str> {
        self.ask(&session.access_key_id, Some(session.session_token.danger_expose())).await
    }

    async fn mint(&self) -> SessionCredentials {
        self.identity.mint_session(&AccountName::first(), HALF_DAY).await.unwrap()
    }

    async fn write(&self, key: bytes::Bytes, value: Vec<u8>) {
        let put = Write::Put {
            key,
            value: value.into(),
            payload: NewPayload::None,
            protection: Protection::default(),
        };
        let batch = Batch { writes: vec![put], ..Batch::default() };
        self.store.metadata.commit(batch).await.unwrap();
    }

    async fn events(&self) -> Vec<AuditEvent> {
        let stored = self.store.metadata.events(Revision(0), 1_000).await.unwrap();
        stored.iter().map(|stored| AuditEvent::decode(&stored.event).unwrap()).collect()
    }
}

async fn open(store: &Store, clock: &Arc<SetClock>) -> Arc<Identity> {
    Identity::open(store.clone(), clock.clone(), Arc::new(SystemEntropy)).await.unwrap()
}

/// A signing key shows nothing of itself: it is the right one if it proves what the secret signs.
fn proves(found: &SigningKey, secret: &SecretText, scope: SigningScope<'_>) -> bool {
    let now = Timestamp::parse_amz_date(&format!("{}T120000Z", scope.date)).unwrap();
    let credentials = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        secret_access_key: secret,
        session_token: None,
    };
    let body_digest = sha256(b"");
    let mut headers = vec![("host", b"localhost".as_slice())];
    let view = RequestView { method: "GET", path: "/", query: "", headers: &headers };
    let signed = Signer::new(&credentials, scope.region, scope.service, now)
        .sign_headers(&view, PayloadMode::Sha256(body_digest))
        .unwrap();
    headers.extend(signed.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    let view = RequestView { method: "GET", path: "/", query: "", headers: &headers };
    let expected = Expected { service: scope.service, region: scope.region, now };
    let claim = parse_claim(&view).unwrap().unwrap().v4().unwrap();
    claim.check(&expected).unwrap().verify(found, Some(&body_digest)).is_ok()
}

fn given(id: &str, secret: &str) -> GivenRootKey {
    GivenRootKey::new(id, SecretText::new(secret.to_owned())).unwrap()
}

fn name(text: &str) -> AccountName {
    text.parse().unwrap()
}

const SCOPE: SigningScope<'static> =
    SigningScope { date: "20260102", region: "us-east-1", service: "s3" };
const HALF_DAY: Duration = Duration::from_secs(12 * 60 * 60);
const GIVEN_ID: &str = "given_root_key_id_1";

#[tokio::test]
async fn the_first_start_makes_one_account_and_later_starts_find_it() {
    let (world, new) = World::with_first_account().await;
    assert_eq!(new.account.name, AccountName::first());
    let identity = open(&world.store, &world.clock).await;
    let Bootstrap::Existing(account) = identity.bootstrap(None).await.unwrap() else {
        panic!("the account is there")
    };
    assert_eq!(account, new.account);
    assert_eq!(identity.accounts().await.unwrap(), [account]);
    let id = new.root_key.access_key_id;
    let (signing_key, principal) = world.ask(&id, None).await.unwrap();
    assert!(proves(&signing_key, &new.root_key.secret_access_key, SCOPE));
    let Principal::Root { account, canonical_user_id } = principal else {
        panic!("a root key speaks for the root")
    };
    assert_eq!(account, new.account.id);
    assert_eq!(canonical_user_id, new.account.canonical_user_id);
}

#[tokio::test]
async fn a_given_root_key_is_taken_once_and_never_changed() {
    let world = World::new().await;
    let first = given(GIVEN_ID, "given secret");
    let made = world.identity.bootstrap(Some(&first)).await.unwrap();
    assert!(matches!(made, Bootstrap::Created(_)));
    let id: AccessKeyId = GIVEN_ID.parse().unwrap();
    let (signing_key, _) = world.ask(&id, None).await.unwrap();
    let secret = SecretText::new("given secret".to_owned());
    assert!(proves(&signing_key, &secret, SCOPE));
    assert!(!proves(&signing_key, &SecretText::new("given secreT".to_owned()), SCOPE));

    let identity = open(&world.store, &world.clock).await;
    assert!(matches!(identity.bootstrap(Some(&first)).await, Ok(Bootstrap::Existing(_))));
    assert!(matches!(identity.bootstrap(None).await, Ok(Bootstrap::Existing(_))));
    for (id, secret) in [(GIVEN_ID, "given secreT"), ("given_root_key_id_2", "given secret")] {
        let refused = identity.bootstrap(Some(&given(id, secret))).await;
        assert!(matches!(refused, Err(IdentityError::RootKeyDiffers)), "{id}");
    }
    assert_eq!(identity.accounts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_root_key_made_at_random_cannot_be_replaced_by_a_given_one() {
    let (world, _) = World::with_first_account().await;
    let refused = world.identity.bootstrap(Some(&given(GIVEN_ID, "given secret"))).await;
    assert!(matches!(refused, Err(IdentityError::RootKeyDiffers)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_first_starts_at_once_make_one_first_account() {
    let world = World::new().await;
    let mut starts = JoinSet::new();
    for _ in 0..8 {
        let identity = open(&world.store, &world.clock).await;
        starts.spawn(async move { identity.bootstrap(None).await.unwrap() });
    }
    let found = starts.join_all().await;
    let created = found.iter().filter(|start| matches!(start, Bootstrap::Created(_))).count();
    assert_eq!(created, 1);
    assert!(found.iter().all(|start| start.account() == found[0].account()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_want_a_name_exactly_one_gets_it() {
    let (world, _) = World::with_first_account().await;
    for round in 0..20 {
        let mut wanting = JoinSet::new();
        for case in ["backup", "Backup", "BACKUP", "bAcKuP"] {
            let identity = Arc::clone(&world.identity);
            let wanted = name(&format!("{case}{round}"));
            wanting.spawn(async move { identity.create_account(wanted).await });
        }
        let ends = wanting.join_all().await;
        assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1);
        let lost = |end: &Result<_, _>| matches!(end, Err(IdentityError::NameTaken(_)));
        assert_eq!(ends.iter().filter(|end| lost(end)).count(), 3);
    }
    let accounts = world.identity.accounts().await.unwrap();
    assert_eq!(accounts.len(), 21);
    assert!(accounts.is_sorted_by_key(|account| account.id.number()));
}

#[tokio::test]
async fn a_taken_name_leaves_no_trace() {
    let (world, _) = World::with_first_account().await;
    let everything = KeyRange::prefix(b"");
    let before = world.store.metadata.scan(everything.clone(), 100).await.unwrap().len();
    let refused = world.identity.create_account(name("MAIN")).await;
    assert!(matches!(refused, Err(IdentityError::NameTaken(_))));
    assert_eq!(world.store.metadata.scan(everything, 100).await.unwrap().len(), before);
    assert_eq!(world.events().await.len(), 1);
}

#[tokio::test]
async fn accounts_are_listed_across_pages() {
    let (world, _) = World::with_first_account().await;
    for number in 0..1_001 {
        world.identity.create_account(name(&format!("n{number}"))).await.unwrap();
    }
    let accounts = world.identity.accounts().await.unwrap();
    assert_eq!(accounts.len(), 1_002);
    assert!(accounts.windows(2).all(|pair| pair[0].id < pair[1].id));
}

#[tokio::test]
async fn an_unknown_or_inactive_key_is_unknown() {
    let (world, new) = World::with_first_account().await;
    let unknown = "AKIAIOSFODNN7EXAMPLE".parse().unwrap();
    assert_eq!(world.ask(&unknown, None).await.unwrap_err(), "unknown");

    let id = &new.root_key.access_key_id;
    assert!(world.ask(id, None).await.is_ok());
    let key = keys::access_key(id);
    let entry = world.store.metadata.get(&key).await.unwrap().unwrap();
    let facts = AccessKeyRecord::decode(&entry.value).unwrap().facts;
    for (status, expected) in
        [(AccessKeyStatus::Inactive, Some("unknown")), (AccessKeyStatus::Active, None)]
    {
        let facts = AccessKeyFacts { status, ..facts.clone() };
        let record = world.identity.seal_access_key(facts, &new.root_key).unwrap();
        world.write(key.clone(), record.encode().unwrap()).await;
        assert_eq!(world.ask(id, None).await.err(), expected);
    }
    let delete = Batch { writes: vec![Write::Delete { key }], ..Batch::default() };
    world.store.metadata.commit(delete).await.unwrap();
    assert_eq!(world.ask(id, None).await.unwrap_err(), "unknown");
}

#[tokio::test]
async fn a_damaged_or_exchanged_record_fails_closed() {
    let (world, first) = World::with_first_account().await;
    let second = world.identity.create_account(name("second")).await.unwrap();
    let first_key = keys::access_key(&first.root_key.access_key_id);
    let second_key = keys::access_key(&second.root_key.access_key_id);
    let first_entry = world.store.metadata.get(&first_key).await.unwrap().unwrap();
    let original = first_entry.value.to_vec();
    // The whole record of another key, which would let its owner be somebody else.
    world.write(second_key, original.clone()).await;
    let exchanged = world.ask(&second.root_key.access_key_id, None).await;
    assert_eq!(exchanged.unwrap_err(), "unavailable");
    for at in 0..original.len() {
        let mut damaged = original.clone();
        damaged[at] ^= 0x80;
        world.write(first_key.clone(), damaged).await;
        let answer = world.ask(&first.root_key.access_key_id, None).await;
        assert_eq!(answer.unwrap_err(), "unavailable", "{at}");
    }
    world.write(first_key, original).await;
    assert!(world.ask(&first.root_key.access_key_id, None).await.is_ok());
}

#[tokio::test]
async fn a_destroyed_account_key_makes_its_secrets_unreadable() {
    let (world, new) = World::with_first_account().await;
    world.store.keys.destroy(KeyName::Account(new.account.id)).await.unwrap();
    let answer = world.ask(&new.root_key.access_key_id, None).await;
    assert_eq!(answer.unwrap_err(), "unavailable");
}

#[tokio::test]
async fn a_session_speaks_for_the_root_of_its_account() {
    let (world, new) = World::with_first_account().await;
    let session = world.mint().await;
    assert!(session.access_key_id.is_temporary());
    // Once derived, once from the cache.
    for _ in 0..2 {
        let (signing_key, principal) = world.ask_session(&session).await.unwrap();
        assert!(proves(&signing_key, &session.secret_access_key, SCOPE));
        assert_eq!(principal.account(), Some(new.account.id));
    }
    // A token outlives the process.
    let later = World {
        clock: world.clock.clone(),
        identity: open(&world.store, &world.clock).await,
        store: world.store.clone(),
    };
    assert!(later.ask_session(&session).await.is_ok());
}

#[tokio::test]
async fn a_token_belongs_to_one_access_key_id() {
    let (world, new) = World::with_first_account().await;
    let (one, other) = (world.mint().await, world.mint().await);
    assert!(world.ask_session(&one).await.is_ok());
    assert!(world.ask_session(&other).await.is_ok());
    let token = Some(other.session_token.danger_expose());
    assert_eq!(world.ask(&one.access_key_id, token).await.unwrap_err(), "invalid");
    // A long-term key takes no token, and a temporary one does not do without.
    let root_id = &new.root_key.access_key_id;
    assert_eq!(world.ask(root_id, token).await.unwrap_err(), "invalid");
    assert_eq!(world.ask(root_id, Some("")).await.unwrap_err(), "invalid");
    assert_eq!(world.ask(&one.access_key_id, None).await.unwrap_err(), "unknown");
    for garbage in ["", "A", "not/base64url", "\u{0}", &"A".repeat(100_000)] {
        let answer = world.ask(&one.access_key_id, Some(garbage)).await;
        assert_eq!(answer.unwrap_err(), "invalid");
    }
}

#[tokio::test]
async fn a_token_of_another_installation_is_invalid() {
    let (world, _) = World::with_first_account().await;
    let (other, _) = World::with_first_account().await;
    let session = other.mint().await;
    assert_eq!(world.ask_session(&session).await.unwrap_err(), "invalid");
}

#[tokio::test]
async fn a_changed_token_is_invalid_even_when_the_right_one_is_cached() {
    let (world, _) = World::with_first_account().await;
    let session = world.mint().await;
    assert!(world.ask_session(&session).await.is_ok());
    let token = session.session_token.danger_expose();
    for (at, there) in token.char_indices() {
        let mut changed = token.to_owned();
        changed.replace_range(at..=at, if there == 'A' { "B" } else { "A" });
        let answer = world.ask(&session.access_key_id, Some(&changed)).await;
        assert_eq!(answer.unwrap_err(), "invalid", "{at}");
    }
    assert!(world.ask_session(&session).await.is_ok());
}

#[tokio::test]
async fn a_session_ends_at_its_last_moment_cached_or_not() {
    let (world, _) = World::with_first_account().await;
    let (cached, fresh) = (world.mint().await, world.mint().await);
    assert!(world.ask_session(&cached).await.is_ok());
    world.advance(HALF_DAY - Duration::from_micros(1));
    assert!(world.ask_session(&cached).await.is_ok());
    assert_eq!(cached.expires, world.clock.now().saturating_add(Duration::from_micros(1)));
    world.advance(Duration::from_micros(1));
    assert_eq!(world.ask_session(&cached).await.unwrap_err(), "expired");
    assert_eq!(world.ask_session(&fresh).await.unwrap_err(), "expired");
}

#[tokio::test]
async fn revocation_ends_older_sessions_of_its_account_only() {
    let (world, _) = World::with_first_account().await;
    world.identity.create_account(name("other")).await.unwrap();
    let (cached, fresh) = (world.mint().await, world.mint().await);
    let others = world.identity.mint_session(&name("other"), HALF_DAY).await.unwrap();
    assert!(world.ask_session(&cached).await.is_ok());
    assert!(world.ask_session(&others).await.is_ok());
    world.identity.revoke_sessions(&name("Main")).await.unwrap();
    assert_eq!(world.ask_session(&cached).await.unwrap_err(), "expired");
    assert_eq!(world.ask_session(&fresh).await.unwrap_err(), "expired");
    assert!(world.ask_session(&others).await.is_ok());
    world.advance(Duration::from_micros(1));
    let newer = world.mint().await;
    assert!(world.ask_session(&newer).await.is_ok());
}

#[tokio::test]
async fn the_sessions_of_a_removed_account_are_over() {
    let (world, new) = World::with_first_account().await;
    let (cached, fresh) = (world.mint().await, world.mint().await);
    assert!(world.ask_session(&cached).await.is_ok());
    let key = keys::account(new.account.id);
    let delete = Batch { writes: vec![Write::Delete { key }], ..Batch::default() };
    world.store.metadata.commit(delete).await.unwrap();
    assert_eq!(world.ask_session(&cached).await.unwrap_err(), "expired");
    assert_eq!(world.ask_session(&fresh).await.unwrap_err(), "expired");
}

#[tokio::test]
async fn sessions_have_a_shortest_and_a_longest_life_and_an_account() {
    let (world, _) = World::with_first_account().await;
    let second = Duration::from_secs(1);
    let main = AccountName::first();
    for good in [SESSION_LIFETIME_MIN, SESSION_LIFETIME_MAX] {
        assert!(world.identity.mint_session(&main, good).await.is_ok());
    }
    for bad in [SESSION_LIFETIME_MIN - second, SESSION_LIFETIME_MAX + second, Duration::ZERO] {
        let refused = world.identity.mint_session(&main, bad).await;
        assert!(matches!(refused, Err(IdentityError::Lifetime)));
    }
    let refused = world.identity.mint_session(&name("nobody"), HALF_DAY).await;
    assert!(matches!(refused, Err(IdentityError::NoSuchAccount(_))));
}

#[tokio::test]
async fn scopes_get_different_keys() {
    let (world, new) = World::with_first_account().await;
    let id = &new.root_key.access_key_id;
    let secret = &new.root_key.secret_access_key;
    for scope in [
        SCOPE,
        SigningScope { date: "20260103", ..SCOPE },
        SigningScope { region: "eu-central-1", ..SCOPE },
        SigningScope { service: "iam", ..SCOPE },
        SCOPE,
    ] {
        let found = world.identity.credential(id, None, scope, world.clock.now()).await.unwrap();
        assert!(proves(&found.signing_key, secret, scope), "{scope:?}");
    }
}

#[tokio::test]
async fn what_the_operator_does_is_in_the_journal() {
    let (world, new) = World::with_first_account().await;
    let other = world.identity.create_account(name("other")).await.unwrap();
    let session = world.mint().await;
    world.identity.revoke_sessions(&name("other")).await.unwrap();
    let events = world.events().await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.operation.as_str(), event.account.unwrap(), &*event.access_key_id))
        .collect();
    assert_eq!(
        told,
        [
            ("CreateAccount", new.account.id, new.root_key.access_key_id.as_str()),
            ("CreateAccount", other.account.id, other.root_key.access_key_id.as_str()),
            ("GetSessionToken", new.account.id, session.access_key_id.as_str()),
            ("RevokeSessions", other.account.id, ""),
        ]
    );
    for event in &events {
        assert_eq!((event.principal, event.auth), (PrincipalKind::Operator, AuthKind::Local));
    }
}

#[tokio::test]
async fn secrets_are_neither_printed_nor_stored_in_the_clear() {
    let world = World::new().await;
    let given = given(GIVEN_ID, "hunter2hunter2");
    let shown = format!("{given:?}");
    let made = world.identity.bootstrap(Some(&given)).await.unwrap();
    let session = world.mint().await;
    assert!(world.ask_session(&session).await.is_ok());
    let found = world.identity.credential(
        &session.access_key_id,
        Some(session.session_token.danger_expose()),
        SCOPE,
        world.clock.now(),
    );
    let shown = format!("{shown} {made:?} {session:?} {:?} {:?}", found.await, world.identity);
    let secrets = [
        "hunter2hunter2",
        session.secret_access_key.danger_expose(),
        session.session_token.danger_expose(),
    ];
    for secret in secrets {
        assert!(!shown.contains(secret), "{shown}");
    }
    let records = world.store.metadata.scan(KeyRange::prefix(b""), 1_000).await.unwrap();
    for (key, entry) in records {
        for secret in secrets {
            let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!holds(&key) && !holds(&entry.value), "{key:?}");
        }
    }
}

/// A signature of version 2 speaks for whom the same key and token would speak with version 4, and
/// for nobody where they would for nobody.
#[tokio::test]
async fn a_signature_of_version_2_is_made_for_whoever_could_sign_with_version_4() {
    let (world, new) = World::with_first_account().await;
    let id = new.root_key.access_key_id.clone();
    let session = world.mint().await;
    let other = world.mint().await;
    let ask = async |id: &AccessKeyId, token: Option<&str>, secret: &SecretText| {
        let policy = "eyJ9";
        let mac = hmac_sha1(secret.danger_expose().as_bytes(), policy.as_bytes());
        let signature = data_encoding::BASE64.encode(&mac);
        let fields = [
            ("AWSAccessKeyId", id.as_str()),
            ("policy", policy),
            ("signature", signature.as_str()),
            ("x-amz-security-token", "some token"),
        ];
        let now = world.clock.now();
        let claim = parse_form_claim(&fields).unwrap().unwrap();
        let expected = Expected { service: "s3", region: "us-east-1", now };
        let checked = claim.check(&expected).unwrap();
        let to_sign = checked.string_to_sign();
        let found = world.identity.signature_v2(id, token, to_sign, now).await;
        let proven = found.map(|found| checked.verify_v2(&found.signature).is_ok());
        proven.map_err(|error| match error {
            CredentialError::UnknownAccessKey => "unknown",
            CredentialError::InvalidToken => "invalid",
            CredentialError::ExpiredToken => "expired",
            CredentialError::Unavailable(_) => "unavailable",
        })
    };
    let wrong = SecretText::new("another secret".to_owned());
    let token = session.session_token.danger_expose();
    let (temporary, secret) = (&session.access_key_id, &session.secret_access_key);
    assert_eq!(ask(&id, None, &new.root_key.secret_access_key).await, Ok(true));
    assert_eq!(ask(&id, None, &wrong).await, Ok(false));
    assert_eq!(ask(&id, Some(token), &wrong).await, Err("invalid"));
    assert_eq!(ask(temporary, Some(token), secret).await, Ok(true));
    assert_eq!(ask(temporary, Some(token), &wrong).await, Ok(false));
    assert_eq!(ask(temporary, None, secret).await, Err("unknown"));
    assert_eq!(ask(&other.access_key_id, Some(token), secret).await, Err("invalid"));
    let unknown = "AKIAIOSFODNN7EXAMPLE".parse().unwrap();
    assert_eq!(ask(&unknown, None, &wrong).await, Err("unknown"));
    world.advance(HALF_DAY);
    assert_eq!(ask(temporary, Some(token), secret).await, Err("expired"));
}
