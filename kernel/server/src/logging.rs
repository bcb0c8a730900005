//! Structured logs on standard error.

use std::io::IsTerminal;

use ballast_config::{Loaded, LogFormat, Problem};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// What `log.level` means. The error says where it was written.
pub fn filter(loaded: &Loaded) -> Result<EnvFilter, Problem> {
    let level = &loaded.config.log.level;
    EnvFilter::builder().parse(level).map_err(|_| {
        let what = "expected a level such as info, or info,ballast_services=debug";
        let origin = loaded.origins.of_key("log.level");
        Problem::new("log.level", origin, format!("{what}; found '{}'", level.escape_debug()))
    })
}

/// Begins to log as the configuration says. Called once.
pub fn start(loaded: &Loaded) -> Result<(), Problem> {
    let filter = filter(loaded)?;
    let colours = std::io::stderr().is_terminal();
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match loaded.config.log.format {
        LogFormat::Text => lines.with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
