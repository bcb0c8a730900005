//! The tables, and what their rows mean.

use ballast_contract::auth::{CredentialInfo, CredentialKind, Identity, Role, TokenInfo};
use ballast_database::Error as Database;
use ballast_types::{RepoKey, Timestamp};
use diesel::prelude::*;

use crate::digest::Digest;
use crate::uses::Used;

diesel::table! { local_secret (id) { id -> BigInt, secret -> Binary, } }
diesel::table! { local_passwords (id) { id -> BigInt, subject -> Text, hash -> Text, } }
diesel::table! {
    local_tokens (id) {
        id -> BigInt,
        subject -> Text,
        name -> Text,
        digest -> Binary,
        role -> Text,
        repositories -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        last_used -> Nullable<BigInt>,
    }
}
diesel::table! {
    local_ssh_keys (id) {
        id -> BigInt,
        subject -> Text,
        title -> Text,
        key_type -> Text,
        public_key -> Text,
        fingerprint -> Text,
        login -> Bool,
        created_at -> BigInt,
        last_used -> Nullable<BigInt>,
    }
}
diesel::table! {
    local_sessions (id) {
        id -> BigInt,
        subject -> Text,
        digest -> Binary,
        expires_at -> BigInt,
        created_at -> Nullable<BigInt>,
    }
}

/// How a credential is looked up: by what came with a request, or by its number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Handle {
    Token(Digest),
    Session(Digest),
    TokenId(i64),
    SessionId(i64),
    PasswordId(i64),
    SshKey(String),
    SshKeyId(i64),
}

impl Handle {
    /// The credential that `Known` named so; none where it cannot be one of ours.
    pub(crate) fn of_id(id: &str) -> Option<Self> {
        let (sort, number) = id.split_once(':')?;
        let number = number.parse().ok()?;
        match sort {
            "token" => Some(Self::TokenId(number)),
            "session" => Some(Self::SessionId(number)),
            "password" => Some(Self::PasswordId(number)),
            "ssh_key" => Some(Self::SshKeyId(number)),
            _ => None,
        }
    }
}

/// A credential that is in the tables.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) identity: Identity,
    pub(crate) expires_at: Option<Timestamp>,
    /// What it is, where its uses are noted.
    pub(crate) used: Option<Used>,
}

impl Known {
    /// A credential that reaches as far as its user does.
    fn whole(subject: String, kind: CredentialKind, id: i64, expires_at: Option<i64>) -> Self {
        let word = if kind == CredentialKind::Session { "session" } else { "password" };
        let (id, name) = (format!("{word}:{id}"), word.to_owned());
        let credential = CredentialInfo { kind, id, name, role: Role::Admin, repositories: None };
        Self { identity: identity(subject, credential), expires_at: expires_at.map(Timestamp), used: None }
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| expires <= now)
    }
}

pub(crate) fn identity(subject: String, credential: CredentialInfo) -> Identity {
    Identity { subject, name_hint: None, email_hint: None, administrator: None, credential }
}

/// A password's row.
#[derive(Queryable)]
pub(crate) struct PasswordRow {
    id: i64,
    subject: String,
    pub(crate) hash: String,
}

impl PasswordRow {
    /// As it proves who is calling.
    pub(crate) fn known(self) -> Known {
        Known::whole(self.subject, CredentialKind::Password, self.id, None)
    }
}

/// A token's row as it is written.
#[derive(Insertable, AsChangeset, Clone)]
#[diesel(table_name = local_tokens)]
pub(crate) struct NewTokenRow {
    pub(crate) subject: String,
    pub(crate) name: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) role: String,
    pub(crate) repositories: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
}

/// A token's row as it is read.
#[derive(Queryable, Selectable)]
#[diesel(table_name = local_tokens)]
pub(crate) struct TokenRow {
    id: i64,
    subject: String,
    name: String,
    role: String,
    repositories: Option<String>,
    created_at: i64,
    expires_at: Option<i64>,
    last_used: Option<i64>,
}

impl TokenRow {
    /// As its owner sees it.
    pub(crate) fn info(&self) -> Result<TokenInfo, Database> {
        Ok(TokenInfo {
            id: self.id,
            name: self.name.clone(),
            role: role(&self.role)?,
            repositories: self.repositories.as_deref().map(scope).transpose()?,
            created_at: Timestamp(self.created_at),
            expires_at: self.expires_at.map(Timestamp),
            last_used: self.last_used.map(Timestamp),
        })
    }

    /// As it proves who is calling.
    pub(crate) fn known(self) -> Result<Known, Database> {
        let TokenInfo { id, name, role, repositories, expires_at, .. } = self.info()?;
        let kind = CredentialKind::Token;
        let credential = CredentialInfo { kind, id: format!("token:{id}"), name, role, repositories };
        Ok(Known { identity: identity(self.subject, credential), expires_at, used: Some(Used::Token(id)) })
    }
}

fn role(word: &str) -> Result<Role, Database> {
    let found = [Role::Read, Role::Write, Role::Admin].into_iter().find(|role| role.as_str() == word);
    found.ok_or_else(|| Database::corrupt(format!("local_tokens.role is '{word}'")))
}

fn scope(text: &str) -> Result<Vec<RepoKey>, Database> {
    serde_json::from_str(text).map_err(|error| Database::corrupt(format!("local_tokens.repositories: {error}")))
}

/// A row of `local_sessions`.
pub(crate) type SessionRow = (i64, String, Vec<u8>, i64, Option<i64>);

/// The session of a row.
pub(crate) fn session(row: Option<SessionRow>) -> Option<Known> {
    row.map(|(id, subject, _, expires, _)| Known::whole(subject, CredentialKind::Session, id, Some(expires)))
}
