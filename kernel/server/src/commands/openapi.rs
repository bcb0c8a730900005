//! `ballast openapi`: the document of the core API, the same for every deployment.

use crate::exit::Exit;
use crate::output;

/// Prints the OpenAPI document.
pub fn run() -> Result<(), Exit> {
    output::print(&format!("{:#}\n", ballast_api::document()))
}
