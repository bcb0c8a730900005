use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::{Group, kind};
use crate::call::OwnCall;
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::paged::Paged;
use crate::wire::{ImportBody, ImportStarted, Kinds, NewImport};

/// Repositories of other hubs, taken over into repositories of this one.
pub struct Imports;

#[OpenApi(tag = "Group::Imports")]
impl Imports {
    /// Take a repository over from another hub
    ///
    /// Files keep their ids; what the hub has and the caller may read is not fetched. The same import that is under way
    /// already is answered instead of a new one; one that is over begins where it ended. 409 where the branch holds what no
    /// import brought there.
    #[oai(path = "/api/import", method = "post", operation_id = "start_import")]
    async fn start_import(&self, call: OwnCall, wish: JsonBody<NewImport>) -> Answer<ImportStarted> {
        let importing = call.hub.importing(&call.caller)?;
        let kind = kind(wish.0.kind.as_deref())?;
        Ok(match importing.start(wish.0.request(kind)).await? {
            (import, true) => ImportStarted::New(Json(import.into())),
            (import, false) => ImportStarted::Same(Json(import.into())),
        })
    }

    /// List imports
    ///
    /// What the caller lets repositories take over from other hubs; for an administrator, what anybody does.
    #[oai(path = "/api/import", method = "get", operation_id = "list_imports")]
    async fn list_imports(
        &self,
        call: OwnCall,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Paged<ImportBody>> {
        let page = call.hub.importing(&call.caller)?.list(cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(Paged::new(page.items.into_iter().map(Into::into).collect()).followed_by(next))
    }

    /// Get an import
    ///
    /// What the repository takes over from another hub, how far that is, and how it ended last.
    #[oai(path = "/api/:kinds/:namespace/:name/import", method = "get", operation_id = "get_import")]
    async fn get_import(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<ImportBody>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        Ok(Json(repository.import().await?.into()))
    }

    /// End an import
    ///
    /// Now and in future: it is not brought up to date any more. What was taken over stays. When this has answered, nothing
    /// of it goes on.
    #[oai(path = "/api/:kinds/:namespace/:name/import", method = "delete", operation_id = "stop_import")]
    async fn stop_import(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<ImportBody>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        Ok(Json(repository.stop_import().await?.into()))
    }
}
