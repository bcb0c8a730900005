//! Bodies that are handed on as they come.

use ballast_contract::{ByteStream, Error, ErrorKind};
use ballast_services::Failure;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::{pieces, taken};

/// `application/x-ndjson`: one JSON document per line.
pub struct NdJson(Body);

impl NdJson {
    /// The bytes as they come.
    pub fn into_pieces(self) -> impl Stream<Item = Result<Bytes, Failure>> + Send + 'static {
        pieces(self.0)
    }
}

/// What `git push` sends.
pub struct PushBody(Body);

impl PushBody {
    /// The bytes as they come.
    pub fn into_stream(self) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        self.0.into_bytes_stream()
    }
}

/// Any bytes. Clients send them with and without a content type.
pub struct Octets(Body);

impl Octets {
    pub(super) fn of(body: Body) -> Self {
        Self(body)
    }

    /// The bytes as they come; that they end too early is the sender's failure.
    pub fn into_pieces(self) -> impl Stream<Item = Result<Bytes, Failure>> + Send + 'static {
        pieces(self.0)
    }

    /// The bytes as they come.
    pub fn into_stream(self) -> ByteStream {
        let ended = |error| {
            Error::new(ErrorKind::Invalid, "api.receive", "the body ended before it was whole").with_source(error)
        };
        self.0.into_bytes_stream().map(move |piece: Result<_, std::io::Error>| piece.map_err(ended)).boxed()
    }
}

macro_rules! streamed_body {
    ($name:ident, $media:literal) => {
        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

            type ParamType = ();
            type ParamRawType = ();

            fn request_meta() -> Option<MetaRequest> {
                let schema = MetaSchema { format: Some("binary"), ..MetaSchema::new("string") };
                let schema = MetaSchemaRef::Inline(Box::new(schema));
                let content = vec![MetaMediaType { content_type: $media, schema }];
                Some(MetaRequest { description: None, content, required: true })
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _: ExtractParamOptions<Self::ParamType>,
            ) -> poem::Result<Self> {
                Ok(Self(taken(request, body)?))
            }
        }
    };
}

streamed_body!(NdJson, "application/x-ndjson");
streamed_body!(PushBody, "application/octet-stream");
streamed_body!(Octets, "application/octet-stream");
