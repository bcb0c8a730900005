//! A pack is refused with a sentence, or every object in it can be read again under its own name.

use std::io::Write;

use ballast_git::pack::read::{BadPack, Limits, Pack};
use ballast_types::git::{ObjectKind, apply_delta, delta_lengths, object_id};
use sha1::{Digest, Sha1};

/// Less than a pack of these lengths could stand for.
const MADE: u64 = 16 << 20;

pub fn target(bytes: &[u8]) {
    delta(bytes);
    // As it is, and with the checksum that it should have: nobody thinks of that by chance.
    read(bytes);
    let body = &bytes[..bytes.len().saturating_sub(20)];
    read(&[body, Sha1::digest(body).as_slice()].concat());
}

fn read(bytes: &[u8]) {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("room");
    let mut pack = match Pack::read(file, Limits { blob: 1 << 20, made: MADE }) {
        Ok(pack) => pack,
        Err(error) => return refused(&error),
    };
    // Whatever it is a change of is a few bytes, the first time; then nothing is there any more.
    if let Some(oid) = pack.needs()
        && let Err(error) = pack.give(oid, ObjectKind::Blob, b"some bytes that are there")
    {
        return refused(&error);
    }
    let index = match pack.finish() {
        Ok(index) => index,
        Err(error) => return refused(&error),
    };
    for kind in [ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Blob, ObjectKind::Tag] {
        for (oid, size) in index.of_kind(kind) {
            let (found, bytes) = index.read(oid).expect("it was read before").expect("it is in the index");
            assert_eq!((found, bytes.len() as u64), (kind, size));
            assert_eq!(object_id(kind, &bytes), oid);
        }
    }
}

fn refused(error: &BadPack) {
    assert!(matches!(error, BadPack::Refused(_)), "{error}");
    assert!(error.to_string().len() < 400, "{error}");
}

fn delta(bytes: &[u8]) {
    let base = &bytes[..bytes.len().min(100)];
    let Ok((_, length)) = delta_lengths(bytes) else { return };
    if let Ok(made) = apply_delta(base, bytes, 1 << 20) {
        assert_eq!(made.len() as u64, length);
    }
}
