//! What is read from other hubs: downloads, imports, and the cache that they fill.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// A repository of another hub, and which of its files.
#[derive(Args, Clone, Debug)]
pub struct Wanted {
    /// owner/name, perhaps with filters: owner/name:q4_k_m,q5_k_m
    #[arg(value_name = "REPO[:FILTERS]")]
    pub repo: String,
    /// A branch, a tag or a commit
    #[arg(long, default_value = "main")]
    pub revision: String,
    /// It is a dataset, and no model
    #[arg(long, conflicts_with = "space")]
    pub dataset: bool,
    /// It is a space, and no model
    #[arg(long)]
    pub space: bool,
    /// Of large files, those alone that have this in their path, or with * fit it; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub filter: Vec<String>,
    /// Of all files, none that has this in its path, or with * fits it; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// The hub [default: the configured one, or $HF_ENDPOINT, or https://huggingface.co]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

/// A repository of another hub that is to be one of this hub.
#[derive(Args, Clone, Debug)]
pub struct Import {
    /// owner/name on the other hub
    #[arg(value_name = "REPO")]
    pub repo: String,
    /// namespace/name here, which is made where it is not there [default: the same name in the user's own namespace]
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,
    /// In whose name: an administrator, or a user whom jobs.users names
    #[arg(long = "as", value_name = "USER", default_value = "admin")]
    pub user: String,
    /// A branch, a tag or a commit
    #[arg(long, default_value = "main")]
    pub revision: String,
    /// It is a dataset, and no model
    #[arg(long, conflicts_with = "space")]
    pub dataset: bool,
    /// It is a space, and no model
    #[arg(long)]
    pub space: bool,
    /// The branch that it goes to
    #[arg(long, default_value = "main")]
    pub branch: String,
    /// Each commit becomes one, and not only the latest state
    #[arg(long)]
    pub history: bool,
    /// A repository that is made for it is public, and not private
    #[arg(long)]
    pub public: bool,
    /// Replace what somebody else put on the branch
    #[arg(long)]
    pub overwrite: bool,
    /// Let the serving hub bring it up to date every so many seconds, where it reads that hub too
    #[arg(long, value_name = "SECONDS")]
    pub every: Option<u64>,
    /// The other hub [default: the first that is configured, or $HF_ENDPOINT, or https://huggingface.co]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Events as lines of JSON instead of a progress bar
    #[arg(long)]
    pub json: bool,
}

/// Where a download goes, and how fast.
#[derive(Args, Clone, Debug)]
pub struct Speed {
    /// The cache [default: $HF_HUB_CACHE, or hub in $HF_HOME, or ~/.cache/huggingface/hub]
    #[arg(long, value_name = "FOLDER")]
    pub cache_dir: Option<PathBuf>,
    /// Connections for one file, and small files side by side
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub connections: Option<u8>,
    /// Large files side by side
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub max_active: Option<u8>,
    /// Bytes a second at most
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1024..))]
    pub limit_rate: Option<u64>,
    /// Show the files under their own names beside the cache: models/owner/name/…
    #[arg(long)]
    pub view: bool,
}

/// What the commands on the cache share.
#[derive(Args, Clone, Debug)]
pub struct CacheOptions {
    /// The cache [default: $HF_HUB_CACHE, or hub in $HF_HOME, or ~/.cache/huggingface/hub]
    #[arg(long, value_name = "FOLDER")]
    pub cache_dir: Option<PathBuf>,
    /// It is a dataset, and no model
    #[arg(long, conflicts_with = "space")]
    pub dataset: bool,
    /// It is a space, and no model
    #[arg(long)]
    pub space: bool,
    /// JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Cache {
    /// List the repositories that are cached
    List {
        #[command(flatten)]
        options: CacheOptions,
    },
    /// Say what the cache has of a repository
    Info {
        #[arg(value_name = "REPO")]
        repo: String,
        #[command(flatten)]
        options: CacheOptions,
    },
    /// Read everything: is it what its name says? Ends with 7 where something is not
    Verify {
        /// One repository [default: all]
        #[arg(value_name = "REPO")]
        repo: Option<String>,
        #[command(flatten)]
        options: CacheOptions,
    },
    /// Delete a repository from the cache, or some of its revisions
    Delete {
        #[arg(value_name = "REPO")]
        repo: String,
        /// This commit or ref alone; repeatable
        #[arg(long)]
        revision: Vec<String>,
        #[command(flatten)]
        options: CacheOptions,
    },
}
