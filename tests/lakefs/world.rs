//! Engines over one server and one database.

use std::sync::Arc;

use ballast_contract::Component;
use ballast_contract::versioning::Versioning;
use ballast_database::Database;
use ballast_loader::state_of;
use ballast_testkit::versioning::repo::Repo;
use ballast_tests::{LAKEFS_KEY, LAKEFS_SECRET, LakeServer};
use ballast_types::Secret;
use ballast_versioning_lakefs::{Lakefs, LakefsConfig, open};

/// Of the server that the harness plays.
pub fn config(server: &LakeServer) -> LakefsConfig {
    LakefsConfig {
        endpoint: server.endpoint(),
        access_key_id: Some(Secret::new(LAKEFS_KEY)),
        secret_access_key: Some(Secret::new(LAKEFS_SECRET)),
        ..LakefsConfig::default()
    }
}

/// Of the real server, where there is one.
pub fn real() -> Option<LakefsConfig> {
    let variable = |name: &str| std::env::var(name).ok();
    let endpoint = variable("LAKEFS_URL")?;
    let local = LakefsConfig::default();
    Some(LakefsConfig {
        endpoint,
        access_key_id: variable("LAKEFS_ACCESS_KEY_ID").map(Secret::new),
        secret_access_key: variable("LAKEFS_SECRET_ACCESS_KEY").map(Secret::new),
        storage_namespace: variable("LAKEFS_STORAGE_NAMESPACE").unwrap_or(local.storage_namespace.clone()),
        repository_prefix: "ballast-test-".to_owned(),
        ..local
    })
}

/// An engine that has started.
pub async fn engine(config: LakefsConfig, database: &Database) -> Arc<Lakefs> {
    let engine = Arc::new(open(config, state_of(database.clone(), "versioning.main")).await.unwrap());
    engine.start().await.unwrap();
    engine
}

/// The real server's where there is one, the played one's otherwise.
pub async fn any(database: &Database) -> Arc<dyn Versioning> {
    engine(real().unwrap_or_else(|| config(&LakeServer::start())), database).await
}

/// The same repository through another engine.
pub fn through(engine: &Arc<Lakefs>, repo: &Repo) -> Repo {
    Repo { engine: engine.clone(), key: repo.key }
}
