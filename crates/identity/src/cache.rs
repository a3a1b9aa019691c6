//! Signing keys that were derived already.
//!
//! An entry is an answer that was right for certain revisions of certain records; whoever asks must
//! have read the records again and seen the same revisions, so that nothing here outlives a change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use strongroom_access::{Principal, SessionFacts, SigningScope};
use strongroom_crypto::{SecretText, ct_eq};
use strongroom_sigv4::SigningKey;
use strongroom_store::Revision;
use strongroom_types::{AccessKeyId, Timestamp};

use crate::session::TOKEN_BYTES_MAX;

/// A bounded cache, the least recently used access keys leave first. Dropped keys are wiped.
pub(crate) struct SigningKeyCache {
    state: Mutex<State>,
    access_keys_max: usize,
}

#[derive(Default)]
struct State {
    access_keys: BTreeMap<AccessKeyId, CachedAccessKey>,
    /// Counts lookups; the number of the last one is the age of an entry.
    lookups: u64,
}

struct CachedAccessKey {
    known: KnownAccessKey,
    keys: Vec<ScopedKey>,
    used: u64,
    /// When a use of it was last written down.
    noted: Option<Timestamp>,
}

struct ScopedKey {
    date: Box<str>,
    region: Box<str>,
    service: Box<str>,
    signing_key: SigningKey,
}

/// What is known of an access key beside its signing keys.
#[derive(Debug)]
pub(crate) struct KnownAccessKey {
    /// What the answer was made from: of the access key or the account, and of the user or role.
    pub(crate) records: Arc<[(Bytes, Revision)]>,
    pub(crate) principal: Principal,
    /// For temporary credentials.
    pub(crate) session: Option<KnownSession>,
}

/// What is known of a session.
#[derive(Debug)]
pub(crate) struct KnownSession {
    pub(crate) expires: Timestamp,
    /// What the token says of itself.
    pub(crate) facts: Arc<SessionFacts>,
    /// The token that was opened: no other one may use this entry.
    pub(crate) token: SecretText,
}

/// An answer from the cache, right if the records still have these revisions.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) records: Arc<[(Bytes, Revision)]>,
    pub(crate) principal: Principal,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) session: Option<Arc<SessionFacts>>,
    pub(crate) signing_key: SigningKey,
}

impl SigningKeyCache {
    pub(crate) fn new(access_keys_max: usize) -> Self {
        Self { state: Mutex::default(), access_keys_max }
    }

    /// The signing key for this access key id, session token and scope.
    pub(crate) fn find(
        &self,
        access_key_id: &AccessKeyId,
        session_token: Option<&str>,
        scope: SigningScope<'_>,
    ) -> Option<Hit> {
        let mut state = self.state.lock();
        state.lookups += 1;
        let lookups = state.lookups;
        let cached = state.access_keys.get_mut(access_key_id)?;
        let known = &cached.known;
        let token_fits = match (&known.session, session_token) {
            (None, None) => true,
            (Some(session), Some(token)) => {
                ct_eq(session.token.danger_expose().as_bytes(), token.as_bytes())
            }
            _ => false,
        };
        if !token_fits {
            return None;
        }
        let scoped = cached.keys.iter().find(|key| key.fits(scope))?;
        cached.used = lookups;
        Some(Hit {
            records: Arc::clone(&known.records),
            principal: known.principal.clone(),
            expires: known.session.as_ref().map(|session| session.expires),
            session: known.session.as_ref().map(|session| Arc::clone(&session.facts)),
            signing_key: scoped.signing_key.duplicate(),
        })
    }

    /// Whether a use of a key is to be written down: the last one was some minutes ago. Whoever asks
    /// writes it down.
    pub(crate) fn is_use_due(&self, access_key_id: &AccessKeyId, now: Timestamp) -> bool {
        let mut state = self.state.lock();
        let Some(cached) = state.access_keys.get_mut(access_key_id) else { return false };
        let recent = |noted: Timestamp| now.saturating_since(noted) < USE_INTERVAL;
        if cached.noted.is_some_and(recent) {
            return false;
        }
        cached.noted = Some(now);
        true
    }

    /// Remembers a signing key that was just derived.
    pub(crate) fn insert(
        &self,
        access_key_id: &AccessKeyId,
        known: KnownAccessKey,
        scope: SigningScope<'_>,
        signing_key: SigningKey,
    ) {
        let texts = [scope.date, scope.region, scope.service];
        let token_bytes =
            known.session.as_ref().map_or(0, |session| session.token.danger_expose().len());
        if texts.iter().any(|text| text.len() > SCOPE_TEXT_BYTES_MAX)
            || token_bytes > TOKEN_BYTES_MAX
        {
            return;
        }
        let scoped = ScopedKey {
            date: scope.date.into(),
            region: scope.region.into(),
            service: scope.service.into(),
            signing_key,
        };
        let mut state = self.state.lock();
        state.lookups += 1;
        let used = state.lookups;
        match state.access_keys.get_mut(access_key_id) {
            Some(cached) if cached.known.is_same(&known) => {
                cached.keys.retain(|key| !key.fits(scope));
                if cached.keys.len() >= SCOPES_MAX {
                    cached.keys.remove(0);
                }
                cached.keys.push(scoped);
                cached.used = used;
            }
            _ => {
                state.make_room(self.access_keys_max);
                let noted = state.access_keys.get(access_key_id).and_then(|cached| cached.noted);
                let cached = CachedAccessKey { known, keys: vec![scoped], used, noted };
                state.access_keys.insert(access_key_id.clone(), cached);
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.state.lock().access_keys.len()
    }
}

impl State {
    /// When full, drops the quarter that was not used for longest: sorting once in a while costs
    /// less than an order kept up at each lookup.
    fn make_room(&mut self, access_keys_max: usize) {
        if self.access_keys.len() < access_keys_max {
            return;
        }
        let mut ages: Vec<u64> = self.access_keys.values().map(|cached| cached.used).collect();
        ages.sort_unstable();
        let oldest_kept = ages.get(access_keys_max / 4).copied().unwrap_or(u64::MAX);
        self.access_keys.retain(|_, cached| cached.used >= oldest_kept);
    }
}

impl ScopedKey {
    fn fits(&self, scope: SigningScope<'_>) -> bool {
        *self.date == *scope.date
            && *self.region == *scope.region
            && *self.service == *scope.service
    }
}

impl KnownAccessKey {
    /// What the token of a session says of itself.
    pub(crate) fn facts(&self) -> Option<Arc<SessionFacts>> {
        self.session.as_ref().map(|session| Arc::clone(&session.facts))
    }

    fn is_same(&self, other: &Self) -> bool {
        let same_session = match (&self.session, &other.session) {
            (None, None) => true,
            (Some(one), Some(other)) => one.token.ct_eq(&other.token),
            _ => false,
        };
        self.records == other.records && same_session
    }
}

impl fmt::Debug for SigningKeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access_keys = self.state.lock().access_keys.len();
        f.debug_struct("SigningKeyCache").field("access_keys", &access_keys).finish_non_exhaustive()
    }
}

/// Between two notes of the use of one key. SPEC: access-control, 5.8.
const USE_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Scopes kept for one access key: a client uses few services, and two days around midnight.
const SCOPES_MAX: usize = 8;
/// Longest part of a scope that is kept; real ones are shorter than 32.
const SCOPE_TEXT_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use strongroom_types::{AccountId, CanonicalUserId};

    use super::*;

    fn id(number: usize) -> AccessKeyId {
        format!("AKIA{number:016}").parse().unwrap()
    }

    fn known(revision: u64, token: Option<&str>) -> KnownAccessKey {
        let account = AccountId::from_number(1).unwrap();
        KnownAccessKey {
            records: [(Bytes::from_static(b"record"), Revision(revision))].into(),
            principal: Principal::Root {
                account,
                canonical_user_id: CanonicalUserId::from_bytes([1; 32]),
            },
            session: token.map(|token| KnownSession {
                expires: Timestamp::EPOCH,
                facts: Arc::new(SessionFacts {
                    issued: Timestamp::EPOCH,
                    mfa: None,
                    source_identity: None,
                    federated_provider: None,
                    tags: Vec::new(),
                    policies: None,
                    origin: strongroom_access::SessionOrigin::Operator,
                }),
                token: SecretText::new(token.to_owned()),
            }),
        }
    }

    fn scope(date: &str) -> SigningScope<'_> {
        SigningScope { date, region: "us-east-1", service: "s3" }
    }

    fn signing_key(date: &str) -> SigningKey {
        SigningKey::derive(&SecretText::new("secret".to_owned()), date, "us-east-1", "s3")
    }

    #[test]
    fn an_entry_answers_its_own_scope_and_token_only() {
        let cache = SigningKeyCache::new(4);
        cache.insert(&id(1), known(7, None), scope("20260101"), signing_key("20260101"));
        assert_eq!(cache.find(&id(1), None, scope("20260101")).unwrap().records[0].1, Revision(7));
        assert!(cache.find(&id(1), None, scope("20260102")).is_none());
        assert!(cache.find(&id(1), Some("token"), scope("20260101")).is_none());
        assert!(cache.find(&id(2), None, scope("20260101")).is_none());

        cache.insert(&id(2), known(7, Some("token")), scope("20260101"), signing_key("20260101"));
        assert!(cache.find(&id(2), Some("token"), scope("20260101")).is_some());
        for other in [None, Some(""), Some("tokem"), Some("token2")] {
            assert!(cache.find(&id(2), other, scope("20260101")).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_newer_revision_or_another_token_replaces_all_keys_of_an_access_key() {
        let cache = SigningKeyCache::new(4);
        cache.insert(&id(1), known(7, None), scope("20260101"), signing_key("20260101"));
        cache.insert(&id(1), known(8, None), scope("20260102"), signing_key("20260102"));
        assert!(cache.find(&id(1), None, scope("20260101")).is_none());
        assert_eq!(cache.find(&id(1), None, scope("20260102")).unwrap().records[0].1, Revision(8));
        cache.insert(&id(1), known(8, Some("t")), scope("20260103"), signing_key("20260103"));
        assert!(cache.find(&id(1), None, scope("20260102")).is_none());
    }

    #[test]
    fn access_keys_and_scopes_are_bounded_and_the_oldest_leave_first() {
        let cache = SigningKeyCache::new(8);
        for number in 0..8 {
            cache.insert(&id(number), known(1, None), scope("20260101"), signing_key("1"));
        }
        assert!(cache.find(&id(0), None, scope("20260101")).is_some());
        cache.insert(&id(8), known(1, None), scope("20260101"), signing_key("1"));
        assert_eq!(cache.len(), 7);
        let kept = |number| cache.find(&id(number), None, scope("20260101")).is_some();
        assert!(kept(0) && !kept(1) && !kept(2) && kept(3) && kept(8));
        for number in 9..1000 {
            cache.insert(&id(number), known(1, None), scope("20260101"), signing_key("1"));
            assert!(cache.len() <= 8);
        }

        let days: Vec<String> = (0..9).map(|day| format!("2026010{day}")).collect();
        for day in &days {
            cache.insert(&id(1), known(1, None), scope(day), signing_key(day));
        }
        assert!(cache.find(&id(1), None, scope(&days[0])).is_none());
        assert!(cache.find(&id(1), None, scope(&days[1])).is_some());
        let long = "d".repeat(SCOPE_TEXT_BYTES_MAX + 1);
        cache.insert(&id(1), known(1, None), scope(&long), signing_key(&long));
        assert!(cache.find(&id(1), None, scope(&long)).is_none());
    }
}
