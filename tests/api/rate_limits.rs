//! How many requests there may be.

use ballast_tests::{Answer, Deployment, Hub};
use serde_json::json;

/// A hub where an account has four requests to the API, three for files and two for pages, in five minutes; and an
/// address two of each.
fn hub() -> Hub {
    let limits = [
        ("enabled", "true"),
        ("api", "4"),
        ("resolve", "3"),
        ("pages", "2"),
        ("anonymous_api", "2"),
        ("anonymous_resolve", "2"),
        ("anonymous_pages", "2"),
    ];
    limits.iter().fold(Deployment::new(), |all, (key, value)| all.set(&format!("rate_limits.{key}"), value)).start()
}

/// What is left, as `huggingface_hub` reads it: the sort, the count, and that the rest makes sense.
fn left(answer: &Answer, most: u32) -> (String, u32) {
    let line = answer.header("ratelimit").unwrap_or_else(|| panic!("{}: no RateLimit", answer.asked));
    let mut parts = line.split(';');
    let sort = parts.next().unwrap().trim_matches('"').to_owned();
    let number = |part: Option<&str>, word: &str| part.unwrap().strip_prefix(word).unwrap().parse::<u32>().unwrap();
    let (remaining, ends) = (number(parts.next(), "r="), number(parts.next(), "t="));
    assert!((1..=300).contains(&ends), "{line}");
    let policy = format!("\"fixed window\";\"{sort}\";q={most};w=300");
    assert_eq!(answer.header("ratelimit-policy"), Some(policy.as_str()));
    (sort, remaining)
}

fn refused(answer: Answer, most: u32) -> String {
    let (sort, remaining) = left(&answer, most);
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(remaining == 0 && (1..=300).contains(&wait), "{wait}");
    let why = answer.refused(429, "TooManyRequests");
    assert!(why.contains(&format!("{most} in 300 seconds")), "{why}");
    sort
}

#[test]
fn each_answer_says_what_is_left_until_nothing_is() {
    let hub = hub();
    let nobody = hub.client();
    for remaining in [1, 0] {
        assert_eq!(left(&nobody.get("/api/models").send().expect(200), 2), ("api".to_owned(), remaining));
    }
    assert_eq!(refused(nobody.get("/api/models").send(), 2), "api");
    // A refusal is an answer too, and so is one that nothing is found with.
    assert_eq!(left(&nobody.get("/nobody/nothing/resolve/main/x").send().expect(401), 2), ("resolve".to_owned(), 1));
    assert_eq!(left(&nobody.get("/docs").send().expect(200), 2), ("pages".to_owned(), 1));
    assert_eq!(left(&nobody.get("/nowhere").send().expect(404), 2), ("pages".to_owned(), 0));
    assert_eq!(refused(nobody.get("/").send(), 2), "pages");
    // What asks after the hub's health is never counted.
    for target in ["/health", "/healthz", "/readyz", "/metrics", "/api/health"] {
        assert_eq!(nobody.get(target).send().expect(200).header("ratelimit"), None, "{target}");
    }
}

#[test]
fn an_account_is_counted_by_itself_whichever_credential_it_shows() {
    let hub = hub();
    let (name, ada) = hub.user("admin");
    let other = hub.client().with_token(&hub.token(&name, "read"));
    let (_, bob) = hub.user("read");
    for (client, remaining) in [(&ada, 3), (&other, 2), (&ada, 1), (&other, 0)] {
        assert_eq!(left(&client.get("/api/whoami-v2").send().expect(200), 4), ("api".to_owned(), remaining));
    }
    assert_eq!(refused(ada.get("/api/whoami-v2").send(), 4), "api");
    assert_eq!(refused(other.post("/api/repos/create").json(&json!({ "name": "r" })).send(), 4), "api");
    bob.get("/api/whoami-v2").send().expect(200);
    hub.client().get("/api/models").send().expect(200);
}

#[test]
fn a_credential_that_is_none_counts_for_the_address() {
    let hub = hub();
    let wrong = hub.client().with_token("hf_nonsense");
    for _ in 0..2 {
        wrong.get("/api/whoami-v2").send().refused(401, "Unauthorized");
    }
    refused(wrong.get("/api/whoami-v2").send(), 2);
    refused(hub.client().get("/api/models").send(), 2);
    // Another address, as the proxy on this machine says.
    hub.client().get("/api/models").header("X-Forwarded-For", "192.0.2.7").send().expect(200);
}

#[test]
fn a_page_that_sends_a_form_is_counted_once() {
    let hub = hub();
    let sent = hub.client().post("/login").header("Origin", hub.client().base()).form("username=a&password=b&next=%2F");
    assert_eq!(left(&sent.send().expect(401), 2), ("pages".to_owned(), 1));
}

#[test]
fn a_hub_of_this_machine_alone_limits_nothing_unless_it_is_told_to() {
    let hub = Hub::shared();
    assert_eq!(hub.client().get("/api/models").send().expect(200).header("ratelimit"), None);
}
