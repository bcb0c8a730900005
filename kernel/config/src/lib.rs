//! What an operator wrote: layers in, one [`HubConfig`] out, or every mistake at once.
//!
//! The layers, each over the one before: defaults, `/etc/ballast/ballast.toml`, `--config` files in order,
//! `BALLAST_SECTION__KEY` in the environment, `--set section.key=value`. figment merges them and remembers which layer
//! each value came from. The merged tree is then held against the JSON Schema that schemars derives from the types
//! here, which finds *all* mistakes where serde would stop at the first; the same walk serves a plugin's own config,
//! whose schema only the loader knows.
//!
//! Defaults stand in `impl Default` and nowhere else, and the doc comments of these types are the manual: the
//! reference file and the schema in `config/` are generated from them.

mod conform;
mod format;
mod hub;
mod layer;
mod load;
mod origin;
mod problem;
mod reference;
mod secret;
mod show;
mod suggest;

pub use conform::{Tree, conform};
pub use hub::{
    AccountsConfig, AuditConfig, BootstrapConfig, BootstrapMember, BootstrapOrganization, BootstrapToken,
    BootstrapUser, DatabaseConfig, Deduplication, GitConfig, HubConfig, JobAccess, JobVerify, JobsConfig, LfsConfig,
    LogConfig, LogFormat, MailConfig, MailTransport, MemberRole, MirrorConfig, MirrorSourceConfig, PluginConfig,
    PluginFile, PluginsConfig, RateLimitsConfig, Registration, Role, ServerConfig, StatisticsConfig, TokenRole,
    UploadRoute, UploadsConfig, WebhooksConfig, XetConfig,
};
pub use load::{Layers, Loaded, Mistakes, SYSTEM_FILE};
pub use origin::{Origin, Origins};
pub use problem::{Problem, Problems};
pub use reference::{PluginReference, reference_schema, reference_toml, schema_of};
pub use secret::{SecretSource, read_secrets};
pub use show::show;
pub use suggest::nearest;
