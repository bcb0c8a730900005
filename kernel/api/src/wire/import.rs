use std::time::Duration;

use ballast_services::{ImportProgress, ImportRequest, ImportView};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};
use serde::{Deserialize, Serialize};

/// What is to be taken over from another hub.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct NewImport {
    /// `owner/name` on the other hub.
    pub repo: String,
    /// `model` (by default), `dataset` or `space`.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: Option<String>,
    /// A branch, a tag or a commit; `main` by default.
    pub revision: Option<String>,
    /// The other hub: its name in the configuration, or its address; by default the first that is configured.
    pub from: Option<String>,
    /// The repository that it goes to: `namespace/name`, or a name in the caller's own namespace; by default the name that it
    /// has there. It is made where it is not there.
    pub target: Option<String>,
    /// The branch that it goes to; `main` by default. Any other must be there.
    pub branch: Option<String>,
    /// Each commit becomes one, and not only the latest state.
    pub history: Option<bool>,
    /// Whether a repository that is made for it is private; it is by default.
    pub private: Option<bool>,
    /// Whether it may replace what somebody else put on the branch.
    pub overwrite: Option<bool>,
    /// How often it is brought up to date by itself, in seconds: 60 to a year.
    pub every_seconds: Option<u64>,
}

impl NewImport {
    /// The same as the hub reads it; `kind` says what `type` means.
    pub fn request(self, kind: ballast_types::RepoKind) -> ImportRequest {
        ImportRequest {
            repo: self.repo,
            kind: Some(kind),
            revision: self.revision,
            from: self.from,
            target: self.target,
            branch: self.branch,
            history: self.history.unwrap_or_default(),
            private: self.private,
            overwrite: self.overwrite.unwrap_or_default(),
            every: self.every_seconds.map(Duration::from_secs),
        }
    }
}

/// How far an import is. What was here already counts as completed and not as fetched.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct ImportProgressBody {
    pub total_commits: u64,
    pub completed_commits: u64,
    /// Of all commits that it has looked at so far.
    pub total_files: u64,
    pub completed_files: u64,
    pub total_bytes: u64,
    pub completed_bytes: u64,
    pub fetched_bytes: u64,
}

impl From<ImportProgress> for ImportProgressBody {
    fn from(progress: ImportProgress) -> Self {
        Self {
            total_commits: progress.total_commits,
            completed_commits: progress.completed_commits,
            total_files: progress.total_files,
            completed_files: progress.completed_files,
            total_bytes: progress.total_bytes,
            completed_bytes: progress.completed_bytes,
            fetched_bytes: progress.fetched_bytes,
        }
    }
}

/// What a repository takes over from another hub.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Import", rename_all = "camelCase")]
pub struct ImportBody {
    /// The repository that it goes to.
    pub target: String,
    /// `model`, `dataset` or `space`
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
    pub branch: String,
    /// The other hub.
    pub from: String,
    /// The repository there.
    pub repo: String,
    pub revision: String,
    pub history: bool,
    pub overwrite: bool,
    /// How often it is brought up to date by itself.
    pub every_seconds: Option<u64>,
    /// `queued`, `running`, `completed`, `failed`, `cancelled`
    pub status: String,
    pub progress: ImportProgressBody,
    /// Why it failed; empty otherwise.
    pub error: String,
    /// The other hub's commit that was taken over last.
    pub source_commit: Option<String>,
    /// What that became here.
    pub commit: Option<String>,
    pub created_at: String,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    /// When it is brought up to date next.
    pub next_at: Option<String>,
}

impl From<ImportView> for ImportBody {
    fn from(view: ImportView) -> Self {
        let progress = view.progress().into();
        let (kind, import) = (view.kind, view.import);
        let (source_commit, commit) = import.taken.unzip();
        Self {
            target: view.id.to_string(),
            kind: kind.as_str().to_owned(),
            branch: import.order.wish.branch.short().to_owned(),
            from: import.order.endpoint,
            repo: import.order.source,
            revision: import.order.revision,
            history: import.order.wish.history,
            overwrite: import.order.wish.overwrite,
            every_seconds: import.order.every.map(|every| every.as_secs()),
            status: import.status.as_str().to_owned(),
            progress,
            error: import.error,
            source_commit: source_commit.map(|commit| commit.to_string()),
            commit: commit.map(|commit| commit.to_string()),
            created_at: import.created_at.to_string(),
            started_at: import.started_at.map(|at| at.to_string()),
            ended_at: import.ended_at.map(|at| at.to_string()),
            next_at: import.next_at.map(|at| at.to_string()),
        }
    }
}

/// What became of a request to import.
#[derive(ApiResponse)]
pub enum ImportStarted {
    /// It is ordered.
    #[oai(status = 202)]
    New(Json<ImportBody>),
    /// The same is under way already.
    #[oai(status = 200)]
    Same(Json<ImportBody>),
}
