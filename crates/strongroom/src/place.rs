//! Where things lie: the data directory, the root key file, the key file, the admin socket.
//!
//! Decides paths and refuses places that would lose data or give keys away; opens nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "the binary's own small files are not data of an engine"
)]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::config::{DataDir, Keeping, Settings};

/// The paths of one installation, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// The root key.
    pub(crate) root_key: PathBuf,
}

/// Why a place is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// There is no directory to put a key beside.
    #[error("`{}` is a mount point or has no name: the root key cannot lie beside it; say with \
             `--root-key FILE` where it shall be", .0.display())]
    NoPlaceBeside(PathBuf),
    /// SECURITY: a copy of the data would be a copy of its key.
    #[error("the root key file `{}` must not be inside the data directory", .0.display())]
    KeyInside(PathBuf),
    /// A key is gone that the data cannot be read without.
    #[error("`{}` is missing: the data in `{}` cannot be read without it", .missing.display(),
            .data.display())]
    KeyMissing { missing: PathBuf, data: PathBuf },
    /// An ephemeral server would hide what is there.
    #[error("there is data in `{}`: give `--ephemeral` another `--data DIR`", .0.display())]
    Hidden(PathBuf),
    /// An operator's command found nothing to work on.
    #[error("there is no data in `{}`; `strongroom serve` makes it", .0.display())]
    NoData(PathBuf),
    /// Not a directory that can be used.
    #[error("`{}` cannot be used", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What a data directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contents {
    /// It is missing, or holds nothing that an engine made.
    Nothing,
    /// An engine's files.
    Store,
}

impl Places {
    /// The places that the settings name.
    ///
    /// # Errors
    /// If no root key can lie there.
    pub(crate) fn of(settings: &Settings) -> Result<Self, PlaceError> {
        let data = data_dir(&settings.data)?;
        let root_key = match &settings.root_key {
            Some(file) => absolute(file)?,
            None => beside(&data)?,
        };
        if is_inside(&root_key, &data) {
            return Err(PlaceError::KeyInside(root_key));
        }
        Ok(Self { data, root_key })
    }

    /// The key file: all keys, sealed under the root key. It lies with the data, so that a copy of
    /// the directory and the root key, which never changes, are all that a backup needs.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.data.join(KEY_FILE)
    }

    /// What the data directory holds.
    ///
    /// # Errors
    /// If it is no directory or cannot be read.
    pub(crate) fn contents(&self) -> Result<Contents, PlaceError> {
        let entries = match fs::read_dir(&self.data) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::Nothing),
            Err(error) => return Err(refused(&self.data, error)),
        };
        for entry in entries {
            let name = entry.map_err(|error| refused(&self.data, error))?.file_name();
            let ours = name.to_str().is_some_and(|name| NOT_OF_AN_ENGINE.contains(&name));
            if !ours {
                return Ok(Contents::Store);
            }
        }
        Ok(Contents::Nothing)
    }

    /// Makes sure that a store which exists has its root key; a lost one is told and never
    /// replaced. The engine does the same for the key file.
    ///
    /// # Errors
    /// [`PlaceError::KeyMissing`].
    pub(crate) fn check_keys(&self) -> Result<Contents, PlaceError> {
        let contents = self.contents()?;
        if contents == Contents::Store && !self.root_key.exists() {
            let (missing, data) = (self.root_key.clone(), self.data.clone());
            return Err(PlaceError::KeyMissing { missing, data });
        }
        Ok(contents)
    }
}

/// The data directory, absolute.
///
/// # Errors
/// If the working directory is not to be had.
pub(crate) fn data_dir(data: &DataDir) -> Result<PathBuf, PlaceError> {
    absolute(&data.path())
}

/// The admin socket of a data directory.
pub(crate) fn admin_socket(data: &Path) -> PathBuf {
    data.join(ADMIN_SOCKET)
}

/// The certificate of the server's own authority, for clients on this machine.
pub(crate) fn authority_file(data: &Path) -> PathBuf {
    data.join(AUTHORITY_FILE)
}

/// Makes a directory that only its owner enters, with those above it, all of them durable.
///
/// # Errors
/// As the operating system says.
pub(crate) fn make_private_dir(dir: &Path) -> io::Result<()> {
    let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    if dir.is_dir() {
        return Ok(());
    }
    make_private_dir(parent)?;
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        made => made.and_then(|()| fs::File::open(parent)?.sync_all()),
    }
}

/// The data directory of a running server; what an ephemeral one put there goes with this value.
#[derive(Debug)]
pub(crate) struct Ground {
    remove: Vec<PathBuf>,
    remove_dir: Option<PathBuf>,
}

impl Ground {
    /// Makes the data directory where it is missing.
    ///
    /// # Errors
    /// If it cannot be used: a store without its root key, or, for an ephemeral server, a store
    /// that it would hide.
    pub(crate) fn prepare(places: &Places, keeping: Keeping) -> Result<Self, PlaceError> {
        let mut ground = Self { remove: Vec::new(), remove_dir: None };
        match keeping {
            Keeping::Durable => {
                places.check_keys()?;
            }
            Keeping::Ephemeral => {
                if places.contents()? == Contents::Store {
                    return Err(PlaceError::Hidden(places.data.clone()));
                }
                ground.remove.push(authority_file(&places.data));
                ground.remove_dir = (!places.data.exists()).then(|| places.data.clone());
            }
        }
        make_private_dir(&places.data).map_err(|error| refused(&places.data, error))?;
        Ok(ground)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for path in &self.remove {
            let _ = fs::remove_file(path);
        }
        // A directory that somebody put something into stays.
        if let Some(dir) = &self.remove_dir {
            let _ = fs::remove_dir(dir);
        }
    }
}

fn beside(data: &Path) -> Result<PathBuf, PlaceError> {
    let no_place = || PlaceError::NoPlaceBeside(data.to_path_buf());
    let name = data.file_name().ok_or_else(no_place)?;
    if is_mount_point(data) {
        return Err(no_place());
    }
    let mut name = name.to_os_string();
    name.push(ROOT_KEY_SUFFIX);
    Ok(data.with_file_name(name))
}

/// A file beside a mount point lies on another drive, which in a container does not even last.
fn is_mount_point(dir: &Path) -> bool {
    let (Ok(dir), Some(Ok(parent))) = (fs::metadata(dir), dir.parent().map(fs::metadata)) else {
        return false;
    };
    dir.dev() != parent.dev() || dir.ino() == parent.ino() || is_listed_mount(&dir)
}

/// COMPAT: a directory of the same file system that is mounted once more, as containers do it,
/// shows no other device number.
fn is_listed_mount(dir: &fs::Metadata) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().filter_map(mount_target).any(|target| {
        fs::metadata(target).is_ok_and(|it| it.dev() == dir.dev() && it.ino() == dir.ino())
    })
}

/// The fifth field of a line of `mountinfo`, in which blanks are written as octal numbers.
fn mount_target(line: &str) -> Option<PathBuf> {
    let field = line.split(' ').nth(4)?;
    let plain = field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n");
    Some(plain.replace("\\134", "\\").into())
}

/// Whether a file lies in a directory or deeper, links resolved as far as they exist.
fn is_inside(file: &Path, dir: &Path) -> bool {
    let resolved = |path: &Path| {
        let mut missing = Vec::<OsString>::new();
        let mut known = path.to_path_buf();
        loop {
            if let Ok(mut found) = fs::canonicalize(&known) {
                found.extend(missing.iter().rev());
                return found;
            }
            match (known.file_name().map(OsString::from), known.pop()) {
                (Some(name), true) => missing.push(name),
                _ => return path.to_path_buf(),
            }
        }
    };
    resolved(file).starts_with(resolved(dir))
}

fn absolute(path: &Path) -> Result<PathBuf, PlaceError> {
    std::path::absolute(path).map_err(|error| refused(path, error))
}

fn refused(path: &Path, source: io::Error) -> PlaceError {
    PlaceError::Io { path: path.to_path_buf(), source }
}

const ROOT_KEY_SUFFIX: &str = ".key";
const KEY_FILE: &str = "keys";
const ADMIN_SOCKET: &str = "admin.sock";
const AUTHORITY_FILE: &str = "ca.pem";
/// What the binary itself puts into a data directory, and what a file system does.
const NOT_OF_AN_ENGINE: [&str; 4] = [ADMIN_SOCKET, AUTHORITY_FILE, "ca.pem.new", "lost+found"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Layer};
    use crate::testing::TestDir;

    fn places(data: &Path, root_key: Option<&Path>) -> Result<Places, PlaceError> {
        let flags = Layer {
            data: Some(data.to_path_buf()),
            root_key: root_key.map(Path::to_path_buf),
            ..Layer::default()
        };
        let settings = Settings::resolve(flags, Environment::default(), Layer::default());
        Places::of(&settings.unwrap())
    }

    #[test]
    fn the_root_key_lies_beside_the_data() {
        let dir = TestDir::new();
        for data in ["data", "data/", "./data"] {
            let places = places(&dir.path().join(data), None).unwrap();
            assert_eq!(places.root_key, dir.path().join("data.key"), "{data}");
            assert_eq!(places.key_file(), dir.path().join("data/keys"), "{data}");
        }
    }

    #[test]
    fn a_directory_without_a_name_or_of_its_own_drive_needs_the_flag() {
        for data in ["/", "/proc", "/dev"] {
            let refused = places(Path::new(data), None);
            assert!(matches!(refused, Err(PlaceError::NoPlaceBeside(_))), "{data}");
        }
        let dir = TestDir::new();
        assert!(places(Path::new("/proc"), Some(&dir.path().join("key"))).is_ok());
    }

    #[test]
    fn a_root_key_inside_the_data_is_refused_however_it_is_written() {
        let dir = TestDir::new();
        let data = dir.path().join("data");
        make_private_dir(&data.join("deep")).unwrap();
        std::os::unix::fs::symlink(&data, dir.path().join("link")).unwrap();
        for inside in ["data/key", "data/deep/key", "link/key", "data/new/key", "data/deep/../key"]
        {
            let refused = places(&data, Some(&dir.path().join(inside)));
            assert!(matches!(refused, Err(PlaceError::KeyInside(_))), "{inside}");
            let refused = places(&dir.path().join("link"), Some(&dir.path().join(inside)));
            assert!(matches!(refused, Err(PlaceError::KeyInside(_))), "{inside}");
        }
        for outside in ["data.key", "data2/key", "data/../key"] {
            assert!(places(&data, Some(&dir.path().join(outside))).is_ok(), "{outside}");
        }
    }

    #[test]
    fn a_store_without_its_root_key_is_told_and_not_given_a_new_one() {
        let dir = TestDir::new();
        let places = places(&dir.path().join("data"), None).unwrap();
        assert_eq!(places.check_keys().unwrap(), Contents::Nothing);
        make_private_dir(&places.data).unwrap();
        dir.write("data/admin.sock", b"");
        assert_eq!(places.check_keys().unwrap(), Contents::Nothing);
        dir.write("data/log", b"x");
        let missing = places.check_keys().unwrap_err();
        assert!(matches!(&missing, PlaceError::KeyMissing { missing, .. }
            if *missing == dir.path().join("data.key")));
        dir.write("data.key", b"k");
        assert_eq!(places.check_keys().unwrap(), Contents::Store);
    }

    #[test]
    fn an_ephemeral_server_leaves_nothing_and_hides_nothing() {
        let dir = TestDir::new();
        let places = places(&dir.path().join("a/data"), None).unwrap();
        let ground = Ground::prepare(&places, Keeping::Ephemeral).unwrap();
        dir.write("a/data/ca.pem", b"x");
        drop(ground);
        assert!(!places.data.exists());
        make_private_dir(&places.data).unwrap();
        drop(Ground::prepare(&places, Keeping::Ephemeral).unwrap());
        assert!(places.data.exists());
        dir.write("a/data/log", b"x");
        let refused = Ground::prepare(&places, Keeping::Ephemeral);
        assert!(matches!(refused, Err(PlaceError::Hidden(_))));
    }

    #[test]
    fn mount_lines_are_read_with_their_blanks() {
        let line = r"36 35 98:0 /mnt1 /mnt\040a\134b rw,noatime master:1 - ext3 /dev/root rw";
        assert_eq!(mount_target(line), Some("/mnt a\\b".into()));
        assert_eq!(mount_target("36 35"), None);
    }
}
