//! The shapes on the wire. Only these may say `oid` and `type`.

mod access;
mod administration;
mod audit;
mod cached;
mod collection;
mod commit;
mod device;
mod discussion;
mod discussion_event;
mod form;
mod history;
mod import;
mod inventory;
mod invitation;
mod job;
mod kind;
mod lfs;
mod lfs_files;
mod organization;
mod patch;
mod people;
mod quota;
mod refs;
mod repository;
mod select;
mod session;
mod settings;
mod site;
mod social;
mod ssh_key;
mod token;
mod tree;
mod webhook;
mod xet;

pub use access::{AccessRequestItem, AccessStanding, AskAccess, GrantAccess, HandleAccess};
pub use administration::{
    AdminInvitation, AdminInvitationList, AdminNewUser, AdminOperation, AdminOperationList, AdminOrder,
    AdminOrganization, AdminOrganizationList, AdminPassword, AdminPasswordSet, AdminPlugin, AdminPluginList,
    AdminRecalculation, AdminSession, AdminSessionList, AdminStatistics, AdminUser, AdminUserList, AdminUserPatch,
};
pub use audit::{AuditItem, AuditList, AuditOutcomeWord};
pub use cached::{CacheList, CachedRepo};
pub use collection::{
    ChangedCollection, CollectionBody, CollectionItemPatch, CollectionPatch, NewCollection, NewCollectionItem, NewItem,
    slug as collection_slug,
};
pub use commit::{CommitAnswer, HistoryItem, Preupload, PreuploadAnswer, PreuploadAnswers, PreuploadedFile};
pub use device::{DeviceAuthorization, DeviceForm, DeviceRequest, GrantedToken, TokenGrant};
pub use discussion::{
    ChangeStatus, DiscussionList, DiscussionView, NewComment, NewDiscussion, NewTitle, OpenedDiscussion,
    PullRequestMerge,
};
pub use discussion_event::{
    EditedText, EventItem, MergedPullRequest, NewMessage, NewStatusEvent, NewTitleEvent, UpdatedComment, comment_key,
};
pub use form::{ForgotForm, InvitationForm, LoginForm, ResetForm, VerifyForm};
pub use history::{
    CommitDetail, CommitDiff, Merge, MergeResult, MergeStrategy, Merged, Reset, Revert, Reverted, Squashed,
    SuperSquash, WasReset, remake,
};
pub use import::{ImportBody, ImportStarted, NewImport};
pub use inventory::{
    AdminRepository, AdminRepositoryDetails, AdminRepositoryList, AdminRepositoryOrder, AdminRepositoryPatch,
    AdminStorage,
};
pub use invitation::{
    InvitationAccepted, InvitationInfo, InvitationItem, InvitationList, InvitationMade, NewHubInvitation, NewInvitation,
};
pub use job::{
    DownloadPlan, DownloadRequest, ExistingJob, JobBody, JobList, JobSettingsBody, JobSettingsWish, NeedsSelection,
    NoNewJob, Started,
};
pub use kind::{Kinds, UNKNOWN_KIND};
pub use lfs::{
    CompletedPart, CompletedUpload, LfsAction, LfsActions, LfsBatch, LfsBatchAnswer, LfsLockAbout, LfsLockRequest,
    LfsLocked, LfsLocks, LfsMessage, LfsObjectAnswer, LfsObjectError, LfsOurLocks, LfsUnlock, LfsVerify,
    LfsVerifyLocks,
};
pub use lfs_files::{DeleteLargeFiles, DuplicateFailure, DuplicateLargeFiles, DuplicatedFiles, LargeFileItem};
pub use organization::{
    MemberItem, MemberList, MemberRole, NewMember, NewOrganization, NewRole, OrganizationInfo, OrganizationItem,
    OrganizationList, OrganizationMade,
};
pub use patch::{patch, raw};
pub use people::{
    AvatarKept, CheckName, NameChecked, NamespaceType, OrganizationOverview, OrganizationProfile, OrganizationSettings,
    UserItem, UserOverview, UserProfile, UserSettings,
};
pub use quota::{
    NamespaceQuotaView, OwnRepository, PublicQuotaView, RepositoryQuotaView, SetNamespaceQuota, SetRepositoryQuota,
    StoredRepositories,
};
pub use refs::{BranchFrom, Done, NewBranch, NewTag, RefItem, RefList, TagHere};
pub use repository::{
    CreateRepository, Created, DeleteRepository, DuplicateRepository, Duplicated, LfsFile, Message, RepositoriesByKind,
    RepositoryView, Sibling, allowed_expansions,
};
pub use select::{Selected, written};
pub use session::{ForgotPassword, Login, LoginDone, Me, Register, Registered, ResetPassword};
pub use settings::{LfsSettings, MoveRepository, MovedRepository, RepositorySettings};
pub use site::{ApiHealth, Card, CardReport, Health, PartHealth, Readiness, SiteConfig, Version, Whoami};
pub use social::{
    IsLiked, LikeChanged, LikeItem, LikerItem, LikerList, Likers, Period, RecentStats, RepositoryStats, TrendingList,
};
pub use ssh_key::{NewSshKey, SshKeyItem};
pub use token::{NewOwnToken, OwnToken, TokenItem, TokenList};
pub use tree::TreeItem;
pub use webhook::{OneWebhook, WebhookBody, WebhookWish};
pub use xet::{
    ShardReceived, XetAccess, XetReconstruction, XetReconstruction2, XorbGrant, XorbGrantRequest, XorbReceived,
};
