//! Organisations: finding and removing them.

use ballast_contract::Page;
use ballast_types::{Name, NamespaceKey};
use serde_json::json;

use super::users::removed;
use super::{Administrator, DirectoryQuery, cursor_of_this_list};
use crate::audit::organization_object;
use crate::{Failure, NamespaceQuota, Organization, Result};

/// An organisation, with what it has.
#[derive(Clone, Debug)]
pub struct OrganizationAccount {
    pub organization: Organization,
    pub members: u64,
    pub repositories: u64,
    pub quota: NamespaceQuota,
}

impl Administrator {
    /// A page of organisations.
    pub async fn search_organizations(&self, query: &DirectoryQuery) -> Result<Page<OrganizationAccount>> {
        let found = self.hub.catalog().search_organizations(query.query()).await.map_err(cursor_of_this_list)?;
        let Page { items, next } = query.paged(found, |one| (one.key.0, one.name.clone()));
        Ok(Page { items: self.organizations(items).await?, next })
    }

    /// An organisation, with what it has. `NotFound`.
    pub async fn organization_account(&self, name: &str) -> Result<OrganizationAccount> {
        let organization = self.hub.get_organization(name).await?;
        let gone = || Failure::NotFound(format!("There is no organisation '{}'", name.escape_debug()));
        self.organizations(vec![organization]).await?.pop().ok_or_else(gone)
    }

    async fn organizations(&self, found: Vec<Organization>) -> Result<Vec<OrganizationAccount>> {
        let namespaces: Vec<(NamespaceKey, Name)> = found.iter().map(|one| (one.key, one.name.clone())).collect();
        let keys: Vec<NamespaceKey> = found.iter().map(|one| one.key).collect();
        let repositories = self.hub.catalog().count_repositories(&keys).await?;
        let members = self.hub.catalog().count_memberships(&keys).await?;
        let quotas = self.hub.namespace_quotas(&namespaces, true).await?;
        let of = |counted: &[(NamespaceKey, u64)], key: NamespaceKey| {
            counted.iter().find(|(one, _)| *one == key).map_or(0, |(_, number)| *number)
        };
        let account = |(organization, quota): (Organization, NamespaceQuota)| OrganizationAccount {
            members: of(&members, organization.key),
            repositories: of(&repositories, organization.key),
            organization,
            quota,
        };
        Ok(found.into_iter().zip(quotas).map(account).collect())
    }

    /// Removes an organisation with its memberships and invitations. `Conflict` while it has repositories, unless those
    /// are to be deleted too.
    pub async fn delete_organization(&self, name: &str, with_repositories: bool) -> Result<()> {
        let organization = self.hub.get_organization(name).await?;
        if with_repositories {
            self.delete_repositories(organization.key, &organization.name).await?;
        }
        let details = json!({ "organization_id": organization.key.0, "repositories": with_repositories });
        let object = organization_object(&organization.name);
        let noted = self.hub.noting(self.by(), "organization.delete", object, details);
        match noted.remove_organization(organization.key).await {
            Err(ballast_catalog::Error::NotFound) => Ok(()),
            outcome => removed(&organization.name, outcome?),
        }
    }
}
