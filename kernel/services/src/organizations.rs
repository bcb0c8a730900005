//! Organisations: making them, and what anybody may know of them.

use ballast_catalog::{Census, Clash, NamespaceKind, NewOrganization};
use ballast_contract::Page;
use ballast_types::{Name, NamespaceKey, UserKey, Visibility};
use serde_json::json;

use crate::audit::{By, organization_object};
use crate::paging::page_size;
use crate::profile::{LONGEST_TEXT, checked_text};
use crate::{Caller, Failure, Hub, OrgRole, Organization, Result, User};

/// An organisation as a caller sees it.
#[derive(Clone, Debug)]
pub struct OrganizationAbout {
    pub organization: Organization,
    /// Private ones are counted for members only.
    pub repositories: Census,
    pub members: u64,
}

const USUAL_PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;

impl Hub {
    /// Makes an organisation, of which the caller is the first super-admin. `Conflict` for a name that is taken.
    pub async fn create_organization(&self, caller: &Caller, name: &str, description: &str) -> Result<Organization> {
        let known = caller.writing()?;
        let name: Name = name.parse().map_err(Failure::invalid)?;
        if name.is_reserved() {
            return Err(Failure::Invalid(format!("The name '{name}' is reserved for the hub's own pages")));
        }
        let description = checked_text("The description", description, LONGEST_TEXT)?;
        let new = NewOrganization {
            name: name.clone(),
            full_name: String::new(),
            description,
            default_visibility: Visibility::Public,
            creator: Some(known.user.key),
            created_at: self.now(),
        };
        let noted = self.noting(By::Known(known), "organization.create", organization_object(&name), json!({}));
        noted.create_organization(new).await.map_err(|error| match Clash::of(&error) {
            Some(_) => Failure::Conflict(format!("The name '{name}' is taken, perhaps in another spelling")),
            None => error.into(),
        })
    }

    /// The organisation of a name, in any case. `NotFound`.
    pub(crate) async fn get_organization(&self, name: &str) -> Result<Organization> {
        let absent = || Failure::NotFound(format!("There is no organisation '{}'", name.escape_debug()));
        let name: Name = name.parse().map_err(|_| absent())?;
        self.catalog().find_organization(&name).await?.ok_or_else(absent)
    }

    /// The user of a name, in any case. `NotFound`.
    pub(crate) async fn get_user(&self, name: &str) -> Result<User> {
        let absent = || Failure::NotFound(format!("There is no user '{}'", name.escape_debug()));
        let name: Name = name.parse().map_err(|_| absent())?;
        self.catalog().find_user(&name).await?.ok_or_else(absent)
    }

    /// What a caller may know of an organisation.
    pub async fn organization(&self, caller: &Caller, name: &str) -> Result<OrganizationAbout> {
        let organization = self.get_organization(name).await?;
        let private = self.sees_private(caller, organization.key, NamespaceKind::Organization).await?;
        let repositories = self.catalog().census(organization.key, private).await?;
        let members = self.catalog().count_members(organization.key).await?;
        Ok(OrganizationAbout { organization, repositories, members })
    }

    /// Whether a caller sees what is private in a namespace.
    pub(crate) async fn sees_private(
        &self,
        caller: &Caller,
        namespace: NamespaceKey,
        kind: NamespaceKind,
    ) -> Result<bool> {
        let Ok(known) = caller.known() else { return Ok(false) };
        if known.credential.repositories.is_some() {
            return Ok(false);
        }
        if known.is_administrator() || known.user.key.namespace() == namespace {
            return Ok(true);
        }
        match kind {
            NamespaceKind::User => Ok(false),
            NamespaceKind::Organization => Ok(self.catalog().role(namespace, known.user.key).await?.is_some()),
        }
    }

    /// Who belongs to an organisation, in the order in which they have accounts.
    pub async fn list_members(
        &self,
        name: &str,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<(User, OrgRole)>> {
        let organization = self.get_organization(name).await?;
        let (after, limit) = (cursor(after)?.map(UserKey), page_size(limit, USUAL_PAGE, LONGEST_PAGE));
        let items = self.catalog().members(organization.key, after, limit + 1).await?;
        Ok(paged(items, limit, |(user, _)| user.key.0))
    }

    /// To which organisations a user belongs, oldest first.
    pub async fn list_organizations_of(
        &self,
        user: &str,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<(Organization, OrgRole)>> {
        let user = self.get_user(user).await?;
        let (after, limit) = (cursor(after)?.map(NamespaceKey), page_size(limit, USUAL_PAGE, LONGEST_PAGE));
        let items = self.catalog().memberships(user.key, after, limit + 1).await?;
        Ok(paged(items, limit, |(organization, _)| organization.key.0))
    }
}

/// The number behind which a page begins.
pub(crate) fn cursor(after: Option<&str>) -> Result<Option<i64>> {
    let wrong = |_| Failure::Invalid("There is no such page: take the address of the next one from Link".to_owned());
    after.map(|number| number.parse().map_err(wrong)).transpose()
}

/// A page of what was asked for with one more than its length.
pub(crate) fn paged<T>(mut items: Vec<T>, limit: usize, number: impl Fn(&T) -> i64) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|item| number(item).to_string());
    Page { items, next }
}
