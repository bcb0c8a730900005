//! A library tried out by itself: instances of it, made anew as often as wanted.

use std::sync::Arc;

use ballast_config::{Loaded, PluginConfig, Problem, Problems, Role};
use ballast_contract::State;
use ballast_contract::endpoints::part::Part;
use serde_json::{Map, Value};

use crate::registry::Plan;
use crate::{Library, Opened, Plugin, Registry};

/// An instance that can be made.
pub struct Trial {
    library: Arc<Library>,
    /// What it is for.
    pub role: Role,
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
        let role = library.manifest().role().unwrap_or(Role::Storage);
        let named = loaded.config.instances(role).iter().filter(|(_, instance)| instance.plugin == id);
        let mut instances: Vec<(&str, &PluginConfig)> =
            named.map(|(name, instance)| (name.as_str(), instance)).collect();
        if instances.is_empty() {
            instances.push(("trial", &bare));
        }
        let mut plan = Plan::default();
        for (name, instance) in instances {
            registry.plan_instance(loaded, role, name, instance, &mut plan);
        }
        Problems::check(plan.mistakes.into_iter().chain(plan.unreadable).collect())?;
        let made = plan.instances.into_iter().map(|planned| (planned.instance.to_owned(), planned.config));
        Ok(made.map(|(name, config)| Self { library: Arc::clone(&library), role, name, config }).collect())
    }

    /// What it brings to the OpenAPI document, where it is endpoints.
    pub fn part(&self) -> Option<&Part> {
        self.library.part().map(Arc::as_ref)
    }

    /// A new instance with this space, not started.
    pub async fn open(&self, loaded: &Loaded, state: Arc<dyn State>) -> Result<Opened, Problems> {
        let opened = self.library.create(self.role, &self.name, &self.config, state).await;
        opened.map_err(|refused| {
            let key = format!("{}.{}.{}", self.role, self.name, refused.key);
            Problems(vec![Problem::new(key.clone(), loaded.origins.of_key(&key), refused.why)])
        })
    }
}
