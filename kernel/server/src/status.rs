//! What the server knows of itself: `/readyz` and `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use ballast_api::{PartState, PluginState, Status};
use ballast_contract::Health;
use ballast_loader::{InstanceState, Plugins};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::exit::Exit;

/// Counts into this process from now on. Called once.
pub fn record() -> Result<PrometheusHandle, Exit> {
    // From a warm read to a long upload, in seconds.
    const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
    builder.and_then(PrometheusBuilder::install_recorder).map_err(Exit::failure)
}

/// A serving hub.
pub struct Serving {
    plugins: Arc<Plugins>,
    metrics: PrometheusHandle,
    accepting: AtomicBool,
}

impl Serving {
    /// A hub that takes requests until [`drain`](Self::drain).
    pub fn new(plugins: Arc<Plugins>, metrics: PrometheusHandle) -> Self {
        Self { plugins, metrics, accepting: AtomicBool::new(true) }
    }

    /// From now on, new requests should go elsewhere.
    pub fn drain(&self) {
        self.accepting.store(false, Ordering::Relaxed);
    }

    /// Keeps what is counted from growing with time; to be called now and then.
    pub fn tidy(&self) {
        self.metrics.run_upkeep();
    }
}

#[async_trait]
impl Status for Serving {
    async fn parts(&self) -> Vec<PartState> {
        self.plugins.states().await.into_iter().map(part).collect()
    }

    async fn plugins(&self) -> Vec<PluginState> {
        self.plugins.states().await.into_iter().map(plugin).collect()
    }

    fn accepting(&self) -> bool {
        self.accepting.load(Ordering::Relaxed)
    }

    fn metrics(&self) -> String {
        self.metrics.render()
    }
}

fn plugin(state: InstanceState) -> PluginState {
    let (word, reason) = match state.health {
        Health::Ready => ("ready", None),
        Health::Degraded(reason) => ("degraded", Some(reason)),
        Health::Unavailable(reason) => ("unavailable", Some(reason)),
    };
    PluginState {
        role: state.role.to_owned(),
        instance: state.instance,
        plugin: state.plugin,
        version: state.version,
        required: state.required,
        state: word,
        reason,
        capabilities: state.capabilities,
    }
}

/// An instance that does part of its work is ready, and so is the hub without an instance that it does not require.
fn part(state: InstanceState) -> PartState {
    let (working, reason) = match state.health {
        Health::Ready => (true, None),
        Health::Degraded(reason) => (true, Some(reason)),
        Health::Unavailable(reason) => (false, Some(reason)),
    };
    PartState { name: format!("{}.{}", state.role, state.instance), ready: working || !state.required, reason }
}
