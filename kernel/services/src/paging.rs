//! How long pages are.

/// A page's length: what was asked for, within what the hub gives at once.
pub(crate) fn page_size(asked: Option<usize>, usual: usize, most: usize) -> usize {
    asked.unwrap_or(usual).clamp(1, most)
}
