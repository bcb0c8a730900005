//! The calls of lakeFS's API that the engine makes.
//!
//! A call that can be made twice is sent again when lakeFS could not be reached or could not answer; one that cannot
//! (making a branch, a commit, a repository) only where lakeFS said that it did nothing (429, 503). Each has a time
//! limit, and there are no more at once than the operator allows.

mod answer;

use std::collections::BTreeMap;
use std::time::Duration;

use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use url::Url;

use self::answer::{Answer, innermost, read_whole};
use crate::config::LakefsConfig;
use ballast_contract::versioning::failure::internal;

const OPERATION: &str = "versioning.lakefs";
/// The first wait before a request is sent again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How many keys one deletion may name, and one page may have.
pub const AT_ONCE: usize = 1000;

/// A segment of an address, or the value of a parameter.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether a call may be made twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Harmless,
    Never,
}

/// A lakeFS server.
pub struct Client {
    http: reqwest::Client,
    base: String,
    access_key_id: Option<Secret>,
    secret_access_key: Option<Secret>,
    gate: Semaphore,
    retries: u32,
    timeout: Duration,
}

/// What the server says of itself.
#[derive(Debug, Deserialize)]
pub struct Version {
    pub version: String,
}

/// A commit in lakeFS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LakeCommit {
    pub id: String,
    /// Absent or null where there is none.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A branch or tag in lakeFS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LakeRef {
    pub id: String,
    pub commit_id: String,
}

/// An object in lakeFS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LakeObject {
    pub path: String,
    /// Absent or null where there is none.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A line of metadata.
pub fn noted<'m>(metadata: &'m Option<BTreeMap<String, String>>, name: &str) -> Option<&'m str> {
    metadata.as_ref()?.get(name).map(String::as_str)
}

/// A file whose bytes lie elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    pub staging: Staging,
    pub checksum: String,
    pub size_bytes: u64,
    pub user_metadata: BTreeMap<&'static str, String>,
}

/// Where they lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Staging {
    pub physical_address: String,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct LakePage<T> {
    pagination: Pagination,
    pub results: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Pagination {
    has_more: bool,
    #[serde(default)]
    next_offset: String,
}

impl<T> LakePage<T> {
    /// Where the list goes on.
    pub fn next(&self) -> Option<String> {
        self.pagination.has_more.then(|| self.pagination.next_offset.clone())
    }
}

/// What is sent with a request.
enum Body {
    Nothing,
    Json(Value),
    Bytes(Vec<u8>),
}

impl Client {
    pub fn new(config: &LakefsConfig) -> Result<Self> {
        let url = config.check()?;
        // Where the program has chosen a library for TLS already, that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = Duration::from_secs(config.timeout_seconds.into());
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(timeout)
            .tcp_nodelay(true)
            .user_agent(concat!("Ballast/", env!("CARGO_PKG_VERSION")))
            .build();
        let unmade = |error| {
            let why = "no client could be made; see that this machine has root certificates";
            Error::new(ErrorKind::Unavailable, "versioning.open", why).with_source(error)
        };
        Ok(Self {
            http: client.map_err(unmade)?,
            base: base(&url),
            access_key_id: config.access_key_id.clone(),
            secret_access_key: config.secret_access_key.clone(),
            gate: Semaphore::new(config.connections.max(1) as usize),
            retries: config.retries,
            timeout,
        })
    }

    /// What the server is. A wrong key is told here.
    pub async fn version(&self) -> Result<Version> {
        #[derive(Deserialize)]
        struct Config {
            version_config: Version,
        }
        let answer = self.call(Method::GET, "/config".to_owned(), Body::Nothing, Again::Harmless).await?;
        Ok(answer.read::<Config>("its config")?.version_config)
    }

    /// Makes a repository. Idempotent, as nobody else uses such a name.
    pub async fn create_repository(&self, name: &str, namespace: &str, default_branch: &str) -> Result<()> {
        let body = json!({ "name": name, "storage_namespace": namespace, "default_branch": default_branch });
        let answer = self.call(Method::POST, "/repositories".to_owned(), Body::Json(body), Again::Never).await?;
        if answer.status == StatusCode::CONFLICT && self.has_repository(name).await? {
            return Ok(());
        }
        answer.done("make a repository")
    }

    /// Whether there is such a repository.
    pub async fn has_repository(&self, name: &str) -> Result<bool> {
        let answer = self.call(Method::GET, repository(name), Body::Nothing, Again::Harmless).await?;
        answer
            .unless_absent()
            .map(|answer| answer.done("tell of a repository"))
            .transpose()
            .map(|found| found.is_some())
    }

    /// Deletes a repository. Idempotent.
    pub async fn delete_repository(&self, name: &str) -> Result<()> {
        let path = format!("{}?force=true", repository(name));
        let answer = self.call(Method::DELETE, path, Body::Nothing, Again::Harmless).await?;
        answer.unless_absent().map_or(Ok(()), |answer| answer.done("delete a repository"))
    }

    /// Where a branch stands; none where there is none of this name.
    pub async fn branch(&self, repo: &str, branch: &str) -> Result<Option<LakeRef>> {
        let answer = self.call(Method::GET, branch_path(repo, branch), Body::Nothing, Again::Harmless).await?;
        answer.unless_absent().map(|answer| answer.read("a branch")).transpose()
    }

    /// Branches whose names begin with this, hidden ones too.
    pub async fn branches(&self, repo: &str, prefix: &str, after: &str) -> Result<LakePage<LakeRef>> {
        let path = format!("{}/branches?show_hidden=true&{}", repository(repo), page(prefix, after));
        self.call(Method::GET, path, Body::Nothing, Again::Harmless).await?.read("branches")
    }

    /// Makes a branch.
    pub async fn create_branch(&self, repo: &str, name: &str, source: &str, hidden: bool) -> Result<()> {
        let body = json!({ "name": name, "source": source, "hidden": hidden });
        let path = format!("{}/branches", repository(repo));
        self.call(Method::POST, path, Body::Json(body), Again::Never).await?.done("make a branch")
    }

    /// Deletes a branch with whatever is staged on it. Idempotent.
    pub async fn delete_branch(&self, repo: &str, branch: &str) -> Result<()> {
        let path = format!("{}?force=true", branch_path(repo, branch));
        let answer = self.call(Method::DELETE, path, Body::Nothing, Again::Harmless).await?;
        answer.unless_absent().map_or(Ok(()), |answer| answer.done("delete a branch"))
    }

    /// Sets a branch to a commit; false where there is no such branch.
    pub async fn hard_reset(&self, repo: &str, branch: &str, to: &str) -> Result<bool> {
        let path = format!("{}/hard_reset?ref={}", branch_path(repo, branch), plain(to));
        let answer = self.call(Method::PUT, path, Body::Nothing, Again::Harmless).await?;
        answer.unless_absent().map_or(Ok(false), |answer| answer.done("set a branch").map(|()| true))
    }

    /// Makes a tag, in place of another one of its name.
    pub async fn put_tag(&self, repo: &str, tag: &str, to: &str) -> Result<()> {
        let body = json!({ "id": tag, "ref": to, "force": true });
        let path = format!("{}/tags", repository(repo));
        self.call(Method::POST, path, Body::Json(body), Again::Harmless).await?.done("make a tag")
    }

    /// Where a tag stands; none where there is none of this name.
    pub async fn tag(&self, repo: &str, tag: &str) -> Result<Option<LakeRef>> {
        let path = format!("{}/tags/{}", repository(repo), plain(tag));
        let answer = self.call(Method::GET, path, Body::Nothing, Again::Harmless).await?;
        answer.unless_absent().map(|answer| answer.read("a tag")).transpose()
    }

    /// Deletes a tag. Idempotent.
    pub async fn delete_tag(&self, repo: &str, tag: &str) -> Result<()> {
        let path = format!("{}/tags/{}?force=true", repository(repo), plain(tag));
        let answer = self.call(Method::DELETE, path, Body::Nothing, Again::Harmless).await?;
        answer.unless_absent().map_or(Ok(()), |answer| answer.done("delete a tag"))
    }

    /// Stages an object whose bytes lakeFS keeps itself.
    pub async fn upload(&self, repo: &str, branch: &str, key: &str, bytes: Vec<u8>) -> Result<()> {
        let path = format!("{}/objects?path={}", branch_path(repo, branch), plain(key));
        self.call(Method::POST, path, Body::Bytes(bytes), Again::Harmless).await?.done("take an object")
    }

    /// Stages an object whose bytes lie elsewhere.
    pub async fn link(&self, repo: &str, branch: &str, key: &str, link: &Link) -> Result<()> {
        let path = format!("{}/staging/backing?path={}", branch_path(repo, branch), plain(key));
        let body = serde_json::to_value(link);
        let body = body.map_err(|error| internal(OPERATION, "a link cannot be written").with_source(error))?;
        self.call(Method::PUT, path, Body::Json(body), Again::Harmless).await?.done("link an object")
    }

    /// Stages the deletion of objects, at most [`AT_ONCE`].
    pub async fn delete_objects(&self, repo: &str, branch: &str, keys: &[String]) -> Result<()> {
        #[derive(Deserialize)]
        struct Outcome {
            #[serde(default)]
            errors: Vec<Value>,
        }
        let path = format!("{}/objects/delete?force=true", branch_path(repo, branch));
        let answer = self.call(Method::POST, path, Body::Json(json!({ "paths": keys })), Again::Harmless).await?;
        match answer.read::<Outcome>("a deletion")?.errors.first() {
            None => Ok(()),
            Some(first) => Err(internal(OPERATION, format!("lakeFS did not delete every object: {first}"))),
        }
    }

    /// Commits whatever is staged on a branch; answers the commit.
    pub async fn commit(
        &self,
        repo: &str,
        branch: &str,
        message: &str,
        seconds: i64,
        metadata: &BTreeMap<&'static str, String>,
    ) -> Result<LakeCommit> {
        let mut body = json!({ "message": message, "metadata": metadata, "allow_empty": true });
        // lakeFS takes a time of its own where the date is 0 or before it.
        if seconds > 0 {
            body["date"] = json!(seconds);
        }
        let path = format!("{}/commits", branch_path(repo, branch));
        self.call(Method::POST, path, Body::Json(body), Again::Never).await?.read("a commit")
    }

    /// A commit by its id; none where there is none.
    pub async fn find_commit(&self, repo: &str, id: &str) -> Result<Option<LakeCommit>> {
        let path = format!("{}/commits/{}", repository(repo), plain(id));
        let answer = self.call(Method::GET, path, Body::Nothing, Again::Harmless).await?;
        answer.unless_absent().map(|answer| answer.read("a commit")).transpose()
    }

    /// The bytes of an object of a commit; none where it has none of this key.
    pub async fn object(&self, repo: &str, commit: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let path = format!("{}/refs/{}/objects?path={}", repository(repo), plain(commit), plain(key));
        let answer = self.call(Method::GET, path, Body::Nothing, Again::Harmless).await?;
        match answer.unless_absent() {
            None => Ok(None),
            Some(answer) if answer.status.is_success() => Ok(Some(answer.body)),
            Some(answer) => Err(answer.refusal("give an object")),
        }
    }

    /// Objects of a commit whose keys begin with this, without those of folders below.
    pub async fn objects(&self, repo: &str, commit: &str, prefix: &str, after: &str) -> Result<LakePage<LakeObject>> {
        let path = format!(
            "{}/refs/{}/objects/ls?delimiter=%2F&presign=false&user_metadata=true&{}",
            repository(repo),
            plain(commit),
            page(prefix, after)
        );
        self.call(Method::GET, path, Body::Nothing, Again::Harmless).await?.read("objects")
    }

    /// Sends a request until there is an answer that says something, or no hope of one.
    async fn call(&self, method: Method, path: String, body: Body, again: Again) -> Result<Answer> {
        let mut wait = FIRST_WAIT;
        for left in (0..=self.retries).rev() {
            let outcome = {
                let _place = self.gate.acquire().await;
                let sent = self.send(&method, &path, &body);
                tokio::time::timeout(self.timeout, sent).await
            };
            let (error, may) = match outcome {
                Ok(Ok(answer)) if answer.may_pass(again) => (answer.refusal("answer"), true),
                Ok(Ok(answer)) => return answer.acceptable(),
                Ok(Err(error)) => {
                    let may = again == Again::Harmless && error.is(ErrorKind::Unavailable);
                    (error, may)
                }
                Err(_) => {
                    let why = format!("lakeFS said nothing for {} seconds", self.timeout.as_secs());
                    (Error::new(ErrorKind::Unavailable, OPERATION, why), again == Again::Harmless)
                }
            };
            if left == 0 || !may {
                return Err(error);
            }
            tracing::debug!(%error, left, "a request to lakeFS is sent again");
            tokio::time::sleep(spread(wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Err(internal(OPERATION, "a request was never sent"))
    }

    async fn send(&self, method: &Method, path: &str, body: &Body) -> Result<Answer> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(key) = &self.access_key_id {
            request = request.basic_auth(key.expose(), self.secret_access_key.as_ref().map(Secret::expose));
        }
        request = match body {
            Body::Nothing => request,
            Body::Json(value) => {
                request.header(reqwest::header::CONTENT_TYPE, "application/json").body(value.to_string())
            }
            Body::Bytes(bytes) => {
                request.header(reqwest::header::CONTENT_TYPE, "application/octet-stream").body(bytes.clone())
            }
        };
        let unreached = |error: reqwest::Error| {
            Error::new(ErrorKind::Unavailable, OPERATION, format!("lakeFS cannot be reached: {}", innermost(&error)))
        };
        let response = request.send().await.map_err(unreached)?;
        let status = response.status();
        Ok(Answer { status, body: read_whole(response).await? })
    }
}

/// Not all at the same moment: three quarters to five quarters of it.
fn spread(wait: Duration) -> Duration {
    let mut byte = [0; 1];
    // Without randomness it is simply not spread.
    let _ = getrandom::fill(&mut byte);
    wait.mul_f64(0.75 + f64::from(byte[0]) / 512.0)
}

fn base(url: &Url) -> String {
    format!("{}/api/v1", url.as_str().trim_end_matches('/'))
}

fn plain(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn repository(name: &str) -> String {
    format!("/repositories/{}", plain(name))
}

fn branch_path(repo: &str, branch: &str) -> String {
    format!("{}/branches/{}", repository(repo), plain(branch))
}

fn page(prefix: &str, after: &str) -> String {
    format!("prefix={}&after={}&amount={AT_ONCE}", plain(prefix), plain(after))
}
