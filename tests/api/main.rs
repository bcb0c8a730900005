//! The hub as its clients see it: the real binary, over HTTP, one file per subject.
//!
//! A test asks for exactly one thing to be true, and of everything that is refused it asks for the status, the code,
//! the sentence, and that nothing was changed.

#![allow(clippy::unwrap_used)]

mod administration;
mod audit;
mod authorisation;
mod bodies;
mod bootstrap;
mod collections;
mod command_line;
mod commits;
mod databases;
mod device;
mod discussions;
mod document;
mod gated;
mod imports;
mod invitations;
mod jobs;
mod large_files;
mod mail;
mod mirror;
mod moving;
mod names;
mod organizations;
mod parts;
mod paths;
mod people;
mod preupload;
mod proposals;
mod quota;
mod quota_routes;
mod ranges;
mod rate_limits;
mod refs;
mod repositories;
mod restart;
mod rewriting;
mod roles;
mod rust_client;
mod sessions;
mod settings;
mod site;
mod social;
mod ssh_keys;
mod statements;
mod tags;
mod trees;
mod uploads;
mod versions;
mod visibility;
mod webhooks;
mod xet;
