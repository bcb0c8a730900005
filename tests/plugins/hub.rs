//! The main job of a hub over the storage of a library: upload, commit, download, range, delete.

use ballast_tests::{Deployment, Hub};
use serde_json::{Value, json};

use crate::built::{self, Library};

/// A hub whose bytes lie in a plugin.
fn over(library: &Library, plugin: &str, keys: &str) -> Deployment {
    let config = format!("{}\n[storage.main]\nplugin = \"{plugin}\"\n[storage.main.config]\n{keys}\n", library.load());
    Deployment::new().config(&config)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ (at >> 12) as u8).collect()
}

fn main_job(hub: &Hub) {
    let repository = hub.model();
    let large = pattern((5 << 20) + 17);
    let oid = repository.add_large("model.bin", &large);
    repository.add("README.md", "# small");
    assert!(repository.read("model.bin") == large);
    assert_eq!(repository.read("README.md"), b"# small");
    for (from, to) in [(0, 0), (1 << 20, (3 << 20) + 5), (large.len() - 7, large.len() - 1)] {
        let asked =
            repository.client.get(repository.resolve("model.bin")).header("Range", format!("bytes={from}-{to}"));
        assert!(asked.send().expect(206).body == large[from..=to], "bytes {from} to {to}");
    }
    let body = json!({ "deletions": { "sha": [oid], "rewriteHistory": true } });
    repository.client.post(repository.api("/lfs-files/batch")).json(&body).send().expect(200);
    repository.client.get(repository.resolve("model.bin")).send().refused(404, "EntryNotFound");
    assert_eq!(repository.read("README.md"), b"# small");
}

fn reported(hub: &Hub, instance: &str) -> Value {
    let all = hub.admin().get("/api/admin/plugins").send().ok();
    let all = all.as_array().or_else(|| all["plugins"].as_array()).unwrap().clone();
    all.into_iter().find(|one| one["role"] == "storage" && one["instance"] == instance).unwrap()
}

#[test]
fn a_plugin_in_rust_with_its_own_tokio_carries_a_hub() {
    let objects = tempfile::tempdir().unwrap();
    let keys = format!("folder = {:?}", objects.path().join("made").display().to_string());
    let deployment = over(built::folder(), "storage.folder", &keys);
    let hub = deployment.start();
    main_job(&hub);
    let report = reported(&hub, "main");
    assert_eq!(
        (&report["plugin"], &report["state"], &report["version"]),
        (&json!("storage.folder"), &json!("ready"), &json!("0.1.0"))
    );
    assert!(
        hub.log().contains("keeping objects in a folder"),
        "what the plugin logs is in the hub's log:\n{}",
        hub.log()
    );
    let kept = hub.model();
    kept.add_large("kept.bin", &pattern(100_000));
    let token = hub.admin_token();
    hub.stop();
    let hub = deployment.start();
    let kept = kept.seen_by(&hub.client().with_token(&token));
    assert!(kept.read("kept.bin") == pattern(100_000));
    let records = hub.admin().get("/api/admin/audit?action=plugin.load").send().ok();
    assert!(records.to_string().contains("plugin/storage.folder"), "{records}");
    hub.stop();
}

#[test]
fn a_plugin_in_c_carries_a_hub() {
    let hub = over(built::in_c(), "storage.c", "room = 1000000000").start();
    main_job(&hub);
    assert_eq!(reported(&hub, "main")["state"], "ready");
    assert!(hub.log().contains("keeping objects in memory"), "{}", hub.log());
    hub.stop();
}

#[test]
fn a_hub_goes_on_while_a_plugin_panics() {
    let hub = over(built::misbehaving(), "storage.misbehaving", "faults = { read = \"panic\" }").start();
    let repository = hub.model();
    let oid = repository.upload(&pattern(100_000));
    for _ in 0..3 {
        let large = ballast_tests::lines::large_file("model.bin", &oid, 100_000);
        assert_eq!(repository.commit(&[large]).status, 500);
    }
    assert_eq!(repository.paths(), [".gitattributes"]);
    let report = reported(&hub, "main");
    assert_eq!(report["state"], "degraded");
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains("the plugin panicked: on purpose, in read"), "{reason}");
    hub.stop();
}

#[test]
fn a_hub_comes_up_without_a_library_that_it_does_not_require_and_says_so() {
    let broken = Library::of(b"no library", "libbroken.so");
    let config = format!("{}\n[storage.main]\nplugin = \"storage.broken\"\nrequired = false\n", broken.load());
    let hub = Deployment::new().config(&config).start();
    let why = format!("{}: it is no shared library", broken.file().display());
    let report = reported(&hub, "main");
    assert_eq!(report["state"], "unavailable");
    assert!(report["reason"].as_str().unwrap().contains(&why), "{report}");
    let repository = hub.client().get("/healthz").send();
    assert_eq!(repository.status, 200);
    let records = hub.admin().get("/api/admin/audit?action=plugin.load").send().ok().to_string();
    assert!(records.contains("refused") && records.contains("it is no shared library"), "{records}");
    hub.stop();
}

#[test]
fn a_hub_does_not_come_up_without_a_library_that_it_requires() {
    let broken = Library::of(b"no library", "libbroken.so");
    let config = format!("{}\n[storage.main]\nplugin = \"storage.broken\"\n", broken.load());
    let log = Deployment::new().config(&config).try_start().err().unwrap();
    assert!(log.contains("storage.main.plugin (in "), "{log}");
    assert!(log.contains(&format!("{}: it is no shared library", broken.file().display())), "{log}");
}
