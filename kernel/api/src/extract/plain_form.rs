//! An urlencoded form, as pages and OAuth's clients send it.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use super::whole;
use crate::error::ApiError;

/// `application/x-www-form-urlencoded`.
pub struct FormBody<T>(pub T);

impl<'a, T: DeserializeOwned + Type> ApiExtractor<'a> for FormBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content =
            vec![MetaMediaType { content_type: "application/x-www-form-urlencoded", schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let whole = whole(request, body).await?;
        let read = serde_html_form::from_bytes(&whole.bytes);
        Ok(Self(read.map_err(|error| ApiError::unreadable(vec!["body".to_owned()], error))?))
    }
}
