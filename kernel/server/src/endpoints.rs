//! Operations that plugins bring: which there are, and the document with them.

use ballast_api::Mounted;
use ballast_config::{Loaded, Problem};
use ballast_loader::Registry;
use serde_json::Value;

/// What the configuration brings; none of the plugins' code runs.
pub fn mounted(registry: &Registry, loaded: &Loaded) -> Vec<Mounted> {
    let one = |(instance, plugin): (&str, &ballast_loader::Plugin)| Mounted {
        instance: instance.to_owned(),
        plugin: plugin.id().to_owned(),
        part: plugin.part().cloned(),
    };
    registry.endpoints(loaded).map(one).collect()
}

/// The document of the deployment, or the instance that does not fit into it.
pub fn document(registry: &Registry, loaded: &Loaded) -> Result<Value, Problem> {
    ballast_api::document_with(&mounted(registry, loaded)).map_err(|(instance, why)| {
        let key = format!("endpoints.{instance}.plugin");
        Problem::new(key.clone(), loaded.origins.of_key(&key), why)
    })
}
