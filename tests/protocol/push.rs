//! What somebody pushes by git: a history of its own with a large file, a tag, and a branch that goes.

use std::collections::HashMap;

use async_trait::async_trait;
use ballast_services::{Failure, LfsObject, LfsUpload, PushCommands, Quarantine};
use ballast_types::git::{Commit, ObjectKind, TreeItem, encode_tree_item, object_id, pointer};
use ballast_types::{CommitId, GitOid, RepoKind, Revision, Signature, Timestamp};
use bytes::Bytes;
use futures::{StreamExt, stream};

use crate::journey::{Files, Journey, Outcome, sha256};
use crate::world::World;

/// Objects by their ids.
#[derive(Default)]
struct Pushed(HashMap<GitOid, (ObjectKind, Bytes)>);

impl Pushed {
    fn add(&mut self, kind: ObjectKind, bytes: impl Into<Bytes>) -> GitOid {
        let bytes = bytes.into();
        let oid = object_id(kind, &bytes);
        self.0.insert(oid, (kind, bytes));
        oid
    }

    fn tree(&mut self, items: &[(u32, &str, GitOid)]) -> GitOid {
        let mut bytes = Vec::new();
        for (mode, name, oid) in items {
            encode_tree_item(&mut bytes, &TreeItem { mode: *mode, name: name.as_bytes(), oid: *oid });
        }
        self.add(ObjectKind::Tree, bytes)
    }

    fn commit(&mut self, tree: GitOid, parents: Vec<CommitId>) -> CommitId {
        let (author, time) = (Signature::new("Ada", "ada@example.org"), Timestamp::from_seconds(1_700_000_000));
        let commit = Commit { tree, parents, author, time, message: "pushed\n".to_owned() };
        let (id, bytes) = commit.encode();
        self.add(ObjectKind::Commit, bytes);
        id
    }
}

#[async_trait]
impl Quarantine for Pushed {
    fn blobs(&self) -> Vec<(GitOid, u64)> {
        let blobs = self.0.iter().filter(|(_, (kind, _))| *kind == ObjectKind::Blob);
        let mut blobs: Vec<_> = blobs.map(|(oid, (_, bytes))| (*oid, bytes.len() as u64)).collect();
        blobs.sort_unstable();
        blobs
    }

    fn trees(&self) -> Vec<GitOid> {
        self.0.iter().filter(|(_, (kind, _))| *kind == ObjectKind::Tree).map(|(oid, _)| *oid).collect()
    }

    async fn read(&self, oid: GitOid) -> ballast_contract::Result<Option<(ObjectKind, Bytes)>> {
        Ok(self.0.get(&oid).cloned())
    }
}

impl Journey {
    /// Uploads a large file and pushes.
    pub async fn push(&self, world: &World) -> Outcome {
        self.try_push(world).await.map_err(|failure| format!("{failure:?}"))
    }

    async fn try_push(&self, world: &World) -> Result<(), Failure> {
        let (hub, caller) = (&world.hub, world.caller().await);
        let repository = hub.proposing(&caller, RepoKind::Model, "alice", &self.name).await?;
        let large = self.bytes("a pushed large file");
        let object = LfsObject { sha256: sha256(&large), size: large.len() as u64 };
        let answers = repository.lfs_upload(&[object], false).await?;
        if let LfsUpload::Whole { ticket, .. } = &answers[0] {
            let ticket = hub.read_ticket(ticket, object.sha256)?;
            hub.receive_object(&ticket, stream::iter(vec![Ok(large.clone())]).boxed()).await?;
        }
        let mut pushed = Pushed::default();
        let (one, two) = (self.bytes("one"), self.bytes("two"));
        let (blob_one, blob_two) =
            (pushed.add(ObjectKind::Blob, one.clone()), pushed.add(ObjectKind::Blob, two.clone()));
        let text = pushed.add(ObjectKind::Blob, pointer(object.sha256, object.size).into_bytes());
        let tree = pushed.tree(&[(0o100644, "one.txt", blob_one)]);
        let first = pushed.commit(tree, vec![]);
        let folder = pushed.tree(&[(0o100755, "two.sh", blob_two)]);
        let items = [(0o040000, "bin", folder), (0o100644, "model.bin", text), (0o100644, "one.txt", blob_one)];
        let tree = pushed.tree(&items);
        let second = pushed.commit(tree, vec![first]);
        let about = format!("object {second}\ntype commit\ntag v1\ntagger A <a@b> 0 +0000\n\nv1\n");
        let tag = pushed.add(ObjectKind::Tag, about.into_bytes());
        let side = repository.resolve(&Revision::new("side")).await?;
        let refs = vec![
            ("refs/heads/pushed".to_owned(), None, Some(second.into())),
            ("refs/tags/v1".to_owned(), None, Some(tag)),
            ("refs/heads/side".to_owned(), Some(side.into()), None),
        ];
        let report = repository.push(PushCommands { refs, atomic: true }, &pushed).await?;
        if let Some((name, Err(why))) = report.refs.iter().find(|(_, result)| result.is_err()) {
            return Err(Failure::Conflict(format!("{name}: {why}")));
        }
        let mut files = Files::new();
        files.insert("one.txt".to_owned(), one);
        self.acknowledge_files(first, files.clone());
        files.insert("bin/two.sh".to_owned(), two);
        files.insert("model.bin".to_owned(), large);
        self.acknowledge_files(second, files);
        Ok(())
    }
}
