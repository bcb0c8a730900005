//! How the program ends: 0 for success, 1 for failure, 2 for a command line or configuration that makes no sense. Of what
//! reads other hubs: 3 where something is not there, 4 where it may not be had, 5 where a hub does not answer, 6 where the
//! disk is full, 7 where something is not what it should be.

use std::fmt;
use std::process::ExitCode;

use ballast_config::{Problem, Problems};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Exit {
    /// The configuration has mistakes.
    Configuration(Problems),
    /// Something did not work, in a way that a script may want to know.
    Ended { code: u8, why: String },
    /// Something did not work.
    Failure(String),
    /// Whoever read our output has read enough.
    Unread,
}

impl Exit {
    /// A command line that makes no sense, in words.
    pub fn misuse(what: impl fmt::Display) -> Self {
        Self::Ended { code: 2, why: what.to_string() }
    }

    /// A failure, in words.
    pub fn failure(what: impl fmt::Display) -> Self {
        Self::Failure(what.to_string())
    }
}

impl From<Problems> for Exit {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems)
    }
}

impl From<Problem> for Exit {
    fn from(problem: Problem) -> Self {
        Self::Configuration(Problems(vec![problem]))
    }
}

/// Says on standard error why a command failed, and answers the program's exit code.
pub fn code(outcome: Result<(), Exit>) -> ExitCode {
    match outcome {
        Ok(()) | Err(Exit::Unread) => ExitCode::SUCCESS,
        Err(Exit::Configuration(problems)) => {
            eprintln!("ballast: {problems}");
            ExitCode::from(2)
        }
        Err(Exit::Ended { code, why }) => {
            eprintln!("ballast: {why}");
            ExitCode::from(code)
        }
        Err(Exit::Failure(why)) => {
            eprintln!("ballast: {why}");
            ExitCode::FAILURE
        }
    }
}
