use ballast_contract::versioning::CommitInfo;
use ballast_services::{Comment, DiscussionEvent, Happening, HappeningKey, Step};
use ballast_types::Timestamp;
use poem_openapi::Object;
use serde::Deserialize;

use super::discussion::DiscussionAuthor;
use crate::pages::escape;

/// What is read in the place of a hidden comment.
const HIDDEN: &str = "This comment has been hidden";

/// Something that happened in a discussion.
#[derive(Object)]
#[oai(rename = "DiscussionEvent", rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct EventItem {
    /// Hexadecimal digits; of a commit its id.
    pub id: String,
    /// `comment`, `status-change`, `title-change` or `commit`.
    #[oai(rename = "type")]
    pub kind: String,
    pub created_at: String,
    /// None where the user is gone.
    pub author: Option<DiscussionAuthor>,
    pub data: EventData,
}

/// What there is to say of it: which of these depends on the type.
#[derive(Default, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct EventData {
    /// Of a comment.
    pub edited: Option<bool>,
    /// Of a comment: its text is gone for good.
    pub hidden: Option<bool>,
    /// Of a comment: what it says.
    pub latest: Option<CommentText>,
    /// Of a comment: what it said before it was edited, oldest first.
    pub history: Option<Vec<CommentText>>,
    /// Of a comment: how often it was edited.
    pub num_edits: Option<u64>,
    /// Of a change of status: the new one.
    pub status: Option<String>,
    /// Of a change of title: the old one.
    pub from: Option<String>,
    /// Of a change of title: the new one.
    pub to: Option<String>,
    /// Of a commit: the first line of its message.
    pub subject: Option<String>,
    /// Of a commit.
    pub oid: Option<String>,
}

/// A text of a comment.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct CommentText {
    /// As it was written.
    pub raw: String,
    /// The same, escaped.
    pub html: String,
    /// Since when the comment says so.
    pub updated_at: String,
    /// None where the user is gone.
    pub author: Option<DiscussionAuthor>,
}

/// What was said.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct NewMessage {
    pub new_message: EventItem,
}

/// How the title changed.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct NewTitleEvent {
    pub new_title: EventItem,
}

/// How the status changed.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct NewStatusEvent {
    pub new_status: EventItem,
}

/// A comment as it is since.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct UpdatedComment {
    pub updated_comment: EventItem,
}

/// What became of a pull request that was merged.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct MergedPullRequest {
    pub success: bool,
    pub merge_commit_id: String,
}

/// Another text for a comment.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct EditedText {
    pub content: String,
}

/// The comment that an id stands for; none where it has not the form of one.
pub fn comment_key(id: &str) -> Option<HappeningKey> {
    let is_id = (1..=24).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = is_id.then(|| u128::from_str_radix(id, 16).ok()).flatten()?;
    Some(HappeningKey(i64::try_from(number).ok()?))
}

impl EventItem {
    pub fn new(step: Step) -> Self {
        match step {
            Step::Event(event) => Self::of(event),
            Step::Commit(commit) => Self::of_commit(commit),
        }
    }

    pub fn of(event: DiscussionEvent) -> Self {
        let author = || event.author.as_ref().map(|author| DiscussionAuthor::of(&author.name));
        let (kind, data) = match event.what {
            Happening::Comment(comment) => ("comment", EventData::of_comment(comment, event.at, author)),
            Happening::Status(status) => {
                ("status-change", EventData { status: Some(status.to_string()), ..EventData::default() })
            }
            Happening::Title { from, to } => {
                ("title-change", EventData { from: Some(from), to: Some(to), ..EventData::default() })
            }
        };
        let (id, created_at) = (format!("{:024x}", event.key.0), event.at.to_string());
        Self { id, kind: kind.to_owned(), created_at, author: author(), data }
    }

    fn of_commit(commit: CommitInfo) -> Self {
        let subject = commit.message.lines().next().unwrap_or_default().trim_end().to_owned();
        let (id, created_at) = (commit.id.to_string(), commit.time.to_string());
        let data = EventData { subject: Some(subject), oid: Some(id.clone()), ..EventData::default() };
        let author = Some(DiscussionAuthor::of(commit.author.name));
        Self { id, kind: "commit".to_owned(), created_at, author, data }
    }
}

impl EventData {
    fn of_comment(comment: Comment, at: Timestamp, author: impl Fn() -> Option<DiscussionAuthor>) -> Self {
        let text = |raw: &str, since: Timestamp| CommentText {
            raw: raw.to_owned(),
            html: format!("<p>{}</p>", escape(raw)),
            updated_at: since.to_string(),
            author: author(),
        };
        let edits = comment.edits.len() as u64;
        Self {
            edited: Some(edits > 0 || comment.updated_at != at),
            hidden: Some(comment.hidden),
            latest: Some(text(if comment.hidden { HIDDEN } else { &comment.text }, comment.updated_at)),
            history: Some(comment.edits.iter().map(|edit| text(&edit.text, edit.at)).collect()),
            num_edits: Some(edits),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comments_id_is_read_back_and_nothing_else_is_one() {
        assert_eq!(comment_key(&format!("{:024x}", 77)), Some(HappeningKey(77)));
        for text in ["", "x", "+1", "-1", &"f".repeat(24), &"0".repeat(25), "1 "] {
            assert_eq!(comment_key(text), None, "{text:?}");
        }
    }
}
