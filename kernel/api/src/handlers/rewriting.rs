use ballast_types::Revision;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Group;
use crate::call::OwnCall;
use crate::error::Answer;
use crate::extract::{JsonBody, OptionalJson};
use crate::wire::{
    Kinds, Merge, MergeResult, MergeStrategy, Merged, Reset, Revert, Reverted, Squashed, SuperSquash, WasReset, remake,
};

pub struct Rewriting;

#[OpenApi(tag = "Group::History")]
impl Rewriting {
    /// Undo a commit
    ///
    /// By a new commit on the branch. 409 with `conflicts` where the branch changed the same paths since.
    #[oai(path = "/api/:kinds/:namespace/:name/branch/:branch/revert", method = "post", operation_id = "revert_commit")]
    async fn revert_commit(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        branch: Path<String>,
        body: JsonBody<Revert>,
    ) -> Answer<Json<Reverted>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let Revert { commit, parent_number, message, parent_commit } = body.0;
        let (remake, branch) = (remake(message, parent_commit)?, Revision::new(branch.0));
        let number = parent_number.unwrap_or(1);
        let outcome = repository.revert(&branch, &Revision::new(commit.clone()), number, remake).await?;
        let message = match outcome.created {
            true => format!("'{commit}' is undone on '{branch}'"),
            false => format!("'{branch}' has nothing of '{commit}' to undo"),
        };
        Ok(Json(Reverted { success: true, message, new_commit_id: outcome.id.to_string() }))
    }

    /// Bring an old state back
    ///
    /// By a new commit on the branch; its history stays.
    #[oai(path = "/api/:kinds/:namespace/:name/branch/:branch/reset", method = "post", operation_id = "reset_branch")]
    async fn reset_branch(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        branch: Path<String>,
        body: JsonBody<Reset>,
    ) -> Answer<Json<WasReset>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let Reset { commit, message, force, parent_commit } = body.0;
        let (remake, branch) = (remake(message, parent_commit)?, Revision::new(branch.0));
        let to = Revision::new(commit);
        let outcome = repository.reset(&branch, &to, force.unwrap_or(false), remake).await?;
        let message = match outcome.created {
            true => format!("'{branch}' is as '{to}' was"),
            false => format!("'{branch}' is as '{to}' is already"),
        };
        Ok(Json(WasReset { success: true, message, commit_id: outcome.id.to_string() }))
    }

    /// Merge
    ///
    /// Path by path, against the commit where the two parted. 409 with `conflicts` where both changed the same paths
    /// and no strategy says who wins.
    #[oai(
        path = "/api/:kinds/:namespace/:name/merge/:source/into/:branch",
        method = "post",
        operation_id = "merge_branch"
    )]
    #[allow(clippy::too_many_arguments)]
    async fn merge_branch(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, a tag, `refs/…` (encoded as one segment) or a commit id.
        source: Path<String>,
        branch: Path<String>,
        body: OptionalJson<Merge>,
    ) -> Answer<Json<Merged>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let Merge { message, strategy, squash_merge, parent_commit } = body.0;
        let remake = remake(message, parent_commit)?;
        let (branch, source) = (Revision::new(branch.0), Revision::new(source.0));
        let (strategy, squash) = (MergeStrategy::of(strategy), squash_merge.unwrap_or(false));
        let outcome = repository.merge(&branch, &source, strategy, squash, remake).await?;
        let message = match outcome.created {
            true => format!("'{source}' is merged into '{branch}'"),
            false => format!("'{branch}' has all of '{source}' already"),
        };
        Ok(Json(Merged { success: true, message, result: MergeResult::new(outcome) }))
    }

    /// Squash a history
    ///
    /// The branch becomes one commit without parents. Commits of before stay readable by their ids.
    #[oai(path = "/api/:kinds/:namespace/:name/super-squash/:branch", method = "post", operation_id = "super_squash")]
    async fn super_squash(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, or `refs/…` (encoded as one segment).
        branch: Path<String>,
        body: OptionalJson<SuperSquash>,
    ) -> Answer<Json<Squashed>> {
        let branch = Revision::new(branch.0);
        let at = call.hub.committing(&call.caller, kinds.0.into(), &namespace, &name, &branch).await?;
        let SuperSquash { message, parent_commit } = body.0;
        let outcome = at.super_squash(remake(message, parent_commit)?).await?;
        let message = match outcome.created {
            true => format!("The history of '{branch}' is one commit"),
            false => format!("The history of '{branch}' is one commit already"),
        };
        Ok(Json(Squashed { success: true, message, commit_oid: outcome.id.to_string() }))
    }
}
