use ballast_services::{Committing, LfsSettings, PreuploadFile, Proposing};
use ballast_types::Revision;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::{Group, destination, repositories};
use crate::call::OwnCall;
use crate::commit_lines;
use crate::error::{Answer, ApiError};
use crate::extract::{Flag, JsonBody, NdJson};
use crate::lines::Lines;
use crate::wire::{CommitAnswer, Kinds, Preupload, PreuploadAnswer, PreuploadAnswers, PreuploadedFile};

pub struct Commits;

#[OpenApi(tag = "Group::Commits")]
impl Commits {
    /// Ask how to upload
    ///
    /// Which files are large and go by LFS, which are left out, and what stands at their paths now.
    #[oai(path = "/api/:kinds/:namespace/:name/preupload/:revision", method = "post", operation_id = "preupload")]
    #[allow(clippy::too_many_arguments)]
    async fn preupload(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// The branch, or `refs/pr/N` (encoded as one segment).
        revision: Path<String>,
        /// The commit is to be a pull request to that branch, which takes no right to write.
        create_pr: Query<Option<Flag>>,
        body: JsonBody<Preupload>,
    ) -> Answer<Json<PreuploadAnswers>> {
        let revision = Revision::new(revision.0);
        let to = destination(create_pr.0, &revision);
        let repository = call.hub.uploading(&call.caller, kinds.0.into(), &namespace, &name, &to).await?;
        let files: Vec<_> = body.0.files.into_iter().enumerate().map(file).collect::<Result<_, _>>()?;
        let answers = repository.preupload(&revision, files, body.0.git_ignore.as_deref()).await?;
        Ok(Json(PreuploadAnswers { files: answers.into_iter().map(PreuploadAnswer::from).collect() }))
    }

    /// Commit
    ///
    /// One JSON document per line: first `{"key":"header","value":{"summary","description"?,"parentCommit"?}}`, then
    /// any number of `file` (`path`, `content`, `encoding`), `lfsFile` (`path`, `algo`, `oid`, `size`?), `deletedFile`
    /// (`path`), `deletedFolder` (`path`) and `copyFile` (`path`, `srcPath`, `srcRevision`?). All of it or nothing.
    #[oai(path = "/api/:kinds/:namespace/:name/commit/:revision", method = "post", operation_id = "create_commit")]
    #[allow(clippy::too_many_arguments)]
    async fn create_commit(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// The branch, or `refs/pr/N` (encoded as one segment).
        revision: Path<String>,
        /// Open a pull request to that branch with this commit, which takes no right to write.
        create_pr: Query<Option<Flag>>,
        body: NdJson,
    ) -> Answer<Json<CommitAnswer>> {
        let (kind, revision) = (kinds.0.into(), Revision::new(revision.0));
        let opens = matches!(create_pr.0, Some(Flag(true)));
        let right = match opens {
            true => Right::New(call.hub.proposing(&call.caller, kind, &namespace, &name).await?),
            false => Right::To(call.hub.committing(&call.caller, kind, &namespace, &name, &revision).await?),
        };
        let mut lines = Lines::new(Box::pin(body.into_pieces()), longest_line(&call.hub.settings().lfs));
        let header = commit_lines::header(&mut lines).await?;
        let operations = Box::pin(commit_lines::operations(lines));
        let (repository, outcome, number) = match right {
            Right::New(repository) => {
                let proposed = repository.propose_commit(&revision, header, operations).await?;
                (repository, proposed.commit, Some(proposed.number))
            }
            Right::To(branch) => {
                let outcome = branch.commit(header, operations).await?;
                (Proposing::clone(&branch), outcome, None)
            }
        };
        let page = repositories::page(&call.base, repository.kind(), repository.id());
        Ok(Json(CommitAnswer {
            success: true,
            commit_oid: outcome.id.to_string(),
            commit_url: format!("{page}/commit/{}", outcome.id),
            pull_request_url: number.map(|number| format!("{page}/discussions/{number}")),
            hook_output: String::new(),
        }))
    }
}

/// What a commit goes by.
enum Right {
    /// A pull request of its own.
    New(Proposing),
    /// The ref that the address names.
    To(Committing),
}

/// Room for twice the largest regular file in base64, so that a file that should have gone by LFS is refused with a
/// sentence that says so, and not for the length of its line.
fn longest_line(lfs: &LfsSettings) -> usize {
    let longest = lfs.threshold.saturating_mul(8) / 3;
    usize::try_from(longest).unwrap_or(usize::MAX).max(16 * 1024 * 1024)
}

fn file((number, file): (usize, PreuploadedFile)) -> Result<PreuploadFile, ApiError> {
    let place = |field: &str| ["body", "files", &number.to_string(), field].map(str::to_owned).to_vec();
    let sample = file.sample.map(|text| STANDARD.decode(text)).transpose();
    let sample = sample.map_err(|error| ApiError::unreadable(place("sample"), format!("not base64: {error}")))?;
    let sha256 = file.sha256.map(|text| text.parse()).transpose();
    let sha256 = sha256.map_err(|error: ballast_types::InvalidDigest| ApiError::unreadable(place("sha256"), error))?;
    Ok(PreuploadFile { path: file.path, size: file.size, sample: sample.map(Into::into), sha256 })
}
