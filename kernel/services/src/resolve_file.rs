//! One file of one revision, and its bytes.

use std::time::Duration;

use ballast_content::{Delivery, LetGo};
use ballast_contract::ErrorKind;
use ballast_contract::storage::ResponseHeaders;
use ballast_contract::versioning::FileRef;
use ballast_types::{ByteRange, CommitId, RepoPath, Revision, XetHash, git};

use crate::{Downloadable, Failure, Hub, Readable, Result};

/// A file that was found and may be read.
pub struct ResolvedFile {
    hub: Hub,
    /// The revision, resolved.
    pub commit: CommitId,
    pub path: RepoPath,
    pub file: FileRef,
}

/// How long a signed URL of the storage is good for: as long as a slow download may take to begin.
pub(crate) const REDIRECT_VALID: Duration = Duration::from_secs(3600);

impl Readable {
    /// The commit that a revision names now. `HEAD` is the default branch, as in git, unless a ref has that name.
    pub async fn resolve(&self, revision: &Revision) -> Result<CommitId> {
        match self.hub.engine().resolve(self.key(), revision).await {
            Err(error) if error.is(ErrorKind::NotFound) && revision.as_str() == "HEAD" => {
                let branch = Revision::new(self.default_branch());
                Ok(self.hub.engine().resolve(self.key(), &branch).await?)
            }
            Err(error) if error.is(ErrorKind::NotFound) => {
                Err(Failure::RevisionNotFound { revision: revision.clone() })
            }
            resolved => Ok(resolved?),
        }
    }
}

impl Downloadable {
    /// Finds a file. A folder, or nothing, at the path is `EntryNotFound`.
    pub async fn resolve_file(&self, revision: &Revision, path: &str) -> Result<ResolvedFile> {
        let path: RepoPath = path.parse().map_err(Failure::invalid)?;
        let commit = self.resolve(revision).await?;
        let found = self.hub.engine().entries(self.key(), commit, std::slice::from_ref(&path)).await?;
        let file = found.first().copied().flatten().and_then(|node| node.file().copied());
        let file = file.ok_or_else(|| Failure::entry_not_found(&path, commit))?;
        if self.repository.purged && file.is_lfs() {
            let gone = self.hub.content().let_go_among(self.key(), &[file.sha256()]).await?;
            match (gone.get(&file.sha256()), path.to_string()) {
                (Some(LetGo::Purged), path) => return Err(Failure::Purged { path, commit }),
                (Some(LetGo::Pruned), path) => return Err(Failure::Pruned { path, commit }),
                (None, _) => {}
            }
        }
        Ok(ResolvedFile { hub: self.hub.clone(), commit, path, file })
    }
}

impl ResolvedFile {
    /// The digest that names these bytes on the wire: SHA-256 for LFS, git's blob id otherwise. Without quotes.
    pub fn etag(&self) -> String {
        match self.file {
            FileRef::Regular { oid, .. } => oid.to_string(),
            FileRef::Lfs { sha256, .. } => sha256.to_string(),
        }
    }

    /// What names the file in Xet; none where it does not lie in xorbs.
    pub async fn xet_hash(&self) -> Result<Option<XetHash>> {
        match self.is_lfs() {
            true => Ok(self.hub.content().xet_hashes(&[self.file.sha256()]).await?.into_iter().next().flatten()),
            false => Ok(None),
        }
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.file.size()
    }

    /// Whether git holds a pointer.
    pub fn is_lfs(&self) -> bool {
        self.file.is_lfs()
    }

    /// What git holds in place of a large file; none for a regular one.
    pub fn pointer_text(&self) -> Option<String> {
        match self.file {
            FileRef::Lfs { sha256, size, pointer: None, .. } => Some(git::pointer(sha256, size)),
            _ => None,
        }
    }

    /// Where to get the bytes without the hub, where the storage can do that.
    pub async fn redirect(&self, headers: &ResponseHeaders) -> Result<Option<String>> {
        if !self.is_lfs() {
            return Ok(None);
        }
        let signed = self.hub.content().redirect(self.file.sha256(), headers, REDIRECT_VALID).await?;
        Ok(signed.map(|request| request.url))
    }

    /// The bytes.
    pub async fn open(&self, range: ByteRange) -> Result<Delivery> {
        Ok(self.hub.content().open(self.file.sha256(), range).await?)
    }
}
