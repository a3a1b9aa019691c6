//! Requests out of text, as a fuzzer writes them.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::RequestHead;

/// The request of a text: `METHOD path?query`, then `name: value` in each line, up to an empty
/// line. `None` if no HTTP library would have handed it on.
pub(crate) fn head(bytes: &[u8]) -> Option<RequestHead> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.split('\n');
    let (method, target) = lines.next()?.split_once(' ')?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HeaderMap::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ")?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    RequestHead::new(method, path, query, headers).ok()
}
