//! Limits on bytes, and that they hold when many come at once.

use std::time::Duration;

use ballast_tests::{Answer, Deployment, Hub, Repository, lines, sha256};
use serde_json::{Value, json};

const LIMIT: u64 = 20_000;

/// A hub on which everybody has so many public and so many private bytes.
fn limited(deployment: Deployment) -> Hub {
    let bytes = LIMIT.to_string();
    let deployment = deployment.set("quota.main.plugin", "quota.ledger");
    let deployment = deployment.set("quota.main.config.default_public_bytes", &bytes);
    deployment.set("quota.main.config.default_private_bytes", &bytes).start()
}

fn batch(repository: &Repository, objects: &[(String, u64)]) -> Answer {
    let objects: Vec<Value> = objects.iter().map(|(oid, size)| json!({ "oid": oid, "size": size })).collect();
    repository.batch(&json!({ "operation": "upload", "transfers": ["basic"], "objects": objects }))
}

fn used(repository: &Repository) -> u64 {
    repository.client.get(repository.api("?expand=usedStorage")).send().ok()["usedStorage"].as_u64().expect("a number")
}

#[test]
fn what_cannot_fit_is_refused_before_it_is_sent() {
    let hub = limited(Deployment::new());
    let repository = hub.model();
    repository.unchanged(|| {
        for files in [
            json!([{ "path": "a.txt", "size": LIMIT }]),
            json!([{ "path": "a", "size": 12_000 }, { "path": "b", "size": 12_000 }]),
        ] {
            let answer =
                repository.client.post(repository.api("/preupload/main")).json(&json!({ "files": files })).send();
            let sentence = answer.refused(413, "QuotaExceeded");
            assert!(sentence.contains(&repository.id) && sentence.contains("room"), "{sentence}");
        }
        batch(&repository, &[(sha256(b"a"), LIMIT)]).refused(413, "QuotaExceeded");
        batch(&repository, &[(sha256(b"a"), 12_000), (sha256(b"b"), 12_000)]).refused(413, "QuotaExceeded");
    });
    // A refused batch promised nothing: what fits alone still fits.
    batch(&repository, &[(sha256(b"a"), 12_000)]).expect(200);
    batch(&repository, &[(sha256(b"b"), 12_000)]).refused(413, "QuotaExceeded");
}

#[test]
fn a_commit_that_does_not_fit_is_refused_and_leaves_nothing() {
    let hub = limited(Deployment::new());
    let repository = hub.model();
    repository.add("fits.txt", vec![b'x'; 10_000]);
    repository.unchanged(|| {
        let files = [lines::file("a.txt", vec![b'a'; 5_000]), lines::file("b.txt", vec![b'b'; 5_000])];
        repository.commit(&files).refused(413, "QuotaExceeded");
    });
    repository.add("small.txt", vec![b's'; 5_000]);
}

#[test]
fn private_and_public_bytes_are_counted_apart() {
    let hub = limited(Deployment::new());
    hub.model().add("a.txt", vec![b'x'; 15_000]);
    hub.private_model().add("a.txt", vec![b'y'; 15_000]);
    hub.model().commit(&[lines::file("b.txt", vec![b'z'; 15_000])]).refused(413, "QuotaExceeded");
    hub.private_model().commit(&[lines::file("b.txt", vec![b'z'; 15_000])]).refused(413, "QuotaExceeded");
}

#[test]
fn bytes_that_are_there_twice_count_once_in_their_repository() {
    let hub = limited(Deployment::new());
    let repository = hub.model();
    let content = vec![b'x'; 5_000];
    repository.add("a.txt", &content);
    let before = used(&repository);
    repository.add("copy.txt", &content);
    repository.commit(&[lines::copy("a.txt", "another.txt")]).expect(200);
    assert_eq!(used(&repository), before);
}

/// As many as fit succeed, when all come at once, and no more.
fn exactly_what_fits(hub: &Hub) {
    const SIZE: u64 = 3_000;
    let repository = hub.model();
    let fits = (LIMIT - used(&repository)) / SIZE;
    assert!((1..16).contains(&fits));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let upload = |number: u64| {
            let repository = &repository;
            scope.spawn(move || {
                let bytes = format!("{number:03000}").into_bytes();
                let oid = sha256(&bytes);
                let asked = batch(repository, &[(oid.clone(), SIZE)]);
                if asked.status != 200 {
                    return asked.status;
                }
                let link = asked.json()["objects"][0]["actions"]["upload"]["href"].as_str().expect("a link").to_owned();
                let sent = repository.client.put(repository.client.target(&link)).body(&bytes).send();
                sent.expect(200);
                repository.commit(&[lines::large_file(&format!("{number}.bin"), &oid, 3000)]).status
            })
        };
        let running: Vec<_> = (0..16).map(upload).collect();
        running.into_iter().map(|upload| upload.join().expect("an upload")).collect()
    });
    let done = statuses.iter().filter(|status| **status == 200).count() as u64;
    assert_eq!(done, fits, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 413)), "{statuses:?}");
    assert_eq!(repository.paths().len() as u64, fits + 1);
    assert!(used(&repository) <= LIMIT);
}

#[test]
fn under_sixteen_uploads_at_once_exactly_what_fits_goes_in_on_sqlite() {
    exactly_what_fits(&limited(Deployment::new()));
}

#[test]
fn under_sixteen_uploads_at_once_exactly_what_fits_goes_in_on_postgres() {
    let Some(database) = crate::databases::Postgres::new() else { return };
    exactly_what_fits(&limited(database.deployment()));
}

#[test]
fn deleting_a_repository_makes_room_again() {
    let hub = limited(Deployment::new());
    let repository = hub.model();
    repository.add_large("m.bin", &vec![b'x'; 15_000]);
    hub.model().commit(&[lines::file("a.txt", vec![b'y'; 15_000])]).refused(413, "QuotaExceeded");
    repository.client.delete("/api/repos/delete").json(&json!({ "name": repository.id })).send().expect(200);
    let next = hub.model();
    let begun = std::time::Instant::now();
    while next.commit(&[lines::file("a.txt", vec![b'y'; 15_000])]).status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the bytes of a deleted repository still count");
        std::thread::sleep(Duration::from_millis(20));
    }
}
