//! A repository of the remote hub, as the analyzer sees it.

use async_trait::async_trait;
use ballast_contract::downloader::{Fetched, Source, SourceFile};
use ballast_contract::{Page, Result};
use ballast_types::ByteRange;
use serde::Deserialize;

use crate::analyze::{About, Document, Ref, RefType, Subject};
use crate::fetch::Places;
use crate::remote::Remote;

/// The longest metadata of a card that are taken from a hub, in bytes; with longer ones the card itself is read, as far as
/// that goes.
const MAX_CARD: usize = 256 << 10;

/// A source whose revision is a commit.
pub(crate) struct Survey<'a> {
    pub(crate) remote: &'a Remote,
    pub(crate) places: &'a Places,
    pub(crate) source: &'a Source,
}

/// What a hub's info says; hubs send what they know.
fn about(info: &Document) -> About {
    About {
        pipeline_tag: info.text("pipeline_tag"),
        library: info.text("library_name"),
        tags: info.texts("tags"),
        card: info.short("cardData", MAX_CARD).unwrap_or_default(),
    }
}

/// A branch or tag in the answer of a hub.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pointer {
    name: String,
    target_commit: Option<String>,
}

fn refs(answer: &Document) -> Vec<Ref> {
    let of = |field: &str, kind| {
        let pointers = answer.get::<Vec<Pointer>>(field).unwrap_or_default().into_iter();
        pointers.map(move |pointer| Ref { name: pointer.name, kind, commit: pointer.target_commit })
    };
    of("branches", RefType::Branch).chain(of("tags", RefType::Tag)).collect()
}

#[async_trait]
impl Subject for Survey<'_> {
    async fn files(&self, after: Option<String>) -> Result<Page<SourceFile>> {
        self.remote.page(self.source, after).await
    }

    async fn refs(&self) -> Result<Vec<Ref>> {
        let url = self.remote.api(self.source, "/refs")?;
        self.remote.json(&url, self.source.token.as_ref()).await.map(|(answer, _)| refs(&answer))
    }

    async fn about(&self) -> Result<About> {
        let url = self.remote.api(self.source, &format!("/revision/{}", self.source.revision.as_str()))?;
        self.remote.json(&url, self.source.token.as_ref()).await.map(|(info, _)| about(&info))
    }

    async fn read(&self, file: &SourceFile, range: ByteRange) -> Result<Fetched> {
        self.remote.fetch(self.places, self.source, file, range).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(value: Value) -> Document {
        Document::parse(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_hubs_say_is_read_as_far_as_they_say_it() {
        let told = about(&document(json!({
            "id": "a/b", "pipeline_tag": "fill-mask", "library_name": "transformers", "tags": ["x"],
            "cardData": {"language": "de"}, "gated": false,
        })));
        assert_eq!((told.pipeline_tag.as_deref(), told.library.as_deref()), (Some("fill-mask"), Some("transformers")));
        assert_eq!((told.tags, told.card), (vec!["x".to_owned()], json!({"language": "de"})));
        for nothing in [json!({}), json!({"pipeline_tag": 7, "library_name": null, "tags": null, "cardData": null})] {
            assert_eq!(about(&document(nothing)), About::default());
        }
    }

    #[test]
    fn branches_and_tags_are_shown_and_other_refs_are_not() {
        let answer = document(json!({
            "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": "c1"}],
            "tags": [{"name": "v1", "ref": "refs/tags/v1"}],
            "converts": [{"name": "parquet", "ref": "refs/convert/parquet", "targetCommit": "c2"}],
        }));
        let expected = json!([{"name": "main", "type": "branch", "commit": "c1"}, {"name": "v1", "type": "tag"}]);
        assert_eq!(serde_json::to_value(refs(&answer)).unwrap(), expected);
        assert_eq!(refs(&document(json!({"branches": 7, "tags": null}))), []);
    }
}
