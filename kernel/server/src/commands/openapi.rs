//! `ballast openapi`: the document of the core API, the same for every deployment; with a configuration, the deployment's.

use crate::cli::Options;
use crate::exit::Exit;
use crate::{builtins, endpoints, output, preflight};

/// Prints the OpenAPI document.
pub fn run(options: &Options) -> Result<(), Exit> {
    let document = match options.config.is_empty() && options.set.is_empty() {
        true => ballast_api::document(),
        false => {
            let mut registry = builtins::registry();
            let loaded = preflight::load(options, &mut registry)?;
            endpoints::document(&registry, &loaded).map_err(Exit::failure)?
        }
    };
    output::print(&format!("{document:#}\n"))
}
