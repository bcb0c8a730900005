//! What an operator writes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Passwords, tokens and sessions, kept in the hub's own database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalConfig {
    /// Memory that one password hash takes, in KiB. More makes guessing dearer, and every login too. Passwords that
    /// are stored already follow a change of these three at their next login.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub iterations: u32,
    /// Lanes of one password hash.
    pub parallelism: u32,
    /// Password hashes at work at the same time on this node; further logins wait, ten seconds at most. This times
    /// `memory_kib` is the memory, and about this many cores are the time, that a storm of logins can take.
    pub concurrent_hashes: u32,
    /// Where several nodes share the database: how long this node trusts what it last read about a token or session, in
    /// seconds; 0 always reads. What is revoked on this node ends at once; what is revoked on another node ends here
    /// after at most this long. On SQLite what was read is trusted until it changes.
    pub cache_seconds: u32,
}

impl Default for LocalConfig {
    /// Argon2id as OWASP recommends it: 19 MiB, two passes, one lane (about 30 ms).
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, parallelism: 1, concurrent_hashes: 2, cache_seconds: 2 }
    }
}
