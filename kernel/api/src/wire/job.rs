use ballast_services::{JobSettings, JobSettingsPatch, JobView, Planned, Verify};
use ballast_types::{RepoKind, Secret};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, Union};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// What is to be downloaded.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct DownloadRequest {
    /// `owner/name`, perhaps with filters: `owner/name:q4_k_m,q5_k_m`.
    pub repo: String,
    /// A branch, a tag or a commit; `main` by default.
    pub revision: Option<String>,
    /// The repository is a dataset, and no model.
    pub dataset: Option<bool>,
    /// Parts of paths, or patterns of whole ones with `*`. Of large files, those that fit none stay away.
    pub filters: Option<Vec<String>>,
    /// Of all files, those that fit one stay away.
    pub excludes: Option<Vec<String>>,
    /// Whether the files that a filter chose are to be seen in a folder of its name.
    pub append_filter_subdir: Option<bool>,
    /// Only say what would be downloaded.
    pub dry_run: Option<bool>,
}

/// How far a job is.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct JobProgressBody {
    pub total_files: u64,
    pub completed_files: u64,
    pub total_bytes: u64,
    pub downloaded_bytes: u64,
    pub bytes_per_second: u64,
}

/// One file of a job.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct JobFileBody {
    pub path: String,
    pub total_bytes: u64,
    pub downloaded: u64,
    /// `pending`, `downloading`, `complete`, `failed`
    pub status: String,
}

/// A download from another hub.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "DownloadJob", rename_all = "camelCase")]
pub struct JobBody {
    pub id: String,
    pub repo: String,
    pub revision: String,
    pub is_dataset: bool,
    pub filters: Vec<String>,
    pub excludes: Vec<String>,
    /// The cache that it goes to.
    pub output_dir: String,
    /// `queued`, `running`, `paused`, `completed`, `failed`, `cancelled`
    pub status: String,
    pub progress: JobProgressBody,
    /// Why it failed; empty otherwise.
    pub error: String,
    pub created_at: String,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    /// In the order of the remote hub. A list of jobs has the first 2000 of each.
    pub files: Vec<JobFileBody>,
}

impl From<JobView> for JobBody {
    fn from(view: JobView) -> Self {
        let (progress, job) = (view.job.progress, view.job);
        Self {
            id: job.name,
            repo: job.wish.repo,
            revision: job.wish.revision,
            is_dataset: job.wish.kind == RepoKind::Dataset,
            filters: job.wish.filters,
            excludes: job.wish.excludes,
            output_dir: job.output,
            status: job.status.as_str().to_owned(),
            progress: JobProgressBody {
                total_files: progress.total_files,
                completed_files: progress.completed_files,
                total_bytes: progress.total_bytes,
                downloaded_bytes: progress.downloaded_bytes,
                bytes_per_second: progress.bytes_per_second,
            },
            error: job.error,
            created_at: job.created_at.to_string(),
            started_at: job.started_at.map(|at| at.to_string()),
            ended_at: job.ended_at.map(|at| at.to_string()),
            files: view
                .files
                .into_iter()
                .map(|file| JobFileBody {
                    path: file.path,
                    total_bytes: file.size,
                    downloaded: file.downloaded,
                    status: file.status.as_str().to_owned(),
                })
                .collect(),
        }
    }
}

/// Jobs, oldest first.
#[derive(Object)]
pub struct JobList {
    pub jobs: Vec<JobBody>,
    pub count: usize,
}

/// The same job is under way already.
#[derive(Object)]
pub struct ExistingJob {
    pub job: JobBody,
    pub message: String,
}

/// One file of a plan.
#[derive(Object)]
pub struct PlannedFileBody {
    pub path: String,
    pub size: u64,
    pub lfs: bool,
}

/// What a download would be.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct DownloadPlan {
    pub repo: String,
    pub revision: String,
    /// What the revision means now.
    pub commit: String,
    pub files: Vec<PlannedFileBody>,
    pub total_size: u64,
    pub total_files: usize,
    /// What somebody might not have meant, as a filter that fits nothing.
    pub warnings: Vec<String>,
}

impl From<Planned> for DownloadPlan {
    fn from(planned: Planned) -> Self {
        let warnings = planned.idle.iter().map(|filter| format!("The filter '{filter}' matches no file"));
        let (total_size, total_files) = (planned.files.iter().map(|one| one.file.size).sum(), planned.files.len());
        let warnings = warnings.collect();
        let files = planned.files.into_iter().map(|one| PlannedFileBody {
            path: one.file.path.into(),
            size: one.file.size,
            lfs: one.file.is_lfs,
        });
        let (repo, revision, commit) = (planned.repo, planned.revision, planned.commit.to_string());
        Self { repo, revision, commit, files: files.collect(), total_size, total_files, warnings }
    }
}

/// What no new job was made for.
#[allow(clippy::large_enum_variant)] // It lives as long as one answer.
#[derive(Union)]
pub enum NoNewJob {
    Existing(ExistingJob),
    Plan(DownloadPlan),
}

/// What became of a request to download.
#[derive(ApiResponse)]
pub enum Started {
    /// A new job.
    #[oai(status = 202)]
    New(Json<JobBody>),
    /// The same job is under way already; or with `dryRun`, the plan.
    #[oai(status = 200)]
    NotNew(Json<NoNewJob>),
}

/// How downloads go about it.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct JobSettingsBody {
    /// The last four characters; empty where there is none.
    pub token: String,
    pub cache_dir: String,
    pub connections: u32,
    pub max_active: u32,
    /// `32MiB`
    pub multipart_threshold: String,
    /// `none`, `size` or `sha256`
    pub verify: String,
    pub retries: u32,
    /// The hub that is downloaded from.
    pub endpoint: String,
}

impl JobSettingsBody {
    pub fn new(settings: JobSettings, cache_dir: String, endpoint: String) -> Self {
        Self {
            token: settings.token.as_ref().map(masked).unwrap_or_default(),
            cache_dir,
            connections: settings.connections,
            max_active: settings.max_active,
            multipart_threshold: size(settings.multipart_threshold),
            verify: settings.verify.as_str().to_owned(),
            retries: settings.retries,
            endpoint,
        }
    }
}

fn masked(token: &Secret) -> String {
    let token = token.expose();
    // Of a short one, four characters would be most of it.
    let last =
        token.len().checked_sub(4).filter(|_| token.len() > 8).and_then(|at| token.get(at..)).unwrap_or_default();
    format!("********{last}")
}

/// What is to be set. Any other field is ignored: folders are the operator's.
#[derive(Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct JobSettingsWish {
    /// For the remote hub; an empty one is none.
    pub token: Option<String>,
    /// For one file, 1 to 256.
    pub connections: Option<u32>,
    /// Large files of a job that are fetched side by side, 1 to 256.
    pub max_active: Option<u32>,
    /// From this size on, several connections fetch a file: `32MiB`.
    pub multipart_threshold: Option<String>,
    /// `none`, `size` or `sha256`
    pub verify: Option<String>,
    /// 0 to 100.
    pub retries: Option<u32>,
}

impl TryFrom<JobSettingsWish> for JobSettingsPatch {
    type Error = ApiError;

    fn try_from(wish: JobSettingsWish) -> Result<Self, ApiError> {
        let wrong = |name: &str, why: String| ApiError::unreadable(vec!["body".to_owned(), name.to_owned()], why);
        let threshold = wish.multipart_threshold.as_deref().map(read_size).transpose();
        let verify = wish.verify.as_deref().map(str::parse::<Verify>).transpose();
        Ok(Self {
            token: wish.token.map(Secret::new),
            connections: wish.connections,
            max_active: wish.max_active,
            multipart_threshold: threshold.map_err(|why| wrong("multipartThreshold", why))?,
            verify: verify.map_err(|why| wrong("verify", why))?,
            retries: wish.retries,
        })
    }
}

const UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("B", 1),
    ("", 1),
];

/// In the largest unit of two's powers that it is a multiple of.
fn size(bytes: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| bytes > 0 && unit.is_power_of_two() && bytes.is_multiple_of(*unit);
    let (name, unit) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
    format!("{}{name}", bytes / unit)
}

fn read_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()));
    let bytes = known.and_then(|(_, unit)| number.parse::<u64>().ok()?.checked_mul(*unit));
    bytes.ok_or_else(|| format!("'{}' is no size; it is written as in 32MiB", text.escape_debug()))
}

/// A repository may be a model or a dataset: which is meant?
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct NeedsSelection {
    pub needs_selection: bool,
    pub repo: String,
    pub message: String,
    pub options: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [("32MiB", 32 << 20), ("1gib", 1 << 30), ("5 MB", 5_000_000), ("17", 17)] {
            assert_eq!(read_size(text), Ok(bytes), "{text}");
        }
        for odd in ["", "MiB", "-1MiB", "1.5MiB", "1XiB", "99999999999TiB"] {
            assert!(read_size(odd).is_err(), "{odd}");
        }
        assert_eq!([32 << 20, 3 << 30, 1000].map(size), ["32MiB", "3GiB", "1000B"]);
    }

    #[test]
    fn of_a_token_the_last_four_characters_are_shown_and_of_a_short_one_none() {
        assert_eq!(masked(&Secret::new("hf_abcdefghijklmnop")), "********mnop");
        assert_eq!(masked(&Secret::new("short")), "********");
    }
}
