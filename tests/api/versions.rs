//! Older versions of large files, where the operator keeps only the newest: `lfs.auto_prune`.

use std::time::{Duration, Instant};

use ballast_tests::{Deployment, Hub, Repository, lines};
use serde_json::json;

use crate::databases::Postgres;

fn pruning(deployment: Deployment) -> Hub {
    deployment.set("lfs.auto_prune", "true").set("lfs.keep_versions", "2").start()
}

/// Commits a version and answers its digest and its commit.
fn add(repository: &Repository, path: &str, version: u32) -> (String, String) {
    let oid = repository.add_large(path, format!("version {version} of {path}").as_bytes());
    (oid, repository.tip())
}

/// The digests of the large files that a repository holds, once there are so many.
fn held(repository: &Repository, count: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let list = repository.client.get(repository.api("/lfs-files")).send().ok();
        let oids: Vec<String> =
            list.as_array().unwrap().iter().map(|item| item["oid"].as_str().unwrap().to_owned()).collect();
        if oids.len() == count {
            return oids;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{} are held, and not {count}", oids.len());
    }
}

fn used(repository: &Repository) -> u64 {
    repository.client.get(repository.api("?expand=usedStorage")).send().ok()["usedStorage"].as_u64().unwrap()
}

fn read_at(repository: &Repository, commit: &str, path: &str) -> ballast_tests::Answer {
    repository.client.get(repository.page(&format!("/resolve/{commit}/{path}"))).send()
}

fn the_newest_stay(deployment: Deployment) {
    let hub = pruning(deployment);
    let repository = hub.model();
    let before = used(&repository);
    let made: Vec<(String, String)> = (0..5).map(|version| add(&repository, "model.bin", version)).collect();
    let mut kept = held(&repository, 2);
    kept.sort();
    let mut newest = [made[3].0.clone(), made[4].0.clone()];
    newest.sort();
    assert_eq!(kept, newest);

    for (oid, commit) in &made[..3] {
        let sentence = read_at(&repository, commit, "model.bin").refused(410, "EntryPruned");
        assert!(sentence.contains("'model.bin' is not kept any more"), "{sentence}");
        let download = json!({ "operation": "download", "objects": [{ "oid": oid, "size": 22 }] });
        assert_eq!(repository.batch(&download).ok()["objects"][0]["error"]["code"], 410);
        // Its commit stays.
        repository.client.get(repository.api(&format!("/tree/{commit}"))).send().expect(200);
    }
    assert_eq!(read_at(&repository, &made[3].1, "model.bin").expect(200).text(), "version 3 of model.bin");
    assert_eq!(repository.read("model.bin"), b"version 4 of model.bin");
    let begun = Instant::now();
    while used(&repository) != before + 2 * 22 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{} bytes are used, {before} were", used(&repository));
    }

    // Who sends one again restores it.
    assert_eq!(add(&repository, "again.bin", 0).0.len(), 64);
    assert_eq!(repository.add_large("model.bin", b"version 0 of model.bin"), made[0].0);
    assert_eq!(read_at(&repository, &made[0].1, "model.bin").expect(200).text(), "version 0 of model.bin");
}

#[test]
fn the_newest_versions_stay_and_older_ones_are_answered_with_410_on_sqlite() {
    the_newest_stay(Deployment::new());
}

#[test]
fn the_newest_versions_stay_and_older_ones_are_answered_with_410_on_postgres() {
    let Some(database) = Postgres::new() else { return };
    the_newest_stay(database.deployment());
}

#[test]
fn what_a_branch_a_tag_or_another_path_has_stays_whatever_its_age() {
    let hub = pruning(Deployment::new());
    let repository = hub.model();
    let mut oldest = vec![];
    for (version, name) in ["branch", "tag"].into_iter().enumerate() {
        let (oid, commit) = add(&repository, "model.bin", u32::try_from(version).unwrap());
        let (route, body) = match name {
            "tag" => (format!("/tag/{commit}"), json!({ "tag": "kept" })),
            _ => ("/branch/kept-branch".to_owned(), json!({ "startingPoint": commit })),
        };
        repository.client.post(repository.api(&route)).json(&body).send().expect(200);
        oldest.push(oid);
    }
    // The same bytes at another path, which is not where they were named first.
    let (copied, _) = add(&repository, "model.bin", 2);
    assert_eq!(repository.add_large("best.bin", b"version 2 of model.bin"), copied);
    oldest.push(copied);
    let gone = add(&repository, "model.bin", 3);
    let newest: Vec<String> = (4..6).map(|version| add(&repository, "model.bin", version).0).collect();
    let kept = held(&repository, 5);
    for oid in oldest.iter().chain(&newest) {
        assert!(kept.contains(oid), "{oid} is gone");
    }
    read_at(&repository, &gone.1, "model.bin").refused(410, "EntryPruned");
    assert_eq!(repository.read("best.bin"), b"version 2 of model.bin");
    assert_eq!(read_at(&repository, "kept-branch", "model.bin").expect(200).text(), "version 0 of model.bin");
}

#[test]
fn a_repository_may_keep_more_than_the_hub_does_and_verifying_finds_nothing_missing() {
    let deployment = Deployment::new();
    let hub = pruning(deployment.clone());
    let repository = hub.model();
    repository
        .client
        .request("PUT", repository.api("/settings"))
        .json(&json!({ "lfs_keep_versions": 3 }))
        .send()
        .expect(200);
    for version in 0..6 {
        add(&repository, "model.bin", version);
    }
    held(&repository, 3);
    // A path that is gone keeps its last versions too.
    repository.commit(&[lines::deleted_file("model.bin")]).expect(200);
    let other = add(&repository, "other.bin", 0);
    assert_eq!(held(&repository, 4).iter().filter(|oid| **oid == other.0).count(), 1);
    hub.stop();
    deployment.run(["gc", "run", "--grace", "0s", "--shorten-grace"]).ok();
    deployment.run(["storage", "verify"]).ok();
}

#[test]
fn commits_that_come_faster_than_pruning_leave_no_version_behind() {
    let hub = pruning(Deployment::new());
    let repository = hub.model();
    // What has to be read of each commit.
    let many: Vec<_> =
        (0..20_000).map(|number| lines::file(&format!("many/{}/{number}.txt", number % 100), "x")).collect();
    repository.commit(&many).expect(200);
    let sent: Vec<String> = (0..8).map(|version| repository.upload(format!("version {version}").as_bytes())).collect();
    for oid in &sent {
        repository.commit(&[lines::large_file("model.bin", oid, 9)]).expect(200);
    }
    let kept = held(&repository, 2);
    assert!(kept.contains(&sent[6]) && kept.contains(&sent[7]));
}

#[test]
fn nothing_is_pruned_unless_it_was_asked_for() {
    let hub = Hub::shared();
    let repository = hub.model();
    let first = add(&repository, "model.bin", 0);
    for version in 1..8 {
        add(&repository, "model.bin", version);
    }
    held(&repository, 8);
    assert_eq!(read_at(&repository, &first.1, "model.bin").expect(200).text(), "version 0 of model.bin");
}
