//! A range of a file that lies in chunks, decoded while what came before is sent.

use ballast_contract::{Error, ErrorKind, Result};
use ballast_services::Rebuilding;
use bytes::Bytes;
use tokio::task::JoinHandle;

use super::SMALL;
use super::room::Room;

/// How much is decoded at once, in bytes.
const DECODED: u64 = 512 * 1024;

type Decoded = Result<Option<(Bytes, Rebuilding)>>;

/// A range of a file of which some has been decoded.
pub struct Chunks {
    source: Source,
    room: Room,
}

enum Source {
    Idle(Rebuilding),
    /// The next piece is on its way.
    Ahead(Task),
}

/// Ends when nobody waits for it any more.
struct Task(JoinHandle<Decoded>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Chunks {
    pub fn new(chunks: Rebuilding, room: Room) -> Self {
        Self { source: Source::Idle(chunks), room }
    }

    /// The next bytes, none at the end. Damaged bytes are an error in their place.
    pub async fn next(self) -> Result<Option<(Bytes, Self)>> {
        let Self { source, room } = self;
        let decoded = match source {
            Source::Idle(chunks) => decode(chunks, &room).await?,
            Source::Ahead(mut task) => (&mut task.0).await.map_err(broken)??,
        };
        Ok(decoded.map(|(bytes, chunks)| (bytes, Self { source: ahead(chunks, &room), room })))
    }
}

/// Room first: what is decoded must lie somewhere, whether the client reads it or not.
async fn decode(chunks: Rebuilding, room: &Room) -> Decoded {
    let (length, share) = match room.find(DECODED) {
        Some(share) => (DECODED, share),
        None => (SMALL, room.small().await),
    };
    let next = chunks.next(length).await?;
    Ok(next.map(|(bytes, chunks)| (share.keep(bytes), chunks)))
}

/// Begins with the next piece, where there is one and room for it.
fn ahead(chunks: Rebuilding, room: &Room) -> Source {
    let share = if chunks.is_done() { None } else { room.find(DECODED) };
    let Some(share) = share else { return Source::Idle(chunks) };
    Source::Ahead(Task(tokio::spawn(async move {
        let next = chunks.next(DECODED).await?;
        Ok(next.map(|(bytes, chunks)| (share.keep(bytes), chunks)))
    })))
}

fn broken(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "api.deliver", format!("a worker broke off: {error}"))
}
