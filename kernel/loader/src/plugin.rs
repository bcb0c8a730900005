//! A plugin: linked into the binary, or a library that was inspected.

use std::path::Path;
use std::sync::Arc;

use ballast_config::{Role, schema_of};
use ballast_contract::auth::Auth;
use ballast_contract::downloader::Downloader;
use ballast_contract::endpoints::Endpoints;
use ballast_contract::endpoints::part::Part;
use ballast_contract::quota::Quota;
use ballast_contract::storage::Storage;
use ballast_contract::versioning::Versioning;
use ballast_contract::{Component, Error, ErrorKind, Result, State};
use ballast_database::{Database, Migrations};
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::library::{Absent, Library};
use crate::state::Rows;

/// What the hub has for its plugins.
#[derive(Clone)]
pub struct Deps {
    /// The hub's database.
    pub database: Database,
}

/// What one instance of a built-in plugin may use besides its own keys.
#[derive(Clone)]
pub struct Slots {
    /// The hub's database; a plugin has tables of its own in it.
    pub database: Database,
    /// A space of its own, for a plugin that has no tables.
    pub state: Arc<dyn State>,
}

impl Deps {
    /// What this instance gets: `versioning.main`, say.
    pub(crate) fn slots(&self, instance: String) -> Slots {
        Slots { database: self.database.clone(), state: Arc::new(Rows::new(self.database.clone(), instance)) }
    }
}

/// An instance, by its role.
#[derive(Clone)]
pub enum Opened {
    Storage(Arc<dyn Storage>),
    Versioning(Arc<dyn Versioning>),
    Auth(Arc<dyn Auth>),
    Quota(Arc<dyn Quota>),
    Downloader(Arc<dyn Downloader>),
    Endpoints(Arc<dyn Endpoints>),
}

impl Opened {
    /// The part that has a life.
    pub(crate) fn component(&self) -> Arc<dyn Component> {
        match self {
            Self::Storage(instance) => Arc::clone(instance) as _,
            Self::Versioning(instance) => Arc::clone(instance) as _,
            Self::Auth(instance) => Arc::clone(instance) as _,
            Self::Quota(instance) => Arc::clone(instance) as _,
            Self::Downloader(instance) => Arc::clone(instance) as _,
            Self::Endpoints(instance) => Arc::clone(instance) as _,
        }
    }

    /// What it can besides its role's common work, in the contract's words.
    pub(crate) fn capabilities(&self) -> Vec<&'static str> {
        let able: Vec<(&str, bool)> = match self {
            Self::Storage(one) => vec![("presign", one.presign().is_some()), ("files", one.files().is_some())],
            Self::Versioning(one) => vec![
                ("git", one.git().is_some()),
                ("pushes", one.git().is_some_and(|git| git.pushes().is_some())),
                ("rewriting", one.rewriting().is_some()),
                ("upkeep", one.upkeep().is_some()),
                ("relocation", one.relocation().is_some()),
            ],
            Self::Auth(one) => {
                vec![("credentials", one.credentials().is_some()), ("policy", one.policy().is_some())]
            }
            Self::Quota(_) | Self::Downloader(_) | Self::Endpoints(_) => vec![],
        };
        able.into_iter().filter(|(_, can)| *can).map(|(word, _)| word).collect()
    }
}

type Open = Box<dyn Fn(Value, Slots) -> BoxFuture<'static, Result<Opened>> + Send + Sync>;

/// Why there is no instance, and which key says what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Below the instance: `plugin`, `config`, `config.root`.
    pub key: String,
    pub why: String,
}

impl Refusal {
    /// The plugin itself is at fault, or is not there.
    pub(crate) fn plugin(why: impl Into<String>) -> Self {
        Self { key: "plugin".to_owned(), why: why.into() }
    }

    /// Its keys are, as a whole or at this path.
    pub(crate) fn config(path: Option<String>, why: impl Into<String>) -> Self {
        let path = path.filter(|path| path != ".").map(|path| format!("config.{path}"));
        Self { key: path.unwrap_or_else(|| "config".to_owned()), why: why.into() }
    }
}

/// A plugin: what it is called, what its keys are, how it is opened.
pub struct Plugin {
    id: String,
    version: String,
    role: Role,
    schema: Value,
    tables: Option<fn() -> Migrations>,
    source: Source,
}

enum Source {
    Builtin {
        check: fn(&Value) -> std::result::Result<(), (String, String)>,
        open: Open,
    },
    Library(Arc<Library>),
    /// A line of `plugins.load` that was refused, and why.
    Refused(String),
}

impl Plugin {
    /// A library that was inspected.
    pub(crate) fn library(library: Arc<Library>) -> Self {
        let manifest = library.manifest();
        let (id, version, schema) = (manifest.id.clone(), manifest.version.clone(), manifest.config.clone());
        // A manifest without a role does not pass its inspection.
        let role = manifest.role().unwrap_or(Role::Storage);
        Self { id, version, role, schema, tables: None, source: Source::Library(library) }
    }

    /// What stands in a role for a library that was refused.
    pub(crate) fn refused(role: Role, id: &str, why: String) -> Self {
        let (id, version, schema) = (id.to_owned(), "unknown".to_owned(), Value::Bool(true));
        Self { id, version, role, schema, tables: None, source: Source::Refused(why) }
    }

    /// The same plugin, which has tables of its own: an instance brings them up to date when it starts, and so does
    /// whoever copies a database.
    pub fn with_tables(self, migrations: fn() -> Migrations) -> Self {
        Self { tables: Some(migrations), ..self }
    }

    /// Its tables, where it has some.
    pub(crate) fn tables(&self) -> Option<Migrations> {
        self.tables.map(|migrations| migrations())
    }

    /// Its id: `storage.opendal`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// A built-in one is as old as the hub.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The schema of its keys.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// The file that it lies in, unless it is built in.
    pub fn file(&self) -> Option<&Path> {
        match &self.source {
            Source::Library(library) => Some(library.file()),
            Source::Builtin { .. } | Source::Refused(_) => None,
        }
    }

    /// What it brings to the OpenAPI document: nothing, unless it is endpoints.
    pub fn part(&self) -> Option<&Arc<Part>> {
        match &self.source {
            Source::Library(library) => library.part(),
            Source::Builtin { .. } | Source::Refused(_) => None,
        }
    }

    /// The path below the plugin's keys and the reason where they cannot be read, as far as it can be asked without
    /// running foreign code.
    pub(crate) fn check(&self, config: &Value) -> std::result::Result<(), (String, String)> {
        match &self.source {
            Source::Builtin { check, .. } => check(config),
            Source::Library(_) | Source::Refused(_) => Ok(()),
        }
    }

    /// Makes an instance of this name.
    pub(crate) async fn open(&self, name: &str, config: Value, deps: &Deps) -> std::result::Result<Opened, Refusal> {
        match &self.source {
            Source::Builtin { open, .. } => open(config, deps.slots(format!("{}.{name}", self.role)))
                .await
                .map_err(|error| Refusal::config(None, error.context)),
            Source::Library(library) => {
                let state = deps.slots(format!("{}.{name}", self.role)).state;
                library.create(self.role, name, &config, state).await
            }
            Source::Refused(why) => Err(Refusal::plugin(why)),
        }
    }

    /// What stands in the place of an instance that is not required, where its role may come of a library.
    pub(crate) fn absent(&self, why: &str) -> Option<Opened> {
        let absent = Arc::new(Absent { why: why.to_owned() });
        match (&self.source, self.role) {
            (Source::Builtin { .. }, _) | (_, Role::Versioning) => None,
            (_, Role::Storage) => Some(Opened::Storage(absent)),
            (_, Role::Auth) => Some(Opened::Auth(absent)),
            (_, Role::Quota) => Some(Opened::Quota(absent)),
            (_, Role::Downloader) => Some(Opened::Downloader(absent)),
            (_, Role::Endpoints) => Some(Opened::Endpoints(absent)),
        }
    }
}

fn read<C: DeserializeOwned>(config: &Value) -> std::result::Result<C, (String, String)> {
    serde_path_to_error::deserialize(config).map_err(|error| (error.path().to_string(), error.into_inner().to_string()))
}

macro_rules! roles {
    ($($name:ident $role:ident $contract:ident: $what:literal;)*) => {
        impl Plugin {
            $(
                #[doc = concat!("A built-in plugin that ", $what, ". `open` does no I/O and answers `Invalid` where its keys make no sense.")]
                pub fn $name<C, P, F>(id: &str, open: impl Fn(C, Slots) -> F + Send + Sync + 'static) -> Self
                where
                    C: DeserializeOwned + JsonSchema + Send + 'static,
                    P: $contract,
                    F: Future<Output = Result<P>> + Send + 'static,
                {
                    let opened = move |config: Value, slots| -> BoxFuture<'static, Result<Opened>> {
                        let opening = match read::<C>(&config) {
                            Ok(config) => open(config, slots),
                            Err((_, why)) => {
                                let refused = Error::new(ErrorKind::Invalid, concat!(stringify!($name), ".open"), why);
                                return Box::pin(async move { Err(refused) });
                            }
                        };
                        Box::pin(async move { Ok(Opened::$role(Arc::new(opening.await?))) })
                    };
                    let check = |config: &Value| read::<C>(config).map(drop);
                    let version = env!("CARGO_PKG_VERSION").to_owned();
                    let source = Source::Builtin { check, open: Box::new(opened) };
                    Self { id: id.to_owned(), version, role: Role::$role, schema: schema_of::<C>(), tables: None, source }
                }
            )*
        }
    };
}

roles! {
    storage Storage Storage: "keeps bytes";
    versioning Versioning Versioning: "keeps commits, trees and refs";
    auth Auth Auth: "knows who is calling";
    quota Quota Quota: "counts bytes";
    downloader Downloader Downloader: "reads from remote hubs";
}
