//! How long pages are, and where they go on.

use ballast_contract::Page;

use crate::{Failure, Result};

/// A page's length: what was asked for, within what the hub gives at once.
pub(crate) fn page_size(asked: Option<usize>, usual: usize, most: usize) -> usize {
    asked.unwrap_or(usual).clamp(1, most)
}

/// The key behind which a list in order of keys goes on.
pub(crate) fn after(cursor: Option<&str>) -> Result<Option<i64>> {
    let read = |text: &str| text.parse().map_err(|_| Failure::invalid("The cursor is not one that this list gave"));
    cursor.map(read).transpose()
}

/// A page of a list in order of keys, of which one more than the page was read.
pub(crate) fn paged<T>(mut found: Vec<T>, limit: usize, key: impl Fn(&T) -> i64) -> Page<T> {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| key(last).to_string());
    Page { items: found, next }
}
