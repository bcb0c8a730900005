use ballast_services::{RepositoryAbout, RepositoryQuota, Share, Stats, XetStats};
use ballast_types::{RepoId, RepoKind, Visibility};
use poem_openapi::{Enum, Object};
use serde::Deserialize;

use super::RepositoryQuotaView;

/// In which order repositories come.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum AdminRepositoryOrder {
    /// The newest first.
    Created,
    /// Those that hold most first.
    Bytes,
}

/// A repository, as administrators see it.
#[derive(Object)]
pub struct AdminRepository {
    /// Stable through renames.
    #[oai(rename = "_id")]
    pub key: String,
    /// `namespace/name`
    pub id: String,
    /// `model`, `dataset` or `space`.
    #[oai(rename = "type")]
    pub kind: String,
    pub private: bool,
    /// `auto` or `manual`.
    pub gated: Option<String>,
    pub created_at: String,
    pub last_modified: String,
    pub downloads: u64,
    pub likes: u64,
    /// What it holds: each distinct file once, over all of its history.
    pub bytes: u64,
}

impl From<RepositoryAbout> for AdminRepository {
    fn from(about: RepositoryAbout) -> Self {
        let RepositoryAbout { info, bytes } = about;
        Self {
            key: info.key.to_string(),
            id: info.id.to_string(),
            kind: info.kind.to_string(),
            private: info.visibility == Visibility::Private,
            gated: info.gated,
            created_at: info.created_at.to_string(),
            last_modified: info.last_modified.to_string(),
            downloads: info.downloads,
            likes: info.likes,
            bytes,
        }
    }
}

/// A page of repositories.
#[derive(Object)]
pub struct AdminRepositoryList {
    pub repositories: Vec<AdminRepository>,
}

/// A repository, as administrators see it, with what it costs.
#[derive(Object)]
pub struct AdminRepositoryDetails {
    #[oai(flatten)]
    pub repository: AdminRepository,
    /// Its share of what is stored: what several repositories hold is divided among them.
    pub stored_bytes: u64,
    /// The same before compression.
    pub uncompressed_bytes: u64,
    pub quota: RepositoryQuotaView,
}

impl AdminRepositoryDetails {
    pub fn new(kind: RepoKind, id: &RepoId, about: (RepositoryAbout, Share, RepositoryQuota)) -> Self {
        let (repository, share, quota) = about;
        Self {
            repository: repository.into(),
            stored_bytes: share.stored.round() as u64,
            uncompressed_bytes: share.raw.round() as u64,
            quota: RepositoryQuotaView::new(kind, id, quota),
        }
    }
}

/// What to change of a repository; what is absent stays.
#[derive(Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
pub struct AdminRepositoryPatch {
    pub private: Option<bool>,
}

/// What the repositories of a namespace and kind hold, and what that takes, in bytes.
#[derive(Object)]
pub struct AdminHolding {
    pub namespace: String,
    /// `model`, `dataset` or `space`.
    #[oai(rename = "type")]
    pub kind: String,
    pub repositories: u64,
    /// Each distinct file once in each repository.
    pub logical_bytes: u64,
    /// Their share of what is stored.
    pub stored_bytes: u64,
    pub saved_by_deduplication: u64,
    pub saved_by_compression: u64,
}

/// What lies in a storage instance.
#[derive(Object)]
pub struct AdminStored {
    /// The instance's name in the configuration.
    pub storage: String,
    pub objects: u64,
    pub bytes: u64,
}

/// What lies in chunks, in bytes.
#[derive(Object)]
pub struct AdminChunks {
    pub files: u64,
    pub file_bytes: u64,
    pub xorbs: u64,
    /// Of the xorbs, before compression.
    pub raw_bytes: u64,
    pub stored_bytes: u64,
    /// Of what is stored, what no file uses.
    pub unused_bytes: u64,
}

/// How much is stored, for whom, and what deduplication and compression save.
#[derive(Object)]
pub struct AdminStorage {
    pub logical_bytes: u64,
    pub stored_bytes: u64,
    pub held: Vec<AdminHolding>,
    pub stored: Vec<AdminStored>,
    pub xet: AdminChunks,
}

impl From<Stats> for AdminStorage {
    fn from(stats: Stats) -> Self {
        let held = stats.held.iter().map(|((namespace, kind), holding)| AdminHolding {
            namespace: namespace.clone(),
            kind: kind.to_string(),
            repositories: holding.repositories,
            logical_bytes: holding.bytes,
            stored_bytes: holding.stored(),
            saved_by_deduplication: holding.saved_by_deduplication(),
            saved_by_compression: holding.saved_by_compression(),
        });
        let stored = stats.storage.stored.iter();
        let stored = stored.map(|(storage, (objects, bytes))| AdminStored {
            storage: storage.clone(),
            objects: *objects,
            bytes: *bytes,
        });
        let XetStats { files, file_bytes, xorbs, raw, stored: xorb_bytes, unused } = stats.storage.xet;
        Self {
            logical_bytes: stats.logical(),
            stored_bytes: stats.stored(),
            held: held.collect(),
            stored: stored.collect(),
            xet: AdminChunks {
                files,
                file_bytes,
                xorbs,
                raw_bytes: raw,
                stored_bytes: xorb_bytes,
                unused_bytes: unused,
            },
        }
    }
}
