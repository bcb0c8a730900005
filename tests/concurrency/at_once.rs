//! Many at once, on both databases.

use ballast_tests::{Answer, Deployment, Postgres, Repository, lines};
use serde_json::{Value, json};

use crate::at_once;

const MANY: usize = 16;

fn on_both(test: impl Fn(&Deployment)) {
    test(&Deployment::new());
    if let Some(database) = Postgres::new() {
        test(&database.deployment());
    }
}

/// The commits of the default branch, newest first.
fn history(repository: &Repository) -> Vec<Value> {
    let listed = repository.client.get(repository.api("/commits/main?limit=100")).send().ok();
    listed.as_array().expect("a list").clone()
}

fn succeeded(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[test]
fn commits_without_a_parent_all_succeed_and_make_one_line() {
    on_both(|deployment| {
        let hub = deployment.start();
        let repository = hub.model();
        let answers =
            at_once(MANY, |number| repository.commit(&[lines::file(&format!("{number:02}.txt"), format!("{number}"))]));
        let mut made: Vec<String> =
            answers.into_iter().map(|answer| answer.ok()["commitOid"].as_str().expect("a commit").to_owned()).collect();
        let history = history(&repository);
        assert_eq!(history.len(), MANY + 1);
        let mut listed: Vec<String> =
            history[..MANY].iter().map(|commit| commit["id"].as_str().unwrap().to_owned()).collect();
        made.sort();
        listed.sort();
        assert_eq!(made, listed);
        assert_eq!(repository.paths().len(), MANY + 1);
        // Each commit has all files of those before it: one more at every step.
        for (behind, commit) in history.iter().enumerate() {
            let target = repository.api(&format!("/tree/{}", commit["id"].as_str().unwrap()));
            let tree = repository.client.get(target).send().ok();
            assert_eq!(tree.as_array().unwrap().len(), MANY + 1 - behind);
        }
    });
}

#[test]
fn of_commits_on_one_parent_one_succeeds_and_the_others_are_told() {
    on_both(|deployment| {
        let hub = deployment.start();
        let repository = hub.model();
        for round in 0..3 {
            let parent = repository.tip();
            let answers = at_once(MANY, |number| {
                let lines = [lines::header_on("x", &parent), lines::file("f.txt", format!("{round} {number}"))];
                repository.committing("main").lines(&lines).send()
            });
            assert_eq!(succeeded(&answers), 1);
            for answer in answers.into_iter().filter(|answer| answer.status != 200) {
                answer.refused(412, "BranchMoved");
            }
            assert_eq!(history(&repository).len(), 2 + round);
        }
    });
}

#[test]
fn of_many_who_create_one_repository_one_succeeds() {
    on_both(|deployment| {
        let hub = deployment.start();
        let admin = hub.admin();
        let answers = at_once(MANY, |_| admin.post("/api/repos/create").json(&json!({ "name": "contested" })).send());
        assert_eq!(succeeded(&answers), 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.refused(409, "RepoExists");
        }
        admin.get("/api/models/admin/contested/tree/main").send().expect(200);
    });
}

#[test]
fn of_many_who_make_one_branch_or_tag_one_succeeds() {
    on_both(|deployment| {
        let hub = deployment.start();
        let repository = hub.model();
        for (rest, body) in [("/branch", json!({ "branch": "b" })), ("/tag", json!({ "tag": "t" }))] {
            let answers = at_once(MANY, |_| repository.client.post(repository.api(rest)).json(&body).send());
            assert_eq!(succeeded(&answers), 1, "{rest}");
            for answer in answers.into_iter().filter(|answer| answer.status != 200) {
                answer.refused(409, "RefExists");
            }
        }
    });
}

#[test]
fn one_object_sent_many_times_at_once_is_stored_once() {
    on_both(|deployment| {
        let hub = deployment.start();
        let repository = hub.model();
        let bytes = vec![3u8; 200_000];
        let before = repository.state()["storage"].as_u64().unwrap();
        let oids = at_once(MANY, |_| {
            let oid = ballast_tests::sha256(&bytes);
            let action = repository.upload_action(&oid, bytes.len());
            if let Some(link) = action["actions"]["upload"]["href"].as_str() {
                repository.client.put(repository.client.target(link)).body(&bytes).send().expect(200);
            }
            oid
        });
        repository.commit(&[lines::large_file("m.bin", &oids[0], bytes.len())]).expect(200);
        assert_eq!(repository.read("m.bin"), bytes);
        let after = repository.state()["storage"].as_u64().unwrap();
        assert!((200_000..201_000).contains(&(after - before)), "{before} {after}");
    });
}

#[test]
fn a_repository_deleted_among_commits_is_gone_and_takes_them_along() {
    on_both(|deployment| {
        let hub = deployment.start();
        let repository = hub.model();
        let answers = at_once(MANY, |number| match number {
            7 => repository.client.delete("/api/repos/delete").json(&json!({ "name": repository.id })).send(),
            _ => repository.commit(&[lines::file(&format!("{number}.txt"), "x")]),
        });
        for answer in answers {
            assert!(answer.status < 500, "{}: {}", answer.status, answer.text());
        }
        repository.client.get(repository.api("")).send().refused(404, "RepoNotFound");
    });
}
