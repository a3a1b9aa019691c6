//! The key file: the only place in which the long-lived keys exist.
//!
//! It holds two copies of one small sealed table, written and synced in turn, so that a torn write
//! or a damaged sector leaves the other. Every rewrite has a fresh key-encryption key, so a key
//! that was destroyed cannot be opened any more once both copies are rewritten. The file lies beside
//! the data, and opens under the root key only, which does not. `docs/formats/key-file.md` describes
//! the bytes. Nothing here knows what the keys are used for.

mod copies;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod image;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use strongroom_crypto::{RootKeyError, RootKeyProvider, SealError, Secret, WrappingKey};
use strongroom_store::{BoxFuture, KeyName, KeyVault, VAULT_KEYS_MAX, VaultError};
use strongroom_types::{Entropy, EntropyError};

use crate::disk::{Disk, DiskFile, DiskPath};

use copies::{Copies, Found, Side};
use image::{Image, ImageError};

/// An open key file. One process has it open at a time: the lock of the data directory sees to it.
pub struct KeyFile {
    provider: Arc<dyn RootKeyProvider>,
    entropy: Arc<dyn Entropy>,
    keys: RwLock<Arc<Keys>>,
    writer: Mutex<Writer>,
}

/// The name of a key in the file: one of the engine's own, or one of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VaultName {
    /// Seals the log.
    Log,
    /// Seals the index.
    Index,
    /// A key of the services above.
    Store(KeyName),
}

/// Why a key file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no file, or its making never came to an end.
    #[error("there is no key file")]
    Missing,
    /// Neither copy is whole.
    #[error("the key file is damaged: {what}")]
    Damaged {
        /// What was found, for the operator.
        what: String,
    },
    /// Written by a later version.
    #[error("format version {found} of the key file is not known")]
    FormatVersion {
        /// The version that was found.
        found: u16,
    },
    /// The root key does not open it, or is not to be had.
    #[error("the key file could not be opened")]
    RootKey(#[source] RootKeyError),
    /// The cryptographic library failed.
    #[error("the key file could not be sealed")]
    Seal(#[source] SealError),
    /// There is no randomness for new keys.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The drive failed.
    #[error("the key file could not be read or written")]
    Io(#[from] io::Error),
}

type Keys = BTreeMap<VaultName, Arc<WrappingKey>>;

/// What only one change at a time may touch.
struct Writer {
    copies: Copies,
    sequence: u64,
    keys_max: usize,
    /// Why nothing more is written: after a failed write or sync nobody knows what the drive has.
    stopped: Option<String>,
}

impl KeyFile {
    /// Opens a key file that exists and makes its two copies equal.
    ///
    /// # Errors
    /// [`KeyFileError::Missing`] if it does not exist or its making was interrupted; otherwise as
    /// the kind says. Nothing was changed unless it is [`KeyFileError::Io`].
    pub fn open(
        disk: &dyn Disk,
        path: &DiskPath,
        provider: Arc<dyn RootKeyProvider>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, KeyFileError> {
        let file = match disk.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyFileError::Missing);
            }
            Err(error) => return Err(error.into()),
        };
        let mut copies = Copies::new(file);
        let (keys, image, from) = choose(copies.read()?, provider.as_ref())?;
        // Both copies are written anew, the other one first: this ends a change that was cut
        // short, repairs a damaged copy, and stores what a page cache may show although the sync
        // that should have stored it failed before the last process ended.
        let sequence = image.sequence();
        let bytes = image.into_bytes();
        for side in [from.other(), from] {
            copies.write(side, &bytes)?;
        }
        // The process that made the file may have ended before its name was durable.
        disk.sync_dir(&path.parent())?;
        Ok(Self::assemble(provider, entropy, keys, copies, sequence))
    }

    /// Opens a key file, or makes an empty one if there is none or if its making was interrupted.
    ///
    /// Call this for a data directory without any data only: with data, a missing key file is a
    /// loss that must be told, not papered over.
    ///
    /// # Errors
    /// As [`KeyFile::open`], [`KeyFileError::Missing`] apart.
    pub fn open_or_create(
        disk: &dyn Disk,
        path: &DiskPath,
        provider: Arc<dyn RootKeyProvider>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, KeyFileError> {
        match Self::open(disk, path, Arc::clone(&provider), Arc::clone(&entropy)) {
            Err(KeyFileError::Missing) => {
                let file: Arc<dyn DiskFile> = match disk.create(path) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        disk.open(path)?
                    }
                    created => created?,
                };
                let keys = Keys::new();
                let image = Image::seal(&keys, FIRST_SEQUENCE, provider.as_ref(), &*entropy)?;
                let bytes = image.into_bytes();
                let mut copies = Copies::new(file);
                for side in copies::ORDER {
                    copies.write(side, &bytes)?;
                }
                disk.sync_dir(&path.parent())?;
                Ok(Self::assemble(provider, entropy, keys, copies, FIRST_SEQUENCE))
            }
            outcome => outcome,
        }
    }

    /// The bytes of a key.
    ///
    /// # Errors
    /// [`VaultError::NoSuchKey`] if a key of the services was never made or is destroyed,
    /// [`VaultError::Unavailable`] if it is one of the engine's own.
    pub fn secret(&self, name: VaultName) -> Result<Secret<32>, VaultError> {
        self.find(name).map(|key| key.danger_expose_secret().duplicate())
    }

    /// Makes a key, or gives the one that exists. It is durable in both copies when this returns.
    ///
    /// # Errors
    /// [`VaultError::Full`] if there are too many keys; [`VaultError::Unavailable`] if the file
    /// could not be written. After a failure of the drive, nothing is written until it is opened
    /// again, and the key may then exist.
    pub fn create_secret(&self, name: VaultName) -> Result<Secret<32>, VaultError> {
        self.make(name).map(|key| key.danger_expose_secret().duplicate())
    }

    /// Destroys a key. Neither copy can give it back when this returns.
    ///
    /// # Errors
    /// As [`KeyFile::create_secret`]; after a failure of the drive the key may be gone when the
    /// file is opened again.
    pub fn destroy_secret(&self, name: VaultName) -> Result<(), VaultError> {
        let mut writer = self.writer.lock();
        let mut keys = Keys::clone(&self.keys.read());
        if keys.remove(&name).is_none() {
            return Ok(());
        }
        self.store(&mut writer, keys)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.read().len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn assemble(
        provider: Arc<dyn RootKeyProvider>,
        entropy: Arc<dyn Entropy>,
        keys: Keys,
        copies: Copies,
        sequence: u64,
    ) -> Self {
        let writer = Writer { copies, sequence, keys_max: VAULT_KEYS_MAX, stopped: None };
        Self { provider, entropy, keys: RwLock::new(Arc::new(keys)), writer: Mutex::new(writer) }
    }

    fn find(&self, name: VaultName) -> Result<Arc<WrappingKey>, VaultError> {
        if let Some(key) = self.keys.read().get(&name) {
            return Ok(Arc::clone(key));
        }
        Err(match name {
            VaultName::Store(name) => VaultError::NoSuchKey(name),
            VaultName::Log | VaultName::Index => {
                VaultError::Unavailable { reason: format!("the key file has no {name:?} key") }
            }
        })
    }

    fn make(&self, name: VaultName) -> Result<Arc<WrappingKey>, VaultError> {
        let mut writer = self.writer.lock();
        let mut keys = Keys::clone(&self.keys.read());
        if let Some(existing) = keys.get(&name) {
            return Ok(Arc::clone(existing));
        }
        if keys.len() >= writer.keys_max {
            return Err(VaultError::Full);
        }
        let made = Arc::new(WrappingKey::random(self.entropy.as_ref())?);
        keys.insert(name, Arc::clone(&made));
        self.store(&mut writer, keys)?;
        Ok(made)
    }

    /// Writes a new table to both copies in turn, then shows it to readers.
    fn store(&self, writer: &mut Writer, keys: Keys) -> Result<(), VaultError> {
        if let Some(reason) = &writer.stopped {
            return Err(VaultError::Unavailable { reason: reason.clone() });
        }
        let sequence = writer.sequence + 1;
        let image = Image::seal(&keys, sequence, self.provider.as_ref(), self.entropy.as_ref())
            .map_err(|error| VaultError::Unavailable { reason: reason_of(&error) })?;
        let bytes = image.into_bytes();
        match writer.copies.make_room(bytes.len()) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                return Err(VaultError::Unavailable { reason: "the drive is full".to_owned() });
            }
            // What has failed otherwise is seen by the write that follows, and stops it.
            Ok(()) | Err(_) => {}
        }
        for side in copies::ORDER {
            if let Err(error) = writer.copies.write(side, &bytes) {
                let reason = format!("a write failed, and none follows it: {error}");
                writer.stopped = Some(reason.clone());
                return Err(VaultError::Unavailable { reason });
            }
        }
        writer.sequence = sequence;
        *self.keys.write() = Arc::new(keys);
        Ok(())
    }
}

/// Picks the copy that counts: the whole one with the highest sequence number.
fn choose(
    found: [Found; 2],
    provider: &dyn RootKeyProvider,
) -> Result<(Keys, Image, Side), KeyFileError> {
    let newest = found.iter().filter_map(|found| found.sequence()).max();
    let Some(newest) = newest else {
        return Err(nothing_whole(&found));
    };
    let mut refusal = KeyFileError::Damaged { what: "no copy opens".to_owned() };
    for (side, found) in copies::ORDER.into_iter().zip(found) {
        // A whole copy that does not open was tampered with or belongs to another root key. An
        // older one must not stand in for it: it may hold keys that were destroyed.
        let Found::Whole(image) = found else { continue };
        if image.sequence() != newest {
            continue;
        }
        match image.open(provider) {
            Ok(keys) => return Ok((keys, image, side)),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn nothing_whole(found: &[Found; 2]) -> KeyFileError {
    match found {
        [_, Found::Blank] => KeyFileError::Missing,
        [Found::Broken(ImageError::FormatVersion(found)), _]
        | [_, Found::Broken(ImageError::FormatVersion(found))] => {
            KeyFileError::FormatVersion { found: *found }
        }
        [Found::Broken(first), Found::Broken(second)] => {
            KeyFileError::Damaged { what: format!("copy 1: {first}; copy 2: {second}") }
        }
        _ => KeyFileError::Damaged { what: "one copy is blank, the other is broken".to_owned() },
    }
}

/// An error with its causes, in one line for the operator.
fn reason_of(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    reason
}

impl KeyVault for KeyFile {
    fn get(&self, name: &KeyName) -> Result<Arc<WrappingKey>, VaultError> {
        self.find(VaultName::Store(*name))
    }

    /// Blocks the thread that polls it while the file is written, as keys are made seldom.
    fn create(&self, name: KeyName) -> BoxFuture<'_, Result<Arc<WrappingKey>, VaultError>> {
        Box::pin(async move { self.make(VaultName::Store(name)) })
    }

    /// Blocks the thread that polls it while the file is written.
    fn destroy(&self, name: KeyName) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move { self.destroy_secret(VaultName::Store(name)) })
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("provider", &self.provider)
            .field("keys", &self.len())
            .finish_non_exhaustive()
    }
}

const FIRST_SEQUENCE: u64 = 1;

#[cfg(test)]
mod tests;
