//! Sealing small secrets under a long-lived key.
//!
//! Every message gets a key of its own, derived from the long-lived key and a fresh 256-bit salt,
//! so that the nonce can be constant and no long-lived key ever meets a random 96-bit nonce.

use strongroom_types::{Entropy, EntropyError};

use crate::aead::{AeadError, AeadKey};
use crate::hmac::hkdf_sha256;
use crate::secret::{Secret, SecretBytes};

/// Why a secret was not sealed or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no randomness for a salt.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The library could not do its work.
    #[error("the cryptographic library failed")]
    Unavailable,
    /// Too few or too many bytes to be one of ours.
    #[error("a sealed secret cannot have {sealed_bytes} bytes")]
    Length {
        /// The length that was given.
        sealed_bytes: usize,
    },
    /// Sealed by a version that this one does not know.
    #[error("format version {found} of a sealed secret is not known")]
    FormatVersion {
        /// The version that was found.
        found: u8,
    },
    /// Changed, sealed under another key, or sealed for another context.
    #[error("the sealed secret does not authenticate")]
    Unauthentic,
}

/// Seals `plaintext` under `key` for one `context`: the same parts must be named to open it.
///
/// `context` says what the secret is and whose, starting with a constant word for its kind; the
/// parts may have any length. The result is 49 bytes longer than the plaintext.
///
/// # Errors
/// If there is no randomness, or the library fails.
pub fn seal_secret(
    key: &Secret<32>,
    context: &[&[u8]],
    plaintext: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    let aad = context_aad(context);
    let mut sealed = Vec::with_capacity(SEAL_OVERHEAD_BYTES + plaintext.len());
    seal_fresh(key, SECRET_LABEL, &aad, plaintext, entropy, &mut sealed)?;
    Ok(sealed)
}

/// Opens what [`seal_secret`] made under this key for this context.
///
/// # Errors
/// If it is not that, down to the last bit.
pub fn open_secret(
    key: &Secret<32>,
    context: &[&[u8]],
    sealed: &[u8],
) -> Result<SecretBytes, SealError> {
    let mut opened = SecretBytes::new(Vec::new());
    open_fresh(key, SECRET_LABEL, &context_aad(context), sealed, opened.as_mut_vec())?;
    Ok(opened)
}

/// Appends version, salt, ciphertext and tag to `out`, which has room for them: growing would leave
/// a copy of the plaintext behind.
pub(crate) fn seal_fresh(
    key: &Secret<32>,
    label: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    entropy: &dyn Entropy,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let mut salt = [0; SALT_BYTES];
    entropy.fill(&mut salt)?;
    out.push(FORMAT_VERSION);
    out.extend_from_slice(&salt);
    let start = out.len();
    out.extend_from_slice(plaintext);
    let buffer = out.get_mut(start..).unwrap_or_default();
    let tag = message_key(key, &salt, label)?
        .seal_in_place(ONLY_NONCE, aad, buffer)
        .map_err(|_| SealError::Unavailable)?;
    out.extend_from_slice(&tag);
    Ok(())
}

/// Puts the plaintext into `out`, which is empty and belongs to something that wipes it.
pub(crate) fn open_fresh(
    key: &Secret<32>,
    label: &[u8],
    aad: &[u8],
    sealed: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let length = SealError::Length { sealed_bytes: sealed.len() };
    let (&[found], rest) = sealed.split_first_chunk().ok_or(length)?;
    if found != FORMAT_VERSION {
        return Err(SealError::FormatVersion { found });
    }
    let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>().ok_or(length)?;
    if rest.len() < AeadKey::TAG_BYTES {
        return Err(length);
    }
    out.extend_from_slice(rest);
    let plaintext_bytes = message_key(key, salt, label)?
        .open_in_place(ONLY_NONCE, aad, out)
        .map_err(|error| match error {
            AeadError::Unavailable => SealError::Unavailable,
            AeadError::Unauthentic => SealError::Unauthentic,
        })?
        .len();
    out.truncate(plaintext_bytes);
    Ok(())
}

fn message_key(
    key: &Secret<32>,
    salt: &[u8; SALT_BYTES],
    label: &[u8],
) -> Result<AeadKey, SealError> {
    AeadKey::new(&hkdf_sha256(key, salt, &[label])).map_err(|_| SealError::Unavailable)
}

/// The parts with their lengths before them, so that no two contexts give the same bytes.
fn context_aad(context: &[&[u8]]) -> Vec<u8> {
    let mut aad = vec![FORMAT_VERSION];
    for part in context {
        aad.extend_from_slice(&(part.len() as u64).to_be_bytes());
        aad.extend_from_slice(part);
    }
    aad
}

pub(crate) const FORMAT_VERSION: u8 = 1;
pub(crate) const SALT_BYTES: usize = 32; // 256 bits: two equal salts are out of reach
/// Version, salt and tag.
pub(crate) const SEAL_OVERHEAD_BYTES: usize = 1 + SALT_BYTES + AeadKey::TAG_BYTES;
/// Each message key seals one message, so there is nothing that the nonce must tell apart.
const ONLY_NONCE: [u8; AeadKey::NONCE_BYTES] = [0; AeadKey::NONCE_BYTES];
const SECRET_LABEL: &[u8] = b"strongroom seal v1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::testing::{CountingEntropy, NoEntropy, hex};

    fn key() -> Secret<32> {
        Secret::from_bytes([5; 32])
    }

    #[test]
    fn secrets_of_any_length_come_back() {
        for length in [0, 1, 15, 16, 17, 40, 4096] {
            let plaintext = vec![0xa5; length];
            let sealed = seal_secret(&key(), &[b"kind"], &plaintext, &SystemEntropy).unwrap();
            assert_eq!(sealed.len(), length + 49);
            let opened = open_secret(&key(), &[b"kind"], &sealed).unwrap();
            assert_eq!(opened.danger_expose(), plaintext);
        }
    }

    #[test]
    fn the_format_is_the_documented_one() {
        let sealed =
            seal_secret(&key(), &[b"a", b"bc"], b"x", &CountingEntropy::default()).unwrap();
        let salt: Vec<u8> = (0..32).collect();
        assert_eq!(sealed[0], 1);
        assert_eq!(sealed[1..33], salt);
        let subkey = hkdf_sha256(&key(), &salt, &[b"strongroom seal v1"]);
        let aad = b"\x01\0\0\0\0\0\0\0\x01a\0\0\0\0\0\0\0\x02bc";
        let mut rest = sealed[33..].to_vec();
        let opened = AeadKey::new(&subkey).unwrap().open_in_place([0; 12], aad, &mut rest).unwrap();
        assert_eq!(opened, b"x");
        // Computed by an independent implementation.
        assert_eq!(sealed[33..], hex("4ebf40e7d8240f69ed6cb27261a3ba170e"));
    }

    #[test]
    fn every_seal_has_its_own_salt_and_needs_one() {
        let entropy = SystemEntropy;
        let first = seal_secret(&key(), &[], b"same", &entropy).unwrap();
        let second = seal_secret(&key(), &[], b"same", &entropy).unwrap();
        assert_ne!(first[1..33], second[1..33]);
        assert_ne!(first[33..], second[33..]);
        let refused = seal_secret(&key(), &[], b"same", &NoEntropy);
        assert_eq!(refused, Err(SealError::Entropy(EntropyError)));
    }

    #[test]
    fn another_context_or_key_does_not_open() {
        let sealed = seal_secret(&key(), &[b"ab", b"c"], b"secret", &SystemEntropy).unwrap();
        let contexts: [&[&[u8]]; 6] =
            [&[b"a", b"bc"], &[b"abc"], &[b"ab", b"c", b""], &[b"", b"ab", b"c"], &[b"ab"], &[]];
        for context in contexts {
            let refused = open_secret(&key(), context, &sealed);
            assert_eq!(refused.unwrap_err(), SealError::Unauthentic);
        }
        let other_key = Secret::from_bytes([6; 32]);
        let refused = open_secret(&other_key, &[b"ab", b"c"], &sealed);
        assert_eq!(refused.unwrap_err(), SealError::Unauthentic);
    }

    #[test]
    fn every_flipped_bit_and_every_other_length_is_refused() {
        let sealed = seal_secret(&key(), &[b"k"], b"secret", &SystemEntropy).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open_secret(&key(), &[b"k"], &flipped).is_err(), "{bit}");
        }
        for length in 0..sealed.len() {
            assert!(open_secret(&key(), &[b"k"], &sealed[..length]).is_err(), "{length}");
        }
        let longer = [sealed.as_slice(), b"\0"].concat();
        assert!(open_secret(&key(), &[b"k"], &longer).is_err());
        let newer = [&[2], &sealed[1..]].concat();
        let refused = open_secret(&key(), &[b"k"], &newer).unwrap_err();
        assert_eq!(refused, SealError::FormatVersion { found: 2 });
    }
}
