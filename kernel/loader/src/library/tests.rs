//! A plugin of this very program behind its C tables: what both sides do with older and newer tables, with panics, and
//! with calls that are given up.
#![allow(clippy::unwrap_used)]

mod endpoints;
mod given_up;
#[path = "../../../../tests/plugins/misbehaving/src/memory.rs"]
mod memory;
mod messages;
mod negotiation;

use std::sync::Arc;

use ballast_abi::Declaration;
use ballast_contract::storage::{Storage, StorageKey};
use ballast_contract::{Page, State, Versioned, WriteIf};
use ballast_sdk::export::{Exported, declaration};
use ballast_sdk::{Exports, Polling, Slots};
use serde::Deserialize;
use serde_json::json;

use super::*;
use memory::Memory;

const MANIFEST: &str =
    r#"{"abi": {"major": 1, "minor": 0}, "id": "storage.memory", "version": "1", "roles": ["storage"]}"#;

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoKeys {}

struct Inline;
struct Spawned;

impl Exported for Inline {
    type Config = NoKeys;
    const ROLE: &'static str = "storage";
    const POLLING: Polling = Polling::Inline;

    fn open(_: NoKeys, _: Slots) -> ballast_contract::Result<Exports> {
        Ok(Exports::Storage(Arc::new(Memory::default())))
    }
}

impl Exported for Spawned {
    type Config = NoKeys;
    const ROLE: &'static str = "storage";
    const POLLING: Polling = Polling::Spawn;

    fn open(_: NoKeys, _: Slots) -> ballast_contract::Result<Exports> {
        Ok(Exports::Storage(Arc::new(Memory::default())))
    }
}

static INLINE: Declaration = declaration::<Inline>(MANIFEST.as_bytes());
static SPAWNED: Declaration = declaration::<Spawned>(MANIFEST.as_bytes());

/// A space that nobody should ask.
struct NoState;

#[async_trait::async_trait]
impl State for NoState {
    async fn get(&self, _: &str) -> ballast_contract::Result<Option<Versioned>> {
        panic!("it was not required")
    }

    async fn apply(&self, _: Vec<WriteIf>) -> ballast_contract::Result<bool> {
        panic!("it was not required")
    }

    async fn scan(&self, _: &str, _: Option<String>, _: usize) -> ballast_contract::Result<Page<(String, Versioned)>> {
        panic!("it was not required")
    }
}

fn key(text: &str) -> StorageKey {
    text.parse().unwrap()
}

/// A library that is opened already.
fn library(declaration: &'static Declaration) -> Result<Library, String> {
    opened(declaration, MANIFEST, Duration::from_secs(1))
}

fn opened(declaration: &'static Declaration, manifest: &str, limit: Duration) -> Result<Library, String> {
    let declared = unsafe { Declared::read(declaration, manifest.as_bytes()) }?;
    let said: Manifest = serde_json::from_str(manifest).unwrap();
    Ok(Library {
        file: "/memory.so".into(),
        sha256: None,
        part: said.part()?.map(Arc::new),
        manifest: said,
        section: manifest.as_bytes().to_vec(),
        limits: Limits { start: limit, answer: limit },
        opened: Mutex::new(Some(Ok(Arc::new(declared)))),
    })
}

/// An instance, not started.
async fn instance(declaration: &'static Declaration) -> Result<Arc<dyn Storage>, String> {
    match library(declaration)?.create(Role::Storage, "main", &json!({}), Arc::new(NoState)).await {
        Ok(Opened::Storage(storage)) => Ok(storage),
        Ok(_) => Err("another role".to_owned()),
        Err(refusal) => Err(format!("{}: {}", refusal.key, refusal.why)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_behind_its_tables_conforms() {
    ballast_testkit::storage::conforms(async || (instance(&INLINE).await.unwrap(), ())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_that_runs_on_its_own_threads_conforms() {
    ballast_testkit::storage::conforms(async || (instance(&SPAWNED).await.unwrap(), ())).await;
}

#[tokio::test]
async fn keys_that_the_plugin_cannot_read_are_named() {
    let library = library(&INLINE).unwrap();
    let refused = library.create(Role::Storage, "main", &json!({ "root": 1 }), Arc::new(NoState)).await.err().unwrap();
    assert_eq!(
        (refused.key.as_str(), refused.why.contains("unknown field `root`")),
        ("config.root", true),
        "{}",
        refused.why
    );
}

#[tokio::test]
async fn nothing_is_asked_of_an_instance_that_has_not_started() {
    let storage = instance(&INLINE).await.unwrap();
    let refused = storage.stat(&key("a")).await.unwrap_err();
    assert_eq!(refused.to_string(), "storage.stat: the instance has not started");
}
