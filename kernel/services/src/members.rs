//! Who belongs to an organisation: letting somebody in, changing what they are, letting them go.
//!
//! | who asks | may |
//! |---|---|
//! | a visitor or member | leave |
//! | an admin | add, change and remove members up to admin |
//! | a super-admin, an administrator of the hub | the same for everybody |
//!
//! Nobody makes anybody more than they are themselves, and the last super-admin stays. That is decided over roles which
//! the change itself finds unchanged, so two super-admins who remove each other at the same moment are decided about one
//! after the other.

use ballast_catalog::Standing;
use ballast_types::UserKey;
use serde_json::json;

use crate::audit::{By, organization_object};
use crate::caller::Known;
use crate::{Caller, Failure, Hub, OrgRole, Organization, Result, User};

/// What is to happen to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Add(OrgRole),
    Become(OrgRole),
    Remove,
}

impl Change {
    /// As records name it.
    fn action(self) -> &'static str {
        match self {
            Self::Add(_) => "member.add",
            Self::Become(_) => "member.change",
            Self::Remove => "member.remove",
        }
    }
}

/// An organisation whose members a caller would change; what they may is decided for each of them.
pub struct Members {
    hub: Hub,
    organization: Organization,
    known: Known,
}

/// How often a decision is made again because somebody else was faster.
const TRIES: usize = 20;

impl Hub {
    /// An organisation's members, to be changed by a caller: with a credential that may let somebody in.
    pub async fn members_of(&self, caller: &Caller, organization: &str) -> Result<Members> {
        let known = caller.managing_credentials()?.clone();
        Ok(Members { hub: self.clone(), organization: self.get_organization(organization).await?, known })
    }
}

impl Members {
    /// Lets a user in. `Conflict` where they are a member already.
    pub async fn add(&self, user: &str, role: OrgRole) -> Result<User> {
        self.change(user, Change::Add(role)).await
    }

    /// Makes a member something else.
    pub async fn change_role(&self, user: &str, role: OrgRole) -> Result<User> {
        self.change(user, Change::Become(role)).await
    }

    /// Ends a membership, perhaps one's own.
    pub async fn remove(&self, user: &str) -> Result<User> {
        self.change(user, Change::Remove).await
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(crate) fn organization(&self) -> &Organization {
        &self.organization
    }

    pub(crate) fn by(&self) -> By<'_> {
        By::Known(&self.known)
    }

    pub(crate) fn actor(&self) -> UserKey {
        self.known.user.key
    }

    /// What the caller is there, for verbs that take an admin.
    pub(crate) async fn governing(&self) -> Result<OrgRole> {
        if self.known.is_administrator() {
            return Ok(OrgRole::SuperAdmin);
        }
        let role = self.hub.catalog().role(self.organization.key, self.actor()).await?;
        let why = || Failure::Forbidden("Only admins of an organisation invite into it".to_owned());
        role.filter(|role| *role >= OrgRole::Admin).ok_or_else(why)
    }

    async fn change(&self, user: &str, change: Change) -> Result<User> {
        let target = self.hub.get_user(user).await?;
        let (catalog, actor) = (self.hub.catalog(), self.known.user.key);
        for _ in 0..TRIES {
            let standing = catalog.standing(self.organization.key, actor, target.key).await?;
            let role = decide(&self.known, &target, standing, change)?;
            let details = json!({ "user": target.name, "from": standing.target, "to": role });
            let object = organization_object(&self.organization.name);
            let noted = self.hub.noting(By::Known(&self.known), change.action(), object, details);
            if noted.change_member(self.organization.key, actor, target.key, standing, role).await? {
                return Ok(target);
            }
        }
        Err(Failure::Conflict("The members of this organisation are changing all the time: try again".to_owned()))
    }
}

/// What the target is to be afterwards.
fn decide(known: &Known, target: &User, standing: Standing, change: Change) -> Result<Option<OrgRole>> {
    let own = if known.is_administrator() { Some(OrgRole::SuperAdmin) } else { standing.actor };
    let leaving = change == Change::Remove && known.user.key == target.key;
    let own = match own {
        Some(own) if own >= OrgRole::Admin || leaving => own,
        None if leaving => OrgRole::Visitor,
        _ => return Err(Failure::Forbidden("Only admins of an organisation change its members".to_owned())),
    };
    let absent = || Failure::NotFound(format!("'{}' is no member of this organisation", target.name));
    let to = match (change, standing.target) {
        (Change::Add(_), Some(_)) => {
            return Err(Failure::Conflict(format!("'{}' is a member already", target.name)));
        }
        (Change::Add(role), None) => Some(role),
        (Change::Become(role), there) => there.and(Some(role)).ok_or_else(absent).map(Some)?,
        (Change::Remove, there) => there.ok_or_else(absent).map(|_| None)?,
    };
    if standing.target.max(to) > Some(own) {
        return Err(Failure::Forbidden(format!("You are {own} in this organisation, and this takes more than that")));
    }
    let governs = standing.target == Some(OrgRole::SuperAdmin) && to != Some(OrgRole::SuperAdmin);
    if governs && !standing.another_super_admin {
        let why = format!("'{}' is the last super-admin: make somebody else one first", target.name);
        return Err(Failure::Conflict(why));
    }
    Ok(to)
}
