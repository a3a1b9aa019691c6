//! The signer: what a client does. For tests, tools, and our own outgoing requests.
//!
//! SPEC: access-control, 5.1, 5.2, 5.4.

use std::borrow::Cow;

use strongroom_crypto::{SecretText, sha256};
use strongroom_types::Timestamp;

use crate::canonical::{ALGORITHM, SignedHeaders, canonical_request, string_to_sign};
use crate::chunk_signer::ChunkSigner;
use crate::encode::{Hex, Part, PathEncoding, push_text_encoded};
use crate::error::AuthError;
use crate::key::SigningKey;
use crate::payload::PayloadMode;
use crate::request::RequestView;

/// Signs requests of one access key to one region and service, at one moment.
#[derive(Debug)]
pub struct Signer {
    access_key_id: String,
    session_token: Option<SecretText>,
    signing_key: SigningKey,
    service: String,
    scope: String,
    amz_date: String,
}

/// Who signs.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The access key id.
    pub access_key_id: &'a str,
    /// The secret access key.
    pub secret_access_key: &'a SecretText,
    /// The session token, for temporary credentials.
    pub session_token: Option<&'a SecretText>,
}

/// What a signature in headers adds to a request.
#[derive(Debug)]
pub struct SignedRequest {
    /// Lower-case names and values, to be added to the headers that were signed.
    pub headers: Vec<(&'static str, String)>,
    /// Signs the body, where the payload mode is one with signed chunks.
    pub chunk_signer: ChunkSigner,
}

impl Signer {
    /// A signer for this moment.
    #[must_use]
    pub fn new(credentials: &Credentials<'_>, region: &str, service: &str, now: Timestamp) -> Self {
        let secret = credentials.secret_access_key;
        let date = now.to_scope_date();
        Self {
            access_key_id: credentials.access_key_id.to_owned(),
            session_token: credentials.session_token.map(SecretText::duplicate),
            signing_key: SigningKey::derive(secret, &date, region, service),
            service: service.to_owned(),
            scope: format!("{date}/{region}/{service}/aws4_request"),
            amz_date: now.to_amz_date(),
        }
    }

    /// Signs a request in its headers; all headers of `request` are signed, `host` must be there.
    ///
    /// For services other than S3 the mode is [`PayloadMode::Sha256`]; the digest enters the
    /// signature without a header.
    ///
    /// # Errors
    /// If the request target cannot be decoded or a header name is none.
    pub fn sign_headers(
        &self,
        request: &RequestView<'_>,
        mode: PayloadMode,
    ) -> Result<SignedRequest, AuthError> {
        let payload = mode.header_value();
        let mut added = vec![("x-amz-date", self.amz_date.clone())];
        if self.service == "s3" {
            added.push(("x-amz-content-sha256", payload.clone()));
        }
        if let Some(session_token) = &self.session_token {
            added.push(("x-amz-security-token", session_token.danger_expose().to_owned()));
        }
        let mut headers = request.headers.to_vec();
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        let request = RequestView { headers: &headers, ..*request };
        let names = signed_names(&request)?;
        let signature = self.signature(&request, &names, &payload)?;
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={names}, Signature={}",
            self.access_key_id,
            self.scope,
            signature.as_str()
        );
        added.push(("authorization", authorization));
        Ok(SignedRequest { headers: added, chunk_signer: self.chunk_signer(signature) })
    }

    /// Gives the query that makes the request a presigned one; all its headers are signed.
    ///
    /// # Errors
    /// If the request target cannot be decoded or a header name is none.
    pub fn presign(
        &self,
        request: &RequestView<'_>,
        mode: PayloadMode,
        expires_seconds: u32,
    ) -> Result<String, AuthError> {
        let names = signed_names(request)?;
        let mut query = request.query.to_owned();
        let mut push = |name: &str, value: &str| {
            let separator = if query.is_empty() { "" } else { "&" };
            query.push_str(separator);
            query.push_str(name);
            query.push('=');
            push_text_encoded(&mut query, value, Part::Query);
        };
        push("X-Amz-Algorithm", ALGORITHM);
        push("X-Amz-Credential", &format!("{}/{}", self.access_key_id, self.scope));
        push("X-Amz-Date", &self.amz_date);
        push("X-Amz-Expires", &expires_seconds.to_string());
        push("X-Amz-SignedHeaders", &names);
        if let Some(session_token) = &self.session_token {
            push("X-Amz-Security-Token", session_token.danger_expose());
        }
        let signed = RequestView { query: &query, ..*request };
        let signature = self.signature(&signed, &names, &mode.header_value())?;
        query.push_str("&X-Amz-Signature=");
        query.push_str(signature.as_str());
        Ok(query)
    }

    /// Signs the policy of a form upload: base64 text as the form will have it.
    #[must_use]
    pub fn sign_policy(&self, policy: &str) -> String {
        self.signing_key.sign(policy.as_bytes()).as_str().to_owned()
    }

    /// What the credential parameter or field of this signer says.
    #[must_use]
    pub fn credential(&self) -> String {
        format!("{}/{}", self.access_key_id, self.scope)
    }

    fn signature(
        &self,
        request: &RequestView<'_>,
        names: &str,
        payload: &str,
    ) -> Result<Hex, AuthError> {
        let names = SignedHeaders::parse(Cow::Borrowed(names)).ok_or(NAMES)?;
        let encoding = PathEncoding::of_service(&self.service);
        let canonical = canonical_request(request, encoding, &names, payload)?;
        let to_sign = string_to_sign(&self.amz_date, &self.scope, &canonical);
        Ok(self.signing_key.sign(to_sign.as_bytes()))
    }

    fn chunk_signer(&self, seed: Hex) -> ChunkSigner {
        ChunkSigner::new(self.signing_key.duplicate(), &self.amz_date, &self.scope, seed)
    }
}

/// The payload mode of a body at hand.
#[must_use]
pub fn hashed(body: &[u8]) -> PayloadMode {
    PayloadMode::Sha256(sha256(body))
}

fn signed_names(request: &RequestView<'_>) -> Result<String, AuthError> {
    let mut names: Vec<_> =
        request.headers.iter().map(|header| header.0.to_ascii_lowercase()).collect();
    names.sort_unstable();
    names.dedup();
    let names = names.join(";");
    if SignedHeaders::parse(Cow::Borrowed(&names)).is_none() {
        return Err(NAMES);
    }
    Ok(names)
}

const NAMES: AuthError = AuthError::Header(crate::HeaderDefect::SignedHeaders);
