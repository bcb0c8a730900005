//! What this engine promises beyond its role: what a commit costs, git's own ids, and what damage looks like.

use std::io::Write;
use std::process::{Command, Stdio};

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{Change, FileRef, ListRequest, Node, Versioning};
use ballast_database::on_both;
use ballast_testkit::versioning::repo::{Repo, file, path, put};
use ballast_types::{CommitId, Sha256};

use crate::world::{new_repo, run, seen_by, started};

/// 20,000 files in folders of 100.
fn many() -> Vec<Change> {
    (0..20_000).map(|n| put(&format!("data/{:03}/file-{n:05}.bin", n / 100), &(n % 50).to_string())).collect()
}

fn page(repo: &Repo, at: CommitId, limit: usize) -> ListRequest {
    ListRequest { repo: repo.key, at, folder: None, recursive: true, after: None, limit }
}

on_both! {
    async fn a_commit_costs_what_it_changes(scratch: &Scratch) {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        repo.commit_new(many()).await;
        let depth = 3;
        for k in [1, 10, 100] {
            engine.forget_caches();
            let before = engine.counts();
            let name = |n: u64| format!("data/{:03}/file-{:05}.bin", n * 2, n * 200);
            repo.commit_new((0..k).map(|n| put(&name(n), &format!("one of {k}"))).collect()).await;
            let cost = engine.counts().since(before);
            assert!(cost.written <= 4 * (k + 1) * depth, "{k} changes: {cost:?}");
            // A folder of 100 files touches up to two leaves, and `data` itself has two more.
            assert!(cost.read <= 4 * (k + 1) * depth + 2 * k + 4, "{k} changes: {cost:?}");
        }
    }

    async fn a_warm_reader_asks_the_database_for_no_node(scratch: &Scratch) {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        let tip = repo.commit_new(many()).await;
        engine.forget_caches();
        let paths = ["data/007/file-00700.bin", "data/150/file-15000.bin", "none"].map(path);
        engine.entries(repo.key, tip, &paths).await.unwrap();
        let before = engine.counts();
        let found = engine.entries(repo.key, tip, &paths).await.unwrap();
        assert_eq!((found[0].is_some(), found[2].is_some()), (true, false));
        assert_eq!(engine.counts().since(before).fetched, 0);
    }

    async fn a_page_reads_its_own_leaves_and_one_question_few_statements(scratch: &Scratch) {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        let tip = repo.commit_new(many()).await;
        engine.forget_caches();
        let before = engine.counts();
        assert_eq!(engine.list(&page(&repo, tip, 300)).await.unwrap().items.len(), 300);
        assert!(engine.counts().since(before).read <= 12, "{:?}", engine.counts().since(before));
        engine.forget_caches();
        let before = engine.counts();
        let paths: Vec<_> = (0..200).map(|n| path(&format!("data/{n:03}/file-{:05}.bin", n * 100))).collect();
        assert!(engine.entries(repo.key, tip, &paths).await.unwrap().iter().all(Option::is_some));
        assert!(engine.counts().since(before).statements <= 4, "a statement a level: {:?}", engine.counts().since(before));
    }

    async fn one_git_oid_with_two_contents_is_refused(scratch: &Scratch) {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        repo.commit_new(vec![put("a", "1")]).await;
        let Node::File { file: FileRef::Regular { oid, size, .. }, .. } = file("1") else { panic!() };
        let evil = Node::File { file: FileRef::Regular { oid, size, sha256: Sha256([6; 32]) }, executable: false };
        for at in ["a", "b"] {
            engine.forget_caches();
            let said = repo.refused(ErrorKind::Invalid, vec![Change::Put { path: path(at), node: evil }]).await;
            assert!(said.contains(&oid.to_string()), "{said}");
        }
    }

    async fn what_a_refused_transaction_made_is_not_in_memory(scratch: &Scratch) {
        let (engine, other) = (started(scratch).await, started(scratch).await);
        let repo = new_repo(&engine).await;
        repo.commit_new(vec![put("a", "1")]).await;
        let all = |text: &str| (0..2000).map(|n| put(&format!("f{n}"), text)).collect();
        // The other node concludes the operation; this one works the commit out and must throw it away.
        let late = repo.request(all("x"));
        let operation = late.operation;
        let (late, concluded) = tokio::join!(engine.commit(late), other.conclude(repo.key, operation));
        assert_eq!(late.is_ok(), concluded.unwrap().is_some());
        let tip = repo.commit_new(all("y")).await;
        let again = repo.commit_new(all("x")).await;
        for at in [tip, again] {
            let found = other.list(&page(&repo, at, 5000)).await.unwrap().items.len();
            assert_eq!(found, 2001, "another node finds every node");
        }
    }

    async fn nodes_agree_on_the_secret_and_share_one_history(scratch: &Scratch) {
        let (one, other) = (started(scratch).await, started(scratch).await);
        let repo = new_repo(&one).await;
        repo.commit_new(many()).await;
        let before = other.counts();
        seen_by(&other, &repo).commit_new(vec![put("data/000/file-00000.bin", "new")]).await;
        let cost = other.counts().since(before);
        assert!(cost.written <= 24, "the same boundaries: {cost:?}");
    }
}

fn git(folder: &std::path::Path, arguments: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn git_itself_gives_the_same_ids() {
    let scratch = ballast_database::testing::sqlite().await;
    let engine = started(&scratch).await;
    let repo = new_repo(&engine).await;
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "-b", "main"], b"");
    let files = [("a", "1"), ("a.b/x", "2"), ("a-b", "3"), ("b/c/d e", "4"), ("b/c.d/ü", "5"), ("b0", "")];
    let request = repo.request(files.iter().map(|(path, text)| put(path, text)).collect());
    let (seconds, message) = (request.time.seconds(), request.message.clone());
    let tip = engine.commit(request).await.unwrap().tip();
    let mut stream = "commit refs/heads/main\n".to_owned();
    stream.push_str(&format!("committer Ada Lovelace <ada@example.org> {seconds} +0000\n"));
    stream.push_str(&format!("data {}\n{message}\n", message.len()));
    for (path, text) in files {
        stream.push_str(&format!("M 100644 inline \"{path}\"\ndata {}\n{text}\n", text.len()));
    }
    git(folder.path(), &["fast-import", "--quiet"], stream.as_bytes());
    assert_eq!(git(folder.path(), &["rev-parse", "main"], b""), tip.to_string());
    assert_eq!(git(folder.path(), &["rev-parse", "main^{tree}"], b""), repo.tree(tip).await.to_string());
}

#[tokio::test]
async fn damaged_nodes_are_an_error_that_says_so() {
    let scratch = ballast_database::testing::sqlite().await;
    let engine = started(&scratch).await;
    let repo = new_repo(&engine).await;
    let tip = repo.commit_new(vec![put("a", "1")]).await;
    for damage in ["UPDATE native_nodes SET body = x'00112233445566'", "DELETE FROM native_nodes"] {
        run(&scratch, damage).await;
        engine.forget_caches();
        let error = engine.entries(repo.key, tip, &[path("a")]).await.unwrap_err();
        assert!(error.is(ErrorKind::Corrupt), "{error}");
    }
}
