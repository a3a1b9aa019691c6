//! The credential of a claim: who, and for which day, region and service.

use std::fmt;

use strongroom_types::{AccessKeyId, Timestamp};

use crate::error::{AuthError, Echo, ScopeDefect};
use crate::key::TERMINATOR;
use crate::verify::SignatureForm;

/// The access key id of a claim, which may be one that cannot exist.
///
/// An impossible id is answered like an unknown one, after the same work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessKeyClaim {
    /// An id that may exist.
    Possible(AccessKeyId),
    /// Text that no access key has as its id.
    Impossible(Box<str>),
}

impl AccessKeyClaim {
    /// The id as it was claimed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Possible(id) => id.as_str(),
            Self::Impossible(text) => text,
        }
    }

    pub(crate) fn unknown(&self) -> AuthError {
        let access_key_id = Echo::argument(self.as_str()).as_str().to_owned();
        AuthError::UnknownAccessKeyId { access_key_id }
    }
}

/// The credential scope of a claim: `date/region/service/aws4_request`, not yet judged.
#[derive(Clone, PartialEq, Eq)]
pub struct Scope {
    /// Exactly four parts.
    text: Box<str>,
}

impl Scope {
    /// The day, `yyyymmdd` if the claim is a good one.
    #[must_use]
    pub fn date(&self) -> &str {
        self.part(0)
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        self.part(1)
    }

    /// The service. It alone decides which service the request is for.
    #[must_use]
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The whole scope, as in the string to sign.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn terminator(&self) -> &str {
        self.part(3)
    }

    fn part(&self, index: usize) -> &str {
        self.text.split('/').nth(index).unwrap_or_default()
    }

    /// Judges the scope of a request that was signed at `amz_date`.
    ///
    /// SECURITY: every part is compared whole, so no other text can enter the string to sign.
    pub(crate) fn check(
        &self,
        form: SignatureForm,
        amz_date: &str,
        expected: &Expected<'_>,
    ) -> Result<(), AuthError> {
        let wrong = |defect| Err(AuthError::Scope { form, defect });
        let (date, region, service) = (self.date(), self.region(), self.service());
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
            return wrong(ScopeDefect::DateFormat { given: Echo::argument(date) });
        }
        if region != expected.region {
            let (given, expected) = (Echo::argument(region), expected.region.to_owned());
            return wrong(ScopeDefect::Region { given, expected });
        }
        if service != expected.service {
            let (given, expected) = (Echo::argument(service), expected.service.to_owned());
            return wrong(ScopeDefect::Service { given, expected });
        }
        if self.terminator() != TERMINATOR {
            return wrong(ScopeDefect::Terminator { given: Echo::argument(self.terminator()) });
        }
        if amz_date.get(..8) != Some(date) {
            let (given, request_date) = (date.to_owned(), amz_date.to_owned());
            return wrong(ScopeDefect::DateDiffers { given, request_date });
        }
        Ok(())
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({})", self.text)
    }
}

/// What this endpoint expects of a claim.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The service that was found for the request.
    pub service: &'a str,
    /// The region of that service here.
    pub region: &'a str,
    /// The time here.
    pub now: Timestamp,
}

/// Splits `ACCESS-KEY-ID/date/region/service/aws4_request`.
pub(crate) fn parse_credential(
    text: &str,
    form: SignatureForm,
) -> Result<(AccessKeyClaim, Scope), AuthError> {
    let shape = AuthError::Scope { form, defect: ScopeDefect::Shape };
    let Some((id, scope)) = text.split_once('/') else {
        return Err(shape);
    };
    let short = text.len() <= CREDENTIAL_BYTES_MAX;
    if !short || id.is_empty() || scope.split('/').count() != 4 {
        return Err(shape);
    }
    let id = match id.parse() {
        Ok(id) => AccessKeyClaim::Possible(id),
        Err(_) => AccessKeyClaim::Impossible(id.into()),
    };
    Ok((id, Scope { text: scope.into() }))
}

/// An access key id has at most 128 bytes, the scope far less than the rest.
const CREDENTIAL_BYTES_MAX: usize = 512;
