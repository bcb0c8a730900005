use std::time::Duration;

use ballast_contract::auth::Role;
use ballast_services::{Failure, TokenRequest};
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::OwnCall;
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::paged::PagedObject;
use crate::wire::{Done, NewOwnToken, OwnToken, TokenItem, TokenList};

/// Ten years.
const MOST_DAYS: u32 = 3650;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub struct Tokens;

#[OpenApi(tag = "Group::Account")]
impl Tokens {
    /// List one's tokens
    ///
    /// Oldest first, without the tokens themselves: each is shown once, when it is made.
    #[oai(path = "/api/auth/tokens", method = "get", operation_id = "list_tokens")]
    async fn list_tokens(
        &self,
        call: OwnCall,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<TokenList>> {
        let page = call.hub.list_own_tokens(&call.caller, cursor.0, limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(PagedObject::new(TokenList { tokens: page.items.into_iter().map(TokenItem::from).collect() }, next))
    }

    /// Make a token
    ///
    /// Takes a session, the password, or a token of role admin.
    #[oai(path = "/api/auth/tokens/create", method = "post", operation_id = "create_token")]
    async fn create_token(&self, call: OwnCall, new: JsonBody<NewOwnToken>) -> Answer<Json<OwnToken>> {
        let NewOwnToken { name, role, expires_days, repositories } = new.0;
        let lifetime = expires_days.map(lifetime).transpose()?;
        let asked = TokenRequest { name, role: role.map_or(Role::Write, Role::from), lifetime, repositories };
        Ok(Json(OwnToken::from(call.hub.create_own_token(&call.caller, asked).await?)))
    }

    /// End a token
    ///
    /// At once.
    #[oai(path = "/api/auth/tokens/:token_id", method = "delete", operation_id = "delete_token")]
    async fn delete_token(&self, call: OwnCall, token_id: Path<i64>) -> Answer<Json<Done>> {
        call.hub.revoke_own_token(&call.caller, token_id.0).await?;
        Ok(Json(Done { success: true, message: format!("The token {} is over", token_id.0) }))
    }
}

fn lifetime(days: u32) -> Result<Duration, Failure> {
    match (1..=MOST_DAYS).contains(&days) {
        true => Ok(DAY * days),
        false => Err(Failure::Invalid(format!("expires_days is 1 to {MOST_DAYS}, or left out for no end"))),
    }
}
