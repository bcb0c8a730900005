//! Pull requests: who may commit to them, what they show, and how they are merged.

use ballast_testkit::XetUpload;
use ballast_tests::{Answer, Client, Deployment, Hub, Repository, encoded, lines, sha256};
use serde_json::{Value, json};

use crate::discussions::{get, post};
use crate::xet::{Session, noise};

/// A model of the administrator, and the same as another user sees it; and who that is.
fn with_another(hub: &Hub) -> (Repository, Repository, String) {
    let repository = hub.model();
    repository.add("a.txt", "1\n2\n3\n");
    let (name, client) = hub.user("write");
    (repository.clone(), repository.seen_by(&client), name)
}

/// A commit that opens a pull request; its answer.
fn propose(repository: &Repository, target: &str, operations: &[Value]) -> Answer {
    let all: Vec<Value> = [lines::header("A proposal")].into_iter().chain(operations.iter().cloned()).collect();
    let target = encoded(target).replace('/', "%2F");
    repository.client.post(repository.api(&format!("/commit/{target}?create_pr=1"))).lines(&all).send()
}

/// The number of the pull request that a commit opened.
#[track_caller]
fn proposed(repository: &Repository, operations: &[Value]) -> u64 {
    let made = propose(repository, "main", operations).ok();
    let url = made["pullRequestUrl"].as_str().expect("a URL").to_owned();
    let (page, number) = url.rsplit_once('/').expect("a number at its end");
    assert_eq!(page, repository.client.base() + &repository.page("/discussions"));
    number.parse().expect("a number")
}

fn reading(repository: &Repository, revision: &str, path: &str) -> Answer {
    let revision = revision.replace('/', "%2F");
    repository.client.get(repository.page(&format!("/resolve/{revision}/{path}"))).send()
}

fn merge(repository: &Repository, number: u64) -> Answer {
    post(repository, &format!("/{number}/merge"), json!({}))
}

#[test]
fn a_reader_opens_a_pull_request_with_a_commit_and_a_writer_merges_it() {
    let hub = Hub::shared();
    let (repository, theirs, name) = with_another(&hub);
    let before = repository.tip();
    let ask = json!({ "files": [{ "path": "b.txt", "size": 2 }, { "path": "a.txt", "size": 6 }] });
    let told = theirs.client.post(theirs.api("/preupload/main?create_pr=1")).json(&ask).send().ok();
    assert_eq!(told["files"][0]["uploadMode"], "regular");
    theirs.client.post(theirs.api("/preupload/main")).json(&ask).send().refused(403, "Forbidden");
    let number = proposed(&theirs, &[lines::file("b.txt", "b\n"), lines::file("a.txt", "1\ntwo\n3\n")]);
    assert_eq!((number, repository.tip()), (1, before.clone()));
    let found = get(&repository, "/1?diff=1").ok();
    assert_eq!((&found["title"], &found["status"]), (&json!("A proposal"), &json!("open")));
    assert_eq!(found["changes"], json!({ "base": "refs/heads/main" }));
    assert_eq!((&found["filesWithConflicts"], &found["diffTruncated"]), (&json!([]), &json!(false)));
    let diff = found["diff"].as_str().unwrap();
    assert!(diff.contains("--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n"), "{diff}");
    assert!(diff.contains("diff --git a/b.txt b/b.txt\nnew file mode 100644\n"), "{diff}");
    let commit = &found["events"][1];
    let head = repository.tip_of("refs/pr/1");
    assert_eq!((&commit["type"], &commit["data"]["oid"]), (&json!("commit"), &json!(head)));
    assert_eq!((&commit["data"]["subject"], &commit["author"]["name"]), (&json!("A proposal"), &json!(name)));
    assert!(get(&repository, "/1").ok().get("diff").is_none(), "only with diff=1");

    merge(&theirs, 1).refused(403, "Forbidden");
    let merged = post(&repository, "/1/merge", json!({ "comment": "Thanks" })).ok();
    let tip = repository.tip();
    assert_eq!(merged["mergeCommitId"], json!(tip));
    let log = repository.client.get(repository.api("/commit/main")).send().ok();
    assert_eq!((&log["parents"], &log["title"]), (&json!([before, head]), &json!("A proposal (#1)")));
    assert_eq!((repository.read("b.txt"), repository.read("a.txt")), (b"b\n".to_vec(), b"1\ntwo\n3\n".to_vec()));
    let found = get(&repository, "/1?diff=1").ok();
    assert_eq!((&found["status"], &found["changes"]["mergeCommitId"]), (&json!("merged"), &json!(tip)));
    assert_eq!(found["diff"].as_str(), Some(diff), "what it changed is what is shown");
    let kinds: Vec<&str> = found["events"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["comment", "commit", "status-change", "comment"]);
}

#[test]
fn a_merged_pull_request_is_read_and_not_written() {
    let hub = Hub::shared();
    let (repository, theirs, _) = with_another(&hub);
    let number = proposed(&theirs, &[lines::file("b.txt", "b")]);
    merge(&repository, number).expect(200);
    let state = || (repository.tip_of("refs/pr/1"), repository.tip(), get(&repository, "/1").text());
    let before = state();
    for client in [&repository, &theirs] {
        let sentence = client.commit_on("refs/pr/1", &[lines::file("c.txt", "c")]).refused(409, "Conflict");
        assert!(sentence.contains("merged"), "{sentence}");
        let squash = client.api("/super-squash/refs%2Fpr%2F1");
        client.client.post(squash).json(&json!({})).send().refused(409, "Conflict");
        post(client, "/1/status", json!({ "status": "closed" })).refused(409, "Conflict");
        post(client, "/1/status", json!({ "status": "open" })).refused(409, "Conflict");
    }
    merge(&repository, number).refused(409, "Conflict");
    for rest in ["/branch/refs%2Fpr%2F1/reset", "/branch/refs%2Fpr%2F1/revert"] {
        let body = json!({ "ref": "main" });
        repository.client.post(repository.api(rest)).json(&body).send().refused(409, "Conflict");
    }
    let into = repository.api("/merge/main/into/refs%2Fpr%2F1");
    repository.client.post(into).json(&json!({})).send().refused(409, "Conflict");
    assert_eq!(state(), before);
    assert_eq!(reading(&theirs, "refs/pr/1", "b.txt").expect(200).body, b"b");
}

#[test]
fn a_draft_takes_commits_of_its_author_and_of_writers_and_of_nobody_else() {
    let hub = Hub::shared();
    let (repository, theirs, name) = with_another(&hub);
    let another = repository.seen_by(&hub.user("write").1);
    let opened = post(&theirs, "", json!({ "title": "Step by step", "pullRequest": true })).ok();
    assert_eq!((&opened["num"], &opened["pullRequest"]), (&json!(1), &json!(true)));
    assert_eq!(get(&theirs, "/1").ok()["status"], "draft");
    assert_eq!(repository.tip_of("refs/pr/1"), repository.tip());
    theirs.commit_on("refs/pr/1", &[lines::file("b.txt", "1")]).expect(200);
    repository.commit_on("refs/pr/1", &[lines::file("c.txt", "2")]).expect(200);
    let before = repository.tip_of("refs/pr/1");
    another.commit_on("refs/pr/1", &[lines::file("d.txt", "3")]).refused(403, "Forbidden");
    theirs.commit(&[lines::file("d.txt", "3")]).refused(403, "Forbidden");
    repository.seen_by(&hub.client()).commit_on("refs/pr/1", &[lines::file("d", "3")]).refused(401, "Unauthorized");
    for missing in ["refs/pr/2", "refs/pr/0", "refs/pr/01", "refs/pr/x", "refs/pr/1/x"] {
        theirs.commit_on(missing, &[lines::file("d.txt", "3")]).refused(404, "RevisionNotFound");
    }
    let on = json!({ "key": "header", "value": { "summary": "late", "parentCommit": repository.tip() } });
    theirs.committing("refs/pr/1").lines(&[on, lines::file("d", "3")]).send().refused(412, "BranchMoved");
    assert_eq!(repository.tip_of("refs/pr/1"), before);
    let events = get(&repository, "/1").ok()["events"].clone();
    let by = |at: usize| events[at]["author"]["name"].as_str().unwrap().to_owned();
    assert_eq!([by(0), by(1), by(2)], [name.clone(), name, "admin".to_owned()]);
    // Closed, it waits; open again, it goes on.
    post(&theirs, "/1/status", json!({ "status": "closed" })).expect(200);
    theirs.commit_on("refs/pr/1", &[lines::file("d.txt", "3")]).refused(409, "Conflict");
    merge(&repository, 1).refused(409, "Conflict");
    post(&theirs, "/1/status", json!({ "status": "open" })).expect(200);
    theirs.commit_on("refs/pr/1", &[lines::file("d.txt", "3")]).expect(200);
    merge(&repository, 1).expect(200);
    assert_eq!(repository.paths(), [".gitattributes", "a.txt", "b.txt", "c.txt", "d.txt"]);
}

#[test]
fn a_pull_request_in_conflict_names_the_paths_and_is_not_merged() {
    let hub = Hub::shared();
    let (repository, theirs, _) = with_another(&hub);
    let number = proposed(&theirs, &[lines::file("a.txt", "theirs"), lines::file("fine", "1")]);
    repository.add("a.txt", "ours");
    let found = get(&repository, "/1?diff=1").ok();
    assert_eq!(found["filesWithConflicts"], json!(["a.txt"]));
    repository.unchanged(|| {
        let answer = post(&repository, "/1/merge", json!({ "comment": "in it goes" }));
        assert_eq!(answer.json()["conflicts"], json!(["a.txt"]));
        let sentence = answer.refused(409, "MergeConflict");
        assert!(sentence.contains("Pull request 1") && sentence.contains("'a.txt'"), "{sentence}");
    });
    assert_eq!(get(&repository, "/1?diff=1").ok(), found);
    // What its target has gained comes in, and then it fits.
    let into = repository.api("/merge/main/into/refs%2Fpr%2F1");
    repository.client.post(into).json(&json!({ "strategy": "dest-wins" })).send().expect(200);
    assert_eq!(get(&repository, "/1").ok()["filesWithConflicts"], json!([]));
    merge(&repository, number).expect(200);
    assert_eq!((repository.read("a.txt"), repository.read("fine")), (b"theirs".to_vec(), b"1".to_vec()));
}

#[test]
fn a_commit_that_fails_opens_no_pull_request() {
    let hub = Hub::shared();
    let (repository, theirs, _) = with_another(&hub);
    let tip = repository.tip();
    let absent = "0".repeat(40);
    repository.unchanged(|| {
        for (target, operations, status, code) in [
            (tip.as_str(), vec![lines::file("b", "b")], 404, "RevisionNotFound"),
            ("nowhere", vec![lines::file("b", "b")], 404, "RevisionNotFound"),
            ("refs/tags/v1", vec![lines::file("b", "b")], 404, "RevisionNotFound"),
            ("main", vec![lines::file("../b", "b")], 400, "BadRequest"),
            ("main", vec![lines::deleted_file("b")], 404, "EntryNotFound"),
            ("main", vec![lines::copy("b", "c")], 404, "EntryNotFound"),
            ("main", vec![lines::large_file("b.bin", &sha256("b"), 1)], 404, "ObjectNotFound"),
            ("main", vec![lines::file("a.txt/b", "b")], 400, "BadRequest"),
        ] {
            propose(&theirs, target, &operations).refused(status, code);
        }
        let on = json!({ "key": "header", "value": { "summary": "s", "parentCommit": absent } });
        let target = theirs.api("/commit/main?create_pr=1");
        theirs.client.post(target).lines(&[on, lines::file("b", "b")]).send().refused(404, "RevisionNotFound");
        propose(&repository.seen_by(&hub.client()), "main", &[lines::file("b", "b")]).refused(401, "Unauthorized");
    });
    assert_eq!(get(&repository, "").ok()["count"], 0);
    let refs = repository.client.get(repository.api("/refs?include_prs=1")).send().ok();
    assert_eq!(refs["pullRequests"], json!([]));
    assert_eq!(proposed(&theirs, &[lines::file("b", "b")]), 1, "no number was used");
}

#[test]
fn a_pull_request_may_be_for_another_branch_and_begin_at_an_older_commit() {
    let hub = Hub::shared();
    let (repository, theirs, _) = with_another(&hub);
    let old = repository.tip();
    repository.client.post(repository.api("/branch/dev%2Fx")).json(&json!({})).send().expect(200);
    repository.add("later", "1");
    propose(&theirs, "dev/x", &[lines::file("b", "b")]).expect(200);
    assert_eq!(get(&repository, "/1").ok()["changes"]["base"], "refs/heads/dev/x");
    merge(&repository, 1).expect(200);
    assert_eq!(reading(&repository, "dev/x", "b").expect(200).body, b"b");
    reading(&repository, "main", "b").refused(404, "EntryNotFound");

    let on = json!({ "key": "header", "value": { "summary": "from of old", "parentCommit": old } });
    let target = theirs.api("/commit/main?create_pr=1");
    theirs.client.post(target).lines(&[on, lines::file("c", "c")]).send().expect(200);
    let commit = repository.client.get(repository.api("/commit/refs%2Fpr%2F2")).send().ok();
    assert_eq!(commit["parents"], json!([old]));
    merge(&repository, 2).expect(200);
    assert_eq!(repository.paths(), [".gitattributes", "a.txt", "c", "later"]);
}

#[test]
fn what_is_proposed_is_read_like_any_revision() {
    let hub = Hub::shared();
    let (repository, theirs, _) = with_another(&hub);
    let number = proposed(&theirs, &[lines::file("b.txt", "b")]);
    theirs.commit_on("refs/pr/1", &[lines::file("dir/c.txt", "c")]).expect(200);
    let head = repository.tip_of("refs/pr/1");
    let anybody = repository.seen_by(&hub.client());
    let ask = |rest: &str| anybody.client.get(anybody.api(rest)).send().ok();
    for revision in ["refs%2Fpr%2F1", "pr%2F1", &head] {
        assert_eq!(ask(&format!("/revision/{revision}"))["sha"], json!(head));
        assert_eq!(ask(&format!("/tree/{revision}?recursive=true")).as_array().unwrap().len(), 5);
        assert_eq!(ask(&format!("/commits/{revision}"))[0]["id"], json!(head));
        assert_eq!(reading(&anybody, revision, "dir/c.txt").expect(200).header("x-repo-commit"), Some(head.as_str()));
        anybody.client.get(anybody.api(&format!("/xet-read-token/{revision}"))).send().expect(200);
    }
    let compared = anybody.client.get(anybody.api("/compare/main..refs%2Fpr%2F1")).send().expect(200).text();
    assert!(compared.contains("+++ b/dir/c.txt"), "{compared}");
    let refs = ask("/refs?include_prs=1");
    assert_eq!(refs["pullRequests"][0]["ref"], format!("refs/pr/{number}"));
    assert_eq!(refs["pullRequests"][0]["targetCommit"], json!(head));
    assert!(ask("/refs").get("pullRequests").is_none());
    assert_eq!(refs["branches"].as_array().unwrap().len(), 1);
}

#[test]
fn a_pull_request_is_squashed_by_its_author() {
    let hub = Hub::shared();
    let (repository, theirs, _) = with_another(&hub);
    proposed(&theirs, &[lines::file("b.txt", "1")]);
    theirs.commit_on("refs/pr/1", &[lines::file("b.txt", "2")]).expect(200);
    let squash = |who: &Repository, branch: &str| {
        who.client.post(who.api(&format!("/super-squash/{branch}"))).json(&json!({ "message": "One" })).send()
    };
    squash(&theirs, "main").refused(403, "Forbidden");
    squash(&repository.seen_by(&hub.user("write").1), "refs%2Fpr%2F1").refused(403, "Forbidden");
    squash(&theirs, "refs%2Fpr%2F1").expect(200);
    let history = theirs.client.get(theirs.api("/commits/refs%2Fpr%2F1")).send().ok();
    assert_eq!((history.as_array().unwrap().len(), &history[0]["title"]), (1, &json!("One")));
    // Two histories that never met have nothing in common, and yet the same files.
    assert_eq!(get(&repository, "/1?diff=1").ok()["filesWithConflicts"], json!([]));
    merge(&repository, 1).expect(200);
    assert_eq!(repository.read("b.txt"), b"2");
}

#[test]
fn large_files_come_to_a_pull_request_by_lfs_and_by_xet() {
    let hub = Hub::shared();
    let (repository, theirs, _) = with_another(&hub);
    let bytes = noise(6_000, 71).to_vec();
    let oid = sha256(&bytes);
    let objects = json!([{ "oid": oid, "size": bytes.len() }]);
    let upload = |to: Value| json!({ "operation": "upload", "transfers": ["basic"], "objects": objects, "ref": to });
    for name in ["main", "refs/heads/main", "refs/pr/9"] {
        assert!(matches!(theirs.batch(&upload(json!({ "name": name }))).status, 403 | 404), "{name}");
    }
    // Without a ref: for a pull request that is still to be opened.
    theirs.upload(&bytes);
    let number = proposed(&theirs, &[lines::large_file("large.bin", &oid, bytes.len())]);
    assert_eq!(theirs.batch(&upload(json!({ "name": "refs/pr/1" }))).ok()["objects"][0].get("actions"), None);
    let another = repository.seen_by(&hub.user("write").1);
    another.batch(&upload(json!({ "name": "refs/pr/1" }))).refused(403, "Forbidden");

    let xet = XetUpload::of(&noise(40_000, 72));
    for refused in ["/xet-write-token/main", "/xet-write-token/None"] {
        theirs.client.get(theirs.api(refused)).send().refused(403, "Forbidden");
    }
    another.client.get(another.api("/xet-write-token/refs%2Fpr%2F1")).send().refused(403, "Forbidden");
    let session = |target: &str| {
        let access = theirs.client.get(theirs.api(target)).send().ok();
        Session { client: theirs.client.with_token(access["accessToken"].as_str().unwrap()) }
    };
    for (target, content) in [
        ("/xet-write-token/None?create_pr=1", &xet),
        ("/xet-write-token/main?create_pr=1", &XetUpload::of(&noise(40_000, 73))),
        ("/xet-write-token/refs%2Fpr%2F1", &XetUpload::of(&noise(40_000, 74))),
    ] {
        let session = session(target);
        session.send_xorb(content.xorb, &content.stored).expect(200);
        session.send_shard(&content.shard()).expect(200);
        let line = lines::large_file(&format!("{}.bin", content.xorb), &sha256(&content.bytes), content.bytes.len());
        theirs.commit_on("refs/pr/1", &[line]).expect(200);
    }
    // Once it is merged, a token for it takes nothing more.
    let late = session("/xet-write-token/refs%2Fpr%2F1");
    merge(&repository, number).expect(200);
    let more = XetUpload::of(&noise(40_000, 75));
    assert_eq!(late.send_xorb(more.xorb, &more.stored).status, 409);
    assert_eq!(repository.read("large.bin"), bytes);
    assert_eq!(repository.read(&format!("{}.bin", xet.xorb)), xet.bytes.to_vec());
}

#[test]
fn what_is_proposed_counts_for_the_repository_it_is_made_to() {
    let hub = Hub::shared();
    let (repository, theirs, name) = with_another(&hub);
    let used =
        || repository.client.get(repository.api("?expand=usedStorage")).send().ok()["usedStorage"].as_u64().unwrap();
    let before = used();
    proposed(&theirs, &[lines::file("b.txt", "x".repeat(1000))]);
    assert_eq!(used(), before + 1000);
    merge(&repository, 1).expect(200);
    assert_eq!(used(), before + 1000, "a merge brings no bytes");
    let own = Repository::create(&theirs.client, &name, false);
    assert!(own.client.get(own.api("?expand=usedStorage")).send().ok()["usedStorage"].as_u64().unwrap() < 5000);
}

#[test]
fn a_private_repository_takes_proposals_of_its_visitors_only() {
    let config = r#"
[[bootstrap.users]]
name = "vera"
tokens = [{ name = "t", role = "write", value = "token-of-vera" }]
[[bootstrap.users]]
name = "max"
tokens = [{ name = "t", role = "write", value = "token-of-max" }]
[[bootstrap.users]]
name = "otto"
tokens = [{ name = "t", role = "write", value = "token-of-otto" }]
[[bootstrap.organizations]]
name = "lab"
members = [{ user = "vera", role = "visitor" }, { user = "max", role = "member" }]
"#;
    let hub = Deployment::new().config(config).start();
    let user = |name: &str| -> Client { hub.client().with_token(&format!("token-of-{name}")) };
    let repository = Repository::create(&user("max"), "lab", true);
    let (vera, otto) = (repository.seen_by(&user("vera")), repository.seen_by(&user("otto")));
    let number = proposed(&vera, &[lines::file("b.txt", "b")]);
    propose(&otto, "main", &[lines::file("b.txt", "b")]).refused(404, "RepoNotFound");
    get(&otto, "/1").refused(404, "RepoNotFound");
    otto.commit_on("refs/pr/1", &[lines::file("b.txt", "b")]).refused(404, "RepoNotFound");
    merge(&vera, number).refused(403, "Forbidden");
    merge(&repository, number).expect(200);
    assert_eq!(repository.read("b.txt"), b"b");
}

#[test]
fn of_commits_and_a_merge_at_once_every_one_is_whole_or_refused() {
    let hub = Hub::shared();
    let (repository, theirs, _) = with_another(&hub);
    proposed(&theirs, &[lines::file("first", "1")]);
    let merges: usize = std::thread::scope(|threads| {
        let commits: Vec<_> = (0..4)
            .map(|at| {
                let theirs = &theirs;
                threads.spawn(move || theirs.commit_on("refs/pr/1", &[lines::file(&format!("f{at}"), "1")]).status)
            })
            .collect();
        let merging: Vec<_> = (0..3).map(|_| threads.spawn(|| merge(&repository, 1).status)).collect();
        for commit in commits {
            let status = commit.join().unwrap();
            assert!(matches!(status, 200 | 409), "{status}");
        }
        merging.into_iter().map(|merge| merge.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert!(merges >= 1);
    let found = get(&repository, "/1").ok();
    let statuses = found["events"].as_array().unwrap().iter().filter(|event| event["type"] == "status-change").count();
    assert_eq!((&found["status"], statuses), (&json!("merged"), 1));
    assert!(repository.paths().contains(&"first".to_owned()));
}
