//! What keeps a hub whole: its database, storages and engines, collections, and the audit log.

use std::path::PathBuf;
use std::time::Duration;

use ballast_types::Timestamp;
use clap::{Args, Subcommand};

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
