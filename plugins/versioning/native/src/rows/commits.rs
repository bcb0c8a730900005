//! Commits: reading them, and the one transaction that makes one.

use ballast_database as database;
use ballast_database::{Database, fixed, for_both, read, transaction};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::schema::*;

/// What a commit begins from.
pub struct Start {
    /// The branch; none where there is no such ref. The tip is none while unborn.
    pub tip: Option<Option<Vec<u8>>>,
    /// The operation's row, read after the branch; none where it has none yet.
    pub operation: Option<Option<Vec<u8>>>,
}

/// A commit on a branch.
pub struct Record {
    pub branch: String,
    pub old: Option<Vec<u8>>,
    pub operation: i64,
    pub made: Made,
}

/// All rows of one commit.
pub struct Made {
    pub commit: CommitRow,
    pub nodes: Vec<NodeRow>,
    pub files: Vec<FileRow>,
    pub trees: Vec<TreeRow>,
}

/// A commit by repository and id, and the roots of its two maps.
pub type Roots = (i64, Vec<u8>, Vec<u8>, Vec<u8>);

/// Why nothing was recorded.
pub enum Halt {
    /// The branch is no longer where the commit began, or is gone.
    Moved,
    /// The operation has a row already.
    Claimed,
    /// This git oid stands for other bytes already.
    Collision(Vec<u8>),
    Database(database::Error),
}

impl From<database::Error> for Halt {
    fn from(error: database::Error) -> Self {
        Self::Database(error)
    }
}

impl From<diesel::result::Error> for Halt {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

for_both! {
    /// The branch first and the operation second: where the tip is the operation's own commit, its row is seen too.
    pub async fn start(c: &mut Connection, repo: i64, branch: String, operation: i64) -> database::Result<Start> {
        let tip = native_refs::table.find((repo, branch)).select(native_refs::commit).first(c).await.optional()?;
        let row = native_operations::table.find((repo, operation)).select(native_operations::commit);
        Ok(Start { tip, operation: row.first(c).await.optional()? })
    }

    /// Those of these commits that are there.
    pub async fn find(c: &mut Connection, repo: i64, ids: Vec<Vec<u8>>) -> database::Result<Vec<CommitRow>> {
        let wanted = native_commits::table.filter(native_commits::repo.eq(repo)).filter(native_commits::id.eq_any(ids));
        Ok(wanted.select(CommitRow::as_select()).load(c).await?)
    }

    /// The first commits by id, behind this one.
    pub async fn page(c: &mut Connection, repo: i64, after: Vec<u8>, limit: i64) -> database::Result<Vec<CommitRow>> {
        let ours = native_commits::table.filter(native_commits::repo.eq(repo));
        let wanted = ours.filter(native_commits::id.gt(after)).order(native_commits::id).limit(limit);
        Ok(wanted.select(CommitRow::as_select()).load(c).await?)
    }

    /// The maps of the first commits of all repositories, by repository and id, behind this one.
    pub async fn roots(c: &mut Connection, repo: i64, after: Vec<u8>, limit: i64) -> database::Result<Vec<Roots>> {
        let later = native_commits::repo.gt(repo);
        let behind = later.or(native_commits::repo.eq(repo).and(native_commits::id.gt(after)));
        let wanted = native_commits::table.filter(native_commits::repo.ge(repo)).filter(behind);
        let sorted = wanted.order((native_commits::repo, native_commits::id)).limit(limit);
        let columns = (native_commits::repo, native_commits::id, native_commits::root, native_commits::last_root);
        Ok(sorted.select(columns).load(c).await?)
    }

    /// The latest commits up to this rank: in one line of history, exactly the next ones.
    pub async fn window(c: &mut Connection, repo: i64, rank: i64, limit: i64) -> database::Result<Vec<CommitRow>> {
        let wanted = native_commits::table.filter(native_commits::repo.eq(repo)).filter(native_commits::rank.le(rank));
        let sorted = wanted.order(native_commits::rank.desc()).limit(limit);
        Ok(sorted.select(CommitRow::as_select()).load(c).await?)
    }

    /// Up to two ids in a range, both ends in it.
    pub async fn between(c: &mut Connection, repo: i64, from: Vec<u8>, to: Vec<u8>) -> database::Result<Vec<Vec<u8>>> {
        let wanted = native_commits::table.filter(native_commits::repo.eq(repo)).select(native_commits::id);
        Ok(wanted.filter(native_commits::id.between(from, to)).limit(2).load(c).await?)
    }

    /// Records a commit, in a transaction. The ref's move is the only truth and comes first: whoever is too late finds
    /// out before writing anything. Rows come in a fixed order, so that transactions never wait in a circle.
    pub async fn record(c: &mut Connection, record: Record) -> Result<(), Halt> {
        let Record { branch, old, operation, made } = record;
        let (repo, id) = (made.commit.repo, made.commit.id.clone());
        let there = native_refs::table.find((repo, branch));
        let target = (native_refs::commit.eq(&id), native_refs::tag.eq(None::<Vec<u8>>));
        let moved = match old {
            Some(old) => fixed(diesel::update(there.filter(native_refs::commit.eq(old))).set(target)).execute(c).await?,
            None => fixed(diesel::update(there.filter(native_refs::commit.is_null())).set(target)).execute(c).await?,
        };
        if moved != 1 {
            return Err(Halt::Moved);
        }
        let row = OperationRow { repo, operation, commit: Some(id) };
        let claim = diesel::insert_into(native_operations::table).values(row).on_conflict_do_nothing();
        if claim.execute(c).await? != 1 {
            return Err(Halt::Claimed);
        }
        keep(c, made).await
    }

    /// Records a commit to which no ref leads yet, in a transaction; `Moved` where the repository is gone.
    pub async fn adopt(c: &mut Connection, made: Made) -> Result<(), Halt> {
        use native_repositories as repositories;
        let query = repositories::table.find(made.commit.repo).select(repositories::deleted);
        if lock!(query).first::<bool>(c).await.optional()? != Some(false) {
            return Err(Halt::Moved);
        }
        keep(c, made).await
    }

    async fn keep(c: &mut Connection, made: Made) -> Result<(), Halt> {
        let Made { commit, nodes, files, trees } = made;
        bulk_insert!(
            c, native_nodes::table, nodes,
            on_conflict(native_nodes::id).do_update().set(native_nodes::stamp.eq(excluded(native_nodes::stamp)))
        )?;
        keep_files(c, commit.repo, files).await?;
        // The same commit may be there already: the same bytes on another branch, or made once and left behind.
        diesel::insert_into(native_commits::table).values(commit).on_conflict_do_nothing().execute(c).await?;
        bulk_insert!(c, native_trees::table, trees)?;
        Ok(())
    }

    /// Inserts facts of files, unless an oid stands for something else already.
    pub async fn keep_files(c: &mut Connection, repo: i64, files: Vec<FileRow>) -> Result<(), Halt> {
        if bulk_insert!(c, native_files::table, files.clone())? == files.len() {
            return Ok(());
        }
        for batch in files.chunks(500) {
            let oids: Vec<Vec<u8>> = batch.iter().map(|file| file.oid.clone()).collect();
            let wanted = native_files::table.filter(native_files::repo.eq(repo)).filter(native_files::oid.eq_any(oids));
            let kept: Vec<FileRow> = wanted.select(FileRow::as_select()).load(c).await?;
            let other = |file: &&FileRow| {
                kept.iter().any(|k| k.oid == file.oid && k.lfs == file.lfs && k.sha256 != file.sha256)
            };
            if let Some(file) = batch.iter().find(other) {
                return Err(Halt::Collision(file.oid.clone()));
            }
        }
        Ok(())
    }
}

/// The branch first and the operation second: where the tip is the operation's own commit, its row is seen too.
pub async fn start(database: &Database, repo: i64, branch: String, operation: i64) -> database::Result<Start> {
    read!(database, start(repo, branch, operation))
}

/// Those of these commits that are there.
pub async fn find(database: &Database, repo: i64, ids: Vec<Vec<u8>>) -> database::Result<Vec<CommitRow>> {
    read!(database, find(repo, ids))
}

/// The first commits by id, behind this one.
pub async fn page(database: &Database, repo: i64, after: Vec<u8>, limit: i64) -> database::Result<Vec<CommitRow>> {
    read!(database, page(repo, after, limit))
}

/// The maps of the first commits of all repositories, by repository and id, behind this one.
pub async fn roots(database: &Database, repo: i64, after: Vec<u8>, limit: i64) -> database::Result<Vec<Roots>> {
    read!(database, roots(repo, after, limit))
}

/// The latest commits up to this rank.
pub async fn window(database: &Database, repo: i64, rank: i64, limit: i64) -> database::Result<Vec<CommitRow>> {
    read!(database, window(repo, rank, limit))
}

/// Up to two ids in a range, both ends in it.
pub async fn between(database: &Database, repo: i64, from: Vec<u8>, to: Vec<u8>) -> database::Result<Vec<Vec<u8>>> {
    read!(database, between(repo, from, to))
}

/// Records a commit: all of it or nothing.
pub async fn record(database: &Database, rows: Record) -> Result<(), Halt> {
    transaction!(database, record(rows))
}

/// Records a commit to which no ref leads yet: all of it or nothing.
pub async fn adopt(database: &Database, made: Made) -> Result<(), Halt> {
    transaction!(database, adopt(made))
}
