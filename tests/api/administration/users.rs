//! Users, their tokens and their sessions, as whoever runs the hub sees and changes them.

use ballast_tests::{Client, Deployment, Hub, Postgres, Repository, unique};
use serde_json::{Value, json};

use super::{PASSWORD, made, paged, patch, signs_in};

#[test]
fn users_are_searched_and_listed_page_by_page() {
    let hub = Deployment::new().start();
    let admin = hub.admin();
    for name in ["dora", "Carl", "bea"] {
        let new = json!({ "username": name, "email": format!("{name}@builders.example") });
        admin.post("/api/admin/users").json(&new).send().expect(200);
    }
    let list = |query: &str| paged(&admin, &format!("/api/admin/users?limit=2&{query}"), "users", "username");
    assert_eq!(list(""), ["admin", "dora", "Carl", "bea"]);
    assert_eq!(list("descending=true"), ["bea", "Carl", "dora", "admin"]);
    assert_eq!(list("sort=name"), ["admin", "bea", "Carl", "dora"]);
    assert_eq!(list("search=builders%20A&sort=name"), ["bea", "Carl", "dora"]);
    assert_eq!(list("search=carl"), ["Carl"]);
    assert_eq!(list("search=%00"), [""; 0]);
    admin.get("/api/admin/users?cursor=x").send().refused(400, "BadRequest");
    admin.get("/api/admin/users?sort=size").send().refused(400, "BadRequest");

    let seen = admin.get("/api/admin/users/carl").send().ok();
    assert_eq!(
        (&seen["username"], &seen["email"], &seen["email_verified"]),
        (&json!("Carl"), &json!("Carl@builders.example"), &json!(true))
    );
    assert_eq!(
        (&seen["administrator"], &seen["active"], &seen["repositories"]),
        (&json!(false), &json!(true), &json!(0))
    );
    admin.get("/api/admin/users/nobody").send().refused(404, "NotFound");
}

#[test]
fn a_user_is_made_once_and_by_the_rules_of_names_and_passwords() {
    let hub = Hub::shared();
    let (admin, name) = (hub.admin(), made(&hub, "new"));
    assert!(signs_in(&hub, &name, PASSWORD));
    let make = |body: Value| admin.post("/api/admin/users").json(&body).send();
    make(json!({ "username": name.to_uppercase() })).refused(409, "Conflict");
    make(json!({ "username": unique("x"), "email": format!("{name}@EXAMPLE.org") })).refused(409, "Conflict");
    make(json!({ "username": "settings" })).refused(400, "BadRequest");
    make(json!({ "username": "a b" })).refused(400, "BadRequest");
    make(json!({ "username": unique("x"), "password": "short" })).refused(400, "BadRequest");
    make(json!({ "username": unique("x"), "email": "nobody" })).refused(400, "BadRequest");
    make(json!({ "username": unique("x"), "role": "admin" })).refused(400, "BadRequest");
}

#[test]
fn a_user_is_changed_shut_out_and_let_in_again() {
    let hub = Hub::shared();
    let admin = hub.admin();
    let (name, user) = hub.user("write");
    let target = format!("/api/admin/users/{name}");
    let seen = patch(&admin, &target, json!({ "full_name": "Some Body", "email": format!("{name}@example.org") })).ok();
    assert_eq!((&seen["full_name"], &seen["email_verified"]), (&json!("Some Body"), &json!(false)));
    assert_eq!(patch(&admin, &target, json!({ "email_verified": true })).ok()["email_verified"], true);
    assert_eq!(patch(&admin, &target, json!({ "email": null })).ok()["email"], Value::Null);
    let limits = json!({ "private_quota_bytes": 1000, "public_quota_bytes": null });
    let quota = patch(&admin, &target, limits).ok()["quota"].clone();
    assert_eq!((&quota["private_quota_bytes"], &quota["public_quota_bytes"]), (&json!(1000), &Value::Null));

    patch(&admin, &target, json!({ "active": false })).expect(200);
    user.get("/api/whoami-v2").send().refused(403, "Forbidden");
    patch(&admin, &target, json!({ "active": true })).expect(200);
    user.get("/api/whoami-v2").send().expect(200);
    patch(&admin, &target, json!({ "email": "nobody" })).refused(400, "BadRequest");
    patch(&admin, &target, json!({ "admin": true })).refused(400, "BadRequest");
    patch(&admin, "/api/admin/users/nobody-here", json!({ "active": false })).refused(404, "NotFound");
}

#[test]
fn a_password_that_is_reset_is_told_once_and_ends_sessions() {
    let hub = Hub::shared();
    let (admin, name) = (hub.admin(), made(&hub, "forgetful"));
    assert!(signs_in(&hub, &name, PASSWORD));
    let target = format!("/api/admin/users/{name}");
    let sessions = || names_of_sessions(&admin, &name);
    assert_eq!(sessions().len(), 1);
    let answer = admin.post(format!("{target}/password")).send().ok();
    let random = answer["password"].as_str().unwrap().to_owned();
    assert!(random.len() >= 32 && sessions().is_empty());
    assert!(signs_in(&hub, &name, &random) && !signs_in(&hub, &name, PASSWORD));
    let given = admin.post(format!("{target}/password")).json(&json!({ "password": "another horse" })).send().ok();
    assert_eq!(given["password"], Value::Null);
    assert!(signs_in(&hub, &name, "another horse") && !signs_in(&hub, &name, &random));
    admin.post(format!("{target}/password")).json(&json!({ "password": "x" })).send().refused(400, "BadRequest");
}

fn names_of_sessions(admin: &Client, name: &str) -> Vec<Value> {
    let listed = admin.get(format!("/api/admin/users/{name}/sessions")).send().ok();
    listed["sessions"].as_array().unwrap().clone()
}

#[test]
fn tokens_and_sessions_are_ended_one_by_one_and_all_at_once() {
    let hub = Hub::shared();
    let (admin, name) = (hub.admin(), made(&hub, "busy"));
    let tokens: Vec<Client> = (0..3).map(|_| hub.client().with_token(&hub.token(&name, "read"))).collect();
    let target = format!("/api/admin/users/{name}/tokens");
    let listed = admin.get(&target).send().ok();
    assert!(!listed.to_string().contains("hf_"), "no value is shown");
    let ids: Vec<i64> =
        listed["tokens"].as_array().unwrap().iter().map(|token| token["id"].as_i64().unwrap()).collect();
    admin.delete(format!("{target}/{}", ids[1])).send().expect(200);
    admin.delete(format!("{target}/{}", ids[1])).send().refused(404, "NotFound");
    let works = || tokens.iter().map(|token| token.get("/api/whoami-v2").send().status).collect::<Vec<_>>();
    assert_eq!(works(), [200, 401, 200]);
    admin.delete(&target).send().expect(200);
    assert_eq!(works(), [401, 401, 401]);

    for _ in 0..3 {
        assert!(signs_in(&hub, &name, PASSWORD));
    }
    let sessions = names_of_sessions(&admin, &name);
    assert_eq!(sessions.len(), 3);
    assert!(sessions[0]["created_at"].is_string() && sessions[0]["expires_at"].is_string());
    let target = format!("/api/admin/users/{name}/sessions");
    admin.delete(format!("{target}/{}", sessions[0]["id"])).send().expect(200);
    admin.delete(format!("{target}/{}", sessions[0]["id"])).send().refused(404, "NotFound");
    assert_eq!(names_of_sessions(&admin, &name), sessions[1..]);
    admin.delete(&target).send().expect(200);
    assert!(names_of_sessions(&admin, &name).is_empty());
}

#[test]
fn a_user_goes_without_leaving_anything_that_lets_somebody_in() {
    let hub = Hub::shared();
    let admin = hub.admin();
    let (name, user) = hub.user("admin");
    let other = hub.model();
    user.post(other.api("/like")).send().expect(200);
    let talk = json!({ "title": "t", "description": "what I say" });
    user.post(other.api("/discussions")).json(&talk).send().expect(200);
    let own = Repository::create(&user, &name, true);
    own.add("a.txt", "a");
    let target = format!("/api/admin/users/{name}");
    let why = admin.delete(&target).send().refused(409, "Conflict");
    assert!(why.contains("delete_repositories"), "{why}");
    user.get(own.api("")).send().expect(200);

    admin.delete(format!("{target}?delete_repositories=true")).send().expect(200);
    user.get("/api/whoami-v2").send().refused(401, "Unauthorized");
    admin.get(&target).send().refused(404, "NotFound");
    admin.get(own.api("")).send().refused(404, "RepoNotFound");
    admin.delete(&target).send().refused(404, "NotFound");
    let talked = admin.get(other.api("/discussions/1")).send().ok();
    assert!(talked.to_string().contains("what I say"));
    assert_eq!(admin.get(other.api("/likers")).send().ok(), json!([]));
    // The name is free, and whoever takes it is somebody else.
    hub.deployment.run(["user", "create", &name]).ok();
    user.get("/api/whoami-v2").send().refused(401, "Unauthorized");
    assert_eq!(admin.get(&target).send().ok()["repositories"], 0);
}

#[test]
fn the_last_administrator_stays() {
    let hub = Deployment::new().start();
    let (admin, other) = (hub.admin(), made(&hub, "other"));
    for body in [json!({ "administrator": false }), json!({ "active": false })] {
        patch(&admin, "/api/admin/users/admin", body).refused(409, "Conflict");
    }
    admin.delete("/api/admin/users/admin?delete_repositories=true").send().refused(409, "Conflict");
    for command in ["disable", "demote", "delete"] {
        let outcome = hub.deployment.run(["user", command, "admin"]).ended(1);
        assert!(outcome.errors.contains("last administrator"), "{command}: {}", outcome.errors);
    }
    admin.get("/api/admin/users").send().expect(200);
    patch(&admin, &format!("/api/admin/users/{other}"), json!({ "administrator": true })).expect(200);
    patch(&admin, "/api/admin/users/admin", json!({ "administrator": false })).expect(200);
    admin.get("/api/admin/users").send().refused(403, "Forbidden");
}

/// Two administrators, each of whom demotes the other, over and over.
fn one_of_two_stays(deployment: Deployment) {
    let hub = deployment.start();
    let boss = unique("boss");
    hub.deployment.run(["user", "create", &boss, "--admin"]).ok();
    let second = hub.client().with_token(&hub.token(&boss, "admin"));
    let first = hub.admin();
    for _ in 0..10 {
        let (one, two) = std::thread::scope(|scope| {
            let demote = |client: Client, whom: String| {
                move || patch(&client, &format!("/api/admin/users/{whom}"), json!({ "administrator": false })).status
            };
            let one = scope.spawn(demote(first.clone(), boss.clone()));
            let two = scope.spawn(demote(second.clone(), "admin".to_owned()));
            (one.join().unwrap(), two.join().unwrap())
        });
        let mut both = [one, two];
        both.sort_unstable();
        // Whoever came second was no administrator any more when they asked, or when it was decided.
        assert!(both[0] == 200 && matches!(both[1], 403 | 409), "{both:?}");
        let (left, whom) = if one == 200 { (&first, boss.as_str()) } else { (&second, "admin") };
        patch(left, &format!("/api/admin/users/{whom}"), json!({ "administrator": true })).expect(200);
    }
}

#[test]
fn of_two_administrators_who_demote_each_other_one_stays_on_sqlite() {
    one_of_two_stays(Deployment::new());
}

#[test]
fn of_two_administrators_who_demote_each_other_one_stays_on_postgres() {
    let Some(database) = Postgres::new() else { return };
    one_of_two_stays(database.deployment());
}
