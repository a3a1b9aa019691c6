//! Actions of requests, and the patterns by which policies name them.

use std::fmt;
use std::str::FromStr;

use crate::pattern::Pattern;

/// An action that a request performs: `s3:GetObject`.
///
/// Two spellings that differ in case only are the same action; the one given is kept for messages.
#[derive(Debug, Clone)]
pub struct Action {
    name: Box<str>,
    folded: Box<str>,
    colon: usize,
}

/// Text that is no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an action is a service and a name of letters and digits with one colon between them")]
pub struct ActionError;

impl Action {
    /// The action as it was written: `s3:GetObject`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The service prefix in lower case: `s3`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.folded.get(..self.colon).unwrap_or_default()
    }

    /// The whole action in lower case, as patterns are.
    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether this is the action `name`, which is in lower case.
    pub(crate) fn is(&self, name: &str) -> bool {
        *self.folded == *name
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Action {}

impl FromStr for Action {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (service, name) = text.split_once(':').ok_or(ActionError)?;
        let word = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !word(service) || !word(name) || text.len() > ACTION_BYTES_MAX {
            return Err(ActionError);
        }
        let folded = text.to_ascii_lowercase().into();
        Ok(Self { name: text.into(), folded, colon: service.len() })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// An entry of `Action` or `NotAction`.
///
/// SPEC: access-control, 1.3: wildcards anywhere, both parts compared ignoring case, bare `*` is
/// every action of every service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionPattern {
    text: Box<str>,
    /// Of the text in lower case. Text and request have one colon each, so that no wildcard can
    /// match across it.
    pattern: Pattern,
}

impl ActionPattern {
    /// Reads an entry; `None` if it is no action.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let word = |text: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'?' | b'-');
            !text.is_empty() && text.bytes().all(fits)
        };
        let well_formed = match text.split_once(':') {
            Some((service, name)) => word(service) && word(name),
            None => text == "*",
        };
        let folded = text.to_ascii_lowercase();
        well_formed.then(|| Self { text: text.into(), pattern: Pattern::parse(&folded) })
    }

    pub(crate) fn matches(&self, action: &Action) -> bool {
        self.pattern.matches(action.folded())
    }

    /// Whether this matches an action given in lower case.
    pub(crate) fn matches_folded(&self, action: &str) -> bool {
        self.pattern.matches(action)
    }

    /// The service prefix; `None` for the bare `*`.
    pub(crate) fn service(&self) -> Option<&str> {
        self.text.split_once(':').map(|(service, _)| service)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Longest action of a request: the longest that exists has 70 bytes.
const ACTION_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, action: &str) -> bool {
        ActionPattern::parse(pattern).unwrap().matches(&action.parse().unwrap())
    }

    #[test]
    fn actions_are_compared_ignoring_case_with_wildcards_anywhere() {
        assert!(matches("S3:getobject", "s3:GetObject"));
        assert!(matches("s3:Get?bject", "s3:GetObject"));
        assert!(matches("s3:*Object", "s3:DeleteObject"));
        assert!(!matches("s3:*Object", "s3:DeleteObjectVersion"));
        assert!(!matches("s3:Get", "s3:GetObject"));
        assert!(matches("*", "iam:CreateUser"));
        assert!(matches("*:*", "iam:CreateUser"));
        assert!(!matches("s3*:GetObject", "iam:GetObject"));
        assert!(!matches("s*:x*", "s3:GetObject"));
    }

    #[test]
    fn text_that_is_no_action_is_refused() {
        for bad in ["", "s3", "s3:", ":GetObject", "**", "s3:Get Object", "s3:a:b", "s3:${x}"] {
            assert!(ActionPattern::parse(bad).is_none(), "{bad}");
        }
        for bad in ["", "*", "s3", "s3:", "s3:Get*", "s3:a:b"] {
            assert!(bad.parse::<Action>().is_err(), "{bad}");
        }
    }
}
