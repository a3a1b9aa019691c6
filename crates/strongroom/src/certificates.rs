//! The certificates that HTTPS shows: given ones, or those of the server's own authority, which
//! live in the store with their private keys sealed. `docs/formats/certificate-record.md`.

#![expect(
    clippy::disallowed_methods,
    reason = "the operator's certificate files and `ca.pem` are not data of an engine"
)]

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use strongroom_crypto::{SealError, SecretText, WrappingKey, open_secret, seal_secret};
use strongroom_gateway::{CertifiedPem, TlsError};
use strongroom_store::{
    Batch, CommitError, KeyName, NewPayload, Precondition, Protection, Store, StoreError,
    VaultError, Write as RecordWrite,
};
use strongroom_types::{Entropy, Timestamp};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// A file cannot be read or written.
    #[error("`{}` cannot be used", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Not text.
    #[error("`{}` is not PEM", .0.display())]
    NotPem(PathBuf),
    /// The TLS library refuses.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A record does not read back as it was written.
    #[error("the stored certificate `{0}` is damaged")]
    Damaged(&'static str),
    /// The store cannot be read.
    #[error("the store could not be read")]
    Store(#[from] StoreError),
    /// The store cannot be changed.
    #[error("the certificate could not be stored")]
    Commit(#[source] CommitError),
    /// The key that seals private keys is not to be had.
    #[error("the key vault could not be used")]
    Vault(#[from] VaultError),
    /// A private key could not be sealed, or does not open.
    #[error("a private key could not be sealed or opened")]
    Seal(#[from] SealError),
}

/// The server's own authority and the certificate that it issued.
#[derive(Debug)]
pub(crate) struct OwnCertificates {
    /// The authority's certificate in PEM form, for clients.
    pub(crate) authority_chain: String,
    /// What HTTPS shows.
    pub(crate) server: CertifiedPem,
}

/// Reads the certificate that the operator gave.
///
/// # Errors
/// If a file cannot be read or is not text.
pub(crate) fn given(chain: &Path, private_key: &Path) -> Result<CertifiedPem, CertificateError> {
    Ok(CertifiedPem {
        chain: read_text(chain)?,
        private_key: SecretText::new(read_text(private_key)?),
    })
}

/// The own certificates for these names: those of the store, or new ones where there are none,
/// the names have changed, or less than [`YEARS_LEFT_MIN`] years are left.
///
/// # Errors
/// If the store cannot be used or no certificate be made.
pub(crate) async fn own(
    store: &Store,
    names: &[String],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<OwnCertificates, CertificateError> {
    let key = store.keys.create(KeyName::Tls).await?;
    let shelf = Shelf { store, key: &key, entropy };
    let authority = match shelf.take(AUTHORITY).await? {
        Some(record) => record.certified,
        None => shelf.put(AUTHORITY, Record::authority(CertifiedPem::new_authority()?)).await?,
    };
    let year = year_of(now);
    let server = match shelf.take(SERVER).await? {
        Some(record) if record.serves(names, year) => record.certified,
        _ => {
            let year_end = year.saturating_add(YEARS_ISSUED);
            let certified = authority.issue(names, year_end)?;
            shelf.put(SERVER, Record { certified, names: names.to_vec(), year_end }).await?
        }
    };
    Ok(OwnCertificates { authority_chain: authority.chain, server })
}

/// Writes the authority's certificate where clients find it, unless it is there.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn publish(path: &Path, chain: &str) -> Result<(), CertificateError> {
    if fs::read(path).is_ok_and(|found| found == chain.as_bytes()) {
        return Ok(());
    }
    let io = |source| CertificateError::Io { path: path.to_path_buf(), source };
    let new = path.with_extension("pem.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(PUBLIC);
    let mut file = options.open(&new).map_err(io)?;
    file.write_all(chain.as_bytes()).map_err(io)?;
    fs::rename(&new, path).map_err(io)
}

/// The records of certificates.
struct Shelf<'a> {
    store: &'a Store,
    key: &'a WrappingKey,
    entropy: &'a dyn Entropy,
}

/// A certificate as it is stored.
#[derive(Debug)]
struct Record {
    certified: CertifiedPem,
    names: Vec<String>,
    year_end: i32,
}

impl Shelf<'_> {
    async fn take(&self, name: &'static str) -> Result<Option<Record>, CertificateError> {
        let Some(entry) = self.store.metadata.get(&key_of(name)).await? else { return Ok(None) };
        let damaged = CertificateError::Damaged(name);
        let Some((facts, sealed)) = Record::split(&entry.value) else { return Err(damaged) };
        let context: [&[u8]; 3] = [CONTEXT, name.as_bytes(), facts];
        let opened = open_secret(self.key.danger_expose_secret(), &context, sealed)?;
        let private_key = std::str::from_utf8(opened.danger_expose())
            .map(|text| SecretText::new(text.to_owned()));
        match private_key.ok().and_then(|key| Record::decode(facts, key)) {
            Some(record) => Ok(Some(record)),
            None => Err(damaged),
        }
    }

    async fn put(
        &self,
        name: &'static str,
        record: Record,
    ) -> Result<CertifiedPem, CertificateError> {
        let facts = record.encode().ok_or(CertificateError::Damaged(name))?;
        let context: [&[u8]; 3] = [CONTEXT, name.as_bytes(), &facts];
        let private_key = record.certified.private_key.danger_expose().as_bytes();
        let secret = self.key.danger_expose_secret();
        let sealed = seal_secret(secret, &context, private_key, self.entropy)?;
        let length = u32::try_from(facts.len()).map_err(|_| CertificateError::Damaged(name))?;
        let value = [&length.to_be_bytes(), facts.as_slice(), &sealed].concat();
        let key = key_of(name);
        let preconditions = match self.store.metadata.get(&key).await? {
            Some(entry) => {
                vec![Precondition::Revision { key: key.clone(), revision: entry.revision }]
            }
            None => vec![Precondition::Absent { key: key.clone() }],
        };
        let put = RecordWrite::Put {
            key,
            value: value.into(),
            payload: NewPayload::None,
            protection: Protection::default(),
        };
        let batch = Batch { preconditions, writes: vec![put], ..Batch::default() };
        self.store.metadata.commit(batch).await.map_err(CertificateError::Commit)?;
        Ok(record.certified)
    }
}

impl Record {
    fn authority(certified: CertifiedPem) -> Self {
        Self { certified, names: Vec::new(), year_end: AUTHORITY_YEAR_END }
    }

    fn serves(&self, names: &[String], year: i32) -> bool {
        self.names == names && self.year_end.saturating_sub(year) >= YEARS_LEFT_MIN
    }

    /// Everything but the private key, which is sealed with these bytes as context.
    fn encode(&self) -> Option<Vec<u8>> {
        let mut out = vec![FORMAT_VERSION];
        out.extend_from_slice(&self.year_end.to_be_bytes());
        out.extend_from_slice(&u16::try_from(self.names.len()).ok()?.to_be_bytes());
        for text in self.names.iter().chain([&self.certified.chain]) {
            out.extend_from_slice(&u16::try_from(text.len()).ok()?.to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Some(out)
    }

    /// Facts and sealed private key.
    fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = value.split_first_chunk()?;
        rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
    }

    fn decode(facts: &[u8], private_key: SecretText) -> Option<Self> {
        let (&[version], rest) = facts.split_first_chunk()?;
        let (year_end, rest) = rest.split_first_chunk()?;
        let (count, mut rest) = rest.split_first_chunk()?;
        let mut text = || {
            let (length, behind) = rest.split_first_chunk()?;
            let (text, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = behind;
            Some(std::str::from_utf8(text).ok()?.to_owned())
        };
        let names = (0..u16::from_be_bytes(*count)).map(|_| text()).collect::<Option<_>>()?;
        let certified = CertifiedPem { chain: text()?, private_key };
        let whole = version == FORMAT_VERSION && rest.is_empty();
        whole.then_some(Self { certified, names, year_end: i32::from_be_bytes(*year_end) })
    }
}

fn key_of(name: &str) -> Bytes {
    [b"t|", name.as_bytes()].concat().into()
}

fn year_of(now: Timestamp) -> i32 {
    let date = now.to_scope_date();
    date.get(..4).and_then(|year| year.parse().ok()).unwrap_or_default()
}

fn read_text(path: &Path) -> Result<String, CertificateError> {
    let io = |source| CertificateError::Io { path: path.to_path_buf(), source };
    let file = fs::File::open(path).map_err(io)?;
    // Sized at once, so that growing leaves no copy of a private key behind.
    let mut bytes = Vec::with_capacity(64 * 1024);
    file.take(PEM_BYTES_MAX).read_to_end(&mut bytes).map_err(io)?;
    String::from_utf8(bytes).map_err(|_| CertificateError::NotPem(path.to_path_buf()))
}

const AUTHORITY: &str = "authority";
const SERVER: &str = "server";
const CONTEXT: &[u8] = b"tls private key";
const FORMAT_VERSION: u8 = 1;
const AUTHORITY_YEAR_END: i32 = 2125; // as the gateway makes it
/// A server certificate is good until the end of the fifth year after the one of its making.
const YEARS_ISSUED: i32 = 5;
/// Years that a server may then run without a restart.
const YEARS_LEFT_MIN: i32 = 3;
const PEM_BYTES_MAX: u64 = 1024 * 1024;
const PUBLIC: u32 = 0o644;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use strongroom_crypto::SystemEntropy;
    use strongroom_gateway::TlsSettings;
    use strongroom_store::KeyRange;
    use strongroom_store::memory::MemoryEngine;

    use super::*;
    use crate::clock::SystemClock;
    use crate::testing::TestDir;

    fn store() -> Store {
        MemoryEngine::new(Arc::new(SystemEntropy), Arc::new(SystemClock::new())).store()
    }

    fn moment(year: u32) -> Timestamp {
        Timestamp::parse_amz_date(&format!("{year}0102T030405Z")).unwrap()
    }

    async fn own_in(store: &Store, names: &[&str], year: u32) -> OwnCertificates {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        own(store, &names, moment(year), &SystemEntropy).await.unwrap()
    }

    #[tokio::test]
    async fn certificates_are_made_once_and_issued_anew_when_they_must() {
        let store = store();
        let first = own_in(&store, &["localhost", "127.0.0.1"], 2026).await;
        assert!(TlsSettings::new(&first.server).is_ok());
        let same = own_in(&store, &["localhost", "127.0.0.1"], 2028).await;
        assert_eq!(same.server.chain, first.server.chain);
        assert!(same.server.private_key.ct_eq(&first.server.private_key));
        let mut before = first;
        // Other names, then the same names with too few years left.
        for year in [2028, 2031] {
            let other = own_in(&store, &["localhost", "127.0.0.2"], year).await;
            assert_ne!(other.server.chain, before.server.chain, "{year}");
            assert_eq!(other.authority_chain, before.authority_chain);
            assert!(TlsSettings::new(&other.server).is_ok());
            before = other;
        }
    }

    #[tokio::test]
    async fn private_keys_are_not_stored_in_the_clear_and_cannot_be_exchanged() {
        let store = store();
        own_in(&store, &["localhost"], 2026).await;
        let records = store.metadata.scan(KeyRange::prefix(b"t|"), 10).await.unwrap();
        assert_eq!(records.len(), 2);
        for (_, entry) in &records {
            let text = String::from_utf8_lossy(&entry.value);
            assert!(text.contains("BEGIN CERTIFICATE") && !text.contains("PRIVATE KEY"));
        }
        let put = RecordWrite::Put {
            key: records[1].0.clone(),
            value: records[0].1.value.clone(),
            payload: NewPayload::None,
            protection: Protection::default(),
        };
        let batch = Batch { writes: vec![put], ..Batch::default() };
        store.metadata.commit(batch).await.unwrap();
        let names = ["localhost".to_owned()];
        let exchanged = own(&store, &names, moment(2026), &SystemEntropy).await;
        assert!(matches!(exchanged, Err(CertificateError::Seal(_))));
    }

    #[test]
    fn records_read_back_and_nothing_shorter_or_longer_does() {
        let record = Record {
            certified: CertifiedPem {
                chain: "chain".to_owned(),
                private_key: SecretText::new(String::new()),
            },
            names: vec!["a".to_owned(), "bc".to_owned()],
            year_end: 2030,
        };
        let bytes = record.encode().unwrap();
        assert_eq!(bytes, b"\x01\0\0\x07\xee\0\x02\0\x01a\0\x02bc\0\x05chain");
        let read = |bytes: &[u8]| Record::decode(bytes, SecretText::new(String::new()));
        let found = read(&bytes).unwrap();
        assert_eq!((found.names, found.year_end), (record.names, record.year_end));
        assert_eq!(found.certified.chain, "chain");
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_none(), "{end}");
        }
        assert!(read(&[bytes.as_slice(), b"x"].concat()).is_none());
    }

    #[test]
    fn the_authority_is_published_once_and_replaced_when_it_changed() {
        let dir = TestDir::new();
        let path = dir.path().join("ca.pem");
        for chain in ["one", "one", "two"] {
            publish(&path, chain).unwrap();
            assert_eq!(dir.read("ca.pem"), chain.as_bytes());
        }
        assert!(!dir.path().join("ca.pem.new").exists());
    }
}
