//! `uploads.routes`: several storages side by side.

use std::path::PathBuf;

use ballast_testkit::XetUpload;
use ballast_tests::bucket::Bucket;
use ballast_tests::{Client, Deployment, PartUpload, Repository, lines, sha256};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::world::{files_below, pattern, told, with_bucket};

/// A deployment with three folders: datasets go to `cold`, what is the organisation's to `lab`, and the rest to `main`.
fn routed() -> Deployment {
    let deployment = Deployment::new();
    let folder = |name: &str| deployment.folder().join(name).display().to_string();
    let storage = |name: &str| {
        format!(
            "[storage.{name}]\nplugin = \"storage.opendal\"\n[storage.{name}.config]\nscheme = \"fs\"\nroot = \"{}\"\n",
            folder(name)
        )
    };
    let routes = "[[uploads.routes]]\nstorage = \"lab\"\nnamespaces = [\"Lab\"]\n\
         [[uploads.routes]]\nstorage = \"cold\"\nkinds = [\"dataset\"]\n";
    let config = ["main", "cold", "lab"].map(storage).concat() + routes;
    deployment.clone().config(&config).set("lfs.multipart_threshold", "100000").set("lfs.part_size", "50000")
}

/// In which of the folders these bytes lie.
fn lies_in(deployment: &Deployment, bytes: &[u8]) -> Vec<&'static str> {
    let has = |path: PathBuf| {
        let content = std::fs::read(path).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    };
    let folders = ["main", "cold", "lab"].into_iter();
    folders.filter(|name| files_below(&deployment.folder().join(name)).into_iter().any(has)).collect()
}

#[test]
fn what_is_uploaded_goes_where_its_route_leads_and_is_read_from_wherever_it_lies() {
    let deployment = routed();
    let hub = deployment.start();
    let admin = hub.admin();
    admin.post("/org/create").json(&json!({ "name": "lab" })).send().expect(200);
    let model = hub.model();
    let dataset = Repository::create_kind(&admin, "datasets", "admin", false);
    let theirs = Repository::create_kind(&admin, "datasets", "lab", false);
    for (number, (repository, place)) in
        [(&model, "main"), (&dataset, "cold"), (&theirs, "lab")].into_iter().enumerate()
    {
        let seed = 10 * number as u64;
        let (small, large, parts) = (pattern(3000, seed), pattern(60_000, seed + 1), pattern(150_000, seed + 2));
        repository.add("small.txt", &small);
        repository.add_large("large.bin", &large);
        let upload = PartUpload::begin(repository, parts.clone());
        let sent: Vec<_> = (1..=upload.count()).map(|part| upload.send_right(part)).collect();
        upload.completing(&sent).send().expect(200);
        repository.commit(&[lines::large_file("parts.bin", &sha256(&parts), parts.len())]).expect(200);
        for (path, bytes) in [("small.txt", small), ("large.bin", large), ("parts.bin", parts)] {
            assert_eq!(lies_in(&deployment, &bytes), [place], "{path} of {}", repository.id);
            assert!(repository.read(path) == bytes, "{path} of {}", repository.id);
        }
    }

    // The same bytes lie once in each storage that a route led them to.
    let shared = pattern(70_000, 99);
    model.add_large("shared.bin", &shared);
    assert_eq!(lies_in(&deployment, &shared), ["main"]);
    dataset.add_large("shared.bin", &shared);
    assert_eq!(lies_in(&deployment, &shared), ["main", "cold"]);
    assert!(model.read("shared.bin") == shared && dataset.read("shared.bin") == shared);
    let told_stats: serde_json::Value =
        serde_json::from_str(&deployment.run(["storage", "stats", "--json"]).ok()).unwrap();
    let mut names: Vec<&str> =
        told_stats["stored"].as_array().unwrap().iter().map(|stored| stored["storage"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["cold", "lab", "main"]);
    deployment.run(["storage", "verify"]).ok();

    // A collection takes from each what nobody needs any more.
    let gone = json!({ "name": theirs.id, "type": "dataset" });
    admin.request("DELETE", "/api/repos/delete").json(&gone).send().expect(200);
    deployment.run(["gc", "run", "--grace", "0s", "--shorten-grace"]).ok();
    assert_eq!(lies_in(&deployment, &pattern(60_000, 21)), [""; 0]);
    assert_eq!(lies_in(&deployment, &shared), ["main", "cold"]);
    let checked = told(&deployment.run(["storage", "verify", "--json"]).ok());
    assert_eq!((&checked.1["damage"], &checked.1["notices"]), (&0.into(), &0.into()), "{:?}", checked.0);
}

#[test]
fn a_repository_that_moves_keeps_its_bytes_where_they_are_and_sends_new_ones_where_it_is_now() {
    let deployment = routed();
    let hub = deployment.start();
    let admin = hub.admin();
    admin.post("/org/create").json(&json!({ "name": "lab" })).send().expect(200);
    let model = hub.model();
    model.add_large("before.bin", &pattern(50_000, 1));
    let name = model.id.split('/').nth(1).unwrap();
    let to = format!("lab/{name}");
    admin
        .post("/api/repos/move")
        .json(&json!({ "fromRepo": model.id, "toRepo": to, "type": "model" }))
        .send()
        .expect(200);
    let moved = Repository { id: to, ..model };
    moved.add_large("after.bin", &pattern(50_000, 2));
    assert_eq!(lies_in(&deployment, &pattern(50_000, 1)), ["main"]);
    assert_eq!(lies_in(&deployment, &pattern(50_000, 2)), ["lab"]);
    assert!(moved.read("before.bin") == pattern(50_000, 1) && moved.read("after.bin") == pattern(50_000, 2));
}

#[test]
fn what_is_cut_into_chunks_stays_in_the_storage_that_it_came_to() {
    let deployment = routed();
    let hub = deployment.start();
    let dataset = Repository::create_kind(&hub.admin(), "datasets", "admin", false);
    let bytes = pattern(90_000, 1).repeat(8);
    dataset.add_large("d.bin", &bytes);
    deployment.run(["storage", "chunk"]).ok();
    let xorbs = |name: &str| files_below(&deployment.folder().join(name).join("xorbs")).len();
    assert!(xorbs("cold") > 0 && xorbs("main") == 0, "{} and {}", xorbs("cold"), xorbs("main"));
    assert!(dataset.read("d.bin") == bytes);
}

#[test]
fn a_route_that_leads_nowhere_is_told_with_its_key_and_one_that_is_used_is_not_left() {
    let deployment = Deployment::new();
    let check = |routes: &str| deployment.clone().config(routes).run(["check"]).ended(2).errors;
    let told = check("[[uploads.routes]]\nstorage = \"nowhere\"\n");
    assert!(told.contains("uploads.routes[0].storage") && told.contains("configured are: main"), "{told}");
    let told = check("[[uploads.routes]]\nstorage = \"main\"\nkinds = [\"modle\"]\n");
    assert!(told.contains("uploads.routes[0].kinds") && told.contains("modle"), "{told}");
    let deployment = routed();
    let refused = deployment.run(["storage", "migrate", "--from", "cold", "--to", "main", "--leave"]).ended(1);
    assert!(refused.errors.contains("uploads go to 'cold' still"), "{}", refused.errors);
}

/// A file of these bytes by Xet, whose xorb goes where the hub says; whether that is the provider.
fn add_by_xet(repository: &Repository, path: &str, bytes: Vec<u8>) -> bool {
    let upload = XetUpload::of(&Bytes::from(bytes));
    let access = repository.client.get(repository.api("/xet-write-token/main")).send().ok();
    let session = repository.client.with_token(access["accessToken"].as_str().unwrap());
    let asked = json!({ "length": upload.stored.len(), "checksum": { "algo": "crc64nvme", "value": "7" } });
    let granted = session.post(format!("/xet/v1/xorb-grants/default/{}", upload.xorb)).json(&asked).send();
    let past_the_hub = granted.status == 201;
    match past_the_hub {
        true => {
            let grant = granted.json();
            send_as_granted(&grant, &upload.stored);
            let id = grant["id"].as_str().unwrap();
            session.post(format!("/xet/v1/xorb-commits/default/{}/grant/{id}", upload.xorb)).send().expect(200);
        }
        false => {
            granted.expect(404);
            session.post(format!("/xet/v1/xorbs/default/{}", upload.xorb)).body(&upload.stored).send().expect(200);
        }
    }
    session.post("/xet/v1/shards").body(upload.shard()).send().expect(200);
    repository.commit(&[lines::large_file(path, &sha256(&upload.bytes), upload.bytes.len())]).expect(200);
    assert!(repository.read(path) == upload.bytes, "{path} of {}", repository.id);
    past_the_hub
}

fn send_as_granted(grant: &Value, bytes: &[u8]) {
    let (provider, target) = Client::at(grant["url"].as_str().unwrap());
    let headers = grant["headers"].as_object().unwrap().iter().filter(|(name, _)| *name != "content-length");
    let put = |request: ballast_tests::Request, (name, value): (&String, &Value)| {
        request.header(name, value.as_str().unwrap())
    };
    headers.fold(provider.put(target), put).body(bytes).send().expect(200);
}

#[test]
fn a_xorb_goes_where_the_route_of_its_repository_leads() {
    let deployment = routed();
    let hub = deployment.start();
    let dataset = Repository::create_kind(&hub.admin(), "datasets", "admin", false);
    let xorbs = |name: &str| files_below(&deployment.folder().join(name).join("xorbs")).len();
    add_by_xet(&hub.model(), "x.bin", pattern(300_000, 1));
    assert_eq!((xorbs("main"), xorbs("cold")), (1, 0));
    add_by_xet(&dataset, "x.bin", pattern(300_000, 2));
    assert_eq!((xorbs("main"), xorbs("cold")), (1, 1));
    let checked = told(&deployment.run(["storage", "verify", "--json"]).ok());
    assert_eq!((&checked.1["damage"], &checked.1["notices"]), (&0.into(), &0.into()), "{:?}", checked.0);
}

#[test]
fn a_route_to_a_bucket_signs_urls_for_its_repositories_and_for_no_others() {
    let bucket = Bucket::new();
    let route = "[[uploads.routes]]\nstorage = \"second\"\nkinds = [\"dataset\"]\n";
    let deployment = with_bucket(Deployment::new(), &bucket, "on").config(route);
    let hub = deployment.start();
    let (model, dataset) = (hub.model(), Repository::create_kind(&hub.admin(), "datasets", "admin", false));
    for (repository, signed) in [(&model, false), (&dataset, true)] {
        let (large, other) = (pattern(80_000, 1 + u64::from(signed)), pattern(200_000, 3 + u64::from(signed)));
        let object = repository.upload_action(&sha256(&large), large.len());
        let link = object["actions"]["upload"]["href"].as_str().unwrap();
        assert_eq!(link.contains("X-Amz-Signature="), signed, "{link}");
        repository.add_large("large.bin", &large);
        let answer = repository.client.get(repository.resolve("large.bin")).send();
        assert_eq!(answer.header("location").is_some_and(|link| link.contains("X-Amz-Signature=")), signed);
        assert!(repository.read("large.bin") == large);
        repository.add("small.txt", "small");
        assert_eq!(repository.read("small.txt"), b"small");
        assert_eq!(add_by_xet(repository, "x.bin", other), signed);
    }
    let below = |folder: &str| files_below(&bucket.folder().join("hub").join(folder)).len();
    assert_eq!((below("lfs"), below("xorbs")), (1, 1));
    assert!(below("packs") > 0, "its small files lie there too");
    deployment.run(["storage", "verify"]).ok();
    let gone = json!({ "name": dataset.id, "type": "dataset" });
    dataset.client.request("DELETE", "/api/repos/delete").json(&gone).send().expect(200);
    deployment.run(["gc", "run", "--grace", "0s", "--shorten-grace"]).ok();
    assert_eq!(below("lfs"), 0);
    assert!(model.read("large.bin") == pattern(80_000, 1) && model.read("x.bin") == pattern(200_000, 3));
    let checked = told(&deployment.run(["storage", "verify", "--json"]).ok());
    assert_eq!((&checked.1["damage"], &checked.1["notices"]), (&0.into(), &0.into()), "{:?}", checked.0);
}
