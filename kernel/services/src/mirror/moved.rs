//! Names that stand alone, as `gpt2`: what a hub has under them is mostly called `namespace/name` now, and this hub leads there
//! as that one does. Whoever follows is answered as if that had been asked for, by all rules that hold for it.

use ballast_contract::downloader::{SourceAccess, SourceInfo};
use ballast_types::{RepoId, Timestamp};

use super::MirrorId;
use super::look::{Miss, Wanted};
use crate::{Failure, Hub, Result};

impl Wanted {
    /// The way to what it is called now.
    pub fn moved(&self, to: RepoId) -> Failure {
        Failure::RepositoryMoved { kind: self.kind, from: self.id.to_string(), to }
    }
}

impl Hub {
    /// Where a name that stands alone leads, and when the other hub said so; none of any other name.
    pub(super) async fn led(&self, wanted: &Wanted) -> Result<Option<(RepoId, Timestamp)>> {
        match wanted.id.namespace {
            Some(_) => Ok(None),
            None => Ok(self.catalog().find_mirror_redirect(&wanted.row()).await?),
        }
    }

    /// Goes where a name that stands alone leads, if it does.
    pub(super) async fn follow(&self, wanted: &Wanted, about: &SourceInfo) -> std::result::Result<(), Miss> {
        if wanted.id.namespace.is_some() {
            return Ok(());
        }
        match called(about).and_then(|id| id.whole()) {
            // That it is there is told by what it is called: to whoever may hear it, and to nobody else.
            Some(to) if !matches!(about.access, SourceAccess::Everybody | SourceAccess::Gated) => {
                Err(if wanted.reader.is_some() { Miss::Moved(to) } else { Miss::NotThere })
            }
            Some(to) => {
                self.catalog().put_mirror_redirect(&wanted.row(), &to, self.now()).await?;
                Err(Miss::Moved(to))
            }
            None => Ok(()),
        }
    }
}

/// What the other hub calls a repository; none where that is no name.
pub(super) fn called(about: &SourceInfo) -> Option<MirrorId> {
    let text = about.id.as_deref()?;
    let (namespace, name) = text.split_once('/').unwrap_or(("", text));
    MirrorId::read(namespace, name)
}
