//! Who may do what: every operation of the document, by role, visibility, membership and the scope of a token.
//!
//! Each operation has a row in [`OPERATIONS`] that names the right it takes, and each right a line in [`RIGHTS`] that says
//! what becomes of each of the [`CALLERS`]. An operation without a row fails the test, and so does a row without an
//! operation. A request is made of the document's own examples, so that whoever is let in hears something else than a
//! refusal: done, or that what it names is not there.

mod table;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use table::{CALLERS, OPERATIONS, RIGHTS};
use world::{Place, World};

use crate::document::operations;

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    LetIn,
    /// 401: say who you are.
    Unknown,
    /// 403.
    Refused,
    /// The repository looks absent: 404, and 401 to nobody.
    Hidden,
}

impl Verdict {
    /// As it is written in a line of [`RIGHTS`].
    fn letter(self) -> char {
        match self {
            Self::LetIn => '+',
            Self::Unknown => '?',
            Self::Refused => '-',
            Self::Hidden => '.',
        }
    }
}

#[test]
fn every_operation_has_a_row_and_every_row_an_operation() {
    let described: BTreeSet<String> = operations().into_iter().map(|operation| operation.id).collect();
    let rows: BTreeSet<String> = OPERATIONS.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(described, rows);
    assert_eq!(rows.len(), OPERATIONS.len(), "a row is there twice");
    let rights: BTreeSet<&str> = RIGHTS.iter().map(|(right, ..)| *right).collect();
    let taken: BTreeSet<&str> = OPERATIONS.iter().map(|(_, right)| *right).collect();
    assert_eq!(rights, taken);
}

#[test]
fn each_caller_gets_in_where_the_table_says_so_and_nowhere_else() {
    let world = World::open();
    let rights: BTreeMap<&str, [&str; 2]> = RIGHTS.iter().map(|(right, at, hidden)| (*right, [*at, *hidden])).collect();
    let mut wrong = vec![];
    for operation in operations() {
        let Some((_, right)) = OPERATIONS.iter().find(|(id, _)| *id == operation.id) else { continue };
        for (place, said) in Place::BOTH.into_iter().zip(rights[right]) {
            if place == Place::Private && !world::is_about_a_repository(&operation) {
                continue;
            }
            let verdict = |caller: &&str| world.ask(&operation, place, caller).letter();
            let found: String = CALLERS.iter().map(verdict).collect();
            if found != said.replace(' ', "") {
                wrong.push(format!("{:32} {right:14} {place:?}: {found}, said {said}", operation.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{} ({}):\n{}", wrong.len(), CALLERS.join(" "), wrong.join("\n"));
}
