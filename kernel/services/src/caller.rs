//! Who sent a request.

use std::net::IpAddr;
use std::sync::Arc;

use ballast_catalog::User;
use ballast_contract::ErrorKind;
use ballast_contract::auth::{Credential, CredentialInfo, CredentialKind, Identity, Role};
use ballast_types::{Name, RepoKey, Secret, Signature, UserKey};
use serde::{Deserialize, Serialize};

use crate::{Failure, Hub, Result};

/// Who is calling, possibly nobody.
#[derive(Clone, Debug)]
pub struct Caller {
    known: Option<Known>,
}

#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub user: Arc<User>,
    /// The auth instance that proved it, and who it is there.
    pub instance: String,
    pub subject: String,
    pub credential: CredentialInfo,
}

/// A caller, as far as the credential must be found again: what signed statements carry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claimant {
    #[serde(rename = "i")]
    instance: String,
    #[serde(rename = "s")]
    subject: String,
    #[serde(rename = "c")]
    pub credential: CredentialInfo,
}

impl Claimant {
    pub fn of(known: &Known) -> Self {
        let (instance, subject) = (known.instance.clone(), known.subject.clone());
        Self { instance, subject, credential: known.credential.clone() }
    }
}

impl Caller {
    /// Nobody.
    pub fn anonymous() -> Self {
        Self { known: None }
    }

    /// Whether nobody is calling.
    pub fn is_anonymous(&self) -> bool {
        self.known.is_none()
    }

    /// The user's name.
    pub fn user_name(&self) -> Option<&Name> {
        self.known.as_ref().map(|known| &known.user.name)
    }

    /// The user and the credential, or the failure of a verb that needs somebody.
    pub(crate) fn known(&self) -> Result<&Known> {
        self.known.as_ref().ok_or(Failure::CredentialRequired)
    }

    /// The same of a verb on one repository that the caller may see: the credential has to reach it.
    pub(crate) fn known_for(&self, repo: RepoKey) -> Result<&Known> {
        self.known()?;
        let limited = || Failure::Forbidden("The token is limited to other repositories than this one".to_owned());
        self.for_repository(repo).ok_or_else(limited)
    }

    /// The caller as far as one repository is concerned: a credential that is limited to others is none there.
    pub(crate) fn for_repository(&self, repo: RepoKey) -> Option<&Known> {
        let reaches = |known: &&Known| known.credential.repositories.as_ref().is_none_or(|only| only.contains(&repo));
        self.known.as_ref().filter(reaches)
    }
}

impl Known {
    /// Whether every door of the hub is open: an administrator with a credential that is not held back.
    pub fn is_administrator(&self) -> bool {
        self.user.administrator && self.credential.role == Role::Admin && self.credential.repositories.is_none()
    }

    /// How this user signs a commit.
    pub fn signature(&self, hub: &Hub) -> Signature {
        let name = self.user.name.as_str();
        let no_reply = || format!("{name}@users.noreply.{}", hub.settings().no_reply_host);
        Signature::new(name, &self.user.email.clone().unwrap_or_else(no_reply))
    }
}

impl Hub {
    /// Finds out who is calling, from which address. No credential is nobody, and so is a session that is over: a
    /// browser shows it until it is told otherwise. Any other wrong credential is a failure, also where none was
    /// needed.
    pub async fn caller(&self, credential: Option<Credential>, from: Option<IpAddr>) -> Result<Caller> {
        let Some(credential) = credential else { return Ok(Caller::anonymous()) };
        if let Some(caller) = self.caller_by_pass(&credential).await? {
            return Ok(caller);
        }
        let is_session = matches!(credential, Credential::Session { .. });
        for (instance, auth) in &self.0.parts.auth {
            match auth.authenticate(&credential).await {
                Ok(Some(identity)) => return self.identified(instance, identity).await,
                Err(error) if is_session && error.is(ErrorKind::Unauthenticated) => {}
                other => drop(other?),
            }
        }
        match credential {
            Credential::Basic { user, secret } => {
                let (instance, identity) =
                    self.identity_by_password(&user, &secret, from).await.map_err(|failure| {
                        if matches!(failure, Failure::WrongPassword) { Failure::BadCredential } else { failure }
                    })?;
                let caller = self.identified(&instance, identity).await?;
                self.check_verified(&caller.known()?.user)?;
                Ok(caller)
            }
            Credential::Session { .. } => Ok(Caller::anonymous()),
            _ => Err(Failure::BadCredential),
        }
    }

    /// Who has this name (or e-mail address) and password, and which instance says so.
    pub(crate) async fn identity_by_password(
        &self,
        name: &str,
        password: &Secret,
        from: Option<IpAddr>,
    ) -> Result<(String, Identity)> {
        let user = match name.parse::<Name>() {
            Ok(name) => self.catalog().find_user(&name).await?,
            Err(_) => self.catalog().find_user_by_email(name).await?,
        };
        let account = match &user {
            Some(user) => format!("user {}", user.key),
            None => format!("name {}", name.to_lowercase()),
        };
        let attempt = self.attempt(&account, from).await?;
        for (instance, auth) in &self.0.parts.auth {
            let Some(credentials) = auth.credentials() else { continue };
            let subjects = match &user {
                Some(user) => self.catalog().subjects_of(user.key, instance).await?,
                None => vec![],
            };
            // An unknown user costs the same work, so that time does not tell who has an account.
            let subject = subjects.first().map(String::as_str);
            if let Some(identity) = credentials.check_password(subject, password).await? {
                attempt.succeeded().await?;
                return Ok((instance.clone(), identity));
            }
        }
        Err(Failure::WrongPassword)
    }

    pub(crate) async fn identified(&self, instance: &str, identity: Identity) -> Result<Caller> {
        let mut user = match self.catalog().find_identity(instance, &identity.subject).await? {
            Some(user) => user,
            None => self.provision(instance, &identity).await?,
        };
        if !user.active {
            return Err(Failure::Forbidden(format!("The account '{}' is disabled", user.name)));
        }
        if let Some(administrator) = identity.administrator.filter(|said| *said != user.administrator) {
            Arc::make_mut(&mut user).administrator = administrator;
        }
        let Identity { subject, credential, .. } = identity;
        Ok(Caller { known: Some(Known { user, instance: instance.to_owned(), subject, credential }) })
    }

    /// A user whose work is done without them, by what they may do now. `Forbidden` where the account is disabled.
    pub(crate) async fn on_behalf_of(&self, user: UserKey) -> Result<Caller> {
        let user = self.catalog().get_user(user).await?;
        if !user.active {
            return Err(Failure::Forbidden(format!("The account '{}' is disabled", user.name)));
        }
        let (id, name) = ("work".to_owned(), "work on behalf of".to_owned());
        let credential =
            CredentialInfo { kind: CredentialKind::Session, id, name, role: Role::Admin, repositories: None };
        let (instance, subject) = (String::new(), user.key.to_string());
        Ok(Caller { known: Some(Known { user: Arc::new(user), instance, subject, credential }) })
    }

    /// The caller of before, of whom only the credential's name is at hand: who shows a signed statement that was made
    /// for it. A credential that was revoked meanwhile is a wrong one.
    pub(crate) async fn caller_of(&self, claimant: &Claimant) -> Result<Caller> {
        let Claimant { instance, subject, credential } = claimant.clone();
        let auth = self.0.parts.auth.iter().find(|(name, _)| *name == instance);
        let (instance, auth) = auth.ok_or(Failure::BadCredential)?;
        if !auth.is_valid(&credential.id).await? {
            return Err(Failure::BadCredential);
        }
        let identity = Identity { subject, name_hint: None, email_hint: None, administrator: None, credential };
        self.identified(instance, identity).await
    }
}
