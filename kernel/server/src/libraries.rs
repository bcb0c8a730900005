//! What became of the libraries that the configuration allows: in the log, and on record.

use ballast_catalog::{AuditNote, AuditOutcome, Catalog};
use ballast_loader::{Library, LibraryReport, Registry};
use ballast_types::Timestamp;
use serde_json::json;

use crate::exit::Exit;

/// Writes down which were loaded, and which were refused and why.
pub async fn record(catalog: &Catalog, node: &str, registry: &Registry) -> Result<(), Exit> {
    for library in registry.libraries() {
        let file = library.file.display();
        match &library.refused {
            None => tracing::info!(%file, "a plugin's library was loaded"),
            Some(why) => tracing::error!(%file, why, "a plugin's library was refused"),
        }
        catalog.put_note(&note(node, &library)).await.map_err(Exit::failure)?;
    }
    Ok(())
}

fn note(node: &str, library: &LibraryReport) -> AuditNote {
    let (id, version) = library.plugin.clone().unzip();
    let sha256 = library.sha256.clone().or_else(|| Library::digest(&library.file).ok());
    AuditNote {
        node: node.to_owned(),
        at: Timestamp::now(),
        actor: Some("(operator)".to_owned()),
        actor_key: None,
        credential: None,
        address: None,
        request: None,
        action: "plugin.load",
        object: id.map_or_else(|| format!("library/{}", library.file.display()), |id| format!("plugin/{id}")),
        outcome: if library.refused.is_some() { AuditOutcome::Refused } else { AuditOutcome::Done },
        details: json!({
            "file": library.file.display().to_string(),
            "sha256": sha256,
            "version": version,
            "why": library.refused,
        }),
    }
}
