use ballast_contract::versioning::CommitInfo;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};

/// Files that a client means to upload.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Preupload {
    pub files: Vec<PreuploadedFile>,
    /// The text of the upload's own `.gitignore`.
    pub git_ignore: Option<String>,
}

/// One of them.
#[derive(Debug, Deserialize, Object)]
#[oai(rename = "PreuploadFile")]
pub struct PreuploadedFile {
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// The first bytes of the file, base64.
    pub sample: Option<String>,
    /// The SHA-256 of the whole, where the client has it already. Old clients call it `sha`.
    #[serde(alias = "sha")]
    pub sha256: Option<String>,
}

/// What the client is to do with each file, in the order in which they were asked for.
#[derive(Object)]
pub struct PreuploadAnswers {
    pub files: Vec<PreuploadAnswer>,
}

/// What the client is to do with one file.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct PreuploadAnswer {
    pub path: String,
    /// `lfs`: upload it first and name it in the commit. `regular`: put it into the commit.
    pub upload_mode: String,
    /// Leave it out.
    pub should_ignore: bool,
    /// What stands at the path now: a git blob id, or the SHA-256 of a large file.
    pub oid: Option<String>,
}

impl From<ballast_services::PreuploadAnswer> for PreuploadAnswer {
    fn from(answer: ballast_services::PreuploadAnswer) -> Self {
        let upload_mode = if answer.lfs { "lfs" } else { "regular" }.to_owned();
        Self { path: answer.path, upload_mode, should_ignore: answer.ignore, oid: answer.oid }
    }
}

/// What became of a commit.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct CommitAnswer {
    pub success: bool,
    /// The branch's tip: the new commit, or the one before where nothing changed.
    pub commit_oid: String,
    pub commit_url: String,
    /// With `create_pr`: the pull request that was opened for it. Ends in `/discussions/N`.
    pub pull_request_url: Option<String>,
    pub hook_output: String,
}

/// One commit of a history.
#[derive(Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct HistoryItem {
    pub id: String,
    /// The first line of the message.
    pub title: String,
    /// The rest of it.
    pub message: String,
    pub date: String,
    pub authors: Vec<HistoryUser>,
    /// With `expand[]=formatted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<FormattedText>,
}

/// Who made a commit.
#[derive(Object, Serialize)]
pub struct HistoryUser {
    pub user: String,
}

/// Title and message as HTML, escaped.
#[derive(Object, Serialize)]
pub struct FormattedText {
    pub title: String,
    pub message: String,
}

impl HistoryItem {
    pub fn new(commit: CommitInfo, formatted: bool) -> Self {
        let (title, message) = commit.message.split_once('\n').unwrap_or((&commit.message, ""));
        let (title, message) = (title.trim_end().to_owned(), message.trim().to_owned());
        let formatted = formatted.then(|| {
            let escape = crate::pages::escape;
            FormattedText { title: escape(&title), message: escape(&message) }
        });
        let authors = vec![HistoryUser { user: commit.author.name }];
        Self { id: commit.id.to_string(), title, message, date: commit.time.to_string(), authors, formatted }
    }
}
