//! What part of a file a request asks for (RFC 9110, sections 13 and 14).

use ballast_types::ByteRange;

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: no range was asked for, or none that this hub serves alone.
    Whole,
    /// This part: 206.
    Part(ByteRange),
    /// Nothing of the file lies in the range: 416.
    Unsatisfiable,
}

/// Reads a `Range` header for something that is `size` bytes long.
///
/// As the RFC allows, what is not understood is ignored, and several ranges at once are answered with the whole.
pub fn select(header: Option<&str>, size: u64) -> Selection {
    let Some((unit, ranges)) = header.and_then(|header| header.split_once('=')) else { return Selection::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Selection::Whole;
    }
    let Some((first, last)) = ranges.split_once('-') else { return Selection::Whole };
    let (start, end) = match (number(first), number(last)) {
        (Some(Some(start)), Some(Some(last))) if start <= last => (start, last.saturating_add(1).min(size)),
        (Some(Some(start)), Some(None)) => (start, size),
        (Some(None), Some(Some(suffix))) => (size.saturating_sub(suffix), size),
        _ => return Selection::Whole,
    };
    match start < end {
        true => Selection::Part(ByteRange { start, end }),
        false => Selection::Unsatisfiable,
    }
}

/// A run of digits (one too long for its type is the largest number), nothing at all, or (none) something else.
fn number(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    text.bytes().all(|b| b.is_ascii_digit()).then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

/// Whether an `If-None-Match` header names this tag (given without quotes): then the client has it already.
pub fn is_known(if_none_match: Option<&str>, etag: &str) -> bool {
    let matches = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == etag;
    if_none_match.is_some_and(|tags| tags.split(',').map(str::trim).any(matches))
}

/// Whether a range may be answered in part: there is no `If-Range`, or it names this very version by a strong tag.
pub fn is_unchanged(if_range: Option<&str>, etag: &str) -> bool {
    if_range.is_none_or(|tag| tag.trim().strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(start: u64, end: u64) -> Selection {
        Selection::Part(ByteRange { start, end })
    }

    #[test]
    fn one_range_of_each_form_is_served() {
        for (header, selection) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-5", part(2, 6)),
            ("bytes=5-", part(5, 10)),
            ("bytes=-3", part(7, 10)),
            ("bytes=-99", part(0, 10)),
            ("bytes=0-99", part(0, 10)),
            ("BYTES= 1 - 2 ", part(1, 3)),
            ("bytes=0-99999999999999999999999", part(0, 10)),
        ] {
            assert_eq!(select(Some(header), 10), selection, "{header}");
        }
    }

    #[test]
    fn a_range_behind_the_end_is_unsatisfiable() {
        for header in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(select(Some(header), 10), Selection::Unsatisfiable, "{header}");
        }
        assert_eq!(select(Some("bytes=0-"), 0), Selection::Unsatisfiable);
    }

    #[test]
    fn what_is_no_single_byte_range_is_answered_with_the_whole() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=1",
        ] {
            assert_eq!(select(Some(header), 10), Selection::Whole, "{header}");
        }
        assert_eq!(select(None, 10), Selection::Whole);
    }

    #[test]
    fn validators_are_compared_as_the_rfc_says() {
        assert!(is_known(Some("\"a\", W/\"b\""), "b") && is_known(Some("*"), "b") && !is_known(Some("\"a\""), "b"));
        assert!(!is_known(None, "b"));
        assert!(is_unchanged(None, "b") && is_unchanged(Some("\"b\""), "b"));
        assert!(!is_unchanged(Some("W/\"b\""), "b") && !is_unchanged(Some("Sat, 21 Nov 2026 00:00:00 GMT"), "b"));
    }
}
