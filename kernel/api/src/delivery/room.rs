//! Memory for bytes on their way out.
//!
//! What a client does not read lies here for as long as its connection lives, and there may be ten thousand of those. So
//! every download may have one small piece of its own under way, and what it has beyond that comes out of a room that
//! all share. Where many do not read, everybody's pieces become small and go out one by one; nobody ever waits for
//! another client.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// What all downloads may have under way beyond a small piece each, in KiB: enough for thirty that wait for a disk.
const ROOM: usize = 32 * 1024;
static SHARED: Semaphore = Semaphore::const_new(ROOM);

/// The room of one download.
#[derive(Clone)]
pub struct Room {
    shared: &'static Semaphore,
    /// One, for its small piece.
    own: Arc<Semaphore>,
}

/// Room for one piece, from before it is read until it has gone.
pub enum Share {
    Shared { _room: SemaphorePermit<'static> },
    Own { _room: Option<OwnedSemaphorePermit> },
}

impl Room {
    pub fn new() -> Self {
        Self::within(&SHARED)
    }

    /// Of a download that shares another room, which has so many KiB.
    pub fn within(shared: &'static Semaphore) -> Self {
        Self { shared, own: Arc::new(Semaphore::new(1)) }
    }

    /// Room for a piece of so many bytes, where there is as much.
    pub fn find(&self, bytes: u64) -> Option<Share> {
        let room = self.shared.try_acquire_many(u32::try_from(bytes.div_ceil(1024)).ok()?).ok()?;
        Some(Share::Shared { _room: room })
    }

    /// Room for a small piece, as soon as the one before it has gone.
    pub async fn small(&self) -> Share {
        // Nobody closes it.
        Share::Own { _room: Arc::clone(&self.own).acquire_owned().await.ok() }
    }

    /// Takes bytes that are there already; ends when there is room for them.
    pub async fn take(&self, bytes: Bytes) -> Bytes {
        let share = match self.find(bytes.len() as u64) {
            Some(share) => share,
            None => self.small().await,
        };
        share.keep(bytes)
    }
}

impl Share {
    /// Bytes that have this room until the last of them is dropped.
    pub fn keep(self, memory: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Kept { memory, _share: self })
    }
}

struct Kept<M> {
    memory: M,
    _share: Share,
}

impl<M: AsRef<[u8]>> AsRef<[u8]> for Kept<M> {
    fn as_ref(&self) -> &[u8] {
        self.memory.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn room_of(kibibytes: usize) -> &'static Semaphore {
        Box::leak(Box::new(Semaphore::new(kibibytes)))
    }

    #[test]
    fn room_comes_back_with_the_last_of_what_it_was_for() {
        let shared = room_of(64);
        let room = Room::within(shared);
        let bytes = room.find(60 * 1024 + 1).unwrap().keep(vec![7; 61_441]);
        let rest = bytes.slice(61_000..);
        drop(bytes);
        assert_eq!(shared.available_permits(), 3);
        assert!(room.find(4 * 1024).is_none());
        drop(rest);
        assert_eq!(shared.available_permits(), 64);
    }

    #[test]
    fn where_nothing_is_left_each_has_one_small_piece_at_a_time() {
        let (one, other) = (Room::within(room_of(0)), Room::within(room_of(0)));
        let first = one.take(Bytes::from_static(b"first")).now_or_never().unwrap();
        assert!(one.take(Bytes::from_static(b"second")).now_or_never().is_none());
        assert!(one.small().now_or_never().is_none());
        assert!(other.small().now_or_never().is_some(), "one that waits for its client keeps nobody else waiting");
        drop(first);
        assert_eq!(one.take(Bytes::from_static(b"second")).now_or_never().unwrap(), "second");
    }
}
