//! Making commits.

use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{Change, CommitRequest, Committed, FileRef, ListRequest, Node, Versioning};
use ballast_types::git::Commit;
use ballast_types::{CommitId, GitOid, OperationId, RefName, RepoKey, Revision, Timestamp};

use super::model::{self, Files};
use super::repo::*;
use crate::Random;

pub async fn a_commit_has_the_id_that_git_gives_it(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut request = repo.request(vec![put("a/b.txt", "b"), put("a.txt", "a"), put("a-b", "c")]);
    request.time = Timestamp(1_700_000_000_987);
    request.message = "No line end, ünïcödé, and\n\n\ntrailing space ".to_owned();
    let files: Files = [("a/b.txt", "b"), ("a.txt", "a"), ("a-b", "c")].map(|(p, t)| (p.to_owned(), file(t))).into();
    let (tree, author, message) = (model::tree(&files), request.author.clone(), request.message.clone());
    let expected = Commit { tree, parents: vec![], author: author.clone(), time: request.time, message };
    let first = engine.commit(request).await.unwrap();
    assert_eq!(first, Committed::New(expected.encode().0));
    let info = engine.commits(repo.key, &[first.tip()]).await.unwrap().remove(0).unwrap();
    assert_eq!((info.id, info.tree, info.author, info.message), (first.tip(), tree, author, expected.message));
    assert_eq!((info.time.0, info.parents), (1_700_000_000_000, vec![]), "git records whole seconds");
    let second = repo.commit_new(vec![put("b", "b")]).await;
    let info = engine.commits(repo.key, &[second, CommitId([9; 20])]).await.unwrap();
    assert_eq!(info[0].as_ref().unwrap().parents, [first.tip()]);
    assert_eq!(info[1], None, "no such commit");
}

pub async fn every_sort_of_entry_survives(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let odd = FileRef::Lfs { oid: GitOid([3; 20]), sha256: made_up("x"), size: 9, pointer: Some(made_up("pointer")) };
    let nodes = [
        ("regular", file("text")),
        ("empty", file("")),
        ("run.sh", Node::File { file: regular("#!/bin/sh"), executable: true }),
        ("link", Node::Symlink { file: regular("regular") }),
        ("module", Node::Submodule { commit: GitOid([5; 20]) }),
        ("weights", large("weights", 5_000_000_000)),
        ("odd", Node::File { file: odd, executable: false }),
    ];
    let change = |(at, node): &(&str, Node)| Change::Put { path: path(at), node: *node };
    let tip = repo.commit_new(nodes.iter().map(change).collect()).await;
    let paths: Vec<_> = nodes.iter().map(|(at, _)| path(at)).collect();
    let found = engine.entries(repo.key, tip, &paths).await.unwrap();
    assert_eq!(found, nodes.iter().map(|(_, node)| Some(*node)).collect::<Vec<_>>());
    assert_eq!(repo.tree(tip).await, model::tree(&nodes.map(|(at, node)| (at.to_owned(), node)).into()));
    // The mode alone is a change, and the same text may be a pointer and a file of its own.
    let plain = FileRef::Regular { oid: odd.oid(), sha256: made_up("pointer"), size: 130 };
    let changes = vec![
        Change::Put { path: path("regular"), node: Node::File { file: regular("text"), executable: true } },
        Change::Put { path: path("plain"), node: Node::File { file: plain, executable: false } },
    ];
    let tip = repo.commit_new(changes).await;
    assert_eq!(repo.entry(tip, "regular").await.unwrap().mode(), 0o100755);
    assert_eq!(repo.entry(tip, "plain").await, Some(Node::File { file: plain, executable: false }));
    assert_eq!(repo.entry(tip, "odd").await, Some(Node::File { file: odd, executable: false }));
    let folder = Change::Put { path: path("folder"), node: Node::Directory { oid: GitOid([1; 20]) } };
    assert!(repo.refused(ErrorKind::Invalid, vec![folder]).await.contains("folder"));
}

pub async fn names_with_dots_spaces_and_letters_of_any_script_are_ordinary(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let names =
        ["a b/c d", "模型/权重 1.bin", "ü/ö.ä", ".hidden/.x", "a.b/c..d", "x/-/y", "x/!", "x-/y", "~^:?*[", "🦀/🦀"];
    let tip = repo.commit_new(names.iter().map(|name| put(name, name)).collect()).await;
    let files: Files = names.iter().map(|name| ((*name).to_owned(), file(name))).collect();
    assert_eq!(repo.files(tip).await, files);
    assert_eq!(repo.tree(tip).await, model::tree(&files));
}

pub async fn steps_apply_in_order(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let changes = vec![
        put("a", "1"),
        put("a", "2"),
        delete("a"),
        put("a/b", "3"),
        delete("a/b"),
        put("a", "4"),
        put("f/x", "5"),
        put("f/y", "6"),
        delete_folder("f"),
        put("f", "7"),
    ];
    let first = repo.commit_new(changes).await;
    let files = |all: &[(&str, &str)]| all.iter().map(|(at, text)| ((*at).to_owned(), file(text))).collect::<Files>();
    assert_eq!(repo.files(first).await, files(&[("a", "4"), ("f", "7")]));
    // A folder takes a file's place once the file is gone, and the other way round.
    let second = repo.commit_new(vec![delete("a"), put("a/b/c", "8"), delete("f"), put("f/x", "9")]).await;
    assert_eq!(repo.files(second).await, files(&[("a/b/c", "8"), ("f/x", "9")]));
    let third = repo.commit_new(vec![delete("a/b/c"), put("a", "10"), put("f/y", "1"), delete_folder("f")]).await;
    assert_eq!(repo.files(third).await, files(&[("a", "10")]));
    assert_eq!(repo.files(first).await, files(&[("a", "4"), ("f", "7")]), "what a commit holds never changes");
}

pub async fn a_file_and_a_folder_never_share_a_name(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    for both in [vec![put("a/b", "1"), put("a", "2")], vec![put("a", "2"), put("a/b", "1")]] {
        let context = repo.refused(ErrorKind::Invalid, both).await;
        assert!(context.contains("'a'") && context.contains("'a/b'"), "both paths are named: {context}");
    }
    repo.commit_new(vec![put("file", "1"), put("folder/x/y", "2")]).await;
    for (at, other) in [("file/x/y", "file"), ("file/x", "file"), ("folder", "folder/x/y"), ("folder/x", "folder/x/y")]
    {
        let context = repo.refused(ErrorKind::Invalid, vec![put(at, "3")]).await;
        let named = context.contains(&format!("'{at}'")) && context.contains(&format!("'{other}'"));
        assert!(named, "both paths are named: {context}");
    }
    // Other names with the same beginning are no collision.
    repo.commit_new(vec![put("file.txt", "1"), put("folder.d/x", "1"), put("folder-x", "1")]).await;
}

pub async fn what_is_not_there_cannot_be_deleted_or_copied(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    repo.commit_new(vec![put("file", "1"), put("folder/x", "2")]).await;
    let cases = [
        (vec![delete("none")], "'none'"),
        (vec![delete("folder")], "'folder'"),
        (vec![delete("file"), delete("file")], "'file'"),
        (vec![delete_folder("file")], "'file'"),
        (vec![delete_folder("fold")], "'fold'"),
        (vec![delete("folder/x"), delete_folder("folder")], "'folder'"),
        (vec![copy("none", None, "x")], "'none'"),
    ];
    for (changes, named) in cases {
        let context = repo.refused(ErrorKind::NotFound, changes).await;
        assert!(context.contains(named), "{context} should name {named}");
    }
}

pub async fn a_refused_commit_leaves_everything_as_it_was(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    repo.refused(ErrorKind::NotFound, vec![put("a", "1"), delete("b")]).await;
    assert_eq!(repo.tip().await, None);
    let tip = repo.commit_new(vec![put("a", "1")]).await;
    let request = repo.request(vec![put("c", "1"), delete("b")]);
    engine.commit(request.clone()).await.unwrap_err();
    assert_eq!(repo.tip().await, Some(tip));
    // The operation is still free.
    let again = engine.commit(CommitRequest { changes: vec![put("c", "1")], ..request }).await.unwrap();
    assert_eq!(repo.files(again.tip()).await.len(), 2);
}

pub async fn folders_vanish_with_their_last_file(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    repo.commit_new(vec![put("a/b/c/d", "1"), put("a/x", "2")]).await;
    let tip = repo.commit_new(vec![delete("a/b/c/d")]).await;
    assert_eq!((repo.entry(tip, "a/b").await, repo.entry(tip, "a/b/c").await), (None, None));
    assert_eq!(repo.walk(tip, 10).await.len(), 2);
    let tip = repo.commit_new(vec![delete_folder("a")]).await;
    assert_eq!(repo.walk(tip, 10).await, []);
    assert_eq!(repo.tree(tip).await.to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "git's empty tree");
    let tip = repo.commit_new(vec![put("a/b/c/d", "1")]).await;
    assert_eq!(repo.walk(tip, 10).await.len(), 4);
}

pub async fn changes_that_change_nothing_make_no_commit(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let tip = repo.commit_new(vec![put("a", "1"), put("f/x", "2")]).await;
    let nothing = [
        vec![],
        vec![put("a", "1")],
        vec![put("b", "1"), delete("b")],
        vec![delete("f/x"), put("f/x", "2")],
        vec![copy("a", None, "a")],
    ];
    for changes in nothing {
        assert_eq!(repo.commit(changes).await.unwrap(), Committed::Unchanged(tip));
    }
    assert_eq!(engine.commit_count(repo.key, tip, 100).await.unwrap(), 1);
    // A first commit is one even where it is empty: there was none before.
    let empty = Repo::new(engine).await;
    let first = empty.commit_new(vec![]).await;
    assert_eq!(empty.tip().await, Some(first));
}

pub async fn files_and_folders_are_copied_within_and_across_commits(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let old = repo.commit_new(vec![put("f/x", "1"), put("f/g/y", "2"), put("a", "old")]).await;
    repo.commit_new(vec![put("a", "new"), delete("f/x"), put("f/z", "3")]).await;
    let changes = vec![
        copy("a", None, "b"),
        copy("a", Some(old), "c/d"),
        copy("f", Some(old), "h"),
        copy("f", None, "f/inside"),
        // The default source is the tip as it was, not as the steps before have left it.
        put("a", "newest"),
        copy("a", None, "e"),
    ];
    let tip = repo.commit_new(changes).await;
    let expected = [
        ("a", "newest"),
        ("b", "new"),
        ("c/d", "old"),
        ("e", "new"),
        ("f/g/y", "2"),
        ("f/inside/g/y", "2"),
        ("f/inside/z", "3"),
        ("f/z", "3"),
        ("h/g/y", "2"),
        ("h/x", "1"),
    ];
    assert_eq!(repo.files(tip).await, expected.map(|(at, text)| (at.to_owned(), file(text))).into());
    repo.refused(ErrorKind::Invalid, vec![copy("a", None, "f")]).await;
    repo.refused(ErrorKind::Invalid, vec![copy("f", None, "a")]).await;
    repo.refused(ErrorKind::NotFound, vec![copy("a", Some(CommitId([1; 20])), "x")]).await;
}

pub async fn equal_content_has_an_equal_tree_whatever_its_history(engine: &Arc<dyn Versioning>) {
    let (one, other) = (Repo::new(engine).await, Repo::new(engine).await);
    let names: Vec<String> = (0..700).map(|n| format!("d{}/f{n}", n % 7)).collect();
    let tip = one.commit_new(names.iter().map(|name| put(name, name)).collect()).await;
    let random = Random::new(42);
    let mut left = names.clone();
    while !left.is_empty() {
        let mut changes = vec![put(&format!("extra/{}", left.len()), "x")];
        for _ in 0..(left.len() / 2).clamp(1, 150) {
            let name = left.swap_remove(random.below(left.len()));
            changes.push(put(&name, &name));
        }
        other.commit_new(changes).await;
    }
    let same = other.commit_new(vec![delete_folder("extra")]).await;
    assert_eq!(one.tree(tip).await, other.tree(same).await);
    assert_eq!(one.walk(tip, 1000).await, other.walk(same, 1000).await);
}

pub async fn the_same_operation_twice_is_one_commit(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut request = repo.request(vec![put("a", "1")]);
    let first = engine.commit(request.clone()).await.unwrap();
    assert_eq!(engine.commit(request.clone()).await.unwrap().tip(), first.tip());
    // Also when the branch has moved on, and when the answer was awaited with an expectation that no longer holds.
    repo.commit_new(vec![put("b", "1")]).await;
    request.expected_parent = Some(CommitId([1; 20]));
    assert_eq!(engine.commit(request.clone()).await.unwrap().tip(), first.tip());
    assert_eq!(engine.commit_count(repo.key, repo.tip().await.unwrap(), 10).await.unwrap(), 2);
    for _ in 0..2 {
        assert_eq!(engine.conclude(repo.key, request.operation).await.unwrap(), Some(first.tip()));
    }
}

pub async fn a_concluded_operation_never_commits(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let tip = repo.commit_new(vec![put("a", "1")]).await;
    let request = repo.request(vec![put("b", "1")]);
    for _ in 0..2 {
        assert_eq!(engine.conclude(repo.key, request.operation).await.unwrap(), None);
        assert_eq!(engine.commit(request.clone()).await.unwrap_err().kind, ErrorKind::Conflict);
    }
    assert_eq!(repo.tip().await, Some(tip));
    // Another repository's operation of the same number is another operation.
    let other = Repo::new(engine).await;
    engine.commit(CommitRequest { repo: other.key, ..request }).await.unwrap();
}

pub async fn an_expected_parent_must_be_the_tip(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut request = repo.request(vec![put("a", "1")]);
    request.expected_parent = Some(CommitId([1; 20]));
    assert_eq!(engine.commit(request).await.unwrap_err().kind, ErrorKind::Conflict, "the branch is unborn");
    let first = repo.commit_new(vec![put("a", "1")]).await;
    let mut request = repo.request(vec![put("b", "1")]);
    request.expected_parent = Some(first);
    let second = engine.commit(request.clone()).await.unwrap().tip();
    request.operation = OperationId(unique());
    assert_eq!(engine.commit(request.clone()).await.unwrap_err().kind, ErrorKind::Conflict);
    // Nothing would change, but the expectation does not hold.
    assert_eq!(repo.tip().await, Some(second));
}

pub async fn what_does_not_exist_is_named(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let tip = repo.commit_new(vec![put("a", "1")]).await;
    let nobody = RepoKey(987_654_321);
    let mut request = repo.request(vec![put("a", "2")]);
    request.branch = RefName::branch("none").unwrap();
    let error = engine.commit(request.clone()).await.unwrap_err();
    assert!(error.is(ErrorKind::NotFound) && error.context.contains("refs/heads/none"), "{error}");
    request.repo = nobody;
    let mut errors = vec![engine.commit(request).await.unwrap_err()];
    errors.push(engine.resolve(nobody, &Revision::main()).await.unwrap_err());
    errors.push(engine.entries(nobody, tip, &[path("a")]).await.unwrap_err());
    errors.push(engine.log(nobody, tip, None, 1).await.unwrap_err());
    errors.push(engine.refs(nobody, "", None, 1).await.unwrap_err());
    errors.push(engine.contents(nobody, None, 1).await.unwrap_err());
    errors.push(engine.update_refs(nobody, &[]).await.unwrap_err());
    for error in errors {
        assert!(error.is(ErrorKind::NotFound) && error.context.contains(&nobody.to_string()), "{error}");
    }
    let unknown = CommitId([0xab; 20]);
    let folder = [path("a")];
    let list = ListRequest { repo: repo.key, at: unknown, folder: None, recursive: false, after: None, limit: 1 };
    let errors = [
        engine.entries(repo.key, unknown, &folder).await.unwrap_err(),
        engine.list(&list).await.unwrap_err(),
        engine.folder_sizes(repo.key, unknown, &folder).await.unwrap_err(),
        engine.last_commits(repo.key, unknown, &folder).await.unwrap_err(),
        engine.log(repo.key, unknown, None, 1).await.unwrap_err(),
        engine.commit_count(repo.key, unknown, 1).await.unwrap_err(),
        engine.diff(repo.key, None, unknown, None, 1).await.unwrap_err(),
        engine.diff(repo.key, Some(unknown), tip, None, 1).await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is(ErrorKind::NotFound) && error.context.contains(&unknown.to_string()), "{error}");
    }
}

pub async fn a_deleted_repository_takes_no_late_commit(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let tip = repo.commit_new(vec![put("a", "1")]).await;
    let late = repo.request(vec![put("b", "1")]);
    for _ in 0..2 {
        engine.delete(repo.key).await.unwrap();
    }
    let error = engine.commit(late).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict), "{error}");
    assert!(engine.resolve(repo.key, &Revision::main()).await.unwrap_err().is(ErrorKind::NotFound));
    assert!(engine.entries(repo.key, tip, &[path("a")]).await.unwrap_err().is(ErrorKind::NotFound));
    // Creating is idempotent too, while a repository lives.
    let other = Repo::new(engine).await;
    let tip = other.commit_new(vec![put("a", "1")]).await;
    engine.create(other.key, &main()).await.unwrap();
    assert_eq!(other.tip().await, Some(tip));
}

pub async fn repositories_do_not_see_each_other(engine: &Arc<dyn Versioning>) {
    let (one, other) = (Repo::new(engine).await, Repo::new(engine).await);
    let tip = one.commit_new(vec![put("a", "1")]).await;
    assert!(engine.entries(other.key, tip, &[path("a")]).await.unwrap_err().is(ErrorKind::NotFound));
    let error = engine.resolve(other.key, &Revision::new(tip.to_string())).await.unwrap_err();
    assert!(error.is(ErrorKind::NotFound));
    other.refused(ErrorKind::NotFound, vec![copy("a", Some(tip), "b")]).await;
    let update = ballast_contract::versioning::RefUpdate {
        name: RefName::branch("x").unwrap(),
        old: None,
        new: Some(tip),
        annotation: None,
    };
    assert!(engine.update_refs(other.key, &[update]).await.unwrap_err().is(ErrorKind::NotFound));
    // The same commit may be made in both, and outlives the other.
    let request = one.request(vec![put("same", "same")]);
    let fresh = [Repo::new(engine).await, Repo::new(engine).await];
    let mut made = Vec::new();
    for repo in &fresh {
        made.push(engine.commit(CommitRequest { repo: repo.key, ..request.clone() }).await.unwrap());
    }
    assert_eq!(made[0], made[1]);
    engine.delete(fresh[0].key).await.unwrap();
    assert_eq!(fresh[1].files(made[1].tip()).await.len(), 1);
    fresh[1].commit_new(vec![put("more", "more")]).await;
}
