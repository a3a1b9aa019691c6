//! Values of user metadata outside ASCII, as encoded words (RFC 2047).
//!
//! SPEC: data-protection, 6.3: decoded when an object is written, encoded when it is read.

use std::borrow::Cow;

use data_encoding::BASE64;

/// The text that a value stands for: encoded words in UTF-8 or Latin-1 are decoded.
///
/// A value that is no sequence of encoded words, or hides a control character in one, is kept as
/// it is.
pub(crate) fn decode(value: &str) -> Cow<'_, str> {
    if !value.contains("=?") {
        return Cow::Borrowed(value);
    }
    decode_words(value).map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The value that stands for a text: ASCII as it is, all else as one encoded word.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("=?UTF-8?B?{}?=", BASE64.encode(text.as_bytes())))
}

/// Words may be separated by spaces, which belong to none of them.
fn decode_words(value: &str) -> Option<String> {
    let mut text = String::new();
    for word in value.split(' ').filter(|word| !word.is_empty()) {
        text.push_str(&decode_word(word)?);
    }
    // SECURITY: a line end in a word must not come back as a line end in a header.
    let clean = !text.chars().any(char::is_control);
    clean.then_some(text)
}

fn decode_word(word: &str) -> Option<String> {
    let inside = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let (charset, rest) = inside.split_once('?')?;
    let (encoding, text) = rest.split_once('?')?;
    let bytes = match encoding {
        "B" | "b" => BASE64.decode(text.as_bytes()).ok()?,
        "Q" | "q" => {
            crate::percent_decode(&text.replace('%', "=25").replace('_', " ").replace('=', "%"))?
        }
        _ => return None,
    };
    if charset.eq_ignore_ascii_case("utf-8") {
        return String::from_utf8(bytes).ok();
    }
    if charset.eq_ignore_ascii_case("iso-8859-1") {
        return Some(bytes.into_iter().map(char::from).collect());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded() {
        for (value, text) in [
            ("plain", "plain"),
            ("=?UTF-8?B?w6k=?=", "é"),
            ("=?utf-8?q?=C3=A9_a%?=", "é a%"),
            ("=?ISO-8859-1?Q?=E9?=", "é"),
            ("=?UTF-8?B?w6k=?= =?UTF-8?B?w6k=?=", "éé"),
        ] {
            assert_eq!(decode(value), text);
        }
    }

    #[test]
    fn what_is_no_encoded_word_is_kept() {
        for value in [
            "a =? b",
            "=?UTF-8?B?!?=",
            "=?UTF-8?B?/w==?=",
            "=?UTF-16?B?AAA=?=",
            "=?UTF-8?X?a?=",
            "=?UTF-8?B?DQo=?=",
            "=?UTF-8?Q?=0D=0A?=",
            "x=?UTF-8?B?w6k=?=",
            "=?UTF-8?Q?=Z?=",
        ] {
            assert_eq!(decode(value), value);
        }
    }

    #[test]
    fn text_survives() {
        for text in ["", "a b", "é", "日本 =?x?="] {
            assert_eq!(decode(&encode(text)), text);
            assert!(encode(text).is_ascii());
        }
    }
}
