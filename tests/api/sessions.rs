//! Accounts, sessions and tokens of one's own.

use ballast_tests::{Answer, Client, Deployment, Hub, Request, unique};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";

/// A hub where everybody may register.
fn open_hub() -> Hub {
    Deployment::new().set("accounts.registration", "open").start()
}

fn registration(client: &Client, name: &str, email: &str, password: &str) -> Request {
    let body = json!({ "username": name, "email": email, "password": password });
    client.post("/api/auth/register").json(&body)
}

/// Registers somebody, and answers their name.
fn registered(hub: &Hub) -> String {
    let name = unique("user");
    registration(&hub.client(), &name, &format!("{name}@example.org"), PASSWORD).send().ok();
    name
}

fn login(client: &Client, name: &str, password: &str) -> Request {
    client.post("/api/auth/login").json(&json!({ "username": name, "password": password }))
}

/// The cookie that an answer sets, without its attributes.
fn cookie(answer: &Answer) -> String {
    let line = answer.header("set-cookie").expect("a cookie");
    line.split(';').next().unwrap().to_owned()
}

/// A request as a browser with a session sends it from a page of the hub.
fn browsing(hub: &Hub, cookie: &str, method: &str, target: &str) -> Request {
    hub.client().request(method, target).header("Cookie", cookie).header("Origin", hub.client().base())
}

fn session(hub: &Hub, name: &str) -> String {
    cookie(&login(&hub.client(), name, PASSWORD).send().expect(200))
}

#[test]
fn who_registers_logs_in_and_is_known_by_the_cookie_until_they_log_out() {
    let hub = open_hub();
    let name = unique("Ada");
    let email = format!("{name}@example.org");
    let made = registration(&hub.client(), &name, &email, PASSWORD).send().ok();
    assert_eq!((&made["success"], &made["email_verified"]), (&json!(true), &json!(false)));

    let answer = login(&hub.client(), &name.to_lowercase(), PASSWORD).send().expect(200);
    assert_eq!(answer.json()["username"], name.as_str());
    let line = answer.header("set-cookie").unwrap().to_owned();
    for word in ["session_id=", "; Path=/", "; HttpOnly", "; SameSite=Lax", &format!("; Max-Age={}", 30 * 86_400)] {
        // A second may have gone by since the session's end was worked out.
        assert!(line.contains(word) || line.contains(&format!("; Max-Age={}", 30 * 86_400 - 1)), "{word}: {line}");
    }
    assert!(!line.contains("Secure"), "{line}");
    let cookie = cookie(&answer);

    let me = browsing(&hub, &cookie, "GET", "/api/auth/me").send().ok();
    assert_eq!((&me["username"], &me["email"], &me["email_verified"]), (&json!(name), &json!(email), &json!(false)));
    assert!(me["id"].is_i64() && me["created_at"].as_str().is_some_and(|moment| moment.ends_with('Z')), "{me}");
    let who = browsing(&hub, &cookie, "GET", "/api/whoami-v2").send().ok();
    assert_eq!((&who["name"], &who["auth"]["type"]), (&json!(name), &json!("session")));
    let create = json!({ "name": "mine", "private": true });
    browsing(&hub, &cookie, "POST", "/api/repos/create").json(&create).send().expect(200);
    let seen = |request: Request| request.send().status;
    assert_eq!(seen(browsing(&hub, &cookie, "GET", &format!("/api/models/{name}/mine"))), 200);

    let out = browsing(&hub, &cookie, "POST", "/api/auth/logout").send().expect(200);
    assert!(out.header("set-cookie").is_some_and(|line| line.contains("session_id=;") && line.contains("Max-Age=0")));
    browsing(&hub, &cookie, "GET", "/api/auth/me").send().refused(401, "Unauthorized");
    // Who shows a session that is over is nobody, and may still read what is public and log out once more.
    browsing(&hub, &cookie, "GET", "/api/models").send().expect(200);
    browsing(&hub, &cookie, "GET", &format!("/api/models/{name}/mine")).send().refused(401, "RepoNotFound");
    browsing(&hub, &cookie, "POST", "/api/auth/logout").send().expect(200);
    hub.client().post("/api/auth/logout").send().refused(401, "Unauthorized");
}

#[test]
fn an_https_hub_keeps_its_cookie_off_http() {
    let url = "https://hub.example.org";
    let hub = Deployment::new().set("accounts.registration", "open").set("server.public_url", url).start();
    let name = registered(&hub);
    let answer = login(&hub.client(), &name, PASSWORD).send().expect(200);
    assert!(answer.header("set-cookie").is_some_and(|line| line.ends_with("; Secure")));
    let create = json!({ "name": "r" });
    let request = hub.client().post("/api/repos/create").header("Cookie", cookie(&answer));
    request.clone().header("Origin", hub.client().base()).json(&create).send().refused(403, "Forbidden");
    request.header("Origin", url).json(&create).send().expect(200);
}

#[test]
fn logging_out_everywhere_ends_every_session_and_no_token() {
    let hub = open_hub();
    let name = registered(&hub);
    let (here, there) = (session(&hub, &name), session(&hub, &name));
    let token = browsing(&hub, &here, "POST", "/api/auth/tokens/create").json(&json!({ "name": "t" })).send().ok();
    browsing(&hub, &here, "POST", "/api/auth/logout?all=true").send().expect(200);
    for cookie in [here, there] {
        browsing(&hub, &cookie, "GET", "/api/auth/me").send().refused(401, "Unauthorized");
    }
    hub.client().with_token(token["token"].as_str().unwrap()).get("/api/auth/me").send().expect(200);
}

#[test]
fn a_page_of_another_origin_cannot_use_a_visitors_session() {
    let hub = Deployment::new()
        .set("accounts.registration", "open")
        .set("server.cors_origins", "[\"https://web.example\"]")
        .start();
    let name = registered(&hub);
    let cookie = session(&hub, &name);
    let create = |origin: Option<&str>| {
        let request = hub.client().post("/api/repos/create").header("Cookie", &cookie);
        let request = origin.map_or(request.clone(), |origin| request.clone().header("Origin", origin));
        request.json(&json!({ "name": unique("r") })).send()
    };
    for origin in [None, Some("https://evil.example"), Some("null"), Some("http://127.0.0.1:1")] {
        create(origin).refused(403, "Forbidden");
    }
    assert_eq!(hub.admin().get(format!("/api/models?author={name}")).send().ok(), json!([] as [Value; 0]));
    create(Some("https://web.example")).expect(200);
    create(Some(&hub.client().base())).expect(200);
    // A token is sent by nobody but who has it, and goes before the cookie.
    let token = browsing(&hub, &cookie, "POST", "/api/auth/tokens/create").json(&json!({ "name": "t" })).send().ok();
    let request = hub.client().with_token(token["token"].as_str().unwrap()).post("/api/repos/create");
    request
        .header("Cookie", &cookie)
        .header("Origin", "https://evil.example")
        .json(&json!({ "name": "by-token" }))
        .send()
        .expect(200);
    // Nor can it log its visitor in as somebody else.
    login(&hub.client(), &name, PASSWORD).header("Origin", "https://evil.example").send().refused(403, "Forbidden");
}

#[test]
fn registration_is_as_open_as_the_operator_says() {
    let closed = Deployment::new().start();
    let told = closed.client().get("/api/site-config").send().ok();
    assert_eq!((&told["invitation_only"], &told["registration"]), (&json!(false), &json!("closed")));
    let why = registration(&closed.client(), "somebody", "s@example.org", PASSWORD).send().refused(403, "Forbidden");
    assert!(why.contains("closed"), "{why}");

    let hub = Deployment::new().set("accounts.registration", "invitation").start();
    let told = hub.client().get("/api/site-config").send().ok();
    assert_eq!((&told["invitation_only"], &told["registration"]), (&json!(true), &json!("invitation")));
    let why = registration(&hub.client(), "somebody", "s@example.org", PASSWORD).send().refused(403, "Forbidden");
    assert!(why.contains("invitation"), "{why}");
    let request = hub.client().post("/api/auth/register?invitation_token=nonsense");
    let body = json!({ "username": "somebody", "email": "s@example.org", "password": PASSWORD });
    request.json(&body).send().refused(403, "Forbidden");
}

#[test]
fn what_is_taken_reserved_or_no_name_is_refused_and_leaves_nothing() {
    let hub = open_hub();
    let name = registered(&hub);
    let email = format!("{name}@example.org");
    let other = unique("other");
    for (name, email, password, word) in [
        (name.to_uppercase(), "new@example.org", PASSWORD, "taken"),
        (name.replacen("user", "us_er", 1), "new@example.org", PASSWORD, "taken"),
        ("admin".to_owned(), "new@example.org", PASSWORD, "reserved"),
        ("a b".to_owned(), "new@example.org", PASSWORD, "not a valid name"),
        (other.clone(), email.to_uppercase().as_str(), PASSWORD, "e-mail"),
        (other.clone(), "nonsense", PASSWORD, "e-mail"),
        (other.clone(), "new@example.org", "short", "too short"),
    ] {
        let why = registration(&hub.client(), &name, email, password).send().refused(400, "BadRequest");
        assert!(why.contains(word), "{why}");
    }
    registration(&hub.client(), &other, "new@example.org", PASSWORD).send().expect(200);
    for body in [json!({}), json!({ "username": other }), json!([]), json!({ "username": 1 })] {
        hub.client().post("/api/auth/register").json(&body).send().refused(400, "BadRequest");
    }
}

#[test]
fn one_name_registered_by_many_at_once_is_one_account() {
    let hub = open_hub();
    let name = unique("race");
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let tries = (0..8).map(|at| {
            let request = registration(&hub.client(), &name, &format!("{at}@example.org"), PASSWORD);
            scope.spawn(move || request.send().status)
        });
        tries.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|status| matches!(status, 200 | 400)), "{answers:?}");
    login(&hub.client(), &name, PASSWORD).send().expect(200);
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_told_alike() {
    let hub = open_hub();
    let name = registered(&hub);
    let wrong = login(&hub.client(), &name, "wrong horse").send().refused(401, "Unauthorized");
    let unknown = login(&hub.client(), &unique("nobody"), "wrong horse").send().refused(401, "Unauthorized");
    assert_eq!(wrong, unknown);
    for odd in ["", "a b", "x\0y", "nobody@example.org", "ü"] {
        login(&hub.client(), odd, "wrong horse").send().refused(401, "Unauthorized");
    }
    hub.deployment.run(["user", "disable", &name]).ok();
    login(&hub.client(), &name, "wrong horse").send().refused(401, "Unauthorized");
    let why = login(&hub.client(), &name, PASSWORD).send().refused(403, "Forbidden");
    assert!(why.contains("disabled"), "{why}");
}

fn who_tries_too_often_waits(hub: &Hub) {
    let (name, other) = (registered(hub), registered(hub));
    // At the same moment, so that none of them can hide behind another.
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let tries = (0..16).map(|_| scope.spawn(|| login(&hub.client(), &name, "wrong horse").send()));
        tries.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect()
    });
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(401), count(429)), (10, 6));
    // Now the right one does not help, here or in Basic, nor by the e-mail address.
    let refused = login(&hub.client(), &name, PASSWORD).send();
    let seconds: u64 = refused.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=90).contains(&seconds), "{seconds}");
    refused.refused(429, "TooManyAttempts");
    login(&hub.client(), &format!("{name}@example.org"), PASSWORD).send().refused(429, "TooManyAttempts");
    let basic = |name: &str| {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{PASSWORD}"));
        hub.client().with_authorization(&format!("Basic {pair}")).get("/api/auth/me").send()
    };
    basic(&name).refused(429, "TooManyAttempts");
    // Others come in from the same address, and the same user from another.
    login(&hub.client(), &other, PASSWORD).send().expect(200);
    basic(&other).expect(200);
    let elsewhere = login(&hub.client(), &name, PASSWORD).header("X-Forwarded-For", "198.51.100.7");
    let cookie = cookie(&elsewhere.send().expect(200));
    browsing(hub, &cookie, "GET", "/api/auth/me").send().expect(200);
    // What was right was not counted.
    for _ in 0..12 {
        login(&hub.client(), &other, PASSWORD).send().expect(200);
    }
}

#[test]
fn who_tries_too_often_waits_and_nobody_else_on_sqlite() {
    who_tries_too_often_waits(&open_hub());
}

#[test]
fn who_tries_too_often_waits_and_nobody_else_on_postgres() {
    let Some(database) = crate::databases::Postgres::new() else { return };
    who_tries_too_often_waits(&database.deployment().set("accounts.registration", "open").start());
}

#[test]
fn a_token_is_made_shown_once_listed_and_ended() {
    let hub = open_hub();
    let name = registered(&hub);
    let cookie = session(&hub, &name);
    let create = |body: Value| browsing(&hub, &cookie, "POST", "/api/auth/tokens/create").json(&body).send();
    let made = create(json!({ "name": "laptop", "role": "read", "expires_days": 7 })).ok();
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("hf_") && made["success"] == true, "{made}");
    let who = hub.client().with_token(&token).get("/api/whoami-v2").send().ok();
    assert_eq!(who["auth"]["accessToken"], json!({ "displayName": "laptop", "role": "read" }));
    create(json!({ "name": "usual" })).ok();

    let answer = browsing(&hub, &cookie, "GET", "/api/auth/tokens").send().expect(200);
    assert!(!answer.text().contains(&token), "a token is shown once");
    let listed = answer.json();
    let tokens = listed["tokens"].as_array().unwrap();
    assert_eq!(
        (&tokens[0]["name"], &tokens[0]["role"], &tokens[1]["role"]),
        (&json!("laptop"), &json!("read"), &json!("write"))
    );
    assert!(tokens[0]["last_used"].is_string() && tokens[1]["last_used"].is_null(), "{listed}");
    assert!(tokens[0]["expires_at"].is_string() && tokens[1]["expires_at"].is_null(), "{listed}");
    let page = browsing(&hub, &cookie, "GET", "/api/auth/tokens?limit=1").send().expect(200);
    let next = hub.client().target(page.next().expect("a next page")).to_owned();
    assert_eq!(browsing(&hub, &cookie, "GET", &next).send().ok()["tokens"][0]["name"], "usual");

    let id = tokens[0]["id"].as_i64().unwrap();
    let target = format!("/api/auth/tokens/{id}");
    let stranger = session(&hub, &registered(&hub));
    browsing(&hub, &stranger, "DELETE", &target).send().refused(404, "NotFound");
    browsing(&hub, &cookie, "DELETE", &target).send().expect(200);
    hub.client().with_token(&token).get("/api/whoami-v2").send().refused(401, "Unauthorized");
    browsing(&hub, &cookie, "DELETE", &target).send().refused(404, "NotFound");
    for body in [
        json!({ "name": "" }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": "x", "role": "owner" }),
        json!({ "name": "x", "expires_days": 0 }),
        json!({ "name": "x", "expires_days": 4000 }),
        json!({ "name": "x", "repositories": [] }),
        json!({ "name": "x", "repositories": ["a"] }),
        json!({ "name": "x", "more": 1 }),
    ] {
        create(body).refused(400, "BadRequest");
    }
}

#[test]
fn a_token_makes_tokens_only_where_it_reaches_as_far_as_its_user() {
    let hub = open_hub();
    let name = registered(&hub);
    let cookie = session(&hub, &name);
    let token = |body: Value| {
        let made = browsing(&hub, &cookie, "POST", "/api/auth/tokens/create").json(&body).send().ok();
        hub.client().with_token(made["token"].as_str().unwrap())
    };
    browsing(&hub, &cookie, "POST", "/api/repos/create").json(&json!({ "name": "mine" })).send().expect(200);
    let scoped = json!({ "name": "s", "role": "admin", "repositories": [format!("{name}/mine")] });
    for held_back in [json!({ "name": "r", "role": "read" }), json!({ "name": "w", "role": "write" }), scoped] {
        let held_back = token(held_back);
        held_back.get("/api/auth/tokens").send().refused(403, "Forbidden");
        held_back
            .post("/api/auth/tokens/create")
            .json(&json!({ "name": "x", "role": "read" }))
            .send()
            .refused(403, "Forbidden");
        held_back.post("/api/auth/logout?all=true").send().refused(403, "Forbidden");
    }
    let admin = token(json!({ "name": "a", "role": "admin" }));
    admin.post("/api/auth/tokens/create").json(&json!({ "name": "x", "role": "admin" })).send().expect(200);
}

#[test]
fn a_token_for_one_repository_is_none_for_the_others() {
    let hub = open_hub();
    let name = registered(&hub);
    let cookie = session(&hub, &name);
    let create = |body: Value| browsing(&hub, &cookie, "POST", "/api/repos/create").json(&body).send().ok();
    create(json!({ "name": "one", "private": true }));
    create(json!({ "name": "two", "private": true }));
    create(json!({ "name": "data", "private": true, "type": "dataset" }));
    let id = browsing(&hub, &cookie, "GET", &format!("/api/models/{name}/two")).send().ok()["_id"].clone();
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let (data, one) = (format!("dataset/{name}/data"), format!("{name}/one"));
    for (written, seen) in [(json!([one]), [200, 404, 404]), (json!([id, data]), [404, 200, 200])] {
        let body = json!({ "name": "t", "repositories": written });
        let made = browsing(&hub, &cookie, "POST", "/api/auth/tokens/create").json(&body).send().ok();
        let client = hub.client().with_token(made["token"].as_str().unwrap());
        for (target, status) in
            [format!("models/{name}/one"), format!("models/{name}/two"), format!("datasets/{name}/data")]
                .iter()
                .zip(seen)
        {
            assert_eq!(client.get(format!("/api/{target}")).send().status, status, "{target}");
        }
        client.post("/api/repos/create").json(&json!({ "name": "three" })).send().refused(403, "Forbidden");
    }
    // What the user does not see cannot be named, by its name or by its number.
    let hidden = hub.private_model();
    let number = hub.admin().get(hidden.api("")).send().ok()["_id"].clone();
    let number = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
    for written in [hidden.id.clone(), number, format!("{name}/missing"), "999999999".to_owned()] {
        let body = json!({ "name": "t", "repositories": [written] });
        browsing(&hub, &cookie, "POST", "/api/auth/tokens/create").json(&body).send().refused(404, "NotFound");
    }
}
