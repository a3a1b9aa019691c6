//! AWS Signature Version 4: verification, chunked bodies, signing; and the two forms of version 2
//! that clients still make by default.
//!
//! A request's claim about its signer is read without any secret ([`parse_claim`]), judged without
//! any secret ([`Claim::check`]), and proven with a date-scoped signing key
//! ([`CheckedClaim::verify`]). Proof hands out the one thing through which the body may be read,
//! a [`BodyDecoder`], so that no payload mode can be served unverified.
//!
//! Pure: no clock, no I/O. Must not know any HTTP library, any service, or long-term secrets beyond
//! the moment in which a [`SigningKey`] is derived from one.

mod body;
mod canonical;
mod chunk;
mod chunk_signer;
mod claim;
mod credential;
mod encode;
mod error;
mod form;
mod key;
mod payload;
mod request;
pub mod sign;
mod v2;
mod verify;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use body::{BodyDecoder, BodyEnd, anonymous_body};
pub use chunk::{
    CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, ChunkDecoder, ChunkError, ChunkFraming, ChunkSignatures,
    Event, Trailers,
};
pub use chunk_signer::ChunkSigner;
pub use claim::{CheckedClaimV2, Claim, ClaimV2, ExpectedV2, RequestClaim, parse_claim};
pub use credential::{AccessKeyClaim, Expected, Scope};
pub use encode::{PathEncoding, normalized_path};
pub use error::{
    AuthError, Echo, ErrorParts, HeaderDefect, QueryDefect, ScopeDefect, SigV2Place, SignatureEcho,
};
pub use form::{CheckedForm, FormClaim, parse_form_claim};
pub use key::SigningKey;
pub use payload::PayloadMode;
pub use request::RequestView;
pub use v2::{SignatureV2, StringToSignV2};
pub use verify::{CheckedClaim, SignatureForm, SignatureVersion, Verified};
