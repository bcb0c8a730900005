//! What users and organisations show of themselves: their words and their picture.

use std::sync::Arc;

use ballast_database::{Result, for_both, read, transaction, write};
use ballast_types::NamespaceKey;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Catalog;
use crate::tables::{avatars, profiles};

/// What a namespace shows of itself. Empty is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = profiles)]
pub struct Profile {
    pub bio: String,
    pub website: String,
    /// Names at other places.
    pub twitter_x: String,
    pub threads: String,
    pub github: String,
    pub huggingface: String,
}

/// What to change of a profile; none leaves things as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = profiles)]
pub struct ProfilePatch {
    pub bio: Option<String>,
    pub website: Option<String>,
    pub twitter_x: Option<String>,
    pub threads: Option<String>,
    pub github: Option<String>,
    pub huggingface: Option<String>,
}

/// A namespace's picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avatar {
    pub jpeg: Vec<u8>,
    /// Another one for other bytes.
    pub tag: String,
}

for_both! {
    pub async fn find(c: &mut Connection, namespace: i64) -> Result<Option<Profile>> {
        Ok(profiles::table.find(namespace).select(Profile::as_select()).first(c).await.optional()?)
    }

    pub async fn update(c: &mut Connection, namespace: i64, patch: ProfilePatch) -> Result<()> {
        let row = profiles::namespace.eq(namespace);
        diesel::insert_into(profiles::table).values(row).on_conflict_do_nothing().execute(c).await?;
        diesel::update(profiles::table.find(namespace)).set(patch).execute(c).await?;
        Ok(())
    }

    pub async fn avatar(c: &mut Connection, namespace: i64) -> Result<Option<(Vec<u8>, String)>> {
        let found = avatars::table.find(namespace).select((avatars::jpeg, avatars::tag));
        Ok(found.first(c).await.optional()?)
    }

    pub async fn tag(c: &mut Connection, namespace: i64) -> Result<Option<String>> {
        Ok(avatars::table.find(namespace).select(avatars::tag).first(c).await.optional()?)
    }

    pub async fn set_avatar(c: &mut Connection, namespace: i64, jpeg: Arc<Vec<u8>>, tag: String) -> Result<()> {
        let row = (avatars::namespace.eq(namespace), avatars::jpeg.eq(&*jpeg), avatars::tag.eq(&tag));
        let insert = diesel::insert_into(avatars::table).values(row).on_conflict(avatars::namespace);
        insert.do_update().set((avatars::jpeg.eq(&*jpeg), avatars::tag.eq(&tag))).execute(c).await?;
        Ok(())
    }

    pub async fn remove_avatar(c: &mut Connection, namespace: i64) -> Result<bool> {
        Ok(diesel::delete(avatars::table.find(namespace)).execute(c).await? > 0)
    }
}

impl Catalog {
    /// What a namespace shows of itself.
    pub async fn profile(&self, namespace: NamespaceKey) -> Result<Profile> {
        Ok(read!(self.database, find(namespace.0))?.unwrap_or_default())
    }

    /// Changes that, field by field.
    pub async fn update_profile(&self, namespace: NamespaceKey, patch: ProfilePatch) -> Result<()> {
        match patch == ProfilePatch::default() {
            true => Ok(()),
            false => transaction!(self.database, update(namespace.0, patch)),
        }
    }

    /// A namespace's picture, if it has one.
    pub async fn find_avatar(&self, namespace: NamespaceKey) -> Result<Option<Avatar>> {
        Ok(read!(self.database, avatar(namespace.0))?.map(|(jpeg, tag)| Avatar { jpeg, tag }))
    }

    /// The tag of that alone.
    pub async fn find_avatar_tag(&self, namespace: NamespaceKey) -> Result<Option<String>> {
        read!(self.database, tag(namespace.0))
    }

    /// Gives a namespace a picture, in the place of the one it has.
    pub async fn set_avatar(&self, namespace: NamespaceKey, avatar: Avatar) -> Result<()> {
        write!(self.database, set_avatar(namespace.0, Arc::new(avatar.jpeg), avatar.tag))
    }

    /// Takes it away; false where there was none.
    pub async fn remove_avatar(&self, namespace: NamespaceKey) -> Result<bool> {
        write!(self.database, remove_avatar(namespace.0))
    }
}
