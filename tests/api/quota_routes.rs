//! What is used and what is allowed, as people see and set it.

use ballast_tests::{Client, Deployment, Hub, Repository};
use serde_json::{Value, json};

const LAB: &str = r#"
[[bootstrap.users]]
name = "vera"
tokens = [{ name = "t", role = "write", value = "token-of-vera" }]
[[bootstrap.users]]
name = "ada"
tokens = [{ name = "t", role = "write", value = "token-of-ada" }, { name = "r", role = "read", value = "reading-of-ada" }]
[[bootstrap.users]]
name = "otto"
tokens = [{ name = "t", role = "admin", value = "token-of-otto" }]
[[bootstrap.organizations]]
name = "lab"
members = [{ user = "vera", role = "visitor" }, { user = "ada", role = "admin" }]
"#;

fn lab() -> (Hub, Repository, Repository) {
    let hub = Deployment::new().config(LAB).start();
    let ada = hub.client().with_token("token-of-ada");
    let (public, private) = (Repository::create(&ada, "lab", false), Repository::create(&ada, "lab", true));
    public.add("a.txt", vec![b'a'; 3_000]);
    private.add("b.txt", vec![b'b'; 1_000]);
    (hub, public, private)
}

fn user(hub: &Hub, name: &str) -> Client {
    hub.client().with_token(&format!("token-of-{name}"))
}

fn used(repository: &Repository) -> u64 {
    repository.client.get(repository.api("?expand=usedStorage")).send().ok()["usedStorage"].as_u64().unwrap()
}

#[test]
fn members_see_both_accounts_and_others_what_is_public() {
    let (hub, public, private) = lab();
    let quota = user(&hub, "vera").get("/api/quota/lab").send().ok();
    assert_eq!(quota["is_organization"], true);
    assert_eq!(
        (&quota["public_used_bytes"], &quota["private_used_bytes"]),
        (&json!(used(&public)), &json!(used(&private)))
    );
    assert_eq!(quota["used_bytes"], used(&public) + used(&private));
    assert_eq!(
        (&quota["quota_bytes"], &quota["available_bytes"], &quota["percentage_used"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    user(&hub, "otto").get("/api/quota/lab").send().refused(403, "Forbidden");
    hub.client().get("/api/quota/lab").send().refused(401, "Unauthorized");
    hub.admin().get("/api/quota/nobody-here").send().refused(404, "NotFound");

    let seen = user(&hub, "otto").get("/api/quota/lab/public").send().ok();
    assert_eq!((&seen["can_see_private"], &seen["private_used_bytes"]), (&json!(false), &Value::Null));
    assert_eq!((&seen["public_used_bytes"], &seen["total_used_bytes"]), (&json!(used(&public)), &json!(used(&public))));
    let seen = user(&hub, "vera").get("/api/quota/lab/public").send().ok();
    assert_eq!((&seen["can_see_private"], &seen["private_used_bytes"]), (&json!(true), &json!(used(&private))));
}

#[test]
fn who_administers_lowers_a_limit_and_only_the_hubs_administrator_raises_it() {
    let (hub, public, _) = lab();
    let set = |client: &Client, limits: Value| client.put("/api/quota/lab").json(&limits).send();
    set(&user(&hub, "vera"), json!({ "quota_bytes": 1_000_000 })).refused(403, "Forbidden");
    set(&hub.client().with_token("reading-of-ada"), json!({ "quota_bytes": 1_000_000 })).refused(403, "Forbidden");
    let answer = set(&user(&hub, "ada"), json!({ "quota_bytes": 1_000_000 })).ok();
    assert_eq!((&answer["private_quota_bytes"], &answer["quota_bytes"]), (&json!(1_000_000), &json!(2_000_000)));
    set(&user(&hub, "ada"), json!({ "public_quota_bytes": 1_000_001 })).refused(403, "Forbidden");
    set(&user(&hub, "ada"), json!({ "public_quota_bytes": null })).refused(403, "Forbidden");
    set(&user(&hub, "ada"), json!({ "quota": 5 })).refused(400, "BadRequest");
    let answer = set(&hub.admin(), json!({ "public_quota_bytes": null })).ok();
    assert_eq!((&answer["public_quota_bytes"], &answer["private_quota_bytes"]), (&Value::Null, &json!(1_000_000)));
    // It holds: below what is used, nothing more is taken.
    let answer = set(&hub.admin(), json!({ "public_quota_bytes": 6_000 })).ok();
    assert_eq!(answer["public_available_bytes"], 6_000 - used(&public));
    public.commit(&[ballast_tests::lines::file("c.txt", vec![b'c'; 3_000])]).refused(413, "QuotaExceeded");
}

#[test]
fn a_repository_has_a_limit_of_its_own_or_that_of_its_namespace() {
    let (hub, public, private) = lab();
    let address = |repository: &Repository| format!("/api/quota/repo/model/{}", repository.id);
    let quota = hub.client().get(address(&public)).send().ok();
    assert_eq!((&quota["is_inheriting"], &quota["effective_quota_bytes"]), (&json!(true), &Value::Null));
    assert_eq!((&quota["used_bytes"], &quota["namespace_used_bytes"]), (&json!(used(&public)), &json!(used(&public))));
    hub.client().get(address(&private)).send().refused(401, "RepoNotFound");
    let set =
        |client: &Client, bytes: Value| client.put(address(&public)).json(&json!({ "quota_bytes": bytes })).send();
    set(&user(&hub, "vera"), json!(10_000)).refused(403, "Forbidden");
    let quota = set(&user(&hub, "ada"), json!(10_000)).ok();
    assert_eq!((&quota["quota_bytes"], &quota["effective_quota_bytes"]), (&json!(10_000), &json!(10_000)));
    assert_eq!((&quota["is_inheriting"], &quota["available_bytes"]), (&json!(false), &json!(10_000 - used(&public))));
    set(&user(&hub, "ada"), json!(20_000)).refused(403, "Forbidden");
    set(&user(&hub, "ada"), Value::Null).refused(403, "Forbidden");
    public.commit(&[ballast_tests::lines::file("c.txt", vec![b'c'; 9_000])]).refused(413, "QuotaExceeded");
    assert_eq!(set(&hub.admin(), Value::Null).ok()["is_inheriting"], true);
    public.add("c.txt", vec![b'c'; 9_000]);
    hub.client().get(format!("/api/quota/repo/gadget/{}", public.id)).send().refused(400, "BadRequest");
}

#[test]
fn a_namespaces_repositories_are_listed_with_what_they_hold() {
    let (hub, public, private) = lab();
    let vera = user(&hub, "vera");
    let list = vera.get("/api/quota/lab/repos").send().ok();
    assert_eq!(list["total_repos"], 2);
    let item = |at: usize| list["repositories"][at].clone();
    assert_eq!((&item(0)["repo_id"], &item(0)["used_bytes"]), (&json!(public.id), &json!(used(&public))));
    assert_eq!((&item(1)["private"], &item(1)["used_bytes"]), (&json!(true), &json!(used(&private))));
    let page = vera.get("/api/quota/lab/repos?limit=1").send().expect(200);
    let next = vera.get(vera.target(page.next().unwrap())).send().expect(200);
    assert_eq!(next.json()["repositories"][0]["repo_id"], private.id);
    assert_eq!(next.next(), None);
    user(&hub, "otto").get("/api/quota/lab/repos").send().refused(403, "Forbidden");

    let own = user(&hub, "ada").get("/api/organizations/lab/settings/repositories").send().ok();
    assert_eq!(
        (&own[0]["id"], &own[0]["visibility"], &own[0]["type"]),
        (&json!(public.id), &json!("public"), &json!("model"))
    );
    assert_eq!((&own[1]["storage"], &own[1]["storagePercent"]), (&json!(used(&private)), &json!(100.0)));
    assert_eq!(user(&hub, "otto").get("/api/settings/repositories").send().ok(), json!([]));
    hub.client().get("/api/settings/repositories").send().refused(401, "Unauthorized");
}

#[test]
fn recalculation_agrees_with_what_was_counted_and_mends_what_was_not() {
    let (hub, public, private) = lab();
    let before = hub.admin().get("/api/quota/lab").send().ok();
    assert_eq!(user(&hub, "ada").post("/api/quota/lab/recalculate").send().ok(), before);
    let address = format!("/api/quota/repo/model/{}/recalculate", private.id);
    assert_eq!(user(&hub, "ada").post(&address).send().ok()["used_bytes"], used(&private));
    user(&hub, "vera").post(&address).send().refused(403, "Forbidden");
    user(&hub, "vera").post("/api/quota/lab/recalculate").send().refused(403, "Forbidden");
    public.add("c.txt", "c");
    let after = hub.admin().post("/api/quota/lab/recalculate").send().ok();
    assert_eq!(after["public_used_bytes"], used(&public));
}
