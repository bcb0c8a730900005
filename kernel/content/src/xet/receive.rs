//! Xorbs on their way in.

use ballast_contract::ByteStream;
use ballast_contract::storage::StorageWriter;
use ballast_database::{for_both, transaction};
use ballast_types::{LeaseId, Sha256, Timestamp, XetHash};
use ballast_xet::xorb::{Arrived as ArrivedXorb, XorbReader};
use ballast_xet::{MAX_XORB, MAX_XORB_BODY, is_eligible};
use bytes::Bytes;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::StreamExt;
use sha2::Digest;

use super::Result;
use crate::digest::refused;
use crate::failure::Failure;
use crate::objects::{Arrived, Object};
use crate::rows::{LeaseBlobRow, ObjectRow};
use crate::schema::{blobs, lease_blobs, leases, locations, objects, xet_chunks, xorbs};
use crate::sums::Summing;
use crate::{Blob, Content};

/// How many bytes are decoded and hashed at a time. Each upload has up to three of these in memory: one arrives, one is
/// checked, one is written.
const PIECE: usize = 512 << 10;

/// What became of a xorb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedXorb {
    /// False where it was here already.
    pub inserted: bool,
    /// Its bytes as they are stored, a blob like others.
    pub blob: Blob,
}

impl Content {
    /// Receives a xorb and leases it. `Invalid` where its chunks do not decode, or do not have this name: then nothing
    /// is stored. One that is here already is read all the same, and not written again. `Conflict` where the lease has
    /// ended.
    pub async fn receive_xorb(&self, lease: LeaseId, xorb: XetHash, body: ByteStream) -> Result<ReceivedXorb> {
        let name = xorb.to_string();
        let object = Object::new(self, false, |id| format!("xorbs/{}/{name}.{id:016x}", &name[..2]))?;
        let (row, now) = (object.row(lease, Timestamp::now()), Timestamp::now());
        let during = |failure: Failure| failure.during("content.receive_xorb");
        let begun: Result<bool, Failure> = transaction!(self.database(), begin_xorb(lease, xorb, row, now));
        if begun.map_err(during)? {
            // Nothing is given for a name alone: whoever says it has to send what it stands for.
            pour_xorb(self, xorb, body, None).await?;
            let leased: Result<_, Failure> = transaction!(self.database(), lease_xorb(lease, xorb));
            let (sha256, size) = leased.map_err(during)?;
            return Ok(ReceivedXorb { inserted: false, blob: Blob { sha256, size, oid: None } });
        }
        let mut writer = self.create_object(&object).await?;
        let poured = pour_xorb(self, xorb, body, Some(&mut writer)).await;
        let size = poured.as_ref().map_or(0, |poured| poured.arrived.stored);
        let poured = self.finish(writer, &object, poured, size).await?;
        let blob = Blob { sha256: poured.sha256, size, oid: None };
        let inserted = self.keep_xorb(lease, &object, blob, poured.sums, poured.arrived).await?;
        Ok(ReceivedXorb { inserted, blob })
    }

    /// Makes an object that was written a xorb. Answers whether it was new.
    pub(super) async fn keep_xorb(
        &self,
        lease: LeaseId,
        object: &Object,
        blob: Blob,
        sums: Vec<u8>,
        arrived: ArrivedXorb,
    ) -> Result<bool> {
        let (xorb, now) = (arrived.xorb, Timestamp::now());
        self.keep(lease, Some(object), vec![Arrived { blob, start: 0, sums }]).await?;
        let inserted: Result<bool, Failure> = transaction!(self.database(), record_xorb(blob.sha256, arrived, now));
        self.inner.xorbs.invalidate(&xorb);
        inserted.map_err(|failure| failure.during("content.receive_xorb"))
    }
}

/// A xorb that has arrived.
pub(super) struct Poured {
    pub(super) arrived: ArrivedXorb,
    pub(super) sha256: Sha256,
    pub(super) sums: Vec<u8>,
}

/// A xorb that is arriving.
struct Pouring {
    reader: XorbReader,
    sha256: sha2::Sha256,
    sums: Summing,
}

impl Pouring {
    /// Takes portions; answers what of them is to be stored, which a footer is not.
    fn push(mut self, portions: Vec<Bytes>) -> Result<(Self, Vec<Bytes>)> {
        let mut to_store = Vec::with_capacity(portions.len());
        for mut portion in portions {
            let before = self.reader.to_store();
            self.reader.push(&portion).map_err(|invalid| refused(invalid.to_string()))?;
            portion.truncate(usize::try_from(self.reader.to_store() - before).unwrap_or(usize::MAX));
            self.sha256.update(&portion);
            self.sums.update(&portion);
            to_store.push(portion);
        }
        Ok((self, to_store))
    }

    fn finish(self, xorb: XetHash) -> Result<Poured> {
        let arrived = self.reader.finish().map_err(|invalid| refused(invalid.to_string()))?;
        if arrived.xorb != xorb {
            return Err(refused(format!("the chunks of the body make xorb {}, not {xorb}", arrived.xorb)));
        }
        Ok(Poured { arrived, sha256: Sha256(self.sha256.finalize().into()), sums: self.sums.finish() })
    }
}

/// Reads a xorb, checks it and writes its chunks. One piece arrives while the one before is checked.
pub(super) async fn pour_xorb(
    content: &Content,
    xorb: XetHash,
    mut body: ByteStream,
    mut writer: Option<&mut Box<dyn StorageWriter>>,
) -> Result<Poured> {
    let sums = Summing::new(MAX_XORB as u64);
    let (reader, sha256) = (XorbReader::new(), sha2::Sha256::new());
    let mut pouring = Pouring { reader, sha256, sums };
    let mut left = MAX_XORB_BODY;
    let mut piece = collect(&mut body, &mut left).await?;
    while !piece.is_empty() {
        let pushed = content.in_turn("content.receive_xorb", move || pouring.push(piece));
        let (pushed, next) = futures::join!(pushed, collect(&mut body, &mut left));
        let (checked, to_store) = pushed??;
        if let Some(writer) = &mut writer {
            for bytes in to_store {
                writer.write(bytes).await?;
            }
        }
        pouring = checked;
        piece = next?;
    }
    content.in_turn("content.receive_xorb", move || pouring.finish(xorb)).await?
}

/// The next piece of a body; empty at its end.
async fn collect(body: &mut ByteStream, left: &mut usize) -> Result<Vec<Bytes>> {
    let (mut piece, mut length) = (Vec::new(), 0);
    while length < PIECE {
        let Some(bytes) = body.next().await.transpose()? else { break };
        let Some(rest) = left.checked_sub(bytes.len()) else {
            return Err(refused(format!("a xorb has at most {MAX_XORB_BODY} bytes")));
        };
        *left = rest;
        length += bytes.len();
        piece.push(bytes);
    }
    Ok(piece)
}

for_both! {
    /// Whether a xorb is here and whole: then its grace begins anew, so that it stays while its bytes are read once more.
    /// Where it is not, writes the row of an object for it.
    pub async fn begin_xorb(
        c: &mut Connection,
        lease: LeaseId,
        xorb: XetHash,
        row: ObjectRow,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        lock_lease!(c, lease);
        if find_whole(c, xorb).await?.is_some() {
            diesel::update(xorbs::table.find(xorb.0.to_vec())).set(xorbs::named.eq(now.0)).execute(c).await?;
            return Ok(true);
        }
        diesel::insert_into(objects::table).values(row).execute(c).await?;
        Ok(false)
    }

    /// Leases a xorb; answers its blob and its length. `Collected` where it has gone, or was found damaged, meanwhile.
    pub async fn lease_xorb(c: &mut Connection, lease: LeaseId, xorb: XetHash) -> Result<(Sha256, u64), Failure> {
        lock_lease!(c, lease);
        let (sha256, size) = find_whole(c, xorb).await?.ok_or(Failure::Collected)?;
        let digest = crate::rows::sha256_of(&sha256)?;
        bulk_insert!(c, lease_blobs::table, vec![LeaseBlobRow { lease: lease.0, sha256 }])?;
        Ok((digest, size.unsigned_abs()))
    }

    /// The blob of a xorb and its size, locked, where it is whole.
    async fn find_whole(c: &mut Connection, xorb: XetHash) -> Result<Option<(Vec<u8>, i64)>, Failure> {
        let there = xorbs::table.find(xorb.0.to_vec()).select(xorbs::sha256);
        let Some(sha256) = there.first::<Vec<u8>>(c).await.optional()? else { return Ok(None) };
        let query = blobs::table.find(&sha256).select(blobs::size);
        let size: Option<i64> = lock!(query).first(c).await.optional()?;
        match size {
            Some(size) if is_whole(c, &sha256).await? => Ok(Some((sha256, size))),
            _ => Ok(None),
        }
    }

    /// Whether a blob lies somewhere undamaged.
    async fn is_whole(c: &mut Connection, sha256: &[u8]) -> Result<bool, Failure> {
        let whole = locations::table.filter(locations::sha256.eq(sha256)).filter(locations::damaged.is_null());
        Ok(diesel::select(diesel::dsl::exists(whole)).get_result(c).await?)
    }

    /// Says where a xorb lies. Answers whether it was new: one that is here and whole stays where it is.
    pub async fn record_xorb(
        c: &mut Connection,
        blob: Sha256,
        arrived: ArrivedXorb,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let xorb = arrived.xorb;
        let row = || xorbs::table.find(xorb.0.to_vec());
        let raw = i64::from(arrived.record.raw_start(arrived.record.len()));
        let insert = diesel::insert_into(xorbs::table).values((
            xorbs::xorb.eq(xorb.0.to_vec()),
            xorbs::sha256.eq(blob.0.to_vec()),
            xorbs::record.eq(arrived.record.as_bytes().to_vec()),
            xorbs::raw.eq(raw),
            xorbs::named.eq(now.0),
            xorbs::thinned.eq(now.0),
        ));
        if insert.on_conflict_do_nothing().execute(c).await? == 0 {
            let before: Vec<u8> = lock!(row().select(xorbs::sha256)).first(c).await?;
            diesel::update(row()).set(xorbs::named.eq(now.0)).execute(c).await?;
            if before == blob.0 || is_whole(c, &before).await? {
                return Ok(false);
            }
            // The same chunks, compressed in another way: they take the place of bytes that are damaged.
            let bytes = (xorbs::sha256.eq(blob.0.to_vec()), xorbs::record.eq(arrived.record.as_bytes().to_vec()));
            diesel::update(row()).set(bytes).execute(c).await?;
            diesel::update(blobs::table.find(before)).set(blobs::idle_since.eq(now.0)).execute(c).await?;
            return Ok(true);
        }
        let eligible = arrived.record.hashes().filter(is_eligible);
        let chunks = eligible.map(|chunk| (xet_chunks::chunk.eq(chunk.0.to_vec()), xet_chunks::xorb.eq(xorb.0.to_vec())));
        bulk_insert!(c, xet_chunks::table, chunks.collect::<Vec<_>>())?;
        Ok(true)
    }
}
