//! The rules for names, paths, tags and the like. SPEC: access-control, 1.6 and 7.

use super::error::{IamError, shown};

/// 1 to `chars_max` letters, digits or `_+=,.@-`.
pub(crate) fn check_name(member: &str, text: &str, chars_max: usize) -> Result<(), IamError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if text.is_empty() || text.len() > chars_max || !text.bytes().all(fits) {
        let message = format!(
            "value at `{member}` must be 1 to {chars_max} letters, digits or characters of \
             `_+=,.@-`"
        );
        return Err(IamError::Validation(message));
    }
    Ok(())
}

/// `/`, or something between slashes; one slash if there is none.
pub(crate) fn path(text: Option<String>) -> Result<String, IamError> {
    let text = text.unwrap_or_else(|| "/".to_owned());
    check_path("Path", &text)?;
    if text.ends_with('/') { Ok(text) } else { Err(bad_path("Path")) }
}

/// What a path may start with.
pub(crate) fn path_prefix(text: Option<String>) -> Result<String, IamError> {
    let text = text.unwrap_or_else(|| "/".to_owned());
    check_path("PathPrefix", &text)?;
    Ok(text)
}

fn check_path(member: &str, text: &str) -> Result<(), IamError> {
    let fits = text.bytes().all(|b| (b'!'..=b'~').contains(&b));
    if text.starts_with('/') && text.len() <= PATH_CHARS_MAX && fits {
        Ok(())
    } else {
        Err(bad_path(member))
    }
}

fn bad_path(member: &str) -> IamError {
    IamError::Validation(format!(
        "value at `{member}` must start and end with a slash and have up to {PATH_CHARS_MAX} \
         printable characters"
    ))
}

/// Up to 1,000 characters that IAM's descriptions may have.
pub(crate) fn description(text: Option<String>) -> Result<String, IamError> {
    let text = text.unwrap_or_default();
    let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    if text.chars().count() > 1_000 || !text.chars().all(fits) {
        let message = "value at `Description` must have up to 1000 characters of Latin-1";
        return Err(IamError::Validation(message.to_owned()));
    }
    Ok(text)
}

/// Tags that are to be set, on their own.
pub(crate) fn check_tags(tags: &[(String, String)]) -> Result<(), IamError> {
    for (index, (key, value)) in tags.iter().enumerate() {
        check_tag_key(key)?;
        if value.chars().count() > TAG_VALUE_CHARS_MAX || !value.chars().all(in_tag) {
            let message = format!("value of tag `{}` is not allowed", shown(key));
            return Err(IamError::Validation(message));
        }
        let same = |(other, _): &(String, String)| same_key(other, key);
        if tags.iter().take(index).any(same) {
            let message = "duplicate tag keys found; tag keys are case insensitive";
            return Err(IamError::InvalidInput(message.to_owned()));
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(too_many_tags());
    }
    Ok(())
}

/// A key of a tag.
pub(crate) fn check_tag_key(key: &str) -> Result<(), IamError> {
    let length = key.chars().count();
    let reserved = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if !(1..=TAG_KEY_CHARS_MAX).contains(&length) || !key.chars().all(in_tag) || reserved {
        let message = format!("tag key `{}` is not allowed", shown(key));
        return Err(IamError::Validation(message));
    }
    Ok(())
}

/// Keys of tags are equal whatever their case.
pub(crate) fn same_key(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Puts tags to those that are there.
pub(crate) fn merge_tags(
    tags: &mut Vec<(String, String)>,
    added: Vec<(String, String)>,
) -> Result<(), IamError> {
    check_tags(&added)?;
    for (key, value) in added {
        match tags.iter_mut().find(|(other, _)| same_key(other, &key)) {
            Some(tag) => *tag = (key, value),
            None => tags.push((key, value)),
        }
    }
    if tags.len() > TAGS_MAX { Err(too_many_tags()) } else { Ok(()) }
}

fn too_many_tags() -> IamError {
    IamError::LimitExceeded(format!("there can be no more than {TAGS_MAX} tags"))
}

fn in_tag(c: char) -> bool {
    c.is_alphanumeric() || "_.:/=+-@".contains(c) || (c.is_whitespace() && !c.is_control())
}

const PATH_CHARS_MAX: usize = 512;
const TAGS_MAX: usize = 50;
const TAG_KEY_CHARS_MAX: usize = 128;
const TAG_VALUE_CHARS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_first_and_a_last_allowed_length() {
        for good in ["a", "A_1+=,.@-", &"n".repeat(64)] {
            assert!(check_name("UserName", good, 64).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "a<b", "ä", "a\n", "a:b", &"n".repeat(65)] {
            assert!(check_name("UserName", bad, 64).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paths_stand_between_slashes() {
        for good in ["/", "/a/", "/a/b!/", &format!("/{}/", "p".repeat(510))] {
            assert_eq!(path(Some(good.to_owned())).unwrap(), good);
        }
        assert_eq!(path(None).unwrap(), "/");
        for bad in ["", "a/", "/a", "/a b/", "/ä/", "/a\n/", &format!("/{}/", "p".repeat(511))] {
            assert!(path(Some(bad.to_owned())).is_err(), "{bad:?}");
        }
        assert!(path_prefix(Some("/a".to_owned())).is_ok());
    }

    #[test]
    fn tags_are_few_and_have_one_value_each() {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert!(check_tags(&[tag("Team", "Größe 1"), tag("k", "")]).is_ok());
        assert!(check_tags(&[tag(&"k".repeat(128), &"v".repeat(256))]).is_ok());
        for bad in [
            tag("", "v"),
            tag(&"k".repeat(129), "v"),
            tag("k", &"v".repeat(257)),
            tag("aws:k", "v"),
            tag("AWS:k", "v"),
            tag("a<b", "v"),
            tag("k", "a&b"),
            tag("k", "\n"),
        ] {
            assert!(check_tags(std::slice::from_ref(&bad)).is_err(), "{bad:?}");
        }
        assert!(check_tags(&[tag("Team", "1"), tag("team", "2")]).is_err());
        let many: Vec<_> = (0..51).map(|n| tag(&format!("k{n}"), "v")).collect();
        assert!(check_tags(&many).is_err() && check_tags(&many[..50]).is_ok());
        let mut tags = many[..50].to_vec();
        assert!(merge_tags(&mut tags, vec![tag("K7", "new")]).is_ok());
        assert_eq!(tags[7], tag("K7", "new"));
        assert!(merge_tags(&mut tags, vec![tag("other", "v")]).is_err());
    }
}
