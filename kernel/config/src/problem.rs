//! What is wrong with a configuration, in words that an operator can act on.

use std::fmt;

use crate::Origin;

/// One mistake: which key, where it was written, what is wrong with it. Holds no secret's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key's path, as in `bootstrap.users[0].name`; empty where the mistake belongs to a whole layer.
    pub key: String,
    /// Where it was written.
    pub origin: Origin,
    /// What is wrong, and where that is known what to do.
    pub what: String,
}

impl Problem {
    /// A problem of this key.
    pub fn new(key: impl Into<String>, origin: Origin, what: impl Into<String>) -> Self {
        Self { key: key.into(), origin, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.as_str(), &self.origin) {
            ("", origin) => write!(f, "{}: {}", origin.label(), self.what),
            (key, Origin::Default) => write!(f, "{key}: {}", self.what),
            (key, origin) => write!(f, "{key} ({origin}): {}", self.what),
        }
    }
}

/// Every mistake that was found, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Nothing where there is no mistake.
    pub fn check(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a mistake:")?,
            several => write!(f, "the configuration has {several} mistakes:")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}
