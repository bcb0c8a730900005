use ballast_services::{CollectionChange, CollectionFilter, CollectionRequest, Failure};
use ballast_types::RepoKind;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::{OpenCall, OwnCall};
use crate::error::{Answer, ApiError};
use crate::extract::JsonBody;
use crate::paged::Paged;
use crate::wire::{
    ChangedCollection, CollectionBody, CollectionItemPatch, CollectionPatch, Message, NewCollection, NewCollectionItem,
    NewItem, collection_slug,
};

pub struct Collections;

#[OpenApi(tag = "Group::Collections")]
impl Collections {
    /// List collections
    ///
    /// Those that the caller may see, last changed first.
    #[oai(path = "/api/collections", method = "get", operation_id = "list_collections")]
    async fn list_collections(
        &self,
        call: OpenCall,
        /// Only those of these users and organisations.
        owner: Query<Option<Vec<String>>>,
        /// Only those with one of these in them: `models/namespace/name` and so on.
        /// The `_id` of the item.
        item: Query<Option<Vec<String>>>,
        /// `lastModified` (by default); `trending` and `upvotes` are the same, because this hub takes no votes.
        sort: Query<Option<String>>,
        /// 1 to 100, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Paged<CollectionBody>> {
        if let Some(other) = sort.0.filter(|sort| !matches!(sort.as_str(), "lastModified" | "trending" | "upvotes")) {
            let why = format!("sort: '{}' is none of lastModified, trending, upvotes", other.escape_debug());
            return Err(Failure::Invalid(why).into());
        }
        let items = item.0.unwrap_or_default();
        let items = items.iter().map(|item| named(item)).collect::<Result<_, _>>()?;
        let owners = owner.0.unwrap_or_default();
        let filter = CollectionFilter { owners, items, after: cursor.0, limit: limit.0 };
        let page = call.hub.list_collections(&call.caller, filter).await?;
        let next = call.next(page.next.as_deref());
        let items = page.items.into_iter().map(|view| CollectionBody::listed(view, &call.base)).collect();
        Ok(Paged::new(items).followed_by(next))
    }

    /// Create a collection
    ///
    /// A title that the namespace has already is answered with 409 and the slug of what is there.
    #[oai(path = "/api/collections", method = "post", operation_id = "create_collection")]
    async fn create_collection(&self, call: OwnCall, new: JsonBody<NewCollection>) -> Answer<Json<CollectionBody>> {
        let NewCollection { title, namespace, description, private, item, .. } = new.0;
        let first = item.map(|item| kind(&item).map(|kind| (kind, item.id))).transpose()?;
        let description = description.unwrap_or_default();
        let asked = CollectionRequest { namespace, title, description, private: private.unwrap_or(false) };
        let view = match call.hub.create_collection(&call.caller, asked).await? {
            Ok(view) => view,
            Err(there) => {
                let slug = collection_slug(&there);
                let why = format!("'{}' has a collection of this title: {slug}", there.owner.name);
                return Err(ApiError::from(Failure::Conflict(why)).with("slug", slug.into()));
            }
        };
        let view = match first {
            None => view,
            Some((kind, id)) => {
                let slug = collection_slug(&view.collection);
                let (owner, slug) = slug.split_once('/').unwrap_or_default();
                call.hub.own_collection(&call.caller, owner, slug).await?.add(kind, &id, String::new()).await?
            }
        };
        Ok(Json(CollectionBody::new(view, &call.base)))
    }

    /// Get a collection
    ///
    /// With all of its items that the caller may see. What is private is there for its owner alone.
    #[oai(path = "/api/collections/:namespace/:slug", method = "get", operation_id = "get_collection")]
    async fn get_collection(
        &self,
        call: OpenCall,
        namespace: Path<String>,
        /// What follows the owner in the slug: a title, and a key that counts alone.
        slug: Path<String>,
    ) -> Answer<Json<CollectionBody>> {
        let view = call.hub.collection(&call.caller, &namespace, &slug).await?.view().await?;
        Ok(Json(CollectionBody::new(view, &call.base)))
    }

    /// Change a collection
    ///
    /// What is absent stays as it is. A new title changes the slug; the old one leads there still.
    #[oai(path = "/api/collections/:namespace/:slug", method = "patch", operation_id = "update_collection")]
    async fn update_collection(
        &self,
        call: OwnCall,
        namespace: Path<String>,
        /// What follows the owner in the slug: a title, and a key that counts alone.
        slug: Path<String>,
        patch: JsonBody<CollectionPatch>,
    ) -> Answer<Json<ChangedCollection>> {
        let CollectionPatch { title, description, position, private, theme } = patch.0;
        let change = CollectionChange { title, description, private, theme, position };
        let view = call.hub.own_collection(&call.caller, &namespace, &slug).await?.change(change).await?;
        Ok(Json(ChangedCollection { success: true, data: CollectionBody::new(view, &call.base) }))
    }

    /// Delete a collection
    ///
    /// What is in it stays where it is.
    #[oai(path = "/api/collections/:namespace/:slug", method = "delete", operation_id = "delete_collection")]
    async fn delete_collection(
        &self,
        call: OwnCall,
        namespace: Path<String>,
        /// What follows the owner in the slug: a title, and a key that counts alone.
        slug: Path<String>,
    ) -> Answer<Json<Message>> {
        call.hub.own_collection(&call.caller, &namespace, &slug).await?.delete().await?;
        Ok(Json(Message { message: "The collection is deleted".to_owned() }))
    }

    /// Put a repository into a collection
    ///
    /// At its end. One that is in it already is answered with 409.
    #[oai(path = "/api/collections/:namespace/:slug/items", method = "post", operation_id = "add_collection_item")]
    async fn add_collection_item(
        &self,
        call: OwnCall,
        namespace: Path<String>,
        /// What follows the owner in the slug: a title, and a key that counts alone.
        slug: Path<String>,
        new: JsonBody<NewCollectionItem>,
    ) -> Answer<Json<CollectionBody>> {
        let kind = kind(&new.0.item)?;
        let collection = call.hub.own_collection(&call.caller, &namespace, &slug).await?;
        let view = collection.add(kind, &new.0.item.id, new.0.note.unwrap_or_default()).await?;
        Ok(Json(CollectionBody::new(view, &call.base)))
    }

    /// Change an item's note or place
    ///
    /// Those between its old and its new place make room.
    #[oai(
        path = "/api/collections/:namespace/:slug/items/:item",
        method = "patch",
        operation_id = "update_collection_item"
    )]
    async fn update_collection_item(
        &self,
        call: OwnCall,
        namespace: Path<String>,
        /// What follows the owner in the slug: a title, and a key that counts alone.
        slug: Path<String>,
        /// The `_id` of the item.
        item: Path<String>,
        patch: JsonBody<CollectionItemPatch>,
    ) -> Answer<Json<Message>> {
        let collection = call.hub.own_collection(&call.caller, &namespace, &slug).await?;
        collection.change_item(item_key(&item)?, patch.0.note, patch.0.position).await?;
        Ok(Json(Message { message: "The item is changed".to_owned() }))
    }

    /// Take an item out of a collection
    ///
    /// The repository itself stays where it is.
    #[oai(
        path = "/api/collections/:namespace/:slug/items/:item",
        method = "delete",
        operation_id = "delete_collection_item"
    )]
    async fn delete_collection_item(
        &self,
        call: OwnCall,
        namespace: Path<String>,
        /// What follows the owner in the slug: a title, and a key that counts alone.
        slug: Path<String>,
        /// The `_id` of the item.
        item: Path<String>,
    ) -> Answer<Json<Message>> {
        let collection = call.hub.own_collection(&call.caller, &namespace, &slug).await?;
        collection.remove_item(item_key(&item)?).await?;
        Ok(Json(Message { message: "The item is taken out".to_owned() }))
    }
}

fn kind(item: &NewItem) -> Result<RepoKind, Failure> {
    match item.kind.as_str() {
        word @ ("paper" | "collection" | "bucket" | "kernel") => Err(Failure::Unsupported(format!(
            "Collections of this hub hold models, datasets and spaces, and no {word}"
        ))),
        word => word.parse().map_err(Failure::invalid),
    }
}

/// `models/namespace/name`
fn named(text: &str) -> Result<(RepoKind, String), Failure> {
    let kinds = [RepoKind::Model, RepoKind::Dataset, RepoKind::Space];
    let found = text.split_once('/').and_then(|(word, id)| {
        let kind = kinds.into_iter().find(|kind| kind.plural() == word)?;
        Some((kind, id.to_owned()))
    });
    found.ok_or_else(|| {
        let shown = text.escape_debug();
        Failure::Invalid(format!("item: '{shown}' is none of models/…, datasets/… and spaces/…"))
    })
}

fn item_key(text: &str) -> Result<i64, Failure> {
    let absent = || Failure::NotFound("There is no such item in this collection".to_owned());
    i64::from_str_radix(text, 16).map_err(|_| absent())
}
