//! Reading numbers, texts and lists of a GGUF header, of which perhaps only the beginning is there.

/// The longest text that is kept.
const MAX_TEXT: u64 = 4096;
/// The longest list of numbers that is kept: one for each layer.
const MAX_LIST: u64 = 1024;
/// How deep lists may lie in lists.
const MAX_DEPTH: u32 = 4;

/// What comes out of reading.
pub(crate) type Step<T> = Result<T, Stop>;

/// A value of the metadata, if it is one that is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(u64),
    Text(String),
    List(Vec<u64>),
}

/// Why reading stopped.
pub(crate) enum Stop {
    /// What is there of the file ends here.
    More,
    /// The file says what cannot be.
    Lie(&'static str),
}

/// Where in the header reading is.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Of the whole file.
    size: u64,
    /// Whether numbers are big-endian.
    big: bool,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a file of this size.
    pub(crate) fn new(bytes: &'a [u8], size: u64) -> Self {
        Self { bytes, at: 0, size, big: false }
    }

    /// Reads numbers with the other end first from here on.
    pub(crate) fn turn(&mut self) {
        self.big = !self.big;
    }

    /// Whether the file can have something at this distance from wherever its tensors begin.
    pub(crate) fn reaches(&self, offset: u64) -> bool {
        offset < self.size
    }

    /// A value, if it is one that is kept; others are passed over.
    pub(crate) fn value(&mut self, kind: u32) -> Step<Option<Value>> {
        Ok(match kind {
            8 => {
                let length = self.u64()?;
                let text = self.take(length)?;
                let kept = (length <= MAX_TEXT).then(|| String::from_utf8_lossy(text).into_owned());
                kept.map(Value::Text)
            }
            9 => self.list(0)?,
            _ => {
                let bytes = self.take(width(kind)?)?;
                self.whole(kind, bytes).map(Value::Number)
            }
        })
    }

    fn list(&mut self, depth: u32) -> Step<Option<Value>> {
        let (kind, count) = (self.u32()?, self.u64()?);
        if kind == 8 || kind == 9 {
            if depth == MAX_DEPTH {
                return Err(Stop::Lie("its lists are nested too deep"));
            }
            // A text has a length of eight bytes, a list a type and a length.
            self.fits(count, 8)?;
            for _ in 0..count {
                if kind == 9 {
                    self.list(depth + 1)?;
                } else {
                    let length = self.u64()?;
                    self.take(length)?;
                }
            }
            return Ok(None);
        }
        let width = width(kind)?;
        let bytes =
            self.take(count.checked_mul(width).ok_or(Stop::Lie("it has a list that is longer than itself"))?)?;
        if count > MAX_LIST {
            return Ok(None);
        }
        let numbers: Option<Vec<u64>> = bytes.chunks_exact(width as usize).map(|each| self.whole(kind, each)).collect();
        Ok(numbers.map(Value::List))
    }

    /// A name of at most so many bytes.
    pub(crate) fn text(&mut self, most: u64) -> Step<String> {
        let length = self.u64()?;
        if length > most {
            return Err(Stop::Lie("it has a name that is too long"));
        }
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// Whether so many things of at least so many bytes can follow.
    fn fits(&self, count: u64, least: u64) -> Step<()> {
        let left = self.size - self.at as u64;
        match count.checked_mul(least).is_some_and(|bytes| bytes <= left) {
            true => Ok(()),
            false => Err(Stop::Lie("it is shorter than what it is said to hold")),
        }
    }

    /// So many bytes.
    pub(crate) fn take(&mut self, length: u64) -> Step<&'a [u8]> {
        self.fits(length, 1)?;
        let end = self.at + length as usize;
        let bytes = self.bytes.get(self.at..end).ok_or(Stop::More)?;
        self.at = end;
        Ok(bytes)
    }

    /// A number of four bytes.
    pub(crate) fn u32(&mut self) -> Step<u32> {
        self.take(4).map(|bytes| self.unsigned(bytes) as u32)
    }

    /// A number of eight bytes.
    pub(crate) fn u64(&mut self) -> Step<u64> {
        self.take(8).map(|bytes| self.unsigned(bytes))
    }

    /// At most eight bytes as one number.
    fn unsigned(&self, bytes: &[u8]) -> u64 {
        let step = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self.big {
            true => bytes.iter().fold(0, step),
            false => bytes.iter().rev().fold(0, step),
        }
    }

    /// A whole number that is not negative; none for others, floats and truth values.
    fn whole(&self, kind: u32, bytes: &[u8]) -> Option<u64> {
        let number = self.unsigned(bytes);
        let positive = number.leading_zeros() as usize > 64 - 8 * bytes.len();
        match kind {
            0 | 2 | 4 | 10 => Some(number),
            1 | 3 | 5 | 11 if positive => Some(number),
            _ => None,
        }
    }
}

/// The bytes of a value that has always as many.
fn width(kind: u32) -> Step<u64> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(Stop::Lie("it has a value of a type that does not exist")),
    }
}
