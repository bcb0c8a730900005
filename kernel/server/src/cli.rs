//! The command line.

mod other_hubs;
mod people;
mod upkeep;

use std::path::PathBuf;

use ballast_config::Layers;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use other_hubs::{Cache, CacheOptions, Import, Speed, Wanted};
pub use people::{Role, Token, User};
pub use upkeep::{Audit, CopyTarget, Database, Gc, Storage, Versioning};

/// A self-hosted hub for models, datasets and spaces.
#[derive(Debug, Parser)]
#[command(name = "ballast", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub options: Options,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Where the configuration comes from.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Folder for what the hub keeps itself [default: $BALLAST_DATA_DIR, or ballast-data]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Address and port to listen on: the key server.listen
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// A configuration file, after /etc/ballast/ballast.toml; repeatable
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// One key, as in lfs.threshold=1000000; repeatable
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// What to do; without a word: serve.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the hub until Ctrl-C or SIGTERM (the default)
    Serve,
    /// Check the configuration; neither network nor data are touched
    Check,
    /// The plugins of this hub
    #[command(subcommand)]
    Plugins(Plugins),
    /// The configuration
    #[command(subcommand)]
    Config(Config),
    /// Print the JSON Schema of configuration files
    Schema,
    /// Print the OpenAPI document: the core's, or with --config or --set the deployment's, with what its plugins bring
    Openapi,
    /// Users
    #[command(subcommand)]
    User(User),
    /// Tokens
    #[command(subcommand)]
    Token(Token),
    /// The hub's rows
    #[command(subcommand)]
    Database(Database),
    /// What is stored
    #[command(subcommand)]
    Storage(Storage),
    /// Commits, branches and tags
    #[command(subcommand)]
    Versioning(Versioning),
    /// What nobody needs any more
    #[command(subcommand)]
    Gc(Gc),
    /// The record of who changed what
    #[command(subcommand)]
    Audit(Audit),
    /// Download a repository of another hub into the cache that Hugging Face's own programs use
    ///
    /// What is there is not fetched again, and what was cut off goes on. Ends with 3 where the repository is not there, 4
    /// where it may not be had, 5 where the hub does not answer, 6 where the disk is full, and 7 where what came is not
    /// what the hub said.
    Download {
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        speed: Speed,
        /// Events as lines of JSON instead of progress bars
        #[arg(long)]
        json: bool,
    },
    /// Take a repository of another hub over into one of this hub
    ///
    /// Into the data of the configured hub, whether it runs or not. Files keep their ids; what the hub has already is not
    /// fetched, and what was cut off goes on. Ends with 3 where the repository is not there, 4 where it may not be had, 5
    /// where the other hub does not answer, 6 where there is no room, and 7 where what came is not what was said, or the
    /// branch holds what no import brought there.
    Import(Import),
    /// Say what a download would fetch
    Plan {
        #[command(flatten)]
        wanted: Wanted,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Say what a repository of another hub is, from its headers and configs
    Analyze {
        #[command(flatten)]
        wanted: Wanted,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// The cache of downloads
    #[command(subcommand)]
    Cache(Cache),
    /// Print the completions of a shell
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
pub enum Plugins {
    /// List the plugins that a configuration may name; none of the libraries' code runs
    List,
    /// Say what a library is, without running any of its code
    Inspect {
        /// The shared library
        file: PathBuf,
    },
    /// Run the conformance suite against a library, over what must be empty before
    ///
    /// Every instance in the configuration that names the plugin is tried; where there is none, one without keys.
    Test {
        /// The shared library
        file: PathBuf,
        /// Of a downloader: a repository that its remote hub has, as models/acme/bert; all of it is fetched
        #[arg(long, value_name = "KIND/NAME")]
        repository: Option<String>,
    },
    /// Write a plugin to begin with: a crate that compiles, is tested and passes the suite
    New {
        /// What it is for
        role: NewPlugin,
        /// The plugin's name: what stands behind the dot of its id, and the folder that is made
        name: String,
        /// Where Ballast's sources are: a folder, or the URL of a git repository
        #[arg(long, value_name = "FOLDER|URL")]
        ballast: String,
    },
}

/// A role of which there is a plugin to begin with.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum NewPlugin {
    Storage,
    Auth,
    Quota,
    Downloader,
    Endpoints,
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every value with where it was written; secrets are not shown
    Show,
    /// Print a file with every key, its manual and its default
    Reference,
}

/// Reads the command line; what makes no sense ends the program with code 2.
pub fn parse() -> Cli {
    Cli::parse()
}

impl Options {
    /// What these options, the system's file and the environment say.
    pub fn layers(&self) -> Layers {
        let from_environment = || std::env::var_os("BALLAST_DATA_DIR").filter(|folder| !folder.is_empty());
        let data_dir = self.data_dir.clone().or_else(|| from_environment().map(PathBuf::from));
        let data_dir = data_dir.unwrap_or_else(|| PathBuf::from("ballast-data"));
        let listen = self.listen.iter().map(|listen| ("--listen", ["server", "listen"], listen.clone()));
        Layers {
            files: self.config.clone(),
            set: self.set.clone(),
            flags: listen.collect(),
            ..Layers::of_process(data_dir)
        }
    }
}
