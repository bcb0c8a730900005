//! What a remote repository is.

use ballast_contract::ErrorKind;
use ballast_contract::downloader::Source;
use ballast_types::{RepoKind, Revision};
use serde_json::Value;

use super::Downloading;
use super::request::repo_id;
use crate::{Failure, Result};

/// What came of looking at a repository.
#[derive(Clone, Debug)]
pub enum Analysis {
    /// What it is.
    Found(Value),
    /// There is a model and a dataset of this name.
    Ambiguous,
}

impl Downloading {
    /// What a repository of the remote hub is, from its headers and configs. Without `dataset`, whichever there is.
    pub async fn analyze(&self, repo: &str, revision: Option<&str>, dataset: Option<bool>) -> Result<Analysis> {
        let (repo, token) = (repo_id(repo)?.to_string(), self.settings().await?.token);
        let revision = Revision::new(revision.filter(|text| !text.is_empty()).unwrap_or("main"));
        let source = |kind| Source { kind, repo: repo.clone(), revision: revision.clone(), token: token.clone() };
        let downloader = &self.parts()?.downloader;
        let kind = match dataset {
            Some(true) => RepoKind::Dataset,
            Some(false) => RepoKind::Model,
            None => {
                let (model, dataset) = (source(RepoKind::Model), source(RepoKind::Dataset));
                let both = futures::future::join(downloader.pin(&model), downloader.pin(&dataset)).await;
                match both {
                    (Ok(_), Ok(_)) => return Ok(Analysis::Ambiguous),
                    // Whatever is wrong with the model is told, unless it is that there is none.
                    (Err(error), Ok(_)) if is_absent(error.kind) => RepoKind::Dataset,
                    _ => RepoKind::Model,
                }
            }
        };
        downloader.analyze(&source(kind)).await.map(Analysis::Found).map_err(Failure::Remote)
    }
}

/// A hub says 401 to a stranger of what it does not have.
fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::Unauthenticated)
}
