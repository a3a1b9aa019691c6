//! Cross-origin resource sharing: which pages of other origins a browser lets read an answer.
//!
//! SPEC: access-control, 4.8. Rules never allow a request: they only tell a browser what it may
//! show to a page. Knows requests and rules; must not know where rules are kept.

mod preflight;
mod rules;
#[cfg(test)]
mod tests;

pub(crate) use preflight::resource_type;
pub use preflight::{Preflight, PreflightError, PreflightSubject};
pub use rules::{CorsMethod, CorsRule, CorsRuleError, CorsRules};

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};

use crate::RequestHead;

/// What a browser tells of the page that a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRequest {
    origin: HeaderValue,
    /// A text that is no method of a rule is allowed by none.
    method: Option<CorsMethod>,
    /// The headers that the page wants to send, in lower case.
    headers: Vec<String>,
}

impl CorsRequest {
    /// What a request that is no preflight says; `None` if it comes from no page, or if what it
    /// says fits no rule.
    ///
    /// SPEC: access-control, 4.8. A method that is asked for stands for the request's own.
    #[must_use]
    pub fn of(head: &RequestHead) -> Option<Self> {
        let origin = single(head, &ORIGIN)?;
        let method = match head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            true => single(head, &ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes(),
            false => head.method.as_str().as_bytes(),
        };
        let headers = requested_headers(head)?;
        Some(Self { origin: origin.clone(), method: CorsMethod::from_bytes(method), headers })
    }
}

/// The headers by which an answer tells a browser what a page may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsAnswer(Vec<(HeaderName, HeaderValue)>);

impl CorsAnswer {
    /// Adds the headers to an answer.
    pub fn write(self, headers: &mut HeaderMap) {
        for (name, value) in self.0 {
            headers.insert(name, value);
        }
    }

    /// `None` if a text of the rule cannot stand in a header, which no valid rule has.
    fn of(rule: &CorsRule, origin_pattern: &str, request: &CorsRequest) -> Option<Self> {
        let any_origin = origin_pattern == "*";
        let origin = match any_origin {
            true => HeaderValue::from_static("*"),
            false => request.origin.clone(),
        };
        let methods: Vec<_> = rule.allowed_methods.iter().map(|method| method.as_str()).collect();
        let mut headers = vec![
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_str(&methods.join(", ")).ok()?),
        ];
        if !request.headers.is_empty() {
            let allowed = HeaderValue::from_str(&request.headers.join(", ")).ok()?;
            headers.push((ACCESS_CONTROL_ALLOW_HEADERS, allowed));
        }
        if !rule.expose_headers.is_empty() {
            let exposed = HeaderValue::from_str(&rule.expose_headers.join(", ")).ok()?;
            headers.push((ACCESS_CONTROL_EXPOSE_HEADERS, exposed));
        }
        if let Some(seconds) = rule.max_age_seconds {
            headers.push((ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds)));
        }
        if !any_origin {
            headers.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
        }
        headers.push((VARY, HeaderValue::from_static(VARIES_BY)));
        Some(Self(headers))
    }
}

/// The value of a header that is there once. SECURITY: a second one could contradict the first.
fn single<'a>(head: &'a RequestHead, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = head.headers.get_all(name).iter();
    let value = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(value)
}

/// The names in `Access-Control-Request-Headers`; `None` if they are no list of names, or too many.
fn requested_headers(head: &RequestHead) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for value in head.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        for name in value.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            if names.len() == REQUESTED_HEADERS_MAX {
                return None;
            }
            names.push(name.as_str().to_owned());
        }
    }
    Some(names)
}

/// SPEC: access-control, 4.8: what an answer by the rules depends on.
const VARIES_BY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
/// SECURITY: anybody may ask, and each name is compared with all that the rules allow.
const REQUESTED_HEADERS_MAX: usize = 100;
