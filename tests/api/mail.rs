//! What links in mails do: verify an address, and make a forgotten password anew.

use std::time::{Duration, Instant};

use ballast_tests::{Answer, Client, Deployment, Hub, Mailbox, Request, unique};
use serde_json::json;

const PASSWORD: &str = "correct horse";

/// A hub that keeps its mails in a folder.
fn hub(verification: &str) -> Hub {
    let deployment = Deployment::new().set("accounts.registration", "open").set("mail.transport", "file");
    deployment.set("accounts.require_email_verification", verification).start()
}

/// Every mail to an address, oldest first, once there are so many.
fn mails(hub: &Hub, to: &str, count: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let files = std::fs::read_dir(hub.deployment.data().join("mail")).unwrap().map(|file| file.unwrap().path());
        let mut mails: Vec<_> = files.map(|path| (path.metadata().unwrap().modified().unwrap(), path)).collect();
        mails.sort();
        let texts = mails.into_iter().map(|(_, path)| plain(&std::fs::read_to_string(path).unwrap()));
        let sent: Vec<String> = texts.filter(|text| text.contains(&format!("To: {to}"))).collect();
        if sent.len() >= count {
            return sent;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{} mails of {count}", sent.len());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A mail without what quoted-printable makes of long lines (RFC 2045, 6.7).
fn plain(text: &str) -> String {
    text.replace("=\r\n", "").replace("=3D", "=")
}

/// What stands behind `token=` in a mail.
fn token(mail: &str) -> String {
    let rest = mail.split("token=").nth(1).unwrap_or_else(|| panic!("no link in:\n{mail}"));
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}

fn login(client: &Client, name: &str, password: &str) -> Request {
    client.post("/api/auth/login").json(&json!({ "username": name, "password": password }))
}

fn registered(hub: &Hub) -> (String, String) {
    let name = unique("user");
    let email = format!("{name}@example.org");
    let body = json!({ "username": name, "email": email, "password": PASSWORD });
    hub.client().post("/api/auth/register").json(&body).send().ok();
    (name, email)
}

fn verify(hub: &Hub, token: &str) -> Answer {
    hub.client().get(format!("/api/auth/verify-email?token={token}")).send().expect(302)
}

#[test]
fn an_account_comes_in_when_its_address_is_verified() {
    let hub = hub("true");
    assert_eq!(hub.client().get("/api/site-config").send().ok()["require_email_verification"], true);
    let (name, email) = registered(&hub);
    let first = token(&mails(&hub, &email, 1)[0]);
    // The right password sends another link, and a wrong one says nothing of an account.
    login(&hub.client(), &name, "wrong horse").send().refused(401, "Unauthorized");
    assert!(login(&hub.client(), &name, PASSWORD).send().refused(403, "Forbidden").contains("Verify"));
    let second = token(&mails(&hub, &email, 2)[1]);
    assert_ne!(first, second);
    let answer = verify(&hub, &second);
    assert_eq!(answer.header("location"), Some(format!("/{name}").as_str()));
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let me = hub.client().get("/api/auth/me").header("Cookie", cookie).send().ok();
    assert_eq!((&me["username"], &me["email_verified"]), (&json!(name), &json!(true)));
    login(&hub.client(), &name, PASSWORD).send().expect(200);
    // Each link once, and none after one was used.
    for over in [second.as_str(), first.as_str(), "nonsense"] {
        let answer = verify(&hub, over);
        assert!(answer.header("location").is_some_and(|target| target.starts_with("/?error=invalid_token&message=")));
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[test]
fn a_changed_address_is_verified_anew() {
    let hub = hub("false");
    let (name, email) = registered(&hub);
    assert_eq!(mails(&hub, &email, 0).len(), 0);
    let cookie = login(&hub.client(), &name, PASSWORD).send().expect(200);
    let cookie = cookie.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let change = |email: &str| {
        let request = hub.client().put(format!("/api/users/{name}/settings")).header("Cookie", &cookie);
        request.header("Origin", hub.client().base()).json(&json!({ "email": email })).send().expect(200);
    };
    let (one, two) = (format!("one-{email}"), format!("two-{email}"));
    change(&one);
    let link = token(&mails(&hub, &one, 1)[0]);
    change(&two);
    // The link went to an address that is nobody's any more.
    assert_eq!(verify(&hub, &link).header("set-cookie"), None);
    verify(&hub, &token(&mails(&hub, &two, 1)[0]));
    let me = hub.client().get("/api/auth/me").header("Cookie", &cookie).send().ok();
    assert_eq!((&me["email"], &me["email_verified"]), (&json!(two), &json!(true)));
}

#[test]
fn a_forgotten_password_is_made_anew_once_and_ends_every_session() {
    let hub = hub("false");
    let (name, email) = registered(&hub);
    let cookie = login(&hub.client(), &name, PASSWORD).send().expect(200);
    let cookie = cookie.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let forgot = |account: &str| {
        hub.client().post("/api/auth/forgot-password").json(&json!({ "username": account })).send().ok()
    };
    let told = forgot(&email.to_uppercase());
    assert_eq!(told, forgot("nobody@example.org"));
    assert_eq!(told, forgot("\u{0}"));
    let link = token(&mails(&hub, &email, 1)[0]);
    let reset = |token: &str, password: &str| {
        let body = json!({ "token": token, "password": password });
        hub.client().post("/api/auth/reset-password").json(&body).send()
    };
    reset(&link, "short").refused(400, "BadRequest");
    reset(&format!("{link}x"), "battery staple").refused(400, "BadRequest");
    reset(&link, "battery staple").expect(200);
    reset(&link, "another staple").refused(400, "BadRequest");
    login(&hub.client(), &name, PASSWORD).send().refused(401, "Unauthorized");
    login(&hub.client(), &name, "battery staple").send().expect(200);
    hub.client().get("/api/auth/me").header("Cookie", cookie).send().refused(401, "Unauthorized");
    let recorded = hub.admin().get("/api/admin/audit?action=password.set&limit=1").send().ok()["records"][0].clone();
    assert_eq!((&recorded["actor"], &recorded["details"]), (&json!(name), &json!({ "by": "mail" })), "{recorded}");
}

#[test]
fn the_pages_of_a_forgotten_password_do_the_same() {
    let hub = hub("false");
    let (name, email) = registered(&hub);
    let form =
        |target: &str, text: &str| hub.client().post(target).header("Origin", hub.client().base()).form(text).send();
    assert!(hub.client().get("/login").send().expect(200).text().contains("/login/forgot"));
    hub.client().get("/login/forgot").send().expect(200);
    form("/login/forgot", &format!("username={name}")).expect(200);
    let link = token(&mails(&hub, &email, 1)[0]);
    let shown = hub.client().get(format!("/login/reset?token={link}")).send().expect(200);
    assert!(shown.text().contains(&link));
    form("/login/reset", &format!("token={link}&password=x")).expect(400);
    form("/login/reset", &format!("token={link}&password=battery+staple")).expect(200);
    form("/login/reset", &format!("token={link}&password=battery+staple")).expect(400);
    login(&hub.client(), &name, "battery staple").send().expect(200);
}

#[test]
fn no_address_is_filled_with_mails() {
    let hub = hub("false");
    let (name, email) = registered(&hub);
    for _ in 0..15 {
        hub.client().post("/api/auth/forgot-password").json(&json!({ "username": name })).send().ok();
    }
    assert_eq!(mails(&hub, &email, 10).len(), 10);
    // Only the newest need be followed; what was refused is said in the log and nowhere else.
    let begun = Instant::now();
    while hub.log().matches("too many mails").count() < 5 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", hub.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(mails(&hub, &email, 10).len(), 10);
}

/// A form as a browser sends it from a page of the hub.
fn form(hub: &Hub, target: &str, text: &str) -> Answer {
    hub.client().post(target).header("Origin", hub.client().base()).form(text).send()
}

#[test]
fn the_page_of_the_link_asks_before_it_uses_it_up() {
    let hub = hub("true");
    let (name, email) = registered(&hub);
    let mail = mails(&hub, &email, 1).remove(0);
    assert!(mail.contains("/login/verify?token="), "{mail}");
    let link = token(&mail);
    // What opens links in mails does it as often as it likes.
    for _ in 0..2 {
        let shown = hub.client().get(format!("/login/verify?token={link}")).send().expect(200);
        assert!(shown.text().contains(&link) && shown.header("set-cookie").is_none());
    }
    hub.client()
        .post("/login/verify")
        .header("Origin", "https://evil.example")
        .form(&format!("token={link}"))
        .send()
        .expect(403);
    let done = form(&hub, "/login/verify", &format!("token={link}")).expect(200);
    assert!(done.text().contains(&name) && done.header("set-cookie").is_some());
    form(&hub, "/login/verify", &format!("token={link}")).expect(400);
    login(&hub.client(), &name, PASSWORD).send().expect(200);
}

#[test]
fn the_first_page_says_that_a_link_is_over_and_nothing_that_stands_in_its_address() {
    let hub = Hub::shared();
    let shown = |target: &str| hub.client().get(target).header("Accept", "text/html").send().expect(200).text();
    assert!(shown("/?error=invalid_token&message=Send+us+your+password").contains("link is over"));
    for target in ["/", "/?error=other&message=Send+us+your+password"] {
        assert!(!shown(target).contains("link is over") && !shown(target).contains("password"), "{target}");
    }
}

#[test]
fn mail_goes_to_a_server_by_smtp() {
    let mailbox = Mailbox::new();
    let url = format!("smtp://hub:secret@{}", mailbox.address);
    let deployment = Deployment::new()
        .set("accounts.registration", "open")
        .set("accounts.require_email_verification", "true")
        .set("server.public_url", "https://hub.example.org")
        .set("server.site_name", "Hüb")
        .set("mail.transport", "smtp")
        .set("mail.from", "Our hub <hub@example.org>")
        .environment("BALLAST_MAIL__URL", &url);
    let hub = deployment.start();
    let (_, email) = registered(&hub);
    let mut mail = mailbox.mails(1).remove(0);
    mail.text = plain(&mail.text);
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("hub@example.org", [email].as_slice()));
    // A zero, the name, a zero and the password (RFC 4616).
    assert_eq!(mail.login.as_deref(), Some("AGh1YgBzZWNyZXQ="));
    assert!(mail.text.contains("https://hub.example.org/login/verify?token="), "{}", mail.text);
    assert!(mail.text.contains("Our hub") && mail.text.contains("<hub@example.org>"), "{}", mail.text);
    assert!(verify(&hub, &token(&mail.text)).header("set-cookie").is_some());
    let log = hub.log();
    assert!(!log.contains(&token(&mail.text)) && !log.contains("secret"), "{log}");
}

#[test]
fn a_mail_server_that_is_gone_keeps_nobody_from_anything_else() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let deployment = Deployment::new()
        .set("accounts.registration", "open")
        .set("server.public_url", "http://hub.test")
        .set("mail.transport", "smtp")
        .environment("BALLAST_MAIL__URL", &format!("smtp://{nobody}"));
    let hub = deployment.start();
    let (name, _) = registered(&hub);
    hub.client().post("/api/auth/forgot-password").json(&json!({ "username": name })).send().ok();
    let begun = Instant::now();
    while !hub.log().contains("a mail was not sent") {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", hub.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    login(&hub.client(), &name, PASSWORD).send().expect(200);
}

#[test]
fn a_way_for_mail_that_leads_nowhere_is_refused_at_the_start() {
    let started = |deployment: Deployment| deployment.try_start().err().unwrap_or_default();
    let smtp = || Deployment::new().set("mail.transport", "smtp");
    assert!(started(smtp()).contains("server.public_url"));
    let smtp = || smtp().set("server.public_url", "https://hub.example.org");
    assert!(started(smtp()).contains("mail.url"));
    let log = started(smtp().environment("BALLAST_MAIL__URL", "ftp://hub:geheim@mail.example.org"));
    assert!(log.contains("mail") && !log.contains("geheim"), "{log}");
    assert!(started(Deployment::new().set("mail.from", "nobody")).contains("'nobody' is no sender"));
}
