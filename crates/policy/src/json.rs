//! A strict reader of small JSON documents that remembers where each value stands.
//!
//! Stricter than JSON asks for, because two readers of one policy must never disagree: member names
//! of an object do not repeat, nothing follows the document, depth and size are bounded. Knows
//! nothing of policies.

use std::fmt;

/// Where a value stands in its text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// A JSON value. Numbers stay text: what they mean is for the reader of the policy to say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Box<str>),
    String(Box<str>),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A member of an object, in the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: Box<str>,
    pub(crate) name_span: Span,
    pub(crate) node: Node,
}

/// Why a text is no document, and the byte at which that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonError {
    pub(crate) fault: JsonFault,
    pub(crate) offset: usize,
}

/// What is wrong with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonFault {
    TooLarge,
    NotUtf8,
    UnexpectedEnd,
    UnexpectedByte,
    InvalidNumber,
    InvalidEscape,
    ControlCharacter,
    DuplicateMember,
    TooDeep,
    TextBehindDocument,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the document is too large",
            Self::NotUtf8 => "the document is not valid UTF-8",
            Self::UnexpectedEnd => "the document ends too early",
            Self::UnexpectedByte => "unexpected character",
            Self::InvalidNumber => "invalid number",
            Self::InvalidEscape => "invalid escape sequence",
            Self::ControlCharacter => "control character in a string",
            Self::DuplicateMember => "the member name stands twice in its object",
            Self::TooDeep => "values are nested too deeply",
            Self::TextBehindDocument => "text behind the document",
        })
    }
}

/// Reads a whole document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, JsonError> {
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(JsonError { fault: JsonFault::TooLarge, offset: TEXT_BYTES_MAX });
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError { fault: JsonFault::NotUtf8, offset: error.valid_up_to() })?;
    let mut reader = Reader { text, offset: 0 };
    reader.skip_blanks();
    let node = reader.value(1)?;
    reader.skip_blanks();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.fault(JsonFault::TextBehindDocument)),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// INVARIANT: at a character boundary of `text`.
    offset: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.offset).copied()
    }

    fn fault(&self, fault: JsonFault) -> JsonError {
        JsonError { fault, offset: self.offset }
    }

    /// The fault of a byte that does not fit here, or of the end.
    fn unexpected(&self) -> JsonError {
        let ended = self.peek().is_none();
        self.fault(if ended { JsonFault::UnexpectedEnd } else { JsonFault::UnexpectedByte })
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.offset += 1;
        }
    }

    /// Consumes one ASCII byte if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.offset += 1;
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonError> {
        if depth > DEPTH_MAX {
            return Err(self.fault(JsonFault::TooDeep));
        }
        let start = self.offset;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            _ => return Err(self.unexpected()),
        };
        Ok(Node { value, span: Span { start, end: self.offset } })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.expect(b'[')?;
        self.skip_blanks();
        let mut nodes = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(nodes));
        }
        loop {
            self.skip_blanks();
            nodes.push(self.value(depth + 1)?);
            self.skip_blanks();
            if self.take(b']') {
                return Ok(Value::Array(nodes));
            }
            self.expect(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.expect(b'{')?;
        self.skip_blanks();
        let mut members: Vec<Member> = Vec::new();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_blanks();
            let start = self.offset;
            let name = self.string()?;
            let name_span = Span { start, end: self.offset };
            self.skip_blanks();
            self.expect(b':')?;
            self.skip_blanks();
            let node = self.value(depth + 1)?;
            members.push(Member { name, name_span, node });
            self.skip_blanks();
            if self.take(b'}') {
                break;
            }
            self.expect(b',')?;
        }
        match duplicate(&members) {
            // SECURITY: of two members with one name, one reader takes the first, another the last.
            Some(offset) => Err(JsonError { fault: JsonFault::DuplicateMember, offset }),
            None => Ok(Value::Object(members)),
        }
    }

    fn string(&mut self) -> Result<Box<str>, JsonError> {
        self.expect(b'"')?;
        let mut text = String::new();
        loop {
            let rest = self.text.get(self.offset..).unwrap_or_default();
            let Some(next) = rest.chars().next() else {
                return Err(self.fault(JsonFault::UnexpectedEnd));
            };
            match next {
                '"' => {
                    self.offset += 1;
                    return Ok(text.into());
                }
                '\\' => {
                    self.offset += 1;
                    text.push(self.escape()?);
                }
                '\0'..='\u{1f}' => return Err(self.fault(JsonFault::ControlCharacter)),
                other => {
                    text.push(other);
                    self.offset += other.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.offset += 1;
                return self.unicode();
            }
            _ => return Err(self.fault(JsonFault::InvalidEscape)),
        };
        self.offset += 1;
        Ok(escaped)
    }

    /// The character of a `\u` escape; halves of a surrogate pair must stand together.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.four_digits()?;
        let scalar = match first {
            0xd800..=0xdbff => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return Err(self.fault(JsonFault::InvalidEscape));
                }
                let second = self.four_digits()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.fault(JsonFault::InvalidEscape));
                }
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(scalar).ok_or(self.fault(JsonFault::InvalidEscape))
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.fault(JsonFault::InvalidEscape));
            };
            number = number * 16 + digit;
            self.offset += 1;
        }
        Ok(number)
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.offset;
        self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(self.fault(JsonFault::InvalidNumber));
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(self.fault(JsonFault::InvalidNumber));
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err(self.fault(JsonFault::InvalidNumber));
            }
        }
        let text = self.text.get(start..self.offset).unwrap_or_default();
        Ok(Value::Number(text.into()))
    }

    fn digits(&mut self) -> usize {
        let start = self.offset;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.offset += 1;
        }
        self.offset - start
    }
}

/// Where a member name stands for the second time.
fn duplicate(members: &[Member]) -> Option<usize> {
    let mut names: Vec<(&str, usize)> =
        members.iter().map(|member| (&*member.name, member.name_span.start)).collect();
    names.sort_unstable();
    let mut pairs = names.iter().zip(names.iter().skip(1));
    pairs.find(|(first, second)| first.0 == second.0).map(|(_, second)| second.1)
}

/// Largest document that is read at all: what the API of IAM takes, white space included. The limits
/// of each kind of policy are smaller and are the document's.
pub(crate) const TEXT_BYTES_MAX: usize = 131_072;

/// A policy nests six deep: document, statements, statement, condition, operator, values.
const DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (JsonFault, usize) {
        let error = parse(text.as_bytes()).unwrap_err();
        (error.fault, error.offset)
    }

    #[test]
    fn values_remember_where_they_stand() {
        let node = parse(br#" {"a": ["x", 1.5e3, true, null], "b": {}} "#).unwrap();
        assert_eq!(node.span, Span { start: 1, end: 41 });
        let Value::Object(members) = node.value else { panic!() };
        assert_eq!(members[0].name_span, Span { start: 2, end: 5 });
        let Value::Array(nodes) = &members[0].node.value else { panic!() };
        assert_eq!(nodes[1].value, Value::Number("1.5e3".into()));
        assert_eq!(nodes[1].span, Span { start: 13, end: 18 });
        assert_eq!(members[1].node.value, Value::Object(Vec::new()));
    }

    #[test]
    fn escapes_are_decoded() {
        let node = parse(br#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#).unwrap();
        assert_eq!(node.value, Value::String("\"\\/\u{8}\u{c}\n\r\té😀".into()));
        for bad in [r#""\x""#, r#""\u12g4""#, r#""\ud83d""#, r#""\ud83dx""#, r#""\udc00""#] {
            assert_eq!(fault(bad).0, JsonFault::InvalidEscape, "{bad}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_at_its_place() {
        assert_eq!(fault(""), (JsonFault::UnexpectedEnd, 0));
        assert_eq!(fault(r#"{"a""#), (JsonFault::UnexpectedEnd, 4));
        assert_eq!(fault("{} x"), (JsonFault::TextBehindDocument, 3));
        assert_eq!(fault("[1,]"), (JsonFault::UnexpectedByte, 3));
        assert_eq!(fault("{a:1}"), (JsonFault::UnexpectedByte, 1));
        assert_eq!(fault("'a'"), (JsonFault::UnexpectedByte, 0));
        assert_eq!(fault("\"a\nb\""), (JsonFault::ControlCharacter, 2));
        for bad in ["01", "-", "1.", "1e", "1e+"] {
            assert_eq!(fault(bad).0, JsonFault::InvalidNumber, "{bad}");
        }
        assert_eq!(parse(b"\"\xff\"").unwrap_err().fault, JsonFault::NotUtf8);
    }

    #[test]
    fn a_member_name_that_repeats_is_refused() {
        assert_eq!(fault(r#"{"a":1,"b":2,"a":3}"#), (JsonFault::DuplicateMember, 13));
        // The same name in another spelling is the same name.
        assert_eq!(fault(r#"{"a":1,"\u0061":3}"#).0, JsonFault::DuplicateMember);
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(fault(&nested(DEPTH_MAX + 1)).0, JsonFault::TooDeep);
        let sized = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(parse(sized(TEXT_BYTES_MAX).as_bytes()).is_ok());
        assert_eq!(fault(&sized(TEXT_BYTES_MAX + 1)).0, JsonFault::TooLarge);
    }
}
