//! `ballast check`: would the hub start with this configuration?

use ballast_config::Role;

use crate::cli::Options;
use crate::exit::Exit;
use crate::{builtins, output, preflight};

/// Checks the configuration. Secrets that cannot be read here are mentioned and no failure: the place where a
/// configuration is checked need not be the one where it is used.
pub fn run(options: &Options) -> Result<(), Exit> {
    let mut registry = builtins::registry();
    let loaded = preflight::load(options, &mut registry)?;
    let unreadable = super::runtime()?.block_on(preflight::check(&loaded, &registry))?;
    if !unreadable.is_empty() {
        eprintln!("ballast: secrets that cannot be read here, and without which the hub will not start:");
        unreadable.iter().for_each(|problem| eprintln!("  {problem}"));
    }
    let named = |role: Role| {
        let instances = loaded.config.instances(role).iter();
        instances.map(move |(name, instance)| format!("  {role}.{name}: {}\n", instance.plugin))
    };
    let instances: String = Role::ALL.into_iter().flat_map(named).collect();
    output::print(&format!("the configuration is valid\n{instances}"))
}
