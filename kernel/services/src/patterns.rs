//! `.gitattributes` and `.gitignore` of a repository, matched as git does.

use ballast_types::RepoPath;
use gix_glob::Pattern;
use gix_glob::pattern::Case;
use gix_glob::wildmatch::Mode;

fn matches(pattern: &Pattern, path: &str, is_folder: bool) -> bool {
    let name = path.rfind('/').map(|slash| slash + 1);
    pattern.matches_repo_relative_path(
        path.as_bytes().into(),
        name,
        Some(is_folder),
        Case::Sensitive,
        Mode::NO_MATCH_SLASH_LITERAL,
    )
}

/// Which paths git-lfs takes, by a root `.gitattributes`.
#[derive(Default)]
pub(crate) struct Attributes(Vec<(Pattern, bool)>);

impl Attributes {
    /// The most of a `.gitattributes` that is read, in bytes; git has the same kind of limit (100 MB) for files.
    pub const MAX: u32 = 1 << 20;

    /// Lines that git would not understand are passed over, as git does.
    pub fn parse(text: &[u8]) -> Self {
        let rules = gix_attributes::parse(text).filter_map(|line| {
            let (gix_attributes::parse::Kind::Pattern(pattern), assignments, _) = line.ok()? else { return None };
            let filter = assignments.flatten().filter(|set| set.name.as_str() == "filter").last()?;
            let lfs = match filter.state {
                gix_attributes::StateRef::Value(value) => value.as_bstr() == "lfs",
                _ => false,
            };
            Some((pattern, lfs))
        });
        Self(rules.collect())
    }

    /// Whether the last rule that matches says `filter=lfs`; none where no rule speaks of a filter.
    pub fn is_lfs(&self, path: &RepoPath) -> Option<bool> {
        self.0.iter().rev().find(|(pattern, _)| matches(pattern, path.as_str(), false)).map(|(_, lfs)| *lfs)
    }
}

/// Which paths are left out of an upload, by a root `.gitignore`.
#[derive(Default)]
pub(crate) struct Ignore(Vec<Pattern>);

impl Ignore {
    pub fn parse(text: &[u8]) -> Self {
        Self(gix_ignore::parse(text, false).map(|(pattern, _, _)| pattern).collect())
    }

    /// A path is ignored by the last rule that matches it, or with the folder that it lies in, whatever comes after.
    pub fn ignores(&self, path: &RepoPath) -> bool {
        let last_rule = |path: &str, is_folder| {
            let found = self.0.iter().rev().find(|pattern| matches(pattern, path, is_folder));
            found.is_some_and(|pattern| !pattern.is_negative())
        };
        path.ancestors().any(|folder| last_rule(folder, true)) || last_rule(path.as_str(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        text.parse().unwrap()
    }

    #[test]
    fn attributes_say_lfs_by_the_last_rule_that_matches() {
        let rules = Attributes::parse(b"*.png filter=lfs diff=lfs -text\nkeep/*.png -filter\n# x\n*.md text\n");
        assert_eq!(rules.is_lfs(&path("a/b.png")), Some(true));
        assert_eq!(rules.is_lfs(&path("keep/b.png")), Some(false));
        assert_eq!(rules.is_lfs(&path("a.md")), None);
        let garbled = Attributes::parse(b"[\n\xff\xfe\x00\n*.bin filter=lfs\n");
        assert_eq!((garbled.is_lfs(&path("a.bin")), garbled.is_lfs(&path("a"))), (Some(true), None));
    }

    #[test]
    fn ignore_rules_follow_git() {
        let rules = Ignore::parse(b"*.log\n!keep.log\n/build/\ncache/\n");
        for ignored in ["a.log", "x/b.log", "build/a", "x/cache/y", "build/keep.log"] {
            assert!(rules.ignores(&path(ignored)), "{ignored}");
        }
        for kept in ["keep.log", "x/build/a", "cache"] {
            assert!(!rules.ignores(&path(kept)), "{kept}");
        }
    }
}
