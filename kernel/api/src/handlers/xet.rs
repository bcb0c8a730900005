use std::time::Duration;

use ballast_services::{Failure, Readable, Writable, XetToken};
use ballast_types::{ByteRange, RepoKind, Revision, Sha256, XetHash};
use ballast_xet::MAX_SHARD;
use ballast_xet::shard::Shard;
use futures::stream::unfold;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Request};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, OpenApi};

use super::Group;
use crate::base_url::BaseUrl;
use crate::call::{OpenCall, OwnCall, XetCall, shared};
use crate::error::{Answer, ApiError};
use crate::extract::{Flag, Octets, limited};
use crate::range::{Selection, select};
use crate::served::{Served, Wanted, common_headers};
use crate::wire::{Kinds, ShardReceived, XetAccess, XetReconstruction, XetReconstruction2, XorbReceived};

/// Under which address Xet is served.
const CAS: &str = "/xet";

/// How often a client that waits for its shard is told that work goes on. It gives up after 20 seconds of silence.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

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

/// What a client needs to go by Xet.
pub fn access(base: &BaseUrl, token: XetToken) -> XetAccess {
    XetAccess { cas_url: base.join(CAS), exp: token.expires.0 / 1000, access_token: token.value }
}

#[OpenApi(tag = "Group::Xet")]
impl Xet {
    /// Get a token to download by Xet
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
        let repository: Readable = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let token = repository.xet_read_token(&Revision::new(revision.0)).await?;
        Ok(Access::to(&call.base, token))
    }

    /// Get a token to upload by Xet
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
        let repository: Writable = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let revision = Revision::new(revision.0);
        let there = create_pr.0.is_none_or(|flag| !flag.0).then_some(&revision);
        let token = repository.xet_write_token(there).await?;
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
        Ok(Json(XetReconstruction::of(&to_fetch, |way| bytes_url(&call.base, way.sha256, &way.ticket))))
    }

    /// Ask what to fetch for a file, with one address for many ranges
    ///
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
        Ok(Json(XetReconstruction2::of(&to_fetch, |way| bytes_url(&call.base, way.sha256, &way.ticket))))
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

    /// Send a shard
    #[oai(path = "/xet/v1/shards", method = "post", operation_id = "put_shard")]
    async fn put_shard(&self, call: XetCall, bytes: Octets) -> Answer<Json<ShardReceived>> {
        let writer = call.hub.xet_writer(call.token.as_deref()).await?;
        let new = writer.register_shard(&shard(bytes).await?).await?;
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
        let work = Box::pin(async move { writer.register_shard(&shard).await });
        let lines = unfold(Some((work, true)), move |state| async move {
            let (mut work, first) = state?;
            let going_on = serde_json::json!({ "type": "validating", "verified": 0, "total": total });
            if first {
                return Some((line(going_on), Some((work, false))));
            }
            match tokio::time::timeout(SIGN_OF_LIFE, &mut work).await {
                Err(_) => Some((line(going_on), Some((work, false)))),
                Ok(Ok(_)) => Some((line(serde_json::json!({ "type": "result" })), None)),
                Ok(Err(failure)) => {
                    let error = ApiError::from(failure);
                    let retryable = error.status == StatusCode::SERVICE_UNAVAILABLE;
                    let told = serde_json::json!({ "type": "error", "message": error.message, "retryable": retryable });
                    Some((line(told), None))
                }
            }
        });
        Ok(ShardProgress(Body::from_bytes_stream(lines)))
    }

    /// Take what clients tell of themselves
    ///
    /// It is not kept.
    #[oai(path = "/v1/telemetry", method = "post", operation_id = "take_telemetry")]
    async fn take_telemetry(&self) {}

    /// The same below the address of Xet
    #[oai(path = "/xet/v1/telemetry", method = "post", operation_id = "take_xet_telemetry")]
    async fn take_xet_telemetry(&self) {}
}

async fn to_fetch(call: &XetCall, request: &Request, file: &str) -> Answer<ballast_services::ToFetch> {
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
    let parsed = tokio::task::spawn_blocking(move || Shard::parse(&bytes)).await;
    let broken = |error: tokio::task::JoinError| {
        let why = format!("a worker broke off: {error}");
        Failure::Broken(ballast_contract::Error::new(ballast_contract::ErrorKind::Internal, "api.shard", why))
    };
    Ok(parsed.map_err(broken)?.map_err(Failure::invalid)?)
}

fn bytes_url(base: &BaseUrl, sha256: Sha256, ticket: &str) -> String {
    base.join(&format!("{CAS}/v1/xorb-bytes/{sha256}?ticket={ticket}"))
}

fn line(value: serde_json::Value) -> std::io::Result<bytes::Bytes> {
    Ok(format!("{value}\n").into())
}

/// How the work on a shard goes, line by line.
pub struct ShardProgress(Body);

impl poem::IntoResponse for ShardProgress {
    fn into_response(self) -> poem::Response {
        poem::Response::builder().content_type("application/x-ndjson").body(self.0)
    }
}

impl ApiResponse for ShardProgress {
    fn meta() -> poem_openapi::registry::MetaResponses {
        let schema = poem_openapi::registry::MetaSchema::new("string");
        let schema = poem_openapi::registry::MetaSchemaRef::Inline(Box::new(schema));
        let content_type = "application/x-ndjson";
        let response = poem_openapi::registry::MetaResponse {
            description: "How it goes",
            status: Some(200),
            status_range: None,
            content: vec![poem_openapi::registry::MetaMediaType { content_type, schema }],
            headers: vec![],
        };
        poem_openapi::registry::MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut poem_openapi::registry::Registry) {}
}

/// What clients that speak Xet read of a file: its name there, and where to get a token for it.
pub fn xet_headers(
    base: &BaseUrl,
    kind: RepoKind,
    id: &ballast_types::RepoId,
    commit: ballast_types::CommitId,
    hash: XetHash,
) -> [(&'static str, HeaderValue); 2] {
    let token = base.join(&format!("/api/{}/{id}/xet-read-token/{commit}", kind.plural()));
    let facts = base.join(&format!("{CAS}/v1/reconstructions/{hash}"));
    let links = format!("<{token}>; rel=\"xet-auth\", <{facts}>; rel=\"xet-reconstruction-info\"");
    let value = |text: String| HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    [("x-xet-hash", value(hash.to_string())), ("link", value(links))]
}
