//! Which user an auth plugin's subject is.

use std::sync::Arc;

use ballast_database::{Error, Result, for_both, read, transaction};
use ballast_types::UserKey;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::rows::{self, UserRow};
use crate::tables::{identities, namespaces, users};
use crate::{Catalog, User};

/// More subjects than one user has with one instance.
const SUBJECTS: i64 = 1000;

for_both! {
    pub async fn link(c: &mut Connection, instance: String, subject: String, user: i64) -> Result<()> {
        let row = (
            identities::instance.eq(&instance),
            identities::subject.eq(&subject),
            identities::user_id.eq(user),
        );
        diesel::insert_into(identities::table).values(row).on_conflict_do_nothing().execute(c).await?;
        let linked: i64 = identities::table.find((instance, subject)).select(identities::user_id).first(c).await?;
        if linked == user { Ok(()) } else { Err(Error::Exists { constraint: "identities".to_owned() }) }
    }

    pub async fn find(c: &mut Connection, instance: String, subject: String) -> Result<Option<(UserRow, String)>> {
        let found = identities::table.inner_join(users::table.inner_join(namespaces::table))
            .filter(identities::instance.eq(instance).and(identities::subject.eq(subject)));
        Ok(found.select((UserRow::as_select(), namespaces::name)).first(c).await.optional()?)
    }

    pub async fn subjects(c: &mut Connection, user: i64, instance: String) -> Result<Vec<String>> {
        let found = identities::table.filter(identities::user_id.eq(user).and(identities::instance.eq(instance)));
        Ok(found.order(identities::subject).limit(SUBJECTS).select(identities::subject).load(c).await?)
    }
}

impl Catalog {
    /// Says that a subject of an auth instance is this user. Again is harmless; another user's is `Exists`.
    pub async fn link_identity(&self, instance: &str, subject: &str, user: UserKey) -> Result<()> {
        transaction!(self.database, link(instance.to_owned(), subject.to_owned(), user.0))
    }

    /// The user that a subject of an auth instance is. Asked for on every request.
    pub async fn find_identity(&self, instance: &str, subject: &str) -> Result<Option<Arc<User>>> {
        let key = (instance.to_owned(), subject.to_owned());
        if let Some(user) = self.memory.subjects.get(&key) {
            return Ok(Some(user));
        }
        let mark = self.memory.subjects.mark(&key);
        let Some(row) = read!(self.database, find(instance.to_owned(), subject.to_owned()))? else { return Ok(None) };
        let user = Arc::new(rows::user(row)?);
        self.memory.subjects.put(key, user.clone(), mark);
        Ok(Some(user))
    }

    /// What an auth instance calls a user: usually one subject, at most a thousand.
    pub async fn subjects_of(&self, user: UserKey, instance: &str) -> Result<Vec<String>> {
        read!(self.database, subjects(user.0, instance.to_owned()))
    }
}
