//! What every handler gets: the hub, who is calling, and under which URL.

use std::sync::Arc;

use ballast_contract::auth::Credential;
use ballast_services::{Caller, Failure, Hub};
use poem::http::{Uri, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::base_url::{BaseUrl, next_link};
use crate::error::ApiError;
use crate::{ApiOptions, credential};

/// What all requests share.
pub(crate) struct Shared {
    pub hub: Hub,
    pub options: ApiOptions,
}

/// A request, as far as handlers need to know it. `REQUIRED` says in the document whether a credential must come
/// along; whether it must is decided by the verbs.
pub struct Call<const REQUIRED: bool> {
    pub hub: Hub,
    pub caller: Caller,
    pub base: BaseUrl,
    /// As the client wrote it.
    uri: Uri,
}

/// A call that anybody may make, as far as the thing itself is public.
pub type OpenCall = Call<false>;

/// A call that needs somebody.
pub type OwnCall = Call<true>;

/// A request with a token of Xet, as far as handlers need to know it.
pub struct XetCall {
    pub hub: Hub,
    pub base: BaseUrl,
    /// As it came; whether it is one is decided where it is used.
    pub token: Option<String>,
}

impl<const REQUIRED: bool> Call<REQUIRED> {
    async fn read(request: &Request) -> Result<Self, ApiError> {
        let shared = shared(request)?;
        let credential = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let caller = shared.hub.caller(credential::read(credential)?).await?;
        Ok(Self {
            hub: shared.hub.clone(),
            caller,
            base: base_url(request, &shared.options),
            uri: request.original_uri().clone(),
        })
    }

    /// The `Link` header's value for the next page, where there is one.
    pub fn next(&self, cursor: Option<&str>) -> Option<String> {
        cursor.map(|cursor| next_link(&self.base, self.uri.path(), self.uri.query(), cursor))
    }
}

pub(crate) fn shared(request: &Request) -> Result<&Arc<Shared>, Failure> {
    let missing =
        || ballast_contract::Error::new(ballast_contract::ErrorKind::Internal, "api", "no hub in the request");
    request.data::<Arc<Shared>>().ok_or_else(|| Failure::Broken(missing()))
}

pub(crate) fn base_url(request: &Request, options: &ApiOptions) -> BaseUrl {
    let authority = request.original_uri().authority().map(|authority| authority.as_str());
    BaseUrl::of(options.public_url.as_deref(), request.headers(), authority)
}

const TOKEN: &str = "token";
const BASIC: &str = "basic";
const XET: &str = "xet";

fn scheme(scheme: &'static str, description: &'static str) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "http",
        description: Some(description),
        name: None,
        key_in: None,
        scheme: Some(scheme),
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}

impl<'a, const REQUIRED: bool> ApiExtractor<'a> for Call<REQUIRED> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(TOKEN, scheme("bearer", "An access token"));
        registry.create_security_scheme(BASIC, scheme("basic", "A user's name with an access token or the password"));
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![TOKEN, BASIC]
    }

    fn has_security_fallback() -> bool {
        !REQUIRED
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(Self::read(request).await?)
    }
}

impl<'a> ApiExtractor<'a> for XetCall {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(XET, scheme("bearer", "A token that xet-read-token or xet-write-token gave"));
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![XET]
    }

    fn has_security_fallback() -> bool {
        false
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let shared = shared(request).map_err(ApiError::from)?;
        let credential = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let token = match credential::read(credential).map_err(ApiError::from)? {
            Some(Credential::Bearer { token }) => Some(token.expose().to_owned()),
            _ => None,
        };
        Ok(Self { hub: shared.hub.clone(), base: base_url(request, &shared.options), token })
    }
}
