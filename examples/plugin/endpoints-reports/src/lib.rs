//! An endpoints plugin for Ballast: whoever sees a repository may report it, and administrators read and close reports.

mod badge;
mod book;
mod desk;

use ballast_sdk::schemars::JsonSchema;
use ballast_sdk::{Result, Slots, schemars};
use serde::Deserialize;

pub use desk::Desk;

/// What an operator writes below `[endpoints.NAME.config]`. The comments of the keys are the manual.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReportsConfig {
    /// What a repository may be reported for.
    pub reasons: Vec<String>,
    /// The most characters that a report may say besides.
    #[schemars(range(max = 10_000))]
    pub most_characters: usize,
}

impl Default for ReportsConfig {
    fn default() -> Self {
        let reasons = ["licence", "malware", "personal-data", "spam", "other"];
        Self { reasons: reasons.map(str::to_owned).to_vec(), most_characters: 2000 }
    }
}

/// Makes an instance. It does no I/O.
pub fn open(config: ReportsConfig, slots: Slots) -> Result<Desk> {
    Ok(Desk::new(config, slots.state()?))
}

ballast_sdk::export_plugin! {
    id: "endpoints.reports",
    about: "Takes reports of repositories, and shows them to administrators",
    config: ReportsConfig = "config.schema.json",
    endpoints: open,
    requires: [state],
    openapi: "openapi.json",
}
