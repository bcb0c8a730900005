//! Tickets: the right to one object of one repository, for a time, as a text that fits into a URL.
//!
//! A ticket is signed with a secret that all nodes share, so any node can take the bytes. It carries no credential,
//! because LFS clients send none with the bytes (git-lfs batch API, `authenticated`).

use std::time::Duration;

use ballast_types::{LeaseId, RepoKey, Sha256, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Failure, Result};

/// What is signed.
const SEAL: &str = "ticket 1";

/// What a ticket lets its bearer do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Purpose {
    /// Send the object's bytes at once.
    Upload { lease: LeaseId },
    /// Send them in parts and say when they are all there.
    Multipart { lease: LeaseId, upload: i64, part_size: u64 },
    /// Read the object.
    Download,
    /// Read these bytes of a xorb, which holds chunks of other files too.
    Xorb { start: u64, end: u64 },
}

/// The right to one object of one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    #[serde(rename = "p")]
    pub purpose: Purpose,
    #[serde(rename = "r")]
    pub repo: RepoKey,
    #[serde(rename = "o")]
    pub sha256: Sha256,
    /// Of the object, in bytes.
    #[serde(rename = "s")]
    pub size: u64,
    #[serde(rename = "e")]
    pub expires: Timestamp,
}

/// Signs tickets and reads them back.
#[derive(Clone)]
pub struct TicketOffice {
    secret: [u8; 32],
}

impl TicketOffice {
    /// An office with the deployment's own secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    fn signature(&self, what: &str, body: &str) -> Hmac<sha2::Sha256> {
        // A key of any length is taken, so this cannot fail; the fallback keeps a panic out of the request path.
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.secret).unwrap_or_else(|_| Hmac::new(&[0; 64].into()));
        mac.update(format!("ballast {what}\n{body}").as_bytes());
        mac
    }

    /// What stands for a text where it must not be read: another one of each kind.
    pub fn digest(&self, what: &str, text: &str) -> [u8; 32] {
        self.signature(what, text).finalize().into_bytes().into()
    }

    /// A statement of some kind as text that nobody else can make.
    pub fn seal(&self, what: &str, statement: &impl Serialize) -> String {
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(statement).unwrap_or_default());
        let signature = URL_SAFE_NO_PAD.encode(self.signature(what, &body).finalize().into_bytes());
        format!("{body}.{signature}")
    }

    /// Reads a statement of this kind; none where this deployment did not make it.
    pub fn unseal<T: DeserializeOwned>(&self, what: &str, text: &str) -> Option<T> {
        let (body, signature) = text.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.signature(what, body).verify_slice(&signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }

    /// The ticket as text.
    pub fn issue(&self, ticket: &Ticket) -> String {
        self.seal(SEAL, ticket)
    }

    /// Reads a ticket for this object. A forged or foreign one is refused, as is one whose time is over.
    pub fn read(&self, text: &str, sha256: Sha256, now: Timestamp) -> Result<Ticket> {
        let refused = || Failure::Forbidden("This upload or download link is not valid for this object".to_owned());
        let ticket: Ticket = self.unseal(SEAL, text).ok_or_else(refused)?;
        if ticket.sha256 != sha256 {
            return Err(refused());
        }
        if ticket.expires <= now {
            return Err(Failure::Forbidden("This upload or download link has expired: ask for a new one".to_owned()));
        }
        Ok(ticket)
    }
}

/// How long before its lease a ticket ends, so that what is sent at the last moment can still be committed.
pub(crate) const COMMIT_TIME: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        let purpose = Purpose::Upload { lease: LeaseId(7) };
        Ticket { purpose, repo: RepoKey(1), sha256: Sha256([2; 32]), size: 3, expires: Timestamp(1000) }
    }

    #[test]
    fn a_ticket_is_read_back_by_every_node_that_shares_the_secret() {
        let text = TicketOffice::new([1; 32]).issue(&ticket());
        let read = TicketOffice::new([1; 32]).read(&text, Sha256([2; 32]), Timestamp(999));
        assert_eq!(read.unwrap(), ticket());
    }

    #[test]
    fn a_ticket_that_is_forged_expired_or_for_another_object_is_refused() {
        let office = TicketOffice::new([1; 32]);
        let text = office.issue(&ticket());
        let (body, signature) = text.split_once('.').unwrap();
        let other = office.issue(&Ticket { size: 4, ..ticket() });
        let mixed = format!("{}.{signature}", other.split_once('.').unwrap().0);
        for bad in ["", "x", ".", body, &format!("{body}."), &mixed, &TicketOffice::new([9; 32]).issue(&ticket())] {
            assert!(office.read(bad, Sha256([2; 32]), Timestamp(1)).is_err(), "{bad}");
        }
        assert!(office.read(&text, Sha256([3; 32]), Timestamp(1)).is_err());
        assert!(office.read(&text, Sha256([2; 32]), Timestamp(1000)).is_err());
    }
}
