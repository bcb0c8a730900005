//! The body of paths-info: Python sends a form, huggingface.js JSON, browsers and some scripts a multipart form.

use poem::http::StatusCode;
use poem::web::Multipart;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde::{Deserialize, Deserializer};

use super::{Flag, json, whole};
use crate::error::ApiError;

/// Which paths are asked for.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, Object)]
#[serde(default)]
#[oai(rename = "PathsInfoRequest")]
pub struct PathsBody {
    /// At most 1000. Those where nothing stands are left out of the answer.
    pub paths: Vec<String>,
    /// With last commits and folder sizes.
    #[serde(deserialize_with = "flag")]
    #[oai(default)]
    pub expand: bool,
}

/// A JSON boolean, or a word for one as forms have it.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Word {
        Bool(bool),
        Text(String),
    }
    match Word::deserialize(deserializer)? {
        Word::Bool(value) => Ok(value),
        Word::Text(text) => Flag::parse(&text).map_err(serde::de::Error::custom),
    }
}

impl PathsBody {
    fn from_pairs(pairs: impl Iterator<Item = (String, String)>) -> Result<Self, ApiError> {
        let mut body = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "paths" | "paths[]" => body.paths.push(value),
                "expand" => {
                    let unreadable = |why| ApiError::unreadable(vec!["body".to_owned(), name.clone()], why);
                    body.expand = Flag::parse(&value).map_err(unreadable)?;
                }
                _ => {}
            }
        }
        Ok(body)
    }

    fn from_form(bytes: &[u8]) -> Result<Self, ApiError> {
        let pairs: Vec<(String, String)> =
            serde_html_form::from_bytes(bytes).map_err(|error| ApiError::unreadable(vec!["body".to_owned()], error))?;
        Self::from_pairs(pairs.into_iter())
    }

    async fn from_multipart(request: &Request, bytes: bytes::Bytes) -> Result<Self, ApiError> {
        let unreadable = |error: &dyn std::fmt::Display| ApiError::unreadable(vec!["body".to_owned()], error);
        let mut body = RequestBody::new(poem::Body::from_bytes(bytes));
        let form = <Multipart as FromRequest>::from_request(request, &mut body).await;
        let mut form = form.map_err(|error| unreadable(&error))?;
        let mut pairs = vec![];
        while let Some(field) = form.next_field().await.map_err(|error| unreadable(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            pairs.push((name, field.text().await.map_err(|error| unreadable(&error))?));
        }
        Self::from_pairs(pairs.into_iter())
    }
}

impl<'a> ApiExtractor<'a> for PathsBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Type>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let media = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];
        let content = media.map(|content_type| MetaMediaType { content_type, schema: Self::schema_ref() });
        Some(MetaRequest { description: None, content: content.into(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let whole = whole(request, body).await?;
        let media = request.content_type().unwrap_or("application/x-www-form-urlencoded").to_ascii_lowercase();
        let read = match media.split(';').next().unwrap_or_default().trim() {
            "multipart/form-data" => Self::from_multipart(request, whole.bytes.clone()).await,
            "application/json" => json::parse(&whole.bytes),
            "application/x-www-form-urlencoded" => Self::from_form(&whole.bytes),
            other => {
                let why = format!("paths-info takes a form or JSON, not {other}");
                return Err(poem::Error::from_string(why, StatusCode::UNSUPPORTED_MEDIA_TYPE));
            }
        };
        // The one operation whose reference says so; all others answer 400.
        Ok(read.map_err(|error| error.with_status(StatusCode::UNPROCESSABLE_ENTITY))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_repeats_its_keys() {
        let body = PathsBody::from_form(b"paths=a&paths=b%2Fc&expand=True&fallback=false").unwrap();
        assert_eq!(body, PathsBody { paths: vec!["a".to_owned(), "b/c".to_owned()], expand: true });
        assert_eq!(PathsBody::from_form(b"").unwrap(), PathsBody::default());
        assert!(PathsBody::from_form(b"paths=a&expand=perhaps").is_err());
    }

    #[test]
    fn json_says_the_same() {
        let body: PathsBody = json::parse(br#"{"paths":["a"],"expand":true}"#).unwrap();
        assert_eq!(body, PathsBody { paths: vec!["a".to_owned()], expand: true });
        assert!(json::parse::<PathsBody>(br#"{"paths":"a"}"#).is_err());
    }
}
