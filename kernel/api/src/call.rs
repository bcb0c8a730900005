//! What every handler gets: the hub, who is calling, and under which URL.

use std::net::IpAddr;
use std::sync::Arc;

use ballast_contract::auth::Credential;
use ballast_services::{Caller, Failure, Fetching, Hub, HubToken, NamespaceKind, Origin, Reading, SourceProfile, Wish};
use ballast_types::{RepoKind, Revision, Secret};
use poem::http::{HeaderValue, Uri, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::base_url::{BaseUrl, next_link};
use crate::error::{Answer, ApiError};
use crate::extract::Flag;
use crate::limits::{self, Limiter};
use crate::news::Seats;
use crate::sourced::Sourced;
use crate::{ApiOptions, cookie, credential, peer};

/// What all requests share.
pub(crate) struct Shared {
    pub hub: Hub,
    pub options: ApiOptions,
    pub limiter: Option<Limiter>,
    pub seats: Seats,
}

/// A request, as far as handlers need to know it. `REQUIRED` says in the document whether a credential must come
/// along; whether it must is decided by the verbs.
pub struct Call<const REQUIRED: bool> {
    pub hub: Hub,
    pub caller: Caller,
    pub base: BaseUrl,
    /// A browser's session, where the request shows one.
    pub session: Option<Secret>,
    /// As the client wrote it.
    uri: Uri,
    address: Option<IpAddr>,
    agent: Option<HeaderValue>,
    sourced: Sourced,
    /// The caller's own, for other hubs.
    tokens: Vec<HubToken>,
    /// Whether the address names a repository by a name that stands alone.
    alone: bool,
}

/// Set with a request whose address names a repository by a name that stands alone.
#[derive(Clone, Copy)]
pub(crate) struct Alone;

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
    pub(crate) async fn read(request: &Request) -> Result<Self, ApiError> {
        let shared = shared(request)?;
        let base = base_url(request, &shared.options);
        let session = cookie::read(request.headers());
        let authorization = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let credential = match (credential::read(authorization)?, &session) {
            (None, Some(id)) => {
                // A browser sends its cookie whoever asks it to.
                if !cookie::is_safe(request.method()) && !is_from_own_page(request, &base, &shared.options) {
                    return Err(Failure::Forbidden(FOREIGN.to_owned()).into());
                }
                Some(Credential::Session { id: id.clone() })
            }
            (shown, _) => shown,
        };
        let address = peer::of(request);
        let caller = shared.hub.caller(credential, address).await;
        let account = caller.as_ref().ok().and_then(Caller::user_name);
        limits::count(shared.limiter.as_ref(), request, account)?;
        let caller = caller?;
        Ok(Self {
            hub: shared.hub.clone(),
            caller,
            base,
            session,
            uri: request.original_uri().clone(),
            address,
            agent: request.headers().get(header::USER_AGENT).cloned(),
            sourced: Sourced::of(request),
            tokens: credential::elsewhere(authorization)?,
            alone: request.data::<Alone>().is_some(),
        })
    }

    /// The right to read a repository, of this hub or, unless `fallback` is false, of one that is mirrored; the answer
    /// says of which.
    pub async fn reading(
        &self,
        kind: impl Into<RepoKind>,
        (namespace, name): (&str, &str),
        revision: Option<&Revision>,
        fallback: Option<Flag>,
    ) -> Answer<Reading> {
        let fallback = fallback.is_none_or(|flag| flag.0);
        let namespace = self.namespace(namespace);
        let wish = Wish { kind: kind.into(), namespace, name, revision, fallback, tokens: &self.tokens };
        let reading = self.hub.reading(&self.caller, wish).await?;
        self.sourced.tell(reading.provenance());
        Ok(reading)
    }

    /// Empty where the client wrote none.
    fn namespace<'a>(&self, namespace: &'a str) -> &'a str {
        if self.alone { "" } else { namespace }
    }

    /// The same for a repository's files.
    pub async fn fetching(
        &self,
        kind: impl Into<RepoKind>,
        (namespace, name): (&str, &str),
        revision: &Revision,
        fallback: Option<Flag>,
    ) -> Answer<Fetching> {
        let fallback = fallback.is_none_or(|flag| flag.0);
        let namespace = self.namespace(namespace);
        let revision = Some(revision);
        let wish = Wish { kind: kind.into(), namespace, name, revision, fallback, tokens: &self.tokens };
        let fetching = self.hub.fetching(&self.caller, wish).await?;
        self.sourced.tell(fetching.provenance());
        Ok(fetching)
    }

    /// What a hub that is mirrored says of a name that is none here, with its address; the failure itself where none says
    /// anything, or `fallback` is false.
    pub async fn known_elsewhere(
        &self,
        failure: Failure,
        name: &str,
        kind: Option<NamespaceKind>,
        fallback: Option<Flag>,
    ) -> Answer<(SourceProfile, String)> {
        if fallback.is_some_and(|flag| !flag.0) {
            return Err(failure.into());
        }
        let (profile, provenance) = self.hub.known_elsewhere(failure, name, kind).await?;
        let source = provenance.source.clone();
        self.sourced.tell(Some(provenance));
        Ok((profile, source))
    }

    /// Where the request comes from.
    pub fn origin(&self) -> Origin {
        let agent = self.agent.as_ref().map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
        Origin { address: self.address, agent }
    }

    /// The `Link` header's value for the next page, where there is one.
    pub fn next(&self, cursor: Option<&str>) -> Option<String> {
        cursor.map(|cursor| next_link(&self.base, self.uri.path(), self.uri.query(), cursor))
    }
}

/// A request of somebody who is about to say who they are: no credential is looked at.
pub struct Visit {
    pub hub: Hub,
    pub base: BaseUrl,
    /// Where it comes from, as far as that is known.
    pub from: Option<IpAddr>,
}

impl Visit {
    /// Refuses what a page of another origin sent: it would log its visitor in as somebody else.
    pub fn read(request: &Request) -> Result<Self, ApiError> {
        let shared = shared(request)?;
        let base = base_url(request, &shared.options);
        if request.headers().contains_key(header::ORIGIN) && !is_from_own_page(request, &base, &shared.options) {
            return Err(Failure::Forbidden(FOREIGN.to_owned()).into());
        }
        limits::count(shared.limiter.as_ref(), request, None)?;
        Ok(Self { hub: shared.hub.clone(), base, from: peer::of(request) })
    }
}

const FOREIGN: &str = "A request with a session that changes something must come from a page of this hub: its Origin \
                       header says otherwise, or is missing. Programs send an access token instead";

/// Whether the browser says that a page of the hub sent this.
pub(crate) fn is_from_own_page(request: &Request, base: &BaseUrl, options: &ApiOptions) -> bool {
    let origin = request.headers().get(header::ORIGIN);
    origin.is_some_and(|origin| cookie::is_own_origin(origin.as_bytes(), base, &options.cors_origins))
}

pub(crate) fn shared(request: &Request) -> Result<&Arc<Shared>, Failure> {
    let missing =
        || ballast_contract::Error::new(ballast_contract::ErrorKind::Internal, "api", "no hub in the request");
    request.data::<Arc<Shared>>().ok_or_else(|| Failure::Broken(missing()))
}

pub(crate) fn base_url(request: &Request, options: &ApiOptions) -> BaseUrl {
    match &options.public_url {
        Some(url) => BaseUrl::configured(url),
        None => {
            let authority = request.original_uri().authority().map(|authority| authority.as_str());
            BaseUrl::asked(request.headers(), authority, peer::is_proxy(request))
        }
    }
}

const TOKEN: &str = "token";
const BEARER: &str = "An access token. Behind it may stand tokens of your own for hubs that are mirrored, each after `|` with \
                      the address of its hub: `TOKEN|https://huggingface.co,TOKEN_THERE`. Each goes to its hub alone, which is \
                      asked whether you may have what is private or gated there";
const BASIC: &str = "basic";
const SESSION: &str = "session";
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

fn session() -> MetaSecurityScheme {
    let description = "A browser's session. What changes something needs an `Origin` header of the hub's own";
    MetaSecurityScheme {
        ty: "apiKey",
        description: Some(description),
        name: Some(cookie::NAME),
        key_in: Some("cookie"),
        scheme: None,
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
        registry.create_security_scheme(TOKEN, scheme("bearer", BEARER));
        registry.create_security_scheme(BASIC, scheme("basic", "A user's name with an access token or the password"));
        registry.create_security_scheme(SESSION, session());
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![TOKEN, BASIC, SESSION]
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
