//! Organisations and who belongs to them.

use ballast_tests::{Answer, Client, Deployment, Hub, lines, unique};
use serde_json::{Value, json};

use crate::databases::Postgres;

/// An organisation with a member of each role, each called by it.
struct Lab {
    hub: Hub,
    name: String,
}

impl Lab {
    fn open(deployment: Deployment) -> Self {
        let users = ["visitor", "member", "admin2", "sam", "otto", "second"].map(|name| {
            format!(
                "[[bootstrap.users]]\nname = \"{name}\"\nemail = \"{name}@example.org\"\n\
                     tokens = [{{ name = \"t\", role = \"admin\", value = \"token-of-{name}\" }}, \
                     {{ name = \"w\", role = \"write\", value = \"writing-of-{name}\" }}]\n"
            )
        });
        let hub = deployment.config(&users.concat()).start();
        let lab = Self { name: unique("lab"), hub };
        let new = json!({ "name": lab.name, "description": "A lab" });
        lab.user("sam").post("/org/create").json(&new).send().expect(200);
        for (name, role) in [("visitor", "visitor"), ("member", "member"), ("admin2", "admin")] {
            lab.add("sam", name, role).expect(200);
        }
        lab
    }

    fn user(&self, name: &str) -> Client {
        self.hub.client().with_token(&format!("token-of-{name}"))
    }

    fn target(&self, rest: &str) -> String {
        format!("/org/{}{rest}", self.name)
    }

    fn add(&self, actor: &str, name: &str, role: &str) -> Answer {
        self.user(actor).post(self.target("/members")).json(&json!({ "username": name, "role": role })).send()
    }

    fn change(&self, actor: &str, name: &str, role: &str) -> Answer {
        self.user(actor).put(self.target(&format!("/members/{name}"))).json(&json!({ "role": role })).send()
    }

    fn remove(&self, actor: &str, name: &str) -> Answer {
        self.user(actor).delete(self.target(&format!("/members/{name}"))).send()
    }

    fn members(&self) -> Vec<(String, String)> {
        let listed = self.hub.client().get(self.target("/members")).send().ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        listed["members"].as_array().unwrap().iter().map(|one| (text(&one["user"]), text(&one["role"]))).collect()
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(user, role)| ((*user).to_owned(), (*role).to_owned())).collect()
}

#[test]
fn an_organisation_is_made_shown_and_its_makers() {
    let lab = Lab::open(Deployment::new());
    let told = lab.hub.client().get(lab.target("")).send().ok();
    assert_eq!(
        (&told["name"], &told["description"], &told["_source"]),
        (&json!(lab.name), &json!("A lab"), &json!("local"))
    );
    assert_eq!(told["repo_count"], json!({ "model": 0, "dataset": 0, "space": 0, "total": 0 }));
    assert!(told["created_at"].as_str().is_some_and(|moment| moment.ends_with('Z')));
    let roles = [("visitor", "visitor"), ("member", "member"), ("admin2", "admin"), ("sam", "super-admin")];
    assert_eq!(lab.members(), pairs(&roles));
    let own = lab.hub.client().get("/org/users/sam/orgs").send().ok();
    assert_eq!(own["organizations"], json!([{ "name": lab.name, "description": "A lab", "role": "super-admin" }]));

    let page = lab.hub.client().get(lab.target("/members?limit=3")).send().expect(200);
    let next = lab.hub.client().target(page.next().expect("a next page")).to_owned();
    assert_eq!(lab.hub.client().get(next).send().ok()["members"], json!([{ "user": "sam", "role": "super-admin" }]));

    let create = |name: &str| lab.user("otto").post("/org/create").json(&json!({ "name": name })).send();
    for taken in [lab.name.to_uppercase(), lab.name.replacen("lab", "la-b", 1), "SAM".to_owned()] {
        create(&taken).refused(409, "Conflict");
    }
    for odd in ["", "a b", "models", "-x"] {
        create(odd).refused(400, "BadRequest");
    }
    lab.hub.client().post("/org/create").json(&json!({ "name": "x" })).send().refused(401, "Unauthorized");
    for target in ["/org/missing", "/org/missing/members", "/org/users/missing/orgs", "/org/sam"] {
        lab.hub.client().get(target).send().refused(404, "NotFound");
    }
}

#[test]
fn repositories_are_counted_as_far_as_the_caller_may_know_of_them() {
    let lab = Lab::open(Deployment::new());
    for (name, private, kind) in
        [("a", true, "model"), ("b", false, "model"), ("c", true, "dataset"), ("d", false, "space")]
    {
        let new = json!({ "name": format!("{}/{name}", lab.name), "private": private, "type": kind, "sdk": "static" });
        lab.user("member").post("/api/repos/create").json(&new).send().expect(200);
    }
    let count = |client: &Client| client.get(lab.target("")).send().ok()["repo_count"].clone();
    let (public, all) = (
        json!({ "model": 1, "dataset": 0, "space": 1, "total": 2 }),
        json!({ "model": 2, "dataset": 1, "space": 1, "total": 4 }),
    );
    assert_eq!((count(&lab.hub.client()), count(&lab.user("otto"))), (public.clone(), public));
    for name in ["visitor", "member", "sam"] {
        assert_eq!(count(&lab.user(name)), all, "{name}");
    }
    assert_eq!(count(&lab.hub.admin()), all);
}

#[test]
fn nobody_gives_or_takes_more_than_they_have() {
    let lab = Lab::open(Deployment::new());
    for low in ["visitor", "member", "otto"] {
        lab.add(low, "otto", "visitor").refused(403, "Forbidden");
        lab.change(low, "visitor", "visitor").refused(403, "Forbidden");
        if low != "otto" {
            lab.change(low, low, "admin").refused(403, "Forbidden");
        }
        lab.remove(low, "admin2").refused(403, "Forbidden");
    }
    lab.add("admin2", "otto", "super-admin").refused(403, "Forbidden");
    lab.change("admin2", "admin2", "super-admin").refused(403, "Forbidden");
    lab.change("admin2", "sam", "visitor").refused(403, "Forbidden");
    lab.remove("admin2", "sam").refused(403, "Forbidden");
    lab.add("admin2", "otto", "admin").expect(200);
    lab.change("admin2", "otto", "member").expect(200);
    lab.add("admin2", "otto", "member").refused(409, "Conflict");
    lab.remove("admin2", "otto").expect(200);
    lab.remove("admin2", "otto").refused(404, "NotFound");
    lab.change("admin2", "otto", "member").refused(404, "NotFound");
    lab.add("admin2", "nobody", "member").refused(404, "NotFound");
    for body in
        [json!({ "username": "otto" }), json!({ "username": "otto", "role": "owner" }), json!({ "role": "member" })]
    {
        lab.user("sam").post(lab.target("/members")).json(&body).send().refused(400, "BadRequest");
    }
    // A token that may not let anybody in, whosever it is.
    let writer = lab.hub.client().with_token("writing-of-sam");
    let new = json!({ "username": "otto", "role": "visitor" });
    writer.post(lab.target("/members")).json(&new).send().refused(403, "Forbidden");
    let roles = [("visitor", "visitor"), ("member", "member"), ("admin2", "admin"), ("sam", "super-admin")];
    assert_eq!(lab.members(), pairs(&roles));
}

#[test]
fn anybody_leaves_but_the_last_super_admin() {
    let lab = Lab::open(Deployment::new());
    lab.remove("visitor", "visitor").expect(200);
    lab.remove("otto", "otto").refused(404, "NotFound");
    for answer in [lab.remove("sam", "sam"), lab.change("sam", "sam", "admin")] {
        assert!(answer.refused(409, "Conflict").contains("last super-admin"));
    }
    // An administrator of the hub cannot leave it without anybody either.
    lab.hub.admin().delete(lab.target("/members/sam")).send().refused(409, "Conflict");
    lab.hub.admin().put(lab.target("/members/admin2")).json(&json!({ "role": "super-admin" })).send().expect(200);
    lab.remove("sam", "sam").expect(200);
    lab.remove("admin2", "admin2").refused(409, "Conflict");
    assert_eq!(lab.members(), pairs(&[("member", "member"), ("admin2", "super-admin")]));
}

#[test]
fn a_member_who_goes_sees_what_is_private_no_more_at_once() {
    let lab = Lab::open(Deployment::new());
    let repository = ballast_tests::Repository::create(&lab.user("member"), &lab.name, true);
    repository.add("a.txt", "a");
    assert_eq!(repository.seen_by(&lab.user("visitor")).read("a.txt"), b"a");
    lab.remove("sam", "visitor").expect(200);
    lab.user("visitor").get(repository.api("")).send().refused(404, "RepoNotFound");
    lab.change("sam", "member", "visitor").expect(200);
    repository.commit(&[lines::file("b.txt", "b")]).refused(403, "Forbidden");
}

/// Two super-admins who both leave, or remove each other, over and over: one of them always stays.
fn the_last_stays(deployment: Deployment) {
    let lab = Lab::open(deployment);
    for round in 0..12 {
        let roles: Vec<_> = lab.members().into_iter().filter(|(_, role)| role == "super-admin").collect();
        let [(stayed, _)] = roles.as_slice() else { panic!("{roles:?}") };
        let other = if stayed == "sam" { "second" } else { "sam" };
        let promote = json!({ "username": other, "role": "super-admin" });
        lab.user(stayed).post(lab.target("/members")).json(&promote).send().expect(200);
        let pairs = if round % 2 == 0 {
            [("sam", "sam"), ("second", "second")]
        } else {
            [("sam", "second"), ("second", "sam")]
        };
        let answers: Vec<u16> = std::thread::scope(|scope| {
            let both = pairs.map(|(actor, target)| {
                scope.spawn({
                    let lab = &lab;
                    move || lab.remove(actor, target).status
                })
            });
            both.map(|one| one.join().unwrap()).to_vec()
        });
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
        assert!(answers.iter().all(|status| matches!(status, 200 | 403 | 404 | 409)), "{answers:?}");
    }
}

#[test]
fn of_two_super_admins_who_go_at_the_same_moment_one_stays_on_sqlite() {
    the_last_stays(Deployment::new());
}

#[test]
fn of_two_super_admins_who_go_at_the_same_moment_one_stays_on_postgres() {
    let Some(database) = Postgres::new() else { return };
    the_last_stays(database.deployment());
}
