//! Downloading by the command line: without a hub, straight into the cache that Hugging Face's own programs use.

use std::path::PathBuf;
use std::sync::Arc;

use ballast_config::{Loaded, SecretSource};
use ballast_contract::ErrorKind;
use ballast_contract::downloader::{Downloader, Source};
use ballast_downloader_huggingface::HuggingFaceConfig;
use ballast_landing::{Cache, Selection, list_files};
use ballast_types::{CommitId, RepoId, RepoKind, Revision, Secret};

use crate::cli::{Options, Wanted};
use crate::exit::Exit;
use crate::{builtins, preflight};

/// A remote repository, as somebody named it.
pub struct Remote {
    pub downloader: Arc<dyn Downloader>,
    pub source: Source,
    pub id: RepoId,
    pub selection: Selection,
    pub settings: ballast_config::JobsConfig,
}

/// A repository that was looked up.
pub struct Found {
    pub commit: CommitId,
    pub files: Vec<(ballast_contract::downloader::SourceFile, Option<String>)>,
    /// Filters that chose nothing.
    pub idle: Vec<String>,
}

/// `owner/name`, or why it is none.
pub fn repo_id(text: &str) -> Result<RepoId, String> {
    let (namespace, name) = text.split_once('/').ok_or("a repository is named as in owner/name")?;
    let part = |text: &str| text.parse::<ballast_types::Name>().map_err(|error| error.to_string());
    Ok(RepoId { namespace: part(namespace)?, name: part(name)? })
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where Hugging Face's programs keep things.
fn home() -> PathBuf {
    let cache = || environment("XDG_CACHE_HOME").map(PathBuf::from);
    let usual = || cache().unwrap_or_else(|| PathBuf::from(environment("HOME").unwrap_or_default()).join(".cache"));
    environment("HF_HOME").map_or_else(|| usual().join("huggingface"), PathBuf::from)
}

/// The cache that is meant: as said, or that of Hugging Face's own programs.
pub fn cache(said: Option<PathBuf>) -> Result<Cache, Exit> {
    let folder = said.or_else(|| environment("HF_HUB_CACHE").map(PathBuf::from)).unwrap_or_else(|| home().join("hub"));
    std::path::absolute(&folder)
        .map(Cache::new)
        .map_err(|error| Exit::failure(format!("{}: {error}", folder.display())))
}

/// The token that those programs would send, or the one that the configuration has.
fn token(configured: Option<Secret>) -> Option<Secret> {
    let file = environment("HF_TOKEN_PATH").map_or_else(|| home().join("token"), PathBuf::from);
    let kept = || std::fs::read_to_string(file).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    environment("HF_TOKEN").map(Secret::new).or(configured).or_else(|| kept().map(Secret::new))
}

/// The hub that is configured first, or the one that somebody names. What a library reads has no address here.
fn config(loaded: &Loaded, endpoint: Option<&str>) -> Result<HuggingFaceConfig, Exit> {
    let is_hub = |(_, instance): &(_, &ballast_config::PluginConfig)| instance.plugin == builtins::HUGGING_FACE;
    let configured = loaded.config.downloader.iter().find(is_hub);
    let endpoint = endpoint.map(str::to_owned);
    let endpoint = endpoint.or_else(|| environment("HF_ENDPOINT").filter(|_| configured.is_none()));
    let mut config = HuggingFaceConfig::default();
    if let Some((name, instance)) = configured {
        let mut keys = instance.config.clone();
        // A secret may be written as where it is to be found.
        let token: Option<SecretSource> =
            keys.remove("token").map(serde_json::from_value).transpose().map_err(Exit::failure)?;
        config = serde_json::from_value(keys.into()).map_err(Exit::failure)?;
        let key = format!("downloader.{name}.config.token");
        config.token = token.map(|token| loaded.secret(&key, &token)).transpose()?;
    }
    if let Some(endpoint) = endpoint.filter(|endpoint| *endpoint != config.endpoint) {
        // What the configured hub is shown is for that one alone.
        (config.endpoint, config.token) = (endpoint, None);
    }
    Ok(config)
}

/// A hub that a command reads instead of the configured ones.
pub struct Elsewhere(pub Arc<dyn Downloader>);

impl Elsewhere {
    /// The hub at this address, or the usual one; none where the configuration has it.
    pub async fn open(loaded: &Loaded, endpoint: Option<&str>) -> Result<Option<Self>, Exit> {
        let mut config = config(loaded, endpoint)?;
        let is_this = |instance: &ballast_config::PluginConfig| {
            let usual = HuggingFaceConfig::default().endpoint;
            instance.config.get("endpoint").map_or(usual, |url| url.as_str().unwrap_or_default().to_owned())
                == config.endpoint
        };
        if loaded.config.downloader.values().any(is_this) {
            return Ok(None);
        }
        config.token = token(None);
        let opened = ballast_downloader_huggingface::open(config).await;
        Ok(Some(Self(Arc::new(opened.map_err(|error| Exit::misuse(error.context))?))))
    }
}

impl Remote {
    pub async fn open(options: &Options, wanted: &Wanted) -> Result<Self, Exit> {
        let loaded = preflight::load(options, &mut builtins::registry())?;
        let jobs = loaded.config.jobs.clone();
        let config = config(&loaded, wanted.endpoint.as_deref())?;
        let configured = jobs.token.as_ref().map(|token| loaded.secret("jobs.token", token)).transpose()?;
        let (repo, filters) = wanted.repo.split_once(':').unwrap_or((&wanted.repo, ""));
        let id = repo_id(repo).map_err(|why| Exit::misuse(format!("{repo}: {why}")))?;
        let filters: Vec<String> = filters.split(',').map(str::to_owned).chain(wanted.filter.iter().cloned()).collect();
        let downloader =
            ballast_downloader_huggingface::open(config).await.map_err(|error| Exit::misuse(error.context))?;
        let kind = match (wanted.dataset, wanted.space) {
            (true, _) => RepoKind::Dataset,
            (_, true) => RepoKind::Space,
            _ => RepoKind::Model,
        };
        let revision = Revision::new(wanted.revision.clone());
        Ok(Self {
            downloader: Arc::new(downloader),
            source: Source { kind, repo: id.to_string(), revision, token: token(configured) },
            id,
            selection: Selection::new(&filters, &wanted.exclude),
            settings: jobs,
        })
    }

    /// Its files, at the commit that its revision means now.
    pub async fn find(&self) -> Result<Found, Exit> {
        let downloader = self.downloader.as_ref();
        let commit = downloader.pin(&self.source).await.map_err(exit)?;
        let at = Source { revision: Revision::new(commit.to_string()), ..self.source.clone() };
        let selected = self.selection.choose(list_files(downloader, &at).await.map_err(exit)?);
        Ok(Found { commit, files: selected.files, idle: selected.idle })
    }
}

/// How the program ends where a remote hub or the disk did not do what it should.
pub fn exit(error: ballast_contract::Error) -> Exit {
    let code = match error.kind {
        ErrorKind::NotFound => 3,
        ErrorKind::Denied | ErrorKind::Unauthenticated => 4,
        ErrorKind::Unavailable | ErrorKind::OverLimit => 5,
        ErrorKind::NoRoom => 6,
        ErrorKind::Corrupt | ErrorKind::Conflict => 7,
        _ => 1,
    };
    let why =
        error.source.as_ref().map_or_else(|| error.context.clone(), |source| format!("{}: {source}", error.context));
    Exit::Ended { code, why }
}
