//! Bytes that clients get from the provider, and the hub only says where.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_tests::bucket::Bucket;
use ballast_tests::unruly::{Mood, Unruly};
use ballast_tests::{Client, Deployment, Hub, lines};
use serde_json::json;

fn hub(presign: &str) -> Hub {
    Deployment::new().over(&Bucket::new(), presign).start()
}

#[test]
fn a_large_file_is_redirected_to_the_provider_with_its_name_and_type_and_costs_the_hub_no_bytes() {
    let bucket = Bucket::new();
    // The hub goes another way than its clients, on which is counted what it asks for.
    let unruly = Unruly::before(bucket.provider.address());
    let deployment = Deployment::new().over(&bucket, "on");
    let deployment = deployment.environment("BALLAST_STORAGE__MAIN__CONFIG__ENDPOINT", &unruly.endpoint());
    let public = bucket.provider.endpoint();
    let hub = deployment.environment("BALLAST_STORAGE__MAIN__CONFIG__PUBLIC_ENDPOINT", &public).start();
    let repository = hub.private_model();
    let bytes: Vec<u8> = (0..6_000_000_u32).map(|at| (at / 7) as u8).collect();
    let oid = repository.add_large("weights/mödel.json", &bytes);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    unruly.behave(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Mood::Good
    });
    for _ in 0..5 {
        let answer = repository.client.get(repository.resolve("weights/mödel.json")).send().expect(302);
        assert_eq!(answer.header("x-linked-etag"), Some(format!("\"{oid}\"").as_str()));
        assert_eq!(answer.header("x-linked-size"), Some("6000000"));
        assert_eq!(answer.header("x-repo-commit"), Some(repository.tip().as_str()));
        assert!(answer.body.is_empty());
        let (provider, target) = Client::at(answer.header("location").unwrap());
        let whole = provider.get(target).send().expect(200);
        assert!(whole.body == bytes);
        assert_eq!(whole.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(whole.header("content-disposition").unwrap().contains("m%C3%B6del.json"), "{:?}", whole.headers);
        let part = provider.get(target).header("Range", "bytes=100-199").send().expect(206);
        assert!(part.body == bytes[100..200]);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0, "the hub has asked the provider for something");
}

#[test]
fn what_a_redirect_cannot_say_is_answered_by_the_hub_itself() {
    let hub = hub("on");
    let repository = hub.model();
    repository.add("small.txt", "small files lie together");
    let oid = repository.add_large("large.bin", b"a large file");
    let target = repository.resolve("large.bin");
    let head = repository.client.head(&target).send().expect(200);
    assert_eq!((head.header("location"), head.header("content-length")), (None, Some("12")));
    repository.client.get(&target).header("If-None-Match", format!("\"{oid}\"")).send().expect(304);
    repository.client.get(&target).header("Range", "bytes=12-").send().expect(416);
    assert_eq!(
        repository.client.get(repository.resolve("small.txt")).send().expect(200).body,
        b"small files lie together"
    );
    assert_eq!(repository.client.get(repository.page("/resolve/main/none.bin")).send().status, 404);
}

#[test]
fn without_signing_the_hub_sends_all_bytes_itself() {
    let hub = hub("off");
    let repository = hub.model();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at / 5) as u8).collect();
    let oid = repository.add_large("large.bin", &bytes);
    let whole = repository.client.get(repository.resolve("large.bin")).send().expect(200);
    assert!(whole.body == bytes);
    assert_eq!(whole.header("etag"), Some(format!("\"{oid}\"").as_str()));
    let part = repository.client.get(repository.resolve("large.bin")).header("Range", "bytes=1000000-1999999").send();
    assert!(part.expect(206).body == bytes[1_000_000..2_000_000]);
}

#[test]
fn a_batch_of_downloads_has_the_providers_urls_and_only_for_what_the_repository_holds() {
    let hub = hub("downloads");
    let (mine, theirs) = (hub.private_model(), hub.private_model());
    let (one, two) = (mine.add_large("one.bin", b"one"), theirs.add_large("two.bin", b"two"));
    let asked = json!({ "operation": "download", "objects": [{ "oid": two, "size": 3 }, { "oid": one, "size": 3 }] });
    let answer = mine.batch(&asked).ok();
    assert_eq!(answer["objects"][0]["error"]["code"], 404);
    let link = answer["objects"][1]["actions"]["download"]["href"].as_str().unwrap();
    assert!(link.contains("X-Amz-Signature="), "{link}");
    let (provider, target) = Client::at(link);
    assert_eq!(provider.get(target).send().expect(200).body, b"one");
    assert!(answer["objects"][1]["actions"]["download"]["expires_at"].is_string());
}

#[test]
fn clients_are_sent_to_the_public_address_of_the_provider() {
    let bucket = Bucket::new();
    let deployment = Deployment::new().over(&bucket, "on");
    let port = bucket.provider.address().port();
    let public = format!("http://localhost:{port}");
    let hub = deployment.environment("BALLAST_STORAGE__MAIN__CONFIG__PUBLIC_ENDPOINT", &public).start();
    let repository = hub.model();
    let bytes = b"sent to localhost";
    let oid = ballast_tests::sha256(bytes);
    let upload = repository.upload_action(&oid, bytes.len());
    let link = upload["actions"]["upload"]["href"].as_str().unwrap();
    let target = link.strip_prefix(&public).unwrap_or_else(|| panic!("{link} is not at {public}"));
    let provider = Client::new(bucket.provider.address());
    let host = format!("localhost:{port}");
    provider.put_as(&host, target).body(bytes).send().expect(200);
    repository.commit(&[lines::large_file("f.bin", &oid, bytes.len())]).expect(200);
    let answer = repository.client.get(repository.resolve("f.bin")).send().expect(302);
    let target = answer.header("location").unwrap().strip_prefix(&public).unwrap().to_owned();
    assert_eq!(provider.get_as(&host, &target).send().expect(200).body, bytes);
}
