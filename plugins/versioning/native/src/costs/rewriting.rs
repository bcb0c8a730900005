//! What commits made of commits read and write: as much in a large tree as in a small one.

use ballast_contract::versioning::{
    CommitRequest, Committed, RefUpdate, Rewrite, RewriteRequest, Rewriting, Rewritten, Strategy, Versioning,
};
use ballast_database::testing::Scratch;
use ballast_testkit::versioning::repo::{main, put, unique};
use ballast_types::{CommitId, OperationId, RefName};

use super::{Subject, many_folders};
use crate::Counts;

impl Subject {
    /// A rewriting commit on cold caches, and what it cost.
    async fn rewrite(&mut self, rewrite: Rewrite) -> Counts {
        let CommitRequest { repo, author, time, message, .. } = self.repo.request(Vec::new());
        let (operation, branch, expected_parent) = (OperationId(unique()), main(), self.tip);
        let request = RewriteRequest { operation, repo, branch, expected_parent, author, time, message, rewrite };
        self.engine.forget_caches();
        let before = self.engine.counts();
        let made = self.engine.rewrite(request).await.unwrap();
        let Rewritten::Done(Committed::New(id)) = made else { panic!("{made:?}") };
        self.tip = Some(id);
        self.engine.counts().since(before)
    }

    /// A commit of a few files on a branch that begins at the tip.
    async fn aside(&self, name: &str, files: usize) -> CommitId {
        let branch = RefName::branch(name).unwrap();
        let update = RefUpdate { name: branch.clone(), old: None, new: self.tip, annotation: None };
        self.engine.update_refs(self.repo.key, &[update]).await.unwrap();
        let changes = (0..files).map(|n| put(&many_folders(n * 211), name)).collect();
        self.engine.commit(CommitRequest { branch, ..self.repo.request(changes) }).await.unwrap().tip()
    }
}

/// What each sort of commit costs in a tree of so many files.
async fn costs(scratch: &Scratch, files: usize) -> Vec<(&'static str, Counts)> {
    let mut subject = Subject::new(scratch).await;
    subject.commit((0..files).map(|n| put(&many_folders(n), "x")).collect()).await;
    let theirs = subject.aside("theirs", 3).await;
    subject.commit(vec![put(&many_folders(400), "ours")]).await;
    let ours = subject.tip.unwrap();
    let merge = Rewrite::Merge { source: theirs, strategy: Strategy::Stop, squash: false };
    let merge = subject.rewrite(merge).await;
    let merged = subject.tip.unwrap();
    let revert = subject.rewrite(Rewrite::Revert { commit: merged, parent: 1 }).await;
    let reset = subject.rewrite(Rewrite::Reset { to: merged }).await;
    subject.engine.forget_caches();
    let before = subject.engine.counts();
    assert_eq!(subject.engine.conflicts(subject.repo.key, ours, theirs).await.unwrap(), []);
    let conflicts = subject.engine.counts().since(before);
    vec![("merge", merge), ("revert", revert), ("reset", reset), ("conflicts", conflicts)]
}

ballast_database::on_both! {
    async fn commits_made_of_commits_cost_what_differs_and_not_what_exists(scratch: &Scratch) {
        // A level more, and so many ways down, is what ten times the files may cost.
        let (small, large) = (costs(scratch, 2_000).await, costs(scratch, 20_000).await);
        for ((what, small), (_, large)) in small.into_iter().zip(large) {
            assert!(large.written <= 40 && large.written <= small.written + 16, "{what}: {small:?}, {large:?}");
            assert!(large.read <= 130 && large.read <= small.read + 40, "{what}: {small:?}, {large:?}");
        }
    }
}
