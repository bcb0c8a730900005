use ballast_services::{TreeEntry, TreeNode};
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::LfsFile;

/// One path of a tree.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct TreeItem {
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: TreeItemKind,
    pub path: String,
    /// In bytes. Of a directory, 0 unless `expand` was asked for, and then the sum of what lies below.
    pub size: u64,
    /// What git's tree holds: a blob's id (of a large file, its pointer's), a tree's id.
    pub oid: String,
    /// Of a large file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lfs: Option<LfsFile>,
    /// What names the file in Xet, where it can be had by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xet_hash: Option<String>,
    /// The commit that last changed it; with `expand`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_commit: Option<LastCommit>,
    /// That commit's time; with `expand`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// What stands at a path. A symbolic link is a file: clients know no other word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum TreeItemKind {
    File,
    Directory,
    Submodule,
}

/// The commit that last changed a path.
#[derive(Debug, Object, Serialize)]
pub struct LastCommit {
    pub id: String,
    pub title: String,
    pub date: String,
}

impl From<TreeEntry> for TreeItem {
    fn from(entry: TreeEntry) -> Self {
        let kind = match entry.node {
            TreeNode::Directory { .. } => TreeItemKind::Directory,
            TreeNode::Submodule { .. } => TreeItemKind::Submodule,
            TreeNode::File { .. } => TreeItemKind::File,
        };
        let last_commit = entry.last_commit.map(|commit| LastCommit {
            id: commit.id.into(),
            title: commit.message.lines().next().unwrap_or_default().to_owned(),
            date: commit.time.to_string(),
        });
        Self {
            kind,
            path: entry.path.into(),
            size: entry.size,
            oid: entry.node.oid().into(),
            lfs: LfsFile::of(&entry.node),
            xet_hash: entry.xet.map(String::from),
            last_modified: last_commit.as_ref().map(|commit| commit.date.clone()),
            last_commit,
        }
    }
}
