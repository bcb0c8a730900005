//! What is private looks like what is not there, on every route.

use std::time::{Duration, Instant};

use ballast_tests::{Answer, Client, Hub, Repository, lines, sha256, unique};
use serde_json::json;

use crate::document::{self, Operation};

const BAD_TOKEN: &str = "Invalid credentials in Authorization header";

/// Every operation on a repository that the document knows, with `ID` for its id.
fn operations() -> Vec<(String, String)> {
    let mut found = vec![];
    for Operation { method, path, .. } in document::operations() {
        // Who is no administrator gets no further than the door, whatever they ask for; `administration` has that.
        if !path.contains("{namespace}/{name}") || path.starts_with("/api/admin/") {
            continue;
        }
        let target = path.replace("{namespace}/{name}", "ID").replace("{kinds}", "models").replace("{type}", "model");
        let target = target.replace("{revision}", "main").replace("{branch}", "main").replace("{path}", "README.md");
        let target =
            target.replace("{status}", "pending").replace("{source}", "main").replace("{revisions}", "main..main");
        let target =
            target.replace("{id}", "1").replace("{number}", "1").replace("{comment}", "000000000000000000000001");
        assert!(!target.contains('{'), "this test does not know what to put into {target}");
        found.push((method, target));
    }
    assert!(found.len() > 25, "{}", found.len());
    found
}

/// Sends a request that would do something if the repository were there for the caller.
fn ask(client: &Client, method: &str, target: &str, id: &str) -> Answer {
    let target = target.replace("ID", id);
    let request = client.request(method, &target);
    let oid = sha256(b"x");
    let objects = json!([{ "oid": oid, "size": 1 }]);
    let body = match target.rsplit_once(id).map_or("", |(_, rest)| rest) {
        _ if matches!(method, "GET" | "HEAD") => return request.send(),
        "/commit/main" => return request.lines(&[lines::header("x"), lines::file("a", "a")]).send(),
        "/paths-info/main" => json!({ "paths": ["README.md"] }),
        "/preupload/main" => json!({ "files": [{ "path": "a", "size": 1 }] }),
        "/branch" => json!({ "branch": "b" }),
        "/branch/main/revert" => json!({ "ref": "main" }),
        "/branch/main/reset" => json!({ "ref": "main", "force": true }),
        "/user-access-request/handle" => json!({ "user": "a", "status": "accepted" }),
        "/user-access-request/grant" => json!({ "user": "a" }),
        "/duplicate" => json!({ "repository": "admin/copy" }),
        "/lfs-files/batch" => json!({ "deletions": { "sha": [oid] } }),
        "/lfs-files/duplicate" => json!({ "target": { "name": "admin/x" }, "files": [{ "sha256": oid }] }),
        "/tag" | "/tag/main" => json!({ "tag": "t" }),
        "/discussions" | "/discussions/1/title" => json!({ "title": "t" }),
        "/discussions/1/comment" => json!({ "comment": "c" }),
        "/discussions/1/status" => json!({ "status": "closed" }),
        rest if rest.ends_with("/edit") => json!({ "content": "c" }),
        rest if rest.ends_with("/objects/batch") => json!({ "operation": "upload", "objects": objects }),
        "/info/lfs/locks" => json!({ "path": "a" }),
        "/info/lfs/locks/verify" => json!({}),
        rest if rest.ends_with("/verify") => json!({ "oid": oid, "size": 1 }),
        _ => json!({}),
    };
    request.json(&body).send()
}

/// An answer as far as it may depend on the repository alone.
fn told(answer: &Answer, id: &str) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
    let headers = headers.into_iter().map(|(name, value)| (name, value.replace(id, "ID"))).collect();
    (answer.status, headers, answer.text().replace(id, "ID"))
}

/// A private repository, and an id of the same length at which there is nothing.
fn private_and_missing(hub: &Hub) -> (Repository, String) {
    let private = hub.private_model();
    private.add("README.md", "# secret");
    let missing: String =
        private.id.chars().rev().take(private.id.len() - "admin/".len()).collect::<String>().replace('r', "z");
    (private, format!("admin/{missing}"))
}

#[test]
fn nobody_can_tell_a_private_repository_from_a_missing_one() {
    let hub = Hub::shared();
    let (private, missing) = private_and_missing(&hub);
    private.unchanged(|| {
        for (method, target) in operations() {
            let hidden = ask(&hub.client(), &method, &target, &private.id);
            let absent = ask(&hub.client(), &method, &target, &missing);
            assert_eq!(told(&hidden, &private.id), told(&absent, &missing), "{method} {target}");
            hidden.refused(401, "RepoNotFound");
        }
    });
}

#[test]
fn another_user_cannot_tell_a_private_repository_from_a_missing_one() {
    let hub = Hub::shared();
    let (private, missing) = private_and_missing(&hub);
    let (_, stranger) = hub.user("admin");
    private.unchanged(|| {
        for (method, target) in operations() {
            let hidden = ask(&stranger, &method, &target, &private.id);
            let absent = ask(&stranger, &method, &target, &missing);
            assert_eq!(told(&hidden, &private.id), told(&absent, &missing), "{method} {target}");
            hidden.refused(404, "RepoNotFound");
        }
        for id in [&private.id, &missing] {
            stranger.delete("/api/repos/delete").json(&json!({ "name": id })).send().refused(404, "RepoNotFound");
            hub.client().delete("/api/repos/delete").json(&json!({ "name": id })).send().refused(401, "RepoNotFound");
        }
    });
}

#[test]
fn a_public_repository_says_who_may_write_instead() {
    let hub = Hub::shared();
    let public = hub.model();
    let (_, stranger) = hub.user("write");
    let body = json!({ "branch": "b" });
    public.unchanged(|| {
        hub.client().post(public.api("/branch")).json(&body).send().refused(401, "Unauthorized");
        stranger.post(public.api("/branch")).json(&body).send().refused(403, "Forbidden");
        public.seen_by(&stranger).commit(&[lines::file("a", "a")]).refused(403, "Forbidden");
        public.seen_by(&hub.client()).commit(&[lines::file("a", "a")]).refused(401, "Unauthorized");
        stranger.delete("/api/repos/delete").json(&json!({ "name": public.id })).send().refused(403, "Forbidden");
    });
}

#[test]
fn git_lfs_is_asked_for_a_credential_and_others_are_not() {
    let hub = Hub::shared();
    let (private, missing) = private_and_missing(&hub);
    for id in [&private.id, &missing] {
        let answer = ask(&hub.client(), "POST", "/ID.git/info/lfs/objects/batch", id);
        assert!(answer.header("www-authenticate").is_some_and(|header| header.starts_with("Basic ")));
        let answer = ask(&hub.client(), "GET", "/api/models/ID", id);
        assert_eq!(answer.header("www-authenticate"), None);
    }
}

#[test]
fn a_bad_token_is_refused_everywhere_and_also_where_none_is_needed() {
    let hub = Hub::shared();
    let public = hub.model();
    public.add("README.md", "# public");
    let bad = [
        "Bearer hf_nonsense",
        "Bearer ",
        "Bearer",
        "Basic !!!",
        "Basic YWRtaW46d3Jvbmc=",
        "Basic YWRtaW4=",
        "Digest x",
        "",
        "Bearer \u{fc}",
        &format!("Bearer {}", "x".repeat(5000)),
    ];
    for authorization in bad {
        let client = hub.client().with_authorization(authorization);
        let answer = client.get(public.api("")).send();
        assert_eq!(answer.header("x-error-message"), Some(BAD_TOKEN), "{authorization}");
        answer.refused(401, "Unauthorized");
    }
    let client = hub.client().with_token("hf_nonsense");
    public.unchanged(|| {
        for (method, target) in operations() {
            let answer = ask(&client, &method, &target, &public.id);
            assert_eq!(answer.header("x-error-message"), Some(BAD_TOKEN), "{method} {target}");
            answer.refused(401, "Unauthorized");
        }
        for target in ["/api/whoami-v2", "/api/models", "/api/datasets"] {
            let answer = client.get(target).send();
            assert_eq!(answer.header("x-error-message"), Some(BAD_TOKEN), "{target}");
        }
    });
}

#[test]
fn a_token_works_as_a_bearers_and_in_basic() {
    use base64::Engine as _;
    let hub = Hub::shared();
    let private = hub.private_model();
    let token = hub.admin_token();
    for (user, secret) in [("admin", &token), ("anything", &token)] {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}"));
        let answer = hub.client().with_authorization(&format!("Basic {basic}")).get(private.api("")).send();
        assert!(answer.status == 200 || user != "admin", "{}", answer.text());
    }
    hub.client().with_authorization(&format!("bearer {token}")).get(private.api("")).send().expect(200);
}

#[test]
fn a_token_of_role_read_reads_and_does_not_write() {
    let hub = Hub::shared();
    let (name, writer) = hub.user("write");
    let reader = hub.client().with_token(&hub.token(&name, "read"));
    let repository = Repository::create(&writer, &name, true);
    repository.add("a.txt", "a");
    let reading = repository.seen_by(&reader);
    assert_eq!(reading.read("a.txt"), b"a");
    reader.get(repository.api("/auth-check")).send().expect(200);
    reader.get(repository.api("/auth-check/write")).send().refused(403, "Forbidden");
    writer.get(repository.api("/auth-check/write")).send().expect(200);
    repository.unchanged(|| {
        reading.commit(&[lines::file("b.txt", "b")]).refused(403, "Forbidden");
        let files = json!({ "files": [{ "path": "a", "size": 1 }] });
        reader.post(repository.api("/preupload/main")).json(&files).send().refused(403, "Forbidden");
        reader.post(repository.api("/branch")).json(&json!({ "branch": "b" })).send().refused(403, "Forbidden");
        reader.post(repository.api("/tag")).json(&json!({ "tag": "t" })).send().refused(403, "Forbidden");
        reader.post(repository.api("/preupload/main?create_pr=1")).json(&files).send().refused(403, "Forbidden");
        reader.get(repository.api("/xet-write-token/None?create_pr=1")).send().refused(403, "Forbidden");
        let batch = json!({ "operation": "upload", "objects": [{ "oid": sha256(b"x"), "size": 1 }] });
        reading.batch(&batch).refused(403, "Forbidden");
        reader.delete("/api/repos/delete").json(&json!({ "name": repository.id })).send().refused(403, "Forbidden");
        reader.post("/api/repos/create").json(&json!({ "name": unique("r") })).send().refused(403, "Forbidden");
    });
    let who = reader.get("/api/whoami-v2").send().ok();
    assert_eq!((&who["name"], &who["auth"]["accessToken"]["role"]), (&json!(name), &json!("read")));
}

#[test]
fn who_is_disabled_is_shut_out_at_once_and_lets_nobody_else_in() {
    let hub = Hub::shared();
    let (name, user) = hub.user("write");
    let repository = Repository::create(&user, &name, false);
    hub.deployment.run(["user", "disable", &name]).ok();
    for target in ["/api/whoami-v2".to_owned(), repository.api("")] {
        assert!(user.get(target).send().refused(403, "Forbidden").contains("disabled"));
    }
    // What they own stays.
    hub.client().get(repository.api("")).send().expect(200);
    hub.deployment.run(["user", "enable", &name]).ok();
    user.get("/api/whoami-v2").send().expect(200);
}

#[test]
fn a_token_revoked_beside_a_running_hub_is_over_within_seconds() {
    let hub = Hub::shared();
    let (name, user) = hub.user("write");
    user.get("/api/whoami-v2").send().expect(200);
    let listed = hub.deployment.run(["token", "list", &name]).ok();
    let id =
        listed.lines().nth(1).and_then(|line| line.split_whitespace().next()).expect("a token's number").to_owned();
    hub.deployment.run(["token", "revoke", &name, &id]).ok();
    let begun = Instant::now();
    while user.get("/api/whoami-v2").send().status == 200 {
        assert!(begun.elapsed() < Duration::from_secs(8), "a revoked token still works");
        std::thread::sleep(Duration::from_millis(20));
    }
    user.get("/api/whoami-v2").send().refused(401, "Unauthorized");
}

#[test]
fn lists_show_what_the_caller_may_see() {
    let hub = Hub::shared();
    let (name, user) = hub.user("write");
    let public = Repository::create(&user, &name, false);
    let private = Repository::create(&user, &name, true);
    let seen = |client: &Client| {
        let listed = client.get(format!("/api/models?author={name}")).send().ok();
        let mut ids: Vec<String> =
            listed.as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut both = vec![public.id.clone(), private.id.clone()];
    both.sort();
    assert_eq!(seen(&user), both);
    assert_eq!(seen(&hub.admin()), both);
    assert_eq!(seen(&hub.client()), std::slice::from_ref(&public.id));
    assert_eq!(seen(&hub.user("admin").1), [public.id]);
}

#[test]
fn who_nobody_knows_is_asked_to_say_so() {
    let hub = Hub::shared();
    hub.client().get("/api/whoami-v2").send().refused(401, "Unauthorized");
    hub.client().post("/api/repos/create").json(&json!({ "name": "x" })).send().refused(401, "Unauthorized");
    hub.client().get("/api/whoami-v2").header("Cookie", "session_id=nonsense").send().refused(401, "Unauthorized");
}
