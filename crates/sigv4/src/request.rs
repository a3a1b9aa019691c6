//! The parts of an HTTP request that a signature is about.

use std::fmt;

use crate::error::AuthError;

/// A borrowed view of one request, exactly as it came off the wire.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    /// The method as sent; methods are case-sensitive.
    pub method: &'a str,
    /// The path of the request target as sent, still encoded, without the query.
    pub path: &'a str,
    /// What follows the `?` of the request target as sent, still encoded; empty if there is none.
    pub query: &'a str,
    /// Every header in order of arrival: lower-case name, raw value. Repeated headers are repeated.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> RequestView<'a> {
    /// All values of a header, in order of arrival.
    ///
    /// SECURITY: names compare without regard to case, so that a caller which forgot to lower them
    /// hides no header from the checks.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let same = move |header: &&(&'a str, &'a [u8])| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|header| header.1)
    }

    /// The value of a header that decides authentication: at most one, and printable ASCII.
    ///
    /// SECURITY: two such headers are refused, since another layer may read the other one.
    pub(crate) fn single(&self, name: &'static str) -> Result<Option<&'a str>, AuthError> {
        let mut values = self.values(name);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(AuthError::DuplicateHeader { name });
        }
        let text = std::str::from_utf8(value).map_err(|_| AuthError::UnreadableHeader { name })?;
        if text.bytes().any(|byte| !(byte == b'\t' || (b' '..=b'~').contains(&byte))) {
            return Err(AuthError::UnreadableHeader { name });
        }
        Ok(Some(text.trim_matches([' ', '\t'])))
    }
}

/// Names how much there is, never what: a request carries secrets.
impl fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestView")
            .field("method", &self.method)
            .field("headers", &self.headers.len())
            .finish_non_exhaustive()
    }
}
