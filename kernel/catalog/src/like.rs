//! Who likes which repository.

use ballast_database::{Result, for_both, read, transaction};
use ballast_types::{Name, RepoKey, Timestamp, UserKey, Visibility};
use diesel::dsl::{count_star, exists};
use diesel::prelude::*;
use diesel_async::{AsyncConnectionCore, RunQueryDsl};

use crate::listing::visible;
use crate::rows::{self, RepositoryRow, UserRow};
use crate::tables::{likes, members, namespaces, repositories, users};
use crate::{Catalog, RepoState, Repository, User, Viewer};

/// How many like a repository, after somebody began or ceased to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liked {
    /// False where nothing changed: who liked it already, or did not.
    pub changed: bool,
    pub likes: u64,
}

/// A repository that somebody likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikedRepository {
    pub repository: Repository,
    /// Of its namespace.
    pub namespace: Name,
    /// Since when.
    pub at: Timestamp,
}

for_both! {
    pub async fn like(c: &mut Connection, repository: i64, user: i64, at: i64) -> Result<(bool, i64)> {
        let row = (likes::repository.eq(repository), likes::user_id.eq(user), likes::at.eq(at));
        let new = diesel::insert_into(likes::table).values(row).on_conflict_do_nothing().execute(c).await? > 0;
        count(c, repository, i64::from(new)).await.map(|likes| (new, likes))
    }

    pub async fn unlike(c: &mut Connection, repository: i64, user: i64) -> Result<(bool, i64)> {
        let gone = diesel::delete(likes::table.find((repository, user))).execute(c).await? > 0;
        count(c, repository, -i64::from(gone)).await.map(|likes| (gone, likes))
    }

    async fn count(c: &mut Connection, repository: i64, more: i64) -> Result<i64> {
        let row = repositories::table.find(repository);
        let likes = repositories::likes;
        match more {
            0 => Ok(row.select(likes).first(c).await?),
            more => Ok(diesel::update(row).set(likes.eq(likes + more)).returning(likes).get_result(c).await?),
        }
    }

    pub async fn likes_it(c: &mut Connection, repository: i64, user: i64) -> Result<bool> {
        let row = likes::table.find((repository, user)).select(likes::user_id);
        let found: Option<i64> = row.first(c).await.optional()?;
        Ok(found.is_some())
    }

    pub async fn likers(c: &mut Connection, repository: i64, after: i64, limit: i64) -> Result<Vec<(UserRow, String)>> {
        let found = likes::table.inner_join(users::table.inner_join(namespaces::table))
            .filter(likes::repository.eq(repository).and(likes::user_id.gt(after)));
        let columns = (UserRow::as_select(), namespaces::name);
        Ok(found.order(likes::user_id).limit(limit).select(columns).load(c).await?)
    }

    pub async fn liked(c: &mut Connection, user: i64, viewer: Viewer, after: i64, limit: i64)
        -> Result<Vec<(RepositoryRow, String, i64)>> {
        let found = likes::table.inner_join(repositories::table.inner_join(namespaces::table))
            .filter(likes::user_id.eq(user).and(likes::repository.gt(after)))
            .filter(repositories::state.eq(RepoState::Active.as_str()))
            .order(likes::repository).limit(limit)
            .select((RepositoryRow::as_select(), namespaces::name, likes::at))
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        Ok(visible!(found, viewer).load(c).await?)
    }

    pub async fn count_liked(c: &mut Connection, user: i64, viewer: Viewer) -> Result<i64> {
        let found = likes::table.inner_join(repositories::table)
            .filter(likes::user_id.eq(user))
            .filter(repositories::state.eq(RepoState::Active.as_str()))
            .select(count_star())
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        Ok(visible!(found, viewer).get_result(c).await?)
    }
}

impl Catalog {
    /// Somebody likes a repository from now on. `NotFound` when it is gone.
    pub async fn like(&self, repo: RepoKey, user: UserKey, at: Timestamp) -> Result<Liked> {
        let (changed, likes) = transaction!(self.changing(repo), like(repo.0, user.0, at.0))?;
        Ok(Liked { changed, likes: rows::count("repositories.likes", repo.0, likes)? })
    }

    /// Somebody likes a repository no more. `NotFound` when it is gone.
    pub async fn unlike(&self, repo: RepoKey, user: UserKey) -> Result<Liked> {
        let (changed, likes) = transaction!(self.changing(repo), unlike(repo.0, user.0))?;
        Ok(Liked { changed, likes: rows::count("repositories.likes", repo.0, likes)? })
    }

    /// Whether somebody likes a repository.
    pub async fn likes(&self, repo: RepoKey, user: UserKey) -> Result<bool> {
        read!(self.database, likes_it(repo.0, user.0))
    }

    /// Who likes a repository, by their keys.
    pub async fn likers(&self, repo: RepoKey, after: Option<UserKey>, limit: usize) -> Result<Vec<User>> {
        let after = after.map_or(0, |user| user.0);
        let found = read!(self.database, likers(repo.0, after, rows::limit(limit)))?;
        found.into_iter().map(rows::user).collect()
    }

    /// What somebody likes of what a viewer may see, by the repositories' keys.
    pub async fn liked_by(
        &self,
        user: UserKey,
        viewer: Viewer,
        after: Option<RepoKey>,
        limit: usize,
    ) -> Result<Vec<LikedRepository>> {
        let after = after.map_or(0, |repo| repo.0);
        let found = read!(self.database, liked(user.0, viewer, after, rows::limit(limit)))?;
        let item = |(row, name, at): (RepositoryRow, String, i64)| {
            let repository = Repository::try_from(row)?;
            let namespace = rows::parse("namespaces.name", repository.namespace.0, &name)?;
            Ok(LikedRepository { repository, namespace, at: Timestamp(at) })
        };
        found.into_iter().map(item).collect()
    }

    /// How much somebody likes of what a viewer may see.
    pub async fn count_liked_by(&self, user: UserKey, viewer: Viewer) -> Result<u64> {
        let count = read!(self.database, count_liked(user.0, viewer))?;
        rows::count("the number of likes", user.0, count)
    }
}
