//! A library tried out by itself: instances of it, made anew as often as wanted.

use std::sync::Arc;

use ballast_config::{Loaded, PluginConfig, Problem, Problems, Role};
use ballast_contract::storage::Storage;
use serde_json::{Map, Value};

use crate::registry::Plan;
use crate::{Library, Opened, Plugin, Registry};

/// An instance that can be made.
pub struct Trial {
    library: Arc<Library>,
    /// Its name in the configuration.
    pub name: String,
    config: Value,
}

impl Trial {
    /// Every instance of a configuration that names the library's plugin; where there is none, one without keys.
    pub fn all(library: Library, loaded: &Loaded) -> Result<Vec<Self>, Problems> {
        let library = Arc::new(library);
        let registry = Registry::new(vec![Plugin::library(Arc::clone(&library))]);
        let id = library.manifest().id.clone();
        let bare = PluginConfig { plugin: id.clone(), required: true, config: Map::new() };
        let named = loaded.config.instances(Role::Storage).iter().filter(|(_, instance)| instance.plugin == id);
        let mut instances: Vec<(&str, &PluginConfig)> =
            named.map(|(name, instance)| (name.as_str(), instance)).collect();
        if instances.is_empty() {
            instances.push(("trial", &bare));
        }
        let mut plan = Plan::default();
        for (name, instance) in instances {
            registry.plan_instance(loaded, Role::Storage, name, instance, &mut plan);
        }
        Problems::check(plan.mistakes.into_iter().chain(plan.unreadable).collect())?;
        let made = plan.instances.into_iter().map(|planned| (planned.instance.to_owned(), planned.config));
        Ok(made.map(|(name, config)| Self { library: Arc::clone(&library), name, config }).collect())
    }

    /// A new instance, not started.
    pub async fn storage(&self, loaded: &Loaded) -> Result<Arc<dyn Storage>, Problems> {
        let refused = match self.library.create(Role::Storage, &self.name, &self.config).await {
            Ok(Opened::Storage(storage)) => return Ok(storage),
            Ok(_) => crate::plugin::Refusal::plugin("it is no storage"),
            Err(refused) => refused,
        };
        let key = format!("storage.{}.{}", self.name, refused.key);
        Err(Problems(vec![Problem::new(key.clone(), loaded.origins.of_key(&key), refused.why)]))
    }
}
