//! The chunks of a xorb out of bytes that come in any portions, not yet decoded.

use super::{ChunkHeader, HEADER, InvalidXorb, XorbFault};

/// Cuts a body into its chunks. It keeps one chunk that has not arrived in full, and copies only that.
#[derive(Default)]
pub(super) struct Cutting {
    /// The beginning of the chunk under way.
    open: Vec<u8>,
    /// It was whole, and was given out.
    given: bool,
    /// How many are whole.
    pub chunks: usize,
    /// Where the next one begins.
    pub at: u64,
}

/// A chunk that is whole.
pub(super) struct Cut<'a> {
    /// Which one, counted from 0.
    pub number: usize,
    /// Where it begins.
    pub at: u64,
    pub header: ChunkHeader,
    pub stored: &'a [u8],
}

impl Cut<'_> {
    /// A fault of this chunk.
    pub fn wrong(&self, fault: XorbFault) -> InvalidXorb {
        InvalidXorb { chunk: self.number, at: self.at, fault }
    }
}

/// How many bytes must be there to see the next chunk, and its header where that is there.
fn look(bytes: &[u8]) -> Result<(usize, Option<ChunkHeader>), XorbFault> {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok((HEADER, None)) };
    let header = ChunkHeader::parse(*header)?;
    Ok((header.whole(), Some(header)))
}

impl Cutting {
    /// The next chunk that is whole, and what is left of the portion behind it. None where the portion is used up, or
    /// where something begins with a byte that `ends` accepts instead of a chunk; that is left in the portion.
    pub fn next<'s, 'p: 's>(
        &'s mut self,
        portion: &mut &'p [u8],
        ends: impl Fn(u8) -> bool,
    ) -> Result<Option<Cut<'s>>, InvalidXorb> {
        if std::mem::take(&mut self.given) {
            self.open.clear();
        }
        let (number, at) = (self.chunks, self.at);
        loop {
            // The chunk under way is completed first; then chunks are read where they lie.
            let direct = self.open.is_empty();
            let bytes = if direct { *portion } else { &self.open[..] };
            match bytes.first() {
                None => return Ok(None),
                Some(first) if direct && ends(*first) => return Ok(None),
                Some(_) => {}
            }
            let (needed, header) = look(bytes).map_err(|fault| InvalidXorb { chunk: number, at, fault })?;
            let Some(header) = header.filter(|_| bytes.len() >= needed) else {
                if portion.is_empty() {
                    return Ok(None);
                }
                self.fill(portion, needed);
                continue;
            };
            self.chunks += 1;
            self.at += needed as u64;
            if direct {
                let (now, later) = portion.split_at(needed);
                *portion = later;
                return Ok(Some(Cut { number, at, header, stored: &now[HEADER..] }));
            }
            self.given = true;
            return Ok(Some(Cut { number, at, header, stored: &self.open[HEADER..] }));
        }
    }

    /// Moves bytes of the portion to the chunk under way, until that has `length` or there are no more.
    fn fill(&mut self, portion: &mut &[u8], length: usize) {
        let missing = length.saturating_sub(self.open.len()).min(portion.len());
        let (now, later) = portion.split_at(missing);
        self.open.extend_from_slice(now);
        *portion = later;
    }

    /// Refuses to end inside a chunk.
    pub fn finish(&self) -> Result<(), InvalidXorb> {
        if self.open.is_empty() || self.given { Ok(()) } else { Err(self.wrong(XorbFault::Truncated)) }
    }

    /// A fault of what begins after the last whole chunk.
    pub fn wrong(&self, fault: XorbFault) -> InvalidXorb {
        InvalidXorb { chunk: self.chunks, at: self.at, fault }
    }
}
