//! Reading what a commit holds.

use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{Change, FileRef, ListRequest, Node, Versioning};
use ballast_types::{CommitId, Sha256};

use super::model;
use super::repo::*;

fn request(repo: &Repo, at: CommitId, folder: Option<&str>, recursive: bool, limit: usize) -> ListRequest {
    ListRequest { repo: repo.key, at, folder: folder.map(path), recursive, after: None, limit }
}

async fn names(repo: &Repo, request: ListRequest) -> Vec<String> {
    repo.list(request).await.into_iter().map(|entry| entry.path.as_str().to_owned()).collect()
}

pub async fn entries_answer_in_the_order_of_the_question(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let tip = repo.commit_new(vec![put("b", "1"), put("a/x", "2"), put("a.x", "3")]).await;
    let asked = ["none", "b", "a", "a/x", "a/none", "b/x", "a.x", "b", "A"].map(path);
    let found = engine.entries(repo.key, tip, &asked).await.unwrap();
    let folder = match found[2] {
        Some(Node::Directory { oid }) => oid,
        other => panic!("a folder is an entry: {other:?}"),
    };
    let inside = [("x".to_owned(), file("2"))].into();
    assert_eq!(folder, model::tree(&inside), "a folder has its real git tree id");
    let expected =
        [None, Some(file("1")), found[2], Some(file("2")), None, None, Some(file("3")), Some(file("1")), None];
    assert_eq!(found, expected);
    assert_eq!(engine.entries(repo.key, tip, &[]).await.unwrap(), []);
}

pub async fn every_page_size_lists_the_same(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let names_of: Vec<String> =
        (0..120).map(|n| format!("{}/{}/f{n}", ["a", "a-b", "a.b", "z"][n % 4], n % 3)).collect();
    let mut changes: Vec<Change> = names_of.iter().map(|name| put(name, name)).collect();
    changes.extend([put("a0", "x"), put("a b", "y"), put("zz", "z")]);
    let tip = repo.commit_new(changes).await;
    for (folder, recursive) in [(None, true), (None, false), (Some("a"), true), (Some("a"), false), (Some("z/1"), true)]
    {
        let whole = repo.list(request(&repo, tip, folder, recursive, 10_000)).await;
        assert!(!whole.is_empty());
        for limit in [1, 2, 3, 7, whole.len().max(2) - 1, whole.len(), whole.len() + 1] {
            let paged = repo.list(request(&repo, tip, folder, recursive, limit)).await;
            assert_eq!(paged, whole, "{folder:?} in pages of {limit}");
        }
    }
    let whole = names(&repo, request(&repo, tip, Some("a"), false, 10)).await;
    assert_eq!(whole, ["a/0", "a/1", "a/2"]);
    let root = names(&repo, request(&repo, tip, None, false, 10)).await;
    assert_eq!(root, ["a b", "a-b", "a.b", "a", "a0", "z", "zz"], "as git orders a tree: a folder as if a / followed");
    let all = names(&repo, request(&repo, tip, None, true, 50)).await;
    assert_eq!(all.len(), 7 + 4 * 3 + 120);
    // Folder by folder: the entries of one are never torn apart.
    let mut runs: Vec<&str> = all.iter().map(|name| name.rsplit_once('/').map_or("", |(folder, _)| folder)).collect();
    runs.dedup();
    let count = runs.len();
    runs.sort_unstable();
    runs.dedup();
    assert_eq!(runs.len(), count, "a folder's entries are one run");
}

pub async fn a_flat_folder_of_thousands_is_listed_in_gits_order(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut files: model::Files = (0..5000).map(|n| (format!("flat/{:05}.bin", n * 7), file(&n.to_string()))).collect();
    let change = |(at, node): (&String, &Node)| Change::Put { path: path(at), node: *node };
    let first = repo.commit_new(files.iter().map(change).collect()).await;
    assert_eq!(repo.tree(first).await, model::tree(&files));
    let second = repo.commit_new(vec![put("flat/00003.bin", "between"), delete("flat/00007.bin")]).await;
    files.insert("flat/00003.bin".to_owned(), file("between"));
    files.remove("flat/00007.bin");
    assert_eq!(repo.tree(second).await, model::tree(&files));
    let listed = names(&repo, request(&repo, second, Some("flat"), false, 999)).await;
    assert!(listed.iter().eq(files.keys()));
    assert_eq!(repo.files(first).await.len(), 5000);
    let third = repo.commit_new(vec![delete_folder("flat"), put("one", "1")]).await;
    assert_eq!(repo.files(third).await.len(), 1);
}

pub async fn deep_folders_are_ordinary(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let deep = (0..100).map(|n| format!("level{n}")).collect::<Vec<_>>().join("/");
    let (leaf, longest) = (format!("{deep}/x"), format!("{}/y", vec!["n".repeat(250); 16].join("/")));
    let files: model::Files = [(leaf.clone(), file("1")), (longest.clone(), file("2"))].into();
    let tip = repo.commit_new(vec![put(&leaf, "1"), put(&longest, "2")]).await;
    assert_eq!(repo.tree(tip).await, model::tree(&files));
    assert_eq!(repo.walk(tip, 10).await.len(), 2 + 100 + 16);
    assert_eq!(names(&repo, request(&repo, tip, Some(&deep), false, 10)).await, std::slice::from_ref(&leaf));
    let tip = repo.commit_new(vec![delete(&leaf), delete(&longest), put("a", "1")]).await;
    assert_eq!(repo.walk(tip, 10).await.len(), 1);
}

pub async fn a_file_or_nothing_is_no_folder(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let tip = repo.commit_new(vec![put("file", "1"), put("f/x", "2")]).await;
    for folder in ["file", "none", "f/none", "f/x", "fi"] {
        let error = engine.list(&request(&repo, tip, Some(folder), false, 10)).await.unwrap_err();
        assert!(error.is(ErrorKind::NotFound) && error.context.contains(folder), "{error}");
    }
    let empty = Repo::new(engine).await;
    let tip = empty.commit_new(vec![]).await;
    assert_eq!(names(&empty, request(&empty, tip, None, true, 10)).await, [""; 0]);
}

pub async fn folder_sizes_are_sums_as_readers_find_them(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let changes = vec![
        put("a/one", "1"),
        Change::Put { path: path("a/b/large"), node: large("l", 5_000_000_000) },
        Change::Put { path: path("a/b/link"), node: Node::Symlink { file: regular("target") } },
        Change::Put { path: path("a/module"), node: Node::Submodule { commit: ballast_types::GitOid([1; 20]) } },
        put("a.b/x", "12345"),
        put("file", "1234"),
    ];
    let tip = repo.commit_new(changes).await;
    let sizes = engine.folder_sizes(repo.key, tip, &["a/b", "a", "none", "file", "a.b"].map(path)).await.unwrap();
    assert_eq!(sizes, [Some(5_000_000_006), Some(5_000_000_007), None, None, Some(5)]);
    let tip = repo.commit_new(vec![delete("a/b/large")]).await;
    assert_eq!(engine.folder_sizes(repo.key, tip, &[path("a")]).await.unwrap(), [Some(7)]);
}

pub async fn contents_name_every_blob_that_history_keeps(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let odd = FileRef::Lfs {
        oid: ballast_types::GitOid([3; 20]),
        sha256: made_up("odd"),
        size: 9,
        pointer: Some(made_up("pointer")),
    };
    let mut changes: Vec<Change> = (0..50).map(|n| put(&format!("f{n}"), &n.to_string())).collect();
    changes.push(Change::Put { path: path("odd"), node: Node::File { file: odd, executable: false } });
    repo.commit_new(changes).await;
    repo.commit_new((0..50).map(|n| delete(&format!("f{n}"))).collect()).await;
    let mut expected: Vec<Sha256> = (0..50).map(|n| made_up(&n.to_string())).collect();
    expected.extend([made_up("odd"), made_up("pointer")]);
    expected.sort_unstable();
    for limit in [1, 2, 7, 1000] {
        let mut found = pages(limit, async |after| engine.contents(repo.key, after, limit).await).await;
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, expected, "in pages of {limit}");
    }
    assert_eq!(engine.contents(Repo::new(engine).await.key, None, 10).await.unwrap().items, []);
}
