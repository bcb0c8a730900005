//! Packs: many objects in one stream (`gitformat-pack`).

pub mod delta;
pub mod end;
pub mod read;
pub mod write;

use ballast_types::git::ObjectKind;

/// The longest chain of deltas, as git's own.
const CHAIN: u8 = 50;

/// An object's kind, as a pack numbers it.
fn number(kind: ObjectKind) -> u8 {
    match kind {
        ObjectKind::Commit => 1,
        ObjectKind::Tree => 2,
        ObjectKind::Blob => 3,
        ObjectKind::Tag => 4,
    }
}

/// The kind of a number; none for a delta, and for what is no number of a kind.
fn kind(number: u8) -> Option<ObjectKind> {
    match number {
        1 => Some(ObjectKind::Commit),
        2 => Some(ObjectKind::Tree),
        3 => Some(ObjectKind::Blob),
        4 => Some(ObjectKind::Tag),
        _ => None,
    }
}

/// A delta against an object that lies so many bytes before it.
const OFFSET: u8 = 6;
/// A delta against an object that is named.
const NAMED: u8 = 7;
