//! What a remote hub tells of a repository (who may have it, its licence, its tags, its branches), and of who owns it.

use ballast_contract::downloader::{Source, SourceAccess, SourceInfo, SourceProfile, SourceRef};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{CommitId, Name, RefName, Timestamp};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::remote::Remote;

/// Of fields that a remote hub may leave out, or fill with what was not to be expected, those are taken that make sense.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(default)]
    id: Value,
    sha: Option<String>,
    private: Option<Value>,
    gated: Option<Value>,
    #[serde(default)]
    disabled: Value,
    #[serde(default)]
    created_at: Value,
    #[serde(default)]
    last_modified: Value,
    #[serde(default)]
    downloads: Value,
    #[serde(default)]
    likes: Value,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    card_data: Value,
    #[serde(default, rename = "pipeline_tag")]
    pipeline_tag: Value,
    #[serde(default, rename = "library_name")]
    library_name: Value,
    #[serde(default)]
    sdk: Value,
}

/// The families of refs that clients ask for.
#[derive(Deserialize)]
struct ToldRefs {
    #[serde(default)]
    branches: Vec<ToldRef>,
    #[serde(default)]
    tags: Vec<ToldRef>,
    #[serde(default)]
    converts: Vec<ToldRef>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldRef {
    r#ref: String,
    target_commit: String,
}

/// The overview of a user or an organisation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    #[serde(default)]
    fullname: Value,
    #[serde(default)]
    details: Value,
    #[serde(default)]
    num_users: Value,
    #[serde(default)]
    created_at: Value,
}

impl Remote {
    /// What the remote hub tells of a user or an organisation, which it is asked for one after the other.
    pub(crate) async fn profile(&self, name: &Name) -> Result<SourceProfile> {
        let ask = async |is_organization: bool| {
            let kind = if is_organization { "organizations" } else { "users" };
            let (told, _): (Overview, _) = self.json(&self.url(&format!("/api/{kind}/{name}/overview"))?, None).await?;
            let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            Ok::<_, Error>(SourceProfile {
                name: name.to_string(),
                is_organization,
                full_name: text(&told.fullname),
                about: text(&told.details),
                members: told.num_users.as_u64().filter(|_| is_organization),
                created_at: told.created_at.as_str().and_then(|text| text.parse().ok()),
            })
        };
        match ask(false).await {
            Err(error) if error.is(ErrorKind::NotFound) => ask(true).await,
            told => told,
        }
    }

    /// What the remote hub tells of a source at its revision.
    pub(crate) async fn describe(&self, source: &Source) -> Result<SourceInfo> {
        let (told, _): (Told, _) = self.json(&self.revision(source)?, source.token.as_ref()).await?;
        info(told).ok_or_else(|| odd(format!("{} has no commit at {}", source.repo, source.revision.as_str())))
    }

    /// Whether whoever shows the source's token may have its files.
    pub(crate) async fn check(&self, source: &Source) -> Result<()> {
        let url = self.api(source, "/auth-check")?;
        self.get(&url, source.token.as_ref(), &HeaderMap::new()).await.map(drop)
    }

    /// The branches, tags and conversions of a source.
    pub(crate) async fn refs(&self, source: &Source) -> Result<Vec<SourceRef>> {
        let (told, _): (ToldRefs, _) = self.json(&self.api(source, "/refs")?, source.token.as_ref()).await?;
        let all = [told.branches, told.tags, told.converts].into_iter().flatten();
        let read = |told: ToldRef| {
            let wrong = || odd(format!("{} has a ref that cannot be read", source.repo));
            let name: RefName = told.r#ref.parse().map_err(|_| wrong())?;
            Ok(SourceRef { name, commit: told.target_commit.parse::<CommitId>().map_err(|_| wrong())? })
        };
        all.map(read).collect()
    }
}

/// None without a commit.
fn info(told: Told) -> Option<SourceInfo> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let tags: Vec<String> = told.tags.as_array().into_iter().flatten().filter_map(text).collect();
    let card = match &told.card_data {
        Value::Object(card) => card.clone(),
        _ => Map::new(),
    };
    Some(SourceInfo {
        id: text(&told.id),
        commit: told.sha.as_deref()?.parse().ok()?,
        access: access(&told),
        licenses: licenses(&card, &tags),
        created_at: time(&told.created_at),
        modified_at: time(&told.last_modified),
        downloads: told.downloads.as_u64().unwrap_or(0),
        likes: told.likes.as_u64().unwrap_or(0),
        pipeline_tag: text(&told.pipeline_tag),
        library_name: text(&told.library_name),
        sdk: text(&told.sdk),
        tags,
        card,
    })
}

/// Everybody, only where the remote hub says of each thing that could be in the way that it is not.
fn access(told: &Told) -> SourceAccess {
    match (&told.private, &told.gated, &told.disabled) {
        (Some(Value::Bool(true)), _, _) => SourceAccess::Private,
        (_, _, Value::Bool(true)) => SourceAccess::Nobody,
        (_, Some(Value::String(_) | Value::Bool(true)), _) => SourceAccess::Gated,
        (Some(Value::Bool(false)), Some(Value::Bool(false)), _) => SourceAccess::Everybody,
        _ => SourceAccess::Unsaid,
    }
}

/// What the card says, which may be a list, and what the tags say.
fn licenses(card: &Map<String, Value>, tags: &[String]) -> Vec<String> {
    let said = match card.get("license") {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => vec![],
    };
    let tagged = tags.iter().filter_map(|tag| tag.strip_prefix("license:"));
    let mut all: Vec<String> = said.into_iter().chain(tagged).map(str::to_lowercase).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn odd(why: String) -> Error {
    Error::new(ErrorKind::Corrupt, "downloader.describe", why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: Value) -> Option<SourceInfo> {
        info(serde_json::from_value(json).unwrap())
    }

    #[test]
    fn a_repository_is_for_everybody_only_where_the_remote_hub_says_so() {
        let access = |more: Value| {
            let mut told = json!({ "sha": "c".repeat(40) });
            told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            read(told).unwrap().access
        };
        assert_eq!(access(json!({ "private": false, "gated": false })), SourceAccess::Everybody);
        assert_eq!(access(json!({ "private": false, "gated": "auto" })), SourceAccess::Gated);
        assert_eq!(access(json!({ "private": false, "gated": true })), SourceAccess::Gated);
        assert_eq!(access(json!({ "private": true, "gated": "manual" })), SourceAccess::Private);
        assert_eq!(access(json!({ "private": false, "gated": false, "disabled": true })), SourceAccess::Nobody);
        assert_eq!(access(json!({ "private": true, "gated": false, "disabled": true })), SourceAccess::Private);
        for unsaid in [json!({}), json!({ "private": false }), json!({ "gated": false }), json!({ "private": 0 })] {
            assert_eq!(access(unsaid), SourceAccess::Unsaid);
        }
    }

    #[test]
    fn licences_are_those_of_the_card_and_of_the_tags_each_once() {
        let told = json!({
            "sha": "c".repeat(40), "tags": ["license:mit", "license:Apache-2.0", "x"], "cardData": { "license": ["MIT"] },
            "id": "acme/bert", "likes": -1, "lastModified": "2024-05-01T12:00:00.000Z", "createdAt": "soon",
        });
        let info = read(told).unwrap();
        assert_eq!(
            (info.id.as_deref(), read(json!({ "sha": "c".repeat(40), "id": 7 })).unwrap().id),
            (Some("acme/bert"), None)
        );
        assert_eq!(info.licenses, ["apache-2.0", "mit"]);
        assert_eq!((info.likes, info.modified_at, info.created_at), (0, Some(Timestamp(1_714_564_800_000)), None));
        assert!(read(json!({ "sha": "main" })).is_none());
    }
}
