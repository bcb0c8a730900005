//! Bytes of files that lie in xorbs: put together by the hub, or by a reader that is told what to fetch.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use ballast_contract::{ByteStream, Error, ErrorKind};
use ballast_types::{ByteRange, Sha256, XetHash};
use ballast_xet::xorb::RunReader;
use ballast_xet::{FileTerms, Plan, Unplannable, plan};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::{Result, Xorb};
use crate::checks::damaged;
use crate::delivery::read_range;
use crate::{Content, Delivery, unblocked};

/// How much is decoded at once, in bytes before compression: enough that a hop to the blocking pool costs little, and
/// little enough to be sent before it leaves the processor's cache.
const RUN: u32 = 1 << 20;

/// How many runs are decoded ahead of the one that is sent.
const AHEAD: usize = 2;

/// Terms whose xorbs are looked up together.
const TERMS: usize = 64;

/// What a reader has to fetch.
#[derive(Clone, Debug)]
pub struct Reconstruction {
    pub plan: Plan,
    /// The blob of each xorb in the plan.
    pub xorbs: HashMap<XetHash, Sha256>,
}

/// Chunks of a xorb that lie together, and which of their bytes are wanted.
struct Run {
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

    /// A range of a file, chunk by chunk decoded and held against its hash.
    pub(crate) fn rebuild(&self, terms: Arc<FileTerms>, range: ByteRange) -> ByteStream {
        let touched = terms.touched(range);
        let some: Vec<Range<usize>> =
            touched.clone().step_by(TERMS).map(|first| first..touched.end.min(first + TERMS)).collect();
        let (looking, decoding) = (self.clone(), self.clone());
        let runs = stream::iter(some).then(move |some| {
            let (content, terms) = (looking.clone(), terms.clone());
            async move { content.runs(&terms, some, range).await.map(|runs| stream::iter(runs).map(Ok)) }
        });
        let decoded = runs.try_flatten().map_ok(move |run| {
            let content = decoding.clone();
            async move { content.decode(run).await }
        });
        decoded.try_buffered(AHEAD).boxed()
    }

    /// The runs of some terms, as far as they are in the range.
    async fn runs(&self, terms: &FileTerms, some: Range<usize>, range: ByteRange) -> Result<Vec<Run>> {
        let xorbs = self.xorbs(some.clone().map(|number| terms.term(number).xorb)).await?;
        let mut runs = Vec::new();
        for number in some {
            let term = terms.term(number);
            let gone = || Error::new(ErrorKind::Corrupt, "content.rebuild", format!("xorb {} is gone", term.xorb));
            let xorb = xorbs.get(&term.xorb).ok_or_else(gone)?;
            let record = &xorb.record;
            let (start, base) = (terms.start(number), record.raw_start(term.chunks.start as usize));
            // A term is shorter than 4 GiB.
            let at = |offset: u64| base + u32::try_from(offset.saturating_sub(start)).unwrap_or(u32::MAX);
            let (from, to) = (at(range.start), at(range.end.min(start + u64::from(term.length))));
            let (mut chunk, after) = (record.chunk_at(from), record.chunk_at(to - 1) + 1);
            while chunk < after {
                let first = record.raw_start(chunk);
                let last = record.chunk_at(first.saturating_add(RUN)).clamp(chunk + 1, after);
                let cut = |raw: u32| raw.clamp(first, record.raw_start(last)) as usize - first as usize;
                runs.push(Run { xorb: xorb.clone(), chunks: chunk..last, wanted: cut(from)..cut(to) });
                chunk = last;
            }
        }
        Ok(runs)
    }

    async fn decode(&self, run: Run) -> Result<Bytes> {
        let (sha256, stored) = (run.xorb.sha256, run.xorb.record.stored(run.chunks.clone()));
        let decoded = match self.open_whole(sha256, stored).await? {
            // The chunks' own hashes are what is checked; what `checks` would cover is not even read.
            Delivery::File { file, range, .. } => {
                unblocked("content.rebuild", move || decode_now(&run, &[read_range(&file, range)?])).await?
            }
            Delivery::Stream(bytes) => {
                let bytes: Vec<Bytes> = bytes.try_collect().await?;
                unblocked("content.rebuild", move || decode_now(&run, &bytes)).await?
            }
        };
        if decoded.is_err() {
            self.suspect(sha256);
        }
        decoded
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
