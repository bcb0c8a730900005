//! Lines of a body that arrives in pieces, each of them of bounded length.

use ballast_services::Failure;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};

/// Cuts a stream of pieces into lines.
pub struct Lines<S> {
    pieces: S,
    held: BytesMut,
    /// How much of `held` is known to have no line end.
    searched: usize,
    limit: usize,
    number: usize,
    ended: bool,
}

/// Blank lines that may follow each other.
const BLANK: usize = 1000;

/// One line without its end, and its number, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub number: usize,
    pub text: Bytes,
}

impl<S: Stream<Item = Result<Bytes, Failure>> + Unpin> Lines<S> {
    /// No line may be longer than `limit` bytes.
    pub fn new(pieces: S, limit: usize) -> Self {
        Self { pieces, held: BytesMut::new(), searched: 0, limit, number: 0, ended: false }
    }

    /// The next line that is not blank; none at the end. Blank lines are passed over, but not for ever.
    pub async fn next(&mut self) -> Result<Option<Line>, Failure> {
        for _ in 0..=BLANK {
            let Some(line) = self.next_of_any_sort().await? else { return Ok(None) };
            if !line.text.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
        Err(Failure::Invalid(format!("line {}: more than {BLANK} lines in a row are blank", self.number)))
    }

    async fn next_of_any_sort(&mut self) -> Result<Option<Line>, Failure> {
        loop {
            if let Some(at) = self.held[self.searched..].iter().position(|byte| *byte == b'\n') {
                let mut text = self.held.split_to(self.searched + at + 1);
                text.truncate(text.len() - 1);
                return self.line(text).map(Some);
            }
            self.searched = self.held.len();
            self.check(self.held.len())?;
            if self.ended {
                let rest = self.held.split();
                return if rest.is_empty() { Ok(None) } else { self.line(rest).map(Some) };
            }
            match self.pieces.next().await {
                Some(piece) => self.held.extend_from_slice(&piece?),
                None => self.ended = true,
            }
        }
    }

    fn line(&mut self, text: BytesMut) -> Result<Line, Failure> {
        self.check(text.len())?;
        (self.searched, self.number) = (0, self.number + 1);
        Ok(Line { number: self.number, text: text.freeze() })
    }

    fn check(&self, length: usize) -> Result<(), Failure> {
        match length > self.limit {
            false => Ok(()),
            true => Err(Failure::TooLarge(format!(
                "line {}: longer than {} bytes; a file of this size goes to LFS",
                self.number + 1,
                self.limit
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&'static str], limit: usize) -> Result<Vec<(usize, String)>, Failure> {
        let pieces = futures::stream::iter(pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))));
        let mut lines = Lines::new(Box::pin(pieces), limit);
        let mut all = vec![];
        futures::executor::block_on(async {
            while let Some(line) = lines.next().await? {
                all.push((line.number, String::from_utf8_lossy(&line.text).into_owned()));
            }
            Ok(all)
        })
    }

    fn numbered(lines: &[(usize, &str)]) -> Vec<(usize, String)> {
        lines.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
    }

    #[test]
    fn lines_do_not_depend_on_how_the_body_is_cut() {
        let lines = numbered(&[(1, "ab"), (3, "c"), (4, "de")]);
        assert_eq!(cut(&["ab\n\nc\nde"], 10).unwrap(), lines);
        assert_eq!(cut(&["a", "b", "\n", "\nc", "\nd", "e", "\n"], 10).unwrap(), lines);
        assert_eq!(cut(&[], 10).unwrap(), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_before_it_is_all_there() {
        assert!(
            matches!(cut(&["short\n", "0123456789a"], 10), Err(Failure::TooLarge(why)) if why.starts_with("line 2"))
        );
        assert_eq!(cut(&["0123456789\n"], 10).unwrap().len(), 1);
        assert!(cut(&["0123456789a\n"], 10).is_err());
    }

    #[test]
    fn blank_lines_are_passed_over_but_not_for_ever() {
        let (some, too_many): (&str, &str) = ("\n".repeat(BLANK).leak(), " \n".repeat(BLANK + 1).leak());
        assert_eq!(cut(&[some, "a"], 10).unwrap(), numbered(&[(BLANK + 1, "a")]));
        assert!(matches!(cut(&[too_many, "a"], 10), Err(Failure::Invalid(why)) if why.starts_with("line 1001")));
    }

    #[test]
    fn a_body_that_breaks_off_is_no_end_of_lines() {
        let pieces = [Ok(Bytes::from_static(b"a\nb")), Err(Failure::Interrupted("gone".to_owned()))];
        let mut lines = Lines::new(futures::stream::iter(pieces), 10);
        futures::executor::block_on(async {
            assert!(lines.next().await.unwrap().is_some());
            assert!(matches!(lines.next().await, Err(Failure::Interrupted(_))));
        });
    }
}
