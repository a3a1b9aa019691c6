//! A writer of documents.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{XSI_NAMESPACE, is_xml_character};
use crate::{EncodeError, ToText};

/// A value that is written as the content of an element. Implemented by generated structures, and
/// by all scalars.
pub trait WriteXml {
    /// Writes what stands between the tags.
    fn write_xml(&self, writer: &mut XmlWriter);

    /// Attributes of the element: names with values.
    fn attributes(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl<T: ToText> WriteXml for T {
    fn write_xml(&self, writer: &mut XmlWriter) {
        writer.text(&self.to_text());
    }
}

/// A document in the making.
///
/// SECURITY: what XML 1.0 cannot express is never written. The first such character is kept as
/// an error for [`XmlWriter::finish`]; a lossy writer puts a question mark.
#[derive(Debug)]
pub struct XmlWriter {
    text: String,
    element: &'static str,
    lossy: bool,
    error: Option<EncodeError>,
}

impl Default for XmlWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl XmlWriter {
    /// An empty document with its declaration.
    #[must_use]
    pub fn new() -> Self {
        let text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        Self { text, element: "", lossy: false, error: None }
    }

    /// A document that replaces what cannot be written, for error answers.
    #[must_use]
    pub(crate) fn lossy() -> Self {
        Self { lossy: true, ..Self::new() }
    }

    /// Opens the root element in a namespace.
    pub fn open_root(&mut self, name: &'static str, namespace: &str) {
        self.text.push('<');
        self.text.push_str(name);
        self.attribute("xmlns", namespace);
        self.text.push('>');
    }

    /// Opens an element.
    pub fn open(&mut self, name: &'static str) {
        self.element = name;
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
    }

    /// Closes an element.
    pub fn close(&mut self, name: &'static str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// Writes an element with text only.
    pub fn text_element(&mut self, name: &'static str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }

    /// Writes text.
    pub fn text(&mut self, text: &str) {
        let mut rest = text;
        // What is plain is found and copied in runs; everything else goes one by one.
        while let Some((clean, from)) = rest.split_at_checked(plain_bytes(rest.as_bytes())) {
            self.text.push_str(clean);
            let mut characters = from.chars();
            let Some(character) = characters.next() else { return };
            if needs_care(character) {
                self.escaped(character);
            } else {
                self.text.push(character);
            }
            rest = characters.as_str();
        }
    }

    /// Writes an element.
    pub fn element<T: WriteXml>(&mut self, name: &'static str, value: &T) {
        self.element = name;
        self.text.push('<');
        self.text.push_str(name);
        let attributes = value.attributes();
        for (attribute, text) in &attributes {
            if attribute.starts_with("xsi:") {
                self.attribute("xmlns:xsi", XSI_NAMESPACE);
            }
            self.attribute(attribute, text);
        }
        self.text.push('>');
        value.write_xml(self);
        self.close(name);
    }

    /// Writes an element if there is a value.
    pub fn optional<T: WriteXml>(&mut self, name: &'static str, value: Option<&T>) {
        if let Some(value) = value {
            self.element(name, value);
        }
    }

    /// Writes one element for each value.
    pub fn list<T: WriteXml>(&mut self, name: &'static str, values: &[T]) {
        let Some((first, rest)) = values.split_first() else { return };
        let before = self.text.len();
        self.element(name, first);
        // The others are about as long: a long list is not moved again and again as it grows.
        let first_bytes = self.text.len().saturating_sub(before);
        self.text.reserve(first_bytes.saturating_mul(rest.len()).min(RESERVE_BYTES_MAX));
        for value in rest {
            self.element(name, value);
        }
    }

    /// Writes an element with one element for each value.
    pub fn wrapped_list<T: WriteXml>(
        &mut self,
        name: &'static str,
        item: &'static str,
        values: &[T],
    ) {
        self.open(name);
        self.list(item, values);
        self.close(name);
    }

    /// Writes an element with one element for each value if there is a list.
    pub fn optional_wrapped_list<T: WriteXml>(
        &mut self,
        name: &'static str,
        item: &'static str,
        values: Option<&Vec<T>>,
    ) {
        if let Some(values) = values {
            self.wrapped_list(name, item, values);
        }
    }

    /// Writes an element with one entry for each name and value.
    pub fn map<T: WriteXml>(&mut self, name: &'static str, map: &BTreeMap<String, T>) {
        self.open(name);
        for (key, value) in map {
            self.open("entry");
            self.text_element("key", key);
            self.element("value", value);
            self.close("entry");
        }
        self.close(name);
    }

    /// The document.
    ///
    /// # Errors
    /// If a text had characters that XML cannot express.
    pub fn finish(self) -> Result<String, EncodeError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.text),
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
        self.text(value);
        self.text.push('"');
    }

    fn escaped(&mut self, character: char) {
        match character {
            '&' => self.text.push_str("&amp;"),
            '<' => self.text.push_str("&lt;"),
            '>' => self.text.push_str("&gt;"),
            '"' => self.text.push_str("&quot;"),
            // A parser turns a literal CR into LF, and both into a space in an attribute.
            '\r' | '\n' | '\t' => {
                // INVARIANT: writing to a `String` does not fail.
                let _ = write!(self.text, "&#{};", u32::from(character));
            }
            other if is_xml_character(other) => self.text.push(other),
            _ if self.lossy => self.text.push('?'),
            _ => {
                let element = self.element;
                self.error.get_or_insert(EncodeError::XmlCharacter { element });
            }
        }
    }
}

/// Most room that is made for a list in advance: some 3,000 names.
const RESERVE_BYTES_MAX: usize = 1024 * 1024;

/// How many bytes at the start are characters that stand for themselves. A listing has thousands of
/// texts with nothing else, so most bytes are judged by the block, without a branch for each.
fn plain_bytes(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
    let is_plain_block =
        |block: &&[u8; BLOCK_BYTES]| block.iter().fold(true, |plain, byte| plain & is_plain(*byte));
    let sure = blocks.iter().take_while(is_plain_block).count().saturating_mul(BLOCK_BYTES);
    let rest = bytes.get(sure..).unwrap_or_default();
    sure.saturating_add(rest.iter().take_while(|byte| is_plain(**byte)).count())
}

/// Bytes that are judged together: what a vector register holds.
const BLOCK_BYTES: usize = 16;

/// Whether a byte is a character that stands for itself. Nearly all text has nothing else.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>' | b'"')
}

fn needs_care(character: char) -> bool {
    matches!(character, '&' | '<' | '>' | '"' | '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}
