//! What a deployment's config declares, and what the first start makes.

use ballast_catalog::{NewOrganization, OrgRole, OrganizationPatch, User, UserPatch};
use ballast_contract::auth::{NewToken, Role};
use ballast_types::{Name, Secret, Visibility};
use serde_json::json;

use crate::accounts::{NewAccount, Operator};
use crate::audit::{By, organization_object, user_object};
use crate::operation::random_key;
use crate::{Failure, Result};

/// Users and organisations that are to be there. Applying it twice changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    pub users: Vec<DeclaredUser>,
    pub organizations: Vec<DeclaredOrganization>,
}

impl Bootstrap {
    /// Whether somebody of these can administer the hub, so that its first start has nobody to make.
    pub fn has_administrator(&self) -> bool {
        let may_enter =
            |user: &DeclaredUser| user.password.is_some() || user.tokens.iter().any(|token| token.role == Role::Admin);
        self.users.iter().any(|user| user.administrator && may_enter(user))
    }
}

/// A user that is to be there.
#[derive(Clone, Debug)]
pub struct DeclaredUser {
    pub name: Name,
    /// None leaves what is there.
    pub full_name: Option<String>,
    pub email: Option<String>,
    pub password: Option<Secret>,
    pub administrator: bool,
    pub tokens: Vec<DeclaredToken>,
}

/// A token that is to be there, with its value.
#[derive(Clone, Debug)]
pub struct DeclaredToken {
    pub name: String,
    pub role: Role,
    pub value: Secret,
}

/// An organisation that is to be there.
#[derive(Clone, Debug)]
pub struct DeclaredOrganization {
    pub name: Name,
    pub full_name: Option<String>,
    pub description: Option<String>,
    pub default_visibility: Option<Visibility>,
    pub members: Vec<DeclaredMember>,
}

/// A member that is to be there.
#[derive(Clone, Debug)]
pub struct DeclaredMember {
    pub user: Name,
    pub role: OrgRole,
}

/// Who the first start makes.
const ADMINISTRATOR: &str = "admin";

impl Operator {
    /// Whether the hub has no user at all.
    pub async fn is_new(&self) -> Result<bool> {
        Ok(self.hub.catalog().count_users().await? == 0)
    }

    /// A value for the first administrator's token.
    pub fn first_token(&self) -> Result<Secret> {
        let words = [random_key()?, random_key()?, random_key()?];
        Ok(Secret::new(words.iter().fold("hf_".to_owned(), |text, word| format!("{text}{word:016x}"))))
    }

    /// Makes the first administrator, with this token of role admin, or what of that is not there yet.
    pub async fn first_start(&self, token: Secret) -> Result<Name> {
        let name: Name = ADMINISTRATOR.parse().map_err(Failure::invalid)?;
        if self.hub.catalog().find_user(&name).await?.is_none() {
            // Nobody may take this name but who is made here.
            let full_name = "Administrator".to_owned();
            let new = NewAccount { name: name.clone(), full_name, email: None, password: None, administrator: true };
            self.create_account(new).await?;
        }
        let token = DeclaredToken { name: "first start".to_owned(), role: Role::Admin, value: token };
        self.apply_user(&DeclaredUser {
            name: name.clone(),
            full_name: None,
            email: None,
            password: None,
            administrator: true,
            tokens: vec![token],
        })
        .await?;
        Ok(name)
    }

    /// Makes what is declared and not there, and brings what is there up to date. What is not declared is left alone.
    pub async fn apply(&self, bootstrap: &Bootstrap) -> Result<()> {
        for declared in &bootstrap.users {
            self.apply_user(declared).await?;
        }
        for declared in &bootstrap.organizations {
            self.apply_organization(declared).await?;
        }
        Ok(())
    }

    async fn apply_user(&self, declared: &DeclaredUser) -> Result<()> {
        let user = match self.hub.catalog().find_user(&declared.name).await? {
            Some(user) => self.update_user(user, declared).await?,
            None => {
                let new = NewAccount {
                    name: declared.name.clone(),
                    full_name: declared.full_name.clone().unwrap_or_default(),
                    email: declared.email.clone(),
                    password: declared.password.clone(),
                    administrator: declared.administrator,
                };
                self.create_user(new).await?
            }
        };
        let (subject, credentials) = self.hub.own_credentials(&user).await?;
        for token in &declared.tokens {
            let token = NewToken {
                name: token.name.clone(),
                role: token.role,
                repositories: None,
                expires_at: None,
                value: Some(token.value.clone()),
            };
            let former = self.list_tokens(&user).await?;
            let (declared, _) = credentials.create_token(&subject, &token).await?;
            // What was there before is no news.
            if !former.iter().any(|former| former.id == declared.id && former.role == declared.role) {
                let details = json!({ "token": declared.id, "name": declared.name, "role": declared.role });
                let object = user_object(&user.name);
                self.hub.put_on_record(By::Operator, "token.create", object, details).await?;
            }
            // One declared name has one value: what it was before is over.
            for former in former {
                if former.name == declared.name && former.id != declared.id {
                    self.revoke_token(&user, former.id).await?;
                }
            }
        }
        Ok(())
    }

    async fn update_user(&self, user: User, declared: &DeclaredUser) -> Result<User> {
        let patch = UserPatch {
            full_name: declared.full_name.clone(),
            email: declared.email.clone().map(Some),
            email_verified: None,
            administrator: Some(declared.administrator),
            active: None,
        };
        let is_so = patch.full_name.as_ref().is_none_or(|full_name| *full_name == user.full_name)
            && patch.email.as_ref().is_none_or(|email| *email == user.email)
            && declared.administrator == user.administrator;
        let user = match is_so {
            true => user,
            // Whoever writes the config may take the last administrator away, and declare another one below.
            false => {
                let details = json!({
                    "full_name": patch.full_name, "email": patch.email, "administrator": patch.administrator,
                });
                let noted = self.hub.noting(By::Operator, "user.change", user_object(&user.name), details);
                noted.update_user(user.key, patch).await?
            }
        };
        if let Some(password) = &declared.password
            && !self.is_password(&user, password).await?
        {
            // Only where it differs: setting it ends the user's sessions.
            self.set_password(&user, password).await?;
        }
        Ok(user)
    }

    async fn apply_organization(&self, declared: &DeclaredOrganization) -> Result<()> {
        let catalog = self.hub.catalog();
        let organization = match catalog.find_organization(&declared.name).await? {
            Some(organization) => {
                let patch = OrganizationPatch {
                    full_name: declared.full_name.clone(),
                    description: declared.description.clone(),
                    default_visibility: declared.default_visibility,
                };
                catalog.update_organization(organization.key, patch).await?
            }
            None => {
                if declared.name.is_reserved() {
                    let why = format!("The name '{}' is reserved for the hub's own pages", declared.name);
                    return Err(Failure::Invalid(why));
                }
                let new = NewOrganization {
                    name: declared.name.clone(),
                    full_name: declared.full_name.clone().unwrap_or_default(),
                    description: declared.description.clone().unwrap_or_default(),
                    default_visibility: declared.default_visibility.unwrap_or(Visibility::Public),
                    creator: None,
                    created_at: self.hub.now(),
                };
                let object = organization_object(&declared.name);
                let noted = self.hub.noting(By::Operator, "organization.create", object, json!({}));
                noted.create_organization(new).await.map_err(|error| match error {
                    ballast_catalog::Error::Exists { .. } => Failure::Conflict(format!(
                        "The name '{}' is taken by a user or another spelling",
                        declared.name
                    )),
                    other => other.into(),
                })?
            }
        };
        for member in &declared.members {
            let user = self.get_user(&member.user).await?;
            if catalog.role(organization.key, user.key).await? == Some(member.role) {
                continue;
            }
            catalog.set_member(organization.key, user.key, member.role).await?;
            let details = json!({ "user": user.name, "to": member.role });
            let object = organization_object(&organization.name);
            self.hub.put_on_record(By::Operator, "member.change", object, details).await?;
        }
        Ok(())
    }
}
