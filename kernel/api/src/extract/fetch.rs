//! What `git fetch` asks, which git sends as gzip where it is long.

use std::io::Read;

use ballast_services::Failure;
use futures::StreamExt;
use poem::http::header;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::pieces;
use crate::error::ApiError;

/// The longest request, in bytes, deflated or not: some 300,000 ids.
const MOST: usize = 16 << 20;

/// A whole request of a fetch, inflated.
pub struct FetchBody(pub Vec<u8>);

impl FetchBody {
    async fn read(request: &Request, body: Body) -> Result<Vec<u8>, ApiError> {
        let (mut bytes, mut pieces) = (Vec::new(), Box::pin(pieces(body)));
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
            if bytes.len() > MOST {
                return Err(too_long().into());
            }
        }
        match request.headers().get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
            None | Some(b"identity") => Ok(bytes),
            Some(b"gzip" | b"x-gzip") => inflate(&bytes).map_err(ApiError::from),
            Some(_) => Err(Failure::Invalid("Content-Encoding: only gzip is known here".to_owned()).into()),
        }
    }
}

/// A few bytes could stand for very many: those beyond the most are not made.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let read = flate2::read::GzDecoder::new(bytes).take(MOST as u64 + 1).read_to_end(&mut text);
    read.map_err(|error| Failure::Invalid(format!("The body is no gzip: {error}")))?;
    if text.len() > MOST { Err(too_long()) } else { Ok(text) }
}

fn too_long() -> Failure {
    Failure::TooLarge(format!("The request of a fetch has more than {MOST} bytes"))
}

impl<'a> ApiExtractor<'a> for FetchBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchema { format: Some("binary"), ..MetaSchema::new("string") };
        let schema = MetaSchemaRef::Inline(Box::new(schema));
        let content = vec![MetaMediaType { content_type: "application/octet-stream", schema }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let body = body.take().unwrap_or_else(|_| Body::empty());
        Ok(Self(Self::read(request, body).await?))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: usize) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![b'x'; bytes]).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_is_inflated_and_one_that_stands_for_too_much_is_refused() {
        assert_eq!(inflate(&packed(1000)).unwrap(), vec![b'x'; 1000]);
        assert!(matches!(inflate(&packed(MOST + 1)), Err(Failure::TooLarge(_))));
        assert!(matches!(inflate(b"no gzip"), Err(Failure::Invalid(_))));
    }
}
