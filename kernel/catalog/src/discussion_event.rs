//! What happened in a discussion: what was said, and how its title and status changed.

use ballast_database::{Result, for_both, read, transaction};
use ballast_types::{CommitId, RepoKey, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::discussion::author;
use crate::event::NewRow as Told;
use crate::rows;
use crate::tables::{
    discussion_edits as earlier, discussion_events as events, discussions, events as outbox, namespaces,
};
use crate::{Author, Catalog, DiscussionStatus};

words! {
    /// What sort of thing happened, as it is kept.
    pub enum Sort: "kind of event of a discussion" {
        Comment = "comment",
        Status = "status-change",
        Title = "title-change",
    }
}

/// An event's key, in the order in which things happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HappeningKey(pub i64);

/// Something that happened in a discussion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscussionEvent {
    pub key: HappeningKey,
    /// None where the user is gone.
    pub author: Option<Author>,
    pub at: Timestamp,
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    Comment(Comment),
    Status(DiscussionStatus),
    Title { from: String, to: String },
}

/// What somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Of a hidden one empty, for good.
    pub text: String,
    pub hidden: bool,
    /// When it got this text, or was hidden.
    pub updated_at: Timestamp,
    /// What it said before, oldest first.
    pub edits: Vec<Edit>,
}

/// What a comment said before it was edited, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub text: String,
    pub at: Timestamp,
}

/// What became of a change to a discussion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Done(HappeningKey),
    /// There is no such discussion, or no such comment.
    Absent,
    /// No more can happen in it, or to this comment.
    Full,
    /// It is so already, or cannot become so any more.
    Unchanged,
}

impl Happening {
    /// Something said for the first time.
    pub fn comment(text: String) -> Self {
        Self::Comment(Comment { text, hidden: false, updated_at: Timestamp(0), edits: vec![] })
    }
}

#[derive(Insertable)]
#[diesel(table_name = events)]
pub(crate) struct NewRow {
    repository: i64,
    num: i64,
    kind: &'static str,
    author: Option<i64>,
    at: i64,
    text: String,
    former: Option<String>,
    updated_at: i64,
}

impl NewRow {
    pub(crate) fn new(repo: RepoKey, num: i64, author: Option<UserKey>, at: Timestamp, what: Happening) -> Self {
        let (kind, text, former) = match what {
            Happening::Comment(Comment { text, .. }) => (Sort::Comment, text, None),
            Happening::Status(status) => (Sort::Status, status.as_str().to_owned(), None),
            Happening::Title { from, to } => (Sort::Title, to, Some(from)),
        };
        let author = author.map(|user| user.0);
        Self { repository: repo.0, num, kind: kind.as_str(), author, at: at.0, text, former, updated_at: at.0 }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct Row {
    id: i64,
    kind: String,
    author: Option<i64>,
    at: i64,
    text: String,
    former: Option<String>,
    hidden: bool,
    updated_at: i64,
}

/// A discussion's title and status, or why nothing can happen in it.
type Standing = std::result::Result<(String, String), Change>;

/// Rows with the names of their authors, and the earlier texts of any of them by the event's id.
type Rows = (Vec<(Row, Option<String>)>, Vec<(i64, i64, String)>);

fn read_events((found, edits): Rows) -> Result<Vec<DiscussionEvent>> {
    let of = |id: i64| edits.iter().filter(move |edit| edit.0 == id);
    let event = |(row, name): (Row, Option<String>)| {
        let what = match rows::parse("discussion_events.kind", row.id, &row.kind)? {
            Sort::Comment => Happening::Comment(Comment {
                text: row.text,
                hidden: row.hidden,
                updated_at: Timestamp(row.updated_at),
                edits: of(row.id).map(|(_, at, text)| Edit { text: text.clone(), at: Timestamp(*at) }).collect(),
            }),
            Sort::Status => Happening::Status(rows::parse("discussion_events.text", row.id, &row.text)?),
            Sort::Title => Happening::Title { from: row.former.unwrap_or_default(), to: row.text },
        };
        let (key, at) = (HappeningKey(row.id), Timestamp(row.at));
        Ok(DiscussionEvent { key, author: author(row.author, name)?, at, what })
    };
    found.into_iter().map(event).collect()
}

for_both! {
    /// One event, or all of a discussion, oldest first.
    pub async fn events_of(c: &mut Connection, repo: i64, number: i64, only: Option<i64>, limit: i64) -> Result<Rows> {
        let mut ours = events::table.left_join(namespaces::table)
            .filter(events::repository.eq(repo)).filter(events::num.eq(number)).into_boxed();
        if let Some(id) = only {
            ours = ours.filter(events::id.eq(id));
        }
        let columns = (Row::as_select(), namespaces::name.nullable());
        let found: Vec<(Row, Option<String>)> = ours.order(events::id).limit(limit).select(columns).load(c).await?;
        let comments = found.iter().map(|(row, _)| row).filter(|row| row.kind == Sort::Comment.as_str());
        let comments: Vec<i64> = comments.map(|row| row.id).collect();
        let edits = earlier::table.filter(earlier::event.eq_any(comments)).order((earlier::event, earlier::id));
        Ok((found, edits.select((earlier::event, earlier::at, earlier::text)).load(c).await?))
    }

    /// How a discussion stands, its row locked, so that no more than `most` events are there however many come at once.
    async fn standing(c: &mut Connection, repo: i64, number: i64, most: i64) -> Result<Standing> {
        let there = discussions::table.find((repo, number)).select((discussions::title, discussions::status));
        let Some(found) = lock!(there).first(c).await.optional()? else { return Ok(Err(Change::Absent)) };
        let ours = events::table.filter(events::repository.eq(repo)).filter(events::num.eq(number));
        Ok(if ours.count().get_result::<i64>(c).await? < most { Ok(found) } else { Err(Change::Full) })
    }

    async fn add(c: &mut Connection, row: NewRow) -> Result<Change> {
        let (of, author, at) = ((row.repository, row.num), row.author, row.at);
        let is_comment = row.kind == Sort::Comment.as_str();
        let id: i64 = diesel::insert_into(events::table).values(row).returning(events::id).get_result(c).await?;
        let told = match is_comment {
            true => Told::discussed(of, Some(id), "create", author, at),
            false => Told::discussed(of, None, "update", author, at),
        };
        tell(c, told).await?;
        Ok(Change::Done(HappeningKey(id)))
    }

    async fn tell(c: &mut Connection, told: Told) -> Result<()> {
        diesel::insert_into(outbox::table).values(told).execute(c).await?;
        Ok(())
    }

    pub async fn comment(c: &mut Connection, row: NewRow, most: i64) -> Result<Change> {
        match standing(c, row.repository, row.num, most).await? {
            Ok(_) => add(c, row).await,
            Err(refusal) => Ok(refusal),
        }
    }

    pub async fn rename(c: &mut Connection, mut row: NewRow, most: i64) -> Result<Change> {
        let title = match standing(c, row.repository, row.num, most).await? {
            Ok((title, _)) if title == row.text => return Ok(Change::Unchanged),
            Ok((title, _)) => title,
            Err(refusal) => return Ok(refusal),
        };
        row.former = Some(title);
        let this = discussions::table.find((row.repository, row.num));
        diesel::update(this).set(discussions::title.eq(row.text.clone())).execute(c).await?;
        add(c, row).await
    }

    /// The words that go with it come first.
    pub async fn change_status(c: &mut Connection, row: NewRow, words: Option<NewRow>, most: i64) -> Result<Change> {
        let status = match standing(c, row.repository, row.num, most).await? {
            Ok((_, status)) => status,
            Err(refusal) => return Ok(refusal),
        };
        if status == row.text || status == DiscussionStatus::Merged.as_str() {
            return Ok(Change::Unchanged);
        }
        if let Some(words) = words {
            add(c, words).await?;
        }
        let this = discussions::table.find((row.repository, row.num));
        diesel::update(this).set(discussions::status.eq(row.text.clone())).execute(c).await?;
        add(c, row).await
    }

    pub async fn merged(c: &mut Connection, row: NewRow, commit: Vec<u8>) -> Result<bool> {
        let open = discussions::table.find((row.repository, row.num))
            .filter(discussions::status.ne(DiscussionStatus::Merged.as_str()));
        let next = (discussions::status.eq(row.text.clone()), discussions::merge_commit.eq(commit));
        let changed = diesel::update(open).set(next).execute(c).await? > 0;
        if changed {
            add(c, row).await?;
        }
        Ok(changed)
    }

    pub async fn edit(c: &mut Connection, act: Act, id: i64, text: String, most: i64) -> Result<Change> {
        let (repo, number, at) = act.columns();
        let shown = events::table.find(id).filter(events::repository.eq(repo)).filter(events::num.eq(number))
            .filter(events::kind.eq(Sort::Comment.as_str())).filter(events::hidden.eq(false));
        let columns = (events::text, events::updated_at, events::edits);
        let before: Option<(String, i64, i64)> = lock!(shown.select(columns)).first(c).await.optional()?;
        let Some((former, since, edits)) = before else { return Ok(Change::Absent) };
        if edits >= most {
            return Ok(Change::Full);
        }
        let row = (earlier::event.eq(id), earlier::at.eq(since), earlier::text.eq(former));
        diesel::insert_into(earlier::table).values(row).execute(c).await?;
        let next = (events::text.eq(text), events::edits.eq(events::edits + 1), events::updated_at.eq(at));
        diesel::update(events::table.find(id)).set(next).execute(c).await?;
        tell(c, act.told(id)).await?;
        Ok(Change::Done(HappeningKey(id)))
    }

    pub async fn hide(c: &mut Connection, act: Act, id: i64) -> Result<Change> {
        let (repo, number, at) = act.columns();
        let comment = events::table.find(id).filter(events::repository.eq(repo)).filter(events::num.eq(number))
            .filter(events::kind.eq(Sort::Comment.as_str()));
        let next = (events::text.eq(""), events::hidden.eq(true), events::updated_at.eq(at));
        if diesel::update(comment).set(next).execute(c).await? == 0 {
            return Ok(Change::Absent);
        }
        diesel::delete(earlier::table.filter(earlier::event.eq(id))).execute(c).await?;
        tell(c, act.told(id)).await?;
        Ok(Change::Done(HappeningKey(id)))
    }
}

/// A discussion, who acts on it, and when.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    pub repo: RepoKey,
    pub number: u32,
    pub actor: Option<UserKey>,
    pub at: Timestamp,
}

impl Act {
    fn row(&self, what: Happening) -> NewRow {
        NewRow::new(self.repo, i64::from(self.number), self.actor, self.at, what)
    }

    fn columns(&self) -> (i64, i64, i64) {
        (self.repo.0, i64::from(self.number), self.at.0)
    }

    /// That a comment changed.
    fn told(&self, comment: i64) -> Told {
        let (repo, number, at) = self.columns();
        Told::discussed((repo, number), Some(comment), "update", self.actor.map(|actor| actor.0), at)
    }
}

impl Catalog {
    /// What happened in a discussion, oldest first, in two statements.
    pub async fn discussion_events(&self, repo: RepoKey, number: u32, limit: usize) -> Result<Vec<DiscussionEvent>> {
        read_events(read!(self.database, events_of(repo.0, i64::from(number), None, rows::limit(limit)))?)
    }

    /// One thing that happened in a discussion.
    pub async fn find_discussion_event(
        &self,
        repo: RepoKey,
        number: u32,
        key: HappeningKey,
    ) -> Result<Option<DiscussionEvent>> {
        Ok(read_events(read!(self.database, events_of(repo.0, i64::from(number), Some(key.0), 1))?)?.pop())
    }

    /// Says something in a discussion that has fewer than `most` events.
    pub async fn comment(&self, act: Act, text: String, most: usize) -> Result<Change> {
        transaction!(self.database, comment(act.row(Happening::comment(text)), rows::limit(most)))
    }

    /// Gives a discussion that has fewer than `most` events another title.
    pub async fn rename_discussion(&self, act: Act, to: String, most: usize) -> Result<Change> {
        let row = act.row(Happening::Title { from: String::new(), to });
        transaction!(self.database, rename(row, rows::limit(most)))
    }

    /// Opens or closes a discussion that has fewer than `most` events and is not merged, with some words or without.
    pub async fn change_discussion_status(
        &self,
        act: Act,
        to: DiscussionStatus,
        words: Option<String>,
        most: usize,
    ) -> Result<Change> {
        let words = words.map(|text| act.row(Happening::comment(text)));
        transaction!(self.database, change_status(act.row(Happening::Status(to)), words, rows::limit(most)))
    }

    /// Says that a pull request is merged, and by which commit. True for exactly one of those who say so.
    pub async fn mark_merged(&self, act: Act, commit: CommitId) -> Result<bool> {
        let row = act.row(Happening::Status(DiscussionStatus::Merged));
        transaction!(self.database, merged(row, commit.as_bytes().to_vec()))
    }

    /// Gives a comment that is not hidden another text; what it said before is kept, up to `most` texts.
    pub async fn edit_comment(&self, act: Act, key: HappeningKey, text: String, most: usize) -> Result<Change> {
        transaction!(self.database, edit(act, key.0, text, rows::limit(most)))
    }

    /// Takes a comment's text away for good, and what it said before.
    pub async fn hide_comment(&self, act: Act, key: HappeningKey) -> Result<Change> {
        transaction!(self.database, hide(act, key.0))
    }
}
