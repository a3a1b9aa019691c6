//! Who may do what: the subtleties of section 2, as far as they depend on how a question is asked.
//! The evaluator itself is held against its specification in its own crate.

use strongroom_access::Denial;
use strongroom_model::s3;
use strongroom_policy::{Acl, AclGrant, AclGroup, AclPermission, Grantee, PublicAccessBlock};

use crate::scene::{A, B, Scene, allow, federated, of_bucket, root, session, statement, user};

const GET: &str = r#""s3:GetObject""#;
const ALICE: &str = r#"{"AWS":"arn:aws:iam::111111111111:user/dev/alice"}"#;
const BOB: &str = r#"{"AWS":"arn:aws:iam::222222222222:user/dev/bob"}"#;
const EVERYBODY: &str = r#""*""#;

fn get(caller: strongroom_access::Caller) -> Scene {
    Scene::new(caller, "GET", "/bkt/k")
}

fn anonymous() -> strongroom_access::Caller {
    strongroom_access::Caller::anonymous()
}

#[test]
fn nobody_may_anything_without_a_policy_but_the_owners_root() {
    get(root(A)).allowed::<s3::GetObject>();
    for caller in [root(B), user(A, "alice"), user(B, "bob"), session(A, None), federated(A, None)]
    {
        get(caller).denied::<s3::GetObject>();
    }
    assert_eq!(get(anonymous()).denied::<s3::GetObject>(), "Access Denied");
}

#[test]
fn an_identity_policy_suffices_in_its_account_and_not_in_another() {
    get(user(A, "alice")).with(&allow(GET)).allowed::<s3::GetObject>();
    let denial = get(user(B, "bob")).with(&allow(GET)).denied::<s3::GetObject>();
    assert_eq!(denial, "Access Denied", "to strangers no more is said");
}

#[test]
fn a_bucket_policy_that_names_a_user_suffices_in_the_same_account() {
    get(user(A, "alice")).guarded(&of_bucket("Allow", ALICE, GET, "")).allowed::<s3::GetObject>();
    let account = r#"{"AWS":"111111111111"}"#;
    get(user(A, "alice")).guarded(&of_bucket("Allow", account, GET, "")).denied::<s3::GetObject>();
}

#[test]
fn another_account_needs_both_sides() {
    let granted = || get(user(B, "bob")).guarded(&of_bucket("Allow", BOB, GET, ""));
    granted().denied::<s3::GetObject>();
    granted().with(&allow(GET)).allowed::<s3::GetObject>();
    let account = r#"{"AWS":"222222222222"}"#;
    get(root(B)).guarded(&of_bucket("Allow", account, GET, "")).allowed::<s3::GetObject>();
}

#[test]
fn a_deny_of_the_bucket_wins_over_everybody_and_over_the_root() {
    let deny = of_bucket("Deny", EVERYBODY, r#""s3:*""#, "");
    let message =
        get(user(A, "alice")).with(&allow(r#""s3:*""#)).guarded(&deny).denied::<s3::GetObject>();
    assert_eq!(
        message,
        "User: arn:aws:iam::111111111111:user/dev/alice is not authorized to perform: \
         s3:GetObject on resource: \"arn:aws:s3:::bkt/k\" with an explicit deny in a \
         resource-based policy"
    );
    get(root(A)).guarded(&deny).denied::<s3::GetObject>();
    let policy = |caller, method| Scene::new(caller, method, "/bkt?policy").guarded(&deny);
    policy(root(A), "DELETE").allowed::<s3::DeleteBucketPolicy>();
    policy(root(A), "GET").allowed::<s3::GetBucketPolicy>();
    let admin = policy(user(A, "alice"), "DELETE").with(&allow(r#""*""#));
    admin.denied::<s3::DeleteBucketPolicy>();
}

#[test]
fn only_the_owners_account_touches_the_bucket_policy() {
    let granted = of_bucket("Allow", BOB, r#""s3:GetBucketPolicy""#, "");
    let bob = Scene::new(user(B, "bob"), "GET", "/bkt?policy").guarded(&granted);
    let bob = bob.with(&allow(r#""s3:*""#));
    assert_eq!(bob.ask::<s3::GetBucketPolicy>().unwrap_err(), Denial::MethodNotAllowed);
}

#[test]
fn a_boundary_and_a_session_policy_limit_what_identity_policies_give() {
    let list = allow(r#""s3:ListBucket""#);
    let alice = || get(user(A, "alice")).with(&allow(GET));
    let message = alice().boundary(&list).denied::<s3::GetObject>();
    assert!(message.ends_with("because no permissions boundary allows the s3:GetObject action"));
    alice().boundary(&allow(GET)).allowed::<s3::GetObject>();
    // Named as herself by the bucket, its implicit deny does not matter.
    alice().boundary(&list).guarded(&of_bucket("Allow", ALICE, GET, "")).allowed::<s3::GetObject>();

    let limited = |policy: Option<&str>| get(session(A, policy)).with(&allow(GET));
    limited(None).allowed::<s3::GetObject>();
    limited(Some(&allow(GET))).allowed::<s3::GetObject>();
    let message = limited(Some(&list)).denied::<s3::GetObject>();
    assert!(message.ends_with("because no session policy allows the s3:GetObject action"));
    let named = |arn: &str| {
        let principal = format!(r#"{{"AWS":"{arn}"}}"#);
        get(session(A, Some(&list))).guarded(&of_bucket("Allow", &principal, GET, ""))
    };
    named("arn:aws:iam::111111111111:role/ops/r").denied::<s3::GetObject>();
    named("arn:aws:sts::111111111111:assumed-role/r/s").allowed::<s3::GetObject>();
}

#[test]
fn a_federated_user_has_what_its_session_policy_and_its_maker_give() {
    get(federated(A, None)).with(&allow(GET)).denied::<s3::GetObject>();
    get(federated(A, Some(&allow(GET)))).with(&allow(GET)).allowed::<s3::GetObject>();
    get(federated(A, Some(&allow(GET)))).denied::<s3::GetObject>();
    let principal = r#"{"AWS":"arn:aws:sts::111111111111:federated-user/fed"}"#;
    get(federated(A, None))
        .guarded(&of_bucket("Allow", principal, GET, ""))
        .allowed::<s3::GetObject>();
}

#[test]
fn anonymous_callers_live_on_public_policies_that_are_not_blocked() {
    let public = of_bucket("Allow", EVERYBODY, r#""s3:*""#, "");
    get(anonymous()).guarded(&public).allowed::<s3::GetObject>();
    let blocked = |block: PublicAccessBlock| {
        get(anonymous()).guarded(&public).controls(|controls| controls.block = block)
    };
    let restricted =
        PublicAccessBlock { restrict_public_buckets: true, ..PublicAccessBlock::default() };
    blocked(restricted).denied::<s3::GetObject>();
    let bob = get(user(B, "bob")).with(&allow(GET)).guarded(&public);
    bob.controls(|controls| controls.block = restricted).denied::<s3::GetObject>();
    get(user(A, "alice"))
        .guarded(&public)
        .controls(|controls| controls.block = restricted)
        .allowed::<s3::GetObject>();
    // What nobody may do without a name.
    let upload = Scene::new(anonymous(), "POST", "/bkt/k?uploads").guarded(&public);
    upload.denied::<s3::CreateMultipartUpload>();
    let copy = Scene::new(anonymous(), "PUT", "/bkt/k").header("x-amz-copy-source", "bkt/s");
    copy.guarded(&public).denied::<s3::CopyObject>();
    Scene::new(anonymous(), "PUT", "/new-bucket").denied::<s3::CreateBucket>();
    Scene::new(anonymous(), "GET", "/").denied::<s3::ListBuckets>();
    let chosen = Scene::new(anonymous(), "GET", "/bkt/k?response-content-type=text/html");
    let chosen = chosen.guarded(&public).ask::<s3::GetObject>();
    assert_eq!(chosen.unwrap_err(), Denial::ResponseOverrides);
}

#[test]
fn grants_of_acls_count_where_acls_do_and_are_not_ignored() {
    use strongroom_access::ObjectOwnership::{BucketOwnerEnforced, ObjectWriter};
    let list = |caller, ownership, block| {
        let group = Grantee::Group(AclGroup::AllUsers);
        let grant = AclGrant { grantee: group, permission: AclPermission::Read };
        Scene::new(caller, "GET", "/bkt").controls(|controls| {
            controls.ownership = ownership;
            controls.block = block;
            controls.acl = Acl { grants: vec![grant] };
        })
    };
    let open = PublicAccessBlock::default();
    let ignoring = PublicAccessBlock { ignore_public_acls: true, ..open };
    list(anonymous(), ObjectWriter, open).allowed::<s3::ListObjects>();
    list(user(A, "alice"), ObjectWriter, open).allowed::<s3::ListObjects>();
    list(anonymous(), ObjectWriter, ignoring).denied::<s3::ListObjects>();
    list(anonymous(), BucketOwnerEnforced, open).denied::<s3::ListObjects>();
    let noted = list(anonymous(), ObjectWriter, open).ask_noted::<s3::ListObjects>().1;
    assert_eq!(noted, "allow s3:ListBucket by acl");
    let bob = list(user(B, "bob"), ObjectWriter, open);
    bob.denied::<s3::ListObjects>();
    bob.with(&allow(r#""s3:ListBucket""#)).allowed::<s3::ListObjects>();
}

#[test]
fn what_cannot_be_read_denies() {
    for caller in [root(A), user(A, "alice"), anonymous()] {
        let scene = get(caller).with(&allow(r#""*""#));
        *scene.world.fails.lock() = true;
        assert_eq!(scene.ask::<s3::GetObject>().unwrap_err(), Denial::Unavailable);
    }
}

#[test]
fn an_expected_owner_and_the_payer_are_judged_before_policies() {
    let public = of_bucket("Allow", EVERYBODY, r#""s3:*""#, "");
    let expecting = |owner: &str| {
        get(root(A)).header("x-amz-expected-bucket-owner", owner).ask::<s3::GetObject>()
    };
    assert!(expecting("111111111111").is_ok());
    assert_eq!(expecting("222222222222").unwrap_err(), Denial::plain());
    assert_eq!(expecting("1").unwrap_err(), Denial::InvalidExpectedOwner);

    let paid = |caller, says: Option<&str>| {
        let scene = get(caller).with(&allow(GET)).guarded(&public);
        let scene = scene.controls(|controls| controls.requester_pays = true);
        match says {
            Some(value) => scene.header("x-amz-request-payer", value),
            None => scene,
        }
    };
    paid(user(A, "alice"), None).allowed::<s3::GetObject>();
    paid(user(B, "bob"), None).denied::<s3::GetObject>();
    paid(user(B, "bob"), Some("requester")).allowed::<s3::GetObject>();
    paid(anonymous(), Some("requester")).denied::<s3::GetObject>();
}

#[test]
fn the_note_names_statement_policy_and_version() {
    let noted = |scene: &Scene| scene.ask_noted::<s3::GetObject>().1;
    assert_eq!(noted(&get(root(A))), "", "nothing had to be asked");
    let alice = || get(user(A, "alice"));
    assert_eq!(
        noted(&alice().with(&allow(GET))),
        "allow s3:GetObject by identity user/alice/p@7#0"
    );
    assert_eq!(noted(&alice()), "deny s3:GetObject no-identity-allow");
    let deny = of_bucket("Deny", EVERYBODY, GET, "");
    assert_eq!(
        noted(&alice().with(&allow(GET)).guarded(&deny)),
        "deny s3:GetObject explicit-deny by resource bucket-policy@7#0 One"
    );
    let condition = r#""StringEquals":{"aws:UserAgent":"curl"}"#;
    let narrow = statement("Allow", GET, r#""*""#, condition);
    assert_eq!(
        noted(&alice().with(&narrow).header("user-agent", "wget\t1")),
        "deny s3:GetObject no-identity-allow; identity user/alice/p@7#0 missed: \
         StringEquals(aws:useragent) has [wget?1]"
    );
    let managed = statement("Deny", GET, r#""*""#, "");
    let message = alice().managed(&managed).denied::<s3::GetObject>();
    assert!(message.ends_with("identity-based policy: arn:aws:iam::111111111111:policy/m"));
}
