//! Namespaces: the names that users and organisations share.

use ballast_database::{Result, for_both, read};
use ballast_types::{Name, NamespaceKey, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Catalog;
use crate::rows::NamespaceRow;
use crate::tables::namespaces;

words! {
    /// What a namespace is.
    pub enum NamespaceKind: "kind of namespace" {
        User = "user",
        Organization = "organization",
    }
}

/// The left half of `acme/bert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    pub key: NamespaceKey,
    pub kind: NamespaceKind,
    /// As its owner writes it.
    pub name: Name,
}

/// A namespace to be inserted, with the spellings that must be unique.
#[derive(Insertable)]
#[diesel(table_name = namespaces)]
pub(crate) struct NewNamespace {
    kind: &'static str,
    name: String,
    lower: String,
    normalized: String,
    created_at: i64,
}

impl NewNamespace {
    pub(crate) fn new(kind: NamespaceKind, name: &Name, created_at: Timestamp) -> Self {
        Self {
            kind: kind.as_str(),
            name: name.as_str().to_owned(),
            lower: name.lower(),
            normalized: name.normalized(),
            created_at: created_at.0,
        }
    }
}

for_both! {
    pub async fn by_lower(c: &mut Connection, lower: String) -> Result<Option<NamespaceRow>> {
        let found = namespaces::table.filter(namespaces::lower.eq(lower)).select(NamespaceRow::as_select());
        Ok(found.first(c).await.optional()?)
    }

    pub async fn by_normalized(c: &mut Connection, normalized: String) -> Result<Option<NamespaceRow>> {
        let found = namespaces::table.filter(namespaces::normalized.eq(normalized)).select(NamespaceRow::as_select());
        Ok(found.first(c).await.optional()?)
    }

    pub async fn by_keys(c: &mut Connection, keys: Vec<i64>) -> Result<Vec<NamespaceRow>> {
        let found = namespaces::table.filter(namespaces::id.eq_any(keys)).order(namespaces::id);
        Ok(found.select(NamespaceRow::as_select()).load(c).await?)
    }
}

impl Catalog {
    /// The namespace of this name, in any case.
    pub async fn find_namespace(&self, name: &Name) -> Result<Option<Namespace>> {
        read!(self.database, by_lower(name.lower()))?.map(Namespace::try_from).transpose()
    }

    /// The namespace that makes this name unusable for a new one: the same letters and digits, in any spelling.
    pub async fn find_similar_namespace(&self, name: &Name) -> Result<Option<Namespace>> {
        read!(self.database, by_normalized(name.normalized()))?.map(Namespace::try_from).transpose()
    }

    /// Those of a page's worth of namespaces that are there, by key.
    pub async fn find_namespaces(&self, keys: &[NamespaceKey]) -> Result<Vec<Namespace>> {
        let keys = keys.iter().map(|key| key.0).collect();
        read!(self.database, by_keys(keys))?.into_iter().map(Namespace::try_from).collect()
    }
}
