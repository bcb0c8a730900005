//! A bit that the disk flips is noticed, is never served, and comes right with the next upload.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ballast_tests::{Answer, Client, Deployment, Hub, Repository, lines, read_answer, sha256};
use serde_json::{Value, json};

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Flips one bit of the stored file that holds these bytes; answers which file it is.
pub fn flip(hub: &Hub, bytes: &[u8], at: usize) -> PathBuf {
    for path in files_below(&hub.deployment.data()) {
        let is_object = path.components().any(|part| matches!(part.as_os_str().to_str(), Some("packs" | "lfs")));
        let mut content = if is_object { fs::read(&path).unwrap() } else { vec![] };
        if let Some(start) = content.windows(bytes.len()).position(|window| window == bytes) {
            content[start + at] ^= 1;
            // In place, as a disk does it: the same file, and a reader that has it open sees it.
            fs::write(&path, &content).unwrap();
            return path;
        }
    }
    panic!("no stored object holds these bytes");
}

pub fn pattern(length: usize) -> Vec<u8> {
    let mut state = length as u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// What came, or none where the connection was broken off before the end.
fn get(client: &Client, target: &str) -> Option<Answer> {
    use std::io::Write;
    let mut stream = client.connect();
    stream.write_all(&client.get(target).head_for(0)).unwrap();
    read_answer(&mut stream, false).ok()
}

/// Sends bytes as git-lfs does; answers whether the hub wanted them.
pub fn upload(repository: &Repository, bytes: &[u8]) -> bool {
    let oid = sha256(bytes);
    let asked =
        json!({ "operation": "upload", "transfers": ["basic"], "objects": [{ "oid": oid, "size": bytes.len() }] });
    let batch = repository.page(".git/info/lfs/objects/batch");
    let answer = repository.client.post(batch).header("Content-Type", "application/vnd.git-lfs+json");
    let answer = answer.body(asked.to_string()).send().ok();
    let Some(href) = answer["objects"][0]["actions"]["upload"]["href"].as_str() else { return false };
    repository.client.put(repository.client.target(href)).body(bytes).send().expect(200);
    true
}

fn commit_large(repository: &Repository, path: &str, bytes: &[u8]) {
    upload(repository, bytes);
    repository.commit(&[lines::large_file(path, &sha256(bytes), bytes.len())]).ok();
}

fn used(repository: &Repository) -> Value {
    repository.client.get(repository.api("?expand=usedStorage")).send().ok()["usedStorage"].clone()
}

/// Waits until the hub knows: then the refusal comes before any byte does.
fn is_known(client: &Client, target: &str) {
    let begun = Instant::now();
    while get(client, target).is_none_or(|answer| answer.status != 500) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the damage does not become known");
    }
}

#[test]
fn a_flipped_bit_of_a_large_file_is_never_served_and_an_upload_heals_it() {
    let hub = Deployment::new().start();
    let repository = hub.model();
    let bytes = pattern(3_000_000);
    commit_large(&repository, "model.bin", &bytes);
    commit_large(&repository, "other.bin", &pattern(200_000));
    let target = repository.resolve("model.bin");
    let before = used(&repository);
    assert_eq!(repository.read("model.bin"), bytes, "also when it was read before");
    flip(&hub, &bytes, 2_500_000);

    assert!(get(&repository.client, &target).is_none_or(|answer| answer.status == 500), "it was served");
    is_known(&repository.client, &target);
    let sentence = repository.client.get(&target).send().refused(500, "Damaged");
    assert!(sentence.contains("upload the same"), "{sentence}");
    repository.client.get(&target).header("Range", "bytes=0-10").send().refused(500, "Damaged");
    assert_eq!(repository.read("other.bin"), pattern(200_000));
    assert!(hub.log().contains(&sha256(&bytes)) && !hub.log().contains("panicked"), "{}", hub.log());

    let claimed = repository.commit(&[lines::large_file("again.bin", &sha256(&bytes), bytes.len())]);
    claimed.refused(404, "ObjectNotFound");
    assert!(upload(&repository, &bytes), "the hub asks for the bytes");
    assert_eq!(repository.read("model.bin"), bytes);
    assert!(!upload(&repository, &bytes), "and not twice");
    assert_eq!(used(&repository), before);
    hub.deployment.run(["storage", "verify"]).ok();
}

#[test]
fn a_flipped_bit_in_a_pack_spoils_one_small_file_and_a_commit_heals_it() {
    let hub = Deployment::new().start();
    let repository = hub.model();
    let (bad, good) = (pattern(5000), pattern(6000));
    repository.commit(&[lines::file("bad.txt", &bad), lines::file("good.txt", &good)]).ok();
    let before = used(&repository);
    assert_eq!(repository.read("bad.txt"), bad);
    flip(&hub, &bad, 4000);
    let target = repository.resolve("bad.txt");
    for _ in 0..3 {
        repository.client.get(&target).send().refused(500, "Damaged");
    }
    repository.client.get(&target).header("Range", "bytes=1-2").send().refused(500, "Damaged");
    assert_eq!(repository.client.head(&target).send().expect(200).header("content-length"), Some("5000"));
    assert_eq!(repository.read("good.txt"), good);
    repository.add("same.txt", &bad);
    assert_eq!(repository.read("bad.txt"), bad);
    assert_eq!(used(&repository), before);
}

#[test]
fn a_damage_that_was_known_is_known_to_the_next_process() {
    let deployment = Deployment::new();
    let hub = deployment.start();
    let repository = hub.model();
    let bytes = pattern(300_000);
    commit_large(&repository, "model.bin", &bytes);
    flip(&hub, &bytes, 299_999);
    is_known(&repository.client, &repository.resolve("model.bin"));
    hub.stop();
    let hub = deployment.start();
    let first_byte = hub.admin().get(repository.resolve("model.bin")).header("Range", "bytes=0-0");
    first_byte.send().refused(500, "Damaged");
}
