use ballast_contract::auth::SessionInfo;
use ballast_services::{
    AccountAbout, AccountPatch, Daily, ListedInvitation, OperationAbout, OrganizationAccount, QuotaPatch,
    RecalculationProgress, RepositoryInfo, Statistics, Totals,
};
use ballast_types::{RepoKind, Visibility};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Enum, Object};
use serde::Deserialize;

use super::{InvitationItem, NamespaceQuotaView};
use crate::PluginState;

/// In which order users and organisations come.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum AdminOrder {
    /// By age.
    Created,
    Name,
}

/// A user, as administrators see them.
#[derive(Object)]
pub struct AdminUser {
    pub id: i64,
    pub username: String,
    pub full_name: String,
    pub email: Option<String>,
    pub email_verified: bool,
    /// Whether they administer the hub.
    pub administrator: bool,
    /// Whether they may come in.
    pub active: bool,
    pub created_at: String,
    /// Repositories in their own namespace.
    pub repositories: u64,
    pub quota: NamespaceQuotaView,
}

impl From<AccountAbout> for AdminUser {
    fn from(about: AccountAbout) -> Self {
        let AccountAbout { user, repositories, quota } = about;
        Self {
            id: user.key.0,
            username: user.name.to_string(),
            full_name: user.full_name,
            email: user.email,
            email_verified: user.email_verified,
            administrator: user.administrator,
            active: user.active,
            created_at: user.created_at.to_string(),
            repositories,
            quota: quota.into(),
        }
    }
}

/// A page of users.
#[derive(Object)]
pub struct AdminUserList {
    pub users: Vec<AdminUser>,
}

/// A user to be made.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct AdminNewUser {
    pub username: String,
    pub email: Option<String>,
    /// Without it they come in once they have a token, or another password.
    pub password: Option<String>,
    pub full_name: Option<String>,
    /// Whether they administer the hub; not unless it is said.
    pub administrator: Option<bool>,
}

/// What to change of a user; what is absent stays.
#[derive(Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
pub struct AdminUserPatch {
    pub full_name: Option<String>,
    /// Null takes it away. A new one counts as unverified unless `email_verified` says otherwise.
    pub email: MaybeUndefined<String>,
    pub email_verified: Option<bool>,
    pub administrator: Option<bool>,
    pub active: Option<bool>,
    /// Null is unlimited.
    pub private_quota_bytes: MaybeUndefined<u64>,
    /// Null is unlimited.
    pub public_quota_bytes: MaybeUndefined<u64>,
}

impl From<AdminUserPatch> for AccountPatch {
    fn from(patch: AdminUserPatch) -> Self {
        Self {
            full_name: patch.full_name,
            email: patch.email.into(),
            email_verified: patch.email_verified,
            administrator: patch.administrator,
            active: patch.active,
            quota: QuotaPatch {
                private: super::quota::limit(patch.private_quota_bytes),
                public: super::quota::limit(patch.public_quota_bytes),
            },
        }
    }
}

/// A password to be set.
#[derive(Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
pub struct AdminPassword {
    /// Without it, a random one is made.
    pub password: Option<String>,
}

/// A password that was set.
#[derive(Object)]
pub struct AdminPasswordSet {
    pub success: bool,
    pub message: String,
    /// The random one, shown this once.
    pub password: Option<String>,
}

/// A session of a user, without what the browser keeps.
#[derive(Object)]
pub struct AdminSession {
    pub id: i64,
    /// Null where nobody wrote it down.
    pub created_at: Option<String>,
    pub expires_at: String,
}

impl From<SessionInfo> for AdminSession {
    fn from(session: SessionInfo) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at.map(|moment| moment.to_string()),
            expires_at: session.expires_at.to_string(),
        }
    }
}

/// A page of a user's sessions, oldest first.
#[derive(Object)]
pub struct AdminSessionList {
    pub sessions: Vec<AdminSession>,
}

/// An organisation, as administrators see it.
#[derive(Object)]
pub struct AdminOrganization {
    pub id: i64,
    pub name: String,
    pub full_name: String,
    pub description: String,
    pub created_at: String,
    pub members: u64,
    pub repositories: u64,
    pub quota: NamespaceQuotaView,
}

impl From<OrganizationAccount> for AdminOrganization {
    fn from(account: OrganizationAccount) -> Self {
        let OrganizationAccount { organization, members, repositories, quota } = account;
        Self {
            id: organization.key.0,
            name: organization.name.to_string(),
            full_name: organization.full_name,
            description: organization.description,
            created_at: organization.created_at.to_string(),
            members,
            repositories,
            quota: quota.into(),
        }
    }
}

/// A page of organisations.
#[derive(Object)]
pub struct AdminOrganizationList {
    pub organizations: Vec<AdminOrganization>,
}

/// An invitation, as administrators see it.
#[derive(Object)]
pub struct AdminInvitation {
    /// Null where it leads into none.
    pub org_name: Option<String>,
    #[oai(flatten)]
    pub invitation: InvitationItem,
}

impl From<ListedInvitation> for AdminInvitation {
    fn from(listed: ListedInvitation) -> Self {
        Self {
            org_name: listed.organization.map(|name| name.to_string()),
            invitation: InvitationItem::from(listed.invited),
        }
    }
}

/// A page of invitations, newest first.
#[derive(Object)]
pub struct AdminInvitationList {
    pub invitations: Vec<AdminInvitation>,
}

/// A write under way.
#[derive(Object)]
pub struct AdminOperation {
    /// A number of up to 19 digits, as text.
    pub id: String,
    /// `commit`, `place_repository` and so on.
    pub purpose: String,
    /// `model`, `dataset` or `space`; null, like the name, where the repository is gone.
    pub repo_type: Option<String>,
    pub repo_id: Option<String>,
    /// Who writes, where it is somebody.
    pub username: Option<String>,
    pub created_at: String,
    pub deadline: String,
    /// Whether its time is over: recovery ends it.
    pub overdue: bool,
    /// Promises of room that it holds.
    pub reservations: usize,
}

impl From<OperationAbout> for AdminOperation {
    fn from(about: OperationAbout) -> Self {
        let (repo_type, repo_id) = about.repository.unzip();
        Self {
            id: about.id.0.to_string(),
            purpose: about.purpose,
            repo_type: repo_type.map(|kind| kind.to_string()),
            repo_id: repo_id.map(|id| id.to_string()),
            username: about.actor.map(|name| name.to_string()),
            created_at: about.created_at.to_string(),
            deadline: about.deadline.to_string(),
            overdue: about.is_overdue,
            reservations: about.reservations,
        }
    }
}

/// A page of writes under way.
#[derive(Object)]
pub struct AdminOperationList {
    pub operations: Vec<AdminOperation>,
}

/// A plugin's instance, and how it is.
#[derive(Object)]
pub struct AdminPlugin {
    /// `storage`, `versioning`, `auth`, `quota`, `downloader` or `endpoints`.
    pub role: String,
    /// Its name in the configuration.
    pub instance: String,
    /// `storage.opendal`
    pub plugin: String,
    pub version: String,
    /// Whether the hub is not ready without it.
    pub required: bool,
    /// `ready`, `degraded` or `unavailable`, as it answered now.
    pub state: String,
    /// What is wrong, where something is.
    pub reason: Option<String>,
    /// What it can besides its role's common work: `presign`, `files`, `git`, `rewriting`, `upkeep`, `credentials`,
    /// `policy`.
    pub capabilities: Vec<String>,
}

impl From<PluginState> for AdminPlugin {
    fn from(state: PluginState) -> Self {
        Self {
            role: state.role,
            instance: state.instance,
            plugin: state.plugin,
            version: state.version,
            required: state.required,
            state: state.state.to_owned(),
            reason: state.reason,
            capabilities: state.capabilities.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Every plugin's instance.
#[derive(Object)]
pub struct AdminPluginList {
    pub plugins: Vec<AdminPlugin>,
}

/// How far the last recalculation of all quotas is.
#[derive(Object)]
pub struct AdminRecalculation {
    /// `running`, `finished`, `failed`, or `interrupted` where the node that ran it is gone.
    pub state: String,
    pub started_by: Option<String>,
    pub started_at: String,
    pub finished_at: Option<String>,
    /// Repositories that there were when it began.
    pub total: u64,
    pub done: u64,
    /// Of those that are done, the ones that could not be counted; the hub's log says why.
    pub failed: u64,
}

impl From<RecalculationProgress> for AdminRecalculation {
    fn from(progress: RecalculationProgress) -> Self {
        Self {
            state: progress.state.to_owned(),
            started_by: progress.started_by,
            started_at: progress.started_at.to_string(),
            finished_at: progress.finished_at.map(|moment| moment.to_string()),
            total: progress.total,
            done: progress.done,
            failed: progress.failed,
        }
    }
}

/// How many repositories there are.
#[derive(Object)]
pub struct AdminRepositoryCount {
    pub model: u64,
    pub dataset: u64,
    pub space: u64,
    pub private: u64,
    pub total: u64,
}

impl From<&Totals> for AdminRepositoryCount {
    fn from(totals: &Totals) -> Self {
        let sum = |meant: &dyn Fn(RepoKind, Visibility) -> bool| {
            let counted = totals.repositories.iter().filter(|(kind, visibility, _)| meant(*kind, *visibility));
            counted.map(|(_, _, number)| number).sum()
        };
        Self {
            model: sum(&|kind, _| kind == RepoKind::Model),
            dataset: sum(&|kind, _| kind == RepoKind::Dataset),
            space: sum(&|kind, _| kind == RepoKind::Space),
            private: sum(&|_, visibility| visibility == Visibility::Private),
            total: sum(&|_, _| true),
        }
    }
}

/// The downloads of all repositories on a day.
#[derive(Object)]
pub struct AdminDay {
    /// `2026-11-21`
    pub date: String,
    pub downloads: u64,
    /// Of them, those of users.
    pub authenticated: u64,
    pub anonymous: u64,
    /// Files that were asked for.
    pub files: u64,
}

impl From<&Daily> for AdminDay {
    fn from(daily: &Daily) -> Self {
        let date = daily.day.start().to_string();
        Self {
            date: date.split('T').next().unwrap_or_default().to_owned(),
            downloads: daily.known + daily.anonymous,
            authenticated: daily.known,
            anonymous: daily.anonymous,
            files: daily.files,
        }
    }
}

/// A repository that is downloaded much.
#[derive(Object)]
pub struct AdminTopRepository {
    pub repo_type: String,
    pub repo_id: String,
    pub private: bool,
    pub downloads: u64,
    pub likes: u64,
}

impl From<RepositoryInfo> for AdminTopRepository {
    fn from(info: RepositoryInfo) -> Self {
        Self {
            repo_type: info.kind.to_string(),
            repo_id: info.id.to_string(),
            private: info.visibility == Visibility::Private,
            downloads: info.downloads,
            likes: info.likes,
        }
    }
}

/// The hub in numbers.
#[derive(Object)]
pub struct AdminStatistics {
    pub users: u64,
    /// Of them, those who may come in.
    pub active_users: u64,
    /// Of those, the ones who administer the hub.
    pub administrators: u64,
    pub organizations: u64,
    pub repositories: AdminRepositoryCount,
    /// What repositories hold: each distinct file once in each, over all of its history.
    pub files: u64,
    pub logical_bytes: u64,
    /// What lies in storage for that.
    pub stored_objects: u64,
    pub stored_bytes: u64,
    /// Writes under way.
    pub operations: u64,
    /// Oldest first.
    pub downloads: Vec<AdminDay>,
    /// What was downloaded most, ever.
    pub top: Vec<AdminTopRepository>,
}

impl From<Statistics> for AdminStatistics {
    fn from(statistics: Statistics) -> Self {
        let totals = statistics.totals;
        Self {
            users: totals.users,
            active_users: totals.active_users,
            administrators: totals.administrators,
            organizations: totals.organizations,
            repositories: AdminRepositoryCount::from(&totals),
            files: statistics.held_files,
            logical_bytes: statistics.held_bytes,
            stored_objects: statistics.stored_objects,
            stored_bytes: statistics.stored_bytes,
            operations: totals.operations,
            downloads: statistics.downloads.days.iter().map(AdminDay::from).collect(),
            top: statistics.top.into_iter().map(AdminTopRepository::from).collect(),
        }
    }
}
