//! What differs between two texts, as git writes it.

use std::fmt::Write;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput, Token};

/// Lines around a change that are shown with it.
const CONTEXT: u32 = 3;

/// The text of a file whose first bytes hold no NUL, which is how git tells text from other bytes.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    const LOOKED_AT: usize = 8000;
    let is_binary = bytes[..bytes.len().min(LOOKED_AT)].contains(&0);
    std::str::from_utf8(bytes).ok().filter(|_| !is_binary)
}

/// The hunks that make `after` of `before`; empty where they are the same.
pub(crate) fn unified(before: &str, after: &str) -> String {
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let mut text = String::new();
    let mut hunks = diff.hunks().peekable();
    while let Some(first) = hunks.next() {
        let mut group = vec![first];
        let mut end = group[0].before.end;
        while let Some(next) = hunks.next_if(|next| next.before.start - end <= 2 * CONTEXT) {
            end = next.before.end;
            group.push(next);
        }
        write_group(&mut text, &input, &group);
    }
    text
}

/// One hunk of the output: changes that are near to each other, and the lines around them.
fn write_group(text: &mut String, input: &InternedInput<&str>, group: &[Hunk]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let start = first.before.start.saturating_sub(CONTEXT);
    let end = (last.before.end + CONTEXT).min(input.before.len() as u32);
    let before = start..end;
    let after = first.after.start - (first.before.start - start)..last.after.end + (end - last.before.end);
    // Writing to a string does not fail.
    let _ = writeln!(text, "@@ -{} +{} @@", place(&before), place(&after));
    let mut at = start;
    for hunk in group {
        lines(text, input, ' ', &input.before, at..hunk.before.start);
        lines(text, input, '-', &input.before, hunk.before.clone());
        lines(text, input, '+', &input.after, hunk.after.clone());
        at = hunk.before.end;
    }
    lines(text, input, ' ', &input.before, at..end);
}

/// Counted from 1; where there are no lines, the line behind which they would stand.
fn place(lines: &Range<u32>) -> String {
    let count = lines.end - lines.start;
    format!("{},{count}", if count == 0 { lines.start } else { lines.start + 1 })
}

fn lines(text: &mut String, input: &InternedInput<&str>, sign: char, tokens: &[Token], range: Range<u32>) {
    for token in &tokens[range.start as usize..range.end as usize] {
        let line = input.interner[*token];
        text.push(sign);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_three_lines_around_it() {
        let before: String = (1..=12).map(|n| format!("{n}\n")).collect();
        let after = before.replace("5\n", "five\n");
        assert_eq!(unified(&before, &after), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    }

    #[test]
    fn changes_apart_have_hunks_of_their_own_and_near_ones_share_one() {
        let before: String = (1..=40).map(|n| format!("line {n}\n")).collect();
        let after = before.replace("line 5\n", "").replace("line 11\n", "11\n").replace("line 30\n", "30\nmore\n");
        let headers: Vec<String> =
            unified(&before, &after).lines().filter(|l| l.starts_with("@@")).map(str::to_owned).collect();
        assert_eq!(headers, ["@@ -2,13 +2,12 @@", "@@ -27,7 +26,8 @@"]);
    }

    #[test]
    fn a_file_that_comes_or_goes_and_a_missing_line_end_are_written_as_git_does() {
        assert_eq!(unified("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(unified("a", ""), "@@ -1,1 +0,0 @@\n-a\n\\ No newline at end of file\n");
        assert_eq!(unified("a", "a\n"), "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
        assert_eq!(unified("same\n", "same\n"), "");
    }

    #[test]
    fn bytes_that_are_no_text_are_told_apart() {
        assert_eq!(text("über".as_bytes()), Some("über"));
        assert_eq!(text(b"a\0b"), None);
        assert_eq!(text(&[0xff, 0xfe]), None);
        assert_eq!(text(b""), Some(""));
    }
}
