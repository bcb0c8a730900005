//! `ballast plugins list`.

use crate::exit::Exit;
use crate::{builtins, output};

/// Prints what a configuration may name.
pub fn list() -> Result<(), Exit> {
    let registry = builtins::registry();
    let heading = ["PLUGIN", "ROLE", "VERSION", "KIND"].map(str::to_owned);
    let rows = registry
        .list()
        .map(|plugin| [plugin.id(), plugin.role().as_str(), plugin.version(), "built in"].map(str::to_owned));
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    output::print(&output::columns(&rows))
}
