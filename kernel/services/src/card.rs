//! What a repository's README says about it.

use std::collections::HashSet;
use std::sync::Arc;

use ballast_types::{CommitId, RepoKey, RepoKind, RepoPath};
use serde_json::{Map, Value};

use crate::validate_card::front_matter;
use crate::{Hub, Readable, Result};

/// The metadata at the top of a README, and what lists and searches take from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Card {
    /// As written.
    pub data: Map<String, Value>,
}

/// The most of a README that is read for its metadata, in bytes.
const MAX_README: u32 = 4 << 20;
/// The most metadata that is kept for lists, in bytes of JSON: more is shown where the README itself is read.
const MAX_KEPT: usize = 256 << 10;

/// Fields whose values are tags of a model, some with a word before them, as the Hub shows them.
const MODEL: &[(&str, &str)] = &[
    ("tags", ""),
    ("library_name", ""),
    ("pipeline_tag", ""),
    ("language", ""),
    ("license", "license:"),
    ("datasets", "dataset:"),
    ("base_model", "base_model:"),
];
/// The same of a dataset.
const DATASET: &[(&str, &str)] = &[
    ("tags", ""),
    ("task_categories", "task_categories:"),
    ("task_ids", "task_ids:"),
    ("annotations_creators", "annotations_creators:"),
    ("language_creators", "language_creators:"),
    ("multilinguality", "multilinguality:"),
    ("source_datasets", "source_datasets:"),
    ("language", "language:"),
    ("license", "license:"),
    ("size_categories", "size_categories:"),
];
/// The same of a space.
const SPACE: &[(&str, &str)] = &[("sdk", ""), ("tags", ""), ("license", "license:")];

impl Readable {
    /// The card of a commit. One that is missing or broken is empty: it says nothing.
    pub async fn card(&self, at: CommitId) -> Result<Arc<Card>> {
        self.hub.card_at(self.key(), at).await
    }
}

impl Hub {
    pub(crate) async fn card_at(&self, repo: RepoKey, at: CommitId) -> Result<Arc<Card>> {
        let card = self.parsed(repo, at, &readme_path(), MAX_README, &self.0.small_files.cards).await?;
        Ok(card.unwrap_or_default())
    }
}

pub(crate) fn readme_path() -> RepoPath {
    "README.md".parse().unwrap_or_else(|_| unreachable!("a constant path is valid"))
}

impl Card {
    /// The card at the top of a README.
    pub(crate) fn parse(readme: &[u8]) -> Self {
        let metadata = match front_matter(&String::from_utf8_lossy(readme)) {
            Some(Ok(metadata)) => serde_json::to_value(metadata).unwrap_or_default(),
            Some(Err(_)) | None => Value::Null,
        };
        match metadata {
            Value::Object(data) => Self { data },
            _ => Self::default(),
        }
    }

    /// Its own tags, then `license:…`, the languages and the like, as the Hub shows them for such a repository.
    pub fn tags(&self, kind: RepoKind) -> Vec<String> {
        let fields = match kind {
            RepoKind::Model => MODEL,
            RepoKind::Dataset => DATASET,
            RepoKind::Space => SPACE,
        };
        let mut seen = HashSet::new();
        let tags = fields
            .iter()
            .flat_map(|(field, prefix)| self.texts(field).into_iter().map(move |text| format!("{prefix}{text}")));
        tags.filter(|tag| seen.insert(tag.clone())).collect()
    }

    /// What a model is for.
    pub fn pipeline_tag(&self) -> Option<String> {
        self.texts("pipeline_tag").into_iter().next()
    }

    /// What a model is loaded with.
    pub fn library_name(&self) -> Option<String> {
        self.texts("library_name").into_iter().next()
    }

    /// The metadata as lists keep it: nothing where it is very large.
    pub(crate) fn kept(&self) -> Map<String, Value> {
        match Value::Object(self.data.clone()).to_string().len() <= MAX_KEPT {
            true => self.data.clone(),
            false => Map::new(),
        }
    }

    fn texts(&self, key: &str) -> Vec<String> {
        match self.data.get(key) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(data: Value) -> Card {
        let Value::Object(data) = data else { unreachable!() };
        Card { data }
    }

    #[test]
    fn tags_come_from_every_field_that_the_hub_shows_once_each() {
        let data = serde_json::json!({"tags": ["a", "b", "a"], "license": "mit", "language": ["en"], "pipeline_tag": "fill-mask"});
        let card = card(data);
        assert_eq!(card.tags(RepoKind::Model), ["a", "b", "fill-mask", "en", "license:mit"]);
        assert_eq!(card.pipeline_tag().as_deref(), Some("fill-mask"));
    }

    #[test]
    fn a_dataset_says_of_each_tag_what_it_is_about() {
        let data =
            serde_json::json!({"language": ["en", "de"], "task_categories": ["question-answering"], "tags": ["x"]});
        let expected = ["x", "task_categories:question-answering", "language:en", "language:de"];
        assert_eq!(card(data).tags(RepoKind::Dataset), expected);
    }
}
