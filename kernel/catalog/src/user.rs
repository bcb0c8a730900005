//! Users.

use ballast_database::{Error, Result, for_both, read, transaction};
use ballast_types::{Name, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::audit::UnsealedRow;
use crate::namespace::NewNamespace;
use crate::rows::{self, UserRow};
use crate::tables::{namespaces, users};
use crate::{Catalog, NamespaceKind};

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub key: UserKey,
    pub name: Name,
    /// May be empty.
    pub full_name: String,
    pub email: Option<String>,
    pub email_verified: bool,
    /// Of the hub.
    pub administrator: bool,
    /// One who is not may not come in by any credential.
    pub active: bool,
    pub created_at: Timestamp,
}

/// A user to be made; active from the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    pub name: Name,
    pub full_name: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub administrator: bool,
    pub created_at: Timestamp,
}

/// What to change of a user; none leaves things as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPatch {
    pub full_name: Option<String>,
    /// `Some(None)` takes the address away.
    pub email: Option<Option<String>>,
    pub email_verified: Option<bool>,
    pub administrator: Option<bool>,
    pub active: Option<bool>,
}

/// A user to be inserted, beside their namespace.
#[derive(Insertable)]
#[diesel(table_name = users)]
pub(crate) struct NewRow {
    id: i64,
    full_name: String,
    email_lower: Option<String>,
    email: Option<String>,
    email_verified: bool,
    administrator: bool,
    active: bool,
    created_at: i64,
}

impl NewRow {
    pub(crate) fn of(id: i64, new: NewUser) -> Self {
        Self {
            id,
            full_name: new.full_name,
            email_lower: new.email.as_deref().map(str::to_lowercase),
            email: new.email,
            email_verified: new.email_verified,
            administrator: new.administrator,
            active: true,
            created_at: new.created_at.0,
        }
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = users)]
pub(crate) struct Changes {
    full_name: Option<String>,
    email_lower: Option<Option<String>>,
    email: Option<Option<String>>,
    email_verified: Option<bool>,
    administrator: Option<bool>,
    active: Option<bool>,
}

impl From<UserPatch> for Changes {
    fn from(patch: UserPatch) -> Self {
        Self {
            full_name: patch.full_name,
            email_lower: patch.email.as_ref().map(|email| email.as_deref().map(str::to_lowercase)),
            email: patch.email,
            email_verified: patch.email_verified,
            administrator: patch.administrator,
            active: patch.active,
        }
    }
}

type Joined = (UserRow, String);

for_both! {
    pub async fn create(c: &mut Connection, new: NewUser, note: Option<UnsealedRow>) -> Result<Joined> {
        let namespace = NewNamespace::new(NamespaceKind::User, &new.name, new.created_at);
        let inserted = diesel::insert_into(namespaces::table).values(namespace).returning(namespaces::id);
        let id: i64 = inserted.get_result(c).await?;
        diesel::insert_into(users::table).values(NewRow::of(id, new)).execute(c).await?;
        put_down!(c, note);
        by_key(c, id).await?.ok_or(Error::NotFound)
    }

    pub async fn by_key(c: &mut Connection, id: i64) -> Result<Option<Joined>> {
        let found = users::table.inner_join(namespaces::table).filter(users::id.eq(id));
        Ok(found.select((UserRow::as_select(), namespaces::name)).first(c).await.optional()?)
    }

    pub async fn by_lower(c: &mut Connection, lower: String) -> Result<Option<Joined>> {
        let found = users::table.inner_join(namespaces::table).filter(namespaces::lower.eq(lower));
        Ok(found.select((UserRow::as_select(), namespaces::name)).first(c).await.optional()?)
    }

    pub async fn by_email(c: &mut Connection, lower: String) -> Result<Option<Joined>> {
        let found = users::table.inner_join(namespaces::table).filter(users::email_lower.eq(lower));
        Ok(found.select((UserRow::as_select(), namespaces::name)).first(c).await.optional()?)
    }

    pub async fn by_keys(c: &mut Connection, keys: Vec<i64>) -> Result<Vec<Joined>> {
        let found = users::table.inner_join(namespaces::table).filter(users::id.eq_any(keys)).order(users::id);
        Ok(found.select((UserRow::as_select(), namespaces::name)).load(c).await?)
    }

    pub async fn list(c: &mut Connection, after: i64, limit: i64) -> Result<Vec<Joined>> {
        let found = users::table.inner_join(namespaces::table).filter(users::id.gt(after)).order(users::id);
        Ok(found.limit(limit).select((UserRow::as_select(), namespaces::name)).load(c).await?)
    }

    pub async fn count(c: &mut Connection) -> Result<i64> {
        Ok(users::table.count().get_result(c).await?)
    }

    pub async fn update(c: &mut Connection, id: i64, patch: UserPatch, note: Option<UnsealedRow>)
        -> Result<Option<Joined>> {
        if patch != UserPatch::default() {
            diesel::update(users::table.find(id)).set(Changes::from(patch)).execute(c).await?;
        }
        let changed = by_key(c, id).await?;
        if changed.is_some() {
            put_down!(c, note);
        }
        Ok(changed)
    }
}

impl Catalog {
    /// Makes a user and the namespace of their name.
    ///
    /// A name or address that is taken is `Exists`; [`Clash::of`](crate::Clash::of) says which.
    pub async fn create_user(&self, new: NewUser) -> Result<User> {
        rows::user(transaction!(self.database, create(new, self.note_row()?))?)
    }

    /// The user of this name, in any case.
    pub async fn find_user(&self, name: &Name) -> Result<Option<User>> {
        read!(self.database, by_lower(name.lower()))?.map(rows::user).transpose()
    }

    /// The user of this address, in any case.
    pub async fn find_user_by_email(&self, email: &str) -> Result<Option<User>> {
        // Anybody may ask for anything here, and PostgreSQL takes no text with a NUL in it.
        if email.contains('\0') {
            return Ok(None);
        }
        read!(self.database, by_email(email.to_lowercase()))?.map(rows::user).transpose()
    }

    /// The user of a key that somebody was given; `NotFound` when they are gone.
    pub async fn get_user(&self, key: UserKey) -> Result<User> {
        rows::user(read!(self.database, by_key(key.0))?.ok_or(Error::NotFound)?)
    }

    /// Those of a page's worth of users that are there, by key.
    pub async fn find_users(&self, keys: &[UserKey]) -> Result<Vec<User>> {
        let keys = keys.iter().map(|key| key.0).collect();
        read!(self.database, by_keys(keys))?.into_iter().map(rows::user).collect()
    }

    /// Users in the order in which they came.
    pub async fn list_users(&self, after: Option<UserKey>, limit: usize) -> Result<Vec<User>> {
        let after = after.map_or(0, |key| key.0);
        read!(self.database, list(after, rows::limit(limit)))?.into_iter().map(rows::user).collect()
    }

    /// How many users there are, inactive ones too.
    pub async fn count_users(&self) -> Result<u64> {
        rows::count("the number of users", 0, read!(self.database, count())?)
    }

    /// Changes a user; answers them as they are then. `NotFound`; `Exists` for an address that is taken.
    pub async fn update_user(&self, key: UserKey, patch: UserPatch) -> Result<User> {
        let database = self.database.outdating(self.memory.subjects.all());
        rows::user(transaction!(database, update(key.0, patch, self.note_row()?))?.ok_or(Error::NotFound)?)
    }
}
