//! Endpoints: HTTP operations that a plugin brings, with their part of the OpenAPI document. Addresses, who is calling and
//! what they may do are the kernel's.

pub mod message;
pub mod part;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use async_trait::async_trait;
use ballast_types::{Name, RepoKey, RepoKind, UserKey, Visibility};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::auth::Role;
use crate::{ByteStream, Component, Error, ErrorKind, Result};

/// Who sent a request, as far as a plugin may know it. No credential reaches one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Of the user. A name may change hands; the key does not.
    pub name: Name,
    pub key: UserKey,
    /// Whether every door of the hub is open to them.
    pub is_administrator: bool,
    /// How far their credential reaches.
    pub role: Role,
}

/// The repository that an operation is about. The caller has the right that the operation asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Stays what it is when the repository is renamed.
    pub key: RepoKey,
    pub kind: RepoKind,
    /// `namespace/name`, spelt as its owner does.
    pub id: String,
    pub visibility: Visibility,
}

/// A request to one of the plugin's operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its `operationId` in the plugin's part of the document.
    pub operation: String,
    /// What stands in the address, decoded, by name.
    pub parameters: BTreeMap<String, String>,
    /// What stands behind the `?`, decoded, in order.
    pub query: Vec<(String, String)>,
    /// In lower case. Those that every operation gets ([`HEADERS`]), and those that the operation has as a parameter.
    pub headers: Vec<(String, String)>,
    /// None where nobody in particular asks.
    pub caller: Option<Account>,
    /// Where the operation has `x-ballast-repository`.
    pub repository: Option<Repository>,
    /// Below which URL clients reach the instance's operations: `https://hub.example.org/api/x/reports`.
    pub base: String,
    /// Empty where the operation has no `requestBody`.
    #[serde(skip)]
    pub body: Bytes,
}

/// The headers of a request that every operation gets.
pub const HEADERS: [&str; 9] = [
    "accept",
    "accept-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "range",
    "user-agent",
];

/// What is answered.
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// In lower case. Headers about the connection, cookies and those that the hub sets itself are left out; with
    /// `content-length`, as many bytes come.
    pub headers: Vec<(String, String)>,
    pub body: ByteStream,
}

impl Request {
    /// A header of this name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of this name behind the `?`.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What stands in the address under this name. `Invalid` where nothing does.
    pub fn parameter(&self, name: &str) -> Result<&str> {
        let missing = || Error::new(ErrorKind::Invalid, "endpoints.read", format!("the address has no '{name}'"));
        self.parameters.get(name).map(String::as_str).ok_or_else(missing)
    }

    /// The body, read as JSON. `Invalid` where it is none.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let wrong =
            |error| Error::new(ErrorKind::Invalid, "endpoints.read", format!("the body is not as told: {error}"));
        serde_json::from_slice(&self.body).map_err(wrong)
    }

    /// Who sent it. `Unauthenticated` where nobody in particular did, which an operation never meets that wants an account.
    pub fn account(&self) -> Result<&Account> {
        let nobody = || Error::new(ErrorKind::Unauthenticated, "endpoints.read", "nobody in particular asks");
        self.caller.as_ref().ok_or_else(nobody)
    }

    /// What it is about. `Invalid` where the operation has no `x-ballast-repository`.
    pub fn repository(&self) -> Result<&Repository> {
        let none = || Error::new(ErrorKind::Invalid, "endpoints.read", "the operation is about no repository");
        self.repository.as_ref().ok_or_else(none)
    }
}

impl Response {
    /// Bytes of this media type.
    pub fn new(status: u16, media: &str, body: impl Into<Bytes>) -> Self {
        let body: Bytes = body.into();
        let headers =
            vec![("content-type".to_owned(), media.to_owned()), ("content-length".to_owned(), body.len().to_string())];
        Self { status, headers, body: Box::pin(futures::stream::iter([Ok(body)])) }
    }

    /// Something as JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Result<Self> {
        Ok(Self::new(status, "application/json", crate::message::json(body)?))
    }

    /// No body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: vec![], body: Box::pin(futures::stream::empty()) }
    }

    /// The same with one more header.
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// Answers requests to the operations of its part of the document.
///
/// An error becomes a refusal in the hub's form: `NotFound` 404, `Invalid` 400, `Denied` 403, `Conflict` 409,
/// `Unavailable` 503 and so on, with the error's context as its message; `Internal` is 502, and its context goes to the log
/// alone.
#[async_trait]
pub trait Endpoints: Component {
    /// Answers one request.
    async fn answer(&self, request: Request) -> Result<Response>;
}
