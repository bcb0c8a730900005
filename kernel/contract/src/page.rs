//! Lists come in pages.

use serde::{Deserialize, Serialize};

/// Some of a list, and where to go on. `next` is opaque: only who made it can read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page with nothing behind it.
    pub fn last(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// The same page of other things.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}
