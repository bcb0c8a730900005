//! Commit objects.

use std::fmt;

use super::{ObjectKind, object_id};
use crate::{CommitId, GitOid, Signature, Timestamp};

/// A commit as the hub makes it: one author who is also the committer, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub tree: GitOid,
    pub parents: Vec<CommitId>,
    pub author: Signature,
    pub time: Timestamp,
    pub message: String,
}

/// Bytes that are no commit object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCommit(&'static str);

impl fmt::Display for InvalidCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a commit object: {}", self.0)
    }
}

impl std::error::Error for InvalidCommit {}

impl Commit {
    /// Git's own bytes of this commit, and so its id.
    pub fn encode(&self) -> (CommitId, Vec<u8>) {
        let mut text = format!("tree {}\n", self.tree);
        for parent in &self.parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        let Signature { name, email } = &self.author;
        let who = format!("{name} <{email}> {} +0000", self.time.seconds());
        text.push_str(&format!("author {who}\ncommitter {who}\n\n{}", self.message));
        (CommitId(object_id(ObjectKind::Commit, text.as_bytes()).0), text.into_bytes())
    }

    /// Reads any commit object, also one from elsewhere: the time is the committer's, text that is not UTF-8 is
    /// replaced, and headers that the hub does not use are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidCommit> {
        let text = String::from_utf8_lossy(bytes);
        let (head, message) = text.split_once("\n\n").unwrap_or((text.trim_end_matches('\n'), ""));
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let tree = field("tree").and_then(|oid| oid.parse().ok()).ok_or(InvalidCommit("no tree"))?;
        let parents = head
            .lines()
            .filter_map(|line| line.strip_prefix("parent "))
            .map(|id| id.parse().map_err(|_| InvalidCommit("a parent is no commit id")))
            .collect::<Result<_, _>>()?;
        let (author, _) = field("author").and_then(parse_who).ok_or(InvalidCommit("no author"))?;
        let (_, time) = field("committer").and_then(parse_who).ok_or(InvalidCommit("no committer"))?;
        Ok(Self { tree, parents, author, time, message: message.to_owned() })
    }
}

fn parse_who(line: &str) -> Option<(Signature, Timestamp)> {
    let (who, time) = line.rsplit_once('>')?;
    let (name, email) = who.split_once('<')?;
    let seconds = time.split_whitespace().next()?.parse().ok()?;
    let signature = Signature { name: name.trim().to_owned(), email: email.to_owned() };
    Some((signature, Timestamp::from_seconds(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_has_the_id_that_git_gives_it() {
        let commit = Commit {
            tree: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".parse().unwrap(),
            parents: vec![],
            author: Signature::new("A", "a@b"),
            time: Timestamp::from_seconds(0),
            message: "x\n".to_owned(),
        };
        let (id, bytes) = commit.encode();
        // `git hash-object -t commit` of the same bytes.
        assert_eq!(object_id(ObjectKind::Commit, &bytes).to_string(), id.to_string());
        assert_eq!(Commit::parse(&bytes).unwrap(), commit);
    }
}
