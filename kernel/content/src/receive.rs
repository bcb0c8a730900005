//! Large files: hashed as they arrive, and kept whole.

use ballast_contract::{ByteStream, Result};
use ballast_types::{LeaseId, Sha256};

use crate::digest::{Digests, pour, refused};
use crate::objects::{Arrived, Object};
use crate::{Blob, Content, Expected};

impl Content {
    /// Receives a blob of exactly `size` bytes whose digest is known beforehand, and leases it. `Invalid` where size
    /// or digest differ: then nothing is stored. Bytes that are stored already are read and hashed all the same, to
    /// see that the caller has them, but not written again.
    pub async fn receive(&self, lease: LeaseId, expected: Expected, size: u64, body: ByteStream) -> Result<Blob> {
        let sha256 = match expected {
            Expected::Sha256(sha256) => Some(sha256),
            Expected::Git(_) => None,
        };
        let (object, otherwise) = places(self, sha256)?;
        let object = self.begin_whole(lease, sha256, object, otherwise).await?;
        let digests = match &object {
            Some(object) => self.write_whole(object, expected, size, body).await?,
            None => pour(body, size, false, None).await.and_then(|digests| verify(digests, expected))?,
        };
        let blob = Blob { sha256: digests.sha256, size, oid: digests.oid };
        self.keep(lease, object.as_ref(), vec![Arrived { blob, start: 0, sums: digests.sums }]).await?;
        Ok(blob)
    }

    async fn write_whole(&self, object: &Object, expected: Expected, size: u64, body: ByteStream) -> Result<Digests> {
        let mut writer = self.create_object(object).await?;
        let with_git = matches!(expected, Expected::Git(_));
        let poured = pour(body, size, with_git, Some(&mut writer)).await.and_then(|digests| verify(digests, expected));
        self.finish(writer, object, poured, size).await
    }
}

/// An object for one blob, and the key to use where the first is taken. A known SHA-256 gives the object its place, so
/// that an operator finds it; uploads of the same blob at once must not share a key, since each may fail by itself.
pub(crate) fn places(content: &Content, sha256: Option<Sha256>) -> Result<(Object, String)> {
    let mut otherwise = String::new();
    let object = Object::new(content, false, |id| {
        let place = sha256.map(|sha256| sha256.to_string());
        let place = place.map(|text| format!("lfs/{}/{}/{text}", &text[..2], &text[2..4]));
        let unique = format!("blobs/{:02x}/{id:016x}", id & 0xff);
        otherwise = place.as_ref().map_or_else(|| unique.clone(), |place| format!("{place}.{id:016x}"));
        place.unwrap_or(unique)
    })?;
    Ok((object, otherwise))
}

fn verify(digests: Digests, expected: Expected) -> Result<Digests> {
    match expected {
        Expected::Sha256(sha256) if digests.sha256 != sha256 => {
            Err(refused(format!("the SHA-256 of the body is {}, not the announced {sha256}", digests.sha256)))
        }
        Expected::Git(oid) if digests.oid != Some(oid) => {
            Err(refused(format!("the git blob id of the body is not the announced {oid}")))
        }
        _ => Ok(digests),
    }
}
