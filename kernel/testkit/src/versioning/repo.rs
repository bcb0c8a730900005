//! What the checks work on: a repository, and changes to make in it. An engine's own tests work on it too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ballast_contract::versioning::{Change, CommitRequest, Committed, Entry, FileRef, ListRequest, Node, Versioning};
use ballast_contract::{ErrorKind, Page, Result};
use ballast_types::git::{ObjectKind, object_id, pointer_oid};
use ballast_types::{
    CommitId, GitOid, OperationId, RefName, RepoKey, RepoPath, Revision, Sha256, Signature, Timestamp,
};

/// A repository of its own with an unborn `main`.
#[derive(Clone)]
pub struct Repo {
    pub engine: Arc<dyn Versioning>,
    pub key: RepoKey,
}

/// A number that nothing else in this process has.
pub fn unique() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Repo {
    /// A new one.
    pub async fn new(engine: &Arc<dyn Versioning>) -> Self {
        let repo = Self { engine: engine.clone(), key: RepoKey(unique()) };
        engine.create(repo.key, &main()).await.unwrap();
        repo
    }

    /// A commit on `main`, whose time and message are those of its operation.
    pub fn request(&self, changes: Vec<Change>) -> CommitRequest {
        let operation = OperationId(unique());
        CommitRequest {
            operation,
            repo: self.key,
            branch: main(),
            expected_parent: None,
            author: Signature::new("Ada Lovelace", "ada@example.org"),
            time: Timestamp::from_seconds(1_700_000_000 + operation.0),
            message: format!("Operation {operation}\n\nWith a body"),
            changes,
        }
    }

    /// What the engine says to a commit of these changes.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Committed> {
        self.engine.commit(self.request(changes)).await
    }

    /// A commit that must go through and change something.
    pub async fn commit_new(&self, changes: Vec<Change>) -> CommitId {
        match self.commit(changes).await.unwrap() {
            Committed::New(id) => id,
            Committed::Unchanged(id) => panic!("nothing changed; the tip is {id}"),
        }
    }

    /// A commit that must be refused in this way; answers what it says.
    pub async fn refused(&self, kind: ErrorKind, changes: Vec<Change>) -> String {
        let error = self.commit(changes).await.expect_err("this commit makes no sense");
        assert_eq!(error.kind, kind, "{error}");
        error.context
    }

    /// Where `main` stands.
    pub async fn tip(&self) -> Option<CommitId> {
        self.engine.resolve(self.key, &Revision::main()).await.ok()
    }

    /// What stands at a path.
    pub async fn entry(&self, at: CommitId, path_text: &str) -> Option<Node> {
        self.engine.entries(self.key, at, &[path(path_text)]).await.unwrap().remove(0)
    }

    /// All that a commit has, folders too, in the order of a recursive listing.
    pub async fn walk(&self, at: CommitId, limit: usize) -> Vec<(String, Node)> {
        let request = ListRequest { repo: self.key, at, folder: None, recursive: true, after: None, limit };
        let entries = self.list(request).await;
        entries.into_iter().map(|entry| (entry.path.as_str().to_owned(), entry.node)).collect()
    }

    /// All pages of a listing.
    pub async fn list(&self, request: ListRequest) -> Vec<Entry> {
        let limit = request.limit;
        let next = async |after| self.engine.list(&ListRequest { after, ..request.clone() }).await;
        pages(limit, next).await
    }

    /// All files of a commit.
    pub async fn files(&self, at: CommitId) -> BTreeMap<String, Node> {
        let all = self.walk(at, 1000).await;
        all.into_iter().filter(|(_, node)| !matches!(node, Node::Directory { .. })).collect()
    }

    /// The tree of a commit.
    pub async fn tree(&self, at: CommitId) -> GitOid {
        self.engine.commits(self.key, &[at]).await.unwrap().remove(0).unwrap().tree
    }
}

/// Follows the cursors to the end; no page is longer than its limit or empty before the end.
pub async fn pages<T>(limit: usize, page: impl AsyncFn(Option<String>) -> Result<Page<T>>) -> Vec<T> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let Page { items, next } = page(after).await.unwrap();
        assert!(items.len() <= limit, "a page of {} where {limit} were asked for", items.len());
        assert!(next.is_none() || !items.is_empty(), "an empty page with more behind it");
        all.extend(items);
        after = next;
        if after.is_none() {
            return all;
        }
    }
}

/// The default branch.
pub fn main() -> RefName {
    RefName::branch("main").unwrap()
}

/// A path that is one.
pub fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

/// A regular file with this text. The engine never looks at bytes, so the SHA-256 is made up.
pub fn file(text: &str) -> Node {
    Node::File { file: regular(text), executable: false }
}

/// What stands behind a regular file with this text.
pub fn regular(text: &str) -> FileRef {
    let oid = object_id(ObjectKind::Blob, text.as_bytes());
    FileRef::Regular { oid, sha256: made_up(text), size: text.len() as u64 }
}

/// A large file that is known by this text and has this size.
pub fn large(text: &str, size: u64) -> Node {
    let sha256 = made_up(&format!("large {text}"));
    let file = FileRef::Lfs { oid: pointer_oid(sha256, size), sha256, size, pointer: None };
    Node::File { file, executable: false }
}

/// A SHA-256 of its own for each text.
pub fn made_up(text: &str) -> Sha256 {
    let mut bytes = [7; 32];
    bytes[..20].copy_from_slice(&object_id(ObjectKind::Tag, text.as_bytes()).0);
    Sha256(bytes)
}

/// Puts a regular file with this text there.
pub fn put(at: &str, text: &str) -> Change {
    Change::Put { path: path(at), node: file(text) }
}

/// Takes a file away.
pub fn delete(at: &str) -> Change {
    Change::Delete { path: path(at) }
}

/// Takes a folder away.
pub fn delete_folder(at: &str) -> Change {
    Change::DeleteFolder { path: path(at) }
}

/// Copies a file or folder, from the tip or another commit.
pub fn copy(from: &str, at: Option<CommitId>, to: &str) -> Change {
    Change::Copy { from: path(from), at, to: path(to) }
}
