//! JSON bodies, read under a limit, with errors that name the place.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use super::whole;
use crate::error::ApiError;
use crate::lfs_answer::LfsError;

/// `application/json`. The header itself is not insisted on: many small clients leave it out.
pub struct JsonBody<T>(pub T);

/// The same, or no body at all, which stands for an object without fields.
pub struct OptionalJson<T>(pub T);

/// `application/vnd.git-lfs+json`.
pub struct LfsBody<T>(pub T);

/// Reads a JSON object; what is wrong is told with the way to it.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // serde would take a list for the fields in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(ApiError::unreadable(vec!["body".to_owned()], "a list, where an object is expected"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let way = path.split('.').filter(|step| !matches!(*step, "" | "?")).map(str::to_owned);
        ApiError::unreadable(["body".to_owned()].into_iter().chain(way).collect(), error.inner())
    })?;
    reader.end().map_err(|error| ApiError::unreadable(vec!["body".to_owned()], error))?;
    Ok(value)
}

macro_rules! json_body {
    ($name:ident, $media:literal, $refusal:ty, required = $required:literal) => {
        impl<'a, T: DeserializeOwned + Type> ApiExtractor<'a> for $name<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                let schema: MetaSchemaRef = T::schema_ref();
                let content = vec![MetaMediaType { content_type: $media, schema }];
                Some(MetaRequest { description: None, content, required: $required })
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _: ExtractParamOptions<Self::ParamType>,
            ) -> poem::Result<Self> {
                let whole = whole(request, body).await.map_err(<$refusal>::from)?;
                let bytes = if whole.bytes.is_empty() && !$required { &b"{}"[..] } else { &whole.bytes[..] };
                Ok(Self(parse(bytes).map_err(<$refusal>::from)?))
            }
        }
    };
}

json_body!(JsonBody, "application/json", ApiError, required = true);
json_body!(OptionalJson, "application/json", ApiError, required = false);
json_body!(LfsBody, "application/vnd.git-lfs+json", LfsError, required = true);

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        files: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[allow(dead_code)]
        size: u64,
    }

    #[test]
    fn what_is_wrong_is_told_with_the_way_to_it() {
        let message = |text: &str| parse::<Outer>(text.as_bytes()).unwrap_err().message;
        assert!(message(r#"{"files":[{"size":1},{"size":"x"}]}"#).starts_with("body.files[1].size: invalid type"));
        assert!(message(r#"{"files":[],"more":1}"#).contains("unknown field `more`"));
        assert!(message("{").starts_with("body: EOF"));
        assert_eq!(message("x"), "body: expected value at line 1 column 1");
        assert!(message(r#"{"files":[]} x"#).contains("trailing"));
        assert!(message(" [[]]").starts_with("body: a list"));
        assert!(parse::<Outer>(br#"{"files":[{"size":1}]}"#).is_ok());
    }
}
