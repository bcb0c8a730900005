//! Auth: who is calling. What they may do is the kernel's own table, which a plugin may narrow and never widen.

pub mod message;

use async_trait::async_trait;
use ballast_types::{NamespaceKey, RepoKey, Right, Secret, Timestamp, UserKey, Visibility};
use serde::{Deserialize, Serialize};

use crate::{Component, Page, Result};

/// What came with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Credential {
    /// `Authorization: Bearer …`
    Bearer { token: Secret },
    /// `Authorization: Basic …`, where the secret is a token. (A password is asked for through [`Credentials`].)
    Basic { user: String, secret: Secret },
    /// A browser's session cookie.
    Session { id: Secret },
    /// A key that proved itself to the SSH listener, by its SHA-256 fingerprint.
    SshKey { fingerprint: String },
}

/// How far a credential reaches, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads what its user may read.
    Read,
    /// Does with repositories all that its user may, as a write token of the Hub does: content, settings, delete.
    Write,
    /// All that its user may do: also accounts and credentials and, for an administrator, the hub itself.
    Admin,
}

impl Role {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The most that such a credential may do with a repository.
    pub fn ceiling(self) -> Right {
        match self {
            Self::Read => Right::Read,
            Self::Write | Self::Admin => Right::Admin,
        }
    }
}

/// Sort of credential that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    Token,
    Session,
    Password,
    SshKey,
}

/// The credential behind an identity, as far as others may know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialInfo {
    pub kind: CredentialKind,
    /// Stable while the credential lives; what a signed URL carries to be revocable.
    pub id: String,
    /// What its owner called it.
    pub name: String,
    pub role: Role,
    /// None: every repository. Otherwise these alone; elsewhere it counts as no credential at all.
    pub repositories: Option<Vec<RepoKey>>,
}

/// Who is calling. `(instance, subject)` is what the catalog maps to a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Stable and unique within the instance.
    pub subject: String,
    /// A name to begin with where the user is new to the hub.
    pub name_hint: Option<String>,
    pub email_hint: Option<String>,
    /// Whether the plugin says that this is an administrator of the hub; none leaves that to the catalog.
    pub administrator: Option<bool>,
    pub credential: CredentialInfo,
}

/// Proves who is calling. Instances are asked in turn; the first that knows the credential decides.
#[async_trait]
pub trait Auth: Component {
    /// None: not mine, ask the next. `Unauthenticated`: mine, and wrong, expired or revoked.
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Identity>>;

    /// Whether a credential (by its id) still holds: what stateless tokens made from it are checked against.
    async fn is_valid(&self, credential: &str) -> Result<bool>;

    /// Credentials that this instance itself keeps, where it does.
    fn credentials(&self) -> Option<&dyn Credentials> {
        None
    }

    /// Rules that take rights away, where there are any.
    fn policy(&self) -> Option<&dyn Policy> {
        None
    }
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    pub name: String,
    pub role: Role,
    pub repositories: Option<Vec<RepoKey>>,
    pub expires_at: Option<Timestamp>,
    /// A given value, 8 printable characters or more; none makes a random one.
    pub value: Option<Secret>,
}

/// A token as its owner sees it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    pub id: i64,
    pub name: String,
    pub role: Role,
    pub repositories: Option<Vec<RepoKey>>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To about a minute.
    pub last_used: Option<Timestamp>,
}

/// A session as its owner, or whoever runs the hub, sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    pub id: i64,
    /// None where nobody wrote it down.
    pub created_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

/// A public key to be kept. What it says was read by the kernel; the instance only keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSshKey {
    /// What its owner calls it.
    pub title: String,
    /// `ssh-ed25519`
    pub key_type: String,
    /// As `authorized_keys` has it, without a comment.
    pub public_key: String,
    /// `SHA256:…`, which [`Credential::SshKey`] shows.
    pub fingerprint: String,
    /// Whether it lets anybody in: a key of a type that is broken is kept and lets nobody in.
    pub login: bool,
}

/// A public key as its owner sees it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshKeyInfo {
    pub id: i64,
    pub title: String,
    pub key_type: String,
    pub fingerprint: String,
    pub login: bool,
    pub created_at: Timestamp,
    /// To about a minute.
    pub last_used: Option<Timestamp>,
}

/// Passwords, tokens, sessions and public keys of subjects.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Sets or, with none, removes a password. Its sessions end.
    async fn set_password(&self, subject: &str, password: Option<&Secret>) -> Result<()>;

    /// The identity where the password is right; none where it is wrong or there is none, after the same work.
    async fn check_password(&self, subject: Option<&str>, password: &Secret) -> Result<Option<Identity>>;

    /// Makes a token; its value is told this once. A given value that exists: for the same subject and name its role,
    /// scope and expiry are brought up to date (so declaring it twice is harmless); otherwise `AlreadyExists`.
    async fn create_token(&self, subject: &str, token: &NewToken) -> Result<(TokenInfo, Secret)>;

    /// A subject's tokens, oldest first.
    async fn tokens(&self, subject: &str, after: Option<String>, limit: usize) -> Result<Page<TokenInfo>>;

    /// Gives a token another value, which is told this once, and another end. What it was called, its role and its scope
    /// stay, and its value until now is wrong at once. `NotFound` where the subject has none of this id.
    async fn renew_token(&self, subject: &str, id: i64, expires_at: Option<Timestamp>) -> Result<Secret>;

    /// Ends a token at once. `NotFound` where the subject has none of this id.
    async fn revoke_token(&self, subject: &str, id: i64) -> Result<()>;

    /// Begins a session and answers its id, the cookie's value.
    async fn open_session(&self, subject: &str, expires_at: Timestamp) -> Result<Secret>;

    /// A subject's sessions, oldest first, those that are over apart.
    async fn sessions(&self, subject: &str, after: Option<String>, limit: usize) -> Result<Page<SessionInfo>>;

    /// Ends one of a subject's sessions by its number. `NotFound` where the subject has none of it.
    async fn revoke_session(&self, subject: &str, id: i64) -> Result<()>;

    /// Ends every token of a subject at once. Idempotent.
    async fn revoke_tokens(&self, subject: &str) -> Result<()>;

    /// Ends a session. Idempotent.
    async fn close_session(&self, session: &Secret) -> Result<()>;

    /// Ends every session of a subject.
    async fn close_sessions(&self, subject: &str) -> Result<()>;

    /// Keeps a public key, which is one subject's in the whole instance: `AlreadyExists` where anybody has it.
    async fn add_ssh_key(&self, subject: &str, key: &NewSshKey) -> Result<SshKeyInfo>;

    /// A subject's public keys, oldest first.
    async fn ssh_keys(&self, subject: &str, after: Option<String>, limit: usize) -> Result<Page<SshKeyInfo>>;

    /// One of them. `NotFound` where the subject has none of this id.
    async fn ssh_key(&self, subject: &str, id: i64) -> Result<SshKeyInfo>;

    /// Removes one of them at once. `NotFound` where the subject has none of this id.
    async fn remove_ssh_key(&self, subject: &str, id: i64) -> Result<()>;

    /// Removes all that is kept of a subject. Idempotent.
    async fn forget(&self, subject: &str) -> Result<()>;
}

/// A question to a policy: may this caller have this right?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub user: Option<UserKey>,
    /// Of the identity, where this instance proved it.
    pub subject: Option<String>,
    pub repo: RepoKey,
    pub namespace: NamespaceKey,
    pub visibility: Visibility,
    pub right: Right,
}

/// Takes rights away that the kernel's table gives.
#[async_trait]
pub trait Policy: Send + Sync {
    /// One answer for each question; `false` takes the right away.
    async fn narrow(&self, questions: &[Question]) -> Result<Vec<bool>>;
}
