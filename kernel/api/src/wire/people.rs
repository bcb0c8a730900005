use ballast_services::{
    NameCheck, NamespaceKind, OrgRole, Organization, OrganizationAbout, PresencePatch, Profile, ProfilePatch,
    SourceProfile, User, UserAbout,
};
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Deserializer, Serialize};

use crate::base_url::BaseUrl;

/// Where an answer comes from that this hub knows itself; otherwise that is the other hub's address.
const LOCAL: &str = "local";

/// What a name stands for.
#[derive(Object)]
pub struct NamespaceType {
    #[oai(rename = "type")]
    pub kind: NamespaceWord,
    /// `local`, or the address of the hub that says so.
    #[oai(rename = "_source")]
    pub source: String,
}

/// A user or an organisation.
#[derive(Enum)]
#[oai(rename_all = "lowercase")]
pub enum NamespaceWord {
    User,
    Org,
}

impl From<NamespaceKind> for NamespaceType {
    fn from(kind: NamespaceKind) -> Self {
        let kind = match kind {
            NamespaceKind::User => NamespaceWord::User,
            NamespaceKind::Organization => NamespaceWord::Org,
        };
        Self { kind, source: LOCAL.to_owned() }
    }
}

/// Names at other places; null where there is none.
#[derive(Object)]
pub struct SocialMedia {
    pub twitter_x: Option<String>,
    pub threads: Option<String>,
    pub github: Option<String>,
    pub huggingface: Option<String>,
}

/// What a user shows of themselves.
#[derive(Object)]
pub struct UserProfile {
    pub username: String,
    pub full_name: Option<String>,
    pub bio: Option<String>,
    pub website: Option<String>,
    pub social_media: SocialMedia,
    pub created_at: String,
    /// `local`, or the address of the hub that says so.
    #[oai(rename = "_source")]
    pub source: String,
}

/// What an organisation shows of itself.
#[derive(Object)]
pub struct OrganizationProfile {
    pub name: String,
    pub full_name: Option<String>,
    pub description: String,
    pub bio: Option<String>,
    pub website: Option<String>,
    pub social_media: SocialMedia,
    pub member_count: u64,
    pub created_at: String,
    /// `local`, or the address of the hub that says so.
    #[oai(rename = "_source")]
    pub source: String,
}

fn shown(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

impl SocialMedia {
    fn of(profile: &Profile) -> Self {
        Self {
            twitter_x: shown(profile.twitter_x.clone()),
            threads: shown(profile.threads.clone()),
            github: shown(profile.github.clone()),
            huggingface: shown(profile.huggingface.clone()),
        }
    }
}

impl From<(User, Profile)> for UserProfile {
    fn from((user, profile): (User, Profile)) -> Self {
        Self {
            username: user.name.to_string(),
            full_name: shown(user.full_name),
            social_media: SocialMedia::of(&profile),
            bio: shown(profile.bio),
            website: shown(profile.website),
            created_at: user.created_at.to_string(),
            source: LOCAL.to_owned(),
        }
    }
}

impl From<(Organization, Profile, u64)> for OrganizationProfile {
    fn from((organization, profile, member_count): (Organization, Profile, u64)) -> Self {
        Self {
            name: organization.name.to_string(),
            full_name: shown(organization.full_name),
            description: organization.description,
            social_media: SocialMedia::of(&profile),
            bio: shown(profile.bio),
            website: shown(profile.website),
            member_count,
            created_at: organization.created_at.to_string(),
            source: LOCAL.to_owned(),
        }
    }
}

impl From<(SourceProfile, String)> for NamespaceType {
    fn from((profile, source): (SourceProfile, String)) -> Self {
        let kind = if profile.is_organization { NamespaceWord::Org } else { NamespaceWord::User };
        Self { kind, source }
    }
}

impl From<(SourceProfile, String)> for UserProfile {
    fn from((profile, source): (SourceProfile, String)) -> Self {
        Self {
            username: profile.name,
            full_name: profile.full_name,
            bio: profile.about,
            website: None,
            social_media: SocialMedia::of(&Profile::default()),
            created_at: profile.created_at.map_or_else(String::new, |at| at.to_string()),
            source,
        }
    }
}

impl From<(SourceProfile, String)> for OrganizationProfile {
    fn from((profile, source): (SourceProfile, String)) -> Self {
        Self {
            name: profile.name,
            full_name: profile.full_name,
            description: profile.about.unwrap_or_default(),
            bio: None,
            website: None,
            social_media: SocialMedia::of(&Profile::default()),
            member_count: profile.members.unwrap_or(0),
            created_at: profile.created_at.map_or_else(String::new, |at| at.to_string()),
            source,
        }
    }
}

/// What clients read of a user.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct UserOverview {
    #[oai(rename = "_id")]
    pub id: String,
    pub user: String,
    pub fullname: String,
    pub avatar_url: String,
    /// `user`
    #[oai(rename = "type")]
    pub kind: String,
    pub is_pro: bool,
    /// The bio.
    pub details: Option<String>,
    pub num_models: u64,
    pub num_datasets: u64,
    pub num_spaces: u64,
    /// Repositories that the user likes, of those that the caller may see.
    pub num_likes: u64,
    /// Nobody follows anybody on this hub.
    pub num_followers: u64,
    pub num_following: u64,
    pub orgs: Vec<OrganizationRef>,
    pub created_at: String,
    /// `local`
    #[oai(rename = "_source")]
    pub source: String,
}

/// An organisation, as it is shown with its members.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct OrganizationRef {
    pub name: String,
    pub fullname: String,
    pub avatar_url: String,
}

/// What clients read of an organisation.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct OrganizationOverview {
    #[oai(rename = "_id")]
    pub id: String,
    pub name: String,
    pub fullname: String,
    pub avatar_url: String,
    /// `org`
    #[oai(rename = "type")]
    pub kind: String,
    /// The description.
    pub details: Option<String>,
    pub is_verified: bool,
    pub num_users: u64,
    pub num_models: u64,
    pub num_datasets: u64,
    pub num_spaces: u64,
    /// Nobody follows anybody on this hub.
    pub num_followers: u64,
    pub created_at: String,
    /// `local`
    #[oai(rename = "_source")]
    pub source: String,
}

/// A user in a list.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct UserItem {
    pub user: String,
    pub fullname: String,
    pub avatar_url: String,
    /// `user`
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    pub is_pro: bool,
    /// Among an organisation's members: `visitor`, `member`, `admin` or `super-admin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// A name to be shown: the full one, where there is one.
fn fullname(full_name: &str, name: &impl ToString) -> String {
    if full_name.is_empty() { name.to_string() } else { full_name.to_owned() }
}

impl UserOverview {
    pub fn new(about: UserAbout, base: &BaseUrl) -> Self {
        let UserAbout { user, profile, repositories, likes, organizations } = about;
        let organization = |organization: Organization| OrganizationRef {
            fullname: fullname(&organization.full_name, &organization.name),
            avatar_url: base.join(&format!("/api/organizations/{}/avatar", organization.name)),
            name: organization.name.to_string(),
        };
        Self {
            id: user.key.to_string(),
            fullname: fullname(&user.full_name, &user.name),
            avatar_url: base.join(&format!("/api/users/{}/avatar", user.name)),
            user: user.name.to_string(),
            kind: "user".to_owned(),
            is_pro: false,
            details: shown(profile.bio),
            num_models: repositories.models,
            num_datasets: repositories.datasets,
            num_spaces: repositories.spaces,
            num_likes: likes,
            num_followers: 0,
            num_following: 0,
            orgs: organizations.into_iter().map(organization).collect(),
            created_at: user.created_at.to_string(),
            source: LOCAL.to_owned(),
        }
    }
}

impl OrganizationOverview {
    pub fn new(about: OrganizationAbout, base: &BaseUrl) -> Self {
        let OrganizationAbout { organization, repositories, members } = about;
        Self {
            id: organization.key.to_string(),
            fullname: fullname(&organization.full_name, &organization.name),
            avatar_url: base.join(&format!("/api/organizations/{}/avatar", organization.name)),
            name: organization.name.to_string(),
            kind: "org".to_owned(),
            details: shown(organization.description),
            is_verified: false,
            num_users: members,
            num_models: repositories.models,
            num_datasets: repositories.datasets,
            num_spaces: repositories.spaces,
            num_followers: 0,
            created_at: organization.created_at.to_string(),
            source: LOCAL.to_owned(),
        }
    }
}

impl UserItem {
    pub fn member((user, role): (User, OrgRole), base: &BaseUrl) -> Self {
        Self {
            fullname: fullname(&user.full_name, &user.name),
            avatar_url: base.join(&format!("/api/users/{}/avatar", user.name)),
            user: user.name.to_string(),
            kind: "user".to_owned(),
            is_pro: false,
            role: Some(role.as_str().to_owned()),
        }
    }
}

/// What to change of what a user shows. What is absent stays; null takes it away.
#[derive(Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
pub struct UserSettings {
    /// Takes a session, the password, or a token of role admin.
    #[serde(deserialize_with = "or_nothing")]
    pub email: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub full_name: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub bio: Option<String>,
    /// Begins with `http://` or `https://`.
    #[serde(deserialize_with = "or_nothing")]
    pub website: Option<String>,
    #[serde(deserialize_with = "or_no_names")]
    pub social_media: Option<SocialMediaSettings>,
}

/// What to change of what an organisation shows. What is absent stays; null takes it away.
#[derive(Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationSettings {
    #[serde(deserialize_with = "or_nothing")]
    pub full_name: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub description: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub bio: Option<String>,
    /// Begins with `http://` or `https://`.
    #[serde(deserialize_with = "or_nothing")]
    pub website: Option<String>,
    #[serde(deserialize_with = "or_no_names")]
    pub social_media: Option<SocialMediaSettings>,
}

/// Names at other places.
#[derive(Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
pub struct SocialMediaSettings {
    #[serde(deserialize_with = "or_nothing")]
    pub twitter_x: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub threads: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub github: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub huggingface: Option<String>,
}

/// A text, or null for none: what is taken away is an empty text.
fn or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}

fn or_no_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocialMediaSettings>, D::Error> {
    let none = || {
        let nothing = || Some(String::new());
        SocialMediaSettings { twitter_x: nothing(), threads: nothing(), github: nothing(), huggingface: nothing() }
    };
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_else(none)))
}

fn profile_patch(bio: Option<String>, website: Option<String>, names: Option<SocialMediaSettings>) -> ProfilePatch {
    let SocialMediaSettings { twitter_x, threads, github, huggingface } = names.unwrap_or_default();
    ProfilePatch { bio, website, twitter_x, threads, github, huggingface }
}

impl From<UserSettings> for PresencePatch {
    fn from(settings: UserSettings) -> Self {
        let UserSettings { email, full_name, bio, website, social_media } = settings;
        Self { full_name, description: None, email, profile: profile_patch(bio, website, social_media) }
    }
}

impl From<OrganizationSettings> for PresencePatch {
    fn from(settings: OrganizationSettings) -> Self {
        let OrganizationSettings { full_name, description, bio, website, social_media } = settings;
        Self { full_name, description, email: None, profile: profile_patch(bio, website, social_media) }
    }
}

/// A name that somebody would like to use.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct CheckName {
    pub name: String,
    /// Of a repository: in which namespace. By default the caller's own, where `type` is given.
    pub namespace: Option<String>,
    /// `model`, `dataset` or `space`; without it and without a namespace, a user or an organisation.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: Option<String>,
}

/// Whether a name is free.
#[derive(Object)]
pub struct NameChecked {
    pub available: bool,
    /// Lower case without `-` and `_`: two names that agree in it are one.
    pub normalized_name: String,
    pub conflict_with: Option<String>,
    pub message: String,
}

impl From<NameCheck> for NameChecked {
    fn from(check: NameCheck) -> Self {
        Self {
            available: check.available,
            normalized_name: check.normalized,
            conflict_with: check.conflict,
            message: check.message,
        }
    }
}

/// A picture that was kept.
#[derive(Object)]
pub struct AvatarKept {
    pub success: bool,
    pub message: String,
    /// Of what is kept.
    pub size_bytes: u64,
}
