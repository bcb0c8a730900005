//! How many files this process may have open: connections are files too.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are not connections: databases, the log, and what the libraries open.
const OTHERS: u64 = 128;

/// Raises the limit as far as the system lets it, and says how many of `wanted` connections there is room for: each
/// may have one file of the storage open besides its own.
pub fn room_for_connections(wanted: u32) -> u32 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let room = files.map_or(u64::MAX, |files| files.saturating_sub(OTHERS) / 2).max(1);
    let room = u32::try_from(room).unwrap_or(u32::MAX);
    if room < wanted {
        tracing::warn!(
            "server.max_connections is {wanted}, but there are files for {room} only: raise the limit on open files"
        );
    }
    room.min(wanted)
}
