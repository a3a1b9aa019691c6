//! Values of user metadata outside ASCII, as encoded words (RFC 2047).
//!
//! SPEC: data-protection, 6.3. Only written here: a value of a request is passed on as it came, and
//! whoever keeps it decodes it, once.

use std::borrow::Cow;

use data_encoding::BASE64;

/// The value that stands for a text: ASCII as it is, all else as one encoded word.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("=?UTF-8?B?{}?=", BASE64.encode(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_ascii() {
        for (text, value) in [("", ""), ("a =?x?= b", "a =?x?= b"), ("é", "=?UTF-8?B?w6k=?=")] {
            assert_eq!(encode(text), value);
        }
    }
}
