//! What keeping the promise of [`Versioning`] looks like.
//!
//! Every check is a function named after what it holds, and takes an engine that has been started. It makes
//! repositories of its own, so checks may share an engine; [`conforms`] runs them all. The checks compare with a
//! [`model`] that computes git's trees and commits on its own.
#![allow(clippy::unwrap_used)] // A broken promise is a panic: that is what a test says.

pub mod commits;
pub mod concurrency;
pub mod history;
pub mod listing;
mod model;
pub mod random;
pub mod refs;
pub mod upkeep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ballast_contract::versioning::{Change, CommitRequest, Committed, FileRef, ListRequest, Node, Versioning};
use ballast_contract::{ErrorKind, Page, Result};
use ballast_types::git::{ObjectKind, object_id, pointer_oid};
use ballast_types::{CommitId, OperationId, RefName, RepoKey, RepoPath, Revision, Sha256, Signature, Timestamp};

/// Runs every check. The engine is fresh and started; it panics where a promise is broken.
pub async fn conforms(engine: Arc<dyn Versioning>) {
    let engine = &engine;
    commits::a_commit_has_the_id_that_git_gives_it(engine).await;
    commits::every_sort_of_entry_survives(engine).await;
    commits::names_with_dots_spaces_and_letters_of_any_script_are_ordinary(engine).await;
    commits::steps_apply_in_order(engine).await;
    commits::a_file_and_a_folder_never_share_a_name(engine).await;
    commits::what_is_not_there_cannot_be_deleted_or_copied(engine).await;
    commits::a_refused_commit_leaves_everything_as_it_was(engine).await;
    commits::folders_vanish_with_their_last_file(engine).await;
    commits::changes_that_change_nothing_make_no_commit(engine).await;
    commits::files_and_folders_are_copied_within_and_across_commits(engine).await;
    commits::equal_content_has_an_equal_tree_whatever_its_history(engine).await;
    commits::the_same_operation_twice_is_one_commit(engine).await;
    commits::a_concluded_operation_never_commits(engine).await;
    commits::an_expected_parent_must_be_the_tip(engine).await;
    commits::what_does_not_exist_is_named(engine).await;
    commits::a_deleted_repository_takes_no_late_commit(engine).await;
    commits::repositories_do_not_see_each_other(engine).await;
    listing::entries_answer_in_the_order_of_the_question(engine).await;
    listing::every_page_size_lists_the_same(engine).await;
    listing::a_flat_folder_of_thousands_is_listed_in_gits_order(engine).await;
    listing::deep_folders_are_ordinary(engine).await;
    listing::a_file_or_nothing_is_no_folder(engine).await;
    listing::folder_sizes_are_sums_as_readers_find_them(engine).await;
    listing::contents_name_every_blob_that_history_keeps(engine).await;
    history::the_log_lists_the_latest_first_in_pages_of_any_size(engine).await;
    history::the_log_of_a_branch_leaves_other_branches_out(engine).await;
    history::commits_of_one_second_are_in_order(engine).await;
    history::last_commits_know_files_and_folders(engine).await;
    history::a_difference_applied_to_the_one_gives_the_other(engine).await;
    history::differences_page_like_one_page(engine).await;
    refs::a_revision_is_resolved_in_the_promised_order(engine).await;
    refs::an_unborn_branch_is_listed_and_not_resolved(engine).await;
    refs::refs_are_listed_by_name_below_a_prefix(engine).await;
    refs::refs_move_all_together_or_not_at_all(engine).await;
    refs::a_ref_cannot_be_a_folder_of_another(engine).await;
    refs::an_annotated_tag_has_an_object_and_a_commit(engine).await;
    refs::branches_and_proposals_take_commits(engine).await;
    random::random_commits_agree_with_the_model(engine).await;
    concurrency::committers_without_expectation_all_get_through(engine).await;
    concurrency::committers_with_one_expectation_have_one_winner(engine).await;
    concurrency::committers_who_try_again_lose_nothing(engine).await;
    concurrency::one_operation_from_many_sides_is_one_commit(engine).await;
    concurrency::conclusion_and_commit_agree_whoever_comes_first(engine).await;
    concurrency::one_of_many_makers_of_a_ref_wins(engine).await;
    upkeep::what_is_whole_is_said_to_be_whole(engine).await;
    upkeep::a_sweep_takes_only_what_nobody_keeps(engine).await;
    upkeep::commits_beside_sweeps_are_whole(engine).await;
}

/// A repository of its own with an unborn `main`.
#[derive(Clone)]
struct Repo {
    engine: Arc<dyn Versioning>,
    key: RepoKey,
}

fn unique() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Repo {
    async fn new(engine: &Arc<dyn Versioning>) -> Self {
        let repo = Self { engine: engine.clone(), key: RepoKey(unique()) };
        engine.create(repo.key, &main()).await.unwrap();
        repo
    }

    /// A commit on `main`, whose time and message are those of its operation.
    fn request(&self, changes: Vec<Change>) -> CommitRequest {
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

    async fn commit(&self, changes: Vec<Change>) -> Result<Committed> {
        self.engine.commit(self.request(changes)).await
    }

    /// A commit that must go through and change something.
    async fn commit_new(&self, changes: Vec<Change>) -> CommitId {
        match self.commit(changes).await.unwrap() {
            Committed::New(id) => id,
            Committed::Unchanged(id) => panic!("nothing changed; the tip is {id}"),
        }
    }

    /// A commit that must be refused in this way; answers what it says.
    async fn refused(&self, kind: ErrorKind, changes: Vec<Change>) -> String {
        let error = self.commit(changes).await.expect_err("this commit makes no sense");
        assert_eq!(error.kind, kind, "{error}");
        error.context
    }

    async fn tip(&self) -> Option<CommitId> {
        self.engine.resolve(self.key, &Revision::main()).await.ok()
    }

    async fn entry(&self, at: CommitId, path_text: &str) -> Option<Node> {
        self.engine.entries(self.key, at, &[path(path_text)]).await.unwrap().remove(0)
    }

    /// All that a commit has, folders too, in the order of a recursive listing.
    async fn walk(&self, at: CommitId, limit: usize) -> Vec<(String, Node)> {
        let request = ListRequest { repo: self.key, at, folder: None, recursive: true, after: None, limit };
        let entries = self.list(request).await;
        entries.into_iter().map(|entry| (entry.path.as_str().to_owned(), entry.node)).collect()
    }

    async fn list(&self, request: ListRequest) -> Vec<ballast_contract::versioning::Entry> {
        let limit = request.limit;
        let next = async |after| self.engine.list(&ListRequest { after, ..request.clone() }).await;
        pages(limit, next).await
    }

    /// All files of a commit.
    async fn files(&self, at: CommitId) -> BTreeMap<String, Node> {
        let all = self.walk(at, 1000).await;
        all.into_iter().filter(|(_, node)| !matches!(node, Node::Directory { .. })).collect()
    }

    async fn tree(&self, at: CommitId) -> ballast_types::GitOid {
        self.engine.commits(self.key, &[at]).await.unwrap().remove(0).unwrap().tree
    }
}

/// Follows the cursors to the end; no page is longer than its limit or empty before the end.
async fn pages<T>(limit: usize, page: impl AsyncFn(Option<String>) -> Result<Page<T>>) -> Vec<T> {
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

fn main() -> RefName {
    RefName::branch("main").unwrap()
}

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

/// A regular file with this text. The engine never looks at bytes, so the SHA-256 is made up.
fn file(text: &str) -> Node {
    Node::File { file: regular(text), executable: false }
}

fn regular(text: &str) -> FileRef {
    let oid = object_id(ObjectKind::Blob, text.as_bytes());
    FileRef::Regular { oid, sha256: made_up(text), size: text.len() as u64 }
}

/// A large file that is known by this text and has this size.
fn large(text: &str, size: u64) -> Node {
    let sha256 = made_up(&format!("large {text}"));
    let file = FileRef::Lfs { oid: pointer_oid(sha256, size), sha256, size, pointer: None };
    Node::File { file, executable: false }
}

fn made_up(text: &str) -> Sha256 {
    let mut bytes = [7; 32];
    bytes[..20].copy_from_slice(&object_id(ObjectKind::Tag, text.as_bytes()).0);
    Sha256(bytes)
}

fn put(at: &str, text: &str) -> Change {
    Change::Put { path: path(at), node: file(text) }
}

fn delete(at: &str) -> Change {
    Change::Delete { path: path(at) }
}

fn delete_folder(at: &str) -> Change {
    Change::DeleteFolder { path: path(at) }
}

fn copy(from: &str, at: Option<CommitId>, to: &str) -> Change {
    Change::Copy { from: path(from), at, to: path(to) }
}

/// Small, seeded, good enough to choose test data.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
