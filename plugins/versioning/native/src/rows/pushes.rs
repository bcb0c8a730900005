//! The one transaction that makes what was pushed part of a repository.

use ballast_database as database;
use ballast_database::{Database, for_both, transaction};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::commits::{self, Halt};
use super::refs::{self, Refusal};
use super::schema::*;

/// Nodes in one statement.
const BATCH: usize = 500;

/// One ref's move, by objects.
#[derive(Clone)]
pub struct RawMove {
    pub name: String,
    /// The commit, or the annotated tag.
    pub old: Option<Vec<u8>>,
    /// The commit, and the annotated tag that leads to it.
    pub new: Option<(Vec<u8>, Option<Vec<u8>>)>,
}

/// All rows of one push.
#[derive(Clone, Default)]
pub struct Pushed {
    pub repo: i64,
    pub operation: i64,
    /// What the operation made, for whoever asks.
    pub commit: Option<Vec<u8>>,
    pub moves: Vec<RawMove>,
    /// Nodes that are stored already, sorted.
    pub nodes: Vec<Vec<u8>>,
    /// Their new stamp.
    pub stamp: i64,
    pub files: Vec<FileRow>,
    pub commits: Vec<CommitRow>,
    pub trees: Vec<TreeRow>,
    pub odd: Vec<OddTreeRow>,
    pub tags: Vec<TagRow>,
}

/// Why nothing was recorded.
pub enum Stop {
    Refused(Refusal),
    /// The operation has a row already.
    Claimed,
    /// A sweep took nodes away.
    Swept,
    /// This git oid stands for other bytes already.
    Collision(Vec<u8>),
}

impl From<database::Error> for Stop {
    fn from(error: database::Error) -> Self {
        Self::Refused(Refusal::Database(error))
    }
}

impl From<diesel::result::Error> for Stop {
    fn from(error: diesel::result::Error) -> Self {
        Self::Refused(Refusal::Database(error.into()))
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Collision(oid) => Self::Collision(oid),
            Halt::Database(error) => error.into(),
            Halt::Moved | Halt::Claimed => Self::Claimed,
        }
    }
}

for_both! {
    /// Records a push, in a transaction: refs first, in the order given, so that who is too late finds out before
    /// anything else is written.
    pub async fn record(c: &mut Connection, pushed: Pushed) -> Result<(), Stop> {
        use native_repositories as repositories;
        let Pushed { repo, operation, commit, moves, nodes, stamp, files, commits, trees, odd, tags } = pushed;
        let query = repositories::table.filter(repositories::repo.eq(repo)).select(repositories::deleted);
        if lock!(query).first::<bool>(c).await.optional()? != Some(false) {
            return Err(Refusal::NoRepository.into());
        }
        for RawMove { name, old, new } in moves {
            match (old, new) {
                (None, Some((commit, tag))) => {
                    of!(refs::make)(c, RefRow { repo, name, commit: Some(commit), tag }).await?;
                },
                (Some(old), new) => advance(c, repo, name, old, new).await?,
                (None, None) => {}
            }
        }
        let claim = diesel::insert_into(native_operations::table).values(OperationRow { repo, operation, commit });
        if claim.on_conflict_do_nothing().execute(c).await? != 1 {
            return Err(Stop::Claimed);
        }
        for ids in nodes.chunks(BATCH) {
            let wanted = || native_nodes::table.filter(native_nodes::id.eq_any(ids));
            let found: Vec<Vec<u8>> = lock!(wanted().select(native_nodes::id).order(native_nodes::id)).load(c).await?;
            if found.len() != ids.len() {
                return Err(Stop::Swept);
            }
            diesel::update(wanted()).set(native_nodes::stamp.eq(stamp)).execute(c).await?;
        }
        of!(commits::keep_files)(c, repo, files).await?;
        bulk_insert!(c, native_commits::table, commits)?;
        bulk_insert!(c, native_trees::table, trees)?;
        bulk_insert!(c, native_odd_trees::table, odd)?;
        bulk_insert!(c, native_tags::table, tags)?;
        Ok(())
    }

    async fn advance(
        c: &mut Connection, repo: i64, name: String, old: Vec<u8>, new: Option<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> Result<(), Stop> {
        let is_commit = native_refs::tag.is_null().and(native_refs::commit.eq(Some(old.clone())));
        let is_old = native_refs::tag.eq(Some(old)).or(is_commit);
        let there = native_refs::table.find((repo, &name)).filter(is_old);
        let moved = match new {
            Some((commit, tag)) => {
                let target = (native_refs::commit.eq(Some(commit)), native_refs::tag.eq(tag));
                diesel::update(there).set(target).execute(c).await?
            }
            None => diesel::delete(there).execute(c).await?,
        };
        if moved == 1 { Ok(()) } else { Err(Refusal::Stale(name).into()) }
    }
}

/// Records a push: all of it or nothing.
pub async fn record(database: &Database, pushed: Pushed) -> Result<(), Stop> {
    transaction!(database, record(pushed))
}
