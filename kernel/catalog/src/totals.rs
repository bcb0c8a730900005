//! How much of everything there is.

use ballast_database::{Result, for_both, read};
use ballast_types::{RepoKind, Visibility};
use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use crate::tables::{daily_downloads, operations, organizations, repositories, users};
use crate::{Catalog, Daily, Day, RepoState, rows};

/// What the hub has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub users: u64,
    /// Of them, those who may come in.
    pub active_users: u64,
    /// Of them, those who administer the hub.
    pub administrators: u64,
    pub organizations: u64,
    /// Active repositories of a kind that are so visible.
    pub repositories: Vec<(RepoKind, Visibility, u64)>,
    /// Writes under way.
    pub operations: u64,
}

type Counted = ((i64, i64, i64), i64, Vec<(String, String, i64)>, i64);

for_both! {
    pub async fn totals(c: &mut Connection) -> Result<Counted> {
        let all: i64 = users::table.count().get_result(c).await?;
        let active: i64 = users::table.filter(users::active.eq(true)).count().get_result(c).await?;
        let administrators = users::table.filter(users::active.eq(true).and(users::administrator.eq(true)));
        let administrators: i64 = administrators.count().get_result(c).await?;
        let organizations: i64 = organizations::table.count().get_result(c).await?;
        let repositories = repositories::table
            .filter(repositories::state.eq(RepoState::Active.as_str()))
            .group_by((repositories::kind, repositories::visibility))
            .select((repositories::kind, repositories::visibility, count_star()))
            .load(c)
            .await?;
        let operations: i64 = operations::table.count().get_result(c).await?;
        Ok(((all, active, administrators), organizations, repositories, operations))
    }

    pub async fn daily(c: &mut Connection, from: i64) -> Result<Vec<(i64, i64, i64, i64)>> {
        let sum = |of: &str| sql::<BigInt>(&format!("CAST(SUM({of}) AS BIGINT)"));
        let found = daily_downloads::table
            .filter(daily_downloads::day.ge(from))
            .group_by(daily_downloads::day)
            .order(daily_downloads::day)
            .select((daily_downloads::day, sum("known"), sum("anonymous"), sum("files")));
        Ok(found.load(c).await?)
    }
}

impl Catalog {
    /// How much of everything there is.
    pub async fn totals(&self) -> Result<Totals> {
        let (users, organizations, repositories, operations) = read!(self.database, totals())?;
        let count = |number: i64| rows::count("a total", 0, number);
        let counted = |(kind, visibility, number): (String, String, i64)| {
            let visibility = rows::visibility("repositories.visibility", 0, &visibility)?;
            Ok((rows::parse("repositories.kind", 0, &kind)?, visibility, count(number)?))
        };
        Ok(Totals {
            users: count(users.0)?,
            active_users: count(users.1)?,
            administrators: count(users.2)?,
            organizations: count(organizations)?,
            repositories: repositories.into_iter().map(counted).collect::<Result<_>>()?,
            operations: count(operations)?,
        })
    }

    /// The downloads of all repositories by day, oldest first; days without any are left out.
    pub async fn all_daily_downloads(&self, from: Day) -> Result<Vec<Daily>> {
        let count = |number: i64| rows::count("daily_downloads", 0, number);
        let daily = |(day, known, anonymous, files): (i64, i64, i64, i64)| {
            Ok(Daily { day: Day(day), known: count(known)?, anonymous: count(anonymous)?, files: count(files)? })
        };
        read!(self.database, daily(from.0))?.into_iter().map(daily).collect()
    }
}
