//! Reading a shard. No count is believed: rows are allocated only where their bytes are there.

use ballast_types::{Sha256, XetHash};

use super::{
    ELIGIBLE, END, FOOTER, FOOTER_VERSION, Footer, InvalidShard, ROW, Shard, ShardChunk, ShardFault, ShardFile,
    ShardXorb, TAG, VERSION, WITH_HASHES, WITH_SHA256,
};
use crate::read::Fields;
use crate::{HmacKey, MAX_CHUNK, MAX_SHARD, MAX_XORB_CHUNKS, Term};

/// A name and sixteen bytes more.
struct Row {
    at: usize,
    hash: XetHash,
    numbers: [u32; 4],
}

impl Row {
    fn wrong(&self, fault: ShardFault) -> InvalidShard {
        InvalidShard { at: self.at, fault }
    }
}

struct Reader<'a>(Fields<'a>);

impl Reader<'_> {
    fn wrong(&self, fault: ShardFault) -> InvalidShard {
        InvalidShard { at: self.0.at(), fault }
    }

    fn truncated(&self, rows: u64) -> InvalidShard {
        self.wrong(ShardFault::Truncated { rows })
    }

    fn row(&mut self) -> Result<Row, InvalidShard> {
        let at = self.0.at();
        let mut row = || {
            let hash = self.0.hash()?;
            Some(Row { at, hash, numbers: [self.0.u32()?, self.0.u32()?, self.0.u32()?, self.0.u32()?] })
        };
        row().ok_or(InvalidShard { at, fault: ShardFault::Truncated { rows: 1 } })
    }

    /// Holds a count against the bytes that are there.
    fn announced(&self, rows: u64) -> Result<usize, InvalidShard> {
        let there = (self.0.left() / ROW) as u64;
        if rows > there { Err(self.truncated(rows - there)) } else { Ok(rows as usize) }
    }

    /// The next file; none at the end of the section.
    fn file(&mut self) -> Result<Option<ShardFile>, InvalidShard> {
        let head = self.row()?;
        let [flags, count, _, _] = head.numbers;
        if head.hash == END {
            return Ok(None);
        }
        if flags & !(WITH_HASHES | WITH_SHA256) != 0 {
            return Err(head.wrong(ShardFault::Flags(flags)));
        }
        let (hashed, summed) = (flags & WITH_HASHES != 0, flags & WITH_SHA256 != 0);
        let terms = u64::from(count);
        self.announced(terms + if hashed { terms } else { 0 } + u64::from(summed))?;
        let terms = (0..count).map(|_| self.term()).collect::<Result<_, _>>()?;
        let hashes = if hashed { count } else { 0 };
        let term_hashes = (0..hashes).map(|_| Ok(self.row()?.hash)).collect::<Result<_, _>>()?;
        // A client writes the SHA-256 in the notation of Xet: each group of eight bytes backwards.
        let sha256 = if summed { Some(self.row()?.hash) } else { None };
        let sha256 = sha256.map(|XetHash(mut bytes)| {
            bytes.chunks_exact_mut(8).for_each(<[u8]>::reverse);
            Sha256(bytes)
        });
        Ok(Some(ShardFile { file: head.hash, terms, term_hashes, sha256 }))
    }

    fn term(&mut self) -> Result<Term, InvalidShard> {
        let row = self.row()?;
        let [_, length, start, end] = row.numbers;
        let term = Term { xorb: row.hash, chunks: start..end, length };
        if term.is_possible() { Ok(term) } else { Err(row.wrong(ShardFault::Term { start, end, length })) }
    }

    /// The next xorb; none at the end of the section.
    fn xorb(&mut self) -> Result<Option<ShardXorb>, InvalidShard> {
        let head = self.row()?;
        let [_, count, raw, stored] = head.numbers;
        if head.hash == END {
            return Ok(None);
        }
        if count == 0 || count as usize > MAX_XORB_CHUNKS {
            return Err(head.wrong(ShardFault::Chunks(count)));
        }
        let mut chunks = Vec::with_capacity(self.announced(count.into())?);
        let mut end = 0;
        for _ in 0..count {
            let chunk = self.chunk(end)?;
            end = chunk.start + chunk.length;
            chunks.push(chunk);
        }
        if end != raw {
            return Err(head.wrong(ShardFault::XorbLength { found: end, said: raw }));
        }
        Ok(Some(ShardXorb { xorb: head.hash, chunks, raw, stored }))
    }

    fn chunk(&mut self, expected: u32) -> Result<ShardChunk, InvalidShard> {
        let row = self.row()?;
        let [start, length, flags, _] = row.numbers;
        if length == 0 || length > MAX_CHUNK as u32 {
            return Err(row.wrong(ShardFault::ChunkLength(length)));
        }
        if start != expected {
            return Err(row.wrong(ShardFault::ChunkStart { start, expected }));
        }
        Ok(ShardChunk { hash: row.hash, start, length, eligible: flags & ELIGIBLE != 0 })
    }

    /// The tables for looking up, which nobody believes, and the footer.
    fn footer(&mut self, files_at: usize, xorbs_at: usize) -> Result<Footer, InvalidShard> {
        let tables = self.0.left().checked_sub(FOOTER).ok_or_else(|| self.truncated(1))?;
        let tables_at = self.0.at();
        // The length is known, so nothing of this can be missing.
        let read = |fields: &mut Fields<'_>| {
            fields.bytes(tables)?;
            let at = fields.at();
            let version = fields.u64()?;
            let mut places = [0; 8];
            for place in &mut places {
                *place = fields.u64()?;
            }
            let footer = Footer { key: HmacKey(fields.array()?), created: fields.u64()?, expires: fields.u64()? };
            fields.bytes(FOOTER - 8 * 9 - 32 - 2 * 8 - 8)?;
            Some((at, version, places, footer, fields.u64()?))
        };
        let (at, version, places, footer, end) = read(&mut self.0).ok_or_else(|| self.truncated(1))?;
        let wrong = |fault| Err(InvalidShard { at, fault });
        if version != FOOTER_VERSION {
            return wrong(ShardFault::FooterVersion(version));
        }
        // Where a section lies is known from having read it; a footer that says otherwise belongs to another shard.
        let [files, xorbs, file_table, file_rows, xorb_table, xorb_rows, chunk_table, chunk_rows] = places;
        // Of a table without rows, huggingface.js says that it begins at 0.
        let tables = [(file_table, file_rows, 12), (xorb_table, xorb_rows, 12), (chunk_table, chunk_rows, 16)];
        let behind = tables.into_iter().filter(|(_, rows, _)| *rows > 0).try_fold(
            tables_at as u64,
            |place, (table, rows, length): (u64, u64, u64)| {
                if table == place { rows.checked_mul(length)?.checked_add(place) } else { None }
            },
        );
        let told = files == files_at as u64 && xorbs == xorbs_at as u64;
        if told && behind == Some(at as u64) && end == at as u64 { Ok(footer) } else { wrong(ShardFault::Footer) }
    }
}

impl Shard {
    /// Reads a shard: as clients send it, without a footer, or whole. What it allocates is bounded by the bytes that are
    /// there, at most twice as many.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidShard> {
        if bytes.len() > MAX_SHARD {
            return Err(InvalidShard { at: 0, fault: ShardFault::TooLong { length: bytes.len() } });
        }
        let mut reader = Reader(Fields::new(bytes));
        if reader.0.array() != Some(TAG) {
            return Err(InvalidShard { at: 0, fault: ShardFault::NotAShard });
        }
        let version = reader.0.u64().ok_or_else(|| reader.truncated(1))?;
        if version != VERSION {
            return Err(InvalidShard { at: 0, fault: ShardFault::Version(version) });
        }
        let footer = reader.0.u64().ok_or_else(|| reader.truncated(1))?;
        if footer != 0 && footer != FOOTER as u64 {
            return Err(InvalidShard { at: 0, fault: ShardFault::FooterLength(footer) });
        }
        let mut shard = Self::default();
        let files = reader.0.at();
        while let Some(file) = reader.file()? {
            shard.files.push(file);
        }
        let xorbs = reader.0.at();
        while let Some(xorb) = reader.xorb()? {
            shard.xorbs.push(xorb);
        }
        if footer != 0 {
            shard.footer = Some(reader.footer(files, xorbs)?);
        }
        if reader.0.left() > 0 {
            return Err(reader.wrong(ShardFault::Trailing));
        }
        Ok(shard)
    }
}
