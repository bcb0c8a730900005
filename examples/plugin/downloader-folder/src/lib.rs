//! A downloader plugin for Ballast that reads repositories from folders: a disk that was carried over, a share.

mod digests;
mod folder;
mod reading;

use std::path::PathBuf;

use ballast_sdk::schemars::JsonSchema;
use ballast_sdk::{Error, ErrorKind, Result, Slots, schemars};
use serde::Deserialize;

pub use folder::Folder;

/// What an operator writes below `[downloader.NAME.config]`. The comments of the keys are the manual.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder, from the root. In it, `models/acme/bert` has the files of the model `acme/bert`; datasets and spaces lie
    /// in `datasets` and `spaces`. A repository that has a file `.readers` is for those alone who show a token whose
    /// SHA-256, in hex, is a line of it. Names that begin with a dot are no files of a repository.
    #[schemars(length(min = 1))]
    pub folder: PathBuf,
    /// Files whose names end so are large files, besides all of 10 MB and more.
    #[serde(default = "usual")]
    pub large_suffixes: Vec<String>,
}

fn usual() -> Vec<String> {
    [".bin", ".gguf", ".h5", ".onnx", ".parquet", ".pt", ".safetensors"].map(str::to_owned).to_vec()
}

/// Makes an instance. It does no I/O.
pub fn open(config: FolderConfig, _slots: Slots) -> Result<Folder> {
    if !config.folder.is_absolute() {
        return Err(Error::new(ErrorKind::Invalid, "downloader.open", "folder: it must begin at the root"));
    }
    Ok(Folder::new(config))
}

// Files are read where they lie, and a disk may let its reader wait: hence `spawn`.
ballast_sdk::export_plugin! {
    id: "downloader.folder",
    about: "Reads repositories from folders",
    config: FolderConfig = "config.schema.json",
    downloader: open,
    polling: spawn,
}
