//! The head of one part of a form: its name, and the name of its file.

use super::FormError;
use crate::percent_decode;

/// What the head of a part says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartHead {
    pub(super) name: String,
    /// Without the path that some browsers put in front of it.
    pub(super) filename: Option<String>,
}

impl PartHead {
    /// Reads the header lines of a part, each ended by CR LF.
    ///
    /// SECURITY: whatever two readers could take for two names is refused.
    pub(super) fn parse(head: &[u8]) -> Result<Self, FormError> {
        let head = std::str::from_utf8(head).map_err(|_| malformed("a part head is not UTF-8"))?;
        let mut disposition = None;
        for line in head.split_terminator("\r\n") {
            let Some((name, value)) = line.split_once(':') else {
                return Err(malformed("a line of a part head is no header"));
            };
            if name.is_empty() || !name.bytes().all(is_token) || value.bytes().any(is_control) {
                return Err(malformed("a line of a part head is no header"));
            }
            if name.eq_ignore_ascii_case("content-disposition")
                && disposition.replace(value).is_some()
            {
                return Err(malformed("a part has two dispositions"));
            }
            let plain = |known: &&str| value.trim().eq_ignore_ascii_case(known);
            // What is sent is what is stored: an encoding would have to be undone.
            if name.eq_ignore_ascii_case("content-transfer-encoding")
                && !["binary", "8bit", "7bit"].iter().any(plain)
            {
                return Err(malformed("a part has a transfer encoding"));
            }
        }
        let disposition = disposition.ok_or(malformed("a part has no disposition"))?;
        Self::of_disposition(disposition)
    }

    fn of_disposition(text: &str) -> Result<Self, FormError> {
        let (kind, mut rest) = text.split_once(';').ok_or(malformed("a part has no name"))?;
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return Err(malformed("a part is no form data"));
        }
        let (mut name, mut filename, mut extended) = (None, None, None);
        while !rest.trim().is_empty() {
            let (parameter, value, after) = parameter(rest)?;
            let place = match parameter.to_ascii_lowercase().as_str() {
                "name" => &mut name,
                "filename" => &mut filename,
                "filename*" => &mut extended,
                _ => return Err(malformed("a disposition has an unknown parameter")),
            };
            if place.replace(value).is_some() {
                return Err(malformed("a disposition has a parameter twice"));
            }
            rest = after;
        }
        let filename = match (filename, extended) {
            (Some(_), Some(_)) => return Err(malformed("a part has two file names")),
            (None, Some(text)) => Some(extended_value(&text)?),
            (filename, None) => filename,
        };
        let last = |path: String| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let name = name.filter(|name| !name.is_empty()).ok_or(malformed("a part has no name"))?;
        Ok(Self { name, filename: filename.map(last) })
    }
}

/// One `name=value` and what follows its semicolon.
fn parameter(text: &str) -> Result<(&str, String, &str), FormError> {
    let bad = malformed("a parameter of a disposition is malformed");
    let (name, rest) = text.split_once('=').ok_or(bad.clone())?;
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(bad);
    }
    let (value, after) = match rest.trim_start().strip_prefix('"') {
        Some(quoted) => quoted_value(quoted).ok_or(bad.clone())?,
        None => {
            let end = rest.find(';').unwrap_or(rest.len());
            let (value, after) = rest.split_at(end);
            let value = value.trim();
            if value.is_empty() || value.contains(['"', ' ']) {
                return Err(bad);
            }
            (value.to_owned(), after)
        }
    };
    let after = after.trim_start();
    match after.strip_prefix(';') {
        Some(rest) => Ok((name, value, rest)),
        None if after.is_empty() => Ok((name, value, "")),
        None => Err(bad),
    }
}

/// What stands up to the closing quote. COMPAT: browsers write `%22` for a quote, others `\"`; a
/// backslash before anything else is part of a path.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(['"', '\\'])?;
        let (before, found) = rest.split_at(end);
        value.push_str(before);
        if let Some(after) = found.strip_prefix("\\\"") {
            value.push('"');
            rest = after;
        } else if let Some(after) = found.strip_prefix('\\') {
            value.push('\\');
            rest = after;
        } else {
            let value = value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
            return Some((value, found.strip_prefix('"')?));
        }
    }
}

/// `UTF-8''percent-encoded`, as older clients send names outside ASCII.
fn extended_value(text: &str) -> Result<String, FormError> {
    let bad = malformed("an extended file name is malformed");
    let (charset, rest) = text.split_once('\'').ok_or(bad.clone())?;
    let (_, encoded) = rest.split_once('\'').ok_or(bad.clone())?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return Err(bad);
    }
    let decoded = percent_decode(encoded).and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.ok_or(bad)
}

fn malformed(reason: &'static str) -> FormError {
    FormError::Malformed(reason)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_control(byte: u8) -> bool {
    byte < b' ' && byte != b'\t' || byte == 0x7f
}
