//! Small files: those of one call travel together, as one object.

use ballast_contract::Result;
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{LeaseId, Sha256};
use bytes::Bytes;
use sha2::Digest;

use crate::objects::{Arrived, Object};
use crate::sums::column_of;
use crate::{Blob, Content, Stored, unblocked};

/// Small files that are about to be stored.
pub struct SmallBatch {
    lease: LeaseId,
    pack: Object,
    files: Vec<Stored>,
    /// Those that are stored nowhere yet, each once.
    missing: Vec<(Stored, Bytes)>,
    new_bytes: u64,
}

impl SmallBatch {
    /// By how many bytes the repository's level grows if a commit names all of them: what to promise.
    pub fn new_bytes(&self) -> u64 {
        self.new_bytes
    }
}

impl Content {
    /// Begins to store small files under a lease. Those that are stored already are only leased, because who has the
    /// bytes at hand has shown that they are theirs; so what the repository holds stays held, and is not new.
    /// `Conflict` where the lease has ended.
    pub async fn begin_small(&self, lease: LeaseId, files: Vec<Bytes>) -> Result<SmallBatch> {
        let described = unblocked("content.begin_small", move || {
            files.into_iter().map(|bytes| (describe(&bytes), bytes)).collect::<Vec<_>>()
        })
        .await?;
        let files: Vec<Stored> = described.iter().map(|(file, _)| *file).collect();
        let pack = Object::new(self, true, |id| format!("packs/{:02x}/{id:016x}", id & 0xff))?;
        let there = self.begin_pack(lease, files.iter().map(|file| file.sha256).collect(), &pack).await?;
        let (mut stored, mut counted) = (there.stored, there.counted);
        let new = files.iter().filter(|file| counted.insert(file.sha256.0.to_vec()));
        let new_bytes = new.map(|file| file.size).sum();
        let missing = described.into_iter().filter(|(file, _)| stored.insert(file.sha256.0.to_vec())).collect();
        Ok(SmallBatch { lease, pack, files, missing, new_bytes })
    }

    /// Stores them as one pack; answers them in their order. `Conflict` where the lease has ended.
    pub async fn store_small(&self, small: SmallBatch) -> Result<Vec<Stored>> {
        let SmallBatch { lease, pack, files, missing, .. } = small;
        if !missing.is_empty() {
            self.write_pack(lease, &pack, missing).await?;
        }
        Ok(files)
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
