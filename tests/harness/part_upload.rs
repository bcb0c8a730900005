//! A large file that goes up in parts.

use serde_json::{Value, json};

use crate::{Answer, Client, Repository, Request, sha256};

/// An upload in parts that has begun. Its links are their own right, so it sends no credential.
#[derive(Clone)]
pub struct PartUpload {
    pub oid: String,
    pub bytes: Vec<u8>,
    /// What the LFS batch answered.
    pub action: Value,
    client: Client,
}

impl PartUpload {
    /// Asks the batch for one.
    #[track_caller]
    pub fn begin(repository: &Repository, bytes: Vec<u8>) -> Self {
        let objects = json!([{ "oid": sha256(&bytes), "size": bytes.len() }]);
        let asked = json!({ "operation": "upload", "transfers": ["basic", "multipart"], "objects": objects });
        let answer = repository.batch(&asked).ok();
        assert_eq!(answer["transfer"], "multipart");
        Self::of(&repository.client, bytes, answer["objects"][0]["actions"]["upload"].clone())
    }

    /// The one that this client was answered.
    pub fn of(client: &Client, bytes: Vec<u8>, action: Value) -> Self {
        Self { oid: sha256(&bytes), bytes, action, client: client.anonymous() }
    }

    /// How long a part is, but for the last.
    fn part(&self) -> usize {
        let size = self.action["header"]["chunk_size"].as_str().and_then(|size| size.parse().ok());
        size.unwrap_or_else(|| panic!("no size of parts in {}", self.action))
    }

    pub fn count(&self) -> usize {
        self.bytes.len().div_ceil(self.part())
    }

    /// What a part holds; the first is 1.
    pub fn piece(&self, number: usize) -> &[u8] {
        let begin = (number - 1) * self.part();
        &self.bytes[begin..self.bytes.len().min(begin + self.part())]
    }

    /// Where a part is to be put.
    pub fn link(&self, number: usize) -> String {
        self.target(&self.action["header"][format!("{number:05}")])
    }

    fn target(&self, link: &Value) -> String {
        self.client.target(link.as_str().expect("a link")).to_owned()
    }

    /// Sends bytes as a part.
    pub fn send(&self, number: usize, bytes: &[u8]) -> Answer {
        let (anybody, target) = Client::at(self.action["header"][format!("{number:05}")].as_str().expect("a link"));
        anybody.put(target).body(bytes).send()
    }

    /// Sends a part as it is meant to be; what the list of parts says of it.
    #[track_caller]
    pub fn send_right(&self, number: usize) -> Value {
        listed(number, &self.send(number, self.piece(number)))
    }

    /// The same to another hub.
    #[track_caller]
    pub fn send_right_to(&self, hub: &Client, number: usize) -> Value {
        listed(number, &hub.anonymous().put(self.link(number)).body(self.piece(number)).send())
    }

    /// A request that ends it with this list of parts.
    pub fn completing(&self, parts: &[Value]) -> Request {
        self.completing_at(&self.client, parts)
    }

    /// The same to another hub.
    pub fn completing_at(&self, hub: &Client, parts: &[Value]) -> Request {
        let body = json!({ "oid": self.oid, "parts": parts });
        hub.anonymous().post(self.target(&self.action["href"])).json(&body)
    }
}

/// What the list of parts says of one that was answered so.
#[track_caller]
fn listed(number: usize, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    json!({ "partNumber": number, "etag": answer.header("etag").expect("an etag") })
}
