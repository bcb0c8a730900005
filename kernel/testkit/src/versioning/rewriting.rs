//! Merge, revert, squash and reset, for engines that do them.

use std::collections::BTreeSet;
use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{
    Change, Committed, Rewrite, RewriteRequest, Rewriting, Rewritten, Strategy, Versioning,
};
use ballast_types::git::Commit;
use ballast_types::{CommitId, RefName, RepoPath};
use futures::future::join_all;

use super::model::{self, Files, is_below};
use super::random;
use super::repo::*;
use crate::Random;

impl Repo {
    fn rewriting(&self) -> &dyn Rewriting {
        self.engine.rewriting().unwrap()
    }

    /// A rewriting commit on `main`, or on another branch.
    fn rewrite_request(&self, branch: &RefName, rewrite: Rewrite) -> RewriteRequest {
        let like = self.request(Vec::new());
        RewriteRequest {
            operation: like.operation,
            repo: self.key,
            branch: branch.clone(),
            expected_parent: None,
            author: like.author,
            time: like.time,
            message: like.message,
            rewrite,
        }
    }

    /// A rewriting commit that must go through and make something; its id is what git makes of it.
    async fn rewritten(&self, rewrite: Rewrite, parents: &[CommitId]) -> CommitId {
        let request = self.rewrite_request(&main(), rewrite);
        let made = self.rewriting().rewrite(request.clone()).await.unwrap();
        let Rewritten::Done(Committed::New(id)) = made else { panic!("{:?} came to {made:?}", request.rewrite) };
        let RewriteRequest { author, time, message, .. } = request;
        let parents = parents.to_vec();
        let tree = model::tree(&self.files(id).await);
        assert_eq!(Commit { tree, parents, author, time, message }.encode().0, id);
        assert_eq!(self.tip().await, Some(id));
        id
    }

    /// A rewriting commit that must come to this and leave the tip where it is.
    async fn comes_to(&self, rewrite: Rewrite, expected: Rewritten) {
        let tip = self.tip().await;
        let came = self.rewriting().rewrite(self.rewrite_request(&main(), rewrite.clone())).await.unwrap();
        assert_eq!((came, self.tip().await), (expected, tip), "{rewrite:?}");
    }

    async fn changes_nothing(&self, rewrite: Rewrite) {
        let tip = self.tip().await.unwrap();
        self.comes_to(rewrite, Rewritten::Done(Committed::Unchanged(tip))).await;
    }

    async fn conflicts(&self, rewrite: Rewrite, paths: &[&str]) {
        self.comes_to(rewrite, Rewritten::Conflicts(paths.iter().map(|at| path(at)).collect())).await;
    }

    /// A branch at the tip of `main`.
    async fn branch(&self, name: &str) -> RefName {
        let branch = RefName::branch(name).unwrap();
        let new = self.tip().await;
        let update = ballast_contract::versioning::RefUpdate { name: branch.clone(), old: None, new, annotation: None };
        self.engine.update_refs(self.key, &[update]).await.unwrap();
        branch
    }

    async fn commit_on(&self, branch: &RefName, changes: Vec<Change>) -> CommitId {
        let request = ballast_contract::versioning::CommitRequest { branch: branch.clone(), ..self.request(changes) };
        self.engine.commit(request).await.unwrap().tip()
    }

    async fn paths(&self, at: CommitId) -> Vec<String> {
        self.files(at).await.into_keys().collect()
    }

    async fn log(&self, from: CommitId) -> Vec<CommitId> {
        let page = self.engine.log(self.key, from, None, 1000).await.unwrap();
        page.items.into_iter().map(|info| info.id).collect()
    }

    async fn last(&self, at: CommitId, paths: &[&str]) -> Vec<Option<CommitId>> {
        let paths: Vec<RepoPath> = paths.iter().map(|at| path(at)).collect();
        self.engine.last_commits(self.key, at, &paths).await.unwrap()
    }
}

fn merge(source: CommitId) -> Rewrite {
    Rewrite::Merge { source, strategy: Strategy::Stop, squash: false }
}

fn deciding(source: CommitId, strategy: Strategy) -> Rewrite {
    Rewrite::Merge { source, strategy, squash: false }
}

fn squashed(source: CommitId) -> Rewrite {
    Rewrite::Merge { source, strategy: Strategy::Stop, squash: true }
}

fn revert(commit: CommitId) -> Rewrite {
    Rewrite::Revert { commit, parent: 1 }
}

pub async fn a_merge_brings_what_the_other_side_changed(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let first = repo.commit_new(vec![put("keep", "0"), put("a/x", "0"), put("a/y", "0"), put("gone", "0")]).await;
    let side = repo.branch("side").await;
    let theirs = repo.commit_on(&side, vec![put("a/x", "theirs"), put("new/z", "1"), delete("gone")]).await;
    let ours = repo.commit_new(vec![put("a/y", "ours"), put("b", "1")]).await;
    assert_eq!(repo.rewriting().fork(repo.key, ours, theirs).await.unwrap(), Some(first));
    let merged = repo.rewritten(merge(theirs), &[ours, theirs]).await;
    assert_eq!(repo.paths(merged).await, ["a/x", "a/y", "b", "keep", "new/z"]);
    assert_eq!(repo.entry(merged, "a/x").await, Some(file("theirs")));
    assert_eq!(repo.entry(merged, "a/y").await, Some(file("ours")));
    assert_eq!(repo.log(merged).await, [merged, ours, theirs, first]);
    assert_eq!(repo.rewriting().fork(repo.key, merged, theirs).await.unwrap(), Some(theirs));
    // As git's own history of a path has it: what came from one side was changed there.
    let last = repo.last(merged, &["keep", "a/x", "a/y", "a", "b", "new", "new/z"]).await;
    assert_eq!(last, [first, theirs, ours, merged, ours, theirs, theirs].map(Some));
    // The other way round there is only the commit itself to bring.
    repo.changes_nothing(merge(theirs)).await;
    let more = repo.commit_on(&side, vec![put("a/x", "more")]).await;
    let again = repo.rewritten(merge(more), &[merged, more]).await;
    assert_eq!(repo.entry(again, "a/x").await, Some(file("more")));
    assert_eq!(repo.entry(again, "a/y").await, Some(file("ours")));
}

pub async fn a_branch_that_is_only_ahead_is_merged_by_a_commit_of_two_parents(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let first = repo.commit_new(vec![put("a", "0")]).await;
    let side = repo.branch("side").await;
    let ahead = repo.commit_on(&side, vec![put("a", "1")]).await;
    let merged = repo.rewritten(merge(ahead), &[first, ahead]).await;
    assert_eq!(repo.tree(merged).await, repo.tree(ahead).await);
    assert_eq!(repo.last(merged, &["a"]).await, [Some(ahead)]);
    // Both sides changed the same in the same way: nothing to bring, and still one history of two.
    let (ours, theirs) =
        (repo.commit_new(vec![put("b", "same")]).await, repo.commit_on(&side, vec![put("b", "same")]).await);
    let both = repo.rewritten(merge(theirs), &[ours, theirs]).await;
    assert_eq!(repo.tree(both).await, repo.tree(ours).await);
    assert_eq!(repo.last(both, &["b"]).await, [Some(ours)]);
}

pub async fn what_both_sides_changed_is_a_conflict_unless_a_strategy_decides(engine: &Arc<dyn Versioning>) {
    for strategy in [Strategy::Stop, Strategy::Destination, Strategy::Source] {
        let repo = Repo::new(engine).await;
        let names = ["both", "gone-here", "gone-there", "same", "theirs-only"];
        repo.commit_new(names.iter().map(|at| put(at, "0")).collect()).await;
        let side = repo.branch("side").await;
        let changes = |who: &str| vec![put("both", who), put("added", who), put("same", "1"), put("same-new", "1")];
        let mut theirs = changes("theirs");
        theirs.extend([put("gone-here", "1"), delete("gone-there"), put("theirs-only", "1")]);
        // Where one side has a file and the other a folder.
        theirs.extend([put("folder-here", "file"), put("file-here/inside/x", "1"), put("file-here-2/y", "1")]);
        let theirs = repo.commit_on(&side, theirs).await;
        let mut ours = changes("ours");
        ours.extend([delete("gone-here"), put("gone-there", "1")]);
        ours.extend([put("folder-here/a/b", "1"), put("file-here", "file"), put("file-here-2", "file")]);
        let ours = repo.commit_new(ours).await;
        if strategy == Strategy::Stop {
            let paths =
                ["added", "both", "file-here-2/y", "file-here/inside/x", "folder-here", "gone-here", "gone-there"];
            repo.conflicts(merge(theirs), &paths).await;
            let told = repo.rewriting().conflicts(repo.key, ours, theirs).await.unwrap();
            assert_eq!(told, paths.map(path));
            repo.conflicts(squashed(theirs), &paths).await;
            continue;
        }
        let merged = repo.rewritten(deciding(theirs, strategy), &[ours, theirs]).await;
        let mut expected = match strategy {
            Strategy::Source => repo.files(theirs).await,
            _ => repo.files(ours).await,
        };
        expected.insert("theirs-only".to_owned(), file("1"));
        assert_eq!(repo.files(merged).await, expected, "{strategy:?}");
        assert_eq!(repo.rewriting().conflicts(repo.key, merged, theirs).await.unwrap(), []);
    }
}

pub async fn a_squashed_merge_has_one_parent(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    repo.commit_new(vec![put("a", "0"), put("b", "0")]).await;
    let side = repo.branch("side").await;
    repo.commit_on(&side, vec![put("a", "1")]).await;
    let theirs = repo.commit_on(&side, vec![put("a", "2"), put("c/d", "2")]).await;
    let ours = repo.commit_new(vec![put("b", "1")]).await;
    let merged = repo.rewritten(squashed(theirs), &[ours]).await;
    assert_eq!(repo.entry(merged, "a").await, Some(file("2")));
    assert_eq!(repo.last(merged, &["a", "b", "c"]).await, [merged, ours, merged].map(Some));
    repo.changes_nothing(squashed(theirs)).await;
}

pub async fn histories_that_began_apart_are_merged_over_nothing(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    repo.commit_new(vec![put("same", "0")]).await;
    repo.commit_new(vec![put("other", "0")]).await;
    let side = repo.branch("side").await;
    let theirs = repo.commit_on(&side, vec![put("new", "1")]).await;
    let root = repo.rewritten(Rewrite::Squash, &[]).await;
    assert_eq!(repo.rewriting().fork(repo.key, root, theirs).await.unwrap(), None);
    let merged = repo.rewritten(merge(theirs), &[root, theirs]).await;
    assert_eq!(repo.paths(merged).await, ["new", "other", "same"]);
    let differs = repo.commit_on(&side, vec![put("other", "1")]).await;
    repo.rewritten(merge(differs), &[merged, differs]).await;
    let root = repo.rewritten(Rewrite::Squash, &[]).await;
    let differs = repo.commit_on(&side, vec![put("other", "2")]).await;
    repo.conflicts(merge(differs), &["other"]).await;
    repo.rewritten(deciding(differs, Strategy::Source), &[root, differs]).await;
}

pub async fn a_revert_undoes_one_commit(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let first = repo.commit_new(vec![put("a", "0"), put("b", "0"), put("d/e", "0")]).await;
    let second = repo.commit_new(vec![put("a", "1"), put("c", "1"), delete("d/e")]).await;
    let third = repo.commit_new(vec![put("b", "2")]).await;
    let reverted = repo.rewritten(revert(second), &[third]).await;
    assert_eq!(repo.paths(reverted).await, ["a", "b", "d/e"]);
    assert_eq!(repo.entry(reverted, "a").await, Some(file("0")));
    assert_eq!(repo.entry(reverted, "b").await, Some(file("2")));
    assert_eq!(repo.last(reverted, &["a", "b", "d", "d/e"]).await, [reverted, third, reverted, reverted].map(Some));
    repo.changes_nothing(revert(second)).await;
    let again = repo.rewritten(revert(reverted), &[reverted]).await;
    assert_eq!(repo.tree(again).await, repo.tree(third).await);
    repo.commit_new(vec![put("a", "3")]).await;
    repo.conflicts(revert(second), &["a"]).await;
    repo.conflicts(revert(first), &["a", "b"]).await;
    // The first commit is undone against nothing.
    let other = Repo::new(engine).await;
    let only = other.commit_new(vec![put("a", "0"), put("b", "0")]).await;
    let added = other.commit_new(vec![put("c", "0")]).await;
    let left = other.rewritten(revert(only), &[added]).await;
    assert_eq!(other.paths(left).await, ["c"]);
}

pub async fn a_merge_is_reverted_against_the_parent_that_is_named(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let first = repo.commit_new(vec![put("a", "0"), put("b", "0")]).await;
    let side = repo.branch("side").await;
    let theirs = repo.commit_on(&side, vec![put("a", "theirs")]).await;
    let ours = repo.commit_new(vec![put("b", "ours")]).await;
    let merged = repo.rewritten(merge(theirs), &[ours, theirs]).await;
    let tip = repo.rewritten(Rewrite::Revert { commit: merged, parent: 2 }, &[merged]).await;
    assert_eq!(repo.tree(tip).await, repo.tree(theirs).await);
    let tip = repo.rewritten(revert(merged), &[tip]).await;
    assert_eq!(repo.tree(tip).await, repo.tree(first).await);
    for (commit, parent) in [(merged, 3), (merged, 0), (ours, 2), (first, 2)] {
        let request = repo.rewrite_request(&main(), Rewrite::Revert { commit, parent });
        let refused = repo.rewriting().rewrite(request).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid, "{refused}");
    }
}

pub async fn a_squash_leaves_one_commit_and_forgets_no_other(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut commits = Vec::new();
    for n in 0..5 {
        let changes = (0..60).map(|m| put(&format!("{m}/{n}"), &format!("{n}"))).collect();
        commits.push(repo.commit_new(changes).await);
    }
    let (tip, files) = (commits[4], repo.files(commits[4]).await);
    let root = repo.rewritten(Rewrite::Squash, &[]).await;
    assert_eq!((repo.files(root).await, repo.tree(root).await), (files, repo.tree(tip).await));
    assert_eq!(repo.log(root).await, [root]);
    assert_eq!(engine.commit_count(repo.key, root, 100).await.unwrap(), 1);
    assert!(repo.last(root, &["0", "0/0", "59/4"]).await.iter().all(|last| *last == Some(root)));
    assert_eq!(repo.log(tip).await.len(), 5, "a commit that was acknowledged stays readable");
    repo.changes_nothing(Rewrite::Squash).await;
    let next = repo.commit_new(vec![put("0/0", "new")]).await;
    assert_eq!(repo.log(next).await, [next, root]);
    assert_eq!(repo.last(next, &["0/0", "0", "0/1", "1"]).await, [next, next, root, root].map(Some));
    let contents = pages(7, async |after| engine.contents(repo.key, after, 7).await).await;
    let named: BTreeSet<_> = contents.into_iter().collect();
    assert!((0..5).all(|n| named.contains(&made_up(&format!("{n}")))));
}

pub async fn a_reset_is_a_new_commit_with_an_old_tree(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let first = repo.commit_new(vec![put("a", "0"), put("b/c", "0")]).await;
    let second = repo.commit_new(vec![put("a", "1"), put("b/d", "1")]).await;
    let third = repo.commit_new(vec![delete_folder("b"), put("b", "a file")]).await;
    let reset = repo.rewritten(Rewrite::Reset { to: first }, &[third]).await;
    assert_eq!(repo.tree(reset).await, repo.tree(first).await);
    assert_eq!(repo.last(reset, &["a", "b", "b/c"]).await, [reset; 3].map(Some));
    assert_eq!(repo.log(reset).await, [reset, third, second, first]);
    repo.changes_nothing(Rewrite::Reset { to: first }).await;
    let forward = repo.rewritten(Rewrite::Reset { to: third }, &[reset]).await;
    assert_eq!(repo.tree(forward).await, repo.tree(third).await);
}

pub async fn a_rewriting_commit_keeps_the_promises_of_a_commit(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let unborn = repo.rewriting().rewrite(repo.rewrite_request(&main(), Rewrite::Squash)).await.unwrap_err();
    assert_eq!(unborn.kind, ErrorKind::NotFound, "{unborn}");
    let first = repo.commit_new(vec![put("a", "0")]).await;
    let second = repo.commit_new(vec![put("a", "1")]).await;
    let other = Repo::new(engine).await;
    let foreign = other.commit_new(vec![put("a", "foreign")]).await;
    let all = |commit| [merge(commit), revert(commit), Rewrite::Reset { to: commit }];
    for rewrite in all(foreign).into_iter().chain(all(CommitId([9; 20]))) {
        let refused = repo.rewriting().rewrite(repo.rewrite_request(&main(), rewrite)).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotFound, "{refused}");
    }
    for rewrite in all(first).into_iter().chain([Rewrite::Squash]) {
        let absent = repo.rewrite_request(&RefName::branch("none").unwrap(), rewrite.clone());
        let refused = repo.rewriting().rewrite(absent).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotFound, "{refused}");
        let tag = repo.rewrite_request(&RefName::tag("t").unwrap(), rewrite.clone());
        assert_eq!(repo.rewriting().rewrite(tag).await.unwrap_err().kind, ErrorKind::Invalid);
        let stale = RewriteRequest { expected_parent: Some(first), ..repo.rewrite_request(&main(), rewrite.clone()) };
        assert_eq!(repo.rewriting().rewrite(stale).await.unwrap_err().kind, ErrorKind::Conflict);
        let concluded = repo.rewrite_request(&main(), rewrite);
        assert_eq!(engine.conclude(repo.key, concluded.operation).await.unwrap(), None);
        assert_eq!(repo.rewriting().rewrite(concluded).await.unwrap_err().kind, ErrorKind::Conflict);
    }
    assert_eq!(repo.tip().await, Some(second));
    let mut request = repo.rewrite_request(&main(), revert(second));
    request.expected_parent = Some(second);
    let once = repo.rewriting().rewrite(request.clone()).await.unwrap();
    assert_eq!(repo.rewriting().rewrite(request.clone()).await.unwrap(), once);
    let Rewritten::Done(Committed::New(id)) = once else { panic!("{once:?}") };
    assert_eq!(engine.conclude(repo.key, request.operation).await.unwrap(), Some(id));
    assert_eq!(repo.log(id).await, [id, second, first]);
}

/// What a merge comes to, by the rule alone: the files, and the conflicts.
fn merged(base: &Files, ours: &Files, theirs: &Files, strategy: Strategy) -> (Files, Vec<String>) {
    let (mut files, mut conflicts, mut puts) = (ours.clone(), Vec::new(), Vec::new());
    let paths: BTreeSet<&String> = base.keys().chain(theirs.keys()).collect();
    for path in paths {
        let (before, mine, after) = (base.get(path), ours.get(path), theirs.get(path));
        if before == after || mine == after {
            continue;
        }
        match (mine == before, strategy) {
            (true, _) | (false, Strategy::Source) => match after {
                Some(node) => puts.push((path, *node)),
                None => drop(files.remove(path)),
            },
            (false, Strategy::Stop) => conflicts.push(path.clone()),
            (false, Strategy::Destination) => {}
        }
    }
    for (path, node) in puts {
        let in_the_way = |other: &String| is_below(other, path) || is_below(path, other);
        match (files.keys().any(in_the_way), strategy) {
            (true, Strategy::Stop) => conflicts.push(path.clone()),
            (true, Strategy::Destination) => {}
            (true, Strategy::Source) => files.retain(|other, _| !in_the_way(other)),
            (false, _) => {}
        }
        if !files.keys().any(in_the_way) {
            files.insert(path.clone(), node);
        }
    }
    conflicts.sort_unstable();
    (files, conflicts)
}

pub async fn random_merges_agree_with_the_rule(engine: &Arc<dyn Versioning>) {
    let (mut made, mut refused) = (0, 0);
    for seed in 1..=5 {
        let repo = Repo::new(engine).await;
        let random = Random::new(seed);
        let side = {
            repo.commit(random::changes(&random, &Default::default(), 40))
                .await
                .unwrap_or(Committed::New(CommitId([0; 20])));
            if repo.tip().await.is_none() {
                repo.commit_new(vec![put("first", "x")]).await;
            }
            repo.branch("side").await
        };
        for round in 0..12 {
            let ours = repo.grow(&random, &main(), 1 + random.below(8)).await;
            let theirs = repo.grow(&random, &side, 1 + random.below(8)).await;
            let fork = repo.rewriting().fork(repo.key, ours, theirs).await.unwrap().unwrap();
            let strategy = [Strategy::Stop, Strategy::Destination, Strategy::Source][random.below(3)];
            let [base, mine, others] = [repo.files(fork).await, repo.files(ours).await, repo.files(theirs).await];
            let (files, conflicts) = merged(&base, &mine, &others, strategy);
            let request = repo.rewrite_request(&main(), deciding(theirs, strategy));
            match repo.rewriting().rewrite(request).await.unwrap() {
                Rewritten::Done(Committed::New(id)) => {
                    assert_eq!((repo.files(id).await, conflicts), (files, vec![]), "seed {seed}, round {round}");
                    repo.last_changes_follow_the_parents(id, ours, theirs).await;
                    made += 1;
                }
                Rewritten::Conflicts(paths) => {
                    let paths: Vec<String> = paths.into_iter().map(|path| path.to_string()).collect();
                    assert_eq!(paths, conflicts, "seed {seed}, round {round}");
                    refused += 1;
                }
                same => panic!("seed {seed}, round {round}: {same:?}"),
            }
        }
    }
    assert!(made > 20 && refused > 3, "{made} made, {refused} refused: the test has lost its meaning");
}

impl Repo {
    /// Some changes on a branch; answers its tip.
    async fn grow(&self, random: &Random, branch: &RefName, count: usize) -> CommitId {
        let tip = self.engine.resolve(self.key, &ballast_types::Revision::new(branch.as_str())).await.unwrap();
        let model = model::Model { commits: vec![(tip, self.files(tip).await)], ..Default::default() };
        let changes = random::changes(random, &model, count);
        let request = ballast_contract::versioning::CommitRequest { branch: branch.clone(), ..self.request(changes) };
        match self.engine.commit(request).await {
            Ok(made) => match made {
                Committed::New(id) => id,
                Committed::Unchanged(_) => self.commit_on(branch, vec![put(&format!("u{}", unique()), "x")]).await,
            },
            Err(_) => self.commit_on(branch, vec![put(&format!("u{}", unique()), "x")]).await,
        }
    }

    /// What is as a parent has it was changed by whom that parent names, the first one before the second.
    async fn last_changes_follow_the_parents(&self, id: CommitId, ours: CommitId, theirs: CommitId) {
        let all = self.walk(id, 1000).await;
        let paths: Vec<RepoPath> = all.iter().map(|(at, _)| path(at)).collect();
        let last = async |at| self.engine.last_commits(self.key, at, &paths).await.unwrap();
        let (here, mine, others) = (last(id).await, last(ours).await, last(theirs).await);
        let nodes = async |at| self.engine.entries(self.key, at, &paths).await.unwrap();
        let (my_nodes, other_nodes) = (nodes(ours).await, nodes(theirs).await);
        for (at, (name, node)) in all.iter().enumerate() {
            let expected = match () {
                () if my_nodes[at] == Some(*node) => mine[at],
                () if other_nodes[at] == Some(*node) => others[at],
                () => Some(id),
            };
            assert_eq!(here[at], expected, "{name}");
        }
    }
}

pub async fn merges_beside_commits_all_get_through(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    repo.commit_new(vec![put("0", "x")]).await;
    let mut sources = Vec::new();
    for n in 0..6 {
        let side = repo.branch(&format!("side-{n}")).await;
        sources.push(repo.commit_on(&side, vec![put(&format!("theirs/{n}"), "x")]).await);
    }
    let merges = sources.into_iter().map(|source| {
        let repo = repo.clone();
        tokio::spawn(async move {
            let request = repo.rewrite_request(&main(), merge(source));
            repo.rewriting().rewrite(request).await.map(drop)
        })
    });
    let commits = (0..6).map(|n| {
        let repo = repo.clone();
        tokio::spawn(async move { repo.commit(vec![put(&format!("ours/{n}"), "x")]).await.map(drop) })
    });
    for task in join_all(merges.chain(commits)).await {
        task.unwrap().unwrap();
    }
    let tip = repo.tip().await.unwrap();
    assert_eq!(repo.files(tip).await.len(), 13, "nothing was lost");
    assert_eq!(repo.log(tip).await.len(), 1 + 6 + 6 + 6);
}
