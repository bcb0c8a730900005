//! Who made a commit.

use serde::{Deserialize, Serialize};

/// A commit's author or committer: what stands before the time in git's own line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub name: String,
    pub email: String,
}

impl Signature {
    /// Drops what git cannot hold in such a line: angle brackets, line ends and other control characters.
    /// An empty name becomes `unknown`, because git refuses an empty one.
    pub fn new(name: &str, email: &str) -> Self {
        let clean = |text: &str| {
            let kept: String = text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
            kept.trim_matches(|c: char| c.is_whitespace() || ".,:;\"'".contains(c)).to_owned()
        };
        let name = Some(clean(name)).filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned());
        Self { name, email: clean(email) }
    }
}
