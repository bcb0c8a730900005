//! What a deployment's files declare, as clients meet it.

use ballast_tests::{Deployment, Repository, lines};
use serde_json::json;

/// The example of the manual.
const EXAMPLE: &str = r#"
[[bootstrap.users]]
name = "demo"
full_name = "Demo user"
email = "demo@example.org"
password = { env = "DEMO_PASSWORD" }          # optional
admin = true
tokens = [{ name = "laptop", role = "write", value = { env = "DEMO_TOKEN" } }]   # a plain string works too

[[bootstrap.organizations]]
name = "lab"
full_name = "The Lab"
default_visibility = "private"
members = [{ user = "demo", role = "admin" }]
"#;

fn example() -> Deployment {
    let deployment = Deployment::new().config(EXAMPLE);
    deployment.environment("DEMO_PASSWORD", "correct horse battery").environment("DEMO_TOKEN", "any-8-chars or more")
}

#[test]
fn the_example_of_the_manual_works_and_applying_it_again_changes_nothing() {
    let deployment = example();
    let mut told = vec![];
    for _ in 0..2 {
        let hub = deployment.start();
        let demo = hub.client().with_token("any-8-chars or more");
        let mut who = demo.get("/api/whoami-v2").send().ok();
        for (field, value) in [("name", "demo"), ("fullname", "Demo user"), ("email", "demo@example.org")] {
            assert_eq!(who[field], value);
        }
        assert_eq!((&who["orgs"][0]["name"], &who["orgs"][0]["roleInOrg"]), (&json!("lab"), &json!("admin")));
        assert_eq!(who["auth"]["accessToken"]["displayName"], "laptop");
        who["auth"]["accessToken"].as_object_mut().unwrap().remove("lastUsed");
        told.push((
            who,
            deployment.run(["user", "list"]).ok(),
            deployment.run(["token", "list", "demo"]).ok().lines().count(),
        ));
        let repository = Repository::create(&demo, "lab", true);
        repository.add("a.txt", "a");
        hub.stop();
    }
    assert_eq!(told[0], told[1]);
}

#[test]
fn a_declared_password_signs_its_user_in() {
    use base64::Engine as _;
    let hub = example().start();
    let sign_in = |password: &str| {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("demo:{password}"));
        hub.client().with_authorization(&format!("Basic {basic}")).get("/api/whoami-v2").send()
    };
    sign_in("correct horse battery").expect(200);
    sign_in("wrong").refused(401, "Unauthorized");
}

#[test]
fn what_the_files_say_later_takes_effect() {
    let deployment = example();
    deployment.start().stop();
    let changed = EXAMPLE.replace("role = \"write\"", "role = \"read\"").replace("admin = true", "admin = false");
    let changed = changed.replace("{ user = \"demo\", role = \"admin\" }", "{ user = \"demo\", role = \"visitor\" }");
    let hub = deployment.clone().config(&changed).start();
    let demo = hub.client().with_token("any-8-chars or more");
    let who = demo.get("/api/whoami-v2").send().ok();
    assert_eq!(
        (&who["auth"]["accessToken"]["role"], &who["orgs"][0]["roleInOrg"]),
        (&json!("read"), &json!("visitor"))
    );
    demo.post("/api/repos/create").json(&json!({ "name": "x" })).send().refused(403, "Forbidden");
    hub.stop();

    let rotated = deployment.config(EXAMPLE).environment("DEMO_TOKEN", "another-value");
    let hub = rotated.start();
    hub.client().with_token("any-8-chars or more").get("/api/whoami-v2").send().refused(401, "Unauthorized");
    hub.client().with_token("another-value").get("/api/whoami-v2").send().expect(200);
}

#[test]
fn an_administrator_is_made_unless_one_is_declared_who_can_sign_in() {
    let declared = example();
    let hub = declared.start();
    assert!(!declared.data().join("admin-token").exists() && !hub.log().contains("admin-token"), "{}", hub.log());
    assert!(!declared.run(["user", "list"]).ok().contains("Administrator"));
    hub.stop();

    let no_way_in = EXAMPLE.replace("password =", "# password =");
    for other in [EXAMPLE.replace("admin = true", "admin = false"), no_way_in] {
        let hub = example().config(&other).start();
        assert_eq!(hub.admin().get("/api/whoami-v2").send().ok()["auth"]["accessToken"]["role"], "admin");
    }
}

#[test]
fn a_declaration_that_makes_no_sense_keeps_the_hub_from_starting() {
    for (from, to, code) in [
        ("any", "any", 0),
        ("role = \"write\"", "role = \"boss\"", 2),
        ("name = \"demo\"", "name = \"-demo\"", 2),
        ("name = \"lab\"", "name = \"api\"", 2),
        ("default_visibility = \"private\"", "default_visibility = \"secret\"", 2),
        ("value = { env = \"DEMO_TOKEN\" }", "value = \"short\"", 2),
        ("full_name = \"The Lab\"", "fullname = \"The Lab\"", 2),
    ] {
        let deployment = example().config(&EXAMPLE.replace(from, to));
        let outcome = deployment.run(["check"]);
        assert_eq!(outcome.code, code, "{to}: {}{}", outcome.output, outcome.errors);
        assert!(!outcome.errors.contains("correct horse"), "{}", outcome.errors);
        assert!(code == 0 || outcome.errors.contains("bootstrap."), "{to}: {}", outcome.errors);
        assert!(!deployment.data().exists(), "{to}: a check made something");
    }
}

#[test]
fn a_commit_bears_the_name_of_its_author() {
    let hub = example().start();
    let demo = hub.client().with_token("any-8-chars or more");
    let repository = Repository::create(&demo, "demo", false);
    repository.commit(&[lines::file("a", "a")]).expect(200);
    let listed = demo.get(repository.api("/commits/main")).send().ok();
    assert_eq!(listed[0]["authors"][0]["user"], "demo");
}

#[test]
fn a_member_who_is_no_user_keeps_the_hub_from_starting() {
    let deployment = example().config(&EXAMPLE.replace("user = \"demo\"", "user = \"nobody\""));
    let outcome = deployment.run(["serve", "--listen", "127.0.0.1:0"]).ended(1);
    assert!(outcome.errors.contains("nobody"), "{}", outcome.errors);
}
