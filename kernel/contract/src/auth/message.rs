//! What an auth is asked over the C tables: one JSON message, one answer. Keys may come to be known, and none goes.

use ballast_types::{Secret, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Auth, Credential, Credentials, NewSshKey, NewToken, Policy, Question};
use crate::message::json;
use crate::{Error, ErrorKind, Result};

/// A call of [`Auth`], of its [`Policy`] (`Narrow`) or of its [`Credentials`] (all that follows it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum AuthCall {
    Authenticate { credential: Credential },
    IsValid { credential: String },
    Narrow { questions: Vec<Question> },
    SetPassword { subject: String, password: Option<Secret> },
    CheckPassword { subject: Option<String>, password: Secret },
    CreateToken { subject: String, token: NewToken },
    Tokens { subject: String, after: Option<String>, limit: usize },
    RenewToken { subject: String, id: i64, expires_at: Option<Timestamp> },
    RevokeToken { subject: String, id: i64 },
    RevokeTokens { subject: String },
    OpenSession { subject: String, expires_at: Timestamp },
    Sessions { subject: String, after: Option<String>, limit: usize },
    RevokeSession { subject: String, id: i64 },
    CloseSession { session: Secret },
    CloseSessions { subject: String },
    AddSshKey { subject: String, key: NewSshKey },
    SshKeys { subject: String, after: Option<String>, limit: usize },
    SshKey { subject: String, id: i64 },
    RemoveSshKey { subject: String, id: i64 },
    Forget { subject: String },
}

impl AuthCall {
    /// Makes the call, and answers with the JSON of what it answers. `Unsupported` where the instance has no such part.
    pub async fn answer(self, auth: &dyn Auth) -> Result<Vec<u8>> {
        let lacks = |what| move || Error::new(ErrorKind::Unsupported, "auth.call", what);
        let policy = || -> Result<&dyn Policy> { auth.policy().ok_or_else(lacks("it has no rules")) };
        let keeper = || -> Result<&dyn Credentials> { auth.credentials().ok_or_else(lacks("it keeps no credentials")) };
        match self {
            Self::Authenticate { credential } => json(&auth.authenticate(&credential).await?),
            Self::IsValid { credential } => json(&auth.is_valid(&credential).await?),
            Self::Narrow { questions } => json(&policy()?.narrow(&questions).await?),
            Self::SetPassword { subject, password } => {
                json(&keeper()?.set_password(&subject, password.as_ref()).await?)
            }
            Self::CheckPassword { subject, password } => {
                json(&keeper()?.check_password(subject.as_deref(), &password).await?)
            }
            Self::CreateToken { subject, token } => json(&keeper()?.create_token(&subject, &token).await?),
            Self::Tokens { subject, after, limit } => json(&keeper()?.tokens(&subject, after, limit).await?),
            Self::RenewToken { subject, id, expires_at } => {
                json(&keeper()?.renew_token(&subject, id, expires_at).await?)
            }
            Self::RevokeToken { subject, id } => json(&keeper()?.revoke_token(&subject, id).await?),
            Self::RevokeTokens { subject } => json(&keeper()?.revoke_tokens(&subject).await?),
            Self::OpenSession { subject, expires_at } => json(&keeper()?.open_session(&subject, expires_at).await?),
            Self::Sessions { subject, after, limit } => json(&keeper()?.sessions(&subject, after, limit).await?),
            Self::RevokeSession { subject, id } => json(&keeper()?.revoke_session(&subject, id).await?),
            Self::CloseSession { session } => json(&keeper()?.close_session(&session).await?),
            Self::CloseSessions { subject } => json(&keeper()?.close_sessions(&subject).await?),
            Self::AddSshKey { subject, key } => json(&keeper()?.add_ssh_key(&subject, &key).await?),
            Self::SshKeys { subject, after, limit } => json(&keeper()?.ssh_keys(&subject, after, limit).await?),
            Self::SshKey { subject, id } => json(&keeper()?.ssh_key(&subject, id).await?),
            Self::RemoveSshKey { subject, id } => json(&keeper()?.remove_ssh_key(&subject, id).await?),
            Self::Forget { subject } => json(&keeper()?.forget(&subject).await?),
        }
    }
}
