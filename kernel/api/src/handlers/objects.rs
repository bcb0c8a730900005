use ballast_contract::storage::UploadedPart;
use ballast_services::{Failure, Hub, Ticket};
use ballast_types::Sha256;
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::Group;
use crate::call::shared;
use crate::error::{Answer, ApiError};
use crate::extract::{LfsBody, Octets};
use crate::lfs_answer::{LfsAnswer, LfsJson};
use crate::received::Received;
use crate::served::{Served, Wanted, common_headers};
use crate::wire::{CompletedPart, CompletedUpload, LfsMessage};

/// The bytes of large files. There is no caller here: the ticket in the URL is the right, because clients send these
/// requests without a credential.
pub struct Objects;

#[OpenApi(tag = "Group::Lfs")]
impl Objects {
    /// Send a large file
    ///
    /// Bytes that do not have the digest in the address are refused.
    #[oai(path = "/api/lfs/objects/:oid", method = "put", operation_id = "put_object")]
    async fn put_object(
        &self,
        request: &Request,
        /// The SHA-256 of the bytes.
        oid: Path<String>,
        /// From the LFS batch.
        ticket: Query<String>,
        bytes: Octets,
    ) -> Answer<Received> {
        let (hub, ticket) = admitted(request, &oid, &ticket)?;
        hub.receive_object(&ticket, bytes.into_stream()).await?;
        Ok(Received { etag: ticket.sha256.to_string() })
    }

    /// Send one part of a large file
    ///
    /// To the address that the LFS batch gave for it. The `ETag` of the answer goes into the list that ends the upload;
    /// a part may be sent again.
    #[oai(path = "/api/lfs/objects/:oid/parts/:number", method = "put", operation_id = "put_part")]
    async fn put_part(
        &self,
        request: &Request,
        /// The SHA-256 of the whole.
        oid: Path<String>,
        /// Counted from 1.
        number: Path<u32>,
        /// From the LFS batch.
        ticket: Query<String>,
        bytes: Octets,
    ) -> Answer<Received> {
        let (hub, ticket) = admitted(request, &oid, &ticket)?;
        let etag = hub.receive_part(&ticket, number.0, bytes.into_stream()).await?;
        Ok(Received { etag })
    }

    /// Say that all parts are there
    ///
    /// The list has each part with the `ETag` that it was answered with. The whole is put together and hashed before
    /// the answer, and is refused where it does not have the digest in the address.
    #[oai(path = "/api/lfs/objects/:oid/complete", method = "post", operation_id = "complete_object")]
    async fn complete_object(
        &self,
        request: &Request,
        /// The SHA-256 of the whole.
        oid: Path<String>,
        /// From the LFS batch.
        ticket: Query<String>,
        completed: LfsBody<CompletedUpload>,
    ) -> LfsAnswer<LfsMessage> {
        let (hub, ticket) = admitted(request, &oid, &ticket)?;
        if completed.0.oid.is_some_and(|oid| oid != ticket.sha256.to_string()) {
            return Err(Failure::Invalid("oid: it is another object than the address says".to_owned()).into());
        }
        let part = |part: CompletedPart| UploadedPart {
            number: part.part_number,
            etag: part.etag.trim_matches('"').to_owned(),
        };
        let parts: Vec<UploadedPart> = completed.0.parts.into_iter().map(part).collect();
        hub.complete_upload(&ticket, &parts).await?;
        Ok(LfsJson(LfsMessage { message: format!("The object {} is here", ticket.sha256) }))
    }

    /// Get a large file by its digest
    ///
    /// `Range` (one range), `If-Range` and `If-None-Match` are honoured.
    #[oai(path = "/api/lfs/objects/:oid", method = "get", operation_id = "get_object")]
    async fn get_object(
        &self,
        request: &Request,
        /// The SHA-256 of the bytes.
        oid: Path<String>,
        /// From the LFS batch.
        ticket: Query<String>,
    ) -> Answer<Served> {
        object(request, &oid, &ticket, false).await
    }

    /// Look at a large file by its digest
    ///
    /// Its length and its `ETag`, without its bytes.
    #[oai(path = "/api/lfs/objects/:oid", method = "head", operation_id = "head_object")]
    async fn head_object(
        &self,
        request: &Request,
        /// The SHA-256 of the bytes.
        oid: Path<String>,
        /// From the LFS batch.
        ticket: Query<String>,
    ) -> Answer<Served> {
        object(request, &oid, &ticket, true).await
    }
}

fn admitted(request: &Request, oid: &str, ticket: &str) -> Result<(Hub, Ticket), ApiError> {
    let hub = shared(request)?.hub.clone();
    let sha256: Sha256 = oid.parse().map_err(Failure::invalid)?;
    let ticket = hub.read_ticket(ticket, sha256)?;
    Ok((hub, ticket))
}

async fn object(request: &Request, oid: &str, ticket: &str, head: bool) -> Answer<Served> {
    let (hub, ticket) = admitted(request, oid, ticket)?;
    let etag = ticket.sha256.to_string();
    let plan = Wanted::of(request).plan(&etag, ticket.size);
    let open = async |range| hub.open_object(&ticket, range).await;
    Served::planned(plan, ticket.size, common_headers(&etag), head, open).await
}
