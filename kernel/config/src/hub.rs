//! The whole configuration, section by section. The doc comments of the fields are the manual.

mod bootstrap;
mod git;
mod jobs;
mod mirror;
mod plugin;
mod sections;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bootstrap::{
    BootstrapConfig, BootstrapMember, BootstrapOrganization, BootstrapToken, BootstrapUser, MemberRole, TokenRole,
};
pub use git::{GitConfig, SshConfig};
pub use jobs::{JobAccess, JobVerify, JobsConfig};
pub use mirror::{MirrorConfig, MirrorSourceConfig};
pub use plugin::{PluginConfig, PluginFile, PluginsConfig, Role};
pub use sections::{
    AccountsConfig, AuditConfig, DatabaseConfig, Deduplication, LfsConfig, LogConfig, LogFormat, MailConfig,
    MailTransport, RateLimitsConfig, Registration, RepositoriesConfig, ServerConfig, StatisticsConfig, UploadRoute,
    UploadsConfig, WebhooksConfig, XetConfig,
};

/// The configuration of a hub.
///
/// Layers, each over the one before: the defaults written here, `/etc/ballast/ballast.toml`, `--config FILE` in
/// order, `BALLAST_SECTION__KEY` in the environment, `--set section.key=value`. Unknown keys are refused. The data
/// folder is no key: it is `--data-dir`, else `BALLAST_DATA_DIR`, else `ballast-data` where the hub is started.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HubConfig {
    /// Where the hub listens and what it calls itself.
    pub server: ServerConfig,
    /// Where the hub keeps its rows.
    pub database: DatabaseConfig,
    /// Stores of bytes. The one named `main` (or the only one) takes what is uploaded, unless `uploads.storage` names
    /// another.
    /// With no section at all: `[storage.main]` with plugin `storage.opendal` in the folder `storage` of the data
    /// folder.
    pub storage: BTreeMap<String, PluginConfig>,
    /// Engines that keep commits, trees and refs. The one named `main` (or the only one) serves, unless
    /// `repositories.versioning` names another.
    /// With no section at all: `[versioning.main]` with plugin `versioning.native`.
    pub versioning: BTreeMap<String, PluginConfig>,
    /// Who is calling. Several instances are asked in the order of their names.
    /// With no section at all: `[auth.main]` with plugin `auth.local`.
    pub auth: BTreeMap<String, PluginConfig>,
    /// Bytes promised and bytes kept: one instance.
    /// With no section at all: `[quota.main]` with plugin `quota.ledger`.
    pub quota: BTreeMap<String, PluginConfig>,
    /// Remote hubs to download from; none by default.
    pub downloader: BTreeMap<String, PluginConfig>,
    /// HTTP operations that plugins bring, each instance below `/api/x/` and its name; none by default. The hub finds out
    /// who is calling and what they may do before it asks the plugin.
    pub endpoints: BTreeMap<String, PluginConfig>,
    pub plugins: PluginsConfig,
    /// Which files are large files, and how they travel.
    pub lfs: LfsConfig,
    pub xet: XetConfig,
    pub git: GitConfig,
    pub ssh: SshConfig,
    /// Where uploads go, and how long unfinished ones live.
    pub uploads: UploadsConfig,
    /// What keeps the repositories' commits.
    pub repositories: RepositoriesConfig,
    /// Who may have an account.
    pub accounts: AccountsConfig,
    /// Who is told what happens.
    pub webhooks: WebhooksConfig,
    /// The record of what changed rights, accounts, credentials, repositories and limits, and who did it.
    pub audit: AuditConfig,
    /// How the hub sends mail.
    pub mail: MailConfig,
    /// Downloads from other hubs.
    pub jobs: JobsConfig,
    pub mirror: MirrorConfig,
    /// How many requests there may be.
    pub rate_limits: RateLimitsConfig,
    /// What is counted.
    pub statistics: StatisticsConfig,
    /// What the hub writes to standard error.
    pub log: LogConfig,
    /// Users, organisations, members and tokens that are made at start where they are not there yet, and brought up
    /// to date where they are, so that a deployment can be made again from its files.
    pub bootstrap: BootstrapConfig,
}

impl HubConfig {
    /// The instances of a role, by name.
    pub fn instances(&self, role: Role) -> &BTreeMap<String, PluginConfig> {
        match role {
            Role::Storage => &self.storage,
            Role::Versioning => &self.versioning,
            Role::Auth => &self.auth,
            Role::Quota => &self.quota,
            Role::Downloader => &self.downloader,
            Role::Endpoints => &self.endpoints,
        }
    }

    /// The same, to be changed.
    pub(crate) fn instances_mut(&mut self, role: Role) -> &mut BTreeMap<String, PluginConfig> {
        match role {
            Role::Storage => &mut self.storage,
            Role::Versioning => &mut self.versioning,
            Role::Auth => &mut self.auth,
            Role::Quota => &mut self.quota,
            Role::Downloader => &mut self.downloader,
            Role::Endpoints => &mut self.endpoints,
        }
    }

    /// Gives each role that nobody wrote about its built-in plugin, and the database its file in the data folder.
    pub(crate) fn fill(&mut self, data_dir: &Path) {
        for (role, plugin) in [
            (Role::Storage, "storage.opendal"),
            (Role::Versioning, "versioning.native"),
            (Role::Auth, "auth.local"),
            (Role::Quota, "quota.ledger"),
        ] {
            let instances = self.instances_mut(role);
            if instances.is_empty() {
                instances.insert("main".to_owned(), PluginConfig::default_for(role, plugin, data_dir));
            }
        }
        self.database.fill(data_dir);
    }
}
