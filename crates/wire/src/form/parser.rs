//! Decoder for `multipart/form-data`: bytes in, fields and the content of the file out.
//!
//! Stricter than the standard where two readers could disagree: no preamble, no bare line feeds, no
//! delimiter that goes on, nothing behind the last one but line breaks.

use std::fmt;

use bytes::{Buf, Bytes};
use http::header::{CONTENT_TYPE, HeaderMap};

use super::FormError;
use super::boundary::{Scanner, Span};
use super::part::PartHead;

/// Reads a form, one event at a time. Holds no more than the fields in front of the file.
pub struct FormParser {
    scanner: Scanner,
    state: State,
    /// Bytes of one head, or of one value.
    buffer: Vec<u8>,
    /// Bytes of the form beside the content of the file.
    form_bytes: usize,
    files: u8,
    failure: Option<FormError>,
}

/// What a form consists of.
#[derive(Debug, PartialEq, Eq)]
pub enum FormEvent {
    /// A field in front of the file.
    Field {
        /// Its name as given.
        name: String,
        /// Its value.
        value: String,
    },
    /// The file begins; its content follows.
    File {
        /// Its name, without a path.
        filename: String,
    },
    /// Content of the file.
    Content(Bytes),
    /// The input is used up.
    NeedMore,
}

enum State {
    /// In front of the first delimiter.
    Preamble,
    /// Behind a delimiter: another part, or the end.
    Fork,
    /// In the head of a part.
    Head,
    /// In the value of a field in front of the file.
    Value { name: String },
    /// In the content of the file.
    File,
    /// In the value of a field behind the file, which means nothing.
    Ignored,
    /// Behind the last delimiter.
    Epilogue,
}

impl FormParser {
    /// A parser for a request with these headers.
    ///
    /// # Errors
    /// If they announce no form with one good boundary.
    pub fn new(headers: &HeaderMap) -> Result<Self, FormError> {
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let (Some(content_type), None) = (types.next(), types.next()) else {
            return Err(FormError::Malformed("there is not one content type"));
        };
        let content_type = content_type.to_str().unwrap_or_default();
        let boundary = boundary(content_type).ok_or(FormError::Malformed("no good boundary"))?;
        Ok(Self {
            scanner: Scanner::new(boundary),
            state: State::Preamble,
            buffer: Vec::new(),
            form_bytes: 0,
            files: 0,
            failure: None,
        })
    }

    /// Consumes some of `input`. Content of the file is passed on and never copied.
    ///
    /// # Errors
    /// If the body is no form. A parser that has failed stays failed.
    pub fn feed(&mut self, input: &mut Bytes) -> Result<FormEvent, FormError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let fed = self.advance(input);
        if let Err(failure) = &fed {
            self.failure = Some(failure.clone());
        }
        fed
    }

    /// Must be called at end of input.
    ///
    /// # Errors
    /// If the form is not complete, or has no file.
    pub fn finish(self) -> Result<(), FormError> {
        match (self.failure, &self.state) {
            (Some(failure), _) => Err(failure),
            (None, State::Epilogue) if self.files == 1 => Ok(()),
            (None, State::Epilogue) => Err(FormError::Files { files: self.files }),
            (None, _) => Err(FormError::Malformed("the form is cut off")),
        }
    }

    fn advance(&mut self, input: &mut Bytes) -> Result<FormEvent, FormError> {
        loop {
            let before = input.len();
            let in_file = matches!(self.state, State::File);
            let event = self.step(input)?;
            // The content of the file is the service's to limit; all else counts here.
            let used = before - input.len();
            if !in_file {
                self.form_bytes = self.form_bytes.saturating_add(used);
                if self.form_bytes > FORM_BYTES_MAX {
                    return Err(FormError::FieldsTooLong);
                }
            }
            if let Some(event) = event {
                return Ok(event);
            }
            if input.is_empty() {
                return Ok(FormEvent::NeedMore);
            }
        }
    }

    /// One step; `None` if it has nothing to say.
    fn step(&mut self, input: &mut Bytes) -> Result<Option<FormEvent>, FormError> {
        match &mut self.state {
            State::Preamble => match self.scanner.next(input) {
                Span::Delimiter => self.state = State::Fork,
                Span::NeedMore => {}
                Span::Content(_) => return Err(FormError::Malformed("there is a preamble")),
            },
            State::Fork => self.fork(input)?,
            State::Head => return self.head(input),
            State::Value { name } => match self.scanner.next(input) {
                Span::Content(bytes) => {
                    // What the scanner held back was counted when it came.
                    if self.buffer.len() + bytes.len() > FORM_BYTES_MAX {
                        return Err(FormError::FieldsTooLong);
                    }
                    self.buffer.extend_from_slice(&bytes);
                }
                Span::NeedMore => {}
                Span::Delimiter => {
                    let name = std::mem::take(name);
                    let value = String::from_utf8(std::mem::take(&mut self.buffer));
                    let value = value.map_err(|_| FormError::Value { name: name.clone() })?;
                    self.state = State::Fork;
                    return Ok(Some(FormEvent::Field { name, value }));
                }
            },
            State::File => match self.scanner.next(input) {
                Span::Content(bytes) => return Ok(Some(FormEvent::Content(bytes))),
                Span::NeedMore => {}
                Span::Delimiter => self.state = State::Fork,
            },
            State::Ignored => {
                if self.scanner.next(input) == Span::Delimiter {
                    self.state = State::Fork;
                }
            }
            State::Epilogue => {
                if !input.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                    return Err(FormError::Malformed("something follows the form"));
                }
                input.advance(input.len());
            }
        }
        Ok(None)
    }

    /// Two bytes behind a delimiter: a line break leads to a part, two hyphens to the end.
    fn fork(&mut self, input: &mut Bytes) -> Result<(), FormError> {
        while self.buffer.len() < 2 && !input.is_empty() {
            self.buffer.push(input.get_u8());
        }
        self.state = match self.buffer.as_slice() {
            b"\r\n" => State::Head,
            b"--" => State::Epilogue,
            [] | b"\r" | b"-" => return Ok(()),
            // SECURITY: a longer boundary is one that another reader may take for content.
            _ => return Err(FormError::Malformed("a delimiter goes on")),
        };
        self.buffer.clear();
        Ok(())
    }

    fn head(&mut self, input: &mut Bytes) -> Result<Option<FormEvent>, FormError> {
        while !self.buffer.ends_with(b"\r\n\r\n") {
            if self.buffer == b"\r\n" {
                return Err(FormError::Malformed("a part has no head"));
            }
            if input.is_empty() {
                return Ok(None);
            }
            self.buffer.push(input.get_u8());
            if self.buffer.len() > FORM_BYTES_MAX {
                return Err(FormError::FieldsTooLong);
            }
        }
        let mut head = std::mem::take(&mut self.buffer);
        head.truncate(head.len().saturating_sub(2));
        let PartHead { name, filename } = PartHead::parse(&head)?;
        if name.eq_ignore_ascii_case("file") {
            self.files += 1;
            if self.files > 1 {
                return Err(FormError::Files { files: self.files });
            }
            self.state = State::File;
            return Ok(Some(FormEvent::File { filename: filename.unwrap_or_default() }));
        }
        // SPEC: access-control, 5.5: fields behind the file are ignored.
        self.state = if self.files == 0 { State::Value { name } } else { State::Ignored };
        Ok(None)
    }
}

/// SECURITY: fields hold signatures and tokens.
impl fmt::Debug for FormParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormParser").field("form_bytes", &self.form_bytes).finish_non_exhaustive()
    }
}

/// The one boundary of a content type: 1 to 70 characters that the standard allows.
fn boundary(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').map(str::trim);
    if !parameters.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut found = None;
    for parameter in parameters.filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("boundary") && found.replace(value.trim()).is_some() {
            return None;
        }
    }
    let value = found?;
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let value = quoted.unwrap_or(value);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let fits = (1..=BOUNDARY_BYTES_MAX).contains(&value.len()) && !value.ends_with(' ');
    (fits && value.bytes().all(allowed)).then_some(value)
}

/// All of a form beside the content of its file. SPEC: as S3.
pub const FORM_BYTES_MAX: usize = 20 * 1024;

const BOUNDARY_BYTES_MAX: usize = 70; // RFC 2046, 5.1.1
