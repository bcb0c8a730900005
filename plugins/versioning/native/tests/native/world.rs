//! What the tests stand on.

use std::sync::Arc;

use ballast_contract::Component;
use ballast_contract::versioning::Versioning;
use ballast_database::testing::Scratch;
use ballast_database::{Connections, Database};
use ballast_testkit::versioning::repo::Repo;
use ballast_versioning_native::{Native, NativeConfig, open};
use diesel_async::SimpleAsyncConnection;

/// An engine on a database of the test's; several are nodes of one hub.
pub async fn started(scratch: &Scratch) -> Arc<Native> {
    started_on(scratch.database.clone()).await
}

pub async fn started_on(database: Database) -> Arc<Native> {
    let engine = open(NativeConfig::default(), database).await.unwrap();
    engine.start().await.unwrap();
    Arc::new(engine)
}

/// A new repository.
pub async fn new_repo(engine: &Arc<Native>) -> Repo {
    let engine: Arc<dyn Versioning> = engine.clone();
    Repo::new(&engine).await
}

/// The same repository as another node sees it.
pub fn seen_by(engine: &Arc<Native>, repo: &Repo) -> Repo {
    Repo { engine: engine.clone(), key: repo.key }
}

/// Does something to the rows behind the engine's back.
pub async fn run(scratch: &Scratch, sql: &str) {
    match scratch.database.connections() {
        Connections::Sqlite { write, .. } => write.get().await.unwrap().batch_execute(sql).await.unwrap(),
        Connections::Postgres(pool) => pool.get().await.unwrap().batch_execute(sql).await.unwrap(),
    }
}
