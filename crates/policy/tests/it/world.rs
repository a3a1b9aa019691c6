//! Random worlds: policies and a request over few names, so that they often touch each other.

use serde_json::{Value, json};

/// A sequence that one seed determines (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    fn text(&mut self, list: &[&str]) -> String {
        (*self.pick(list)).to_owned()
    }
}

/// Who asks, in strings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Who {
    Anonymous,
    Service(String),
    Root { account: String },
    User { account: String, arn: String, id: String },
    Session { account: String, session: String, role: String, id: String },
    Federated { account: String, arn: String, user: String, id: String },
}

/// The value of a condition key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    One(String),
    Many(Vec<String>),
}

/// Everything that bears on one decision.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) who: Who,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) context: Vec<(String, Given)>,
    pub(crate) owner: String,
    /// `Some(None)` is an object that somebody anonymous wrote.
    pub(crate) object_owner: Option<Option<String>>,
    pub(crate) rcp: Option<Vec<Vec<Value>>>,
    pub(crate) scp: Option<Vec<Vec<Value>>>,
    pub(crate) endpoint: Option<Value>,
    pub(crate) resource_policy: Option<Value>,
    /// Trust policies and keys: the account must be named.
    pub(crate) delegated: bool,
    /// Its policy, and the bucket's resource behind it.
    pub(crate) access_point: Option<(Option<Value>, String)>,
    pub(crate) identity: Vec<Value>,
    pub(crate) boundary: Option<Value>,
    pub(crate) session: Option<Vec<Value>>,
    pub(crate) acl_account: bool,
    pub(crate) acl_authenticated: bool,
    pub(crate) acl_everyone: bool,
    pub(crate) acl_log_delivery: bool,
    pub(crate) restrict_public: bool,
}

pub(crate) const A: &str = "111111111111";
pub(crate) const B: &str = "222222222222";

const CANONICAL_A: &str = "aa";
const CANONICAL_B: &str = "bb";

/// The canonical id of an account.
pub(crate) fn canonical(account: &str) -> String {
    if account == A { CANONICAL_A.repeat(32) } else { CANONICAL_B.repeat(32) }
}

const ACTIONS: &[&str] = &[
    "s3:GetObject",
    "s3:PutObject",
    "s3:ListBucket",
    "s3:DeleteObject",
    "s3:PutBucketPolicy",
    "s3:GetBucketPolicy",
    "s3:PutObjectAcl",
    "iam:CreateUser",
    "sts:AssumeRole",
];

const ACTION_PATTERNS: &[&str] = &[
    "*",
    "s3:*",
    "S3:getobject",
    "s3:Get*",
    "s3:*Object",
    "s3:?etObject",
    "s3:PutObject",
    "s3:*BucketPolicy",
    "s3:ListBucket",
    "iam:*",
    "sts:AssumeRole",
    "*:*",
    "s*:*e*",
];

const RESOURCES: &[&str] = &[
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::b/home/alice",
    "arn:aws:s3:::b/a*b",
    "arn:aws:s3:::bc/é",
    "*",
];

const RESOURCE_PATTERNS: &[&str] = &[
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b*",
    "arn:aws:s3:::b/home/${aws:username}",
    "arn:aws:s3:::b/${aws:PrincipalTag/t}",
    "arn:aws:s3:::b/${aws:PrincipalTag/t, 'k'}",
    "arn:aws:s3:::b/a${*}b",
    "arn:*:s3:*:*:?/k",
    "arn:aws:s3:::bc/?",
    "arn:aws:s3:us-east-1:111111111111:accesspoint/ap*",
    "arn:aws:s3:us-east-1:*:*",
    "arn:aws:s3:::*h*o*e*",
    "arn:aws:s3:::*",
];

const TEXT_KEYS: &[&str] = &[
    "aws:username",
    "aws:PrincipalTag/t",
    "s3:prefix",
    "aws:SourceIp",
    "s3:max-keys",
    "aws:CurrentTime",
    "aws:SecureTransport",
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
];
const LIST_KEYS: &[&str] = &["aws:TagKeys", "s3:RequestObjectTagKeys"];

const WORDS: &[&str] = &["a", "b", "A", "k", "", "home/alice", "alice", "a*b", "*", "é", "É"];
const PATTERNS: &[&str] =
    &["a", "*", "?", "home/*", "a${*}b", "${aws:username}", "*a*", "", "${aws:TagKeys}", "??*"];
const NUMBERS: &[&str] = &["0", "1", "1.5", "10", "-3", "1000"];
const DATES: &[&str] =
    &["2026-01-02T03:04:05Z", "2026-01-02", "2025", "1767323045", "2026-06-01T00:00:00Z"];
const ADDRESSES: &[&str] =
    &["10.1.2.3", "10.255.0.1", "203.0.113.9", "::1", "::ffff:10.1.2.3", "2001:db8::7"];
const RANGES: &[&str] =
    &["10.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "::/0", "2001:db8::/32", "203.0.113.9/31"];
const ARNS: &[&str] = &[
    "arn:aws:iam::111111111111:user/alice",
    "arn:aws:iam::111111111111:role/p/r",
    "arn:aws:iam::222222222222:user/bob",
    "no-arn",
];
const ARN_PATTERNS: &[&str] = &[
    "arn:aws:iam::*:user/*",
    "arn:aws:iam::111111111111:*",
    "arn:*:*:*:*:*",
    "*",
    "arn:aws:iam::*user/alice",
    "${aws:PrincipalArn}",
    "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}",
    "arn:aws:iam::?????????????:*",
];

impl World {
    pub(crate) fn random(dice: &mut Dice) -> Self {
        // In a large world one condition seldom decides; in a small one it always does.
        if dice.one_in(3) { Self::small(dice) } else { Self::large(dice) }
    }

    /// A user and a single statement that applies or not by its condition or its resource.
    fn small(dice: &mut Dice) -> Self {
        let who = Who::User {
            arn: format!("arn:aws:iam::{A}:user/alice"),
            id: "AIDA000000000000ALICE".to_owned(),
            account: A.to_owned(),
        };
        let deny = dice.one_in(3);
        let mut decisive = json!({"Effect": if deny { "Deny" } else { "Allow" }, "Action": "*"});
        if dice.one_in(4) {
            let name = if dice.one_in(3) { "NotResource" } else { "Resource" };
            decisive[name] = some_of(dice, RESOURCE_PATTERNS);
        } else {
            decisive["Resource"] = json!("*");
            decisive["Condition"] = condition(dice);
        }
        let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let statements = if deny { json!([all, decisive]) } else { decisive };
        let world = Self::large(dice);
        Self {
            context: random_context(dice, &who),
            who,
            action: "s3:GetObject".to_owned(),
            resource: dice.text(RESOURCES),
            owner: A.to_owned(),
            object_owner: None,
            rcp: None,
            scp: None,
            endpoint: None,
            resource_policy: None,
            delegated: false,
            access_point: None,
            identity: vec![json!({"Version": "2012-10-17", "Statement": statements})],
            boundary: None,
            session: None,
            acl_authenticated: false,
            acl_everyone: false,
            ..world
        }
    }

    fn large(dice: &mut Dice) -> Self {
        let who = random_who(dice);
        let through_access_point = dice.one_in(10);
        let resource = dice.text(RESOURCES);
        let (resource, access_point) = if through_access_point && resource != "*" {
            let tail = if resource.contains('/') { "/object/k" } else { "" };
            let own = format!("arn:aws:s3:us-east-1:111111111111:accesspoint/ap{tail}");
            let policy = (!dice.one_in(4)).then(|| policy(dice, Kind::Bucket, 2));
            (own, Some((policy, resource)))
        } else {
            (resource, None)
        };
        let levels = |dice: &mut Dice, kind| -> Option<Vec<Vec<Value>>> {
            if !dice.one_in(3) {
                return None;
            }
            let full = |kind| match kind {
                Kind::Rcp => json!({"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}),
                _ => json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
            };
            let level = |dice: &mut Dice| {
                let mut documents = Vec::new();
                if !dice.one_in(8) {
                    documents.push(full(kind));
                }
                if dice.one_in(2) {
                    documents.push(policy(dice, kind, 2));
                }
                documents
            };
            Some((0..1 + dice.below(3)).map(|_| level(dice)).collect())
        };
        Self {
            context: random_context(dice, &who),
            action: dice.text(ACTIONS),
            resource,
            owner: dice.text(&[A, A, A, B]),
            object_owner: match dice.below(10) {
                0 => Some(None),
                1 => Some(Some(B.to_owned())),
                2 => Some(Some(A.to_owned())),
                _ => None,
            },
            rcp: levels(dice, Kind::Rcp),
            scp: levels(dice, Kind::Plain),
            endpoint: dice.one_in(5).then(|| policy(dice, Kind::Key, 3)),
            resource_policy: (!dice.one_in(3)).then(|| policy(dice, Kind::Bucket, 4)),
            delegated: dice.one_in(8),
            access_point,
            identity: (0..dice.below(3)).map(|_| policy(dice, Kind::Plain, 4)).collect(),
            boundary: dice.one_in(4).then(|| policy(dice, Kind::Plain, 3)),
            session: dice
                .one_in(3)
                .then(|| (0..1 + dice.below(2)).map(|_| policy(dice, Kind::Plain, 3)).collect()),
            acl_account: dice.one_in(6),
            acl_authenticated: dice.one_in(12),
            acl_everyone: dice.one_in(12),
            acl_log_delivery: dice.one_in(12),
            restrict_public: dice.one_in(4),
            who,
        }
    }

    /// A statement that denies something, for any policy without principals.
    pub(crate) fn random_deny(dice: &mut Dice) -> Value {
        let mut statement = statement(dice, Kind::Plain);
        statement["Effect"] = json!("Deny");
        json!({"Version": "2012-10-17", "Statement": statement})
    }

    pub(crate) fn random_limit(dice: &mut Dice) -> Value {
        policy(dice, Kind::Plain, 3)
    }
}

fn random_who(dice: &mut Dice) -> Who {
    let account = dice.text(&[A, A, B]);
    let name = dice.text(&["alice", "bob"]);
    match dice.below(12) {
        0 => Who::Anonymous,
        1 => Who::Service(dice.text(&["logging.s3.amazonaws.com", "x.amazonaws.com"])),
        2 => Who::Root { account },
        3..=6 => Who::User {
            arn: format!("arn:aws:iam::{account}:user/{name}"),
            id: format!("AIDA{:0>17}", name.to_uppercase()),
            account,
        },
        7..=9 => Who::Session {
            session: format!("arn:aws:sts::{account}:assumed-role/r/s"),
            role: format!("arn:aws:iam::{account}:role/p/r"),
            id: "AROA0000000000000000R".to_owned(),
            account,
        },
        _ => Who::Federated {
            arn: format!("arn:aws:sts::{account}:federated-user/f"),
            user: format!("arn:aws:iam::{account}:user/{name}"),
            id: format!("AIDA{:0>17}", name.to_uppercase()),
            account,
        },
    }
}

fn random_context(dice: &mut Dice, who: &Who) -> Vec<(String, Given)> {
    let mut context = Vec::new();
    for key in TEXT_KEYS {
        if dice.one_in(3) {
            continue;
        }
        let value = match *key {
            "aws:SourceIp" => dice.text(ADDRESSES),
            "s3:max-keys" => dice.text(NUMBERS),
            "aws:CurrentTime" => dice.text(DATES),
            "aws:SecureTransport" => dice.text(&["true", "false", "TRUE"]),
            "aws:PrincipalArn" => dice.text(ARNS),
            "aws:PrincipalAccount" => match who {
                Who::Anonymous => "anonymous".to_owned(),
                _ => dice.text(&[A, B]),
            },
            _ => dice.text(WORDS),
        };
        let key = if dice.one_in(4) { key.to_uppercase() } else { (*key).to_owned() };
        context.push((key, Given::One(value)));
    }
    for key in LIST_KEYS {
        if dice.one_in(2) {
            let values = (0..dice.below(4)).map(|_| dice.text(WORDS)).collect();
            context.push(((*key).to_owned(), Given::Many(values)));
        }
    }
    context
}

/// What a policy may contain.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// No principals.
    Plain,
    /// Principals, all kinds.
    Bucket,
    /// Principals without canonical ids.
    Key,
    /// Denies everyone something.
    Rcp,
}

fn policy(dice: &mut Dice, kind: Kind, statements_max: usize) -> Value {
    let statements: Vec<_> =
        (0..1 + dice.below(statements_max)).map(|_| statement(dice, kind)).collect();
    let statements = match <[Value; 1]>::try_from(statements) {
        Ok([one]) if dice.one_in(2) => one,
        Ok(one) => json!(one),
        Err(several) => json!(several),
    };
    // Without variables this is no ARN, and refused.
    let needs_variables = statements.to_string().contains("\"${aws:PrincipalArn}\"");
    match dice.below(8) {
        _ if needs_variables => json!({"Version": "2012-10-17", "Statement": statements}),
        0 if kind != Kind::Rcp => json!({"Statement": statements}),
        1 if kind != Kind::Rcp => json!({"Version": "2008-10-17", "Statement": statements}),
        _ => json!({"Version": "2012-10-17", "Statement": statements}),
    }
}

/// One or several, as a string or as an array.
fn some_of(dice: &mut Dice, list: &[&str]) -> Value {
    if dice.one_in(2) {
        return json!(dice.text(list));
    }
    json!((0..1 + dice.below(3)).map(|_| dice.text(list)).collect::<Vec<_>>())
}

fn statement(dice: &mut Dice, kind: Kind) -> Value {
    let deny = kind == Kind::Rcp || dice.one_in(4);
    let mut statement = json!({"Effect": if deny { "Deny" } else { "Allow" }});
    let action = if kind != Kind::Rcp && dice.one_in(6) { "NotAction" } else { "Action" };
    let actions = if kind == Kind::Rcp { &ACTION_PATTERNS[1..] } else { ACTION_PATTERNS };
    statement[action] = some_of(dice, actions);
    let resource = if dice.one_in(6) { "NotResource" } else { "Resource" };
    statement[resource] = match dice.one_in(2) {
        true => json!("*"),
        false => some_of(dice, RESOURCE_PATTERNS),
    };
    match kind {
        Kind::Plain => {}
        Kind::Rcp => statement["Principal"] = json!("*"),
        Kind::Bucket | Kind::Key => {
            let name = if deny && dice.one_in(3) { "NotPrincipal" } else { "Principal" };
            statement[name] = principal(dice, kind);
        }
    }
    if dice.one_in(2) {
        statement["Condition"] = condition(dice);
    }
    statement
}

fn principal(dice: &mut Dice, kind: Kind) -> Value {
    let account = dice.text(&[A, A, B]);
    if dice.one_in(4) {
        return json!("*");
    }
    let aws = |dice: &mut Dice, account: &str| match dice.below(10) {
        0 => "*".to_owned(),
        1 => account.to_owned(),
        2 | 3 => format!("arn:aws:iam::{account}:root"),
        4 => format!("arn:aws:iam::{account}:user/{}", dice.pick(&["alice", "bob"])),
        5 => format!("arn:aws:iam::{account}:role/p/r"),
        6 => format!("arn:aws:sts::{account}:assumed-role/r/s"),
        7 => format!("arn:aws:sts::{account}:federated-user/f"),
        8 => format!("AIDA{:0>17}", dice.pick(&["ALICE", "BOB"])),
        _ => "AROA0000000000000000R".to_owned(),
    };
    let list: Vec<_> = (0..1 + dice.below(4)).map(|_| aws(dice, &account)).collect();
    let mut principal = json!({"AWS": list});
    if dice.one_in(4) {
        principal["Service"] = json!("logging.s3.amazonaws.com");
    }
    if kind == Kind::Bucket && dice.one_in(8) {
        principal["CanonicalUser"] = json!(canonical(&account));
    }
    if kind == Kind::Bucket && dice.one_in(20) {
        principal["Federated"] = json!("accounts.google.com");
    }
    principal
}

fn condition(dice: &mut Dice) -> Value {
    let mut conditions = json!({});
    for _ in 0..1 + dice.below(2) {
        let (operator, values): (&str, &[&str]) = *dice.pick(&[
            ("StringEquals", PATTERNS),
            ("StringNotEquals", WORDS),
            ("StringEqualsIgnoreCase", WORDS),
            ("StringNotEqualsIgnoreCase", PATTERNS),
            ("StringLike", PATTERNS),
            ("StringNotLike", PATTERNS),
            ("NumericEquals", NUMBERS),
            ("NumericNotEquals", NUMBERS),
            ("NumericLessThan", NUMBERS),
            ("NumericLessThanEquals", NUMBERS),
            ("NumericGreaterThan", NUMBERS),
            ("NumericGreaterThanEquals", NUMBERS),
            ("DateEquals", DATES),
            ("DateNotEquals", DATES),
            ("DateLessThan", DATES),
            ("DateLessThanEquals", DATES),
            ("DateGreaterThan", DATES),
            ("DateGreaterThanEquals", DATES),
            ("Bool", &["true", "FALSE"]),
            ("IpAddress", RANGES),
            ("NotIpAddress", RANGES),
            ("ArnEquals", ARN_PATTERNS),
            ("ArnLike", ARN_PATTERNS),
            ("ArnNotEquals", ARN_PATTERNS),
            ("ArnNotLike", ARN_PATTERNS),
            ("Null", &["true", "false"]),
        ]);
        let prefix = *dice.pick(&["", "", "ForAllValues:", "ForAnyValue:"]);
        let suffix = if operator != "Null" && dice.one_in(3) { "IfExists" } else { "" };
        // A key of the operator's own type more often than one of another.
        let key = match operator {
            _ if dice.one_in(4) => dice.text(TEXT_KEYS),
            _ if !prefix.is_empty() => dice.text(LIST_KEYS),
            name if name.starts_with("Numeric") => "s3:max-keys".to_owned(),
            name if name.starts_with("Date") => "aws:CurrentTime".to_owned(),
            name if name.contains("IpAddress") => "aws:SourceIp".to_owned(),
            name if name.starts_with("Arn") => "aws:PrincipalArn".to_owned(),
            "Bool" => "aws:SecureTransport".to_owned(),
            _ => dice.text(&["aws:username", "s3:prefix", "aws:PrincipalTag/t", "aws:TagKeys"]),
        };
        let values = some_of(dice, values);
        conditions[format!("{prefix}{operator}{suffix}")][key] = values;
    }
    conditions
}
