use ballast_services::{AccessStatus, Failure};
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::OwnCall;
use crate::error::Answer;
use crate::extract::{JsonBody, OptionalJson};
use crate::paged::Paged;
use crate::wire::{AccessRequestItem, AccessStanding, AskAccess, Done, GrantAccess, HandleAccess, Kinds};

pub struct Access;

#[OpenApi(tag = "Group::Access")]
impl Access {
    /// Ask for the files of a gated repository
    ///
    /// Granted at once where the gate is automatic. Asking again answers where the request stands.
    #[oai(path = "/api/:kinds/:namespace/:name/ask-access", method = "post", operation_id = "ask_access")]
    async fn ask_access(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        ask: OptionalJson<AskAccess>,
    ) -> Answer<Json<AccessStanding>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let status = repository.ask_access(ask.0.fields()).await?;
        Ok(Json(AccessStanding { status: status.to_string() }))
    }

    /// List requests for access
    ///
    /// For those who administer the repository.
    #[oai(
        path = "/api/:kinds/:namespace/:name/user-access-request/:status",
        method = "get",
        operation_id = "list_access_requests"
    )]
    #[allow(clippy::too_many_arguments)]
    async fn list_access_requests(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// `pending`, `accepted` or `rejected`.
        status: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Paged<AccessRequestItem>> {
        let repository = call.hub.administering(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let page = repository.access_requests(parsed(&status)?, cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(Paged::new(page.items.into_iter().map(AccessRequestItem::from).collect()).followed_by(next))
    }

    /// Decide on a request for access
    ///
    /// Which one is said by its user or its id; `status` is what it becomes: accepted, rejected or pending.
    #[oai(
        path = "/api/:kinds/:namespace/:name/user-access-request/handle",
        method = "post",
        operation_id = "handle_access_request"
    )]
    async fn handle_access_request(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        decision: JsonBody<HandleAccess>,
    ) -> Answer<Json<Done>> {
        let repository = call.hub.administering(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let decision = decision.0;
        let user = decision.user.or(decision.request_id);
        let user = user.ok_or_else(|| Failure::Invalid("user: whose request is it?".to_owned()))?;
        let status = parsed(&decision.status)?;
        repository.decide_access(&user, status, decision.rejection_reason).await?;
        Ok(Json(Done::new(format!("The request of '{user}' is {status}"))))
    }

    /// Give somebody access
    ///
    /// Whether they asked or not.
    #[oai(
        path = "/api/:kinds/:namespace/:name/user-access-request/grant",
        method = "post",
        operation_id = "grant_access"
    )]
    async fn grant_access(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        whom: JsonBody<GrantAccess>,
    ) -> Answer<Json<Done>> {
        let repository = call.hub.administering(&call.caller, kinds.0.into(), &namespace, &name).await?;
        repository.grant_access(&whom.0.user).await?;
        Ok(Json(Done::new(format!("'{}' has access", whom.0.user))))
    }
}

fn parsed(status: &str) -> Result<AccessStatus, Failure> {
    status.parse().map_err(Failure::invalid)
}
