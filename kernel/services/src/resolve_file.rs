//! One file of one revision, and its bytes.

use std::time::Duration;

use ballast_content::{Delivery, LetGo};
use ballast_contract::ErrorKind;
use ballast_contract::downloader::SourceFile;
use ballast_contract::storage::ResponseHeaders;
use ballast_contract::versioning::{FileRef, Node};
use ballast_types::{ByteRange, CommitId, GitOid, RepoPath, Revision, Sha256, XetHash, git};

use crate::mirror::mirrored_node;
use crate::read_tree::TreeNode;
use crate::{Downloadable, Failure, Hub, Mirrored, Readable, Result};

/// A file that was found and may be read.
pub struct ResolvedFile {
    /// The revision, resolved.
    pub commit: CommitId,
    pub path: RepoPath,
    bytes: Bytes,
}

/// Where a file's bytes are.
enum Bytes {
    Held(Hub, FileRef),
    /// At another hub, unless they have arrived.
    Mirrored(Box<Mirrored>, SourceFile),
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
        Ok(ResolvedFile { commit, path, bytes: Bytes::Held(self.hub.clone(), file) })
    }
}

impl ResolvedFile {
    pub(crate) fn mirrored(mirrored: Mirrored, file: SourceFile) -> Self {
        let (commit, path) = (mirrored.commit(), file.path.clone());
        Self { commit, path, bytes: Bytes::Mirrored(Box::new(mirrored), file) }
    }

    fn node(&self) -> TreeNode {
        match &self.bytes {
            Bytes::Held(_, file) => TreeNode::from(Node::File { file: *file, executable: false }),
            Bytes::Mirrored(_, file) => mirrored_node(file),
        }
    }

    fn sha256(&self) -> Option<Sha256> {
        self.node().large()
    }

    /// What git's tree holds: of a large file its pointer's id.
    pub fn oid(&self) -> GitOid {
        self.node().oid()
    }

    /// The digest that names these bytes on the wire: SHA-256 for LFS, git's blob id otherwise. Without quotes.
    pub fn etag(&self) -> String {
        self.sha256().map_or_else(|| self.oid().to_string(), |sha256| sha256.to_string())
    }

    /// What names the file in Xet; none where it does not lie in xorbs, or is not this hub's own.
    pub async fn xet_hash(&self) -> Result<Option<XetHash>> {
        match &self.bytes {
            Bytes::Held(hub, file) if file.is_lfs() => {
                Ok(hub.content().xet_hashes(&[file.sha256()]).await?.into_iter().next().flatten())
            }
            _ => Ok(None),
        }
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.node().size()
    }

    /// Whether git holds a pointer.
    pub fn is_lfs(&self) -> bool {
        self.sha256().is_some()
    }

    /// What git holds in place of a large file; none for a regular one.
    pub fn pointer_text(&self) -> Option<String> {
        match &self.bytes {
            Bytes::Held(_, FileRef::Lfs { sha256, size, pointer: None, .. }) => Some(git::pointer(*sha256, *size)),
            Bytes::Held(..) => None,
            Bytes::Mirrored(..) => self.sha256().map(|sha256| git::pointer(sha256, self.size())),
        }
    }

    /// Where to get the bytes without the hub, where the storage can do that.
    pub async fn redirect(&self, headers: &ResponseHeaders) -> Result<Option<String>> {
        let (content, sha256) = match &self.bytes {
            Bytes::Held(hub, file) if file.is_lfs() => (hub.content(), file.sha256()),
            Bytes::Mirrored(mirrored, file) if self.is_lfs() && mirrored.content().signs() => {
                match mirrored.stored(file).await? {
                    Some(sha256) => (mirrored.content(), sha256),
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        Ok(content.redirect(sha256, headers, REDIRECT_VALID).await?.map(|request| request.url))
    }

    /// The bytes.
    pub async fn open(&self, range: ByteRange) -> Result<Delivery> {
        match &self.bytes {
            Bytes::Held(hub, file) => Ok(hub.content().open(file.sha256(), range).await?),
            Bytes::Mirrored(mirrored, file) => mirrored.open(file, range).await,
        }
    }
}
