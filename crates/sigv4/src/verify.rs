//! Proof that the claim of a request is true.

use std::hint::black_box;
use std::time::Duration;

use strongroom_crypto::ct_eq;
use strongroom_types::{AccessKeyId, Timestamp};

use crate::body::BodyDecoder;
use crate::canonical::{ALGORITHM, canonical_request, string_to_sign};
use crate::chunk_signer::ChunkSigner;
use crate::claim::{CONTENT_SHA256, Claim};
use crate::credential::AccessKeyClaim;
use crate::encode::{Hex, hex};
use crate::error::{AuthError, Echo, SignatureEcho};
use crate::key::SigningKey;
use crate::payload::PayloadMode;

/// A claim that breaks no rule which can be judged without a secret. Not proven yet.
#[derive(Debug)]
pub struct CheckedClaim<'a> {
    pub(crate) claim: Claim<'a>,
    pub(crate) amz_date: String,
    pub(crate) payload_mode: PayloadMode,
    pub(crate) now: Timestamp,
}

/// Where a signature was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureForm {
    /// In the `Authorization` header.
    Header,
    /// In the query.
    Presigned,
    /// In the fields of a form upload.
    Form,
}

impl SignatureForm {
    /// The value of the condition key `s3:authType`.
    #[must_use]
    pub fn auth_type(self) -> &'static str {
        match self {
            Self::Header => "REST-HEADER",
            Self::Presigned => "REST-QUERY-STRING",
            Self::Form => "POST",
        }
    }
}

/// Which version of signatures proved the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureVersion {
    /// Version 2, HMAC-SHA1: presigned requests and forms only.
    V2,
    /// Version 4, HMAC-SHA256.
    V4,
}

impl SignatureVersion {
    /// The value of the condition key `s3:signatureversion`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "AWS",
            Self::V4 => ALGORITHM,
        }
    }
}

/// Proof that the holder of an access key signed the request. Only this crate can make one.
#[derive(Debug)]
pub struct Verified {
    access_key_id: AccessKeyId,
    form: SignatureForm,
    version: SignatureVersion,
    /// `None` for form uploads, which declare nothing of their body.
    payload_mode: Option<PayloadMode>,
    content_sha256: Option<String>,
    request_time: Timestamp,
    expires_at: Option<Timestamp>,
    now: Timestamp,
}

impl Verified {
    pub(crate) fn form(
        access_key_id: AccessKeyId,
        request_time: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            access_key_id,
            form: SignatureForm::Form,
            version: SignatureVersion::V4,
            payload_mode: None,
            content_sha256: None,
            request_time,
            expires_at: None,
            now,
        }
    }

    /// Proof by version 2, which does not say when it was signed: its age is 0.
    pub(crate) fn v2(access_key_id: AccessKeyId, form: SignatureForm, now: Timestamp) -> Self {
        Self { form, version: SignatureVersion::V2, ..Self::form(access_key_id, now, now) }
    }

    /// Adds what a presigned request says of its body and of its end.
    pub(crate) fn describe(
        &mut self,
        payload_mode: PayloadMode,
        content_sha256: Option<String>,
        expires_at: Timestamp,
    ) {
        self.payload_mode = Some(payload_mode);
        self.content_sha256 = content_sha256;
        self.expires_at = Some(expires_at);
    }

    /// The access key that signed.
    #[must_use]
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// Where the signature was found; gives the condition key `s3:authType`.
    #[must_use]
    pub fn signature_form(&self) -> SignatureForm {
        self.form
    }

    /// The version of the signature; gives the condition key `s3:signatureversion`.
    #[must_use]
    pub fn signature_version(&self) -> SignatureVersion {
        self.version
    }

    /// What was declared of the body; `None` for form uploads.
    #[must_use]
    pub fn payload_mode(&self) -> Option<PayloadMode> {
        self.payload_mode
    }

    /// The header `x-amz-content-sha256`, as the condition key of that name wants it: never what
    /// the query says.
    #[must_use]
    pub fn content_sha256(&self) -> Option<&str> {
        self.content_sha256.as_deref()
    }

    /// When the request was signed.
    #[must_use]
    pub fn request_time(&self) -> Timestamp {
        self.request_time
    }

    /// When a presigned request ends.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The condition key `s3:signatureAge`, in milliseconds; 0 for one signed ahead of our clock.
    #[must_use]
    pub fn signature_age_milliseconds(&self) -> u64 {
        let age = self.now.saturating_since(self.request_time);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
    }
}

impl<'a> CheckedClaim<'a> {
    /// The claim.
    #[must_use]
    pub fn claim(&self) -> &Claim<'a> {
        &self.claim
    }

    /// What the request declares of its body.
    #[must_use]
    pub fn payload_mode(&self) -> PayloadMode {
        self.payload_mode
    }

    /// Whether [`Self::verify`] must be given the digest of the body.
    #[must_use]
    pub fn needs_body_digest(&self) -> bool {
        self.payload_mode == PayloadMode::BodyHash
    }

    /// Proves the claim with the signer's key, and gives the only way to the body.
    ///
    /// A caller that has the body gives its digest, which is compared at once; otherwise the
    /// decoder compares it at the end of the body.
    ///
    /// # Errors
    /// If the signature does not match, or the declared framing of the body is invalid.
    pub fn verify(
        &self,
        signing_key: &SigningKey,
        body_digest: Option<&[u8; 32]>,
    ) -> Result<(Verified, BodyDecoder), AuthError> {
        let signature = self.prove(signing_key, body_digest)?;
        let AccessKeyClaim::Possible(access_key_id) = &self.claim.access_key else {
            return Err(self.claim.access_key.unknown());
        };
        let mode = match (self.payload_mode, body_digest) {
            (PayloadMode::Sha256(declared), Some(computed)) if declared != *computed => {
                let (declared, computed) = (hex(&declared), hex(computed));
                return Err(AuthError::PayloadMismatch {
                    declared: declared.as_str().to_owned(),
                    computed: computed.as_str().to_owned(),
                });
            }
            (PayloadMode::BodyHash, Some(computed)) => PayloadMode::Sha256(*computed),
            (mode, _) => mode,
        };
        let signer = mode.has_chunk_signatures().then(|| {
            let (scope, seed) = (self.claim.scope.as_str(), signature);
            ChunkSigner::new(signing_key.duplicate(), &self.amz_date, scope, seed)
        });
        let body = BodyDecoder::new(mode, &self.claim.request, signer)?;
        Ok((self.verified(access_key_id.clone())?, body))
    }

    /// Does the work of [`Self::verify`] for an access key that does not exist, so that the time it
    /// takes tells nothing, and gives the error to answer.
    ///
    /// A caller that derives signing keys on the way derives one from a constant here.
    #[must_use]
    pub fn verify_unknown(&self, body_digest: Option<&[u8; 32]>) -> AuthError {
        let proof = self.prove(&SigningKey::nobody(), body_digest);
        // SECURITY: the result decides nothing, and must not be optimized away with its cause.
        drop(black_box(proof));
        self.claim.access_key.unknown()
    }

    /// The signature, if it is the one that the key makes.
    fn prove(
        &self,
        signing_key: &SigningKey,
        body_digest: Option<&[u8; 32]>,
    ) -> Result<Hex, AuthError> {
        let claim = &self.claim;
        let payload = match (self.payload_mode, body_digest) {
            (PayloadMode::BodyHash, Some(digest)) => PayloadMode::Sha256(*digest).header_value(),
            (PayloadMode::BodyHash, None) => return Err(AuthError::BodyDigestNeeded),
            (mode, _) => mode.header_value(),
        };
        let encoding = claim.path_encoding();
        let canonical =
            canonical_request(&claim.request, encoding, &claim.signed_headers, &payload)?;
        let to_sign = string_to_sign(&self.amz_date, claim.scope.as_str(), &canonical);
        let signature = signing_key.sign(to_sign.as_bytes());
        // SECURITY: constant time; an early exit would tell how much of a forgery is right.
        if ct_eq(signature.as_bytes(), claim.signature.as_bytes()) {
            return Ok(signature);
        }
        Err(AuthError::SignatureMismatch(Box::new(SignatureEcho {
            access_key_id: claim.access_key.as_str().to_owned(),
            string_to_sign: Echo::document(to_sign.as_bytes()),
            signature_provided: Echo::argument(&claim.signature),
            canonical_request: Some(Echo::document(&canonical)),
        })))
    }

    fn verified(&self, access_key_id: AccessKeyId) -> Result<Verified, AuthError> {
        let claim = &self.claim;
        let expires_at = claim.expires_seconds.map(|seconds| end(claim.request_time, seconds));
        Ok(Verified {
            access_key_id,
            form: claim.form,
            version: SignatureVersion::V4,
            payload_mode: Some(self.payload_mode),
            content_sha256: claim.request.single(CONTENT_SHA256)?.map(str::to_owned),
            request_time: claim.request_time,
            expires_at,
            now: self.now,
        })
    }
}

/// Judges when a request was signed, and for how long.
///
/// SPEC: access-control, 5.3 and 5.4. A lifetime is the half-open span from the moment of signing.
pub(crate) fn check_moment(
    request_time: Timestamp,
    expires_seconds: Option<u32>,
    server_time: Timestamp,
) -> Result<(), AuthError> {
    let skew_max = Duration::from_secs(SKEW_SECONDS_MAX);
    let Some(expires_seconds) = expires_seconds else {
        if request_time.distance(server_time) > skew_max {
            return Err(AuthError::RequestTimeTooSkewed { request_time, server_time });
        }
        return Ok(());
    };
    if request_time.saturating_since(server_time) > skew_max {
        return Err(AuthError::NotYetValid { request_time, server_time });
    }
    let expires_at = end(request_time, expires_seconds);
    if expires_seconds == 0 || server_time >= expires_at {
        return Err(AuthError::Expired { expires_seconds, expires_at, server_time });
    }
    Ok(())
}

fn end(request_time: Timestamp, expires_seconds: u32) -> Timestamp {
    request_time.saturating_add(Duration::from_secs(u64::from(expires_seconds)))
}

/// How far the clock of a signer may be from ours: 15 minutes.
pub(crate) const SKEW_SECONDS_MAX: u64 = 15 * 60;

/// The longest life of a presigned request: a week.
pub(crate) const EXPIRES_SECONDS_MAX: u32 = 7 * 24 * 60 * 60;
