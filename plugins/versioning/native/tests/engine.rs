//! What this engine promises beyond its role: what a commit costs, git's own ids, and what damage looks like.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Stdio};

use ballast_contract::versioning::{Change, CommitRequest, Committed, FileRef, ListRequest, Node, Versioning};
use ballast_contract::{Component, ErrorKind};
use ballast_database::on_both;
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, OperationId, RefName, RepoKey, Sha256, Signature, Timestamp};
use ballast_versioning_native::{Counts, Native, NativeConfig, open};

const REPO: RepoKey = RepoKey(1);

async fn started(scratch: &ballast_database::testing::Scratch) -> Native {
    let engine = open(NativeConfig::default(), scratch.database.clone()).await.unwrap();
    engine.start().await.unwrap();
    engine.create(REPO, &RefName::branch("main").unwrap()).await.unwrap();
    engine
}

fn file(text: &str) -> Node {
    let oid = object_id(ObjectKind::Blob, text.as_bytes());
    let mut sha256 = [1; 32];
    sha256[..20].copy_from_slice(oid.as_bytes());
    let file = FileRef::Regular { oid, sha256: Sha256(sha256), size: text.len() as u64 };
    Node::File { file, executable: false }
}

fn put(path: &str, text: &str) -> Change {
    Change::Put { path: path.parse().unwrap(), node: file(text) }
}

fn request(operation: i64, changes: Vec<Change>) -> CommitRequest {
    CommitRequest {
        operation: OperationId(operation),
        repo: REPO,
        branch: RefName::branch("main").unwrap(),
        expected_parent: None,
        author: Signature::new("Ada", "ada@example.org"),
        time: Timestamp::from_seconds(1_700_000_000 + operation),
        message: "A commit\n".to_owned(),
        changes,
    }
}

async fn commit(engine: &Native, operation: i64, changes: Vec<Change>) -> CommitId {
    match engine.commit(request(operation, changes)).await.unwrap() {
        Committed::New(id) => id,
        Committed::Unchanged(_) => panic!("nothing changed"),
    }
}

fn since(engine: &Native, before: Counts) -> Counts {
    let now = engine.counts();
    Counts {
        read: now.read - before.read,
        fetched: now.fetched - before.fetched,
        statements: now.statements - before.statements,
        written: now.written - before.written,
    }
}

/// 20,000 files in folders of 100.
fn many() -> Vec<Change> {
    (0..20_000).map(|n| put(&format!("data/{:03}/file-{n:05}.bin", n / 100), &(n % 50).to_string())).collect()
}

on_both! {
    async fn a_commit_costs_what_it_changes(scratch: &Scratch) {
        let engine = started(scratch).await;
        commit(&engine, 1, many()).await;
        let depth = 3;
        for (operation, k) in [(2, 1), (3, 10), (4, 100)] {
            engine.forget_caches();
            let before = engine.counts();
            let changes = (0..k).map(|n| put(&format!("data/{:03}/file-{:05}.bin", n * 2, n * 200), &format!("{operation}"))).collect();
            commit(&engine, operation, changes).await;
            let cost = since(&engine, before);
            assert!(cost.written <= 4 * (k + 1) * depth, "{k} changes: {cost:?}");
            // A folder of 100 files touches up to two leaves, and `data` itself has two more.
            assert!(cost.read <= 4 * (k + 1) * depth + 2 * k + 4, "{k} changes: {cost:?}");
        }
    }

    async fn a_warm_reader_asks_the_database_for_no_node(scratch: &Scratch) {
        let engine = started(scratch).await;
        let tip = commit(&engine, 1, many()).await;
        engine.forget_caches();
        let paths = ["data/007/file-00700.bin", "data/150/file-15000.bin", "none"].map(|path| path.parse().unwrap());
        engine.entries(REPO, tip, &paths).await.unwrap();
        let before = engine.counts();
        let found = engine.entries(REPO, tip, &paths).await.unwrap();
        assert_eq!((found[0].is_some(), found[2].is_some()), (true, false));
        assert_eq!(since(&engine, before).fetched, 0);
    }

    async fn a_page_reads_its_own_leaves_and_one_question_few_statements(scratch: &Scratch) {
        let engine = started(scratch).await;
        let tip = commit(&engine, 1, many()).await;
        engine.forget_caches();
        let before = engine.counts();
        let list = ListRequest { repo: REPO, at: tip, folder: None, recursive: true, after: None, limit: 300 };
        assert_eq!(engine.list(&list).await.unwrap().items.len(), 300);
        assert!(since(&engine, before).read <= 12, "{:?}", since(&engine, before));
        engine.forget_caches();
        let before = engine.counts();
        let paths: Vec<_> = (0..200).map(|n| format!("data/{n:03}/file-{:05}.bin", n * 100).parse().unwrap()).collect();
        assert!(engine.entries(REPO, tip, &paths).await.unwrap().iter().all(Option::is_some));
        assert!(since(&engine, before).statements <= 4, "a statement a level: {:?}", since(&engine, before));
    }

    async fn one_git_oid_with_two_contents_is_refused(scratch: &Scratch) {
        let engine = started(scratch).await;
        commit(&engine, 1, vec![put("a", "1")]).await;
        let Node::File { file: FileRef::Regular { oid, size, .. }, .. } = file("1") else { panic!() };
        let evil = Node::File { file: FileRef::Regular { oid, size, sha256: Sha256([6; 32]) }, executable: false };
        for path in ["a", "b"] {
            engine.forget_caches();
            let change = Change::Put { path: path.parse().unwrap(), node: evil };
            let error = engine.commit(request(2, vec![change])).await.unwrap_err();
            assert!(error.is(ErrorKind::Invalid) && error.context.contains(&oid.to_string()), "{error}");
        }
    }

    async fn what_a_refused_transaction_made_is_not_in_memory(scratch: &Scratch) {
        let engine = started(scratch).await;
        commit(&engine, 1, vec![put("a", "1")]).await;
        let other = started(scratch).await;
        // The other node concludes the operation; this one works the commit out and must throw it away.
        let late = request(2, (0..2000).map(|n| put(&format!("f{n}"), "x")).collect());
        let (late, concluded) = tokio::join!(engine.commit(late), other.conclude(REPO, OperationId(2)));
        assert_eq!(late.is_ok(), concluded.unwrap().is_some());
        let tip = commit(&engine, 3, (0..2000).map(|n| put(&format!("f{n}"), "y")).collect()).await;
        let again = commit(&engine, 4, (0..2000).map(|n| put(&format!("f{n}"), "x")).collect()).await;
        for at in [tip, again] {
            let list = ListRequest { repo: REPO, at, folder: None, recursive: true, after: None, limit: 5000 };
            assert_eq!(other.list(&list).await.unwrap().items.len(), 2001, "another node finds every node");
        }
    }

    async fn nodes_agree_on_the_secret_and_share_one_history(scratch: &Scratch) {
        let (one, other) = (started(scratch).await, started(scratch).await);
        commit(&one, 1, many()).await;
        let before = other.counts();
        commit(&other, 2, vec![put("data/000/file-00000.bin", "new")]).await;
        assert!(since(&other, before).written <= 24, "the same boundaries: {:?}", since(&other, before));
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
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "-b", "main"], b"");
    let files = [("a", "1"), ("a.b/x", "2"), ("a-b", "3"), ("b/c/d e", "4"), ("b/c.d/ü", "5"), ("b0", "")];
    let tip = commit(&engine, 1, files.iter().map(|(path, text)| put(path, text)).collect()).await;
    let mut stream = "commit refs/heads/main\n".to_owned();
    stream.push_str("committer Ada <ada@example.org> 1700000001 +0000\ndata 9\nA commit\n\n");
    for (path, text) in files {
        stream.push_str(&format!("M 100644 inline \"{path}\"\ndata {}\n{text}\n", text.len()));
    }
    git(folder.path(), &["fast-import", "--quiet"], stream.as_bytes());
    assert_eq!(git(folder.path(), &["rev-parse", "main"], b""), tip.to_string());
    let tree = engine.commits(REPO, &[tip]).await.unwrap().remove(0).unwrap().tree;
    assert_eq!(git(folder.path(), &["rev-parse", "main^{tree}"], b""), tree.to_string());
}

#[tokio::test]
async fn damaged_nodes_are_an_error_that_says_so() {
    use diesel_async::SimpleAsyncConnection;
    let scratch = ballast_database::testing::sqlite().await;
    let engine = started(&scratch).await;
    let tip = commit(&engine, 1, vec![put("a", "1")]).await;
    for damage in ["UPDATE native_nodes SET body = x'00112233445566'", "DELETE FROM native_nodes"] {
        let ballast_database::Connections::Sqlite { write, .. } = scratch.database.connections() else { panic!() };
        write.get().await.unwrap().batch_execute(damage).await.unwrap();
        engine.forget_caches();
        let error = engine.entries(REPO, tip, &["a".parse().unwrap()]).await.unwrap_err();
        assert!(error.is(ErrorKind::Corrupt), "{error}");
    }
}
