//! A node of a map is read or refused, whatever the bytes.

pub fn target(bytes: &[u8]) {
    // The engine itself holds what is read against what would be written.
    let first = ballast_versioning_native::check_node(bytes).is_ok();
    assert_eq!(ballast_versioning_native::check_node(bytes).is_ok(), first);
    if first {
        // There is one way to write a node: with anything behind it, it is none.
        let longer = [bytes, &[0]].concat();
        assert!(ballast_versioning_native::check_node(&longer).is_err());
    }
}
