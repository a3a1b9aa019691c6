//! The condition keys of one request and their values.

use std::borrow::Cow;
use std::net::IpAddr;

use strongroom_types::Timestamp;

/// What a request says about itself: condition keys, each with one value or with a list of them.
///
/// Names are compared ignoring case, tag keys in them included. A key is absent unless it was set:
/// fill it from a fact that the caller cannot forge, or leave it out. Typed values (a moment, an
/// address) become text only if a policy asks for text, so filling the many keys of a request is
/// cheap.
///
/// SPEC: access-control, 1.5 and 3.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context<'a> {
    entries: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Context<'a> {
    /// A context without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A context with room for this many keys.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        Self { entries: Vec::with_capacity(keys) }
    }

    /// Sets a key; a value that it had is replaced. A name in lower case costs nothing.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) {
        let name = name.into();
        let name = match fold_name(&name) {
            Cow::Borrowed(_) => name,
            Cow::Owned(folded) => Cow::Owned(folded),
        };
        let value = value.into();
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.entries.push((name, value)),
        }
    }

    /// Sets a key if there is a value.
    pub fn set_some<V: Into<Value<'a>>>(
        &mut self,
        name: impl Into<Cow<'a, str>>,
        value: Option<V>,
    ) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// The value of a key, whatever the case of its name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value<'a>> {
        self.get(&fold_name(name))
    }

    /// All keys, folded, in the order in which they were set.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }

    /// The value of a key whose name is folded already.
    pub(crate) fn get(&self, folded: &str) -> Option<&Value<'a>> {
        self.entries.iter().find(|(name, _)| *name == folded).map(|(_, value)| value)
    }
}

/// The value of a condition key.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A moment; as text `2026-01-02T03:04:05.000Z`.
    Time(Timestamp),
    /// A client's address.
    Address(IpAddr),
    /// The values of a multivalued key. An empty list is the same as no key.
    List(Vec<Cow<'a, str>>),
}

impl Value<'_> {
    /// The values, one by one; a key that is not multivalued has one.
    pub(crate) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let (single, list) = match self {
            Self::Text(text) => (Some(Item::Text(text)), &[][..]),
            Self::Bool(value) => (Some(Item::Bool(*value)), &[][..]),
            Self::Number(number) => (Some(Item::Number(*number)), &[][..]),
            Self::Time(time) => (Some(Item::Time(*time)), &[][..]),
            Self::Address(address) => (Some(Item::Address(*address)), &[][..]),
            Self::List(texts) => (None, &**texts),
        };
        single.into_iter().chain(list.iter().map(|text| Item::Text(text)))
    }

    /// Whether there is no value at all.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::List(texts) if texts.is_empty())
    }

    /// Whether there is nothing but empty text: a null set.
    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(texts) => texts.iter().all(|text| text.is_empty()),
            Self::Bool(_) | Self::Number(_) | Self::Time(_) | Self::Address(_) => false,
        }
    }

    /// The text of a key with one value.
    pub(crate) fn single_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::List(_) => None,
            _ => self.items().next().map(Item::into_text),
        }
    }
}

/// One value, as the operators see it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item<'v> {
    Text(&'v str),
    Bool(bool),
    Number(i64),
    Time(Timestamp),
    Address(IpAddr),
}

impl<'v> Item<'v> {
    pub(crate) fn into_text(self) -> Cow<'v, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Time(time) => Cow::Owned(time.to_iso8601()),
            Self::Address(address) => Cow::Owned(address.to_string()),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<IpAddr> for Value<'_> {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl<'a> From<Vec<&'a str>> for Value<'a> {
    fn from(texts: Vec<&'a str>) -> Self {
        Self::List(texts.into_iter().map(Cow::Borrowed).collect())
    }
}

impl From<Vec<String>> for Value<'_> {
    fn from(texts: Vec<String>) -> Self {
        Self::List(texts.into_iter().map(Cow::Owned).collect())
    }
}

impl<'a> From<Vec<Cow<'a, str>>> for Value<'a> {
    fn from(texts: Vec<Cow<'a, str>>) -> Self {
        Self::List(texts)
    }
}

/// A condition key's name as it is compared: in lower case, the tag key in it included.
///
/// SPEC: access-control, 1.5 (names are case-insensitive).
pub(crate) fn fold_name(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_ignoring_case_and_tag_keys_too() {
        let mut context = Context::new();
        context.set("aws:PrincipalTag/Équipe", "x");
        assert_eq!(context.value("AWS:principaltag/éQUIPE"), Some(&Value::from("x")));
        context.set("aws:principaltag/équipe", "y");
        assert_eq!(context.entries().count(), 1, "a key has one value");
        assert_eq!(context.value("aws:PrincipalTag/Équipe"), Some(&Value::from("y")));
    }

    #[test]
    fn typed_values_read_as_text_where_text_is_asked_for() {
        let text = |value: Value<'static>| value.single_text().map(Cow::into_owned);
        assert_eq!(text(true.into()).as_deref(), Some("true"));
        assert_eq!(text(1000.into()).as_deref(), Some("1000"));
        assert_eq!(text(Timestamp::EPOCH.into()).as_deref(), Some("1970-01-01T00:00:00.000Z"));
        let address: IpAddr = "::1".parse().unwrap();
        assert_eq!(text(address.into()).as_deref(), Some("::1"));
        assert_eq!(text(vec!["x"].into()), None);
    }
}
