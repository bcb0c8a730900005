//! What the tests of this crate's insides stand on.

use std::sync::Arc;

use ballast_contract::Component;
use ballast_contract::versioning::Versioning;
use ballast_database::Connections;
use ballast_database::testing::Scratch;
use ballast_testkit::versioning::repo::Repo;
use diesel_async::SimpleAsyncConnection;

use crate::{Native, NativeConfig, open};

/// An engine on a database of the test's; several are nodes of one hub.
pub async fn started(scratch: &Scratch) -> Arc<Native> {
    let engine = open(NativeConfig::default(), scratch.database.clone()).await.unwrap();
    engine.start().await.unwrap();
    Arc::new(engine)
}

/// A new repository.
pub async fn new_repo(engine: &Arc<Native>) -> Repo {
    let engine: Arc<dyn Versioning> = engine.clone();
    Repo::new(&engine).await
}

/// Does something to the rows behind the engine's back.
pub async fn run(scratch: &Scratch, sql: &str) {
    match scratch.database.connections() {
        Connections::Sqlite { write, .. } => write.get().await.unwrap().batch_execute(sql).await.unwrap(),
        Connections::Postgres(pool) => pool.get().await.unwrap().batch_execute(sql).await.unwrap(),
    }
}
