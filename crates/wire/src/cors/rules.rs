//! The rules of a bucket, and which of them a request fits.

use super::{CorsAnswer, CorsRequest};

/// A method that a rule can allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CorsMethod {
    /// GET
    Get,
    /// PUT
    Put,
    /// POST
    Post,
    /// DELETE
    Delete,
    /// HEAD
    Head,
}

impl CorsMethod {
    /// All of them. SPEC: access-control, 4.8.
    pub const ALL: [Self; 5] = [Self::Get, Self::Put, Self::Post, Self::Delete, Self::Head];

    /// The method of this name, in the spelling of HTTP.
    #[must_use]
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str().as_bytes() == name)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRule {
    /// The name that its owner gave it.
    pub id: Option<String>,
    /// Headers that a page may send; each may have one `*`.
    pub allowed_headers: Vec<String>,
    /// Methods that a page may use.
    pub allowed_methods: Vec<CorsMethod>,
    /// Where the page may come from; each may have one `*`.
    pub allowed_origins: Vec<String>,
    /// Headers of the answer that the page may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may keep the answer to a preflight.
    pub max_age_seconds: Option<u32>,
}

/// Why rules are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorsRuleError {
    /// There are none, or a rule has no method or no origin.
    #[error("a CORS configuration has at least one rule, and each rule a method and an origin")]
    Missing,
    /// There are too many.
    #[error("the number of CORS rules should not exceed allowed limit of {RULES_MAX} rules")]
    TooMany,
    /// The document would be too large.
    #[error("a CORS configuration has at most {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    /// A method is none.
    #[error("found unsupported HTTP method in CORS config; unsupported method is {0}")]
    Method(String),
    /// A pattern has two wildcards.
    #[error("{element} \"{value}\" can not have more than one wildcard")]
    Wildcards {
        /// Which list it stands in.
        element: &'static str,
        /// The pattern.
        value: String,
    },
    /// A header that is to be exposed is a pattern.
    #[error("ExposeHeader \"{0}\" contains wildcard; there is no wildcard for ExposeHeader")]
    ExposedWildcard(String),
    /// A text is empty, or has characters that no header has.
    #[error("the value of {element} is not valid")]
    Text {
        /// Which list it stands in.
        element: &'static str,
    },
    /// The name of a rule is too long.
    #[error("the ID of a CORS rule has at most {ID_CHARS_MAX} characters")]
    IdTooLong,
    /// A time that lies in the past.
    #[error("MaxAgeSeconds must not be negative")]
    MaxAge,
}

/// The rules of a bucket, in their order: at least one, within the limits of S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRules(Vec<CorsRule>);

impl CorsRules {
    /// Checks rules.
    ///
    /// # Errors
    /// If they are not what S3 takes.
    pub fn new(rules: Vec<CorsRule>) -> Result<Self, CorsRuleError> {
        if rules.is_empty() {
            return Err(CorsRuleError::Missing);
        }
        if rules.len() > RULES_MAX {
            return Err(CorsRuleError::TooMany);
        }
        rules.iter().try_for_each(check)?;
        if rules.iter().map(document_bytes).sum::<usize>() > DOCUMENT_BYTES_MAX {
            return Err(CorsRuleError::TooLarge);
        }
        Ok(Self(rules))
    }

    /// The rules, in their order.
    #[must_use]
    pub fn rules(&self) -> &[CorsRule] {
        &self.0
    }

    /// What the first rule that a request fits says.
    #[must_use]
    pub fn answer(&self, request: &CorsRequest) -> Option<CorsAnswer> {
        let method = request.method?;
        self.0.iter().find_map(|rule| {
            let origin = request.origin.as_bytes();
            let mut origins = rule.allowed_origins.iter();
            let pattern = origins.find(|pattern| fits(pattern, origin, <[u8]>::eq))?;
            let is_allowed = |header: &String| {
                let mut allowed = rule.allowed_headers.iter();
                allowed.any(|it| fits(it, header.as_bytes(), <[u8]>::eq_ignore_ascii_case))
            };
            let fits =
                rule.allowed_methods.contains(&method) && request.headers.iter().all(is_allowed);
            fits.then(|| CorsAnswer::of(rule, pattern, request)).flatten()
        })
    }
}

/// Whether a text fits a pattern with at most one `*`, which stands for any text.
fn fits(pattern: &str, text: &[u8], same: fn(&[u8], &[u8]) -> bool) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return same(pattern.as_bytes(), text);
    };
    let Some((begin, rest)) = text.split_at_checked(head.len()) else { return false };
    let Some(middle_bytes) = rest.len().checked_sub(tail.len()) else { return false };
    let end = rest.get(middle_bytes..).unwrap_or_default();
    same(head.as_bytes(), begin) && same(tail.as_bytes(), end)
}

fn check(rule: &CorsRule) -> Result<(), CorsRuleError> {
    if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
        return Err(CorsRuleError::Missing);
    }
    if rule.id.as_ref().is_some_and(|id| id.chars().count() > ID_CHARS_MAX) {
        return Err(CorsRuleError::IdTooLong);
    }
    check_patterns("AllowedOrigin", &rule.allowed_origins)?;
    check_patterns("AllowedHeader", &rule.allowed_headers)?;
    for value in &rule.expose_headers {
        if value.contains('*') {
            return Err(CorsRuleError::ExposedWildcard(value.clone()));
        }
        check_text("ExposeHeader", value)?;
    }
    Ok(())
}

fn check_patterns(element: &'static str, patterns: &[String]) -> Result<(), CorsRuleError> {
    for value in patterns {
        if value.matches('*').count() > 1 {
            return Err(CorsRuleError::Wildcards { element, value: value.clone() });
        }
        check_text(element, value)?;
    }
    Ok(())
}

/// SECURITY: what a rule says is written into headers; no line of a header begins in it.
fn check_text(element: &'static str, value: &str) -> Result<(), CorsRuleError> {
    let visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    match !value.is_empty() && value.bytes().all(visible) {
        true => Ok(()),
        false => Err(CorsRuleError::Text { element }),
    }
}

/// The length of a rule in the document that a client sends, without what it may leave out.
fn document_bytes(rule: &CorsRule) -> usize {
    let text = |tag: &str, length: usize| 2 * tag.len() + "<></>".len() + length;
    let list = |tag: &'static str, values: &[String]| {
        values.iter().map(|value| text(tag, value.len())).sum::<usize>()
    };
    text("CORSRule", 0)
        + rule.id.as_ref().map_or(0, |id| text("ID", id.len()))
        + list("AllowedHeader", &rule.allowed_headers)
        + rule
            .allowed_methods
            .iter()
            .map(|it| text("AllowedMethod", it.as_str().len()))
            .sum::<usize>()
        + list("AllowedOrigin", &rule.allowed_origins)
        + list("ExposeHeader", &rule.expose_headers)
        + rule.max_age_seconds.map_or(0, |_| text("MaxAgeSeconds", 1))
}

const RULES_MAX: usize = 100; // SPEC: access-control, 4.8
const ID_CHARS_MAX: usize = 255; // SPEC: access-control, 4.8
const DOCUMENT_BYTES_MAX: usize = 64 * 1024; // S3's limit; a record with the same rules is smaller
