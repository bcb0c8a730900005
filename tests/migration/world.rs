//! A hub that has something of everything, and what it answers.

use std::path::{Path, PathBuf};

use ballast_tests::bucket::{ACCESS_KEY, Bucket, SECRET_KEY};
use ballast_tests::{Client, Deployment, Hub, Repository, lines, unique};
use serde_json::{Value, json};

/// Bytes of any length that differ by seed and do not compress.
pub fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Every file below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
    let entries = entries.map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// What was made over HTTP, and by whom.
pub struct Filled {
    pub user: String,
    pub token: String,
    pub model: Repository,
    pub dataset: Repository,
    /// What was read back when it was made: path and bytes.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Makes something of everything.
pub fn fill(hub: &Hub) -> Filled {
    let (user, client) = hub.user("write");
    hub.deployment.run_with(["user", "password", &user], "a long password\n").ok();
    let token = hub.token(&user, "write");
    let model = Repository::create(&client, &user, true);
    let large = pattern(150_000, 1);
    let mut files = vec![("large.bin".to_owned(), large.clone())];
    model.add("README.md", "---\nlicense: mit\ntags: [moved]\n---\n# Ünïcode\n");
    model.add_large("large.bin", &large);
    for number in 0..5 {
        let (path, bytes) = (format!("folder {number}/näme.txt"), pattern(3000 + number, number as u64));
        model.add(&path, &bytes);
        files.push((path, bytes));
    }
    client.post(model.api("/branch/dev")).json(&json!({})).send().expect(200);
    client.post(model.api("/tag/main")).json(&json!({ "tag": "v1.0", "message": "first" })).send().expect(200);
    model.commit_on("dev", &[lines::file("only-here.txt", "dev")]).expect(200);
    let talk = json!({ "title": "What about this?", "description": "first words" });
    client.post(model.api("/discussions")).json(&talk).send().expect(200);
    client.post(model.api("/discussions/1/comment")).json(&json!({ "comment": "more words" })).send().expect(200);
    let dataset = Repository::create_kind(&hub.admin(), "datasets", "admin", false);
    dataset.add("data.csv", "a,b\n1,2\n");
    hub.admin().post(format!("/api/datasets/{}/like", dataset.id)).send().expect(200);
    Filled { user, token, model, dataset, files }
}

impl Filled {
    /// The same on another hub.
    pub fn on(&self, hub: &Hub) -> Self {
        let client = hub.client().with_token(&self.token);
        Self {
            user: self.user.clone(),
            token: self.token.clone(),
            model: self.model.seen_by(&client),
            dataset: self.dataset.seen_by(&hub.admin()),
            files: self.files.clone(),
        }
    }

    /// What the hub answers whoever asks for all this; a hub that has the same rows answers the same.
    pub fn answers(&self) -> Vec<(String, Value)> {
        let client = &self.model.client;
        let mut all = Vec::new();
        let mut ask = |client: &Client, target: String| {
            let mut answer = client.get(&target).send().ok();
            forget_addresses(&mut answer, &client.base());
            all.push((target, answer));
        };
        for repository in [&self.model, &self.dataset] {
            for rest in ["", "/refs", "/tree/main?recursive=true&expand=true", "/commits/main", "/discussions"] {
                ask(&repository.client, repository.api(rest));
            }
            ask(&repository.client, repository.api("?expand=usedStorage&expand=likes"));
        }
        ask(client, self.model.api("/tree/dev?recursive=true"));
        ask(client, self.model.api("/commits/v1.0"));
        ask(client, self.model.api("/discussions/1"));
        ask(client, "/api/models".to_owned());
        ask(client, "/api/datasets?sort=likes".to_owned());
        ask(client, "/api/whoami-v2".to_owned());
        ask(client, format!("/api/users/{}/overview", self.user));
        all
    }

    /// Whether every file is what it was.
    pub fn is_whole(&self) {
        for (path, bytes) in &self.files {
            assert!(self.model.read(path) == *bytes, "{path} is not what it was");
        }
    }
}

/// Addresses differ with the port.
fn forget_addresses(answer: &mut Value, base: &str) {
    match answer {
        Value::String(text) => *text = text.replace(base, "http://hub"),
        Value::Array(items) => items.iter_mut().for_each(|item| forget_addresses(item, base)),
        Value::Object(fields) => fields.values_mut().for_each(|value| forget_addresses(value, base)),
        _ => {}
    }
}

/// New writes of every sort, after a move.
pub fn goes_on(hub: &Hub, filled: &Filled) {
    let model = &filled.model;
    let comment = json!({ "comment": "after the move" });
    model.client.post(model.api("/discussions/1/comment")).json(&comment).send().expect(200);
    let talk = json!({ "title": "And now?", "description": "words" });
    let opened = model.client.post(model.api("/discussions")).json(&talk).send().expect(200).json();
    assert_eq!(opened["num"], 2, "{opened}");
    model.add("after.txt", "after the move");
    assert_eq!(model.read("after.txt"), b"after the move");
    model.add_large(&format!("{}.bin", unique("new")), &pattern(80_000, 99));
    let (_, client) = hub.user("write");
    client.get("/api/whoami-v2").send().expect(200);
    let new = hub.model();
    new.add("a.txt", "a");
    assert_eq!(new.read("a.txt"), b"a");
}

/// The summary of a command that prints one at the end of its lines of JSON, and the lines before.
pub fn told(output: &str) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().unwrap()["summary"].clone();
    (lines, summary)
}

/// A deployment with a second storage in a folder of its own, to which nothing goes yet.
pub fn with_second_folder(deployment: Deployment) -> Deployment {
    let (main, second) = (deployment.data().join("storage"), deployment.folder().join("second"));
    let deployment = deployment.set("storage.main.plugin", "storage.opendal").set("storage.main.config.scheme", "fs");
    let deployment = deployment.set("storage.main.config.root", &main.display().to_string());
    let deployment = deployment.set("storage.second.plugin", "storage.opendal");
    let deployment = deployment.set("storage.second.config.scheme", "fs");
    deployment.set("storage.second.config.root", &second.display().to_string())
}

/// A deployment with a bucket beside its folder, to which nothing goes yet.
pub fn with_bucket(deployment: Deployment, bucket: &Bucket, presign: &str) -> Deployment {
    let deployment = with_second_folder(deployment);
    let settings = [
        ("scheme", "s3"),
        ("endpoint", &bucket.provider.endpoint()),
        ("bucket", &bucket.name),
        ("root", "hub"),
        ("access_key_id", ACCESS_KEY),
        ("secret_access_key", SECRET_KEY),
        ("presign", presign),
    ];
    let set = |all: Deployment, (key, value): &(&str, &str)| all.set(&format!("storage.second.config.{key}"), value);
    settings.iter().fold(deployment, set)
}
