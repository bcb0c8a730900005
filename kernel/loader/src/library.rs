//! A plugin that is a shared library: from a line of the configuration to an instance behind a trait of the contract.
//!
//! Its steps: verified (where it lies, its SHA-256), inspected (the manifest in its section, without running its code),
//! opened, and then for each instance: config checked, created, started, stopped, destroyed. Every step that runs its
//! code has a time limit. A library is never unloaded.
//!
//! With `abi` and `sdk`, this is the only room with `unsafe` code: every pointer that a library hands over is read here.
#![allow(unsafe_code)]

mod absent;
mod auth;
mod call;
mod declared;
mod downloader;
mod endpoints;
mod failure;
mod file;
mod held;
mod host;
mod loaded;
mod manifest;
mod messenger;
mod quota;
mod reader;
mod storage;
mod thread;
mod waker;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballast_config::{PluginFile, Role};
use ballast_contract::State;
use ballast_contract::endpoints::part::Part;
use serde_json::Value;

pub use manifest::Manifest;

use crate::plugin::{Opened, Refusal};
use auth::LoadedAuth;
use declared::Declared;
use downloader::LoadedDownloader;
use endpoints::LoadedEndpoints;
use quota::LoadedQuota;
use storage::LoadedStorage;

pub(crate) use absent::Absent;

/// How long its steps may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Opening, checking, creating, starting, stopping.
    pub start: Duration,
    /// An answer, or the next piece of a stream.
    pub answer: Duration,
}

impl Limits {
    /// What makes, or copies, a whole object takes longer than what answers.
    pub(crate) fn whole(&self) -> Duration {
        self.answer.saturating_mul(10)
    }
}

/// A library that was verified and inspected.
pub struct Library {
    file: PathBuf,
    sha256: Option<String>,
    manifest: Manifest,
    section: Vec<u8>,
    /// Of endpoints.
    part: Option<Arc<Part>>,
    limits: Limits,
    opened: Mutex<Option<Result<Arc<Declared>, String>>>,
}

/// What became of a line of `plugins.load`, for the log, the audit log and `ballast plugins list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryReport {
    pub file: PathBuf,
    /// Where it was verified.
    pub sha256: Option<String>,
    /// The plugin's id and version, where its manifest could be read.
    pub plugin: Option<(String, String)>,
    /// Why it was refused.
    pub refused: Option<String>,
}

impl Library {
    /// Verifies and inspects the file of a line of `plugins.load`; runs none of its code.
    pub fn inspect(line: &PluginFile) -> Result<Self, String> {
        let path = Path::new(&line.file);
        file::verify_place(path)?;
        if let Some(expected) = &line.sha256 {
            file::verify_digest(path, expected)?;
        }
        let mut library = Self::inspect_anywhere(path)?;
        library.sha256 = line.sha256.as_ref().map(|sha256| sha256.to_ascii_lowercase());
        library.limits = Limits {
            start: Duration::from_secs(line.start_seconds.into()),
            answer: Duration::from_secs(line.answer_seconds.into()),
        };
        Ok(library)
    }

    /// Inspects a file wherever it lies: for an author's own.
    pub fn inspect_anywhere(path: &Path) -> Result<Self, String> {
        let (section, manifest) = manifest::read(path)?;
        let part = manifest.part()?.map(Arc::new);
        let minute = Duration::from_secs(60);
        let limits = Limits { start: minute, answer: minute };
        Ok(Self { file: path.to_owned(), sha256: None, manifest, section, part, limits, opened: Mutex::default() })
    }

    /// Where it lies.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it brings to the document, where it is endpoints.
    pub fn part(&self) -> Option<&Arc<Part>> {
        self.part.as_ref()
    }

    /// The SHA-256 of a file, in hex.
    pub fn digest(path: &Path) -> Result<String, String> {
        file::digest(path)
    }

    pub(crate) fn report(&self) -> LibraryReport {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        LibraryReport {
            file: self.file.clone(),
            sha256: self.sha256.clone(),
            plugin: Some((self.manifest.id.clone(), self.manifest.version.clone())),
            refused: opened.as_ref().and_then(|opened| opened.as_ref().err().cloned()),
        }
    }

    /// The library opened, once in a process.
    async fn opened(&self) -> Result<Arc<Declared>, String> {
        let known = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return known;
        }
        let (file, section) = (self.file.clone(), self.section.clone());
        let open = move || Declared::open(&file, &section);
        let opened = thread::within(self.limits.start, "opening it", open).await.and_then(|opened| opened);
        let opened = opened.map(Arc::new);
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened.clone());
        opened
    }

    /// An instance of it, with keys that fit its schema.
    pub(crate) async fn create(
        &self,
        role: Role,
        instance: &str,
        config: &Value,
        state: Arc<dyn State>,
    ) -> Result<Opened, Refusal> {
        let declared = self.opened().await.map_err(|why| Refusal::plugin(format!("{}: {why}", self.file.display())))?;
        let plugin = self.manifest.id.clone();
        // An instance gets what it requires, and nothing else.
        let state = self.manifest.requires_state().then_some(state);
        let made = declared.create(role, &format!("{role}.{instance}"), plugin, config, self.limits, state).await?;
        let opened = match role {
            Role::Auth => LoadedAuth::new(made).map(|auth| Opened::Auth(Arc::new(auth))),
            Role::Quota => LoadedQuota::new(made).map(|quota| Opened::Quota(Arc::new(quota))),
            Role::Downloader => LoadedDownloader::new(made).map(|one| Opened::Downloader(Arc::new(one))),
            Role::Endpoints => LoadedEndpoints::new(made).map(|endpoints| Opened::Endpoints(Arc::new(endpoints))),
            _ => LoadedStorage::new(made).map(|storage| Opened::Storage(Arc::new(storage))),
        };
        opened.map_err(Refusal::plugin)
    }
}

#[cfg(test)]
mod tests;
