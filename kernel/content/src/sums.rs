//! Checksums of the pieces of a blob: what tells in passing that bytes are not those that were stored.
//!
//! A SHA-256 of everything that is read would halve what a core sends, and says nothing before the last byte. A CRC-32
//! of each piece costs a fiftieth (60 GB/s where the processor multiplies without carries), is kept beside the blob at
//! 128 bytes a MiB, and is known before the piece goes out, of a range as of the whole. A CRC is no proof against whoever
//! can write to the disk; the SHA-256 is, and `ballast storage verify` asks for it.

use ballast_types::ByteRange;

/// The length of a piece, in bytes: small, because a range is read with the whole of the pieces that it touches.
const PIECE: u64 = 32 * 1024;

/// The most pieces of a blob; those of a larger one are longer. 4 MiB of sums.
const MOST: u64 = 1 << 20;

/// The sums of a blob.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    size: u64,
    /// Little-endian, four bytes for each piece.
    column: Vec<u8>,
}

/// The length of the pieces of a blob of `size` bytes.
fn piece_len(size: u64) -> u64 {
    let mut length = PIECE;
    while size.div_ceil(length) > MOST {
        length *= 2;
    }
    length
}

impl Sums {
    /// From their column; none where it does not belong to a blob of this size.
    pub(crate) fn of_column(size: u64, column: Vec<u8>) -> Option<Self> {
        let pieces = size.div_ceil(piece_len(size));
        (column.len() as u64 == pieces * 4).then_some(Self { size, column })
    }

    /// Of a blob that is at hand.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, column: column_of(bytes) }
    }

    /// What they weigh in memory, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.column.len()
    }

    /// The pieces that a range touches, whole.
    pub(crate) fn cover(&self, range: ByteRange) -> ByteRange {
        let length = piece_len(self.size);
        ByteRange { start: range.start / length * length, end: range.end.next_multiple_of(length).min(self.size) }
    }

    /// Where the piece ends that `at` lies in.
    pub(crate) fn border(&self, at: u64) -> u64 {
        let length = piece_len(self.size);
        (at / length * length + length).min(self.size)
    }

    /// The first piece that is not what it was; `bytes` are whole pieces, from `start` on.
    pub(crate) fn differs(&self, start: u64, bytes: &[u8]) -> Option<u64> {
        let length = piece_len(self.size);
        let first = start / length;
        let pieces = bytes.chunks(usize::try_from(length).unwrap_or(usize::MAX));
        (first..).zip(pieces).find(|(number, piece)| self.sum(*number) != Some(crc32fast::hash(piece))).map(|(n, _)| n)
    }

    fn sum(&self, piece: u64) -> Option<u32> {
        let at = usize::try_from(piece * 4).ok()?;
        Some(u32::from_le_bytes(self.column.get(at..at + 4)?.try_into().ok()?))
    }
}

/// Sums in the making, of bytes that come in any portions.
pub(crate) struct Summing {
    length: u64,
    /// What is still missing of the piece under way.
    room: u64,
    piece: crc32fast::Hasher,
    column: Vec<u8>,
}

impl Summing {
    /// For a blob of `size` bytes.
    pub(crate) fn new(size: u64) -> Self {
        let length = piece_len(size);
        Self { length, room: length, piece: crc32fast::Hasher::new(), column: Vec::new() }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let fitting = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(fitting);
            self.piece.update(now);
            self.room -= fitting as u64;
            if self.room == 0 {
                self.close();
            }
            bytes = later;
        }
    }

    fn close(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.column.extend(piece.finalize().to_le_bytes());
        self.room = self.length;
    }

    /// The column.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.room < self.length {
            self.close();
        }
        self.column
    }
}

/// The column of a blob that is at hand.
pub(crate) fn column_of(bytes: &[u8]) -> Vec<u8> {
    let mut summing = Summing::new(bytes.len() as u64);
    summing.update(bytes);
    summing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn every_flipped_bit_is_found_in_its_piece_and_in_no_other() {
        let length = PIECE as usize;
        let mut blob = bytes(3 * length + 10);
        let sums = Sums::of_column(blob.len() as u64, column_of(&blob)).unwrap();
        assert_eq!(sums.differs(0, &blob), None);
        for at in [0, length - 1, length, 3 * length - 1, 3 * length, 3 * length + 9] {
            blob[at] ^= 1 << (at % 8);
            assert_eq!(sums.differs(0, &blob), Some(at as u64 / PIECE));
            let cover = sums.cover(ByteRange { start: at as u64, end: at as u64 + 1 });
            let piece = cover.start as usize..cover.end as usize;
            assert_eq!(sums.differs(cover.start, &blob[piece]), Some(at as u64 / PIECE));
            blob[at] ^= 1 << (at % 8);
        }
        assert_eq!(sums.differs(PIECE, &blob[length..2 * length]), None);
    }

    #[test]
    fn sums_do_not_depend_on_the_portions_in_which_bytes_come() {
        let piece = PIECE as usize;
        for length in [0, 1, piece - 1, piece, piece + 1, 200_000] {
            let blob = bytes(length);
            for portion in [1, 1000, piece, 100_000] {
                let mut summing = Summing::new(length as u64);
                blob.chunks(portion).for_each(|some| summing.update(some));
                assert_eq!(summing.finish(), column_of(&blob), "{length} bytes by {portion}");
            }
        }
    }

    #[test]
    fn a_cover_is_whole_pieces_within_the_blob_also_of_the_largest() {
        let five_tb = 5_000_000_000_000;
        for size in [1, PIECE, 100_000, five_tb] {
            let pieces = size.div_ceil(piece_len(size));
            assert!(pieces <= MOST);
            let sums = Sums::of_column(size, vec![0; pieces as usize * 4]).unwrap();
            assert_eq!(sums.cover(ByteRange::whole(size)), ByteRange::whole(size));
            let last = sums.cover(ByteRange { start: size - 1, end: size });
            assert_eq!((last.start % piece_len(size), last.end), (0, size));
            assert_eq!(sums.border(last.start), size);
        }
        assert_eq!(Sums::of_column(70_000, vec![0; 4]), None, "one sum for two pieces");
    }
}
