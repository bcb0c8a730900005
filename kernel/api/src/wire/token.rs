use ballast_contract::auth::{Role, TokenInfo};
use ballast_services::CreatedToken;
use poem_openapi::{Enum, Object};
use serde::Deserialize;

/// A token to be made.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewOwnToken {
    pub name: String,
    /// `write` by default. Never more than the credential that it is made with.
    pub role: Option<TokenRole>,
    /// 1 to 3650; without it the token has no end.
    pub expires_days: Option<u32>,
    /// Only these, each as `type/namespace/name`, `namespace/name` of a model, or by its `_id`; every repository without
    /// it.
    pub repositories: Option<Vec<String>>,
}

/// How far a token reaches.
#[derive(Clone, Copy, Deserialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub enum TokenRole {
    /// Reads what its user may read.
    Read,
    /// Does with repositories all that its user may.
    Write,
    /// All that its user may do.
    Admin,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Read => Self::Read,
            TokenRole::Write => Self::Write,
            TokenRole::Admin => Self::Admin,
        }
    }
}

/// A token that was made.
#[derive(Object)]
pub struct OwnToken {
    pub success: bool,
    /// Shown this once.
    pub token: String,
    pub token_id: i64,
    pub message: String,
}

impl From<CreatedToken> for OwnToken {
    fn from(made: CreatedToken) -> Self {
        let message = "Keep the token now: it is not shown again".to_owned();
        Self { success: true, token: made.value.expose().to_owned(), token_id: made.info.id, message }
    }
}

/// The caller's tokens, oldest first.
#[derive(Object)]
pub struct TokenList {
    pub tokens: Vec<TokenItem>,
}

/// A token, without its value.
#[derive(Object)]
pub struct TokenItem {
    pub id: i64,
    pub name: String,
    /// `read`, `write` or `admin`.
    pub role: String,
    /// To about a minute.
    pub last_used: Option<String>,
    pub expires_at: Option<String>,
    pub created_at: String,
    /// The `_id` of each repository that it is limited to; null is no limit.
    pub repositories: Option<Vec<String>>,
}

impl From<TokenInfo> for TokenItem {
    fn from(token: TokenInfo) -> Self {
        let ids = |keys: Vec<ballast_types::RepoKey>| keys.into_iter().map(|key| key.to_string()).collect();
        Self {
            id: token.id,
            name: token.name,
            role: token.role.as_str().to_owned(),
            last_used: token.last_used.map(|moment| moment.to_string()),
            expires_at: token.expires_at.map(|moment| moment.to_string()),
            created_at: token.created_at.to_string(),
            repositories: token.repositories.map(ids),
        }
    }
}
