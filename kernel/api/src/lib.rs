//! HTTP in, HTTP out: the operations of the hub as clients call them, and the one document that describes them.
//!
//! A request passes through [`frame`] (its id, one spelling of its address, the form of every refusal), is routed to a
//! handler, which reads it by the extractors, asks a verb of `services`, and answers with a struct of `wire`. Failures
//! become statuses in one table, `error`. Nothing here decides anything.

mod address;
mod base_url;
mod call;
mod commit_lines;
mod content_type;
mod cookie;
mod cors;
mod credential;
mod declined;
mod delivery;
mod document;
mod endpoints;
mod error;
mod extract;
mod frame;
mod git_answer;
mod handlers;
mod job_call;
mod json_lines;
mod lfs_answer;
mod limits;
mod lines;
mod news;
mod paged;
mod pages;
mod patch_text;
mod peer;
mod range;
pub mod read;
mod received;
mod request_id;
mod served;
mod shard_progress;
mod sourced;
mod status;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use ballast_services::Hub;
use poem::endpoint::make_sync;
use poem::http::Method;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response};
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Value, json};

pub use endpoints::Mounted;
pub use error::told;
pub use limits::{Most, RateLimits};
pub use status::{PartState, PluginState, Status};

use call::Shared;
use document::{Part, Table, merge};
use frame::Frame;
use limits::Limiter;
use news::Seats;

/// What the operator chose for the HTTP side, and what the server knows of itself.
#[derive(Clone)]
pub struct ApiOptions {
    /// The URL under which clients know the hub; none takes it from each request.
    pub public_url: Option<String>,
    /// Origins whose pages may read answers; `*` is everybody, without credentials.
    pub cors_origins: Vec<String>,
    /// How many requests there may be; none is any number.
    pub rate_limits: Option<RateLimits>,
    pub status: Arc<dyn Status>,
    /// What fetches and pushes by git share.
    pub git: Arc<ballast_git::Wire>,
    /// Operations that plugins bring.
    pub endpoints: Vec<Mounted>,
}

/// The whole API of a hub.
pub fn endpoint(hub: Hub, options: ApiOptions) -> impl Endpoint<Output = Response> + 'static {
    let (mut table, document) = assembled();
    // What does not fit is refused before a hub starts; here it would be left out of the document.
    let document = endpoints::described(document.clone(), &options.endpoints).unwrap_or(document);
    options.endpoints.iter().for_each(|mounted| mounted.add_to(&mut table));
    let text = format!("{document:#}");
    let docs = pages::docs(&text);
    add_page(&mut table, "/docs", move || pages::shown(&docs));
    add_page(&mut table, "/openapi.json", move || {
        Response::builder().content_type("application/json").body(text.clone())
    });
    let routes = OpenApiService::new(Routes(table), "Ballast", env!("CARGO_PKG_VERSION")).into_endpoint();
    let limiter = options.rate_limits.map(Limiter::new);
    Frame::new(routes, Arc::new(Shared { hub, options, limiter, seats: Seats::default() }))
}

/// The OpenAPI document: the same for every deployment, and made without a hub.
pub fn document() -> Value {
    assembled().1
}

/// The document of a deployment: with the parts that its plugins bring. What does not fit is named with its instance.
pub fn document_with(mounted: &[Mounted]) -> Result<Value, (String, String)> {
    endpoints::described(document(), mounted)
}

/// Parts that clash are a mistake in this crate and not in any request; the test that locks the document meets it
/// first.
fn assembled() -> (Table, Value) {
    merge(parts(), info()).unwrap_or_else(|clash| panic!("{clash}"))
}

fn info() -> Value {
    json!({
        "title": "Ballast",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "A self-hosted hub for models, datasets and spaces. Unmodified Hugging Face clients use it \
            through `HF_ENDPOINT`. Every refusal carries `X-Error-Code`, `X-Error-Message` and a JSON body with \
            `error`; every answer carries `X-Request-Id`. Repository operations are also reached without `/api` \
            (tree, paths-info, commits, branch, tag) and with a slash at the end.",
        "contact": { "name": "Whoever runs this hub" },
        "x-declined": declined::listed(),
        "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
    })
}

fn parts() -> Vec<Part> {
    const FILE: &str = "/{kinds}/{namespace}/{name}/resolve/{revision}/{path}";
    const LFS: &str = "/api/{kinds}/{namespace}/{name}/settings/lfs";
    const RAW: &str = "/{kinds}/{namespace}/{name}/raw/{revision}/{path}";
    const BATCH: &str = "/{kinds}/{namespace}/{name}/info/lfs/objects/batch";
    const VERIFY: &str = "/{kinds}/{namespace}/{name}/info/lfs/objects/verify";
    vec![
        Part::new("repositories", handlers::Repositories),
        Part::new("settings", handlers::Settings).also(
            LFS,
            "get",
            "/api/{kinds}/{namespace}/{name}/lfs/settings",
            "get_lfs_settings_too",
        ),
        Part::new("tree", handlers::Tree),
        Part::new("files", handlers::Files)
            .also(FILE, "get", "/{namespace}/{name}/resolve/{revision}/{path}", "resolve_model_file")
            .also(FILE, "head", "/{namespace}/{name}/resolve/{revision}/{path}", "head_model_file")
            .also(RAW, "get", "/{namespace}/{name}/raw/{revision}/{path}", "get_raw_model_file"),
        Part::new("commits", handlers::Commits),
        Part::new("refs", handlers::Refs),
        Part::new("discussions", handlers::Discussions),
        Part::new("rewriting", handlers::Rewriting),
        Part::new("history", handlers::History),
        Part::new("large_files", handlers::LargeFiles)
            .also(BATCH, "post", "/{namespace}/{name}.git/info/lfs/objects/batch", "lfs_batch_model")
            .also(VERIFY, "post", "/{namespace}/{name}.git/info/lfs/objects/verify", "lfs_verify_model")
            .also(VERIFY, "post", "/api/{namespace}/{name}.git/info/lfs/verify", "lfs_verify_under_api"),
        Part::new("git", handlers::Git)
            .also("/{kinds}/{namespace}/{name}/info/refs", "get", "/{namespace}/{name}.git/info/refs", "git_model_refs")
            .also("/{kinds}/{namespace}/{name}/HEAD", "get", "/{namespace}/{name}.git/HEAD", "git_model_head")
            .also(
                "/{kinds}/{namespace}/{name}/git-upload-pack",
                "post",
                "/{namespace}/{name}.git/git-upload-pack",
                "git_model_upload_pack",
            )
            .also(
                "/{kinds}/{namespace}/{name}/git-receive-pack",
                "post",
                "/{namespace}/{name}.git/git-receive-pack",
                "git_model_receive_pack",
            ),
        Part::new("imports", handlers::Imports),
        Part::new("lfs_locks", handlers::LfsFileLocks),
        Part::new("lfs_files", handlers::LfsFiles),
        Part::new("objects", handlers::Objects),
        Part::new("xet", handlers::Xet).also(
            "/xet/v1/chunks/{prefix}/{chunk}",
            "get",
            "/xet/v1/chunk/{prefix}/{chunk}",
            "find_xet_chunk_of_one",
        ),
        Part::new("access", handlers::Access),
        Part::new("social", handlers::Social),
        Part::new("collections", handlers::Collections),
        Part::new("webhooks", handlers::Webhooks),
        Part::new("jobs", handlers::Jobs),
        Part::new("quota", handlers::Quota),
        Part::new("account", handlers::Account),
        Part::new("sessions", handlers::Sessions),
        Part::new("tokens", handlers::Tokens),
        Part::new("ssh_keys", handlers::SshKeys),
        Part::new("organizations", handlers::Organizations),
        Part::new("invitations", handlers::Invitations),
        Part::new("browser", handlers::Browser),
        Part::new("device", handlers::Device),
        Part::new("people", handlers::People),
        Part::new("avatars", handlers::Avatars),
        Part::new("administration", handlers::Administration),
        Part::new("accounts", handlers::Accounts),
        Part::new("inventory", handlers::Inventory),
        Part::new("audit", handlers::Audit),
        Part::new("site", handlers::Site),
    ]
}

fn add_page(table: &mut Table, path: &str, page: impl Fn() -> Response + Send + Sync + 'static) {
    let endpoint = make_sync(move |_| page()).boxed();
    table.entry(path.to_owned()).or_default().insert(Method::GET, endpoint);
}

/// Hands a finished table to the service that parses queries for it: only the table differs at run time.
struct Routes(Table);

impl OpenApi for Routes {
    fn meta() -> Vec<MetaApi> {
        vec![]
    }

    fn register(_: &mut Registry) {}

    fn add_routes(self, table: &mut Table) {
        table.extend(self.0);
    }
}
