//! Lists of repositories that somebody keeps.

use ballast_tests::{Client, Hub, Repository};
use serde_json::{Value, json};

fn make(client: &Client, title: &str, private: bool) -> Value {
    let new = json!({ "title": title, "private": private });
    client.post("/api/collections").json(&new).send().ok()
}

fn address(collection: &Value) -> String {
    format!("/api/collections/{}", collection["slug"].as_str().unwrap())
}

fn put(client: &Client, collection: &Value, repository: &Repository) -> Value {
    let item = json!({ "item": { "id": repository.id, "type": "model" }, "note": "because" });
    client.post(format!("{}/items", address(collection))).json(&item).send().ok()
}

fn items(collection: &Value) -> Vec<&str> {
    collection["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn a_collection_is_made_filled_ordered_and_emptied() {
    let hub = Hub::shared();
    let (name, owner) = hub.user("write");
    let made = make(&owner, "Good  models, of 2026!", false);
    let slug = made["slug"].as_str().unwrap();
    assert!(slug.starts_with(&format!("{name}/good-models-of-2026-")), "{slug}");
    assert_eq!((&made["owner"]["name"], &made["owner"]["type"]), (&json!(name), &json!("user")));
    assert_eq!((&made["position"], &made["upvotes"], &made["items"]), (&json!(0), &json!(0), &json!([])));
    let repositories: Vec<Repository> = (0..3).map(|_| Repository::create(&owner, &name, false)).collect();
    let ids: Vec<&str> = repositories.iter().map(|repository| repository.id.as_str()).collect();
    let mut full = json!(null);
    for repository in &repositories {
        full = put(&owner, &made, repository);
    }
    assert_eq!(items(&full), ids);
    assert_eq!(full["items"][2]["note"]["text"], "because");
    assert_eq!((&full["items"][2]["position"], &full["items"][2]["type"]), (&json!(2), &json!("model")));

    let item = |at: usize| format!("{}/items/{}", address(&made), full["items"][at]["_id"].as_str().unwrap());
    let see = || hub.client().get(address(&made)).send().ok();
    owner.request("PATCH", item(2)).json(&json!({ "position": 0, "note": "the best" })).send().expect(200);
    assert_eq!(items(&see()), [ids[2], ids[0], ids[1]]);
    assert_eq!(see()["items"][0]["note"]["text"], "the best");
    owner.request("PATCH", item(2)).json(&json!({ "position": 99 })).send().expect(200);
    assert_eq!(items(&see()), ids);
    owner.delete(item(1)).send().expect(200);
    assert_eq!(items(&see()), [ids[0], ids[2]]);
    owner.delete(item(1)).send().refused(404, "NotFound");

    let delete = json!({ "name": ids[0], "type": "model" });
    owner.delete("/api/repos/delete").json(&delete).send().expect(200);
    assert_eq!(items(&see()), [ids[2]]);
    owner.delete(address(&made)).send().expect(200);
    hub.client().get(address(&made)).send().refused(404, "NotFound");
}

#[test]
fn a_title_is_taken_once_and_leads_to_what_is_there() {
    let hub = Hub::shared();
    let (_, owner) = hub.user("write");
    let made = make(&owner, "Mine", false);
    let again = owner.post("/api/collections").json(&json!({ "title": "Mine" })).send();
    assert_eq!((again.status, &again.json()["slug"]), (409, &made["slug"]));
    let other = make(&owner, "Another", false);
    let clash = owner.request("PATCH", address(&other)).json(&json!({ "title": "Mine" })).send();
    clash.refused(409, "Conflict");
    let change = json!({ "title": "Third", "description": "d", "theme": "green", "position": 4, "private": true });
    let changed = owner.request("PATCH", address(&other)).json(&change).send().ok()["data"].clone();
    assert_eq!(
        (&changed["title"], &changed["theme"], &changed["position"]),
        (&json!("Third"), &json!("green"), &json!(4))
    );
    // The key names it, whatever it is called.
    assert_eq!(owner.get(address(&other)).send().ok()["slug"], changed["slug"]);
    assert_ne!(other["slug"], changed["slug"]);
    let purple = owner.request("PATCH", address(&other)).json(&json!({ "theme": "mauve" })).send();
    assert!(purple.refused(400, "BadRequest").contains("mauve"));
}

#[test]
fn what_is_private_is_seen_by_those_who_may() {
    let hub = Hub::shared();
    let (name, owner) = hub.user("write");
    let (_, stranger) = hub.user("write");
    let (public, private) = (Repository::create(&owner, &name, false), Repository::create(&owner, &name, true));
    let open = make(&owner, "Open", false);
    put(&owner, &open, &private);
    let full = put(&owner, &open, &public);
    assert_eq!(items(&full), [private.id.as_str(), public.id.as_str()]);
    let seen = stranger.get(address(&open)).send().ok();
    assert_eq!((items(&seen), &seen["items"][0]["position"]), (vec![public.id.as_str()], &json!(0)));
    let item = json!({ "item": { "id": private.id, "type": "model" } });
    let own = make(&stranger, "Own", false);
    stranger.post(format!("{}/items", address(&own))).json(&item).send().refused(404, "RepoNotFound");

    let hidden = make(&owner, "Hidden", true);
    stranger.get(address(&hidden)).send().refused(404, "NotFound");
    hub.client().get(address(&hidden)).send().refused(404, "NotFound");
    stranger.delete(address(&hidden)).send().refused(404, "NotFound");
    stranger.delete(address(&open)).send().refused(403, "Forbidden");
    let listed = |client: &Client| {
        let list = client.get(format!("/api/collections?owner={name}")).send().ok();
        list.as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&owner), ["Hidden", "Open"]);
    assert_eq!(listed(&stranger), ["Open"]);
}

#[test]
fn lists_have_pages_and_the_first_items_of_each() {
    let hub = Hub::shared();
    let (name, owner) = hub.user("write");
    let repositories: Vec<Repository> = (0..6).map(|_| Repository::create(&owner, &name, false)).collect();
    let (few, many) = (make(&owner, "Few", false), make(&owner, "Many", false));
    put(&owner, &few, &repositories[5]);
    for repository in &repositories {
        put(&owner, &many, repository);
    }
    let page = owner.get(format!("/api/collections?owner={name}&limit=1&sort=trending")).send().expect(200);
    let first = page.json()[0].clone();
    assert_eq!((&first["title"], items(&first).len(), first.get("position")), (&json!("Many"), 4, None));
    let second = owner.get(owner.target(page.next().unwrap())).send().expect(200);
    assert_eq!((items(&second.json()[0]).len(), second.next()), (1, None));
    let with = |id: &str| {
        let list = owner.get(format!("/api/collections?item=models/{id}")).send().ok();
        list.as_array().unwrap().len()
    };
    assert_eq!((with(&repositories[5].id), with(&repositories[0].id), with("no/body")), (2, 1, 0));
    assert_eq!(owner.get("/api/collections?owner=nobody-here").send().ok(), json!([]));
    owner.get("/api/collections?sort=beauty").send().refused(400, "BadRequest");
    owner.get("/api/collections?cursor=beauty").send().refused(400, "BadRequest");
    owner.get("/api/collections?item=papers/1").send().refused(400, "BadRequest");
}

#[test]
fn what_cannot_be_collected_is_declined_with_the_reason() {
    let hub = Hub::shared();
    let (_, owner) = hub.user("write");
    let repository = hub.model();
    let made = make(&owner, "Things", false);
    put(&owner, &made, &repository);
    let twice = json!({ "item": { "id": repository.id, "type": "model" } });
    owner.post(format!("{}/items", address(&made))).json(&twice).send().refused(409, "Conflict");
    let paper = json!({ "item": { "id": "2307.09288", "type": "paper" } });
    owner.post(format!("{}/items", address(&made))).json(&paper).send().refused(501, "NotImplemented");
    for title in ["", "  ", "a\nb", &"x".repeat(101)] {
        owner.post("/api/collections").json(&json!({ "title": title })).send().refused(400, "BadRequest");
    }
    let elsewhere = json!({ "title": "x", "namespace": "admin" });
    owner.post("/api/collections").json(&elsewhere).send().refused(403, "Forbidden");
    let (_, reader) = hub.user("read");
    reader.post("/api/collections").json(&json!({ "title": "x" })).send().refused(403, "Forbidden");
    hub.client().post("/api/collections").json(&json!({ "title": "x" })).send().refused(401, "Unauthorized");
}
