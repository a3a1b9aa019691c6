//! XML bodies: a bounded reader into a small tree, and a writer that cannot write what a parser
//! would refuse.
//!
//! Only what AWS's clients send is read: one root, elements, attributes, text. No document types,
//! no entities of one's own, no processing instructions.

mod read;
mod reader;
mod writer;

pub use read::ReadXml;
pub(crate) use reader::XmlTree;
pub use reader::{XML_BYTES_MAX, XmlDocument, XmlElement, XmlFlaw};
pub use writer::{WriteXml, XmlWriter};

/// The namespace of S3's documents.
pub const S3_NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The namespace of the attribute `xsi:type`.
pub(crate) const XSI_NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Whether XML 1.0 can express this character.
pub(crate) fn is_xml_character(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests;
