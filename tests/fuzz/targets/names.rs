//! Names, paths and revisions: what is accepted is printed as it was written, is safe where it is used, and what it is
//! made of is acceptable too.

use ballast_types::git::{Commit, PointerText, pointer};
use ballast_types::{CommitId, GitOid, Name, RefKind, RefName, RepoPath, Revision, Sha256};

pub fn target(bytes: &[u8]) {
    git(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    path(text);
    name(text);
    reference(text);
    digests(text);
}

fn path(text: &str) {
    let Ok(path) = text.parse::<RepoPath>() else { return };
    assert_eq!(path.to_string(), text);
    assert!(text.len() <= RepoPath::MAX && !text.starts_with('/') && !text.ends_with('/'));
    // It stays below whatever folder it is written into.
    let mut depth = 0;
    for component in std::path::Path::new(text).components() {
        assert!(matches!(component, std::path::Component::Normal(_)), "{text:?}");
        depth += 1;
    }
    assert_eq!(depth, text.split('/').count(), "{text:?}");
    assert!(path.ancestors().all(|folder| folder.parse::<RepoPath>().is_ok()), "{text:?}");
    if let Some(parent) = path.parent() {
        assert_eq!(parent.join(path.file_name()).as_ref(), Ok(&path));
    }
}

fn name(text: &str) {
    if let Ok(name) = text.parse::<Name>() {
        assert_eq!(name.to_string(), text);
        assert!(text.len() <= Name::MAX && text.is_ascii() && !text.contains('/'));
        assert!(name.lower().parse::<Name>().is_ok(), "{text:?}");
        assert!(text.parse::<RepoPath>().is_ok(), "{text:?} is a name and no path");
    }
}

fn reference(text: &str) {
    if let Ok(name) = text.parse::<RefName>() {
        assert_eq!(name.to_string(), text);
        assert!(text.len() <= RefName::MAX && !text.contains(".."));
    }
    for (short, kind) in [(RefName::branch(text), RefKind::Branch), (RefName::tag(text), RefKind::Tag)] {
        let Ok(name) = short else { continue };
        assert_eq!((name.short(), name.kind()), (text, kind));
        assert_eq!(name.as_str().parse::<RefName>().as_ref(), Ok(&name));
        assert!(text.parse::<CommitId>().is_err(), "{text:?} is a branch and a commit");
    }
    if let Ok(name) = RefName::writable(&Revision::new(text)) {
        assert_eq!(RefName::writable(&Revision::new(name.as_str())).as_ref(), Ok(&name));
    }
}

fn digests(text: &str) {
    if let Ok(id) = text.parse::<CommitId>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(oid) = text.parse::<GitOid>() {
        assert_eq!(oid.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(sha256) = text.parse::<Sha256>() {
        assert_eq!(sha256.to_string(), text.to_ascii_lowercase());
    }
}

fn git(bytes: &[u8]) {
    if let Some(found) = PointerText::parse(bytes) {
        let written = pointer(found.sha256, found.size);
        assert_eq!(PointerText::parse(written.as_bytes()), Some(found));
    }
    if let Ok(commit) = Commit::parse(bytes) {
        let (_, written) = commit.encode();
        let again = Commit::parse(&written).expect("what was written is read");
        assert_eq!(again.encode().1, written);
    }
}
