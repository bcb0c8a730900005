//! What the links in mails prove: that somebody reads what is sent to an address.

use ballast_database::{Result, for_both, transaction, write};
use ballast_types::{Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::rows::{self, UserRow};
use crate::tables::{mail_tokens, namespaces, users};
use crate::{Catalog, User};

words! {
    /// What a link is for.
    pub enum MailPurpose: "purpose of a link" {
        /// The address is its user's.
        Verify = "verify",
        /// A new password may be set.
        Reset = "reset",
    }
}

/// A link to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMailToken {
    /// Of what stands in the link.
    pub digest: [u8; 32],
    pub user: UserKey,
    pub purpose: MailPurpose,
    /// Where it is sent to.
    pub email: String,
    pub expires_at: Timestamp,
}

for_both! {
    pub async fn add(c: &mut Connection, new: NewMailToken) -> Result<()> {
        use mail_tokens::{digest, email_lower, expires_at, purpose, table, user_id};
        let row = (
            digest.eq(new.digest.to_vec()),
            user_id.eq(new.user.0),
            purpose.eq(new.purpose.as_str()),
            email_lower.eq(new.email.to_lowercase()),
            expires_at.eq(new.expires_at.0),
        );
        diesel::insert_into(table).values(row).execute(c).await?;
        Ok(())
    }

    /// Whoever comes with it has read what was sent to the address; the other links of its kind that went there are over
    /// with it, and not those that went to the address that is the user's by now.
    pub async fn take(c: &mut Connection, digest: Vec<u8>, purpose: &'static str, now: i64)
        -> Result<Option<(UserRow, String)>> {
        use mail_tokens::{email_lower, expires_at, table, user_id};
        let link = table.find(digest).filter(mail_tokens::purpose.eq(purpose)).filter(expires_at.gt(now));
        let Some(user): Option<i64> = link.clone().select(user_id).first(c).await.optional()? else { return Ok(None) };
        // Two links of one user at the same time come one after the other: each takes the other's row away.
        let _: i64 = lock!(users::table.find(user).select(users::id)).first(c).await?;
        let taken = diesel::delete(link).returning(email_lower).get_result(c).await.optional()?;
        let Some(email): Option<String> = taken else { return Ok(None) };
        let others = table.filter(user_id.eq(user)).filter(mail_tokens::purpose.eq(purpose));
        diesel::delete(others.filter(email_lower.eq(email.clone()))).execute(c).await?;
        let same = users::table.find(user).filter(users::email_lower.eq(email));
        if diesel::update(same).set(users::email_verified.eq(true)).execute(c).await? == 0 {
            return Ok(None);
        }
        let found = users::table.inner_join(namespaces::table).filter(users::id.eq(user));
        Ok(Some(found.select((UserRow::as_select(), namespaces::name)).first(c).await?))
    }

    pub async fn sweep(c: &mut Connection, before: i64) -> Result<usize> {
        Ok(diesel::delete(mail_tokens::table.filter(mail_tokens::expires_at.lt(before))).execute(c).await?)
    }
}

impl Catalog {
    /// Remembers a link that is about to be sent.
    pub async fn create_mail_token(&self, new: NewMailToken) -> Result<()> {
        write!(self.database, add(new))
    }

    /// Uses up a link: the user, whose address is verified by it. None where there is no such link (any more), or it
    /// went to an address that is not the user's any more.
    pub async fn take_mail_token(
        &self,
        digest: [u8; 32],
        purpose: MailPurpose,
        now: Timestamp,
    ) -> Result<Option<User>> {
        let database = self.database.outdating(self.memory.subjects.all());
        let taken = transaction!(database, take(digest.to_vec(), purpose.as_str(), now.0))?;
        taken.map(rows::user).transpose()
    }

    /// Removes links that were over at this moment; how many.
    pub async fn sweep_mail_tokens(&self, before: Timestamp) -> Result<usize> {
        write!(self.database, sweep(before.0))
    }
}
