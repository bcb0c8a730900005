use ballast_contract::versioning::Ref;
use poem_openapi::Object;
use serde::Deserialize;

/// The refs of a repository.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct RefList {
    pub branches: Vec<RefItem>,
    pub converts: Vec<RefItem>,
    pub tags: Vec<RefItem>,
    /// With `include_prs=1`.
    pub pull_requests: Option<Vec<RefItem>>,
}

/// A branch, a tag or another ref.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct RefItem {
    /// `main`
    pub name: String,
    /// `refs/heads/main`
    #[oai(rename = "ref")]
    pub full_name: String,
    pub target_commit: String,
}

impl RefItem {
    /// None for a branch without a commit.
    pub fn of(found: &Ref) -> Option<Self> {
        let (name, full_name) = (found.name.short().to_owned(), found.name.to_string());
        Some(Self { name, full_name, target_commit: found.commit?.to_string() })
    }
}

/// A branch to be made.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewBranch {
    pub branch: String,
    /// Where it begins; by default at the default branch.
    pub revision: Option<String>,
}

/// Where a branch begins.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct BranchFrom {
    /// By default the default branch.
    pub starting_point: Option<String>,
    /// Whether a branch of this name is moved rather than the request refused.
    pub overwrite: Option<bool>,
    /// A branch without history; not offered.
    pub empty_branch: Option<bool>,
}

/// A tag to be made.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewTag {
    pub tag: String,
    /// What it points to; by default the default branch.
    pub revision: Option<String>,
    /// With one the tag is an annotated tag.
    pub message: Option<String>,
}

/// A tag to be made at the revision in the address.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct TagHere {
    pub tag: String,
    /// With one the tag is an annotated tag.
    pub message: Option<String>,
}

/// It was done.
#[derive(Object)]
pub struct Done {
    pub success: bool,
    pub message: String,
}

impl Done {
    pub fn new(message: impl Into<String>) -> Self {
        Self { success: true, message: message.into() }
    }
}
