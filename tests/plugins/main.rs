//! Plugins of others: built in their own workspaces, loaded by the configuration, used by the hub, and broken in every
//! way that there is. And the downloader, against a remote hub that the harness plays.
#![allow(clippy::unwrap_used)]

mod author;
mod built;
mod downloader;
mod endpoints;
mod faults;
mod hub;
mod refused;
mod roles;
