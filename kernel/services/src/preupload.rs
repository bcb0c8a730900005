//! Before an upload: which files are large, which are left out, and which are there already.

use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::quota::{Account, Scope, Usage};
use ballast_contract::versioning::{FileRef, Node};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, RefName, RepoPath, Revision, Sha256};
use bytes::Bytes;

use crate::patterns::Ignore;
use crate::{Failure, Proposing, Readable, Result};

/// A file that a client means to upload.
#[derive(Clone, Debug)]
pub struct PreuploadFile {
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// The first bytes of the file.
    pub sample: Option<Bytes>,
    /// Where the client knows it already.
    pub sha256: Option<Sha256>,
}

/// What the client is to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreuploadAnswer {
    pub path: String,
    /// Upload it by LFS, and name it in the commit.
    pub lfs: bool,
    /// Leave it out.
    pub ignore: bool,
    /// What stands at the path now: git's blob id, or the SHA-256 of a large file.
    pub oid: Option<String>,
}

/// The most files that are answered at once. Clients ask for 256.
const MAX_FILES: usize = 5000;

const MAX_IGNORE: u32 = 1 << 20;

impl Proposing {
    /// Answers for each file, in order. `git_ignore` is the upload's own; without it the repository's is used.
    /// `OverQuota` where what is new among them cannot fit.
    pub async fn preupload(
        &self,
        revision: &Revision,
        files: Vec<PreuploadFile>,
        git_ignore: Option<&str>,
    ) -> Result<Vec<PreuploadAnswer>> {
        if files.len() > MAX_FILES {
            return Err(Failure::Invalid(format!("{} files at once; at most {MAX_FILES} are answered", files.len())));
        }
        let paths = files.iter().map(|file| file.path.parse().map_err(Failure::invalid));
        let paths: Vec<RepoPath> = paths.collect::<Result<_>>()?;
        let tip = self.tip(revision).await?;
        let rules = self.lfs_rules(tip).await?;
        let ignore = self.ignore_rules(tip, git_ignore).await?;
        let present = match tip {
            Some(tip) => self.hub.engine().entries(self.key(), tip, &paths).await?,
            None => vec![None; paths.len()],
        };
        let mut new_bytes = 0u64;
        let mut answers = Vec::with_capacity(files.len());
        for ((file, path), node) in files.into_iter().zip(&paths).zip(present) {
            let there = node.as_ref().and_then(Node::file);
            let ignore = ignore.ignores(path) || there.is_some_and(|there| is_same(&file, there));
            if !ignore {
                new_bytes = new_bytes.saturating_add(file.size);
            }
            let oid = there.map(|there| match there {
                FileRef::Regular { oid, .. } => oid.to_string(),
                FileRef::Lfs { sha256, .. } => sha256.to_string(),
            });
            answers.push(PreuploadAnswer { lfs: rules.is_lfs(path, file.size), ignore, oid, path: file.path });
        }
        self.check_room(new_bytes).await?;
        Ok(answers)
    }

    async fn ignore_rules(&self, tip: Option<CommitId>, git_ignore: Option<&str>) -> Result<Arc<Ignore>> {
        let path = ".gitignore".parse().map_err(Failure::invalid)?;
        let rules = match (git_ignore, tip) {
            (Some(text), _) => Some(Arc::new(Ignore::parse(text.as_bytes()))),
            (None, Some(tip)) => {
                self.hub.parsed(self.key(), tip, &path, MAX_IGNORE, &self.hub.0.small_files.ignores).await?
            }
            (None, None) => None,
        };
        Ok(rules.unwrap_or_default())
    }

    /// Refuses what certainly cannot fit. What the client already has here is not known yet, so this promises nothing.
    async fn check_room(&self, bytes: u64) -> Result<()> {
        let account = Account { namespace: self.repository.namespace, visibility: self.repository.visibility };
        let usages = self.hub.quota().usage(&[Scope::Account(account), Scope::Repository(self.key())]).await?;
        let room = |usage: &Usage| usage.limit.map(|limit| limit.saturating_sub(usage.used + usage.reserved));
        match usages.iter().filter_map(room).min() {
            Some(room) if bytes > room => Err(Failure::OverQuota(format!(
                "This upload has {bytes} bytes, and there is room for {room} more in '{}'",
                self.id()
            ))),
            _ => Ok(()),
        }
    }
}

impl Readable {
    /// Where a branch stands that somebody wants to write to; none when it has no commit yet. `RevisionNotFound` where
    /// there is no such branch: a commit id or a tag cannot be written to.
    pub(crate) async fn tip(&self, revision: &Revision) -> Result<Option<CommitId>> {
        let absent = || Failure::RevisionNotFound { revision: revision.clone() };
        let name = RefName::writable(revision).map_err(|_| absent())?;
        match self.hub.engine().resolve(self.key(), &Revision::new(name.as_str())).await {
            Err(error) if error.is(ErrorKind::NotFound) => match name.short() == self.default_branch() {
                true => Ok(None),
                false => Err(absent()),
            },
            resolved => Ok(Some(resolved?)),
        }
    }
}

/// Whether the client's file certainly has the bytes that are there already.
fn is_same(file: &PreuploadFile, there: &FileRef) -> bool {
    if file.size != there.size() {
        return false;
    }
    let by_sha256 = file.sha256 == Some(there.sha256());
    let whole = file.sample.as_ref().filter(|sample| sample.len() as u64 == file.size);
    let by_sample = match (whole, there) {
        (Some(sample), FileRef::Regular { oid, .. }) => object_id(ObjectKind::Blob, sample) == *oid,
        _ => false,
    };
    by_sha256 || by_sample
}
