//! The bytes behind a ticket. There is no caller here: the ticket is the right.

use ballast_content::{Delivery, UploadId};
use ballast_contract::storage::UploadedPart;
use ballast_contract::{ByteStream, ErrorKind};
use ballast_types::{ByteRange, Sha256};

use crate::{Failure, Hub, Purpose, Result, Ticket};

fn wrong_use() -> Failure {
    Failure::Forbidden("This link is not meant for that: use it as the LFS batch said".to_owned())
}

/// The lease behind a ticket may be over: its repository deleted, or its time.
fn over(error: ballast_contract::Error) -> Failure {
    match error.kind {
        ErrorKind::Conflict => Failure::Forbidden("This upload is over: ask for a new link".to_owned()),
        _ => error.into(),
    }
}

impl Hub {
    /// Reads a ticket for this object.
    pub fn read_ticket(&self, text: &str, sha256: Sha256) -> Result<Ticket> {
        self.0.tickets.read(text, sha256, self.now())
    }

    /// Takes a whole object. Bytes that are not what the ticket says are refused, and nothing of them stays.
    pub async fn receive_object(&self, ticket: &Ticket, body: ByteStream) -> Result<()> {
        let Purpose::Upload { lease } = ticket.purpose else { return Err(wrong_use()) };
        let expect = ballast_content::Expected::Sha256(ticket.sha256);
        let content = self.content_for(ticket.repo).await?;
        content.receive(lease, expect, ticket.size, body).await.map(drop).map_err(over)
    }

    /// Takes one part, counted from 1, and answers its etag. The same part again replaces the first.
    pub async fn receive_part(&self, ticket: &Ticket, number: u32, body: ByteStream) -> Result<String> {
        let Purpose::Multipart { upload, .. } = ticket.purpose else { return Err(wrong_use()) };
        let content = self.content_for(ticket.repo).await?;
        content.receive_part(UploadId(upload), number, body).await.map_err(over)
    }

    /// Joins the parts. Refused where one is missing or the whole is not what the ticket says.
    pub async fn complete_upload(&self, ticket: &Ticket, parts: &[UploadedPart]) -> Result<()> {
        let Purpose::Multipart { upload, .. } = ticket.purpose else { return Err(wrong_use()) };
        let content = self.content_for(ticket.repo).await?;
        content.complete_multipart(UploadId(upload), parts).await.map(drop).map_err(over)
    }

    /// The bytes of an object, for as long as its repository holds it.
    pub async fn open_object(&self, ticket: &Ticket, range: ByteRange) -> Result<Delivery> {
        if ticket.purpose != Purpose::Download {
            return Err(wrong_use());
        }
        let held = self.content().find_held(ticket.repo, &[ticket.sha256]).await?;
        if held.iter().flatten().next().is_none() {
            return Err(Failure::ObjectNotFound { sha256: ticket.sha256 });
        }
        Ok(self.content().open(ticket.sha256, range).await?)
    }
}
