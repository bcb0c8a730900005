//! Branches, tags and history.

use ballast_tests::{Hub, Repository, lines};
use serde_json::{Value, json};

fn refs(repository: &Repository, family: &str) -> Vec<(String, String, String)> {
    let all = repository.client.get(repository.api("/refs")).send().ok();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = all[family].as_array().expect("a list").iter();
    list.map(|item| (text(&item["name"]), text(&item["ref"]), text(&item["targetCommit"]))).collect()
}

fn post(repository: &Repository, rest: &str, body: Value) -> ballast_tests::Answer {
    repository.client.post(repository.api(rest)).json(&body).send()
}

fn named(name: &str, prefix: &str, commit: &str) -> (String, String, String) {
    (name.to_owned(), format!("{prefix}{name}"), commit.to_owned())
}

#[test]
fn a_new_repository_has_one_branch_and_all_families_are_listed() {
    let hub = Hub::shared();
    let repository = hub.model();
    assert_eq!(refs(&repository, "branches"), [named("main", "refs/heads/", &repository.tip())]);
    assert_eq!((refs(&repository, "tags"), refs(&repository, "converts")), (vec![], vec![]));
    let all = repository.client.get(repository.api("/refs?include_prs=1")).send().ok();
    assert_eq!(all["pullRequests"], json!([]));
}

#[test]
fn a_branch_begins_where_it_is_told_to() {
    let hub = Hub::shared();
    let repository = hub.model();
    let first = repository.tip();
    let second = repository.add("a", "a");
    post(&repository, "/branch", json!({ "branch": "plain" })).expect(200);
    post(&repository, "/branch/at-first", json!({ "startingPoint": first })).expect(200);
    post(&repository, "/branch", json!({ "branch": "dev/x", "revision": first })).expect(200);
    post(&repository, "/branch/of%2Fbranch", json!({ "startingPoint": "dev/x" })).expect(200);
    repository.client.post(repository.api("/branch/no-body")).send().expect(200);
    let mut expected = [
        named("at-first", "refs/heads/", &first),
        named("dev/x", "refs/heads/", &first),
        named("main", "refs/heads/", &second),
        named("no-body", "refs/heads/", &second),
        named("of/branch", "refs/heads/", &first),
        named("plain", "refs/heads/", &second),
    ];
    expected.sort();
    assert_eq!(refs(&repository, "branches"), expected);
}

#[test]
fn a_branch_that_is_there_is_not_made_again() {
    let hub = Hub::shared();
    let repository = hub.model();
    let first = repository.tip();
    repository.add("a", "a");
    post(&repository, "/branch/side", json!({})).expect(200);
    repository.unchanged(|| {
        for (rest, body) in [
            ("/branch/side", json!({})),
            ("/branch/side", json!({ "startingPoint": first })),
            ("/branch", json!({ "branch": "side" })),
            ("/branch/main", json!({})),
        ] {
            let sentence = post(&repository, rest, body).refused(409, "RefExists");
            assert!(sentence.starts_with("Reference refs/heads/") && sentence.contains("already exists"), "{sentence}");
        }
        // What would have to be a folder and a file in git.
        let answer = post(&repository, "/branch/side%2Fchild", json!({}));
        assert!(matches!(answer.status, 400 | 409), "{}: {}", answer.status, answer.text());
    });
    post(&repository, "/branch/side", json!({ "startingPoint": first, "overwrite": true })).expect(200);
    assert_eq!(repository.tip_of("side"), first);
}

#[test]
fn a_branch_that_begins_nowhere_is_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.unchanged(|| {
        for start in ["nothing", &"0".repeat(40), "refs/pr/1", "main~1"] {
            post(&repository, "/branch/new", json!({ "startingPoint": start })).refused(404, "RevisionNotFound");
            post(&repository, "/branch", json!({ "branch": "new", "revision": start }))
                .refused(404, "RevisionNotFound");
            post(&repository, "/tag", json!({ "tag": "new", "revision": start })).refused(404, "RevisionNotFound");
        }
        post(&repository, "/tag/nothing", json!({ "tag": "new" })).refused(404, "RevisionNotFound");
        post(&repository, "/branch/new", json!({ "emptyBranch": true })).refused(501, "NotImplemented");
    });
}

#[test]
fn a_branch_can_be_deleted_but_not_the_default_one() {
    let hub = Hub::shared();
    let repository = hub.model();
    let delete = |rest: &str| repository.client.delete(repository.api(rest)).send();
    post(&repository, "/branch/a%2Fb", json!({})).expect(200);
    delete("/branch/a%2Fb").expect(200);
    repository.unchanged(|| {
        let sentence = delete("/branch/main").refused(403, "Forbidden");
        assert!(sentence.starts_with("Cannot delete refs/heads/main"), "{sentence}");
        let sentence = delete("/branch/a%2Fb").refused(404, "RevisionNotFound");
        assert!(sentence.contains("Invalid rev id"), "{sentence}");
        delete("/branch/MAIN").refused(404, "RevisionNotFound");
        delete("/branch/mai").refused(404, "RevisionNotFound");
        delete("/branch/a%00b").refused(400, "BadRequest");
        delete("/branch/refs%2Fheads%2Fmain").refused(400, "BadRequest");
        delete("/tag/main").refused(404, "RevisionNotFound");
    });
}

#[test]
fn a_tag_stays_where_it_was_put() {
    let hub = Hub::shared();
    let repository = hub.model();
    let first = repository.add("a.txt", "1");
    post(&repository, "/tag/main", json!({ "tag": "v1", "message": "the first" })).expect(200);
    post(&repository, &format!("/tag/{first}"), json!({ "tag": "v1-again" })).expect(200);
    post(&repository, "/tag", json!({ "tag": "rel/1.0", "revision": first, "message": "" })).expect(200);
    repository.add("a.txt", "2");
    let expected = [
        named("rel/1.0", "refs/tags/", &first),
        named("v1", "refs/tags/", &first),
        named("v1-again", "refs/tags/", &first),
    ];
    assert_eq!(refs(&repository, "tags"), expected);
    assert_eq!(repository.client.get(repository.page("/resolve/v1/a.txt")).send().expect(200).body, b"1");
    repository.unchanged(|| {
        for rest in ["/tag/main", "/tag/v1"] {
            post(&repository, rest, json!({ "tag": "v1" })).refused(409, "RefExists");
        }
    });
    repository.client.delete(repository.api("/tag/rel%2F1.0")).send().expect(200);
    repository.client.delete(repository.api("/tag/rel%2F1.0")).send().refused(404, "RevisionNotFound");
    repository.client.delete(repository.api("/tag/v1")).send().expect(200);
    assert_eq!(refs(&repository, "tags").len(), 1);
}

#[test]
fn a_tag_says_no_more_than_git_can_keep() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.unchanged(|| {
        for message in ["a\0b", &"m".repeat(70_000)] {
            post(&repository, "/tag/main", json!({ "tag": "v1", "message": message })).refused(400, "BadRequest");
        }
    });
}

#[test]
fn a_branch_hides_no_tag_of_its_name_and_full_names_tell_them_apart() {
    let hub = Hub::shared();
    let repository = hub.model();
    let first = repository.tip();
    post(&repository, "/tag/main", json!({ "tag": "same" })).expect(200);
    let second = repository.add("a", "a");
    post(&repository, "/branch/same", json!({})).expect(200);
    assert_eq!(repository.tip_of("refs/heads/same"), second);
    assert_eq!(repository.tip_of("refs/tags/same"), first);
    repository.commit_on("same", &[lines::file("b", "b")]).expect(200);
    assert_eq!(repository.tip_of("refs/tags/same"), first);
    assert_eq!(repository.tip(), second);
}

#[test]
fn the_history_comes_in_pages_newest_first() {
    let hub = Hub::shared();
    let repository = hub.model();
    let mut made: Vec<String> = vec![repository.tip()];
    made.extend((0..24).map(|n| repository.add("a.txt", format!("{n}"))));
    made.reverse();
    for (query, first_page) in [("", 20), ("?limit=7", 7), ("?limit=100", 25), ("?limit=1000", 25)] {
        let (mut target, mut seen) = (repository.api(&format!("/commits/main{query}")), vec![]);
        loop {
            let page = repository.client.get(&target).send().expect(200);
            let ids: Vec<String> =
                page.json().as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect();
            if seen.is_empty() {
                assert_eq!(ids.len(), first_page, "{query}");
            }
            seen.extend(ids);
            let Some(next) = page.next() else { break };
            target = repository.client.target(next).to_owned();
        }
        assert_eq!(seen, made, "{query}");
    }
    let from_the_middle = repository.client.get(repository.api(&format!("/commits/{}", made[20]))).send().ok();
    assert_eq!(from_the_middle.as_array().unwrap().len(), 5);
}
