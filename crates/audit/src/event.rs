//! The audit event.

use std::net::IpAddr;

use strongroom_types::{AccountId, RequestId, Timestamp};

/// One request and what became of it. Never holds a secret, a header map or a query string.
///
/// SPEC: monitoring, CloudTrail record contents; rendered to that schema at delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// The id that the client got in `x-amz-request-id`.
    pub request_id: RequestId,
    /// When the request was received.
    pub time: Timestamp,
    /// The signing name of the service, for example `s3`.
    pub service: String,
    /// The operation in AWS's spelling, for example `PutObject`.
    pub operation: String,
    /// What kind of caller it was.
    pub principal: PrincipalKind,
    /// The caller's account, unless anonymous.
    pub account: Option<AccountId>,
    /// The access key that signed, if any; for an operator's command, the one that it made.
    pub access_key_id: String,
    /// How the request was authenticated.
    pub auth: AuthKind,
    /// The TCP peer, or the client that a trusted proxy named.
    pub source_ip: IpAddr,
    /// TLS version times ten (12, 13), or 0 over plain HTTP.
    pub tls_version: u8,
    /// The bucket that was addressed, or empty.
    pub bucket: String,
    /// The object key that was addressed, or empty.
    pub object_key: String,
    /// The version that was addressed or made, or empty.
    pub version_id: String,
    /// Which statement of which version of which policy decided; empty where none had to: for the
    /// root of the owner's account, if the bucket has no policy.
    pub decision: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The HTTP status that was sent.
    pub status: u16,
    /// AWS's error code, or empty for success.
    pub error_code: String,
    /// Payload bytes received.
    pub received_bytes: u64,
    /// Payload bytes that the response promises.
    pub sent_bytes: u64,
}

/// The kind of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// Nobody: the request was not signed.
    Anonymous,
    /// The root of an account.
    Root,
    /// A user of an account.
    User,
    /// A session of a role.
    RoleSession,
    /// The bearer of a federation token.
    FederatedUser,
    /// The operator of this server, whose authority is the file permission on the admin socket.
    Operator,
}

/// How a request was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthKind {
    /// Not at all.
    Anonymous,
    /// By the `Authorization` header.
    Header,
    /// By the query string (a presigned URL).
    Query,
    /// By the query string, with a signature of version 2.
    QueryV2,
    /// By the fields of a form upload.
    Form,
    /// By the fields of a form upload, with a signature of version 2.
    FormV2,
    /// Not by a signature: an operator's command on the machine itself.
    Local,
}
