//! Bytes of files that lie in xorbs: put together by the hub, or by a reader that is told what to fetch.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use ballast_contract::{ByteStream, Error, ErrorKind};
use ballast_types::{ByteRange, Sha256, XetHash};
use ballast_xet::xorb::RunReader;
use ballast_xet::{FileTerms, Plan, Term, Unplannable, plan};
use bytes::Bytes;
use futures::stream::try_unfold;
use futures::{StreamExt, TryStreamExt};

use super::{Result, Xorb};
use crate::checks::damaged;
use crate::delivery::read_range;
use crate::{Content, Delivery};

/// How much of a file is decoded at once where the hub itself is the reader, in bytes before compression.
const RUN: u64 = 1 << 20;

/// What a reader has to fetch.
#[derive(Clone, Debug)]
pub struct Reconstruction {
    pub plan: Plan,
    /// The blob of each xorb in the plan.
    pub xorbs: HashMap<XetHash, Sha256>,
}

/// Chunks of a xorb that lie together, and which of their bytes are wanted.
pub(super) struct Run {
    xorb: Arc<Xorb>,
    chunks: Range<usize>,
    wanted: Range<usize>,
}

impl Content {
    /// What to fetch for a range of a blob, or for all of it; none where the range begins behind its end. `NotFound` where
    /// it does not lie in xorbs.
    pub async fn reconstruct(&self, sha256: Sha256, range: Option<ByteRange>) -> Result<Option<Reconstruction>> {
        let absent = || Error::new(ErrorKind::NotFound, "content.reconstruct", format!("blob {sha256} is no Xet file"));
        let terms = self.find_terms(sha256).await?.ok_or_else(absent)?;
        let wanted = range.unwrap_or(ByteRange::whole(terms.size()));
        let touched = terms.touched(ByteRange { start: wanted.start, end: wanted.end.min(terms.size()) });
        let xorbs = self.xorbs(touched.map(|term| terms.term(term).xorb)).await?;
        let plan = match plan(&terms, range, |name| xorbs.get(name).map(|xorb| &xorb.record)) {
            Err(Unplannable::PastTheEnd { .. }) => return Ok(None),
            planned => planned.map_err(|unplannable| damaged(sha256, &unplannable.to_string()))?,
        };
        Ok(Some(Reconstruction { plan, xorbs: xorbs.into_iter().map(|(name, xorb)| (name, xorb.sha256)).collect() }))
    }

    /// A range of a file, for whoever reads all of it at once.
    pub(crate) fn rebuild(&self, terms: Arc<FileTerms>, range: ByteRange) -> ByteStream {
        Rebuilding::new(self.clone(), None, terms, range).into_stream()
    }

    pub(super) async fn decode(&self, run: Run) -> Result<Bytes> {
        let (sha256, stored) = (run.xorb.sha256, run.xorb.record.stored(run.chunks.clone()));
        let decoded = match self.open_whole(sha256, stored).await? {
            // The chunks' own hashes are what is checked; what `checks` would cover is not even read.
            Delivery::File { file, range, .. } => {
                self.in_turn("content.rebuild", move || decode_now(&run, &[read_range(&file, range)?])).await?
            }
            Delivery::Stream(bytes) => {
                let bytes: Vec<Bytes> = bytes.try_collect().await?;
                self.in_turn("content.rebuild", move || decode_now(&run, &bytes)).await?
            }
            Delivery::Chunks(_) => Err(damaged(sha256, "they lie in xorbs themselves")),
        };
        if decoded.is_err() {
            self.suspect(sha256);
        }
        decoded
    }
}

/// A range of a file that lies in xorbs, of which some has been read.
pub struct Rebuilding {
    content: Content,
    /// None before it is one.
    blob: Option<Sha256>,
    terms: Arc<FileTerms>,
    left: ByteRange,
}

impl Rebuilding {
    pub(crate) fn new(content: Content, blob: Option<Sha256>, terms: Arc<FileTerms>, range: ByteRange) -> Self {
        Self { content, blob, terms, left: range }
    }

    /// All of it, for whoever reads it at once.
    pub fn into_stream(self) -> ByteStream {
        try_unfold(self, |rebuilding| rebuilding.next(RUN)).boxed()
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// The next bytes: about `most` of them, at least what is wanted of a chunk, and none at the end. Each chunk is held
    /// against its hash; one that differs is an error in its place.
    pub async fn next(mut self, most: u64) -> Result<Option<(Bytes, Self)>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let bytes = match self.read(most).await {
            // What is remembered of the file may be out of date: a xorb of it was rewritten.
            Err(error) if error.is(ErrorKind::Corrupt) && self.look_again().await? => self.read(most).await?,
            read => read?,
        };
        self.left.start += bytes.len() as u64;
        Ok(Some((bytes, self)))
    }
}

impl Rebuilding {
    async fn read(&self, most: u64) -> Result<Bytes> {
        let Some(number) = self.terms.touched(self.left).next() else { return Ok(Bytes::new()) };
        let term = self.terms.term(number);
        let gone = || Error::new(ErrorKind::Corrupt, "content.rebuild", format!("xorb {} is gone", term.xorb));
        let xorb = self.content.xorbs([term.xorb]).await?.remove(&term.xorb).ok_or_else(gone)?;
        self.content.decode(Run::first(xorb, &term, self.terms.start(number), self.left, most)).await
    }

    /// Asks for the terms anew; answers whether they are others. What changes is where the chunks of a file are, and not
    /// which they are.
    async fn look_again(&mut self) -> Result<bool> {
        let Some(sha256) = self.blob else { return Ok(false) };
        self.content.inner.places.invalidate(&sha256);
        let Some(terms) = self.content.find_terms(sha256).await? else { return Ok(false) };
        let others = terms.as_bytes() != self.terms.as_bytes();
        self.terms = Arc::new(terms);
        Ok(others)
    }
}

impl Run {
    /// Some chunks, all of their bytes.
    pub(super) fn whole(xorb: Arc<Xorb>, chunks: Range<usize>) -> Self {
        let wanted = 0..xorb.record.raw_len(chunks.clone()) as usize;
        Self { xorb, chunks, wanted }
    }

    /// The first of what is wanted of a term that begins at `start` in its file: whole chunks of about `most` bytes.
    fn first(xorb: Arc<Xorb>, term: &Term, start: u64, wanted: ByteRange, most: u64) -> Self {
        let record = &xorb.record;
        let base = record.raw_start(term.chunks.start as usize);
        // A term is shorter than 4 GiB.
        let at = |offset: u64| base + u32::try_from(offset.saturating_sub(start)).unwrap_or(u32::MAX - base);
        let (from, to) = (at(wanted.start), at(wanted.end.min(start + u64::from(term.length))));
        let (first, after) = (record.chunk_at(from), record.chunk_at(to - 1) + 1);
        let full = record.raw_start(first).saturating_add(u32::try_from(most).unwrap_or(u32::MAX));
        let last = record.chunk_at(full).clamp(first + 1, after);
        let (begin, end) = (record.raw_start(first), record.raw_start(last));
        let wanted = (from - begin) as usize..(to.min(end) - begin) as usize;
        Self { xorb, chunks: first..last, wanted }
    }
}

fn decode_now(run: &Run, stored: &[Bytes]) -> Result<Bytes> {
    let record = &run.xorb.record;
    let invalid = |error: ballast_xet::xorb::InvalidXorb| damaged(run.xorb.sha256, &error.to_string());
    let mut raw = Vec::with_capacity(record.raw_len(run.chunks.clone()) as usize);
    let mut reader = RunReader::new(record, run.chunks.clone());
    for bytes in stored {
        let mut left = &bytes[..];
        while let Some(chunk) = reader.next(&mut left).map_err(invalid)? {
            raw.extend_from_slice(chunk);
        }
    }
    reader.finish().map_err(invalid)?;
    Ok(Bytes::from(raw).slice(run.wanted.clone()))
}
