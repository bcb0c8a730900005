use ballast_services::{Collection, CollectionItem, CollectionView, NamespaceKind};
use ballast_types::Visibility;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base_url::BaseUrl;

/// A list of repositories that a user or an organisation keeps.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Collection", rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct CollectionBody {
    /// `owner/title-key`: what names it in addresses.
    pub slug: String,
    pub title: String,
    pub description: String,
    pub owner: CollectionOwner,
    /// In lists, the first four that the caller may see; alone, all of them.
    pub items: Vec<CollectionItemBody>,
    pub last_updated: String,
    /// Its place among those of its owner. Absent in lists, where clients count for themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    pub private: bool,
    /// `orange`, `blue`, `green`, `purple`, `pink` or `indigo`
    pub theme: String,
    /// Always 0: this hub takes no votes.
    pub upvotes: u64,
    /// Always false.
    pub is_upvoted_by_user: bool,
}

/// Who keeps a collection.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct CollectionOwner {
    pub name: String,
    /// `user` or `org`
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    pub avatar_url: String,
}

/// A repository in a collection.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct CollectionItemBody {
    /// What names it within the collection.
    #[oai(rename = "_id")]
    #[serde(rename = "_id")]
    pub key: String,
    /// `namespace/name`
    pub id: String,
    /// `model`, `dataset` or `space`
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    pub position: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<CollectionNote>,
    pub author: String,
    pub private: bool,
    pub downloads: u64,
    pub likes: u64,
    pub last_modified: String,
}

/// Why it is in it.
#[derive(Debug, Object, Serialize)]
pub struct CollectionNote {
    pub text: String,
}

/// A collection after a change.
#[derive(Object)]
pub struct ChangedCollection {
    pub success: bool,
    pub data: CollectionBody,
}

/// A collection to be made.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct NewCollection {
    /// 1 to 100 characters. A namespace has one collection of a title.
    pub title: String,
    /// By default the caller's own.
    pub namespace: Option<String>,
    /// At most 1000 characters.
    pub description: Option<String>,
    pub private: Option<bool>,
    /// What it begins with.
    pub item: Option<NewItem>,
    /// Read and left aside: this hub has no resource groups.
    pub resource_group_id: Option<Value>,
}

/// What to change of a collection.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct CollectionPatch {
    pub title: Option<String>,
    pub description: Option<String>,
    /// Its place among those of its owner.
    pub position: Option<u32>,
    pub private: Option<bool>,
    /// `orange`, `blue`, `green`, `purple`, `pink` or `indigo`
    pub theme: Option<String>,
}

/// A repository to be put into a collection.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewCollectionItem {
    pub item: NewItem,
    /// At most 1000 characters.
    pub note: Option<String>,
}

/// Which repository.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// `namespace/name`
    pub id: String,
    /// `model`, `dataset` or `space`
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
}

/// What to change of an item.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct CollectionItemPatch {
    pub note: Option<String>,
    /// Counted from 0.
    pub position: Option<u32>,
}

impl CollectionBody {
    /// As it is shown by itself.
    pub fn new(view: CollectionView, base: &BaseUrl) -> Self {
        let position = Some(view.collection.position);
        Self { position, ..Self::listed(view, base) }
    }

    /// As lists have it.
    pub fn listed(CollectionView { collection, items }: CollectionView, base: &BaseUrl) -> Self {
        let (kind, kinds) = match collection.owner.kind {
            NamespaceKind::User => ("user", "users"),
            NamespaceKind::Organization => ("org", "organizations"),
        };
        let owner = collection.owner.name.to_string();
        Self {
            slug: slug(&collection),
            owner: CollectionOwner {
                kind: kind.to_owned(),
                avatar_url: base.join(&format!("/api/{kinds}/{owner}/avatar")),
                name: owner,
            },
            items: items.into_iter().zip(0..).map(|(item, position)| item_body(item, position)).collect(),
            last_updated: collection.updated_at.to_string(),
            position: None,
            private: collection.private,
            title: collection.title,
            description: collection.description,
            theme: collection.theme,
            upvotes: 0,
            is_upvoted_by_user: false,
        }
    }
}

fn item_body(CollectionItem { id, repository, note }: CollectionItem, position: u32) -> CollectionItemBody {
    CollectionItemBody {
        key: format!("{id:024x}"),
        kind: repository.kind.to_string(),
        position,
        note: (!note.is_empty()).then_some(CollectionNote { text: note }),
        author: repository.id.namespace.to_string(),
        id: repository.id.to_string(),
        private: repository.visibility == Visibility::Private,
        downloads: repository.downloads,
        likes: repository.likes,
        last_modified: repository.last_modified.to_string(),
    }
}

/// `owner/title-key`, where the title is for people and the key for the hub.
pub fn slug(collection: &Collection) -> String {
    let mut words = String::new();
    for letter in collection.title.chars().flat_map(char::to_lowercase) {
        match letter {
            letter if letter.is_ascii_alphanumeric() => words.push(letter),
            _ if words.is_empty() || words.ends_with('-') => {}
            _ => words.push('-'),
        }
    }
    let words = words.trim_end_matches('-');
    format!("{}/{words}{}{:024x}", collection.owner.name, if words.is_empty() { "" } else { "-" }, collection.key.0)
}
