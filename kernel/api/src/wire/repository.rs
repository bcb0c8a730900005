use ballast_services::{Card, ListedRepository, Mirrored, RepositoryInfo, SourceAccess, TreeNode};
use ballast_types::{RepoKind, RepoPath, Visibility, git};
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A repository to be made. What this hub does not offer (hardware, secrets and so on) is read and left aside.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct CreateRepository {
    /// `name`, or `namespace/name`.
    pub name: String,
    /// The namespace, where `name` does not say it. By default the caller's own.
    pub organization: Option<String>,
    /// `model` (by default), `dataset` or `space`.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: Option<String>,
    /// `public` or `private`; by default the namespace's own.
    pub visibility: Option<String>,
    /// The same in the words of older clients.
    pub private: Option<bool>,
    /// Of a space: `gradio`, `streamlit`, `docker` or `static`.
    pub sdk: Option<String>,
    pub template: Option<Value>,
    pub hardware: Option<Value>,
    pub storage: Option<Value>,
    pub sleep_time_seconds: Option<Value>,
    pub secrets: Option<Value>,
    pub variables: Option<Value>,
    pub volumes: Option<Value>,
    pub resource_group_id: Option<Value>,
    pub region: Option<Value>,
    pub license: Option<Value>,
    pub files: Option<Value>,
    #[serde(rename = "lfsmultipartthresh")]
    #[oai(rename = "lfsmultipartthresh")]
    pub lfs_multipart_threshold: Option<Value>,
}

/// A repository that was made.
#[derive(Object)]
pub struct Created {
    /// Its page on this hub.
    pub url: String,
    /// `namespace/name`
    pub repo_id: String,
    /// The same, as huggingface.js reads it.
    pub name: String,
}

/// The copy of a repository that is to be made. What this hub does not offer is read and left aside.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct DuplicateRepository {
    /// What the copy is called: `namespace/name`, or a name in the caller's own namespace.
    pub repository: String,
    /// `public` or `private`; by default as the original.
    pub visibility: Option<String>,
    /// The same in the words of older clients.
    pub private: Option<bool>,
    pub hardware: Option<Value>,
    pub storage: Option<Value>,
    pub sleep_time_seconds: Option<Value>,
    pub secrets: Option<Value>,
    pub variables: Option<Value>,
    pub volumes: Option<Value>,
    pub resource_group_id: Option<Value>,
}

/// A copy of a repository.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct Duplicated {
    /// Its page on this hub.
    pub url: String,
    /// `namespace/name`
    pub name: String,
    /// Always false: the copy is whole when this is answered.
    pub files_copy_pending: bool,
}

/// A repository to be deleted.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct DeleteRepository {
    /// `name`, or `namespace/name`.
    pub name: String,
    /// The namespace, where `name` does not say it. By default the caller's own.
    pub organization: Option<String>,
    /// `model` (by default), `dataset` or `space`.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: Option<String>,
}

/// What was done, in a sentence.
#[derive(Object)]
pub struct Message {
    pub message: String,
}

/// A repository. With `expand`, `id` and what was asked for.
#[derive(Debug, Default, Object, Serialize)]
#[oai(rename = "Repository", rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryView {
    /// Stable through renames.
    #[oai(rename = "_id")]
    #[serde(rename = "_id")]
    pub key: String,
    /// `namespace/name`
    pub id: String,
    /// The same, for models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_id: Option<String>,
    pub author: String,
    /// The commit of the revision asked for; of the default branch in lists. Absent before the first commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    pub created_at: String,
    pub last_modified: String,
    pub private: bool,
    /// False, `auto` or `manual`.
    pub gated: Value,
    pub disabled: bool,
    pub downloads: u64,
    pub downloads_all_time: u64,
    pub likes: u64,
    /// How much it is downloaded these days.
    pub trending_score: u64,
    pub tags: Vec<String>,
    /// The metadata at the top of the README.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_data: Option<Value>,
    #[oai(rename = "pipeline_tag")]
    #[serde(rename = "pipeline_tag")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_tag: Option<String>,
    #[oai(rename = "library_name")]
    #[serde(rename = "library_name")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library_name: Option<String>,
    /// Every file. Absent where there are too many for one answer: list the tree then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub siblings: Option<Vec<Sibling>>,
    /// In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_storage: Option<u64>,
    pub default_branch: String,
    /// Of a space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk: Option<String>,
    /// Where this answer comes from: `local`, or the address of the hub that the repository is mirrored from.
    #[oai(rename = "_source")]
    #[serde(rename = "_source")]
    pub source: String,
}

/// Somebody's repositories.
#[derive(Object)]
pub struct RepositoriesByKind {
    pub models: Vec<RepositoryView>,
    pub datasets: Vec<RepositoryView>,
    pub spaces: Vec<RepositoryView>,
}

/// A file of a repository.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct Sibling {
    pub rfilename: String,
    /// In bytes; with `blobs=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The git blob id; with `blobs=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blob_id: Option<String>,
    /// Of a large file; with `blobs=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lfs: Option<LfsFile>,
}

/// What is known of a large file.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct LfsFile {
    /// The SHA-256 of the content.
    pub oid: String,
    /// The same.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
    /// The length of the pointer that git holds in its place, in bytes.
    pub pointer_size: u64,
}

impl LfsFile {
    /// None for what git holds itself.
    pub fn of(node: &TreeNode) -> Option<Self> {
        let sha256 = node.large()?;
        let (oid, size) = (String::from(sha256), node.size());
        let pointer_size = git::pointer(sha256, size).len() as u64;
        Some(Self { sha256: oid.clone(), oid, size, pointer_size })
    }
}

impl Sibling {
    pub fn new((path, node): (RepoPath, TreeNode), blobs: bool) -> Self {
        let rfilename = path.into();
        match blobs {
            false => Self { rfilename, size: None, blob_id: None, lfs: None },
            true => {
                Self { rfilename, size: Some(node.size()), blob_id: Some(node.oid().into()), lfs: LfsFile::of(&node) }
            }
        }
    }
}

impl RepositoryView {
    /// The same with what its README says about it.
    pub fn with_card(self, kind: RepoKind, card: &Card) -> Self {
        let (tags, pipeline_tag, library_name) = (card.tags(kind), card.pipeline_tag(), card.library_name());
        Self { card_data: Some(Value::Object(card.data.clone())), tags, pipeline_tag, library_name, ..self }
    }

    /// As lists show it; `full` with the metadata of its README.
    pub fn listed(listed: ListedRepository, full: bool) -> Self {
        let ListedRepository { info, card } = listed;
        let card_data = full.then_some(Value::Object(card.data));
        let (tags, pipeline_tag, library_name) = (card.tags, card.pipeline_tag, card.library);
        Self { card_data, tags, pipeline_tag, library_name, ..Self::from(info) }
    }
}

impl RepositoryView {
    /// What another hub says of a repository that is mirrored.
    pub fn mirrored(mirrored: &Mirrored) -> Self {
        let (about, id) = (mirrored.about(), mirrored.id().to_string());
        let time = |at: Option<ballast_types::Timestamp>| at.map_or_else(String::new, |at| at.to_string());
        Self {
            key: mirrored.commit().to_string().chars().take(24).collect(),
            model_id: (mirrored.kind() == RepoKind::Model).then(|| id.clone()),
            id,
            author: mirrored.id().namespace.as_ref().map(ToString::to_string).unwrap_or_default(),
            sha: Some(mirrored.commit().to_string()),
            created_at: time(about.created_at.or(about.modified_at)),
            last_modified: time(about.modified_at),
            private: about.access == SourceAccess::Private,
            gated: Value::Bool(about.access == SourceAccess::Gated),
            downloads: about.downloads,
            downloads_all_time: about.downloads,
            likes: about.likes,
            tags: about.tags.clone(),
            card_data: Some(Value::Object(about.card.clone())),
            pipeline_tag: about.pipeline_tag.clone(),
            library_name: about.library_name.clone(),
            default_branch: "main".to_owned(),
            sdk: about.sdk.clone(),
            source: mirrored.provenance().source,
            ..Self::default()
        }
    }
}

impl From<RepositoryInfo> for RepositoryView {
    fn from(info: RepositoryInfo) -> Self {
        let id = info.id.to_string();
        Self {
            key: format!("{:024x}", info.key.0),
            model_id: (info.kind == RepoKind::Model).then(|| id.clone()),
            id,
            author: info.id.namespace.to_string(),
            sha: info.sha.map(|sha| sha.to_string()),
            created_at: info.created_at.to_string(),
            last_modified: info.last_modified.to_string(),
            private: info.visibility == Visibility::Private,
            gated: info.gated.map_or(Value::Bool(false), Value::String),
            disabled: info.disabled,
            downloads: info.downloads,
            downloads_all_time: info.downloads,
            likes: info.likes,
            trending_score: info.trending,
            default_branch: info.default_branch,
            sdk: info.sdk,
            source: "local".to_owned(),
            ..Self::default()
        }
    }
}

/// What `expand` may ask for (`ExpandModelProperty_T` and its siblings in `huggingface_hub`). What the hub does not
/// know is allowed and left out.
pub fn allowed_expansions(kind: RepoKind) -> &'static [&'static str] {
    match kind {
        RepoKind::Model => &[
            "author",
            "baseModels",
            "cardData",
            "childrenModelCount",
            "config",
            "createdAt",
            "disabled",
            "downloads",
            "downloadsAllTime",
            "evalResults",
            "gated",
            "gguf",
            "gitalyUid",
            "inference",
            "inferenceProviderMapping",
            "lastModified",
            "library_name",
            "likes",
            "mask_token",
            "model-index",
            "pipeline_tag",
            "private",
            "resourceGroup",
            "safetensors",
            "securityRepoStatus",
            "sha",
            "siblings",
            "spaces",
            "tags",
            "transformersInfo",
            "trendingScore",
            "usedStorage",
            "widgetData",
            "xetEnabled",
        ],
        RepoKind::Dataset => &[
            "author",
            "cardData",
            "citation",
            "createdAt",
            "description",
            "disabled",
            "downloads",
            "downloadsAllTime",
            "gated",
            "gitalyUid",
            "lastModified",
            "likes",
            "mainSize",
            "paperswithcode_id",
            "private",
            "resourceGroup",
            "sha",
            "siblings",
            "tags",
            "trendingScore",
            "usedStorage",
            "xetEnabled",
        ],
        RepoKind::Space => &[
            "author",
            "cardData",
            "createdAt",
            "datasets",
            "disabled",
            "gitalyUid",
            "lastModified",
            "likes",
            "models",
            "private",
            "resourceGroup",
            "runtime",
            "sdk",
            "sha",
            "siblings",
            "subdomain",
            "tags",
            "trendingScore",
            "usedStorage",
            "xetEnabled",
        ],
    }
}
