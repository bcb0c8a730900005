//! Collections: lists of repositories that a namespace keeps. What is in them stands in `collection_item`.

use ballast_database::{Result, for_both, read, transaction, write};
use ballast_types::{NamespaceKey, RepoKey, Timestamp};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncConnectionCore, RunQueryDsl};

use crate::rows::{self, NamespaceRow};
use crate::tables::{collection_items, collections, members, namespaces};
use crate::{Catalog, Namespace, Viewer};

/// A collection's key, as stable as its content changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectionKey(pub i64);

/// A list of repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    pub key: CollectionKey,
    /// Who keeps it.
    pub owner: Namespace,
    pub title: String,
    pub description: String,
    /// Seen by its namespace alone.
    pub private: bool,
    /// A colour.
    pub theme: String,
    /// Its place among those of its namespace.
    pub position: u32,
    pub updated_at: Timestamp,
}

/// A collection to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCollection {
    pub namespace: NamespaceKey,
    pub title: String,
    pub description: String,
    pub private: bool,
    pub theme: String,
    pub at: Timestamp,
}

/// What to change; none leaves things as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionPatch {
    pub title: Option<String>,
    pub description: Option<String>,
    pub private: Option<bool>,
    pub theme: Option<String>,
    pub position: Option<u32>,
}

/// Which collections, and which page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionQuery {
    /// Of these namespaces alone, where there are any.
    pub owners: Vec<NamespaceKey>,
    /// With one of these repositories in them, where there are any.
    pub items: Vec<RepoKey>,
    pub viewer: Viewer,
    /// The last one of the page before.
    pub after: Option<(Timestamp, CollectionKey)>,
    pub limit: usize,
}

#[derive(Insertable)]
#[diesel(table_name = collections)]
struct NewRow {
    namespace: i64,
    title: String,
    description: String,
    private: bool,
    theme: String,
    updated_at: i64,
}

#[derive(AsChangeset)]
#[diesel(table_name = collections)]
struct Changes {
    title: Option<String>,
    description: Option<String>,
    private: Option<bool>,
    theme: Option<String>,
    position: Option<i64>,
    updated_at: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = collections)]
struct Row {
    id: i64,
    title: String,
    description: String,
    private: bool,
    theme: String,
    position: i64,
    updated_at: i64,
}

fn collection((row, owner): (Row, NamespaceRow)) -> Result<Collection> {
    Ok(Collection {
        key: CollectionKey(row.id),
        owner: owner.try_into()?,
        title: row.title,
        description: row.description,
        private: row.private,
        theme: row.theme,
        position: rows::count("collections.position", row.id, row.position)?,
        updated_at: Timestamp(row.updated_at),
    })
}

for_both! {
    /// The collection's id, and whether it is new.
    pub async fn create(c: &mut Connection, row: NewRow) -> Result<(i64, bool)> {
        let (namespace, title) = (row.namespace, row.title.clone());
        let insert = diesel::insert_into(collections::table).values(row).on_conflict_do_nothing();
        if let Some(id) = insert.returning(collections::id).get_result(c).await.optional()? {
            return Ok((id, true));
        }
        let there = collections::table.filter(collections::namespace.eq(namespace)).filter(collections::title.eq(title));
        Ok((there.select(collections::id).first(c).await?, false))
    }

    pub async fn find(c: &mut Connection, id: i64) -> Result<Option<(Row, NamespaceRow)>> {
        let found = collections::table.inner_join(namespaces::table).filter(collections::id.eq(id));
        Ok(found.select((Row::as_select(), NamespaceRow::as_select())).first(c).await.optional()?)
    }

    pub async fn list(c: &mut Connection, query: CollectionQuery) -> Result<Vec<(Row, NamespaceRow)>> {
        let mut found = collections::table.inner_join(namespaces::table)
            .select((Row::as_select(), NamespaceRow::as_select()))
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        if !query.owners.is_empty() {
            let owners: Vec<i64> = query.owners.iter().map(|owner| owner.0).collect();
            found = found.filter(collections::namespace.eq_any(owners));
        }
        if !query.items.is_empty() {
            let items: Vec<i64> = query.items.iter().map(|item| item.0).collect();
            let within = collection_items::table.filter(collection_items::collection.eq(collections::id))
                .filter(collection_items::repository.eq_any(items));
            found = found.filter(exists(within));
        }
        found = match (query.viewer.everything, query.viewer.user) {
            (true, _) => found,
            (false, None) => found.filter(collections::private.eq(false)),
            (false, Some(user)) => {
                let membership = members::table.filter(members::organization.eq(collections::namespace))
                    .filter(members::member.eq(user.0));
                let own = collections::namespace.eq(user.0).or(exists(membership));
                found.filter(collections::private.eq(false).or(own))
            }
        };
        if let Some((Timestamp(at), CollectionKey(id))) = query.after {
            let older = collections::updated_at.lt(at).or(collections::id.lt(id));
            found = found.filter(collections::updated_at.le(at).and(older));
        }
        let found = found.order((collections::updated_at.desc(), collections::id.desc()));
        Ok(found.limit(rows::limit(query.limit)).load(c).await?)
    }

    pub async fn update(c: &mut Connection, id: i64, changes: Changes) -> Result<Option<(Row, NamespaceRow)>> {
        diesel::update(collections::table.find(id)).set(changes).execute(c).await?;
        find(c, id).await
    }

    pub async fn delete(c: &mut Connection, id: i64) -> Result<bool> {
        Ok(diesel::delete(collections::table.find(id)).execute(c).await? > 0)
    }
}

impl Catalog {
    /// Makes a collection, or finds that of this namespace and title; the flag says which.
    pub async fn create_collection(&self, new: NewCollection) -> Result<(CollectionKey, bool)> {
        let NewCollection { namespace, title, description, private, theme, at } = new;
        let row = NewRow { namespace: namespace.0, title, description, private, theme, updated_at: at.0 };
        let (id, made) = transaction!(self.database, create(row))?;
        Ok((CollectionKey(id), made))
    }

    /// A collection by its key.
    pub async fn find_collection(&self, key: CollectionKey) -> Result<Option<Collection>> {
        read!(self.database, find(key.0))?.map(collection).transpose()
    }

    /// The collections that a viewer may see, last changed first. A credential's scope does not narrow them: it names
    /// repositories.
    pub async fn list_collections(&self, query: CollectionQuery) -> Result<Vec<Collection>> {
        read!(self.database, list(query))?.into_iter().map(collection).collect()
    }

    /// Changes a collection; answers it as it is then, or none where it is gone. `Exists` where the namespace has
    /// another one of that title.
    pub async fn update_collection(
        &self,
        key: CollectionKey,
        patch: CollectionPatch,
        at: Timestamp,
    ) -> Result<Option<Collection>> {
        let CollectionPatch { title, description, private, theme, position } = patch;
        let position = position.map(i64::from);
        let changes = Changes { title, description, private, theme, position, updated_at: at.0 };
        transaction!(self.database, update(key.0, changes))?.map(collection).transpose()
    }

    /// Forgets a collection; false when it is gone already.
    pub async fn delete_collection(&self, key: CollectionKey) -> Result<bool> {
        write!(self.database, delete(key.0))
    }
}
