//! Repositories that get another name.

use ballast_tests::{Answer, Deployment, Hub, Repository, lines, unique};
use serde_json::{Value, json};

fn moved(repository: &Repository, to: &str) -> Answer {
    let way = json!({ "fromRepo": repository.id, "toRepo": to, "type": "model" });
    repository.client.post("/api/repos/move").json(&way).send()
}

fn renamed(repository: &Repository, to: &str) -> Repository {
    Repository { id: to.to_owned(), ..repository.clone() }
}

#[test]
fn all_that_is_in_a_repository_goes_with_it() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a.txt", "a");
    let large = repository.add_large("b.bin", &vec![7; 10_000]);
    repository.client.post(repository.api("/branch/side")).send().expect(200);
    repository.client.post(repository.api("/tag")).json(&json!({ "tag": "v1" })).send().expect(200);
    repository.client.post(repository.api("/like")).send().expect(200);
    let (state, likes) = (repository.state(), repository.client.get(repository.api("/likers")).send().ok());

    let to = unique("admin/renamed");
    let answer = moved(&repository, &to).ok();
    assert_eq!(answer["success"], true);
    assert_eq!(answer["url"], format!("{}/{to}", repository.client.base()));
    let there = renamed(&repository, &to);
    assert_eq!(there.state(), state, "refs, files and history");
    assert_eq!(there.client.get(there.api("/likers")).send().ok(), likes);
    assert_eq!(there.client.get(there.api("")).send().ok()["id"], to);
    assert_eq!(there.read("b.bin"), vec![7; 10_000]);
    there.add("c.txt", "c");
    assert_eq!(
        there.batch(&json!({ "operation": "download", "objects": [{ "oid": large, "size": 10_000 }] })).status,
        200
    );
}

#[test]
fn the_former_name_leads_to_the_present_one_until_somebody_takes_it() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a.txt", "a");
    let (second, third) = (unique("admin/second"), unique("admin/third"));
    moved(&repository, &second).expect(200);
    moved(&renamed(&repository, &second), &third).expect(200);
    let nobody = repository.client.anonymous();
    for former in [repository.id.clone(), second.clone()] {
        let old = renamed(&repository, &former);
        for (method, target) in [
            ("GET", old.api("")),
            ("GET", old.api("/tree/main?recursive=true")),
            ("GET", old.resolve("a.txt")),
            ("HEAD", old.resolve("a.txt")),
            ("GET", old.api("/revision/main")),
        ] {
            let answer = nobody.request(method, &target).send().expect(307);
            let location = answer.header("location").unwrap();
            assert_eq!(location, target.replace(&former, &third), "{method} {target}");
            nobody.request(method, location).send().expect(200);
        }
        let answer = old.commit(&[lines::file("x", "x")]).expect(307);
        assert_eq!(answer.header("location").unwrap(), old.api("/commit/main").replace(&former, &third));
    }
    // Taken, it is somebody else's.
    let new = json!({ "name": repository.id, "type": "model" });
    repository.client.post("/api/repos/create").json(&new).send().expect(200);
    nobody.get(repository.api("")).send().expect(200);
    nobody.get(repository.resolve("a.txt")).send().refused(404, "EntryNotFound");
    nobody.get(renamed(&repository, &second).resolve("a.txt")).send().expect(307);
    // Deleted, it leaves no way behind.
    let gone = json!({ "name": third, "type": "model" });
    repository.client.delete("/api/repos/delete").json(&gone).send().expect(200);
    nobody.get(renamed(&repository, &second).api("")).send().refused(401, "RepoNotFound");
}

#[test]
fn a_repository_goes_back_to_its_name_and_changes_only_how_it_is_written() {
    let hub = Hub::shared();
    let repository = hub.model();
    let other = unique("admin/other");
    moved(&repository, &other).expect(200);
    moved(&renamed(&repository, &other), &repository.id).expect(200);
    repository.client.get(repository.api("")).send().expect(200);
    repository.client.get(renamed(&repository, &other).api("")).send().expect(307);
    let shouted = repository.id.replace("repo", "REPO");
    assert_ne!(shouted, repository.id);
    moved(&repository, &shouted).expect(200);
    assert_eq!(repository.client.get(format!("/api/models/{shouted}")).send().ok()["id"], shouted);
    moved(&renamed(&repository, &shouted), &shouted).expect(200);
}

#[test]
fn a_name_that_is_taken_or_none_is_refused_and_nothing_moves() {
    let hub = Hub::shared();
    let (repository, other) = (hub.model(), hub.model());
    repository.add("a.txt", "a");
    repository.unchanged(|| {
        let sentence = moved(&repository, &other.id).refused(409, "RepoExists");
        assert!(sentence.contains(&format!("model repository called '{}' already exists", other.id)), "{sentence}");
        let spelt = other.id.replace("repo", "re-po");
        moved(&repository, &spelt).refused(409, "RepoExists");
        moved(&repository, "admin/..").refused(400, "BadRequest");
        moved(&repository, "admin/a b").refused(400, "BadRequest");
        moved(&repository, "nobody-of-this-name/x").refused(403, "NamespaceNotFound");
        moved(&renamed(&repository, "admin/is-not-there"), "admin/x").refused(404, "RepoNotFound");
    });
    let name = unique("admin/new");
    moved(&repository, &name).expect(200);
    let sentence = moved(&repository, "admin/again").refused(409, "Conflict");
    assert!(sentence.contains(&name), "{sentence}");
}

const LAB: &str = r#"
[[bootstrap.users]]
name = "max"
tokens = [{ name = "t", role = "write", value = "token-of-max" }]
[[bootstrap.users]]
name = "ada"
tokens = [{ name = "t", role = "write", value = "token-of-ada" }]
[[bootstrap.organizations]]
name = "lab"
members = [{ user = "max", role = "member" }, { user = "ada", role = "admin" }]
"#;

#[test]
fn it_takes_an_admins_right_here_and_a_members_there_and_the_bytes_count_there_from_then_on() {
    let deployment = Deployment::new().config(LAB).set("quota.main.plugin", "quota.ledger");
    let hub = deployment.set("quota.main.config.default_public_bytes", "30000").start();
    let user = |name: &str| hub.client().with_token(&format!("token-of-{name}"));
    let own = Repository::create(&user("max"), "max", false);
    own.add("a.txt", vec![b'a'; 20_000]);
    let used = |namespace: &str| -> u64 {
        let quota = hub.admin().get(format!("/api/quota/{namespace}")).send().ok();
        quota["public_used_bytes"].as_u64().unwrap()
    };
    let held = used("max");
    assert!(held > 20_000 && used("lab") == 0);
    moved(&own.seen_by(&user("ada")), "ada/stolen").refused(403, "Forbidden");
    moved(&own, "ada/gift").refused(403, "Forbidden");
    moved(&own, "lab/shared").expect(200);
    assert_eq!((used("max"), used("lab")), (0, held));
    // A member writes in the organisation, and takes nothing out of it.
    let shared = renamed(&own, "lab/shared");
    shared.add("b.txt", "b");
    moved(&shared, "max/back").refused(403, "Forbidden");

    let large = Repository::create(&user("ada"), "ada", false);
    large.add("c.txt", vec![b'c'; 15_000]);
    let sentence = moved(&large, "lab/too-much").refused(400, "QuotaExceeded");
    assert!(sentence.contains("do not fit"), "{sentence}");
    large.client.get(large.api("")).send().expect(200);
    moved(&shared.seen_by(&user("ada")), "ada/mine").refused(400, "QuotaExceeded");
    let info: Value = hub.client().get("/api/models?author=lab").send().ok();
    assert_eq!(info.as_array().unwrap().len(), 1);
}
