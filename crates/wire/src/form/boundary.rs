//! Finding the delimiter between parts, however the bytes are cut into pieces.

use bytes::{Buf, Bytes};
use memchr::memmem::Finder;

/// What comes next in front of a delimiter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// Bytes of the part.
    Content(Bytes),
    /// The delimiter; it has been consumed.
    Delimiter,
    /// The input is used up.
    NeedMore,
}

/// Cuts content at `CR LF -- boundary`.
///
/// INVARIANT: a carriage return is in the delimiter only as its first byte, so what may become a
/// delimiter starts at the last carriage return and nowhere else.
pub(super) struct Scanner {
    delimiter: Bytes,
    finder: Finder<'static>,
    /// How many bytes at the end of what was seen are a beginning of the delimiter.
    held: usize,
}

impl Scanner {
    /// A scanner in front of the first delimiter of a body, whose line break is left out there.
    pub(super) fn new(boundary: &str) -> Self {
        let delimiter = Bytes::from(format!("\r\n--{boundary}"));
        let finder = Finder::new(&delimiter).into_owned();
        Self { delimiter, finder, held: 2 }
    }

    /// Consumes some of `input`.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Span {
        if self.held > 0 {
            let awaited = self.delimiter.get(self.held..).unwrap_or_default();
            let pairs = awaited.iter().zip(input.iter());
            let common = pairs.take_while(|(wanted, found)| wanted == found).count();
            let (awaited, found) = (awaited.len(), input.len());
            if common == awaited {
                input.advance(common);
                self.held = 0;
                return Span::Delimiter;
            }
            if common == found {
                self.held += common;
                input.clear();
                return Span::NeedMore;
            }
            // It was content all the same; the bytes in `input` are looked at again.
            let content = self.delimiter.slice(..self.held);
            self.held = 0;
            return Span::Content(content);
        }
        if input.is_empty() {
            return Span::NeedMore;
        }
        match self.finder.find(input) {
            Some(0) => {
                input.advance(self.delimiter.len());
                Span::Delimiter
            }
            Some(place) => Span::Content(input.split_to(place)),
            None => self.without_delimiter(input),
        }
    }

    /// All of the input but what may be the beginning of a delimiter.
    fn without_delimiter(&mut self, input: &mut Bytes) -> Span {
        let start = input.len().saturating_sub(self.delimiter.len() - 1);
        let tail = input.get(start..).unwrap_or_default();
        let last = tail.iter().rposition(|byte| *byte == b'\r');
        let suffix = last.and_then(|place| tail.get(place..)).unwrap_or_default();
        if self.delimiter.starts_with(suffix) {
            self.held = suffix.len();
        }
        let content = input.split_to(input.len() - self.held);
        input.clear();
        if content.is_empty() { Span::NeedMore } else { Span::Content(content) }
    }
}
