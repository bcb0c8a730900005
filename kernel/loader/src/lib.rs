//! Config in, started plugins out.
//!
//! The life of an instance: its keys are checked against the plugin's schema (pure, no I/O, every mistake of every
//! instance at once), it is opened, started in the order of the roles and within a time limit, asked for its health,
//! and stopped in reverse. The loader names no plugin: `server` hands it the list of built-in ones.

mod builtin;
mod life;
mod plugins;
mod registry;
mod state;

pub use builtin::{Builtin, Deps, Opened, Slots};
pub use life::{InstanceState, StartFailed};
pub use plugins::{Named, Plugins};
pub use registry::Registry;
pub use state::state_of;
