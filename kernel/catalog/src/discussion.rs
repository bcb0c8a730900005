//! Discussions of a repository, of which some are pull requests. What is said in them stands in `discussion_event`.

use ballast_database::{Error, Result, for_both, read, transaction};
use ballast_types::{CommitId, Name, RefName, RepoKey, Timestamp, UserKey};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::discussion_event::{Happening, NewRow as NewEventRow};
use crate::event::NewRow as Told;
use crate::rows;
use crate::tables::{discussion_events, discussions, events, namespaces, repositories};
use crate::{Catalog, RepoState};

words! {
    /// Where a discussion stands.
    pub enum DiscussionStatus: "status of a discussion" {
        /// A pull request that its author still works on. Otherwise it is as an open one.
        Draft = "draft",
        Open = "open",
        Closed = "closed",
        /// A pull request whose commits are in the branch that it was for. Nothing follows on it.
        Merged = "merged",
    }
}

impl DiscussionStatus {
    /// Whether it is still being worked on.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Draft | Self::Open)
    }
}

/// Who opened a discussion or said something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    pub key: UserKey,
    pub name: Name,
}

/// What makes a discussion a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Where its commits are to go.
    pub target: RefName,
    /// Where its own ref began.
    pub base: CommitId,
    /// What brought it into its target.
    pub merge_commit: Option<CommitId>,
}

/// A discussion, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discussion {
    pub number: u32,
    pub title: String,
    pub status: DiscussionStatus,
    /// None where the user is gone.
    pub author: Option<Author>,
    pub created_at: Timestamp,
    pub pull_request: Option<PullRequest>,
}

impl Discussion {
    /// Whether it is a pull request whose commits are in its target.
    pub fn is_merged(&self) -> bool {
        self.status == DiscussionStatus::Merged
    }
}

/// A discussion to be opened, with its first comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDiscussion {
    pub repo: RepoKey,
    pub title: String,
    pub text: String,
    pub status: DiscussionStatus,
    pub author: UserKey,
    pub created_at: Timestamp,
    /// Where its commits are to go, and where they begin.
    pub pull_request: Option<(RefName, CommitId)>,
}

/// Which discussions of a repository, and which part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscussionQuery {
    /// Only those that are pull requests, or only those that are none.
    pub pull_requests: Option<bool>,
    /// Only those that are worked on, or only those that are not.
    pub open: Option<bool>,
    pub author: Option<UserKey>,
    /// So many are passed over.
    pub start: usize,
    pub limit: usize,
}

/// A part of the discussions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscussionPage {
    pub items: Vec<Discussion>,
    /// How many there are in all.
    pub count: u64,
}

#[derive(Insertable)]
#[diesel(table_name = discussions)]
struct NewRow {
    repository: i64,
    num: i64,
    title: String,
    author: i64,
    status: &'static str,
    target: Option<String>,
    base: Option<Vec<u8>>,
    created_at: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = discussions)]
struct Row {
    num: i64,
    title: String,
    author: Option<i64>,
    status: String,
    target: Option<String>,
    base: Option<Vec<u8>>,
    merge_commit: Option<Vec<u8>>,
    created_at: i64,
}

/// A row, and the name of its author.
type Named = (Row, Option<String>);

/// Who it was, from the two columns that say so.
pub(crate) fn author(key: Option<i64>, name: Option<String>) -> Result<Option<Author>> {
    let found = key.zip(name);
    let read = |(key, name): (i64, String)| {
        Ok::<_, Error>(Author { key: UserKey(key), name: rows::parse("namespaces.name", key, &name)? })
    };
    found.map(read).transpose()
}

fn discussion((row, name): Named) -> Result<Discussion> {
    let number = row.num;
    let base = rows::commit("discussions.base", number, row.base)?;
    let merge_commit = rows::commit("discussions.merge_commit", number, row.merge_commit)?;
    let pull_request = |(target, base): (String, CommitId)| {
        Ok::<_, Error>(PullRequest { target: rows::parse("discussions.target", number, &target)?, base, merge_commit })
    };
    Ok(Discussion {
        number: rows::count("discussions.num", number, number)?,
        title: row.title,
        status: rows::parse("discussions.status", number, &row.status)?,
        author: author(row.author, name)?,
        created_at: Timestamp(row.created_at),
        pull_request: row.target.zip(base).map(pull_request).transpose()?,
    })
}

/// Those rows of a query that are asked for, whatever it is joined with.
macro_rules! wanted {
    ($rows:expr, $query:expr) => {{
        let ended = [DiscussionStatus::Closed.as_str(), DiscussionStatus::Merged.as_str()];
        let mut rows = $rows.into_boxed();
        rows = match $query.pull_requests {
            Some(true) => rows.filter(discussions::target.is_not_null()),
            Some(false) => rows.filter(discussions::target.is_null()),
            None => rows,
        };
        rows = match $query.open {
            Some(true) => rows.filter(discussions::status.ne_all(ended)),
            Some(false) => rows.filter(discussions::status.eq_any(ended)),
            None => rows,
        };
        match $query.author {
            Some(author) => rows.filter(discussions::author.eq(author.0)),
            None => rows,
        }
    }};
}

for_both! {
    /// The repository's row is locked, so that no number is given twice.
    pub async fn open(c: &mut Connection, new: NewDiscussion) -> Result<Option<i64>> {
        let active = repositories::table.find(new.repo.0).filter(repositories::state.eq(RepoState::Active.as_str()));
        if lock!(active.select(repositories::id)).first::<i64>(c).await.optional()?.is_none() {
            return Ok(None);
        }
        let ours = discussions::table.filter(discussions::repository.eq(new.repo.0));
        let last: Option<i64> = ours.select(max(discussions::num)).first(c).await?;
        let num = last.unwrap_or(0) + 1;
        let proposed = new.pull_request.map(|(target, base)| (target.to_string(), base.as_bytes().to_vec()));
        let (target, base) = proposed.unzip();
        let (repository, title, author, created_at) = (new.repo.0, new.title, new.author.0, new.created_at.0);
        let row = NewRow { repository, num, title, author, status: new.status.as_str(), target, base, created_at };
        diesel::insert_into(discussions::table).values(row).execute(c).await?;
        let first = NewEventRow::new(new.repo, num, Some(new.author), new.created_at, Happening::comment(new.text));
        diesel::insert_into(discussion_events::table).values(first).execute(c).await?;
        let told = Told::discussed((repository, num), None, "create", Some(author), created_at);
        diesel::insert_into(events::table).values(told).execute(c).await?;
        Ok(Some(num))
    }

    pub async fn remove(c: &mut Connection, repo: i64, number: i64) -> Result<()> {
        diesel::delete(discussions::table.find((repo, number))).execute(c).await?;
        Ok(())
    }

    pub async fn page(c: &mut Connection, repo: i64, query: DiscussionQuery) -> Result<(Vec<Named>, i64)> {
        let all = discussions::table.filter(discussions::repository.eq(repo));
        let found = discussions::table.left_join(namespaces::table).filter(discussions::repository.eq(repo));
        let (all, found) = (wanted!(all, query), wanted!(found, query));
        let count: i64 = all.count().get_result(c).await?;
        let (start, limit) = (rows::limit(query.start), rows::limit(query.limit));
        let page = found.order(discussions::num.desc()).offset(start).limit(limit);
        Ok((page.select((Row::as_select(), namespaces::name.nullable())).load(c).await?, count))
    }

    pub async fn by_number(c: &mut Connection, repo: i64, number: i64) -> Result<Option<Named>> {
        let found = discussions::table.left_join(namespaces::table)
            .filter(discussions::repository.eq(repo)).filter(discussions::num.eq(number));
        Ok(found.select((Row::as_select(), namespaces::name.nullable())).first(c).await.optional()?)
    }
}

impl Catalog {
    /// Opens a discussion; answers its number, or none where the repository is not active any more.
    pub async fn open_discussion(&self, new: NewDiscussion) -> Result<Option<u32>> {
        let repo = new.repo.0;
        let number = transaction!(self.database, open(new))?;
        number.map(|number| rows::count("discussions.num", repo, number)).transpose()
    }

    /// Takes a discussion back that nobody was told of. Idempotent.
    pub async fn remove_discussion(&self, repo: RepoKey, number: u32) -> Result<()> {
        transaction!(self.database, remove(repo.0, i64::from(number)))
    }

    /// Discussions, newest first, and how many there are. Two statements, whatever the page.
    pub async fn list_discussions(&self, repo: RepoKey, query: DiscussionQuery) -> Result<DiscussionPage> {
        let (found, count) = read!(self.database, page(repo.0, query))?;
        let items = found.into_iter().map(discussion).collect::<Result<_>>()?;
        Ok(DiscussionPage { items, count: rows::count("discussions", repo.0, count)? })
    }

    /// One discussion.
    pub async fn find_discussion(&self, repo: RepoKey, number: u32) -> Result<Option<Discussion>> {
        read!(self.database, by_number(repo.0, i64::from(number)))?.map(discussion).transpose()
    }
}
