//! The head of a request, judged before hyper sees it: whole, strict, and of one meaning.
//!
//! Knows bytes. Must not know sockets, time or what a request asks for.
//!
//! SECURITY: hyper is lenient where RFC 9112 lets it be (bare line feeds, a length beside chunks,
//! the same length twice) and answers what it refuses in words of its own, or not at all. What
//! passes here is read by every reader in one way; what does not is refused in AWS's words.

#[cfg(test)]
mod tests;

/// A head that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its length, the empty line included.
    pub(crate) head_bytes: usize,
    /// Where the request ends.
    pub(crate) framing: Framing,
}

/// Where a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes of body.
    Length(u64),
    /// With the last chunk.
    Chunks,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the request line is not method, target and version")]
    RequestLine,
    #[error("a header line is not a name, a colon and a value")]
    HeaderLine,
    #[error("a line does not end in carriage return and line feed")]
    LineEnd,
    #[error("the head ended before its last line")]
    Truncated,
    #[error("the version is not HTTP/1.1")]
    Version,
    #[error("the target is not a path")]
    TargetForm,
    #[error("the target has bytes that must be encoded")]
    TargetBytes,
    #[error("the head is over {HEAD_BYTES_MAX} bytes, or has over {HEADERS_MAX} headers")]
    TooLarge,
    #[error("there is not exactly one `Host`")]
    Host,
    #[error("the length of the body is not a number")]
    Length,
    #[error("the length of the body is given more than once")]
    Lengths,
    #[error("a transfer coding other than `chunked`")]
    Coding,
}

/// Judges the head at the beginning of `bytes`; `None` if it is not whole yet and nothing is wrong
/// with what is there.
pub(crate) fn judge(bytes: &[u8]) -> Result<Option<Head>, HeadError> {
    // RFC 9112, 2.2: one empty line before the request is let pass.
    let start = if bytes.starts_with(LINE_END) { LINE_END.len() } else { 0 };
    let mut lines = Lines { bytes, at: start, count: 0 };
    let Some(line) = lines.next()? else {
        let begins_well = |byte: &u8| is_token(byte) || *byte == b'\r';
        if !lines.rest().first().is_none_or(begins_well) {
            return Err(HeadError::RequestLine);
        }
        return lines.unfinished();
    };
    judge_request_line(line)?;
    let mut seen = Seen::default();
    for _ in 0..=HEADERS_MAX {
        match lines.next()? {
            None => return lines.unfinished(),
            Some([]) if lines.at > HEAD_BYTES_MAX => return Err(HeadError::TooLarge),
            Some([]) => {
                // Two for the end of each line, and no more.
                let head = bytes.get(start..lines.at).unwrap_or_default();
                if controls(head) != lines.count.saturating_mul(LINE_END.len()) {
                    return Err(HeadError::HeaderLine);
                }
                return Ok(Some(Head { head_bytes: lines.at, framing: seen.framing()? }));
            }
            Some(line) => seen.header(line)?,
        }
    }
    Err(HeadError::TooLarge)
}

/// The lines of a head, without their ends.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    count: usize,
}

impl<'a> Lines<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Option<&'a [u8]>, HeadError> {
        let rest = self.rest();
        let Some(end) = memchr::memchr(b'\n', rest) else { return Ok(None) };
        self.at = self.at.saturating_add(end).saturating_add(1);
        self.count = self.count.saturating_add(1);
        let line = rest.get(..end).and_then(|line| line.strip_suffix(b"\r"));
        line.map(Some).ok_or(HeadError::LineEnd)
    }

    /// What came of the next line so far. Says early what no further byte can make right.
    fn unfinished(&self) -> Result<Option<Head>, HeadError> {
        if self.bytes.len() > HEAD_BYTES_MAX {
            return Err(HeadError::TooLarge);
        }
        let rest = self.rest();
        let text = rest.strip_suffix(b"\r").unwrap_or(rest);
        if controls(text) > 0 {
            return Err(HeadError::LineEnd);
        }
        Ok(None)
    }
}

fn judge_request_line(line: &[u8]) -> Result<(), HeadError> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HeadError::RequestLine);
    };
    if method.is_empty() || !method.iter().all(is_token) || target.is_empty() {
        return Err(HeadError::RequestLine);
    }
    if version != b"HTTP/1.1" {
        let known = version.strip_prefix(b"HTTP/").is_some_and(|number| !number.is_empty());
        return Err(if known { HeadError::Version } else { HeadError::RequestLine });
    }
    // SECURITY: the authority of an absolute target would compete with the signed `Host`.
    if target.first() != Some(&b'/') {
        return Err(HeadError::TargetForm);
    }
    judge_target(target)
}

/// What `http::Uri` takes, and no fragment.
fn judge_target(target: &[u8]) -> Result<(), HeadError> {
    let query_at = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(query_at).unwrap_or((target, &[]));
    let class = |byte: &u8| BYTES.get(usize::from(*byte)).copied().unwrap_or(0);
    let plain = path.iter().all(|byte| class(byte) & IN_PATH != 0)
        && query.iter().all(|byte| class(byte) & IN_QUERY != 0);
    if !plain || (!target.is_ascii() && std::str::from_utf8(target).is_err()) {
        return Err(HeadError::TargetBytes);
    }
    Ok(())
}

/// What the headers that frame a request said so far.
#[derive(Default)]
struct Seen {
    hosts: usize,
    length: Option<u64>,
    chunks: bool,
}

impl Seen {
    fn header(&mut self, line: &[u8]) -> Result<(), HeadError> {
        // SECURITY: no space before the colon and none at the beginning of the line, which would
        // fold it into the one before.
        let end = line.iter().position(|byte| !is_token(byte)).unwrap_or_default();
        let (name, value) = match line.split_at_checked(end) {
            Some((name @ [_, ..], [b':', value @ ..])) => (name, value),
            _ => return Err(HeadError::HeaderLine),
        };
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts = self.hosts.saturating_add(1),
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let before = self.length.replace(digits(trimmed(value))?);
                return before.map_or(Ok(()), |_| Err(HeadError::Lengths));
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                let known = trimmed(value).eq_ignore_ascii_case(b"chunked");
                if !known || std::mem::replace(&mut self.chunks, true) {
                    return Err(HeadError::Coding);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// SECURITY: two lengths are how a proxy and a server come to see two requests.
    fn framing(&self) -> Result<Framing, HeadError> {
        match (self.hosts, self.length, self.chunks) {
            (1, length, false) => Ok(Framing::Length(length.unwrap_or(0))),
            (1, None, true) => Ok(Framing::Chunks),
            (1, Some(_), true) => Err(HeadError::Lengths),
            _ => Err(HeadError::Host),
        }
    }
}

fn digits(value: &[u8]) -> Result<u64, HeadError> {
    let all_digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| all_digits);
    let number = text.and_then(|text| text.parse().ok());
    number.filter(|number| *number <= LENGTH_MAX).ok_or(HeadError::Length)
}

/// A value without the spaces and tabs around it.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// How many control characters other than the tab there are. Counted without branches, and in
/// bytes that cannot overflow, so that it takes many at a time.
fn controls(text: &[u8]) -> usize {
    let is_control = |byte: &u8| (*byte < b' ' && *byte != b'\t') | (*byte == 0x7f);
    let in_block = |block: &[u8]| {
        block.iter().fold(0_u8, |count, byte| count.wrapping_add(u8::from(is_control(byte))))
    };
    text.chunks(usize::from(u8::MAX)).map(|block| usize::from(in_block(block))).sum()
}

fn is_token(byte: &u8) -> bool {
    BYTES.get(usize::from(*byte)).is_some_and(|class| class & IN_TOKEN != 0)
}

/// Where each byte may stand.
static BYTES: [u8; 256] = byte_classes();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler; the index is a byte")]
const fn byte_classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        let special = b"!#$%&'*+-.^_`|~";
        let mut is_token = byte.is_ascii_alphanumeric();
        let mut at = 0;
        while at < special.len() {
            is_token = is_token || special[at] == byte;
            at += 1;
        }
        let visible = byte > b' ' && byte != 0x7f;
        let mut class = if is_token { IN_TOKEN } else { 0 };
        if visible && !matches!(byte, b'#' | b'<' | b'>' | b'`') {
            class |= IN_PATH;
        }
        if visible && !matches!(byte, b'#' | b'<' | b'>' | b'"') {
            class |= IN_QUERY;
        }
        classes[byte as usize] = class;
        if byte == u8::MAX {
            return classes;
        }
        byte += 1;
    }
}

const IN_TOKEN: u8 = 1;
const IN_PATH: u8 = 2;
const IN_QUERY: u8 = 4;
const LINE_END: &[u8] = b"\r\n";
/// Target and headers have 16 KiB each, further on; separators come on top.
pub(crate) const HEAD_BYTES_MAX: usize = 40 * 1024;
/// 2 KiB of user metadata can be some 700 headers of a letter each.
pub(crate) const HEADERS_MAX: usize = 1024;
/// hyper takes the highest two numbers for something else.
const LENGTH_MAX: u64 = u64::MAX / 2;
