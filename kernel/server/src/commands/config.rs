//! `ballast config show` and `ballast config reference`.

use crate::cli::Options;
use crate::exit::Exit;
use crate::{builtins, output, preflight};

/// Prints every value with where it was written.
pub fn show(options: &Options) -> Result<(), Exit> {
    let mut registry = builtins::registry();
    let loaded = preflight::load(options, &mut registry)?;
    output::print(&ballast_config::show(&loaded, |plugin| registry.schema(plugin).cloned()))
}

/// Prints `config/ballast.toml`.
pub fn reference() -> Result<(), Exit> {
    output::print(&ballast_config::reference_toml(&builtins::references(&builtins::registry())))
}
