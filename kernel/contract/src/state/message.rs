//! What a plugin asks of its space over the C tables: one JSON message, one answer. Values are base64, with padding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{State, Versioned, WriteIf};
use crate::message::json;
use crate::{Page, Result};

/// A call of [`State`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum StateCall {
    /// Answered with a [`Kept`], or null.
    Get { key: String },
    /// Answered with true or false.
    Apply { writes: Vec<Write> },
    /// Answered with a page of keys, each with what is [`Kept`] there.
    Scan { prefix: String, after: Option<String>, limit: usize },
}

/// A [`Versioned`] value on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub value: Base64,
    pub version: u64,
}

/// A [`WriteIf`] on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    pub key: String,
    pub version: u64,
    pub value: Option<Base64>,
}

/// Bytes that are base64 in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(de::Error::custom)
    }
}

impl From<Versioned> for Kept {
    fn from(Versioned { value, version }: Versioned) -> Self {
        Self { value: Base64(value), version }
    }
}

impl From<Kept> for Versioned {
    fn from(Kept { value, version }: Kept) -> Self {
        Self { value: value.0, version }
    }
}

impl From<WriteIf> for Write {
    fn from(WriteIf { key, version, value }: WriteIf) -> Self {
        Self { key, version, value: value.map(Base64) }
    }
}

impl From<Write> for WriteIf {
    fn from(Write { key, version, value }: Write) -> Self {
        Self { key, version, value: value.map(|value| value.0) }
    }
}

impl StateCall {
    /// Makes the call, and answers with the JSON of what it answers.
    pub async fn answer(self, state: &dyn State) -> Result<Vec<u8>> {
        match self {
            Self::Get { key } => json(&state.get(&key).await?.map(Kept::from)),
            Self::Apply { writes } => json(&state.apply(writes.into_iter().map(WriteIf::from).collect()).await?),
            Self::Scan { prefix, after, limit } => {
                let Page { items, next } = state.scan(&prefix, after, limit).await?;
                let items: Vec<(String, Kept)> = items.into_iter().map(|(key, kept)| (key, kept.into())).collect();
                json(&Page { items, next })
            }
        }
    }
}
