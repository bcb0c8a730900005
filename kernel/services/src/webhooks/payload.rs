//! What a webhook is told: JSON as the Hub writes it, version 3 (`huggingface_hub.WebhookPayload`).

use ballast_catalog::{Comment, Deleted, Discussion};
use ballast_types::{CommitId, NamespaceKey, RepoId, RepoKey, RepoKind, Visibility};
use serde_json::{Value, json};

/// Of which sort a happening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    /// `create`, `update`, `move` or `delete`
    pub action: &'static str,
    /// `repo`, `repo.content`, `repo.config`, `discussion` or `discussion.comment`
    pub scope: &'static str,
}

/// A repository as a message has it.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub key: RepoKey,
    pub kind: RepoKind,
    pub id: String,
    pub owner: NamespaceKey,
    pub visibility: Visibility,
    pub head: Option<CommitId>,
}

impl About {
    /// What was deleted, as it last was; `namespace` is gone too where it is none.
    pub fn deleted(key: RepoKey, last: &Deleted, namespace: Option<&str>) -> Self {
        Self {
            key,
            kind: last.kind,
            id: namespace.map_or_else(|| last.name.clone(), |namespace| format!("{namespace}/{}", last.name)),
            owner: last.namespace,
            visibility: last.visibility,
            head: None,
        }
    }

    pub fn of(repository: &ballast_catalog::Repository, id: &RepoId) -> Self {
        Self {
            key: repository.key,
            kind: repository.kind,
            id: id.to_string(),
            owner: repository.namespace,
            visibility: repository.visibility,
            head: repository.head,
        }
    }

    fn page(&self, base: &str) -> String {
        format!("{base}/{}{}", self.kind.url_prefix(), self.id)
    }

    fn api(&self, base: &str) -> String {
        format!("{base}/api/{}/{}", self.kind.plural(), self.id)
    }
}

/// A key as the wire has it.
fn id(key: i64) -> String {
    format!("{key:024x}")
}

/// The part that every webhook is told alike; [`addressed`] adds whose message it is.
pub(super) fn payload(sort: Sort, about: &About, base: &str, more: Value) -> Value {
    let mut payload = json!({
        "event": { "action": sort.action, "scope": sort.scope },
        "repo": {
            "type": about.kind,
            "name": about.id,
            "id": id(about.key.0),
            "private": about.visibility == Visibility::Private,
            "url": { "web": about.page(base), "api": about.api(base) },
            "owner": { "id": id(about.owner.0) },
        },
    });
    if let Some(head) = about.head {
        payload["repo"]["headSha"] = json!(head);
    }
    for (name, value) in more.as_object().into_iter().flatten() {
        payload[name] = value.clone();
    }
    payload
}

/// The same as one webhook gets it.
pub(super) fn addressed(payload: &Value, webhook: i64) -> String {
    let mut payload = payload.clone();
    payload["webhook"] = json!({ "id": id(webhook), "version": 3 });
    payload.to_string()
}

/// A discussion, and the comment that it is about, if it is about one.
pub(super) fn discussed(
    about: &About,
    discussion: &Discussion,
    comment: Option<(i64, Option<i64>, &Comment)>,
    base: &str,
) -> Value {
    let number = discussion.number;
    let web = format!("{}/discussions/{number}", about.page(base));
    let key = discussion.author.as_ref().map_or(0, |author| author.key.0);
    let mut more = json!({
        "discussion": {
            "id": format!("{:016x}{number:08x}", about.key.0),
            "num": number,
            "title": discussion.title,
            "status": discussion.status,
            "isPullRequest": discussion.pull_request.is_some(),
            "author": { "id": id(key) },
            "url": { "web": web, "api": format!("{}/discussions/{number}", about.api(base)) },
        },
    });
    if let Some(pull_request) = &discussion.pull_request {
        more["discussion"]["changes"] = json!({ "base": pull_request.target });
        if let Some(commit) = pull_request.merge_commit {
            more["discussion"]["changes"]["mergeCommitId"] = json!(commit);
        }
    }
    if let Some((key, author, comment)) = comment {
        more["comment"] = json!({
            "id": id(key),
            "author": { "id": id(author.unwrap_or_default()) },
            "hidden": comment.hidden,
            "url": { "web": format!("{web}#{}", id(key)) },
        });
        if !comment.hidden {
            more["comment"]["content"] = json!(comment.text);
        }
    }
    more
}
