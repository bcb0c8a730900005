use ballast_services::{Analysis, Failure, JobRequest, JobSettingsPatch};
use ballast_types::RepoKind;
use poem::Request;
use poem::http::StatusCode;
use poem::web::websocket::WebSocket;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use serde_json::Value;

use super::Group;
use crate::call::shared;
use crate::error::{Answer, ApiError};
use crate::extract::{Flag, JsonBody};
use crate::job_call::JobCall;
use crate::news::News;
use crate::wire::{
    CacheList, CachedRepo, Done, DownloadPlan, DownloadRequest, ExistingJob, JobBody, JobList, JobSettingsBody,
    JobSettingsWish, NeedsSelection, NoNewJob, Started,
};

pub struct Jobs;

const UNDER_WAY: &str = "Download already in progress";
const WHICH: &str =
    "This repository exists as both a model and a dataset. Please select which one you want to analyze.";

#[OpenApi(tag = "Group::Downloads")]
impl Jobs {
    /// Download from another hub
    ///
    /// Into the cache of the node that works on it, as huggingface_hub would have it. The same job that is under way already
    /// is answered instead of a new one.
    #[oai(path = "/api/download", method = "post", operation_id = "start_download")]
    async fn start_download(&self, call: JobCall, wish: JsonBody<DownloadRequest>) -> Answer<Started> {
        let dry_run = wish.0.dry_run.unwrap_or_default();
        let request = request_of(wish.0);
        if dry_run {
            let plan = call.downloading.plan(request).await?;
            return Ok(Started::NotNew(Json(NoNewJob::Plan(plan.into()))));
        }
        match call.downloading.start_download(request).await? {
            (job, true) => Ok(Started::New(Json(job.into()))),
            (job, false) => {
                let existing = ExistingJob { job: job.into(), message: UNDER_WAY.to_owned() };
                Ok(Started::NotNew(Json(NoNewJob::Existing(existing))))
            }
        }
    }

    /// Plan a download
    ///
    /// What would be downloaded, and nothing is.
    #[oai(path = "/api/plan", method = "post", operation_id = "plan_download")]
    async fn plan_download(&self, call: JobCall, wish: JsonBody<DownloadRequest>) -> Answer<Json<DownloadPlan>> {
        Ok(Json(call.downloading.plan(request_of(wish.0)).await?.into()))
    }

    /// List downloads
    ///
    /// Oldest first: all that are under way, and the newest of those that are over.
    #[oai(path = "/api/jobs", method = "get", operation_id = "list_jobs")]
    async fn list_jobs(
        &self,
        call: JobCall,
        /// Only the newest; 1 to 1000.
        limit: Query<Option<usize>>,
    ) -> Answer<Json<JobList>> {
        let jobs: Vec<JobBody> = call.downloading.list_jobs(limit.0).await?.into_iter().map(Into::into).collect();
        Ok(Json(JobList { count: jobs.len(), jobs }))
    }

    /// Get a download
    ///
    /// With all its files.
    #[oai(path = "/api/jobs/:id", method = "get", operation_id = "get_job")]
    async fn get_job(
        &self,
        call: JobCall,
        /// The `id` of the job.
        id: Path<String>,
    ) -> Answer<Json<JobBody>> {
        Ok(Json(call.downloading.job(&id).await?.into()))
    }

    /// Cancel a download
    ///
    /// Queued, running or paused. When this has answered, nothing of it goes on.
    #[oai(path = "/api/jobs/:id", method = "delete", operation_id = "cancel_job")]
    async fn cancel_job(
        &self,
        call: JobCall,
        /// The `id` of the job.
        id: Path<String>,
    ) -> Answer<Json<Done>> {
        call.downloading.cancel_job(&id).await?;
        Ok(Json(Done::new("Job cancelled")))
    }

    /// Interrupt a download
    ///
    /// What has arrived stays.
    #[oai(path = "/api/jobs/:id/pause", method = "post", operation_id = "pause_job")]
    async fn pause_job(
        &self,
        call: JobCall,
        /// The `id` of the job.
        id: Path<String>,
    ) -> Answer<Json<Done>> {
        call.downloading.pause_job(&id).await?;
        Ok(Json(Done::new("Job paused")))
    }

    /// Let a download go on
    ///
    /// It is queued again, and begins with what is missing.
    #[oai(path = "/api/jobs/:id/resume", method = "post", operation_id = "resume_job")]
    async fn resume_job(
        &self,
        call: JobCall,
        /// The `id` of the job.
        id: Path<String>,
    ) -> Answer<Json<Done>> {
        call.downloading.resume_job(&id).await?;
        Ok(Json(Done::new("Job resumed")))
    }

    /// How downloads go about it
    ///
    /// Of the token, the last four characters.
    #[oai(path = "/api/settings", method = "get", operation_id = "get_download_settings")]
    async fn get_download_settings(&self, call: JobCall) -> Answer<Json<JobSettingsBody>> {
        let (cache_dir, endpoint) = call.downloading.places()?;
        Ok(Json(JobSettingsBody::new(call.downloading.settings().await?, cache_dir, endpoint)))
    }

    /// Set how downloads go about it
    ///
    /// For jobs that begin from now on. Folders cannot be set: they are ignored, as any other field is.
    #[oai(path = "/api/settings", method = "post", operation_id = "set_download_settings")]
    async fn set_download_settings(&self, call: JobCall, wish: JsonBody<JobSettingsWish>) -> Answer<Json<Done>> {
        call.downloading.set(JobSettingsPatch::try_from(wish.0)?).await?;
        Ok(Json(Done::new("Settings updated")))
    }

    /// Analyze a repository of another hub
    ///
    /// From its headers and configs; no weights are fetched. Where there is a model and a dataset of this name,
    /// `needsSelection` is answered.
    #[oai(path = "/api/analyze/:owner/:name", method = "get", operation_id = "analyze_repository")]
    async fn analyze_repository(
        &self,
        call: JobCall,
        /// The user or organisation.
        owner: Path<String>,
        /// The repository's name.
        name: Path<String>,
        /// It is a dataset, or a model.
        dataset: Query<Option<Flag>>,
        /// A branch, a tag or a commit; `main` by default.
        revision: Query<Option<String>>,
    ) -> Answer<Json<Value>> {
        let repo = format!("{}/{}", owner.0, name.0);
        let dataset = dataset.0.map(|Flag(dataset)| dataset);
        match call.downloading.analyze(&repo, revision.0.as_deref(), dataset).await {
            Ok(Analysis::Found(found)) => Ok(Json(found)),
            Ok(Analysis::Ambiguous) => {
                let options = vec!["model".to_owned(), "dataset".to_owned()];
                let which = NeedsSelection { needs_selection: true, repo, message: WHICH.to_owned(), options };
                Ok(Json(poem_openapi::types::ToJSON::to_json(&which).unwrap_or_default()))
            }
            Err(Failure::Remote(error)) => {
                let details = error.context.clone();
                let mut refusal = ApiError::from(Failure::Remote(error)).with("details", details.into());
                refusal.message = "Analysis failed".to_owned();
                Err(refusal)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// List the cache
    ///
    /// What this node has downloaded, and what Hugging Face's own programs put there.
    #[oai(path = "/api/cache", method = "get", operation_id = "list_cached")]
    async fn list_cached(
        &self,
        call: JobCall,
        /// `model`, `dataset` or `space`; all by default.
        #[oai(name = "type")]
        kind: Query<Option<String>>,
    ) -> Answer<Json<CacheList>> {
        let found = call.downloading.list_cached(kind_of(kind.0.as_deref())?).await?;
        Ok(Json(CacheList::new(found, call.downloading.places()?.0)))
    }

    /// Get a cached repository
    ///
    /// Its commits and their files.
    #[oai(path = "/api/cache/:owner/:name", method = "get", operation_id = "get_cached")]
    async fn get_cached(
        &self,
        call: JobCall,
        /// The user or organisation.
        owner: Path<String>,
        /// The repository's name.
        name: Path<String>,
        /// `model`, `dataset` or `space`; the first of them that there is by default.
        #[oai(name = "type")]
        kind: Query<Option<String>>,
    ) -> Answer<Json<CachedRepo>> {
        let repo = format!("{}/{}", owner.0, name.0);
        Ok(Json(call.downloading.cached(&repo, kind_of(kind.0.as_deref())?).await?.into()))
    }

    /// Delete a cached repository
    ///
    /// From this node's cache. Refused while it is fetched.
    #[oai(path = "/api/cache/:owner/:name", method = "delete", operation_id = "delete_cached")]
    async fn delete_cached(
        &self,
        call: JobCall,
        /// The user or organisation.
        owner: Path<String>,
        /// The repository's name.
        name: Path<String>,
        /// `model`, `dataset` or `space`; `model` by default.
        #[oai(name = "type")]
        kind: Query<Option<String>>,
    ) -> Answer<Json<Done>> {
        let kind = kind_of(kind.0.as_deref())?.unwrap_or(RepoKind::Model);
        let freed = call.downloading.delete_cached(&format!("{}/{}", owner.0, name.0), kind).await?;
        Ok(Json(Done::new(format!("The repository is deleted from the cache; {freed} bytes are free"))))
    }

    /// Watch downloads
    ///
    /// A WebSocket: `init` with all jobs first, `job_update` with a job that changed, `event` when one is over.
    #[oai(path = "/api/ws", method = "get", operation_id = "watch_jobs")]
    async fn watch_jobs(&self, call: JobCall, request: &Request, socket: WebSocket) -> Answer<News> {
        if call.is_foreign {
            let why = "A page of another origin may not watch downloads, unless the operator allows its origin";
            return Err(Failure::Forbidden(why.to_owned()).into());
        }
        let many = || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", "Too many watch already");
        let seat = shared(request)?.seats.take().ok_or_else(many)?;
        Ok(News::new(socket, call.downloading.watch_jobs().await?, seat))
    }
}

fn request_of(wish: DownloadRequest) -> JobRequest {
    JobRequest {
        repo: wish.repo,
        revision: wish.revision,
        dataset: wish.dataset.unwrap_or_default(),
        filters: wish.filters.unwrap_or_default(),
        excludes: wish.excludes.unwrap_or_default(),
        subfolders: wish.append_filter_subdir.unwrap_or_default(),
    }
}

fn kind_of(word: Option<&str>) -> Result<Option<RepoKind>, Failure> {
    let word = word.filter(|word| !word.is_empty());
    word.map(|word| word.parse().map_err(Failure::invalid)).transpose()
}
