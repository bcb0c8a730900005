//! Invitations into organisations and into the hub, and the accounts that are made with them or without.

use ballast_database::{Error, Result, for_both, read, transaction};
use ballast_types::{NamespaceKey, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::audit::UnsealedRow;
use crate::namespace::NewNamespace;
use crate::rows::{self, InvitationRow, UserRow};
use crate::tables::{identities, invitations, members, namespaces, organizations, users};
use crate::user::NewRow as NewUserRow;
use crate::{Catalog, NamespaceKind, NewUser, OrgRole, User};

/// How often an invitation may be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    Once,
    Times(u32),
    Unlimited,
}

impl Uses {
    /// As a column and the wire have it: null, a number, or -1.
    pub fn number(self) -> Option<i64> {
        match self {
            Self::Once => None,
            Self::Times(times) => Some(times.into()),
            Self::Unlimited => Some(-1),
        }
    }

    /// None for a number that says nothing of the kind.
    pub fn from_number(number: Option<i64>) -> Option<Self> {
        match number {
            None => Some(Self::Once),
            Some(-1) => Some(Self::Unlimited),
            Some(times) => u32::try_from(times).ok().filter(|times| *times > 0).map(Self::Times),
        }
    }

    /// Whether there is another use after so many.
    pub fn are_left(self, used: u64) -> bool {
        match self {
            Self::Once => used < 1,
            Self::Times(times) => used < times.into(),
            Self::Unlimited => true,
        }
    }
}

/// A place in an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    pub organization: NamespaceKey,
    pub role: OrgRole,
}

/// The right to become a member, or to make an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub id: i64,
    /// None is into the hub alone.
    pub seat: Option<Seat>,
    /// For this address only.
    pub email: Option<String>,
    pub uses: Uses,
    pub used: u64,
    pub created_by: UserKey,
    /// Of whom that is.
    pub inviter: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// The first time.
    pub used_at: Option<Timestamp>,
}

/// An invitation to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvitation {
    /// None is into the hub alone.
    pub seat: Option<Seat>,
    pub email: Option<String>,
    pub uses: Uses,
    pub created_by: UserKey,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What became of somebody who accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    Joined,
    /// They were a member before, and nothing is used.
    AlreadyMember,
    /// It is expired, used up or withdrawn.
    Over,
}

#[derive(Insertable)]
#[diesel(table_name = invitations)]
struct NewRow {
    organization: Option<i64>,
    role: Option<&'static str>,
    email: Option<String>,
    max_usage: Option<i64>,
    created_by: i64,
    created_at: i64,
    expires_at: i64,
}

type Joined = (InvitationRow, String);
type TakenRow = (Option<i64>, Option<String>);

for_both! {
    pub async fn create(c: &mut Connection, row: NewRow, note: Option<UnsealedRow>) -> Result<Joined> {
        let inserted = diesel::insert_into(invitations::table).values(row).returning(invitations::id);
        let id: i64 = inserted.get_result(c).await?;
        put_down!(c, note);
        find(c, id).await?.ok_or(Error::NotFound)
    }

    pub async fn find(c: &mut Connection, id: i64) -> Result<Option<Joined>> {
        let found = invitations::table.inner_join(users::table.inner_join(namespaces::table));
        let found = found.filter(invitations::id.eq(id));
        Ok(found.select((InvitationRow::as_select(), namespaces::name)).first(c).await.optional()?)
    }

    pub async fn list(c: &mut Connection, organization: i64, before: i64, limit: i64) -> Result<Vec<Joined>> {
        let found = invitations::table.inner_join(users::table.inner_join(namespaces::table));
        let found = found.filter(invitations::organization.eq(organization)).filter(invitations::id.lt(before));
        let found = found.order(invitations::id.desc()).limit(limit);
        Ok(found.select((InvitationRow::as_select(), namespaces::name)).load(c).await?)
    }

    pub async fn list_all(c: &mut Connection, before: i64, limit: i64) -> Result<Vec<Joined>> {
        let found = invitations::table.inner_join(users::table.inner_join(namespaces::table));
        let found = found.filter(invitations::id.lt(before)).order(invitations::id.desc()).limit(limit);
        Ok(found.select((InvitationRow::as_select(), namespaces::name)).load(c).await?)
    }

    pub async fn delete(c: &mut Connection, id: i64, note: Option<UnsealedRow>) -> Result<bool> {
        let deleted = diesel::delete(invitations::table.find(id)).execute(c).await? > 0;
        if deleted {
            put_down!(c, note);
        }
        Ok(deleted)
    }

    /// Uses an invitation once, if it can be; answers where to and as what, if anywhere.
    pub async fn take(c: &mut Connection, id: i64, now: i64) -> Result<Option<TakenRow>> {
        use invitations::{expires_at, max_usage, table, usage_count, used_at};
        let once = max_usage.is_null().and(usage_count.lt(1));
        let left = max_usage.eq(-1).or(max_usage.gt(usage_count.nullable())).assume_not_null().or(once);
        let open = table.find(id).filter(expires_at.gt(now)).filter(left);
        let uses = diesel::update(open).set(usage_count.eq(usage_count + 1));
        let taken = uses.returning((invitations::organization, invitations::role)).get_result(c).await.optional()?;
        let first = table.find(id).filter(used_at.is_null());
        diesel::update(first).set(used_at.eq(now)).execute(c).await?;
        Ok(taken)
    }

    pub async fn accept(c: &mut Connection, id: i64, user: i64, now: i64, note: Option<UnsealedRow>)
        -> Result<Acceptance> {
        let of: Option<Option<i64>> =
            invitations::table.find(id).select(invitations::organization).first(c).await.optional()?;
        let Some(organization) = of.flatten() else { return Ok(Acceptance::Over) };
        lock_members(c, organization).await?;
        let member = members::table.find((organization, user)).select(members::member);
        if member.first::<i64>(c).await.optional()?.is_some() {
            return Ok(Acceptance::AlreadyMember);
        }
        let Some((Some(organization), Some(role))) = take(c, id, now).await? else { return Ok(Acceptance::Over) };
        join(c, organization, user, role).await?;
        put_down!(c, note);
        Ok(Acceptance::Joined)
    }

    /// Everything that changes members takes its organisation's row first.
    async fn lock_members(c: &mut Connection, organization: i64) -> Result<()> {
        let row = organizations::table.find(organization).select(organizations::id);
        let _: i64 = lock!(row).first(c).await?;
        Ok(())
    }

    /// None where the invitation is over; then nothing is written.
    pub async fn register(
        c: &mut Connection, new: NewUser, instance: String, subject: String, invitation: Option<i64>,
        note: Option<UnsealedRow>,
    ) -> Result<Option<(UserRow, String)>> {
        if let Some(id) = invitation {
            let of = invitations::table.find(id).select(invitations::organization);
            if let Some(organization) = of.first::<Option<i64>>(c).await.optional()?.flatten() {
                lock_members(c, organization).await?;
            }
        }
        let joins = match invitation {
            Some(id) => match take(c, id, new.created_at.0).await? {
                Some(joins) => Some(joins),
                None => return Ok(None),
            },
            None => None,
        };
        let namespace = NewNamespace::new(NamespaceKind::User, &new.name, new.created_at);
        let inserted = diesel::insert_into(namespaces::table).values(namespace).returning(namespaces::id);
        let id: i64 = inserted.get_result(c).await?;
        diesel::insert_into(users::table).values(NewUserRow::of(id, new)).execute(c).await?;
        let identity =
            (identities::instance.eq(instance), identities::subject.eq(subject), identities::user_id.eq(id));
        diesel::insert_into(identities::table).values(identity).execute(c).await?;
        if let Some((Some(organization), Some(role))) = joins {
            join(c, organization, id, role).await?;
        }
        put_down!(c, note);
        let made = users::table.inner_join(namespaces::table).filter(users::id.eq(id));
        Ok(Some(made.select((UserRow::as_select(), namespaces::name)).first(c).await?))
    }

    pub async fn join(c: &mut Connection, organization: i64, user: i64, role: String) -> Result<()> {
        let row = (members::organization.eq(organization), members::member.eq(user), members::role.eq(role));
        diesel::insert_into(members::table).values(row).on_conflict_do_nothing().execute(c).await?;
        Ok(())
    }
}

impl Catalog {
    /// Makes an invitation.
    pub async fn create_invitation(&self, new: NewInvitation) -> Result<Invitation> {
        let row = NewRow {
            organization: new.seat.map(|seat| seat.organization.0),
            role: new.seat.map(|seat| seat.role.as_str()),
            email: new.email,
            max_usage: new.uses.number(),
            created_by: new.created_by.0,
            created_at: new.created_at.0,
            expires_at: new.expires_at.0,
        };
        rows::invitation(transaction!(self.database, create(row, self.note_row()?))?)
    }

    /// The invitation of an id.
    pub async fn find_invitation(&self, id: i64) -> Result<Option<Invitation>> {
        read!(self.database, find(id))?.map(rows::invitation).transpose()
    }

    /// An organisation's invitations, newest first, those before this id.
    pub async fn list_invitations(
        &self,
        organization: NamespaceKey,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Invitation>> {
        let before = before.unwrap_or(i64::MAX);
        let found = read!(self.database, list(organization.0, before, rows::limit(limit)))?;
        found.into_iter().map(rows::invitation).collect()
    }

    /// The invitations into all organisations, newest first, those before this id.
    pub async fn list_all_invitations(&self, before: Option<i64>, limit: usize) -> Result<Vec<Invitation>> {
        let found = read!(self.database, list_all(before.unwrap_or(i64::MAX), rows::limit(limit)))?;
        found.into_iter().map(rows::invitation).collect()
    }

    /// Withdraws an invitation; false where it is gone.
    pub async fn delete_invitation(&self, id: i64) -> Result<bool> {
        transaction!(self.database, delete(id, self.note_row()?))
    }

    /// Makes a user a member by an invitation, counting its use in the same step.
    pub async fn accept_invitation(&self, id: i64, user: UserKey, now: Timestamp) -> Result<Acceptance> {
        let database = self.database.outdating(self.memory.roles.all());
        transaction!(database, accept(id, user.0, now.0, self.note_row()?))
    }

    /// Makes a user whom a subject of an auth instance is, in one step; and with an invitation its use and the
    /// membership too. None where the invitation is over. A name or address that is taken is `Exists`;
    /// [`Clash::of`](crate::Clash::of) says which.
    pub async fn register_user(
        &self,
        new: NewUser,
        instance: &str,
        subject: &str,
        invitation: Option<i64>,
    ) -> Result<Option<User>> {
        let database = self.database.outdating(self.memory.roles.all());
        let (instance, subject) = (instance.to_owned(), subject.to_owned());
        let made = transaction!(database, register(new, instance, subject, invitation, self.note_row()?))?;
        made.map(rows::user).transpose()
    }
}
