//! The chunks of a xorb out of bytes that come in any portions, not yet decoded.

use super::{ChunkHeader, HEADER, InvalidXorb, XorbFault};

/// Cuts a body into its chunks. It keeps one chunk that has not arrived in full, and copies only that.
#[derive(Default)]
pub(super) struct Cutting {
    /// The beginning of the chunk under way.
    open: Vec<u8>,
    /// How many are whole.
    pub chunks: usize,
    /// Where the next one begins.
    pub at: u64,
}

/// A chunk that is whole.
pub(super) struct Cut<'a> {
    /// Which one, counted from 0.
    pub number: usize,
    pub header: ChunkHeader,
    pub stored: &'a [u8],
}

/// How many bytes must be there to see the next chunk, and its header where that is there.
fn look(bytes: &[u8]) -> Result<(usize, Option<ChunkHeader>), XorbFault> {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok((HEADER, None)) };
    let header = ChunkHeader::parse(*header)?;
    Ok((header.whole(), Some(header)))
}

impl Cutting {
    /// Takes a portion; `each` gets every chunk that is whole by now. Where something begins with a byte that `ends`
    /// accepts instead of a chunk, it stops and answers the rest of the portion.
    pub fn push<'a>(
        &mut self,
        mut portion: &'a [u8],
        ends: impl Fn(u8) -> bool,
        mut each: impl FnMut(Cut<'_>) -> Result<(), XorbFault>,
    ) -> Result<&'a [u8], InvalidXorb> {
        loop {
            // The chunk under way is completed first; then chunks are read where they lie.
            let bytes = if self.open.is_empty() { portion } else { &self.open };
            match bytes.first() {
                None => return Ok(portion),
                Some(first) if self.open.is_empty() && ends(*first) => return Ok(portion),
                Some(_) => {}
            }
            let (number, at) = (self.chunks, self.at);
            let wrong = |fault| InvalidXorb { chunk: number, at, fault };
            let (needed, header) = look(bytes).map_err(wrong)?;
            match header.filter(|_| bytes.len() >= needed) {
                Some(header) => {
                    each(Cut { number, header, stored: &bytes[HEADER..needed] }).map_err(wrong)?;
                    self.chunks += 1;
                    self.at += needed as u64;
                    if self.open.is_empty() {
                        portion = &portion[needed..];
                    } else {
                        self.open.clear();
                    }
                }
                None if portion.is_empty() => return Ok(portion),
                None => self.fill(&mut portion, needed),
            }
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
        if self.open.is_empty() { Ok(()) } else { Err(self.wrong(XorbFault::Truncated)) }
    }

    /// A fault of what begins after the last whole chunk.
    pub fn wrong(&self, fault: XorbFault) -> InvalidXorb {
        InvalidXorb { chunk: self.chunks, at: self.at, fault }
    }
}
