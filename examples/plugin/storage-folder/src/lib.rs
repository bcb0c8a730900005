//! A storage plugin for Ballast: objects are files of one folder.

mod folder;
mod writer;

use std::path::PathBuf;

use ballast_sdk::schemars::JsonSchema;
use ballast_sdk::{Error, ErrorKind, Result, Slots, schemars};
use serde::Deserialize;

pub use folder::Folder;

/// What an operator writes below `[storage.NAME.config]`. The comments of the keys are the manual.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder, which is made where it does not exist.
    pub folder: PathBuf,
}

/// Makes an instance. It does no I/O yet: `start` does.
pub fn open(config: FolderConfig, _slots: Slots) -> Result<Folder> {
    if !config.folder.is_absolute() {
        return Err(Error::new(ErrorKind::Invalid, "storage.open", "folder: it must begin at the root"));
    }
    Ok(Folder::new(config.folder))
}

ballast_sdk::export_plugin! {
    id: "storage.folder",
    about: "Keeps bytes in one folder",
    config: FolderConfig = "config.schema.json",
    storage: open,
}
