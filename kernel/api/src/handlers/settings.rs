use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::repositories::{page, visibility};
use super::{Group, kind};
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::wire::{Done, Kinds, LfsSettings, MoveRepository, MovedRepository, RepositorySettings};

pub struct Settings;

#[OpenApi(tag = "Group::Repositories")]
impl Settings {
    /// Change a repository's settings
    ///
    /// All of them or, where one is refused, none.
    #[oai(path = "/api/:kinds/:namespace/:name/settings", method = "put", operation_id = "update_repository_settings")]
    async fn update_repository_settings(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        settings: JsonBody<RepositorySettings>,
    ) -> Answer<Json<Done>> {
        let repository = call.hub.administering(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let visibility = visibility(settings.0.visibility.as_deref(), settings.0.private)?;
        repository.change_settings(settings.0.patch(visibility)?).await?;
        Ok(Json(Done::new("Repository settings updated successfully".to_owned())))
    }

    /// Get what counts as a large file
    ///
    /// What the repository says itself, what is in effect, and where each value comes from.
    #[oai(path = "/api/:kinds/:namespace/:name/settings/lfs", method = "get", operation_id = "get_lfs_settings")]
    async fn get_lfs_settings(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<LfsSettings>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        Ok(Json(repository.lfs_policy().into()))
    }

    /// Move or rename a repository
    ///
    /// All that is in it goes with it, and its former name leads to it until somebody takes that name.
    #[oai(path = "/api/repos/move", method = "post", operation_id = "move_repository")]
    async fn move_repository(&self, call: OwnCall, way: JsonBody<MoveRepository>) -> Answer<Json<MovedRepository>> {
        let way = way.0;
        let kind = kind(way.kind.as_deref())?;
        let moved = call.hub.move_repository(&call.caller, kind, &way.from_repo, &way.to_repo).await?;
        let message = format!("The {kind} '{}' is called '{}' now", way.from_repo, moved.id);
        Ok(Json(MovedRepository { success: true, url: page(&call.base, kind, &moved.id), message }))
    }
}
