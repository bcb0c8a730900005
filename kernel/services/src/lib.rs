//! The verbs of the hub, one file each: what somebody may ask for, in the hub's own nouns.
//!
//! A caller does not check a permission: it asks [`Hub`] for a handle ([`Readable`], [`Writable`], [`Administering`],
//! or a [`Ticket`]), and the handle's methods are what it may call. Every write is an operation that recovery can
//! conclude; `operation.rs` has the protocol.

mod accounts;
mod bootstrap;
mod caller;
mod card;
mod collect;
mod create_commit;
mod create_repository;
mod delete_repository;
mod failure;
mod grant;
mod hub;
mod lfs_batch;
mod lfs_rules;
mod list_commits;
mod list_repositories;
mod operation;
mod paging;
mod patterns;
mod plan_collection;
mod preupload;
mod read_tree;
mod receive_object;
mod recover;
mod refs;
mod repository_info;
mod resolve_file;
mod small_files;
mod storage_stats;
mod ticket;
mod validate_card;
mod verify_storage;
mod whoami;
mod xet;

pub use accounts::{CreatedToken, NewAccount, Operator};
pub use ballast_catalog::{OrgRole, User};
pub use ballast_content::{BlobStory, Checks, Delivery, Depth, HolderStory, LeaseStory, ObjectStory, XetStats};
pub use ballast_contract::Page;
pub use bootstrap::{Bootstrap, DeclaredMember, DeclaredOrganization, DeclaredToken, DeclaredUser};
pub use caller::Caller;
pub use card::Card;
pub use collect::Collected;
pub use create_commit::{CommitHeader, CommitOperation, CommitOutcome};
pub use create_repository::{NewRepository, RepositoryName};
pub use failure::{Failure, Result};
pub use grant::{Administering, Readable, Writable};
pub use hub::{Clock, Deduplication, Hub, LfsSettings, Parts, Settings};
pub use lfs_batch::{LfsDownload, LfsObject, LfsUpload};
pub use list_repositories::{ListQuery, Sort};
pub use plan_collection::{Explained, Holder, Outlook, Plan};
pub use preupload::{PreuploadAnswer, PreuploadFile};
pub use read_tree::{TreeEntry, TreeOptions, TreePage};
pub use refs::Refs;
pub use repository_info::RepositoryInfo;
pub use resolve_file::ResolvedFile;
pub use storage_stats::Stats;
pub use ticket::{Purpose, Ticket};
pub use validate_card::CardReport;
pub use verify_storage::{Finding, Progress, Severity, Told, VerifyOptions, What};
pub use whoami::{Membership, Whoami};
pub use xet::{ToFetch, WayToBytes, XetReader, XetToken, XetWriter};
