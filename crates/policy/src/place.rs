//! Where in a policy something stands: the path of members and the position in the text.

use std::fmt;

use crate::json::Span;

/// A place in a policy document, for messages and for editors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Member names and indexes, as `Statement[0].Condition.StringEquals`; empty for the document.
    pub path: String,
    /// The bytes of the text.
    pub span: Span,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte, in characters, from 1.
    pub column: usize,
}

impl Place {
    pub(crate) fn new(text: &[u8], path: String, span: Span) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        // Bytes that continue a character are not counted.
        let in_line = before.get(line_start..).unwrap_or_default();
        let column = 1 + in_line.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        Self { path, span, line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        write!(f, "{path} (line {}, column {})", self.line, self.column)
    }
}

/// The path to a value while a document is read; becomes text only when something is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Document,
    Member(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    pub(crate) const DOCUMENT: Path<'static> = Path { parent: None, step: Step::Document };

    pub(crate) fn member(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Member(name) }
    }

    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else {
            return Ok(());
        };
        parent.fmt(f)?;
        match self.step {
            Step::Document => Ok(()),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Member(name) if parent.parent.is_none() => f.write_str(name),
            Step::Member(name) => write!(f, ".{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "{\n \"é\": x".as_bytes();
        let place = Place::new(text, String::new(), Span { start: 9, end: 10 });
        assert_eq!((place.line, place.column), (2, 7));
        assert_eq!(place.to_string(), "the document (line 2, column 7)");
    }

    #[test]
    fn a_path_names_members_and_indexes() {
        let statements = Path::DOCUMENT.member("Statement");
        let first = statements.index(0);
        assert_eq!(first.member("Effect").to_string(), "Statement[0].Effect");
    }
}
