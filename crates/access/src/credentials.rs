//! Where signing keys come from.

use std::fmt;
use std::sync::Arc;

use strongroom_sigv4::{SignatureV2, SigningKey, StringToSignV2};
use strongroom_store::BoxFuture;
use strongroom_types::{AccessKeyId, Timestamp};

use crate::{Principal, SessionFacts};

/// Finds the signing key and the principal behind an access key id. Implemented by `identity`;
/// the long-term secret never leaves it, callers get a key that is good for one day, region and
/// service.
pub trait CredentialDirectory: Send + Sync + fmt::Debug {
    /// The credential that a request claims to be signed with.
    ///
    /// A temporary access key id needs its session token, and a token belongs to exactly one
    /// access key id; a long-term key with a token is refused.
    fn credential<'a>(
        &'a self,
        access_key_id: &'a AccessKeyId,
        session_token: Option<&'a str>,
        scope: SigningScope<'a>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Credential, CredentialError>>;

    /// The signature of version 2 that the owner of an access key would have made.
    ///
    /// What makes such a signature is the secret itself, so it is made here and only the result
    /// leaves. The rules on session tokens are those of [`Self::credential`].
    fn signature_v2<'a>(
        &'a self,
        access_key_id: &'a AccessKeyId,
        session_token: Option<&'a str>,
        to_sign: &'a StringToSignV2,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<CredentialV2, CredentialError>>;

    /// Hears that a request was proven to be signed with a key.
    fn used<'a>(
        &'a self,
        access_key_id: &'a AccessKeyId,
        scope: SigningScope<'a>,
        now: Timestamp,
    ) -> BoxFuture<'a, ()>;
}

/// What a signing key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningScope<'a> {
    /// `20260102`.
    pub date: &'a str,
    /// For example `us-east-1`.
    pub region: &'a str,
    /// For example `s3`.
    pub service: &'a str,
}

/// A signing key and whom it speaks for, once a signature made with it has been verified.
#[derive(Debug)]
pub struct Credential {
    /// Good for the scope that was asked for.
    pub signing_key: SigningKey,
    /// The principal behind the access key id.
    pub principal: Principal,
    /// When temporary credentials end.
    pub expires: Option<Timestamp>,
    /// What temporary credentials say of themselves; `None` for long-term keys.
    pub session: Option<Arc<SessionFacts>>,
}

/// A signature of version 2 and whom it speaks for, once a request is seen to bear it.
#[derive(Debug)]
pub struct CredentialV2 {
    /// What the request must bear.
    pub signature: SignatureV2,
    /// The principal behind the access key id.
    pub principal: Principal,
    /// What temporary credentials say of themselves; `None` for long-term keys.
    pub session: Option<Arc<SessionFacts>>,
}

/// Why there is no signing key. The pipeline verifies against a dummy key all the same, so that
/// an unknown id and a wrong signature take the same time.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Unknown, inactive or deleted; or a temporary id without a token.
    #[error("there is no such access key")]
    UnknownAccessKey,
    /// The token does not open, or belongs to another key.
    #[error("the session token is not valid")]
    InvalidToken,
    /// The token's time is over, or it was revoked.
    #[error("the session token has expired")]
    ExpiredToken,
    /// The directory could not be read: fail closed.
    #[error("credentials cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
