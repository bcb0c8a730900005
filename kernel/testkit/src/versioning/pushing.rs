//! Taking what git pushes, for engines that do.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::versioning::{
    FetchRequest, FileRef, GitPushes, Outcome, Push, PushedObjects, PushedRef, Receipt, Versioning,
};
use ballast_contract::{ErrorKind, Result};
use ballast_types::git::{ObjectKind, TreeItem, encode_tree_item, object_id};
use ballast_types::{CommitId, GitOid, OperationId};
use bytes::Bytes;

use super::reader::{Reader, WHOLE};
use super::repo::*;

const FILE: u32 = 0o100644;
const PROGRAM: u32 = 0o100755;
const FOLDER: u32 = 0o40000;

/// What somebody pushes, made by hand as another git would have made it.
#[derive(Default)]
pub struct Pack {
    texts: HashMap<GitOid, (ObjectKind, Bytes)>,
    files: HashMap<GitOid, FileRef>,
    made: i64,
}

#[async_trait]
impl PushedObjects for Pack {
    async fn read(&self, oid: GitOid) -> Result<Option<(ObjectKind, Bytes)>> {
        Ok(self.texts.get(&oid).cloned())
    }

    fn file(&self, oid: GitOid) -> Option<FileRef> {
        self.files.get(&oid).copied()
    }
}

impl Pack {
    fn text(&mut self, kind: ObjectKind, bytes: Vec<u8>) -> GitOid {
        let oid = object_id(kind, &bytes);
        self.texts.insert(oid, (kind, bytes.into()));
        oid
    }

    fn blob(&mut self, text: &str) -> GitOid {
        let file = regular(text);
        self.files.insert(file.oid(), file);
        file.oid()
    }

    /// Its lines stand in git's order.
    fn tree(&mut self, lines: &[(u32, &str, GitOid)]) -> GitOid {
        let mut bytes = Vec::new();
        for (mode, name, oid) in lines {
            encode_tree_item(&mut bytes, &TreeItem { mode: *mode, name: name.as_bytes(), oid: *oid });
        }
        self.text(ObjectKind::Tree, bytes)
    }

    /// In words that no API has: time zones, another committer, a header that only its author knows.
    fn commit(&mut self, tree: GitOid, parents: &[CommitId]) -> CommitId {
        self.made += 1;
        let mut text = format!("tree {tree}\n");
        parents.iter().for_each(|parent| text.push_str(&format!("parent {parent}\n")));
        let time = 1_600_000_000 + self.made;
        text.push_str(&format!(
            "author A <a@b> {time} +0200\ncommitter B <b@c> {time} -0330\nx-of-theirs 1\n\nmessage"
        ));
        CommitId(self.text(ObjectKind::Commit, text.into_bytes()).0)
    }

    /// A commit of one file with this text.
    pub fn commit_of(&mut self, text: &str, parents: &[CommitId]) -> CommitId {
        let blob = self.blob(text);
        let tree = self.tree(&[(FILE, "file", blob)]);
        self.commit(tree, parents)
    }

    fn tag(&mut self, of: GitOid, kind: ObjectKind) -> GitOid {
        let text = format!("object {of}\ntype {}\ntag v1\ntagger A <a@b> 1600000000 +0200\n\nof it\n", kind.as_str());
        self.text(ObjectKind::Tag, text.into_bytes())
    }
}

impl Repo {
    fn pushes(&self) -> &dyn GitPushes {
        self.git().pushes().unwrap()
    }

    async fn receive(&self, operation: OperationId, pack: &Pack, refs: &[PushedRef]) -> Result<Box<dyn Receipt + '_>> {
        self.pushes().receive(Push { operation, repo: self.key, refs: refs.to_vec() }, pack).await
    }

    /// A push that is received; what it comes to.
    pub async fn push(&self, pack: &Pack, refs: &[PushedRef]) -> Outcome {
        let receipt = self.receive(OperationId(unique()), pack, refs).await.unwrap();
        receipt.publish().await.unwrap()
    }
}

/// The move of a ref.
pub fn moved(name: &str, old: Option<CommitId>, new: impl Into<Option<CommitId>>) -> PushedRef {
    PushedRef { name: name.parse().unwrap(), old: old.map(GitOid::from), new: new.into().map(GitOid::from) }
}

const MAIN: &str = "refs/heads/main";

pub async fn what_is_pushed_keeps_its_bytes_and_is_read_like_a_commit(engine: &Arc<dyn Versioning>) {
    let (repo, mut pack) = (Repo::new(engine).await, Pack::default());
    let (one, two, run) = (pack.blob("one"), pack.blob("two"), pack.blob("run"));
    let pointer = large("weights", 1 << 33);
    let pointer_file = *pointer.file().unwrap();
    pack.files.insert(pointer.oid(), pointer_file);
    let inner = pack.tree(&[(FILE, "one", one), (PROGRAM, "run", run)]);
    let root = pack.tree(&[(FOLDER, "folder", inner), (FILE, "weights", pointer.oid())]);
    let first = pack.commit(root, &[]);
    let inner = pack.tree(&[(FILE, "one", two), (PROGRAM, "run", run)]);
    let root = pack.tree(&[
        (FOLDER, "folder", inner),
        (0o160000, "module", GitOid([3; 20])),
        (FILE, "weights", pointer.oid()),
    ]);
    let second = pack.commit(root, &[first]);
    let side = pack.commit_of("side", &[first]);
    let tip = pack.commit(root, &[second, side]);
    let tag = pack.tag(tip.into(), ObjectKind::Commit);
    let tagged = PushedRef { name: "refs/tags/v1".parse().unwrap(), old: None, new: Some(tag) };
    let refs = [moved(MAIN, None, tip), tagged];
    let receipt = repo.receive(OperationId(unique()), &pack, &refs).await.unwrap();
    assert_eq!((receipt.targets(), receipt.forced().len()), (&[Some(tip), Some(tip)][..], 0));
    assert_eq!(receipt.large(), &[(pointer_file.sha256(), path("weights"))].into());
    assert_eq!(repo.tip().await, None, "nobody sees what is not published");
    assert_eq!(receipt.publish().await.unwrap(), Outcome::Moved);

    assert_eq!(repo.tip().await, Some(tip));
    assert_eq!(repo.entry(tip, "folder/one").await.unwrap().oid(), two);
    assert_eq!(repo.entry(tip, "weights").await, Some(pointer));
    let last = engine.last_commits(repo.key, tip, &["folder/one", "folder/run", "folder"].map(path)).await.unwrap();
    assert_eq!(last, [second, first, second].map(Some));
    let named = pages(10, async |after| engine.contents(repo.key, after, 10).await).await;
    assert!(["one", "two", "run", "side"].iter().all(|text| named.contains(&made_up(text))), "{named:?}");
    let mut reader = Reader::default();
    reader.fetch(&repo, FetchRequest { wants: vec![tag], ..FetchRequest::default() }).await;
    let all = reader.closure(&[tag], WHOLE);
    assert!(
        all.iter()
            .filter_map(|oid| pack.texts.get(oid).map(|(_, bytes)| (oid, bytes)))
            .all(|(oid, bytes)| reader.text(*oid) == bytes)
    );
    assert_eq!(all.len(), 4 + 1 + 5 + 5, "commits, the tag, trees and blobs");
    let next = repo.commit_new(vec![put("by/the", "API")]).await;
    assert_eq!(engine.commits(repo.key, &[next]).await.unwrap()[0].as_ref().unwrap().parents, [tip]);
}

pub async fn a_push_that_lacks_something_is_refused_with_its_name(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let there = repo.commit_new(vec![put("there", "t")]).await;
    let absent = GitOid([8; 20]);
    let refused = async |pack: Pack, new: GitOid| {
        let refs = [PushedRef { name: "refs/heads/new".parse().unwrap(), old: None, new: Some(new) }];
        let error = repo.receive(OperationId(unique()), &pack, &refs).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
        assert!(error.context.contains(&absent.to_string()) || error.context.contains("commits"), "{error}");
    };
    let mut pack = Pack::default();
    let commit = pack.commit_of("x", &[there, CommitId(absent.0)]);
    refused(pack, commit.into()).await;
    let mut pack = Pack::default();
    let commit = pack.commit(absent, &[there]);
    refused(pack, commit.into()).await;
    for mode in [FILE, FOLDER] {
        let mut pack = Pack::default();
        let tree = pack.tree(&[(mode, "name", absent)]);
        let commit = pack.commit(tree, &[]);
        refused(pack, commit.into()).await;
    }
    refused(Pack::default(), absent).await;
    let mut pack = Pack::default();
    let blob = pack.blob("no commit");
    pack.texts.insert(blob, (ObjectKind::Blob, "no commit".into()));
    let tag = pack.tag(blob, ObjectKind::Blob);
    refused(pack, tag).await;
    let refs = engine.refs(repo.key, "", None, 10).await.unwrap().items;
    assert_eq!((refs.len(), repo.tip().await), (1, Some(there)));
}

pub async fn a_push_moves_all_refs_or_none(engine: &Arc<dyn Versioning>) {
    let (repo, mut pack) = (Repo::new(engine).await, Pack::default());
    let first = pack.commit_of("1", &[]);
    let (ours, theirs) = (pack.commit_of("ours", &[first]), pack.commit_of("theirs", &[first]));
    let both = [moved(MAIN, None, ours), moved("refs/heads/side", None, theirs)];
    assert_eq!(repo.push(&pack, &both).await, Outcome::Moved);
    // One is not where it was said to be, and the other stays with it.
    let stale = [moved(MAIN, Some(first), theirs), moved("refs/heads/new", None, first)];
    let refused = repo.push(&pack, &stale).await;
    assert!(matches!(&refused, Outcome::Refused { name, .. } if name.as_str() == MAIN), "{refused:?}");
    let names = async || -> Vec<String> {
        engine.refs(repo.key, "", None, 10).await.unwrap().items.iter().map(|one| one.name.to_string()).collect()
    };
    assert_eq!((names().await, repo.tip().await), (vec![MAIN.to_owned(), "refs/heads/side".to_owned()], Some(ours)));
    // Who leaves the history behind is named; who goes on is not. A name may go and be another's folder.
    let merge = pack.commit_of("merged", &[theirs, ours]);
    let moves = [
        moved(MAIN, Some(ours), theirs),
        moved("refs/heads/side", Some(theirs), None),
        moved("refs/heads/side/below", None, merge),
    ];
    let receipt = repo.receive(OperationId(unique()), &pack, &moves).await.unwrap();
    assert_eq!(receipt.targets(), [Some(theirs), None, Some(merge)]);
    assert_eq!(receipt.forced().iter().map(ToString::to_string).collect::<Vec<_>>(), [MAIN]);
    assert_eq!(receipt.publish().await.unwrap(), Outcome::Moved);
    assert_eq!(names().await, [MAIN, "refs/heads/side/below"]);
    let receipt = repo.receive(OperationId(unique()), &pack, &[moved(MAIN, Some(theirs), merge)]).await.unwrap();
    assert_eq!(receipt.forced(), []);
}

pub async fn a_push_keeps_the_promises_of_a_commit(engine: &Arc<dyn Versioning>) {
    let (repo, mut pack) = (Repo::new(engine).await, Pack::default());
    let first = pack.commit_of("1", &[]);
    let operation = OperationId(unique());
    let receipt = repo.receive(operation, &pack, &[moved(MAIN, None, first)]).await.unwrap();
    assert_eq!(receipt.publish().await.unwrap(), Outcome::Moved);
    assert_eq!(engine.conclude(repo.key, operation).await.unwrap(), Some(first));
    let second = pack.commit_of("2", &[first]);
    let concluded = OperationId(unique());
    let receipt = repo.receive(concluded, &pack, &[moved(MAIN, Some(first), second)]).await.unwrap();
    assert_eq!(engine.conclude(repo.key, concluded).await.unwrap(), None);
    assert_eq!(receipt.publish().await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(repo.tip().await, Some(first));
    // The branch moves between the two steps of a push.
    let receipt = repo.receive(OperationId(unique()), &pack, &[moved(MAIN, Some(first), second)]).await.unwrap();
    let other = repo.commit_new(vec![put("faster", "x")]).await;
    assert!(matches!(receipt.publish().await.unwrap(), Outcome::Refused { .. }));
    assert_eq!(repo.tip().await, Some(other));
}

/// Merges of short branches, one after the other, the first of which is a commit alone: three commits more in each.
pub fn merges(pack: &mut Pack, count: usize) -> Vec<CommitId> {
    let mut tips = vec![pack.commit_of("0", &[])];
    for n in 1..count {
        let side = pack.commit_of(&format!("side {n}"), &[tips[n.saturating_sub(3)]]);
        let ours = pack.commit_of(&format!("ours {n}"), &[tips[n - 1]]);
        tips.push(pack.commit_of(&format!("{n}"), &[ours, side]));
    }
    tips
}

pub async fn merges_that_were_pushed_are_counted_like_any_history(engine: &Arc<dyn Versioning>) {
    let (repo, mut pack) = (Repo::new(engine).await, Pack::default());
    let tips = merges(&mut pack, 12);
    let half = tips[5];
    assert_eq!(repo.push(&pack, &[moved(MAIN, None, half)]).await, Outcome::Moved);
    assert_eq!(repo.push(&pack, &[moved(MAIN, Some(half), tips[11])]).await, Outcome::Moved);
    for (n, tip) in tips.iter().enumerate() {
        let listed = pages(7, async |after| engine.log(repo.key, *tip, after, 7).await).await;
        let count = engine.commit_count(repo.key, *tip, 1000).await.unwrap();
        assert_eq!((listed.len(), count), (1 + 3 * n, 1 + 3 * n as u64), "{n}");
    }
}
