//! The verbs of the hub, one file each: what somebody may ask for, in the hub's own nouns.
//!
//! A caller does not check a permission: it asks [`Hub`] for a handle ([`Readable`], [`Downloadable`], [`Proposing`],
//! [`Committing`], [`Writable`], [`Administering`], or a [`Ticket`]), and the handle's methods are what it may call. Every
//! write is an operation that recovery can conclude; `operation.rs` has the protocol.

mod access_requests;
mod accounts;
mod administration;
mod ask_endpoint;
mod attempts;
mod audit;
mod avatar;
mod bootstrap;
mod caller;
mod card;
mod change_discussion;
mod change_settings;
mod check_name;
mod collect;
mod collections;
mod committing;
mod compare;
mod create_commit;
mod create_repository;
mod cut_uploads;
mod delete_repository;
mod device_login;
mod discussions;
mod downloads;
mod duplicate_repository;
mod failure;
mod git_fetch;
mod git_push;
mod grant;
mod hub;
mod imports;
mod index_card;
mod invitations;
mod jobs;
mod large_files;
mod lend_files;
mod lfs_batch;
mod lfs_locks;
mod lfs_rules;
mod likes;
mod list_commits;
mod list_repositories;
mod login;
mod mail;
mod mail_links;
mod members;
mod merge_branch;
mod merge_pull_request;
mod migrate_storage;
mod migrate_versioning;
mod mirror;
mod move_repository;
mod open_discussion;
mod operation;
mod organizations;
mod paging;
mod pass;
mod patterns;
mod place_repository;
mod plan_collection;
mod preupload;
mod profile;
mod propose_commit;
mod provision;
mod prune_versions;
mod quotas;
mod random;
mod read_tree;
mod reading;
mod receive_object;
mod recover;
mod refs;
mod register;
mod repository_info;
mod reset_branch;
mod resolve_file;
mod revert_commit;
mod rewrite_branch;
mod small_files;
mod ssh_keys;
mod storage_stats;
mod super_squash;
mod text_diff;
mod ticket;
mod tokens;
mod validate_card;
mod verify_storage;
mod webhooks;
mod whoami;
mod xet;

pub use access_requests::{AccessAsked, AccessStatus};
pub use accounts::{CreatedToken, NewAccount, Operator};
pub use administration::{
    AccountAbout, AccountPatch, Administrator, AuditReport, BrokenChain, DirectoryQuery, ListedInvitation,
    OperationAbout, OrganizationAccount, RecalculationProgress, RepositoryAbout, RepositoryFilter, RepositoryOrder,
    Statistics,
};
pub use ask_endpoint::Asking;
pub use audit::Trace;
pub use ballast_catalog::{
    AuditContent, AuditFilter, AuditOutcome, AuditRecord, Avatar, Census, Comment, Daily, Day, Discussion,
    DiscussionEvent, DiscussionPage, DiscussionStatus, Happening, HappeningKey, Import, ImportProgress, ImportWish,
    Job, JobFileStatus, JobProgress, JobStatus, JobWish, LfsLock, NamespaceKind, OrgRole, Organization, Profile,
    ProfilePatch, Totals, User, Uses,
};
pub use ballast_content::{
    BlobStory, Checks, Delivery, Depth, HolderStory, LeaseStory, ObjectStory, Rebuilding, Share, XetStats,
};
pub use ballast_contract::Page;
pub use ballast_contract::downloader::{SourceAccess, SourceProfile};
pub use ballast_landing::{Cache, CachedFile, CachedRepository, CachedSnapshot, Throttle};
pub use bootstrap::{Bootstrap, DeclaredMember, DeclaredOrganization, DeclaredToken, DeclaredUser};
pub use caller::Caller;
pub use card::Card;
pub use change_settings::{Gated, SettingsPatch};
pub use check_name::NameCheck;
pub use collect::Collected;
pub use collections::{
    Collection, CollectionChange, CollectionFilter, CollectionItem, CollectionKey, CollectionRequest, CollectionView,
    ReadableCollection, WritableCollection,
};
pub use compare::{Comparison, FileChange, Texts};
pub use create_commit::{CommitHeader, CommitOperation, CommitOutcome};
pub use create_repository::{NewRepository, RepositoryName};
pub use cut_uploads::CutUploads;
pub use device_login::{DeviceAnswer, DeviceLogin, DeviceTokens};
pub use discussions::{DiscussionDetails, DiscussionFilter, ProposalDetails, Step};
pub use downloads::{Origin, Series, Trending};
pub use failure::{Failure, Result};
pub use git_fetch::{GitBytes, GitRefs, LongBlob, PackObjects};
pub use git_push::{PushCommands, PushReport, Quarantine};
pub use grant::{Administering, Committing, Destination, Downloadable, Proposing, Readable, Writable};
pub use hub::{Clock, Deduplication, Hub, LfsSettings, Parts, Registration, Route, Settings};
pub use imports::{ImportRequest, ImportSource, ImportView, Importing};
pub use invitations::{InvitationAbout, InvitationRequest, Invited};
pub use jobs::{
    Analysis, CachedDetails, Downloading, JobAccess, JobFileView, JobNews, JobParts, JobRequest, JobSettings,
    JobSettingsPatch, JobView, JobWatch, Planned, PlannedFile, Verify,
};
pub use large_files::Large;
pub use lfs_batch::{LfsDownload, LfsObject, LfsUpload};
pub use lfs_locks::{LockQuery, Locked};
pub use lfs_rules::{LfsPolicy, OwnLfsSettings};
pub use likes::{Like, Liker};
pub use list_repositories::{IndexedCard, ListQuery, ListedRepository, Sort};
pub use login::Session;
pub use mail::Mail;
pub use members::Members;
pub use migrate_storage::{MigrateOptions, Migrated, MigrationTold, NotCopied};
pub use migrate_versioning::{Moved, NotMoved, RelocateOptions, RelocationTold};
pub use mirror::{HubToken, MirrorId, MirrorParts, MirrorRules, MirrorSource, Mirrored, Provenance};
pub use open_discussion::OpenDiscussion;
pub use organizations::OrganizationAbout;
pub use pass::{Pass, is_pass};
pub use plan_collection::{Explained, Holder, Outlook, Plan};
pub use preupload::{PreuploadAnswer, PreuploadFile};
pub use profile::{Presence, PresencePatch, UserAbout};
pub use propose_commit::Proposed;
pub use quotas::{NamespaceQuota, QuotaPatch, RepositoryQuota, StoredRepository};
pub use read_tree::{TreeEntry, TreeNode, TreeOptions, TreePage};
pub use reading::{Fetching, Found, Reading, Wish};
pub use refs::Refs;
pub use register::Applicant;
pub use repository_info::RepositoryInfo;
pub use resolve_file::ResolvedFile;
pub use rewrite_branch::Remake;
pub use storage_stats::{Holding, Stats};
pub use ticket::{Purpose, Ticket};
pub use tokens::TokenRequest;
pub use validate_card::CardReport;
pub use verify_storage::{Finding, Progress, Severity, Told, VerifyOptions, What};
pub use webhooks::{Domain, Sender, WatchedName, Webhook, WebhookRequest, WebhookSettings, WebhookView};
pub use whoami::{Membership, Whoami};
pub use xet::{ToFetch, WayToBytes, XetReader, XetToken, XetWriter, XorbUpload};
