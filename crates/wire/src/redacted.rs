//! Text that the service model marks as sensitive.

use std::fmt;

use zeroize::Zeroizing;

/// Text that must not reach a log: customer keys, encryption contexts, key ids.
///
/// Printed as `Redacted`, wiped from memory when dropped. It has no `PartialEq`: what needs a
/// comparison decides which kind.
#[derive(Clone, Default)]
pub struct Redacted(Zeroizing<String>);

impl Redacted {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. The caller answers for where it goes.
    #[must_use]
    pub fn danger_expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Redacted {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Redacted {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redacted")
    }
}
