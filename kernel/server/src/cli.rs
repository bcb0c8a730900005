//! The command line.

use std::path::PathBuf;

use ballast_config::Layers;
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
    /// Print the completions of a shell
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
pub enum Plugins {
    /// List the plugins that a configuration may name
    List,
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
    /// List all users
    List,
    /// Set a password: asked for, or read from standard input
    Password { name: String },
    /// Shut a user out; what they own stays
    Disable { name: String },
    /// Let a user in again
    Enable { name: String },
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
        id: i64,
    },
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
