use super::*;
use crate::error::PolicyFault;

fn parse(kind: PolicyKind, text: &str) -> Policy {
    Policy::parse(kind, text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn refused(kind: PolicyKind, text: &str) -> PolicyError {
    match Policy::parse(kind, text.as_bytes()) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error,
    }
}

fn fault(kind: PolicyKind, text: &str) -> PolicyFault {
    refused(kind, text).fault()
}

/// A bucket policy of one statement with these members.
fn bucket(members: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{{{members}}}]}}"#)
}

const PLAIN: &str = r#""Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*""#;

#[test]
fn messages_of_section_1_7() {
    let message = |text: &str| {
        let error = refused(PolicyKind::Bucket, text);
        error.s3_message().to_owned()
    };
    let json = "Policies must be valid JSON and the first byte must be '{'";
    assert_eq!(message(""), json);
    assert_eq!(message("[]"), json);
    assert_eq!(message(" {}"), json);
    assert_eq!(message(r#"{"a""#), "This policy contains invalid Json");
    assert_eq!(message(r#"{"Version":"2012-10-17"}"#), "Missing required field Statement");
    let empty = r#"{"Version":"2012-10-17","Statement":[]}"#;
    assert_eq!(message(empty), "Could not parse the policy: Statement is empty!");
    let without = |name: &str| {
        let kept: Vec<_> = PLAIN.split(", ").filter(|member| !member.contains(name)).collect();
        message(&bucket(&kept.join(", ")))
    };
    for name in ["Effect", "Principal", "Action", "Resource"] {
        assert_eq!(without(name), format!("Missing required field {name}"));
    }
    let version = bucket(PLAIN).replace("2012-10-17", "2011-01-01");
    assert_eq!(message(&version), "The policy must contain a valid version string");
    let principal =
        bucket(PLAIN).replace(r#""*""#, r#"{"AWS": "arn:aws:iam::111111111111:user/al*"}"#);
    assert_eq!(message(&principal), "Invalid principal in policy");
    let resource = bucket(PLAIN).replace("arn:aws:s3:::b/*", "b/*");
    assert_eq!(message(&resource), "Policy has invalid resource");
}

#[test]
fn the_place_of_an_error_is_named() {
    let error = refused(PolicyKind::Bucket, "{\"Statement\":\n  {\"Effect\": \"allow\"}}");
    assert_eq!(error.fault(), PolicyFault::InvalidEffect);
    assert_eq!(error.place().path, "Statement.Effect");
    assert_eq!((error.place().line, error.place().column), (2, 14));
    let text =
        bucket(&format!(r#"{PLAIN}, "Condition": {{"StringMatch": {{"aws:referer": "x"}}}}"#));
    let error = refused(PolicyKind::Bucket, &text);
    assert_eq!(error.fault(), PolicyFault::InvalidConditionOperator);
    assert!(error.to_string().contains("Statement[0].Condition (line 1, column"), "{error}");
}

#[test]
fn grammar_of_section_1_1() {
    let ok = parse(PolicyKind::Bucket, &bucket(PLAIN));
    assert_eq!((ok.version(), ok.statements().len()), (PolicyVersion::V2012, 1));
    let old = parse(PolicyKind::Bucket, &format!(r#"{{"Id": "i", "Statement": {{{PLAIN}}}}}"#));
    assert_eq!((old.version(), old.id()), (PolicyVersion::V2008, Some("i")));
    let bad = |members: &str| fault(PolicyKind::Bucket, &bucket(members));
    assert_eq!(bad(&PLAIN.replace("Allow", "allow")), PolicyFault::InvalidEffect);
    assert_eq!(bad(&PLAIN.replace("Effect", "effect")), PolicyFault::UnknownElement);
    assert_eq!(bad(&format!(r#"{PLAIN}, "NotAction": "s3:*""#)), PolicyFault::ElementCombination);
    assert_eq!(bad(&format!(r#"{PLAIN}, "NotResource": "*""#)), PolicyFault::ElementCombination);
    assert_eq!(bad(&format!(r#"{PLAIN}, "NotPrincipal": "*""#)), PolicyFault::ElementCombination);
    assert_eq!(bad(&format!(r#"{PLAIN}, "Effect": "Deny""#)), PolicyFault::Json);
    assert_eq!(bad(&format!(r#"{PLAIN}, "Sid": 1"#)), PolicyFault::DataType);
    assert_eq!(bad(&format!(r#"{PLAIN}, "Condition": []"#)), PolicyFault::DataType);
    assert_eq!(bad(&PLAIN.replace(r#""s3:GetObject""#, "7")), PolicyFault::DataType);
    assert_eq!(bad(&PLAIN.replace("s3:GetObject", "GetObject")), PolicyFault::InvalidAction);
    let not = PLAIN.replace("Principal", "NotPrincipal");
    assert_eq!(bad(&not), PolicyFault::AllowWithNotPrincipal);
    assert!(
        Policy::parse(PolicyKind::Bucket, bucket(&not.replace("Allow", "Deny")).as_bytes()).is_ok()
    );
    assert_eq!(
        fault(PolicyKind::Bucket, r#"{"Statement": [], "X": 1}"#),
        PolicyFault::UnknownElement
    );
    assert_eq!(
        fault(PolicyKind::Bucket, &bucket(PLAIN).replace("b/*", "b/日")),
        PolicyFault::InvalidCharacter
    );
    assert!(
        Policy::parse(PolicyKind::Bucket, bucket(PLAIN).replace("b/*", r"b/\u65e5").as_bytes())
            .is_ok()
    );
}

#[test]
fn an_empty_list_is_never_negated() {
    let identity = |members: &str| bucket(&format!(r#""Effect": "Deny", {members}"#));
    parse(PolicyKind::Identity, &identity(r#""Action": [], "Resource": []"#));
    let action = identity(r#""NotAction": [], "Resource": "*""#);
    assert_eq!(fault(PolicyKind::Identity, &action), PolicyFault::MissingAction);
    let resource = identity(r#""Action": "s3:*", "NotResource": []"#);
    assert_eq!(fault(PolicyKind::Identity, &resource), PolicyFault::MissingResource);
    let action = bucket(&PLAIN.replace(r#""s3:GetObject""#, "[]"));
    assert_eq!(fault(PolicyKind::Bucket, &action), PolicyFault::MissingAction);
    let principal = bucket(&PLAIN.replace(r#""*","#, r#"{"AWS": []},"#));
    assert_eq!(fault(PolicyKind::Bucket, &principal), PolicyFault::InvalidPrincipal);
}

#[test]
fn each_kind_has_its_own_elements() {
    let identity = r#""Effect": "Allow", "Action": "foo:Bar", "Resource": "*""#;
    for kind in [
        PolicyKind::Identity,
        PolicyKind::Boundary,
        PolicyKind::Session,
        PolicyKind::ServiceControl,
    ] {
        parse(kind, &bucket(identity));
        assert_eq!(fault(kind, &bucket(PLAIN)), PolicyFault::PrincipalNotAllowed);
        let with_id = bucket(identity).replacen('{', r#"{"Id": "x", "#, 1);
        assert_eq!(fault(kind, &with_id), PolicyFault::UnsupportedElement);
    }
    let trust =
        r#""Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111111111111"}"#;
    parse(PolicyKind::Trust, &bucket(trust));
    assert_eq!(fault(PolicyKind::Trust, &bucket(PLAIN)), PolicyFault::UnsupportedElement);
    assert_eq!(
        fault(PolicyKind::Trust, &bucket(&trust.replace(r#", "Principal""#, r#", "X""#))),
        PolicyFault::UnknownElement
    );
    let canonical =
        PLAIN.replace(r#""*","#, &format!(r#"{{"CanonicalUser": "{}"}},"#, "ab".repeat(32)));
    parse(PolicyKind::Bucket, &bucket(&canonical));
    assert_eq!(fault(PolicyKind::Key, &bucket(&canonical)), PolicyFault::InvalidPrincipal);
}

#[test]
fn resource_control_policies_only_deny_everyone() {
    let kind = PolicyKind::ResourceControl;
    let full = r#""Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*""#;
    parse(kind, &bucket(full));
    let deny = r#""Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*""#;
    parse(kind, &bucket(deny));
    assert_eq!(fault(kind, &bucket(&deny.replace("Deny", "Allow"))), PolicyFault::InvalidEffect);
    assert_eq!(fault(kind, &bucket(&deny.replace("s3:*", "*"))), PolicyFault::InvalidAction);
    assert_eq!(
        fault(kind, &bucket(&deny.replace("Action", "NotAction"))),
        PolicyFault::InvalidAction
    );
    let one = deny.replace(r#""Principal": "*""#, r#""Principal": {"AWS": "111111111111"}"#);
    assert_eq!(fault(kind, &bucket(&one)), PolicyFault::InvalidPrincipal);
    let old = bucket(deny).replace("2012", "2008");
    assert_eq!(fault(kind, &old), PolicyFault::InvalidVersion);
}

#[test]
fn statement_ids_of_iam_are_words_and_unique() {
    let statement = |sid: &str| {
        format!(r#"{{"Sid": "{sid}", "Effect": "Deny", "Action": "*", "Resource": "*"}}"#)
    };
    let two = |one: &str, other: &str| {
        format!(r#"{{"Statement": [{}, {}]}}"#, statement(one), statement(other))
    };
    parse(PolicyKind::Identity, &two("a", "b"));
    parse(PolicyKind::Identity, &two("", ""));
    assert_eq!(fault(PolicyKind::Identity, &two("a", "a")), PolicyFault::DuplicateSid);
    assert_eq!(fault(PolicyKind::Identity, &two("a b", "c")), PolicyFault::InvalidSid);
    let text =
        format!(r#"{{"Statement": [{{"Sid": "a b", {PLAIN}}}, {{"Sid": "a b", {PLAIN}}}]}}"#);
    parse(PolicyKind::Bucket, &text);
}

#[test]
fn sizes_of_section_1_6_are_kept_to_the_byte() {
    let sized = |bytes: usize| {
        let text = bucket(PLAIN);
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    for (kind, bytes) in
        [(PolicyKind::Bucket, 20_480), (PolicyKind::Key, 32_768), (PolicyKind::VpcEndpoint, 20_480)]
    {
        parse(kind, &sized(bytes));
        let error = refused(kind, &sized(bytes + 1));
        assert_eq!(error.fault(), PolicyFault::TooLarge);
        assert!(error.s3_message().contains(&bytes.to_string()));
    }
    assert_eq!(counted_characters("{ \"é\":\t1\r\n}"), 7);
}

#[test]
fn conditions_are_refused_when_they_cannot_be_read() {
    let bad = |condition: &str| {
        fault(
            PolicyKind::Identity,
            &bucket(&format!(
                r#""Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {condition}"#
            )),
        )
    };
    assert_eq!(bad(r#"{"StringMatch": {"a:b": "x"}}"#), PolicyFault::InvalidConditionOperator);
    assert_eq!(bad(r#"{"NullIfExists": {"a:b": "true"}}"#), PolicyFault::InvalidConditionOperator);
    assert_eq!(
        bad(r#"{"IpAddress": {"aws:SourceIp": "300.1.1.1/8"}}"#),
        PolicyFault::InvalidConditionValue
    );
    assert_eq!(bad(r#"{"StringEquals": {"a:b": "${x"}}"#), PolicyFault::InvalidVariable);
    assert_eq!(bad(r#"{"NumericEquals": {"a:b": "${a:c}"}}"#), PolicyFault::InvalidVariable);
    assert_eq!(bad(r#"{"StringEquals": {"ab": "x"}}"#), PolicyFault::InvalidConditionKey);
    assert_eq!(
        bad(r#"{"StringEquals": {"aws:PrincipalTag/": "x"}}"#),
        PolicyFault::InvalidConditionKey
    );
    assert_eq!(
        bad(r#"{"StringEquals": {"a:b": "x", "A:B": "y"}}"#),
        PolicyFault::InvalidConditionKey
    );
    assert_eq!(bad(r#"{"StringEquals": {"a:b": {}}}"#), PolicyFault::DataType);
    assert_eq!(bad(r#"{"StringEquals": {"a:b": null}}"#), PolicyFault::DataType);
    assert_eq!(bad(r#"{"StringEquals": "x"}"#), PolicyFault::DataType);
    parse(
        PolicyKind::Identity,
        &bucket(
            r#""Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": {"Bool": {"a:b": true}, "NumericEquals": {"a:b": [1, "2"]}}"#,
        ),
    );
}

#[test]
fn principals_of_section_1_2() {
    let named = |kind: &str, text: &str| {
        let members = PLAIN.replace(r#""*","#, &format!(r#"{{"{kind}": "{text}"}},"#));
        Policy::parse(PolicyKind::Bucket, bucket(&members).as_bytes())
    };
    for (kind, text) in [
        ("AWS", "*"),
        ("AWS", "123456789012"),
        ("AWS", "arn:aws:iam::123456789012:root"),
        ("AWS", "arn:aws:iam::123456789012:user/p/n"),
        ("AWS", "arn:aws:iam::123456789012:role/r"),
        ("AWS", "arn:aws:sts::123456789012:assumed-role/R/S"),
        ("AWS", "AIDAQ3EGRIBBEXAMPLE01"),
        ("AWS", "arn:aws:sts::123456789012:federated-user/N"),
        ("Service", "logging.s3.amazonaws.com"),
        ("Federated", "arn:aws:iam::123456789012:oidc-provider/h.example"),
        ("Federated", "accounts.google.com"),
        ("Federated", "arn:aws:iam::123456789012:saml-provider/x"),
    ] {
        assert!(named(kind, text).is_ok(), "{kind} {text}");
    }
    for (kind, text) in [
        ("AWS", ""),
        ("AWS", "12345"),
        ("AWS", "arn:aws:iam::123456789012:user/*"),
        ("AWS", "al*"),
        ("AWS", "arn:aws:iam::123456789012:group/g"),
        ("AWS", "arn:aws:iam::*:root"),
        ("AWS", "arn:aws:iam::123456789012:instance-profile/g"),
        ("AWS", "arn:aws:iam::123456789012:user/"),
        ("AWS", "arn:aws:sts::123456789012:assumed-role/R"),
        ("AWS", "arn:aws:s3:::b"),
        ("AWS", "alice"),
        ("AWS", "arn:aws:iam::123456789012:user/${aws:username}"),
        ("aws", "123456789012"),
        ("Service", "*"),
        ("Federated", "*"),
        ("CanonicalUser", "abc"),
        ("Everyone", "*"),
    ] {
        let refused = named(kind, text);
        assert_eq!(refused.unwrap_err().fault(), PolicyFault::InvalidPrincipal, "{kind} {text}");
    }
}

#[test]
fn principals_can_be_written_differently_and_nothing_else_changes() {
    let text = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": ["123456789012", "arn:aws:iam::123456789012:user/a"], "Service": "x.amazonaws.com"}, "Action": "s3:*", "Resource": "arn:aws:s3:::123456789012"}}"#;
    let policy = parse(PolicyKind::Bucket, text);
    assert_eq!(policy.principals().len(), 3);
    assert_eq!(policy.translated(|_| None), text);
    let translated = policy.translated(|principal| match principal {
        PolicyPrincipal::Account(id) => Some(format!("arn:aws:iam::{id}:root")),
        PolicyPrincipal::Arn(_) => Some("AIDAQ3EGRIBBEXAMPLE01".to_owned()),
        _ => None,
    });
    let expected = text
        .replace(r#""123456789012","#, r#""arn:aws:iam::123456789012:root","#)
        .replace("arn:aws:iam::123456789012:user/a", "AIDAQ3EGRIBBEXAMPLE01");
    assert_eq!(translated, expected);
    assert!(matches!(
        parse(PolicyKind::Bucket, &translated).principals()[1].principal,
        PolicyPrincipal::UniqueId(_)
    ));
}
