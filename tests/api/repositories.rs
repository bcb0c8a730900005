//! Making, finding, listing and deleting repositories.

use ballast_tests::{Client, Deployment, Hub, Repository, unique};
use serde_json::{Value, json};

fn create(client: &Client, body: &Value) -> ballast_tests::Answer {
    client.post("/api/repos/create").json(body).send()
}

#[test]
fn a_new_repository_begins_with_a_commit_that_says_what_goes_to_lfs() {
    let hub = Hub::shared();
    for kinds in ["models", "datasets", "spaces"] {
        let repository = Repository::create_kind(&hub.admin(), kinds, "admin", false);
        assert_eq!(repository.paths(), [".gitattributes"]);
        let attributes = String::from_utf8(repository.read(".gitattributes")).unwrap();
        assert!(attributes.contains("*.safetensors filter=lfs diff=lfs merge=lfs -text\n"), "{attributes}");
        let commits = repository.client.get(repository.api("/commits/main")).send().ok();
        assert_eq!((commits.as_array().unwrap().len(), &commits[0]["title"]), (1, &json!("initial commit")));
    }
}

#[test]
fn a_repository_that_is_there_is_answered_with_its_url() {
    let hub = Hub::shared();
    let admin = hub.admin();
    for (kind, prefix) in [("model", ""), ("dataset", "datasets/"), ("space", "spaces/")] {
        let name = unique("again");
        let body = json!({ "name": name, "type": kind, "sdk": "static" });
        let first = create(&admin, &body).ok();
        assert_eq!(first["url"], format!("{}/{prefix}admin/{name}", admin.base()));
        assert_eq!(first["repo_id"], format!("admin/{name}"));
        let again = create(&admin, &body);
        assert_eq!((&again.json()["url"], &again.json()["repo_id"]), (&first["url"], &first["repo_id"]));
        assert!(again.refused(409, "RepoExists").contains(&name));
    }
}

#[test]
fn what_clients_of_every_age_send_is_understood() {
    let hub = Hub::shared();
    let admin = hub.admin();
    for (more, private) in [
        (json!({}), false),
        (json!({ "private": true }), true),
        (json!({ "private": null, "organization": null, "type": "model" }), false),
        (json!({ "visibility": "private" }), true),
        (json!({ "visibility": "public", "private": false }), false),
    ] {
        let mut body = more.clone();
        body["name"] = unique("age").into();
        let id = create(&admin, &body).ok()["repo_id"].as_str().unwrap().to_owned();
        assert_eq!(admin.get(format!("/api/models/{id}")).send().ok()["private"], private, "{more}");
    }
    for more in [
        json!({ "visibility": "protected" }),
        json!({ "visibility": "secret" }),
        json!({ "visibility": "public", "private": true }),
        json!({ "type": "nonsense" }),
        json!({ "type": "" }),
    ] {
        let (mut body, name) = (more.clone(), unique("age"));
        body["name"] = name.clone().into();
        create(&admin, &body).refused(400, "BadRequest");
        admin.get(format!("/api/models/admin/{name}")).send().refused(404, "RepoNotFound");
    }
    for kind in ["kernel", "bucket"] {
        create(&admin, &json!({ "name": unique("age"), "type": kind })).refused(501, "NotImplemented");
    }
}

#[test]
fn a_namespace_must_be_there_and_be_the_callers() {
    let hub = Hub::shared();
    let (name, user) = hub.user("write");
    let own = unique("own");
    create(&user, &json!({ "name": own, "organization": name })).expect(200);
    create(&user, &json!({ "name": format!("{name}/{own}x") })).expect(200);
    create(&user, &json!({ "name": "x", "organization": "admin" })).refused(403, "Forbidden");
    create(&user, &json!({ "name": "x", "organization": "nobody-of-this-name" })).refused(403, "NamespaceNotFound");
    create(&user, &json!({ "name": "../x", "organization": name })).refused(403, "NamespaceNotFound");
    hub.admin().get("/api/models/admin/x").send().refused(404, "RepoNotFound");
}

#[test]
fn a_deleted_repository_is_gone_and_its_name_is_free() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add_large("m.bin", b"bytes");
    let (namespace, name) = repository.id.split_once('/').unwrap();
    let delete = |body: Value| repository.client.delete("/api/repos/delete").json(&body).send();
    delete(json!({ "name": name, "organization": namespace, "type": "dataset" })).refused(404, "RepoNotFound");
    delete(json!({ "name": name, "organization": namespace, "type": "model" })).expect(200);
    for target in
        [repository.api(""), repository.api("/tree/main"), repository.resolve("m.bin"), repository.api("/refs")]
    {
        repository.client.get(target).send().refused(404, "RepoNotFound");
    }
    delete(json!({ "name": name, "organization": namespace })).refused(404, "RepoNotFound");
    create(&repository.client, &json!({ "name": name })).expect(200);
    assert_eq!(repository.paths(), [".gitattributes"]);
}

#[test]
fn info_has_what_clients_read() {
    let hub = Hub::shared();
    let repository = hub.model();
    let card =
        "---\nlicense: mit\npipeline_tag: text-generation\nlibrary_name: transformers\ntags:\n- one\n---\n# Hi\n";
    repository.add("README.md", card);
    let oid = repository.add_large("m.bin", b"12345");
    let info = repository.client.get(repository.api("?blobs=true")).send().ok();
    assert_eq!(info["id"], repository.id);
    assert_eq!(info["sha"], repository.tip());
    for (field, value) in [
        ("private", json!(false)),
        ("gated", json!(false)),
        ("disabled", json!(false)),
        ("downloads", json!(0)),
        ("likes", json!(0)),
        ("author", json!("admin")),
        ("pipeline_tag", json!("text-generation")),
        ("library_name", json!("transformers")),
    ] {
        assert_eq!(info[field], value, "{field}");
    }
    assert_eq!(info["cardData"]["license"], "mit");
    assert!(info["tags"].as_array().unwrap().contains(&json!("one")), "{}", info["tags"]);
    for field in ["createdAt", "lastModified"] {
        let date = info[field].as_str().unwrap();
        assert!(date.len() == 24 && date.ends_with('Z'), "{field}: {date}");
    }
    let large = info["siblings"].as_array().unwrap().iter().find(|file| file["rfilename"] == "m.bin").unwrap();
    assert_eq!((&large["size"], &large["lfs"]["sha256"]), (&json!(5), &json!(oid)));
    let plain = repository.client.get(repository.api("")).send().ok();
    assert_eq!(plain["siblings"][0], json!({ "rfilename": ".gitattributes" }));
    let few = repository.client.get(repository.api("?expand=sha&expand=likes")).send().ok();
    let mut fields: Vec<&String> = few.as_object().unwrap().keys().filter(|field| !field.starts_with('_')).collect();
    fields.sort();
    assert!(fields.iter().all(|field| matches!(field.as_str(), "id" | "sha" | "likes")), "{fields:?}");
}

#[test]
fn the_info_after_a_commit_says_when_that_was() {
    // A hub of its own: where another process writes too, everything is read again.
    let hub = Deployment::new().start();
    let repository = hub.model();
    let last = || {
        let info = repository.client.get(repository.api("")).send().ok();
        info["lastModified"].as_str().unwrap().to_owned()
    };
    let mut before = last();
    for number in 0..3 {
        repository.add("notes.txt", number.to_string());
        let now = last();
        assert!(now > before, "{now} after {before}");
        before = now;
    }
}

#[test]
fn lists_come_in_pages_that_lead_to_each_other() {
    let hub = Hub::shared();
    let (name, user) = hub.user("write");
    let mut made: Vec<String> = (0..7).map(|_| Repository::create(&user, &name, false).id).collect();
    made.sort();
    let mut target = format!("/api/models?author={}&sort=name&direction=1&limit=3", name.to_uppercase());
    let (mut seen, mut pages) = (vec![], 0);
    loop {
        let page = user.get(&target).send().expect(200);
        seen.extend(page.json().as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page.next() else { break };
        target = user.target(next).to_owned();
    }
    assert_eq!((seen, pages), (made, 3));
}

#[test]
fn lists_are_searched_and_sorted() {
    let hub = Hub::shared();
    let (name, user) = hub.user("write");
    let (first, second) = (Repository::create(&user, &name, false), Repository::create(&user, &name, false));
    first.add("a", "newer");
    let ids = |query: &str| {
        let listed = user.get(format!("/api/models?author={name}&{query}")).send().ok();
        listed.as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("sort=lastModified"), [first.id.clone(), second.id.clone()]);
    assert_eq!(ids("sort=createdAt&direction=-1"), [second.id.clone(), first.id.clone()]);
    assert_eq!(ids(&format!("search={}", second.id.to_uppercase())), std::slice::from_ref(&second.id));
    assert_eq!(ids(&format!("search={name}&search=nothing-of-this-name")), Vec::<String>::new());
    assert_eq!(ids("search=%25"), Vec::<String>::new());
    assert_eq!(ids("search=_"), Vec::<String>::new());
    let nobody = user.get("/api/models?author=nobody-of-this-name").send().ok();
    assert_eq!(nobody, json!([]));
    assert_eq!(user.get(format!("/api/datasets?author={name}")).send().ok(), json!([]));
}

#[test]
fn somebodys_repositories_are_told_by_kind_as_far_as_the_caller_may_see_them() {
    let hub = Hub::shared();
    let (name, user) = hub.user("write");
    let (public, private) = (Repository::create(&user, &name, false), Repository::create(&user, &name, true));
    let dataset = Repository::create_kind(&user, "datasets", &name, false);
    let told = |client: &Client, kinds: &str| -> Vec<String> {
        let list = client.get(format!("/api/users/{name}/repos?sort=createdAt")).send().ok();
        list[kinds].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(told(&user, "models"), [private.id.clone(), public.id.clone()]);
    assert_eq!(told(&hub.client(), "models"), std::slice::from_ref(&public.id));
    assert_eq!(told(&hub.client(), "datasets"), std::slice::from_ref(&dataset.id));
    assert!(told(&hub.client(), "spaces").is_empty());
    hub.client().get("/api/users/is-not-there/repos").send().refused(404, "NotFound");
}
