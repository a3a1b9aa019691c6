//! One copy of the key table as bytes: header, wrapped key-encryption key, sealed table, checksum.
//!
//! Knows nothing of files. `docs/formats/key-file.md` describes the bytes.

use std::sync::Arc;

use strongroom_crypto::{
    RootKeyError, RootKeyProvider, SealError, Secret, SecretBytes, WrappingKey, crc32c,
    open_secret, seal_secret,
};
use strongroom_store::{KeyName, VAULT_KEYS_MAX};
use strongroom_types::{AccountId, BucketId, Entropy};

use super::{KeyFileError, Keys, VaultName};

/// A whole copy: what its checksum covers is as it was written. Whether it opens is another matter.
#[derive(Debug)]
pub(super) struct Image {
    bytes: Vec<u8>,
    sequence: u64,
    wrapped_bytes: usize,
}

/// Why bytes are no whole copy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ImageError {
    #[error("it does not begin as a key file")]
    Magic,
    #[error("format version {0} is not known")]
    FormatVersion(u16),
    #[error("its lengths cannot be")]
    Lengths,
    #[error("its checksum does not match")]
    Checksum,
}

impl Image {
    /// Seals a table under a fresh key-encryption key, which the root key wraps.
    pub(super) fn seal(
        keys: &Keys,
        sequence: u64,
        provider: &dyn RootKeyProvider,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyFileError> {
        let kek = Secret::random(entropy)?;
        let wrapped = provider.wrap(&kek).map_err(KeyFileError::RootKey)?;
        if wrapped.len() > WRAPPED_BYTES_MAX {
            let reason = "the root key answered a wrapped key that is too long";
            return Err(KeyFileError::RootKey(RootKeyError::Unavailable(reason.into())));
        }
        let table = encode(keys);
        let table_bytes = table.danger_expose().len();
        let sealed_bytes = table_bytes + SEAL_OVERHEAD_BYTES;
        let header = Header { wrapped_bytes: wrapped.len(), sealed_bytes, sequence }.to_bytes();
        let sealed =
            seal_secret(&kek, &[CONTEXT, &header, &wrapped], table.danger_expose(), entropy)
                .map_err(KeyFileError::Seal)?;
        debug_assert_eq!(sealed.len(), sealed_bytes, "the header would lie");
        let mut bytes = Vec::with_capacity(header.len() + wrapped.len() + sealed.len() + 4);
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&wrapped);
        bytes.extend_from_slice(&sealed);
        bytes.extend_from_slice(&crc32c(&bytes).to_be_bytes());
        Ok(Self { bytes, sequence, wrapped_bytes: wrapped.len() })
    }

    /// The whole copy at the start of `bytes`; what follows it is ignored.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let header = Header::parse(bytes)?;
        let body_bytes = HEADER_BYTES + header.wrapped_bytes + header.sealed_bytes;
        let (body, rest) = bytes.split_at_checked(body_bytes).ok_or(ImageError::Lengths)?;
        let stored = rest.first_chunk().ok_or(ImageError::Lengths)?;
        if crc32c(body) != u32::from_be_bytes(*stored) {
            return Err(ImageError::Checksum);
        }
        let whole = bytes.get(..body_bytes + CHECKSUM_BYTES).ok_or(ImageError::Lengths)?;
        Ok(Self {
            bytes: whole.to_vec(),
            sequence: header.sequence,
            wrapped_bytes: header.wrapped_bytes,
        })
    }

    /// Opens the table.
    pub(super) fn open(&self, provider: &dyn RootKeyProvider) -> Result<Keys, KeyFileError> {
        let broken = |what: &str| KeyFileError::Damaged { what: what.to_owned() };
        let (header, rest) = self.bytes.split_at_checked(HEADER_BYTES).ok_or(broken("length"))?;
        let (wrapped, rest) = rest.split_at_checked(self.wrapped_bytes).ok_or(broken("length"))?;
        let (sealed, _) = rest.split_last_chunk::<CHECKSUM_BYTES>().ok_or(broken("length"))?;
        let kek = provider.unwrap(wrapped).map_err(KeyFileError::RootKey)?;
        let table =
            open_secret(&kek, &[CONTEXT, header, wrapped], sealed).map_err(
                |error| match error {
                    SealError::Unavailable | SealError::Entropy(_) => KeyFileError::Seal(error),
                    SealError::Length { .. }
                    | SealError::FormatVersion { .. }
                    | SealError::Unauthentic => broken("the sealed table does not authenticate"),
                },
            )?;
        decode(table.danger_expose()).ok_or_else(|| broken("the table is malformed"))
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

struct Header {
    wrapped_bytes: usize,
    sealed_bytes: usize,
    sequence: u64,
}

impl Header {
    fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        // INVARIANT: both lengths are far below 4 GiB, see the constants.
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
        let fields = MAGIC
            .into_iter()
            .chain(FORMAT_VERSION.to_be_bytes())
            .chain([0, 0])
            .chain(length(self.wrapped_bytes))
            .chain(length(self.sealed_bytes))
            .chain([0, 0, 0, 0])
            .chain(self.sequence.to_be_bytes());
        for (to, from) in bytes.iter_mut().zip(fields) {
            *to = from;
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let mut rest = Reader(bytes);
        if rest.take::<8>() != Some(MAGIC) {
            return Err(ImageError::Magic);
        }
        let format_version = rest.take().map(u16::from_be_bytes).ok_or(ImageError::Lengths)?;
        let reserved: [u8; 2] = rest.take().ok_or(ImageError::Lengths)?;
        let wrapped = rest.take().map(u32::from_be_bytes).ok_or(ImageError::Lengths)?;
        let sealed = rest.take().map(u32::from_be_bytes).ok_or(ImageError::Lengths)?;
        let reserved_too: [u8; 4] = rest.take().ok_or(ImageError::Lengths)?;
        let sequence = rest.take().map(u64::from_be_bytes).ok_or(ImageError::Lengths)?;
        if format_version != FORMAT_VERSION {
            return Err(ImageError::FormatVersion(format_version));
        }
        let wrapped_bytes = usize::try_from(wrapped).map_err(|_| ImageError::Lengths)?;
        let sealed_bytes = usize::try_from(sealed).map_err(|_| ImageError::Lengths)?;
        if reserved != [0; 2]
            || reserved_too != [0; 4]
            || wrapped_bytes > WRAPPED_BYTES_MAX
            || sealed_bytes > SEALED_BYTES_MAX
        {
            return Err(ImageError::Lengths);
        }
        Ok(Self { wrapped_bytes, sealed_bytes, sequence })
    }
}

/// The table as bytes, in the order of its names. Never reallocated, so that no copy of a key is
/// left behind in freed memory.
pub(super) fn encode(keys: &Keys) -> SecretBytes {
    let mut table = Vec::with_capacity(COUNT_BYTES + keys.len() * ENTRY_BYTES_MAX);
    // INVARIANT: `VAULT_KEYS_MAX` bounds the number of keys.
    table.extend_from_slice(&u32::try_from(keys.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (name, key) in keys {
        match name {
            VaultName::Log => table.push(TAG_LOG),
            VaultName::Index => table.push(TAG_INDEX),
            VaultName::Store(KeyName::Token) => table.push(TAG_TOKEN),
            VaultName::Store(KeyName::Tls) => table.push(TAG_TLS),
            VaultName::Store(KeyName::Account(account)) => {
                table.push(TAG_ACCOUNT);
                table.extend_from_slice(&account.number().to_be_bytes());
            }
            VaultName::Store(KeyName::Bucket(bucket_id)) => {
                table.push(TAG_BUCKET);
                table.extend_from_slice(bucket_id.as_bytes());
            }
        }
        table.extend_from_slice(key.danger_expose_secret().danger_expose());
    }
    SecretBytes::new(table)
}

/// The table in these bytes; `None` unless they are exactly one table, each name once, in order.
pub(super) fn decode(bytes: &[u8]) -> Option<Keys> {
    let mut rest = Reader(bytes);
    let count = usize::try_from(u32::from_be_bytes(rest.take()?)).ok()?;
    if count > VAULT_KEYS_MAX {
        return None;
    }
    let mut keys = Keys::new();
    for _ in 0..count {
        let [tag] = rest.take()?;
        let name = match tag {
            TAG_LOG => VaultName::Log,
            TAG_INDEX => VaultName::Index,
            TAG_TOKEN => VaultName::Store(KeyName::Token),
            TAG_TLS => VaultName::Store(KeyName::Tls),
            TAG_ACCOUNT => {
                let number = u64::from_be_bytes(rest.take()?);
                VaultName::Store(KeyName::Account(AccountId::from_number(number).ok()?))
            }
            TAG_BUCKET => VaultName::Store(KeyName::Bucket(BucketId::from_bytes(rest.take()?))),
            _ => return None,
        };
        if keys.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return None;
        }
        let key = WrappingKey::from_secret(Secret::from_bytes(rest.take()?));
        keys.insert(name, Arc::new(key));
    }
    rest.0.is_empty().then_some(keys)
}

/// Takes fixed numbers of bytes from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}

const MAGIC: [u8; 8] = *b"SRKEYFIL";
const FORMAT_VERSION: u16 = 1;
const HEADER_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const COUNT_BYTES: usize = 4;
const ENTRY_BYTES_MAX: usize = 1 + 16 + 32; // tag, bucket id, key
const SEAL_OVERHEAD_BYTES: usize = 49; // docs/formats/wrapped-key.md
const WRAPPED_BYTES_MAX: usize = 4 * 1024; // remote key services answer some hundred bytes
const SEALED_BYTES_MAX: usize =
    SEAL_OVERHEAD_BYTES + COUNT_BYTES + VAULT_KEYS_MAX * ENTRY_BYTES_MAX;
/// The longest copy there can be.
pub(super) const IMAGE_BYTES_MAX: usize =
    HEADER_BYTES + WRAPPED_BYTES_MAX + SEALED_BYTES_MAX + CHECKSUM_BYTES;

const CONTEXT: &[u8] = b"strongroom key file v1";

const TAG_LOG: u8 = 1;
const TAG_INDEX: u8 = 2;
const TAG_TOKEN: u8 = 3;
const TAG_TLS: u8 = 4;
const TAG_ACCOUNT: u8 = 5;
const TAG_BUCKET: u8 = 6;
