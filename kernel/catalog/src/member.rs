//! Who belongs to which organisation, and as what.

use ballast_database::{Database, Result, for_both, read, transaction, write};
use ballast_types::{NamespaceKey, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::audit::UnsealedRow;
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

/// What decides about a change of one member: who asks for it, whom it is about, and whether anybody else could still
/// govern the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub actor: Option<OrgRole>,
    pub target: Option<OrgRole>,
    /// There is a super-admin who is not the target.
    pub another_super_admin: bool,
}

type StandingRow = (Vec<(i64, String)>, bool);

for_both! {
    pub async fn standing(c: &mut Connection, organization: i64, actor: i64, target: i64) -> Result<StandingRow> {
        let of = members::table.filter(members::organization.eq(organization));
        let roles = of.filter(members::member.eq_any([actor, target])).select((members::member, members::role));
        let roles: Vec<(i64, String)> = roles.load(c).await?;
        let others = of.filter(members::role.eq(OrgRole::SuperAdmin.as_str()).and(members::member.ne(target)));
        let another = diesel::select(diesel::dsl::exists(others)).get_result(c).await?;
        Ok((roles, another))
    }

    /// Where the standing is still what was seen; false otherwise. Changes of one organisation's members wait for each
    /// other.
    pub async fn change(
        c: &mut Connection, organization: i64, actor: UserKey, target: UserKey, seen: Standing,
        to: Option<&'static str>, note: Option<UnsealedRow>,
    ) -> Result<bool> {
        let row = organizations::table.find(organization).select(organizations::id);
        let _: i64 = lock!(row).first(c).await?;
        let found = standing(c, organization, actor.0, target.0).await?;
        if Standing::read(organization, actor, target, found)? != seen {
            return Ok(false);
        }
        match to {
            Some(role) => set(c, organization, target.0, role).await?,
            None => _ = remove(c, organization, target.0).await?,
        }
        put_down!(c, note);
        Ok(true)
    }

    pub async fn count(c: &mut Connection, organization: i64) -> Result<i64> {
        Ok(members::table.filter(members::organization.eq(organization)).count().get_result(c).await?)
    }

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

    pub async fn roles(c: &mut Connection, organizations: Vec<i64>, member: i64) -> Result<Vec<(i64, String)>> {
        let found = members::table.filter(members::organization.eq_any(organizations).and(members::member.eq(member)));
        Ok(found.select((members::organization, members::role)).load(c).await?)
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

impl Standing {
    fn read(organization: i64, actor: UserKey, target: UserKey, (roles, another): StandingRow) -> Result<Self> {
        let role = |user: UserKey| {
            let found = roles.iter().find(|(member, _)| *member == user.0);
            found.map(|(_, word)| rows::parse("members.role", organization, word)).transpose()
        };
        Ok(Self { actor: role(actor)?, target: role(target)?, another_super_admin: another })
    }
}

impl Catalog {
    /// What decides about a change of one member, as it is now.
    pub async fn standing(&self, organization: NamespaceKey, actor: UserKey, target: UserKey) -> Result<Standing> {
        let found = read!(self.database, standing(organization.0, actor.0, target.0))?;
        Standing::read(organization.0, actor, target, found)
    }

    /// Makes somebody a member, changes what they are or (with none) ends it, if what decided about it is still so.
    /// False where it is not: then it is to be decided anew. `NotFound` where the organisation is gone.
    pub async fn change_member(
        &self,
        organization: NamespaceKey,
        actor: UserKey,
        target: UserKey,
        seen: Standing,
        role: Option<OrgRole>,
    ) -> Result<bool> {
        let role = role.map(OrgRole::as_str);
        let (database, note) = (self.deciding(organization, target), self.note_row()?);
        transaction!(database, change(organization.0, actor, target, seen, role, note))
    }

    /// How many members there are.
    pub async fn count_members(&self, organization: NamespaceKey) -> Result<u64> {
        rows::count("the number of members", organization.0, read!(self.database, count(organization.0))?)
    }

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

    /// What a user is in those of a few organisations where they are anything. One statement.
    pub async fn roles_in(
        &self,
        organizations: &[NamespaceKey],
        user: UserKey,
    ) -> Result<Vec<(NamespaceKey, OrgRole)>> {
        let found = read!(self.database, roles(organizations.iter().map(|key| key.0).collect(), user.0))?;
        let role = |(organization, word): (i64, String)| {
            Ok((NamespaceKey(organization), rows::parse("members.role", organization, &word)?))
        };
        found.into_iter().map(role).collect()
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
