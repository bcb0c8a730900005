//! Refresh tokens: what renews the token of a device. Each is good once and puts another one in its place.
//!
//! A row is the login of one device. One that is shown a second time is in two hands, of which nobody knows which is the
//! device's: then the login is over for both (RFC 9700, 4.14.2).

use ballast_database::{Result, for_both, transaction, write};
use ballast_types::{Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Catalog;
use crate::tables::refresh_tokens;

/// What renews a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefreshToken {
    pub digest: [u8; 32],
    pub user: UserKey,
    /// The token's number at the instance that keeps the user's credentials.
    pub token: i64,
    pub expires_at: Timestamp,
}

/// What became of a refresh token that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It was good, and another one has taken its place: whose and which token it renews.
    Renews {
        user: UserKey,
        token: i64,
    },
    /// It was used before, and its login is over now: whose and which token is to end.
    Replayed {
        user: UserKey,
        token: i64,
    },
    Unknown,
}

for_both! {
    pub async fn add(c: &mut Connection, new: NewRefreshToken) -> Result<()> {
        use refresh_tokens::{digest, expires_at, table, token_id, user_id};
        let row = (
            digest.eq(new.digest.to_vec()),
            user_id.eq(new.user.0),
            token_id.eq(new.token),
            expires_at.eq(new.expires_at.0),
        );
        diesel::insert_into(table).values(row).execute(c).await?;
        Ok(())
    }

    pub async fn rotate(
        c: &mut Connection, shown: Vec<u8>, next: Vec<u8>, now: i64, end: i64,
    ) -> Result<Refreshed> {
        use refresh_tokens::{digest, expires_at, former, table, token_id, user_id};
        let good = table.filter(digest.eq(shown.clone())).filter(expires_at.gt(now));
        let rotated = diesel::update(good).set((digest.eq(next), former.eq(shown.clone()), expires_at.eq(end)));
        let rotated: Option<(i64, i64)> = rotated.returning((user_id, token_id)).get_result(c).await.optional()?;
        if let Some((user, token)) = rotated {
            return Ok(Refreshed::Renews { user: UserKey(user), token });
        }
        let used = diesel::delete(table.filter(former.eq(shown))).returning((user_id, token_id));
        let used: Option<(i64, i64)> = used.get_result(c).await.optional()?;
        Ok(used.map_or(Refreshed::Unknown, |(user, token)| Refreshed::Replayed { user: UserKey(user), token }))
    }

    pub async fn delete(c: &mut Connection, of: Vec<u8>) -> Result<()> {
        diesel::delete(refresh_tokens::table.find(of)).execute(c).await?;
        Ok(())
    }

    pub async fn sweep(c: &mut Connection, before: i64) -> Result<usize> {
        Ok(diesel::delete(refresh_tokens::table.filter(refresh_tokens::expires_at.lt(before))).execute(c).await?)
    }
}

impl Catalog {
    /// Remembers what renews a token.
    pub async fn create_refresh_token(&self, new: NewRefreshToken) -> Result<()> {
        write!(self.database, add(new))
    }

    /// Uses a refresh token up and puts the next one in its place, which ends at `end`.
    pub async fn rotate_refresh_token(
        &self,
        shown: [u8; 32],
        next: [u8; 32],
        now: Timestamp,
        end: Timestamp,
    ) -> Result<Refreshed> {
        transaction!(self.database, rotate(shown.to_vec(), next.to_vec(), now.0, end.0))
    }

    /// Forgets a refresh token. Idempotent.
    pub async fn delete_refresh_token(&self, digest: [u8; 32]) -> Result<()> {
        write!(self.database, delete(digest.to_vec()))
    }

    /// Removes what was over at this moment; how many.
    pub async fn sweep_refresh_tokens(&self, before: Timestamp) -> Result<usize> {
        write!(self.database, sweep(before.0))
    }
}
