//! Logins of programs by their user's browser (RFC 8628).

use ballast_tests::{Answer, Client, Deployment, Hub, unique};
use serde_json::{Value, json};

use crate::databases::Postgres;

const PASSWORD: &str = "correct horse";
const DEVICE_CODE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";

fn open_hub() -> Hub {
    Deployment::new().set("accounts.registration", "open").start()
}

/// Registers somebody, and answers their name and the cookie of a session.
fn registered(hub: &Hub) -> (String, String) {
    let name = unique("user");
    let body = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    hub.client().post("/api/auth/register").json(&body).send().ok();
    let body = json!({ "username": name, "password": PASSWORD });
    let answer = hub.client().post("/api/auth/login").json(&body).send().expect(200);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    (name, cookie)
}

fn begin(hub: &Hub) -> Value {
    let answer = hub.client().post("/oauth/device").form("client_id=a-program").send().expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn ask(hub: &Hub, begun: &Value) -> Answer {
    let code = text(&begun["device_code"]);
    hub.client().post("/oauth/token").form(&format!("grant_type={DEVICE_CODE}&device_code={code}&client_id=x")).send()
}

fn renew(hub: &Hub, refresh: &Value) -> Answer {
    hub.client().post("/oauth/token").form(&format!("grant_type=refresh_token&refresh_token={}", text(refresh))).send()
}

/// The word of OAuth that a program is refused with.
fn word(answer: Answer) -> String {
    let answer = answer.expect(400);
    let body = answer.json();
    assert_eq!(body["error_description"].as_str(), answer.header("x-error-message"), "{body}");
    text(&body["error"]).to_owned()
}

/// What a browser with a session sends from the page.
fn answer(hub: &Hub, cookie: &str, begun: &Value, answer: &str) -> Answer {
    let form = format!("user_code={}&answer={answer}", text(&begun["user_code"]));
    let request = hub.client().post("/device").header("Origin", hub.client().base()).header("Cookie", cookie);
    request.form(&form).send()
}

fn bearer(hub: &Hub, token: &Value) -> Client {
    hub.client().with_token(text(token))
}

fn a_program_is_let_in_once(deployment: Deployment) {
    let hub = deployment.set("accounts.registration", "open").start();
    let (name, cookie) = registered(&hub);
    let begun = begin(&hub);
    assert_eq!((&begun["interval"], &begun["expires_in"]), (&json!(5), &json!(900)));
    let page = format!("{}/device", hub.client().base());
    assert_eq!(begun["verification_uri"], page);
    let code = text(&begun["user_code"]);
    assert_eq!(begun["verification_uri_complete"], format!("{page}?user_code={code}"));
    assert_eq!(
        (word(ask(&hub, &begun)), word(ask(&hub, &begun))),
        ("authorization_pending".into(), "slow_down".into())
    );

    answer(&hub, &cookie, &begun, "allow").expect(200);
    let granted = ask(&hub, &begun).expect(200);
    assert_eq!(granted.header("cache-control"), Some("no-store"));
    let granted = granted.json();
    assert_eq!((&granted["token_type"], &granted["expires_in"]), (&json!("bearer"), &json!(30 * 86_400)));
    assert_eq!(word(ask(&hub, &begun)), "expired_token");
    answer(&hub, &cookie, &begun, "allow").expect(400);

    let program = bearer(&hub, &granted["access_token"]);
    let who = program.get("/api/whoami-v2").send().ok();
    assert_eq!(who["name"], name);
    assert_eq!(who["auth"]["accessToken"]["displayName"], format!("oauth-{name}"));
    assert_eq!(who["auth"]["accessToken"]["role"], "write");
    program.post("/api/repos/create").json(&json!({ "name": "mine" })).send().expect(200);
    program.get("/api/auth/tokens").send().refused(403, "Forbidden");

    // The same token by another value, as often as it is renewed.
    let renewed = renew(&hub, &granted["refresh_token"]).expect(200).json();
    program.get("/api/whoami-v2").send().refused(401, "Unauthorized");
    let again = renew(&hub, &renewed["refresh_token"]).expect(200).json();
    bearer(&hub, &renewed["access_token"]).get("/api/whoami-v2").send().refused(401, "Unauthorized");
    let program = bearer(&hub, &again["access_token"]);
    program.get("/api/whoami-v2").send().expect(200);
    let listed = hub.client().get("/api/auth/tokens").header("Cookie", &cookie).send().ok();
    assert_eq!(listed["tokens"].as_array().map(Vec::len), Some(1), "{listed}");
    // One that was used is in two hands: neither is let in any more.
    assert_eq!(word(renew(&hub, &renewed["refresh_token"])), "invalid_grant");
    program.get("/api/whoami-v2").send().refused(401, "Unauthorized");
    assert_eq!(word(renew(&hub, &again["refresh_token"])), "invalid_grant");
    for (action, actor, why) in
        [("token.create", json!(name), "device"), ("token.revoke", Value::Null, "renewed_twice")]
    {
        let record = on_record(&hub, action);
        assert_eq!((&record["actor"], &record["details"][why]), (&actor, &json!(true)), "{record}");
        assert_eq!(record["object"], format!("user/{name}"));
    }
}

/// The newest record of an action.
fn on_record(hub: &Hub, action: &str) -> Value {
    hub.admin().get(format!("/api/admin/audit?action={action}&limit=1")).send().ok()["records"][0].clone()
}

#[test]
fn a_program_is_let_in_once_and_its_token_renewed_on_sqlite() {
    a_program_is_let_in_once(Deployment::new());
}

#[test]
fn a_program_is_let_in_once_and_its_token_renewed_on_postgres() {
    let Some(database) = Postgres::new() else { return };
    a_program_is_let_in_once(database.deployment());
}

#[test]
fn a_program_that_its_user_refuses_is_told_so_once() {
    let hub = open_hub();
    let (_, cookie) = registered(&hub);
    let begun = begin(&hub);
    assert!(answer(&hub, &cookie, &begun, "deny").expect(200).text().contains("not let in"));
    answer(&hub, &cookie, &begun, "allow").expect(400);
    assert_eq!(word(ask(&hub, &begun)), "access_denied");
    assert_eq!(word(ask(&hub, &begun)), "expired_token");
}

#[test]
fn a_token_that_its_user_revokes_is_not_renewed() {
    let hub = open_hub();
    let (_, cookie) = registered(&hub);
    let begun = begin(&hub);
    answer(&hub, &cookie, &begun, "allow").expect(200);
    let granted = ask(&hub, &begun).ok();
    let listed = hub.client().get("/api/auth/tokens").header("Cookie", &cookie).send().ok();
    let target = format!("/api/auth/tokens/{}", listed["tokens"][0]["id"]);
    let request = hub.client().delete(target).header("Cookie", &cookie).header("Origin", hub.client().base());
    request.send().expect(200);
    bearer(&hub, &granted["access_token"]).get("/api/whoami-v2").send().refused(401, "Unauthorized");
    assert_eq!(word(renew(&hub, &granted["refresh_token"])), "invalid_grant");
}

#[test]
fn what_makes_no_sense_is_refused_in_the_words_of_oauth() {
    let hub = Hub::shared();
    let token = |form: &str| word(hub.client().post("/oauth/token").form(form).send());
    for (form, expected) in [
        ("", "invalid_request"),
        ("grant_type=refresh_token", "invalid_request"),
        (&format!("grant_type={DEVICE_CODE}"), "invalid_request"),
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=refresh_token&refresh_token=nonsense", "invalid_grant"),
        (&format!("grant_type={DEVICE_CODE}&device_code=nonsense"), "expired_token"),
    ] {
        assert_eq!(token(form), expected, "{form}");
    }
}

#[test]
fn the_page_asks_who_is_logged_in_and_nobody_else() {
    let hub = open_hub();
    let (name, cookie) = registered(&hub);
    let begun = begin(&hub);
    let code = text(&begun["user_code"]);
    let page = format!("/device?user_code={code}");
    let sent = hub.client().get(&page).send().expect(303);
    let login = sent.header("location").unwrap().to_owned();
    assert_eq!(login, format!("/login?next=%2Fdevice%3Fuser%5Fcode%3D{}", code.replace('-', "%252D")));
    // The login page sends its visitor back.
    assert!(
        hub.client()
            .get(&login)
            .send()
            .expect(200)
            .text()
            .contains(&format!("/device?user_code={}", code.replace('-', "%2D")))
    );

    let browse = |target: &str| hub.client().get(target).header("Cookie", &cookie).send();
    let shown = browse(&page).expect(200);
    assert!(shown.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")));
    assert!(shown.text().contains(&name) && shown.text().contains(code) && shown.text().contains("Refuse it"));
    assert!(browse("/device").expect(200).text().contains("name=\"user_code\""));
    assert!(browse("/device?user_code=AAAA-AAAA").expect(400).text().contains("No device waits"));
    // However it is typed.
    let typed = format!("user_code=+{}+", code.to_lowercase().replace('-', ""));
    let form = |origin: Option<&str>, cookie: Option<&str>, text: &str| {
        let request = hub.client().post("/device");
        let request = origin.map_or(request.clone(), |origin| request.clone().header("Origin", origin));
        cookie.map_or(request.clone(), |cookie| request.clone().header("Cookie", cookie)).form(text).send()
    };
    let base = hub.client().base();
    assert!(form(Some(&base), Some(&cookie), &typed).expect(200).text().contains("Let it in"));

    let allow = format!("user_code={code}&answer=allow");
    form(Some("https://evil.example"), Some(&cookie), &allow).refused(403, "Forbidden");
    form(None, Some(&cookie), &allow).refused(403, "Forbidden");
    form(Some(&base), None, &allow).expect(401);
    assert_eq!(word(ask(&hub, &begun)), "authorization_pending");
    form(Some(&base), Some(&cookie), &allow).expect(200);
    ask(&hub, &begun).expect(200);
}

#[test]
fn a_write_token_lets_no_device_in() {
    let hub = Hub::shared();
    let (_, writer) = hub.user("write");
    let begun = begin(&hub);
    writer.post("/device").form(&format!("user_code={}&answer=allow", text(&begun["user_code"]))).send().expect(403);
    assert_eq!(word(ask(&hub, &begun)), "authorization_pending");
}

#[test]
fn who_tries_codes_is_stopped() {
    let hub = open_hub();
    let (_, cookie) = registered(&hub);
    let try_one = |number: usize| {
        let letters = ["B", "C", "D", "F", "G", "H", "J", "K", "L", "M", "N"];
        let target = format!("/device?user_code=BBBB-BBB{}", letters[number]);
        hub.client().get(target).header("Cookie", &cookie).send()
    };
    for number in 0..10 {
        try_one(number).expect(400);
    }
    let stopped = try_one(10).expect(429);
    assert!(stopped.header("retry-after").is_some());
}
