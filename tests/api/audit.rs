//! What is on record, who may read it, and how it is known to be whole.

use ballast_tests::{Client, Deployment, Hub, Postgres, Repository, Rows, lines, sha256, unique};
use serde_json::{Value, json};

fn records(admin: &Client, query: &str) -> Vec<Value> {
    let listed = admin.get(format!("/api/admin/audit?limit=1000&{query}")).send().ok();
    listed["records"].as_array().unwrap().clone()
}

/// The newest record of an action.
fn newest(admin: &Client, action: &str) -> Value {
    records(admin, &format!("action={action}")).first().unwrap_or_else(|| panic!("no {action}")).clone()
}

fn export(admin: &Client, query: &str) -> Vec<Value> {
    let answer = admin.get(format!("/api/admin/audit/export?{query}")).send().expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The hash of a line of the export, as anybody may work it out.
fn hash(line: &Value) -> String {
    let mut line = line.clone();
    line.as_object_mut().unwrap().remove("hash");
    line.sort_all_objects();
    sha256(line.to_string())
}

/// A hub with a user who does what is put on record, and an organisation.
struct Scene {
    hub: Hub,
    name: String,
    user: Client,
}

fn scene() -> Scene {
    let hub = Deployment::new().set("audit.node", "here").start();
    let (name, user) = hub.user("admin");
    Scene { hub, name, user }
}

#[test]
fn what_changes_rights_accounts_credentials_repositories_and_limits_is_on_record() {
    let Scene { hub, name, user } = scene();
    let (admin, friend) = (hub.admin(), hub.user("admin").0);
    let post = |target: &str, body: Value| user.post(target).json(&body).send().expect(200);
    let put = |client: &Client, target: &str, body: Value| client.put(target).json(&body).send().expect(200);
    let user_object = format!("user/{name}");
    let check = |action: &str, actor: &str, object: &str| {
        let record = newest(&admin, action);
        let said = (&record["actor"], &record["object"], &record["outcome"], &record["node"]);
        assert_eq!(said, (&json!(actor), &json!(object), &json!("done"), &json!("here")), "{record}");
        record
    };

    // Repositories.
    let model = Repository::create(&user, &name, false);
    let object = format!("model/{}", model.id);
    check("repository.create", &name, &object);
    put(&user, &model.api("/settings"), json!({ "private": true }));
    assert_eq!(check("repository.change", &name, &object)["details"]["visibility"], "private");
    put(&user, &model.api("/settings"), json!({ "gated": "manual" }));
    assert_eq!(check("repository.change", &name, &object)["details"]["gated"], "manual");
    user.post(model.api("/user-access-request/grant")).json(&json!({ "user": friend })).send().expect(200);
    assert_eq!(check("access.decide", &name, &object)["details"], json!({ "status": "accepted", "user": friend }));
    put(&admin, &format!("/api/quota/repo/model/{}", model.id), json!({ "quota_bytes": 5000 }));
    check("quota.set", "admin", &object);
    let moved = format!("{name}/{}", unique("moved"));
    post("/api/repos/move", json!({ "fromRepo": model.id, "toRepo": moved, "type": "model" }));
    assert_eq!(check("repository.move", &name, &object)["details"]["to"], moved);
    let model = Repository { id: moved.clone(), ..model };
    let oid = model.add_large("a.bin", b"to be gone");
    let purge =
        |oids: &[&str]| user.post(model.api("/lfs-files/batch")).json(&json!({ "deletions": { "sha": oids } })).send();
    purge(&[&oid, &sha256(b"never seen")]).refused(404, "ObjectNotFound");
    assert!(records(&admin, "action=repository.purge").is_empty(), "what was refused was not done");
    purge(&[&oid]).expect(200);
    assert_eq!(check("repository.purge", &name, &format!("model/{moved}"))["details"], json!({ "purged": [oid] }));
    user.delete("/api/repos/delete").json(&json!({ "name": moved })).send().expect(200);
    check("repository.delete", &name, &format!("model/{moved}"));

    // Organisations.
    let lab = unique("lab");
    post("/org/create", json!({ "name": lab }));
    let object = format!("organization/{lab}");
    check("organization.create", &name, &object);
    post(&format!("/org/{lab}/members"), json!({ "username": friend, "role": "member" }));
    check("member.add", &name, &object);
    put(&user, &format!("/org/{lab}/members/{friend}"), json!({ "role": "admin" }));
    let change = check("member.change", &name, &object);
    assert_eq!(change["details"], json!({ "user": friend, "from": "member", "to": "admin" }));
    user.delete(format!("/org/{lab}/members/{friend}")).send().expect(200);
    check("member.remove", &name, &object);
    let invited = post(&format!("/api/invitations/org/{lab}/create"), json!({ "role": "visitor" })).json();
    check("invitation.create", &name, &object);
    let token = invited["token"].as_str().unwrap();
    let joining = hub.client().with_token(&hub.token(&friend, "admin"));
    joining.post(format!("/api/invitations/{token}/accept")).send().expect(200);
    check("invitation.accept", &friend, &object);
    user.delete(format!("/api/invitations/{token}")).send().expect(200);
    check("invitation.delete", &name, &object);
    put(&admin, &format!("/api/quota/{lab}"), json!({ "quota_bytes": 5000 }));
    check("quota.set", "admin", &format!("namespace/{lab}"));

    // Credentials.
    let made = post("/api/auth/tokens/create", json!({ "name": "laptop", "role": "read" })).json();
    let record = check("token.create", &name, &user_object);
    assert_eq!((&record["details"]["token"], &record["details"]["role"]), (&made["token_id"], &json!("read")));
    assert!(!record.to_string().contains(made["token"].as_str().unwrap()), "no secret is on record");
    user.delete(format!("/api/auth/tokens/{}", made["token_id"])).send().expect(200);
    check("token.revoke", &name, &user_object);
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    let key = post("/api/user/keys", json!({ "title": "laptop", "key": key })).json();
    assert_eq!(check("ssh_key.add", &name, &user_object)["details"]["fingerprint"], key["fingerprint"]);
    user.delete(format!("/api/user/keys/{}", key["id"])).send().expect(200);
    assert_eq!(check("ssh_key.remove", &name, &user_object)["details"]["key"], key["id"]);
    let hook = json!({ "url": "https://example.org/unsaid", "watched": [{ "type": "user", "name": name }], "secret": "unsaid-either" });
    let hook = post("/api/settings/webhooks", hook).json()["webhook"]["id"].as_str().unwrap().to_owned();
    let record = check("webhook.create", &name, &user_object);
    assert_eq!(record["details"]["host"], "example.org");
    assert!(!record.to_string().contains("unsaid"), "no secret is on record");
    post(&format!("/api/settings/webhooks/{hook}/disable"), json!({}));
    assert_eq!(check("webhook.change", &name, &user_object)["details"]["enabled"], false);
    user.delete(format!("/api/settings/webhooks/{hook}")).send().expect(200);
    check("webhook.delete", &name, &user_object);
    admin
        .post(format!("/api/admin/users/{name}/password"))
        .json(&json!({ "password": "correct horse" }))
        .send()
        .expect(200);
    assert!(!check("password.set", "admin", &user_object).to_string().contains("horse"));
    let login = hub.client().post("/api/auth/login").json(&json!({ "username": name, "password": "correct horse" }));
    let cookie = login.send().expect(200).header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    check("session.begin", &name, &user_object);
    let logout = hub.client().post("/api/auth/logout").header("Cookie", &cookie).header("Origin", hub.client().base());
    logout.send().expect(200);
    check("session.end", &name, &user_object);

    // Accounts, and what is done on the command line.
    let settings = json!({ "email": format!("{name}@example.org") });
    put(&user, &format!("/api/users/{name}/settings"), settings);
    check("user.change", &name, &user_object);
    hub.deployment.run(["user", "disable", &friend]).ok();
    let record = check("user.change", "(operator)", &format!("user/{friend}"));
    assert_eq!((&record["request"], &record["address"]), (&Value::Null, &Value::Null));
    admin.delete(format!("/api/admin/organizations/{lab}")).send().expect(200);
    check("organization.delete", "admin", &object);
    admin.delete(format!("/api/admin/users/{name}")).send().expect(200);
    check("user.delete", "admin", &user_object);
    hub.deployment.run(["audit", "verify"]).ok();
}

#[test]
fn a_record_says_with_what_and_from_where_and_in_which_request() {
    let Scene { hub, user, name } = scene();
    let body = json!({ "name": unique("org") });
    let asked =
        user.post("/org/create").header("X-Forwarded-For", "192.0.2.7").header("X-Request-Id", "mine-1").json(&body);
    asked.send().expect(200);
    let record = newest(&hub.admin(), "organization.create");
    assert_eq!((&record["address"], &record["request"]), (&json!("192.0.2.7"), &json!("mine-1")));
    assert!(record["credential"].as_str().is_some_and(|id| id.starts_with("token:")), "{record}");
    let key = hub.admin().get(format!("/api/admin/users/{name}")).send().ok()["id"].clone();
    assert_eq!(record["actor_id"], key);
    let time = record["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
}

#[test]
fn who_asks_for_what_is_an_administrators_is_on_record_and_nobody_is_not() {
    let Scene { hub, name, user } = scene();
    let before = records(&hub.admin(), "").len();
    hub.client().get("/api/admin/users").send().refused(401, "Unauthorized");
    hub.client().with_token("hf_nonsense").get("/api/admin/users").send().refused(401, "Unauthorized");
    assert_eq!(records(&hub.admin(), "").len(), before);
    user.delete("/api/admin/users/admin?delete_repositories=true").send().refused(403, "Forbidden");
    let refused = records(&hub.admin(), "outcome=refused");
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (&refused[0]["actor"], &refused[0]["action"], &refused[0]["object"]),
        (&json!(name), &json!("administration.ask"), &json!("DELETE /api/admin/users/admin"))
    );
}

#[test]
fn what_is_refused_or_changes_nothing_is_not_said_to_be_done() {
    let Scene { hub, name, user } = scene();
    let before = records(&hub.admin(), "").len();
    let model = hub.model();
    assert_eq!(records(&hub.admin(), "").len(), before + 1);
    user.delete("/api/repos/delete").json(&json!({ "name": model.id })).send().refused(403, "Forbidden");
    user.post("/org/create").json(&json!({ "name": name })).send().refused(409, "Conflict");
    user.delete("/api/auth/tokens/99999").send().refused(404, "NotFound");
    hub.client().post("/api/auth/login").json(&json!({ "username": name, "password": "wrong" })).send().expect(401);
    model.commit(&[lines::file("a.txt", "a")]).expect(200);
    hub.admin().get("/api/admin/statistics").send().expect(200);
    assert_eq!(records(&hub.admin(), "").len(), before + 1);
}

#[test]
fn records_are_found_and_listed_page_by_page() {
    let Scene { hub, name, user } = scene();
    let admin = hub.admin();
    for _ in 0..3 {
        user.post("/org/create").json(&json!({ "name": unique("org") })).send().expect(200);
    }
    let mut numbers = vec![];
    let mut target = format!("/api/admin/audit?actor={name}&limit=1");
    loop {
        let answer = admin.get(&target).send().expect(200);
        numbers.extend(answer.json()["records"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()));
        let Some(next) = answer.next() else { break };
        target = admin.target(next).to_owned();
    }
    assert!(numbers.len() == 3 && numbers.is_sorted_by(|one, other| one > other), "{numbers:?}");
    assert_eq!(records(&admin, "action=organization").len(), 3);
    assert_eq!(records(&admin, "action=organ").len(), 0);
    let all = records(&admin, "");
    let middle = all[all.len() / 2]["time"].as_str().unwrap();
    let (since, until) = (records(&admin, &format!("since={middle}")), records(&admin, &format!("until={middle}")));
    assert_eq!(since.len() + until.len(), all.len());
    assert!(since.iter().all(|one| one["time"].as_str().unwrap() >= middle));
    for query in ["since=yesterday", "until=1", "outcome=maybe", "cursor=x"] {
        admin.get(format!("/api/admin/audit?{query}")).send().refused(400, "BadRequest");
    }
    assert_eq!(records(&admin, "actor=%00").len(), 0);
}

/// Whether everybody who has the export can see that it is whole.
fn export_is_a_chain(deployment: Deployment) {
    let hub = deployment.set("audit.node", "here").start();
    let admin = hub.admin();
    for _ in 0..20 {
        admin.post("/org/create").json(&json!({ "name": unique("org") })).send().expect(200);
    }
    let lines = export(&admin, "");
    assert!(lines.len() > 20);
    let mut previous = "0".repeat(64);
    for (at, line) in lines.iter().enumerate() {
        assert_eq!((&line["number"], &line["previous"]), (&json!(at + 1), &json!(previous)), "{line}");
        previous = hash(line);
        assert_eq!(line["hash"], previous, "{line}");
    }
    assert_eq!(lines.last().unwrap()["action"], "audit.export", "that it was read is on record too");
    assert_eq!(export(&admin, "action=organization").len(), 20);
    let printed = hub.deployment.run(["audit", "export", "--action", "organization", "--actor", "admin"]).ok();
    assert_eq!(printed.lines().count(), 20);
    let listed: Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert_eq!(listed["hash"], hash(&listed));
    let verified: Value = serde_json::from_str(&hub.deployment.run(["audit", "verify", "--json"]).ok()).unwrap();
    assert_eq!((&verified["chains"], &verified["broken"]), (&json!(1), &json!([])));
    assert!(verified["records"].as_u64().unwrap() > lines.len() as u64);
}

#[test]
fn the_export_proves_itself_on_sqlite() {
    export_is_a_chain(Deployment::new());
}

#[test]
fn the_export_proves_itself_on_postgres() {
    let Some(database) = Postgres::new() else { return };
    export_is_a_chain(database.deployment());
}

#[test]
fn a_record_that_somebody_changed_behind_the_hub_is_found() {
    let hub = Deployment::new().set("audit.node", "here").start();
    for _ in 0..5 {
        hub.admin().post("/org/create").json(&json!({ "name": unique("org") })).send().expect(200);
    }
    let deployment = hub.deployment.clone();
    hub.stop();
    assert!(deployment.run(["audit", "verify"]).ok().contains("none is missing"));
    let rows = Rows::of(&deployment);
    rows.change("DROP TRIGGER audit_records_stay_as_they_are");
    let changed = rows.change(
        "UPDATE audit_records SET content = REPLACE(content, 'organization/', 'organisation/'), \
         object = REPLACE(object, 'organization/', 'organisation/') WHERE number = 4",
    );
    assert_eq!(changed, 1);
    let outcome = deployment.run(["audit", "verify"]).ended(1);
    assert!(outcome.output.contains("BROKEN: the chain of here, at record 4"), "{}", outcome.output);
    let outcome = deployment.run(["audit", "verify", "--json"]).ended(1);
    let report: Value = serde_json::from_str(&outcome.output).unwrap();
    assert_eq!((&report["records"], &report["broken"][0]["number"]), (&json!(3), &json!(4)), "{report}");
}

#[test]
fn nodes_have_chains_of_their_own() {
    let Some(database) = Postgres::new() else { return };
    let first = database.deployment().set("audit.node", "one").start();
    let second = database.beside(&first.deployment).set("audit.node", "two").start();
    let admin = first.admin();
    let other = second.client().with_token(&first.admin_token());
    for client in [&admin, &other, &admin, &other] {
        client.post("/org/create").json(&json!({ "name": unique("org") })).send().expect(200);
    }
    // Whoever asks sees all of it, whichever node it was done on.
    for client in [&admin, &other] {
        let nodes: Vec<Value> =
            records(client, "action=organization").iter().map(|record| record["node"].clone()).collect();
        assert_eq!(nodes.iter().filter(|node| **node == "one").count(), 2, "{nodes:?}");
        assert_eq!(nodes.len(), 4);
    }
    let report = first.deployment.run(["audit", "verify", "--json"]).ok();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["chains"], 2, "{report}");
}
