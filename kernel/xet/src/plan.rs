//! What a reader has to fetch for a file, or for a part of it.

use std::collections::HashMap;
use std::ops::Range;

use ballast_types::{ByteRange, XetHash};

use crate::xorb::Record;
use crate::{FileTerms, Term};

/// What the answers to a reader say, of either version; who answers adds the addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many bytes of the first term come before those that were asked for.
    pub offset_into_first_range: u64,
    /// In the order of the file; the first and the last are cut down to the chunks that are needed.
    pub terms: Vec<PlannedTerm>,
    /// What to fetch, each xorb once, in the order of first use.
    pub fetches: Vec<Fetch>,
}

/// A run of chunks of a plan; where it came from in the file's terms is of no more interest.
pub type PlannedTerm = Term;

/// What to fetch of one xorb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub xorb: XetHash,
    /// In the order of the xorb; none touches another.
    pub ranges: Vec<FetchRange>,
}

/// Chunks that lie together, and their stored bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRange {
    pub chunks: Range<u32>,
    pub bytes: ByteRange,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unplannable {
    /// The answer is 416; clients take it for the end of the file.
    #[error("the range begins at byte {start}, the file has {size}")]
    PastTheEnd { start: u64, size: u64 },
    #[error("there is no record of xorb {0}")]
    NoRecord(XetHash),
    #[error("the file's term {term} is not what the record of xorb {xorb} says")]
    Disagree { term: usize, xorb: XetHash },
}

/// Plans a range of a file, or all of it. `record` is asked for the xorbs of `file.touched(range)` only. What it costs
/// grows with the terms that are answered, and by the logarithm of those that are not.
pub fn plan<'a>(
    file: &FileTerms,
    range: Option<ByteRange>,
    record: impl Fn(&XetHash) -> Option<&'a Record>,
) -> Result<Plan, Unplannable> {
    let size = file.size();
    let wanted = range.unwrap_or(ByteRange::whole(size));
    let wanted = ByteRange { start: wanted.start, end: wanted.end.min(size) };
    if wanted.is_empty() {
        // Of an empty file there is nothing to fetch, and that is an answer.
        let nothing = Plan { offset_into_first_range: 0, terms: vec![], fetches: vec![] };
        let whole = size == 0 && wanted.start == 0;
        return if whole { Ok(nothing) } else { Err(Unplannable::PastTheEnd { start: wanted.start, size }) };
    }
    let touched = file.touched(wanted);
    let mut plan = Plan { offset_into_first_range: 0, terms: Vec::with_capacity(touched.len()), fetches: vec![] };
    let mut numbers: HashMap<XetHash, usize> = HashMap::new();
    for number in touched.clone() {
        let term = file.term(number);
        let xorb = record(&term.xorb).ok_or(Unplannable::NoRecord(term.xorb))?;
        let (start, end) = (file.start(number), file.start(number) + u64::from(term.length));
        let part = ByteRange { start: wanted.start.max(start) - start, end: wanted.end.min(end) - start };
        let cut = needed(&term, part, xorb).ok_or(Unplannable::Disagree { term: number, xorb: term.xorb })?;
        if number == touched.start {
            plan.offset_into_first_range = cut.before;
        }
        let next = plan.fetches.len();
        let fetch = *numbers.entry(term.xorb).or_insert(next);
        if fetch == next {
            plan.fetches.push(Fetch { xorb: term.xorb, ranges: vec![] });
        }
        let chunks = cut.term.chunks.clone();
        let bytes = xorb.stored(chunks.start as usize..chunks.end as usize);
        plan.fetches[fetch].ranges.push(FetchRange { chunks, bytes });
        plan.terms.push(cut.term);
    }
    plan.fetches.iter_mut().for_each(|fetch| coalesce(&mut fetch.ranges));
    Ok(plan)
}

struct CutDown {
    term: PlannedTerm,
    /// How many bytes of it come before the part.
    before: u64,
}

/// The chunks of a term that a part of it touches; none where term and record do not belong together.
fn needed(term: &Term, part: ByteRange, xorb: &Record) -> Option<CutDown> {
    let (first, after) = (term.chunks.start as usize, term.chunks.end as usize);
    if after > xorb.len() || xorb.raw_len(first..after) != term.length {
        return None;
    }
    let start = xorb.raw_start(first);
    let at = |offset: u64| u32::try_from(offset).ok().and_then(|offset| start.checked_add(offset));
    let (from, last) = (at(part.start)?, at(part.end.checked_sub(1)?)?);
    let chunks = xorb.chunk_at(from)..xorb.chunk_at(last) + 1;
    let before = u64::from(from - xorb.raw_start(chunks.start));
    let length = xorb.raw_len(chunks.clone());
    let chunks = u32::try_from(chunks.start).ok()?..u32::try_from(chunks.end).ok()?;
    Some(CutDown { term: Term { xorb: term.xorb, chunks, length }, before })
}

/// Sorts ranges, and makes one of those that overlap or touch.
fn coalesce(ranges: &mut Vec<FetchRange>) {
    ranges.sort_unstable_by_key(|range| range.chunks.start);
    ranges.dedup_by(|next, kept| {
        let together = next.chunks.start <= kept.chunks.end;
        if together {
            kept.chunks.end = kept.chunks.end.max(next.chunks.end);
            kept.bytes.end = kept.bytes.end.max(next.bytes.end);
        }
        together
    });
}
