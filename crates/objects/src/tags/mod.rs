//! Tags of objects and buckets: what a set of them may be, and how it changes.
//!
//! SPEC: data-protection, 6.2. Tags are metadata: they lie sealed in the records like everything
//! else that is known of an object.

mod bucket;
mod object;

pub(crate) use bucket::write;
pub(crate) use object::TaggingError;

/// Tags whose keys differ and ascend, within the limits of S3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TagSet(Vec<(String, String)>);

/// Why tags are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TagError {
    /// There are more than the resource may have.
    #[error("tags cannot be more than {tags_max}")]
    TooMany {
        /// How many there may be.
        tags_max: usize,
    },
    /// A key is empty or too long, or has characters that no key has.
    #[error("the TagKey you have provided is invalid")]
    Key(String),
    /// A value is too long, or has characters that no value has.
    #[error("the TagValue you have provided is invalid")]
    Value(String),
    /// The key belongs to AWS.
    #[error("system tags cannot be added or updated by requester")]
    Reserved(String),
    /// Two tags have one key.
    #[error("cannot provide multiple tags with the same key")]
    Duplicate(String),
    /// The header is not encoded as a query, or names a key twice.
    #[error(
        "the header `x-amz-tagging` shall be encoded as UTF-8 and then as URL query parameters \
         without duplicates"
    )]
    Header(String),
}

impl TagSet {
    /// The tags of an object.
    pub(crate) fn of_object(
        tags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, TagError> {
        Self::checked(tags, OBJECT_TAGS_MAX)
    }

    /// The tags of a bucket.
    pub(crate) fn of_bucket(
        tags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, TagError> {
        Self::checked(tags, BUCKET_TAGS_MAX)
    }

    /// The tags of an object as the header `x-amz-tagging` writes them: URL query parameters.
    pub(crate) fn from_header(text: &str) -> Result<Self, TagError> {
        let unreadable = || TagError::Header(text.to_owned());
        let mut tags: Vec<(String, String)> = Vec::new();
        for parameter in text.split('&').filter(|_| !text.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let key = decode(key).filter(|key| !key.is_empty()).ok_or_else(unreadable)?;
            let value = decode(value).ok_or_else(unreadable)?;
            if tags.iter().any(|(other, _)| *other == key) {
                return Err(unreadable());
            }
            tags.push((key, value));
        }
        Self::of_object(tags)
    }

    /// The tags, ascending by key.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    fn checked(
        tags: impl IntoIterator<Item = (String, String)>,
        tags_max: usize,
    ) -> Result<Self, TagError> {
        let mut checked: Vec<(String, String)> = Vec::new();
        for (key, value) in tags {
            if checked.len() == tags_max {
                return Err(TagError::TooMany { tags_max });
            }
            if key.to_ascii_lowercase().starts_with(RESERVED_PREFIX) {
                return Err(TagError::Reserved(key));
            }
            if key.is_empty() || !fits(&key, KEY_UNITS_MAX) {
                return Err(TagError::Key(key));
            }
            if !fits(&value, VALUE_UNITS_MAX) {
                return Err(TagError::Value(value));
            }
            checked.push((key, value));
        }
        checked.sort();
        let twin = checked.iter().zip(checked.iter().skip(1)).find(|(a, b)| a.0 == b.0);
        if let Some(((key, _), _)) = twin {
            return Err(TagError::Duplicate(key.clone()));
        }
        Ok(Self(checked))
    }
}

/// Letters, digits, spaces and a few signs, and no more of them than this. AWS counts in UTF-16.
fn fits(text: &str, units_max: usize) -> bool {
    let allowed = |c: char| {
        c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || SIGNS.contains(c)
    };
    text.encode_utf16().count() <= units_max && text.chars().all(allowed)
}

/// One name or value of a query.
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(bytes.next()?)? * 16 + digit(bytes.next()?)?;
                decoded.push(u8::try_from(value).ok()?);
            }
            other => decoded.push(other),
        }
    }
    String::from_utf8(decoded).ok()
}

const OBJECT_TAGS_MAX: usize = 10; // SPEC: data-protection, 6.2
const BUCKET_TAGS_MAX: usize = 50; // SPEC: data-protection, 6.2; at most 58 KB in a record
const KEY_UNITS_MAX: usize = 128; // SPEC: data-protection, 6.2
const VALUE_UNITS_MAX: usize = 256; // SPEC: data-protection, 6.2
const SIGNS: &str = "+-=._:/@";
const RESERVED_PREFIX: &str = "aws:";

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, value: &str) -> Result<TagSet, TagError> {
        TagSet::of_object([(key.to_owned(), value.to_owned())])
    }

    fn numbered(count: usize) -> Vec<(String, String)> {
        (0..count).map(|number| (format!("k{number:02}"), String::new())).collect()
    }

    #[test]
    fn limits_count_units_of_utf_16() {
        assert!(one(&"k".repeat(128), &"v".repeat(256)).is_ok());
        assert_eq!(one(&"k".repeat(129), ""), Err(TagError::Key("k".repeat(129))));
        assert_eq!(one("k", &"v".repeat(257)), Err(TagError::Value("v".repeat(257))));
        assert!(one(&"ü".repeat(128), &"字".repeat(256)).is_ok());
        // A letter outside the first plane takes two units.
        assert!(one(&"𐐀".repeat(64), &"𐐀".repeat(128)).is_ok());
        assert!(one(&"𐐀".repeat(65), "").is_err());
        assert!(one("k", &"𐐀".repeat(129)).is_err());
        assert_eq!(one("", "v"), Err(TagError::Key(String::new())));
    }

    #[test]
    fn objects_have_10_tags_and_buckets_50() {
        assert!(TagSet::of_object(numbered(10)).is_ok());
        assert_eq!(TagSet::of_object(numbered(11)), Err(TagError::TooMany { tags_max: 10 }));
        assert!(TagSet::of_bucket(numbered(50)).is_ok());
        assert_eq!(TagSet::of_bucket(numbered(51)), Err(TagError::TooMany { tags_max: 50 }));
    }

    #[test]
    fn characters_are_letters_digits_spaces_and_a_few_signs() {
        assert!(one("Größe 1+-=._:/@", "字 a\u{a0}b").is_ok());
        for bad in ["a&b", "a<b", "a\tb", "a\nb", "a\0b", "a*b", "a,b", "a\"b", "a%b", "😀"] {
            assert_eq!(one(bad, ""), Err(TagError::Key(bad.to_owned())));
            assert_eq!(one("k", bad), Err(TagError::Value(bad.to_owned())));
        }
        for reserved in ["aws:", "aws:x", "AWS:x"] {
            assert_eq!(one(reserved, ""), Err(TagError::Reserved(reserved.to_owned())));
        }
        assert!(one("awsx", "aws:x").is_ok());
    }

    #[test]
    fn keys_are_unique_and_in_order() {
        let tags = |keys: &[&str]| {
            TagSet::of_object(keys.iter().map(|key| ((*key).to_owned(), key.to_uppercase())))
        };
        let ordered = tags(&["b", "a", "A"]).unwrap().into_pairs();
        let keys: Vec<_> = ordered.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["A", "a", "b"]);
        assert_eq!(tags(&["a", "b", "a"]), Err(TagError::Duplicate("a".to_owned())));
    }

    #[test]
    fn the_header_is_a_query() {
        let read = |text: &str| TagSet::from_header(text).map(TagSet::into_pairs);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(read(""), Ok(vec![]));
        assert_eq!(read("foo=bar&bar"), Ok(vec![pair("bar", ""), pair("foo", "bar")]));
        assert_eq!(read("a+b=c%20d&%C3%BC==%3D"), Ok(vec![pair("a b", "c d"), pair("ü", "==")]));
        for bad in [
            "a=1&a=2",
            "a=1&%61=2",
            "&",
            "a=1&",
            "&a=1",
            "=1",
            "a=%",
            "a=%2",
            "a=%zz",
            "a=%+1",
            "a=%ff",
        ] {
            assert_eq!(read(bad), Err(TagError::Header(bad.to_owned())), "{bad}");
        }
        assert_eq!(read("aws:x=1"), Err(TagError::Reserved("aws:x".to_owned())));
        let eleven: Vec<_> = (0..11).map(|number| format!("k{number}=v")).collect();
        assert_eq!(read(&eleven.join("&")), Err(TagError::TooMany { tags_max: 10 }));
    }
}
