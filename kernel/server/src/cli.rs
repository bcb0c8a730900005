//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use ballast_config::Layers;
use ballast_types::Timestamp;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

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
    /// Print the OpenAPI document
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
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every value with where it was written; secrets are not shown
    Show,
    /// Print a file with every key, its manual and its default
    Reference,
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// Make a user
    Create {
        name: String,
        /// The name to show
        #[arg(long, default_value = "")]
        full_name: String,
        /// The address for mail
        #[arg(long)]
        email: Option<String>,
        /// The user administers the hub
        #[arg(long)]
        admin: bool,
        /// Ask for a password, or read it from standard input
        #[arg(long)]
        password: bool,
    },
    /// List users
    List {
        /// Those alone whose names or e-mail addresses have each of these words in them
        #[arg(value_name = "WORD")]
        search: Vec<String>,
    },
    /// Set a password: asked for, or read from standard input
    Password { name: String },
    /// Shut a user out; what they own stays
    Disable { name: String },
    /// Let a user in again
    Enable { name: String },
    /// Make a user an administrator of the hub
    Promote { name: String },
    /// Make a user an administrator no more; the last one stays
    Demote { name: String },
    /// Delete a user and all that lets them in
    ///
    /// Refused while they have repositories, for the last administrator, and for the last super-admin of an organisation.
    Delete {
        name: String,
        /// Delete the repositories of their own namespace first, for good
        #[arg(long)]
        delete_repositories: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token and print it, this once
    Create {
        user: String,
        /// What it is called among the user's tokens
        #[arg(long, default_value = "command line")]
        name: String,
        /// How far it reaches
        #[arg(long, value_enum, default_value_t = Role::Write)]
        role: Role,
        /// Days until it expires [default: never]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires: Option<u32>,
    },
    /// List a user's tokens
    List { user: String },
    /// End a token
    Revoke {
        user: String,
        /// Its number in `ballast token list`
        #[arg(required_unless_present = "all")]
        id: Option<i64>,
        /// End every token of the user
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Database {
    /// Copy all rows into another database, which is empty: from SQLite to PostgreSQL, or back
    ///
    /// The hub must not serve meanwhile: what it writes after the beginning is not in the copy. The copy is read again
    /// and compared before it counts; where anything is in the way, the target stays empty. Ends with code 1 then.
    Copy {
        #[command(flatten)]
        to: CopyTarget,
        /// Copy although a hub serves: what is written from now on is not in the copy. For a rehearsal
        #[arg(long)]
        while_serving: bool,
        /// One JSON document per table, and one with the sums at the end
        #[arg(long)]
        json: bool,
    },
}

/// The database that is to have the copy.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct CopyTarget {
    /// postgres://USER@HOST/NAME or sqlite:///PATH; others on this machine can see it while the command runs
    #[arg(long = "to", value_name = "URL")]
    pub url: Option<String>,
    /// The environment variable that holds the URL
    #[arg(long = "to-env", value_name = "NAME")]
    pub env: Option<String>,
    /// The file that holds the URL
    #[arg(long = "to-file", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Storage {
    /// Go over all that is stored, beside a serving hub or alone: is it there, and is it what was stored?
    ///
    /// Ends with code 1 where something is missing or damaged.
    Verify {
        /// Compare sizes only; the bytes are not read
        #[arg(long)]
        quick: bool,
        /// One JSON document per finding, and one with the sums at the end
        #[arg(long)]
        json: bool,
        /// How many objects are read side by side
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
        side_by_side: u8,
    },
    /// Copy what lies in one storage into another, while the hub serves
    ///
    /// Both are named in the configuration of every node. What was cut off goes on where it was when it is called again.
    /// When it is done, write storage = "…" into [uploads], start every node with it, and call it again with --leave.
    /// Ends with code 1 where something could not be copied.
    Migrate {
        /// The storage that has the bytes, as the configuration calls it
        #[arg(long, value_name = "NAME")]
        from: String,
        /// The storage that is to have them
        #[arg(long, value_name = "NAME")]
        to: String,
        /// Afterwards take away from the old one what lies whole in the new one; the next collection frees it
        #[arg(long)]
        leave: bool,
        /// One JSON document per blob that could not be copied, and one with the sums at the end
        #[arg(long)]
        json: bool,
        /// How many objects are copied side by side
        #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
        side_by_side: u8,
    },
    /// Cut the large files that came whole into chunks, so that they deduplicate; also while the hub serves
    Chunk,
    /// Say how much is stored, for whom, and what deduplication and compression save
    Stats {
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Versioning {
    /// Move repositories from the engine that serves to another one, with every branch, tag, proposal and commit
    ///
    /// Both are named in the configuration. Commits keep their ids; each tree is worked out anew in the other engine and
    /// compared. What was cut off goes on where it was when it is called again. The hub must not serve meanwhile, except
    /// for a first pass with --while-serving, which leaves little for the last one. Then write versioning = "…" into
    /// [repositories] and start the hub. Ends with code 1 where a repository could not be moved: it stays where it is.
    Migrate {
        /// The engine that serves, as the configuration calls it
        #[arg(long, value_name = "NAME")]
        from: String,
        /// The engine that is to have the repositories
        #[arg(long, value_name = "NAME")]
        to: String,
        /// This repository alone; repeatable
        #[arg(long, value_name = "KIND:NAMESPACE/NAME")]
        repo: Vec<String>,
        /// Move what there is although a hub serves; call it again without this when none does
        #[arg(long)]
        while_serving: bool,
        /// One JSON document per repository that could not be moved, and one with the sums at the end
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Gc {
    /// Say what a collection would do now, and change nothing
    Plan {
        /// How long what nobody names is kept, as in 90s, 30m, 12h or 2d [default: the configured grace]
        #[arg(long, value_name = "TIME", value_parser = duration)]
        grace: Option<Duration>,
    },
    /// Say why something is stored: a blob by its SHA-256, or an object by its key
    Explain {
        #[arg(value_name = "SHA256 or KEY")]
        what: String,
    },
    /// Collect now, also while the hub serves and clients upload
    Run {
        /// How long what nobody names is kept, as in 90s, 30m, 12h or 2d [default: the configured grace]
        #[arg(long, value_name = "TIME", value_parser = duration)]
        grace: Option<Duration>,
        /// The grace may be shorter than the configured one
        #[arg(long)]
        shorten_grace: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Say whether every record is as it was written, and none is missing
    ///
    /// Ends with code 1 where a chain is broken, and says where first. What was cut off at the end together with the
    /// chain's own row is noticed only against an older export.
    Verify {
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print the records, oldest first, each as a line of JSON
    Export {
        /// Those of this user alone; (operator) is the command line and the config
        #[arg(long)]
        actor: Option<String>,
        /// This action alone, as in user.create, or all that begin so, as in user
        #[arg(long)]
        action: Option<String>,
        /// What was done to this alone, as in user/ada or model/acme/bert
        #[arg(long)]
        object: Option<String>,
        /// Not earlier than this, as in 2026-11-21T01:34:15Z
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Timestamp>,
        /// Earlier than this
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<Timestamp>,
    },
}

/// A moment, in any form of RFC 3339.
fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "a moment is written as in 2026-11-21T01:34:15Z".to_owned())
}

/// A length of time: a number, and what it counts.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(format!("'{unit}' is none of s, m, h and d")),
    };
    let number: u64 = number.parse().map_err(|_| "it begins with a whole number, as in 12h".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "it is too long".to_owned())
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Role {
    Read,
    Write,
    Admin,
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
