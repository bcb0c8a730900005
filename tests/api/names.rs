//! What repositories and revisions may be called, and how they are found.

use ballast_tests::{Client, Hub, Repository, lines, unique};
use serde_json::{Value, json};

fn create(client: &Client, name: &str) -> ballast_tests::Answer {
    client.post("/api/repos/create").json(&json!({ "name": name })).send()
}

#[test]
fn a_name_that_is_none_is_refused_with_the_rule_it_breaks() {
    let hub = Hub::shared();
    let admin = hub.admin();
    let long = "x".repeat(97);
    for (name, rule) in [
        ("-a", "begin or end"),
        ("a-", "begin or end"),
        (".a", "begin or end"),
        ("a.", "begin or end"),
        ("a--b", "'--'"),
        ("a..b", "'..'"),
        ("a b", "only letters"),
        ("ä", "only letters"),
        ("模型", "only letters"),
        ("a\0", "only letters"),
        ("a.git", "'.git'"),
        ("A.GIT", "'.git'"),
        (long.as_str(), "96"),
        ("admin/", "empty"),
        ("admin/a/b", "only letters"),
        ("", "empty"),
        ("..", ""),
        ("%2e%2e", "only letters"),
    ] {
        let sentence = create(&admin, name).refused(400, "BadRequest");
        assert!(sentence.contains(rule), "{name}: {sentence}");
    }
    let listed = admin.get("/api/models?search=x").send().ok();
    assert!(listed.as_array().unwrap().iter().all(|model| model["id"] != format!("admin/{long}")));
}

#[test]
fn a_name_of_every_allowed_shape_is_taken() {
    let hub = Hub::shared();
    let admin = hub.admin();
    for name in ["A", "_b", "c_", "0", "Qwen2.5_7B-Chat", &"y".repeat(96)] {
        let created = create(&admin, name).ok();
        assert_eq!(created["repo_id"], format!("admin/{name}"));
        admin.get(format!("/api/models/admin/{name}")).send().expect(200);
    }
}

#[test]
fn an_id_is_found_in_any_case_and_answered_in_its_own() {
    let hub = Hub::shared();
    let admin = hub.admin();
    let name = unique("MixedCase");
    create(&admin, &name).expect(200);
    for spelling in [name.to_lowercase(), name.to_uppercase()] {
        let info = admin.get(format!("/api/models/ADMIN/{spelling}")).send().ok();
        assert_eq!(info["id"], format!("admin/{name}"));
        admin.get(format!("/Admin/{spelling}/resolve/main/.gitattributes")).send().expect(200);
    }
}

#[test]
fn two_spellings_of_one_name_cannot_both_be_there() {
    let hub = Hub::shared();
    let admin = hub.admin();
    let stem = unique("clash");
    let first = format!("{stem}-x");
    let url = create(&admin, &first).ok()["url"].clone();
    for spelling in [first.clone(), first.to_uppercase(), format!("{stem}_x"), format!("{stem}x"), format!("_{stem}-X")]
    {
        let answer = create(&admin, &spelling);
        assert_eq!(answer.json()["url"], url, "{spelling}");
        answer.refused(409, "RepoExists");
    }
    // A clash is per kind.
    let dataset = json!({ "name": first, "type": "dataset" });
    admin.post("/api/repos/create").json(&dataset).send().expect(200);
}

#[test]
fn an_id_of_one_segment_is_a_repository_that_is_not_there() {
    let hub = Hub::shared();
    let addresses = [
        "/api/models/gpt2",
        "/api/datasets/squad",
        "/api/spaces/x",
        "/api/models/gpt2/tree/main",
        "/api/models/gpt2/refs",
        "/api/datasets/squad/revision/main",
        "/gpt2/resolve/main/config.json",
        "/datasets/squad/resolve/main/x",
    ];
    for address in addresses {
        hub.client().get(address).send().refused(401, "RepoNotFound");
        hub.admin().get(address).send().refused(404, "RepoNotFound");
    }
}

#[test]
fn an_id_that_no_repository_can_have_is_a_repository_that_is_not_there() {
    let hub = Hub::shared();
    let long = format!("a/{}", "x".repeat(500));
    for id in
        ["a/b.git", "a/..b", "-a/b", "a/b--c", "%C3%A4/b", "a/b%20c", "a%2Fb/c", "a/b%00", "%2e/b", "a/%2e%2e", &long]
    {
        for rest in ["", "/tree/main", "/refs", "/revision/main"] {
            let address = format!("/api/models/{id}{rest}");
            hub.admin().get(&address).send().refused(404, "RepoNotFound");
            hub.client().get(&address).send().refused(401, "RepoNotFound");
        }
    }
}

#[test]
fn reserved_names_are_refused_in_every_spelling() {
    let hub = Hub::shared();
    for name in [
        "api",
        "API",
        "a-p-i",
        "org",
        "models",
        "datasets",
        "spaces",
        "kernels",
        "buckets",
        "users",
        "organizations",
        "settings",
        "admin_",
        "auth",
        "oauth",
        "login",
        "logout",
        "register",
        "new",
        "join",
        "invite",
        "docs",
        "health",
        "healthz",
        "Health-z",
        "readyz",
        "metrics",
        "openapi",
        "static",
        "assets",
        "v1",
        "v2",
        "openapi.json",
    ] {
        let outcome = hub.deployment.run(["user", "create", name]).ended(1);
        assert!(outcome.errors.contains(name), "{name}: {}", outcome.errors);
    }
}

/// A repository with a second commit, a tag and a branch whose name holds whatever git allows.
fn with_refs(hub: &Hub) -> (Repository, String, String) {
    let repository = hub.model();
    let first = repository.add("a.txt", "1");
    for branch in ["feature/one.two", "100%", "ünïcode", "with#hash", "a+b", "v1..."] {
        let body = json!({ "branch": branch, "revision": first });
        let made = repository.client.post(repository.api("/branch")).json(&body).send();
        match branch {
            "v1..." => drop(made.refused(400, "BadRequest")),
            _ => drop(made.expect(200)),
        }
    }
    let tag = json!({ "tag": "v1.0" });
    repository.client.post(repository.api(&format!("/tag/{first}"))).json(&tag).send().expect(200);
    let second = repository.add("a.txt", "2");
    (repository, first, second)
}

fn content(repository: &Repository, revision: &str) -> ballast_tests::Answer {
    repository.client.get(repository.page(&format!("/resolve/{revision}/a.txt"))).send()
}

#[test]
fn every_way_to_name_a_revision_leads_to_its_commit() {
    let hub = Hub::shared();
    let (repository, first, second) = with_refs(&hub);
    let upper = first.to_uppercase();
    for (revision, commit) in [
        ("main", &second),
        ("refs%2Fheads%2Fmain", &second),
        ("feature%2Fone.two", &first),
        ("v1.0", &first),
        ("refs%2Ftags%2Fv1.0", &first),
        ("100%25", &first),
        ("%C3%BCn%C3%AFcode", &first),
        ("with%23hash", &first),
        ("a+b", &first),
        (first.as_str(), &first),
        (second.as_str(), &second),
        (upper.as_str(), &first),
    ] {
        let info = repository.client.get(repository.api(&format!("/revision/{revision}"))).send().ok();
        assert_eq!(info["sha"], commit.as_str(), "{revision}");
        let file = content(&repository, revision).expect(200);
        assert_eq!(file.header("x-repo-commit"), Some(commit.as_str()), "{revision}");
        assert_eq!(file.body, if *commit == first { b"1" } else { b"2" }, "{revision}");
    }
}

#[test]
fn a_revision_that_names_nothing_is_said_to_be_missing() {
    let hub = Hub::shared();
    let (repository, first, _) = with_refs(&hub);
    let (unknown, long, abbreviated) = ("0123456789".repeat(4), "x".repeat(3000), first[..3].to_owned());
    let revisions = [
        "nothing",
        "refs%2Fpr%2F1",
        "refs%2Fheads%2Fnothing",
        "refs",
        "refs%2F",
        "main~1",
        "main%5E",
        "main:a.txt",
        "feature",
        "..",
        "%2e%2e",
        "main%00",
        "%20",
        "main%20",
        "-x",
        "%40",
        "%40%7Bu%7D",
        "main.lock",
        "MAIN",
        unknown.as_str(),
        long.as_str(),
        abbreviated.as_str(),
        "%2Fmain",
        "main%2F",
        "a%5Cb",
        "%0a",
    ];
    for revision in revisions {
        for target in [
            repository.page(&format!("/resolve/{revision}/a.txt")),
            repository.api(&format!("/revision/{revision}")),
            repository.api(&format!("/tree/{revision}")),
            repository.api(&format!("/commits/{revision}")),
        ] {
            repository.client.get(&target).send().refused(404, "RevisionNotFound");
        }
        let target = repository.api(&format!("/paths-info/{revision}"));
        repository.client.post(&target).form("paths=a.txt").send().refused(404, "RevisionNotFound");
        let body = json!({ "files": [{ "path": "a", "size": 1 }] });
        let target = repository.api(&format!("/preupload/{revision}"));
        repository.client.post(&target).json(&body).send().refused(404, "RevisionNotFound");
    }
}

#[test]
fn a_commit_goes_to_a_branch_that_is_there() {
    let hub = Hub::shared();
    let (repository, first, second) = with_refs(&hub);
    let operations = [lines::header("x"), lines::file("b.txt", "b")];
    repository.unchanged(|| {
        for (revision, status) in [
            ("nothing", 404),
            (first.as_str(), 404),
            (second.as_str(), 404),
            ("refs%2Fpr%2F1", 404),
            ("HEAD", 404),
            ("", 404),
            ("main.lock", 404),
            ("a%00b", 404),
            ("%20", 404),
            ("refs%2Ftags%2Fv1.0", 400),
            ("v1.0", 404),
        ] {
            let target = repository.api(&format!("/commit/{revision}"));
            let answer = repository.client.post(&target).lines(&operations).send();
            assert_eq!(answer.status, status, "{revision}: {}", answer.text());
            assert!(answer.header("x-error-code").is_some());
        }
    });
    let target = repository.api("/commit/refs%2Fheads%2Ffeature%2Fone.two");
    repository.client.post(&target).lines(&operations).send().expect(200);
    assert_ne!(repository.tip_of("feature/one.two"), first);
}

#[test]
fn a_branch_or_tag_that_git_would_refuse_is_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    let (long, commit) = ("x".repeat(300), "a".repeat(40));
    repository.unchanged(|| {
        for name in [
            "",
            " ",
            "a b",
            "a..b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.",
            "a.lock",
            "@",
            "a@{b",
            "-a",
            "a\0",
            "a\n",
            "a\u{7f}",
            "HEAD",
            "refs/heads/x",
            &commit,
            &long,
        ] {
            let body: Value = json!({ "branch": name });
            repository.client.post(repository.api("/branch")).json(&body).send().refused(400, "BadRequest");
            let body: Value = json!({ "tag": name });
            repository.client.post(repository.api("/tag")).json(&body).send().refused(400, "BadRequest");
            repository.client.post(repository.api("/tag/main")).json(&body).send().refused(400, "BadRequest");
        }
    });
}
