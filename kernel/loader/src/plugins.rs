//! The instances of a hub, by role.

use std::fmt;
use std::sync::Arc;

use ballast_config::{Loaded, Problem, Problems, Role};
use ballast_contract::auth::Auth;
use ballast_contract::downloader::Downloader;
use ballast_contract::endpoints::Endpoints;
use ballast_contract::quota::Quota;
use ballast_contract::storage::Storage;
use ballast_contract::versioning::Versioning;

use crate::life::{self, Instance, Limits};
use crate::registry::{Planned, choose};
use crate::{Deps, InstanceState, Opened, Registry, StartFailed};

/// An instance with its name in the configuration.
pub struct Named<T: ?Sized> {
    pub name: String,
    pub instance: Arc<T>,
}

/// Every instance of the configuration, opened.
pub struct Plugins {
    /// Where uploads go.
    pub storage: Named<dyn Storage>,
    /// Every store, that one included.
    pub storages: Vec<Named<dyn Storage>>,
    /// What keeps the commits.
    pub versioning: Named<dyn Versioning>,
    /// Every engine, that one included.
    pub versionings: Vec<Named<dyn Versioning>>,
    /// Asked in this order.
    pub auth: Vec<Named<dyn Auth>>,
    pub quota: Named<dyn Quota>,
    pub downloaders: Vec<Named<dyn Downloader>>,
    pub endpoints: Vec<Named<dyn Endpoints>>,
    instances: Vec<Instance>,
}

impl Plugins {
    /// Checks and opens every instance; nothing has started. All mistakes of all instances are answered together,
    /// secrets that cannot be read among them.
    pub async fn open(registry: &Registry, loaded: &Loaded, deps: &Deps) -> Result<Self, Problems> {
        let (roles, unreadable) = Roles::open(registry, loaded, deps).await?;
        Problems::check(unreadable)?;
        roles.into_plugins(loaded)
    }

    /// Whether every instance could be opened, as far as can be said without starting one. Answers the secrets that
    /// cannot be read here and now; a mark stood in for them.
    pub async fn check(registry: &Registry, loaded: &Loaded, deps: &Deps) -> Result<Vec<Problem>, Problems> {
        let (roles, unreadable) = Roles::open(registry, loaded, deps).await?;
        roles.into_plugins(loaded).map(|_| unreadable)
    }

    /// Starts every instance, in the order of the roles.
    pub async fn start(&self) -> Result<(), StartFailed> {
        life::start(&self.instances, Limits::default()).await
    }

    /// Stops what was started, in reverse. Idempotent.
    pub async fn stop(&self) {
        life::stop(&self.instances, Limits::default()).await;
    }

    /// How every instance is now.
    pub async fn states(&self) -> Vec<InstanceState> {
        life::states(&self.instances, Limits::default()).await
    }
}

#[derive(Default)]
struct Roles {
    storages: Vec<Named<dyn Storage>>,
    versionings: Vec<Named<dyn Versioning>>,
    auth: Vec<Named<dyn Auth>>,
    quotas: Vec<Named<dyn Quota>>,
    downloaders: Vec<Named<dyn Downloader>>,
    endpoints: Vec<Named<dyn Endpoints>>,
    instances: Vec<Instance>,
}

impl Roles {
    async fn open(registry: &Registry, loaded: &Loaded, deps: &Deps) -> Result<(Self, Vec<Problem>), Problems> {
        let plan = registry.plan(loaded);
        Problems::check(plan.mistakes)?;
        let mut roles = Self::default();
        let mut problems = Vec::new();
        for planned in plan.instances {
            let (plugin, name) = (planned.plugin, planned.instance);
            let opened = plugin.open(name, planned.config.clone(), deps).await;
            let opened = opened.or_else(|refusal| {
                let absent = if planned.required { None } else { plugin.absent(&refusal.why) };
                absent.ok_or(refusal)
            });
            match opened {
                Ok(instance) => roles.add(&planned, instance),
                Err(refusal) => {
                    let key = format!("{}.{name}.{}", plugin.role(), refusal.key);
                    problems.push(Problem::new(key.clone(), loaded.origins.of_key(&key), refusal.why));
                }
            }
        }
        Problems::check(problems).map(|()| (roles, plan.unreadable))
    }

    fn add(&mut self, planned: &Planned<'_>, opened: Opened) {
        let plugin = planned.plugin;
        let kind = (plugin.id(), plugin.version());
        let part = (opened.component(), opened.capabilities());
        self.instances.push(Instance::new(plugin.role(), planned.instance, kind, planned.required, part));
        let name = planned.instance.to_owned();
        match opened {
            Opened::Storage(instance) => self.storages.push(Named { name, instance }),
            Opened::Versioning(instance) => self.versionings.push(Named { name, instance }),
            Opened::Auth(instance) => self.auth.push(Named { name, instance }),
            Opened::Quota(instance) => self.quotas.push(Named { name, instance }),
            Opened::Downloader(instance) => self.downloaders.push(Named { name, instance }),
            Opened::Endpoints(instance) => self.endpoints.push(Named { name, instance }),
        }
    }

    fn into_plugins(self, loaded: &Loaded) -> Result<Plugins, Problems> {
        Ok(Plugins {
            storage: chosen(loaded, Role::Storage, &self.storages)?,
            versioning: chosen(loaded, Role::Versioning, &self.versionings)?,
            quota: chosen(loaded, Role::Quota, &self.quotas)?,
            storages: self.storages,
            versionings: self.versionings,
            auth: self.auth,
            downloaders: self.downloaders,
            endpoints: self.endpoints,
            instances: self.instances,
        })
    }
}

fn chosen<T: ?Sized>(loaded: &Loaded, role: Role, all: &[Named<T>]) -> Result<Named<T>, Problems> {
    let name = choose(loaded, role).map_err(|problem| Problems(vec![problem]))?;
    let found = all.iter().find(|named| Some(named.name.as_str()) == name).cloned();
    let missing = || Problem::new(role.as_str(), loaded.origins.of_key(role.as_str()), "the hub needs an instance");
    found.ok_or_else(|| Problems(vec![missing()]))
}

impl<T: ?Sized> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), instance: Arc::clone(&self.instance) }
    }
}

impl<T: ?Sized> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
