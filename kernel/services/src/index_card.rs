//! What the README of the default branch says, kept where lists and searches look.

use ballast_catalog::CardMark;
use ballast_contract::ErrorKind;
use ballast_contract::versioning::FileRef;
use ballast_types::{CommitId, RepoKey, Revision};

use crate::card::{Card, readme_path};
use crate::{Hub, Result};

/// Repositories whose card was never read that recovery looks after at a time.
const BATCH: usize = 100;

impl Hub {
    /// Reads the README at the tip of the default branch, unless it is the one that was read last. Whoever was slower
    /// than another reading reads again, so that what is kept is never older than the last commit. Idempotent.
    pub(crate) async fn index_card(&self, repo: RepoKey) -> Result<()> {
        loop {
            let mark = self.catalog().card_mark(repo).await?;
            let tip = match self.engine().resolve(repo, &Revision::main()).await {
                Err(error) if error.is(ErrorKind::NotFound) => return Ok(()),
                tip => tip?,
            };
            let found = self.engine().entries(repo, tip, std::slice::from_ref(&readme_path())).await?;
            let file = found.first().copied().flatten().and_then(|node| node.file().copied());
            let oid = file.and_then(|file| match file {
                FileRef::Regular { oid, .. } => Some(oid),
                FileRef::Lfs { .. } => None,
            });
            if mark.revision > 0 && mark.readme == oid {
                return Ok(());
            }
            if self.read_card(repo, tip, mark, oid).await? {
                return Ok(());
            }
        }
    }

    async fn read_card(
        &self,
        repo: RepoKey,
        tip: CommitId,
        mark: CardMark,
        oid: Option<ballast_types::GitOid>,
    ) -> Result<bool> {
        let repository = match self.catalog().get_repository(repo).await {
            Err(ballast_catalog::Error::NotFound) => return Ok(true),
            found => found?,
        };
        let card = match self.card_at(repo, tip).await {
            Ok(card) => card,
            // What is damaged or not to be had now says nothing; the next README does.
            Err(failure) => {
                tracing::warn!(%repo, %failure, "a README could not be read for lists and searches");
                std::sync::Arc::new(Card::default())
            }
        };
        let row = ballast_catalog::Card {
            data: card.kept(),
            tags: card.tags(repository.kind),
            pipeline_tag: card.pipeline_tag(),
            library: card.library_name(),
        };
        Ok(self.catalog().put_card(repo, mark, oid, &row).await?)
    }

    /// Reads the cards of repositories of which none was ever read. Answers how many.
    pub(crate) async fn index_new_cards(&self) -> Result<usize> {
        let repos = self.catalog().cardless(BATCH).await?;
        for repo in &repos {
            self.index_card(*repo).await?;
        }
        Ok(repos.len())
    }
}
