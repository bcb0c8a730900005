//! Lines with their length before them: four hexadecimal digits that count themselves (`gitprotocol-common`).

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{Result, WireError};

/// The longest line, with its length.
pub const MAX_LINE: usize = 65520;

/// One line of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Its bytes, without the newline that may end it.
    Data(Vec<u8>),
    /// `0000`: the end of a message, or of a part of it.
    Flush,
    /// `0001`: between the sections of a message.
    Delimiter,
    /// `0002`: the end of an answer.
    ResponseEnd,
}

impl Line {
    /// The text of a line; none where it is no line of text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Data(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

/// Reads lines, and no byte more than they have.
pub struct Lines<R> {
    input: R,
    /// How many bytes may still come.
    left: u64,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of up to so many bytes together.
    pub fn new(input: R, most: u64) -> Self {
        Self { input, left: most }
    }

    /// What follows the lines.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// A message was read to its end; the next one may have so many bytes.
    pub fn renew(&mut self, most: u64) {
        self.left = most;
    }

    /// The next line; none where the input ends between two lines.
    pub async fn next(&mut self) -> Result<Option<Line>> {
        let mut digits = [0; 4];
        let got = self.input.read(&mut digits[..1]).await?;
        if got == 0 {
            return Ok(None);
        }
        self.input.read_exact(&mut digits[1..]).await?;
        let length = parse_length(digits)?;
        let line = match length {
            0 => Line::Flush,
            1 => Line::Delimiter,
            2 => Line::ResponseEnd,
            _ => {
                let mut bytes = vec![0; length - 4];
                self.input.read_exact(&mut bytes).await?;
                if bytes.last() == Some(&b'\n') {
                    bytes.pop();
                }
                Line::Data(bytes)
            }
        };
        let spent = length.max(4) as u64;
        self.left =
            self.left.checked_sub(spent).ok_or_else(|| WireError::protocol("the request has too many lines"))?;
        Ok(Some(line))
    }
}

/// Reads a line's length. 3 is no length of a line, and 4 is an empty one.
pub fn parse_length(digits: [u8; 4]) -> Result<usize> {
    let bad = || WireError::protocol(format!("'{}' is no length of a pkt-line", digits.escape_ascii()));
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(bad());
    }
    let text = std::str::from_utf8(&digits).map_err(|_| bad())?;
    let length = usize::from_str_radix(text, 16).map_err(|_| bad())?;
    match length {
        3 => Err(bad()),
        length if length > MAX_LINE => Err(bad()),
        length => Ok(length),
    }
}

/// Appends a line. Longer ones than a line can be are cut off.
pub fn write(out: &mut Vec<u8>, line: &[u8]) {
    let line = &line[..line.len().min(MAX_LINE - 4)];
    out.extend_from_slice(format!("{:04x}", line.len() + 4).as_bytes());
    out.extend_from_slice(line);
}

/// Appends a line of text, with a newline.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    write(out, format!("{text}\n").as_bytes());
}

/// The end of a message.
pub const FLUSH: &[u8] = b"0000";
/// Between the sections of a message.
pub const DELIMITER: &[u8] = b"0001";

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut input: &[u8]) -> Result<Vec<Line>> {
        let mut lines = Lines::new(&mut input, 1000);
        let mut found = Vec::new();
        while let Some(line) = lines.next().await? {
            found.push(line);
        }
        Ok(found)
    }

    #[tokio::test]
    async fn lines_are_read_back() {
        let mut bytes = Vec::new();
        write_text(&mut bytes, "want x");
        write(&mut bytes, b"");
        bytes.extend_from_slice(DELIMITER);
        bytes.extend_from_slice(FLUSH);
        let expected = [Line::Data(b"want x".to_vec()), Line::Data(vec![]), Line::Delimiter, Line::Flush];
        assert_eq!(all(&bytes).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn lengths_that_lie_and_lines_that_end_early_are_refused() {
        for bad in ["0003", "zzzz", "+123", "fff1", "0009abc", "000", "00"] {
            assert!(all(bad.as_bytes()).await.is_err(), "{bad}");
        }
        assert!(all(&b"0008abcd".repeat(200)).await.is_err(), "more lines than are taken");
    }
}
