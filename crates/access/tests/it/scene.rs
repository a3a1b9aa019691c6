//! One bucket `bkt` of account A, one user of A or B, and a request.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parking_lot::Mutex;
use strongroom_access::{
    BucketControls, BucketDirectory, BucketRef, Caller, Denial, DirectoryError, Enforcement,
    Entity, EntityKind, HeldPolicy, ObjectFacts, Operands, Permit, Principal, PrincipalDirectory,
    Question, RequestFacts, Seen, SessionFacts, SessionOrigin, Standing,
};
use strongroom_audit::{AuditEvent, AuditSlot, AuthKind, Outcome};
use strongroom_policy::{Policy, PolicyKind, PublicAccessBlock};
use strongroom_store::{BoxFuture, Revision};
use strongroom_types::{
    AccountId, BucketId, BucketName, CanonicalUserId, RequestId, Timestamp, VersioningState,
};
use strongroom_wire::{DecodeRequest, HostRules, RequestHead, parse_target};

pub(crate) const A: u64 = 111_111_111_111;
pub(crate) const B: u64 = 222_222_222_222;

pub(crate) fn account(number: u64) -> AccountId {
    AccountId::from_number(number).unwrap()
}

fn canonical(number: u64) -> CanonicalUserId {
    CanonicalUserId::from_bytes([u8::try_from(number % 251).unwrap(); 32])
}

pub(crate) fn root(number: u64) -> Caller {
    let (account, canonical_user_id) = (account(number), canonical(number));
    signed(Principal::Root { account, canonical_user_id })
}

/// A user of this name.
pub(crate) fn user(number: u64, name: &str) -> Caller {
    let kind = EntityKind::User { user_id: format!("AIDA{name}"), name: name.to_owned() };
    entity(number, &format!("arn:aws:iam::{number}:user/dev/{name}"), kind)
}

/// The session `s` of the role `r`, limited by a policy if there is one.
pub(crate) fn session(number: u64, policy: Option<&str>) -> Caller {
    let kind = EntityKind::RoleSession {
        role_id: "AROAR".to_owned(),
        role_arn: format!("arn:aws:iam::{number}:role/ops/r").parse().unwrap(),
        session_name: "s".to_owned(),
    };
    let caller = entity(number, &format!("arn:aws:sts::{number}:assumed-role/r/s"), kind);
    temporary(caller, policy)
}

/// A federated user whom alice made.
pub(crate) fn federated(number: u64, policy: Option<&str>) -> Caller {
    let maker = format!("arn:aws:iam::{number}:user/dev/alice").parse().unwrap();
    let kind = EntityKind::FederatedUser {
        name: "fed".to_owned(),
        maker: Some(("AIDAalice".to_owned(), maker)),
    };
    let caller = entity(number, &format!("arn:aws:sts::{number}:federated-user/fed"), kind);
    temporary(caller, policy)
}

fn temporary(caller: Caller, policy: Option<&str>) -> Caller {
    let session = SessionFacts {
        issued: now(),
        mfa: None,
        source_identity: Some("carol".to_owned()),
        federated_provider: None,
        tags: vec![("Team".to_owned(), "session".to_owned())],
        policies: policy.map(|text| vec![held("session", PolicyKind::Session, text)]),
        origin: SessionOrigin::AssumedRole,
    };
    Caller { session: Some(Arc::new(session)), ..caller }
}

fn entity(number: u64, arn: &str, kind: EntityKind) -> Caller {
    signed(Principal::Entity(Arc::new(Entity {
        account: account(number),
        canonical_user_id: canonical(number),
        arn: arn.parse().unwrap(),
        kind,
    })))
}

fn signed(principal: Principal) -> Caller {
    Caller {
        principal,
        access_key_id: Some("AKIAIOSFODNN7EXAMPLE".parse().unwrap()),
        auth: AuthKind::Header,
        signed: Some(now()),
        session: None,
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

fn held(policy_id: &str, kind: PolicyKind, text: &str) -> HeldPolicy {
    let policy = Policy::parse(kind, text.as_bytes()).unwrap_or_else(|e| panic!("{e:?}: {text}"));
    HeldPolicy::new(policy_id, "7", Arc::new(policy))
}

/// One statement of a policy of a principal.
pub(crate) fn statement(effect: &str, actions: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Action":{actions},
        "Resource":{resource},"Condition":{{{condition}}}}}]}}"#
    )
}

/// Allows actions on everything.
pub(crate) fn allow(actions: &str) -> String {
    statement("Allow", &format!("[{actions}]"), r#""*""#, "")
}

/// One statement of the policy of bucket `bkt`.
pub(crate) fn of_bucket(effect: &str, principal: &str, actions: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"One","Effect":"{effect}",
        "Principal":{principal},"Action":[{actions}],
        "Resource":["arn:aws:s3:::bkt","arn:aws:s3:::bkt/*"],"Condition":{{{condition}}}}}]}}"#
    )
}

/// What there is, and what is asked.
pub(crate) struct Scene {
    pub(crate) caller: Caller,
    pub(crate) world: Arc<World>,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: String,
    pub(crate) tls_version: u8,
    pub(crate) source_ip: String,
}

/// The directories.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) buckets: Mutex<BTreeMap<String, BucketRef>>,
    pub(crate) standing: Mutex<Standing>,
    pub(crate) object_tags: Mutex<Vec<(String, String)>>,
    pub(crate) objects_read: AtomicUsize,
    pub(crate) fails: Mutex<bool>,
}

impl Scene {
    /// A request of a caller.
    pub(crate) fn new(caller: Caller, method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        let world = World {
            buckets: Mutex::default(),
            standing: Mutex::default(),
            object_tags: Mutex::default(),
            objects_read: AtomicUsize::new(0),
            fails: Mutex::default(),
        };
        world.make_bucket("bkt", A);
        Self {
            caller,
            world: Arc::new(world),
            method: method.parse().unwrap(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: String::new(),
            tls_version: 13,
            source_ip: "10.1.2.3".to_owned(),
        }
    }

    /// With a policy of the user or role.
    pub(crate) fn with(self, policy: &str) -> Self {
        let policy = held("user/alice/p", PolicyKind::Identity, policy);
        self.world.standing.lock().identity_policies.push(policy);
        self
    }

    pub(crate) fn managed(self, policy: &str) -> Self {
        let arn = format!("arn:aws:iam::{A}:policy/m");
        let policy = held(&arn, PolicyKind::Identity, policy);
        self.world.standing.lock().identity_policies.push(policy);
        self
    }

    pub(crate) fn boundary(self, policy: &str) -> Self {
        let policy = held("boundary", PolicyKind::Boundary, policy);
        self.world.standing.lock().boundary = Some(policy);
        self
    }

    pub(crate) fn tagged(self, key: &str, value: &str) -> Self {
        self.world.standing.lock().tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// With a policy of the bucket; of what is public nothing is blocked.
    pub(crate) fn guarded(self, policy: &str) -> Self {
        let policy = held("bucket-policy", PolicyKind::Bucket, policy);
        self.controls(|controls| {
            controls.bucket_policy = Some(policy);
            controls.block = PublicAccessBlock::default();
        })
    }

    pub(crate) fn controls(self, change: impl FnOnce(&mut BucketControls)) -> Self {
        self.world.change("bkt", change);
        self
    }

    pub(crate) fn object_tag(self, key: &str, value: &str) -> Self {
        self.world.object_tags.lock().push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub(crate) fn enforcement(&self) -> Enforcement {
        let (buckets, principals) = (Arc::clone(&self.world), Arc::clone(&self.world));
        Enforcement::new(buckets, principals, "us-east-1".parse().unwrap())
    }

    /// Asks, and gives the note of the decision as well.
    pub(crate) fn ask_noted<Op: Operands>(&self) -> (Result<Permit<Op>, Denial>, String) {
        let headers = self.headers.clone();
        let head = RequestHead::new(self.method.clone(), &self.path, &self.query, headers).unwrap();
        let target = parse_target(&head, &HostRules::default()).unwrap();
        let body = (!self.body.is_empty()).then_some(self.body.as_bytes());
        let request = DecodeRequest::new(Op::SPEC, &head, &target, body).unwrap();
        let input = Op::decode(&request).unwrap();
        let facts = RequestFacts {
            request_id: RequestId::from_bytes([7; 8]),
            received: now(),
            source_ip: self.source_ip.parse().unwrap(),
            tls_version: self.tls_version,
            endpoint: "https://localhost".to_owned(),
        };
        let audit = AuditSlot::open(event(&self.caller, &facts));
        let question =
            Question { head: Arc::new(head), target: Arc::new(target), facts: Arc::new(facts) };
        let enforcement = self.enforcement();
        let permit = enforcement.permit::<Op>(&self.caller, &question, &input, &audit);
        let permit = at_once(permit);
        let event = AuditEvent::decode(&audit.sealed_with(Outcome::default())).unwrap();
        (permit, event.decision)
    }

    pub(crate) fn ask<Op: Operands>(&self) -> Result<Permit<Op>, Denial> {
        self.ask_noted::<Op>().0
    }

    #[track_caller]
    pub(crate) fn allowed<Op: Operands>(&self) {
        if let Err(denial) = self.ask::<Op>() {
            panic!("{} is denied: {denial:?}", Op::NAME);
        }
    }

    #[track_caller]
    pub(crate) fn denied<Op: Operands>(&self) -> String {
        match self.ask::<Op>() {
            Ok(_) => panic!("{} is allowed", Op::NAME),
            Err(Denial::AccessDenied { message }) => message,
            Err(other) => panic!("{} is refused otherwise: {other:?}", Op::NAME),
        }
    }
}

impl World {
    pub(crate) fn make_bucket(&self, name: &str, owner: u64) {
        let mut buckets = self.buckets.lock();
        let number = buckets.len() + 1;
        let id = [u8::try_from(number).unwrap(); 16];
        let bucket = BucketRef {
            id: BucketId::from_bytes(id),
            name: bucket_name(name),
            owner: account(owner),
            revision: Revision(1),
            versioning: VersioningState::Unversioned,
            controls: Arc::default(),
        };
        buckets.insert(name.to_owned(), bucket);
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut BucketControls)) {
        let mut buckets = self.buckets.lock();
        let bucket = buckets.get_mut(name).unwrap();
        let mut controls = (*bucket.controls).clone();
        change(&mut controls);
        bucket.controls = Arc::new(controls);
        bucket.revision.0 += 1;
    }
}

fn bucket_name(name: &str) -> BucketName {
    name.parse().unwrap()
}

impl BucketDirectory for World {
    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<BucketRef>, DirectoryError>> {
        let found = self.buckets.lock().get(name.as_str()).cloned();
        Box::pin(async move {
            match *self.fails.lock() {
                true => Err(DirectoryError("down".into())),
                false => Ok(found),
            }
        })
    }

    fn object<'a>(
        &'a self,
        _bucket: &'a BucketRef,
        object_key: &'a str,
        _version_id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, DirectoryError>> {
        self.objects_read.fetch_add(1, Ordering::SeqCst);
        let seen = vec![Seen { key: object_key.to_owned().into(), revision: Some(Revision(9)) }];
        let tags = self.object_tags.lock().clone();
        let found = Some(ObjectFacts { tags, seen, ..ObjectFacts::default() });
        Box::pin(async { Ok(found) })
    }
}

impl PrincipalDirectory for World {
    fn standing<'a>(
        &'a self,
        _principal: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Standing>, DirectoryError>> {
        Box::pin(async { Ok(Arc::new(self.standing.lock().clone())) })
    }
}

fn event(caller: &Caller, facts: &RequestFacts) -> AuditEvent {
    AuditEvent {
        request_id: facts.request_id,
        time: facts.received,
        service: "s3".to_owned(),
        operation: String::new(),
        principal: caller.principal.kind(),
        account: caller.principal.account(),
        access_key_id: String::new(),
        auth: caller.auth,
        source_ip: facts.source_ip,
        tls_version: facts.tls_version,
        bucket: String::new(),
        object_key: String::new(),
        version_id: String::new(),
        decision: String::new(),
        outcome: Outcome::default(),
    }
}

/// The result of what never waits.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("these directories answer at once"),
    }
}
