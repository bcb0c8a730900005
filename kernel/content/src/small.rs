//! Small files: those of one call travel together, as one object.

use ballast_contract::Result;
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{LeaseId, Sha256};
use bytes::Bytes;
use sha2::Digest;

use crate::objects::{Arrived, Object};
use crate::sums::column_of;
use crate::{Blob, Content, Stored, unblocked};

impl Content {
    /// Stores small files under a lease, in their order. Those that are not stored yet become one pack; the others are
    /// only leased, because who has the bytes at hand has shown that they are theirs. `Conflict` where the lease has
    /// ended.
    pub async fn store_small(&self, lease: LeaseId, files: Vec<Bytes>) -> Result<Vec<Stored>> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let (files, stored) = unblocked("content.store_small", move || {
            let stored: Vec<_> = files.iter().map(describe).collect();
            (files, stored)
        })
        .await?;
        let pack = Object::new(self, true, |id| format!("packs/{:02x}/{id:016x}", id & 0xff))?;
        let there = self.begin_pack(lease, stored.iter().map(|file| file.sha256).collect(), &pack).await?;
        let mut seen = there;
        let mut missing = Vec::new();
        for (file, bytes) in stored.iter().zip(files) {
            if seen.insert(file.sha256.0.to_vec()) {
                missing.push((*file, bytes));
            }
        }
        if !missing.is_empty() {
            self.write_pack(lease, &pack, missing).await?;
        }
        Ok(stored)
    }

    async fn write_pack(&self, lease: LeaseId, pack: &Object, files: Vec<(Stored, Bytes)>) -> Result<()> {
        let mut writer = self.create_object(pack).await?;
        let (mut arrived, mut start) = (Vec::with_capacity(files.len()), 0);
        let mut written = Ok(());
        for (file, bytes) in files {
            let blob = Blob { sha256: file.sha256, size: file.size, oid: Some(file.oid) };
            arrived.push(Arrived { blob, start, sums: column_of(&bytes) });
            start += file.size;
            written = match written {
                Ok(()) if !bytes.is_empty() => writer.write(bytes).await,
                other => other,
            };
        }
        self.finish(writer, pack, written, start).await?;
        self.keep(lease, Some(pack), arrived).await
    }
}

fn describe(bytes: &Bytes) -> Stored {
    Stored {
        sha256: Sha256(sha2::Sha256::digest(bytes).into()),
        oid: object_id(ObjectKind::Blob, bytes),
        size: bytes.len() as u64,
    }
}
