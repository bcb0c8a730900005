//! Accounts, what keeps their credentials, and whoever runs the hub.
//!
//! Nobody is asked who they are for [`Operator`]: only the command line and the start of the hub have it.

use ballast_catalog::User;
use ballast_contract::auth::{Credentials, TokenInfo};
use ballast_types::{Name, Secret};

use crate::{Administrator, Failure, Hub, Result};

/// The right to everything, held by whoever can read the hub's own files: that of an administrator, and what only the
/// machine's owner may do.
#[derive(Clone)]
pub struct Operator(Administrator);

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub name: Name,
    pub full_name: String,
    pub email: Option<String>,
    pub password: Option<Secret>,
    pub administrator: bool,
}

/// A token and, this once, its value.
#[derive(Clone, Debug)]
pub struct CreatedToken {
    pub info: TokenInfo,
    pub value: Secret,
}

impl Hub {
    /// For the program that runs the hub; no request ever reaches this.
    pub fn operator(&self) -> Operator {
        Operator(Administrator::on_command_line(self))
    }

    /// The instance that keeps local credentials.
    pub(crate) fn credentials(&self) -> Result<(&str, &dyn Credentials)> {
        let keeps = |(name, auth): &'_ &(String, std::sync::Arc<dyn ballast_contract::auth::Auth>)| {
            auth.credentials().is_some() && !name.is_empty()
        };
        let found = self.0.parts.auth.iter().find(keeps);
        let found = found.and_then(|(name, auth)| Some((name.as_str(), auth.credentials()?)));
        let why = "No auth plugin of this deployment keeps passwords and tokens of its own";
        found.ok_or_else(|| Failure::Unsupported(why.to_owned()))
    }

    /// The credentials that the instance of a name keeps.
    pub(crate) fn credentials_of(&self, instance: &str) -> Result<&dyn Credentials> {
        let found = self.0.parts.auth.iter().find(|(name, _)| name == instance);
        let why = || Failure::Unsupported(format!("The auth plugin '{instance}' keeps no sessions of its own"));
        found.and_then(|(_, auth)| auth.credentials()).ok_or_else(why)
    }

    /// What keeps the credentials that a user makes here, and whom it knows the user as.
    pub(crate) async fn own_credentials(&self, user: &User) -> Result<(String, &dyn Credentials)> {
        let (instance, credentials) = self.credentials()?;
        let subjects = self.catalog().subjects_of(user.key, instance).await?;
        let subject = match subjects.into_iter().next() {
            Some(subject) => subject,
            // Made while another plugin kept the credentials.
            None => {
                let subject = user.key.to_string();
                self.catalog().link_identity(instance, &subject, user.key).await?;
                subject
            }
        };
        Ok((subject, credentials))
    }
}

impl std::ops::Deref for Operator {
    type Target = Administrator;
    fn deref(&self) -> &Administrator {
        &self.0
    }
}

impl Operator {
    /// The user of a name. `NotFound` says which.
    pub async fn get_user(&self, name: &Name) -> Result<User> {
        self.hub.get_user(name.as_str()).await
    }
}
