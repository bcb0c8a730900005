//! `ballast analyze`

use serde_json::Value;

use crate::cli::{Options, Wanted};
use crate::exit::Exit;
use crate::output;
use crate::remote::{Remote, exit};

/// Says what a repository of another hub is.
pub fn run(options: &Options, wanted: &Wanted, json: bool) -> Result<(), Exit> {
    super::runtime()?.block_on(async {
        let remote = Remote::open(options, wanted).await?;
        let found = remote.downloader.analyze(&remote.source).await.map_err(exit)?;
        output::print(&if json { format!("{found}\n") } else { shown(&found) })
    })
}

/// What people want to know first: what it is, how large, and which of its quantisations fits.
fn shown(found: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (files, size) = (&found["file_count"], text(&found["total_size_human"]));
    let mut shown = format!("{}: {}\n{files} files, {size}\n", text(&found["repo"]), text(&found["type_description"]));
    let quantizations = found["gguf"]["quantizations"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !quantizations.is_empty() {
        let heading = ["NAME", "QUALITY", "MEMORY", "FILE"].map(str::to_owned);
        let row = |one: &Value| {
            let fields = [&one["name"], &one["quality_stars"], &one["estimated_ram_human"], &one["file"]["path"]];
            fields.map(text)
        };
        let rows: Vec<_> = std::iter::once(heading).chain(quantizations.iter().map(row)).collect();
        shown += &format!("\n{}", output::columns(&rows));
    }
    shown
}
