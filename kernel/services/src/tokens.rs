//! The caller's own access tokens.

use std::time::Duration;

use ballast_catalog::{Namespace, Repository};
use ballast_contract::Page;
use ballast_contract::auth::{NewToken, Role, TokenInfo};
use ballast_types::{Name, RepoKey, RepoKind};
use serde_json::json;

use crate::audit::{By, user_object};
use crate::caller::Known;
use crate::paging::page_size;
use crate::{Caller, CreatedToken, Failure, Hub, Result};

/// A token that somebody wants for themselves.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    pub name: String,
    pub role: Role,
    /// None is for ever.
    pub lifetime: Option<Duration>,
    /// None is every repository; otherwise `namespace/name` of models, `type/namespace/name`, or keys.
    pub repositories: Option<Vec<String>>,
}

const USUAL_PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;
/// Repositories that one token may be limited to; each is looked for when the token is made.
const MOST_REPOSITORIES: usize = 100;
const LONGEST_NAME: usize = 100;

impl Hub {
    /// The caller's tokens, oldest first.
    pub async fn list_own_tokens(
        &self,
        caller: &Caller,
        after: Option<String>,
        limit: Option<usize>,
    ) -> Result<Page<TokenInfo>> {
        let known = caller.managing_credentials()?;
        let (subject, credentials) = self.own_credentials(&known.user).await?;
        Ok(credentials.tokens(&subject, after, page_size(limit, USUAL_PAGE, LONGEST_PAGE)).await?)
    }

    /// Makes a token for the caller: never one that reaches further than the credential it is made with.
    pub async fn create_own_token(&self, caller: &Caller, asked: TokenRequest) -> Result<CreatedToken> {
        let known = caller.managing_credentials()?;
        if asked.role > known.credential.role {
            let why = format!("A token of role {} cannot be made with one of less", asked.role.as_str());
            return Err(Failure::Forbidden(why));
        }
        let length = asked.name.chars().count();
        if asked.name.trim().is_empty() || length > LONGEST_NAME || asked.name.contains(char::is_control) {
            return Err(Failure::Invalid(format!("A token's name has 1 to {LONGEST_NAME} printable characters")));
        }
        let repositories = match asked.repositories {
            Some(written) => Some(self.scope(known, written).await?),
            None => None,
        };
        let expires_at = asked.lifetime.map(|lifetime| self.now().after(lifetime));
        let new = NewToken { name: asked.name, role: asked.role, repositories, expires_at, value: None };
        let (subject, credentials) = self.own_credentials(&known.user).await?;
        let (info, value) = credentials.create_token(&subject, &new).await?;
        let details = json!({
            "token": info.id, "name": info.name, "role": info.role, "repositories": info.repositories,
        });
        self.put_on_record(By::Known(known), "token.create", user_object(&known.user.name), details).await?;
        Ok(CreatedToken { info, value })
    }

    /// Ends one of the caller's tokens at once. `NotFound` where it is not theirs.
    pub async fn revoke_own_token(&self, caller: &Caller, id: i64) -> Result<()> {
        let known = caller.managing_credentials()?;
        let (subject, credentials) = self.own_credentials(&known.user).await?;
        credentials.revoke_token(&subject, id).await?;
        let object = user_object(&known.user.name);
        self.put_on_record(By::Known(known), "token.revoke", object, json!({ "token": id })).await
    }

    /// The repositories that a token is limited to, each of which the caller must see.
    async fn scope(&self, known: &Known, written: Vec<String>) -> Result<Vec<RepoKey>> {
        if written.is_empty() || written.len() > MOST_REPOSITORIES {
            let why =
                format!("A token is limited to 1 to {MOST_REPOSITORIES} repositories, or to none by leaving it out");
            return Err(Failure::Invalid(why));
        }
        let wanted = written.iter().map(|text| Wanted::read(text)).collect::<Result<Vec<_>>>()?;
        let keys: Vec<RepoKey> = wanted.iter().filter_map(Wanted::key).collect();
        let names: Vec<_> = wanted.iter().filter_map(Wanted::name).collect();
        let mut found = self.catalog().find_owned(&keys).await?;
        found.extend(self.catalog().find_named(&names).await?);
        let visible = self.visible_among(&known.viewer(), Some(known), found).await?;
        let mut scope: Vec<RepoKey> = vec![];
        for (wanted, text) in wanted.iter().zip(&written) {
            let there = visible.iter().find(|(repository, owner)| wanted.is(repository, owner));
            let absent = || {
                Failure::NotFound(format!("There is no repository '{}', or you may not see it", text.escape_debug()))
            };
            let key = there.map(|(repository, _)| repository.key).ok_or_else(absent)?;
            if !scope.contains(&key) {
                scope.push(key);
            }
        }
        Ok(scope)
    }
}

/// A repository as somebody names it who wants a token for it.
enum Wanted {
    Key(RepoKey),
    Name((RepoKind, Name, Name)),
}

impl Wanted {
    fn read(text: &str) -> Result<Self> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Key(RepoKey(number)));
        }
        let (kind, namespace, name) = match text.split('/').collect::<Vec<_>>().as_slice() {
            [namespace, name] => (RepoKind::Model, *namespace, *name),
            [kind, namespace, name] => (kind.parse().map_err(Failure::invalid)?, *namespace, *name),
            _ => {
                let why = format!("'{}' names no repository: write type/namespace/name", text.escape_debug());
                return Err(Failure::Invalid(why));
            }
        };
        let read = |name: &str| name.parse::<Name>().map_err(Failure::invalid);
        Ok(Self::Name((kind, read(namespace)?, read(name)?)))
    }

    fn key(&self) -> Option<RepoKey> {
        match self {
            Self::Key(key) => Some(*key),
            Self::Name(_) => None,
        }
    }

    fn name(&self) -> Option<(RepoKind, Name, Name)> {
        match self {
            Self::Key(_) => None,
            Self::Name(name) => Some(name.clone()),
        }
    }

    fn is(&self, repository: &Repository, owner: &Namespace) -> bool {
        match self {
            Self::Key(key) => repository.key == *key,
            Self::Name(name) => repository.is_called(owner, name),
        }
    }
}
