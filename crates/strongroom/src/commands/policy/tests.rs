use serde_json::{Value, json};

use super::answer_line;

const A: &str = "111111111111";
const B: &str = "222222222222";

fn allow(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "S1", "Effect": "Allow", "Action": action, "Resource": resource}]})
}

fn open_to(principal: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": principal,
        "Action": "s3:*", "Resource": ["arn:aws:s3:::bkt", "arn:aws:s3:::bkt/*"]}})
}

/// A question of alice of account A about an object of account A.
fn question() -> Value {
    json!({"v": 1, "op": "authorize", "id": "q", "policies": {},
        "s3": {"bucket": "bkt", "bucket_owner": A, "bucket_owner_canonical": "aa".repeat(32)},
        "request": {"principal": {"type": "user", "account": A, "arn": format!("arn:aws:iam::{A}:user/alice")},
            "api": "GetObject", "action": "s3:GetObject", "resource": "arn:aws:s3:::bkt/k"}})
}

fn bob(mut question: Value) -> Value {
    question["request"]["principal"] =
        json!({"type": "user", "account": B, "arn": format!("arn:aws:iam::{B}:user/bob")});
    question
}

fn ask(question: &Value) -> Value {
    answer_line(question.to_string().as_bytes())
}

/// Decision, code and reason.
fn outcome(question: &Value) -> (String, String, String) {
    let answer = ask(question);
    assert_eq!(answer["id"], "q", "{answer}");
    let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
    (text("decision"), text("code"), text("reason"))
}

fn allowed(question: &Value) -> bool {
    outcome(question).0 == "allow"
}

fn reason(question: &Value) -> String {
    let (decision, _, reason) = outcome(question);
    assert_eq!(decision, "deny");
    reason
}

#[test]
fn policies_of_every_set_are_asked() {
    let mut q = question();
    assert_eq!(reason(&q), "no-identity-allow");
    q["policies"]["group"] = json!([allow("s3:*", "*")]);
    assert!(allowed(&q));
    let with = |member: &str, policies: Value| {
        let mut q = q.clone();
        q["policies"][member] = policies;
        q
    };
    assert_eq!(reason(&with("boundary", allow("ec2:*", "*"))), "boundary");
    assert_eq!(reason(&with("session", allow("ec2:*", "*"))), "session");
    assert_eq!(reason(&with("scp", json!([[allow("*", "*")], [allow("ec2:*", "*")]]))), "scp");
    assert!(allowed(&with("scp", json!([[allow("*", "*")]]))));
    let deny = json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}});
    assert_eq!(reason(&with("rcp", json!([[deny]]))), "explicit-deny");
    let endpoint = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}});
    assert_eq!(reason(&with("vpc_endpoint", endpoint)), "endpoint");
    assert_eq!(reason(&bob(q.clone())), "no-resource-allow");
    let mut q = bob(q);
    q["policies"]["bucket"] = open_to(json!({"AWS": B}));
    assert!(allowed(&q));
    q["request"]["also"] =
        json!([{"action": "kms:Decrypt", "resource": "arn:aws:kms:us-east-1:222222222222:key/k"}]);
    assert_eq!(reason(&q), "no-identity-allow", "all pairs must be allowed");
}

#[test]
fn every_kind_of_principal_can_ask() {
    let as_who = |principal: Value, named: Value| {
        let mut q = question();
        q["request"]["principal"] = principal;
        q["policies"]["bucket"] = open_to(named);
        outcome(&q)
    };
    let yes = ("allow".to_owned(), String::new(), String::new());
    assert_eq!(as_who(json!({"type": "anonymous"}), json!("*")), yes);
    assert_eq!(as_who(json!({"type": "root", "account": A}), json!({"AWS": B})), yes);
    let service = json!({"type": "service", "service": "logging.s3.amazonaws.com"});
    assert_eq!(as_who(service.clone(), json!({"Service": "logging.s3.amazonaws.com"})), yes);
    assert_ne!(as_who(service, json!({"AWS": A})), yes);
    let role = json!({"type": "role", "account": A, "arn": "arn:aws:sts::111111111111:assumed-role/r/s", "role_arn": "arn:aws:iam::111111111111:role/r"});
    assert_eq!(as_who(role, json!({"AWS": "arn:aws:iam::111111111111:role/r"})), yes);
    let federated = json!({"type": "federated", "account": A, "arn": "arn:aws:sts::111111111111:federated-user/f", "user_arn": "arn:aws:iam::111111111111:user/alice"});
    assert_eq!(
        as_who(federated, json!({"AWS": "arn:aws:sts::111111111111:federated-user/f"})),
        yes
    );
}

#[test]
fn acls_count_where_they_are_enabled() {
    let mut q = question();
    q["request"]["principal"] = json!({"type": "anonymous"});
    q["s3"]["object_acl"] = json!({"canned": "public-read"});
    assert!(!allowed(&q), "ownership is enforced by default");
    q["s3"]["ownership"] = json!("ObjectWriter");
    assert!(allowed(&q));
    q["s3"]["bpa"] = json!({"account": null, "bucket": {"ignore_public_acls": true}});
    assert!(!allowed(&q));
    let mut q = bob(question());
    q["s3"]["ownership"] = json!("BucketOwnerPreferred");
    q["s3"]["requester_canonical"] = json!("bb".repeat(32));
    q["s3"]["bucket_acl"] =
        json!({"grants": [{"grantee": {"id": "bb".repeat(32)}, "permission": "READ"}]});
    q["policies"]["identity"] = json!([allow("s3:*", "*")]);
    assert!(!allowed(&q));
    q["request"]["action"] = json!("s3:ListBucket");
    q["request"]["resource"] = json!("arn:aws:s3:::bkt");
    assert!(allowed(&q));
}

#[test]
fn public_policies_are_restricted_and_public_writes_refused() {
    let mut q = bob(question());
    q["policies"]["identity"] = json!([allow("s3:*", "*")]);
    q["policies"]["bucket"] = open_to(json!("*"));
    assert!(allowed(&q));
    q["s3"]["bpa"] = json!({"bucket": {"restrict_public_buckets": true}});
    assert_eq!(reason(&q), "public-access-block");
    let mut q = question();
    q["policies"]["identity"] = json!([allow("s3:*", "*")]);
    q["s3"]["bpa"] = json!({"account": {"block_public_policy": true, "block_public_acls": true}});
    q["request"]["put_policy"] = open_to(json!("*"));
    assert_eq!(reason(&q), "public-access-block");
    q["request"]["put_policy"] = open_to(json!({"AWS": B}));
    assert!(allowed(&q));
    q["request"]["put_policy"] = json!({"Statement": []});
    assert_eq!(outcome(&q).1, "MalformedPolicy");
    q["request"]["put_policy"] = Value::Null;
    q["request"]["requested_acl"] = json!({"canned": "public-read"});
    assert_eq!(outcome(&q).1, "AccessControlListNotSupported");
    q["s3"]["ownership"] = json!("ObjectWriter");
    assert_eq!(reason(&q), "public-access-block");
    q["request"]["requested_acl"] = json!("public-read");
    assert_eq!(reason(&q), "public-access-block", "a canned name may stand alone");
}

#[test]
fn an_access_point_needs_both_policies() {
    let point = "arn:aws:s3:us-east-1:111111111111:accesspoint/ap";
    let mut q = bob(question());
    q["s3"]["via_access_point"] = json!(true);
    q["s3"]["access_point_arn"] = json!(point);
    q["policies"]["identity"] = json!([allow("s3:*", &format!("{point}/object/*"))]);
    q["policies"]["bucket"] = open_to(json!({"AWS": B}));
    assert_eq!(reason(&q), "no-resource-allow");
    q["policies"]["access_point"] = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": B}, "Action": "s3:GetObject", "Resource": format!("{point}/object/*")}});
    assert!(allowed(&q));
    q["request"]["resource"] = json!(format!("{point}/object/k"));
    assert!(allowed(&q), "either way to write the resource");
    q["policies"]["bucket"] = Value::Null;
    assert_eq!(reason(&q), "no-resource-allow");
}

#[test]
fn the_trace_names_statements_and_conditions() {
    let mut q = question();
    q["policies"]["identity"] = json!([{"Statement": {"Sid": "Home", "Effect": "Allow", "Action": "s3:*",
        "Resource": "*", "Condition": {"StringEquals": {"aws:username": "alice"}}}}]);
    q["request"]["context"] =
        json!({"aws:username": "bob", "aws:TagKeys": ["a"], "s3:max-keys": 5});
    let answer = ask(&q);
    let entry = &answer["trace"][0];
    assert_eq!(entry["policy"], "identity");
    assert_eq!((&entry["index"], &entry["sid"]), (&json!(0), &json!("Home")));
    assert_eq!(entry["applies"], false);
    assert_eq!(entry["conditions"][0]["request_values"], json!(["bob"]));
    assert_eq!(entry["conditions"][0]["holds"], false);
}

#[test]
fn policies_that_are_refused_are_malformed() {
    let mut q = question();
    q["policies"]["identity"] = json!([{"Statement": []}]);
    let (decision, code, _) = outcome(&q);
    assert_eq!((&*decision, &*code), ("malformed", "MalformedPolicyDocument"));
    // Two members of one name reach the reader of policies as they were written.
    let policy =
        r#"{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let line = question()
        .to_string()
        .replace(r#""policies":{}"#, &format!(r#""policies":{{"identity":[{policy}]}}"#));
    assert_eq!(answer_line(line.as_bytes())["decision"], "malformed");
}

#[test]
fn lines_that_are_no_questions_are_answered_as_such() {
    let refused = |line: &str| answer_line(line.as_bytes())["error"].is_string();
    assert!(refused("{") && refused("[]") && refused("{}"));
    assert!(refused(r#"{"op": "guess", "id": "q"}"#));
    let mut q = question();
    q["request"]["surprise"] = json!(1);
    assert!(ask(&q)["error"].is_string(), "unknown members are errors");
    let mut q = question();
    q["v"] = json!(2);
    assert!(ask(&q)["error"].is_string());
    let mut q = question();
    q["request"]["principal"]["type"] = json!("wizard");
    assert!(ask(&q)["error"].is_string());
}

#[test]
fn documents_are_validated_with_code_and_place() {
    let ask_kind = |kind: &str, document: &str| {
        ask(
            &json!({"v": 1, "op": "validate", "id": "q", "type": kind, "bucket": "bkt", "account": A,
            "known_users": [format!("arn:aws:iam::{A}:user/alice")], "document": document}),
        )
    };
    let named = |user: &str| {
        let arn = format!("arn:aws:iam::{A}:user/{user}");
        ask_kind("bucket", &open_to(json!({"AWS": arn})).to_string())
    };
    assert_eq!(named("alice")["valid"], true);
    let unknown = named("nobody");
    assert_eq!(unknown["valid"], false);
    assert_eq!(
        (&unknown["code"], &unknown["message"]),
        (&json!("MalformedPolicy"), &json!("Invalid principal in policy"))
    );
    let other = open_to(json!("*")).to_string().replace("bkt", "other");
    assert_eq!(ask_kind("bucket", &other)["message"], "Policy has invalid resource");
    let identity = ask_kind("identity", &open_to(json!("*")).to_string());
    assert_eq!(identity["code"], "MalformedPolicyDocument");
    assert_eq!(identity["findings"][0]["code"], "UNSUPPORTED_PRINCIPAL");
    assert_eq!(identity["findings"][0]["place"]["path"], "Statement.Principal");
    let old = json!({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}).to_string();
    let old = ask_kind("identity", &old);
    assert_eq!(
        (&old["valid"], &old["findings"][0]["code"]),
        (&json!(true), &json!("MISSING_VERSION"))
    );
}

#[test]
fn public_is_what_the_rules_say() {
    let ask_public = |kind: &str, document: Value, vpc_origin: bool| {
        let answer = ask(
            &json!({"v": 1, "op": "public", "id": "q", "type": kind, "document": document, "vpc_origin": vpc_origin, "account": A}),
        );
        assert_eq!(answer["by"], "rule", "{answer}");
        answer["public"].as_bool().unwrap()
    };
    assert!(ask_public("bucket-policy", open_to(json!("*")), false));
    assert!(!ask_public("bucket-policy", open_to(json!({"AWS": B})), false));
    assert!(ask_public("access-point-policy", open_to(json!("*")), false));
    assert!(!ask_public("access-point-policy", open_to(json!("*")), true));
    assert!(ask_public("bucket-acl", json!({"canned": "public-read"}), false));
    assert!(!ask_public("object-acl", json!({"canned": "bucket-owner-read"}), false));
}
