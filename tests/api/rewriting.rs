//! Commits made of commits: revert, reset, merge, squash; and what differs between commits.

use std::process::Command;

use ballast_tests::{Answer, Hub, Repository, lines};
use serde_json::{Value, json};

fn post(repository: &Repository, rest: &str, body: Value) -> Answer {
    repository.client.post(repository.api(rest)).json(&body).send()
}

fn get(repository: &Repository, rest: &str) -> Answer {
    repository.client.get(repository.api(rest)).send()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// A branch from the tip of `main`, with one commit of its own; answers it.
fn side(repository: &Repository, branch: &str, operations: &[Value]) -> String {
    post(repository, &format!("/branch/{branch}"), json!({})).expect(200);
    text(&repository.commit_on(branch, operations).ok(), "commitOid").to_owned()
}

/// What the repository holds by its own account, and by a walk over what can be read.
fn used(repository: &Repository) -> u64 {
    get(repository, "?expand=usedStorage").ok()["usedStorage"].as_u64().expect("a number")
}

#[test]
fn a_commit_says_what_it_is() {
    let hub = Hub::shared();
    let repository = hub.model();
    let first = repository.tip();
    let all = [json!({ "key": "header", "value": { "summary": "One line", "description": "and more\nof it" } })];
    let lines: Vec<Value> = all.into_iter().chain([lines::file("a.txt", "a")]).collect();
    let id = text(&repository.committing("main").lines(&lines).send().ok(), "commitOid").to_owned();
    for revision in [id.as_str(), "main", "refs%2Fheads%2Fmain"] {
        let commit = get(&repository, &format!("/commit/{revision}")).ok();
        assert_eq!((text(&commit, "id"), text(&commit, "oid")), (id.as_str(), id.as_str()));
        assert_eq!((text(&commit, "title"), text(&commit, "description")), ("One line", "and more\nof it"));
        assert_eq!(text(&commit, "message"), "One line\n\nand more\nof it");
        assert_eq!((&commit["parents"], text(&commit, "author")), (&json!([first]), "admin"));
        assert!(text(&commit, "date").ends_with('Z') && commit["metadata"].is_object());
    }
    assert_eq!(get(&repository, &format!("/commit/{first}")).ok()["parents"], json!([]));
    for unknown in [&"0".repeat(40), "nothing", "a%00b"] {
        get(&repository, &format!("/commit/{unknown}")).refused(404, "RevisionNotFound");
        get(&repository, &format!("/commit/{unknown}/diff")).refused(404, "RevisionNotFound");
    }
}

#[test]
fn a_commits_difference_names_every_file_and_shows_texts() {
    let hub = Hub::shared();
    let repository = hub.model();
    let large = vec![b'x'; 6_000_000];
    let oid = repository.upload(&large);
    repository
        .commit(&[lines::file("a.txt", "1\n2\n3\n"), lines::file("gone", "bye\n"), lines::file("b.png", b"\0\x01")])
        .expect(200);
    let parent = repository.tip();
    let operations = [
        lines::file("a.txt", "1\ntwo\n3\n"),
        lines::deleted_file("gone"),
        lines::file("b.png", b"\0\x02\x03"),
        lines::large_file("new.bin", &oid, large.len()),
    ];
    let id = text(&repository.commit(&operations).ok(), "commitOid").to_owned();
    let diff = get(&repository, &format!("/commit/{id}/diff")).ok();
    assert_eq!((text(&diff, "commit_id"), text(&diff, "parent_commit")), (id.as_str(), parent.as_str()));
    assert_eq!((text(&diff, "message"), text(&diff, "author")), ("a test", "admin"));
    let files = diff["files"].as_array().expect("a list");
    let paths: Vec<&str> = files.iter().map(|file| text(file, "path")).collect();
    assert_eq!(paths, ["a.txt", "b.png", "gone", "new.bin"]);
    let [changed, binary, gone, new] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!((text(changed, "type"), text(changed, "diff")), ("changed", "@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n"));
    assert_eq!((&changed["size_bytes"], &changed["previous_size"]), (&json!(8), &json!(6)));
    assert_eq!((text(binary, "type"), binary.get("diff")), ("changed", None));
    assert_eq!((text(gone, "type"), &gone["size_bytes"], gone.get("sha256")), ("removed", &json!(0), None));
    assert_eq!(text(gone, "diff"), "@@ -1,1 +0,0 @@\n-bye\n");
    assert_eq!((text(new, "type"), &new["is_lfs"], new.get("diff")), ("added", &json!(true), None));
    assert_eq!((text(new, "sha256"), &new["size_bytes"]), (oid.as_str(), &json!(6_000_000)));
    // The first commit is compared with nothing.
    let first = get(&repository, "/commits/main?limit=100").ok().as_array().unwrap().last().unwrap()["id"].clone();
    let diff = get(&repository, &format!("/commit/{}/diff", first.as_str().unwrap())).ok();
    assert_eq!((diff["parent_commit"].clone(), diff["files"].as_array().unwrap().len()), (Value::Null, 1));
}

#[test]
fn a_difference_of_many_files_comes_in_pages_also_where_texts_are_long() {
    let hub = Hub::shared();
    let repository = hub.model();
    let long = "line\n".repeat(150_000);
    let mut operations: Vec<Value> = (0..25).map(|n| lines::file(&format!("f{n:03}"), format!("{n}"))).collect();
    operations.extend((0..5).map(|n| lines::file(&format!("long{n}"), format!("{n}{long}"))));
    repository.commit(&operations).expect(200);
    for query in ["", "?limit=7", "?limit=30"] {
        let (mut target, mut paths) = (repository.api(&format!("/commit/main/diff{query}")), vec![]);
        loop {
            let page = repository.client.get(&target).send().expect(200);
            let diff = page.json();
            let files = diff["files"].as_array().unwrap();
            assert!(files.iter().all(|file| file["diff"].is_string()), "every text is shown");
            assert!(page.body.len() < 12_000_000, "{} bytes in one page", page.body.len());
            paths.extend(files.iter().map(|file| text(file, "path").to_owned()));
            let Some(next) = page.next() else { break };
            target = repository.client.target(next).to_owned();
        }
        let mut expected: Vec<String> = (0..25).map(|n| format!("f{n:03}")).collect();
        expected.extend((0..5).map(|n| format!("long{n}")));
        assert_eq!(paths, expected, "{query}");
    }
    get(&repository, "/commit/main/diff?cursor=%00").expect(200);
}

/// Runs git in a folder; its output.
fn git(folder: &std::path::Path, arguments: &[&str]) -> String {
    let ran = Command::new("git").current_dir(folder).args(arguments).output().expect("git");
    assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

#[test]
fn a_comparison_is_a_patch_that_git_applies() {
    let hub = Hub::shared();
    let repository = hub.model();
    let numbers: String = (0..200).map(|n| format!("{n}\n")).collect();
    let before = [
        ("numbers", numbers.clone()),
        ("folder/a b.txt", "one".to_owned()),
        ("gone.txt", "x\n".to_owned()),
        ("empty", String::new()),
        ("it \"is\" über.txt", "a\nb".to_owned()),
        ("near-the-start", "1\n2\n3\n4\n5\n6\n7\n8\n9\n".to_owned()),
    ];
    let after = [
        ("numbers", numbers.replace("7\n", "seven\n").replace("120\n", "") + "end"),
        ("folder/a b.txt", "one\ntwo".to_owned()),
        ("new/deep/x.txt", "new\n".to_owned()),
        ("it \"is\" über.txt", "a\nc\n".to_owned()),
        ("near-the-start", "1\n2\n3\n4\n5\nsix\n7\n8\n9\n".to_owned()),
    ];
    let put = |(path, content): &(&str, String)| lines::file(path, content);
    let base = text(&repository.commit(&before.iter().map(put).collect::<Vec<_>>()).ok(), "commitOid").to_owned();
    let mut operations: Vec<Value> = after.iter().map(put).collect();
    operations.extend([lines::deleted_file("gone.txt"), lines::deleted_file("empty")]);
    let head = text(&repository.commit(&operations).ok(), "commitOid").to_owned();
    let patch = get(&repository, &format!("/compare/{base}..{head}")).expect(200);
    assert_eq!(patch.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(get(&repository, &format!("/compare/{head}")).expect(200).body, patch.body, "against its parent");

    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"]);
    for (path, content) in &before {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    std::fs::write(folder.path().join("p"), &patch.body).unwrap();
    git(folder.path(), &["apply", "p"]);
    for (path, content) in &after {
        assert_eq!(&std::fs::read_to_string(folder.path().join(path)).unwrap(), content, "{path}");
    }
    assert!(!folder.path().join("gone.txt").exists() && !folder.path().join("empty").exists());
    let back = get(&repository, &format!("/compare/{head}..{base}")).expect(200);
    std::fs::write(folder.path().join("p"), back.body).unwrap();
    git(folder.path(), &["apply", "p"]);
    assert_eq!(std::fs::read_to_string(folder.path().join("numbers")).unwrap(), numbers);
}

#[test]
fn three_dots_compare_with_where_a_branch_began() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("both", "0\n");
    side(&repository, "side", &[lines::file("theirs", "1\n")]);
    repository.add("ours", "1\n");
    let raw = |what: &str| get(&repository, &format!("/compare/{what}?raw=true")).expect(200).text();
    let paths = |raw: String| raw.lines().map(|line| line.rsplit('\t').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(paths(raw("main..side")), ["ours", "theirs"]);
    assert_eq!(paths(raw("main...side")), ["theirs"]);
    let (empty, oid) = ("0".repeat(40), "d00491fd7e5bb6fa28c517a0bb32b8b506539d4d");
    assert_eq!(raw("main...side"), format!("T 2\t:000000 100644 {empty}... {oid}... A\ttheirs\n"));
    assert_eq!(raw("main..main"), "");
    for what in ["main..nothing", "nothing..main", "main...nothing", "nothing", "..", "main..", "a%00..main"] {
        get(&repository, &format!("/compare/{what}")).refused(404, "RevisionNotFound");
    }
}

#[test]
fn a_commit_is_undone_by_another_one() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a.txt", "1");
    let bad = repository.add("a.txt", "2");
    let other = repository.add("b.txt", "1");
    let before = used(&repository);
    let answer = post(&repository, "/branch/main/revert", json!({ "ref": bad })).ok();
    assert_eq!((&answer["success"], text(&answer, "new_commit_id")), (&json!(true), repository.tip().as_str()));
    assert_eq!(repository.read("a.txt"), b"1");
    assert_eq!(repository.read("b.txt"), b"1");
    assert_eq!(used(&repository), before, "what was undone is still held, and nothing is held twice");
    let commit = get(&repository, "/commit/main").ok();
    assert_eq!((text(&commit, "title"), &commit["parents"]), ("Revert \"a test\"", &json!([other])));
    assert_eq!(text(&commit, "description"), format!("This reverts commit {bad}."));
    repository.unchanged(|| {
        let again = post(&repository, "/branch/main/revert", json!({ "ref": bad })).ok();
        assert_eq!(text(&again, "new_commit_id"), repository.tip());
    });
    let named = json!({ "ref": "main", "parent_number": 1, "message": "Undo the undoing" });
    post(&repository, "/branch/main/revert", named).expect(200);
    assert_eq!(repository.read("a.txt"), b"2");
    assert_eq!(text(&get(&repository, "/commit/main").ok(), "title"), "Undo the undoing");
}

#[test]
fn a_revert_that_cannot_be_made_says_why() {
    let hub = Hub::shared();
    let repository = hub.model();
    let first = repository.add("a.txt", "1");
    let second = repository.add("a.txt", "2");
    repository.unchanged(|| {
        let conflict = post(&repository, "/branch/main/revert", json!({ "ref": first }));
        assert_eq!(conflict.json()["conflicts"], json!(["a.txt"]));
        let sentence = conflict.refused(409, "MergeConflict");
        assert!(sentence.contains(&first) && sentence.contains("'a.txt'"), "{sentence}");
        for (body, status, code) in [
            (json!({ "ref": "nothing" }), 404, "RevisionNotFound"),
            (json!({ "ref": second, "parent_number": 2 }), 400, "BadRequest"),
            (json!({ "ref": second, "parent_number": 0 }), 400, "BadRequest"),
            (json!({ "ref": second, "parent_number": -1 }), 400, "BadRequest"),
            (json!({}), 400, "BadRequest"),
            (json!({ "ref": second, "more": 1 }), 400, "BadRequest"),
            (json!({ "ref": second, "message": "m\0" }), 400, "BadRequest"),
            (json!({ "ref": second, "message": "m".repeat(70_000) }), 400, "BadRequest"),
            (json!({ "ref": second, "parentCommit": first }), 412, "BranchMoved"),
            (json!({ "ref": second, "parentCommit": "x" }), 400, "BadRequest"),
        ] {
            post(&repository, "/branch/main/revert", body).refused(status, code);
        }
        post(&repository, "/branch/nothing/revert", json!({ "ref": second })).refused(404, "RevisionNotFound");
        post(&repository, "/branch/refs%2Ftags%2Fx/revert", json!({ "ref": second })).refused(400, "BadRequest");
    });
    post(&repository, "/branch/main/revert", json!({ "ref": second, "parentCommit": second })).expect(200);
}

#[test]
fn an_old_state_comes_back_as_a_new_commit() {
    let hub = Hub::shared();
    let repository = hub.model();
    let old = repository.add("a.txt", "1");
    repository.commit(&[lines::file("a.txt", "2"), lines::file("b/c.txt", "2")]).expect(200);
    let before = repository.tip();
    repository.unchanged(|| {
        let sentence = post(&repository, "/branch/main/reset", json!({ "ref": old })).refused(403, "Forbidden");
        assert!(sentence.contains("force"), "{sentence}");
        let stale = json!({ "ref": old, "force": true, "parentCommit": old });
        post(&repository, "/branch/main/reset", stale).refused(412, "BranchMoved");
        post(&repository, "/branch/main/reset", json!({ "ref": "x", "force": true })).refused(404, "RevisionNotFound");
        post(&repository, "/branch/none/reset", json!({ "ref": old })).refused(404, "RevisionNotFound");
        post(&repository, "/branch/main/reset", json!({ "force": true })).refused(400, "BadRequest");
    });
    let answer = post(&repository, "/branch/main/reset", json!({ "ref": old, "force": true })).ok();
    assert_eq!(text(&answer, "commit_id"), repository.tip());
    assert_eq!((repository.read("a.txt"), repository.paths().len()), (b"1".to_vec(), 2));
    assert_eq!(get(&repository, "/commit/main").ok()["parents"], json!([before]));
    // Another branch takes no force; and nothing that is reset is lost.
    post(&repository, "/branch/side", json!({})).expect(200);
    post(&repository, "/branch/side/reset", json!({ "ref": before })).expect(200);
    assert_eq!(repository.client.get(repository.page("/resolve/side/b/c.txt")).send().expect(200).body, b"2");
}

#[test]
fn two_branches_are_merged_path_by_path() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.commit(&[lines::file("a", "0"), lines::file("b", "0"), lines::file("c", "0")]).expect(200);
    let theirs = side(&repository, "side", &[lines::file("a", "theirs"), lines::deleted_file("c")]);
    let ours = repository.add("b", "ours");
    let answer = post(&repository, "/merge/side/into/main", json!({})).ok();
    let tip = repository.tip();
    assert_eq!((&answer["success"], &answer["result"]), (&json!(true), &json!({ "reference": tip, "created": true })));
    assert_eq!(repository.paths(), [".gitattributes", "a", "b"]);
    assert_eq!((repository.read("a"), repository.read("b")), (b"theirs".to_vec(), b"ours".to_vec()));
    let commit = get(&repository, "/commit/main").ok();
    assert_eq!((text(&commit, "title"), &commit["parents"]), ("Merge side into main", &json!([ours, theirs])));
    assert_eq!(get(&repository, "/commits/main").ok().as_array().unwrap().len(), 5);
    repository.unchanged(|| {
        let again = post(&repository, "/merge/side/into/main", json!({})).ok();
        assert_eq!(again["result"], json!({ "reference": tip, "created": false }));
        let itself = repository.client.post(repository.api("/merge/main/into/main")).send().ok();
        assert_eq!(itself["result"]["created"], false);
    });
    repository.commit_on("side", &[lines::file("d", "1")]).expect(200);
    repository.commit_on("side", &[lines::file("d", "2")]).expect(200);
    let squash = json!({ "squash_merge": true, "message": "All at once", "parentCommit": tip });
    post(&repository, "/merge/side/into/main", squash).expect(200);
    let commit = get(&repository, "/commit/main").ok();
    assert_eq!((text(&commit, "title"), &commit["parents"]), ("All at once", &json!([tip])));
    assert_eq!(repository.read("d"), b"2");
}

#[test]
fn a_merge_in_conflict_names_the_paths_and_a_strategy_decides_it() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a", "0");
    let operations = [lines::file("a", "theirs"), lines::file("folder", "a file"), lines::file("fine", "1")];
    side(&repository, "side", &operations);
    repository.commit(&[lines::file("a", "ours"), lines::file("folder/x", "1")]).expect(200);
    let start = repository.tip();
    repository.unchanged(|| {
        let conflict = post(&repository, "/merge/side/into/main", json!({}));
        assert_eq!(conflict.json()["conflicts"], json!(["a", "folder"]));
        conflict.refused(409, "MergeConflict");
        let moved = json!({ "parentCommit": "1".repeat(40) });
        post(&repository, "/merge/side/into/main", moved).refused(412, "BranchMoved");
        post(&repository, "/merge/side/into/main", json!({ "strategy": "mine" })).refused(400, "BadRequest");
        post(&repository, "/merge/nothing/into/main", json!({})).refused(404, "RevisionNotFound");
        post(&repository, "/merge/side/into/nothing", json!({})).refused(404, "RevisionNotFound");
    });
    for (strategy, a, paths) in [
        ("dest-wins", "ours", vec![".gitattributes", "a", "fine", "folder/x"]),
        ("source-wins", "theirs", vec![".gitattributes", "a", "fine", "folder"]),
    ] {
        post(&repository, "/branch/main/reset", json!({ "ref": start, "force": true })).expect(200);
        let branch = format!("for-{strategy}");
        post(&repository, &format!("/branch/{branch}"), json!({ "startingPoint": start })).expect(200);
        post(&repository, &format!("/merge/side/into/{branch}"), json!({ "strategy": strategy })).expect(200);
        post(&repository, "/branch/main/reset", json!({ "ref": branch, "force": true })).expect(200);
        assert_eq!(
            (repository.read("a"), repository.paths()),
            (a.as_bytes().to_vec(), paths.iter().map(|path| path.to_string()).collect())
        );
    }
}

#[test]
fn of_two_merges_at_once_both_are_in_the_history() {
    let hub = Hub::shared();
    let repository = hub.model();
    for round in 0..5 {
        let (one, other) = (format!("one{round}"), format!("other{round}"));
        side(&repository, &one, &[lines::file(&one, "1")]);
        side(&repository, &other, &[lines::file(&other, "1")]);
        std::thread::scope(|threads| {
            for branch in [&one, &other, &one] {
                let repository = &repository;
                threads.spawn(move || post(repository, &format!("/merge/{branch}/into/main"), json!({})).expect(200));
            }
        });
        let paths = repository.paths();
        assert!(paths.contains(&one) && paths.contains(&other), "{paths:?}");
        let tip = repository.tip();
        let bodies = [&one, &other].map(|branch| json!({ "ref": branch, "parentCommit": tip }));
        let won: usize = std::thread::scope(|threads| {
            let revert = |body| threads.spawn(|| post(&repository, "/branch/main/revert", body).status);
            let all: Vec<_> = bodies.into_iter().map(revert).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).filter(|status| *status == 200).count()
        });
        assert_eq!(won, 1, "one of two that name the same parent");
    }
}

#[test]
fn a_squashed_history_is_one_commit_and_every_file_is_there() {
    let hub = Hub::shared();
    let repository = hub.model();
    let old = repository.add("a.txt", "1");
    repository.add("a.txt", "2");
    repository.add("b/c.txt", "3");
    let (paths, before) = (repository.paths(), used(&repository));
    let answer = post(&repository, "/super-squash/main", json!({ "message": "One" })).ok();
    let tip = repository.tip();
    assert_eq!((&answer["success"], text(&answer, "commitOid")), (&json!(true), tip.as_str()));
    assert_eq!((repository.paths(), repository.read("a.txt")), (paths, b"2".to_vec()));
    let history = get(&repository, "/commits/main").ok();
    assert_eq!(history.as_array().unwrap().len(), 1);
    assert_eq!((text(&history[0], "id"), text(&history[0], "title")), (tip.as_str(), "One"));
    let tree = get(&repository, "/tree/main?recursive=true&expand=true").ok();
    assert!(tree.as_array().unwrap().iter().all(|entry| entry["lastCommit"]["id"] == tip.as_str()), "{tree}");
    // Clients keep commit ids: what they name stays, and so it counts.
    let file = repository.client.get(repository.page(&format!("/resolve/{old}/a.txt"))).send().expect(200);
    assert_eq!((file.body, used(&repository)), (b"1".to_vec(), before));
    repository.unchanged(|| {
        let again = repository.client.post(repository.api("/super-squash/main")).send().ok();
        assert_eq!(text(&again, "commitOid"), tip);
        post(&repository, "/super-squash/nothing", json!({})).refused(404, "RevisionNotFound");
        post(&repository, "/super-squash/refs%2Ftags%2Fv1", json!({})).refused(400, "BadRequest");
        post(&repository, "/super-squash/main", json!({ "parentCommit": old })).refused(412, "BranchMoved");
        post(&repository, &format!("/super-squash/{old}"), json!({})).refused(404, "RevisionNotFound");
    });
    repository.add("d", "4");
    assert_eq!(get(&repository, "/commits/main").ok().as_array().unwrap().len(), 2);
}

#[test]
fn who_may_only_read_makes_no_commit_of_commits() {
    let hub = Hub::shared();
    let repository = hub.model();
    let tip = repository.add("a", "1");
    let reader = repository.seen_by(&hub.client().with_token(&hub.token("admin", "read")));
    let nobody = repository.seen_by(&hub.client());
    repository.unchanged(|| {
        for (rest, body) in [
            ("/branch/main/revert", json!({ "ref": tip })),
            ("/branch/main/reset", json!({ "ref": tip, "force": true })),
            ("/merge/main/into/main", json!({})),
            ("/super-squash/main", json!({})),
        ] {
            post(&reader, rest, body.clone()).refused(403, "Forbidden");
            post(&nobody, rest, body).refused(401, "Unauthorized");
        }
    });
    get(&nobody, "/compare/main").expect(200);
    get(&nobody, "/commit/main/diff").expect(200);
}
