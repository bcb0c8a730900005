//! Organisations.

use ballast_database::{Error, Result, for_both, read, transaction};
use ballast_types::{Name, NamespaceKey, Timestamp, UserKey, Visibility};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::audit::UnsealedRow;
use crate::namespace::NewNamespace;
use crate::rows::{self, OrganizationRow};
use crate::tables::{members, namespaces, organizations};
use crate::{Catalog, NamespaceKind, OrgRole};

/// A namespace that several users share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    pub key: NamespaceKey,
    pub name: Name,
    /// May be empty.
    pub full_name: String,
    /// May be empty.
    pub description: String,
    /// What its repositories are where their maker does not say.
    pub default_visibility: Visibility,
    pub created_at: Timestamp,
}

/// An organisation to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrganization {
    pub name: Name,
    pub full_name: String,
    pub description: String,
    pub default_visibility: Visibility,
    /// Its first super-admin, in the same step.
    pub creator: Option<UserKey>,
    pub created_at: Timestamp,
}

/// What to change of an organisation; none leaves things as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationPatch {
    pub full_name: Option<String>,
    pub description: Option<String>,
    pub default_visibility: Option<Visibility>,
}

#[derive(Insertable)]
#[diesel(table_name = organizations)]
struct NewRow {
    id: i64,
    full_name: String,
    description: String,
    default_visibility: &'static str,
    created_at: i64,
}

#[derive(AsChangeset)]
#[diesel(table_name = organizations)]
struct Changes {
    full_name: Option<String>,
    description: Option<String>,
    default_visibility: Option<&'static str>,
}

type Joined = (OrganizationRow, String);

for_both! {
    pub async fn create(c: &mut Connection, new: NewOrganization, note: Option<UnsealedRow>) -> Result<Joined> {
        let namespace = NewNamespace::new(NamespaceKind::Organization, &new.name, new.created_at);
        let inserted = diesel::insert_into(namespaces::table).values(namespace).returning(namespaces::id);
        let id: i64 = inserted.get_result(c).await?;
        let row = NewRow {
            id,
            full_name: new.full_name,
            description: new.description,
            default_visibility: new.default_visibility.as_str(),
            created_at: new.created_at.0,
        };
        diesel::insert_into(organizations::table).values(row).execute(c).await?;
        if let Some(creator) = new.creator {
            let (organization, member) = (members::organization.eq(id), members::member.eq(creator.0));
            let role = members::role.eq(OrgRole::SuperAdmin.as_str());
            diesel::insert_into(members::table).values((organization, member, role)).execute(c).await?;
        }
        put_down!(c, note);
        by_key(c, id).await?.ok_or(Error::NotFound)
    }

    pub async fn by_key(c: &mut Connection, id: i64) -> Result<Option<Joined>> {
        let found = organizations::table.inner_join(namespaces::table).filter(organizations::id.eq(id));
        Ok(found.select((OrganizationRow::as_select(), namespaces::name)).first(c).await.optional()?)
    }

    pub async fn by_lower(c: &mut Connection, lower: String) -> Result<Option<Joined>> {
        let found = organizations::table.inner_join(namespaces::table).filter(namespaces::lower.eq(lower));
        Ok(found.select((OrganizationRow::as_select(), namespaces::name)).first(c).await.optional()?)
    }

    pub async fn update(c: &mut Connection, id: i64, patch: OrganizationPatch, note: Option<UnsealedRow>)
        -> Result<Option<Joined>> {
        if patch != OrganizationPatch::default() {
            let changes = Changes {
                full_name: patch.full_name,
                description: patch.description,
                default_visibility: patch.default_visibility.map(Visibility::as_str),
            };
            diesel::update(organizations::table.find(id)).set(changes).execute(c).await?;
        }
        let changed = by_key(c, id).await?;
        if changed.is_some() {
            put_down!(c, note);
        }
        Ok(changed)
    }
}

impl Catalog {
    /// Makes an organisation and the namespace of its name. A name that is taken is `Exists`.
    pub async fn create_organization(&self, new: NewOrganization) -> Result<Organization> {
        let database = self.database.outdating(self.memory.roles.all());
        rows::organization(transaction!(database, create(new, self.note_row()?))?)
    }

    /// The organisation of this name, in any case.
    pub async fn find_organization(&self, name: &Name) -> Result<Option<Organization>> {
        read!(self.database, by_lower(name.lower()))?.map(rows::organization).transpose()
    }

    /// The organisation of a key; `NotFound` when it is gone or is a user.
    pub async fn get_organization(&self, key: NamespaceKey) -> Result<Organization> {
        rows::organization(read!(self.database, by_key(key.0))?.ok_or(Error::NotFound)?)
    }

    /// Changes an organisation; answers it as it is then. `NotFound`.
    pub async fn update_organization(&self, key: NamespaceKey, patch: OrganizationPatch) -> Result<Organization> {
        rows::organization(transaction!(self.database, update(key.0, patch, self.note_row()?))?.ok_or(Error::NotFound)?)
    }
}
