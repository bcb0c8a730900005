//! What a client types to say which version it means, and the refs that a repository has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Branch, tag, full ref or commit id as typed: unresolved, and possibly naming nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(String);

impl Revision {
    /// Any text; whether it names something is the engine's to say.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The branch that repositories begin with.
    pub fn main() -> Self {
        Self("main".to_owned())
    }

    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A full ref name such as `refs/heads/main`, well-formed by git's rules (`git check-ref-format`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RefName(String);

/// The families of refs that the hub knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefKind {
    /// `refs/heads/…`
    Branch,
    /// `refs/tags/…`
    Tag,
    /// `refs/pr/N`
    Proposal,
    /// `refs/convert/…`
    Conversion,
    /// Anything else below `refs/`.
    Other,
}

/// Why a text is no ref name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRef {
    name: String,
    why: &'static str,
}

impl fmt::Display for InvalidRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a valid branch or tag name: {}", self.name.escape_debug(), self.why)
    }
}

impl std::error::Error for InvalidRef {}

impl RefName {
    /// The longest full name, in bytes.
    pub const MAX: usize = 255;

    /// `refs/heads/NAME`.
    pub fn branch(name: &str) -> Result<Self, InvalidRef> {
        Self::below("refs/heads/", name)
    }

    /// `refs/tags/NAME`.
    pub fn tag(name: &str) -> Result<Self, InvalidRef> {
        Self::below("refs/tags/", name)
    }

    /// `refs/pr/NUMBER`.
    pub fn proposal(number: u32) -> Self {
        Self(format!("refs/pr/{number}"))
    }

    /// The ref that a write to `revision` goes to: a full ref as it stands, anything else as a branch.
    pub fn writable(revision: &Revision) -> Result<Self, InvalidRef> {
        match revision.as_str() {
            full if full.starts_with("refs/") => full.parse(),
            short => Self::branch(short),
        }
    }

    fn below(prefix: &str, name: &str) -> Result<Self, InvalidRef> {
        // A name that reads as a commit id would hide the commit or be hidden by it.
        if name.len() == 40 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidRef { name: name.to_owned(), why: "it looks like a commit id" });
        }
        match name {
            "HEAD" | "@" => Err(InvalidRef { name: name.to_owned(), why: "git reserves it" }),
            _ if name.starts_with("refs/") => {
                Err(InvalidRef { name: name.to_owned(), why: "it must not begin with 'refs/'" })
            }
            _ => format!("{prefix}{name}").parse(),
        }
    }

    /// The full name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without the part that its kind implies: `main`, `v1.0`, `refs/pr/1`.
    pub fn short(&self) -> &str {
        let name = self.0.strip_prefix("refs/heads/").or_else(|| self.0.strip_prefix("refs/tags/"));
        name.unwrap_or(&self.0)
    }

    /// The number of the pull request whose commits are here, in the one form in which it is written.
    pub fn proposal_number(&self) -> Option<u32> {
        let number = self.0.strip_prefix("refs/pr/")?.parse().ok()?;
        (Self::proposal(number) == *self).then_some(number)
    }

    /// Which family it belongs to.
    pub fn kind(&self) -> RefKind {
        match self.0.split('/').nth(1) {
            Some("heads") => RefKind::Branch,
            Some("tags") => RefKind::Tag,
            Some("pr") => RefKind::Proposal,
            Some("convert") => RefKind::Conversion,
            _ => RefKind::Other,
        }
    }
}

impl FromStr for RefName {
    type Err = InvalidRef;

    fn from_str(text: &str) -> Result<Self, InvalidRef> {
        let refuse = |why| Err(InvalidRef { name: text.chars().take(300).collect(), why });
        if text.len() > Self::MAX {
            return refuse("it is longer than 255 bytes");
        }
        if !text.starts_with("refs/") || text.split('/').count() < 3 {
            return refuse("a full name begins with 'refs/' and has a further part");
        }
        if text.chars().any(|c| c.is_control() || c == ' ' || "~^:?*[\\".contains(c)) {
            return refuse("white space, control characters and any of ~^:?*[\\ are not allowed");
        }
        if text.contains("..") || text.contains("@{") {
            return refuse("'..' and '@{' are not allowed");
        }
        let bad = |part: &str| part.is_empty() || part.starts_with(['.', '-']) || part.ends_with('.');
        if text.split('/').any(|part| bad(part) || part.ends_with(".lock")) {
            return refuse("a part is empty, begins with '.' or '-', or ends with '.' or '.lock'");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RefName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_with_dots_and_slashes_are_ordinary() {
        for name in ["main", "v0.0", "feature/x.y", "über"] {
            assert_eq!(RefName::branch(name).unwrap().short(), name);
        }
        assert_eq!(RefName::writable(&Revision::new("refs/pr/1")).unwrap().kind(), RefKind::Proposal);
    }

    #[test]
    fn a_proposals_ref_has_one_spelling() {
        let number = |text: &str| text.parse::<RefName>().unwrap().proposal_number();
        assert_eq!(RefName::proposal(12).as_str(), "refs/pr/12");
        assert_eq!((number("refs/pr/12"), RefName::proposal(12).kind()), (Some(12), RefKind::Proposal));
        for other in
            ["refs/pr/012", "refs/pr/+1", "refs/pr/1/head", "refs/pr/x", "refs/heads/pr/1", "refs/pr/4294967296"]
        {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn names_that_git_refuses_are_refused() {
        let id = "a".repeat(40);
        for name in ["", "a b", "a..b", "a~1", "a^", "a:b", "a?", "*", "[", "a\\b", "a/", "/a", "a//b", ".a", "a/.b"] {
            assert!(RefName::branch(name).is_err(), "{name:?}");
        }
        for name in ["a.lock", "a.", "@{", "HEAD", "@", "-a", "refs/heads/x", "a\0", &id, &"x".repeat(300)] {
            assert!(RefName::tag(name).is_err(), "{name:?}");
        }
    }
}
