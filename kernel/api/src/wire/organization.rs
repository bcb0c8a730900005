use ballast_services::{Census, OrgRole, Organization, OrganizationAbout, User};
use poem_openapi::{Enum, Object};
use serde::Deserialize;

/// An organisation to be made.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    pub name: String,
    pub description: Option<String>,
}

/// An organisation that was made.
#[derive(Object)]
pub struct OrganizationMade {
    pub success: bool,
    pub name: String,
}

/// An organisation.
#[derive(Object)]
pub struct OrganizationInfo {
    pub name: String,
    pub description: String,
    pub created_at: String,
    pub repo_count: RepoCount,
    /// Where the answer comes from: `local`.
    #[oai(rename = "_source")]
    pub source: String,
}

impl From<OrganizationAbout> for OrganizationInfo {
    fn from(about: OrganizationAbout) -> Self {
        Self {
            name: about.organization.name.to_string(),
            description: about.organization.description,
            created_at: about.organization.created_at.to_string(),
            repo_count: RepoCount::from(about.repositories),
            source: "local".to_owned(),
        }
    }
}

/// How many repositories the caller may know of.
#[derive(Object)]
pub struct RepoCount {
    pub model: u64,
    pub dataset: u64,
    pub space: u64,
    pub total: u64,
}

impl From<Census> for RepoCount {
    fn from(census: Census) -> Self {
        Self { model: census.models, dataset: census.datasets, space: census.spaces, total: census.total() }
    }
}

/// What a member may do; each includes those before it.
#[derive(Clone, Copy, Deserialize, Enum)]
#[serde(rename_all = "kebab-case")]
#[oai(rename_all = "kebab-case")]
pub enum MemberRole {
    /// Reads what is private.
    Visitor,
    /// Writes content; creates and deletes branches and tags.
    Member,
    /// Settings, protection, members, move and delete.
    Admin,
    /// The organisation itself.
    SuperAdmin,
}

impl From<MemberRole> for OrgRole {
    fn from(role: MemberRole) -> Self {
        match role {
            MemberRole::Visitor => Self::Visitor,
            MemberRole::Member => Self::Member,
            MemberRole::Admin => Self::Admin,
            MemberRole::SuperAdmin => Self::SuperAdmin,
        }
    }
}

impl From<OrgRole> for MemberRole {
    fn from(role: OrgRole) -> Self {
        match role {
            OrgRole::Visitor => Self::Visitor,
            OrgRole::Member => Self::Member,
            OrgRole::Admin => Self::Admin,
            OrgRole::SuperAdmin => Self::SuperAdmin,
        }
    }
}

/// Somebody to be let in.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    pub username: String,
    pub role: MemberRole,
}

/// What a member is to be.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    pub role: MemberRole,
}

/// The members of an organisation.
#[derive(Object)]
pub struct MemberList {
    pub members: Vec<MemberItem>,
}

/// A member of an organisation.
#[derive(Object)]
pub struct MemberItem {
    pub user: String,
    pub role: MemberRole,
}

impl From<(User, OrgRole)> for MemberItem {
    fn from((user, role): (User, OrgRole)) -> Self {
        Self { user: user.name.to_string(), role: role.into() }
    }
}

/// The organisations of a user.
#[derive(Object)]
pub struct OrganizationList {
    pub organizations: Vec<OrganizationItem>,
}

/// An organisation of a user.
#[derive(Object)]
pub struct OrganizationItem {
    pub name: String,
    pub description: String,
    pub role: MemberRole,
}

impl From<(Organization, OrgRole)> for OrganizationItem {
    fn from((organization, role): (Organization, OrgRole)) -> Self {
        Self { name: organization.name.to_string(), description: organization.description, role: role.into() }
    }
}
