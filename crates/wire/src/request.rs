//! The head of a request: method, path, query and headers, parsed once.

use std::borrow::Cow;
use std::fmt;
use std::str::Utf8Error;

use http::{HeaderMap, HeaderValue, Method};

use crate::{ErrorResponse, percent_decode};

/// The head of a request.
///
/// Path and query are kept as sent beside the decoded query, because the signature covers what
/// was sent.
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The path as sent, from the first slash.
    pub raw_path: String,
    /// The query as sent, without its question mark.
    pub raw_query: String,
    /// The query, decoded once.
    pub query: Query,
    /// The headers.
    pub headers: HeaderMap,
}

/// Why the head of a request cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The percent-encoding of the query is broken, or what it encodes is not UTF-8.
    #[error("the query of the request cannot be decoded")]
    BadQuery,
    /// The query has too many parameters.
    #[error("the query has more than {QUERY_PARAMETERS_MAX} parameters")]
    TooManyParameters,
}

impl HeadError {
    /// The answer in S3's terms.
    #[must_use]
    pub fn s3(self) -> ErrorResponse {
        ErrorResponse::new("InvalidURI", 400, self.to_string())
    }
}

impl RequestHead {
    /// Parses the query and keeps the rest.
    ///
    /// # Errors
    /// If the query cannot be decoded.
    pub fn new(
        method: Method,
        raw_path: &str,
        raw_query: &str,
        headers: HeaderMap,
    ) -> Result<Self, HeadError> {
        Ok(Self {
            method,
            raw_path: raw_path.to_owned(),
            raw_query: raw_query.to_owned(),
            query: Query::parse(raw_query)?,
            headers,
        })
    }

    /// The value of a header as text; several of one name are joined by a comma, as the signature
    /// does. `None` if the header is absent.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<Result<Cow<'_, str>, Utf8Error>> {
        let mut values = self.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let first = match std::str::from_utf8(values.next()?) {
            Ok(first) => first,
            Err(error) => return Some(Err(error)),
        };
        let joined = values.try_fold(Cow::Borrowed(first), |joined, value| {
            let value = std::str::from_utf8(value)?;
            Ok(Cow::Owned(format!("{joined},{value}")))
        });
        Some(joined)
    }
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SECURITY: headers and query carry signatures, tokens and customer keys.
        f.debug_struct("RequestHead").field("method", &self.method).finish_non_exhaustive()
    }
}

/// The query of a request: an ordered list of names with an optional value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, Option<String>)>);

impl Query {
    /// Decodes a query as sent. A plus is a space, as in form encoding; `a` and `a=` differ.
    ///
    /// # Errors
    /// If the encoding is broken, or there are too many parameters.
    pub fn parse(raw_query: &str) -> Result<Self, HeadError> {
        let mut pairs = Vec::new();
        for pair in raw_query.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == QUERY_PARAMETERS_MAX {
                return Err(HeadError::TooManyParameters);
            }
            let (name, value) = match pair.split_once('=') {
                Some((name, value)) => (name, Some(decode_component(value)?)),
                None => (pair, None),
            };
            pairs.push((decode_component(name)?, value));
        }
        Ok(Self(pairs))
    }

    /// The value of the first parameter of this name; empty if it has none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(other, _)| other == name)?;
        Some(value.as_deref().unwrap_or_default())
    }

    /// Whether a parameter of this name is present.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// How many parameters have this name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|(other, _)| other == name).count()
    }

    /// The parameters in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SECURITY: values carry signatures and tokens.
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn decode_component(text: &str) -> Result<String, HeadError> {
    let spaced = text.replace('+', " ");
    let bytes = percent_decode(&spaced).ok_or(HeadError::BadQuery)?;
    String::from_utf8(bytes).map_err(|_| HeadError::BadQuery)
}

const QUERY_PARAMETERS_MAX: usize = 128; // the richest operation has 40, presigning adds 7

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_once() {
        let query = Query::parse("acl&prefix=a%2Bb+c&x=&%70=%25&&a=b=c").unwrap();
        let pairs: Vec<_> = query.iter().collect();
        let expected = [
            ("acl", None),
            ("prefix", Some("a+b c")),
            ("x", Some("")),
            ("p", Some("%")),
            ("a", Some("b=c")),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(query.get("acl"), Some(""));
        assert_eq!(query.get("ACL"), None);
    }

    #[test]
    fn broken_encoding_is_refused() {
        for bad in ["a=%", "a=%2", "a=%zz", "%=1", "a=%ff", "a=%C3"] {
            assert_eq!(Query::parse(bad), Err(HeadError::BadQuery), "{bad}");
        }
    }

    #[test]
    fn the_number_of_parameters_is_limited() {
        assert!(Query::parse(&"a&".repeat(128)).is_ok());
        assert_eq!(Query::parse(&"a&".repeat(129)), Err(HeadError::TooManyParameters));
    }
}
