//! A repository that a test has for itself.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Answer, Client, Request, encoded, lines};

/// A name that no other test of this program has.
pub fn unique(word: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{word}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// In hexadecimal digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A repository, and somebody who uses it.
#[derive(Clone)]
pub struct Repository {
    pub client: Client,
    /// `models`, `datasets` or `spaces`
    pub kinds: &'static str,
    /// `namespace/name`
    pub id: String,
}

impl Repository {
    /// A new model with a name of its own.
    #[track_caller]
    pub fn create(client: &Client, namespace: &str, private: bool) -> Self {
        Self::create_kind(client, "models", namespace, private)
    }

    #[track_caller]
    pub fn create_kind(client: &Client, kinds: &'static str, namespace: &str, private: bool) -> Self {
        let id = format!("{namespace}/{}", unique("repo"));
        let new = json!({ "name": id, "type": kinds.trim_end_matches('s'), "private": private });
        client.post("/api/repos/create").json(&new).send().expect(200);
        Self { client: client.clone(), kinds, id }
    }

    /// The same repository with somebody else before it.
    pub fn seen_by(&self, client: &Client) -> Self {
        Self { client: client.clone(), ..self.clone() }
    }

    /// An address of the API: `rest` begins with a slash, or is empty.
    pub fn api(&self, rest: &str) -> String {
        format!("/api/{}/{}{rest}", self.kinds, self.id)
    }

    /// An address of the repository's own pages.
    pub fn page(&self, rest: &str) -> String {
        let prefix = if self.kinds == "models" { String::new() } else { format!("/{}", self.kinds) };
        format!("{prefix}/{}{rest}", self.id)
    }

    /// Where a file of the default branch is read.
    pub fn resolve(&self, path: &str) -> String {
        self.page(&format!("/resolve/main/{}", encoded(path)))
    }

    /// Operations on the default branch, with a header before them.
    #[track_caller]
    pub fn commit(&self, operations: &[Value]) -> Answer {
        self.commit_on("main", operations)
    }

    #[track_caller]
    pub fn commit_on(&self, branch: &str, operations: &[Value]) -> Answer {
        let all: Vec<Value> = [lines::header("a test")].into_iter().chain(operations.iter().cloned()).collect();
        self.committing(branch).lines(&all).send()
    }

    /// A commit without a body yet.
    pub fn committing(&self, branch: &str) -> Request {
        self.client.post(self.api(&format!("/commit/{}", encoded(branch).replace('/', "%2F"))))
    }

    /// Adds one small file to the default branch; the commit's id.
    #[track_caller]
    pub fn add(&self, path: &str, content: impl AsRef<[u8]>) -> String {
        id(&self.commit(&[lines::file(path, content)]).ok())
    }

    /// The bytes of a file of the default branch, wherever the hub sends who asks for them.
    #[track_caller]
    pub fn read(&self, path: &str) -> Vec<u8> {
        let answer = self.client.get(self.resolve(path)).send();
        match (answer.status, answer.header("location")) {
            (302, Some(link)) => {
                let (storage, target) = Client::at(link);
                storage.get(target).send().expect(200).body
            }
            _ => answer.expect(200).body,
        }
    }

    #[track_caller]
    pub fn tip(&self) -> String {
        self.tip_of("main")
    }

    #[track_caller]
    pub fn tip_of(&self, revision: &str) -> String {
        let info = self.client.get(self.api(&format!("/revision/{}", encoded(revision).replace('/', "%2F")))).send();
        info.ok()["sha"].as_str().expect("a commit").to_owned()
    }

    /// The paths of all files of the default branch, sorted.
    #[track_caller]
    pub fn paths(&self) -> Vec<String> {
        let tree = self.client.get(self.api("/tree/main?recursive=true")).send().ok();
        let entries = tree.as_array().expect("a list").iter();
        let files = entries.filter(|entry| entry["type"] == "file");
        let mut paths: Vec<String> = files.map(|entry| entry["path"].as_str().expect("a path").to_owned()).collect();
        paths.sort();
        paths
    }

    /// All that a failed request must leave as it was.
    #[track_caller]
    pub fn state(&self) -> Value {
        json!({
            "refs": self.client.get(self.api("/refs")).send().ok(),
            "tree": self.client.get(self.api("/tree/main?recursive=true")).send().ok(),
            "storage": self.client.get(self.api("?expand=usedStorage")).send().ok()["usedStorage"],
        })
    }

    /// Does something that must leave the repository as it is.
    #[track_caller]
    pub fn unchanged<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = self.state();
        let outcome = act();
        assert_eq!(self.state(), before, "something that failed left a trace");
        outcome
    }

    /// Asks the LFS batch.
    #[track_caller]
    pub fn batch(&self, request: &Value) -> Answer {
        let target = self.page(".git/info/lfs/objects/batch");
        let media = "application/vnd.git-lfs+json";
        self.client.post(target).header("Content-Type", media).body(request.to_string()).send()
    }

    /// What the batch answers for one object that is to be uploaded, by the transfer `basic`.
    #[track_caller]
    pub fn upload_action(&self, oid: &str, size: usize) -> Value {
        let asked = json!({ "operation": "upload", "transfers": ["basic"], "objects": [{ "oid": oid, "size": size }] });
        self.batch(&asked).ok()["objects"][0].clone()
    }

    /// Says that an object was sent.
    #[track_caller]
    pub fn verify(&self, oid: &str, size: usize) -> Answer {
        let target = self.page(".git/info/lfs/objects/verify");
        self.client.post(target).json(&json!({ "oid": oid, "size": size })).send()
    }

    /// Where the bytes of an object are to be put.
    #[track_caller]
    pub fn upload_target(&self, oid: &str, size: usize) -> String {
        let object = self.upload_action(oid, size);
        let link = object["actions"]["upload"]["href"].as_str().unwrap_or_else(|| panic!("no upload in {object}"));
        self.client.target(link).to_owned()
    }

    /// Uploads an object, unless it is there, without naming it in a commit; its oid.
    #[track_caller]
    pub fn upload(&self, bytes: &[u8]) -> String {
        let oid = sha256(bytes);
        let object = self.upload_action(&oid, bytes.len());
        if let Some(link) = object["actions"]["upload"]["href"].as_str() {
            let (anybody, target) = Client::at(link);
            anybody.put(target).body(bytes).send().expect(200);
            self.verify(&oid, bytes.len()).expect(200);
        }
        oid
    }

    /// Uploads a large file and commits it; its oid.
    #[track_caller]
    pub fn add_large(&self, path: &str, bytes: &[u8]) -> String {
        let oid = self.upload(bytes);
        self.commit(&[lines::large_file(path, &oid, bytes.len())]).expect(200);
        oid
    }
}

/// The commit that an answer names.
fn id(answer: &Value) -> String {
    answer["commitOid"].as_str().expect("a commit").to_owned()
}
