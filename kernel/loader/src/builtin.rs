//! A plugin that is linked into the binary.

use std::sync::Arc;

use ballast_config::{Role, schema_of};
use ballast_contract::auth::Auth;
use ballast_contract::downloader::Downloader;
use ballast_contract::quota::Quota;
use ballast_contract::storage::Storage;
use ballast_contract::versioning::Versioning;
use ballast_contract::{Component, Error, ErrorKind, Result, State};
use ballast_database::Database;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

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
        }
    }

    /// What it can besides its role's common work, in the contract's words.
    pub(crate) fn capabilities(&self) -> Vec<&'static str> {
        let able: Vec<(&str, bool)> = match self {
            Self::Storage(one) => vec![("presign", one.presign().is_some()), ("files", one.files().is_some())],
            Self::Versioning(one) => vec![
                ("git", one.git().is_some()),
                ("rewriting", one.rewriting().is_some()),
                ("upkeep", one.upkeep().is_some()),
            ],
            Self::Auth(one) => {
                vec![("credentials", one.credentials().is_some()), ("policy", one.policy().is_some())]
            }
            Self::Quota(_) | Self::Downloader(_) => vec![],
        };
        able.into_iter().filter(|(_, can)| *can).map(|(word, _)| word).collect()
    }
}

type Open = Box<dyn Fn(Value, Slots) -> BoxFuture<'static, Result<Opened>> + Send + Sync>;

/// A plugin that is linked into the binary: what it is called, what its keys are, how it is opened.
pub struct Builtin {
    id: &'static str,
    role: Role,
    schema: Value,
    check: fn(&Value) -> std::result::Result<(), (String, String)>,
    open: Open,
}

impl Builtin {
    /// Its id: `storage.opendal`.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// It is as old as the hub.
    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The schema of its keys.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// The path below the plugin's keys and the reason where they cannot be read.
    pub(crate) fn check(&self, config: &Value) -> std::result::Result<(), (String, String)> {
        (self.check)(config)
    }

    pub(crate) async fn open(&self, config: Value, slots: Slots) -> Result<Opened> {
        (self.open)(config, slots).await
    }
}

fn read<C: DeserializeOwned>(config: &Value) -> std::result::Result<C, (String, String)> {
    serde_path_to_error::deserialize(config).map_err(|error| (error.path().to_string(), error.into_inner().to_string()))
}

macro_rules! roles {
    ($($name:ident $role:ident $contract:ident: $what:literal;)*) => {
        impl Builtin {
            $(
                #[doc = concat!("A plugin that ", $what, ". `open` does no I/O and answers `Invalid` where its keys make no sense.")]
                pub fn $name<C, P, F>(id: &'static str, open: impl Fn(C, Slots) -> F + Send + Sync + 'static) -> Self
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
                    Self { id, role: Role::$role, schema: schema_of::<C>(), check, open: Box::new(opened) }
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
