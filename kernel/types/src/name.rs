//! Names of users, organisations and repositories.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A namespace's or a repository's name: `[A-Za-z0-9._-]`, 1 to 96 characters, without `--` or `..`,
/// not beginning or ending with `-` or `.`, and not ending in `.git`.
///
/// These are the Hub's own rules (`huggingface_hub.utils.validate_repo_id`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName {
    name: String,
    why: &'static str,
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a valid name: {}", self.name.escape_default(), self.why)
    }
}

impl std::error::Error for InvalidName {}

/// First path segments that the hub or its web pages use or may use, in normalised form.
const RESERVED: &[&str] = &[
    "about",
    "account",
    "accounts",
    "admin",
    "api",
    "assets",
    "auth",
    "blog",
    "buckets",
    "cas",
    "chat",
    "collections",
    "console",
    "contact",
    "datasets",
    "device",
    "docs",
    "download",
    "downloads",
    "explore",
    "favicon.ico",
    "health",
    "healthz",
    "help",
    "home",
    "invitations",
    "invite",
    "jobs",
    "join",
    "kernels",
    "lfs",
    "login",
    "logout",
    "me",
    "metrics",
    "models",
    "new",
    "none",
    "notifications",
    "null",
    "oauth",
    "openapi",
    "openapi.json",
    "org",
    "organizations",
    "papers",
    "posts",
    "pricing",
    "privacy",
    "readyz",
    "register",
    "robots.txt",
    "root",
    "search",
    "security",
    "settings",
    "signin",
    "signup",
    "spaces",
    "static",
    "status",
    "storage",
    "support",
    "system",
    "tasks",
    "teams",
    "terms",
    "trending",
    "undefined",
    "uploads",
    "user",
    "users",
    "v1",
    "v2",
    "webhooks",
    "ws",
    "xet",
];

impl Name {
    /// The longest name, in characters.
    pub const MAX: usize = 96;

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Lower case: two spellings of one lower-case form are one name when a URL is read.
    pub fn lower(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Lower case without `-` and `_`: no two names in one place may share it.
    pub fn normalized(&self) -> String {
        self.0.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
    }

    /// Whether this name, as a namespace, would hide a page or a route of the hub.
    pub fn is_reserved(&self) -> bool {
        let normalized = self.normalized();
        normalized.is_empty() || RESERVED.binary_search(&normalized.as_str()).is_ok()
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let refuse = |why| Err(InvalidName { name: text.chars().take(Self::MAX + 4).collect(), why });
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > Self::MAX {
            return refuse("it is longer than 96 characters");
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            return refuse("only letters, digits, '.', '_' and '-' are allowed");
        }
        if text.starts_with(['-', '.']) || text.ends_with(['-', '.']) {
            return refuse("it must not begin or end with '-' or '.'");
        }
        if text.contains("--") || text.contains("..") {
            return refuse("'--' and '..' are not allowed");
        }
        if text.to_ascii_lowercase().ends_with(".git") {
            return refuse("it must not end in '.git'");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_accepted() {
        for name in ["a", "bert-base", "Qwen2.5_7B", "x".repeat(96).as_str(), "_private"] {
            assert_eq!(name.parse::<Name>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_the_hub_refuses_are_refused() {
        let long = "x".repeat(97);
        for name in ["", "-a", "a-", ".a", "a.", "a--b", "a..b", "a/b", "a b", "é", "a.git", "A.GIT", "a\0", &long] {
            assert!(name.parse::<Name>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_reserved_names_are_sorted_and_found_in_any_spelling() {
        assert!(RESERVED.is_sorted());
        for name in ["API", "a-p-i", "models", "Health_z"] {
            assert!(name.parse::<Name>().unwrap().is_reserved(), "{name}");
        }
        assert!(!"apis".parse::<Name>().unwrap().is_reserved());
    }
}
