//! The query form of a claim of version 2: `AWSAccessKeyId`, `Expires`, `Signature`.
//!
//! SPEC: access-control, 5.7. Exactly what botocore makes, and nothing beside it: version 2 signs a
//! list of known parameters, so every other one would be under nobody's signature.

use std::borrow::Cow;
use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use strongroom_types::Timestamp;

use crate::body::BodyDecoder;
use crate::claim::CONTENT_SHA256;
use crate::credential::AccessKeyClaim;
use crate::encode::{decode_query, raw_parameters};
use crate::error::{AuthError, Echo, SigV2Place, SignatureEcho};
use crate::payload::PayloadMode;
use crate::request::RequestView;
use crate::v2::{SignatureV2, StringToSignV2};
use crate::verify::{EXPIRES_SECONDS_MAX, SignatureForm, Verified};

/// What a presigned request of version 2 says about its signer.
pub struct ClaimV2<'a> {
    request: RequestView<'a>,
    access_key: AccessKeyClaim,
    signature: Cow<'a, str>,
    expires: Cow<'a, str>,
    expires_at: Timestamp,
    /// Parameters that belong to the signed resource, decoded.
    resource: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Headers that the signer moved into the query, decoded.
    moved: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// What a server expects of a presigned request of version 2.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedV2<'a> {
    /// The operation that the request was routed to.
    pub operation: &'a str,
    /// The bucket, if the host names it: the signature is about the path with it.
    pub bucket_in_host: Option<&'a str>,
    /// The time here.
    pub now: Timestamp,
}

pub(super) fn parse<'a>(request: &RequestView<'a>) -> Result<ClaimV2<'a>, AuthError> {
    let (mut access_key_id, mut signature, mut expires) = (None, None, None);
    let (mut resource, mut moved) = (Vec::new(), Vec::new());
    let mut seen: Vec<Cow<'a, str>> = Vec::new();
    for (raw_name, raw_value) in raw_parameters(request.query) {
        let name = decode_query(raw_name)?;
        let value = decode_query(raw_value)?;
        let refuse = || AuthError::ParameterV2 { name: Echo::argument(&name) };
        if seen.contains(&name) || seen.len() >= PARAMETERS_MAX {
            return Err(refuse());
        }
        match &*name {
            "AWSAccessKeyId" => access_key_id = Some(value),
            "Signature" => signature = Some(value),
            "Expires" => expires = Some(value),
            known if RESOURCE.contains(&known) => resource.push((name.clone(), value)),
            known if is_moved(known) => {
                // SECURITY: a line break would end the line of the string to sign.
                let printable = value.bytes().all(|byte| byte >= b' ' && byte != 0x7f);
                agrees(request, known, &value)?;
                if !printable {
                    return Err(refuse());
                }
                moved.push((name.clone(), value));
            }
            _ => return Err(refuse()),
        }
        seen.push(name);
    }
    let (Some(access_key_id), Some(signature), Some(expires)) = (access_key_id, signature, expires)
    else {
        return Err(AuthError::ParameterMissingV2);
    };
    let access_key = match access_key_id.parse() {
        Ok(id) => AccessKeyClaim::Possible(id),
        Err(_) => AccessKeyClaim::Impossible(access_key_id.into()),
    };
    resource.sort_unstable();
    let expires_at = moment(&expires)?;
    Ok(ClaimV2 { request: *request, access_key, signature, expires, expires_at, resource, moved })
}

impl<'a> ClaimV2<'a> {
    /// The access key that is said to have signed.
    #[must_use]
    pub fn access_key(&self) -> &AccessKeyClaim {
        &self.access_key
    }

    /// The session token that came with the claim.
    ///
    /// # Errors
    /// If there are two, or one that is no text.
    pub fn session_token(&self) -> Result<Option<&str>, AuthError> {
        let in_query = self.moved.iter().find(|(name, _)| name == SECURITY_TOKEN);
        let token = match in_query {
            Some((_, value)) => Some(&**value),
            None => self.request.single(SECURITY_TOKEN)?,
        };
        Ok(token.filter(|token| !token.is_empty()))
    }

    /// The headers that the signer moved into the query: lower-case names and values. They are
    /// signed as headers, so whoever serves the request must read them as headers.
    pub fn moved_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.moved.iter().map(|(name, value)| (&**name, &**value))
    }

    /// What is left of the query without the signature and the moved headers, encoded as it came.
    #[must_use]
    pub fn remaining_query(&self) -> String {
        let kept = raw_parameters(self.request.query)
            .filter(|(name, _)| decode_query(name).is_ok_and(|name| RESOURCE.contains(&&*name)));
        let parts: Vec<_> = kept.map(|(name, value)| format!("{name}={value}")).collect();
        parts.join("&")
    }

    /// Judges all that needs no secret.
    ///
    /// # Errors
    /// The first rule that the claim breaks.
    pub fn check(self, expected: &ExpectedV2<'_>) -> Result<CheckedClaimV2<'a>, AuthError> {
        if !OPERATIONS.contains(&expected.operation) {
            return Err(AuthError::SigV2 { place: SigV2Place::Query });
        }
        let (expires_at, server_time) = (self.expires_at, expected.now);
        if server_time >= expires_at {
            return Err(AuthError::ExpiredV2 { expires_at, server_time });
        }
        if expires_at.saturating_since(server_time) > EXPIRES_MAX {
            return Err(AuthError::LifetimeV2 { expires_at, server_time });
        }
        // A signature of version 2 covers no body, but the header is under it like every other.
        let mode = match self.request.single(CONTENT_SHA256)? {
            None => PayloadMode::Unsigned,
            Some(text) => PayloadMode::parse(text)?,
        };
        if mode.is_streaming() {
            return Err(AuthError::StreamingNotAllowed);
        }
        let token = self.session_token()?;
        if let AccessKeyClaim::Possible(id) = &self.access_key
            && id.is_temporary()
            && token.is_none()
        {
            return Err(self.access_key.unknown());
        }
        let to_sign = self.string_to_sign(expected.bucket_in_host)?;
        Ok(CheckedClaimV2 { claim: self, to_sign, mode, now: expected.now })
    }

    fn string_to_sign(&self, bucket_in_host: Option<&str>) -> Result<StringToSignV2, AuthError> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(self.request.method.as_bytes());
        out.push(b'\n');
        for name in ["content-md5", "content-type"] {
            out.extend_from_slice(&self.header(name)?);
            out.push(b'\n');
        }
        out.extend_from_slice(self.expires.as_bytes());
        out.push(b'\n');
        for name in self.amz_names()? {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(&self.header(&name)?);
            out.push(b'\n');
        }
        if let Some(bucket) = bucket_in_host {
            out.push(b'/');
            out.extend_from_slice(bucket.as_bytes());
        }
        out.extend_from_slice(self.request.path.as_bytes());
        let mut separator = b'?';
        for (name, value) in &self.resource {
            out.push(separator);
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
            separator = b'&';
        }
        Ok(StringToSignV2::new(out))
    }

    /// Names of the `x-amz-*` headers in the query and in the head, sorted.
    fn amz_names(&self) -> Result<Vec<String>, AuthError> {
        let in_query = self.moved.iter().map(|(name, _)| &**name);
        let in_head = self.request.headers.iter().map(|(name, _)| *name);
        let mut names: Vec<String> = in_query
            .chain(in_head)
            .map(str::to_ascii_lowercase)
            .filter(|name| name.starts_with(AMZ))
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > PARAMETERS_MAX {
            return Err(AuthError::TooManyHeaders);
        }
        Ok(names)
    }

    /// The value of a header, wherever it stands; empty if there is none.
    fn header(&self, name: &str) -> Result<Vec<u8>, AuthError> {
        if let Some((_, value)) = self.moved.iter().find(|(moved, _)| moved == name) {
            return Ok(trimmed(value.as_bytes()).to_vec());
        }
        let values: Vec<_> = self.request.values(name).map(trimmed).collect();
        if values.iter().any(|value| value.contains(&b'\n')) {
            return Err(AuthError::ParameterV2 { name: Echo::argument(name) });
        }
        Ok(values.join(&b','))
    }
}

/// SECURITY: no signature, no session token.
impl fmt::Debug for ClaimV2<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimV2")
            .field("access_key", &self.access_key)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A claim of version 2 that breaks no rule which can be judged without a secret. Not proven yet.
#[derive(Debug)]
pub struct CheckedClaimV2<'a> {
    claim: ClaimV2<'a>,
    to_sign: StringToSignV2,
    mode: PayloadMode,
    now: Timestamp,
}

impl<'a> CheckedClaimV2<'a> {
    /// The claim.
    #[must_use]
    pub fn claim(&self) -> &ClaimV2<'a> {
        &self.claim
    }

    /// What the signer has signed, if the claim is true.
    #[must_use]
    pub fn string_to_sign(&self) -> &StringToSignV2 {
        &self.to_sign
    }

    /// Proves the claim with the signature that the signer's secret makes, and gives the only way
    /// to the body.
    ///
    /// # Errors
    /// If the signature does not match, or the declared framing of the body is invalid.
    pub fn verify(&self, signature: &SignatureV2) -> Result<(Verified, BodyDecoder), AuthError> {
        let claim = &self.claim;
        if !signature.is(&claim.signature) {
            return Err(AuthError::SignatureMismatch(Box::new(SignatureEcho {
                access_key_id: claim.access_key.as_str().to_owned(),
                string_to_sign: Echo::document(self.to_sign.as_bytes()),
                signature_provided: Echo::argument(&claim.signature),
                canonical_request: None,
            })));
        }
        let AccessKeyClaim::Possible(access_key_id) = &claim.access_key else {
            return Err(claim.access_key.unknown());
        };
        let body = BodyDecoder::new(self.mode, &claim.request, None)?;
        let content_sha256 = claim.request.single(CONTENT_SHA256)?.map(str::to_owned);
        let mut verified = Verified::v2(access_key_id.clone(), SignatureForm::Presigned, self.now);
        verified.describe(self.mode, content_sha256, claim.expires_at);
        Ok((verified, body))
    }

    /// Does the work of [`Self::verify`] for an access key that does not exist, and gives the error
    /// to answer.
    #[must_use]
    pub fn verify_unknown(&self) -> AuthError {
        drop(black_box(self.verify(&SignatureV2::nobody(&self.to_sign))));
        self.claim.access_key.unknown()
    }
}

/// SECURITY: what is in the query and in the head must be one thing.
fn agrees(request: &RequestView<'_>, name: &str, value: &str) -> Result<(), AuthError> {
    let mut values = request.values(name);
    let same = match (values.next(), values.next()) {
        (None, _) => true,
        (Some(header), None) => trimmed(header) == trimmed(value.as_bytes()),
        (Some(_), Some(_)) => false,
    };
    if same { Ok(()) } else { Err(AuthError::HeaderDiffersV2 { name: Echo::argument(name) }) }
}

/// Headers that botocore moves into the query. Those of version 4 are none of them.
fn is_moved(name: &str) -> bool {
    let amz = name.starts_with(AMZ) && !OF_VERSION_4.contains(&name);
    amz && name.bytes().all(|byte| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || byte == b'-'
            || byte == b'_'
            || byte == b'.'
    }) || matches!(name, "content-type" | "content-md5")
}

/// Seconds since 1970, as every signer writes them.
fn moment(text: &str) -> Result<Timestamp, AuthError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if digits { text.parse().ok() } else { None };
    let moment = seconds.and_then(|seconds| Timestamp::from_seconds(seconds).ok());
    moment.ok_or_else(|| AuthError::ExpiresV2 { given: Echo::argument(text) })
}

fn trimmed(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

const AMZ: &str = "x-amz-";
const SECURITY_TOKEN: &str = "x-amz-security-token";

/// SPEC: access-control, 5.7. The operations that a URL of version 2 may ask for.
const OPERATIONS: [&str; 3] = ["GetObject", "HeadObject", "PutObject"];

/// Parameters that are part of the signed resource.
const RESOURCE: [&str; 7] = [
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "versionId",
];

/// Names that belong to a signature of version 4, or say what only that one can prove.
const OF_VERSION_4: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signature",
    "x-amz-signedheaders",
    "x-amz-trailer",
];

/// More than the richest request that a client presigns.
const PARAMETERS_MAX: usize = 128;

const EXPIRES_MAX: Duration = Duration::from_secs(EXPIRES_SECONDS_MAX as u64);
