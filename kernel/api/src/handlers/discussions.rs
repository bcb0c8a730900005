use ballast_services::{
    DiscussionFilter, Downloadable, Failure, HappeningKey, OpenDiscussion, ProposalDetails, Readable, Texts,
};
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::{Group, repositories};
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::extract::{Flag, JsonBody, OptionalJson};
use crate::wire::{
    ChangeStatus, DiscussionList, DiscussionView, EditedText, EventItem, Kinds, MergedPullRequest, NewComment,
    NewDiscussion, NewMessage, NewStatusEvent, NewTitle, NewTitleEvent, OpenedDiscussion, PullRequestMerge,
    UpdatedComment, comment_key, patch,
};

/// The most paths of which a difference tells in one piece.
const MAX_PATHS: usize = 1000;

pub struct Discussions;

#[OpenApi(tag = "Group::Discussions")]
impl Discussions {
    /// List discussions and pull requests
    ///
    /// Newest first, 50 to a page.
    #[oai(path = "/api/:kinds/:namespace/:name/discussions", method = "get", operation_id = "list_discussions")]
    #[allow(clippy::too_many_arguments)]
    async fn list_discussions(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// The page, counted from 0.
        p: Query<Option<u32>>,
        /// The same, under its older name.
        page_index: Query<Option<u32>>,
        /// `all` (by default), `discussion` or `pull_request`.
        r#type: Query<Option<String>>,
        /// `all` (by default), `open` (drafts too) or `closed` (merged ones too).
        status: Query<Option<String>>,
        /// Who opened them.
        author: Query<Option<String>>,
    ) -> Answer<Json<DiscussionList>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let pull_requests = choice("type", r#type.0.as_deref(), "pull_request", "discussion")?;
        let open = choice("status", status.0.as_deref(), "open", "closed")?;
        let filter = DiscussionFilter { pull_requests, open, author: author.0.filter(|name| !name.is_empty()) };
        let (start, page) = repository.list_discussions(&filter, p.0.or(page_index.0).unwrap_or(0)).await?;
        Ok(Json(DiscussionList::new(start, page, &repository)))
    }

    /// Open a discussion or a pull request
    ///
    /// Whoever may read the repository may open one. A pull request has the ref `refs/pr/N`, to which its author
    /// commits; it is a draft until it is opened by its status.
    #[oai(path = "/api/:kinds/:namespace/:name/discussions", method = "post", operation_id = "open_discussion")]
    async fn open_discussion(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        new: JsonBody<NewDiscussion>,
    ) -> Answer<Json<OpenedDiscussion>> {
        let repository = call.hub.proposing(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let NewDiscussion { title, description, pull_request } = new.0;
        let pull_request = pull_request.unwrap_or(false);
        let new = OpenDiscussion { title, description: description.unwrap_or_default(), pull_request };
        let num = repository.open_discussion(new).await?;
        let page = repositories::page(&call.base, repository.kind(), repository.id());
        Ok(Json(OpenedDiscussion { num, pull_request, url: format!("{page}/discussions/{num}") }))
    }

    /// See a discussion
    ///
    /// With all that happened in it; of a pull request also its commits and whether it can be merged.
    #[oai(path = "/api/:kinds/:namespace/:name/discussions/:number", method = "get", operation_id = "get_discussion")]
    async fn get_discussion(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        number: Path<u32>,
        /// With what a pull request changes, where the caller may have the repository's files.
        diff: Query<Option<Flag>>,
    ) -> Answer<Json<DiscussionView>> {
        let repository: Readable = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let details = repository.discussion_details(number.0).await?;
        let diff = match (diff.0, &details.proposal) {
            (Some(Flag(true)), Some(proposal)) => {
                match call.hub.downloadable(&call.caller, kinds.0.into(), &namespace, &name).await {
                    Err(Failure::Gated { .. }) => None,
                    granted => Some(difference(&granted?, proposal).await?),
                }
            }
            _ => None,
        };
        Ok(Json(DiscussionView::new(details, &repository, diff)))
    }

    /// Say something
    ///
    /// Whoever may read the repository may, also where it is closed.
    #[oai(
        path = "/api/:kinds/:namespace/:name/discussions/:number/comment",
        method = "post",
        operation_id = "comment_discussion"
    )]
    async fn comment_discussion(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        number: Path<u32>,
        new: JsonBody<NewComment>,
    ) -> Answer<Json<NewMessage>> {
        let repository = call.hub.proposing(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let event = repository.comment(number.0, &new.0.comment).await?;
        Ok(Json(NewMessage { new_message: EventItem::of(event) }))
    }

    /// Rename a discussion
    ///
    /// Whoever opened it may, and whoever writes to the repository.
    #[oai(
        path = "/api/:kinds/:namespace/:name/discussions/:number/title",
        method = "post",
        operation_id = "rename_discussion"
    )]
    async fn rename_discussion(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        number: Path<u32>,
        new: JsonBody<NewTitle>,
    ) -> Answer<Json<NewTitleEvent>> {
        let repository = call.hub.proposing(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let event = repository.rename_discussion(number.0, &new.0.title).await?;
        Ok(Json(NewTitleEvent { new_title: EventItem::of(event) }))
    }

    /// Open or close a discussion
    ///
    /// A draft is opened so, too. What is merged stays merged.
    #[oai(
        path = "/api/:kinds/:namespace/:name/discussions/:number/status",
        method = "post",
        operation_id = "set_discussion_status"
    )]
    async fn set_discussion_status(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        number: Path<u32>,
        new: JsonBody<ChangeStatus>,
    ) -> Answer<Json<NewStatusEvent>> {
        let repository = call.hub.proposing(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let ChangeStatus { status, comment } = new.0;
        let unknown = || Failure::Invalid("status: 'open' or 'closed'".to_owned());
        let open = choice("status", Some(&status), "open", "closed")?.ok_or_else(unknown)?;
        let event = repository.set_discussion_status(number.0, open, comment.as_deref()).await?;
        Ok(Json(NewStatusEvent { new_status: EventItem::of(event) }))
    }

    /// Merge a pull request
    ///
    /// 409 with `conflicts` where the branch that it is for changed the same paths.
    #[oai(
        path = "/api/:kinds/:namespace/:name/discussions/:number/merge",
        method = "post",
        operation_id = "merge_pull_request"
    )]
    async fn merge_pull_request(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        number: Path<u32>,
        how: OptionalJson<PullRequestMerge>,
    ) -> Answer<Json<MergedPullRequest>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let commit = repository.merge_pull_request(number.0, how.0.comment.as_deref()).await?;
        Ok(Json(MergedPullRequest { success: true, merge_commit_id: commit.to_string() }))
    }

    /// Edit a comment
    ///
    /// Who wrote it may. What it said before stays to be read.
    #[oai(
        path = "/api/:kinds/:namespace/:name/discussions/:number/comment/:comment/edit",
        method = "post",
        operation_id = "edit_discussion_comment"
    )]
    #[allow(clippy::too_many_arguments)]
    async fn edit_discussion_comment(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        number: Path<u32>,
        /// The id of its event.
        comment: Path<String>,
        new: JsonBody<EditedText>,
    ) -> Answer<Json<UpdatedComment>> {
        let repository = call.hub.proposing(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let event = repository.edit_comment(number.0, key(&comment)?, &new.0.content).await?;
        Ok(Json(UpdatedComment { updated_comment: EventItem::of(event) }))
    }

    /// Hide a comment
    ///
    /// Its text, and what it said before, is gone for good.
    #[oai(
        path = "/api/:kinds/:namespace/:name/discussions/:number/comment/:comment/hide",
        method = "post",
        operation_id = "hide_discussion_comment"
    )]
    async fn hide_discussion_comment(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        number: Path<u32>,
        /// The id of its event.
        comment: Path<String>,
    ) -> Answer<Json<UpdatedComment>> {
        let repository = call.hub.proposing(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let event = repository.hide_comment(number.0, key(&comment)?).await?;
        Ok(Json(UpdatedComment { updated_comment: EventItem::of(event) }))
    }
}

/// Which of two things a word of the request chooses; neither where it is `all`, or absent.
fn choice(field: &str, word: Option<&str>, yes: &str, no: &str) -> Result<Option<bool>, Failure> {
    match word {
        None | Some("all") => Ok(None),
        Some(word) if word == yes => Ok(Some(true)),
        Some(word) if word == no => Ok(Some(false)),
        Some(other) => Err(Failure::Invalid(format!("{field}: '{}' is neither {yes} nor {no}", other.escape_debug()))),
    }
}

fn key(id: &str) -> Result<HappeningKey, Failure> {
    comment_key(id).ok_or_else(|| Failure::NotFound("There is no comment with this id".to_owned()))
}

/// What a pull request changes, and whether that is all of it.
async fn difference(files: &Downloadable, proposal: &ProposalDetails) -> Result<(String, bool), Failure> {
    let page = files.proposed_changes(proposal).page(None, Some(MAX_PATHS), Texts::AsGit).await?;
    Ok((page.items.iter().map(patch).collect(), page.next.is_none()))
}
