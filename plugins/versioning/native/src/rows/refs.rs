//! Refs: reading them, and moving several at once.

use ballast_database as database;
use ballast_database::{Database, for_both, read, transaction};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::*;

/// Refs in one statement.
const BATCH: usize = 500;

/// One ref's move.
pub struct Move {
    pub name: String,
    pub old: Option<Vec<u8>>,
    pub new: Option<Vec<u8>>,
    pub tag: Option<TagRow>,
}

/// Why no ref was moved.
pub enum Refusal {
    NoRepository,
    /// A `new` that is no commit of the repository.
    NoCommit(Vec<u8>),
    /// A ref to be deleted that is absent.
    Absent(String),
    /// A ref that is no longer where its `old` says.
    Stale(String),
    /// A ref to be made, and what is in its way.
    Exists {
        name: String,
        other: String,
    },
    Database(database::Error),
}

impl From<database::Error> for Refusal {
    fn from(error: database::Error) -> Self {
        Self::Database(error)
    }
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

for_both! {
    /// Those of these refs that are there.
    pub async fn find(c: &mut Connection, repo: i64, names: Vec<String>) -> database::Result<Vec<RefRow>> {
        let wanted = native_refs::table.filter(native_refs::repo.eq(repo)).filter(native_refs::name.eq_any(names));
        Ok(wanted.select(RefRow::as_select()).load(c).await?)
    }

    /// The first refs by name, behind or (inclusive) from this one on.
    pub async fn page(
        c: &mut Connection, repo: i64, from: String, inclusive: bool, limit: i64,
    ) -> database::Result<Vec<RefRow>> {
        let wanted = native_refs::table.filter(native_refs::repo.eq(repo)).select(RefRow::as_select());
        let sorted = wanted.order(native_refs::name).limit(limit);
        Ok(match inclusive {
            true => sorted.filter(native_refs::name.ge(from)).load(c).await?,
            false => sorted.filter(native_refs::name.gt(from)).load(c).await?,
        })
    }

    /// Those of these annotated tags' objects that are there.
    pub async fn tags(c: &mut Connection, repo: i64, oids: Vec<Vec<u8>>) -> database::Result<Vec<TagRow>> {
        let wanted = native_tags::table.filter(native_tags::repo.eq(repo)).filter(native_tags::oid.eq_any(oids));
        Ok(wanted.select(TagRow::as_select()).load(c).await?)
    }

    /// Moves refs, in a transaction. The repository's row is locked, so that nobody else makes `a` while this makes
    /// `a/b`. The moves come in the order in which they are to be made.
    pub async fn apply(c: &mut Connection, repo: i64, moves: Vec<Move>) -> Result<(), Refusal> {
        use native_repositories as repositories;
        let query = repositories::table.filter(repositories::repo.eq(repo)).select(repositories::deleted);
        if lock!(query).first::<bool>(c).await.optional()? != Some(false) {
            return Err(Refusal::NoRepository);
        }
        let wanted: Vec<Vec<u8>> = moves.iter().filter_map(|one| one.new.clone()).collect();
        let ours = native_commits::table.filter(native_commits::repo.eq(repo)).select(native_commits::id);
        let known: Vec<Vec<u8>> = ours.filter(native_commits::id.eq_any(&wanted)).load(c).await?;
        if let Some(unknown) = wanted.into_iter().find(|id| !known.contains(id)) {
            return Err(Refusal::NoCommit(unknown));
        }
        for Move { name, old, new, tag } in moves {
            let oid = tag.as_ref().map(|tag| tag.oid.clone());
            if let Some(tag) = tag {
                diesel::insert_into(native_tags::table).values(tag).on_conflict_do_nothing().execute(c).await?;
            }
            match (old, new) {
                (Some(old), Some(new)) => advance(c, repo, name, old, new, oid).await?,
                (Some(old), None) => remove(c, repo, name, old).await?,
                (None, new) => make(c, RefRow { repo, name, commit: new, tag: oid }).await?,
            }
        }
        Ok(())
    }

    /// Makes these all refs of a repository, in a transaction.
    pub async fn replace(
        c: &mut Connection, repo: i64, refs: Vec<RefRow>, tags: Vec<TagRow>,
    ) -> Result<(), Refusal> {
        use native_repositories as repositories;
        let query = repositories::table.filter(repositories::repo.eq(repo)).select(repositories::deleted);
        if lock!(query).first::<bool>(c).await.optional()? != Some(false) {
            return Err(Refusal::NoRepository);
        }
        for batch in refs.chunks(BATCH) {
            let wanted: Vec<Vec<u8>> = batch.iter().filter_map(|row| row.commit.clone()).collect();
            let ours = native_commits::table.filter(native_commits::repo.eq(repo)).select(native_commits::id);
            let known: Vec<Vec<u8>> = ours.filter(native_commits::id.eq_any(&wanted)).load(c).await?;
            if let Some(unknown) = wanted.into_iter().find(|id| !known.contains(id)) {
                return Err(Refusal::NoCommit(unknown));
            }
        }
        bulk_insert!(c, native_tags::table, tags)?;
        diesel::delete(native_refs::table.filter(native_refs::repo.eq(repo))).execute(c).await?;
        bulk_insert!(c, native_refs::table, refs)?;
        Ok(())
    }

    async fn advance(
        c: &mut Connection, repo: i64, name: String, old: Vec<u8>, new: Vec<u8>, tag: Option<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let there = native_refs::table.find((repo, &name)).filter(native_refs::commit.eq(old));
        let update = diesel::update(there).set((native_refs::commit.eq(new), native_refs::tag.eq(tag)));
        if update.execute(c).await? == 1 { Ok(()) } else { Err(Refusal::Stale(name)) }
    }

    async fn remove(c: &mut Connection, repo: i64, name: String, old: Vec<u8>) -> Result<(), Refusal> {
        let there = native_refs::table.find((repo, &name));
        if diesel::delete(there.filter(native_refs::commit.eq(old))).execute(c).await? == 1 {
            return Ok(());
        }
        let left: Option<String> = there.select(native_refs::name).first(c).await.optional()?;
        Err(if left.is_some() { Refusal::Stale(name) } else { Refusal::Absent(name) })
    }

    /// An unborn branch counts as absent: this is its birth.
    pub async fn make(c: &mut Connection, row: RefRow) -> Result<(), Refusal> {
        let ours = native_refs::table.filter(native_refs::repo.eq(row.repo)).select(native_refs::name);
        let above: Vec<&str> = row.name.match_indices('/').map(|(at, _)| &row.name[..at]).collect();
        // The names below `a` are those from `a/` up to `a0`.
        let (from, to) = (format!("{}/", row.name), format!("{}0", row.name));
        let below = native_refs::name.ge(from).and(native_refs::name.lt(to));
        let clash = ours.filter(native_refs::name.eq_any(above).or(below));
        if let Some(other) = clash.first(c).await.optional()? {
            return Err(Refusal::Exists { name: row.name, other });
        }
        let unborn = native_refs::table.find((row.repo, &row.name)).filter(native_refs::commit.is_null());
        let born = diesel::update(unborn).set((native_refs::commit.eq(&row.commit), native_refs::tag.eq(&row.tag)));
        if born.execute(c).await? == 1 {
            return Ok(());
        }
        let name = row.name.clone();
        let insert = diesel::insert_into(native_refs::table).values(row).on_conflict_do_nothing();
        if insert.execute(c).await? == 1 { Ok(()) } else { Err(Refusal::Exists { other: name.clone(), name }) }
    }
}

/// Those of these refs that are there.
pub async fn find(database: &Database, repo: i64, names: Vec<String>) -> database::Result<Vec<RefRow>> {
    read!(database, find(repo, names))
}

/// The first refs by name, behind or (inclusive) from this one on.
pub async fn page(
    database: &Database,
    repo: i64,
    from: String,
    inclusive: bool,
    limit: i64,
) -> database::Result<Vec<RefRow>> {
    read!(database, page(repo, from, inclusive, limit))
}

/// Those of these annotated tags' objects that are there.
pub async fn tags(database: &Database, repo: i64, oids: Vec<Vec<u8>>) -> database::Result<Vec<TagRow>> {
    read!(database, tags(repo, oids))
}

/// Moves refs: all of them or none.
pub async fn apply(database: &Database, repo: i64, moves: Vec<Move>) -> Result<(), Refusal> {
    transaction!(database, apply(repo, moves))
}

/// Makes these all refs of a repository, or changes nothing.
pub async fn replace(database: &Database, repo: i64, refs: Vec<RefRow>, tags: Vec<TagRow>) -> Result<(), Refusal> {
    transaction!(database, replace(repo, refs, tags))
}
