//! `ballast schema`: `config/ballast.schema.json`.

use crate::exit::Exit;
use crate::{builtins, output};

/// Prints the JSON Schema of configuration files.
pub fn run() -> Result<(), Exit> {
    let schema = ballast_config::reference_schema(&builtins::references(&builtins::registry()));
    output::print(&format!("{schema:#}\n"))
}
