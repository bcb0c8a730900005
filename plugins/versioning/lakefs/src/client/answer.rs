//! What lakeFS answers, and what that means in the words of the contract.

use ballast_contract::{Error, ErrorKind, Result};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Again, OPERATION};
use ballast_contract::versioning::failure::corrupt;

/// The longest answer that is read whole, in bytes.
const LONGEST_ANSWER: usize = 1 << 29;

/// An answer that came.
pub struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether the same call may be answered better later.
    pub fn may_pass(&self, again: Again) -> bool {
        match self.status.as_u16() {
            429 | 503 => true,
            // Of these nobody knows what was done.
            500 | 502 | 504 => again == Again::Harmless,
            _ => false,
        }
    }

    /// An answer that means the same whatever was asked for is an error.
    pub fn acceptable(self) -> Result<Self> {
        match self.status.as_u16() {
            401 | 403 | 429 | 500.. => Err(self.refusal("answer")),
            _ => Ok(self),
        }
    }

    pub fn unless_absent(self) -> Option<Self> {
        Some(self).filter(|answer| answer.status != StatusCode::NOT_FOUND)
    }

    pub fn done(self, what: &str) -> Result<()> {
        if self.status.is_success() { Ok(()) } else { Err(self.refusal(what)) }
    }

    pub fn read<T: DeserializeOwned>(self, what: &str) -> Result<T> {
        if !self.status.is_success() {
            return Err(self.refusal(&format!("give {what}")));
        }
        let strange = |error| corrupt(OPERATION, format!("lakeFS gave what is not {what}")).with_source(error);
        serde_json::from_slice(&self.body).map_err(strange)
    }

    /// What an answer that is an error means, in the words of the contract.
    pub fn refusal(&self, what: &str) -> Error {
        #[derive(Deserialize)]
        struct Said {
            message: String,
        }
        let said = serde_json::from_slice::<Said>(&self.body).map(|said| said.message).unwrap_or_default();
        let said: String = said.chars().take(300).collect();
        let status = self.status.as_u16();
        let (kind, why) = match status {
            // The hub's own key: no caller can help it.
            401 | 403 => (ErrorKind::Unavailable, "refuses the key in the configuration".to_owned()),
            404 => (ErrorKind::Unavailable, format!("does not {what}: something is no longer there")),
            409 | 412 => (ErrorKind::Unavailable, format!("does not {what}: something was changed meanwhile")),
            410 => (ErrorKind::Corrupt, format!("does not {what}: it knows the object and has lost its bytes")),
            429 | 503 => (ErrorKind::Unavailable, "has too much to do".to_owned()),
            500.. => (ErrorKind::Unavailable, "cannot answer now".to_owned()),
            _ => (ErrorKind::Internal, format!("does not {what}")),
        };
        Error::new(kind, OPERATION, format!("lakeFS {why} ({status}: {said})"))
    }
}

/// Reads an answer to its end.
pub async fn read_whole(mut response: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let broken = |error: reqwest::Error| {
        let why = format!("an answer of lakeFS broke off: {}", innermost(&error));
        Error::new(ErrorKind::Unavailable, OPERATION, why)
    };
    while let Some(bytes) = response.chunk().await.map_err(broken)? {
        body.extend_from_slice(&bytes);
        if body.len() > LONGEST_ANSWER {
            return Err(corrupt(OPERATION, format!("an answer of lakeFS is longer than {LONGEST_ANSWER} bytes")));
        }
    }
    Ok(body)
}

/// What caused an error, which alone says what is wrong.
pub fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
