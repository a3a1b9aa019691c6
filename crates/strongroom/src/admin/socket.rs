//! Binding and connecting, whatever the length of the path.

#![expect(
    clippy::disallowed_methods,
    reason = "a socket is a file of the binary, not of an engine"
)]

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// A server answers there.
    #[error("a server answers at `{}` already", .0.display())]
    InUse(PathBuf),
    /// Something else has the name.
    #[error("`{}` is in the way and no socket", .0.display())]
    InTheWay(PathBuf),
    /// The operating system refuses.
    #[error("the admin socket `{}` cannot be made", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A bound socket, removed when dropped.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    path: PathBuf,
    /// Which file it is, so that the socket of a later server is not removed.
    inode: u64,
    /// Who may command: the user of this process.
    owner: u32,
}

/// Tells whether a server answers already, before anything is opened.
///
/// # Errors
/// [`SocketError::InUse`].
pub(crate) fn check_free(path: &Path) -> Result<(), SocketError> {
    match connect(path) {
        Ok(_) => Err(SocketError::InUse(path.to_path_buf())),
        Err(_) => Ok(()),
    }
}

/// Binds the socket for its owner alone. One that nobody answers, left by a server that was
/// killed, is replaced; so the caller holds the lock of the data directory, if there is one.
///
/// # Errors
/// If a server answers there, or the socket cannot be made.
pub(crate) fn bind(path: &Path) -> Result<(UnixListener, BoundSocket), SocketError> {
    let io = |source| SocketError::Io { path: path.to_path_buf(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            check_free(path)?;
            fs::remove_file(path).map_err(io)?;
        }
        Ok(_) => return Err(SocketError::InTheWay(path.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    let short = ShortPath::of(path).map_err(io)?;
    let listener = UnixListener::bind(&short.path).map_err(io)?;
    // Until here the directory guards it, and afterwards every peer is asked who it is.
    fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY)).map_err(io)?;
    let about = fs::symlink_metadata(path).map_err(io)?;
    listener.set_nonblocking(true).map_err(io)?;
    let bound = BoundSocket { path: path.to_path_buf(), inode: about.ino(), owner: about.uid() };
    Ok((listener, bound))
}

/// Connects to the socket.
///
/// # Errors
/// As the operating system says: `NotFound` or `ConnectionRefused` if there is no server.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(&ShortPath::of(path)?.path)
}

impl BoundSocket {
    /// SECURITY: the user who started the server, and root, whom no file permission stops.
    pub(crate) fn admits(&self, user: u32) -> bool {
        user == self.owner || user == ROOT_USER
    }
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// COMPAT: addresses of sockets are short (108 bytes on Linux), paths are not. The detour over the
/// open directory works for any.
struct ShortPath {
    path: PathBuf,
    /// Keeps the number in the path valid.
    _dir: Option<File>,
}

impl ShortPath {
    fn of(path: &Path) -> io::Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if path.as_os_str().len() < ADDRESS_BYTES_MAX {
            return Ok(Self { path: path.to_path_buf(), _dir: None });
        }
        let dir = File::open(parent)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
        Ok(Self { path, _dir: Some(dir) })
    }
}

const ADDRESS_BYTES_MAX: usize = 100; // the shortest limit of any Unix is 104
const OWNER_ONLY: u32 = 0o600;
const ROOT_USER: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDir;

    #[test]
    fn a_socket_is_its_owners_alone_and_goes_with_its_server() {
        let dir = TestDir::new();
        let path = dir.path().join("admin.sock");
        let (_listener, bound) = bind(&path).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(bind(&path), Err(SocketError::InUse(_))));
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_anything_else_is_let_be() {
        let dir = TestDir::new();
        let path = dir.path().join("admin.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let (_listener, bound) = bind(&path).unwrap();
        assert!(connect(&path).is_ok());
        drop(bound);
        dir.write("admin.sock", b"mine");
        assert!(matches!(bind(&path), Err(SocketError::InTheWay(_))));
        assert_eq!(dir.read("admin.sock"), b"mine");
    }

    #[test]
    fn paths_may_be_long() {
        let dir = TestDir::new();
        let deep = dir.path().join("d".repeat(100)).join("e".repeat(100));
        crate::place::make_private_dir(&deep).unwrap();
        let path = deep.join("admin.sock");
        let (_listener, _bound) = bind(&path).unwrap();
        assert!(connect(&path).is_ok());
        assert!(matches!(bind(&path), Err(SocketError::InUse(_))));
    }

    #[test]
    fn the_socket_of_a_later_server_is_not_removed() {
        let dir = TestDir::new();
        let path = dir.path().join("admin.sock");
        let (_listener, bound) = bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        // The name of another file, made while the first one's inode is still held open.
        let keeper = UnixListener::bind(dir.path().join("other.sock")).unwrap();
        fs::rename(dir.path().join("other.sock"), &path).unwrap();
        drop(bound);
        assert!(path.exists());
        drop(keeper);
    }

    #[test]
    fn the_owner_and_root_are_admitted_and_nobody_else() {
        let bound = BoundSocket { path: PathBuf::from("/nonexistent"), inode: 0, owner: 1000 };
        assert!(bound.admits(1000) && bound.admits(0));
        assert!(!bound.admits(1001) && !bound.admits(u32::MAX));
    }
}
