//! What somebody wants to download, and what that comes to.

use std::collections::HashSet;

use ballast_catalog::JobWish;
use ballast_contract::downloader::{Source, SourceFile};
use ballast_landing::{Selection, list_files};
use ballast_types::{CommitId, RepoId, RepoKind, Revision, Secret};

use super::{Downloading, JobParts};
use crate::{Failure, Result};

/// What somebody wants to download.
#[derive(Clone, Debug, Default)]
pub struct JobRequest {
    /// `namespace/name`, perhaps with filters behind a colon: `namespace/name:q4_k_m,q5_k_m`.
    pub repo: String,
    /// `main` unless asked.
    pub revision: Option<String>,
    pub dataset: bool,
    pub filters: Vec<String>,
    pub excludes: Vec<String>,
    /// Whether the files that a filter chose are to be seen in a folder of its name.
    pub subfolders: bool,
}

/// What a request comes to.
#[derive(Clone, Debug)]
pub struct Planned {
    pub repo: String,
    pub revision: String,
    pub commit: CommitId,
    pub files: Vec<PlannedFile>,
    /// Filters that chose nothing.
    pub idle: Vec<String>,
}

/// One file of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    pub file: SourceFile,
    /// The folder of the friendly view that it is to be seen in.
    pub subfolder: Option<String>,
}

const MOST_PATTERNS: usize = 100;
const LONGEST_PATTERN: usize = 300;

impl JobRequest {
    /// The same as jobs are kept. `RepoFormat` or `Invalid` where it makes no sense.
    pub(super) fn wish(self) -> Result<JobWish> {
        let (repo, embedded) = self.repo.split_once(':').unwrap_or((&self.repo, ""));
        let repo = repo_id(repo)?;
        let filters = self.filters.iter().map(String::as_str).chain(embedded.split(','));
        let revision = self.revision.filter(|revision| !revision.is_empty()).unwrap_or_else(|| "main".to_owned());
        // What has its name in a cache is a path there.
        let named: std::result::Result<ballast_types::RepoPath, _> = revision.parse();
        named.map_err(|error| Failure::Invalid(format!("revision: {error}")))?;
        Ok(JobWish {
            kind: if self.dataset { RepoKind::Dataset } else { RepoKind::Model },
            repo: repo.to_string(),
            revision,
            filters: patterns("filters", filters)?,
            excludes: patterns("excludes", self.excludes.iter().map(String::as_str))?,
            subfolders: self.subfolders,
        })
    }
}

fn patterns<'a>(name: &str, given: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    let mut seen = HashSet::new();
    let given = given.map(str::trim).filter(|text| !text.is_empty());
    let given: Vec<String> = given.filter(|text| seen.insert(text.to_lowercase())).map(str::to_owned).collect();
    let odd = |text: &String| text.len() > LONGEST_PATTERN || text.chars().any(char::is_control);
    if given.len() > MOST_PATTERNS || given.iter().any(odd) {
        let why = format!("{name}: at most {MOST_PATTERNS} of at most {LONGEST_PATTERN} printable characters");
        return Err(Failure::Invalid(why));
    }
    Ok(given)
}

/// A repository's id on a remote hub.
pub(crate) fn repo_id(text: &str) -> Result<RepoId> {
    let wrong = || Failure::RepoFormat { repo: text.chars().take(200).collect() };
    let (namespace, name) = text.split_once('/').ok_or_else(wrong)?;
    let id = RepoId { namespace: namespace.parse().map_err(|_| wrong())?, name: name.parse().map_err(|_| wrong())? };
    Ok(id)
}

/// Where a wish is read, at a revision of its own or at a commit.
pub(super) fn source(wish: &JobWish, token: Option<Secret>) -> Source {
    Source { kind: wish.kind, repo: wish.repo.clone(), revision: Revision::new(wish.revision.clone()), token }
}

/// The files of a wish at a commit; at the one that its revision means now where none is given.
pub(super) async fn plan(
    parts: &JobParts,
    wish: &JobWish,
    token: Option<Secret>,
    pinned: Option<CommitId>,
) -> ballast_contract::Result<Planned> {
    let source = source(wish, token);
    let downloader = parts.downloader.as_ref();
    let commit = match pinned {
        Some(commit) => commit,
        None => downloader.pin(&source).await?,
    };
    let at = Source { revision: Revision::new(commit.to_string()), ..source };
    let listed = list_files(downloader, &at).await?;
    let chosen = Selection::new(&wish.filters, &wish.excludes).choose(listed);
    let subfolder = |filter: Option<String>| filter.filter(|_| wish.subfolders).and_then(|filter| folder_name(&filter));
    let planned = chosen.files.into_iter().map(|(file, by)| PlannedFile { file, subfolder: subfolder(by) });
    let (repo, revision) = (wish.repo.clone(), wish.revision.clone());
    Ok(Planned { repo, revision, commit, files: planned.collect(), idle: chosen.idle })
}

/// A filter as the name of a folder; none where nothing of it can be.
fn folder_name(filter: &str) -> Option<String> {
    let name: String = filter.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let name = name.trim_matches(['.', '_']).to_owned();
    name.parse::<ballast_types::RepoPath>().ok().map(String::from)
}

impl Downloading {
    /// What a request comes to, without downloading anything.
    pub async fn plan(&self, request: JobRequest) -> Result<Planned> {
        let wish = request.wish()?;
        let token = self.settings().await?.token;
        plan(self.parts()?, &wish, token, None).await.map_err(Failure::Remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_behind_the_name_and_beside_it_are_one_list() {
        let request = JobRequest {
            repo: "TheBloke/Mistral-7B-GGUF:q4_k_m, q5_k_m".to_owned(),
            filters: vec!["Q4_K_M".to_owned(), " q8 ".to_owned(), String::new()],
            ..JobRequest::default()
        };
        let wish = request.wish().unwrap();
        assert_eq!((wish.repo.as_str(), wish.revision.as_str()), ("TheBloke/Mistral-7B-GGUF", "main"));
        assert_eq!(wish.filters, ["Q4_K_M", "q8", "q5_k_m"]);
    }

    #[test]
    fn what_is_no_repository_and_no_revision_is_refused() {
        for repo in ["", "gpt2", "a/b/c", "../b", "a/..", "a b/c", "/b", "a/"] {
            let request = JobRequest { repo: repo.to_owned(), ..JobRequest::default() };
            assert!(matches!(request.wish(), Err(Failure::RepoFormat { .. })), "{repo}");
        }
        for revision in ["../../etc", "/main", "a//b", "a\nb"] {
            let request =
                JobRequest { repo: "a/b".to_owned(), revision: Some(revision.to_owned()), ..JobRequest::default() };
            assert!(matches!(request.wish(), Err(Failure::Invalid(_))), "{revision}");
        }
    }

    #[test]
    fn a_filter_names_a_folder_that_leads_nowhere_else() {
        assert_eq!(folder_name("q4_k_m").as_deref(), Some("q4_k_m"));
        assert_eq!(folder_name("../../*.gguf").as_deref(), Some("gguf"));
        assert_eq!(folder_name("***"), None);
    }
}
