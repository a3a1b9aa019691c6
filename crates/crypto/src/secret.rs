//! Types that hold secret bytes and give them away only by a name that says so.
//!
//! Each is zeroized on drop, prints nothing of itself, and is compared in constant time only.
//! Knows nothing of what the bytes are used for.

use std::fmt;

use aws_lc_rs::constant_time;
use strongroom_types::{Entropy, EntropyError};
use zeroize::Zeroize;

/// `N` secret bytes.
///
/// They lie on the heap, so that moving the value leaves no copy behind on the stack.
/// There is no `Clone`, `PartialEq` or `Display`: see [`Secret::duplicate`] and [`Secret::ct_eq`].
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// The secret made of these bytes. The array given here is wiped; copies of it are not.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; N]) -> Self {
        let mut secret = Self::zeroed();
        secret.0.copy_from_slice(&bytes);
        bytes.zeroize();
        secret
    }

    /// A secret of fresh random bytes.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut secret = Self::zeroed();
        entropy.fill(secret.0.as_mut_slice())?;
        Ok(secret)
    }

    /// The bytes themselves. Do not copy them into a type that is not wiped, and never log them.
    #[must_use]
    pub fn danger_expose(&self) -> &[u8; N] {
        &self.0
    }

    /// A second secret of the same bytes.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Whether both are the same bytes, in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        ct_eq(self.0.as_slice(), other.0.as_slice())
    }

    /// A place to write a secret into, so that it never lies anywhere else.
    pub(crate) fn zeroed() -> Self {
        Self(Box::new([0; N]))
    }

    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Secret text: a password, a secret access key, a bearer token.
pub struct SecretText(String);

impl SecretText {
    /// Takes the text over; it is wiped with this value.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself. Do not copy it into a type that is not wiped, and never log it.
    #[must_use]
    pub fn danger_expose(&self) -> &str {
        &self.0
    }

    /// A second secret of the same text.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Whether both are the same text, in time that depends on the lengths only.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        ct_eq(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// Secret bytes of any length.
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the bytes over; they are wiped with this value, spare capacity included.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves. Do not copy them into a type that is not wiped, and never log them.
    #[must_use]
    pub fn danger_expose(&self) -> &[u8] {
        &self.0
    }

    /// A second secret of the same bytes.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Whether both are the same bytes, in time that depends on the lengths only.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        ct_eq(&self.0, &other.0)
    }

    pub(crate) fn as_mut_vec(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

/// Whether both are the same bytes, in time that depends on the lengths only.
#[must_use]
pub fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CountingEntropy, NoEntropy};

    #[test]
    fn secrets_print_nothing_of_themselves() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Secret::from_bytes(*b"hunter2!"),
            SecretText::new("hunter2!".to_owned()),
            SecretBytes::new(b"hunter2!".to_vec()),
        );
        assert_eq!(shown, "Secret(..) SecretText(..) SecretBytes(..)");
    }

    #[test]
    fn equality_looks_at_every_byte_and_at_the_length() {
        let secret = Secret::from_bytes([7; 32]);
        assert!(secret.ct_eq(&secret.duplicate()));
        for index in 0..32 {
            let mut other = [7; 32];
            other[index] ^= 1;
            assert!(!secret.ct_eq(&Secret::from_bytes(other)), "{index}");
        }
        assert!(ct_eq(b"", b""));
        assert!(!ct_eq(b"a", b"ab"));
        let text = SecretText::new("a".to_owned());
        assert!(text.ct_eq(&text.duplicate()));
        assert!(!text.ct_eq(&SecretText::new("b".to_owned())));
        let bytes = SecretBytes::new(vec![1]);
        assert!(bytes.ct_eq(&bytes.duplicate()));
        assert!(!bytes.ct_eq(&SecretBytes::new(vec![1, 1])));
    }

    #[test]
    fn a_random_secret_is_what_the_entropy_gave_or_an_error() {
        let secret = Secret::<4>::random(&CountingEntropy::default()).unwrap();
        assert_eq!(secret.danger_expose(), &[0, 1, 2, 3]);
        assert!(Secret::<4>::random(&NoEntropy).is_err());
    }
}
