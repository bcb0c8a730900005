//! What came whole, cut into chunks as a client would have: read once, held against the xorbs that are here, and written
//! as new xorbs where nothing like it is. Then it deduplicates with everything else, and the piece that it came as is
//! set aside.
//!
//! The file passes the same door as one that a client sends: its terms are checked and its SHA-256 is worked out from
//! the chunks before anything changes. A crash before that leaves xorbs, which the next attempt finds, or which go with
//! the grace of all xorbs.

mod known;
mod list;
mod new_xorb;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use ballast_contract::ByteStream;
use ballast_types::{ByteRange, LeaseId, Sha256, Timestamp, XetHash};
use ballast_xet::{Cutter, chunk_hash};
use bytes::Bytes;

use super::Result;
use crate::compact::NOBODY;
use crate::delivery::Lies;
use crate::digest::collect;
use crate::{Content, unblocked};
use known::{At, Known};
use list::TermList;
pub(super) use new_xorb::NewXorb;

/// How long the cutting of one blob may take: of a terabyte, on a busy machine.
const TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A chunk, and its bytes before compression.
pub(super) struct Chunk {
    pub(super) hash: XetHash,
    pub(super) bytes: Bytes,
}

impl Content {
    /// Puts a blob into xorbs and sets the piece aside that it came as; answers how many bytes were stored anew for it.
    /// None where it does not lie in a piece of its own: then it is in a pack, in xorbs, or nowhere whole.
    pub async fn cut_up(&self, sha256: Sha256) -> Result<Option<u64>> {
        let Lies::Whole(place) = self.lies(sha256).await? else { return Ok(None) };
        if place.packed {
            return Ok(None);
        }
        let mut written = 0;
        if self.find_terms(sha256).await?.is_none() {
            let lease = self.create_lease(NOBODY, Timestamp::now().after(TIME)).await?;
            let cut = self.beside(&place.storage)?.cut_under(lease, sha256, place.size).await;
            self.drop_lease(lease).await?;
            written = cut?;
        }
        self.set_aside(sha256).await?;
        Ok(Some(written))
    }

    async fn cut_under(&self, lease: LeaseId, sha256: Sha256, size: u64) -> Result<u64> {
        let mut cutting = Cutting { content: self, lease, names: vec![], written: 0 };
        let mut placing = Placing { known: Known::near(self, sha256).await?, ..Placing::default() };
        let body = self.open(sha256, ByteRange::whole(size)).await?.into_stream();
        let poured = cutting.pour(&mut placing, body, size).await;
        let closed = match (poured, placing.open.take()) {
            (Ok(()), Some(open)) => cutting.close(open).await,
            (Err(error), Some(open)) => {
                open.abort(self).await;
                Err(error)
            }
            (poured, None) => poured,
        };
        closed?;
        // What a client's shard would say of the file.
        self.register_file(lease, &placing.terms.finish(&cutting.names, sha256)).await?;
        Ok(cutting.written)
    }
}

/// A blob that is being cut.
struct Cutting<'a> {
    content: &'a Content,
    lease: LeaseId,
    /// The new xorbs that are finished, in order.
    names: Vec<XetHash>,
    /// Of these, as they are stored, in bytes.
    written: u64,
}

impl Cutting<'_> {
    async fn pour(&mut self, placing: &mut Placing, mut body: ByteStream, size: u64) -> Result<()> {
        let (mut cutter, mut left) = (Cutter::new(), size);
        loop {
            let piece = collect(&mut body, &mut left, size).await?;
            if piece.is_empty() {
                let last = cutter.finish().map(chunk).into_iter().collect();
                return self.place(placing, last).await;
            }
            let (rest, chunks) = unblocked("content.cut", move || cut(cutter, &piece)).await?;
            cutter = rest;
            self.place(placing, chunks).await?;
        }
    }

    /// Gives each chunk a place, and writes what is new.
    async fn place(&mut self, placing: &mut Placing, mut chunks: VecDeque<Chunk>) -> Result<()> {
        let with_first = placing.terms.is_empty();
        placing.known.learn(self.content, &chunks, with_first).await?;
        loop {
            let taken = std::mem::take(placing);
            let placed = unblocked("content.cut", move || taken.place(chunks)).await?;
            (*placing, chunks) = placed;
            if chunks.is_empty() {
                break;
            }
            if let Some(full) = placing.open.take() {
                self.close(full).await?;
            }
            placing.finished = self.names.len();
            placing.open = Some(NewXorb::begin(self.content, self.lease).await?);
        }
        match &mut placing.open {
            Some(open) => open.write().await,
            None => Ok(()),
        }
    }

    async fn close(&mut self, open: NewXorb) -> Result<()> {
        let (name, written) = open.finish(self.content, self.lease).await?;
        self.names.push(name);
        self.written += written;
        Ok(())
    }
}

/// Where the chunks go.
#[derive(Default)]
struct Placing {
    known: Known,
    terms: TermList,
    /// How many new xorbs are finished, which is the number of the open one.
    finished: usize,
    open: Option<NewXorb>,
}

impl Placing {
    /// Takes chunks up to the first that is new and has no room in the open xorb; answers what is left. This is work for
    /// a processor: hashing was before it, and compression is here.
    fn place(mut self, mut chunks: VecDeque<Chunk>) -> (Self, VecDeque<Chunk>) {
        while let Some(chunk) = chunks.pop_front() {
            let added = match (self.known.find(&chunk.hash), &mut self.open) {
                (Some(at), _) => Some(at),
                (None, Some(open)) => open.push(&chunk).map(|number| At::New { number: self.finished, chunk: number }),
                (None, None) => None,
            };
            let Some(at) = added else {
                chunks.push_front(chunk);
                break;
            };
            self.known.insert(chunk.hash, at);
            self.terms.push(chunk.hash, chunk.bytes.len(), at);
        }
        (self, chunks)
    }
}

fn chunk(bytes: impl Into<Bytes>) -> Chunk {
    let bytes = bytes.into();
    Chunk { hash: chunk_hash(&bytes), bytes }
}

fn cut(mut cutter: Cutter, piece: &[Bytes]) -> (Cutter, VecDeque<Chunk>) {
    let mut chunks = VecDeque::new();
    for portion in piece {
        let pushed = cutter.push(portion, |bytes| {
            chunks.push_back(chunk(Bytes::copy_from_slice(bytes)));
            Ok::<(), Infallible>(())
        });
        let Ok(()) = pushed;
    }
    (cutter, chunks)
}
