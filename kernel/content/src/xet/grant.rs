//! Xorbs that clients write to the storage themselves, where it signs requests for them.
//!
//! They come as uploads of one part: once that is completed, nobody who still has the signed request can change what the
//! hub has read and found right. The bytes are read back for that; they do not pass through the hub on their way in.

use std::time::Duration;

use ballast_contract::storage::{Presign, SignedRequest, StorageKey};
use ballast_contract::{Error, ErrorKind};
use ballast_database::{for_both, read};
use ballast_types::{ByteRange, LeaseId, Timestamp, XetHash};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::receive::pour_xorb;
use super::{ReceivedXorb, Result};
use crate::digest::refused;
use crate::direct::unsigned;
use crate::failure::Failure;
use crate::objects::{Object, key_of};
use crate::rows::ObjectRow;
use crate::schema::objects;
use crate::{Blob, Content};

/// An object that a client may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XorbGrant {
    pub object: i64,
    /// Of the xorb, in bytes.
    pub size: u64,
}

impl Content {
    /// Lets a client write a xorb of `size` bytes to the storage. `Unsupported` where it takes nothing from clients
    /// ([`takes_direct`](Self::takes_direct)), `Conflict` where the lease has ended.
    pub async fn grant_xorb(
        &self,
        lease: LeaseId,
        xorb: XetHash,
        size: u64,
        valid: Duration,
    ) -> Result<(XorbGrant, SignedRequest)> {
        let store = self.store(&self.uploads_to)?.clone();
        let presign = store.presign().ok_or_else(|| unsigned(&self.uploads_to))?;
        let name = xorb.to_string();
        let object = Object::new(self, false, |id| format!("xorbs/{}/{name}.{id:016x}", &name[..2]))?;
        self.record_object(lease, &object).await?;
        let begun = self.begin_part(lease, &object, presign, size, valid).await;
        if begun.is_err() {
            self.discard(&object).await;
        }
        Ok((XorbGrant { object: object.id, size }, begun?))
    }

    async fn begin_part(
        &self,
        lease: LeaseId,
        object: &Object,
        presign: &dyn Presign,
        size: u64,
        valid: Duration,
    ) -> Result<SignedRequest> {
        let key = key_of(&object.key)?;
        let upload = presign.create_multipart(&key).await?;
        let row = ObjectRow { upload: Some(upload.clone()), ..object.row(lease, Timestamp::now()) };
        self.name_uploads(vec![row]).await?;
        presign.put_part(&key, &upload, 1, size, valid).await
    }

    /// Takes a xorb that a client has written, as [`receive_xorb`](Self::receive_xorb) does one that it sends. `NotFound`
    /// where nothing has arrived under this grant.
    pub async fn receive_granted(&self, lease: LeaseId, xorb: XetHash, grant: &XorbGrant) -> Result<ReceivedXorb> {
        let absent = || Error::new(ErrorKind::NotFound, "content.receive_granted", "nothing was sent to this address");
        let found: Result<Option<(Object, String)>, Failure> =
            read!(self.database(), find_granted(lease, grant.object));
        let found = found.map_err(|failure| failure.during("content.receive_granted"))?;
        let (object, upload) = found.ok_or_else(absent)?;
        let (store, key) = (self.store(&object.storage)?.clone(), key_of(&object.key)?);
        let presign = store.presign().ok_or_else(absent)?;
        complete(presign, &key, &upload, grant.size).await?;
        let poured = match store.read(&key, ByteRange::whole(grant.size)).await {
            Ok(body) => pour_xorb(self, xorb, body, None).await,
            Err(error) if error.is(ErrorKind::NotFound) => return Err(absent()),
            Err(error) => Err(error),
        };
        let poured = poured.and_then(|poured| match poured.arrived.stored == grant.size {
            true => Ok(poured),
            false => Err(refused("a xorb that goes to the storage itself comes without a footer")),
        });
        if poured.as_ref().is_err_and(|error| error.is(ErrorKind::Invalid)) {
            self.discard(&object).await;
        }
        let poured = poured?;
        let blob = Blob { sha256: poured.sha256, size: grant.size, oid: None };
        let inserted = self.keep_xorb(lease, &object, blob, poured.sums, poured.arrived).await?;
        Ok(ReceivedXorb { inserted, blob })
    }
}

/// Makes an object of what has arrived, if anything has; it may be one already, of a call whose answer was lost.
async fn complete(presign: &dyn Presign, key: &StorageKey, upload: &str, expected: u64) -> Result<()> {
    let parts = match presign.list_parts(key, upload).await {
        Err(error) if error.is(ErrorKind::NotFound) => return Ok(()),
        parts => parts?,
    };
    // None where it was completed before, or where nothing came: the reader will see.
    let Some((part, size)) = parts.as_slice().first() else { return Ok(()) };
    if *size != expected {
        return Err(refused(format!("{size} bytes were sent, and {expected} were to come")));
    }
    presign.complete_multipart(key, upload, std::slice::from_ref(part)).await?;
    Ok(())
}

for_both! {
    /// An object that is written under this lease.
    pub async fn find_granted(c: &mut Connection, lease: LeaseId, id: i64) -> Result<Option<(Object, String)>, Failure> {
        let row = objects::table.find(id).filter(objects::lease.eq(lease.0)).filter(objects::deleting.eq(false));
        let row = row.filter(objects::upload.is_not_null());
        let row = row.select((objects::id, objects::storage, objects::key, objects::upload.assume_not_null()));
        let row: Option<(i64, String, String, String)> = row.first(c).await.optional()?;
        Ok(row.map(|(id, storage, key, upload)| (Object { id, storage, key, packed: false }, upload)))
    }
}
