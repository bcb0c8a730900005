//! Invitations into organisations, by the API and on their page.

use ballast_tests::{Answer, Client, Deployment, Hub, unique};
use serde_json::{Value, json};

use crate::databases::Postgres;

const CONFIG: &str = r#"
accounts.registration = "invitation"
[[bootstrap.users]]
name = "ada"
email = "ada@example.org"
password = "correct horse"
tokens = [{ name = "t", role = "admin", value = "token-of-ada" }]
[[bootstrap.users]]
name = "max"
tokens = [{ name = "t", role = "admin", value = "token-of-max" }]
[[bootstrap.users]]
name = "otto"
email = "otto@example.org"
password = "correct horse"
tokens = [{ name = "t", role = "admin", value = "token-of-otto" }]
[[bootstrap.organizations]]
name = "lab"
members = [{ user = "ada", role = "admin" }, { user = "max", role = "member" }]
"#;

fn hub() -> Hub {
    Deployment::new().config(CONFIG).start()
}

fn user(hub: &Hub, name: &str) -> Client {
    hub.client().with_token(&format!("token-of-{name}"))
}

fn invite(hub: &Hub, body: Value) -> Answer {
    user(hub, "ada").post("/api/invitations/org/lab/create").json(&body).send()
}

fn token(hub: &Hub, body: Value) -> String {
    invite(hub, body).ok()["token"].as_str().unwrap().to_owned()
}

fn accept(client: &Client, token: &str) -> Answer {
    client.post(format!("/api/invitations/{token}/accept")).send()
}

fn members(hub: &Hub) -> Vec<String> {
    let listed = hub.client().get("/org/lab/members").send().ok();
    listed["members"].as_array().unwrap().iter().map(|one| one["user"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_invitation_is_made_shown_accepted_once_and_listed() {
    let hub = hub();
    let made = invite(&hub, json!({ "role": "member", "max_usage": null, "expires_days": 7 })).ok();
    let token = made["token"].as_str().unwrap();
    assert_eq!(made["invitation_link"], format!("{}/invite/{token}", hub.client().base()));
    assert_eq!((&made["max_usage"], &made["is_reusable"]), (&Value::Null, &json!(false)));
    let told = hub.client().get(format!("/api/invitations/{token}")).send().ok();
    for (field, value) in [
        ("action", json!("join_org")),
        ("inviter_username", json!("ada")),
        ("org_name", json!("lab")),
        ("role", json!("member")),
        ("is_available", json!(true)),
        ("is_expired", json!(false)),
        ("usage_count", json!(0)),
        ("error_message", Value::Null),
        ("email", Value::Null),
    ] {
        assert_eq!(told[field], value, "{field}");
    }
    accept(&hub.client(), token).refused(401, "Unauthorized");
    assert!(accept(&user(&hub, "max"), token).refused(400, "BadRequest").contains("already"));
    let joined = accept(&user(&hub, "otto"), token).ok();
    assert_eq!(
        (&joined["org_name"], &joined["role"], &joined["success"]),
        (&json!("lab"), &json!("member"), &json!(true))
    );
    let told = hub.client().get(format!("/api/invitations/{token}")).send().ok();
    assert_eq!((&told["is_available"], &told["usage_count"]), (&json!(false), &json!(1)));
    assert!(told["error_message"].is_string());
    accept(&hub.admin(), token).refused(400, "BadRequest");

    let listed = user(&hub, "ada").get("/api/invitations/org/lab/list").send().ok();
    let one = &listed["invitations"][0];
    assert_eq!((&one["token"], &one["created_by"], &one["is_pending"]), (&json!(token), &json!("ada"), &json!(false)));
    assert!(one["used_at"].is_string() && one["id"].is_i64(), "{one}");
}

#[test]
fn only_admins_invite_and_to_no_more_than_they_are() {
    let hub = hub();
    invite(&hub, json!({ "role": "super-admin" })).refused(403, "Forbidden");
    let token = token(&hub, json!({ "role": "admin" }));
    for name in ["max", "otto"] {
        let client = user(&hub, name);
        client
            .post("/api/invitations/org/lab/create")
            .json(&json!({ "role": "visitor" }))
            .send()
            .refused(403, "Forbidden");
        client.get("/api/invitations/org/lab/list").send().refused(403, "Forbidden");
        client.delete(format!("/api/invitations/{token}")).send().refused(403, "Forbidden");
    }
    for body in [
        json!({ "role": "owner" }),
        json!({}),
        json!({ "role": "member", "max_usage": 0 }),
        json!({ "role": "member", "max_usage": -2 }),
        json!({ "role": "member", "expires_days": 0 }),
        json!({ "role": "member", "expires_days": 366 }),
        json!({ "role": "member", "email": "nonsense" }),
    ] {
        invite(&hub, body).refused(400, "BadRequest");
    }
    user(&hub, "ada")
        .post("/api/invitations/org/nowhere/create")
        .json(&json!({ "role": "member" }))
        .send()
        .refused(404, "NotFound");
    user(&hub, "ada").delete(format!("/api/invitations/{token}")).send().expect(200);
    hub.client().get(format!("/api/invitations/{token}")).send().refused(404, "NotFound");
    accept(&user(&hub, "otto"), &token).refused(404, "NotFound");
    let forged = format!("{}{}", &token[..token.len() - 1], if token.ends_with('A') { "E" } else { "A" });
    for odd in ["x", "x.y", forged.as_str(), "%00"] {
        hub.client().get(format!("/api/invitations/{odd}")).send().refused(404, "NotFound");
    }
}

#[test]
fn an_invitation_for_an_address_is_for_nobody_else() {
    let hub = hub();
    let token = token(&hub, json!({ "role": "member", "email": "Otto@Example.org", "max_usage": -1 }));
    let why = accept(&hub.admin(), &token).refused(400, "BadRequest");
    assert!(why.contains("another e-mail address"), "{why}");
    accept(&user(&hub, "otto"), &token).expect(200);
    let register = |email: &str| {
        let body = json!({ "username": unique("user"), "email": email, "password": "correct horse" });
        hub.client().post(format!("/api/auth/register?invitation_token={token}")).json(&body).send()
    };
    register("else@example.org").refused(403, "Forbidden");
    assert_eq!(members(&hub), ["ada", "max", "otto"]);
}

/// Many who accept at the same moment: users and people who register.
fn no_more_than_it_says(deployment: Deployment) {
    let hub = deployment.config(CONFIG).start();
    let token = token(&hub, json!({ "role": "visitor", "max_usage": 3 }));
    let register = |number: usize| {
        let name = unique("new");
        let body = json!({ "username": name, "email": format!("{number}@example.org"), "password": "correct horse" });
        let request = hub.client().post(format!("/api/auth/register?invitation_token={token}"));
        (name, request.json(&body).send().status)
    };
    let answers: Vec<(String, u16)> = std::thread::scope(|scope| {
        let both = (0..6).map(|number| scope.spawn(move || register(number)));
        let otto = scope.spawn(|| ("otto".to_owned(), accept(&user(&hub, "otto"), &token).status));
        both.collect::<Vec<_>>().into_iter().chain([otto]).map(|one| one.join().unwrap()).collect()
    });
    let mut joined: Vec<&String> = answers.iter().filter(|(_, status)| *status == 200).map(|(name, _)| name).collect();
    assert_eq!(joined.len(), 3, "{answers:?}");
    assert!(answers.iter().all(|(_, status)| matches!(status, 200 | 400 | 403)), "{answers:?}");
    let mut there = members(&hub);
    there.retain(|name| !matches!(name.as_str(), "ada" | "max"));
    there.sort();
    joined.sort();
    assert_eq!(there.iter().collect::<Vec<_>>(), joined);
    // Who was too late has no account either.
    for (name, status) in &answers {
        let known = hub.client().get(format!("/api/users/{name}/type")).send().status;
        assert_eq!(known == 200, *status == 200 || name == "otto", "{name}");
    }
}

#[test]
fn an_invitation_is_used_no_more_often_than_it_says_on_sqlite() {
    no_more_than_it_says(Deployment::new());
}

#[test]
fn an_invitation_is_used_no_more_often_than_it_says_on_postgres() {
    let Some(database) = Postgres::new() else { return };
    no_more_than_it_says(database.deployment());
}

/// A form as a browser sends it from a page of the hub.
fn form(hub: &Hub, target: &str, cookie: Option<&str>, text: &str) -> Answer {
    let request = hub.client().post(target).header("Origin", hub.client().base());
    let request = cookie.map_or(request.clone(), |cookie| request.clone().header("Cookie", cookie));
    request.form(text).send()
}

#[test]
fn the_page_of_an_invitation_lets_somebody_log_in_and_join() {
    let hub = hub();
    let token = token(&hub, json!({ "role": "member", "max_usage": -1 }));
    let page = format!("/invite/{token}");
    let shown = hub.client().get(&page).send().expect(200);
    assert!(shown.header("content-type").is_some_and(|media| media.starts_with("text/html")));
    assert!(shown.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")));
    let text = shown.text();
    assert!(
        text.contains("ada invites you") && text.contains("name=\"password\"") && text.contains("/login?next=/invite/")
    );

    let wrong = form(&hub, "/login", None, "username=otto&password=wrong&next=%2F").expect(401);
    assert!(wrong.text().contains("is wrong") && wrong.header("set-cookie").is_none());
    let answer = form(&hub, "/login", None, &format!("username=otto&password=correct+horse&next={page}")).expect(303);
    assert_eq!(answer.header("location"), Some(page.as_str()));
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let evil = "username=otto&password=correct+horse&next=https%3A%2F%2Fevil.example";
    assert_eq!(form(&hub, "/login", None, evil).expect(303).header("location"), Some("/"));

    let shown = hub.client().get(&page).header("Cookie", &cookie).send().expect(200);
    assert!(shown.text().contains("Join as otto"));
    // Another site's page cannot make its visitor join.
    hub.client()
        .post(&page)
        .header("Cookie", &cookie)
        .header("Origin", "https://evil.example")
        .form("")
        .send()
        .refused(403, "Forbidden");
    assert!(form(&hub, &page, Some(&cookie), "").expect(200).text().contains("member of lab"));
    assert!(form(&hub, &page, Some(&cookie), "").expect(400).text().contains("already"));
    assert_eq!(members(&hub), ["ada", "max", "otto"]);
    hub.client().get("/invite/nonsense").send().expect(404);
}

#[test]
fn the_page_of_an_invitation_lets_somebody_new_register_and_join() {
    let hub = hub();
    let token = token(&hub, json!({ "role": "visitor" }));
    let page = format!("/invite/{token}");
    let short = form(&hub, &page, None, "username=fresh&email=new%40example.org&password=x").expect(400);
    assert!(short.text().contains("too short"), "{}", short.text());
    let made = form(&hub, &page, None, "username=new-one&email=new%40example.org&password=correct+horse").expect(200);
    let cookie = made.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(hub.client().get("/api/auth/me").header("Cookie", cookie).send().ok()["username"], "new-one");
    assert_eq!(members(&hub), ["ada", "max", "new-one"]);
    form(&hub, &page, None, "username=late&email=late%40example.org&password=correct+horse").expect(403);
}

#[test]
fn an_administrator_invites_into_the_hub_and_nothing_more() {
    let hub = hub();
    let make = |client: &Client, body: Value| client.post("/api/invitations/create").json(&body).send();
    make(&user(&hub, "ada"), json!({})).refused(403, "Forbidden");
    make(&hub.client(), json!({})).refused(401, "Unauthorized");
    make(&hub.admin(), json!({ "role": "member" })).refused(400, "BadRequest");
    let made = make(&hub.admin(), json!({ "email": "new@example.org", "expires_days": 3 })).ok();
    let token = made["token"].as_str().unwrap();
    assert_eq!(made["invitation_link"], format!("{}/invite/{token}", hub.client().base()));
    let told = hub.client().get(format!("/api/invitations/{token}")).send().ok();
    assert_eq!((&told["action"], &told["email"]), (&json!("register_account"), &json!("new@example.org")));
    assert_eq!((&told["org_name"], &told["role"]), (&Value::Null, &Value::Null));
    // Who has an account gains nothing by it.
    let anybody = make(&hub.admin(), json!({})).ok()["token"].as_str().unwrap().to_owned();
    let why = accept(&user(&hub, "otto"), &anybody).refused(400, "BadRequest");
    assert!(why.contains("account"), "{why}");

    let page = format!("/invite/{token}");
    let shown = hub.client().get(&page).send().expect(200).text();
    assert!(shown.contains("invites you to this hub") && shown.contains("new@example.org"), "{shown}");
    form(&hub, &page, None, "username=other&email=other%40example.org&password=correct+horse").expect(403);
    let made = form(&hub, &page, None, "username=new-one&email=new%40example.org&password=correct+horse").expect(200);
    assert!(made.header("set-cookie").is_some());
    assert_eq!(members(&hub), ["ada", "max"]);
    form(&hub, &page, None, "username=late&email=new2%40example.org&password=correct+horse").expect(403);

    let target = format!("/api/invitations/{anybody}");
    user(&hub, "ada").delete(&target).send().refused(403, "Forbidden");
    hub.admin().delete(&target).send().expect(200);
    hub.client().get(&target).send().refused(404, "NotFound");
}

#[test]
fn a_closed_hub_invites_nobody_into_itself() {
    let hub = Hub::shared();
    hub.admin().post("/api/invitations/create").json(&json!({})).send().refused(409, "Conflict");
}
