//! What small files of a repository say: parsed once for each content, and then known by its digest.

use std::sync::Arc;

use ballast_contract::versioning::FileRef;
use ballast_types::{CommitId, RepoKey, RepoPath, Sha256};
use moka::sync::Cache;

use crate::card::Card;
use crate::patterns::{Attributes, Ignore};
use crate::{Hub, Result};

/// The most of each kind that is kept, in bytes of the files.
const KEPT: u64 = 4 << 20;

/// Results of parsing, never out of date because bytes of one digest never change.
pub(crate) struct SmallFiles {
    pub attributes: Parsed<Attributes>,
    pub ignores: Parsed<Ignore>,
    pub cards: Parsed<Card>,
}

impl SmallFiles {
    pub fn new() -> Self {
        Self {
            attributes: Parsed::new(Attributes::parse),
            ignores: Parsed::new(Ignore::parse),
            cards: Parsed::new(Card::parse),
        }
    }
}

/// One kind of small file.
pub(crate) struct Parsed<T> {
    parse: fn(&[u8]) -> T,
    known: Cache<Sha256, (Arc<T>, u32)>,
}

impl<T: Send + Sync + 'static> Parsed<T> {
    fn new(parse: fn(&[u8]) -> T) -> Self {
        let weigh = |_: &Sha256, (_, size): &(Arc<T>, u32)| size + 256;
        Self { parse, known: Cache::builder().max_capacity(KEPT).weigher(weigh).build() }
    }
}

impl Hub {
    /// What a small regular file says; none where there is no such file or it is larger than `most` bytes.
    pub(crate) async fn parsed<T: Send + Sync + 'static>(
        &self,
        repo: RepoKey,
        at: CommitId,
        path: &RepoPath,
        most: u32,
        kind: &Parsed<T>,
    ) -> Result<Option<Arc<T>>> {
        let found = self.engine().entries(repo, at, std::slice::from_ref(path)).await?;
        let file = found.first().copied().flatten().and_then(|node| node.file().copied());
        let Some(FileRef::Regular { sha256, size, .. }) = file else { return Ok(None) };
        if let Some((value, _)) = kind.known.get(&sha256) {
            return Ok(Some(value));
        }
        let Some(size) = u32::try_from(size).ok().filter(|size| *size <= most) else { return Ok(None) };
        let bytes = self.content().read_small(sha256, most.into()).await?;
        let value = Arc::new((kind.parse)(&bytes));
        kind.known.insert(sha256, (value.clone(), size));
        Ok(Some(value))
    }
}
