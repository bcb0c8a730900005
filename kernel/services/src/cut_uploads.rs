//! Large files that came whole, cut into chunks in the background.

use ballast_types::Sha256;

use crate::operation::random_key;
use crate::{Hub, Result};

/// Files below this are left as they came, in bytes: a few chunks find nothing that is like them.
const LEAST: u64 = 256 * 1024;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CutUploads {
    /// Files that lie in chunks now.
    pub files: u64,
    /// Stored anew for them, in bytes.
    pub written: u64,
    /// Files that could not be read or written whole; the log says why, and the next round tries again.
    pub failed: u64,
}

impl Hub {
    /// Goes over all large files that lie in pieces of their own, and cuts them into chunks that deduplicate. Each stays
    /// readable throughout; its piece goes with a collection when the grace is over. Safe beside every other call. Nodes
    /// begin at different places, so that they rarely do the same work.
    pub async fn cut_uploads(&self) -> Result<CutUploads> {
        let mut cut = CutUploads::default();
        let mut begin = Sha256([0; 32]);
        begin.0[..8].copy_from_slice(&(random_key()? << 1).to_be_bytes());
        self.cut_from(Some(begin), None, &mut cut).await?;
        self.cut_from(None, Some(begin), &mut cut).await?;
        Ok(cut)
    }

    async fn cut_from(&self, mut after: Option<Sha256>, until: Option<Sha256>, cut: &mut CutUploads) -> Result<()> {
        loop {
            let page = self.content().list_uncut(after, LEAST).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for sha256 in page {
                if until.is_some_and(|until| sha256 > until) {
                    return Ok(());
                }
                self.cut_one(sha256, cut).await;
            }
        }
    }

    async fn cut_one(&self, sha256: Sha256, cut: &mut CutUploads) {
        match self.content().cut_up(sha256).await {
            Ok(Some(written)) => {
                cut.files += 1;
                cut.written += written;
            }
            Ok(None) => {}
            Err(error) => {
                cut.failed += 1;
                tracing::warn!(%sha256, %error, "a large file could not be cut into chunks; it is served as it came");
            }
        }
    }
}
