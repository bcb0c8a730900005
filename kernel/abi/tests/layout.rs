//! The layout of every table, as it is frozen for this major version: a golden file only ever gets lines at the end of a
//! table that grows.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::mem::{offset_of, size_of};

use ballast_abi::*;

macro_rules! layouts {
    ($($table:ident { $($field:ident)* })*) => {{
        let mut text = String::new();
        $(
            writeln!(text, "{} {}", stringify!($table), size_of::<$table>()).unwrap();
            $(
                let offset = offset_of!($table, $field);
                writeln!(text, "{}.{} {offset}", stringify!($table), stringify!($field)).unwrap();
            )*
        )*
        text
    }};
}

#[test]
#[cfg(target_pointer_width = "64")]
fn the_layout_is_the_frozen_one() {
    let found = layouts! {
        Str { ptr len }
        Buf { ptr len owner release }
        Failure { code reserved json }
        WakerTable { size clone wake wake_by_ref drop }
        Context { size waker table }
        Future { data poll drop }
        Reader { data next drop }
        Writer { data write commit abort drop }
        LifeTable { size start health stop destroy }
        Instance { data capabilities life role }
        Host { size minor reserved data instance logs log fault state }
        StorageTable { size stat read create remove list copy sign open_file }
        MessageTable { size call stream }
        Streamed { answer bytes }
        Reply { context done }
        Declaration { magic major minor size manifest check create }
    };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/layout.txt");
    if std::env::var_os("BALLAST_BLESS").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(path).unwrap());
}

#[test]
fn the_numbers_are_the_frozen_ones() {
    assert_eq!((MAGIC, MAJOR, SYMBOL), (*b"BALLASTP", 1, "ballast_plugin"));
    assert_eq!([PENDING, READY, FAILED, END], [0, 1, 2, 3]);
    let kinds = [
        NOT_FOUND,
        ALREADY_EXISTS,
        CONFLICT,
        DENIED,
        UNAUTHENTICATED,
        OVER_LIMIT,
        NO_ROOM,
        INVALID,
        UNSUPPORTED,
        UNAVAILABLE,
        CORRUPT,
        INTERNAL,
    ];
    assert_eq!(kinds, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(PANICKED, 100);
    assert_eq!([ERROR, WARN, INFO, DEBUG, TRACE], [1, 2, 3, 4, 5]);
    assert_eq!([CAN_SIGN, CAN_SIGN_UPLOADS, CAN_FILES], [1, 2, 4]);
    assert_eq!([PASSING, AT_ONCE], [1, 1]);
}
