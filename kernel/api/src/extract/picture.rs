//! A picture in a multipart form, as browsers and scripts send files.

use bytes::Bytes;
use poem::web::Multipart;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::whole;
use crate::error::ApiError;

const FIELD: &str = "file";

/// The bytes of the form's field `file`. What they are called and said to be counts for nothing.
pub struct Picture(pub Bytes);

async fn read(request: &Request, body: &mut RequestBody) -> Result<Picture, ApiError> {
    let unreadable = |error: &dyn std::fmt::Display| ApiError::unreadable(vec!["body".to_owned()], error);
    let whole = whole(request, body).await?;
    let mut form = RequestBody::new(poem::Body::from_bytes(whole.bytes.clone()));
    let form = <Multipart as FromRequest>::from_request(request, &mut form).await;
    let mut form = form.map_err(|error| unreadable(&error))?;
    while let Some(field) = form.next_field().await.map_err(|error| unreadable(&error))? {
        if field.name() == Some(FIELD) {
            return Ok(Picture(field.bytes().await.map_err(|error| unreadable(&error))?.into()));
        }
    }
    Err(unreadable(&"the form has no field `file`"))
}

impl<'a> ApiExtractor<'a> for Picture {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
        let file = MetaSchema { format: Some("binary"), ..MetaSchema::new("string") };
        let properties = vec![(FIELD, inline(file))];
        let form = MetaSchema { required: vec![FIELD], properties, ..MetaSchema::new("object") };
        let content = vec![MetaMediaType { content_type: "multipart/form-data", schema: inline(form) }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(read(request, body).await?)
    }
}
