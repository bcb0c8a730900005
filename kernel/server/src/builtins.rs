//! The plugins that are linked into this binary. A new one is a line here.

use ballast_config::PluginReference;
use ballast_loader::{Plugin, Registry};

/// Reads hubs that speak as huggingface.co does; the command line does so without a hub.
pub const HUGGING_FACE: &str = "downloader.huggingface";

/// Every built-in plugin.
pub fn registry() -> Registry {
    Registry::new(vec![
        Plugin::storage("storage.opendal", |config, _| ballast_storage_opendal::open(config)),
        Plugin::versioning("versioning.native", |config, deps| ballast_versioning_native::open(config, deps.database))
            .with_tables(ballast_versioning_native::migrations),
        Plugin::versioning("versioning.lakefs", |config, deps| ballast_versioning_lakefs::open(config, deps.state)),
        Plugin::auth("auth.local", |config, deps| ballast_auth_local::open(config, deps.database))
            .with_tables(ballast_auth_local::migrations),
        Plugin::downloader(HUGGING_FACE, |config, _| ballast_downloader_huggingface::open(config)),
        Plugin::quota("quota.ledger", |config, deps| ballast_quota_ledger::open(config, deps.database))
            .with_tables(ballast_quota_ledger::migrations),
    ])
}

/// What the manual says about them.
pub fn references(registry: &Registry) -> Vec<PluginReference> {
    let reference = |plugin: &Plugin| PluginReference {
        role: plugin.role(),
        id: plugin.id().to_owned(),
        schema: plugin.schema().clone(),
    };
    registry.list().map(reference).collect()
}
