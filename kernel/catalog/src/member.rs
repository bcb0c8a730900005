//! Who belongs to which organisation, and as what.

use ballast_database::{Database, Result, for_both, read, write};
use ballast_types::{NamespaceKey, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::rows::{self, OrganizationRow, UserRow};
use crate::tables::{members, namespaces, organizations, users};
use crate::{Catalog, Organization, User};

words! {
    /// What a member may do; each includes those before it.
    pub enum OrgRole: "role in an organisation" {
        /// Reads what is private.
        Visitor = "visitor",
        /// Writes content; creates and deletes branches and tags.
        Member = "member",
        /// Settings, protection, members, move and delete.
        Admin = "admin",
        /// The organisation itself.
        SuperAdmin = "super-admin",
    }
}

for_both! {
    pub async fn set(c: &mut Connection, organization: i64, member: i64, role: &'static str) -> Result<()> {
        let row = (members::organization.eq(organization), members::member.eq(member), members::role.eq(role));
        let key = (members::organization, members::member);
        let insert = diesel::insert_into(members::table).values(row).on_conflict(key);
        insert.do_update().set(members::role.eq(role)).execute(c).await?;
        Ok(())
    }

    pub async fn remove(c: &mut Connection, organization: i64, member: i64) -> Result<bool> {
        Ok(diesel::delete(members::table.find((organization, member))).execute(c).await? > 0)
    }

    pub async fn role(c: &mut Connection, organization: i64, member: i64) -> Result<Option<String>> {
        Ok(members::table.find((organization, member)).select(members::role).first(c).await.optional()?)
    }

    pub async fn of_organization(c: &mut Connection, organization: i64, after: i64, limit: i64)
        -> Result<Vec<(UserRow, String, String)>> {
        let found = members::table.inner_join(users::table.inner_join(namespaces::table))
            .filter(members::organization.eq(organization).and(members::member.gt(after)));
        let columns = (UserRow::as_select(), namespaces::name, members::role);
        Ok(found.order(members::member).limit(limit).select(columns).load(c).await?)
    }

    pub async fn of_user(c: &mut Connection, member: i64, after: i64, limit: i64)
        -> Result<Vec<(OrganizationRow, String, String)>> {
        let found = members::table.inner_join(organizations::table.inner_join(namespaces::table))
            .filter(members::member.eq(member).and(members::organization.gt(after)));
        let columns = (OrganizationRow::as_select(), namespaces::name, members::role);
        Ok(found.order(members::organization).limit(limit).select(columns).load(c).await?)
    }
}

impl Catalog {
    /// Makes a user a member, or changes what they are.
    pub async fn set_member(&self, organization: NamespaceKey, user: UserKey, role: OrgRole) -> Result<()> {
        write!(self.deciding(organization, user), set(organization.0, user.0, role.as_str()))
    }

    /// Ends a membership; false when there was none.
    pub async fn remove_member(&self, organization: NamespaceKey, user: UserKey) -> Result<bool> {
        write!(self.deciding(organization, user), remove(organization.0, user.0))
    }

    /// What a user is in an organisation, if anything.
    pub async fn role(&self, organization: NamespaceKey, user: UserKey) -> Result<Option<OrgRole>> {
        let key = (organization, user);
        if let Some(role) = self.memory.roles.get(&key) {
            return Ok(role);
        }
        let mark = self.memory.roles.mark(&key);
        let word = read!(self.database, role(organization.0, user.0))?;
        let role = word.map(|word: String| rows::parse("members.role", organization.0, &word)).transpose()?;
        self.memory.roles.put(key, role, mark);
        Ok(role)
    }

    /// The database, for a write that decides about a membership.
    fn deciding(&self, organization: NamespaceKey, user: UserKey) -> Database {
        self.database.outdating(self.memory.roles.one(&(organization, user)))
    }

    /// An organisation's members by their keys, and their roles.
    pub async fn members(
        &self,
        organization: NamespaceKey,
        after: Option<UserKey>,
        limit: usize,
    ) -> Result<Vec<(User, OrgRole)>> {
        let after = after.map_or(0, |key| key.0);
        let found = read!(self.database, of_organization(organization.0, after, rows::limit(limit)))?;
        let member = |(row, name, role): (UserRow, String, String)| {
            Ok((rows::user((row, name))?, rows::parse("members.role", organization.0, &role)?))
        };
        found.into_iter().map(member).collect()
    }

    /// A user's organisations by their keys, and the user's roles there.
    pub async fn memberships(
        &self,
        user: UserKey,
        after: Option<NamespaceKey>,
        limit: usize,
    ) -> Result<Vec<(Organization, OrgRole)>> {
        let after = after.map_or(0, |key| key.0);
        let found = read!(self.database, of_user(user.0, after, rows::limit(limit)))?;
        let membership = |(row, name, role): (OrganizationRow, String, String)| {
            let organization = rows::organization((row, name))?;
            let role = rows::parse("members.role", organization.key.0, &role)?;
            Ok((organization, role))
        };
        found.into_iter().map(membership).collect()
    }
}
