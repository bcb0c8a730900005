//! Where a pack ends, seen as it comes. In a conversation nothing else says it: libgit2 waits for the report of a push
//! with its own side still open.

use flate2::{Decompress, FlushDecompress, Status};

use super::{NAMED, OFFSET};

/// Magic, version and the number of entries, in bytes.
const HEADER: usize = 12;
/// The name of a delta's base, and the checksum at the end, in bytes.
const NAME: usize = 20;
/// Room for what is inflated and thrown away, in bytes.
const ROOM: usize = 32 << 10;

/// Counts the entries of a pack and looks at nothing else. What is no pack ends where that is seen: whoever reads it
/// afterwards says what is wrong.
pub struct End {
    next: Next,
    header: [u8; HEADER],
    /// Entries that have not begun yet.
    entries: u32,
    inflater: Decompress,
    room: Vec<u8>,
}

/// What the next byte is part of.
#[derive(Clone, Copy)]
enum Next {
    /// The header, of which so many bytes are here.
    Header(usize),
    /// Kind and length of an entry: its kind, once the first byte is here.
    Head(Option<u8>),
    /// How far back a delta's base lies.
    Offset,
    /// The name of a delta's base, of which so many bytes are missing.
    Base(usize),
    /// What is deflated.
    Data,
    /// The checksum, of which so many bytes are missing.
    Checksum(usize),
}

impl Default for End {
    fn default() -> Self {
        let inflater = Decompress::new(true);
        Self { next: Next::Header(0), header: [0; HEADER], entries: 0, inflater, room: vec![0; ROOM] }
    }
}

impl End {
    /// Goes on with what came: how many bytes of it are the pack's, where the pack ends in it.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if let Next::Data = self.next {
                let Some(taken) = self.inflate(&bytes[at..]) else { return Some(bytes.len()) };
                at += taken;
            } else {
                let next = self.after(bytes[at]);
                at += 1;
                let Some(next) = next else { return Some(at) };
                self.next = next;
            }
        }
        None
    }

    /// What follows a byte that is not deflated; none where the pack ends with it.
    fn after(&mut self, byte: u8) -> Option<Next> {
        let goes_on = byte & 0x80 != 0;
        match self.next {
            Next::Header(had) => {
                self.header[had] = byte;
                if had + 1 < HEADER { Some(Next::Header(had + 1)) } else { self.begin() }
            }
            Next::Head(kind) => match kind.unwrap_or(byte >> 4 & 7) {
                kind if goes_on => Some(Next::Head(Some(kind))),
                OFFSET => Some(Next::Offset),
                NAMED => Some(Next::Base(NAME)),
                _ => Some(Next::Data),
            },
            Next::Offset if goes_on => Some(Next::Offset),
            Next::Base(missing) if missing > 1 => Some(Next::Base(missing - 1)),
            Next::Offset | Next::Base(_) | Next::Data => Some(Next::Data),
            Next::Checksum(missing) if missing > 1 => Some(Next::Checksum(missing - 1)),
            Next::Checksum(_) => None,
        }
    }

    /// What follows the header.
    fn begin(&mut self) -> Option<Next> {
        let (magic, count) = self.header.split_at(HEADER - 4);
        self.entries = u32::from_be_bytes(count.try_into().ok()?);
        magic.starts_with(b"PACK").then(|| self.entry())
    }

    /// What follows an entry, and the header.
    fn entry(&mut self) -> Next {
        match self.entries.checked_sub(1) {
            Some(left) => {
                self.entries = left;
                self.inflater.reset(true);
                Next::Head(None)
            }
            None => Next::Checksum(NAME),
        }
    }

    /// How many bytes were taken; none where they are not deflated as they should be.
    fn inflate(&mut self, bytes: &[u8]) -> Option<usize> {
        let before = (self.inflater.total_in(), self.inflater.total_out());
        let status = self.inflater.decompress(bytes, &mut self.room, FlushDecompress::None).ok()?;
        let after = (self.inflater.total_in(), self.inflater.total_out());
        match status {
            Status::StreamEnd => self.next = self.entry(),
            _ if before == after => return None,
            _ => {}
        }
        usize::try_from(after.0 - before.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A pack of a blob of some length, a delta of each kind, and an empty blob. Nothing in it has to make sense.
    fn pack() -> Vec<u8> {
        let mut pack = b"PACK\0\0\0\x02\0\0\0\x04".to_vec();
        let deflated = |bytes: &[u8]| {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        pack.extend([0xb0, 0x80, 0x20]);
        pack.extend(deflated(&vec![7; 3 * ROOM]));
        pack.extend([0x63, 0x81, 0x05]);
        pack.extend(deflated(b"abc"));
        pack.push(0x73);
        pack.extend([0xff; NAME]);
        pack.extend(deflated(b"abc"));
        pack.push(0x30);
        pack.extend(deflated(b""));
        pack.extend([0xee; NAME]);
        pack
    }

    #[test]
    fn a_pack_ends_with_its_checksum_however_it_comes_in_pieces() {
        let (pack, after) = (pack(), b"0000");
        let whole = [&pack[..], after].concat();
        for step in [1, 2, 3, 7, 64, 1000, whole.len()] {
            let (mut end, mut seen) = (End::default(), 0);
            let found = whole.chunks(step).find_map(|piece| {
                let found = end.find(piece);
                seen += found.unwrap_or(piece.len());
                found
            });
            assert!(found.is_some(), "pieces of {step}");
            assert_eq!(seen, pack.len(), "pieces of {step}");
        }
        assert_eq!(End::default().find(&pack[..pack.len() - 1]), None, "one byte is missing");
    }

    #[test]
    fn what_is_no_pack_is_not_waited_for() {
        assert_eq!(End::default().find(b"this is not one at all"), Some(HEADER));
        let mut damaged = pack();
        damaged[16..40].fill(0xff);
        assert!(End::default().find(&damaged).is_some());
    }
}
