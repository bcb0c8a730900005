//! What `git fetch` asks, which git sends as gzip where it is long.

use std::io::Read;

use ballast_services::Failure;
use poem::http::header;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use tokio::sync::SemaphorePermit;

use super::{MAX_BODY, Whole, room, too_large, whole_of};
use crate::error::ApiError;

/// What is inflated without asking for room, in bytes: ten thousand ids.
const SMALL: usize = 512 * 1024;

/// A whole request of a fetch, inflated.
pub struct FetchBody {
    pub bytes: Vec<u8>,
    _room: Option<SemaphorePermit<'static>>,
}

impl FetchBody {
    async fn read(request: &Request, body: Body) -> Result<Self, ApiError> {
        let Whole { bytes, _room } = whole_of(request, body).await?;
        match request.headers().get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
            None | Some(b"identity") => Ok(Self { bytes: bytes.into(), _room }),
            Some(b"gzip" | b"x-gzip") => match inflate(&bytes, SMALL)? {
                Some(text) => Ok(Self { bytes: text, _room: None }),
                None => {
                    let room = room(MAX_BODY).await?;
                    let text = inflate(&bytes, MAX_BODY)?.ok_or_else(too_large)?;
                    Ok(Self { bytes: text, _room: Some(room) })
                }
            },
            Some(_) => Err(Failure::Invalid("Content-Encoding: only gzip is known here".to_owned()).into()),
        }
    }
}

/// None where there is more than this: a few bytes could stand for very many.
fn inflate(bytes: &[u8], most: usize) -> Result<Option<Vec<u8>>, Failure> {
    let mut text = Vec::new();
    let read = flate2::read::GzDecoder::new(bytes).take(most as u64 + 1).read_to_end(&mut text);
    read.map_err(|error| Failure::Invalid(format!("The body is no gzip: {error}")))?;
    Ok((text.len() <= most).then_some(text))
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
        Ok(Self::read(request, body).await?)
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
        assert_eq!(inflate(&packed(1000), 1000).unwrap(), Some(vec![b'x'; 1000]));
        assert_eq!(inflate(&packed(1001), 1000).unwrap(), None);
        assert_eq!(inflate(&packed(MAX_BODY + 1), MAX_BODY).unwrap(), None);
        assert!(matches!(inflate(b"no gzip", 1000), Err(Failure::Invalid(_))));
    }
}
