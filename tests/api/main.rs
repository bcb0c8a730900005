//! The hub as its clients see it: the real binary, over HTTP, one file per subject.
//!
//! A test asks for exactly one thing to be true, and of everything that is refused it asks for the status, the code,
//! the sentence, and that nothing was changed.

#![allow(clippy::unwrap_used)]

mod bodies;
mod bootstrap;
mod command_line;
mod commits;
mod databases;
mod document;
mod names;
mod parts;
mod paths;
mod preupload;
mod quota;
mod ranges;
mod refs;
mod repositories;
mod restart;
mod roles;
mod rust_client;
mod site;
mod statements;
mod trees;
mod uploads;
mod visibility;
mod xet;
