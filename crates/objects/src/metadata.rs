//! User metadata: its limits, and how it travels in headers.
//!
//! SPEC: data-protection, 6.3.

use data_encoding::BASE64;

use crate::records::{ObjectMetadata, SystemMetadata};

/// Metadata that is too large. Answered with `MetadataTooLarge` (400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("your metadata headers exceed the maximum allowed metadata size")]
pub(crate) struct MetadataTooLarge {
    /// Bytes of names and values.
    pub(crate) metadata_bytes: usize,
}

/// User metadata on its way to the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OutgoingMetadata {
    /// Names, and values that can stand in a header.
    pub(crate) pairs: Vec<(String, String)>,
    /// How many values cannot.
    pub(crate) missing: usize,
}

/// Takes user metadata in: names in lower case and in order, values decoded as RFC 2047 says.
pub(crate) fn user_metadata(
    pairs: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<(String, String)>, MetadataTooLarge> {
    let mut user: Vec<(String, String)> = pairs
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), decode_words(value)))
        .collect();
    user.sort();
    let metadata_bytes = user.iter().map(|(name, value)| name.len() + value.len()).sum();
    if metadata_bytes > USER_METADATA_BYTES_MAX {
        return Err(MetadataTooLarge { metadata_bytes });
    }
    Ok(user)
}

/// Checks the size of all that S3 keeps of a client's own headers.
pub(crate) fn check_system(system: &SystemMetadata) -> Result<(), MetadataTooLarge> {
    let fields = [
        &system.content_type,
        &system.cache_control,
        &system.content_disposition,
        &system.content_encoding,
        &system.content_language,
        &system.expires,
        &system.website_redirect,
    ];
    let metadata_bytes = fields.into_iter().flatten().map(String::len).sum();
    if metadata_bytes > SYSTEM_METADATA_BYTES_MAX {
        return Err(MetadataTooLarge { metadata_bytes });
    }
    Ok(())
}

/// `Content-Encoding` without the token that describes the request's own framing; as it came if it
/// has no such token.
pub(crate) fn strip_aws_chunked(content_encoding: String) -> Option<String> {
    let framing = |token: &str| token.trim().eq_ignore_ascii_case("aws-chunked");
    if !content_encoding.split(',').any(framing) {
        return Some(content_encoding);
    }
    let kept: Vec<&str> = content_encoding
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty() && !framing(token))
        .collect();
    if kept.is_empty() { None } else { Some(kept.join(",")) }
}

impl ObjectMetadata {
    /// User metadata as headers: values beyond ASCII are encoded, others that cannot stand in a
    /// header are counted and left out.
    pub(crate) fn outgoing(&self) -> OutgoingMetadata {
        let mut outgoing = OutgoingMetadata::default();
        for (name, value) in &self.user {
            if value.chars().any(|c| c.is_control() && c != '\t') {
                outgoing.missing += 1;
            } else if value.is_ascii() {
                outgoing.pairs.push((name.clone(), value.clone()));
            } else {
                let encoded = format!("=?UTF-8?B?{}?=", BASE64.encode(value.as_bytes()));
                outgoing.pairs.push((name.clone(), encoded));
            }
        }
        outgoing
    }
}

/// Decodes the encoded words of RFC 2047 in a value. What is not exactly one stays as it is.
fn decode_words(value: String) -> String {
    if !value.contains("=?") {
        return value;
    }
    let mut decoded = String::with_capacity(value.len());
    let mut rest = value.as_str();
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        let Some((text, tail)) = decode_word(word) else {
            let (marker, tail) = word.split_at(2);
            decoded.push_str(before);
            decoded.push_str(marker);
            rest = tail;
            after_word = false;
            continue;
        };
        // White space between two encoded words belongs to neither.
        if !(after_word && before.chars().all(|c| c == ' ' || c == '\t')) {
            decoded.push_str(before);
        }
        decoded.push_str(&text);
        rest = tail;
        after_word = true;
    }
    decoded.push_str(rest);
    decoded
}

/// Decodes the encoded word at the start of a text; returns it and what follows.
fn decode_word(text: &str) -> Option<(String, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (content, tail) = rest.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => BASE64.decode(content.as_bytes()).ok()?,
        "Q" | "q" => decode_q(content)?,
        _ => return None,
    };
    let text = match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "us-ascii" => String::from_utf8(bytes).ok()?,
        "iso-8859-1" => bytes.into_iter().map(char::from).collect(),
        _ => return None,
    };
    Some((text, tail))
}

fn decode_q(content: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(content.len());
    let mut bytes = content.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'_' => decoded.push(b' '),
            b'=' => {
                let digits = [bytes.next()?, bytes.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                decoded.push(u8::from_str_radix(digits, 16).ok()?);
            }
            b' ' | b'?' => return None,
            other => decoded.push(other),
        }
    }
    Some(decoded)
}

/// Bytes of all names, without their prefix, and values. SPEC: data-protection, 6.3.
pub(crate) const USER_METADATA_BYTES_MAX: usize = 2 * 1024;
const SYSTEM_METADATA_BYTES_MAX: usize = 2 * 1024; // SPEC: data-protection, 6.3

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str) -> Vec<(String, String)> {
        user_metadata([("Name".to_owned(), value.to_owned())]).unwrap()
    }

    fn outgoing(value: &str) -> OutgoingMetadata {
        ObjectMetadata { user: one(value), ..ObjectMetadata::default() }.outgoing()
    }

    #[test]
    fn names_are_lower_case_and_values_exact() {
        assert_eq!(one("a  B"), [("name".to_owned(), "a  B".to_owned())]);
        assert_eq!(outgoing("a  B").pairs, one("a  B"));
    }

    #[test]
    fn the_limit_counts_names_and_values() {
        let metadata = |bytes: usize| user_metadata([("abcd".to_owned(), "v".repeat(bytes - 4))]);
        assert!(metadata(2048).is_ok());
        assert_eq!(metadata(2049), Err(MetadataTooLarge { metadata_bytes: 2049 }));
        let umlauts = user_metadata([("a".to_owned(), "ü".repeat(1024))]);
        assert_eq!(umlauts, Err(MetadataTooLarge { metadata_bytes: 2049 }));
        let system = |bytes| SystemMetadata {
            cache_control: Some("c".repeat(bytes)),
            ..SystemMetadata::default()
        };
        assert!(check_system(&system(2048)).is_ok());
        assert!(check_system(&system(2049)).is_err());
    }

    #[test]
    fn encoded_words_are_decoded_and_encoded_again() {
        assert_eq!(one("=?UTF-8?B?w7w=?=")[0].1, "ü");
        assert_eq!(one("=?utf-8?q?a_=C3=BC?=")[0].1, "a ü");
        assert_eq!(one("=?ISO-8859-1?Q?=FC?=")[0].1, "ü");
        assert_eq!(one("x =?UTF-8?B?w7w=?= =?UTF-8?B?w7w=?= y")[0].1, "x üü y");
        assert_eq!(outgoing("ü").pairs[0].1, "=?UTF-8?B?w7w=?=");
        assert_eq!(one(&outgoing("ü € 😀").pairs[0].1)[0].1, "ü € 😀");
    }

    #[test]
    fn what_is_no_encoded_word_stays() {
        for text in [
            "=?",
            "=??",
            "=?UTF-8?B?!?=",
            "=?UTF-8?X?a?=",
            "=?KOI8-R?B?w7w=?=",
            "=?UTF-8?Q?=F?=",
            "=?UTF-8?Q?=FF?=",
            "a=?b",
            "=?UTF-8?Q?=C3",
            "=?ü",
        ] {
            assert_eq!(one(text)[0].1, text);
        }
    }

    #[test]
    fn unprintable_values_are_counted_and_left_out() {
        let encoded = outgoing("=?UTF-8?B?AQ==?=");
        assert_eq!(encoded, OutgoingMetadata { pairs: Vec::new(), missing: 1 });
        assert_eq!(outgoing("a\r\nb").missing, 1);
    }

    #[test]
    fn the_framing_token_is_not_kept() {
        for (sent, kept) in [
            ("aws-chunked", None),
            ("aws-chunked, aws-chunked", None),
            ("aws-chunked,gzip", Some("gzip")),
            ("gzip, aws-chunked", Some("gzip")),
            ("gzip, AWS-Chunked , br", Some("gzip,br")),
            ("gzip", Some("gzip")),
            ("deflate, gzip", Some("deflate, gzip")),
            ("", Some("")),
        ] {
            assert_eq!(strip_aws_chunked(sent.to_owned()).as_deref(), kept, "{sent}");
        }
    }
}
