//! What differs between two commits: two trees walked side by side, and nothing opened that is equal on both.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use ballast_contract::versioning::{Difference, Node};
use ballast_contract::{Page, Result};

use crate::folder::{Folder, Item, What, join};
use crate::reading::{View, repo_path};

/// A pair of folders of one path.
struct Level {
    path: String,
    sides: [Arc<Folder>; 2],
    at: [usize; 2],
}

/// The two sides of one key.
type Pair = [Option<Item>; 2];

impl Level {
    /// The next key, and what each side has there.
    fn next(&mut self) -> Option<Pair> {
        let [one, other] = [0, 1].map(|side| self.sides[side].items.get(self.at[side]));
        let order = match (one, other) {
            (None, None) => return None,
            (Some(one), Some(other)) => one.compare(other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        };
        let pair = [one.filter(|_| order.is_le()).cloned(), other.filter(|_| order.is_ge()).cloned()];
        self.at[0] += usize::from(order.is_le());
        self.at[1] += usize::from(order.is_ge());
        Some(pair)
    }
}

fn entry(item: &Option<Item>) -> Option<Node> {
    match item.as_ref()?.what {
        What::Entry(node) => Some(node),
        What::Folder(_) => None,
    }
}

/// Differences in the order of their paths' bytes, from a path on or behind it. A side that is none is the empty tree.
pub async fn differences(views: [Option<&View<'_>>; 2], from: Bound<&str>, limit: usize) -> Result<Page<Difference>> {
    let mut found: Vec<Difference> = Vec::new();
    let root = async |view: Option<&View<'_>>| match view {
        Some(view) => view.folder("").await.map(Option::unwrap_or_default),
        None => Ok(Arc::default()),
    };
    let sides = [root(views[0]).await?, root(views[1]).await?];
    let mut open = vec![Level { path: String::new(), sides, at: [0, 0] }];
    while let Some(level) = open.last_mut() {
        let Some(pair) = level.next() else {
            open.pop();
            continue;
        };
        let Some(item) = pair.iter().flatten().next() else { continue };
        let path = join(&level.path, &item.name);
        if let [Some(one), Some(other)] = &pair
            && one.what.is_same(&other.what)
        {
            continue;
        }
        if item.is_folder() {
            let below = format!("{path}/");
            if let Bound::Included(from) | Bound::Excluded(from) = from
                && below.as_str() < from
                && !from.starts_with(&below)
            {
                continue;
            }
            let mut sides = [Arc::default(), Arc::default()];
            for side in [0, 1] {
                if let (Some(view), Some(item)) = (views[side], &pair[side]) {
                    sides[side] = view.inner(&path, item).await?;
                }
            }
            open.push(Level { path, sides, at: [0, 0] });
            continue;
        }
        let is_before = match from {
            Bound::Included(from) => path.as_str() < from,
            Bound::Excluded(from) => path.as_str() <= from,
            Bound::Unbounded => false,
        };
        if is_before {
            continue;
        }
        if found.len() == limit {
            let next = found.last().map(|last| last.path.to_string());
            return Ok(Page { items: found, next });
        }
        found.push(Difference { path: repo_path(path)?, before: entry(&pair[0]), after: entry(&pair[1]) });
    }
    Ok(Page::last(found))
}
