//! A comparison as text, written as it is read.

use ballast_services::{Comparison, Failure, FileChange, Texts};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::try_unfold;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};

use crate::wire::{patch, raw};

/// `text/plain` of any length.
pub struct PatchText(Body);

impl PatchText {
    /// The first page is read at once, so that what cannot be compared is refused and not broken off.
    pub async fn new(comparison: Comparison, is_raw: bool) -> Result<Self, Failure> {
        let (texts, write): (_, fn(&FileChange) -> String) =
            if is_raw { (Texts::None, raw) } else { (Texts::AsGit, patch) };
        let limit = if is_raw { 1000 } else { 100 };
        let first = comparison.page(None, Some(limit), texts).await?;
        let pages = try_unfold(Some(Ok::<_, Option<String>>(first)), move |state| {
            let comparison = comparison.clone();
            async move {
                let page = match state {
                    None => return Ok::<_, Failure>(None),
                    Some(Ok(first)) => first,
                    Some(Err(after)) => comparison.page(after, Some(limit), texts).await?,
                };
                let text: String = page.items.iter().map(write).collect();
                Ok(Some((Bytes::from(text), page.next.map(|next| Err(Some(next))))))
            }
        });
        Ok(Self(Body::from_bytes_stream(pages.map_err(std::io::Error::other))))
    }
}

impl IntoResponse for PatchText {
    fn into_response(self) -> Response {
        Response::builder().content_type("text/plain; charset=utf-8").body(self.0)
    }
}

impl ApiResponse for PatchText {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let content = vec![MetaMediaType { content_type: "text/plain", schema }];
        let description = "What differs";
        let response = MetaResponse { description, status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
