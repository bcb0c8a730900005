//! Large files that go up whole: what is promised, what is sent, and what is claimed of it.

use std::io::Write;
use std::net::Shutdown;

use ballast_tests::{Hub, Repository, lines, read_answer, sha256};
use serde_json::{Value, json};

/// Whether the repository knows an object.
fn is_there(repository: &Repository, oid: &str, size: usize) -> bool {
    repository.upload_action(oid, size).get("actions").is_none()
}

fn verify(repository: &Repository, oid: &str, size: usize) -> ballast_tests::Answer {
    let target = repository.page(".git/info/lfs/objects/verify");
    repository.client.post(target).json(&json!({ "oid": oid, "size": size })).send()
}

#[test]
fn a_large_file_goes_up_and_comes_back() {
    let hub = Hub::shared();
    let repository = hub.model();
    let bytes = vec![7u8; 300_000];
    let oid = repository.add_large("model.bin", &bytes);
    assert_eq!(repository.read("model.bin"), bytes);
    let head = repository.client.head(repository.resolve("model.bin")).send().expect(200);
    assert_eq!(head.header("x-linked-etag"), Some(format!("\"{oid}\"").as_str()));
    assert_eq!(head.header("x-linked-size"), Some("300000"));
    verify(&repository, &oid, bytes.len()).expect(200);
    let pointer = repository.client.get(repository.page("/raw/main/model.bin")).send().expect(200).text();
    assert_eq!(pointer, format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 300000\n"));
}

#[test]
fn an_object_that_is_stored_has_no_actions() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = repository.add_large("a.bin", b"stored");
    let answer = repository.upload_action(&oid, 6);
    assert_eq!(answer, json!({ "oid": oid, "size": 6 }));
}

#[test]
fn an_upload_needs_no_credential_but_its_link() {
    let hub = Hub::shared();
    let repository = hub.private_model();
    let oid = repository.upload(b"the link is the right");
    assert!(is_there(&repository, &oid, 21));
}

#[test]
fn bytes_that_are_not_what_their_oid_says_are_refused_and_not_kept() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = sha256(b"the truth");
    let target = repository.upload_target(&oid, 9);
    for (lie, word) in
        [(&b"the liess"[..], "SHA-256"), (b"the trut", "bytes"), (b"the truth and more", "bytes"), (b"", "bytes")]
    {
        let sentence = hub.client().put(&target).body(lie).send().refused(400, "BadRequest");
        assert!(sentence.contains(word) || sentence.contains(&oid), "{sentence}");
        assert!(!is_there(&repository, &oid, 9));
    }
    // The link is good for the right bytes still.
    hub.client().put(&target).body("the truth").send().expect(200);
    assert!(is_there(&repository, &oid, 9));
}

#[test]
fn a_size_that_lies_in_the_batch_is_found_out() {
    let hub = Hub::shared();
    let repository = hub.model();
    let bytes = b"ten bytes!";
    let oid = sha256(bytes);
    for size in [9, 11, 0] {
        let target = repository.upload_target(&oid, size);
        hub.client().put(&target).body(bytes).send().refused(400, "BadRequest");
    }
    let stored = repository.upload(bytes);
    let answer = repository.upload_action(&stored, 11);
    assert_eq!(answer["error"]["code"], 422);
    assert!(answer["error"]["message"].as_str().unwrap().contains("10 bytes"));
}

#[test]
fn a_body_that_breaks_off_is_not_kept() {
    let hub = Hub::shared();
    let repository = hub.model();
    let bytes = vec![1u8; 100_000];
    let oid = sha256(&bytes);
    let target = repository.upload_target(&oid, bytes.len());
    let request = hub.client().put(&target);
    for head in [request.head_for(bytes.len()), request.head_with("Transfer-Encoding: chunked")] {
        let mut stream = hub.connect();
        stream.write_all(&head).unwrap();
        if head.windows(7).any(|window| window == b"chunked") {
            stream.write_all(b"c350\r\n").unwrap();
        }
        stream.write_all(&bytes[..50_000]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        if let Ok(answer) = read_answer(&mut stream, false) {
            assert!((400..500).contains(&answer.status), "{}", answer.text());
        }
        assert!(!is_there(&repository, &oid, bytes.len()));
    }
}

#[test]
fn a_chunked_body_is_as_good_as_one_with_a_length() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = sha256(b"hello world");
    let head = hub.client().put(repository.upload_target(&oid, 11)).head_with("Transfer-Encoding: chunked");
    let mut stream = hub.connect();
    stream.write_all(&head).unwrap();
    stream.write_all(b"6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n").unwrap();
    read_answer(&mut stream, false).unwrap().expect(200);
    assert!(is_there(&repository, &oid, 11));
}

#[test]
fn a_link_is_good_for_one_object_and_one_use_and_cannot_be_forged() {
    let hub = Hub::shared();
    let repository = hub.model();
    let (oid, other) = (sha256(b"one"), sha256(b"two"));
    let target = repository.upload_target(&oid, 3);
    let (path, ticket) = target.split_once("?ticket=").unwrap();
    let (claims, signature) = ticket.split_once('.').unwrap();
    let mut forged = claims.to_owned();
    forged.replace_range(5..6, if &claims[5..6] == "A" { "B" } else { "A" });
    for bad in [
        String::new(),
        "x".to_owned(),
        ".".to_owned(),
        claims.to_owned(),
        format!("{claims}."),
        format!(".{signature}"),
        format!("{forged}.{signature}"),
        format!("{claims}.{}", signature.to_lowercase()),
        "%00".to_owned(),
        "x".repeat(5000),
    ] {
        hub.client().put(format!("{path}?ticket={bad}")).body("one").send().refused(403, "Forbidden");
    }
    hub.client().put(path).body("one").send().refused(400, "BadRequest");
    let foreign = format!("/api/lfs/objects/{other}?ticket={ticket}");
    hub.client().put(foreign).body("two").send().refused(403, "Forbidden");
    // An upload's link reads nothing, and does not stand for parts.
    hub.client().get(&target).send().refused(403, "Forbidden");
    hub.client().put(format!("{path}/parts/1?ticket={ticket}")).body("one").send().refused(403, "Forbidden");
    let parts = json!({ "oid": oid, "parts": [] });
    hub.client().post(format!("{path}/complete?ticket={ticket}")).json(&parts).send().refused(403, "Forbidden");
    assert!(!is_there(&repository, &oid, 3) && !is_there(&repository, &other, 3));
}

#[test]
fn a_link_to_another_hub_is_no_right_here() {
    let (here, elsewhere) = (Hub::shared(), ballast_tests::Deployment::new().start());
    let foreign = elsewhere.model().upload_target(&sha256(b"x"), 1);
    here.client().put(foreign).body("x").send().refused(403, "Forbidden");
}

#[test]
fn a_link_that_writes_does_not_outlive_its_repository() {
    let hub = Hub::shared();
    let repository = hub.model();
    let target = repository.upload_target(&sha256(b"late"), 4);
    let name = json!({ "name": repository.id });
    repository.client.delete("/api/repos/delete").json(&name).send().expect(200);
    let answer = hub.client().put(target).body("late").send();
    assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.text());
}

#[test]
fn an_oid_in_an_address_is_a_digest() {
    let hub = Hub::shared();
    for oid in ["x", "..", "%2e%2e%2fetc", &"g".repeat(64), &"a".repeat(63)] {
        let answer = hub.client().put(format!("/api/lfs/objects/{oid}?ticket=x")).body("x").send();
        answer.refused(400, "BadRequest");
    }
}

#[test]
fn a_broken_oid_spoils_its_own_place_in_the_batch_alone() {
    let hub = Hub::shared();
    let repository = hub.model();
    let good = sha256(b"good");
    let objects: Vec<Value> =
        ["", "xyz", "../../etc/passwd", &good, &"A".repeat(64), &format!("{good}0"), &format!("sha256:{good}")]
            .iter()
            .map(|oid| json!({ "oid": oid, "size": 4 }))
            .collect();
    let asked = json!({ "operation": "upload", "transfers": ["basic"], "objects": objects });
    let answer = repository.batch(&asked).ok();
    let answers = answer["objects"].as_array().unwrap();
    assert_eq!(answers.len(), objects.len());
    for (asked, answer) in objects.iter().zip(answers) {
        let text = asked["oid"].as_str().unwrap();
        match text == good || text == "A".repeat(64) {
            true => assert!(answer["actions"]["upload"]["href"].is_string(), "{answer}"),
            false => assert_eq!(answer["error"]["code"], 422, "{answer}"),
        }
    }
}

#[test]
fn a_batch_that_cannot_be_read_is_refused_as_git_lfs_reads_it() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = sha256(b"x");
    let object = json!({ "oid": oid, "size": 1 });
    let many: Vec<Value> = (0..1001).map(|n| json!({ "oid": sha256(format!("{n}")), "size": 1 })).collect();
    for (asked, status) in [
        (json!({ "operation": "delete", "objects": [object] }), 400),
        (json!({ "objects": [object] }), 400),
        (json!({ "operation": "upload" }), 400),
        (json!({ "operation": "upload", "objects": {} }), 400),
        (json!({ "operation": "upload", "objects": [{ "oid": oid }] }), 400),
        (json!({ "operation": "upload", "objects": [{ "oid": oid, "size": -1 }] }), 400),
        (json!({ "operation": "upload", "objects": [{ "oid": oid, "size": 1.5 }] }), 400),
        (json!({ "operation": "upload", "objects": [{ "oid": oid, "size": "1" }] }), 400),
        (json!({ "operation": "upload", "objects": [{ "oid": oid, "size": 1e300 }] }), 400),
        (json!({ "operation": "upload", "objects": [{ "oid": 7, "size": 1 }] }), 400),
        (json!({ "operation": "upload", "objects": [object], "transfers": "basic" }), 400),
        (json!({ "operation": "upload", "objects": [object], "hash_algo": "md5" }), 409),
        (json!({ "operation": "upload", "objects": many }), 400),
        (json!({ "operation": "download", "objects": many }), 400),
        (json!({ "operation": "upload", "objects": [{ "oid": oid, "size": i64::MAX }] }), 413),
        (json!({ "operation": "upload", "objects": [{ "oid": oid, "size": 5_000_000_000_001_u64 }] }), 413),
        (json!([]), 400),
        (json!("upload"), 400),
        (json!(null), 400),
    ] {
        let answer = repository.batch(&asked);
        assert_eq!(answer.status, status, "{asked}: {}", answer.text());
        assert!(answer.header("content-type").is_some_and(|media| media.starts_with("application/vnd.git-lfs+json")));
        assert!(answer.json()["message"].as_str().is_some_and(|text| !text.is_empty()));
    }
    for text in ["", "{", "not json", "{\"operation\":\"upload\",\"objects\":[]} and more", "\u{feff}{}"] {
        let target = repository.page(".git/info/lfs/objects/batch");
        repository.client.post(target).body(text).send().refused(400, "BadRequest");
    }
}

#[test]
fn a_batch_may_be_empty_and_may_name_an_object_twice() {
    let hub = Hub::shared();
    let repository = hub.model();
    let none = repository.batch(&json!({ "operation": "upload", "objects": [] })).ok();
    assert_eq!(none["objects"], json!([]));
    let object = json!({ "oid": sha256(b"twice"), "size": 5 });
    let answer = repository.batch(&json!({ "operation": "upload", "objects": [object, object] })).ok();
    let links: Vec<_> = answer["objects"].as_array().unwrap().iter().map(|o| &o["actions"]["upload"]["href"]).collect();
    assert_eq!(links.len(), 2);
    for link in links {
        let target = hub.client().target(link.as_str().unwrap()).to_owned();
        hub.client().put(target).body("twice").send().expect(200);
    }
    assert!(is_there(&repository, &sha256(b"twice"), 5));
}

#[test]
fn one_object_with_two_sizes_in_one_batch_is_refused_or_found_out() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = sha256(b"sizes");
    let objects = json!([{ "oid": oid, "size": 5 }, { "oid": oid, "size": 6 }]);
    let answer = repository.batch(&json!({ "operation": "upload", "objects": objects }));
    if answer.status == 200 {
        for object in answer.json()["objects"].as_array().unwrap() {
            let Some(link) = object["actions"]["upload"]["href"].as_str() else { continue };
            let sent = hub.client().put(hub.client().target(link)).body("sizes!").send();
            sent.refused(400, "BadRequest");
        }
    } else {
        answer.refused(400, "BadRequest");
    }
    assert!(!is_there(&repository, &oid, 5));
}

#[test]
fn verify_tells_an_object_that_is_absent_from_one_of_another_size() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = repository.upload(b"verify me");
    verify(&repository, &oid, 9).expect(200);
    assert!(verify(&repository, &oid, 8).refused(400, "BadRequest").contains("9 bytes"));
    assert!(verify(&repository, &sha256(b"absent"), 6).refused(404, "ObjectNotFound").contains(&sha256(b"absent")));
    verify(&repository, "xyz", 6).refused(400, "BadRequest");
    let anonymous = repository.seen_by(&hub.client());
    verify(&anonymous, &oid, 9).refused(401, "Unauthorized");
}

#[test]
fn knowing_an_oid_gives_nobody_its_bytes() {
    let hub = Hub::shared();
    let secret = hub.private_model();
    let oid = secret.add_large("weights.bin", b"a secret of ours");
    let (name, user) = hub.user("write");
    let mine = Repository::create(&user, &name, false);
    mine.unchanged(|| {
        let sentence = mine.commit(&[lines::large_file("stolen.bin", &oid, 16)]).refused(404, "ObjectNotFound");
        assert!(sentence.contains(&oid), "{sentence}");
    });
    let asked = json!({ "operation": "download", "objects": [{ "oid": oid, "size": 16 }] });
    assert_eq!(mine.batch(&asked).ok()["objects"][0]["error"]["code"], 404);
    verify(&mine, &oid, 16).refused(404, "ObjectNotFound");
    // It looks as if it were nowhere: the bytes are asked for like any others.
    assert!(mine.upload_action(&oid, 16)["actions"]["upload"]["href"].is_string());
}

#[test]
fn an_object_that_was_only_promised_cannot_be_committed_or_downloaded() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = sha256(b"promised");
    repository.upload_target(&oid, 8);
    repository.unchanged(|| repository.commit(&[lines::large_file("p.bin", &oid, 8)]).refused(404, "ObjectNotFound"));
    let asked = json!({ "operation": "download", "objects": [{ "oid": oid, "size": 8 }] });
    assert_eq!(repository.batch(&asked).ok()["objects"][0]["error"]["code"], 404);
}

#[test]
fn a_download_by_oid_honours_ranges_and_says_when_nothing_changed() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = repository.add_large("a.bin", b"0123456789");
    let asked = json!({ "operation": "download", "objects": [{ "oid": oid, "size": 10 }] });
    let answer = repository.batch(&asked).ok();
    let link = answer["objects"][0]["actions"]["download"]["href"].as_str().unwrap().to_owned();
    let target = hub.client().target(&link).to_owned();
    assert_eq!(hub.client().get(&target).send().expect(200).body, b"0123456789");
    let part = hub.client().get(&target).header("Range", "bytes=2-4").send().expect(206);
    assert_eq!((part.body.as_slice(), part.header("content-range")), (&b"234"[..], Some("bytes 2-4/10")));
    hub.client().get(&target).header("If-None-Match", format!("\"{oid}\"")).send().expect(304);
    // A download's link writes nothing.
    hub.client().put(&target).body("0123456789").send().refused(403, "Forbidden");
}

#[test]
fn git_lfs_and_python_are_answered_alike() {
    let hub = Hub::shared();
    let repository = hub.model();
    let objects = json!([{ "oid": sha256(b"y"), "size": 1 }]);
    for asked in [
        json!({ "operation": "upload", "objects": objects, "transfers": ["lfs-standalone-file", "basic", "ssh"],
                "ref": { "name": "refs/heads/main" } }),
        json!({ "operation": "upload", "objects": objects, "transfers": ["basic", "multipart"], "hash_algo": "sha256",
                "ref": { "name": "main" } }),
        json!({ "operation": "upload", "objects": objects }),
    ] {
        let answer = repository.batch(&asked).ok();
        assert_eq!(answer["transfer"], "basic");
        assert!(answer["objects"][0]["actions"]["verify"]["href"].is_string());
    }
    for target in [
        repository.page(".git/info/lfs/objects/batch"),
        repository.page("/info/lfs/objects/batch"),
        repository.page(".git/info/lfs/objects/batch/"),
        format!("/models/{}.git/info/lfs/objects/batch", repository.id),
    ] {
        let asked = json!({ "operation": "upload", "objects": objects });
        repository.client.post(target).json(&asked).send().expect(200);
    }
    let locks = repository.client.post(repository.page(".git/info/lfs/locks/verify")).json(&json!({})).send();
    assert_eq!(locks.expect(200).json(), json!({ "ours": [], "theirs": [] }));
}
