//! What a repository holds, counted anew.

use ballast_contract::Error;
use ballast_database::{for_both, transaction};
use ballast_types::RepoKey;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use crate::failure::Failure;
use crate::schema::{blobs, held, holdings};
use crate::{Content, Settlement};

impl Content {
    /// Goes over a repository's holdings and makes their sum its level, which is a new revision also where the sum is
    /// right: whoever was told another number at the old one hears it. Answers what to tell the quota.
    pub async fn recount(&self, repo: RepoKey) -> Result<Settlement, Error> {
        let counted: Result<(), Failure> = transaction!(self.database(), recount(repo.0));
        counted.map_err(|failure| failure.during("content.recount"))?;
        self.settlement(repo).await
    }
}

for_both! {
    pub async fn recount(c: &mut Connection, repository: i64) -> Result<(), Failure> {
        let level = lock_held!(c, repository);
        let confirmed = holdings::table.inner_join(blobs::table).filter(holdings::repository.eq(repository));
        let sum = sql::<BigInt>("CAST(COALESCE(SUM(blobs.size), 0) AS BIGINT)");
        let sum: i64 = confirmed.filter(holdings::pending.is_null()).select(sum).first(c).await?;
        move_held!(c, repository, level, sum - level.0);
        Ok(())
    }
}
