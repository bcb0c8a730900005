//! Starting, watching and stopping.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballast_config::Role;
use ballast_contract::{Component, Health};
use futures::future::join_all;
use serde::Serialize;
use tokio::time::timeout;

/// How long the steps of an instance's life may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub start: Duration,
    pub health: Duration,
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { start: Duration::from_secs(120), health: Duration::from_secs(2), stop: Duration::from_secs(30) }
    }
}

/// One instance and how far it has come.
pub(crate) struct Instance {
    pub role: Role,
    pub name: String,
    pub plugin: String,
    pub version: String,
    pub required: bool,
    pub capabilities: Vec<&'static str>,
    pub component: Arc<dyn Component>,
    stage: Mutex<Stage>,
}

#[derive(Clone)]
enum Stage {
    Opened,
    Started,
    Failed(String),
    Stopped,
}

/// How an instance is, for `/readyz` and for administrators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceState {
    /// `storage`, `versioning`, `auth`, `quota`, `downloader` or `endpoints`.
    pub role: &'static str,
    /// Its name in the configuration.
    pub instance: String,
    /// The plugin's id.
    pub plugin: String,
    pub version: String,
    /// Whether the hub is not ready without it.
    pub required: bool,
    /// What it can besides its role's common work.
    pub capabilities: Vec<&'static str>,
    #[serde(flatten)]
    pub health: Health,
}

/// A required instance did not start; those before it have been stopped again.
#[derive(Debug, thiserror::Error)]
#[error("{role}.{instance} ({plugin}) did not start: {why}")]
pub struct StartFailed {
    pub role: Role,
    pub instance: String,
    pub plugin: String,
    pub why: String,
}

impl Instance {
    pub(crate) fn new(
        role: Role,
        name: &str,
        (plugin, version): (&str, &str),
        required: bool,
        (component, capabilities): (Arc<dyn Component>, Vec<&'static str>),
    ) -> Self {
        let stage = Mutex::new(Stage::Opened);
        let (plugin, version) = (plugin.to_owned(), version.to_owned());
        Self { role, name: name.to_owned(), plugin, version, required, capabilities, component, stage }
    }

    fn stage(&self) -> Stage {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    async fn start(&self, limit: Duration) -> Result<(), String> {
        let outcome = match timeout(limit, self.component.start()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it took longer than {} seconds", limit.as_secs())),
        };
        self.set(outcome.clone().map_or_else(Stage::Failed, |()| Stage::Started));
        outcome
    }

    async fn health(&self, limit: Duration) -> Health {
        match self.stage() {
            Stage::Opened => Health::Unavailable("it has not started yet".to_owned()),
            Stage::Failed(why) => Health::Unavailable(format!("it did not start: {why}")),
            Stage::Stopped => Health::Unavailable("it has been stopped".to_owned()),
            Stage::Started => match timeout(limit, self.component.health()).await {
                Ok(health) => health,
                Err(_) => Health::Unavailable(format!("it did not answer within {} seconds", limit.as_secs())),
            },
        }
    }
}

/// Starts all, in order. Where a required one fails, what has started is stopped again.
pub(crate) async fn start(instances: &[Instance], limits: Limits) -> Result<(), StartFailed> {
    for instance in instances {
        let Err(why) = instance.start(limits.start).await else {
            tracing::debug!(plugin = instance.plugin, %instance, "started");
            continue;
        };
        if instance.required {
            stop(instances, limits).await;
            let (role, name, plugin) = (instance.role, instance.name.clone(), instance.plugin.clone());
            return Err(StartFailed { role, instance: name, plugin, why });
        }
        tracing::warn!(plugin = instance.plugin, %instance, why, "did not start, and is not required");
    }
    Ok(())
}

/// Stops all that were asked to start, in reverse order.
pub(crate) async fn stop(instances: &[Instance], limits: Limits) {
    for instance in instances.iter().rev() {
        if matches!(instance.stage(), Stage::Opened | Stage::Stopped) {
            continue;
        }
        if timeout(limits.stop, instance.component.stop()).await.is_err() {
            tracing::warn!(plugin = instance.plugin, %instance, "did not stop in time");
        }
        instance.set(Stage::Stopped);
    }
}

/// The state of all, asked at the same time.
pub(crate) async fn states(instances: &[Instance], limits: Limits) -> Vec<InstanceState> {
    let healths = join_all(instances.iter().map(|instance| instance.health(limits.health))).await;
    let state = |(instance, health): (&Instance, Health)| InstanceState {
        role: instance.role.as_str(),
        instance: instance.name.clone(),
        plugin: instance.plugin.clone(),
        version: instance.version.clone(),
        required: instance.required,
        capabilities: instance.capabilities.clone(),
        health,
    };
    instances.iter().zip(healths).map(state).collect()
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.role, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_contract::{Error, ErrorKind, Result};

    /// Writes down what is done to it.
    struct Fake {
        name: &'static str,
        diary: Arc<Mutex<Vec<String>>>,
        start: Start,
    }

    #[derive(Clone, Copy)]
    enum Start {
        Works,
        Fails,
        Hangs,
    }

    #[async_trait::async_trait]
    impl Component for Fake {
        async fn start(&self) -> Result<()> {
            self.diary.lock().unwrap().push(format!("start {}", self.name));
            match self.start {
                Start::Works => Ok(()),
                Start::Fails => Err(Error::new(ErrorKind::Unavailable, "fake.start", "nobody home")),
                Start::Hangs => std::future::pending().await,
            }
        }

        async fn stop(&self) {
            self.diary.lock().unwrap().push(format!("stop {}", self.name));
        }
    }

    struct Scene {
        instances: Vec<Instance>,
        diary: Arc<Mutex<Vec<String>>>,
    }

    fn scene(starts: [Start; 3], required: bool) -> Scene {
        let diary = Arc::default();
        let fake = |(i, start)| {
            let name = ["a", "b", "c"][i];
            let component = Arc::new(Fake { name, diary: Arc::clone(&diary), start });
            Instance::new(Role::Storage, name, ("storage.fake", "1"), required, (component, vec!["presign"]))
        };
        Scene { instances: starts.into_iter().enumerate().map(fake).collect(), diary }
    }

    impl Scene {
        async fn states(&self) -> Vec<Health> {
            states(&self.instances, Limits::default()).await.into_iter().map(|state| state.health).collect()
        }

        fn diary(&self) -> Vec<String> {
            self.diary.lock().unwrap().clone()
        }
    }

    #[tokio::test]
    async fn instances_start_in_order_and_stop_in_reverse_once() {
        let scene = scene([Start::Works; 3], true);
        start(&scene.instances, Limits::default()).await.unwrap();
        assert_eq!(scene.states().await, [Health::Ready, Health::Ready, Health::Ready]);
        stop(&scene.instances, Limits::default()).await;
        stop(&scene.instances, Limits::default()).await;
        assert_eq!(scene.diary(), ["start a", "start b", "start c", "stop c", "stop b", "stop a"]);
    }

    #[tokio::test]
    async fn a_required_instance_that_fails_ends_the_start_and_stops_what_ran() {
        let scene = scene([Start::Works, Start::Fails, Start::Works], true);
        let error = start(&scene.instances, Limits::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "storage.b (storage.fake) did not start: fake.start: nobody home");
        assert_eq!(scene.diary(), ["start a", "start b", "stop b", "stop a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_is_not_required_may_fail_or_hang() {
        let scene = scene([Start::Fails, Start::Hangs, Start::Works], false);
        start(&scene.instances, Limits::default()).await.unwrap();
        let unavailable = |why: &str| Health::Unavailable(format!("it did not start: {why}"));
        let expected =
            [unavailable("fake.start: nobody home"), unavailable("it took longer than 120 seconds"), Health::Ready];
        assert_eq!(scene.states().await, expected);
    }

    #[tokio::test]
    async fn a_state_is_one_flat_object_on_the_wire() {
        let scene = scene([Start::Fails, Start::Works, Start::Works], false);
        start(&scene.instances, Limits::default()).await.unwrap();
        let states = states(&scene.instances, Limits::default()).await;
        let expected = serde_json::json!({
            "role": "storage", "instance": "a", "plugin": "storage.fake", "version": "1", "required": false,
            "capabilities": ["presign"],
            "state": "unavailable", "reason": "it did not start: fake.start: nobody home",
        });
        assert_eq!(serde_json::to_value(&states[0]).unwrap(), expected);
    }
}
