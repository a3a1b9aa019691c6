//! Open files: how many sockets the system lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files as far as `wanted` sockets need it and the system allows.
/// Returns for how many there is room then.
pub(crate) fn sockets(wanted: usize) -> usize {
    let needed = u64::try_from(wanted.saturating_add(FILES_MAX)).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let current = match current {
        Some(current) if current < needed => {
            let raised = maximum.map_or(needed, |maximum| maximum.min(needed));
            match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
                Ok(()) => raised,
                Err(error) => {
                    tracing::debug!(%error, "the limit of open files cannot be raised");
                    current
                }
            }
        }
        Some(current) => current,
        None => return wanted,
    };
    let room = usize::try_from(current).unwrap_or(usize::MAX).saturating_sub(FILES_MAX);
    room.min(wanted)
}

/// What the store, the logs and the admin socket keep open. The store alone keeps some ten files
/// and one for each large object that is being written or read.
const FILES_MAX: usize = 512;
