//! Xorbs that clients write to the provider, and ranges of them that they read there.

use ballast_testkit::XetUpload;
use ballast_tests::bucket::Bucket;
use ballast_tests::{Answer, Client, Deployment, Repository, lines, sha256};
use bytes::Bytes;
use serde_json::{Value, json};

fn noise(length: usize, number: u64) -> Bytes {
    let random = ballast_tests::Random::new(number);
    (0..length).map(|_| random.below(256) as u8).collect()
}

/// Somebody with a token of Xet.
fn session(repository: &Repository, what: &str) -> Client {
    let access = repository.client.get(repository.api(&format!("/{what}/main"))).send().ok();
    repository.client.with_token(access["accessToken"].as_str().unwrap())
}

fn ask(session: &Client, upload: &XetUpload, length: usize) -> Answer {
    let asked = json!({ "length": length, "checksum": { "algo": "crc64nvme", "value": "7" } });
    session.post(format!("/xet/v1/xorb-grants/default/{}", upload.xorb)).json(&asked).send()
}

fn granted(session: &Client, upload: &XetUpload) -> Value {
    ask(session, upload, upload.stored.len()).expect(201).json()
}

/// What a grant says is to be done, with these bytes.
fn send(grant: &Value, bytes: &[u8]) -> Answer {
    assert_eq!(grant["method"], "PUT", "{grant}");
    let (provider, target) = Client::at(grant["url"].as_str().unwrap());
    let headers = grant["headers"].as_object().unwrap().iter().filter(|(name, _)| *name != "content-length");
    let request =
        headers.fold(provider.put(target), |request, (name, value)| request.header(name, value.as_str().unwrap()));
    request.body(bytes).send()
}

fn commit(session: &Client, upload: &XetUpload, grant: &Value) -> Answer {
    let id = grant["id"].as_str().unwrap();
    session.post(format!("/xet/v1/xorb-commits/default/{}/grant/{id}", upload.xorb)).send()
}

fn add(repository: &Repository, session: &Client, path: &str, upload: &XetUpload) {
    session.post("/xet/v1/shards").body(upload.shard()).send().expect(200);
    repository.commit(&[lines::large_file(path, &sha256(&upload.bytes), upload.bytes.len())]).expect(200);
}

#[test]
fn a_xorb_goes_to_the_provider_and_its_ranges_come_from_there() {
    let bucket = Bucket::new();
    let hub = Deployment::new().over(&bucket, "on").start();
    let repository = hub.private_model();
    let writer = session(&repository, "xet-write-token");
    let upload = XetUpload::of(&noise(700_000, 1));
    let grant = granted(&writer, &upload);
    assert!(grant["url"].as_str().unwrap().contains("X-Amz-Signature="), "{grant}");
    commit(&writer, &upload, &grant).refused(404, "NotFound");
    send(&grant, &upload.stored).expect(200);
    assert_eq!(commit(&writer, &upload, &grant).expect(200).json(), json!({ "was_inserted": true }));
    commit(&writer, &upload, &grant);
    add(&repository, &writer, "m.bin", &upload);
    assert!(repository.read("m.bin") == upload.bytes);
    assert!(send(&grant, &upload.stored).status >= 400, "it is out of its hands");

    let reader = session(&repository, "xet-read-token");
    let facts = reader.get(format!("/xet/v1/reconstructions/{}", upload.file.file)).send().ok();
    let fetch = &facts["fetch_info"][upload.xorb.to_string()][0];
    let (start, end) = (fetch["url_range"]["start"].as_u64().unwrap(), fetch["url_range"]["end"].as_u64().unwrap());
    let (provider, target) = Client::at(fetch["url"].as_str().unwrap());
    let read = |range: &str| provider.get(target).header("range", range).send();
    let part = read(&format!("bytes={start}-{end}")).expect(206).body;
    assert!(part == upload.stored[start as usize..=end as usize]);
    assert_eq!(read("bytes=0-5").status, 403, "of a xorb a reader may have what the address is for");
    assert_eq!(provider.get(target).send().status, 403);
}

#[test]
fn what_is_not_the_xorb_that_was_named_is_found_out_and_thrown_away() {
    let bucket = Bucket::new();
    let hub = Deployment::new().over(&bucket, "on").start();
    let repository = hub.model();
    let writer = session(&repository, "xet-write-token");
    let (upload, other) = (XetUpload::of(&noise(200_000, 2)), XetUpload::of(&noise(200_000, 3)));
    let grant = granted(&writer, &upload);
    let lie: Vec<u8> = other.stored.iter().copied().cycle().take(upload.stored.len()).collect();
    send(&grant, &lie).expect(200);
    commit(&writer, &upload, &grant).refused(400, "BadRequest");
    writer.post("/xet/v1/shards").body(upload.shard()).send().refused(400, "BadRequest");

    // Of another xorb, of nobody, and by who may not write.
    let grant = granted(&writer, &upload);
    send(&grant, &upload.stored).expect(200);
    assert_eq!(commit(&writer, &other, &grant).status, 404);
    assert_eq!(commit(&writer, &upload, &json!({ "id": "nothing" })).status, 404);
    let stranger = session(&hub.model(), "xet-write-token");
    assert_eq!(commit(&stranger, &upload, &grant).status, 404, "another's lease");
    commit(&writer, &upload, &grant).expect(200);
    ask(&writer, &upload, 0).refused(400, "BadRequest");
    ask(&writer, &upload, usize::MAX / 4).refused(413, "TooLarge");
    assert_eq!(ask(&session(&repository, "xet-read-token"), &upload, 5).status, 403);
}

#[test]
fn where_storage_takes_nothing_from_clients_the_answer_is_an_exact_404() {
    let bucket = Bucket::new();
    let over_the_hub =
        [Deployment::new(), Deployment::new().over(&bucket, "off"), Deployment::new().over(&bucket, "downloads")];
    for deployment in over_the_hub {
        let hub = deployment.start();
        let repository = hub.model();
        let upload = XetUpload::of(&noise(100_000, 4));
        assert_eq!(ask(&session(&repository, "xet-write-token"), &upload, upload.stored.len()).status, 404);
    }
}

#[test]
fn a_grant_promises_room_once_and_gives_it_back_where_nothing_comes_of_it() {
    let bucket = Bucket::new();
    let deployment = Deployment::new().over(&bucket, "on").set("quota.main.plugin", "quota.ledger");
    let hub = deployment.set("quota.main.config.default_private_bytes", "300000").start();
    let repository = hub.private_model();
    let writer = session(&repository, "xet-write-token");
    let (upload, other) = (XetUpload::of(&noise(250_000, 5)), XetUpload::of(&noise(250_000, 6)));
    ask(&writer, &XetUpload::of(&noise(400_000, 7)), 400_000).refused(413, "QuotaExceeded");
    granted(&writer, &upload);
    let grant = granted(&writer, &upload);
    ask(&writer, &other, other.stored.len()).refused(413, "QuotaExceeded");
    send(&grant, &vec![0; upload.stored.len()]).expect(200);
    commit(&writer, &upload, &grant).refused(400, "BadRequest");
    let grant = granted(&writer, &other);
    send(&grant, &other.stored).expect(200);
    commit(&writer, &other, &grant).expect(200);
    add(&repository, &writer, "m.bin", &other);
}
