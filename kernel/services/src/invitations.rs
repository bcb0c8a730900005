//! Invitations into an organisation, or into the hub alone: for whoever has the link, as often and as long as its maker
//! says.
//!
//! The link's token is the invitation's number, signed: nothing that a look into the rows would tell, and the list can
//! show it again. What counts is the row: one that is withdrawn is over at once.

use std::time::Duration;

use ballast_catalog::{Acceptance, Invitation, NewInvitation, Seat, Uses};
use ballast_contract::Page;
use ballast_types::{Name, Timestamp, UserKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::{By, hub_object, organization_object};
use crate::members::Members;
use crate::organizations::{cursor, paged};
use crate::paging::page_size;
use crate::register::checked_email;
use crate::{Caller, Failure, Hub, OrgRole, Registration, Result};

/// What is signed.
const SEAL: &str = "invitation 1";

#[derive(Serialize, Deserialize)]
struct Number {
    i: i64,
}

/// An invitation that somebody wants to make.
#[derive(Clone, Debug)]
pub struct InvitationRequest {
    pub email: Option<String>,
    pub uses: Uses,
    pub lifetime: Duration,
}

/// An invitation with its token.
#[derive(Clone, Debug)]
pub struct Invited {
    pub token: String,
    pub invitation: Invitation,
    /// Whether anybody can still accept it.
    pub is_available: bool,
}

/// What an invitation says to who has its link.
#[derive(Clone, Debug)]
pub struct InvitationAbout {
    pub invitation: Invitation,
    /// Where it leads, and as what; none is an account and nothing more.
    pub joins: Option<(Name, OrgRole)>,
    /// Why it cannot be accepted by anybody, where that is so.
    pub over: Option<&'static str>,
    pub is_expired: bool,
}

const USUAL_PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;
const EXPIRED: &str = "The invitation has expired";
const USED_UP: &str = "The invitation has been used as often as it may be";

impl Members {
    /// Makes an invitation. `Forbidden` for one to more than the caller has.
    pub async fn invite(&self, role: OrgRole, asked: InvitationRequest) -> Result<Invited> {
        let own = self.governing().await?;
        if role > own {
            return Err(Failure::Forbidden(format!("You are {own} in this organisation, and cannot invite to more")));
        }
        let seat = Seat { organization: self.organization().key, role };
        let object = organization_object(&self.organization().name);
        self.hub().make_invitation(self.by(), object, Some(seat), self.actor(), asked).await
    }

    /// The organisation's invitations, newest first.
    pub async fn list_invitations(&self, after: Option<&str>, limit: Option<usize>) -> Result<Page<Invited>> {
        self.governing().await?;
        let (before, limit) = (cursor(after)?, page_size(limit, USUAL_PAGE, LONGEST_PAGE));
        let catalog = self.hub().catalog();
        let found = catalog.list_invitations(self.organization().key, before, limit + 1).await?;
        let Page { items, next } = paged(found, limit, |invitation| invitation.id);
        Ok(Page { items: items.into_iter().map(|invitation| self.hub().invited(invitation)).collect(), next })
    }
}

impl Hub {
    /// Makes an invitation that lets somebody make an account, for an administrator of the hub. `Conflict` where nobody
    /// makes accounts for themselves.
    pub async fn invite_into_hub(&self, caller: &Caller, asked: InvitationRequest) -> Result<Invited> {
        let known = caller.managing_credentials()?;
        if !known.is_administrator() {
            return Err(Failure::Forbidden("Only administrators invite into the hub".to_owned()));
        }
        if self.settings().registration == Registration::Closed {
            let why = "Registration is closed, with an invitation too: see accounts.registration";
            return Err(Failure::Conflict(why.to_owned()));
        }
        self.make_invitation(By::Known(known), hub_object(), None, known.user.key, asked).await
    }

    async fn make_invitation(
        &self,
        by: By<'_>,
        object: String,
        seat: Option<Seat>,
        created_by: UserKey,
        asked: InvitationRequest,
    ) -> Result<Invited> {
        let now = self.now();
        let new = NewInvitation {
            seat,
            email: asked.email.as_deref().map(checked_email).transpose()?,
            uses: asked.uses,
            created_by,
            created_at: now,
            expires_at: now.after(asked.lifetime),
        };
        let role = seat.map(|seat| seat.role);
        let details = json!({ "role": role, "email": new.email, "expires_at": new.expires_at.to_string() });
        let noted = self.noting(by, "invitation.create", object, details);
        Ok(self.invited(noted.create_invitation(new).await?))
    }

    pub(crate) fn invited(&self, invitation: Invitation) -> Invited {
        let token = self.0.tickets.seal(SEAL, &Number { i: invitation.id });
        Invited { token, is_available: over(&invitation, self.now()).is_none(), invitation }
    }

    async fn invitation_of(&self, token: &str) -> Result<Invitation> {
        let absent = || Failure::NotFound("There is no such invitation, or it was withdrawn".to_owned());
        let Number { i: id } = self.0.tickets.unseal(SEAL, token).ok_or_else(absent)?;
        self.catalog().find_invitation(id).await?.ok_or_else(absent)
    }

    /// What an invitation says, to whoever has its token.
    pub async fn invitation(&self, token: &str) -> Result<InvitationAbout> {
        let invitation = self.invitation_of(token).await?;
        let joins = match invitation.seat {
            Some(Seat { organization, role }) => {
                Some((self.catalog().get_organization(organization).await?.name, role))
            }
            None => None,
        };
        let (over, is_expired) = (over(&invitation, self.now()), invitation.expires_at <= self.now());
        Ok(InvitationAbout { invitation, joins, over, is_expired })
    }

    /// Makes the caller a member. `Invalid` where it is over, for somebody else, or gives the caller nothing that they
    /// do not have already.
    pub async fn accept_invitation(&self, caller: &Caller, token: &str) -> Result<(Name, OrgRole)> {
        let known = caller.managing_credentials()?;
        let about = self.invitation(token).await?;
        let (email, verified) = (known.user.email.as_deref(), known.user.email_verified);
        self.check_invited(&about.invitation, email, verified)?;
        let Some((organization, role)) = about.joins else {
            return Err(Failure::Invalid(
                "The invitation is for somebody without an account, and you have one".to_owned(),
            ));
        };
        let details = json!({ "invitation": about.invitation.id, "role": role });
        let noted = self.noting(By::Known(known), "invitation.accept", organization_object(&organization), details);
        match noted.accept_invitation(about.invitation.id, known.user.key, self.now()).await? {
            Acceptance::Joined => Ok((organization, role)),
            Acceptance::AlreadyMember => Err(Failure::Invalid(format!("You are a member of '{organization}' already"))),
            Acceptance::Over => Err(Failure::Invalid(about.over.unwrap_or(USED_UP).to_owned())),
        }
    }

    /// The number of an invitation with which somebody of this address may register. `Forbidden`.
    pub(crate) async fn invitation_to_register(&self, token: &str, email: &str) -> Result<i64> {
        let refused = |failure| match failure {
            Failure::NotFound(why) | Failure::Invalid(why) => Failure::Forbidden(why),
            other => other,
        };
        let invitation = self.invitation_of(token).await.map_err(refused)?;
        if let Some(why) = over(&invitation, self.now()) {
            return Err(Failure::Forbidden(why.to_owned()));
        }
        // Who holds it got it at this address, or from who did.
        self.check_invited(&invitation, Some(email), true).map_err(refused)?;
        Ok(invitation.id)
    }

    fn check_invited(&self, invitation: &Invitation, email: Option<&str>, verified: bool) -> Result<()> {
        let Some(bound) = &invitation.email else { return Ok(()) };
        if email.is_none_or(|email| email.to_lowercase() != bound.to_lowercase()) {
            return Err(Failure::Invalid("The invitation is for another e-mail address".to_owned()));
        }
        match verified || !self.settings().require_email_verification {
            true => Ok(()),
            false => {
                Err(Failure::Invalid("Verify your e-mail address first: the invitation is bound to it".to_owned()))
            }
        }
    }

    /// Withdraws an invitation, for an admin of its organisation; one into the hub, for an administrator of that.
    pub async fn withdraw_invitation(&self, caller: &Caller, token: &str) -> Result<()> {
        let known = caller.known()?;
        let about = self.invitation(token).await?;
        let object = match &about.joins {
            Some((organization, _)) => {
                self.members_of(caller, organization.as_str()).await?.governing().await?;
                organization_object(organization)
            }
            None if known.is_administrator() => hub_object(),
            None => {
                return Err(Failure::Forbidden("Only administrators withdraw an invitation into the hub".to_owned()));
            }
        };
        let absent = || Failure::NotFound("The invitation was withdrawn already".to_owned());
        let details = json!({ "invitation": about.invitation.id });
        let noted = self.noting(By::from(caller), "invitation.delete", object, details);
        noted.delete_invitation(about.invitation.id).await?.then_some(()).ok_or_else(absent)
    }
}

/// Why nobody can accept an invitation, where that is so.
fn over(invitation: &Invitation, now: Timestamp) -> Option<&'static str> {
    match invitation {
        Invitation { expires_at, .. } if *expires_at <= now => Some(EXPIRED),
        Invitation { uses, used, .. } if !uses.are_left(*used) => Some(USED_UP),
        _ => None,
    }
}
