//! `ballast storage migrate`

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ballast_tests::bucket::Bucket;
use ballast_tests::{Client, Deployment, Hub, PartUpload, Repository, lines, sha256};
use serde_json::Value;

use crate::world::{Filled, files_below, fill, goes_on, pattern, told, with_bucket, with_second_folder};

const MIGRATE: [&str; 6] = ["storage", "migrate", "--from", "main", "--to", "second"];

fn migrate(deployment: &Deployment, more: &[&str]) -> Value {
    let arguments = [&MIGRATE[..], more, &["--json"]].concat();
    let (bad, summary) = told(&deployment.run(arguments).ok());
    assert!(bad.is_empty(), "{bad:?}");
    summary
}

fn switched(deployment: &Deployment) -> Deployment {
    deployment.clone().set("uploads.storage", "second")
}

/// The configuration that is left when the old storage is gone.
fn without_the_old(deployment: &Deployment) -> Deployment {
    let main = deployment.data().join("storage");
    assert!(files_below(&main).is_empty(), "{:?}", files_below(&main));
    std::fs::remove_dir_all(&main).unwrap();
    deployment.clone()
}

/// Copies everything while clients upload, switches, and leaves the old storage; answers what is to be served then.
fn move_everything(deployment: &Deployment, hub: Hub, filled: &Filled) -> (Hub, Vec<(Repository, String, Vec<u8>)>) {
    let done = AtomicBool::new(false);
    let uploads = std::thread::scope(|scope| {
        let uploading = scope.spawn(|| {
            let mut uploads = Vec::new();
            while !done.load(Ordering::SeqCst) || uploads.len() < 4 {
                let (number, repository) = (uploads.len() as u64, hub.model());
                let bytes = pattern(20_000, 1000 + number);
                let path = if number % 2 == 0 { "m.bin" } else { "m.txt" };
                match number % 2 {
                    0 => drop(repository.add_large(path, &bytes)),
                    _ => drop(repository.add(path, &bytes)),
                }
                uploads.push((repository, path.to_owned(), bytes));
            }
            uploads
        });
        let summary = migrate(deployment, &[]);
        done.store(true, Ordering::SeqCst);
        assert!(summary["blobs"].as_u64().unwrap() >= 8, "{summary}");
        uploading.join().unwrap()
    });
    // The old one is asked for nothing that the new one has, as soon as the configuration says so.
    hub.stop();
    let hub = switched(deployment).start();
    let seen = |(repository, path, bytes): &(Repository, String, Vec<u8>)| {
        (repository.seen_by(&hub.admin()), path.clone(), bytes.clone())
    };
    let uploads: Vec<_> = uploads.iter().map(seen).collect();
    goes_on(&hub, &filled.on(&hub));
    let summary = migrate(&switched(deployment), &["--leave"]);
    assert_eq!(summary["remaining"]["objects"], 0, "{summary}");
    assert_eq!((&summary["old"]["holding"], &summary["old"]["unfinished"]), (&0.into(), &0.into()), "{summary}");
    (hub, uploads)
}

fn all_is_there(hub: &Hub, filled: &Filled, uploads: &[(Repository, String, Vec<u8>)]) {
    filled.on(hub).is_whole();
    for (repository, path, bytes) in uploads {
        assert!(repository.seen_by(&hub.admin()).read(path) == *bytes, "{} of {}", path, repository.id);
    }
}

#[test]
fn a_hub_that_moved_to_another_folder_while_it_served_has_every_file_without_the_old_one() {
    let deployment = with_second_folder(Deployment::new()).set("xet.chunk_uploads", "true");
    let hub = deployment.start();
    let filled = fill(&hub);
    // Also as chunks of xorbs.
    filled.model.add_large("chunked.bin", &pattern(3_000_000, 7));
    deployment.run(["storage", "chunk"]).ok();
    let (hub, uploads) = move_everything(&deployment, hub, &filled);
    all_is_there(&hub, &filled, &uploads);
    assert!(filled.on(&hub).model.read("chunked.bin") == pattern(3_000_000, 7));
    let moved = switched(&deployment);
    moved.run(["storage", "verify"]).ok();
    moved.run(["gc", "run"]).ok();
    moved.run(["storage", "verify"]).ok();
    hub.stop();
    let alone = without_the_old(&moved);
    let hub = alone.start();
    all_is_there(&hub, &filled, &uploads);
    assert!(filled.on(&hub).model.read("chunked.bin") == pattern(3_000_000, 7));
    goes_on_elsewhere(&hub);
    hub.stop();
    alone.run(["storage", "verify"]).ok();
}

fn goes_on_elsewhere(hub: &Hub) {
    let model = hub.model();
    model.add_large("late.bin", &pattern(50_000, 4242));
    assert!(model.read("late.bin") == pattern(50_000, 4242));
}

#[test]
fn a_hub_that_moved_to_s3_while_it_served_redirects_there() {
    let bucket = Bucket::new();
    let deployment = with_bucket(Deployment::new(), &bucket, "on");
    let hub = deployment.start();
    let filled = fill(&hub);
    let large = |hub: &Hub| {
        let model = filled.on(hub).model;
        model.client.get(model.resolve("large.bin")).send()
    };
    assert_ne!(large(&hub).header("location").map(|link| link.contains("X-Amz-Signature=")), Some(true));
    let (hub, uploads) = move_everything(&deployment, hub, &filled);
    all_is_there(&hub, &filled, &uploads);
    let answer = large(&hub).expect(302);
    let link = answer.header("location").unwrap();
    assert!(link.contains(&bucket.name) && link.contains("X-Amz-Signature="), "{link}");
    let (provider, target) = Client::at(link);
    assert!(provider.get(target).send().expect(200).body == pattern(150_000, 1));
    let moved = switched(&deployment);
    moved.run(["gc", "run"]).ok();
    moved.run(["storage", "verify"]).ok();
    hub.stop();
    let hub = without_the_old(&moved).start();
    all_is_there(&hub, &filled, &uploads);
    goes_on_elsewhere(&hub);
}

/// A hub with many large files, and what they are.
fn many(deployment: &Deployment, count: u64) -> (Hub, Repository, Vec<String>) {
    let hub = deployment.start();
    let model = hub.model();
    let files: Vec<Vec<u8>> = (0..count).map(|number| pattern(30_000, number)).collect();
    let oids: Vec<String> = files.iter().map(|bytes| model.upload(bytes)).collect();
    let names = oids.iter().enumerate().map(|(number, oid)| lines::large_file(&format!("{number}.bin"), oid, 30_000));
    model.commit(&names.collect::<Vec<_>>()).expect(200);
    (hub, model, oids)
}

#[test]
fn a_migration_that_was_killed_goes_on_where_it_was() {
    let deployment = with_second_folder(Deployment::new());
    let (hub, model, oids) = many(&deployment, 250);
    let target = deployment.folder().join("second");
    let mut command = deployment.spawn([&MIGRATE[..], &["--side-by-side", "1"]].concat());
    let begun = Instant::now();
    while files_below(&target).len() < 20 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing was copied");
        assert_eq!(command.try_wait().unwrap(), None, "it ended before it could be killed");
    }
    command.kill().unwrap();
    command.wait().unwrap();
    // Nothing that is half there is used by anybody.
    deployment.run(["storage", "verify"]).ok();
    let rest = migrate(&deployment, &[])["blobs"].as_u64().unwrap();
    assert!(rest > 0 && rest < 250, "{rest} of 250 were left");
    assert_eq!(migrate(&deployment, &[])["blobs"], 0, "there is nothing left to do");
    hub.stop();
    let moved = switched(&deployment);
    migrate(&moved, &["--leave"]);
    let hub = moved.start();
    let model = model.seen_by(&hub.admin());
    for number in [0, 100, oids.len() - 1] {
        assert!(model.read(&format!("{number}.bin")) == pattern(30_000, number as u64));
    }
    hub.stop();
    let checked = moved.run(["storage", "verify", "--json"]).ok();
    assert_eq!(told(&checked).1["damage"], 0);
}

/// Flips one bit of the stored file that holds these bytes.
fn flip(deployment: &Deployment, bytes: &[u8]) {
    for path in files_below(&deployment.data().join("storage")) {
        let mut content = std::fs::read(&path).unwrap();
        if let Some(start) = content.windows(bytes.len()).position(|window| window == bytes) {
            content[start + 10] ^= 1;
            return std::fs::write(&path, &content).unwrap();
        }
    }
    panic!("no stored object holds these bytes");
}

#[test]
fn what_is_damaged_is_told_and_not_copied_until_somebody_sends_it_again() {
    let deployment = with_second_folder(Deployment::new());
    let hub = deployment.start();
    let model = hub.model();
    let (small, large, lost) = (pattern(4000, 1), pattern(90_000, 2), pattern(80_000, 3));
    model.commit(&[lines::file("small.txt", &small), lines::file("fine.txt", pattern(5000, 9))]).expect(200);
    model.add_large("large.bin", &large);
    model.add_large("lost.bin", &lost);
    flip(&deployment, &small);
    flip(&deployment, &large);
    let path = files_below(&deployment.data().join("storage"));
    std::fs::remove_file(path.iter().find(|path| path.ends_with(sha256(&lost))).unwrap()).unwrap();

    let outcome = deployment.run([&MIGRATE[..], &["--json"]].concat()).ended(1);
    let (bad, summary) = told(&outcome.output);
    let mut named: Vec<&str> = bad.iter().map(|line| line["not_copied"].as_str().unwrap()).collect();
    named.sort_unstable();
    let mut expected = [sha256(&small), sha256(&large), sha256(&lost)];
    expected.sort();
    assert_eq!(named, expected, "{bad:#?}");
    assert!(bad.iter().all(|line| line["repositories"][0] == format!("model {}", model.id)), "{bad:#?}");
    assert_eq!((&summary["not_copied"], &summary["remaining"]["objects"]), (&3.into(), &3.into()), "{summary}");
    let told_again = deployment.run(MIGRATE).ended(1);
    assert!(told_again.output.contains("NOT COPIED") && told_again.errors.contains("3 blobs are missing or damaged"));
    assert!(files_below(&deployment.folder().join("second")).iter().all(|path| {
        let bytes = std::fs::read(path).unwrap();
        !bytes.windows(100).any(|window| window == &large[1000..1100])
    }));

    // Their owners send them again; and the rest of the pack was copied all the same.
    for bytes in [&large, &lost] {
        model.upload(bytes);
    }
    model.add("small-again.txt", &small);
    hub.stop();
    let moved = switched(&deployment);
    let summary = migrate(&moved, &["--leave"]);
    assert_eq!((&summary["remaining"]["objects"], &summary["old"]["holding"]), (&0.into(), &0.into()), "{summary}");
    let hub = moved.start();
    let model = model.seen_by(&hub.admin());
    for (path, bytes) in
        [("small.txt", small), ("large.bin", large), ("lost.bin", lost), ("fine.txt", pattern(5000, 9))]
    {
        assert!(model.read(path) == bytes, "{path}");
    }
    hub.stop();
    moved.run(["storage", "verify"]).ok();
}

#[test]
fn an_upload_in_parts_that_began_before_the_switch_ends_after_it() {
    let deployment =
        with_second_folder(Deployment::new()).set("lfs.multipart_threshold", "100000").set("lfs.part_size", "50000");
    let hub = deployment.start();
    let model = hub.model();
    let bytes = pattern(180_000, 5);
    let upload = PartUpload::begin(&model, bytes.clone());
    let mut parts = vec![upload.send_right(1), upload.send_right(2)];
    migrate(&deployment, &[]);
    hub.stop();
    let hub = switched(&deployment).start();
    let here = hub.client();
    parts.extend((3..=upload.count()).map(|number| upload.send_right_to(&here, number)));
    upload.completing_at(&here, &parts).send().expect(200);
    let model = model.seen_by(&hub.admin());
    model.commit(&[lines::large_file("m.bin", &upload.oid, bytes.len())]).expect(200);
    assert!(model.read("m.bin") == bytes);
    let moved = switched(&deployment);
    let summary = migrate(&moved, &["--leave"]);
    assert_eq!((&summary["remaining"]["objects"], &summary["old"]["holding"]), (&0.into(), &0.into()), "{summary}");
    assert!(model.read("m.bin") == bytes);
    moved.run(["storage", "verify"]).ok();
}

#[test]
fn an_upload_past_the_hub_that_began_before_the_switch_ends_after_it() {
    let bucket = Bucket::new();
    let deployment = with_bucket(Deployment::new(), &bucket, "on");
    let to_bucket = switched(&deployment);
    let hub = to_bucket.start();
    let model = hub.model();
    let bytes = pattern(300_000, 6);
    let oid = sha256(&bytes);
    let link = model.upload_action(&oid, bytes.len())["actions"]["upload"]["href"].as_str().unwrap().to_owned();
    assert!(link.contains("X-Amz-Signature="), "{link}");
    hub.stop();
    // From now on uploads go to the folder.
    let hub = deployment.start();
    let model = model.seen_by(&hub.admin());
    let (provider, target) = Client::at(&link);
    provider.put(target).body(&bytes).send().expect(200);
    model.verify(&oid, bytes.len()).expect(200);
    model.commit(&[lines::large_file("m.bin", &oid, bytes.len())]).expect(200);
    assert!(model.read("m.bin") == bytes);
    let back = ["storage", "migrate", "--from", "second", "--to", "main", "--leave", "--json"];
    let (_, summary) = told(&deployment.run(back).ok());
    // It, and the first commit of its repository.
    assert_eq!((&summary["blobs"], &summary["old"]["holding"]), (&2.into(), &0.into()), "{summary}");
    assert!(model.read("m.bin") == bytes);
    hub.stop();
    deployment.run(["storage", "verify"]).ok();
}

#[test]
fn a_migration_that_makes_no_sense_is_refused_with_the_names_that_there_are() {
    let deployment = with_second_folder(Deployment::new());
    let hub = deployment.start();
    hub.model().add("a.txt", "a");
    let refused = |from: &str, to: &str, more: &[&str]| {
        let arguments = [&["storage", "migrate", "--from", from, "--to", to], more].concat();
        deployment.run(arguments).ended(1).errors
    };
    assert!(refused("main", "nowhere", &[]).contains("no storage 'nowhere'; configured are: main, second"));
    assert!(refused("main", "main", &[]).contains("name another storage"));
    assert!(refused("main", "second", &["--leave"]).contains("uploads go to 'main' still"));
    let outcome = deployment.clone().set("uploads.storage", "thrid").run(["check"]).ended(2);
    assert!(
        outcome.errors.contains("uploads.storage") && outcome.errors.contains("main, second"),
        "{}",
        outcome.errors
    );
    let told = deployment.run(MIGRATE).ok();
    assert!(told.contains("[uploads]") && told.contains("storage = \"second\"") && told.contains("--leave"), "{told}");
}
