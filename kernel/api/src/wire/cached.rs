use ballast_services::{CachedDetails, CachedRepository};
use ballast_types::RepoKind;
use poem_openapi::Object;

/// A repository of the cache.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct CachedItem {
    pub repo: String,
    /// `model`, `dataset` or `space`
    #[oai(rename = "type")]
    pub kind: String,
    pub path: String,
    /// In bytes.
    pub size: u64,
    pub size_human: String,
    pub last_modified: String,
}

impl From<CachedRepository> for CachedItem {
    fn from(found: CachedRepository) -> Self {
        Self {
            repo: found.id.to_string(),
            kind: found.kind.as_str().to_owned(),
            path: found.path.display().to_string(),
            size: found.size,
            size_human: human(found.size),
            last_modified: found.modified.to_string(),
        }
    }
}

/// What the repositories of a list come to.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct CacheStats {
    pub models: usize,
    pub datasets: usize,
    pub spaces: usize,
    pub total_size: u64,
    pub total_size_human: String,
}

/// The repositories of the cache.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct CacheList {
    pub repos: Vec<CachedItem>,
    pub count: usize,
    pub cache_dir: String,
    pub stats: CacheStats,
}

impl CacheList {
    pub fn new(found: Vec<CachedRepository>, cache_dir: String) -> Self {
        let of = |kind| found.iter().filter(|one| one.kind == kind).count();
        let total = found.iter().map(|one| one.size).sum();
        let stats = CacheStats {
            models: of(RepoKind::Model),
            datasets: of(RepoKind::Dataset),
            spaces: of(RepoKind::Space),
            total_size: total,
            total_size_human: human(total),
        };
        Self { count: found.len(), repos: found.into_iter().map(Into::into).collect(), cache_dir, stats }
    }
}

/// A file of a cached commit.
#[derive(Object)]
pub struct CachedFileItem {
    pub path: String,
    pub size: u64,
    /// The name of its bytes in the cache: their digest.
    pub blob: String,
}

/// A cached commit.
#[derive(Object)]
pub struct CachedCommit {
    pub commit: String,
    /// The revisions that meant it when they were fetched.
    pub refs: Vec<String>,
    pub files: Vec<CachedFileItem>,
}

/// What the cache has of a repository.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct CachedRepo {
    pub repo: String,
    /// `model`, `dataset` or `space`
    #[oai(rename = "type")]
    pub kind: String,
    pub path: String,
    /// By the names that they were fetched by; those that have none by their commits.
    pub snapshots: Vec<String>,
    pub size: u64,
    pub size_human: String,
    pub last_modified: String,
    pub commits: Vec<CachedCommit>,
}

impl From<CachedDetails> for CachedRepo {
    fn from(CachedDetails(found): CachedDetails) -> Self {
        let about = CachedItem::from(found.repository);
        let names = found.snapshots.iter().flat_map(|snapshot| match snapshot.refs.is_empty() {
            true => vec![snapshot.commit.to_string()],
            false => snapshot.refs.clone(),
        });
        let snapshots = names.collect();
        let commits = found.snapshots.into_iter().map(|snapshot| CachedCommit {
            commit: snapshot.commit.to_string(),
            refs: snapshot.refs,
            files: snapshot
                .files
                .into_iter()
                .map(|file| CachedFileItem { path: file.path.into(), size: file.size, blob: file.blob })
                .collect(),
        });
        Self {
            commits: commits.collect(),
            repo: about.repo,
            kind: about.kind,
            path: about.path,
            snapshots,
            size: about.size,
            size_human: about.size_human,
            last_modified: about.last_modified,
        }
    }
}

/// `4.2 GiB`
fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut size, mut unit) = (bytes as f64 / 1024.0, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1024.0, unit + 1);
    }
    format!("{size:.1} {}", UNITS[unit])
}
