//! What things of the hub are called in lakeFS.
//!
//! lakeFS takes fewer names than git. A name that lakeFS takes and that begins with none of our prefixes stands there as
//! it is; any other is written so that no two names become one. The names here are never read back: which ref is which
//! stands in the state.

use std::fmt::Write as _;

use ballast_types::{RefKind, RefName, Sha256};
use sha2::Digest as _;

/// The longest key of an object that lakeFS takes, in bytes.
const LONGEST_KEY: usize = 1024;
/// The longest name of a branch or tag that is written out.
const LONGEST_REF: usize = 200;
/// What the names of branches begin with on which a commit is being made.
pub const WORK: &str = "w-";
/// Where the folder that is the root has its index: no path begins with a slash.
const ROOT: &str = "/";

/// The object that stands for a file.
pub fn file_key(path: &str) -> String {
    if path.len() <= LONGEST_KEY { path.to_owned() } else { format!("//{}", digest(path)) }
}

/// The object with a folder's index. No path ends with a slash.
pub fn folder_key(path: &str) -> String {
    match path.len() {
        0 => ROOT.to_owned(),
        length if length < LONGEST_KEY => format!("{path}/"),
        _ => format!("//{}/", digest(path)),
    }
}

/// The branch or tag in lakeFS that follows a ref.
pub fn mirror(name: &RefName) -> String {
    match name.kind() {
        RefKind::Branch => written("x-", name.short(), ""),
        RefKind::Tag => written("x-", name.short(), "."),
        _ => escaped("p-", name.as_str()),
    }
}

/// The name as it is, where lakeFS takes it and it is neither one of ours nor the id of a commit.
fn written(prefix: &str, name: &str, besides: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-') || besides.contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let is_ours = ["x-", "p-", "h-", WORK].iter().any(|prefix| name.starts_with(prefix));
    let is_id = name.len() >= 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    match begins && !is_ours && !is_id && name.len() <= LONGEST_REF && name.chars().all(plain) {
        true => name.to_owned(),
        false => escaped(prefix, name),
    }
}

/// Letters, digits and `_` as they are, every other byte as `-` and two digits.
fn escaped(prefix: &str, name: &str) -> String {
    let mut text = prefix.to_owned();
    for byte in name.bytes() {
        match byte.is_ascii_alphanumeric() || byte == b'_' {
            true => text.push(char::from(byte)),
            false => {
                let _ = write!(text, "-{byte:02x}");
            }
        }
    }
    if text.len() <= LONGEST_REF { text } else { format!("h-{}", digest(&format!("{prefix}{name}"))) }
}

fn digest(text: &str) -> Sha256 {
    Sha256(sha2::Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(name: &str) -> String {
        mirror(&RefName::branch(name).unwrap())
    }

    fn takes(name: &str) -> bool {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.starts_with(word) && name.chars().all(|c| word(c) || c == '-')
    }

    #[test]
    fn ordinary_names_are_themselves() {
        assert_eq!(branch("main"), "main");
        assert_eq!(branch("my-branch_2"), "my-branch_2");
        assert_eq!(mirror(&RefName::tag("v1.0").unwrap()), "v1.0");
        assert_eq!(branch("v1.0"), "x-v1-2e0");
        assert_eq!(branch("feature/x"), "x-feature-2fx");
        assert_eq!(mirror(&RefName::proposal(1)), "p-refs-2fpr-2f1");
    }

    #[test]
    fn no_two_names_become_one_and_lakefs_takes_them_all() {
        let (id, long) = ("a".repeat(64), "é".repeat(120));
        let names = [
            "main",
            "x-main",
            "p-refs-2fpr-2f1",
            "w-1",
            "h-1",
            "a.b",
            "a-2eb",
            "a/b",
            "a-b",
            "é",
            "x-a-2eb",
            "_",
            &id,
            &long,
            "A",
            "a",
        ];
        let mut written: Vec<String> = names.iter().map(|name| branch(name)).collect();
        written.push(mirror(&RefName::proposal(1)));
        assert!(written.iter().all(|name| takes(name) && name.len() <= LONGEST_REF), "{written:?}");
        assert!(written.iter().all(|name| !name.starts_with(WORK)));
        let count = written.len();
        written.sort_unstable();
        written.dedup();
        assert_eq!(written.len(), count);
    }

    #[test]
    fn keys_of_files_and_folders_never_meet() {
        let long = "n".repeat(2000);
        let keys = [file_key("a"), folder_key("a"), folder_key(""), file_key(&long), folder_key(&long)];
        assert_eq!(keys[..3], ["a", "a/", "/"]);
        assert!(keys.iter().all(|key| key.len() <= LONGEST_KEY));
        assert!(keys[3].starts_with("//") && keys[4].ends_with('/') && keys[3] != keys[4]);
    }
}
