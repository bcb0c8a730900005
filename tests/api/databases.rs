//! Databases of one test each.

use ballast_database::testing::{self, Scratch};
use ballast_tests::Deployment;
use tokio::runtime::Runtime;

/// An empty PostgreSQL database.
pub struct Postgres {
    scratch: Scratch,
    /// What the connections of `scratch` live on.
    _runtime: Runtime,
}

impl Postgres {
    /// None where the tests have no server; that is said.
    pub fn new() -> Option<Self> {
        let runtime = Runtime::new().expect("threads");
        let scratch = runtime.block_on(testing::postgres())?;
        Some(Self { scratch, _runtime: runtime })
    }

    /// A deployment that keeps its rows there.
    pub fn deployment(&self) -> Deployment {
        Deployment::new().set("database.url", &self.scratch.url)
    }
}
