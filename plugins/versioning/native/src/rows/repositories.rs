//! Repositories as a whole.

use ballast_database::{Database, Result, for_both, read, transaction, write};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::*;

/// Repositories in one statement.
const BATCH: usize = 500;

for_both! {
    /// Makes a repository with one unborn branch, where there is none of this key. False where it was deleted.
    pub async fn create(c: &mut Connection, repo: i64, branch: String) -> Result<bool> {
        use native_repositories as repositories;
        let row = (repositories::repo.eq(repo), repositories::deleted.eq(false));
        let insert = diesel::insert_into(repositories::table).values(row).on_conflict_do_nothing();
        if insert.execute(c).await? == 0 {
            let deleted: bool = repositories::table.find(repo).select(repositories::deleted).first(c).await?;
            return Ok(!deleted);
        }
        let unborn = RefRow { repo, name: branch, commit: None, tag: None };
        diesel::insert_into(native_refs::table).values(unborn).execute(c).await?;
        Ok(true)
    }

    /// Removes all rows of a repository but the mark that it is gone. Refs go first: a commit under way either moved
    /// its ref before, and then all its rows are seen here, or it no longer finds it.
    pub async fn delete(c: &mut Connection, repo: i64) -> Result<()> {
        use native_repositories as repositories;
        let row = (repositories::repo.eq(repo), repositories::deleted.eq(true));
        let insert = diesel::insert_into(repositories::table).values(row);
        insert.on_conflict(repositories::repo).do_update().set(repositories::deleted.eq(true)).execute(c).await?;
        diesel::delete(native_refs::table.filter(native_refs::repo.eq(repo))).execute(c).await?;
        diesel::delete(native_operations::table.filter(native_operations::repo.eq(repo))).execute(c).await?;
        diesel::delete(native_trees::table.filter(native_trees::repo.eq(repo))).execute(c).await?;
        diesel::delete(native_odd_trees::table.filter(native_odd_trees::repo.eq(repo))).execute(c).await?;
        diesel::delete(native_files::table.filter(native_files::repo.eq(repo))).execute(c).await?;
        diesel::delete(native_tags::table.filter(native_tags::repo.eq(repo))).execute(c).await?;
        diesel::delete(native_commits::table.filter(native_commits::repo.eq(repo))).execute(c).await?;
        Ok(())
    }

    /// Removes a repository as if it had never been.
    pub async fn withdraw(c: &mut Connection, repo: i64) -> Result<()> {
        use native_repositories as repositories;
        delete(c, repo).await?;
        diesel::delete(repositories::table.find(repo)).execute(c).await?;
        Ok(())
    }

    /// The first repositories by key, behind this one.
    pub async fn page(c: &mut Connection, after: i64, limit: i64) -> Result<Vec<i64>> {
        use native_repositories as repositories;
        let there = repositories::table.filter(repositories::deleted.eq(false)).select(repositories::repo);
        Ok(there.filter(repositories::repo.gt(after)).order(repositories::repo).limit(limit).load(c).await?)
    }

    /// Removes what late calls left of deleted repositories.
    pub async fn bury(c: &mut Connection) -> Result<()> {
        use native_repositories as repositories;
        let deleted: Vec<i64> =
            repositories::table.filter(repositories::deleted).select(repositories::repo).load(c).await?;
        for repo in deleted.chunks(BATCH) {
            diesel::delete(native_refs::table.filter(native_refs::repo.eq_any(repo))).execute(c).await?;
            diesel::delete(native_operations::table.filter(native_operations::repo.eq_any(repo))).execute(c).await?;
            diesel::delete(native_trees::table.filter(native_trees::repo.eq_any(repo))).execute(c).await?;
            diesel::delete(native_odd_trees::table.filter(native_odd_trees::repo.eq_any(repo))).execute(c).await?;
            diesel::delete(native_files::table.filter(native_files::repo.eq_any(repo))).execute(c).await?;
            diesel::delete(native_tags::table.filter(native_tags::repo.eq_any(repo))).execute(c).await?;
            diesel::delete(native_commits::table.filter(native_commits::repo.eq_any(repo))).execute(c).await?;
        }
        Ok(())
    }

    /// Whether there is a repository of this key.
    pub async fn exists(c: &mut Connection, repo: i64) -> Result<bool> {
        use native_repositories as repositories;
        let query = repositories::table.find(repo).select(repositories::deleted);
        Ok(query.first::<bool>(c).await.optional()? == Some(false))
    }

    /// How many repositories have been deleted.
    pub async fn count_deleted(c: &mut Connection) -> Result<i64> {
        use native_repositories as repositories;
        Ok(repositories::table.filter(repositories::deleted).count().get_result(c).await?)
    }

    /// The operation's commit, or none; where it has no row yet, it gets one that says none for ever.
    pub async fn conclude(c: &mut Connection, repo: i64, operation: i64) -> Result<Option<Vec<u8>>> {
        let row = OperationRow { repo, operation, commit: None };
        diesel::insert_into(native_operations::table).values(row).on_conflict_do_nothing().execute(c).await?;
        let query = native_operations::table.find((repo, operation)).select(native_operations::commit);
        Ok(query.first(c).await?)
    }
}

/// Makes a repository with one unborn branch, where there is none of this key. False where it was deleted.
pub async fn create(database: &Database, repo: i64, branch: String) -> Result<bool> {
    transaction!(database, create(repo, branch))
}

/// Removes all rows of a repository but the mark that it is gone.
pub async fn delete(database: &Database, repo: i64) -> Result<()> {
    transaction!(database, delete(repo))
}

/// Removes a repository as if it had never been.
pub async fn withdraw(database: &Database, repo: i64) -> Result<()> {
    transaction!(database, withdraw(repo))
}

/// The first repositories by key, behind this one.
pub async fn page(database: &Database, after: i64, limit: i64) -> Result<Vec<i64>> {
    read!(database, page(after, limit))
}

/// Removes what late calls left of deleted repositories: the fence of an operation, say.
pub async fn bury(database: &Database) -> Result<()> {
    transaction!(database, bury())
}

/// Whether there is a repository of this key.
pub async fn exists(database: &Database, repo: i64) -> Result<bool> {
    read!(database, exists(repo))
}

/// How many repositories have been deleted; it only grows.
pub async fn count_deleted(database: &Database) -> Result<i64> {
    read!(database, count_deleted())
}

/// The operation's commit, or none, and then none for ever.
pub async fn conclude(database: &Database, repo: i64, operation: i64) -> Result<Option<Vec<u8>>> {
    write!(database, conclude(repo, operation))
}
