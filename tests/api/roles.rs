//! What members of an organisation may do.

use ballast_tests::{Client, Deployment, Hub, Repository, lines};
use serde_json::{Value, json};

const CONFIG: &str = r#"
[[bootstrap.users]]
name = "vera"
tokens = [{ name = "t", role = "admin", value = "token-of-vera" }]
[[bootstrap.users]]
name = "max"
tokens = [{ name = "t", role = "admin", value = "token-of-max" }, { name = "r", role = "read", value = "reading-of-max" }]
[[bootstrap.users]]
name = "ada"
tokens = [{ name = "t", role = "admin", value = "token-of-ada" }]
[[bootstrap.users]]
name = "sam"
tokens = [{ name = "t", role = "write", value = "token-of-sam" }]
[[bootstrap.organizations]]
name = "lab"
full_name = "The Lab"
default_visibility = "private"
members = [
    { user = "vera", role = "visitor" }, { user = "max", role = "member" }, { user = "ada", role = "admin" },
    { user = "sam", role = "super-admin" },
]
[[bootstrap.users]]
name = "otto"
tokens = [{ name = "t", role = "admin", value = "token-of-otto" }]
"#;

struct Lab {
    hub: Hub,
    repository: Repository,
}

impl Lab {
    /// A private repository of the organisation, made by a member.
    fn open() -> Self {
        let hub = Deployment::new().config(CONFIG).start();
        let max = hub.client().with_token("token-of-max");
        let repository = Repository::create(&max, "lab", true);
        repository.add("a.txt", "a");
        Self { hub, repository }
    }

    fn user(&self, name: &str) -> Client {
        self.hub.client().with_token(&format!("token-of-{name}"))
    }
}

fn delete(client: &Client, id: &str) -> ballast_tests::Answer {
    client.delete("/api/repos/delete").json(&json!({ "name": id })).send()
}

#[test]
fn each_role_may_do_so_much_and_no_more() {
    let lab = Lab::open();
    let repository = &lab.repository;
    for (name, read, write) in
        [("vera", 200, 403), ("max", 200, 200), ("ada", 200, 200), ("sam", 200, 200), ("otto", 404, 404)]
    {
        let user = lab.user(name);
        let seen = repository.seen_by(&user);
        assert_eq!(user.get(repository.api("/tree/main")).send().status, read, "{name}");
        assert_eq!(user.get(repository.resolve("a.txt")).send().status, read, "{name}");
        assert_eq!(seen.commit(&[lines::file(&format!("{name}.txt"), name)]).status, write, "{name}");
        let branch = json!({ "branch": format!("of-{name}") });
        assert_eq!(user.post(repository.api("/branch")).json(&branch).send().status, write, "{name}");
        assert_eq!(user.delete(repository.api(&format!("/branch/of-{name}"))).send().status, write, "{name}");
        let made = user.post("/api/repos/create").json(&json!({ "name": format!("lab/by-{name}") })).send();
        assert_eq!(made.status, if write == 200 { 200 } else { 403 }, "{name}: {}", made.text());
    }
    assert_eq!(repository.paths(), [".gitattributes", "a.txt", "ada.txt", "max.txt", "sam.txt"]);
    delete(&lab.user("vera"), &repository.id).refused(403, "Forbidden");
    delete(&lab.user("max"), &repository.id).refused(403, "Forbidden");
    delete(&lab.user("otto"), &repository.id).refused(404, "RepoNotFound");
    delete(&lab.user("ada"), &repository.id).expect(200);
}

#[test]
fn the_organisation_says_what_is_private_unless_the_repository_does() {
    let lab = Lab::open();
    let max = lab.user("max");
    for (body, private) in
        [(json!({ "name": "lab/usual" }), true), (json!({ "name": "lab/open", "private": false }), false)]
    {
        let id = max.post("/api/repos/create").json(&body).send().ok()["repo_id"].as_str().unwrap().to_owned();
        assert_eq!(max.get(format!("/api/models/{id}")).send().ok()["private"], private, "{id}");
    }
}

#[test]
fn a_token_of_a_member_does_no_more_than_its_own_role() {
    let lab = Lab::open();
    let reader = lab.hub.client().with_token("reading-of-max");
    let seen = lab.repository.seen_by(&reader);
    assert_eq!(seen.read("a.txt"), b"a");
    lab.repository.unchanged(|| {
        seen.commit(&[lines::file("b.txt", "b")]).refused(403, "Forbidden");
    });
}

#[test]
fn whoami_names_the_organisations_and_the_role_in_each() {
    let lab = Lab::open();
    for (name, role) in [("vera", "visitor"), ("max", "member"), ("ada", "admin")] {
        let told = lab.user(name).get("/api/whoami-v2").send().ok();
        let orgs = told["orgs"].as_array().unwrap();
        assert_eq!((orgs.len(), &orgs[0]["name"], &orgs[0]["fullname"]), (1, &json!("lab"), &json!("The Lab")));
        let said = orgs[0]["roleInOrg"].as_str().unwrap().to_owned();
        assert!(
            said == role || (role == "member" && matches!(said.as_str(), "write" | "contributor")),
            "{name}: {said}"
        );
    }
    assert_eq!(lab.user("otto").get("/api/whoami-v2").send().ok()["orgs"], json!([]));
}

#[test]
fn lists_show_an_organisations_private_repositories_to_its_members() {
    let lab = Lab::open();
    for (name, count) in [("vera", 1), ("max", 1), ("ada", 1), ("otto", 0)] {
        let listed = lab.user(name).get("/api/models?author=lab").send().ok();
        assert_eq!(listed.as_array().map(Vec::len), Some(count), "{name}");
    }
    assert_eq!(lab.hub.client().get("/api/models?author=lab").send().ok(), json!([] as [Value; 0]));
}

#[test]
fn a_name_is_shared_by_users_and_organisations() {
    let lab = Lab::open();
    for name in ["lab", "LAB", "l-ab", "max"] {
        let outcome = lab.hub.deployment.run(["user", "create", name]).ended(1);
        assert!(outcome.errors.contains(name), "{}", outcome.errors);
    }
}
