//! A file told as a change of what stood at its path before.

use ballast_types::git::DeltaWriter;
use imara_diff::{Algorithm, Diff, Hunk, InternedInput, Token, TokenSource};

/// How far is looked for a NUL, which is how git tells text from other bytes.
const LOOKED_AT: usize = 8000;
/// Longer lines are looked at word by word, in bytes.
const LINE: usize = 256;
/// About how long a piece is, in bytes.
const PIECE: usize = 32;

/// The delta that makes `new` of `base` (`gitformat-pack`); none where it would not be much shorter, or these are no
/// texts.
pub fn between(base: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let is_binary = |bytes: &[u8]| bytes[..bytes.len().min(LOOKED_AT)].contains(&0);
    if is_binary(base) || is_binary(new) {
        return None;
    }
    let input = InternedInput::new(Pieces(base), Pieces(new));
    let bytes = |tokens: &[Token]| tokens.iter().map(|token| input.interner[*token].len()).sum::<usize>();
    let most = new.len() / 2;
    let mut delta = DeltaWriter::new(base.len() as u64, new.len() as u64);
    // Up to which piece and which byte of the base all is told, and up to which byte of the new file.
    let (mut piece, mut from, mut to) = (0, 0, 0);
    for Hunk { before, after } in Diff::compute(Algorithm::Histogram, &input).hunks() {
        let same = bytes(&input.before[piece..before.start as usize]);
        delta.copy(from as u64, same as u64);
        let added = bytes(&input.after[after.start as usize..after.end as usize]);
        delta.insert(&new[to + same..to + same + added]);
        from += same + bytes(&input.before[before.start as usize..before.end as usize]);
        to += same + added;
        piece = before.end as usize;
        if delta.so_far() > most {
            return None;
        }
    }
    delta.copy(from as u64, (base.len() - from) as u64);
    Some(delta.finish()).filter(|delta| delta.len() <= most)
}

/// Bytes in lines, and long lines in words.
struct Pieces<'a>(&'a [u8]);

impl<'a> TokenSource for Pieces<'a> {
    type Token = &'a [u8];
    type Tokenizer = PiecesOf<'a>;

    fn tokenize(&self) -> PiecesOf<'a> {
        PiecesOf { rest: self.0, line: 0 }
    }

    fn estimate_tokens(&self) -> u32 {
        u32::try_from(self.0.len() / PIECE).unwrap_or(u32::MAX)
    }
}

/// The pieces that are still to come.
struct PiecesOf<'a> {
    rest: &'a [u8],
    /// How much is left of a long line.
    line: usize,
}

impl<'a> Iterator for PiecesOf<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let behind = |bytes: &[u8], ends: fn(&u8) -> bool| bytes.iter().position(ends).map_or(bytes.len(), |at| at + 1);
        if self.line == 0 {
            self.line = behind(self.rest, |byte| *byte == b'\n');
            if self.line <= LINE {
                return self.take(self.line);
            }
        }
        self.take(behind(&self.rest[..self.line], |byte| matches!(byte, b' ' | b',')))
    }
}

impl<'a> PiecesOf<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (piece, rest) = self.rest.split_at(length);
        (self.rest, self.line) = (rest, self.line - length);
        (!piece.is_empty()).then_some(piece)
    }
}

#[cfg(test)]
mod tests {
    use ballast_types::git::apply_delta;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_edited_text_is_told_as_its_edits_whether_it_has_lines_or_not() {
        let words = |end: &str| (0..4000).map(|n| format!("\"word-{n}\": {n},{end}")).collect::<String>();
        for end in ["\n", " ", ""] {
            let old = words(end);
            let new = old.replacen("word-1000", "another", 1).replacen("word-3000", "", 1) + "the end";
            let delta = between(old.as_bytes(), new.as_bytes()).unwrap();
            assert!(delta.len() < 600, "{} bytes with '{}' between", delta.len(), end.escape_debug());
            assert_eq!(apply_delta(old.as_bytes(), &delta, new.len()).unwrap(), new.as_bytes());
        }
    }

    #[test]
    fn what_has_little_in_common_or_is_no_text_comes_whole() {
        let (old, new) = ("one line\n".repeat(50), "quite another\n".repeat(50));
        assert_eq!(between(old.as_bytes(), new.as_bytes()), None);
        assert_eq!(between(&[0; 1000], &[0; 1000]), None);
        assert_eq!(between(b"", new.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn a_delta_always_makes_the_file_that_it_was_made_for(
            old in "[ab\n ,]{0,400}", new in "[ab\n ,]{0,40}", at in 0_usize..400,
        ) {
            let edited = [&old[..at.min(old.len())], &new, &old[at.min(old.len())..]].concat();
            if let Some(delta) = between(old.as_bytes(), edited.as_bytes()) {
                prop_assert_eq!(apply_delta(old.as_bytes(), &delta, edited.len()).unwrap(), edited.as_bytes());
            }
        }
    }
}
