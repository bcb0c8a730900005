//! Large files that go up in parts.

use ballast_tests::{Deployment, Hub, PartUpload, Repository, lines, sha256};
use serde_json::{Value, json};

const PART: usize = 1024;

fn hub() -> Hub {
    Deployment::new().set("lfs.multipart_threshold", "2000").set("lfs.part_size", "1024").start()
}

/// Whether the repository knows the object.
fn is_there(repository: &Repository, upload: &PartUpload) -> bool {
    repository.upload_action(&upload.oid, upload.bytes.len()).get("actions").is_none()
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

#[test]
fn a_file_in_parts_is_put_together() {
    let hub = hub();
    let repository = hub.model();
    let upload = PartUpload::begin(&repository, bytes(3 * PART + 100));
    assert_eq!(upload.action["header"]["chunk_size"], PART.to_string());
    assert_eq!(upload.action["header"].as_object().unwrap().len(), 1 + upload.count());
    // In any order; the list says how they belong together.
    let mut parts: Vec<Value> = [4, 2, 1, 3].iter().map(|number| upload.send_right(*number)).collect();
    parts.sort_by_key(|part| part["partNumber"].as_u64());
    upload.completing(&parts).send().expect(200);
    assert!(is_there(&repository, &upload));
    repository.commit(&[lines::large_file("parts.bin", &upload.oid, upload.bytes.len())]).expect(200);
    assert_eq!(repository.read("parts.bin"), upload.bytes);
}

#[test]
fn parts_are_offered_only_to_who_asks_for_them_and_to_what_is_large() {
    let hub = hub();
    let repository = hub.model();
    assert_eq!(repository.upload_action(&sha256(bytes(5000)), 5000)["actions"]["upload"]["header"], Value::Null);
    let objects = json!([{ "oid": sha256(b"small"), "size": 5 }]);
    let asked = json!({ "operation": "upload", "transfers": ["basic", "multipart"], "objects": objects });
    assert_eq!(repository.batch(&asked).ok()["transfer"], "basic");
}

#[test]
fn a_part_of_another_length_is_refused() {
    let hub = hub();
    let repository = hub.model();
    let upload = PartUpload::begin(&repository, bytes(2 * PART + 10));
    for (number, length) in [(1, PART - 1), (1, PART + 1), (1, 0), (3, 9), (3, 11), (3, PART)] {
        let answer = upload.send(number, &bytes(length));
        assert_eq!(answer.status, 400, "part {number} of {length} bytes: {}", answer.text());
    }
    let parts: Vec<Value> = (1..=upload.count()).map(|number| upload.send_right(number)).collect();
    upload.completing(&parts).send().expect(200);
}

#[test]
fn a_part_that_does_not_exist_is_refused() {
    let hub = hub();
    let repository = hub.model();
    let upload = PartUpload::begin(&repository, bytes(2 * PART + 10));
    let link = upload.link(1);
    for number in ["0", "4", "10001", "4294967295", "4294967296", "-1", "x", "1.0", "%00"] {
        let target = link.replace("/parts/1?", &format!("/parts/{number}?"));
        let answer = hub.client().put(&target).body(bytes(PART)).send();
        assert_eq!(answer.status, 400, "part {number}: {}", answer.text());
    }
}

#[test]
fn a_list_of_parts_that_is_not_the_whole_is_refused_and_can_be_mended() {
    let hub = hub();
    let repository = hub.model();
    let upload = PartUpload::begin(&repository, bytes(2 * PART + 10));
    let (one, two) = (upload.send_right(1), upload.send_right(2));
    let absent = json!({ "partNumber": 3, "etag": "0123456789abcdef" });
    upload.completing(&[one.clone(), two.clone()]).send().refused(400, "BadRequest");
    upload.completing(&[one.clone(), two.clone(), absent]).send().refused(400, "BadRequest");
    let three = upload.send_right(3);
    let wrong = json!({ "partNumber": 2, "etag": "0123456789abcdef" });
    for parts in [
        vec![],
        vec![one.clone(), two.clone()],
        vec![one.clone(), three.clone()],
        vec![one.clone(), two.clone(), two.clone(), three.clone()],
        vec![two.clone(), one.clone(), three.clone()],
        vec![one.clone(), wrong, three.clone()],
        vec![one.clone(), two.clone(), three.clone(), json!({ "partNumber": 4, "etag": "x" })],
        vec![one.clone(), json!({ "partNumber": 0, "etag": "x" }), three.clone()],
    ] {
        let answer = upload.completing(&parts).send();
        assert_eq!(answer.status, 400, "{parts:?}: {}", answer.text());
        assert!(!is_there(&repository, &upload));
    }
    upload.completing(&[one, two, three]).send().expect(200);
    assert!(is_there(&repository, &upload));
}

#[test]
fn parts_that_are_not_what_the_oid_says_are_refused_and_not_kept() {
    let hub = hub();
    let repository = hub.model();
    let upload = PartUpload::begin(&repository, bytes(2 * PART + 10));
    let lie = upload.send(2, &vec![9; PART]).expect(200);
    let lie = json!({ "partNumber": 2, "etag": lie.header("etag").unwrap() });
    let parts = [upload.send_right(1), lie, upload.send_right(3)];
    let sentence = upload.completing(&parts).send().refused(400, "BadRequest");
    assert!(sentence.contains(&upload.oid) || sentence.contains("SHA-256"), "{sentence}");
    assert!(!is_there(&repository, &upload));
}

#[test]
fn a_part_sent_again_takes_the_place_of_the_first() {
    let hub = hub();
    let repository = hub.model();
    let upload = PartUpload::begin(&repository, bytes(2 * PART + 10));
    upload.send(1, &vec![9; PART]).expect(200);
    let parts: Vec<Value> = (1..=3).map(|number| upload.send_right(number)).collect();
    upload.completing(&parts).send().expect(200);
    assert!(is_there(&repository, &upload));
}

#[test]
fn a_completion_that_cannot_be_read_or_names_another_object_is_refused() {
    let hub = hub();
    let repository = hub.model();
    let upload = PartUpload::begin(&repository, bytes(2 * PART + 10));
    let parts: Vec<Value> = (1..=3).map(|number| upload.send_right(number)).collect();
    let target = repository.client.target(upload.action["href"].as_str().unwrap()).to_owned();
    for body in [
        json!({ "oid": sha256(b"other"), "parts": parts }),
        json!({ "oid": upload.oid }),
        json!({ "parts": "all" }),
        json!([]),
        json!({ "oid": upload.oid, "parts": [{ "partNumber": "1", "etag": "x" }] }),
        json!({ "oid": upload.oid, "parts": [{ "partNumber": -1, "etag": "x" }] }),
        json!({ "oid": upload.oid, "parts": [{ "partNumber": 1 }] }),
    ] {
        hub.client().post(&target).json(&body).send().refused(400, "BadRequest");
    }
    let foreign = target.replace(&upload.oid, &sha256(b"other"));
    hub.client()
        .post(&foreign)
        .json(&json!({ "oid": sha256(b"other"), "parts": parts }))
        .send()
        .refused(403, "Forbidden");
    assert!(!is_there(&repository, &upload));
    upload.completing(&parts).send().expect(200);
    // Clients ask again when the answer was lost.
    let again = upload.completing(&parts).send();
    assert!(again.status == 200 || (400..500).contains(&again.status), "{}", again.text());
}
