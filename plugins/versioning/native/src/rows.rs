//! The engine's rows.

pub mod commits;
pub mod files;
pub mod nodes;
pub mod pushes;
pub mod refs;
pub mod repositories;
pub mod schema;
pub mod trees;
