//! What the black-box tests share: a real `ballast` in a folder of its own, and a client that sends exactly the bytes
//! it is given.
//!
//! Nothing here is clever on the server's behalf. The client opens a connection for each request, does not follow
//! redirects and does not tidy up addresses, so that a test sees what is on the wire.

pub mod bucket;
mod command;
mod deployment;
mod faults;
mod http;
mod hub;
mod lakefs;
pub mod lines;
mod mailbox;
mod part_upload;
mod platters;
mod postgres_server;
mod receiver;
mod remote_hub;
mod repository;
mod rows;
mod session;
pub mod unruly;
mod watcher;

pub use ballast_testkit::Random;
pub use command::Outcome;
pub use deployment::{Deployment, program};
pub use faults::{DiskError, Faults, Moment, Synced};
pub use http::{Answer, Client, PNG, Request, encoded, read_answer};
pub use hub::Hub;
pub use lakefs::{LAKEFS_KEY, LAKEFS_SECRET, LakeAsked, LakeFault, LakeServer};
pub use mailbox::{Mailbox, Received};
pub use part_upload::PartUpload;
pub use platters::Platters;
pub use postgres_server::PostgresServer;
pub use receiver::{Delivered, Receiver};
pub use remote_hub::{Asked, Manner, REMOTE_COMMIT, RemoteHub};
pub use repository::{Repository, sha256, unique};
pub use rows::{Postgres, Rows};
pub use session::Session;
pub use watcher::Watcher;
