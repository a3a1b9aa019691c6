//! Everybody who may not do what the request asks for.

use std::time::Duration;

use strongroom_crypto::SecretText;
use strongroom_testkit::{Call, Keys};
use strongroom_types::{Clock, Timestamp};
use strongroom_wire::OperationSpec;

use crate::world::World;

/// One way to be nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// No signature at all.
    Anonymous,
    /// A good signature of another account's root.
    OtherAccount,
    /// A known key id and a wrong secret.
    WrongSecret,
    /// The same in a presigned URL.
    WrongSecretUrl,
    /// A good signature, and an `x-amz-*` header that it does not cover.
    UnsignedHeader,
    /// A presigned URL with an `x-amz-*` header that it does not cover.
    UnsignedHeaderUrl,
    /// A good signature of a request with another query.
    ChangedQuery,
    /// A good signature of a request with another method.
    ChangedMethod,
    /// A key id that nobody has.
    UnknownKey,
    /// A good signature, sixteen minutes old.
    StaleSignature,
    /// A presigned URL whose time is over.
    ExpiredUrl,
    /// Temporary credentials whose time is over.
    ExpiredSession,
    /// The first account's long-term key with a session token that is not its own.
    ForeignToken,
    /// A temporary key without its token.
    MissingToken,
    /// A good signature for another region.
    OtherRegion,
    /// A good signature for another service.
    OtherService,
    /// A signature of version 2.
    SignatureV2,
    /// A user of the same account without a policy.
    NoPolicy,
    /// A user whom one statement allows everything and another denies it.
    ExplicitDeny,
    /// A user whom a policy allows everything, and a boundary nothing of it.
    Bounded,
    /// A session of a role that may do everything, limited to nothing of it.
    LimitedSession,
    /// A federated user without a session policy, whose maker may do everything.
    Federated,
    /// A user of another account whom its own policy allows everything.
    ForeignAdmin,
}

impl Stranger {
    pub(crate) const ALL: [Self; 23] = [
        Self::Anonymous,
        Self::OtherAccount,
        Self::WrongSecret,
        Self::WrongSecretUrl,
        Self::UnsignedHeader,
        Self::UnsignedHeaderUrl,
        Self::ChangedQuery,
        Self::ChangedMethod,
        Self::UnknownKey,
        Self::StaleSignature,
        Self::ExpiredUrl,
        Self::ExpiredSession,
        Self::ForeignToken,
        Self::MissingToken,
        Self::OtherRegion,
        Self::OtherService,
        Self::SignatureV2,
        Self::NoPolicy,
        Self::ExplicitDeny,
        Self::Bounded,
        Self::LimitedSession,
        Self::Federated,
        Self::ForeignAdmin,
    ];

    /// As the golden file names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::OtherAccount => "other account",
            Self::WrongSecret => "wrong secret",
            Self::WrongSecretUrl => "wrong secret, URL",
            Self::UnsignedHeader => "unsigned header",
            Self::UnsignedHeaderUrl => "unsigned header, URL",
            Self::ChangedQuery => "changed query",
            Self::ChangedMethod => "changed method",
            Self::UnknownKey => "unknown key",
            Self::StaleSignature => "stale signature",
            Self::ExpiredUrl => "expired URL",
            Self::ExpiredSession => "expired session",
            Self::ForeignToken => "foreign token",
            Self::MissingToken => "missing token",
            Self::OtherRegion => "other region",
            Self::OtherService => "other service",
            Self::SignatureV2 => "signature V2",
            Self::NoPolicy => "no policy",
            Self::ExplicitDeny => "explicit deny",
            Self::Bounded => "boundary",
            Self::LimitedSession => "session policy",
            Self::Federated => "federated user",
            Self::ForeignAdmin => "other account's user",
        }
    }

    /// The request as this stranger makes it.
    pub(crate) fn dress(self, world: &World, call: Call) -> Call {
        let server = &world.server;
        let main = server.main();
        let now = server.clock().now();
        let signer = server.signer(main);
        let sign = |call: Call, keys: &Keys| call.sign(&server.signer(keys)).unwrap();
        let elsewhere = |region, service| call.clone().sign(&main.signer(region, service, now));
        match self {
            Self::Anonymous => call,
            Self::OtherAccount => sign(call, server.other()),
            Self::WrongSecret => sign(call, &wrong_secret(main)),
            Self::WrongSecretUrl => call.presign(&server.signer(&wrong_secret(main)), 60).unwrap(),
            Self::UnsignedHeader => call.sign(&signer).unwrap().header("x-amz-meta-added", "1"),
            Self::UnsignedHeaderUrl => {
                call.presign(&signer, 60).unwrap().header("x-amz-meta-added", "1")
            }
            Self::ChangedQuery => {
                let mut call = call.sign(&signer).unwrap();
                call.query += "&added=1";
                call
            }
            Self::ChangedMethod => {
                let method = call.method.clone();
                let other = if method == "GET" { "PUT" } else { "GET" };
                let mut call = Call { method: other.to_owned(), ..call }.sign(&signer).unwrap();
                call.method = method;
                call
            }
            Self::UnknownKey => {
                let access_key_id = "AKIAIOSFODNN7EXAMPLE".to_owned();
                sign(call, &Keys { access_key_id, ..copy(main) })
            }
            Self::StaleSignature => {
                let signer = main.signer("us-east-1", "s3", earlier(now, 901));
                call.sign(&signer).unwrap()
            }
            Self::ExpiredUrl => {
                let signer = main.signer("us-east-1", "s3", earlier(now, 61));
                call.presign(&signer, 60).unwrap()
            }
            Self::ExpiredSession => sign(call, &world.expired),
            Self::ForeignToken => {
                let session_token = copy(&world.expired).session_token;
                sign(call, &Keys { session_token, ..copy(main) })
            }
            Self::MissingToken => {
                let session = server.session(Duration::from_secs(3_600)).unwrap();
                sign(call, &Keys { session_token: None, ..session })
            }
            Self::OtherRegion => elsewhere("eu-central-1", "s3").unwrap(),
            // Only S3 wants the digest of the body as a header.
            Self::OtherService => elsewhere("us-east-1", "sqs")
                .unwrap()
                .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            Self::SignatureV2 => {
                let authorization =
                    format!("AWS {}:frJIUN8DYpKDtOLCwo//yllqDzg=", main.access_key_id);
                call.header("authorization", authorization)
            }
            Self::NoPolicy => sign(call, &world.people.no_policy),
            Self::ExplicitDeny => sign(call, &world.people.explicit_deny),
            Self::Bounded => sign(call, &world.people.bounded),
            Self::LimitedSession => sign(call, &world.people.limited_session),
            Self::Federated => sign(call, &world.people.federated),
            Self::ForeignAdmin => sign(call, &world.people.foreign_admin),
        }
    }

    /// The refusal that this stranger must hear. SPEC: access-control, 2.8, 5.3, 5.4.
    pub(crate) fn expected(self, spec: &OperationSpec) -> &'static str {
        let refusal = match self {
            // Operations that touch nothing of the first account.
            Self::OtherAccount | Self::ForeignAdmin if spec.name == "ListBuckets" => "200",
            Self::OtherAccount | Self::ForeignAdmin if spec.name == "CreateBucket" => {
                "409 BucketAlreadyExists"
            }
            Self::OtherAccount | Self::ForeignAdmin if spec.name == "WriteGetObjectResponse" => {
                "501 NotImplemented"
            }
            Self::Anonymous | Self::OtherAccount | Self::ForeignAdmin => "403 AccessDenied",
            // SPEC: access-control, EV43: each key is decided by itself.
            Self::ExplicitDeny | Self::Bounded | Self::LimitedSession | Self::Federated
                if spec.name == "DeleteObjects" =>
            {
                "200 AccessDenied"
            }
            Self::NoPolicy
            | Self::ExplicitDeny
            | Self::Bounded
            | Self::LimitedSession
            | Self::Federated => "403 AccessDenied",
            Self::UnsignedHeader | Self::UnsignedHeaderUrl | Self::ExpiredUrl => "403 AccessDenied",
            Self::WrongSecret | Self::WrongSecretUrl | Self::ChangedQuery | Self::ChangedMethod => {
                "403 SignatureDoesNotMatch"
            }
            Self::UnknownKey | Self::MissingToken => "403 InvalidAccessKeyId",
            Self::StaleSignature => "403 RequestTimeTooSkewed",
            Self::ExpiredSession => "400 ExpiredToken",
            Self::ForeignToken => "400 InvalidToken",
            Self::OtherRegion | Self::OtherService => "400 AuthorizationHeaderMalformed",
            Self::SignatureV2 => "400 InvalidRequest",
        };
        // The answer to a HEAD has no body that could name the code.
        if spec.method == "HEAD" { &refusal[..3] } else { refusal }
    }
}

fn wrong_secret(keys: &Keys) -> Keys {
    let secret = SecretText::new(format!("{}x", keys.secret_access_key.danger_expose()));
    Keys { secret_access_key: secret, ..copy(keys) }
}

fn copy(keys: &Keys) -> Keys {
    Keys {
        account: keys.account,
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: keys.secret_access_key.duplicate(),
        session_token: keys.session_token.as_ref().map(SecretText::duplicate),
    }
}

fn earlier(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp::from_seconds(now.seconds() - seconds).unwrap()
}
