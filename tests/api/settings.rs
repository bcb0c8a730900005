//! Settings of a repository, and what they do at once.

use ballast_testkit::XetUpload;
use ballast_tests::{Deployment, Hub, Repository};
use serde_json::{Value, json};

use crate::xet::{committed, noise};

fn change(repository: &Repository, settings: &Value) -> ballast_tests::Answer {
    repository.client.put(repository.api("/settings")).json(settings).send()
}

fn lfs(repository: &Repository) -> Value {
    repository.client.get(repository.api("/settings/lfs")).send().ok()
}

fn mode(repository: &Repository, path: &str, size: u64) -> Value {
    let files = json!({ "files": [{ "path": path, "size": size, "sample": "" }] });
    let answer = repository.client.post(repository.api("/preupload/main")).json(&files).send().ok();
    answer["files"][0]["uploadMode"].clone()
}

#[test]
fn what_counts_as_large_is_the_servers_until_the_repository_says_otherwise() {
    let hub = Hub::shared();
    let repository = hub.model();
    let before = lfs(&repository);
    assert_eq!(before["lfs_threshold_bytes"], Value::Null);
    assert_eq!(before["lfs_threshold_bytes_effective"], 5_000_000);
    assert_eq!(before["lfs_threshold_bytes_source"], "server_default");
    assert_eq!(before["server_defaults"]["lfs_suffix_rules_default"].as_array().unwrap().len(), 32);
    assert_eq!(mode(&repository, "a.txt", 2_000_000), "regular");
    assert_eq!(mode(&repository, "a.own", 10), "regular");

    let own = json!({ "lfs_threshold_bytes": 1_000_000, "lfs_keep_versions": 7, "lfs_suffix_rules": [".OWN", ".bin"] });
    assert_eq!(change(&repository, &own).ok()["success"], true);
    let after = lfs(&repository);
    assert_eq!(after["lfs_threshold_bytes_effective"], 1_000_000);
    assert_eq!(after["lfs_threshold_bytes_source"], "repository");
    assert_eq!((&after["lfs_keep_versions"], &after["lfs_keep_versions_effective"]), (&json!(7), &json!(7)));
    assert_eq!(after["lfs_suffix_rules"], json!([".bin", ".own"]));
    assert_eq!(after["lfs_suffix_rules_source"], "merged");
    assert_eq!(after["lfs_suffix_rules_effective"].as_array().unwrap().len(), 33, "the server's, and one of its own");
    assert_eq!(mode(&repository, "a.txt", 2_000_000), "lfs");
    assert_eq!(mode(&repository, "a.own", 10), "lfs");
    let other = repository.client.get(repository.api("/lfs/settings")).send().ok();
    assert_eq!(other, after, "both addresses answer the same");
}

#[test]
fn null_goes_back_to_the_default_and_what_is_absent_stays() {
    let hub = Hub::shared();
    let repository = hub.model();
    change(&repository, &json!({ "lfs_threshold_bytes": 1_000_000, "lfs_keep_versions": 7 })).expect(200);
    change(&repository, &json!({ "lfs_threshold_bytes": null, "xetEnabled": true })).expect(200);
    let after = lfs(&repository);
    assert_eq!((&after["lfs_threshold_bytes"], &after["lfs_keep_versions"]), (&Value::Null, &json!(7)));
    change(&repository, &json!({})).expect(200);
    assert_eq!(lfs(&repository), after);
}

#[test]
fn settings_that_make_no_sense_are_refused_and_none_of_them_is_taken() {
    let hub = Hub::shared();
    let repository = hub.model();
    let before = lfs(&repository);
    for (settings, word) in [
        (json!({ "lfs_threshold_bytes": 999_999, "lfs_keep_versions": 9 }), "lfs_threshold_bytes"),
        (json!({ "lfs_keep_versions": 1 }), "lfs_keep_versions"),
        (json!({ "lfs_suffix_rules": ["bin"], "private": true }), "'bin'"),
        (json!({ "gated": "sometimes", "lfs_keep_versions": 9 }), "sometimes"),
        (json!({ "gated": true }), "gated"),
        (json!({ "visibility": "secret" }), "secret"),
        (json!({ "private": true, "visibility": "public" }), "contradict"),
        (json!({ "lfs_threshold_bytes": -1 }), "lfs_threshold_bytes"),
    ] {
        let sentence = change(&repository, &settings).refused(400, "BadRequest");
        assert!(sentence.contains(word), "{settings}: {sentence}");
    }
    assert_eq!(lfs(&repository), before);
    repository.client.anonymous().get(repository.api("")).send().expect(200);
}

#[test]
fn who_only_writes_changes_no_settings() {
    let hub = Hub::shared();
    let repository = hub.model();
    let (_, stranger) = hub.user("admin");
    change(&repository.seen_by(&stranger), &json!({ "private": true })).refused(403, "Forbidden");
    let reader = repository.seen_by(&hub.client().with_token(&hub.token("admin", "read")));
    change(&reader, &json!({ "private": true })).refused(403, "Forbidden");
    change(&repository.seen_by(&hub.client()), &json!({ "private": true })).refused(401, "Unauthorized");
    repository.client.anonymous().get(repository.api("")).send().expect(200);
}

#[test]
fn a_repository_that_becomes_private_is_gone_for_others_at_once_and_comes_back() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a.txt", "a");
    let nobody = repository.client.anonymous();
    nobody.get(repository.resolve("a.txt")).send().expect(200);
    for private in [json!({ "private": true }), json!({ "visibility": "private" })] {
        change(&repository, &private).expect(200);
        assert_eq!(repository.client.get(repository.api("")).send().ok()["private"], true);
        nobody.get(repository.resolve("a.txt")).send().refused(401, "RepoNotFound");
        nobody.get(repository.api("")).send().refused(401, "RepoNotFound");
        change(&repository, &json!({ "private": false })).expect(200);
        nobody.get(repository.resolve("a.txt")).send().expect(200);
    }
}

#[test]
fn a_token_of_xet_ends_when_its_repository_becomes_private() {
    let hub = Hub::shared();
    let repository = hub.model();
    let upload = XetUpload::of(&noise(100_000, 77));
    committed(&repository, "x.bin", &upload);
    let access = repository.client.anonymous().get(repository.api("/xet-read-token/main")).send().ok();
    let reader = hub.client().with_token(access["accessToken"].as_str().unwrap());
    let address = format!("/xet/v1/reconstructions/{}", upload.file.file);
    reader.get(&address).send().expect(200);
    change(&repository, &json!({ "private": true })).expect(200);
    reader.get(&address).send().refused(401, "RepoNotFound");
    change(&repository, &json!({ "private": false })).expect(200);
    reader.get(&address).send().expect(200);
}

#[test]
fn bytes_move_between_public_and_private_with_the_repository_and_only_where_there_is_room() {
    let deployment = Deployment::new().set("quota.main.plugin", "quota.ledger");
    let deployment = deployment.set("quota.main.config.default_private_bytes", "30000");
    let hub = deployment.set("quota.main.config.default_public_bytes", "100000").start();
    let (small, large) = (hub.model(), hub.model());
    small.add("a.txt", vec![b'a'; 20_000]);
    large.add("b.txt", vec![b'b'; 40_000]);
    let quota = || hub.admin().get("/api/quota/admin").send().ok();
    let both =
        |quota: &Value| (quota["private_used_bytes"].as_u64().unwrap(), quota["public_used_bytes"].as_u64().unwrap());
    let before = both(&quota());
    assert_eq!(before.0, 0);

    let sentence = change(&large, &json!({ "private": true, "lfs_keep_versions": 3 })).refused(400, "QuotaExceeded");
    assert!(sentence.contains("do not fit"), "{sentence}");
    assert_eq!(both(&quota()), before);
    large.client.anonymous().get(large.api("")).send().expect(200);
    assert_eq!(lfs(&large)["lfs_keep_versions"], Value::Null, "none of the settings was taken");

    change(&small, &json!({ "private": true })).expect(200);
    let after = both(&quota());
    assert!((20_000..30_000).contains(&after.0), "{after:?}");
    assert_eq!(after.0 + after.1, before.1);
    change(&small, &json!({ "private": false })).expect(200);
    assert_eq!(both(&quota()), before);
}
