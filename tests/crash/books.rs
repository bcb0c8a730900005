//! Whether the rows and files behind a hub agree, and what is under way.

use std::path::Path;
use std::time::{Duration, Instant};

use ballast_tests::Rows;

const LIMIT: Duration = Duration::from_secs(30);

/// What nothing may be left of when every deadline is over.
const UNDER_WAY: &[&str] = &[
    "SELECT count(*) FROM operations",
    "SELECT count(*) FROM operation_reservations",
    "SELECT count(*) FROM leases",
    "SELECT count(*) FROM uploads",
    "SELECT count(*) FROM ledger_reservations",
    "SELECT count(*) FROM ledger_repositories WHERE reserved <> 0",
    "SELECT count(*) FROM ledger_accounts WHERE reserved <> 0",
    "SELECT count(*) FROM holdings WHERE pending IS NOT NULL",
    "SELECT count(*) FROM also_pending",
    "SELECT count(*) FROM kept_promises",
    "SELECT count(*) FROM objects WHERE lease IS NOT NULL",
    "SELECT count(*) FROM repositories WHERE state <> 'active'",
];

/// What must never disagree while nothing is under way.
const DISAGREEMENTS: &[&str] = &[
    "SELECT count(*) FROM ledger_repositories r WHERE r.used <>
         (SELECT COALESCE(SUM(b.size), 0) FROM holdings h JOIN blobs b ON b.sha256 = h.sha256 WHERE h.repository = r.repo)",
    "SELECT count(*) FROM ledger_accounts a WHERE a.used <>
         (SELECT COALESCE(SUM(r.used), 0) FROM ledger_repositories r
          WHERE r.namespace = a.namespace AND r.visibility = a.visibility)",
    "SELECT count(*) FROM ledger_repositories WHERE repo NOT IN (SELECT id FROM repositories)",
    "SELECT count(*) FROM holdings WHERE repository NOT IN (SELECT id FROM repositories)",
    "SELECT count(*) FROM holdings WHERE sha256 NOT IN (SELECT sha256 FROM locations)",
];

/// Waits until nothing is under way, and panics with what is where that does not come.
pub fn wait_until_nothing_is_under_way(rows: &Rows, log: impl Fn() -> String) {
    let begun = Instant::now();
    while let Some(query) = UNDER_WAY.iter().find(|query| rows.number(query) != 0) {
        assert!(begun.elapsed() < LIMIT, "{query}: {}\n{}", rows.number(query), log());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Panics where rows contradict each other.
pub fn agree(rows: &Rows) {
    for query in DISAGREEMENTS {
        assert_eq!(rows.number(query), 0, "{query}");
    }
}

/// Waits until the folder holds the objects that the rows name and no others.
pub fn wait_until_files_are_rows(rows: &Rows, storage: &Path) {
    let begun = Instant::now();
    loop {
        let (files, objects) = (count_files(storage), rows.number("SELECT count(*) FROM objects WHERE NOT deleting"));
        if files == objects {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "{files} files and {objects} objects");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn count_files(folder: &Path) -> i64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let counted = entries.flatten().map(|entry| match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
        true => count_files(&entry.path()),
        false => 1,
    });
    counted.sum()
}
