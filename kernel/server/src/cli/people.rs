//! Users and their tokens.

use clap::{Subcommand, ValueEnum};

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

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Role {
    Read,
    Write,
    Admin,
}
