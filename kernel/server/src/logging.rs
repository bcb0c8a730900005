//! Structured logs on standard error.

use std::io::IsTerminal;

use ballast_config::{Loaded, LogFormat, Problem};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// What `log.level` means. The error says where it was written.
pub fn filter(loaded: &Loaded) -> Result<Targets, Problem> {
    let level = &loaded.config.log.level;
    level.parse().map_err(|_| {
        let what = "expected a level such as info, or info,ballast_services=debug";
        let origin = loaded.origins.of_key("log.level");
        Problem::new("log.level", origin, format!("{what}; found '{}'", level.escape_debug()))
    })
}

/// Begins to log as the configuration says. Called once.
pub fn start(loaded: &Loaded) -> Result<(), Problem> {
    let filter = filter(loaded)?;
    let colours = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let lines = match loaded.config.log.format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines).with(filter).init();
    Ok(())
}
