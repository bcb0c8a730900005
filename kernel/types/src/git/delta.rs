//! Git's deltas: an object told as pieces of another one and what is new (`gitformat-pack`, "Deltified
//! representation").

/// The longest piece that one instruction copies, and that one inserts.
const COPY: u64 = 0xff_ffff;
const INSERT: usize = 127;

/// Writes a delta.
pub struct DeltaWriter {
    bytes: Vec<u8>,
    /// A copy that may still grow: offset and length.
    copy: Option<(u64, u64)>,
    insert: Vec<u8>,
}

impl DeltaWriter {
    /// Begins a delta between objects of these lengths.
    pub fn new(base: u64, result: u64) -> Self {
        let mut bytes = Vec::new();
        write_length(&mut bytes, base);
        write_length(&mut bytes, result);
        Self { bytes, copy: None, insert: Vec::new() }
    }

    /// About how long it is by now, in bytes.
    pub fn so_far(&self) -> usize {
        self.bytes.len() + self.insert.len()
    }

    /// So many bytes of the base, from this offset on.
    pub fn copy(&mut self, offset: u64, length: u64) {
        if length == 0 {
            return;
        }
        self.end_insert();
        match &mut self.copy {
            Some((from, long)) if *from + *long == offset => *long += length,
            _ => {
                self.end_copy();
                self.copy = Some((offset, length));
            }
        }
    }

    /// These bytes.
    pub fn insert(&mut self, bytes: &[u8]) {
        self.end_copy();
        self.insert.extend_from_slice(bytes);
    }

    /// The delta.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_copy();
        self.end_insert();
        self.bytes
    }

    fn end_insert(&mut self) {
        for piece in self.insert.chunks(INSERT) {
            self.bytes.push(piece.len() as u8);
            self.bytes.extend_from_slice(piece);
        }
        self.insert.clear();
    }

    fn end_copy(&mut self) {
        let Some((mut offset, mut length)) = self.copy.take() else { return };
        while length > 0 {
            let piece = length.min(COPY);
            let at = self.bytes.len();
            self.bytes.push(0x80);
            let fields = offset.to_le_bytes().into_iter().take(4).chain(piece.to_le_bytes().into_iter().take(3));
            for (bit, byte) in fields.enumerate().filter(|(_, byte)| *byte != 0) {
                self.bytes[at] |= 1 << bit;
                self.bytes.push(byte);
            }
            offset += piece;
            length -= piece;
        }
    }
}

fn write_length(bytes: &mut Vec<u8>, mut length: u64) {
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

/// Why a delta was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDelta {
    #[error("the delta is cut off")]
    Short,
    #[error("the delta is of an object of another length")]
    OtherBase,
    #[error("the delta copies what its base does not have")]
    Outside,
    #[error("the delta makes an object of another length than it says")]
    OtherResult,
    #[error("the delta has an instruction that git does not know")]
    Unknown,
}

/// How long the base and the result of a delta are.
pub fn delta_lengths(delta: &[u8]) -> Result<(u64, u64), BadDelta> {
    let mut rest = delta;
    Ok((read_length(&mut rest)?, read_length(&mut rest)?))
}

/// What a delta makes of its base. Memory is taken for `most` bytes at most, whatever the delta says.
pub fn apply_delta(base: &[u8], delta: &[u8], most: usize) -> Result<Vec<u8>, BadDelta> {
    let mut rest = delta;
    if read_length(&mut rest)? != base.len() as u64 {
        return Err(BadDelta::OtherBase);
    }
    let length = usize::try_from(read_length(&mut rest)?).ok().filter(|length| *length <= most);
    let length = length.ok_or(BadDelta::OtherResult)?;
    let mut result = Vec::with_capacity(length);
    while let Some((&op, after)) = rest.split_first() {
        rest = after;
        let piece = if op & 0x80 != 0 {
            let mut field = |bits: std::ops::Range<u8>| -> Result<usize, BadDelta> {
                let mut value = 0;
                for (place, _) in bits.clone().enumerate().filter(|(_, bit)| op & (1 << bit) != 0) {
                    let (byte, after) = rest.split_first().ok_or(BadDelta::Short)?;
                    value |= usize::from(*byte) << (8 * place);
                    rest = after;
                }
                Ok(value)
            };
            let offset = field(0..4)?;
            let size = match field(4..7)? {
                0 => 0x10000,
                size => size,
            };
            base.get(offset..offset + size).ok_or(BadDelta::Outside)?
        } else if op != 0 {
            let (piece, after) = rest.split_at_checked(op.into()).ok_or(BadDelta::Short)?;
            rest = after;
            piece
        } else {
            return Err(BadDelta::Unknown);
        };
        if result.len() + piece.len() > length {
            return Err(BadDelta::OtherResult);
        }
        result.extend_from_slice(piece);
    }
    if result.len() == length { Ok(result) } else { Err(BadDelta::OtherResult) }
}

fn read_length(rest: &mut &[u8]) -> Result<u64, BadDelta> {
    let mut value = 0;
    for place in 0..9 {
        let (byte, after) = rest.split_first().ok_or(BadDelta::Short)?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(BadDelta::Short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_makes_what_it_was_made_of() {
        let base: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let new = [&base[..70_000], b"in between".repeat(30).as_slice(), &base[200_000..]].concat();
        let mut delta = DeltaWriter::new(base.len() as u64, new.len() as u64);
        delta.copy(0, 50_000);
        delta.copy(50_000, 20_000);
        delta.insert(&b"in between".repeat(30));
        delta.copy(200_000, 200_000);
        let delta = delta.finish();
        assert!(delta.len() < 400);
        assert_eq!(delta_lengths(&delta), Ok((400_000, new.len() as u64)));
        assert_eq!(apply_delta(&base, &delta, 1 << 20), Ok(new.clone()));
        assert_eq!(apply_delta(&base, &delta, new.len() - 1), Err(BadDelta::OtherResult));
        assert_eq!(apply_delta(&base[1..], &delta, 1 << 20), Err(BadDelta::OtherBase));
        for end in 0..delta.len() {
            assert!(apply_delta(&base, &delta[..end], 1 << 20).is_err(), "cut off at {end}");
        }
    }

    #[test]
    fn a_delta_that_lies_is_refused() {
        // Base of 1 byte, result of 2^40 bytes.
        assert_eq!(
            apply_delta(b"x", &[1, 0x80, 0x80, 0x80, 0x80, 0x80, 1], usize::MAX >> 30),
            Err(BadDelta::OtherResult)
        );
        assert_eq!(apply_delta(b"x", &[1, 3, 0x91, 1, 3], 100), Err(BadDelta::Outside));
        assert_eq!(apply_delta(b"x", &[1, 1, 0], 100), Err(BadDelta::Unknown));
        assert_eq!(apply_delta(b"x", &[1, 1, 2, b'a'], 100), Err(BadDelta::Short));
    }
}
