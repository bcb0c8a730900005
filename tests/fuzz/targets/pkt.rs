//! Lines with their length before them are read to their end or refused, and written as they were read; objects are
//! well-formed or there is a sentence on what is wrong.

use ballast_git::fsck::objection;
use ballast_git::pkt_line::{DELIMITER, FLUSH, Line, Lines, write};
use ballast_types::git::{Commit, ObjectKind, TagText, TreeItem};
use futures::executor::block_on;

pub fn target(bytes: &[u8]) {
    lines(bytes);
    for kind in [ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Tag] {
        let objection = objection(kind, bytes);
        assert!(objection.as_ref().is_none_or(|why| why.len() < 10_000));
        match (kind, objection) {
            (ObjectKind::Commit, None) => drop(Commit::parse(bytes).expect("a commit that was not objected to")),
            (ObjectKind::Tag, None) => drop(TagText::parse(bytes).expect("a tag that was not objected to")),
            (ObjectKind::Tree, None) => assert!(TreeItem::parse_all(bytes).all(|item| item.is_ok())),
            _ => {}
        }
    }
}

fn lines(bytes: &[u8]) {
    let mut input = bytes;
    let mut lines = Lines::new(&mut input, 1 << 20);
    let (mut again, mut whole) = (Vec::new(), true);
    loop {
        match block_on(lines.next()) {
            Ok(Some(Line::Data(line))) => write(&mut again, &line),
            Ok(Some(Line::Flush)) => again.extend_from_slice(FLUSH),
            Ok(Some(Line::Delimiter)) => again.extend_from_slice(DELIMITER),
            Ok(Some(Line::ResponseEnd)) => again.extend_from_slice(b"0002"),
            Ok(None) => break,
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    // But for the newlines that end lines, and the case of digits.
    assert!(again.len() <= bytes.len());
    if whole && !bytes.contains(&b'\n') {
        assert!(again.eq_ignore_ascii_case(bytes));
    }
}
