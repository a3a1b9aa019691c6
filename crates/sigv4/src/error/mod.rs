//! Why a request is not who it says it is.
//!
//! One enum for all forms of signatures; how each service family words it is in `s3` and `query`.

use std::fmt;

use strongroom_types::Timestamp;

use crate::verify::SignatureForm;

mod query;
mod s3;
pub(crate) use s3::{MISMATCH, payload_mismatch};

/// Why the claim of a request about its signer was refused.
///
/// SPEC: access-control, 5.3 and 5.4; data-protection, 1.6 and 1.7.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The request carries no signature where one is needed. Raised by callers.
    #[error("the request is not signed")]
    Anonymous,
    /// `Authorization` is there but empty.
    #[error("the authorization header is empty")]
    AuthorizationEmpty,
    /// `Authorization` names a scheme that no one here understands.
    #[error("the authorization scheme is unknown")]
    UnsupportedScheme {
        /// The header's value.
        given: Echo,
    },
    /// `Authorization` has no space behind its scheme.
    #[error("the authorization header has no space after its scheme")]
    NoSpaceAfterScheme {
        /// The header's value.
        given: Echo,
    },
    /// Signature version 2.
    #[error("signature version 2 is not accepted")]
    SigV2 {
        /// Where it was found.
        place: SigV2Place,
    },
    /// A presigned request of version 2 without one of its three parameters.
    #[error("a parameter of the signature of version 2 is missing")]
    ParameterMissingV2,
    /// A parameter that a signature of version 2 does not cover, or that came twice.
    #[error("a signature of version 2 does not allow for a parameter of the query")]
    ParameterV2 {
        /// Its name.
        name: Echo,
    },
    /// A header that a signer moved into the query came in the head, too, with another value.
    #[error("a header differs from the query parameter of its name")]
    HeaderDiffersV2 {
        /// Its name.
        name: Echo,
    },
    /// `Expires` is no moment.
    #[error("the moment in `Expires` is malformed")]
    ExpiresV2 {
        /// The value.
        given: Echo,
    },
    /// A presigned request of version 2 is used after its end.
    #[error("the presigned request has expired")]
    ExpiredV2 {
        /// When it ended.
        expires_at: Timestamp,
        /// The time here.
        server_time: Timestamp,
    },
    /// A presigned request of version 2 ends more than a week from now.
    #[error("the presigned request lives longer than a week")]
    LifetimeV2 {
        /// When it would end.
        expires_at: Timestamp,
        /// The time here.
        server_time: Timestamp,
    },
    /// Signature version 4A (ECDSA).
    #[error("signature version 4A is not implemented")]
    SigV4aUnsupported,
    /// More than one of: `Authorization`, a version 4 query, a version 2 query.
    #[error("the request presents several signatures")]
    SeveralMechanisms,
    /// A header that decides authentication came twice.
    #[error("the header `{name}` came more than once")]
    DuplicateHeader {
        /// Its lower-case name.
        name: &'static str,
    },
    /// A header that decides authentication is not printable ASCII.
    #[error("the header `{name}` is not printable text")]
    UnreadableHeader {
        /// Its lower-case name.
        name: &'static str,
    },
    /// More headers than a signature is checked over.
    #[error("the request has too many headers")]
    TooManyHeaders,
    /// The path or query cannot be decoded, or has too many parts.
    #[error("the request target cannot be decoded")]
    InvalidUri,
    /// The `Authorization` header is malformed.
    #[error("the authorization header is malformed: {0}")]
    Header(HeaderDefect),
    /// The query form is malformed.
    #[error("the signature parameters of the query are malformed: {0}")]
    Query(QueryDefect),
    /// A field of a form upload is missing.
    #[error("the form has no field `{name}`")]
    FormFieldMissing {
        /// The field's name.
        name: &'static str,
    },
    /// A field of a form upload that decides authentication came twice.
    #[error("the form has the field `{name}` more than once")]
    FormFieldDuplicate {
        /// The field's name.
        name: &'static str,
    },
    /// The credential scope is not one for this endpoint.
    #[error("the credential scope is wrong: {defect}")]
    Scope {
        /// Where the credential was found.
        form: SignatureForm,
        /// What is wrong with it.
        defect: ScopeDefect,
    },
    /// No `x-amz-date` or `Date` that can be read.
    #[error("the request has no valid date")]
    NoDate,
    /// The request was signed too long ago, or in the future.
    #[error("the request time is too far from the current time")]
    RequestTimeTooSkewed {
        /// When the client says it signed.
        request_time: Timestamp,
        /// The time here.
        server_time: Timestamp,
    },
    /// A presigned request is used before it was signed.
    #[error("the presigned request is not valid yet")]
    NotYetValid {
        /// When the client says it signed.
        request_time: Timestamp,
        /// The time here.
        server_time: Timestamp,
    },
    /// A presigned request is used after its end.
    #[error("the presigned request has expired")]
    Expired {
        /// The lifetime that was signed.
        expires_seconds: u32,
        /// When it ended.
        expires_at: Timestamp,
        /// The time here.
        server_time: Timestamp,
    },
    /// `x-amz-content-sha256` is missing.
    #[error("the header `x-amz-content-sha256` is missing")]
    MissingContentSha256,
    /// `x-amz-content-sha256` is neither a digest nor a known word.
    #[error("the value of `x-amz-content-sha256` is invalid")]
    InvalidContentSha256 {
        /// The value.
        given: Echo,
    },
    /// Headers that must be signed are not.
    #[error("the request has headers that are not signed: {names}")]
    HeadersNotSigned {
        /// Their lower-case names, joined by a comma and a space.
        names: String,
    },
    /// A header is named as signed, and is not there.
    #[error("the signed header `{name}` is absent")]
    SignedHeaderAbsent {
        /// Its lower-case name.
        name: String,
    },
    /// Nobody has this access key, or temporary credentials came without a session token.
    #[error("the access key id is unknown")]
    UnknownAccessKeyId {
        /// The id that was claimed.
        access_key_id: String,
    },
    /// The session token is garbage or belongs to another key. Raised by callers.
    #[error("the session token is invalid")]
    InvalidToken,
    /// The session is over. Raised by callers.
    #[error("the session token has expired")]
    ExpiredToken,
    /// The signature is not the one that the signer would have made.
    #[error("the signature does not match")]
    SignatureMismatch(Box<SignatureEcho>),
    /// The body does not have the digest that was signed.
    #[error("the body does not have the digest that was signed")]
    PayloadMismatch {
        /// The digest that was signed, in hexadecimal digits.
        declared: String,
        /// The digest of the body, in hexadecimal digits.
        computed: String,
    },
    /// Signed chunks without a signer.
    #[error("an anonymous request cannot have signed chunks")]
    AnonymousSignedChunks,
    /// An operation that takes no `aws-chunked` body got one. Raised by callers.
    #[error("this operation takes no `aws-chunked` body")]
    StreamingNotAllowed,
    /// `x-amz-decoded-content-length` is missing or no number.
    #[error("the header `x-amz-decoded-content-length` is missing or no number")]
    MissingDecodedLength,
    /// The mode announces a trailer, `x-amz-trailer` does not.
    #[error("the header `x-amz-trailer` is missing")]
    TrailerUndeclared,
    /// `x-amz-trailer` names something that is no checksum, or names it twice, or is not allowed.
    #[error("the header `x-amz-trailer` is invalid")]
    TrailerInvalid {
        /// The value.
        given: Echo,
    },
    /// The caller gave no digest of a body whose digest is part of the signature.
    ///
    /// INVARIANT: a mistake of the caller, never of the client; answered as an internal error.
    #[error("the digest of the body is needed to verify this request")]
    BodyDigestNeeded,
}

/// What is wrong with an `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderDefect {
    /// Not the three components, each once.
    #[error("it needs the three components Credential, SignedHeaders and Signature")]
    Components,
    /// No `Credential`.
    #[error("it has no Credential")]
    MissingCredential,
    /// No `SignedHeaders`.
    #[error("it has no SignedHeaders")]
    MissingSignedHeaders,
    /// No `Signature`.
    #[error("it has no Signature")]
    MissingSignature,
    /// `SignedHeaders` is no list of distinct lower-case names.
    #[error("its SignedHeaders are no list of distinct lower-case names")]
    SignedHeaders,
}

/// What is wrong with the query form of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryDefect {
    /// One of the six parameters is missing.
    #[error("a parameter is missing")]
    ParameterMissing,
    /// A parameter came twice, in whatever spelling.
    #[error("the parameter `{name}` came more than once")]
    ParameterDuplicate {
        /// Its name.
        name: &'static str,
    },
    /// `X-Amz-Algorithm` is not one of ours.
    #[error("the algorithm is unknown")]
    Algorithm,
    /// `X-Amz-Date` is no date.
    #[error("the date is malformed")]
    Date,
    /// `X-Amz-Expires` is no number.
    #[error("the lifetime is no number")]
    ExpiresNotNumber,
    /// `X-Amz-Expires` is below zero.
    #[error("the lifetime is negative")]
    ExpiresNegative,
    /// `X-Amz-Expires` is over a week.
    #[error("the lifetime is longer than a week")]
    ExpiresTooLong,
    /// `X-Amz-SignedHeaders` is no list of distinct lower-case names.
    #[error("the signed headers are no list of distinct lower-case names")]
    SignedHeaders,
}

/// What is wrong with a credential scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeDefect {
    /// Not five parts.
    #[error("it does not have five parts")]
    Shape,
    /// The second part is no date.
    #[error("its date is malformed")]
    DateFormat {
        /// The part as given.
        given: Echo,
    },
    /// The date is another one than that of the request.
    #[error("its date is not that of the request")]
    DateDiffers {
        /// The date in the scope.
        given: String,
        /// The moment of the request, as in `x-amz-date`.
        request_date: String,
    },
    /// Another region.
    #[error("its region is wrong")]
    Region {
        /// The part as given.
        given: Echo,
        /// The region of this endpoint.
        expected: String,
    },
    /// Another service.
    #[error("its service is wrong")]
    Service {
        /// The part as given.
        given: Echo,
        /// The service of this endpoint.
        expected: String,
    },
    /// The last part is not `aws4_request`.
    #[error("its terminator is wrong")]
    Terminator {
        /// The part as given.
        given: Echo,
    },
}

/// Where a signature of version 2 was found.
///
/// Headers are refused always. Presigned requests and forms are what unmodified clients still make:
/// they are refused where a server is told to, and for operations that they are not accepted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigV2Place {
    /// `Authorization: AWS ...`.
    Header,
    /// `AWSAccessKeyId`, `Signature` in the query.
    Query,
    /// `AWSAccessKeyId`, `signature` in a form.
    Form,
}

/// What helps a client to find out why its signature is wrong. Goes to that client only.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureEcho {
    /// The access key id that was claimed.
    pub access_key_id: String,
    /// The string to sign as it is built here.
    pub string_to_sign: Echo,
    /// The signature that came.
    pub signature_provided: Echo,
    /// The canonical request as it is built here; absent for form uploads.
    pub canonical_request: Option<Echo>,
}

/// SECURITY: a canonical request holds session tokens and customer keys; logs must not.
impl fmt::Debug for SignatureEcho {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureEcho")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Text of a client that is echoed to that client: capped in size, hidden from `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Echo(Box<str>);

impl Echo {
    /// For an `ArgumentValue` or a part of a message.
    pub(crate) fn argument(text: &str) -> Self {
        Self(capped(text, ARGUMENT_BYTES_MAX).into())
    }

    /// For a canonical request or a string to sign; bytes that are not UTF-8 are replaced.
    pub(crate) fn document(bytes: &[u8]) -> Self {
        let bytes = bytes.get(..DOCUMENT_BYTES_MAX).unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes);
        Self(capped(&text, DOCUMENT_BYTES_MAX).into())
    }

    /// The text, to be sent to the client that it came from, and to nobody else.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// SECURITY: what a client sent as a credential may be one, for another system.
impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Echo({} bytes)", self.0.len())
    }
}

/// An error as a service answers it.
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorParts {
    /// The error code.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The text for people.
    pub message: String,
    /// Further elements of the error document, in order.
    pub elements: Vec<(&'static str, String)>,
}

impl ErrorParts {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), elements: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.elements.push((name, value.into()));
        self
    }
}

/// SECURITY: elements echo what the client sent; see [`Echo`].
impl fmt::Debug for ErrorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.elements.iter().map(|element| element.0).collect();
        f.debug_struct("ErrorParts")
            .field("code", &self.code)
            .field("status", &self.status)
            .field("elements", &names)
            .finish_non_exhaustive()
    }
}

fn capped(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Text of one argument in an error document, in bytes.
const ARGUMENT_BYTES_MAX: usize = 256;

/// A canonical request in an error document, in bytes; its byte dump takes three times as much.
const DOCUMENT_BYTES_MAX: usize = 8 * 1024;
