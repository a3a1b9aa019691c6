//! Scalars as text: what stands in a header, a query parameter or an XML element.

use std::borrow::Cow;

use strongroom_types::{BucketName, ObjectKey, Timestamp, VersionId};

use crate::{CopySource, DecodeErrorKind, Redacted};

/// A value that is read from the text of a header, query parameter or XML element.
pub trait FromText: Sized {
    /// Whether white space around the text belongs to the value.
    const KEEPS_SPACE: bool = false;

    /// Reads the value.
    ///
    /// # Errors
    /// If the text has not the form of the type.
    fn from_text(text: &str) -> Result<Self, DecodeErrorKind>;
}

/// A value that is written as the text of a header or XML element.
pub trait ToText {
    /// The text, not escaped. Moments are written as in XML (ISO 8601).
    fn to_text(&self) -> Cow<'_, str>;
}

impl FromText for String {
    const KEEPS_SPACE: bool = true;

    fn from_text(text: &str) -> Result<Self, DecodeErrorKind> {
        Ok(text.to_owned())
    }
}

impl ToText for String {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl FromText for Redacted {
    const KEEPS_SPACE: bool = true;

    fn from_text(text: &str) -> Result<Self, DecodeErrorKind> {
        Ok(Self::from(text))
    }
}

impl ToText for Redacted {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.danger_expose())
    }
}

impl FromText for bool {
    fn from_text(text: &str) -> Result<Self, DecodeErrorKind> {
        // COMPAT: scripts write Python's `True`.
        if text.eq_ignore_ascii_case("true") {
            return Ok(true);
        }
        if text.eq_ignore_ascii_case("false") {
            return Ok(false);
        }
        Err(DecodeErrorKind::NotABoolean)
    }
}

impl ToText for bool {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Borrowed(if *self { "true" } else { "false" })
    }
}

impl FromText for i32 {
    fn from_text(text: &str) -> Result<Self, DecodeErrorKind> {
        parse_number(text)
    }
}

impl ToText for i32 {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}

impl FromText for i64 {
    fn from_text(text: &str) -> Result<Self, DecodeErrorKind> {
        parse_number(text)
    }
}

impl ToText for i64 {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}

impl FromText for Timestamp {
    /// Both forms are read wherever a moment may stand; which one is written is fixed.
    fn from_text(text: &str) -> Result<Self, DecodeErrorKind> {
        Self::parse_iso8601(text)
            .or_else(|_| Self::parse_http_date(text))
            .map_err(|_| DecodeErrorKind::BadTimestamp)
    }
}

impl ToText for Timestamp {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_iso8601())
    }
}

impl FromText for VersionId {
    fn from_text(text: &str) -> Result<Self, DecodeErrorKind> {
        text.parse().map_err(|_| DecodeErrorKind::BadVersionId)
    }
}

impl ToText for VersionId {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}

impl ToText for BucketName {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }
}

impl ToText for ObjectKey {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }
}

impl FromText for CopySource {
    fn from_text(text: &str) -> Result<Self, DecodeErrorKind> {
        Self::parse(text).map_err(DecodeErrorKind::BadCopySource)
    }
}

/// Digits with an optional minus. Rust's own parser would take a plus as well.
fn parse_number<T: std::str::FromStr>(text: &str) -> Result<T, DecodeErrorKind> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecodeErrorKind::NotANumber);
    }
    text.parse().map_err(|_| DecodeErrorKind::NotANumber)
}

/// Defines an enum whose variants have a fixed text on the wire.
///
/// Used by generated code: one line for each variant instead of three matches.
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(
                #[doc = concat!("`", $text, "`")]
                $variant,
            )+
        }

        impl $name {
            /// Every value, in the order of the model.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::DecodeErrorKind;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::DecodeErrorKind::UnknownEnumValue),
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::FromText for $name {
            fn from_text(text: &str) -> ::std::result::Result<Self, $crate::DecodeErrorKind> {
                text.parse()
            }
        }

        impl $crate::ToText for $name {
            fn to_text(&self) -> ::std::borrow::Cow<'_, str> {
                ::std::borrow::Cow::Borrowed(self.as_str())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_with_an_optional_minus() {
        assert_eq!(i32::from_text("-7"), Ok(-7));
        assert_eq!(i32::from_text("2147483647"), Ok(i32::MAX));
        for bad in ["", "-", "+1", "1 ", "0x1", "1.0", "2147483648", "١"] {
            assert_eq!(i32::from_text(bad), Err(DecodeErrorKind::NotANumber), "{bad}");
        }
        assert_eq!(i64::from_text("2147483648"), Ok(2_147_483_648));
    }

    #[test]
    fn sensitive_text_is_not_printed() {
        let redacted = Redacted::from("hunter2");
        assert_eq!(format!("{redacted:?}"), "Redacted");
        assert_eq!(redacted.danger_expose(), "hunter2");
    }
}
