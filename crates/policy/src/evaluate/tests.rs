use strongroom_types::{AccountId, Arn, CanonicalUserId};

use super::*;
use crate::{Account, Action, Context, Policy, PolicyKind};

/// Everything of a question, with names short enough for tables: bucket `b` of account A.
struct Case {
    principal: RequestPrincipal,
    action: &'static str,
    resource: &'static str,
    context: Context<'static>,
    owner: &'static str,
    object_owner: Option<ObjectOwner>,
    identity: Vec<Policy>,
    resource_policy: Option<Policy>,
    boundary: Option<Policy>,
    session: Option<Policy>,
    endpoint: Option<Policy>,
    scp: Option<Vec<Policy>>,
    rcp: Option<Vec<Policy>>,
    delegation: Delegation,
    acl: AclMatch,
    restrict_public: bool,
}

const A: &str = "111111111111";
const B: &str = "222222222222";
const OBJECT: &str = "arn:aws:s3:::b/k";

fn account(id: &str) -> Account {
    Account { id: id.parse().unwrap(), canonical: CanonicalUserId::from_bytes([7; 32]) }
}

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

fn user(id: &str, name: &str) -> RequestPrincipal {
    RequestPrincipal::User {
        account: account(id),
        arn: arn(&format!("arn:aws:iam::{id}:user/{name}")),
        unique_id: format!("AIDA{:0>17}", name.to_uppercase()).into(),
    }
}

fn session(id: &str) -> RequestPrincipal {
    RequestPrincipal::RoleSession {
        account: account(id),
        session_arn: arn(&format!("arn:aws:sts::{id}:assumed-role/r/s")),
        role_arn: arn(&format!("arn:aws:iam::{id}:role/p/r")),
        role_id: "AROAXXXXXXXXXXXXXXXXR".into(),
    }
}

fn federated(id: &str) -> RequestPrincipal {
    RequestPrincipal::FederatedUser {
        account: account(id),
        arn: arn(&format!("arn:aws:sts::{id}:federated-user/f")),
        user_arn: Some(arn(&format!("arn:aws:iam::{id}:user/alice"))),
        user_id: "".into(),
    }
}

fn case(principal: RequestPrincipal) -> Case {
    Case {
        principal,
        action: "s3:GetObject",
        resource: OBJECT,
        context: Context::new(),
        owner: A,
        object_owner: None,
        identity: Vec::new(),
        resource_policy: None,
        boundary: None,
        session: None,
        endpoint: None,
        scp: None,
        rcp: None,
        delegation: Delegation::Optional,
        acl: AclMatch::default(),
        restrict_public: false,
    }
}

/// `Allow s3:*` as one word; `-` before it for Deny.
fn identity(action: &str) -> Policy {
    of_kind(PolicyKind::Identity, action)
}

fn of_kind(kind: PolicyKind, action: &str) -> Policy {
    let (effect, action) = match action.strip_prefix('-') {
        Some(action) => ("Deny", action),
        None => ("Allow", action),
    };
    let principal = if kind.has_principals() { r#""Principal": "*", "# } else { "" };
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Sid": "S", "Effect": "{effect}", {principal}"Action": "{action}", "Resource": "*"}}}}"#
    );
    Policy::parse(kind, text.as_bytes()).unwrap()
}

fn bucket_policy(effect: &str, principal: &str, action: &str) -> Policy {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", {principal}, "Action": "{action}", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]}}}}"#
    );
    Policy::parse(PolicyKind::Bucket, text.as_bytes()).unwrap()
}

/// A bucket policy that allows everything to one principal.
fn names(principal: &str) -> Policy {
    let principal = match principal {
        "*" => r#""Principal": "*""#.to_owned(),
        service if service.ends_with(".com") => {
            format!(r#""Principal": {{"Service": "{service}"}}"#)
        }
        aws => format!(r#""Principal": {{"AWS": "{aws}"}}"#),
    };
    bucket_policy("Allow", &principal, "s3:*")
}

fn denies(principal: &str) -> Policy {
    bucket_policy("Deny", &format!(r#""Principal": {principal}"#), "s3:*")
}

impl Case {
    fn ask<T>(&self, look: impl FnOnce(&Question<'_>, &PolicySets<'_>, Decision<'_>) -> T) -> T {
        let action: Action = self.action.parse().unwrap();
        let resource = if self.resource == "*" { Arn::any() } else { arn(self.resource) };
        let question = Question {
            principal: &self.principal,
            action: &action,
            resource: &resource,
            context: &self.context,
        };
        let attach = |policy| Attached { policy, name: "p" };
        let identity: Vec<_> = self.identity.iter().map(attach).collect();
        let session: Option<Vec<_>> = self.session.as_ref().map(|policy| vec![attach(policy)]);
        let levels = |policies: &Option<Vec<Policy>>| -> Option<Vec<[Attached<'static>; 1]>> {
            let policies = policies.as_ref()?;
            // Tests may leak a little to keep their tables short.
            let leak = |policy: &Policy| &*Box::leak(Box::new(policy.clone()));
            Some(policies.iter().map(|p| [Attached { policy: leak(p), name: "level" }]).collect())
        };
        let (scp, rcp) = (levels(&self.scp), levels(&self.rcp));
        let slices = |levels: &'_ Option<Vec<[Attached<'static>; 1]>>| -> Option<Vec<&'static [Attached<'static>]>> {
            let levels = levels.as_ref()?;
            Some(levels.iter().map(|level| &*Box::leak(Box::new(*level)) as &[_]).collect())
        };
        let (scp, rcp) = (slices(&scp), slices(&rcp));
        let sets = PolicySets {
            resource_control: rcp.as_deref(),
            service_control: scp.as_deref(),
            endpoint: self.endpoint.as_ref().map(attach),
            resource: ResourceSide {
                object_owner: self.object_owner,
                policy: self.resource_policy.as_ref().map(attach),
                delegation: self.delegation,
                acl: self.acl,
                restrict_public: self.restrict_public,
                ..ResourceSide::of(self.owner.parse::<AccountId>().unwrap())
            },
            identity: &identity,
            boundary: self.boundary.as_ref().map(attach),
            session: session.as_deref(),
        };
        let decision = decide(&question, &sets);
        let (explained, _) = explain(&question, &sets);
        assert_eq!(decision, explained, "whoever looks on changes nothing");
        look(&question, &sets, decision)
    }

    fn allowed(&self) -> bool {
        self.ask(|_, _, decision| decision.is_allowed())
    }

    fn reason(&self) -> DenialReason {
        self.ask(|_, _, decision| match decision {
            Decision::Deny(denial) => denial.reason,
            Decision::Allow(_) => panic!("allowed"),
        })
    }

    fn denying_set(&self) -> PolicySet {
        self.ask(|_, _, decision| match decision {
            Decision::Deny(denial) => denial.statement.expect("an explicit deny").set,
            Decision::Allow(_) => panic!("allowed"),
        })
    }

    fn message(&self, disclosure: Disclosure) -> String {
        self.ask(|question, _, decision| match decision {
            Decision::Deny(denial) => denial.message(question, disclosure),
            Decision::Allow(_) => panic!("allowed"),
        })
    }
}

fn alice() -> Case {
    case(user(A, "alice"))
}

fn bob() -> Case {
    case(user(B, "bob"))
}

#[test]
fn nothing_is_allowed_by_default() {
    assert_eq!(alice().reason(), DenialReason::NoIdentityAllow);
    assert_eq!(case(RequestPrincipal::Anonymous).reason(), DenialReason::NoResourceAllow);
}

#[test]
fn identity_allow_suffices_in_the_same_account_only() {
    let allow = || vec![identity("s3:GetObject")];
    assert!(Case { identity: allow(), ..alice() }.allowed());
    assert!(!Case { identity: allow(), action: "s3:PutObject", ..alice() }.allowed());
    assert_eq!(Case { identity: allow(), ..bob() }.reason(), DenialReason::NoResourceAllow);
}

#[test]
fn every_set_can_deny() {
    let allowed = || Case { identity: vec![identity("s3:*")], ..alice() };
    assert!(allowed().allowed());
    let deny = |kind| Some(of_kind(kind, "-s3:GetObject"));
    assert_eq!(
        Case { boundary: deny(PolicyKind::Boundary), ..allowed() }.denying_set(),
        PolicySet::Boundary
    );
    assert_eq!(
        Case { session: deny(PolicyKind::Session), ..allowed() }.denying_set(),
        PolicySet::Session
    );
    assert_eq!(
        Case { endpoint: deny(PolicyKind::VpcEndpoint), ..allowed() }.denying_set(),
        PolicySet::VpcEndpoint
    );
    assert_eq!(
        Case { resource_policy: Some(denies(r#""*""#)), ..allowed() }.denying_set(),
        PolicySet::Resource
    );
    let two = vec![identity("s3:*"), identity("-s3:GetObject")];
    assert_eq!(Case { identity: two, ..allowed() }.denying_set(), PolicySet::Identity);
    let scp = Some(vec![of_kind(PolicyKind::ServiceControl, "-s3:GetObject")]);
    assert_eq!(Case { scp, ..allowed() }.denying_set(), PolicySet::ServiceControl);
    let rcp = Some(vec![of_kind(PolicyKind::ResourceControl, "-s3:GetObject")]);
    assert_eq!(Case { rcp, ..allowed() }.denying_set(), PolicySet::ResourceControl);
}

/// The table of section 2.2, step 4: caller, how it is named, and what holds with no identity
/// policy, a boundary that does not allow, a session policy that does not allow.
#[test]
fn how_the_bucket_policy_names_the_caller_decides_what_limits_it() {
    let user_arn = "arn:aws:iam::111111111111:user/alice";
    let role = "arn:aws:iam::111111111111:role/p/r";
    let role_session = "arn:aws:sts::111111111111:assumed-role/r/s";
    let federated_user = "arn:aws:sts::111111111111:federated-user/f";
    let root = "arn:aws:iam::111111111111:root";
    type Row<'a> = (fn() -> RequestPrincipal, &'a str, bool, bool, bool);
    let table: &[Row<'_>] = &[
        (|| user(A, "alice"), user_arn, true, true, true),
        (|| session(A), role, true, false, false),
        (|| session(A), role_session, true, true, true),
        (|| federated(A), federated_user, true, true, true),
        (|| federated(A), user_arn, false, false, false),
        (|| user(A, "alice"), "*", true, true, true),
        (|| session(A), "*", true, true, true),
        (|| federated(A), "*", true, true, true),
        (|| user(A, "alice"), A, false, false, false),
        (|| session(A), root, false, false, false),
    ];
    for (caller, named, without_identity, despite_boundary, despite_session) in table {
        let base = || Case { resource_policy: Some(names(named)), ..case(caller()) };
        assert_eq!(base().allowed(), *without_identity, "{named}");
        let boundary = Some(of_kind(PolicyKind::Boundary, "ec2:*"));
        assert_eq!(Case { boundary, ..base() }.allowed(), *despite_boundary, "{named}, boundary");
        let session = Some(of_kind(PolicyKind::Session, "ec2:*"));
        assert_eq!(Case { session, ..base() }.allowed(), *despite_session, "{named}, session");
    }
    // The user of a federated session is bypassed once a session policy allows.
    let session = Some(of_kind(PolicyKind::Session, "s3:*"));
    assert!(
        Case { resource_policy: Some(names(user_arn)), session, ..case(federated(A)) }.allowed()
    );
    // By unique id as by ARN.
    let by_id = Some(names("AIDA000000000000ALICE"));
    assert!(Case { resource_policy: by_id, ..alice() }.allowed());
}

#[test]
fn boundary_and_session_limit_what_identity_policies_allow() {
    let allowed = || Case { identity: vec![identity("s3:*")], ..case(session(A)) };
    let boundary = || Some(of_kind(PolicyKind::Boundary, "ec2:*"));
    let session_policy = || Some(of_kind(PolicyKind::Session, "s3:ListBucket"));
    assert_eq!(Case { boundary: boundary(), ..allowed() }.reason(), DenialReason::Boundary);
    assert_eq!(Case { session: session_policy(), ..allowed() }.reason(), DenialReason::Session);
    let both = Case { boundary: boundary(), session: session_policy(), ..allowed() };
    assert_eq!(both.reason(), DenialReason::Boundary);
}

#[test]
fn a_federated_user_without_session_policy_has_nothing_of_its_user() {
    let all = || vec![identity("*")];
    assert_eq!(Case { identity: all(), ..case(federated(A)) }.reason(), DenialReason::Session);
    let session = Some(of_kind(PolicyKind::Session, "s3:*"));
    assert!(Case { identity: all(), session, ..case(federated(A)) }.allowed());
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let identity_allows = || vec![identity("s3:*")];
    for named in ["*", B, "arn:aws:iam::222222222222:user/bob"] {
        let policy = || Some(names(named));
        assert_eq!(
            Case { resource_policy: policy(), ..bob() }.reason(),
            DenialReason::NoIdentityAllow
        );
        let both = || Case { resource_policy: policy(), identity: identity_allows(), ..bob() };
        assert!(both().allowed(), "{named}");
        let boundary = Some(of_kind(PolicyKind::Boundary, "ec2:*"));
        assert_eq!(Case { boundary, ..both() }.reason(), DenialReason::Boundary, "{named}");
    }
    let other = Case { resource_policy: Some(names(A)), identity: identity_allows(), ..bob() };
    assert_eq!(other.reason(), DenialReason::NoResourceAllow);
    // The root user of the other account needs no identity policy.
    let root = case(RequestPrincipal::Root(account(B)));
    assert!(Case { resource_policy: Some(names(B)), ..root }.allowed());
}

#[test]
fn guards_must_allow_at_every_level() {
    let allowed = || Case { identity: vec![identity("s3:*")], ..alice() };
    let scp = |actions: &[&str]| {
        Some(actions.iter().map(|action| of_kind(PolicyKind::ServiceControl, action)).collect())
    };
    assert!(Case { scp: scp(&["*", "s3:*"]), ..allowed() }.allowed());
    assert_eq!(
        Case { scp: scp(&["*", "ec2:*"]), ..allowed() }.reason(),
        DenialReason::ServiceControl
    );
    assert_eq!(
        Case { scp: scp(&["ec2:*", "*"]), ..allowed() }.reason(),
        DenialReason::ServiceControl
    );
    let rcp = Some(vec![of_kind(PolicyKind::ResourceControl, "-ec2:*")]);
    assert_eq!(Case { rcp, ..allowed() }.reason(), DenialReason::ResourceControl);
    let rcp = Some(vec![of_kind(PolicyKind::ResourceControl, "*")]);
    assert!(Case { rcp, ..allowed() }.allowed());
    let endpoint = Some(of_kind(PolicyKind::VpcEndpoint, "s3:PutObject"));
    assert_eq!(Case { endpoint, ..allowed() }.reason(), DenialReason::VpcEndpoint);
    // Guards hold against grants of the resource too, and against the root user.
    let granted = Case { resource_policy: Some(names("*")), scp: scp(&["ec2:*"]), ..alice() };
    assert_eq!(granted.reason(), DenialReason::ServiceControl);
    let root = case(RequestPrincipal::Root(account(A)));
    assert_eq!(Case { scp: scp(&["ec2:*"]), ..root }.reason(), DenialReason::ServiceControl);
    // Services and strangers are no principals of an account.
    for caller in [RequestPrincipal::Anonymous, RequestPrincipal::Service("x.amazonaws.com".into())]
    {
        let open = Case { resource_policy: Some(names("*")), scp: scp(&["ec2:*"]), ..case(caller) };
        assert!(open.allowed());
    }
}

#[test]
fn root_is_allowed_everything_of_its_account_and_can_free_a_locked_bucket() {
    let root = || case(RequestPrincipal::Root(account(A)));
    assert!(root().allowed());
    let locked = || Case { resource_policy: Some(denies(r#""*""#)), ..root() };
    assert_eq!(locked().reason(), DenialReason::ExplicitDeny);
    for action in ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"] {
        let on_bucket = || Case { action, resource: "arn:aws:s3:::b", ..locked() };
        assert!(on_bucket().allowed(), "{action}");
        let scp = Some(vec![of_kind(PolicyKind::ServiceControl, "-s3:*")]);
        assert_eq!(Case { scp, ..on_bucket() }.denying_set(), PolicySet::ServiceControl);
        let admin =
            Case { principal: user(A, "alice"), identity: vec![identity("*")], ..on_bucket() };
        assert_eq!(admin.reason(), DenialReason::ExplicitDeny, "no user can");
        let other = Case { principal: RequestPrincipal::Root(account(B)), ..on_bucket() };
        assert_eq!(other.reason(), DenialReason::ExplicitDeny, "no other root can");
    }
    let owner = Case { action: "s3:PutBucketAcl", resource: "arn:aws:s3:::b", ..locked() };
    assert_eq!(owner.reason(), DenialReason::ExplicitDeny);
}

#[test]
fn bucket_policies_are_never_managed_from_another_account() {
    let all = || Case {
        resource_policy: Some(names("*")),
        identity: vec![identity("*")],
        resource: "arn:aws:s3:::b",
        ..bob()
    };
    for action in [
        "s3:GetBucketPolicy",
        "s3:PutBucketPolicy",
        "s3:DeleteBucketPolicy",
        "s3:PutBucketOwnershipControls",
    ] {
        let case = Case { action, ..all() };
        assert_eq!(case.reason(), DenialReason::OwnerOnly, "{action}");
        let text = "The specified method is not allowed against this resource.";
        assert_eq!(case.message(Disclosure::Stranger), text);
        assert_eq!(Case { identity: Vec::new(), ..case }.reason(), DenialReason::NoIdentityAllow);
    }
    assert!(Case { action: "s3:PutBucketTagging", ..all() }.allowed());
}

#[test]
fn anonymous_callers_are_matched_by_everyone_only() {
    let stranger = || case(RequestPrincipal::Anonymous);
    assert!(Case { resource_policy: Some(names("*")), ..stranger() }.allowed());
    assert!(!Case { resource_policy: Some(names(A)), ..stranger() }.allowed());
    let everyone = AclMatch { everyone: true, ..AclMatch::default() };
    assert!(Case { acl: everyone, ..stranger() }.allowed());
    let authenticated = AclMatch { authenticated: true, account: true, ..AclMatch::default() };
    assert!(!Case { acl: authenticated, ..stranger() }.allowed());
    let denied = Case { acl: everyone, resource_policy: Some(denies(r#""*""#)), ..stranger() };
    assert_eq!(denied.reason(), DenialReason::ExplicitDeny);
}

#[test]
fn services_need_to_be_named() {
    let logs = || case(RequestPrincipal::Service("logging.s3.amazonaws.com".into()));
    assert!(!logs().allowed());
    assert!(Case { resource_policy: Some(names("logging.s3.amazonaws.com")), ..logs() }.allowed());
    assert!(!Case { resource_policy: Some(names("other.amazonaws.com")), ..logs() }.allowed());
    assert!(
        !Case { resource_policy: Some(names(A)), identity: vec![identity("*")], ..logs() }
            .allowed()
    );
    let delivery = AclMatch { log_delivery: true, ..AclMatch::default() };
    assert!(Case { acl: delivery, ..logs() }.allowed());
    let everyone = AclMatch { everyone: true, ..AclMatch::default() };
    assert!(!Case { acl: everyone, ..logs() }.allowed());
}

#[test]
fn acls_add_allows_for_accounts_and_groups() {
    let to_account = AclMatch { account: true, ..AclMatch::default() };
    let group = AclMatch { authenticated: true, ..AclMatch::default() };
    assert!(
        !Case { acl: to_account, ..alice() }.allowed(),
        "the owner's account is no grant to users"
    );
    assert!(Case { acl: group, ..alice() }.allowed());
    assert_eq!(Case { acl: to_account, ..bob() }.reason(), DenialReason::NoIdentityAllow);
    let both = || Case { acl: to_account, identity: vec![identity("s3:*")], ..bob() };
    assert!(both().allowed());
    both().ask(|_, _, decision| match decision {
        Decision::Allow(allowance) => assert!(allowance.acl_required),
        Decision::Deny(_) => panic!(),
    });
    let needless = Case { acl: group, identity: vec![identity("s3:*")], ..alice() };
    needless.ask(|_, _, decision| match decision {
        Decision::Allow(allowance) => assert!(!allowance.acl_required),
        Decision::Deny(_) => panic!(),
    });
    let denied = Case { resource_policy: Some(denies(r#""*""#)), ..both() };
    assert_eq!(denied.reason(), DenialReason::ExplicitDeny);
}

#[test]
fn objects_of_another_account_are_not_the_bucket_owners_to_give() {
    let bobs = Some(ObjectOwner::Account(B.parse().unwrap()));
    let in_account = || Case { object_owner: bobs, identity: vec![identity("s3:*")], ..alice() };
    assert_eq!(in_account().reason(), DenialReason::NoResourceAllow);
    let open = Case { resource_policy: Some(names("*")), ..in_account() };
    assert_eq!(open.reason(), DenialReason::NoResourceAllow, "bucket Allows do not apply");
    let granted = AclMatch { account: true, ..AclMatch::default() };
    assert!(Case { acl: granted, ..in_account() }.allowed());
    for action in ["s3:DeleteObject", "s3:RestoreObject", "s3:PutObject"] {
        assert!(Case { action, ..in_account() }.allowed(), "{action} is about the bucket");
    }
    let owner = || Case { object_owner: bobs, identity: vec![identity("s3:*")], ..bob() };
    assert!(owner().allowed(), "the writer's own identity policy suffices");
    let denied = Case { resource_policy: Some(denies(r#""*""#)), ..owner() };
    assert_eq!(denied.reason(), DenialReason::ExplicitDeny, "bucket Denies do apply");
    let nobodys = Case { object_owner: Some(ObjectOwner::Anonymous), ..in_account() };
    assert_eq!(nobodys.reason(), DenialReason::NoResourceAllow);
}

#[test]
fn restricting_public_buckets_leaves_owner_and_services() {
    let public = || Some(names("*"));
    let restricted = |principal| Case {
        resource_policy: public(),
        restrict_public: true,
        identity: vec![identity("s3:*")],
        ..case(principal)
    };
    assert_eq!(restricted(RequestPrincipal::Anonymous).reason(), DenialReason::PublicAccessBlock);
    assert_eq!(restricted(user(B, "bob")).reason(), DenialReason::PublicAccessBlock);
    assert!(restricted(user(A, "alice")).allowed());
    assert!(restricted(RequestPrincipal::Service("logging.s3.amazonaws.com".into())).allowed());
    let private = Case { resource_policy: Some(names(B)), ..restricted(user(B, "bob")) };
    assert!(private.allowed(), "a policy that is not public is not restricted");
    let text = restricted(user(B, "bob")).message(Disclosure::SameOrganization);
    assert!(text.ends_with("with an explicit deny in a resource-based policy"), "{text}");
}

#[test]
fn keys_and_roles_must_delegate() {
    let trust = |principal: &str| {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": "{principal}"}}, "Action": "sts:AssumeRole"}}}}"#
        );
        Some(Policy::parse(PolicyKind::Trust, text.as_bytes()).unwrap())
    };
    let assume = || Case {
        action: "sts:AssumeRole",
        resource: "arn:aws:iam::111111111111:role/p/r",
        delegation: Delegation::Required,
        ..alice()
    };
    let all = || vec![identity("*")];
    assert_eq!(Case { identity: all(), ..assume() }.reason(), DenialReason::NoResourceAllow);
    let account = || Case { resource_policy: trust(A), ..assume() };
    assert_eq!(account().reason(), DenialReason::NoIdentityAllow);
    assert!(Case { identity: all(), ..account() }.allowed());
    let user_named = trust("arn:aws:iam::111111111111:user/alice");
    assert!(Case { resource_policy: user_named, ..assume() }.allowed());
}

#[test]
fn not_principal_leaves_out_who_is_listed_with_all_that_it_is() {
    let root = "arn:aws:iam::111111111111:root";
    let user_arn = "arn:aws:iam::111111111111:user/alice";
    let except = |listed: &[&str]| {
        let listed: Vec<_> = listed.iter().map(|text| format!("\"{text}\"")).collect();
        let principal = format!(r#""NotPrincipal": {{"AWS": [{}]}}"#, listed.join(","));
        Some(bucket_policy("Deny", &principal, "s3:*"))
    };
    let with = |caller: RequestPrincipal, policy| Case {
        identity: vec![identity("s3:*")],
        resource_policy: policy,
        ..case(caller)
    };
    let alice = || user(A, "alice");
    assert!(with(alice(), except(&[user_arn, root])).allowed());
    assert!(!with(alice(), except(&[user_arn])).allowed(), "the account must be listed too");
    assert!(!with(alice(), except(&[root])).allowed());
    assert!(!with(user(A, "carol"), except(&[user_arn, root])).allowed());
    let boundary = Some(of_kind(PolicyKind::Boundary, "*"));
    assert!(!Case { boundary, ..with(alice(), except(&[user_arn, root])) }.allowed());
    let (role, of_role) =
        ("arn:aws:iam::111111111111:role/p/r", "arn:aws:sts::111111111111:assumed-role/r/s");
    assert!(with(session(A), except(&[of_role, role, root])).allowed());
    assert!(!with(session(A), except(&[of_role, root])).allowed());
    assert!(!with(session(A), except(&[role, root])).allowed());
    let by_account = with(RequestPrincipal::Root(account(A)), except(&[root]));
    assert!(by_account.allowed());
}

#[test]
fn an_account_in_a_deny_means_all_of_it() {
    let everything = || vec![identity("*")];
    let policy = || Some(denies(r#"{"AWS": "111111111111"}"#));
    for caller in [user(A, "alice"), session(A), RequestPrincipal::Root(account(A))] {
        let denied = Case { identity: everything(), resource_policy: policy(), ..case(caller) };
        assert_eq!(denied.reason(), DenialReason::ExplicitDeny);
    }
}

#[test]
fn variables_work_in_version_2012_only() {
    let policy = |version: &str| {
        let text = format!(
            r#"{{{version}"Statement": {{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${{aws:username}}"}}}}"#
        );
        vec![Policy::parse(PolicyKind::Identity, text.as_bytes()).unwrap()]
    };
    let mut context = Context::new();
    context.set("aws:username", "k");
    let new = Case {
        identity: policy(r#""Version": "2012-10-17", "#),
        context: context.clone(),
        ..alice()
    };
    assert!(new.allowed());
    assert!(!Case { identity: policy(""), context, ..alice() }.allowed());
    assert!(!Case { identity: policy(r#""Version": "2012-10-17", "#), ..alice() }.allowed());
}

#[test]
fn an_unresolved_variable_in_not_resource_lets_a_deny_apply() {
    let text = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::b/${aws:PrincipalTag/t}"}]}"#;
    let policy = || vec![Policy::parse(PolicyKind::Identity, text.as_bytes()).unwrap()];
    assert_eq!(Case { identity: policy(), ..alice() }.reason(), DenialReason::ExplicitDeny);
    let mut context = Context::new();
    context.set("aws:PrincipalTag/t", "k");
    assert!(Case { identity: policy(), context, ..alice() }.allowed());
}

#[test]
fn messages_of_section_2_10() {
    let subject = r#"User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k""#;
    let same = |case: Case| case.message(Disclosure::SameAccount);
    let allowed = || Case { identity: vec![identity("s3:*")], ..alice() };
    let because =
        |policy: &str| format!("{subject} because no {policy} allows the s3:GetObject action");
    let explicit = |policy: &str| format!("{subject} with an explicit deny in {policy}");
    assert_eq!(same(alice()), because("identity-based policy"));
    let boundary = Some(of_kind(PolicyKind::Boundary, "ec2:*"));
    assert_eq!(same(Case { boundary, ..allowed() }), because("permissions boundary"));
    let session = Some(of_kind(PolicyKind::Session, "ec2:*"));
    assert_eq!(same(Case { session, ..allowed() }), because("session policy"));
    let scp = Some(vec![of_kind(PolicyKind::ServiceControl, "ec2:*")]);
    assert_eq!(same(Case { scp, ..allowed() }), because("service control policy"));
    let endpoint = || Some(of_kind(PolicyKind::VpcEndpoint, "ec2:*"));
    assert_eq!(same(Case { endpoint: endpoint(), ..allowed() }), because("VPC endpoint policy"));
    assert_eq!(
        Case { endpoint: endpoint(), ..allowed() }.message(Disclosure::SameOrganization),
        "Access Denied"
    );
    assert_eq!(
        Case { resource_policy: Some(names("*")), ..bob() }.message(Disclosure::Stranger),
        "Access Denied"
    );
    let resource = Case { resource_policy: Some(denies(r#""*""#)), ..allowed() };
    assert_eq!(same(resource), explicit("a resource-based policy"));
    for (kind, text) in [
        (PolicyKind::Boundary, "a permissions boundary"),
        (PolicyKind::Session, "a session policy"),
        (PolicyKind::VpcEndpoint, "a VPC endpoint policy"),
        (PolicyKind::ServiceControl, "a service control policy"),
        (PolicyKind::ResourceControl, "a resource control policy"),
        (PolicyKind::Identity, "an identity-based policy"),
    ] {
        let deny = || of_kind(kind, "-s3:*");
        let mut case = allowed();
        match kind {
            PolicyKind::Boundary => case.boundary = Some(deny()),
            PolicyKind::Session => case.session = Some(deny()),
            PolicyKind::VpcEndpoint => case.endpoint = Some(deny()),
            PolicyKind::ServiceControl => case.scp = Some(vec![deny()]),
            PolicyKind::ResourceControl => case.rcp = Some(vec![deny()]),
            _ => case.identity = vec![deny()],
        }
        assert_eq!(same(case), explicit(text));
    }
}

#[test]
fn a_managed_policy_of_ones_own_account_is_named() {
    let name = "arn:aws:iam::111111111111:policy/p";
    let reference = |policy| StatementRef { set: PolicySet::Identity, policy, index: 0, sid: None };
    alice().ask(|question, _, _| {
        let text =
            |policy| Denial::explicit(reference(policy)).message(question, Disclosure::SameAccount);
        assert!(text(name).ends_with(&format!("in an identity-based policy: {name}")));
        assert!(text("user/alice/inline").ends_with("in an identity-based policy"));
        assert!(
            text("arn:aws:iam::222222222222:policy/p").ends_with("in an identity-based policy")
        );
    });
}

#[test]
fn the_trace_shows_what_applied_and_what_nearly_did() {
    let text = r#"{"Statement": [
        {"Sid": "Near", "Effect": "Allow", "Action": "s3:*", "Resource": "*",
         "Condition": {"StringEquals": {"aws:PrincipalTag/Team": ["x", "y"]}}},
        {"Sid": "Far", "Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}"#;
    let mut context = Context::new();
    context.set("aws:PrincipalTag/Team", "z");
    let identity = vec![Policy::parse(PolicyKind::Identity, text.as_bytes()).unwrap()];
    let case = Case { identity, context, resource_policy: Some(names(B)), ..alice() };
    case.ask(|question, sets, _| {
        let (_, trace) = explain(question, sets);
        let shown: Vec<_> =
            trace.entries.iter().map(|e| (e.set, e.principal_matches, e.applies())).collect();
        assert_eq!(
            shown,
            [(PolicySet::Resource, false, false), (PolicySet::Identity, true, false)]
        );
        let condition = &trace.entries[1].conditions[0];
        assert_eq!(trace.entries[1].sid.as_deref(), Some("Near"));
        assert_eq!(condition.key, "aws:principaltag/team");
        assert_eq!(condition.policy_values, ["x", "y"]);
        assert_eq!(condition.request_values.as_deref(), Some(&["z".to_owned()][..]));
        assert!(!condition.holds);
    });
}

#[test]
fn a_deny_of_bypassing_governance_is_honoured() {
    let bypass = || Case {
        action: "s3:BypassGovernanceRetention",
        identity: vec![identity("s3:*"), identity("-s3:BypassGovernanceRetention")],
        ..alice()
    };
    assert_eq!(bypass().reason(), DenialReason::ExplicitDeny);
    assert!(Case { identity: vec![identity("s3:*")], ..bypass() }.allowed());
}

#[test]
fn a_policy_that_only_denies_allows_nothing() {
    let only = Case { identity: vec![identity("-s3:PutObject")], ..alice() };
    assert_eq!(only.reason(), DenialReason::NoIdentityAllow);
}

#[test]
fn a_deny_for_everyone_means_everyone() {
    for principal in [r#""*""#, r#"{"AWS": "*"}"#] {
        let callers = [
            RequestPrincipal::Anonymous,
            RequestPrincipal::Root(account(A)),
            RequestPrincipal::Service("logging.s3.amazonaws.com".into()),
            user(A, "alice"),
            user(B, "bob"),
            session(A),
            federated(A),
        ];
        for caller in callers {
            let everyone = AclMatch { everyone: true, ..AclMatch::default() };
            let denied = Case {
                identity: vec![identity("*")],
                resource_policy: Some(denies(principal)),
                acl: everyone,
                ..case(caller)
            };
            assert_eq!(denied.denying_set(), PolicySet::Resource, "{principal}");
        }
    }
}

#[test]
fn the_name_of_a_user_is_not_a_prefix_of_another() {
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username}"}}"#;
    let policy = || vec![Policy::parse(PolicyKind::Identity, text.as_bytes()).unwrap()];
    let named = |name: &'static str| {
        let mut context = Context::new();
        context.set("aws:username", name);
        Case { identity: policy(), context, resource: "arn:aws:s3:::b/alice2", ..alice() }
    };
    assert!(named("alice2").allowed());
    assert!(!named("alice").allowed() && !named("*").allowed() && !named("alice?").allowed());
}

#[test]
fn listing_all_buckets_is_allowed_on_everything_and_on_all_buckets() {
    let on = |resource: &str| {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "{resource}"}}}}"#
        );
        vec![Policy::parse(PolicyKind::Identity, text.as_bytes()).unwrap()]
    };
    let list =
        |identity| Case { action: "s3:ListAllMyBuckets", resource: "*", identity, ..alice() };
    assert!(list(on("*")).allowed() && list(on("arn:aws:s3:::*")).allowed());
    assert!(!list(on("arn:aws:s3:::b*")).allowed());
    let users = Case { action: "iam:ListUsers", ..list(on("arn:aws:s3:::*")) };
    assert!(!users.allowed());
}
