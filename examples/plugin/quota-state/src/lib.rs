//! A quota plugin for Ballast that needs no database: its books lie in the space that the hub lends it.

mod books;
mod keeper;

use ballast_sdk::schemars::JsonSchema;
use ballast_sdk::{Result, Slots, schemars};
use serde::Deserialize;

pub use keeper::Keeper;

/// What an operator writes below `[quota.NAME.config]`. The comments of the keys are the manual.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaConfig {
    /// How many bytes a namespace may have in public repositories where no limit was set. None is no limit.
    pub public_bytes: Option<u64>,
    /// The same of private ones.
    pub private_bytes: Option<u64>,
}

/// Makes an instance. It does no I/O.
pub fn open(config: QuotaConfig, slots: Slots) -> Result<Keeper> {
    Ok(Keeper::new(config, slots.state()?))
}

ballast_sdk::export_plugin! {
    id: "quota.state",
    about: "Counts bytes in a space that the hub lends",
    config: QuotaConfig = "config.schema.json",
    quota: open,
    requires: [state],
}
