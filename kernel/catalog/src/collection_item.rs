//! What is in a collection, in its order.

use ballast_database::{Result, for_both, read, transaction};
use ballast_types::{Name, RepoKey, Timestamp, Visibility};
use diesel::dsl::{exists, max};
use diesel::prelude::*;
use diesel_async::{AsyncConnectionCore, RunQueryDsl};

use crate::listing::visible;
use crate::rows::{self, RepositoryRow};
use crate::tables::{collection_items, collections, members, namespaces, repositories};
use crate::{Catalog, CollectionKey, RepoState, Repository, Viewer};

/// A repository in a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionItem {
    pub id: i64,
    pub collection: CollectionKey,
    pub repository: Repository,
    /// Of its namespace.
    pub namespace: Name,
    /// May be empty.
    pub note: String,
}

/// What became of a repository that was to be put into a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    Done,
    /// It is in it already.
    Known,
    /// It has as many items as it may have, or is gone.
    Full,
}

type Joined = (i64, i64, String, RepositoryRow, String);

fn item((id, collection, note, row, namespace): Joined) -> Result<CollectionItem> {
    let repository = Repository::try_from(row)?;
    let namespace = rows::parse("namespaces.name", repository.namespace.0, &namespace)?;
    Ok(CollectionItem { id, collection: CollectionKey(collection), repository, namespace, note })
}

for_both! {
    pub async fn list(
        c: &mut Connection,
        keys: Vec<i64>,
        viewer: Viewer,
        few: Option<i64>,
    ) -> Result<Vec<Joined>> {
        let mut found = collection_items::table.inner_join(repositories::table.inner_join(namespaces::table))
            .filter(collection_items::collection.eq_any(keys))
            .filter(repositories::state.eq(RepoState::Active.as_str()))
            .order((collection_items::collection, collection_items::position, collection_items::id))
            .select((
                collection_items::id,
                collection_items::collection,
                collection_items::note,
                RepositoryRow::as_select(),
                namespaces::name,
            ))
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        if let Some(few) = few {
            let others = diesel::alias!(collection_items as others);
            let last = || {
                let of = others.filter(others.field(collection_items::collection).eq(collection_items::collection));
                let position = others.field(collection_items::position);
                of.order(position).offset(few - 1).limit(1).select(position).single_value()
            };
            found = found.filter(last().is_null().or(collection_items::position.nullable().le(last())));
        }
        Ok(visible!(found, viewer).load(c).await?)
    }

    /// Locks a collection and says that it changed; false when it is gone.
    async fn touch(c: &mut Connection, collection: i64, at: i64) -> Result<bool> {
        let row = collections::table.find(collection);
        Ok(diesel::update(row).set(collections::updated_at.eq(at)).execute(c).await? > 0)
    }

    pub async fn add(
        c: &mut Connection,
        (collection, repository): (i64, i64),
        note: String,
        at: i64,
        most: i64,
    ) -> Result<Addition> {
        use collection_items::{position, table};
        let there = touch(c, collection, at).await?;
        let of = || table.filter(collection_items::collection.eq(collection));
        let count: i64 = of().count().get_result(c).await?;
        if !there || count >= most {
            return Ok(Addition::Full);
        }
        let last: Option<i64> = of().select(max(position)).first(c).await?;
        let row = (
            collection_items::collection.eq(collection),
            collection_items::repository.eq(repository),
            collection_items::note.eq(note),
            position.eq(last.map_or(0, |last| last + 1)),
        );
        match diesel::insert_into(table).values(row).on_conflict_do_nothing().execute(c).await? {
            0 => Ok(Addition::Known),
            _ => Ok(Addition::Done),
        }
    }

    pub async fn annotate(c: &mut Connection, collection: i64, id: i64, note: String, at: i64) -> Result<bool> {
        let there = touch(c, collection, at).await?;
        let row = collection_items::table.find(id).filter(collection_items::collection.eq(collection));
        Ok(diesel::update(row).set(collection_items::note.eq(note)).execute(c).await? > 0 && there)
    }

    /// Puts an item at this place, counted from 0; those between its old and its new one make room.
    pub async fn place(c: &mut Connection, collection: i64, id: i64, to: usize, at: i64) -> Result<bool> {
        use collection_items::{position, table};
        touch(c, collection, at).await?;
        let of = || table.filter(collection_items::collection.eq(collection));
        let ordered = of().order((position, collection_items::id)).select((collection_items::id, position));
        let ordered: Vec<(i64, i64)> = ordered.load(c).await?;
        let Some((_, from)) = ordered.iter().find(|(item, _)| *item == id).copied() else { return Ok(false) };
        let Some((_, to)) = ordered.get(to).or(ordered.last()).copied() else { return Ok(false) };
        if from < to {
            let between = of().filter(position.gt(from).and(position.le(to)));
            diesel::update(between).set(position.eq(position - 1)).execute(c).await?;
        } else {
            let between = of().filter(position.ge(to).and(position.lt(from)));
            diesel::update(between).set(position.eq(position + 1)).execute(c).await?;
        }
        diesel::update(table.find(id)).set(position.eq(to)).execute(c).await?;
        Ok(true)
    }

    pub async fn remove(c: &mut Connection, collection: i64, id: i64, at: i64) -> Result<bool> {
        touch(c, collection, at).await?;
        let row = collection_items::table.find(id).filter(collection_items::collection.eq(collection));
        Ok(diesel::delete(row).execute(c).await? > 0)
    }
}

impl Catalog {
    /// What a viewer may see of these collections, each in its order; of the first `few` of each, where that is given.
    pub async fn collection_items(
        &self,
        keys: &[CollectionKey],
        viewer: Viewer,
        few: Option<usize>,
    ) -> Result<Vec<CollectionItem>> {
        let keys = keys.iter().map(|key| key.0).collect();
        read!(self.database, list(keys, viewer, few.map(rows::limit)))?.into_iter().map(item).collect()
    }

    /// Puts a repository at a collection's end, which then has at most `most` items.
    pub async fn add_collection_item(
        &self,
        collection: CollectionKey,
        repository: RepoKey,
        note: String,
        at: Timestamp,
        most: usize,
    ) -> Result<Addition> {
        let which = (collection.0, repository.0);
        transaction!(self.database, add(which, note, at.0, rows::limit(most)))
    }

    /// Changes an item's note; false where the collection has no such item.
    pub async fn annotate_collection_item(
        &self,
        collection: CollectionKey,
        id: i64,
        note: String,
        at: Timestamp,
    ) -> Result<bool> {
        transaction!(self.database, annotate(collection.0, id, note, at.0))
    }

    /// Puts an item at this place of its collection, counted from 0, or at its end where it is shorter; false where the
    /// collection has no such item.
    pub async fn place_collection_item(
        &self,
        collection: CollectionKey,
        id: i64,
        to: usize,
        at: Timestamp,
    ) -> Result<bool> {
        transaction!(self.database, place(collection.0, id, to, at.0))
    }

    /// Takes an item out of a collection; false where it has no such item.
    pub async fn remove_collection_item(&self, collection: CollectionKey, id: i64, at: Timestamp) -> Result<bool> {
        transaction!(self.database, remove(collection.0, id, at.0))
    }
}
