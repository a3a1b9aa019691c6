//! Structures out of elements.

use super::reader::XmlElement;
use crate::{DecodeError, DecodeErrorKind, FromText};

/// A value that is read from an element. Implemented by generated structures, and by all scalars.
pub trait ReadXml: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// If something in it is missing, present twice, or has not the form of its type.
    fn read_xml(element: XmlElement<'_>) -> Result<Self, DecodeError>;
}

impl<T: FromText> ReadXml for T {
    fn read_xml(element: XmlElement<'_>) -> Result<Self, DecodeError> {
        if element.has_children() {
            let kind = DecodeErrorKind::MalformedXml("there are elements where text should be");
            return Err(DecodeError::in_element(element, kind));
        }
        let text = element.text();
        let text = if T::KEEPS_SPACE { text } else { text.trim_matches(is_space) };
        T::from_text(text).map_err(|kind| DecodeError::in_element(element, kind))
    }
}

impl XmlElement<'_> {
    /// The child of this name.
    ///
    /// # Errors
    /// If there are two, or it has not the form of its type.
    pub fn optional<T: ReadXml>(self, name: &str) -> Result<Option<T>, DecodeError> {
        let mut found = self.children().filter(|child| child.name() == name);
        let Some(child) = found.next() else {
            return Ok(None);
        };
        // SECURITY: of two elements, another parser may take the other one.
        if found.next().is_some() {
            return Err(DecodeError::in_element(child, DecodeErrorKind::Duplicate));
        }
        T::read_xml(child).map(Some)
    }

    /// The child of this name, which must be present.
    ///
    /// # Errors
    /// As [`Self::optional`], or if there is none.
    pub fn required<T: ReadXml>(self, name: &str) -> Result<T, DecodeError> {
        self.optional(name)?.ok_or_else(|| self.missing(name))
    }

    /// All children of this name.
    ///
    /// # Errors
    /// If one has not the form of its type.
    pub fn list<T: ReadXml>(self, name: &str) -> Result<Vec<T>, DecodeError> {
        self.children().filter(|child| child.name() == name).map(T::read_xml).collect()
    }

    /// All children of this name; there must be one.
    ///
    /// # Errors
    /// As [`Self::list`], or if there is none.
    pub fn required_list<T: ReadXml>(self, name: &str) -> Result<Vec<T>, DecodeError> {
        let items = self.list(name)?;
        if items.is_empty() {
            return Err(self.missing(name));
        }
        Ok(items)
    }

    /// The children called `item` of the child called `name`.
    ///
    /// # Errors
    /// If there are two lists, or an item has not the form of its type.
    pub fn wrapped_list<T: ReadXml>(
        self,
        name: &str,
        item: &str,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let mut found = self.children().filter(|child| child.name() == name);
        let Some(list) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(DecodeError::in_element(list, DecodeErrorKind::Duplicate));
        }
        list.list(item).map(Some)
    }

    /// The children called `item` of the child called `name`, which must be present.
    ///
    /// # Errors
    /// As [`Self::wrapped_list`], or if there is no list.
    pub fn required_wrapped_list<T: ReadXml>(
        self,
        name: &str,
        item: &str,
    ) -> Result<Vec<T>, DecodeError> {
        self.wrapped_list(name, item)?.ok_or_else(|| self.missing(name))
    }

    /// The attribute of this name.
    ///
    /// # Errors
    /// If it has not the form of its type.
    pub fn attribute<T: FromText>(self, name: &str) -> Result<Option<T>, DecodeError> {
        let found = self.attributes().find(|(other, _)| *other == name);
        let Some((_, text)) = found else {
            return Ok(None);
        };
        T::from_text(text).map(Some).map_err(|kind| DecodeError::in_element(self, kind))
    }

    /// The attribute of this name, which must be present.
    ///
    /// # Errors
    /// As [`Self::attribute`], or if there is none.
    pub fn required_attribute<T: FromText>(self, name: &str) -> Result<T, DecodeError> {
        self.attribute(name)?.ok_or_else(|| self.missing(name))
    }

    fn missing(self, name: &str) -> DecodeError {
        let path = format!("{}.{name}", self.path());
        DecodeError::new(crate::DecodeLocation::Element(path), DecodeErrorKind::Missing)
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}
