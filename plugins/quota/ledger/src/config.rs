//! What an operator writes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes promised and bytes kept, per namespace and repository, in the hub's own database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerConfig {
    /// Bytes that the private repositories of a namespace may hold together, where an administrator set no limit for
    /// it. Left out: as many as there are. A change applies to every such namespace at the next start.
    pub default_private_bytes: Option<u64>,
    /// The same for its public repositories.
    pub default_public_bytes: Option<u64>,
}
