//! A range lies inside the file, and a range that is asked for as it was answered is answered the same.

use ballast_api::read::{Selection, is_known, is_unchanged, select};

/// The first eight bytes are the size of the file, the rest is the header.
pub fn target(bytes: &[u8]) {
    let Some((size, header)) = bytes.split_first_chunk() else { return };
    let (size, header) = (u64::from_le_bytes(*size), String::from_utf8_lossy(header));
    if let Selection::Part(range) = select(Some(&header), size) {
        assert!(range.start < range.end && range.end <= size, "{header:?} of {size}: {range:?}");
        let again = format!("bytes={}-{}", range.start, range.end - 1);
        assert_eq!(select(Some(&again), size), Selection::Part(range), "{header:?} of {size}");
    }
    assert_eq!(select(None, size), Selection::Whole);
    if is_unchanged(Some(&header), "tag") {
        // A strong tag is also a tag that the client knows; the opposite does not hold.
        assert!(is_known(Some(&header), "tag"), "{header:?}");
    }
}
