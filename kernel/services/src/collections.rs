//! Collections: lists of repositories that a user or an organisation keeps.
//!
//! Who belongs to a namespace sees its private collections; who may make repositories in it keeps all of them. An item
//! that a reader may not see is left out of what they get.

use ballast_catalog::{Addition, CollectionPatch, CollectionQuery, NewCollection};
use ballast_types::{Name, NamespaceKey, RepoId, RepoKey, RepoKind, Timestamp};

use crate::paging::page_size;
use crate::{Caller, Failure, Hub, Page, RepositoryInfo, Result};

pub use ballast_catalog::{Collection, CollectionKey};

/// A repository in a collection.
#[derive(Clone, Debug)]
pub struct CollectionItem {
    pub id: i64,
    pub repository: RepositoryInfo,
    /// May be empty.
    pub note: String,
}

/// A collection with what the caller may see of it.
#[derive(Clone, Debug)]
pub struct CollectionView {
    pub collection: Collection,
    pub items: Vec<CollectionItem>,
}

/// Which collections to list.
#[derive(Clone, Debug, Default)]
pub struct CollectionFilter {
    /// Of one of these users and organisations, where any are named.
    pub owners: Vec<String>,
    /// With one of these in them, where any are named: a kind and `namespace/name`.
    pub items: Vec<(RepoKind, String)>,
    pub after: Option<String>,
    /// 100 unless asked, at most 100.
    pub limit: Option<usize>,
}

/// A collection to be made.
#[derive(Clone, Debug)]
pub struct CollectionRequest {
    /// None is the caller's own.
    pub namespace: Option<String>,
    pub title: String,
    pub description: String,
    pub private: bool,
}

/// What to change of a collection; none leaves things as they are.
#[derive(Clone, Debug, Default)]
pub struct CollectionChange {
    pub title: Option<String>,
    pub description: Option<String>,
    pub private: Option<bool>,
    pub theme: Option<String>,
    pub position: Option<u32>,
}

/// A collection that the caller may see.
pub struct ReadableCollection {
    hub: Hub,
    caller: Caller,
    collection: Collection,
}

/// A collection that the caller may change.
pub struct WritableCollection(ReadableCollection);

const PAGE: usize = 100;
/// How many of a collection's items a list shows.
const FEW: usize = 4;
const MAX_ITEMS: usize = 500;
/// In characters.
const MAX_TITLE: usize = 100;
const MAX_TEXT: usize = 1000;
const THEMES: [&str; 6] = ["orange", "blue", "green", "purple", "pink", "indigo"];
const MAX_FILTERS: usize = 100;

impl Hub {
    /// Makes a collection. `Err` in the answer: the namespace has one of this title, and this is it.
    pub async fn create_collection(
        &self,
        caller: &Caller,
        asked: CollectionRequest,
    ) -> Result<std::result::Result<CollectionView, Collection>> {
        let place = self.place_for(caller.known()?, asked.namespace.as_deref()).await?;
        let new = NewCollection {
            namespace: place.key,
            title: title(&asked.title)?,
            description: text("description", asked.description)?,
            private: asked.private,
            theme: THEMES[1].to_owned(),
            at: self.now(),
        };
        let (key, made) = self.catalog().create_collection(new).await?;
        let collection = self.catalog().find_collection(key).await?.ok_or_else(absent)?;
        Ok(if made { Ok(CollectionView { collection, items: vec![] }) } else { Err(collection) })
    }

    /// The collections that the caller may see, last changed first, each with the first few of its items.
    pub async fn list_collections(&self, caller: &Caller, filter: CollectionFilter) -> Result<Page<CollectionView>> {
        if filter.owners.len() + filter.items.len() > MAX_FILTERS {
            return Err(Failure::Invalid(format!("At most {MAX_FILTERS} owners and items at once")));
        }
        let limit = page_size(filter.limit, PAGE, PAGE);
        let query = CollectionQuery { viewer: caller.viewer(), limit: limit + 1, ..CollectionQuery::default() };
        let Some(query) = self.narrowed(caller, query, &filter).await? else { return Ok(Page::last(vec![])) };
        let mut found = self.catalog().list_collections(query).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| format!("{}.{}", last.updated_at.0, last.key.0));
        let keys: Vec<CollectionKey> = found.iter().map(|collection| collection.key).collect();
        let items = self.catalog().collection_items(&keys, caller.viewer(), Some(FEW)).await?;
        let items = self.listed_by_rules(caller, items, |item| &item.repository).await?;
        let mut views: Vec<CollectionView> =
            found.into_iter().map(|collection| CollectionView { collection, items: vec![] }).collect();
        for item in items {
            if let Some(view) = views.iter_mut().find(|view| view.collection.key == item.collection) {
                view.items.push(shown(item));
            }
        }
        Ok(Page { items: views, next })
    }

    /// The query with the filter's names looked up; none where nothing can be found.
    async fn narrowed(
        &self,
        caller: &Caller,
        query: CollectionQuery,
        filter: &CollectionFilter,
    ) -> Result<Option<CollectionQuery>> {
        let after = filter.after.as_deref().map(place).transpose()?;
        let mut owners: Vec<NamespaceKey> = vec![];
        for owner in filter.owners.iter().filter_map(|owner| owner.parse::<Name>().ok()) {
            owners.extend(self.catalog().find_namespace(&owner).await?.map(|found| found.key));
        }
        let named = |(kind, id): &(RepoKind, String)| {
            let (namespace, name) = id.split_once('/')?;
            Some((*kind, namespace.parse().ok()?, name.parse().ok()?))
        };
        let named: Vec<(RepoKind, Name, Name)> = filter.items.iter().filter_map(named).collect();
        let found = self.catalog().find_named(&named).await?;
        let visible = self.visible_among(&caller.viewer(), caller.known().ok(), found).await?;
        let items: Vec<RepoKey> = visible.into_iter().map(|(repository, _)| repository.key).collect();
        let in_vain = |asked: usize, found: usize| asked > 0 && found == 0;
        if in_vain(filter.owners.len(), owners.len()) || in_vain(filter.items.len(), items.len()) {
            return Ok(None);
        }
        Ok(Some(CollectionQuery { owners, items, after, ..query }))
    }

    /// The right to see a collection; `slug` ends in its key, and says its title before that, which may have changed.
    pub async fn collection(&self, caller: &Caller, namespace: &str, slug: &str) -> Result<ReadableCollection> {
        let key = slug.rsplit('-').next().and_then(|key| i64::from_str_radix(key, 16).ok()).ok_or_else(absent)?;
        let collection = self.catalog().find_collection(CollectionKey(key)).await?.ok_or_else(absent)?;
        let same_owner = collection.owner.name.as_str().eq_ignore_ascii_case(namespace);
        let seen = !collection.private || self.belongs(caller, collection.owner.key).await?;
        match same_owner && seen {
            true => Ok(ReadableCollection { hub: self.clone(), caller: caller.clone(), collection }),
            false => Err(absent()),
        }
    }

    /// The right to change a collection.
    pub async fn own_collection(&self, caller: &Caller, namespace: &str, slug: &str) -> Result<WritableCollection> {
        let known = caller.writing()?;
        let collection = self.collection(caller, namespace, slug).await?;
        match self.place_for(known, Some(collection.collection.owner.name.as_str())).await {
            Ok(_) => Ok(WritableCollection(collection)),
            Err(Failure::Forbidden(_)) => {
                let why = format!("This collection is kept by '{}'", collection.collection.owner.name);
                Err(Failure::Forbidden(why))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn belongs(&self, caller: &Caller, namespace: NamespaceKey) -> Result<bool> {
        let Ok(known) = caller.known() else { return Ok(false) };
        let own = known.is_administrator() || known.user.key.namespace() == namespace;
        Ok(own || self.catalog().role(namespace, known.user.key).await?.is_some())
    }
}

impl ReadableCollection {
    /// The collection, with all of its items that the caller may see.
    pub async fn view(self) -> Result<CollectionView> {
        let Self { hub, caller, collection } = self;
        let items = hub.catalog().collection_items(&[collection.key], caller.viewer(), None).await?;
        let items = hub.listed_by_rules(&caller, items, |item| &item.repository).await?;
        Ok(CollectionView { collection, items: items.into_iter().map(shown).collect() })
    }
}

impl WritableCollection {
    /// Changes what is given. `Conflict` where the namespace has another one of that title.
    pub async fn change(self, change: CollectionChange) -> Result<CollectionView> {
        if let Some(theme) = change.theme.as_deref().filter(|theme| !THEMES.contains(theme)) {
            let why = format!("theme: '{}' is none of {}", theme.escape_debug(), THEMES.join(", "));
            return Err(Failure::Invalid(why));
        }
        let patch = CollectionPatch {
            title: change.title.as_deref().map(title).transpose()?,
            description: change.description.map(|words| text("description", words)).transpose()?,
            private: change.private,
            theme: change.theme,
            position: change.position,
        };
        let Self(ReadableCollection { hub, caller, collection }) = self;
        let updated = hub.catalog().update_collection(collection.key, patch, hub.now()).await;
        let collection = match updated {
            Err(ballast_catalog::Error::Exists { .. }) => {
                let why = format!("'{}' has another collection of this title", collection.owner.name);
                return Err(Failure::Conflict(why));
            }
            updated => updated?.ok_or_else(absent)?,
        };
        ReadableCollection { hub, caller, collection }.view().await
    }

    /// Forgets the collection; what is in it stays where it is.
    pub async fn delete(self) -> Result<()> {
        let Self(ReadableCollection { hub, collection, .. }) = self;
        hub.catalog().delete_collection(collection.key).await?;
        Ok(())
    }

    /// Puts a repository that the caller may read at the end. `Conflict` where it is in it already.
    pub async fn add(self, kind: RepoKind, id: &str, note: String) -> Result<CollectionView> {
        let Self(collection) = self;
        let note = text("note", note)?;
        let (namespace, name) = id.split_once('/').unwrap_or(("", id));
        let repository = collection.hub.readable(&collection.caller, kind, namespace, name).await?;
        let (key, now) = (collection.collection.key, collection.hub.now());
        match collection.hub.catalog().add_collection_item(key, repository.key(), note, now, MAX_ITEMS).await? {
            Addition::Done => collection.view().await,
            Addition::Known => {
                Err(Failure::Conflict(format!("The {kind} '{}' is in this collection", repository.id())))
            }
            Addition::Full => Err(Failure::Invalid(format!("A collection has at most {MAX_ITEMS} items"))),
        }
    }

    /// Changes an item's note or place, counted from 0.
    pub async fn change_item(&self, id: i64, note: Option<String>, position: Option<u32>) -> Result<()> {
        let Self(ReadableCollection { hub, collection, .. }) = self;
        if let Some(note) = note {
            let note = text("note", note)?;
            let there = hub.catalog().annotate_collection_item(collection.key, id, note, hub.now()).await?;
            there.then_some(()).ok_or_else(absent_item)?;
        }
        if let Some(position) = position {
            let there = hub.catalog().place_collection_item(collection.key, id, position as usize, hub.now()).await?;
            there.then_some(()).ok_or_else(absent_item)?;
        }
        Ok(())
    }

    /// Takes an item out.
    pub async fn remove_item(&self, id: i64) -> Result<()> {
        let Self(ReadableCollection { hub, collection, .. }) = self;
        let there = hub.catalog().remove_collection_item(collection.key, id, hub.now()).await?;
        there.then_some(()).ok_or_else(absent_item)
    }
}

fn absent() -> Failure {
    Failure::NotFound("There is no such collection, or you may not see it".to_owned())
}

fn absent_item() -> Failure {
    Failure::NotFound("There is no such item in this collection".to_owned())
}

fn shown(item: ballast_catalog::CollectionItem) -> CollectionItem {
    let id = RepoId { namespace: item.namespace, name: item.repository.name.clone() };
    let repository = RepositoryInfo::new(&item.repository, id, item.repository.head);
    CollectionItem { id: item.id, repository, note: item.note }
}

fn title(words: &str) -> Result<String> {
    let words = words.trim();
    let length = words.chars().count();
    match (1..=MAX_TITLE).contains(&length) && !words.chars().any(char::is_control) {
        true => Ok(words.to_owned()),
        false => Err(Failure::Invalid(format!("title: it has 1 to {MAX_TITLE} characters, on one line"))),
    }
}

fn text(field: &str, words: String) -> Result<String> {
    match words.chars().count() <= MAX_TEXT && !words.contains('\0') {
        true => Ok(words),
        false => Err(Failure::Invalid(format!("{field}: it has at most {MAX_TEXT} characters, without NUL"))),
    }
}

/// Where a list goes on.
fn place(cursor: &str) -> Result<(Timestamp, CollectionKey)> {
    let read = |cursor: &str| {
        let (at, key) = cursor.split_once('.')?;
        Some((Timestamp(at.parse().ok()?), CollectionKey(key.parse().ok()?)))
    };
    read(cursor).ok_or_else(|| Failure::invalid("The cursor is not one that this list gave"))
}
