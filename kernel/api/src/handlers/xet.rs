use std::sync::atomic::AtomicUsize;

use ballast_contract::{Error, ErrorKind};
use ballast_services::{Downloadable, Failure, ToFetch, WayToBytes, XetToken};
use ballast_types::{ByteRange, CommitId, RepoId, RepoKind, Revision, Sha256, XetHash};
use ballast_xet::MAX_SHARD;
use ballast_xet::shard::Shard;
use poem::Request;
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, OpenApi};
use tokio::task::{JoinError, spawn_blocking};

use super::{Group, destination};
use crate::base_url::BaseUrl;
use crate::call::{OpenCall, OwnCall, XetCall, shared};
use crate::error::{Answer, ApiError};
use crate::extract::{Flag, Octets, limited};
use crate::range::{Selection, select};
use crate::served::{Served, Wanted, common_headers};
use crate::shard_progress::ShardProgress;
use crate::wire::{
    Kinds, ShardReceived, XetAccess, XetReconstruction, XetReconstruction2, XorbGrant, XorbGrantRequest, XorbReceived,
};

/// Under which address Xet is served.
const CAS: &str = "/xet";

pub struct Xet;

/// The answer with a token: as JSON for hf_xet, as headers for huggingface_hub.
#[derive(ApiResponse)]
enum Access {
    #[oai(status = 200)]
    Granted(
        Json<XetAccess>,
        #[oai(header = "X-Xet-Cas-Url")] String,
        #[oai(header = "X-Xet-Access-Token")] String,
        /// Seconds since 1970.
        #[oai(header = "X-Xet-Token-Expiration")]
        String,
    ),
}

impl Access {
    fn to(base: &BaseUrl, token: XetToken) -> Self {
        let access = access(base, token);
        let (cas_url, token) = (access.cas_url.clone(), access.access_token.clone());
        let exp = access.exp.to_string();
        Self::Granted(Json(access), cas_url, token, exp)
    }
}

/// The answer with an address to write to.
#[derive(ApiResponse)]
enum Granted {
    #[oai(status = 201)]
    Created(Json<XorbGrant>),
}

/// What a client needs to go by Xet.
pub fn access(base: &BaseUrl, token: XetToken) -> XetAccess {
    XetAccess { cas_url: base.join(CAS), exp: token.expires.0 / 1000, access_token: token.value }
}

#[OpenApi(tag = "Group::Xet")]
impl Xet {
    /// Get a token to download by Xet
    ///
    /// For an hour, for the files of this repository, as JSON and as headers. It counts as a download.
    #[oai(
        path = "/api/:kinds/:namespace/:name/xet-read-token/:revision",
        method = "get",
        operation_id = "get_xet_read_token"
    )]
    async fn get_xet_read_token(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        revision: Path<String>,
    ) -> Answer<Access> {
        let repository: Downloadable = call.hub.downloadable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let token = repository.xet_read_token(&Revision::new(revision.0)).await?;
        repository.downloaded(&call.origin(), 0);
        Ok(Access::to(&call.base, token))
    }

    /// Get a token to upload by Xet
    ///
    /// For an hour, for files that are to be committed to this revision, as JSON and as headers. What it brought and no
    /// commit names goes with it.
    #[oai(
        path = "/api/:kinds/:namespace/:name/xet-write-token/:revision",
        method = "get",
        operation_id = "get_xet_write_token"
    )]
    async fn get_xet_write_token(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        revision: Path<String>,
        /// The files are for a pull request that is still to be opened: the revision does not matter.
        create_pr: Query<Option<Flag>>,
    ) -> Answer<Access> {
        let to = destination(create_pr.0, &Revision::new(revision.0));
        let repository = call.hub.uploading(&call.caller, kinds.0.into(), &namespace, &name, &to).await?;
        let token = repository.xet_write_token(to).await?;
        Ok(Access::to(&call.base, token))
    }

    /// Ask what to fetch for a file
    ///
    /// `Range` asks for a part of it. 416 where the part begins behind the end.
    #[oai(
        path = "/xet/v1/reconstructions/:file",
        method = "get",
        operation_id = "get_xet_reconstruction",
        request_header(name = "Range", ty = "Option<String>", description = "One range of bytes of the file")
    )]
    async fn get_xet_reconstruction(
        &self,
        call: XetCall,
        request: &Request,
        /// The file's Xet hash.
        file: Path<String>,
    ) -> Answer<Json<XetReconstruction>> {
        let to_fetch = to_fetch(&call, request, &file).await?;
        Ok(Json(XetReconstruction::of(&to_fetch, |way| bytes_url(&call.base, way))))
    }

    /// Ask what to fetch for a file, by version 2 of the protocol
    ///
    /// Each address is good for one range of a xorb, and stands beside the chunks in it.
    /// `Range` asks for a part of it. 416 where the part begins behind the end.
    #[oai(
        path = "/xet/v2/reconstructions/:file",
        method = "get",
        operation_id = "get_xet_reconstruction_v2",
        request_header(name = "Range", ty = "Option<String>", description = "One range of bytes of the file")
    )]
    async fn get_xet_reconstruction_v2(
        &self,
        call: XetCall,
        request: &Request,
        /// The file's Xet hash.
        file: Path<String>,
    ) -> Answer<Json<XetReconstruction2>> {
        let to_fetch = to_fetch(&call, request, &file).await?;
        Ok(Json(XetReconstruction2::of(&to_fetch, |way| bytes_url(&call.base, way))))
    }

    /// Get bytes of a xorb
    ///
    /// At an address that a reconstruction gave, which is the right to these bytes alone; 403 where it is over.
    #[oai(
        path = "/xet/v1/xorb-bytes/:oid",
        method = "get",
        operation_id = "get_xorb_bytes",
        request_header(name = "Range", ty = "Option<String>", description = "The bytes, as the reconstruction said")
    )]
    async fn get_xorb_bytes(
        &self,
        request: &Request,
        /// The SHA-256 of the xorb as it is stored.
        oid: Path<String>,
        ticket: Query<String>,
    ) -> Answer<Served> {
        let hub = &shared(request)?.hub;
        let sha256: Sha256 = oid.parse().map_err(Failure::invalid)?;
        let ticket = hub.read_ticket(&ticket, sha256)?;
        let etag = sha256.to_string();
        let plan = Wanted::of(request).plan(&etag, ticket.size);
        let open = async |range| hub.open_xorb(&ticket, range).await;
        Served::planned(plan, ticket.size, common_headers(&etag), false, open).await
    }

    /// Ask for files with a chunk
    ///
    /// A shard that names their xorbs, or 404.
    #[oai(path = "/xet/v1/chunks/:prefix/:chunk", method = "get", operation_id = "find_xet_chunk")]
    async fn find_xet_chunk(
        &self,
        call: XetCall,
        #[allow(unused)] prefix: Path<String>,
        /// The chunk's hash.
        chunk: Path<String>,
    ) -> Answer<Binary<Vec<u8>>> {
        let chunk: XetHash = chunk.parse().map_err(Failure::invalid)?;
        let reader = call.hub.xet_reader(call.token.as_deref()).await?;
        let absent = || Failure::NotFound(format!("There is no file with chunk {chunk} that you may be told of"));
        Ok(Binary(reader.find_chunk(chunk).await?.ok_or_else(absent)?))
    }

    /// Send a xorb
    ///
    /// Chunks one after the other, each hashed as it arrives. `was_inserted` is false where the hub has it already.
    #[oai(path = "/xet/v1/xorbs/:prefix/:xorb", method = "post", operation_id = "put_xorb")]
    async fn put_xorb(
        &self,
        call: XetCall,
        request: &Request,
        #[allow(unused)] prefix: Path<String>,
        /// The xorb's hash.
        xorb: Path<String>,
        bytes: Octets,
    ) -> Answer<Json<XorbReceived>> {
        let xorb: XetHash = xorb.parse().map_err(Failure::invalid)?;
        let writer = call.hub.xet_writer(call.token.as_deref()).await?;
        let length =
            request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let was_inserted = writer.receive_xorb(xorb, length, bytes.into_stream()).await?;
        Ok(Json(XorbReceived { was_inserted }))
    }

    /// Ask where to write a xorb
    ///
    /// 404 where the storage takes none from clients: then it is sent to the hub.
    #[oai(path = "/xet/v1/xorb-grants/:prefix/:xorb", method = "post", operation_id = "grant_xorb")]
    async fn grant_xorb(
        &self,
        call: XetCall,
        #[allow(unused)] prefix: Path<String>,
        /// The xorb's hash.
        xorb: Path<String>,
        asked: Json<XorbGrantRequest>,
    ) -> Answer<Granted> {
        let xorb: XetHash = xorb.parse().map_err(Failure::invalid)?;
        let writer = call.hub.xet_writer(call.token.as_deref()).await?;
        let granted = writer.grant_xorb(xorb, asked.length).await?;
        let elsewhere = || Failure::NotFound("Xorbs are sent to the hub here: POST /xet/v1/xorbs".to_owned());
        Ok(Granted::Created(Json(granted.ok_or_else(elsewhere)?.into())))
    }

    /// Say that a xorb was written
    ///
    /// 404 where nothing has arrived under this id.
    #[oai(path = "/xet/v1/xorb-commits/:prefix/:xorb/grant/:id", method = "post", operation_id = "commit_xorb")]
    async fn commit_xorb(
        &self,
        call: XetCall,
        #[allow(unused)] prefix: Path<String>,
        /// The xorb's hash.
        xorb: Path<String>,
        /// As the grant said.
        id: Path<String>,
    ) -> Answer<Json<XorbReceived>> {
        let xorb: XetHash = xorb.parse().map_err(Failure::invalid)?;
        let writer = call.hub.xet_writer(call.token.as_deref()).await?;
        Ok(Json(XorbReceived { was_inserted: writer.receive_granted(xorb, &id).await? }))
    }

    /// Send a shard
    ///
    /// What files are made of, by terms over xorbs that are here. Each file is rebuilt and hashed before the answer.
    #[oai(path = "/xet/v1/shards", method = "post", operation_id = "put_shard")]
    async fn put_shard(&self, call: XetCall, bytes: Octets) -> Answer<Json<ShardReceived>> {
        let writer = call.hub.xet_writer(call.token.as_deref()).await?;
        let new = writer.register_shard(&shard(bytes).await?, &AtomicUsize::new(0)).await?;
        Ok(Json(ShardReceived { result: new.into() }))
    }

    /// Send a shard, and hear how it goes
    ///
    /// One JSON document per line: `validating` with `verified` and `total`, as often as it takes, and at the end
    /// `result`, or `error` with `message` and `retryable`.
    #[oai(path = "/xet/v2/shards", method = "post", operation_id = "put_shard_v2")]
    async fn put_shard_v2(&self, call: XetCall, bytes: Octets) -> Answer<ShardProgress> {
        let writer = call.hub.xet_writer(call.token.as_deref()).await?;
        let shard = shard(bytes).await?;
        let total = shard.files.len();
        Ok(ShardProgress::of(total, |verified| async move { writer.register_shard(&shard, &verified).await }))
    }

    /// Take what clients tell of themselves
    ///
    /// It is not kept.
    #[oai(path = "/v1/telemetry", method = "post", operation_id = "take_telemetry")]
    async fn take_telemetry(&self) {}

    /// The same below the address of Xet
    ///
    /// It is not kept either.
    #[oai(path = "/xet/v1/telemetry", method = "post", operation_id = "take_xet_telemetry")]
    async fn take_xet_telemetry(&self) {}
}

async fn to_fetch(call: &XetCall, request: &Request, file: &str) -> Answer<ToFetch> {
    let file: XetHash = file.parse().map_err(Failure::invalid)?;
    let asked = request.headers().get(header::RANGE).map(|range| String::from_utf8_lossy(range.as_bytes()));
    let behind = || {
        let why = "The range begins behind the end of the file";
        ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "RangeNotSatisfiable", why)
    };
    let range: Option<ByteRange> = match select(asked.as_deref(), u64::MAX) {
        Selection::Whole => None,
        Selection::Part(range) => Some(range),
        Selection::Unsatisfiable => return Err(behind()),
    };
    let reader = call.hub.xet_reader(call.token.as_deref()).await?;
    reader.reconstruct(file, range).await?.ok_or_else(behind)
}

/// Reads a shard, which is short enough to be in memory.
async fn shard(bytes: Octets) -> Answer<Shard> {
    let bytes = limited(bytes, MAX_SHARD).await?;
    let parsed = spawn_blocking(move || Shard::parse(&bytes)).await;
    let broken = |error: JoinError| {
        let why = format!("a worker broke off: {error}");
        Failure::Broken(Error::new(ErrorKind::Internal, "api.shard", why))
    };
    Ok(parsed.map_err(broken)?.map_err(Failure::invalid)?)
}

fn bytes_url(base: &BaseUrl, way: &WayToBytes) -> String {
    match way {
        WayToBytes::Hub { sha256, ticket } => base.join(&format!("{CAS}/v1/xorb-bytes/{sha256}?ticket={ticket}")),
        WayToBytes::Storage(url) => url.clone(),
    }
}

/// A file's name in Xet.
pub const XET_HASH: &str = "x-xet-hash";

/// What clients that speak Xet read of a file: its name there, and where to get a token for it.
pub fn xet_headers(
    base: &BaseUrl,
    kind: RepoKind,
    id: &RepoId,
    commit: CommitId,
    hash: XetHash,
) -> [(&'static str, HeaderValue); 2] {
    let token = base.join(&format!("/api/{}/{id}/xet-read-token/{commit}", kind.plural()));
    let facts = base.join(&format!("{CAS}/v1/reconstructions/{hash}"));
    let links = format!("<{token}>; rel=\"xet-auth\", <{facts}>; rel=\"xet-reconstruction-info\"");
    let value = |text: String| HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    [(XET_HASH, value(hash.to_string())), ("link", value(links))]
}
