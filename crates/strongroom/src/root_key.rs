//! The root key in a file: `docs/formats/root-key-file.md`.

#![expect(
    clippy::disallowed_methods,
    reason = "the root key file is never inside an engine's directory"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use strongroom_crypto::{Secret, SecretBytes, crc32c};
use strongroom_types::{Entropy, EntropyError};

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootKeyFileError {
    /// The operating system refuses.
    #[error("the root key file `{}` cannot be used", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// SECURITY: others of this machine could read everything.
    #[error("the root key file `{}` can be read or changed by others; `chmod 600` it", .0.display())]
    Exposed(PathBuf),
    /// Not a file of this form.
    #[error("`{}` is no root key file, or was changed", .0.display())]
    Damaged(PathBuf),
    /// No randomness for a new key.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Reads the root key.
///
/// # Errors
/// If others can read the file, or it is not of the documented form, to the last bit.
pub(crate) fn read(path: &Path) -> Result<Secret<32>, RootKeyFileError> {
    let io = |source| RootKeyFileError::Io { path: path.to_path_buf(), source };
    let mut file = File::open(path).map_err(io)?;
    let about = file.metadata().map_err(io)?;
    if about.mode() & OTHERS != 0 {
        return Err(RootKeyFileError::Exposed(path.to_path_buf()));
    }
    // One byte more, so that a longer file shows; sized at once, so that growing leaves no copy.
    let mut content = vec![0; FILE_BYTES + 1];
    let mut filled = 0;
    loop {
        match file.read(content.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io(error)),
        }
    }
    let content = SecretBytes::new(content);
    let text = content.danger_expose().get(..filled).unwrap_or_default();
    decode(text).ok_or_else(|| RootKeyFileError::Damaged(path.to_path_buf()))
}

/// Makes a fresh root key; it is durable when this returns. An existing file is never replaced.
///
/// # Errors
/// If there is such a file already, or it cannot be written.
pub(crate) fn create(path: &Path, entropy: &dyn Entropy) -> Result<Secret<32>, RootKeyFileError> {
    let root_key = Secret::random(entropy)?;
    let made = write_new(path, &encode(&root_key));
    made.map_err(|source| RootKeyFileError::Io { path: path.to_path_buf(), source })?;
    Ok(root_key)
}

fn write_new(path: &Path, content: &SecretBytes) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
    let written = file.write_all(content.danger_expose()).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a key is worse than none: the next start would refuse it.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    File::open(parent)?.sync_all()
}

/// The bytes of the file.
pub(crate) fn encode(root_key: &Secret<32>) -> SecretBytes {
    let mut out = Vec::with_capacity(FILE_BYTES);
    out.extend_from_slice(FIRST_LINE);
    for byte in root_key.danger_expose() {
        push_hex(&mut out, *byte);
    }
    out.push(b'\n');
    let check = crc32c(&out);
    for byte in check.to_be_bytes() {
        push_hex(&mut out, byte);
    }
    out.push(b'\n');
    SecretBytes::new(out)
}

/// The key in such bytes; `None` if they are of another form, to the last bit.
pub(crate) fn decode(text: &[u8]) -> Option<Secret<32>> {
    let (covered, check) = text.split_at_checked(COVERED_BYTES)?;
    let check = HEXLOWER.decode(check.strip_suffix(b"\n")?).ok()?;
    if check != crc32c(covered).to_be_bytes() {
        return None;
    }
    let digits = covered.strip_prefix(FIRST_LINE)?.strip_suffix(b"\n")?;
    let root_key = SecretBytes::new(HEXLOWER.decode(digits).ok()?);
    root_key.danger_expose().try_into().ok().map(Secret::from_bytes)
}

fn push_hex(out: &mut Vec<u8>, byte: u8) {
    for half in [byte >> 4, byte & 0x0f] {
        out.push(if half < 10 { b'0' + half } else { b'a' + half - 10 });
    }
}

const FIRST_LINE: &[u8] = b"strongroom root key 1\n";
const COVERED_BYTES: usize = FIRST_LINE.len() + 64 + 1;
const FILE_BYTES: usize = COVERED_BYTES + 8 + 1;
const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use strongroom_crypto::SystemEntropy;

    use super::*;
    use crate::testing::TestDir;

    #[test]
    fn a_key_reads_back_and_only_its_owner_reads_it() {
        let dir = TestDir::new();
        let path = dir.path().join("key");
        let made = create(&path, &SystemEntropy).unwrap();
        assert!(read(&path).unwrap().ct_eq(&made));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let again = create(&path, &SystemEntropy).unwrap_err();
        assert!(matches!(again, RootKeyFileError::Io { source, .. }
            if source.kind() == io::ErrorKind::AlreadyExists));
        assert!(read(&path).unwrap().ct_eq(&made));
    }

    #[test]
    fn the_bytes_are_the_documented_ones() {
        let expected = "strongroom root key 1\n\
                        000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
        let key: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let encoded = encode(&Secret::from_bytes(key));
        let check = crc32c(expected.as_bytes());
        assert_eq!(encoded.danger_expose(), format!("{expected}{check:08x}\n").as_bytes());
        assert_eq!(encoded.danger_expose().len(), FILE_BYTES);
    }

    #[test]
    fn every_flipped_bit_and_every_other_length_is_refused() {
        let text = encode(&Secret::from_bytes([0xa5; 32]));
        let text = text.danger_expose();
        assert!(decode(text).is_some());
        for bit in 0..text.len() * 8 {
            let mut flipped = text.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_none(), "{bit}");
        }
        for length in 0..text.len() {
            assert!(decode(&text[..length]).is_none(), "{length}");
        }
        assert!(decode(&[text, b"\n"].concat()).is_none());
    }

    #[test]
    fn longer_files_and_files_that_others_can_read_are_refused() {
        let dir = TestDir::new();
        let path = dir.path().join("key");
        create(&path, &SystemEntropy).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path), Err(RootKeyFileError::Exposed(_))), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(read(&path).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        dir.write("key", &[dir.read("key"), vec![b'x'; 100]].concat());
        assert!(matches!(read(&path), Err(RootKeyFileError::Damaged(_))));
        let missing = read(&dir.path().join("none")).unwrap_err();
        assert!(matches!(missing, RootKeyFileError::Io { .. }));
    }
}
