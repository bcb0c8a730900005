//! Who calls the downloader: an account of the hub; or where the operator says so, whoever knows one name and password, or
//! whoever reaches it.

use ballast_contract::auth::Credential;
use ballast_services::{Downloading, Failure, JobAccess};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, RequestBody, Response};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::call::{Call, base_url, is_from_own_page, shared};
use crate::error::ApiError;
use crate::{cookie, credential, limits};

/// A request to the downloader.
pub struct JobCall {
    pub downloading: Downloading,
    /// Whether a page of another origin sent it.
    pub is_foreign: bool,
}

/// In plain text, as clients of the downloader know it.
fn challenge() -> poem::Error {
    let realm = HeaderValue::from_static("Basic realm=\"HF Downloader\"");
    let answer = Response::builder().status(StatusCode::UNAUTHORIZED).header(header::WWW_AUTHENTICATE, realm);
    poem::Error::from_response(answer.content_type("text/plain; charset=utf-8").body("Unauthorized"))
}

impl JobCall {
    async fn read(request: &Request) -> poem::Result<Self> {
        let shared = shared(request).map_err(ApiError::from)?;
        let base = base_url(request, &shared.options);
        let from_elsewhere = request.headers().contains_key(header::ORIGIN);
        let is_foreign = from_elsewhere && !is_from_own_page(request, &base, &shared.options);
        if matches!(shared.hub.job_access(), JobAccess::Accounts(_)) {
            let call = Call::<true>::read(request).await?;
            let downloading = call.hub.downloading(&call.caller).map_err(ApiError::from)?;
            return Ok(Self { downloading, is_foreign });
        }
        limits::count(shared.limiter.as_ref(), request, None)?;
        // A browser adds a password that it knows, and reaches what its user does, whatever page sends it.
        if is_foreign && !cookie::is_safe(request.method()) {
            let why = "A page of another origin may not order downloads; its Origin header says that it is one";
            return Err(ApiError::from(Failure::Forbidden(why.to_owned())).into());
        }
        let authorization = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let shown = match credential::read(authorization) {
            Ok(Some(Credential::Basic { user, secret })) => Some((user, secret)),
            _ => None,
        };
        let shown = shown.as_ref().map(|(user, secret)| (user.as_str(), secret));
        match shared.hub.downloading_without_account(shown) {
            Ok(downloading) => Ok(Self { downloading, is_foreign }),
            Err(Failure::WrongPassword) => Err(challenge()),
            Err(failure) => Err(ApiError::from(failure).into()),
        }
    }
}

impl<'a> ApiExtractor<'a> for JobCall {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Call<true> as ApiExtractor<'_>>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        <Call<true> as ApiExtractor<'_>>::security_schemes()
    }

    fn has_security_fallback() -> bool {
        false
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Self::read(request).await
    }
}
