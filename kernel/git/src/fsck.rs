//! What git's `fsck` refuses of a single object: bytes that no program of git writes, and that some would be misled by.

use std::cmp::Ordering;

use ballast_types::git::{Commit, ObjectKind, TagText, TreeItem};

/// What is wrong with an object, if anything is.
pub fn objection(kind: ObjectKind, bytes: &[u8]) -> Option<String> {
    match kind {
        ObjectKind::Blob => None,
        ObjectKind::Tree => tree(bytes),
        ObjectKind::Commit => commit(bytes),
        ObjectKind::Tag => tag(bytes),
    }
}

fn tree(bytes: &[u8]) -> Option<String> {
    let mut last: Option<(&[u8], bool)> = None;
    for item in TreeItem::parse_all(bytes) {
        let item = match item {
            Ok(item) => item,
            Err(why) => return Some(why.to_owned()),
        };
        let shown = || String::from_utf8_lossy(item.name).escape_debug().to_string();
        if let Some(why) = name(item.name) {
            return Some(format!("'{}' {why}", shown()));
        }
        if item.oid.0 == [0; 20] {
            return Some(format!("'{}' has no object", shown()));
        }
        let known = [0o100644, 0o100755, 0o100664, 0o100640, 0o100600, 0o120000, 0o160000, 0o040000];
        if !known.contains(&item.mode) {
            return Some(format!("'{}' has the mode {:o}, which git does not know", shown(), item.mode));
        }
        let is_folder = item.mode == 0o040000;
        if let Some((before, was_folder)) = last {
            match order(before, was_folder, item.name, is_folder) {
                Ordering::Less if before != item.name => {}
                _ if before == item.name => return Some(format!("'{}' stands in it twice", shown())),
                _ => return Some(format!("'{}' is not where git would sort it", shown())),
            }
        }
        last = Some((item.name, is_folder));
    }
    None
}

/// Git's order: a folder's name compares as if it ended with a slash.
fn order(a: &[u8], a_folder: bool, b: &[u8], b_folder: bool) -> Ordering {
    let with = |name: &[u8], is_folder: bool| [name, if is_folder { b"/" } else { b"" }].concat();
    with(a, a_folder).cmp(&with(b, b_folder))
}

fn name(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" => return Some("is empty"),
        b"." | b".." => return Some("leads out of its folder"),
        _ if name.contains(&b'/') => return Some("has a slash in it"),
        _ => {}
    }
    is_dot_git(name).then_some("would be git's own folder on some computers")
}

/// Whether a file system may take a name for `.git`: in any case, with what NTFS and HFS+ pass over.
fn is_dot_git(name: &[u8]) -> bool {
    // Code points that HFS+ ignores: `gitformat` of git's `utf8.c` lists the same ones.
    let text: String = String::from_utf8_lossy(name)
        .chars()
        .filter(
            |c| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'),
        )
        .collect();
    let text = text.to_ascii_lowercase();
    // NTFS drops dots and spaces at the end, and what follows a colon is a stream of the same file.
    let text = text.split(':').next().unwrap_or_default().trim_end_matches([' ', '.']);
    matches!(text, ".git" | "git~1")
}

fn commit(bytes: &[u8]) -> Option<String> {
    if bytes.contains(&0) {
        return Some("it holds a zero byte".to_owned());
    }
    if let Err(error) = Commit::parse(bytes) {
        return Some(error.to_string());
    }
    let mut lines = bytes.split(|byte| *byte == b'\n');
    if !lines.next().is_some_and(|line| line.starts_with(b"tree ")) {
        return Some("its first line is no tree".to_owned());
    }
    let mut lines = lines.skip_while(|line| line.starts_with(b"parent "));
    match (lines.next(), lines.next()) {
        (Some(author), Some(committer)) if author.starts_with(b"author ") && committer.starts_with(b"committer ") => {
            None
        }
        _ => Some("author and committer do not follow its parents".to_owned()),
    }
}

fn tag(bytes: &[u8]) -> Option<String> {
    match TagText::parse(bytes) {
        Some(_) => None,
        None => Some("it does not begin with object, type and tag".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use ballast_types::GitOid;
    use ballast_types::git::encode_tree_item;

    use super::*;

    fn of(items: &[(u32, &str)]) -> Option<String> {
        let mut bytes = Vec::new();
        for (mode, name) in items {
            encode_tree_item(&mut bytes, &TreeItem { mode: *mode, name: name.as_bytes(), oid: GitOid([1; 20]) });
        }
        objection(ObjectKind::Tree, &bytes)
    }

    #[test]
    fn trees_as_git_writes_them_are_taken() {
        let items = [(0o100644, "a-b"), (0o040000, "a"), (0o100755, "a0"), (0o120000, "ü"), (0o160000, "\u{10000}")];
        assert_eq!(of(&items), None);
        assert_eq!(of(&[(0o100644, ".gitattributes"), (0o100644, ".gitignore"), (0o100644, "git~10")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn trees_that_mislead_are_refused() {
        for name in ["", ".", "..", "a/b", ".git", ".GIT", ".Git ", ".git.", "git~1", ".g\u{200c}it", ".git::$INDEX"] {
            assert!(of(&[(0o100644, name)]).is_some(), "{name:?}");
        }
        assert!(of(&[(0o100644, "b"), (0o100644, "a")]).is_some(), "not sorted");
        assert!(of(&[(0o040000, "a"), (0o100644, "a.b")]).is_some(), "a folder sorts with a slash");
        assert!(of(&[(0o100644, "a"), (0o100644, "a")]).is_some(), "twice");
        assert!(of(&[(0o100644, "a"), (0o040000, "a")]).is_some(), "a file and a folder");
        assert!(of(&[(0o777, "a")]).is_some(), "a mode");
        assert!(objection(ObjectKind::Tree, b"100644 a\0short").is_some());
    }

    #[test]
    fn commits_without_what_every_commit_has_are_refused() {
        let good =
            "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\nx\n";
        assert_eq!(objection(ObjectKind::Commit, good.as_bytes()), None);
        for bad in ["", "x", &good[47..], &good.replace("committer", "commiter"), &good.replace("x\n", "\0")] {
            assert!(objection(ObjectKind::Commit, bad.as_bytes()).is_some(), "{bad}");
        }
    }
}
