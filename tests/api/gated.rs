//! Gated repositories: seen by everybody, and fetched by those who were given access.

use ballast_tests::{Answer, Client, Hub, Repository, sha256};
use serde_json::{Value, json};

fn gate(repository: &Repository, how: &Value) {
    repository.client.put(repository.api("/settings")).json(&json!({ "gated": how })).send().expect(200);
}

fn gated(hub: &Hub, how: &str) -> Repository {
    let repository = hub.model();
    repository.add("a.txt", "a");
    repository.add_large("b.bin", b"large");
    gate(&repository, &json!(how));
    repository
}

/// Every way to the files.
fn ways(client: &Client, repository: &Repository) -> Vec<Answer> {
    let objects = json!({ "operation": "download", "objects": [{ "oid": sha256(b"large"), "size": 5 }] });
    vec![
        client.get(repository.resolve("a.txt")).send(),
        client.get(repository.resolve("b.bin")).send(),
        client.get(repository.page("/raw/main/a.txt")).send(),
        client.get(repository.api("/xet-read-token/main")).send(),
        client.get(repository.api("/commit/main/diff")).send(),
        client.post(repository.page(".git/info/lfs/objects/batch")).json(&objects).send(),
    ]
}

fn decide(repository: &Repository, user: &str, status: &str) -> Answer {
    let decision = json!({ "user": user, "status": status });
    repository.client.post(repository.api("/user-access-request/handle")).json(&decision).send()
}

fn listed(repository: &Repository, status: &str) -> Vec<String> {
    let list = repository.client.get(repository.api(&format!("/user-access-request/{status}"))).send().ok();
    list.as_array().unwrap().iter().map(|one| one["user"]["user"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn everybody_sees_a_gated_repository_and_only_those_with_access_get_its_files() {
    let hub = Hub::shared();
    let repository = gated(&hub, "manual");
    let (name, user) = hub.user("write");
    for client in [hub.client(), user.clone()] {
        assert_eq!(client.get(repository.api("")).send().ok()["gated"], "manual");
        client.get(repository.api("/tree/main")).send().expect(200);
    }
    for answer in ways(&hub.client(), &repository) {
        answer.refused(401, "GatedRepo");
    }
    hub.client().head(repository.resolve("a.txt")).send().expect(401);
    hub.client().get(repository.api("/auth-check")).send().refused(401, "GatedRepo");
    user.get(repository.api("/auth-check")).send().refused(403, "GatedRepo");
    repository.client.get(repository.api("/auth-check")).send().expect(200);
    for answer in ways(&user, &repository) {
        let sentence = answer.refused(403, "GatedRepo");
        assert!(sentence.contains(&repository.id) && sentence.contains("ask-access"), "{sentence}");
    }
    for answer in ways(&repository.client, &repository) {
        answer.expect(200);
    }

    assert_eq!(user.post(repository.api("/ask-access")).send().ok()["status"], "pending");
    assert_eq!(listed(&repository, "pending"), std::slice::from_ref(&name));
    user.get(repository.resolve("a.txt")).send().refused(403, "GatedRepo");
    decide(&repository, &name, "accepted").expect(200);
    decide(&repository, &name, "accepted").refused(400, "BadRequest");
    assert_eq!((listed(&repository, "pending"), listed(&repository, "accepted")), (vec![], vec![name.clone()]));
    for answer in ways(&user, &repository) {
        answer.expect(200);
    }
    decide(&repository, &name, "rejected").expect(200);
    user.get(repository.resolve("a.txt")).send().refused(403, "GatedRepo");
    gate(&repository, &json!(false));
    hub.client().get(repository.resolve("a.txt")).send().expect(200);
}

#[test]
fn an_automatic_gate_opens_for_whoever_asks() {
    let hub = Hub::shared();
    let repository = gated(&hub, "auto");
    let (name, user) = hub.user("write");
    user.get(repository.resolve("a.txt")).send().refused(403, "GatedRepo");
    let fields = json!({ "fields": { "company": "Lab" } });
    assert_eq!(user.post(repository.api("/ask-access")).json(&fields).send().ok()["status"], "accepted");
    user.get(repository.resolve("a.txt")).send().expect(200);
    let list = repository.client.get(repository.api("/user-access-request/accepted")).send().ok();
    assert_eq!((&list[0]["user"]["user"], &list[0]["fields"]["company"]), (&json!(name), &json!("Lab")));
    hub.client().post(repository.api("/ask-access")).send().refused(401, "Unauthorized");
}

#[test]
fn access_is_given_unasked_and_only_by_those_who_administer() {
    let hub = Hub::shared();
    let repository = gated(&hub, "manual");
    let (name, user) = hub.user("write");
    let grant = |client: &Client, user: &str| {
        client.post(repository.api("/user-access-request/grant")).json(&json!({ "user": user })).send()
    };
    grant(&user, &name).refused(403, "Forbidden");
    user.get(repository.api("/user-access-request/pending")).send().refused(403, "Forbidden");
    grant(&repository.client, "is-not-there").refused(404, "NotFound");
    decide(&repository, &name, "accepted").refused(404, "NotFound");
    grant(&repository.client, &name).expect(200);
    grant(&repository.client, &name).refused(400, "BadRequest");
    user.get(repository.resolve("a.txt")).send().expect(200);
    decide(&repository, &name, "sometimes").refused(400, "BadRequest");
    repository.client.get(repository.api("/user-access-request/sometimes")).send().refused(400, "BadRequest");
    let open = hub.model();
    user.post(open.api("/ask-access")).send().refused(400, "BadRequest");
}
