//! The hub, as whoever runs it sees and changes it.

mod users;

use std::time::{Duration, Instant};

use ballast_tests::{Answer, Client, Deployment, Hub, Repository, unique};
use serde_json::{Value, json};

use crate::document::{self, Operation};

const PASSWORD: &str = "correct horse";

/// Every administrator's operation of the document, with something in the place of each parameter.
fn operations() -> Vec<(String, String)> {
    let mut found = vec![];
    for Operation { method, path, .. } in document::operations() {
        if !path.starts_with("/api/admin/") {
            continue;
        }
        let target = path.replace("{username}", "admin").replace("{org}", "lab").replace("{type}", "model");
        let target = target.replace("{namespace}", "admin").replace("{name}", "bert");
        let target = ["{token_id}", "{session_id}", "{invitation_id}"]
            .into_iter()
            .fold(target, |target, parameter| target.replace(parameter, "1"));
        assert!(!target.contains('{'), "this test does not know what to put into {target}");
        found.push((method, target));
    }
    assert!(found.len() > 25, "{}", found.len());
    found
}

fn ask(client: &Client, method: &str, target: &str) -> Answer {
    let body = match (method, target) {
        ("POST", "/api/admin/users") => json!({ "username": "mallory", "administrator": true }),
        _ => json!({}),
    };
    match method {
        "GET" => client.request(method, target).send(),
        _ => client.request(method, target).json(&body).send(),
    }
}

/// A token of the administrator with a role, perhaps for one repository only.
fn token(hub: &Hub, role: &str, repository: Option<&str>) -> Client {
    let mut new = json!({ "name": unique("t"), "role": role });
    if let Some(repository) = repository {
        new["repositories"] = json!([repository]);
    }
    let made = hub.admin().post("/api/auth/tokens/create").json(&new).send().ok();
    hub.client().with_token(made["token"].as_str().unwrap())
}

fn names(answer: &Value, list: &str, field: &str) -> Vec<String> {
    answer[list].as_array().unwrap().iter().map(|one| one[field].as_str().unwrap().to_owned()).collect()
}

/// Every name of a list, page by page, of so many at once.
fn paged(client: &Client, target: &str, list: &str, field: &str) -> Vec<String> {
    let (mut target, mut all) = (target.to_owned(), vec![]);
    loop {
        let answer = client.get(&target).send().expect(200);
        all.extend(names(&answer.json(), list, field));
        match answer.next() {
            Some(next) => target = client.target(next).to_owned(),
            None => return all,
        }
    }
}

fn patch(client: &Client, target: &str, body: Value) -> Answer {
    client.request("PATCH", target).json(&body).send()
}

fn signs_in(hub: &Hub, name: &str, password: &str) -> bool {
    let body = json!({ "username": name, "password": password });
    hub.client().post("/api/auth/login").json(&body).send().status == 200
}

/// A user with a password, made by the administrator.
fn made(hub: &Hub, word: &str) -> String {
    let name = unique(word);
    let new = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    hub.admin().post("/api/admin/users").json(&new).send().expect(200);
    name
}

#[test]
fn only_an_administrator_with_a_credential_of_role_admin_gets_in() {
    let hub = Deployment::new().start();
    let model = hub.model();
    let (_, user) = hub.user("admin");
    let before = hub.admin().get("/api/admin/users").send().ok();
    let (write, read, scoped) =
        (token(&hub, "write", None), token(&hub, "read", None), token(&hub, "admin", Some(&model.id)));
    for (method, target) in operations() {
        ask(&hub.client(), &method, &target).refused(401, "Unauthorized");
        ask(&hub.client().with_token("hf_nonsense"), &method, &target).refused(401, "Unauthorized");
        let mut sentences = vec![];
        for client in [&user, &write, &read, &scoped] {
            sentences.push(ask(client, &method, &target).refused(403, "Forbidden"));
        }
        sentences.dedup();
        assert_eq!(sentences.len(), 1, "{method} {target}: everybody hears the same");
    }
    assert_eq!(hub.admin().get("/api/admin/users").send().ok(), before);
    hub.admin().get(model.api("")).send().expect(200);
}

#[test]
fn a_session_of_an_administrator_is_as_good_as_a_token() {
    let hub = Deployment::new().start();
    let name = made(&hub, "boss");
    patch(&hub.admin(), &format!("/api/admin/users/{name}"), json!({ "administrator": true })).expect(200);
    let login = hub.client().post("/api/auth/login").json(&json!({ "username": name, "password": PASSWORD }));
    let answer = login.send().expect(200);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    hub.client().get("/api/admin/users").header("Cookie", &cookie).send().expect(200);
    let delete = hub.client().delete("/api/admin/users/admin").header("Cookie", &cookie);
    delete.send().refused(403, "Forbidden");
}

#[test]
fn organisations_are_listed_and_deleted() {
    let hub = Deployment::new().start();
    let admin = hub.admin();
    let (name, user) = hub.user("admin");
    for org in ["zoo", "lab"] {
        user.post("/org/create").json(&json!({ "name": org })).send().expect(200);
    }
    let model = Repository::create(&user, "lab", true);
    model.add("a.txt", "12345");
    let list =
        |query: &str| paged(&admin, &format!("/api/admin/organizations?limit=1&{query}"), "organizations", "name");
    assert_eq!(
        (list(""), list("sort=name"), list("search=Zo")),
        (vec!["zoo".to_owned(), "lab".to_owned()], vec!["lab".to_owned(), "zoo".to_owned()], vec!["zoo".to_owned()])
    );
    let lab = admin.get("/api/admin/organizations/LAB").send().ok();
    assert_eq!((&lab["members"], &lab["repositories"]), (&json!(1), &json!(1)));
    assert!(lab["quota"]["private_used_bytes"].as_u64().unwrap() > 5);

    let why = admin.delete(format!("/api/admin/users/{name}")).send().refused(409, "Conflict");
    assert!(why.contains("super-admin"), "{why}");
    admin.delete("/api/admin/organizations/lab").send().refused(409, "Conflict");
    user.get(model.api("")).send().expect(200);
    admin.delete("/api/admin/organizations/lab?delete_repositories=true").send().expect(200);
    admin.delete("/api/admin/organizations/zoo").send().expect(200);
    admin.get("/api/admin/organizations/lab").send().refused(404, "NotFound");
    user.get(model.api("")).send().refused(404, "RepoNotFound");
    admin.delete(format!("/api/admin/users/{name}")).send().expect(200);
    admin.get("/api/admin/organizations/admin").send().refused(404, "NotFound");
}

#[test]
fn all_repositories_are_listed_whoever_sees_them() {
    let hub = Deployment::new().start();
    let admin = hub.admin();
    let (name, user) = hub.user("write");
    let small = Repository::create(&user, &name, true);
    let large = Repository::create_kind(&user, "datasets", &name, false);
    let middle = hub.model();
    small.add("a.txt", "1");
    middle.add("a.txt", vec![b'x'; 10_000]);
    large.add("a.txt", vec![b'y'; 100_000]);
    let list = |query: &str| paged(&admin, &format!("/api/admin/repositories?limit=1&{query}"), "repositories", "id");
    assert_eq!(list(""), [&*middle.id, &*large.id, &*small.id]);
    assert_eq!(list("sort=bytes"), [&*large.id, &*middle.id, &*small.id]);
    assert_eq!(list(&format!("sort=bytes&namespace={}", name.to_uppercase())), [&*large.id, &*small.id]);
    assert_eq!(list("type=dataset"), [&*large.id]);
    assert_eq!(list("private=true"), [&*small.id]);
    assert_eq!(list("private=false&type=model&sort=bytes"), [&*middle.id]);
    assert_eq!(list(&format!("search={name}%20{}", &large.id[name.len() + 1..])), [&*large.id]);
    assert_eq!(list("namespace=nobody-here"), [""; 0]);
    admin.get("/api/admin/repositories?sort=bytes&cursor=x").send().refused(400, "BadRequest");
    admin.get("/api/admin/repositories?type=paper").send().refused(400, "BadRequest");

    let listed = admin.get("/api/admin/repositories?sort=bytes").send().ok();
    let bytes: Vec<u64> =
        listed["repositories"].as_array().unwrap().iter().map(|one| one["bytes"].as_u64().unwrap()).collect();
    assert!(bytes[0] > 100_000 && bytes[1] > 10_000 && bytes[2] < 10_000, "{bytes:?}");
}

#[test]
fn a_repository_is_seen_with_what_it_costs_hidden_and_deleted() {
    let hub = Deployment::new().start();
    let admin = hub.admin();
    let (name, user) = hub.user("write");
    let (one, other) = (Repository::create(&user, &name, false), Repository::create(&user, &name, false));
    one.add("a.txt", vec![b'x'; 100_000]);
    let target = format!("/api/admin/repositories/model/{}", one.id);
    let alone = admin.get(&target).send().ok();
    let (bytes, stored) = (alone["bytes"].as_u64().unwrap(), alone["stored_bytes"].as_u64().unwrap());
    assert!(bytes >= 100_000 && alone["quota"]["used_bytes"].as_u64() == Some(bytes), "{alone}");
    other.add("b.txt", vec![b'x'; 100_000]);
    let shared = admin.get(&target).send().ok();
    assert_eq!(shared["bytes"], bytes);
    let share = shared["stored_bytes"].as_u64().unwrap();
    assert!(share + 49_000 < stored && share >= 50_000, "{stored} alone, {share} shared");

    assert_eq!(patch(&admin, &target, json!({ "private": true })).ok()["private"], true);
    hub.client().get(one.api("")).send().refused(401, "RepoNotFound");
    let quota = admin.get(format!("/api/quota/{name}")).send().ok();
    assert_eq!(quota["private_used_bytes"], bytes);
    patch(&admin, &target, json!({ "gated": "auto" })).refused(400, "BadRequest");
    admin.delete(&target).send().expect(200);
    admin.get(&target).send().refused(404, "RepoNotFound");
    user.get(one.api("")).send().refused(404, "RepoNotFound");
}

#[test]
fn every_invitation_is_listed_and_may_be_withdrawn() {
    let hub = Deployment::new().start();
    let admin = hub.admin();
    let (_, user) = hub.user("admin");
    for org in ["lab", "zoo"] {
        user.post("/org/create").json(&json!({ "name": org })).send().expect(200);
        let new = json!({ "role": "member" });
        user.post(format!("/api/invitations/org/{org}/create")).json(&new).send().expect(200);
    }
    let listed = paged(&admin, "/api/admin/invitations?limit=1", "invitations", "org_name");
    assert_eq!(listed, ["zoo", "lab"]);
    let first = admin.get("/api/admin/invitations").send().ok()["invitations"][0].clone();
    let token = first["token"].as_str().unwrap();
    assert_eq!((&first["role"], &first["is_pending"]), (&json!("member"), &json!(true)));
    hub.client().get(format!("/api/invitations/{token}")).send().expect(200);
    let target = format!("/api/admin/invitations/{}", first["id"]);
    admin.delete(&target).send().expect(200);
    admin.delete(&target).send().refused(404, "NotFound");
    hub.client().get(format!("/api/invitations/{token}")).send().refused(404, "NotFound");
}

#[test]
fn all_quotas_are_counted_anew_in_the_background() {
    let hub = Deployment::new().start();
    let admin = hub.admin();
    for _ in 0..5 {
        hub.model().add("a.txt", vec![b'x'; 1000]);
    }
    let target = "/api/admin/quotas/recalculate";
    admin.get(target).send().refused(404, "NotFound");
    let used = || admin.get("/api/quota/admin").send().ok()["public_used_bytes"].clone();
    let before = used();
    let begun = admin.post(target).send().ok();
    assert_eq!(
        (&begun["state"], &begun["total"], &begun["started_by"]),
        (&json!("running"), &json!(5), &json!("admin"))
    );
    let since = Instant::now();
    let ended = loop {
        let told = admin.get(target).send().ok();
        if told["state"] != "running" {
            break told;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{told}");
        std::thread::yield_now();
    };
    assert_eq!((&ended["state"], &ended["done"], &ended["failed"]), (&json!("finished"), &json!(5), &json!(0)));
    assert!(ended["finished_at"].is_string());
    assert_eq!(used(), before);
    admin.post(target).send().expect(200);
}

#[test]
fn the_hub_is_told_in_numbers() {
    let hub = Deployment::new().set("statistics.write_seconds", "1").start();
    let admin = hub.admin();
    let (name, user) = hub.user("write");
    let (model, hidden) = (Repository::create(&user, &name, false), Repository::create(&user, &name, true));
    let dataset = Repository::create_kind(&user, "datasets", &name, false);
    model.add("a.txt", vec![b'x'; 1000]);
    hidden.add("a.txt", vec![b'x'; 1000]);
    dataset.add("a.txt", "1");
    hub.deployment.run(["user", "disable", &name]).ok();
    hub.client().get(model.resolve("a.txt")).send().expect(200);

    let since = Instant::now();
    let told = loop {
        let told = admin.get("/api/admin/statistics?days=7&top=1").send().ok();
        if told["downloads"][6]["downloads"] == 1 {
            break told;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{told}");
        std::thread::yield_now();
    };
    assert_eq!((&told["users"], &told["active_users"], &told["administrators"]), (&json!(2), &json!(1), &json!(1)));
    let repositories = &told["repositories"];
    assert_eq!(
        (&repositories["model"], &repositories["dataset"], &repositories["private"], &repositories["total"]),
        (&json!(2), &json!(1), &json!(1), &json!(3))
    );
    assert_eq!((told["downloads"].as_array().map(Vec::len), &told["downloads"][6]["anonymous"]), (Some(7), &json!(1)));
    assert_eq!(told["top"][0]["repo_id"], model.id);
    let (logical, stored) = (told["logical_bytes"].as_u64().unwrap(), told["stored_bytes"].as_u64().unwrap());
    assert!(logical > 2001 && stored > 0 && stored < logical, "{logical} logical, {stored} stored");
    admin.get("/api/admin/statistics?days=0").send().refused(400, "BadRequest");
    admin.get("/api/admin/statistics?days=4000").send().refused(400, "BadRequest");

    let storage = admin.get("/api/admin/storage").send().ok();
    assert_eq!((storage["logical_bytes"].as_u64(), storage["stored_bytes"].as_u64()), (Some(logical), Some(stored)));
    let held = storage["held"].as_array().unwrap();
    let of = |kind: &str| held.iter().find(|one| one["namespace"] == *name && one["type"] == kind).unwrap();
    assert_eq!((&of("model")["repositories"], &of("dataset")["repositories"]), (&json!(2), &json!(1)));
    let command: Value = serde_json::from_str(&hub.deployment.run(["storage", "stats", "--json"]).ok()).unwrap();
    assert_eq!(command["logical_bytes"], storage["logical_bytes"]);
}

#[test]
fn a_write_under_way_is_told_with_whose_it_is() {
    let hub = Deployment::new().start();
    let model = hub.model();
    let list = |query: &str| hub.admin().get(format!("/api/admin/operations{query}")).send().ok()["operations"].clone();
    assert_eq!(list(""), json!([]));
    let rows = ballast_tests::Rows::of(&hub.deployment);
    let key = rows.number("SELECT MAX(id) FROM repositories");
    let actor = rows.number("SELECT id FROM namespaces WHERE lower = 'admin'");
    for (id, deadline) in [(7, 1000_i64), (8, i64::MAX)] {
        rows.change(&format!(
            "INSERT INTO operations (id, repository, lease, purpose, deadline, created_at, actor) \
             VALUES ({id}, {key}, {id}, 'commit', {deadline}, 500, {actor})"
        ));
    }
    let late = list("?overdue=true");
    assert_eq!(late.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&late[0]["repo_id"], &late[0]["repo_type"], &late[0]["username"], &late[0]["purpose"], &late[0]["overdue"]),
        (&json!(model.id), &json!("model"), &json!("admin"), &json!("commit"), &json!(true))
    );
    let both = paged(&hub.admin(), "/api/admin/operations?limit=1", "operations", "id");
    assert_eq!(both, ["7", "8"]);
    rows.change("DELETE FROM operations");
}

#[test]
fn plugins_tell_their_state_and_what_they_can() {
    let hub = Hub::shared();
    let plugins = hub.admin().get("/api/admin/plugins").send().ok()["plugins"].clone();
    let of = |role: &str| plugins.as_array().unwrap().iter().find(|one| one["role"] == role).unwrap().clone();
    let auth = of("auth");
    assert_eq!(
        (&auth["instance"], &auth["plugin"], &auth["state"], &auth["required"]),
        (&json!("main"), &json!("auth.local"), &json!("ready"), &json!(true))
    );
    assert_eq!(auth["capabilities"], json!(["credentials"]));
    let can = of("versioning")["capabilities"].clone();
    assert!(can.as_array().unwrap().contains(&json!("rewriting")), "{can}");
    assert!(of("storage")["version"].as_str().is_some_and(|version| version.starts_with(char::is_numeric)));
}

#[test]
fn commands_promote_search_and_delete_users() {
    let hub = Deployment::new().start();
    let run = |arguments: &[&str]| hub.deployment.run(arguments);
    run(&["user", "create", "dora", "--email", "dora@builders.example"]).ok();
    run(&["user", "create", "carl"]).ok();
    let listed = run(&["user", "list", "builders"]).ok();
    assert!(listed.contains("dora") && !listed.contains("carl"), "{listed}");
    run(&["user", "promote", "dora"]).ok();
    let dora = hub.client().with_token(&hub.token("dora", "admin"));
    dora.get("/api/admin/users").send().expect(200);
    run(&["user", "demote", "dora"]).ok();
    dora.get("/api/admin/users").send().refused(403, "Forbidden");
    let model = Repository::create(&dora, "dora", false);
    let refused = run(&["user", "delete", "dora"]).ended(1);
    assert!(refused.errors.contains("repositories"), "{}", refused.errors);
    hub.token("dora", "read");
    run(&["token", "revoke", "dora", "--all"]).ok();
    dora.get("/api/whoami-v2").send().refused(401, "Unauthorized");
    run(&["token", "revoke", "dora"]).ended(2);
    run(&["user", "delete", "dora", "--delete-repositories"]).ok();
    hub.client().get(model.api("")).send().refused(401, "RepoNotFound");
    assert!(!run(&["user", "list"]).ok().contains("dora"));
    run(&["user", "delete", "dora"]).ended(1);
}
