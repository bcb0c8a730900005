//! Git's objects, for engines that have them: what a fetch lacks, and what its objects are.

use std::collections::HashSet;
use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{
    Annotation, Change, Cut, Encoded, FetchRequest, FileRef, Filter, GitObject, GitObjects, Node, Ref, Versioning,
};
use ballast_types::git::{ObjectKind, object_id, pointer_oid};
use ballast_types::{CommitId, GitOid, Signature, Timestamp};

use super::reader::{Reader, WHOLE, Without, oids, wanting};
use super::relocation::{filled, make_ref};
use super::repo::*;
use super::{model, random};
use crate::Random;

impl Repo {
    pub(super) fn git(&self) -> &dyn GitObjects {
        self.engine.git().unwrap()
    }

    async fn all_refs(&self) -> Vec<Ref> {
        self.engine.refs(self.key, "", None, 100).await.unwrap().items
    }

    /// A commit on `main` of one file of this name.
    async fn add(&self, name: &str) -> CommitId {
        self.commit_new(vec![put(name, &format!("the text of {name}"))]).await
    }
}

pub async fn a_clone_brings_all_that_refs_lead_to_and_nothing_else(engine: &Arc<dyn Versioning>) {
    let repo = filled(engine).await;
    let submodule = Change::Put { path: path("a/module"), node: Node::Submodule { commit: GitOid([5; 20]) } };
    repo.commit_new(vec![submodule]).await;
    let refs = repo.all_refs().await;
    let wants: Vec<GitOid> = refs.iter().filter_map(|one| one.tag.or(one.commit.map(GitOid::from))).collect();
    assert!(refs.iter().any(|one| one.tag.is_some()) && wants.len() >= 5, "{refs:?}");
    let mut reader = Reader::default();
    let came = reader.fetch(&repo, FetchRequest { wants: wants.clone(), ..FetchRequest::default() }).await;
    assert_eq!(oids(&came), reader.closure(&wants, WHOLE));
    let large = came.iter().filter(|object| matches!(object, GitObject::Blob { file: FileRef::Lfs { .. }, .. }));
    assert!(large.count() > 0, "a pointer is among them");
    // Whoever has all lacks nothing.
    let haves: Vec<CommitId> = refs.iter().filter_map(|one| one.commit).collect();
    assert_eq!(reader.fetch(&repo, wanting(&haves, &haves)).await, []);
}

pub async fn a_fetch_brings_what_is_new_and_nothing_else(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let folders = (0..30).map(|n| put(&format!("f{}/{n}", n % 5), &format!("{n}")));
    let first = repo.commit_new(folders.collect()).await;
    let mut reader = Reader::default();
    reader.fetch(&repo, wanting(&[first], &[])).await;
    repo.commit_new(vec![put("f1/1", "changed"), put("f1/new/one", "n")]).await;
    let second = repo.commit_new(vec![delete("f2/2"), put("f4/new", "m")]).await;
    let before = reader.clone();
    let came = reader.fetch(&repo, wanting(&[second], &[first])).await;
    assert!(came.iter().all(|object| !before.has(object.oid())), "nothing comes that was there");
    reader.closure(&[second.into()], WHOLE);
    // Two commits; the root, `f1` and `f1/new`; the root, `f2` and `f4`; three files.
    assert_eq!(came.len(), 2 + 3 + 3 + 3, "{came:?}");
    // What was there before the reader's last commit may come again.
    let back = repo.commit_new(vec![put("f1/1", "1"), put("f2/2", "2"), copy("f3", None, "f4/copied")]).await;
    reader.fetch(&repo, wanting(&[back], &[second])).await;
    reader.closure(&[back.into()], WHOLE);
}

/// Somebody who fetches every few commits, and somebody who fetches from one branch what came by another.
pub async fn a_reader_of_a_growing_history_is_always_whole(engine: &Arc<dyn Versioning>) {
    for seed in 1..=3 {
        let (repo, random) = (Repo::new(engine).await, Random::new(seed));
        let (mut model, mut reader, mut had) = (model::Model::default(), Reader::default(), Vec::new());
        for round in 0..40 {
            let count = if round == 0 { 40 } else { 1 + random.below(6) };
            let changes = random::changes(&random, &model, count);
            let request = repo.request(changes);
            if engine.commit(request.clone()).await.is_ok() {
                model.commit(&request).unwrap();
            }
            let Some((tip, _)) = model.commits.last() else { continue };
            if random.below(4) == 0 {
                reader.fetch(&repo, wanting(&[*tip], &had)).await;
                reader.closure(&[(*tip).into()], WHOLE);
                had = vec![*tip];
            }
        }
        assert!(model.commits.len() > 15, "{} commits: the check has lost its meaning", model.commits.len());
        let tip = model.commits.last().unwrap().0;
        let mut cloned = Reader::default();
        let came = cloned.fetch(&repo, wanting(&[tip], &[])).await;
        assert_eq!(oids(&came), cloned.closure(&[tip.into()], WHOLE), "seed {seed}");
    }
}

pub async fn a_change_in_a_large_folder_is_told_as_the_change(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let files = (0..2000).map(|n| put(&format!("flat/{n:05}"), "same"));
    let mut tips = vec![repo.commit_new(files.collect()).await];
    for n in 0..5 {
        let changes = vec![put(&format!("flat/{n:05}x"), "new"), delete(&format!("flat/{:05}", n * 300 + 7))];
        tips.push(repo.commit_new(changes).await);
    }
    let (first, tip) = (tips[0], tips[5]);
    let mut reader = Reader::default();
    reader.fetch(&repo, wanting(&[first], &[])).await;
    let came = reader.clone().fetch(&repo, wanting(&[tip], &[first])).await;
    let trees: Vec<(&GitObject, bool)> =
        came.iter().filter(|object| object.kind() == ObjectKind::Tree).map(|object| (object, true)).collect();
    let (mut bytes, mut at) = (0, 0);
    while at < trees.len() {
        let encoded = repo.git().encode(repo.key, &trees[at..]).await.unwrap();
        at += encoded.len();
        let length = |one: &Encoded| match one {
            Encoded::Whole(bytes) | Encoded::Delta(bytes) => bytes.len(),
        };
        bytes += encoded.iter().map(length).sum::<usize>();
    }
    assert!(bytes < 3000, "{bytes} bytes for {} trees", trees.len());
    reader.fetch(&repo, wanting(&[tip], &[first])).await;
    assert!(reader.deltas > 0);
}

pub async fn a_filter_leaves_blobs_or_trees_out_and_nothing_that_is_named(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let long = "long ".repeat(1000);
    let big = Change::Put { path: path("deep/in/big"), node: large("big", 1 << 30) };
    repo.commit_new(vec![put("a/short", "short"), put("a/long", &long), big]).await;
    let tip = repo.commit_new(vec![put("a/long", &format!("{long} and longer"))]).await;
    let blob = |text: &str| object_id(ObjectKind::Blob, text.as_bytes());
    let none = Filter { blobs_from: Some(0), trees: false };
    let fetch = async |filter, wants: Vec<GitOid>| {
        let mut reader = Reader::default();
        let came = reader.fetch(&repo, FetchRequest { wants, filter, ..FetchRequest::default() }).await;
        (reader, came)
    };
    let blobs = |came: &[GitObject]| -> HashSet<GitOid> {
        came.iter().filter(|object| object.kind() == ObjectKind::Blob).map(GitObject::oid).collect()
    };
    let (reader, came) = fetch(none, vec![tip.into()]).await;
    assert_eq!(blobs(&came), HashSet::new());
    assert_eq!(oids(&came), reader.closure(&[tip.into()], Without { blobs: true, ..WHOLE }));
    // A pointer is as long as it is, whatever it points at.
    let (_, came) = fetch(Filter { blobs_from: Some(1000), trees: false }, vec![tip.into()]).await;
    let sha256 = large("big", 1 << 30).file().unwrap().sha256();
    assert_eq!(blobs(&came), [blob("short"), pointer_oid(sha256, 1 << 30)].into());
    let (reader, came) = fetch(Filter { blobs_from: Some(0), trees: true }, vec![tip.into()]).await;
    assert!(came.iter().all(|object| object.kind() == ObjectKind::Commit));
    reader.closure(&[tip.into()], Without { trees: true, ..WHOLE });
    // What was left out comes when it is wanted.
    let (reader, came) = fetch(none, vec![blob("short"), blob(&long)]).await;
    assert_eq!(oids(&came), [blob("short"), blob(&long)].into());
    assert!(reader.has(blob(&long)));
    let tree = repo.entry(tip, "deep/in").await.unwrap().oid();
    let (reader, _) = fetch(Filter::default(), vec![tree]).await;
    assert!(reader.has(tree));
}

pub async fn a_history_is_cut_off_deepened_and_made_whole_again(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut commits = Vec::new();
    for n in 0..8 {
        commits
            .push(repo.commit_new(vec![put(&format!("f/{n}"), &format!("{n}")), put("g/all", &format!("{n}"))]).await);
    }
    let tip = commits[7];
    let (mut reader, mut shallow) = (Reader::default(), Vec::new());
    for depth in [2_u32, 5, 20] {
        let cut = repo.git().ends(repo.key, &[tip.into()], &Cut::Depth(depth)).await.unwrap();
        let end = 8_usize.checked_sub(depth as usize);
        assert_eq!(cut, end.map(|end| commits[end]).into_iter().collect::<Vec<_>>(), "at depth {depth}");
        let haves = if shallow.is_empty() { vec![] } else { vec![tip] };
        let request = FetchRequest { shallow: shallow.clone(), cut: cut.clone(), ..wanting(&[tip], &haves) };
        let before = reader.clone();
        let came = reader.fetch(&repo, request).await;
        let sent = came.iter().filter(|object| object.kind() == ObjectKind::Commit && !before.has(object.oid()));
        assert_eq!(sent.count(), [2, 3, 3][[2, 5, 20].iter().position(|one| *one == depth).unwrap()]);
        reader.closure(&[tip.into()], Without { cut: &cut, ..WHOLE });
        shallow = cut;
    }
    reader.closure(&[tip.into()], WHOLE);
}

pub async fn a_history_is_cut_off_at_a_moment_or_at_a_commit(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let (mut commits, mut times) = (Vec::new(), Vec::new());
    for n in 0..6 {
        let request = repo.request(vec![put("f", &format!("{n}"))]);
        times.push(request.time);
        commits.push(engine.commit(request).await.unwrap().tip());
    }
    let tip: GitOid = commits[5].into();
    let ends = async |cut: Cut| repo.git().ends(repo.key, &[tip], &cut).await;
    let since = |time: Timestamp| Cut::Until { since: Some(time), not: vec![] };
    assert_eq!(ends(since(times[3])).await.unwrap(), [commits[3]]);
    assert_eq!(ends(Cut::Until { since: None, not: vec![commits[1]] }).await.unwrap(), [commits[2]]);
    assert_eq!(ends(since(times[0])).await.unwrap(), []);
    let later = Timestamp::from_seconds(times[5].seconds() + 1);
    assert_eq!(ends(since(later)).await.unwrap_err().kind, ErrorKind::Invalid);
}

pub async fn tags_come_with_the_commits_that_they_point_at(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let (first, second) = (repo.add("one").await, repo.add("two").await);
    let annotation = |message: &str| {
        let tagger = Signature::new("Grace Hopper", "grace@example.org");
        Some(Annotation { tagger, time: Timestamp::from_seconds(1_700_000_123), message: message.to_owned() })
    };
    make_ref(&repo, "refs/tags/old", first, annotation("old\n")).await;
    make_ref(&repo, "refs/tags/new", second, annotation("new\n")).await;
    make_ref(&repo, "refs/tags/plain", second, None).await;
    let tag = async |name: &str| repo.all_refs().await.into_iter().find(|one| one.name.short() == name).unwrap().tag;
    let (old, new) = (tag("old").await.unwrap(), tag("new").await.unwrap());
    let mut reader = Reader::default();
    let with_tags = |request| FetchRequest { tags: true, ..request };
    let came = oids(&reader.fetch(&repo, with_tags(wanting(&[first], &[]))).await);
    assert!(came.contains(&old) && !came.contains(&new));
    let came = oids(&reader.fetch(&repo, with_tags(wanting(&[second], &[first]))).await);
    assert!(came.contains(&new) && !came.contains(&old));
    // A tag that is wanted brings what it points at.
    let mut other = Reader::default();
    other.fetch(&repo, FetchRequest { wants: vec![new], ..FetchRequest::default() }).await;
    assert!(other.closure(&[new], WHOLE).contains(&second.into()));
}

pub async fn what_two_sides_have_in_common_is_known(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let (first, second) = (repo.add("one").await, repo.add("two").await);
    make_ref(&repo, "refs/heads/side", first, None).await;
    let mut request = repo.request(vec![put("side", "s")]);
    request.branch = "refs/heads/side".parse().unwrap();
    let side = engine.commit(request).await.unwrap().tip();
    let other = Repo::new(engine).await.add("elsewhere").await;
    let common = async |wants: &[CommitId], haves: &[CommitId]| {
        let wants: Vec<GitOid> = wants.iter().map(|id| (*id).into()).collect();
        let found = repo.git().common(repo.key, &wants, haves).await.unwrap();
        (found.known, found.enough)
    };
    assert_eq!(common(&[second, side], &[first]).await, (vec![first], true));
    assert_eq!(common(&[second], &[second]).await, (vec![second], true));
    assert_eq!(common(&[second, side], &[side]).await, (vec![side], false));
    assert_eq!(common(&[second], &[other, CommitId([7; 20])]).await, (vec![], false));
    assert_eq!(common(&[second, side], &[other, side, second]).await, (vec![side, second], true));
}

pub async fn objects_are_found_in_their_own_repository_alone(engine: &Arc<dyn Versioning>) {
    let (repo, other) = (filled(engine).await, Repo::new(engine).await);
    other.commit_new(vec![put("unlike/any", "of the first's files")]).await;
    let mut reader = Reader::default();
    let refs = repo.all_refs().await;
    let wants: Vec<GitOid> = refs.iter().filter_map(|one| one.tag.or(one.commit.map(GitOid::from))).collect();
    let mut came = reader.fetch(&repo, FetchRequest { wants, ..FetchRequest::default() }).await;
    came.sort_by_key(GitObject::oid);
    let mut asked: Vec<GitOid> = came.iter().map(GitObject::oid).collect();
    asked.push(GitOid([9; 20]));
    let mut found = repo.git().find(repo.key, &asked).await.unwrap();
    assert_eq!(found.pop(), Some(None));
    for (object, found) in came.iter().zip(&found) {
        let found = found.as_ref().unwrap_or_else(|| panic!("{object:?} is not found"));
        assert_eq!((found.oid(), found.kind()), (object.oid(), object.kind()));
        if found.kind() != ObjectKind::Blob {
            let encoded = repo.git().encode(repo.key, &[(found, false)]).await.unwrap().remove(0);
            let whole = Encoded::Whole(reader.text(found.oid()).to_vec());
            assert_eq!(encoded, whole, "{found:?}");
        }
    }
    let elsewhere = other.git().find(other.key, &asked).await.unwrap();
    assert!(elsewhere.iter().all(Option::is_none), "a repository has none of another's objects");
}
