use ballast_contract::storage::ResponseHeaders;
use ballast_services::{Fetching, ResolvedFile};
use ballast_types::Revision;
use poem::Request;
use poem::http::{HeaderMap, HeaderValue, header};
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::Group;
use super::xet::{XET_HASH, xet_headers};
use crate::call::OpenCall;
use crate::content_type;
use crate::error::Answer;
use crate::extract::Flag;
use crate::served::{Plan, Served, Wanted, XET_FACTS, accepts, file_headers};
use crate::wire::Kinds;

pub struct Files;

#[OpenApi(tag = "Group::Files")]
impl Files {
    /// Get a file
    ///
    /// `Range` (one range), `If-Range` and `If-None-Match` are honoured. Without `/{kinds}` the repository is a model.
    #[oai(
        path = "/:kinds/:namespace/:name/resolve/:revision/*param4",
        method = "get",
        operation_id = "resolve_file",
        request_header(name = "Range", ty = "Option<String>", description = "One range of bytes"),
        request_header(name = "If-Range", ty = "Option<String>", description = "The part only of this version"),
        request_header(name = "If-None-Match", ty = "Option<String>", description = "Not what is there already")
    )]
    #[allow(clippy::too_many_arguments)]
    async fn resolve_file(
        &self,
        call: OpenCall,
        request: &Request,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, a tag, `refs/…` (encoded as one segment) or a commit id.
        revision: Path<String>,
        path: Path<String>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Served> {
        let (repository, file, headers) =
            found(&call, kinds.0, (&namespace, &name), revision.0, &path, fallback.0).await?;
        repository.downloaded(&call.origin(), u64::from(from_the_start(request)));
        if headers.contains_key(XET_HASH) && accepts(request, XET_FACTS) {
            return Ok(Served::xet_facts(headers, &file));
        }
        let plan = Wanted::of(request).plan(&file.etag(), file.size());
        if matches!(plan, Plan::Send { .. })
            && let Some(url) = file.redirect(&presented(&file)).await?
        {
            return Ok(Served::elsewhere(&url, headers, &file));
        }
        Served::planned(plan, file.size(), headers, false, async |range| file.open(range).await).await
    }

    /// Look at a file
    ///
    /// What GET would say, without the bytes. Never a redirect, because clients read the headers of the first answer.
    #[oai(
        path = "/:kinds/:namespace/:name/resolve/:revision/*param4",
        method = "head",
        operation_id = "head_file",
        request_header(name = "Range", ty = "Option<String>", description = "One range of bytes"),
        request_header(name = "If-Range", ty = "Option<String>", description = "The part only of this version"),
        request_header(name = "If-None-Match", ty = "Option<String>", description = "Not what is there already")
    )]
    #[allow(clippy::too_many_arguments)]
    async fn head_file(
        &self,
        call: OpenCall,
        request: &Request,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, a tag, `refs/…` (encoded as one segment) or a commit id.
        revision: Path<String>,
        path: Path<String>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Served> {
        let (_, file, headers) = found(&call, kinds.0, (&namespace, &name), revision.0, &path, fallback.0).await?;
        let plan = Wanted::of(request).plan(&file.etag(), file.size());
        Served::planned(plan, file.size(), headers, true, async |range| file.open(range).await).await
    }

    /// Get a file as git holds it
    ///
    /// Of a large file, its pointer.
    #[oai(path = "/:kinds/:namespace/:name/raw/:revision/*param4", method = "get", operation_id = "get_raw_file")]
    #[allow(clippy::too_many_arguments)]
    async fn get_raw_file(
        &self,
        call: OpenCall,
        request: &Request,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, a tag, `refs/…` (encoded as one segment) or a commit id.
        revision: Path<String>,
        path: Path<String>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Served> {
        let (_, file, headers) = found(&call, kinds.0, (&namespace, &name), revision.0, &path, fallback.0).await?;
        if let Some(text) = file.pointer_text() {
            return Ok(Served::text(text, pointer_headers(&file), false));
        }
        let plan = Wanted::of(request).plan(&file.etag(), file.size());
        Served::planned(plan, file.size(), headers, false, async |range| file.open(range).await).await
    }
}

/// Whether the answer begins with the file's first byte: what is read in pieces is one file.
fn from_the_start(request: &Request) -> bool {
    let range = request.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
    range.is_none_or(|range| range.trim().strip_prefix("bytes=").is_none_or(|range| range.trim().starts_with("0-")))
}

/// A file, and the headers of every answer about it.
async fn found(
    call: &OpenCall,
    kinds: Kinds,
    id: (&str, &str),
    revision: String,
    path: &str,
    fallback: Option<Flag>,
) -> Answer<(Fetching, ResolvedFile, HeaderMap)> {
    let revision = Revision::new(revision);
    let repository = call.fetching(kinds, id, &revision, fallback).await?;
    let file = repository.resolve_file(&revision, path).await?;
    let mut headers = file_headers(&file);
    if let (Fetching::Here(here), Some(hash)) = (&repository, file.xet_hash().await?) {
        for (name, value) in xet_headers(&call.base, repository.kind(), here.id(), file.commit, hash) {
            headers.insert(name, value);
        }
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    }
    Ok((repository, file, headers))
}

/// How the storage is to present the bytes when it serves them itself.
fn presented(file: &ResolvedFile) -> ResponseHeaders {
    let name = file.path.file_name();
    ResponseHeaders {
        content_disposition: Some(content_type::disposition(name)),
        content_type: Some(content_type::of(name).to_owned()),
    }
}

/// The pointer is another text than the file: it has git's id for its tag, and nothing linked.
fn pointer_headers(file: &ResolvedFile) -> poem::http::HeaderMap {
    let mut headers = file_headers(file);
    headers.remove("x-linked-etag");
    headers.remove("x-linked-size");
    headers.extend(crate::served::common_headers(&file.oid().to_string()));
    headers
}
