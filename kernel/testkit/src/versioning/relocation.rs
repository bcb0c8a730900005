//! Giving away whole histories and taking them in, where an engine does that: from one repository into another one here,
//! as it is done between engines.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{
    Annotation, Arrival, Change, Difference, RefUpdate, Relocation, Rewrite, RewriteRequest, Rewritten, Strategy,
    Versioning, WholeRef,
};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, GitOid, RefName, RepoPath, Revision, Signature, Timestamp};
use bytes::Bytes;

use super::repo::*;

/// Every commit that a repository keeps, in pages of so many.
pub async fn kept_commits(repo: &Repo, limit: usize) -> Vec<CommitId> {
    let relocation = repo.engine.relocation().unwrap();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = relocation.kept_commits(repo.key, after, limit).await.unwrap();
        all.extend(&page);
        after = page.last().copied();
        if page.len() < limit {
            return all;
        }
    }
}

async fn whole_refs(relocation: &dyn Relocation, repo: &Repo, limit: usize) -> Vec<WholeRef> {
    pages(limit, async |after| relocation.whole_refs(repo.key, after, limit).await).await
}

/// What leads from one commit to another.
async fn changes(repo: &Repo, before: Option<CommitId>, after: CommitId) -> Vec<Change> {
    let next = async |cursor| repo.engine.diff(repo.key, before, after, cursor, 100).await;
    let (gone, put): (Vec<Difference>, Vec<_>) = pages(100, next).await.into_iter().partition(|d| d.after.is_none());
    let delete = gone.into_iter().map(|one| Change::Delete { path: one.path });
    let put = put.into_iter().filter_map(|one| Some(Change::Put { path: one.path, node: one.after? }));
    delete.chain(put).collect()
}

async fn arrival(relocation: &dyn Relocation, repo: &Repo, id: CommitId) -> Arrival {
    let info = repo.engine.commits(repo.key, &[id]).await.unwrap().remove(0).unwrap();
    let bytes = relocation.commit_bytes(repo.key, &[id]).await.unwrap().remove(0).unwrap();
    Arrival { bytes, changes: changes(repo, info.parents.first().copied(), id).await }
}

/// Takes all that one repository keeps into another, parents first, each commit twice. The two may have different engines,
/// which both have the capability.
pub async fn take_over(from: &Repo, to: &Repo) {
    let [source, target] = [from, to].map(|repo| repo.engine.relocation().unwrap());
    let mut done = HashSet::new();
    let mut open: Vec<CommitId> = kept_commits(from, 100).await;
    while !open.is_empty() {
        let before = open.len();
        for id in std::mem::take(&mut open) {
            let info = from.engine.commits(from.key, &[id]).await.unwrap().remove(0).unwrap();
            if !info.parents.iter().all(|parent| done.contains(parent)) {
                open.push(id);
                continue;
            }
            let arrival = arrival(source, from, id).await;
            assert_eq!(target.adopt(to.key, arrival.clone()).await.unwrap(), id);
            assert_eq!(target.adopt(to.key, arrival).await.unwrap(), id, "twice is once");
            done.insert(id);
        }
        assert!(open.len() < before, "parents are kept with their children");
    }
    let refs = whole_refs(source, from, 100).await;
    target.adopt_refs(to.key, &refs).await.unwrap();
    target.adopt_refs(to.key, &refs).await.unwrap();
}

/// All that a commit says and holds.
async fn told(repo: &Repo, at: CommitId) -> impl PartialEq + std::fmt::Debug + use<> {
    let info = repo.engine.commits(repo.key, &[at]).await.unwrap();
    let all = repo.walk(at, 1000).await;
    let paths: Vec<RepoPath> = all.iter().map(|(at, _)| path(at)).collect();
    let last = repo.engine.last_commits(repo.key, at, &paths).await.unwrap();
    let sizes = repo.engine.folder_sizes(repo.key, at, &paths).await.unwrap();
    let log = repo.engine.log(repo.key, at, None, 1000).await.unwrap().items;
    let count = repo.engine.commit_count(repo.key, at, 1000).await.unwrap();
    (info, all, last, sizes, log, count)
}

fn name(text: &str) -> RefName {
    text.parse().unwrap()
}

pub(super) async fn make_ref(repo: &Repo, text: &str, at: CommitId, annotation: Option<Annotation>) {
    let update = RefUpdate { name: name(text), old: None, new: Some(at), annotation };
    repo.engine.update_refs(repo.key, &[update]).await.unwrap();
}

/// Two branches and what came of them, a proposal, tags of both sorts, and a commit that no ref leads to.
pub(super) async fn filled(engine: &Arc<dyn Versioning>) -> Repo {
    let repo = Repo::new(engine).await;
    let sorts = [
        put("a/b/one", "1"),
        put("a/two", "2"),
        Change::Put { path: path("big"), node: large("big", 1 << 40) },
        Change::Put {
            path: path("link"),
            node: ballast_contract::versioning::Node::Symlink { file: regular("a/two") },
        },
    ];
    let first = repo.commit_new(sorts.to_vec()).await;
    make_ref(&repo, "refs/heads/side/1", first, None).await;
    let mut request = repo.request(vec![put("a/b/side", "s"), delete("a/two")]);
    request.branch = name("refs/heads/side/1");
    let side = engine.commit(request).await.unwrap().tip();
    // A file where a folder was.
    let ours = repo.commit_new(vec![delete_folder("a/b"), put("a/b", "now a file"), put("c", "3")]).await;
    make_ref(&repo, "refs/pr/7", ours, None).await;
    let tagger = Signature::new("Grace Hopper", "grace@example.org");
    let annotation = Annotation { tagger, time: Timestamp::from_seconds(1_700_000_123), message: "one\n".to_owned() };
    make_ref(&repo, "refs/tags/v1.0", first, Some(annotation)).await;
    make_ref(&repo, "refs/tags/plain", side, None).await;
    let left = repo.commit_new(vec![put("left", "behind")]).await;
    let back = RefUpdate { name: main(), old: Some(left), new: Some(ours), annotation: None };
    engine.update_refs(repo.key, &[back]).await.unwrap();
    if let Some(rewriting) = engine.rewriting() {
        let base = repo.request(vec![]);
        let request = RewriteRequest {
            operation: base.operation,
            repo: repo.key,
            branch: main(),
            expected_parent: None,
            author: base.author,
            time: base.time,
            message: base.message,
            rewrite: Rewrite::Merge { source: side, strategy: Strategy::Source, squash: false },
        };
        assert!(matches!(rewriting.rewrite(request).await.unwrap(), Rewritten::Done(_)));
    }
    repo
}

/// What is taken in has the ids that it had, and answers what it answered: every commit, on a ref or not, and every ref.
pub async fn what_is_taken_in_answers_as_before(engine: &Arc<dyn Versioning>) {
    let Some(relocation) = engine.relocation() else { return };
    let (from, to) = (filled(engine).await, Repo::new(engine).await);
    take_over(&from, &to).await;
    let commits = kept_commits(&from, 100).await;
    assert!(commits.len() >= 4 && commits.is_sorted());
    for limit in [1, 3] {
        assert_eq!(kept_commits(&to, limit).await, commits, "in pages of {limit}");
        assert_eq!(whole_refs(relocation, &to, limit).await, whole_refs(relocation, &from, 100).await);
    }
    for id in &commits {
        assert!(told(&to, *id).await == told(&from, *id).await, "commit {id}");
    }
    let bytes = relocation.commit_bytes(from.key, &commits).await.unwrap();
    assert_eq!(relocation.commit_bytes(to.key, &commits).await.unwrap(), bytes);
    assert!(bytes.iter().zip(&commits).all(|(bytes, id)| {
        let bytes = bytes.as_ref().unwrap();
        GitOid::from(*id) == object_id(ObjectKind::Commit, bytes)
    }));
    let refs = async |repo: &Repo| engine.refs(repo.key, "", None, 100).await.unwrap().items;
    assert_eq!(refs(&to).await, refs(&from).await);
    let blobs = async |repo: &Repo| {
        let next = async |after| engine.contents(repo.key, after, 100).await;
        pages(100, next).await.into_iter().collect::<HashSet<_>>()
    };
    assert_eq!(blobs(&to).await, blobs(&from).await);
    // It goes on as any other, and what came meanwhile is taken in afterwards.
    from.commit_new(vec![put("later", "on")]).await;
    let gone =
        RefUpdate { name: name("refs/tags/plain"), old: from.resolve("plain").await, new: None, annotation: None };
    engine.update_refs(from.key, &[gone]).await.unwrap();
    take_over(&from, &to).await;
    assert_eq!(refs(&to).await, refs(&from).await);
    assert_eq!(to.tip().await, from.tip().await);
    to.commit_new(vec![put("after", "that")]).await;
    if let Some(upkeep) = engine.upkeep() {
        let found = super::upkeep::damage(upkeep, to.key, 100).await.unwrap().0;
        assert_eq!(found, Vec::new(), "what was taken in is whole");
    }
}

/// Bytes that no API would write: time zones, another committer, a signature, a tag of a tag. They stay as they are.
pub async fn commits_and_tags_of_elsewhere_keep_their_bytes(engine: &Arc<dyn Versioning>) {
    let Some(relocation) = engine.relocation() else { return };
    let repo = Repo::new(engine).await;
    let node = file("text");
    let tree = super::model::tree(&[("f".to_owned(), node)].into());
    let text = format!(
        "tree {tree}\nauthor A <a@b> 100 +0200\ncommitter B <b@c> 200 -0330\ngpgsig -----BEGIN\n x\n -----END\n\nmessage"
    );
    let first = Arrival { bytes: text.into(), changes: vec![Change::Put { path: path("f"), node }] };
    let id = relocation.adopt(repo.key, first.clone()).await.unwrap();
    assert_eq!(id, first.id());
    // A commit that changes nothing is one.
    let text = format!("tree {tree}\nparent {id}\nauthor A <a@b> 300 +0000\ncommitter A <a@b> 300 +0000\n\n");
    let empty = Arrival { bytes: text.into(), changes: vec![] };
    let second = relocation.adopt(repo.key, empty.clone()).await.unwrap();
    let inner = format!("object {id}\ntype commit\ntag v\ntagger A <a@b> 100 +0545\n\ninner\n");
    let inner_id = object_id(ObjectKind::Tag, inner.as_bytes());
    let outer = format!("object {inner_id}\ntype tag\ntag vv\ntagger A <a@b> 100 +0545\n\nouter\n");
    let refs = [
        WholeRef { name: main(), commit: Some(second), tags: vec![] },
        WholeRef { name: name("refs/heads/unborn"), commit: None, tags: vec![] },
        WholeRef { name: name("refs/tags/vv"), commit: Some(id), tags: vec![outer.into(), inner.into()] },
    ];
    relocation.adopt_refs(repo.key, &refs).await.unwrap();
    assert_eq!(whole_refs(relocation, &repo, 100).await, refs);
    let bytes = relocation.commit_bytes(repo.key, &[id, CommitId([9; 20]), second]).await.unwrap();
    assert_eq!(bytes, [Some(first.bytes), None, Some(empty.bytes)]);
    assert_eq!(repo.tip().await, Some(second));
    let last = engine.last_commits(repo.key, second, &[path("f")]).await.unwrap();
    assert_eq!(last, [Some(id)]);
    if let Some(upkeep) = engine.upkeep() {
        assert_eq!(super::upkeep::damage(upkeep, repo.key, 100).await.unwrap().0, Vec::new());
    }
}

/// A commit whose changes do not make its tree is not taken in, nor one without its parents; refs only where commits are.
pub async fn what_cannot_be_taken_in_leaves_nothing(engine: &Arc<dyn Versioning>) {
    let Some(relocation) = engine.relocation() else { return };
    let (from, to) = (filled(engine).await, Repo::new(engine).await);
    let commits = kept_commits(&from, 100).await;
    let mut arrivals = HashMap::new();
    for id in &commits {
        arrivals.insert(*id, arrival(relocation, &from, *id).await);
    }
    let first = from.resolve("v1.0").await.unwrap();
    let child = from.resolve("side/1").await.unwrap();
    let refused = async |arrival: Arrival| relocation.adopt(to.key, arrival).await.unwrap_err().kind;
    assert_eq!(refused(arrivals[&child].clone()).await, ErrorKind::NotFound);
    let mut other = arrivals[&first].clone();
    other.changes.push(put("more", "than it has"));
    assert_eq!(refused(other).await, ErrorKind::Unsupported);
    let garbage = Arrival { bytes: Bytes::from_static(b"no commit"), changes: vec![] };
    assert_eq!(refused(garbage).await, ErrorKind::Invalid);
    assert_eq!(kept_commits(&to, 100).await, [], "nothing of it is there");
    let refs = whole_refs(relocation, &from, 100).await;
    assert_eq!(relocation.adopt_refs(to.key, &refs).await.unwrap_err().kind, ErrorKind::NotFound);
    let unborn = WholeRef { name: main(), commit: None, tags: vec![] };
    assert_eq!(whole_refs(relocation, &to, 100).await, std::slice::from_ref(&unborn), "no ref has moved");
    let twice = relocation.adopt_refs(to.key, &[unborn.clone(), unborn]).await.unwrap_err();
    assert_eq!(twice.kind, ErrorKind::Invalid);
}

/// A repository that is withdrawn may be made again, which one that was deleted may not.
pub async fn a_withdrawn_repository_may_begin_again(engine: &Arc<dyn Versioning>) {
    let Some(relocation) = engine.relocation() else { return };
    let (from, to) = (filled(engine).await, Repo::new(engine).await);
    take_over(&from, &to).await;
    let there = async || {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = relocation.repositories(after, 2).await.unwrap();
            all.extend(&page);
            after = page.last().copied();
            if page.len() < 2 {
                return all;
            }
        }
    };
    assert!(there().await.is_sorted() && there().await.contains(&to.key));
    for _ in 0..2 {
        relocation.withdraw(to.key).await.unwrap();
    }
    assert!(!there().await.contains(&to.key) && there().await.contains(&from.key));
    let tip = from.tip().await.unwrap();
    let gone = engine.resolve(to.key, &Revision::main()).await.unwrap_err();
    assert!(gone.is(ErrorKind::NotFound), "{gone}");
    engine.create(to.key, &main()).await.unwrap();
    assert_eq!(to.tip().await, None);
    take_over(&from, &to).await;
    assert!(told(&to, tip).await == told(&from, tip).await);
    engine.delete(to.key).await.unwrap();
    assert!(!there().await.contains(&to.key), "a deleted one is not there");
}
