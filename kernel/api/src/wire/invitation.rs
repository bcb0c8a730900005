use std::time::Duration;

use ballast_services::{Failure, InvitationAbout, InvitationRequest, Invited, OrgRole, Uses};
use poem_openapi::Object;
use serde::Deserialize;

use super::MemberRole;
use crate::base_url::BaseUrl;

/// An invitation to be made.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// Only somebody with this address may accept it.
    pub email: Option<String>,
    /// At most what its maker is.
    pub role: MemberRole,
    /// Null for one use, a number for so many, -1 for any number.
    pub max_usage: Option<i64>,
    /// 1 to 365, by default 7.
    pub expires_days: Option<u32>,
}

/// An invitation to make an account.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewHubInvitation {
    /// Only somebody with this address may use it.
    pub email: Option<String>,
    /// Null for one use, a number for so many, -1 for any number.
    pub max_usage: Option<i64>,
    /// 1 to 365, by default 7.
    pub expires_days: Option<u32>,
}

const USUAL_DAYS: u32 = 7;
const MOST_DAYS: u32 = 365;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl NewInvitation {
    /// What to be, and what is asked for besides.
    pub fn read(self) -> Result<(OrgRole, InvitationRequest), Failure> {
        let Self { role, email, max_usage, expires_days } = self;
        let rest = NewHubInvitation { email, max_usage, expires_days };
        Ok((OrgRole::from(role), InvitationRequest::try_from(rest)?))
    }
}

impl TryFrom<NewHubInvitation> for InvitationRequest {
    type Error = Failure;

    fn try_from(new: NewHubInvitation) -> Result<Self, Failure> {
        let odd = |why: &str| Failure::Invalid(why.to_owned());
        let uses = Uses::from_number(new.max_usage);
        let uses = uses.ok_or_else(|| odd("max_usage is null for one use, a number above 0, or -1 for any number"))?;
        let days = new.expires_days.unwrap_or(USUAL_DAYS);
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(odd("expires_days is 1 to 365"));
        }
        Ok(Self { email: new.email, uses, lifetime: DAY * days })
    }
}

/// An invitation that was made.
#[derive(Object)]
pub struct InvitationMade {
    pub success: bool,
    pub token: String,
    /// The page where it is accepted.
    pub invitation_link: String,
    pub expires_at: String,
    pub max_usage: Option<i64>,
    pub is_reusable: bool,
}

impl InvitationMade {
    pub fn new(made: Invited, base: &BaseUrl) -> Self {
        Self {
            success: true,
            invitation_link: base.join(&format!("/invite/{}", made.token)),
            token: made.token,
            expires_at: made.invitation.expires_at.to_string(),
            max_usage: made.invitation.uses.number(),
            is_reusable: made.invitation.uses != Uses::Once,
        }
    }
}

/// What an invitation says to whoever has its token.
#[derive(Object)]
pub struct InvitationInfo {
    /// `join_org`, or `register_account`: into the hub alone.
    pub action: String,
    pub inviter_username: String,
    pub expires_at: String,
    pub is_expired: bool,
    pub is_available: bool,
    /// Why it is not available.
    pub error_message: Option<String>,
    pub max_usage: Option<i64>,
    pub usage_count: u64,
    pub is_reusable: bool,
    pub org_name: Option<String>,
    pub role: Option<MemberRole>,
    /// Whom it is for alone.
    pub email: Option<String>,
}

impl From<InvitationAbout> for InvitationInfo {
    fn from(about: InvitationAbout) -> Self {
        let InvitationAbout { invitation, joins, over, is_expired } = about;
        let (org_name, role) = joins.map(|(organization, role)| (organization.to_string(), role.into())).unzip();
        Self {
            action: if org_name.is_some() { "join_org" } else { "register_account" }.to_owned(),
            inviter_username: invitation.inviter,
            expires_at: invitation.expires_at.to_string(),
            is_expired,
            is_available: over.is_none(),
            error_message: over.map(str::to_owned),
            max_usage: invitation.uses.number(),
            usage_count: invitation.used,
            is_reusable: invitation.uses != Uses::Once,
            org_name,
            role,
            email: invitation.email,
        }
    }
}

/// An invitation that was accepted.
#[derive(Object)]
pub struct InvitationAccepted {
    pub success: bool,
    pub message: String,
    pub org_name: String,
    pub role: MemberRole,
}

/// The invitations of an organisation, newest first.
#[derive(Object)]
pub struct InvitationList {
    pub invitations: Vec<InvitationItem>,
}

/// An invitation, as its organisation's admins see it.
#[derive(Object)]
pub struct InvitationItem {
    pub id: i64,
    pub token: String,
    pub email: Option<String>,
    pub role: Option<MemberRole>,
    pub created_by: String,
    pub created_at: String,
    pub expires_at: String,
    pub max_usage: Option<i64>,
    pub usage_count: u64,
    pub is_reusable: bool,
    pub is_available: bool,
    /// The first time.
    pub used_at: Option<String>,
    /// Nobody has used it, and somebody still can.
    pub is_pending: bool,
}

impl From<Invited> for InvitationItem {
    fn from(invited: Invited) -> Self {
        let is_available = invited.is_available;
        let Invited { token, invitation, .. } = invited;
        Self {
            id: invitation.id,
            token,
            email: invitation.email,
            role: invitation.seat.map(|seat| seat.role.into()),
            created_by: invitation.inviter,
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
            max_usage: invitation.uses.number(),
            usage_count: invitation.used,
            is_reusable: invitation.uses != Uses::Once,
            is_available,
            used_at: invitation.used_at.map(|moment| moment.to_string()),
            is_pending: is_available && invitation.used == 0,
        }
    }
}
