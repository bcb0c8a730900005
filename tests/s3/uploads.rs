//! Bytes that clients send to the provider, and the hub looks at before a commit may name them.

use std::path::Path;

use ballast_tests::bucket::Bucket;
use ballast_tests::{Answer, Client, Deployment, Hub, PartUpload, Repository, lines, sha256};
use serde_json::{Value, json};

const PART: usize = 5 << 20;

fn bytes(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 31 + seed) % 251) as u8).collect()
}

fn deployment(bucket: &Bucket) -> Deployment {
    let deployment = Deployment::new().over(bucket, "on");
    deployment.set("lfs.multipart_threshold", "5300000").set("lfs.part_size", &PART.to_string())
}

fn hub(bucket: &Bucket) -> Hub {
    deployment(bucket).start()
}

/// Where an object is to be put, which is at the provider.
fn link(repository: &Repository, oid: &str, size: usize) -> String {
    let object = repository.upload_action(oid, size);
    let link = object["actions"]["upload"]["href"].as_str().unwrap_or_else(|| panic!("no upload in {object}"));
    assert!(link.contains("X-Amz-Signature="), "{link} leads to the hub");
    link.to_owned()
}

fn put(link: &str, bytes: &[u8]) -> Answer {
    let (provider, target) = Client::at(link);
    provider.put(target).body(bytes).send()
}

fn is_known(repository: &Repository, oid: &str, size: usize) -> bool {
    repository.upload_action(oid, size).get("actions").is_none()
}

/// The files in a folder and below it.
fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[test]
fn a_whole_upload_goes_to_the_provider_and_counts_when_the_hub_has_seen_it() {
    let bucket = Bucket::new();
    let hub = hub(&bucket);
    let repository = hub.private_model();
    let (content, oid) = (bytes(700_000, 1), sha256(bytes(700_000, 1)));
    let link = link(&repository, &oid, content.len());
    put(&link, &content).expect(200);
    assert!(!is_known(&repository, &oid, content.len()), "nobody has looked at it yet");
    repository.verify(&oid, content.len()).expect(200);
    repository.verify(&oid, content.len()).expect(200);
    assert!(is_known(&repository, &oid, content.len()));
    repository.commit(&[lines::large_file("m.bin", &oid, content.len())]).expect(200);
    assert!(repository.read("m.bin") == content);
    // What was signed is over, though its time is not.
    assert!(put(&link, &bytes(700_000, 2)).status >= 400);
    assert!(repository.read("m.bin") == content);
}

#[test]
fn a_client_that_does_not_ask_for_the_verification_gets_it_with_its_commit() {
    let bucket = Bucket::new();
    let hub = hub(&bucket);
    let repository = hub.model();
    let oid = sha256(b"not verified");
    put(&link(&repository, &oid, 12), b"not verified").expect(200);
    repository.commit(&[lines::large_file("n.bin", &oid, 12)]).expect(200);
    assert_eq!(repository.read("n.bin"), b"not verified");
}

#[test]
fn other_bytes_than_announced_are_found_out_and_thrown_away() {
    let bucket = Bucket::new();
    let hub = hub(&bucket);
    let repository = hub.model();
    let oid = sha256(b"the truth");
    put(&link(&repository, &oid, 9), b"the liess").expect(200);
    let before = repository.tip();
    let sentence = repository.commit(&[lines::large_file("t.bin", &oid, 9)]).refused(400, "BadRequest");
    assert!(sentence.contains("SHA-256"), "{sentence}");
    put(&link(&repository, &oid, 9), b"the liess").expect(200);
    repository.verify(&oid, 9).refused(400, "BadRequest");
    assert_eq!(repository.verify(&oid, 9).status, 404, "it is forgotten");
    assert_eq!(repository.tip(), before);
    assert_eq!(files(&bucket.folder().join("hub/lfs")), 0, "nothing of it stays");
    // A body of another length does not even arrive.
    assert!(put(&link(&repository, &oid, 9), b"the truth and more").status >= 400);
    assert_eq!(repository.upload(b"the truth"), oid);
    repository.commit(&[lines::large_file("t.bin", &oid, 9)]).expect(200);
}

#[test]
fn an_upload_of_which_nothing_arrived_is_not_there() {
    let bucket = Bucket::new();
    let hub = hub(&bucket);
    let repository = hub.model();
    let oid = sha256(b"never sent");
    link(&repository, &oid, 10);
    assert_eq!(repository.verify(&oid, 10).status, 404);
    let refused = repository.commit(&[lines::large_file("x.bin", &oid, 10)]);
    let unknown = repository.commit(&[lines::large_file("x.bin", &sha256(b"unheard of"), 10)]);
    assert_eq!((refused.status, refused.header("x-error-code")), (unknown.status, unknown.header("x-error-code")));
}

#[test]
fn an_object_of_one_repository_is_not_anothers_for_the_asking() {
    let bucket = Bucket::new();
    let hub = hub(&bucket);
    let (mine, theirs) = (hub.private_model(), hub.private_model());
    let oid = mine.add_large("secret.bin", b"a secret");
    assert_eq!(theirs.verify(&oid, 8).status, 404);
    put(&link(&theirs, &oid, 8), b"a guess!").expect(200);
    theirs.verify(&oid, 8).refused(400, "BadRequest");
    // Who has the bytes may; they lie there once.
    put(&link(&theirs, &oid, 8), b"a secret").expect(200);
    theirs.verify(&oid, 8).expect(200);
    theirs.commit(&[lines::large_file("mine.bin", &oid, 8)]).expect(200);
    assert_eq!(files(&bucket.folder().join("hub/lfs")), 1);
}

#[test]
fn a_file_in_parts_goes_to_the_provider_and_is_put_together_there() {
    let bucket = Bucket::new();
    let hub = hub(&bucket);
    let repository = hub.model();
    let upload = PartUpload::begin(&repository, bytes(2 * PART + 1000, 3));
    assert_eq!(upload.action["header"]["chunk_size"], PART.to_string());
    assert_eq!(upload.action["header"].as_object().unwrap().len(), 4);
    let mut parts: Vec<Value> = [3, 1].iter().map(|number| upload.send_right(*number)).collect();
    parts.insert(1, json!({ "partNumber": 2, "etag": "\"guessed\"" }));
    parts.rotate_left(2);
    parts.sort_by_key(|part| part["partNumber"].as_u64());
    let sentence = upload.completing(&parts).send().refused(400, "BadRequest");
    assert!(sentence.contains("part 2 has not arrived"), "{sentence}");
    assert!(upload.send(2, &bytes(PART - 1, 3)).status >= 400, "a part of another length");
    parts[1] = upload.send_right(2);
    for _ in 0..2 {
        upload.completing(&parts).send().expect(200);
    }
    assert!(is_known(&repository, &upload.oid, upload.bytes.len()));
    repository.commit(&[lines::large_file("parts.bin", &upload.oid, upload.bytes.len())]).expect(200);
    assert!(repository.read("parts.bin") == upload.bytes);
    assert!(upload.send(1, &bytes(PART, 9)).status >= 400, "the upload is over");
}

#[test]
fn parts_of_other_bytes_are_thrown_away_and_can_be_sent_anew() {
    let bucket = Bucket::new();
    let hub = hub(&bucket);
    let repository = hub.model();
    let whole = bytes(PART + 500_000, 4);
    let upload = PartUpload::begin(&repository, whole.clone());
    let parts = [1, 2].map(|number| {
        let lie = vec![7; upload.piece(number).len()];
        json!({ "partNumber": number, "etag": upload.send(number, &lie).expect(200).header("etag").unwrap() })
    });
    let sentence = upload.completing(&parts).send().refused(400, "BadRequest");
    assert!(sentence.contains("SHA-256"), "{sentence}");
    assert_eq!(upload.completing(&parts).send().status, 404, "that upload is over");
    let again = PartUpload::begin(&repository, whole.clone());
    let parts = [1, 2].map(|number| again.send_right(number));
    again.completing(&parts).send().expect(200);
    repository.commit(&[lines::large_file("p.bin", &again.oid, whole.len())]).expect(200);
    assert!(repository.read("p.bin") == whole);
}

#[test]
fn an_object_outlives_the_hub_that_took_it() {
    let bucket = Bucket::new();
    let deployment = deployment(&bucket);
    let first = deployment.start();
    let repository = first.model();
    let oid = sha256(b"sent before the restart");
    put(&link(&repository, &oid, 23), b"sent before the restart").expect(200);
    first.kill();
    let second = deployment.start();
    let repository = Repository { client: second.admin(), ..repository };
    repository.verify(&oid, 23).expect(200);
    repository.commit(&[lines::large_file("r.bin", &oid, 23)]).expect(200);
    let verified = deployment.run(["storage", "verify"]);
    let said = verified.ok();
    assert!(said.contains("whole") || !said.is_empty(), "{said}");
}
