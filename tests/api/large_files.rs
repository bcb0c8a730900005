//! The large files that a repository holds: listed, given to others, and deleted for good.

use ballast_tests::{Client, Deployment, Hub, Repository, lines, sha256, unique};
use serde_json::{Value, json};

fn listed(repository: &Repository) -> Vec<(String, String, u64)> {
    let list = repository.client.get(repository.api("/lfs-files")).send().ok();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |item: &Value| (text(&item["filename"]), text(&item["oid"]), item["size"].as_u64().unwrap());
    let mut rows: Vec<_> = list.as_array().unwrap().iter().map(row).collect();
    rows.sort();
    rows
}

fn purge(repository: &Repository, oids: &[&str]) -> ballast_tests::Answer {
    let body = json!({ "deletions": { "sha": oids, "rewriteHistory": true } });
    repository.client.post(repository.api("/lfs-files/batch")).json(&body).send()
}

fn used(repository: &Repository) -> u64 {
    repository.client.get(repository.api("?expand=usedStorage")).send().ok()["usedStorage"].as_u64().unwrap()
}

/// Asks for large files of one repository for another one; the digests of those that are not to be had.
fn lend(client: &Client, from: &Repository, to: &Repository, oids: &[&str]) -> Vec<String> {
    let files: Vec<Value> = oids.iter().map(|oid| json!({ "xetHash": "x", "sha256": oid, "filename": "f" })).collect();
    let body = json!({ "target": { "type": "model", "name": to.id }, "files": files });
    let answer = client.post(from.api("/lfs-files/duplicate")).json(&body).send().ok();
    let failed = answer["failed"].as_array().unwrap().iter();
    failed.map(|one| one["sha256"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_large_files_of_every_commit_are_listed_page_by_page() {
    let hub = Hub::shared();
    let repository = hub.model();
    let old = repository.add_large("model.bin", b"old weights");
    let new = repository.add_large("model.bin", b"new weights!");
    repository.add("small.txt", "small");
    let mut expected = vec![("model.bin".to_owned(), old.clone(), 11), ("model.bin".to_owned(), new.clone(), 12)];
    expected.sort();
    assert_eq!(listed(&repository), expected);
    let page = repository.client.get(repository.api("/lfs-files?limit=1")).send().expect(200);
    let item = page.json()[0].clone();
    assert_eq!(item["fileOid"], item["oid"]);
    assert!(item["pushedAt"].as_str().unwrap().ends_with('Z'));
    let next = repository.client.get(hub.client().target(page.next().unwrap())).send().expect(200);
    assert_eq!((next.json().as_array().unwrap().len(), next.next()), (1, None));
    assert_ne!(next.json()[0]["oid"], item["oid"]);
    repository.client.get(repository.api("/lfs-files?cursor=x")).send().refused(400, "BadRequest");
}

#[test]
fn a_large_file_that_is_deleted_for_good_is_gone_from_every_door_and_counts_no_more() {
    let hub = Hub::shared();
    let repository = hub.model();
    let (kept, gone) = (repository.add_large("kept.bin", b"kept"), repository.add_large("gone.bin", b"to be gone"));
    let before = used(&repository);
    purge(&repository, &[&gone]).expect(200);
    assert_eq!(used(&repository), before - 10);
    assert_eq!(listed(&repository), [("kept.bin".to_owned(), kept.clone(), 4)]);
    let sentence = repository.client.get(repository.resolve("gone.bin")).send().refused(404, "EntryNotFound");
    assert!(sentence.contains("'gone.bin' was permanently deleted"), "{sentence}");
    repository.client.head(repository.resolve("gone.bin")).send().expect(404);
    let download = json!({ "operation": "download", "objects": [{ "oid": gone, "size": 10 }] });
    assert_eq!(repository.batch(&download).ok()["objects"][0]["error"]["code"], 404);
    assert_eq!(repository.read("kept.bin"), b"kept");
    // The history still names it.
    assert!(repository.paths().contains(&"gone.bin".to_owned()));
    // Again is done already.
    purge(&repository, &[&gone]).expect(200);
    assert_eq!(used(&repository), before - 10);
}

#[test]
fn who_sends_a_deleted_file_again_restores_it() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = repository.add_large("model.bin", b"weights");
    let (tip, before) = (repository.tip(), used(&repository));
    purge(&repository, &[&oid]).expect(200);
    assert_eq!(repository.add_large("model.bin", b"weights"), oid);
    assert_eq!((repository.tip(), used(&repository)), (tip, before));
    assert_eq!(repository.read("model.bin"), b"weights");
    assert_eq!(listed(&repository).len(), 1);
}

#[test]
fn bytes_that_somebody_else_holds_stay_with_them() {
    let hub = Hub::shared();
    let (one, two) = (hub.model(), hub.model());
    let oid = one.add_large("model.bin", b"in two places");
    two.add_large("model.bin", b"in two places");
    purge(&one, &[&oid]).expect(200);
    one.client.get(one.resolve("model.bin")).send().refused(404, "EntryNotFound");
    assert_eq!(two.read("model.bin"), b"in two places");
}

#[test]
fn deletions_of_what_is_no_large_file_are_refused_and_nothing_is_deleted() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = repository.add_large("model.bin", b"weights of mine");
    let strange = sha256(b"never seen");
    purge(&repository, &[&oid, &strange]).refused(404, "ObjectNotFound");
    assert_eq!(listed(&repository).len(), 1);
    purge(&repository, &["xyz"]).refused(400, "BadRequest");
    let (_, stranger) = hub.user("write");
    purge(&repository.seen_by(&stranger), &[&oid]).refused(403, "Forbidden");
    // One that is about to be committed again stays.
    repository.add("small.txt", "small");
    assert_eq!(repository.read("model.bin"), b"weights of mine");
}

#[test]
fn large_files_are_given_to_another_repository_without_being_sent() {
    let hub = Hub::shared();
    let (name, other) = hub.user("write");
    let (from, to) = (hub.model(), Repository::create(&other, &name, false));
    let oid = from.add_large("model.bin", b"to be shared");
    let strange = sha256(b"not there");
    to.commit(&[lines::large_file("copy.bin", &oid, 12)]).refused(404, "ObjectNotFound");
    assert_eq!(lend(&other, &from, &to, &[&oid, &strange, &oid]), [strange]);
    to.commit(&[lines::large_file("copy.bin", &oid, 12)]).expect(200);
    assert_eq!(to.read("copy.bin"), b"to be shared");
    assert_eq!(lend(&other, &from, &to, &[&oid]), Vec::<String>::new());

    let private = hub.private_model();
    let secret = private.add_large("model.bin", b"a secret");
    let body = json!({ "target": { "type": "model", "name": to.id }, "files": [{ "sha256": secret }] });
    other.post(private.api("/lfs-files/duplicate")).json(&body).send().refused(404, "RepoNotFound");
    assert_eq!(lend(&other, &from, &to, &[&secret]), [secret]);
}

#[test]
fn a_copy_of_a_repository_has_its_files_and_begins_anew() {
    let hub = Hub::shared();
    let original = hub.model();
    original.add("README.md", "---\nlicense: mit\n---\n");
    original.add_large("folder/model.bin", b"weights of the original");
    original.client.put(original.api("/settings")).json(&json!({ "gated": "auto" })).send().expect(200);
    let (name, other) = hub.user("write");
    other.post(original.api("/duplicate")).json(&json!({ "repository": "copy" })).send().refused(403, "GatedRepo");
    original.client.put(original.api("/settings")).json(&json!({ "gated": false })).send().expect(200);
    let to = format!("{name}/{}", unique("copy"));
    let copied = other.post(original.api("/duplicate")).json(&json!({ "repository": to })).send().ok();
    assert_eq!(
        copied,
        json!({ "url": format!("{}/{to}", hub.client().base()), "name": to, "filesCopyPending": false })
    );
    let copy = Repository { client: other.clone(), kinds: "models", id: to.clone() };
    let sorted = |repository: &Repository| {
        let mut paths = repository.paths();
        paths.sort();
        paths
    };
    assert_eq!(sorted(&copy), sorted(&original));
    assert_eq!(copy.read("folder/model.bin"), b"weights of the original");
    let history = other.get(copy.api("/commits/main")).send().ok();
    assert_eq!(history.as_array().unwrap().len(), 1);
    assert_eq!(history[0]["title"], format!("Duplicate from {}", original.id));
    assert_eq!(other.get(copy.api("")).send().ok()["cardData"]["license"], "mit");
    assert!(used(&copy) > 0);
    // What happens to one is nothing to the other.
    let delete = json!({ "name": original.id, "type": "model" });
    original.client.delete("/api/repos/delete").json(&delete).send().expect(200);
    assert_eq!(copy.read("folder/model.bin"), b"weights of the original");

    let again = other.post(copy.api("/duplicate")).json(&json!({ "repository": to })).send();
    assert_eq!((again.status, &again.json()["url"]), (409, &copied["url"]));
    let theirs = json!({ "repository": "admin/stolen", "visibility": "private" });
    other.post(copy.api("/duplicate")).json(&theirs).send().refused(403, "Forbidden");
}

#[test]
fn a_copy_for_which_there_is_no_room_is_not_made() {
    const SMALL: &str = "[[bootstrap.users]]\nname = \"ada\"\ntokens = [{ name = \"t\", role = \"write\", value = \"token-of-ada\" }]\n";
    let hub = Deployment::new().config(SMALL).start();
    let original = hub.model();
    original.add_large("model.bin", &[7; 50_000]);
    let ada = hub.client().with_token("token-of-ada");
    hub.admin().put("/api/quota/ada").json(&json!({ "public_quota_bytes": 20_000 })).send().expect(200);
    ada.post(original.api("/duplicate")).json(&json!({ "repository": "copy" })).send().refused(413, "QuotaExceeded");
    ada.get("/api/models/ada/copy").send().refused(404, "RepoNotFound");
    hub.admin().put("/api/quota/ada").json(&json!({ "public_quota_bytes": 200_000 })).send().expect(200);
    ada.post(original.api("/duplicate")).json(&json!({ "repository": "copy" })).send().expect(200);
}
