//! Users: finding, making, changing and removing them.

use ballast_catalog::{Clash, NewUser, Removal, User, UserPatch};
use ballast_contract::Page;
use ballast_types::{Name, NamespaceKey, RepoId, Secret};
use serde_json::json;

use super::{Administrator, DirectoryQuery, cursor_of_this_list};
use crate::audit::{repository_object, user_object};
use crate::operation::random_key;
use crate::register::checked_email;
use crate::{Failure, NamespaceQuota, NewAccount, QuotaPatch, Result};

/// A user, with what they have.
#[derive(Clone, Debug)]
pub struct AccountAbout {
    pub user: User,
    pub repositories: u64,
    pub quota: NamespaceQuota,
}

/// What to change of a user; none leaves things as they are.
#[derive(Clone, Debug, Default)]
pub struct AccountPatch {
    pub full_name: Option<String>,
    /// `Some(None)` takes the address away. A new one counts as unverified unless it is said to be verified.
    pub email: Option<Option<String>>,
    pub email_verified: Option<bool>,
    pub administrator: Option<bool>,
    pub active: Option<bool>,
    pub quota: QuotaPatch,
}

/// Repositories that are deleted between two looks at the list.
const BATCH: usize = 100;
const LAST: &str = "This is the last administrator who may come in: make somebody else one first";

impl Administrator {
    /// A page of users.
    pub async fn search_users(&self, query: &DirectoryQuery) -> Result<Page<AccountAbout>> {
        let found = self.hub.catalog().search_users(query.query()).await.map_err(cursor_of_this_list)?;
        let Page { items, next } = query.paged(found, |user| (user.key.0, user.name.clone()));
        Ok(Page { items: self.about(items).await?, next })
    }

    /// A user, with what they have. `NotFound`.
    pub async fn account(&self, name: &str) -> Result<AccountAbout> {
        let user = self.hub.get_user(name).await?;
        self.only(user).await
    }

    async fn only(&self, user: User) -> Result<AccountAbout> {
        let name = user.name.clone();
        let gone = || Failure::NotFound(format!("There is no user '{name}'"));
        self.about(vec![user]).await?.pop().ok_or_else(gone)
    }

    async fn about(&self, users: Vec<User>) -> Result<Vec<AccountAbout>> {
        let namespaces: Vec<(NamespaceKey, Name)> =
            users.iter().map(|user| (user.key.namespace(), user.name.clone())).collect();
        let keys: Vec<NamespaceKey> = namespaces.iter().map(|(key, _)| *key).collect();
        let repositories = self.hub.catalog().count_repositories(&keys).await?;
        let quotas = self.hub.namespace_quotas(&namespaces, false).await?;
        let about = |(user, quota): (User, NamespaceQuota)| {
            let counted = repositories.iter().find(|(key, _)| *key == user.key.namespace());
            AccountAbout { repositories: counted.map_or(0, |(_, number)| *number), user, quota }
        };
        Ok(users.into_iter().zip(quotas).map(about).collect())
    }

    /// Makes a user, who can log in once there is a password or a token.
    pub async fn create_user(&self, new: NewAccount) -> Result<User> {
        match new.name.is_reserved() {
            true => Err(Failure::Invalid(format!("The name '{}' is reserved for the hub's own pages", new.name))),
            false => self.create_account(new).await,
        }
    }

    /// The same without a look at the reserved names: the first administrator has one.
    pub(crate) async fn create_account(&self, new: NewAccount) -> Result<User> {
        let (instance, credentials) = self.hub.credentials()?;
        if let Some(password) = &new.password {
            self.hub.check_password_rule(password)?;
        }
        let email = new.email.as_deref().map(checked_email).transpose()?;
        let details = json!({ "administrator": new.administrator, "email": email });
        let row = NewUser {
            name: new.name.clone(),
            full_name: new.full_name,
            email,
            email_verified: true,
            administrator: new.administrator,
            created_at: self.hub.now(),
        };
        let noted = self.hub.noting(self.by(), "user.create", user_object(&new.name), details);
        let user = noted.create_user(row).await.map_err(|error| match Clash::of(&error) {
            Some(Clash::Email) => taken_email(),
            Some(_) => Failure::Conflict(format!("The name '{}' is taken, perhaps in another spelling", new.name)),
            None => error.into(),
        })?;
        let subject = user.key.to_string();
        self.hub.catalog().link_identity(instance, &subject, user.key).await?;
        if let Some(password) = &new.password {
            credentials.set_password(&subject, Some(password)).await?;
        }
        Ok(user)
    }

    /// Changes a user: all that is asked for or, where it is refused, nothing but perhaps the limits. `Conflict` where
    /// nobody could administer the hub afterwards.
    pub async fn change_account(&self, name: &str, patch: AccountPatch) -> Result<AccountAbout> {
        let user = self.hub.get_user(name).await?;
        let email = match patch.email {
            Some(Some(text)) => Some(Some(checked_email(&text)?)),
            other => other,
        };
        let moved = email.as_ref().is_some_and(|email| *email != user.email);
        let row = UserPatch {
            full_name: patch.full_name.map(|text| crate::profile::checked_line("The full name", &text)).transpose()?,
            email_verified: patch.email_verified.or(moved.then_some(false)),
            email,
            administrator: patch.administrator,
            active: patch.active,
        };
        if patch.quota != QuotaPatch::default() {
            self.hub.set_limits(self.by(), user.key.namespace(), &user.name, patch.quota, true).await?;
        }
        let user = match row == UserPatch::default() {
            true => user,
            false => self.change_user(&user, row).await?,
        };
        self.only(user).await
    }

    /// Shuts a user out, or lets them in again; what they own stays. `Conflict` for the last administrator.
    pub async fn set_active(&self, user: &User, active: bool) -> Result<()> {
        self.change_user(user, UserPatch { active: Some(active), ..UserPatch::default() }).await.map(drop)
    }

    /// Makes a user an administrator of the hub, or one no more. `Conflict` for the last one.
    pub async fn set_administrator(&self, user: &User, administrator: bool) -> Result<()> {
        self.change_user(user, UserPatch { administrator: Some(administrator), ..UserPatch::default() }).await.map(drop)
    }

    pub(crate) async fn change_user(&self, user: &User, patch: UserPatch) -> Result<User> {
        let details = json!({
            "full_name": patch.full_name,
            // An empty one is taken away.
            "email": patch.email.as_ref().map(|email| email.clone().unwrap_or_default()),
            "email_verified": patch.email_verified,
            "administrator": patch.administrator,
            "active": patch.active,
        });
        let noted = self.hub.noting(self.by(), "user.change", user_object(&user.name), changed(details));
        match noted.change_user(user.key, patch).await {
            Ok(Some(user)) => Ok(user),
            Ok(None) => Err(Failure::Conflict(LAST.to_owned())),
            Err(ballast_catalog::Error::NotFound) => {
                Err(Failure::NotFound(format!("There is no user '{}' any more", user.name)))
            }
            Err(error) if Clash::of(&error) == Some(Clash::Email) => Err(taken_email()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a user another password, which ends their sessions: the given one, or a random one, which is answered.
    pub async fn reset_password(&self, name: &str, given: Option<Secret>) -> Result<Option<Secret>> {
        let user = self.hub.get_user(name).await?;
        match given {
            Some(password) => self.set_password(&user, &password).await.map(|()| None),
            None => {
                let random = Secret::new(format!("{:016x}{:016x}", random_key()?, random_key()?));
                self.set_password(&user, &random).await?;
                Ok(Some(random))
            }
        }
    }

    /// Removes a user and all that lets them in. `Conflict` while they have repositories, unless those are to be deleted
    /// too; for the last administrator; and for the last super-admin of an organisation. Where this fails halfway, the
    /// user is shut out, and asking again goes on with it.
    pub async fn delete_user(&self, name: &str, with_repositories: bool) -> Result<()> {
        let user = self.hub.get_user(name).await?;
        let (catalog, namespace) = (self.hub.catalog(), user.key.namespace());
        if let Some(hindrance) = catalog.removal_hindrance(user.key).await? {
            return removed(&user.name, hindrance);
        }
        if !with_repositories && !catalog.repositories_of(namespace, None, 1).await?.is_empty() {
            return removed(&user.name, Removal::HasRepositories);
        }
        // From here on they make nothing new.
        if user.active {
            self.set_active(&user, false).await?;
        }
        self.delete_repositories(namespace, &user.name).await?;
        for (instance, auth) in &self.hub.0.parts.auth {
            let Some(credentials) = auth.credentials() else { continue };
            for subject in catalog.subjects_of(user.key, instance).await? {
                credentials.forget(&subject).await?;
            }
        }
        let details = json!({ "user_id": user.key.0, "repositories": with_repositories });
        let noted = self.hub.noting(self.by(), "user.delete", user_object(&user.name), details);
        match noted.remove_user(user.key).await {
            Err(ballast_catalog::Error::NotFound) => Ok(()),
            outcome => removed(&user.name, outcome?),
        }
    }

    /// Deletes every repository of a namespace.
    pub(super) async fn delete_repositories(&self, namespace: NamespaceKey, name: &Name) -> Result<()> {
        loop {
            let page = self.hub.catalog().repositories_of(namespace, None, BATCH).await?;
            for repository in &page {
                let id = RepoId { namespace: name.clone(), name: repository.name.clone() };
                let object = repository_object(repository.kind, &id);
                let noted = self.hub.noting(self.by(), "repository.delete", object, json!({ "with": name.as_str() }));
                noted.mark_deleting(repository.key).await?;
                self.hub.finish_delete(repository.key).await?;
            }
            if page.is_empty() {
                return Ok(());
            }
        }
    }
}

fn taken_email() -> Failure {
    Failure::Conflict("This e-mail address belongs to another user".to_owned())
}

/// What of a change was asked for.
fn changed(mut details: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = details.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    details
}

/// What became of somebody who was to go, as the caller hears it.
pub(super) fn removed(name: &Name, removal: Removal) -> Result<()> {
    let why = match removal {
        Removal::Removed => return Ok(()),
        Removal::LastAdministrator => LAST.to_owned(),
        Removal::LastSuperAdmin(organization) => {
            format!("'{name}' is the last super-admin of '{organization}': make somebody else one, or delete it first")
        }
        Removal::HasRepositories => format!(
            "'{name}' has repositories: move or delete them first, or say delete_repositories=true. What is being \
             deleted already is gone in a minute"
        ),
    };
    Err(Failure::Conflict(why))
}
