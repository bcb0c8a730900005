//! Xorbs that clients write to the storage themselves.

use std::time::Duration;

use ballast_content::XorbGrant;
use ballast_contract::ErrorKind;
use ballast_contract::storage::SignedRequest;
use ballast_types::{ReservationId, XetHash};
use ballast_xet::MAX_XORB;
use serde::{Deserialize, Serialize};

use super::XetWriter;
use super::receive::{over, room, under};
use crate::{Failure, Result};

/// How long a client has for a xorb.
const VALID: Duration = Duration::from_secs(3600);

/// What is signed.
const SEAL: &str = "xorb grant 1";

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    #[serde(rename = "x")]
    xorb: XetHash,
    #[serde(rename = "o")]
    object: i64,
    #[serde(rename = "s")]
    size: u64,
    #[serde(rename = "p")]
    promise: ReservationId,
}

/// Where a client may write a xorb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XorbUpload {
    /// By which the hub is told that it is there.
    pub id: String,
    pub request: SignedRequest,
}

impl XetWriter {
    /// Lets the client write a xorb of so many bytes to the storage; none where it goes through the hub. There must be room
    /// for it.
    pub async fn grant_xorb(&self, xorb: XetHash, length: u64) -> Result<Option<XorbUpload>> {
        if length == 0 {
            return Err(Failure::Invalid("A xorb without bytes needs no address".to_owned()));
        }
        if length > MAX_XORB as u64 {
            return Err(Failure::TooLarge(format!("A xorb has at most {MAX_XORB} bytes, not {length}")));
        }
        let hub = &self.repository.hub;
        let content = hub.content_for(self.repository.key()).await?;
        if !content.takes_direct(length, false) {
            return Ok(None);
        }
        // Whoever asks again has given up what was granted before.
        let before = hub.content().take_promises(self.lease, &[under(xorb)]).await.map_err(over)?;
        hub.quota().release(&before).await?;
        let room = room(length)?;
        self.reserve(&[(under(xorb), room)]).await?;
        match content.grant_xorb(self.lease, xorb, length, VALID).await {
            Ok((grant, request)) => {
                let claims = Claims { xorb, object: grant.object, size: grant.size, promise: room.id };
                Ok(Some(XorbUpload { id: hub.0.tickets.seal(SEAL, &claims), request }))
            }
            Err(error) => {
                self.take_back(vec![room.id]).await?;
                Err(over(error))
            }
        }
    }

    /// Takes a xorb that the client has written. Answers whether it was new; where it was not, or was not the xorb, no room
    /// is promised for it any more.
    pub async fn receive_granted(&self, xorb: XetHash, id: &str) -> Result<bool> {
        let hub = &self.repository.hub;
        let claims: Option<Claims> = hub.0.tickets.unseal(SEAL, id).filter(|claims: &Claims| claims.xorb == xorb);
        let unknown = || Failure::NotFound(format!("Nothing was granted under this id for xorb {xorb}"));
        let Claims { object, size, promise, .. } = claims.ok_or_else(unknown)?;
        let grant = XorbGrant { object, size };
        let received = hub.content().receive_granted(self.lease, xorb, &grant).await;
        let is_over = match &received {
            Ok(received) => !received.inserted,
            Err(error) => error.is(ErrorKind::Invalid),
        };
        if is_over {
            self.take_back(vec![promise]).await?;
        }
        Ok(received.map_err(over)?.inserted)
    }
}
