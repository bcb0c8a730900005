//! How often repositories are downloaded: sessions, which count once each, and what they add up to by day.
//!
//! A session is a visitor, a repository and a stretch of time. Its row keeps it from counting again on whatever node;
//! it goes when its stretch is long over. Sums are changed in the transaction that adds the sessions.

use std::collections::{BTreeMap, HashSet};

use ballast_database::{Result, for_both, read, transaction, write};
use ballast_types::{RepoKey, RepoKind, Timestamp, Visibility};
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::upsert::excluded;
use diesel_async::{AsyncConnectionCore, RunQueryDsl};

use crate::listing::visible;
use crate::tables::{daily_downloads, download_sessions, members, repositories};
use crate::{Catalog, RepoState, Viewer, rows};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// A day of UTC, counted from the beginning of 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// The day of a moment.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.0.div_euclid(DAY))
    }

    /// Its beginning.
    pub fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(DAY))
    }

    /// So many days before.
    pub fn before(self, days: u32) -> Self {
        Self(self.0.saturating_sub(i64::from(days)))
    }
}

/// Whoever downloads, as far as counting needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Visitor {
    /// Equal for the same visitor, and telling nobody who that is.
    pub id: [u8; 16],
    /// Whether it is a user of this hub.
    pub known: bool,
}

/// A visitor's downloads from a repository in one stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    pub repo: RepoKey,
    /// The stretch's number.
    pub stretch: i64,
    pub visitor: Visitor,
    pub day: Day,
    pub files: u64,
}

/// What a repository's downloads of a day add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Daily {
    pub day: Day,
    /// Sessions of users.
    pub known: u64,
    /// Sessions of others.
    pub anonymous: u64,
    /// Files that were asked for, in all of them.
    pub files: u64,
}

/// A repository that is downloaded much these days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trend {
    pub repo: RepoKey,
    /// Sessions, a young one counting more: as many times as there are days from the window's start to its own.
    pub score: u64,
    /// Sessions in the window.
    pub sessions: u64,
}

#[derive(Insertable)]
#[diesel(table_name = download_sessions)]
struct SessionRow {
    repository: i64,
    stretch: i64,
    visitor: Vec<u8>,
    batch: i64,
}

#[derive(Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = daily_downloads)]
struct DailyRow {
    repository: i64,
    day: i64,
    known: i64,
    anonymous: i64,
    files: i64,
}

for_both! {
    pub async fn record(c: &mut Connection, downloads: Vec<Download>, batch: i64) -> Result<()> {
        let repos: Vec<i64> = downloads.iter().map(|download| download.repo.0).collect();
        let living = repositories::table.filter(repositories::id.eq_any(repos)).order(repositories::id);
        let living: Vec<i64> = lock!(living.select(repositories::id)).load(c).await?;
        let here = |download: &&Download| living.binary_search(&download.repo.0).is_ok();
        let session = |download: &Download| SessionRow {
            repository: download.repo.0,
            stretch: download.stretch,
            visitor: download.visitor.id.to_vec(),
            batch,
        };
        let sessions: Vec<SessionRow> = downloads.iter().filter(here).map(session).collect();
        bulk_insert!(c, download_sessions::table, sessions)?;

        // Those that are new carry this batch.
        let columns = (download_sessions::repository, download_sessions::stretch, download_sessions::visitor);
        let new = download_sessions::table.filter(download_sessions::batch.eq(batch)).select(columns);
        let new: HashSet<(i64, i64, Vec<u8>)> = new.load(c).await?.into_iter().collect();
        let is_new = |one: &Download| new.contains(&(one.repo.0, one.stretch, one.visitor.id.to_vec()));
        let sums = sums(downloads.iter().filter(here), is_new);
        bulk_insert!(c, daily_downloads::table, sums, on_conflict((daily_downloads::repository, daily_downloads::day))
            .do_update()
            .set((
                daily_downloads::known.eq(daily_downloads::known + excluded(daily_downloads::known)),
                daily_downloads::anonymous.eq(daily_downloads::anonymous + excluded(daily_downloads::anonymous)),
                daily_downloads::files.eq(daily_downloads::files + excluded(daily_downloads::files)),
            )))?;
        diesel::sql_query(format!(
            "UPDATE repositories SET downloads = downloads + (SELECT COUNT(*) FROM download_sessions d \
             WHERE d.batch = {batch} AND d.repository = repositories.id) \
             WHERE id IN (SELECT repository FROM download_sessions WHERE batch = {batch})"
        ))
        .execute(c)
        .await?;
        Ok(())
    }

    pub async fn forget_sessions(c: &mut Connection, before: i64) -> Result<usize> {
        let old = download_sessions::table.filter(download_sessions::stretch.lt(before));
        Ok(diesel::delete(old).execute(c).await?)
    }

    pub async fn daily(c: &mut Connection, repository: i64, from: i64) -> Result<Vec<DailyRow>> {
        let found = daily_downloads::table.filter(daily_downloads::repository.eq(repository))
            .filter(daily_downloads::day.ge(from));
        Ok(found.order(daily_downloads::day).select(DailyRow::as_select()).load(c).await?)
    }

    pub async fn trends(c: &mut Connection, kind: &'static str, since: i64, viewer: Viewer, limit: i64)
        -> Result<Vec<(i64, i64, i64)>> {
        let sum = |of: &str| sql::<BigInt>(&format!("CAST(SUM({of}) AS BIGINT)"));
        let sessions = "daily_downloads.known + daily_downloads.anonymous";
        let score = format!("({sessions}) * (daily_downloads.day - {since})");
        let found = daily_downloads::table.inner_join(repositories::table)
            .filter(daily_downloads::day.gt(since))
            .filter(repositories::state.eq(RepoState::Active.as_str()).and(repositories::kind.eq(kind)))
            .group_by(daily_downloads::repository)
            .select((daily_downloads::repository, sum(&score), sum(sessions)))
            .order((sum(&score).desc(), daily_downloads::repository))
            .limit(limit)
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        Ok(visible!(found, viewer).load(c).await?)
    }

    pub async fn rank(c: &mut Connection, text: String) -> Result<usize> {
        Ok(diesel::sql_query(text).execute(c).await?)
    }
}

/// What these downloads add to each repository's days, in the order in which rows are changed everywhere.
fn sums<'a>(downloads: impl Iterator<Item = &'a Download>, is_new: impl Fn(&Download) -> bool) -> Vec<DailyRow> {
    let mut sums: BTreeMap<(i64, i64), DailyRow> = BTreeMap::new();
    for download in downloads {
        let (repository, day) = (download.repo.0, download.day.0);
        let empty = DailyRow { repository, day, known: 0, anonymous: 0, files: 0 };
        let row = sums.entry((repository, day)).or_insert(empty);
        let new = i64::from(is_new(download));
        row.known += new * i64::from(download.visitor.known);
        row.anonymous += new * i64::from(!download.visitor.known);
        row.files = row.files.saturating_add_unsigned(download.files);
    }
    sums.into_values().collect()
}

/// The score of a repository `r.id` since a day, in SQL: numbers alone are put into it.
fn score(since: Day) -> String {
    let since = since.0;
    format!(
        "(SELECT SUM((d.known + d.anonymous) * (d.day - {since})) FROM daily_downloads d \
         WHERE d.repository = r.id AND d.day > {since})"
    )
}

impl Catalog {
    /// Counts downloads: sessions that are new once each, files always. What belongs to a repository that is gone is
    /// passed over. All of them or, where it fails, none.
    pub async fn record_downloads(&self, downloads: Vec<Download>, batch: i64) -> Result<()> {
        let mut database = self.database.clone();
        for download in &downloads {
            database = database.outdating(self.memory.repositories.one(&download.repo));
        }
        transaction!(database, record(downloads, batch))
    }

    /// Forgets the sessions of stretches before this one: answers how many.
    pub async fn forget_sessions(&self, before: i64) -> Result<usize> {
        write!(self.database, forget_sessions(before))
    }

    /// A repository's downloads by day, oldest first; days without any are left out.
    pub async fn daily_downloads(&self, repo: RepoKey, from: Day) -> Result<Vec<Daily>> {
        let count = |number: i64| rows::count("daily_downloads", repo.0, number);
        let daily = |row: DailyRow| {
            let (known, anonymous, files) = (count(row.known)?, count(row.anonymous)?, count(row.files)?);
            Ok(Daily { day: Day(row.day), known, anonymous, files })
        };
        read!(self.database, daily(repo.0, from.0))?.into_iter().map(daily).collect()
    }

    /// The repositories that are downloaded most after a day, of those that a viewer may see.
    pub async fn trends(&self, kind: RepoKind, since: Day, viewer: &Viewer, limit: usize) -> Result<Vec<Trend>> {
        let found = read!(self.database, trends(kind.as_str(), since.0, viewer.clone(), rows::limit(limit)))?;
        let trend = |(repository, score, sessions): (i64, i64, i64)| {
            let count = |number: i64| rows::count("daily_downloads", repository, number);
            Ok(Trend { repo: RepoKey(repository), score: count(score)?, sessions: count(sessions)? })
        };
        found.into_iter().map(trend).collect()
    }

    /// Works out what lists in order of trend show, from the days after this one.
    pub async fn rank_trends(&self, since: Day) -> Result<()> {
        let score = score(since);
        // What has not changed is left alone, so that a quiet hub writes nothing.
        let text = format!(
            "UPDATE repositories SET trending = COALESCE({score}, 0) \
             WHERE (trending > 0 OR id IN (SELECT repository FROM daily_downloads WHERE day > {since})) \
             AND trending <> COALESCE({score}, 0)",
            since = since.0,
        )
        .replace("r.id", "repositories.id");
        write!(self.database.outdating(self.memory.repositories.all()), rank(text)).map(drop)
    }
}
