//! CORS preflights: what a browser asks with `OPTIONS` before it sends a request of another origin.
//!
//! SPEC: access-control, 4.8. They carry no credentials and are answered before any are looked
//! for. Knows no bucket's rules; while no bucket can have any, every preflight is refused.

use crate::{ErrorResponse, PathShape, RequestHead, Target};

/// Why a preflight is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreflightError {
    /// It names no origin.
    #[error("Insufficient information. Origin request header needed.")]
    OriginMissing,
    /// The method that it asks for is none that a rule can allow.
    #[error("Invalid Access-Control-Request-Method: {given}")]
    InvalidMethod {
        /// What it asks for; `null` if nothing.
        given: String,
    },
    /// The bucket has no rules.
    #[error("CORSResponse: CORS is not enabled for this bucket.")]
    NotEnabled {
        /// The method that it asks for.
        method: &'static str,
        /// What the path names.
        resource_type: &'static str,
    },
}

impl PreflightError {
    /// Why this preflight is refused.
    #[must_use]
    pub fn of(head: &RequestHead, target: &Target) -> Self {
        let text = |name: &str| head.headers.get(name).map(|value| value.as_bytes());
        if text("origin").is_none_or(<[u8]>::is_empty) {
            return Self::OriginMissing;
        }
        let given = text("access-control-request-method");
        let known = METHODS.into_iter().find(|method| given == Some(method.as_bytes()));
        match known {
            Some(method) => Self::NotEnabled { method, resource_type: resource_type(target.shape) },
            None => {
                let given = given.map(String::from_utf8_lossy).unwrap_or("null".into());
                Self::InvalidMethod { given: given.chars().take(METHOD_CHARS_MAX).collect() }
            }
        }
    }

    /// The answer in S3's terms.
    #[must_use]
    pub fn s3(&self) -> ErrorResponse {
        let message = self.to_string();
        match self {
            Self::OriginMissing | Self::InvalidMethod { .. } => {
                ErrorResponse::new("BadRequest", 400, message)
            }
            Self::NotEnabled { method, resource_type } => {
                ErrorResponse::new("AccessForbidden", 403, message)
                    .element("Method", *method)
                    .element("ResourceType", *resource_type)
            }
        }
    }
}

/// What a path names, in the words of S3's errors.
pub(crate) fn resource_type(shape: PathShape) -> &'static str {
    match shape {
        PathShape::Service | PathShape::Fixed(_) => "SERVICE",
        PathShape::Bucket => "BUCKET",
        PathShape::Object => "OBJECT",
    }
}

const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"]; // SPEC: access-control, 4.8
const METHOD_CHARS_MAX: usize = 64; // an answer repeats no more of a request than this

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Method};

    use super::*;
    use crate::{HostRules, parse_target};

    fn answer(path: &str, headers: &[(&str, &str)]) -> ErrorResponse {
        let mut map = HeaderMap::new();
        map.insert("host", "127.0.0.1:9000".parse().unwrap());
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let head = RequestHead::new(Method::OPTIONS, path, "", map).unwrap();
        let target = parse_target(&head, &HostRules::default()).unwrap();
        PreflightError::of(&head, &target).s3()
    }

    #[test]
    fn a_preflight_of_a_bucket_without_rules_is_forbidden() {
        for (path, resource_type) in [("/bucket", "BUCKET"), ("/bucket/k", "OBJECT")] {
            for method in METHODS {
                let headers =
                    [("origin", "https://example.com"), ("access-control-request-method", method)];
                let refused = answer(path, &headers);
                assert_eq!((refused.code.as_ref(), refused.status), ("AccessForbidden", 403));
                assert_eq!(refused.message, "CORSResponse: CORS is not enabled for this bucket.");
                let elements =
                    [("Method", method.to_owned()), ("ResourceType", resource_type.to_owned())];
                assert_eq!(refused.elements, elements);
            }
        }
    }

    #[test]
    fn a_preflight_says_who_asks_and_for_what() {
        const METHOD: &str = "access-control-request-method";
        let origin = ("origin", "null");
        for headers in [vec![], vec![(METHOD, "GET")], vec![("origin", ""), (METHOD, "GET")]] {
            let refused = answer("/bucket/k", &headers);
            assert_eq!((refused.code.as_ref(), refused.status), ("BadRequest", 400));
            assert_eq!(refused.message, "Insufficient information. Origin request header needed.");
        }
        let long = "X".repeat(1000);
        let cut = "X".repeat(64);
        for (headers, shown) in [
            (vec![origin], "null"),
            (vec![origin, (METHOD, "get")], "get"),
            (vec![origin, (METHOD, "PATCH")], "PATCH"),
            (vec![origin, (METHOD, long.as_str())], cut.as_str()),
        ] {
            let refused = answer("/bucket", &headers);
            assert_eq!((refused.code.as_ref(), refused.status), ("BadRequest", 400));
            assert_eq!(refused.message, format!("Invalid Access-Control-Request-Method: {shown}"));
        }
    }
}
