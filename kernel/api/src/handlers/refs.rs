use ballast_contract::versioning::Ref;
use ballast_services::Failure;
use ballast_types::Revision;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::extract::{Flag, JsonBody, OptionalJson};
use crate::wire::{BranchFrom, Done, Kinds, NewBranch, NewTag, RefItem, RefList, TagHere};

pub struct Refs;

#[OpenApi(tag = "Group::History")]
impl Refs {
    /// List branches and tags
    ///
    /// Each with the commit that it points to.
    #[oai(path = "/api/:kinds/:namespace/:name/refs", method = "get", operation_id = "list_refs")]
    async fn list_refs(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// With the refs of pull requests.
        include_prs: Query<Option<Flag>>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Json<RefList>> {
        let repository = call.reading(kinds.0, (&namespace, &name), None, fallback.0).await?;
        let proposals = include_prs.0.is_some_and(|flag| flag.0);
        let refs = repository.refs(proposals).await?;
        let items = |refs: Vec<Ref>| refs.iter().filter_map(RefItem::of).collect::<Vec<_>>();
        Ok(Json(RefList {
            branches: items(refs.branches),
            converts: items(refs.converts),
            tags: items(refs.tags),
            pull_requests: proposals.then(|| items(refs.proposals)),
        }))
    }

    /// Create a branch
    ///
    /// At `revision`, or at the tip of the default branch. 409 where the name is taken.
    #[oai(path = "/api/:kinds/:namespace/:name/branch", method = "post", operation_id = "create_branch")]
    async fn create_branch(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        new: JsonBody<NewBranch>,
    ) -> Answer<Json<Done>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let from = new.0.revision.map(Revision::new);
        repository.create_branch(&new.0.branch, from.as_ref(), false).await?;
        Ok(Json(Done::new(format!("The branch '{}' is created", new.0.branch))))
    }

    /// Create a branch of this name
    ///
    /// At `startingPoint`, or at the tip of the default branch. 409 where the name is taken and `overwrite` does not
    /// say that it is to be moved.
    #[oai(path = "/api/:kinds/:namespace/:name/branch/:branch", method = "post", operation_id = "create_named_branch")]
    async fn create_named_branch(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        branch: Path<String>,
        from: OptionalJson<BranchFrom>,
    ) -> Answer<Json<Done>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        if from.0.empty_branch == Some(true) {
            return Err(Failure::Unsupported(
                "A branch without history is not offered: name a startingPoint".to_owned(),
            )
            .into());
        }
        let overwrite = from.0.overwrite.unwrap_or(false);
        let from = from.0.starting_point.map(Revision::new);
        repository.create_branch(&branch, from.as_ref(), overwrite).await?;
        Ok(Json(Done::new(format!("The branch '{}' is created", branch.0))))
    }

    /// Delete a branch
    ///
    /// Its commits stay readable by their ids. 403 for the default branch.
    #[oai(path = "/api/:kinds/:namespace/:name/branch/:branch", method = "delete", operation_id = "delete_branch")]
    async fn delete_branch(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        branch: Path<String>,
    ) -> Answer<Json<Done>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        repository.delete_branch(&branch).await?;
        Ok(Json(Done::new(format!("The branch '{}' is deleted", branch.0))))
    }

    /// Create a tag
    ///
    /// At `revision`, or at the tip of the default branch. 409 where the name is taken.
    #[oai(path = "/api/:kinds/:namespace/:name/tag", method = "post", operation_id = "create_tag")]
    async fn create_tag(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        new: JsonBody<NewTag>,
    ) -> Answer<Json<Done>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let default = || repository.default_branch().to_owned();
        let at = Revision::new(new.0.revision.unwrap_or_else(default));
        repository.create_tag(&new.0.tag, &at, new.0.message).await?;
        Ok(Json(Done::new(format!("The tag '{}' is created", new.0.tag))))
    }

    /// Create a tag at a revision
    ///
    /// 409 where the name is taken.
    #[oai(path = "/api/:kinds/:namespace/:name/tag/:revision", method = "post", operation_id = "create_tag_at")]
    async fn create_tag_at(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// What the tag points to.
        revision: Path<String>,
        new: JsonBody<TagHere>,
    ) -> Answer<Json<Done>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        repository.create_tag(&new.0.tag, &Revision::new(revision.0), new.0.message).await?;
        Ok(Json(Done::new(format!("The tag '{}' is created", new.0.tag))))
    }

    /// Delete a tag
    ///
    /// The commit that it points to stays.
    #[oai(path = "/api/:kinds/:namespace/:name/tag/:revision", method = "delete", operation_id = "delete_tag")]
    async fn delete_tag(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// The tag. It has the name that its place in the address has for other methods.
        #[oai(name = "revision")]
        tag: Path<String>,
    ) -> Answer<Json<Done>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        repository.delete_tag(&tag).await?;
        Ok(Json(Done::new(format!("The tag '{}' is deleted", tag.0))))
    }
}
