//! The AWS protocols: routing, codecs, error shapes.
//!
//! A request arrives as a [`RequestHead`] and leaves as a typed input of one [`Operation`]; an
//! output leaves as a response. Knows bytes, XML, query strings and headers. Must not know what
//! any operation means, who may call it, or how a socket works.

mod action;
mod body;
mod copy_source;
mod cors;
mod decode;
mod disposition;
mod encoded_word;
mod error;
mod form;
mod operation;
mod present;
mod redacted;
mod request;
mod response;
mod router;
mod target;
mod text;
pub mod xml;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use action::{ActionForm, ActionFormError, ActionTable};
pub use body::{
    BoxFuture, ByteSource, ByteStream, Payload, PayloadError, PayloadSource, StreamError,
};
pub use copy_source::{CopySource, CopySourceError};
pub use cors::{
    CorsAnswer, CorsMethod, CorsRequest, CorsRule, CorsRuleError, CorsRules, Preflight,
    PreflightError, PreflightSubject,
};
pub use decode::{DecodeError, DecodeErrorKind, DecodeLocation, DecodeRequest};
pub use disposition::{Disposition, DocumentError, OperationStatus, ServiceTables};
pub use error::{ErrorResponse, JsonVersion, Protocol, encode_error, encode_error_s3};
pub use form::{FORM_BYTES_MAX, FormAnswer, FormError, FormEvent, FormFields, FormParser};
pub use operation::{
    InputKind, Location, MemberSpec, Operation, OperationSpec, PathShape, ShapeKind,
};
pub use present::{PresentMembers, UnknownMember};
pub use redacted::Redacted;
pub use request::{HeadError, Query, RequestHead};
pub use response::{EncodeError, ResponseBuilder};
pub use router::{OperationIndex, RouteEntry, RouteError, Router};
pub use target::{Addressing, HostRules, Target, TargetError, parse_target, percent_decode};
pub use text::{FromText, ToText};
