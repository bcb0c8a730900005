use ballast_services::Registration;
use ballast_types::Timestamp;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Json, PlainText};
use poem_openapi::{ApiResponse, OpenApi};

use super::Group;
use crate::call::{OpenCall, shared};
use crate::error::Answer;
use crate::wire::{ApiHealth, Health, PartHealth, Readiness, SiteConfig, Version};

pub struct Site;

const LINK_IS_OVER: &str = "This link is over, or was used already. Log in, and another one is sent to you.";

#[OpenApi(tag = "Group::Site")]
impl Site {
    /// Which API this is
    ///
    /// Its name, its version, and what this hub is called.
    #[oai(path = "/api/version", method = "get", operation_id = "get_version")]
    async fn get_version(&self, request: &Request) -> Answer<Json<Version>> {
        Ok(Json(Version::new(&shared(request)?.hub.settings().site_name)))
    }

    /// What a page must know before anybody logs in
    ///
    /// Its name, and who may register.
    #[oai(path = "/api/site-config", method = "get", operation_id = "get_site_config")]
    async fn get_site_config(&self, request: &Request) -> Answer<Json<SiteConfig>> {
        let settings = shared(request)?.hub.settings();
        Ok(Json(SiteConfig {
            site_name: settings.site_name.clone(),
            invitation_only: settings.registration == Registration::Invitation,
            require_email_verification: settings.require_email_verification,
            registration: settings.registration.as_str().to_owned(),
        }))
    }

    /// Whether it answers
    ///
    /// Without looking at its parts; `/readyz` does.
    #[oai(path = "/health", method = "get", operation_id = "get_health")]
    async fn get_health(&self) -> Json<Health> {
        Json(Health { status: "ok".to_owned() })
    }

    /// Whether it answers, below /api
    ///
    /// The same as `/health`, for clients that put `/api` before everything, with the version and the time.
    #[oai(path = "/api/health", method = "get", operation_id = "get_api_health")]
    async fn get_api_health(&self) -> Json<ApiHealth> {
        let (version, time) = (env!("CARGO_PKG_VERSION").to_owned(), Timestamp::now().to_string());
        Json(ApiHealth { status: "ok".to_owned(), version, time })
    }

    /// Whether the process lives
    ///
    /// For whoever restarts it; asks nothing of its parts.
    #[oai(path = "/healthz", method = "get", operation_id = "get_liveness")]
    async fn get_liveness(&self) -> Json<Health> {
        Json(Health { status: "ok".to_owned() })
    }

    /// Whether requests should come here
    ///
    /// With the state of each part.
    #[oai(path = "/readyz", method = "get", operation_id = "get_readiness")]
    async fn get_readiness(&self, request: &Request) -> Answer<Ready> {
        let status = &shared(request)?.options.status;
        let parts = status.parts().await;
        let ready = status.accepting() && parts.iter().all(|part| part.ready);
        let word = if ready { "ready" } else { "unready" }.to_owned();
        let part = |part: crate::PartState| PartHealth { name: part.name, ready: part.ready, reason: part.reason };
        let readiness = Json(Readiness { status: word, parts: parts.into_iter().map(part).collect() });
        Ok(if ready { Ready::Yes(readiness) } else { Ready::No(readiness) })
    }

    /// Metrics
    ///
    /// In Prometheus' text format.
    #[oai(path = "/metrics", method = "get", operation_id = "get_metrics")]
    async fn get_metrics(&self, request: &Request) -> Answer<PlainText<String>> {
        Ok(PlainText(shared(request)?.options.status.metrics()))
    }

    /// Take note of a client's use of itself
    ///
    /// Answered, and forgotten.
    #[oai(path = "/api/telemetry/*param0", method = "head", operation_id = "note_telemetry")]
    async fn note_telemetry(&self, #[oai(name = "path")] _topic: Path<String>) {}

    /// Where to begin
    ///
    /// A page for a browser, and JSON for everybody else.
    #[oai(path = "/", method = "get", operation_id = "get_home")]
    async fn get_home(
        &self,
        call: OpenCall,
        request: &Request,
        /// `invalid_token`: a link of a mail that is over led here.
        error: Query<Option<String>>,
    ) -> Answer<crate::pages::Home> {
        let for_browser = request.header("accept").is_some_and(|accept| accept.contains("text/html"));
        // A sentence of ours: what stands in an address may be anybody's.
        let wrong = error.0.filter(|word| word == "invalid_token").map(|_| LINK_IS_OVER);
        Ok(crate::pages::home(&call.hub.settings().site_name, &call.base, wrong, for_browser))
    }
}

/// Whether requests should come here.
#[derive(ApiResponse)]
pub enum Ready {
    /// They should
    #[oai(status = 200)]
    Yes(Json<Readiness>),
    /// They should not
    #[oai(status = 503)]
    No(Json<Readiness>),
}
