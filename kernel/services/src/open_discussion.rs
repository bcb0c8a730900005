//! Opening a discussion or a pull request.

use ballast_catalog::{DiscussionStatus, NewDiscussion};
use ballast_types::{CommitId, RefName, Revision};

use crate::{Failure, Proposing, Result};

/// The longest title, in characters.
pub(crate) const MAX_TITLE: usize = 500;

/// The longest comment, in bytes.
const MAX_COMMENT: usize = 64 * 1024;

/// A discussion to be opened.
#[derive(Clone, Debug)]
pub struct OpenDiscussion {
    pub title: String,
    /// Its first comment; may be empty.
    pub description: String,
    /// Whether it is a pull request: to the default branch, and a draft, because it has no commits yet.
    pub pull_request: bool,
}

impl Proposing {
    /// Opens a discussion; answers its number. A pull request has a ref `refs/pr/N`, which begins where the default
    /// branch stands.
    pub async fn open_discussion(&self, new: OpenDiscussion) -> Result<u32> {
        let (title, description) = (title(&new.title)?, new.description.trim().to_owned());
        check_comment(&description)?;
        if !new.pull_request {
            return self.open(title, description, DiscussionStatus::Open, None).await;
        }
        let target = RefName::branch(self.default_branch()).map_err(Failure::invalid)?;
        let base = self.resolve(&Revision::new(target.as_str())).await?;
        self.open(title, description, DiscussionStatus::Draft, Some((target, base))).await
    }

    /// The row comes first: a ref without one would be nobody's. Where this ends in between, the ref is made when
    /// somebody next looks.
    pub(crate) async fn open(
        &self,
        title: String,
        text: String,
        status: DiscussionStatus,
        pull_request: Option<(RefName, CommitId)>,
    ) -> Result<u32> {
        let (repo, author, created_at) = (self.key(), self.caller.known()?.user.key, self.hub.now());
        let base = pull_request.as_ref().map(|(_, base)| *base);
        let new = NewDiscussion { repo, title, text, status, author, created_at, pull_request };
        let opened = self.hub.catalog().open_discussion(new).await?;
        let number = opened.ok_or_else(|| Failure::Conflict("The repository is being deleted".to_owned()))?;
        if let Some(base) = base {
            self.begin_proposal(RefName::proposal(number), base).await?;
        }
        Ok(number)
    }
}

/// A title as it is kept.
pub(crate) fn title(text: &str) -> Result<String> {
    let title = text.trim();
    if title.is_empty() || title.chars().count() > MAX_TITLE {
        return Err(Failure::Invalid(format!("title: 1 to {MAX_TITLE} characters")));
    }
    match title.chars().any(char::is_control) {
        true => Err(Failure::Invalid("title: one line, without control characters".to_owned())),
        false => Ok(title.to_owned()),
    }
}

/// Refuses what cannot be said in a comment.
pub(crate) fn check_comment(text: &str) -> Result<()> {
    if text.len() > MAX_COMMENT {
        return Err(Failure::Invalid(format!("A comment has at most {MAX_COMMENT} bytes, not {}", text.len())));
    }
    match text.contains('\0') {
        true => Err(Failure::Invalid("A comment holds no NUL character".to_owned())),
        false => Ok(()),
    }
}
