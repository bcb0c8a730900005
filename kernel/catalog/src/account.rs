//! Changes of accounts after which somebody must still be in charge: of the hub, and of each organisation.
//!
//! What decides is looked at in the transaction that makes the change, behind locks on the rows it is about: of two
//! administrators who remove each other, one stays.

use ballast_database::{Error, Result, for_both, transaction};
use ballast_types::{NamespaceKey, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::audit::UnsealedRow;
use crate::rows::{self, UserRow};
use crate::tables::{members, namespaces, organizations, redirects, repositories, users};
use crate::user::Changes;
use crate::{Catalog, OrgRole, User, UserPatch};

/// What became of somebody who is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    Removed,
    /// Nobody else could administer the hub.
    LastAdministrator,
    /// Nobody else could govern this organisation.
    LastSuperAdmin(String),
    /// There are repositories in the namespace, perhaps on their way out.
    HasRepositories,
}

impl UserPatch {
    /// Whether somebody may not be an administrator after it who was one before.
    fn demotes(&self) -> bool {
        self.administrator == Some(false) || self.active == Some(false)
    }
}

for_both! {
    /// Whether a user is the only administrator who may come in. All of them stay as they are until the end of the
    /// transaction.
    async fn is_last_administrator(c: &mut Connection, id: i64) -> Result<bool> {
        let all = users::table.filter(users::administrator.eq(true).and(users::active.eq(true)));
        let all: Vec<i64> = lock!(all.order(users::id).select(users::id)).load(c).await?;
        Ok(all == [id])
    }

    pub async fn change(c: &mut Connection, id: i64, patch: UserPatch, note: Option<UnsealedRow>)
        -> Result<Option<(UserRow, String)>> {
        if patch.demotes() && is_last_administrator(c, id).await? {
            return Ok(None);
        }
        if patch != UserPatch::default()
            && diesel::update(users::table.find(id)).set(Changes::from(patch)).execute(c).await? == 0
        {
            return Err(Error::NotFound);
        }
        put_down!(c, note);
        let changed = users::table.inner_join(namespaces::table).filter(users::id.eq(id));
        Ok(Some(changed.select((UserRow::as_select(), namespaces::name)).first(c).await?))
    }

    /// Keeps a namespace from getting repositories until the end of the transaction.
    async fn close(c: &mut Connection, id: i64) -> Result<()> {
        let _: i64 = lock!(namespaces::table.find(id).select(namespaces::id)).first(c).await?;
        Ok(())
    }

    /// Removes a closed namespace, unless there are repositories in it.
    async fn remove_namespace(c: &mut Connection, id: i64, note: Option<UnsealedRow>) -> Result<Removal> {
        let any = repositories::table.filter(repositories::namespace.eq(id)).select(repositories::id);
        if any.first::<i64>(c).await.optional()?.is_some() {
            return Ok(Removal::HasRepositories);
        }
        diesel::delete(redirects::table.filter(redirects::namespace.eq(id))).execute(c).await?;
        diesel::delete(namespaces::table.find(id)).execute(c).await?;
        put_down!(c, note);
        Ok(Removal::Removed)
    }

    /// An organisation that this user alone governs. Its members, and those of all others that the user belongs to,
    /// stay as they are until the end of the transaction.
    async fn governed_alone(c: &mut Connection, id: i64) -> Result<Option<String>> {
        let mine = || members::table.filter(members::member.eq(id)).select(members::organization);
        let locked = organizations::table.filter(organizations::id.eq_any(mine())).order(organizations::id);
        let locked: Vec<i64> = lock!(locked.select(organizations::id)).load(c).await?;
        let others = members::table.filter(members::organization.eq_any(locked)).filter(members::member.ne(id));
        let others = others.filter(members::role.eq(OrgRole::SuperAdmin.as_str())).select(members::organization);
        let alone = members::table
            .inner_join(organizations::table.inner_join(namespaces::table))
            .filter(members::member.eq(id).and(members::role.eq(OrgRole::SuperAdmin.as_str())))
            .filter(members::organization.ne_all(others.load::<i64>(c).await?));
        Ok(alone.order(members::organization).select(namespaces::name).first(c).await.optional()?)
    }

    pub async fn remove_user(c: &mut Connection, id: i64, note: Option<UnsealedRow>) -> Result<Removal> {
        close(c, id).await?;
        if is_last_administrator(c, id).await? {
            return Ok(Removal::LastAdministrator);
        }
        if let Some(organization) = governed_alone(c, id).await? {
            return Ok(Removal::LastSuperAdmin(organization));
        }
        remove_namespace(c, id, note).await
    }

    pub async fn remove_organization(c: &mut Connection, id: i64, note: Option<UnsealedRow>) -> Result<Removal> {
        close(c, id).await?;
        remove_namespace(c, id, note).await
    }

    /// Why a user could not be removed now, their repositories apart. Nothing is changed.
    pub async fn hindrance(c: &mut Connection, id: i64) -> Result<Option<Removal>> {
        if is_last_administrator(c, id).await? {
            return Ok(Some(Removal::LastAdministrator));
        }
        Ok(governed_alone(c, id).await?.map(Removal::LastSuperAdmin))
    }
}

impl Catalog {
    /// Changes a user, unless nobody could administer the hub afterwards: then none, and nothing is changed.
    /// `NotFound`; `Exists` for an address that is taken.
    pub async fn change_user(&self, key: UserKey, patch: UserPatch) -> Result<Option<User>> {
        let database = self.database.outdating(self.memory.subjects.all());
        transaction!(database, change(key.0, patch, self.note_row()?))?.map(rows::user).transpose()
    }

    /// Whether anything but their repositories keeps a user from being removed, as it is now.
    pub async fn removal_hindrance(&self, key: UserKey) -> Result<Option<Removal>> {
        transaction!(self.database, hindrance(key.0))
    }

    /// Removes a user with their namespace, memberships, likes and invitations; what they said in discussions stays,
    /// without a name. `NotFound` where they are gone.
    pub async fn remove_user(&self, key: UserKey) -> Result<Removal> {
        let database = self.database.outdating(self.memory.subjects.all());
        let database = database.outdating(self.memory.roles.all()).outdating(self.memory.names.all());
        transaction!(database, remove_user(key.0, self.note_row()?))
    }

    /// Removes an organisation with its memberships and invitations. `NotFound` where it is gone.
    pub async fn remove_organization(&self, key: NamespaceKey) -> Result<Removal> {
        let database = self.database.outdating(self.memory.roles.all()).outdating(self.memory.names.all());
        transaction!(database, remove_organization(key.0, self.note_row()?))
    }
}
