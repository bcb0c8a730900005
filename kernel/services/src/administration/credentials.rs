//! What lets users in: passwords, tokens and sessions, without their values.

use ballast_catalog::User;
use ballast_contract::Page;
use ballast_contract::auth::{NewToken, SessionInfo, TokenInfo};
use ballast_types::Secret;
use serde_json::json;

use super::{Administrator, LONGEST_PAGE, USUAL_PAGE};
use crate::audit::user_object;
use crate::paging::page_size;
use crate::{CreatedToken, Result};

const PAGE: usize = 1000;

impl Administrator {
    /// Sets a password, which ends the user's sessions.
    pub async fn set_password(&self, user: &User, password: &Secret) -> Result<()> {
        self.hub.check_password_rule(password)?;
        let (subject, credentials) = self.hub.own_credentials(user).await?;
        credentials.set_password(&subject, Some(password)).await?;
        self.hub.put_on_record(self.by(), "password.set", user_object(&user.name), json!({})).await
    }

    /// Makes a token for a user.
    pub async fn create_token(&self, user: &User, token: &NewToken) -> Result<CreatedToken> {
        let (subject, credentials) = self.hub.own_credentials(user).await?;
        let (info, value) = credentials.create_token(&subject, token).await?;
        let details = json!({ "token": info.id, "name": info.name, "role": info.role });
        self.hub.put_on_record(self.by(), "token.create", user_object(&user.name), details).await?;
        Ok(CreatedToken { info, value })
    }

    /// A user's tokens, oldest first.
    pub async fn list_tokens(&self, user: &User) -> Result<Vec<TokenInfo>> {
        let (subject, credentials) = self.hub.own_credentials(user).await?;
        let (mut tokens, mut after) = (vec![], None);
        loop {
            let page = credentials.tokens(&subject, after, PAGE).await?;
            tokens.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(tokens);
            }
        }
    }

    /// A page of a user's tokens, oldest first: 100 unless asked, at most 1000.
    pub async fn tokens_of(&self, name: &str, after: Option<String>, limit: Option<usize>) -> Result<Page<TokenInfo>> {
        let user = self.hub.get_user(name).await?;
        let (subject, credentials) = self.hub.own_credentials(&user).await?;
        Ok(credentials.tokens(&subject, after, page_size(limit, USUAL_PAGE, LONGEST_PAGE)).await?)
    }

    /// Ends a token at once.
    pub async fn revoke_token(&self, user: &User, id: i64) -> Result<()> {
        let (subject, credentials) = self.hub.own_credentials(user).await?;
        credentials.revoke_token(&subject, id).await?;
        self.hub.put_on_record(self.by(), "token.revoke", user_object(&user.name), json!({ "token": id })).await
    }

    /// Ends one of the tokens of the user of a name.
    pub async fn revoke_token_of(&self, name: &str, id: i64) -> Result<()> {
        let user = self.hub.get_user(name).await?;
        self.revoke_token(&user, id).await
    }

    /// Ends every token of a user.
    pub async fn revoke_tokens_of(&self, name: &str) -> Result<()> {
        let user = self.hub.get_user(name).await?;
        let (subject, credentials) = self.hub.own_credentials(&user).await?;
        credentials.revoke_tokens(&subject).await?;
        self.hub.put_on_record(self.by(), "token.revoke", user_object(&user.name), json!({ "all": true })).await
    }

    /// A page of a user's sessions, oldest first: 100 unless asked, at most 1000.
    pub async fn sessions_of(
        &self,
        name: &str,
        after: Option<String>,
        limit: Option<usize>,
    ) -> Result<Page<SessionInfo>> {
        let user = self.hub.get_user(name).await?;
        let (subject, credentials) = self.hub.own_credentials(&user).await?;
        Ok(credentials.sessions(&subject, after, page_size(limit, USUAL_PAGE, LONGEST_PAGE)).await?)
    }

    /// Ends one of a user's sessions.
    pub async fn revoke_session_of(&self, name: &str, id: i64) -> Result<()> {
        let user = self.hub.get_user(name).await?;
        let (subject, credentials) = self.hub.own_credentials(&user).await?;
        credentials.revoke_session(&subject, id).await?;
        self.hub.put_on_record(self.by(), "session.end", user_object(&user.name), json!({ "session": id })).await
    }

    /// Ends every session of a user.
    pub async fn close_sessions_of(&self, name: &str) -> Result<()> {
        let user = self.hub.get_user(name).await?;
        let (subject, credentials) = self.hub.own_credentials(&user).await?;
        credentials.close_sessions(&subject).await?;
        self.hub.put_on_record(self.by(), "session.end", user_object(&user.name), json!({ "all": true })).await
    }

    pub(crate) async fn is_password(&self, user: &User, password: &Secret) -> Result<bool> {
        let (subject, credentials) = self.hub.own_credentials(user).await?;
        Ok(credentials.check_password(Some(&subject), password).await?.is_some())
    }
}
