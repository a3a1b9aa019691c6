//! Time of one decision: a typical request (3 policies, 10 statements) and one of 1,000 statements.
//! `cargo run --release -p strongroom-policy --example decide_bench`. Never asserted.

#![expect(clippy::expect_used, reason = "a bench that cannot start has nothing else to say")]

use std::fmt::Write;
use std::hint::black_box;

use strongroom_policy::{
    Account, Action, Attached, Context, Policy, PolicyKind, PolicySets, Question, RequestPrincipal,
    ResourceSide, decide,
};
use strongroom_types::{Arn, CanonicalUserId, Timestamp};

const TYPICAL: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": "arn:aws:s3:::data",
   "Condition": {"StringLike": {"s3:prefix": ["home/${aws:username}/*", ""]}}},
  {"Sid": "Own", "Effect": "Allow", "Action": "s3:*Object", "Resource": "arn:aws:s3:::data/home/${aws:username}/*"},
  {"Sid": "Shared", "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": "arn:aws:s3:::data/shared/*"},
  {"Sid": "Names", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}"#;

const GROUP: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
  {"Effect": "Deny", "Action": ["s3:DeleteBucket*", "s3:PutBucketPolicy"], "Resource": "*"},
  {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}]}"#;

const BUCKET: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::data/*",
   "Condition": {"StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption": "AES256"}}},
  {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"],
   "Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}},
  {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}]}"#;

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
fn main() {
    let policies = [
        parse(PolicyKind::Identity, TYPICAL),
        parse(PolicyKind::Identity, GROUP),
        parse(PolicyKind::Bucket, BUCKET),
    ];
    let [own, group, bucket] = &policies;
    let named = |policy| Attached { policy, name: "p" };
    let nanos = measure(200_000, &[named(own), named(group)], named(bucket));
    println!("typical request, 3 policies, 10 statements: {nanos} ns");
    let mut text = r#"{"Version": "2012-10-17", "Statement": ["#.to_owned();
    for index in 0..1000 {
        let comma = if index == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::data/{index}/*"}}"#
        )
        .expect("text takes text");
    }
    text.push_str("]}");
    let large = parse(PolicyKind::Identity, &text);
    let nanos = measure(2_000, &[named(&large), named(own)], named(bucket));
    println!("1,000 statements and the bucket's: {nanos} ns");
    let started = now();
    for _ in 0..1000 {
        black_box(parse(PolicyKind::Bucket, black_box(BUCKET)));
    }
    println!("reading the bucket policy: {} ns", (now() - started) / 1000);
}

fn parse(kind: PolicyKind, text: &str) -> Policy {
    Policy::parse(kind, text.as_bytes()).expect("the policies of the bench are fine")
}

/// Processor time of this process, in nanoseconds: what others do on the machine does not count.
#[expect(clippy::disallowed_methods, reason = "reads what the kernel says of this process")]
fn now() -> u128 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("a Linux kernel");
    let first = text.split(' ').next().expect("there is a first field");
    first.parse().expect("it is a number")
}

/// Nanoseconds of one question, its context included.
fn measure(rounds: u32, identity: &[Attached<'_>], bucket: Attached<'_>) -> u128 {
    let account = Account {
        id: "111111111111".parse().expect("an account"),
        canonical: CanonicalUserId::from_bytes([1; 32]),
    };
    let arn: Arn = "arn:aws:iam::111111111111:user/alice".parse().expect("an ARN");
    let principal =
        RequestPrincipal::User { account, arn, unique_id: "AIDA00000000000000000".into() };
    let action: Action = "s3:GetObject".parse().expect("an action");
    let resource: Arn = "arn:aws:s3:::data/shared/2026/report.csv".parse().expect("an ARN");
    let address: std::net::IpAddr = "10.1.2.3".parse().expect("an address");
    let started = now();
    for _ in 0..rounds {
        let mut context = Context::with_capacity(24);
        context.set("aws:currenttime", Timestamp::EPOCH);
        context.set("aws:epochtime", 0);
        context.set("aws:securetransport", true);
        context.set("aws:sourceip", address);
        context.set("aws:username", "alice");
        context.set("aws:userid", "AIDA00000000000000000");
        context.set("aws:principaltype", "User");
        context.set("aws:principalaccount", "111111111111");
        context.set("aws:principalarn", "arn:aws:iam::111111111111:user/alice");
        context.set("aws:principalisawsservice", false);
        context.set("aws:viaawsservice", false);
        context.set("aws:resourceaccount", "111111111111");
        context.set("aws:requestedregion", "us-east-1");
        context.set("aws:useragent", "aws-cli/2.31 md/awscrt#0.27 ua/2.1 os/linux");
        context.set("s3:resourceaccount", "111111111111");
        context.set("s3:authtype", "REST-HEADER");
        context.set("s3:signatureversion", "AWS4-HMAC-SHA256");
        context.set("s3:signatureage", 12);
        context.set("s3:x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        let question = Question {
            principal: &principal,
            action: &action,
            resource: &resource,
            context: &context,
        };
        let mut sets =
            PolicySets::new(ResourceSide { policy: Some(bucket), ..ResourceSide::of(account.id) });
        sets.identity = identity;
        let decision = decide(black_box(&question), black_box(&sets));
        assert!(decision.is_allowed(), "the bench asks what is allowed");
    }
    (now() - started) / u128::from(rounds)
}
