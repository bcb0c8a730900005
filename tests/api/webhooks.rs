//! Addresses that are told what happens.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ballast_tests::{Client, Delivered, Deployment, Hub, Receiver, Repository, lines};
use serde_json::{Value, json};

/// A hub that tells neighbours on this machine, which the tests play.
fn hub() -> Arc<Hub> {
    static SHARED: Mutex<Weak<Hub>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let hub = Arc::new(Deployment::new().set("webhooks.allow_private", "true").start());
        *shared = Arc::downgrade(&hub);
        hub
    })
}

fn watch(client: &Client, url: &str, kind: &str, name: &str) -> Value {
    let wish = json!({ "url": url, "watched": [{ "type": kind, "name": name }], "secret": "shh" });
    client.post("/api/settings/webhooks").json(&wish).send().ok()["webhook"].clone()
}

/// Action and scope of each message, in order.
fn told(messages: &[Delivered]) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let event = |message: &Delivered| message.json()["event"].clone();
    messages.iter().map(event).map(|event| (word(&event["action"]), word(&event["scope"]))).collect()
}

#[test]
fn what_happens_to_a_repository_is_told_in_order_and_signed() {
    let hub = hub();
    let (receiver, repository) = (Receiver::start(), hub.model());
    // What was before is not told.
    let webhook = watch(&repository.client, &receiver.url(), "model", &repository.id);
    let commit = repository.add("a.txt", "a");
    let messages = receiver.wait_for(1);
    let message = messages[0].json();
    assert_eq!(message["event"], json!({ "action": "update", "scope": "repo.content" }));
    assert_eq!(message["webhook"], json!({ "id": webhook["id"], "version": 3 }));
    let repo = &message["repo"];
    assert_eq!((&repo["type"], &repo["name"]), (&json!("model"), &json!(repository.id)));
    assert_eq!((&repo["private"], &repo["headSha"]), (&json!(false), &json!(commit)));
    assert_eq!(repo["url"]["web"], format!("{}/{}", hub.client().base(), repository.id));
    let moved = &message["updatedRefs"][0];
    assert_eq!((&moved["ref"], &moved["newSha"]), (&json!("refs/heads/main"), &json!(commit)));
    assert_eq!(moved["oldSha"].as_str().unwrap().len(), 40);
    assert_eq!(messages[0].header("x-webhook-secret"), Some("shh"));
    assert!(messages[0].header("webhook-signature").unwrap().starts_with("v1,"));
    assert!(messages[0].header("webhook-id").unwrap().starts_with("msg_"));

    repository.client.post(repository.api("/tag/main")).json(&json!({ "tag": "v1" })).send().expect(200);
    let settings = json!({ "private": true });
    repository.client.put(repository.api("/settings")).json(&settings).send().expect(200);
    receiver.wait_for(3);
    let delete = json!({ "name": repository.id, "type": "model" });
    repository.client.delete("/api/repos/delete").json(&delete).send().expect(200);
    let expected =
        [("update", "repo.content"), ("update", "repo.content"), ("update", "repo.config"), ("delete", "repo")];
    let all = receiver.wait_for(4);
    let all = told(&all);
    let all: Vec<(&str, &str)> = all.iter().map(|(action, scope)| (action.as_str(), scope.as_str())).collect();
    // Those of one round of telling go out side by side.
    assert_eq!(all[0], expected[0]);
    let sorted = |mut list: Vec<(&'static str, &'static str)>| {
        list.sort_unstable();
        list
    };
    let known = |pair: &(&str, &str)| *expected.iter().find(|one| *one == pair).unwrap();
    assert_eq!(sorted(all.iter().map(known).collect()), sorted(expected.to_vec()));
}

#[test]
fn discussions_are_told_to_whoever_watches_their_namespace() {
    let hub = hub();
    let (name, owner) = hub.user("write");
    let receiver = Receiver::start();
    watch(&owner, &receiver.url(), "user", &name);
    let repository = Repository::create(&owner, &name, false);
    let created = receiver.wait_for(1)[0].json();
    assert_eq!(created["event"], json!({ "action": "create", "scope": "repo" }));
    let new = json!({ "title": "A question", "description": "What is it?" });
    let number = owner.post(repository.api("/discussions")).json(&new).send().ok()["num"].clone();
    let opened = receiver.wait_for(2)[1].json();
    assert_eq!(opened["event"], json!({ "action": "create", "scope": "discussion" }));
    let discussion = &opened["discussion"];
    assert_eq!((&discussion["num"], &discussion["title"]), (&number, &json!("A question")));
    assert_eq!((&discussion["isPullRequest"], &discussion["status"]), (&json!(false), &json!("open")));
    let said = json!({ "comment": "It is this." });
    owner.post(repository.api(&format!("/discussions/{number}/comment"))).json(&said).send().expect(200);
    let comment = receiver.wait_for(3)[2].json();
    assert_eq!(comment["event"], json!({ "action": "create", "scope": "discussion.comment" }));
    assert_eq!((&comment["comment"]["content"], &comment["comment"]["hidden"]), (&json!("It is this."), &json!(false)));
}

#[test]
fn what_its_owner_may_not_see_any_more_is_not_told() {
    let hub = hub();
    let (repository, receiver) = (hub.model(), Receiver::start());
    let (_, watcher) = hub.user("write");
    watch(&watcher, &receiver.url(), "model", &repository.id);
    repository.add("a.txt", "a");
    receiver.wait_for(1);
    repository.client.put(repository.api("/settings")).json(&json!({ "private": true })).send().expect(200);
    repository.add("b.txt", "b");
    repository.client.put(repository.api("/settings")).json(&json!({ "private": false })).send().expect(200);
    let commit = repository.add("c.txt", "c");
    let is_last = |messages: &[Delivered]| messages.iter().any(|message| message.json()["repo"]["headSha"] == commit);
    let mut count = 2;
    let messages = loop {
        let messages = receiver.wait_for(count);
        if is_last(&messages) {
            break messages;
        }
        count += 1;
    };
    assert!(messages.iter().all(|message| message.json()["repo"]["private"] == false), "{messages:#?}");
}

#[test]
fn a_message_that_does_not_arrive_is_sent_again() {
    let hub = hub();
    let (repository, receiver) = (hub.model(), Receiver::start());
    receiver.answer_with(500);
    watch(&repository.client, &receiver.url(), "model", &repository.id);
    let commit = repository.add("a.txt", "a");
    let first = receiver.wait_for(1).remove(0);
    receiver.answer_with(200);
    let again = receiver.wait_for(2).remove(1);
    assert_eq!(first.header("webhook-id"), again.header("webhook-id"));
    assert_eq!((first.json(), again.json()["repo"]["headSha"].clone()), (again.json(), json!(commit)));
}

#[test]
fn a_webhook_is_made_changed_stopped_and_deleted_by_its_owner_alone() {
    let hub = hub();
    let repository = hub.model();
    let (_, owner) = hub.user("write");
    let (_, other) = hub.user("write");
    let webhook = watch(&owner, "http://127.0.0.1:9/hook", "model", &repository.id);
    let address = format!("/api/settings/webhooks/{}", webhook["id"].as_str().unwrap());
    assert_eq!(webhook["domains"], json!(["repo", "discussion"]));
    assert_eq!(owner.get("/api/settings/webhooks").send().ok(), json!([webhook]));
    assert_eq!(other.get("/api/settings/webhooks").send().ok(), json!([]));
    other.get(&address).send().refused(404, "NotFound");
    other.post(&address).json(&json!({ "url": "http://example.org/" })).send().refused(404, "NotFound");
    other.delete(&address).send().refused(404, "NotFound");

    let change = json!({ "watched": [], "domains": ["discussions"], "secret": "" });
    let changed = owner.post(&address).json(&change).send().ok()["webhook"].clone();
    assert_eq!((&changed["domains"], &changed["watched"]), (&json!(["discussion"]), &webhook["watched"]));
    assert_eq!((&changed["url"], changed.get("secret")), (&webhook["url"], None));
    assert_eq!(owner.post(format!("{address}/disable")).send().ok()["webhook"]["disabled"], true);
    assert_eq!(owner.post(format!("{address}/enable")).send().ok()["webhook"]["disabled"], false);
    owner.delete(&address).send().expect(200);
    owner.get(&address).send().refused(404, "NotFound");
}

#[test]
fn a_hub_tells_no_private_address_unless_its_operator_allows_it() {
    let hub = Hub::shared();
    let repository = hub.model();
    let wish = |url: &str| json!({ "url": url, "watched": [{ "type": "model", "name": repository.id }] });
    for url in ["http://127.0.0.1/", "http://[::1]:80/", "http://169.254.169.254/latest", "http://10.1.2.3/"] {
        let sentence =
            repository.client.post("/api/settings/webhooks").json(&wish(url)).send().refused(400, "BadRequest");
        assert!(sentence.contains("the operator must allow"), "{sentence}");
    }
    // A name that leads there is found out when something is sent; it may lead elsewhere by then.
    repository.client.post("/api/settings/webhooks").json(&wish("http://localhost:9/")).send().expect(200);
}

#[test]
fn wishes_that_make_no_sense_are_refused_with_the_reason() {
    let hub = hub();
    let repository = hub.model();
    let client = &repository.client;
    let watched = json!([{ "type": "model", "name": repository.id }]);
    let url = "https://example.org/hook";
    for (wish, status, code, word) in [
        (json!({ "watched": watched }), 400, "BadRequest", "url: missing"),
        (json!({ "url": "gopher://x/", "watched": watched }), 400, "BadRequest", "gopher"),
        (json!({ "url": url, "watched": [] }), 400, "BadRequest", "watched"),
        (json!({ "url": url, "watched": watched, "domains": ["weather"] }), 400, "BadRequest", "weather"),
        (json!({ "url": url, "watched": watched, "domains": [] }), 400, "BadRequest", "domains"),
        (json!({ "url": url, "watched": watched, "secret": "a b" }), 400, "BadRequest", "secret"),
        (
            json!({ "url": url, "watched": [{ "type": "user", "name": "no-such-user" }] }),
            404,
            "NotFound",
            "no-such-user",
        ),
        (json!({ "url": url, "watched": [{ "type": "model", "name": "a/b" }] }), 404, "RepoNotFound", "a/b"),
        (json!({ "url": url, "watched": [{ "type": "bucket", "name": "a/b" }] }), 501, "NotImplemented", "buckets"),
        (json!({ "jobSourceId": "x", "watched": watched }), 501, "NotImplemented", "jobs"),
    ] {
        let sentence = client.post("/api/settings/webhooks").json(&wish).send().refused(status, code);
        assert!(sentence.contains(word), "{wish}: {sentence}");
    }
    hub.client().get("/api/settings/webhooks").send().refused(401, "Unauthorized");
    let (_, reader) = hub.user("read");
    reader.get("/api/settings/webhooks").send().refused(403, "Forbidden");
    let events = [lines::file("x", "y")];
    repository.commit(&events).expect(200);
}
