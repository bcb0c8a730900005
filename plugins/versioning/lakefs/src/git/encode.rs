//! The bytes of git's objects: a commit's and a tag's as they are kept, a tree's made of the index of its folder.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use ballast_contract::Result;
use ballast_contract::versioning::failure::{internal, missing};
use ballast_contract::versioning::{Encoded, GitObject};
use ballast_types::git::DeltaWriter;
use ballast_types::{CommitId, GitOid, RepoKey, RepoPath};

use crate::Lakefs;
use crate::folder::Folder;

const OPERATION: &str = "versioning.encode";
/// Objects that are looked at in one call, and the bytes behind which it ends.
const OBJECTS: usize = 500;
const BYTES: usize = 4 << 20;

impl Lakefs {
    /// The bytes of the first of these, at least of one.
    pub(super) async fn encode_objects(&self, repo: RepoKey, objects: &[(&GitObject, bool)]) -> Result<Vec<Encoded>> {
        let objects = &objects[..objects.len().min(OBJECTS)];
        let mut tags: Option<HashMap<GitOid, String>> = None;
        let (mut encoded, mut bytes) = (Vec::with_capacity(objects.len()), 0);
        for (object, as_delta) in objects {
            let absent = |oid: GitOid| missing(OPERATION, format!("there is no object {oid}"));
            let one = match object {
                GitObject::Commit { id } => {
                    let text = self.records.commit_text(repo, *id).await?;
                    Encoded::Whole(text.ok_or_else(|| absent((*id).into()))?.into_bytes())
                }
                GitObject::Tag { oid } => {
                    let tags = match &mut tags {
                        Some(tags) => tags,
                        none => none.insert(self.tags(repo).await?.into_texts()),
                    };
                    let text = tags.get(oid).ok_or_else(|| absent(*oid))?;
                    Encoded::Whole(text.clone().into_bytes())
                }
                GitObject::Tree { at, folder, base, .. } => {
                    let new = self.folder_of(repo, *at, folder.as_ref()).await?;
                    let delta = match base.filter(|_| *as_delta) {
                        Some(base) => delta(&*self.folder_of(repo, base.at, folder.as_ref()).await?, &new),
                        None => None,
                    };
                    delta.map_or_else(|| Encoded::Whole(new.tree()), Encoded::Delta)
                }
                GitObject::Blob { oid, .. } => {
                    return Err(internal(OPERATION, format!("{oid} is a blob, whose bytes are not the engine's")));
                }
            };
            bytes += match &one {
                Encoded::Whole(bytes) | Encoded::Delta(bytes) => bytes.len(),
            };
            encoded.push(one);
            if bytes >= BYTES {
                break;
            }
        }
        Ok(encoded)
    }

    async fn folder_of(&self, repo: RepoKey, at: CommitId, folder: Option<&RepoPath>) -> Result<Arc<Folder>> {
        let path = folder.map_or("", RepoPath::as_str);
        let found = self.view_of(repo, at).await?.folder(path).await?;
        found.ok_or_else(|| missing(OPERATION, format!("commit {at} has no folder '{path}'")))
    }
}

/// What makes one folder's tree of another's; none where the whole is shorter.
fn delta(old: &Folder, new: &Folder) -> Option<Vec<u8>> {
    let (before, after) = (old.tree_length(), new.tree_length());
    let mut delta = DeltaWriter::new(before, after);
    let (mut olds, mut line, mut offset) = (old.items.iter().peekable(), Vec::new(), 0);
    for item in &new.items {
        line.clear();
        item.append(&mut line);
        // What the old one has before it is not copied.
        while let Some(gone) = olds.next_if(|old| old.compare(item) == Ordering::Less) {
            offset += gone.line_length();
        }
        match olds.next_if(|old| old.compare(item) == Ordering::Equal) {
            Some(old) if old.is_line(item) => {
                delta.copy(offset, old.line_length());
                offset += old.line_length();
            }
            Some(old) => {
                delta.insert(&line);
                offset += old.line_length();
            }
            None => delta.insert(&line),
        }
    }
    let delta = delta.finish();
    (delta.len() as u64 <= after).then_some(delta)
}
