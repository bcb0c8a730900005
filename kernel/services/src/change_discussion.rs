//! Saying something in a discussion, and changing what it is.

use ballast_catalog::{Act, Change, DiscussionEvent, DiscussionStatus, Happening, HappeningKey};

use crate::discussions::MAX_EVENTS;
use crate::open_discussion::{check_comment, title};
use crate::{Failure, Proposing, Result};

/// How often a comment can be edited.
const MAX_EDITS: usize = 100;

impl Proposing {
    /// Says something; answers it as it is kept.
    pub async fn comment(&self, number: u32, text: &str) -> Result<DiscussionEvent> {
        let text = spoken(text)?;
        let change = self.hub.catalog().comment(self.act(number)?, text, MAX_EVENTS).await?;
        self.changed(number, change, "").await
    }

    /// Gives a discussion another title; its author may, and who may write.
    pub async fn rename_discussion(&self, number: u32, to: &str) -> Result<DiscussionEvent> {
        self.check_own(&self.discussion(number).await?)?;
        let change = self.hub.catalog().rename_discussion(self.act(number)?, title(to)?, MAX_EVENTS).await?;
        self.changed(number, change, "It has that title already").await
    }

    /// Opens or closes a discussion, with some words or without; its author may, and who may write.
    pub async fn set_discussion_status(&self, number: u32, open: bool, words: Option<&str>) -> Result<DiscussionEvent> {
        let discussion = self.discussion(number).await?;
        self.check_own(&discussion)?;
        let words = words.map(str::trim).filter(|text| !text.is_empty()).map(spoken).transpose()?;
        let to = if open { DiscussionStatus::Open } else { DiscussionStatus::Closed };
        let catalog = self.hub.catalog();
        let change = catalog.change_discussion_status(self.act(number)?, to, words, MAX_EVENTS).await?;
        let now = self.discussion(number).await?.status;
        self.changed(number, change, &format!("Discussion {number} is {now} already")).await
    }

    /// Gives a comment another text; only who said it may.
    pub async fn edit_comment(&self, number: u32, key: HappeningKey, text: &str) -> Result<DiscussionEvent> {
        let said = self.said(number, key).await?;
        let caller = self.caller.known()?.user.key;
        if said.author.is_none_or(|author| author.key != caller) {
            return Err(Failure::Forbidden("Only who wrote a comment may edit it".to_owned()));
        }
        let (act, text) = (self.act(number)?, spoken(text)?);
        let change = self.hub.catalog().edit_comment(act, key, text, MAX_EDITS).await?;
        self.changed(number, change, "").await
    }

    /// Takes a comment's text away for good; who said it may, and who may write.
    pub async fn hide_comment(&self, number: u32, key: HappeningKey) -> Result<DiscussionEvent> {
        let said = self.said(number, key).await?;
        let caller = self.caller.known()?.user.key;
        if !self.writes && said.author.is_none_or(|author| author.key != caller) {
            let why = "Only who wrote a comment may hide it, and who may write to the repository";
            return Err(Failure::Forbidden(why.to_owned()));
        }
        let change = self.hub.catalog().hide_comment(self.act(number)?, key).await?;
        self.changed(number, change, "").await
    }

    pub(crate) fn act(&self, number: u32) -> Result<Act> {
        let actor = Some(self.caller.known()?.user.key);
        Ok(Act { repo: self.key(), number, actor, at: self.hub.now() })
    }

    /// A comment that is there.
    async fn said(&self, number: u32, key: HappeningKey) -> Result<DiscussionEvent> {
        let found = self.hub.catalog().find_discussion_event(self.key(), number, key).await?;
        let comment = found.filter(|event| matches!(event.what, Happening::Comment(_)));
        comment.ok_or_else(|| self.no_comment(number))
    }

    fn no_comment(&self, number: u32) -> Failure {
        Failure::NotFound(format!("There is no such comment in discussion {number} of '{}'", self.id()))
    }

    /// What became of a change; `unchanged` is said where it is so already.
    async fn changed(&self, number: u32, change: Change, unchanged: &str) -> Result<DiscussionEvent> {
        match change {
            Change::Done(key) => {
                let made = self.hub.catalog().find_discussion_event(self.key(), number, key).await?;
                made.ok_or_else(|| self.no_comment(number))
            }
            Change::Absent => {
                self.discussion(number).await?;
                Err(self.no_comment(number))
            }
            Change::Full => Err(Failure::Conflict(format!(
                "Discussion {number} holds no more: {MAX_EVENTS} entries, {MAX_EDITS} edits of each; open another one"
            ))),
            Change::Unchanged => Err(Failure::Conflict(unchanged.to_owned())),
        }
    }
}

/// What somebody says, which must be something.
fn spoken(text: &str) -> Result<String> {
    check_comment(text)?;
    match text.trim() {
        "" => Err(Failure::Invalid("A comment without text says nothing".to_owned())),
        text => Ok(text.to_owned()),
    }
}
