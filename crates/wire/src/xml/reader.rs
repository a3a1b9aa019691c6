//! A bounded XML reader into an arena.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesStart, Event};

use super::{S3_NAMESPACE, is_xml_character};

/// A document: elements in one list, linked by index, so that a hostile one costs a bounded amount
/// of memory and nothing recurses.
#[derive(Debug)]
pub struct XmlDocument<'a> {
    nodes: Vec<Node<'a>>,
    attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Why a text is no document that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum XmlFlaw {
    /// It has too many bytes.
    TooLarge,
    /// It is not UTF-8, or declares another encoding or version.
    Encoding,
    /// Tags do not match, or there is something outside the root.
    NotWellFormed,
    /// It has a character that XML cannot express.
    Character,
    /// It has a document type.
    DocumentType,
    /// It has a processing instruction.
    ProcessingInstruction,
    /// It refers to an entity that XML does not define.
    Entity,
    /// It is nested too deeply.
    TooDeep,
    /// It has too many elements.
    TooManyElements,
    /// An element has too many attributes.
    TooManyAttributes,
    /// An element has text beside other elements.
    MixedContent,
    /// An element belongs to another namespace.
    Namespace,
}

impl XmlFlaw {
    /// What is wrong, for people.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "it is too large",
            Self::Encoding => "it is not XML 1.0 in UTF-8",
            Self::NotWellFormed => "it is not well-formed",
            Self::Character => "it has a character that XML does not allow",
            Self::DocumentType => "a document type is not accepted",
            Self::ProcessingInstruction => "a processing instruction is not accepted",
            Self::Entity => "an entity is not accepted",
            Self::TooDeep => "it is nested too deeply",
            Self::TooManyElements => "it has too many elements",
            Self::TooManyAttributes => "an element has too many attributes",
            Self::MixedContent => "an element has both text and elements",
            Self::Namespace => "an element belongs to another namespace",
        }
    }
}

#[derive(Debug)]
struct Node<'a> {
    name: Cow<'a, str>,
    text: Cow<'a, str>,
    /// Index of the element around it; 0 for the root as well.
    parent: u32,
    /// Index of the first child; 0 if there is none, as the root is nobody's child.
    first_child: u32,
    /// Index of the last child; 0 if there is none.
    last_child: u32,
    /// Index of the next element in the same parent; 0 if there is none.
    next: u32,
    attributes_start: u32,
    attributes_end: u32,
}

impl<'a> XmlDocument<'a> {
    /// Reads a document.
    ///
    /// # Errors
    /// If it is not well-formed, over a limit, or uses a part of XML that no client needs.
    pub fn parse(body: &'a [u8]) -> Result<Self, XmlFlaw> {
        if body.len() > XML_BYTES_MAX {
            return Err(XmlFlaw::TooLarge);
        }
        let text = std::str::from_utf8(body).map_err(|_| XmlFlaw::Encoding)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if !text.chars().all(is_xml_character) {
            return Err(XmlFlaw::Character);
        }
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_comments = true;
        let mut builder = Builder { source: text, ..Builder::default() };
        loop {
            builder.position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let event = reader.read_event().map_err(|_| XmlFlaw::NotWellFormed)?;
            if matches!(event, Event::Eof) {
                return builder.finish();
            }
            builder.event(event)?;
        }
    }

    /// The outermost element.
    #[must_use]
    pub fn root(&self) -> XmlElement<'_> {
        XmlElement { document: self, index: 0 }
    }

    fn node(&self, index: u32) -> Option<&Node<'a>> {
        self.nodes.get(usize::try_from(index).ok()?)
    }
}

/// One element of a document.
#[derive(Debug, Clone, Copy)]
pub struct XmlElement<'d> {
    document: &'d XmlDocument<'d>,
    index: u32,
}

impl<'d> XmlElement<'d> {
    /// The name.
    #[must_use]
    pub fn name(self) -> &'d str {
        self.node().map_or("", |node| &node.name)
    }

    /// The text; empty if the element has children.
    #[must_use]
    pub fn text(self) -> &'d str {
        self.node().map_or("", |node| &node.text)
    }

    /// Whether there is an element in it.
    #[must_use]
    pub fn has_children(self) -> bool {
        self.node().is_some_and(|node| node.first_child != 0)
    }

    /// The elements in it, in order.
    pub fn children(self) -> impl Iterator<Item = XmlElement<'d>> {
        let document = self.document;
        let mut next = self.node().map_or(0, |node| node.first_child);
        std::iter::from_fn(move || {
            if next == 0 {
                return None;
            }
            let element = XmlElement { document, index: next };
            next = element.node().map_or(0, |node| node.next);
            Some(element)
        })
    }

    /// The attributes, without declarations of namespaces.
    pub fn attributes(self) -> impl Iterator<Item = (&'d str, &'d str)> {
        let range = self.node().map_or(0..0, |node| {
            let start = usize::try_from(node.attributes_start).unwrap_or(usize::MAX);
            let end = usize::try_from(node.attributes_end).unwrap_or(usize::MAX);
            start..end
        });
        let found = self.document.attributes.get(range).unwrap_or_default();
        found.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Names of the elements from the root to this one, joined by dots.
    #[must_use]
    pub fn path(self) -> String {
        let mut names = vec![self.name()];
        let mut element = self;
        while element.index != 0 {
            let index = element.node().map_or(0, |node| node.parent);
            element = XmlElement { document: self.document, index };
            names.push(element.name());
        }
        names.reverse();
        names.join(".")
    }

    fn node(self) -> Option<&'d Node<'d>> {
        self.document.node(self.index)
    }
}

/// A document that is made of what another form than XML says.
#[derive(Default)]
pub(crate) struct XmlTree(Builder<'static>);

impl XmlTree {
    /// Opens an element.
    pub(crate) fn open(&mut self, name: &str) -> Result<(), XmlFlaw> {
        self.0.open(Cow::Owned(name.to_owned()))
    }

    /// Puts text into the open element.
    pub(crate) fn text(&mut self, text: String) -> Result<(), XmlFlaw> {
        self.0.text(Cow::Owned(text))
    }

    /// Closes the open element.
    pub(crate) fn close(&mut self) -> Result<(), XmlFlaw> {
        self.0.end()
    }

    /// The document.
    pub(crate) fn finish(self) -> Result<XmlDocument<'static>, XmlFlaw> {
        self.0.finish()
    }
}

#[derive(Default)]
struct Builder<'a> {
    nodes: Vec<Node<'a>>,
    attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Elements that are open, from the root down.
    open: Vec<u32>,
    any_event: bool,
    source: &'a str,
    /// Where in the source the event in hand starts.
    position: usize,
}

impl<'a> Builder<'a> {
    fn event(&mut self, event: Event<'a>) -> Result<(), XmlFlaw> {
        let first = !std::mem::replace(&mut self.any_event, true);
        match event {
            Event::Start(start) => self.start(&start),
            Event::Empty(start) => {
                self.start(&start)?;
                self.end()
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(text.xml10_content()),
            Event::CData(text) => {
                if self.open.is_empty() {
                    return Err(XmlFlaw::NotWellFormed);
                }
                self.text(text.xml10_content())
            }
            Event::GeneralRef(reference) => {
                let character = resolve_name(&reference)?;
                if self.open.is_empty() {
                    return Err(XmlFlaw::NotWellFormed);
                }
                self.text(Cow::Owned(character.to_string()))
            }
            Event::Comment(_) => Ok(()),
            Event::Decl(declaration) if first => check_declaration(&declaration),
            Event::Decl(_) => Err(XmlFlaw::NotWellFormed),
            Event::PI(_) => Err(XmlFlaw::ProcessingInstruction),
            // SECURITY: no document type, so no entity can be defined: neither the billion laughs
            // nor a file of the server.
            Event::DocType(_) => Err(XmlFlaw::DocumentType),
            Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), XmlFlaw> {
        let name = start.name();
        let name = self.name_in_source(name.as_ref());
        if name.contains(':') {
            return Err(XmlFlaw::Namespace);
        }
        self.open(name)?;
        let own = self.open.last().copied().unwrap_or(0);
        self.read_attributes(start)?;
        let end = index(self.attributes.len())?;
        self.node_mut(own)?.attributes_end = end;
        Ok(())
    }

    /// Opens an element without attributes.
    fn open(&mut self, name: Cow<'a, str>) -> Result<(), XmlFlaw> {
        if self.nodes.len() == ELEMENTS_MAX {
            return Err(XmlFlaw::TooManyElements);
        }
        if self.open.len() == DEPTH_MAX {
            return Err(XmlFlaw::TooDeep);
        }
        if self.open.is_empty() && !self.nodes.is_empty() {
            return Err(XmlFlaw::NotWellFormed);
        }
        if !is_name(&name) {
            return Err(XmlFlaw::NotWellFormed);
        }
        let attributes_start = index(self.attributes.len())?;
        let own = index(self.nodes.len())?;
        let parent = self.open.last().copied().unwrap_or(0);
        self.nodes.push(Node {
            name,
            text: Cow::Borrowed(""),
            parent,
            first_child: 0,
            last_child: 0,
            next: 0,
            attributes_start,
            attributes_end: attributes_start,
        });
        if own != 0 {
            self.link(parent, own)?;
        }
        self.open.push(own);
        Ok(())
    }

    /// The name of a start tag, borrowed from the source, where it follows the bracket.
    fn name_in_source(&self, name: &str) -> Cow<'a, str> {
        let start = self.position.saturating_add(1);
        match self.source.get(start..start.saturating_add(name.len())) {
            Some(found) if found == name => Cow::Borrowed(found),
            _ => Cow::Owned(name.to_owned()),
        }
    }

    /// Makes `own` the last child of `parent`.
    fn link(&mut self, parent: u32, own: u32) -> Result<(), XmlFlaw> {
        let node = self.node_mut(parent)?;
        let before = std::mem::replace(&mut node.last_child, own);
        if before == 0 {
            node.first_child = own;
        } else {
            self.node_mut(before)?.next = own;
        }
        Ok(())
    }

    fn read_attributes(&mut self, start: &BytesStart<'_>) -> Result<(), XmlFlaw> {
        for (count, attribute) in start.attributes().enumerate() {
            if count == ATTRIBUTES_MAX {
                return Err(XmlFlaw::TooManyAttributes);
            }
            let attribute = attribute.map_err(|_| XmlFlaw::NotWellFormed)?;
            let name = attribute.key.as_ref();
            if !is_qualified_name(name) {
                return Err(XmlFlaw::NotWellFormed);
            }
            let value = unescape(&attribute.value)?;
            if name == "xmlns" {
                // COMPAT: some clients declare no namespace, or an empty one on inner elements.
                if !value.is_empty() && value != S3_NAMESPACE {
                    return Err(XmlFlaw::Namespace);
                }
                continue;
            }
            if name.starts_with("xmlns:") || name == "xsi:schemaLocation" {
                continue;
            }
            self.attributes.push((Cow::Owned(name.to_owned()), Cow::Owned(value)));
        }
        Ok(())
    }

    fn text(&mut self, text: Cow<'a, str>) -> Result<(), XmlFlaw> {
        let Some(open) = self.open.last().copied() else {
            return if is_space(&text) { Ok(()) } else { Err(XmlFlaw::NotWellFormed) };
        };
        let node = self.node_mut(open)?;
        if node.text.is_empty() {
            node.text = text;
        } else {
            node.text.to_mut().push_str(&text);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), XmlFlaw> {
        let own = self.open.pop().ok_or(XmlFlaw::NotWellFormed)?;
        let node = self.node_mut(own)?;
        if node.first_child != 0 {
            if !is_space(&node.text) {
                return Err(XmlFlaw::MixedContent);
            }
            node.text = Cow::Borrowed("");
        }
        Ok(())
    }

    fn finish(self) -> Result<XmlDocument<'a>, XmlFlaw> {
        if self.nodes.is_empty() || !self.open.is_empty() {
            return Err(XmlFlaw::NotWellFormed);
        }
        Ok(XmlDocument { nodes: self.nodes, attributes: self.attributes })
    }

    fn node_mut(&mut self, index: u32) -> Result<&mut Node<'a>, XmlFlaw> {
        let index = usize::try_from(index).map_err(|_| XmlFlaw::TooManyElements)?;
        self.nodes.get_mut(index).ok_or(XmlFlaw::NotWellFormed)
    }
}

fn index(length: usize) -> Result<u32, XmlFlaw> {
    u32::try_from(length).map_err(|_| XmlFlaw::TooManyElements)
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), XmlFlaw> {
    let version = declaration.version().map_err(|_| XmlFlaw::Encoding)?;
    if version != "1.0" {
        return Err(XmlFlaw::Encoding);
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err(XmlFlaw::Encoding),
    }
}

/// The character that `&name;` stands for.
fn resolve_name(name: &str) -> Result<char, XmlFlaw> {
    let code = match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => name.strip_prefix('#').ok_or(XmlFlaw::Entity)?,
    };
    let (digits, radix) = match code.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (code, 10),
    };
    // Rust's parser would take a plus sign.
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(XmlFlaw::Character);
    }
    let code = u32::from_str_radix(digits, radix).map_err(|_| XmlFlaw::Character)?;
    let character = char::from_u32(code).ok_or(XmlFlaw::Character)?;
    if is_xml_character(character) { Ok(character) } else { Err(XmlFlaw::Character) }
}

/// The value of an attribute with its references resolved.
fn unescape(raw: &str) -> Result<String, XmlFlaw> {
    if raw.contains('<') {
        return Err(XmlFlaw::NotWellFormed);
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, after) = after.split_once(';').ok_or(XmlFlaw::NotWellFormed)?;
        value.push_str(before);
        value.push(resolve_name(name)?);
        rest = after;
    }
    value.push_str(rest);
    Ok(value)
}

fn is_name(text: &str) -> bool {
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    starts && text.len() <= NAME_BYTES_MAX && text.bytes().all(inside)
}

/// A name, with a prefix or without.
fn is_qualified_name(text: &str) -> bool {
    text.split_once(':').map_or(is_name(text), |(prefix, name)| is_name(prefix) && is_name(name))
}

fn is_space(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Longest document: 10,000 parts with a checksum, or 1,000 keys of 1,024 escaped bytes, fit.
pub const XML_BYTES_MAX: usize = 8 * 1024 * 1024;
const ELEMENTS_MAX: usize = 131_072; // 10,000 parts with all ten checksums
const DEPTH_MAX: usize = 16; // the deepest document of S3 has 9 levels
const ATTRIBUTES_MAX: usize = 8; // for each element; clients send three
const NAME_BYTES_MAX: usize = 128; // the longest name in the model has 44
