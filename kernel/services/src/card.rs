//! What a repository's README says about it.

use std::sync::Arc;

use ballast_types::CommitId;
use serde_json::{Map, Value};

use crate::validate_card::front_matter;
use crate::{Readable, Result};

/// The metadata at the top of a README, and what lists and searches take from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Card {
    /// As written.
    pub data: Map<String, Value>,
    /// Its own tags, then `license:…`, `language` and the like, as the Hub shows them.
    pub tags: Vec<String>,
    pub pipeline_tag: Option<String>,
    pub library_name: Option<String>,
}

/// The most of a README that is read for its metadata, in bytes.
const MAX_README: u32 = 4 << 20;

impl Readable {
    /// The card of a commit. One that is missing or broken is empty: it says nothing.
    pub async fn card(&self, at: CommitId) -> Result<Arc<Card>> {
        let path = "README.md".parse().map_err(crate::Failure::invalid)?;
        let card = self.parsed(at, &path, MAX_README, &self.hub.0.small_files.cards).await?;
        Ok(card.unwrap_or_default())
    }
}

impl Card {
    /// The card at the top of a README.
    pub(crate) fn parse(readme: &[u8]) -> Self {
        let metadata = match front_matter(&String::from_utf8_lossy(readme)) {
            Some(Ok(metadata)) => serde_json::to_value(metadata).unwrap_or_default(),
            Some(Err(_)) | None => Value::Null,
        };
        match metadata {
            Value::Object(data) => Card::read(data),
            _ => Card::default(),
        }
    }

    fn read(data: Map<String, Value>) -> Self {
        let texts = |key: &str| -> Vec<String> {
            match data.get(key) {
                Some(Value::String(text)) => vec![text.clone()],
                Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                _ => vec![],
            }
        };
        let first = |key: &str| texts(key).into_iter().next();
        let mut tags = texts("tags");
        tags.extend(texts("library_name"));
        tags.extend(texts("pipeline_tag"));
        tags.extend(texts("language"));
        for (key, prefix) in [("license", "license"), ("datasets", "dataset"), ("base_model", "base_model")] {
            tags.extend(texts(key).iter().map(|value| format!("{prefix}:{value}")));
        }
        let mut seen = std::collections::HashSet::new();
        tags.retain(|tag| seen.insert(tag.clone()));
        Self { tags, pipeline_tag: first("pipeline_tag"), library_name: first("library_name"), data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_from_every_field_that_the_hub_shows_once_each() {
        let data = serde_json::json!({"tags": ["a", "b", "a"], "license": "mit", "language": ["en"], "pipeline_tag": "fill-mask"});
        let Value::Object(data) = data else { unreachable!() };
        let card = Card::read(data);
        assert_eq!(card.tags, ["a", "b", "fill-mask", "en", "license:mit"]);
        assert_eq!(card.pipeline_tag.as_deref(), Some("fill-mask"));
    }
}
