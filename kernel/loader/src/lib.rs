//! Config in, started plugins out.
//!
//! The life of an instance: its keys are checked against the plugin's schema (pure, no I/O, every mistake of every
//! instance at once), it is opened, started in the order of the roles and within a time limit, asked for its health,
//! and stopped in reverse. The loader names no plugin: `server` hands it the list of built-in ones, and the configuration
//! the libraries (`library.rs`).

mod library;
mod life;
mod plugin;
mod plugins;
mod registry;
mod state;
mod trial;

pub use library::{Library, LibraryReport, Manifest};
pub use life::{InstanceState, StartFailed};
pub use plugin::{Deps, Opened, Plugin, Slots};
pub use plugins::{Named, Plugins};
pub use registry::Registry;
pub use state::state_of;
pub use trial::Trial;
