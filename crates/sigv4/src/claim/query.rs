//! The query form of a claim: presigned requests.
//!
//! SPEC: access-control, 5.4.

use std::borrow::Cow;

use super::Claim;
use super::header::parse_date;
use crate::canonical::{ALGORITHM, ALGORITHM_V4A, SignedHeaders};
use crate::credential::parse_credential;
use crate::encode::{decode_query, raw_parameters};
use crate::error::{AuthError, QueryDefect};
use crate::request::RequestView;
use crate::verify::{EXPIRES_SECONDS_MAX, SignatureForm};

pub(super) fn parse<'a>(
    request: &RequestView<'a>,
    found: AuthParameters<'a>,
) -> Result<Claim<'a>, AuthError> {
    let need = |value: Found<'a>, name| value.once(name)?.ok_or(MISSING);
    let algorithm = need(found.algorithm, "X-Amz-Algorithm")?;
    let credential = need(found.credential, "X-Amz-Credential")?;
    let date = need(found.date, "X-Amz-Date")?;
    let expires = need(found.expires, "X-Amz-Expires")?;
    let signed_headers = need(found.signed_headers, "X-Amz-SignedHeaders")?;
    let signature = need(found.signature, "X-Amz-Signature")?;
    let session_token = session_token(request, found.security_token)?;
    let query_content_sha256 = found.content_sha256.once("X-Amz-Content-Sha256")?;

    match &*algorithm {
        ALGORITHM => {}
        ALGORITHM_V4A => return Err(AuthError::SigV4aUnsupported),
        _ => return Err(AuthError::Query(QueryDefect::Algorithm)),
    }
    let (access_key, scope) = parse_credential(&credential, SignatureForm::Presigned)?;
    let request_time = parse_date(&date).ok_or(AuthError::Query(QueryDefect::Date))?;
    Ok(Claim {
        request: *request,
        form: SignatureForm::Presigned,
        access_key,
        scope,
        signed_headers: SignedHeaders::parse(signed_headers)
            .ok_or(AuthError::Query(QueryDefect::SignedHeaders))?,
        signature,
        session_token,
        request_time,
        expires_seconds: Some(lifetime(&expires)?),
        query_content_sha256,
    })
}

/// Every parameter of the query that has to do with authentication.
#[derive(Default)]
pub(super) struct AuthParameters<'a> {
    algorithm: Found<'a>,
    credential: Found<'a>,
    date: Found<'a>,
    expires: Found<'a>,
    signed_headers: Found<'a>,
    signature: Found<'a>,
    security_token: Found<'a>,
    content_sha256: Found<'a>,
    version_2: bool,
}

impl<'a> AuthParameters<'a> {
    /// Looks through the whole query.
    ///
    /// SECURITY: names count in any case and any encoding, so that no spelling passes for a request
    /// without a signature, or adds a second value that another layer might read.
    pub(super) fn find(query: &'a str) -> Result<Self, AuthError> {
        let mut found = Self::default();
        for (index, (raw_name, raw_value)) in raw_parameters(query).enumerate() {
            if index >= QUERY_PARAMETERS_MAX {
                return Err(AuthError::InvalidUri);
            }
            let name = decode_query(raw_name)?;
            if matches!(&*name, "AWSAccessKeyId" | "Signature") {
                found.version_2 = true;
            }
            if let Some((place, exact)) = found.place(&name) {
                let spelled = &*name == exact;
                place.add(decode_query(raw_value)?, spelled);
            }
        }
        Ok(found)
    }

    /// Whether the query makes a claim of version 4, complete or not.
    pub(super) fn version_4(&self) -> bool {
        let marks = [
            &self.algorithm,
            &self.credential,
            &self.signed_headers,
            &self.signature,
            &self.expires,
        ];
        marks.into_iter().any(|found| found.count > 0)
    }

    /// Whether the query makes a claim of version 2, complete or not.
    pub(super) fn version_2(&self) -> bool {
        self.version_2
    }

    fn place(&mut self, name: &str) -> Option<(&mut Found<'a>, &'static str)> {
        // No other name is as long or begins so; most parameters leave here.
        let prefix = name.get(..6)?;
        if !prefix.eq_ignore_ascii_case("x-amz-") {
            return None;
        }
        let places = [
            (&mut self.algorithm, "X-Amz-Algorithm"),
            (&mut self.credential, "X-Amz-Credential"),
            (&mut self.date, "X-Amz-Date"),
            (&mut self.expires, "X-Amz-Expires"),
            (&mut self.signed_headers, "X-Amz-SignedHeaders"),
            (&mut self.signature, "X-Amz-Signature"),
            (&mut self.security_token, "X-Amz-Security-Token"),
            (&mut self.content_sha256, "X-Amz-Content-Sha256"),
        ];
        places.into_iter().find(|(_, exact)| name.eq_ignore_ascii_case(exact))
    }
}

/// The values that one name has in the query.
#[derive(Default)]
struct Found<'a> {
    count: usize,
    /// The value under the exact name.
    value: Option<Cow<'a, str>>,
}

impl<'a> Found<'a> {
    fn add(&mut self, value: Cow<'a, str>, spelled: bool) {
        self.count += 1;
        if spelled {
            self.value = Some(value);
        }
    }

    /// The value, if the name came once.
    fn once(self, name: &'static str) -> Result<Option<Cow<'a, str>>, AuthError> {
        if self.count > 1 {
            return Err(AuthError::Query(QueryDefect::ParameterDuplicate { name }));
        }
        Ok(self.value)
    }
}

/// SECURITY: one token per request, and for presigned ones it is in the query, where it is signed.
fn session_token<'a>(
    request: &RequestView<'a>,
    found: Found<'a>,
) -> Result<Option<Cow<'a, str>>, AuthError> {
    let in_query = found.once("X-Amz-Security-Token")?;
    let in_header = request.single("x-amz-security-token")?;
    match (in_query, in_header) {
        (Some(_), Some(_)) => Err(AuthError::DuplicateHeader { name: "x-amz-security-token" }),
        (in_query, in_header) => {
            Ok(in_query.or(in_header.map(Cow::Borrowed)).filter(|text| !text.is_empty()))
        }
    }
}

fn lifetime(text: &str) -> Result<u32, AuthError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AuthError::Query(QueryDefect::ExpiresNotNumber));
    }
    if digits.len() < text.len() {
        return Err(AuthError::Query(QueryDefect::ExpiresNegative));
    }
    match digits.parse() {
        Ok(seconds) if seconds <= EXPIRES_SECONDS_MAX => Ok(seconds),
        _ => Err(AuthError::Query(QueryDefect::ExpiresTooLong)),
    }
}

const MISSING: AuthError = AuthError::Query(QueryDefect::ParameterMissing);

/// A request target of the longest kind that we read has fewer.
const QUERY_PARAMETERS_MAX: usize = 1024;
