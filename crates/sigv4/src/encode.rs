//! Percent encoding as signatures want it, and hexadecimal text.
//!
//! SECURITY: every byte of a path or query is decoded once and encoded once, so one meaning has one
//! canonical form. A service must read paths and queries with the same rules: `+` in a query is a
//! space, in a path it is a plus sign.

use std::borrow::Cow;

use data_encoding::HEXLOWER;

use crate::error::AuthError;

/// How the path enters the canonical request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathEncoding {
    /// S3: each byte encoded once, `/` kept, dot segments and empty segments kept.
    S3,
    /// Every other service: dot segments and empty segments removed, encoded a second time.
    Normalized,
}

impl PathEncoding {
    /// The encoding that belongs to the service of a credential scope.
    #[must_use]
    pub fn of_service(service: &str) -> Self {
        if service == "s3" { Self::S3 } else { Self::Normalized }
    }

    pub(crate) fn canonical_path(self, path: &str) -> Result<Cow<'_, str>, AuthError> {
        let path = if path.is_empty() { "/" } else { path };
        match self {
            Self::S3 => recode(path, Part::Path),
            Self::Normalized => {
                // A percent sign that starts no escape is refused here as for S3.
                check_escapes(path)?;
                Ok(encode_again(normalized_path(path)))
            }
        }
    }
}

/// The path as services other than S3 sign it: without dot segments and empty segments.
///
/// SECURITY: the signature covers this form, so such a service must route on this form too, or
/// refuse a path that differs from it.
#[must_use]
pub fn normalized_path(path: &str) -> Cow<'_, str> {
    let plain = path.strip_prefix('/').is_some_and(|rest| {
        let mut segments = rest.split('/').rev();
        let last = segments.next();
        let odd = |segment: &str| segment == "." || segment == "..";
        !last.is_some_and(odd) && !segments.any(|segment| segment.is_empty() || odd(segment))
    });
    if plain {
        return Cow::Borrowed(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            name => kept.push(name),
        }
    }
    let mut normal = String::with_capacity(path.len());
    for segment in &kept {
        normal.push('/');
        normal.push_str(segment);
    }
    if kept.is_empty() || path.ends_with('/') {
        normal.push('/');
    }
    Cow::Owned(normal)
}

/// Which characters stay as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `/` is kept.
    Path,
    /// `/` is encoded; `+` stands for a space.
    Query,
}

/// Decodes once and encodes once; borrows when the text is canonical already.
pub(crate) fn recode(text: &str, part: Part) -> Result<Cow<'_, str>, AuthError> {
    if is_canonical(text.as_bytes(), part) {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = next_byte(rest, part)? {
        push_encoded(&mut out, byte, part);
        rest = after;
    }
    Ok(Cow::Owned(out))
}

/// Decodes a name or a value of the query.
pub(crate) fn decode_query(text: &str) -> Result<Cow<'_, str>, AuthError> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = next_byte(rest, Part::Query)? {
        out.push(byte);
        rest = after;
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| AuthError::InvalidUri)
}

/// The parameters of a query as sent: undecoded name and value, empty parts left out.
pub(crate) fn raw_parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// Appends `text` with every byte outside the unreserved set encoded (and `/` kept in paths).
pub(crate) fn push_text_encoded(out: &mut String, text: &str, part: Part) {
    for byte in text.bytes() {
        push_encoded(out, byte, part);
    }
}

/// 32 bytes as 64 lower-case hexadecimal digits.
pub(crate) fn hex(digest: &[u8; 32]) -> Hex {
    let mut digits = [0; 64];
    HEXLOWER.encode_mut(digest, &mut digits);
    Hex(digits)
}

/// 32 bytes from exactly 64 lower-case hexadecimal digits.
pub(crate) fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    HEXLOWER.decode(text).ok()?.try_into().ok()
}

/// 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hex([u8; 64]);

impl Hex {
    pub(crate) fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        // INVARIANT: only hexadecimal digits are ever stored, so this is UTF-8.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn encode_again(path: Cow<'_, str>) -> Cow<'_, str> {
    if path.bytes().all(|byte| byte == b'/' || is_unreserved(byte)) {
        return path;
    }
    let mut out = String::with_capacity(path.len() + 16);
    push_text_encoded(&mut out, &path, Part::Path);
    Cow::Owned(out)
}

fn check_escapes(text: &str) -> Result<(), AuthError> {
    let mut rest = text.as_bytes();
    while let Some((_, after)) = next_byte(rest, Part::Path)? {
        rest = after;
    }
    Ok(())
}

fn next_byte(text: &[u8], part: Part) -> Result<Option<(u8, &[u8])>, AuthError> {
    match text {
        [] => Ok(None),
        [b'%', high, low, rest @ ..] => match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => Ok(Some(((high << 4) | low, rest))),
            _ => Err(AuthError::InvalidUri),
        },
        [b'%', ..] => Err(AuthError::InvalidUri),
        [b'+', rest @ ..] if part == Part::Query => Ok(Some((b' ', rest))),
        [byte, rest @ ..] => Ok(Some((*byte, rest))),
    }
}

fn is_canonical(mut text: &[u8], part: Part) -> bool {
    loop {
        text = match text {
            [] => return true,
            [b'%', high, low, rest @ ..] => {
                let upper = |digit: u8| !digit.is_ascii_lowercase();
                let byte = match (digit(*high), digit(*low)) {
                    (Some(h), Some(l)) if upper(*high) && upper(*low) => (h << 4) | l,
                    _ => return false,
                };
                if is_kept(byte, part) {
                    return false;
                }
                rest
            }
            [byte, rest @ ..] if is_kept(*byte, part) => rest,
            _ => return false,
        }
    }
}

pub(crate) fn push_encoded(out: &mut String, byte: u8, part: Part) {
    if is_kept(byte, part) {
        out.push(char::from(byte));
        return;
    }
    out.push('%');
    for half in [byte >> 4, byte & 15] {
        let digit = if half < 10 { b'0' + half } else { b'A' + half - 10 };
        out.push(char::from(digit));
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn is_kept(byte: u8, part: Part) -> bool {
    is_unreserved(byte) || (byte == b'/' && part == Part::Path)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_paths_are_encoded_once_and_never_normalized() {
        for (sent, canonical) in [
            ("", "/"),
            ("/a/../b//c/.", "/a/../b//c/."),
            ("/a b", "/a%20b"),
            ("/a+b", "/a%2Bb"),
            ("/%7e%41%2f", "/~A/"),
            ("/%c3%bc", "/%C3%BC"),
            ("/ü", "/%C3%BC"),
            ("/%25", "/%25"),
        ] {
            let path = PathEncoding::S3.canonical_path(sent).unwrap();
            assert_eq!(path, canonical, "{sent}");
        }
    }

    #[test]
    fn other_paths_are_normalized_and_encoded_twice() {
        for (sent, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/a/../b", "/b"),
            ("/../..", "/"),
            ("/a/./b/", "/a/b/"),
            ("/a//b", "/a/b"),
            ("/a/..", "/"),
            ("/a%20b", "/a%2520b"),
            ("/arn%3Aaws", "/arn%253Aaws"),
            ("/a.b/..c", "/a.b/..c"),
        ] {
            let path = PathEncoding::Normalized.canonical_path(sent).unwrap();
            assert_eq!(path, canonical, "{sent}");
        }
    }

    #[test]
    fn broken_escapes_are_refused() {
        for bad in ["%", "%1", "%zz", "a%4", "%%41", "%4%31"] {
            assert_eq!(recode(bad, Part::Path), Err(AuthError::InvalidUri), "{bad}");
            assert_eq!(decode_query(bad), Err(AuthError::InvalidUri), "{bad}");
            assert!(PathEncoding::Normalized.canonical_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn plus_is_a_space_in_queries_only() {
        assert_eq!(recode("a+b%2B", Part::Query).unwrap(), "a%20b%2B");
        assert_eq!(recode("a+b", Part::Path).unwrap(), "a%2Bb");
        assert_eq!(decode_query("a+b%2B").unwrap(), "a b+");
    }

    #[test]
    fn canonical_text_is_borrowed() {
        for text in ["/a/b", "%20", "~.-_", "/%C3%BC"] {
            assert!(matches!(recode(text, Part::Path), Ok(Cow::Borrowed(_))), "{text}");
        }
    }

    #[test]
    fn digests_are_64_lower_case_digits() {
        assert_eq!(from_hex(hex(&[0xab; 32]).as_bytes()), Some([0xab; 32]));
        assert_eq!(from_hex("AB".repeat(32).as_bytes()), None);
        assert_eq!(from_hex("ab".repeat(31).as_bytes()), None);
        assert_eq!(from_hex("ab".repeat(33).as_bytes()), None);
    }
}
