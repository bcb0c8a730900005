use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use super::{Group, kind};
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::wire::{Card, CardReport, Whoami};

pub struct Account;

#[OpenApi(tag = "Group::Account")]
impl Account {
    /// Who am I
    ///
    /// The user behind the credential, their organisations, and the role of the token.
    #[oai(path = "/api/whoami-v2", method = "get", operation_id = "whoami")]
    async fn whoami(&self, call: OwnCall) -> Answer<Json<Whoami>> {
        let who = call.hub.whoami(&call.caller).await?;
        Ok(Json(Whoami::new(who, &call.hub.settings().site_name)))
    }

    /// Check a README's metadata
    ///
    /// Always answers with a report; what is wrong with the metadata is no error of the request.
    #[oai(path = "/api/validate-yaml", method = "post", operation_id = "validate_card")]
    async fn validate_card(&self, call: OpenCall, card: JsonBody<Card>) -> Answer<CardAnswer> {
        let kind = kind(card.0.repo_type.as_deref())?;
        let report = CardReport::from(call.hub.validate_card(&card.0.content, kind));
        Ok(if report.valid { CardAnswer::Good(Json(report)) } else { CardAnswer::Bad(Json(report)) })
    }
}

/// A report, as clients expect it: they read the body before the status.
#[derive(poem_openapi::ApiResponse)]
pub enum CardAnswer {
    /// The metadata can be committed
    #[oai(status = 200)]
    Good(Json<CardReport>),
    /// The metadata is refused
    #[oai(status = 400)]
    Bad(Json<CardReport>),
}
