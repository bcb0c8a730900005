//! Xet's JSON, as the protocol's specification (`huggingface.co/docs/xet`) and hf_xet 1.8 have it.

use std::collections::HashMap;

use ballast_services::{ToFetch, WayToBytes, XorbUpload};
use ballast_xet::{FetchRange, PlannedTerm};
use poem_openapi::Object;

/// Where to upload and download by Xet, and the right to. The headers say the same.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct XetAccess {
    pub cas_url: String,
    /// Seconds since 1970.
    pub exp: i64,
    pub access_token: String,
}

/// From the first to the one before `end`, or to `end` itself where bytes are counted.
#[derive(Debug, Object)]
pub struct XetRange {
    pub start: u64,
    pub end: u64,
}

/// A run of chunks of a file.
#[derive(Debug, Object)]
pub struct XetTerm {
    /// Of the xorb that has the chunks.
    pub hash: String,
    /// In bytes.
    pub unpacked_length: u32,
    /// The chunks, by their numbers; `end` is the one after the last.
    pub range: XetRange,
}

/// Where some chunks of a xorb are.
#[derive(Debug, Object)]
pub struct XetFetch {
    /// The chunks, by their numbers; `end` is the one after the last.
    pub range: XetRange,
    /// Good for a while, and for these bytes only.
    pub url: String,
    /// The bytes to ask for; `end` is the last of them.
    pub url_range: XetRange,
}

/// What to fetch for a file, version 1.
#[derive(Debug, Object)]
pub struct XetReconstruction {
    /// How many bytes of the first term come before those that were asked for.
    pub offset_into_first_range: u64,
    /// In the order of the file.
    pub terms: Vec<XetTerm>,
    /// By xorb.
    pub fetch_info: HashMap<String, Vec<XetFetch>>,
}

/// Chunks of a xorb, and its bytes that hold them.
#[derive(Debug, Object)]
pub struct XetChunks {
    /// By their numbers; `end` is the one after the last.
    pub chunks: XetRange,
    /// `end` is the last of them.
    pub bytes: XetRange,
}

/// One address for chunks of a xorb.
#[derive(Debug, Object)]
pub struct XetFetches {
    /// Good for a while, and for these bytes only.
    pub url: String,
    pub ranges: Vec<XetChunks>,
}

/// What to fetch for a file, version 2.
#[derive(Debug, Object)]
#[oai(rename = "XetReconstructionV2")]
pub struct XetReconstruction2 {
    /// How many bytes of the first term come before those that were asked for.
    pub offset_into_first_range: u64,
    /// In the order of the file.
    pub terms: Vec<XetTerm>,
    /// By xorb.
    pub xorbs: HashMap<String, Vec<XetFetches>>,
}

/// A xorb that a client has.
#[derive(Debug, Object)]
pub struct XorbGrantRequest {
    /// As it is sent, in bytes.
    pub length: u64,
    /// Taken and not needed: what arrives is hashed.
    #[oai(skip_serializing_if_is_none)]
    pub checksum: Option<XorbChecksum>,
}

/// A checksum of a xorb as it is sent.
#[derive(Debug, Object)]
pub struct XorbChecksum {
    /// `crc64nvme`.
    pub algo: String,
    /// In decimal.
    pub value: String,
}

/// Where to write a xorb.
#[derive(Debug, Object)]
pub struct XorbGrant {
    /// To say that it was written.
    pub id: String,
    pub method: String,
    /// Good for an hour, and for this xorb only.
    pub url: String,
    /// To be sent as they stand here.
    pub headers: HashMap<String, String>,
}

impl From<XorbUpload> for XorbGrant {
    fn from(upload: XorbUpload) -> Self {
        let XorbUpload { id, request } = upload;
        Self { id, method: request.method, url: request.url, headers: request.headers.into_iter().collect() }
    }
}

/// What became of a xorb.
#[derive(Debug, Object)]
pub struct XorbReceived {
    /// False where it was here already.
    pub was_inserted: bool,
}

/// What became of a shard.
#[derive(Debug, Object)]
pub struct ShardReceived {
    /// 1 where something in it was new, 0 where all of it was known.
    pub result: u8,
}

impl From<&PlannedTerm> for XetTerm {
    fn from(term: &PlannedTerm) -> Self {
        let range = XetRange { start: term.chunks.start.into(), end: term.chunks.end.into() };
        Self { hash: term.xorb.into(), unpacked_length: term.length, range }
    }
}

fn chunks(range: &FetchRange) -> XetRange {
    XetRange { start: range.chunks.start.into(), end: range.chunks.end.into() }
}

fn bytes(range: &FetchRange) -> XetRange {
    XetRange { start: range.bytes.start, end: range.bytes.end.saturating_sub(1) }
}

/// For each xorb, what `each` makes of its ranges and the ways to them.
fn by_xorb<T>(to_fetch: &ToFetch, each: impl Fn(&FetchRange, &WayToBytes) -> T) -> HashMap<String, Vec<T>> {
    let fetches = to_fetch.plan.fetches.iter().zip(&to_fetch.ways);
    let made = fetches.map(|(fetch, ways)| {
        let made = fetch.ranges.iter().zip(ways).map(|(range, way)| each(range, way)).collect();
        (fetch.xorb.into(), made)
    });
    made.collect()
}

impl XetReconstruction {
    /// `url` is the address of a way.
    pub fn of(to_fetch: &ToFetch, url: impl Fn(&WayToBytes) -> String) -> Self {
        let fetch = |range: &FetchRange, way: &WayToBytes| XetFetch {
            range: chunks(range),
            url: url(way),
            url_range: bytes(range),
        };
        Self {
            offset_into_first_range: to_fetch.plan.offset_into_first_range,
            terms: to_fetch.plan.terms.iter().map(XetTerm::from).collect(),
            fetch_info: by_xorb(to_fetch, fetch),
        }
    }
}

impl XetReconstruction2 {
    /// `url` is the address of a way.
    pub fn of(to_fetch: &ToFetch, url: impl Fn(&WayToBytes) -> String) -> Self {
        let fetch = |range: &FetchRange, way: &WayToBytes| XetFetches {
            url: url(way),
            ranges: vec![XetChunks { chunks: chunks(range), bytes: bytes(range) }],
        };
        Self {
            offset_into_first_range: to_fetch.plan.offset_into_first_range,
            terms: to_fetch.plan.terms.iter().map(XetTerm::from).collect(),
            xorbs: by_xorb(to_fetch, fetch),
        }
    }
}
