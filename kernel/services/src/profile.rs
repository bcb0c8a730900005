//! What users and organisations show of themselves, and who may change it.

use std::net::IpAddr;

use ballast_catalog::{Census, Clash, NamespaceKind, OrganizationPatch, Profile, ProfilePatch, UserPatch};
use ballast_types::{Name, NamespaceKey};
use serde_json::json;

use crate::audit::{By, organization_object, user_object};
use crate::register::checked_email;
use crate::{Caller, Failure, Hub, OrgRole, Organization, Result, User};

/// In characters.
const LONGEST_LINE: usize = 200;
pub(crate) const LONGEST_TEXT: usize = 5000;
/// Organisations that are shown with their user.
const MOST_ORGANIZATIONS: usize = 100;

/// A user as others see them.
#[derive(Clone, Debug)]
pub struct UserAbout {
    pub user: User,
    pub profile: Profile,
    /// Private ones are counted for the user only.
    pub repositories: Census,
    /// Repositories that the user likes, of those that the caller may see.
    pub likes: u64,
    /// The first hundred.
    pub organizations: Vec<Organization>,
}

/// A user or an organisation, of which the caller may change what it shows.
pub struct Presence {
    hub: Hub,
    caller: Caller,
    whose: Whose,
}

enum Whose {
    User(User),
    Organization(Organization),
}

/// What to change of what somebody shows; none leaves things as they are, an empty text takes them away.
#[derive(Clone, Debug, Default)]
pub struct PresencePatch {
    pub full_name: Option<String>,
    /// Of an organisation.
    pub description: Option<String>,
    /// Of a user; an empty text takes it away.
    pub email: Option<String>,
    pub profile: ProfilePatch,
}

impl Hub {
    /// A user or an organisation of this name.
    pub async fn namespace_kind(&self, name: &str) -> Result<NamespaceKind> {
        let absent = || Failure::NotFound(format!("There is no user or organisation '{}'", name.escape_debug()));
        let name: Name = name.parse().map_err(|_| absent())?;
        Ok(self.catalog().find_namespace(&name).await?.ok_or_else(absent)?.kind)
    }

    /// What a user shows of themselves.
    pub async fn user_profile(&self, name: &str) -> Result<(User, Profile)> {
        let user = self.get_user(name).await?;
        let profile = self.catalog().profile(user.key.namespace()).await?;
        Ok((user, profile))
    }

    /// The same with what they have, as far as the caller may know of it.
    pub async fn user_about(&self, caller: &Caller, name: &str) -> Result<UserAbout> {
        let (user, profile) = self.user_profile(name).await?;
        let namespace = user.key.namespace();
        let private = self.sees_private(caller, namespace, NamespaceKind::User).await?;
        let repositories = self.catalog().census(namespace, private).await?;
        let memberships = self.catalog().memberships(user.key, None, MOST_ORGANIZATIONS).await?;
        let organizations = memberships.into_iter().map(|(organization, _)| organization).collect();
        let likes = self.catalog().count_liked_by(user.key, caller.viewer()).await?;
        Ok(UserAbout { user, profile, repositories, likes, organizations })
    }

    /// What an organisation shows of itself, and how many belong to it.
    pub async fn organization_profile(&self, name: &str) -> Result<(Organization, Profile, u64)> {
        let organization = self.get_organization(name).await?;
        let profile = self.catalog().profile(organization.key).await?;
        let members = self.catalog().count_members(organization.key).await?;
        Ok((organization, profile, members))
    }

    /// The caller's own presence, or for an administrator of the hub anybody's.
    pub async fn presence_of_user(&self, caller: &Caller, name: &str) -> Result<Presence> {
        let known = caller.writing()?;
        let user = self.get_user(name).await?;
        if user.key != known.user.key && !known.is_administrator() {
            return Err(Failure::Forbidden("You may change your own settings, and nobody else's".to_owned()));
        }
        Ok(Presence { hub: self.clone(), caller: caller.clone(), whose: Whose::User(user) })
    }

    /// An organisation's presence, for its admins.
    pub async fn presence_of_organization(&self, caller: &Caller, name: &str) -> Result<Presence> {
        let known = caller.writing()?;
        let organization = self.get_organization(name).await?;
        let role = self.catalog().role(organization.key, known.user.key).await?;
        if role < Some(OrgRole::Admin) && !known.is_administrator() {
            return Err(Failure::Forbidden("Only admins of an organisation change its settings".to_owned()));
        }
        Ok(Presence { hub: self.clone(), caller: caller.clone(), whose: Whose::Organization(organization) })
    }
}

impl Presence {
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(crate) fn namespace(&self) -> NamespaceKey {
        match &self.whose {
            Whose::User(user) => user.key.namespace(),
            Whose::Organization(organization) => organization.key,
        }
    }

    /// Changes what is shown. `Invalid` for what cannot be shown, and for an address that belongs to somebody else. A new
    /// e-mail address is sent a link that verifies it, which counts for where the request comes `from`.
    pub async fn update(&self, patch: PresencePatch, from: Option<IpAddr>) -> Result<()> {
        let profile = checked_profile(patch.profile)?;
        let full_name = patch.full_name.map(|text| checked_line("The full name", &text)).transpose()?;
        match &self.whose {
            Whose::User(user) => self.update_user(user, full_name, patch.email, from).await?,
            Whose::Organization(organization) => {
                let description = patch.description.map(|text| checked_text("The description", &text, LONGEST_TEXT));
                let patch =
                    OrganizationPatch { full_name, description: description.transpose()?, default_visibility: None };
                if patch != OrganizationPatch::default() {
                    let object = organization_object(&organization.name);
                    let details = json!({ "full_name": patch.full_name, "description": patch.description.is_some() });
                    let noted = self.hub.noting(By::from(&self.caller), "organization.change", object, details);
                    noted.update_organization(organization.key, patch).await?;
                }
            }
        }
        Ok(self.hub.catalog().update_profile(self.namespace(), profile).await?)
    }

    async fn update_user(
        &self,
        user: &User,
        full_name: Option<String>,
        email: Option<String>,
        from: Option<IpAddr>,
    ) -> Result<()> {
        let mut patch = UserPatch { full_name, ..UserPatch::default() };
        let email = match email.as_deref().map(str::trim) {
            None => None,
            Some("") => Some(None),
            Some(text) => Some(Some(checked_email(text)?)),
        };
        if let Some(email) = email.filter(|email| *email != user.email) {
            // A password that is forgotten is made anew by this address: it lets somebody in.
            self.caller.managing_credentials()?;
            if email.is_none() && self.hub.settings().require_email_verification {
                return Err(Failure::Invalid("An account of this hub has an e-mail address".to_owned()));
            }
            patch.email = Some(email);
            patch.email_verified = Some(false);
        }
        if patch == UserPatch::default() {
            return Ok(());
        }
        let changed = matches!(patch.email, Some(Some(_)));
        let details = json!({ "full_name": patch.full_name, "email": patch.email });
        let object = user_object(&user.name);
        match self.hub.noting(By::from(&self.caller), "user.change", object, details).update_user(user.key, patch).await
        {
            Ok(user) if changed => {
                self.hub.send_verification(&user, from);
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) if Clash::of(&error) == Some(Clash::Email) => {
                Err(Failure::Invalid("This e-mail address belongs to another user".to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn checked_profile(patch: ProfilePatch) -> Result<ProfilePatch> {
    let line = |what: &str, text: Option<String>| text.map(|text| checked_line(what, &text)).transpose();
    let website = line("The website", patch.website)?;
    let is_link = |text: &String| {
        text.is_empty()
            || ["http://", "https://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
    };
    if website.as_ref().is_some_and(|text| !is_link(text) || text.contains(char::is_whitespace)) {
        return Err(Failure::Invalid("The website is an address that begins with http:// or https://".to_owned()));
    }
    Ok(ProfilePatch {
        bio: patch.bio.map(|text| checked_text("The bio", &text, LONGEST_TEXT)).transpose()?,
        website,
        twitter_x: line("social_media.twitter_x", patch.twitter_x)?,
        threads: line("social_media.threads", patch.threads)?,
        github: line("social_media.github", patch.github)?,
        huggingface: line("social_media.huggingface", patch.huggingface)?,
    })
}

pub(crate) fn checked_line(what: &str, text: &str) -> Result<String> {
    let line = checked_text(what, text, LONGEST_LINE)?;
    match line.contains(char::is_control) {
        true => Err(Failure::Invalid(format!("{what} is one line"))),
        false => Ok(line),
    }
}

/// A text of somebody's own, to be shown to others.
pub(crate) fn checked_text(what: &str, text: &str, longest: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > longest {
        return Err(Failure::Invalid(format!("{what} is longer than {longest} characters")));
    }
    match text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        true => Err(Failure::Invalid(format!("{what} holds characters that cannot be shown"))),
        false => Ok(text.to_owned()),
    }
}
