use ballast_contract::quota::{Limit, Usage};
use ballast_services::{NamespaceQuota, QuotaPatch, RepositoryQuota, StoredRepository};
use ballast_types::{RepoId, RepoKind, Visibility};
use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use serde::{Deserialize, Serialize};

/// What is left below a limit.
fn available(usage: Usage) -> Option<u64> {
    usage.limit.map(|limit| limit.saturating_sub(usage.used))
}

/// To two decimals; none without a limit, and everything of a limit of nothing.
fn percentage(usage: Usage) -> Option<f64> {
    let limit = usage.limit?;
    let share = if limit == 0 { 1.0 } else { usage.used as f64 / limit as f64 };
    Some((share * 10_000.0).round() / 100.0)
}

/// Where a namespace stands, in bytes: sums, and its private and public accounts. Null limits are none.
#[derive(Object)]
pub struct NamespaceQuotaView {
    pub namespace: String,
    pub is_organization: bool,
    /// Both limits together; null where either is unlimited.
    pub quota_bytes: Option<u64>,
    pub used_bytes: u64,
    pub available_bytes: Option<u64>,
    pub percentage_used: Option<f64>,
    pub private_quota_bytes: Option<u64>,
    pub private_used_bytes: u64,
    pub private_available_bytes: Option<u64>,
    pub private_percentage_used: Option<f64>,
    pub public_quota_bytes: Option<u64>,
    pub public_used_bytes: u64,
    pub public_available_bytes: Option<u64>,
    pub public_percentage_used: Option<f64>,
    pub total_used_bytes: u64,
}

impl From<NamespaceQuota> for NamespaceQuotaView {
    fn from(quota: NamespaceQuota) -> Self {
        let (private, public) = (quota.private.unwrap_or_default(), quota.public);
        let both = Usage {
            used: private.used + public.used,
            reserved: private.reserved + public.reserved,
            limit: private.limit.zip(public.limit).map(|(one, other)| one.saturating_add(other)),
        };
        Self {
            namespace: quota.namespace.to_string(),
            is_organization: quota.is_organization,
            quota_bytes: both.limit,
            used_bytes: both.used,
            available_bytes: available(both),
            percentage_used: percentage(both),
            private_quota_bytes: private.limit,
            private_used_bytes: private.used,
            private_available_bytes: available(private),
            private_percentage_used: percentage(private),
            public_quota_bytes: public.limit,
            public_used_bytes: public.used,
            public_available_bytes: available(public),
            public_percentage_used: percentage(public),
            total_used_bytes: both.used,
        }
    }
}

/// Where a namespace stands, as far as the caller may see it, in bytes.
#[derive(Object)]
pub struct PublicQuotaView {
    pub namespace: String,
    pub is_organization: bool,
    pub public_quota_bytes: Option<u64>,
    pub public_used_bytes: u64,
    pub public_available_bytes: Option<u64>,
    pub public_percentage_used: Option<f64>,
    /// Null, like all that is private, without the right to see it.
    pub private_quota_bytes: Option<u64>,
    pub private_used_bytes: Option<u64>,
    pub private_available_bytes: Option<u64>,
    pub private_percentage_used: Option<f64>,
    /// Of what the caller may see.
    pub total_used_bytes: u64,
    pub can_see_private: bool,
}

impl From<NamespaceQuota> for PublicQuotaView {
    fn from(quota: NamespaceQuota) -> Self {
        let (private, public) = (quota.private, quota.public);
        Self {
            namespace: quota.namespace.to_string(),
            is_organization: quota.is_organization,
            public_quota_bytes: public.limit,
            public_used_bytes: public.used,
            public_available_bytes: available(public),
            public_percentage_used: percentage(public),
            private_quota_bytes: private.and_then(|usage| usage.limit),
            private_used_bytes: private.map(|usage| usage.used),
            private_available_bytes: private.and_then(available),
            private_percentage_used: private.and_then(percentage),
            total_used_bytes: public.used + private.map_or(0, |usage| usage.used),
            can_see_private: private.is_some(),
        }
    }
}

/// Limits to be set, in bytes; null is unlimited, and what is absent stays.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
pub struct SetNamespaceQuota {
    /// Both limits.
    pub quota_bytes: MaybeUndefined<u64>,
    pub private_quota_bytes: MaybeUndefined<u64>,
    pub public_quota_bytes: MaybeUndefined<u64>,
}

pub(super) fn limit(bytes: MaybeUndefined<u64>) -> Option<Limit> {
    let bytes: Option<Option<u64>> = bytes.into();
    bytes.map(|bytes| bytes.map_or(Limit::Unlimited, Limit::Bytes))
}

impl From<SetNamespaceQuota> for QuotaPatch {
    fn from(set: SetNamespaceQuota) -> Self {
        let both = limit(set.quota_bytes);
        Self { private: limit(set.private_quota_bytes).or(both), public: limit(set.public_quota_bytes).or(both) }
    }
}

/// A repository's limit to be set, in bytes.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct SetRepositoryQuota {
    /// Null: what its namespace allows.
    pub quota_bytes: MaybeUndefined<u64>,
}

impl From<SetRepositoryQuota> for Option<Limit> {
    fn from(set: SetRepositoryQuota) -> Self {
        let bytes: Option<Option<u64>> = set.quota_bytes.into();
        bytes.map(|bytes| bytes.map_or(Limit::Default, Limit::Bytes))
    }
}

/// Where a repository stands, and the account of its namespace that it counts for, in bytes.
#[derive(Object)]
pub struct RepositoryQuotaView {
    /// `namespace/name`
    pub repo_id: String,
    pub repo_type: String,
    pub namespace: String,
    /// Its own limit; null where it has none.
    pub quota_bytes: Option<u64>,
    pub used_bytes: u64,
    pub available_bytes: Option<u64>,
    pub percentage_used: Option<f64>,
    /// The limit that holds; null is none.
    pub effective_quota_bytes: Option<u64>,
    pub namespace_quota_bytes: Option<u64>,
    pub namespace_used_bytes: u64,
    pub namespace_available_bytes: Option<u64>,
    /// Whether the limit of its namespace alone holds.
    pub is_inheriting: bool,
}

fn own(limit: Limit) -> Option<u64> {
    match limit {
        Limit::Bytes(bytes) => Some(bytes),
        Limit::Default | Limit::Unlimited => None,
    }
}

impl RepositoryQuotaView {
    pub fn new(kind: RepoKind, id: &RepoId, quota: RepositoryQuota) -> Self {
        let RepositoryQuota { repository, limit, account } = quota;
        // What is left is the less of what its own limit and its namespace leave.
        let left = [available(repository), available(account)].into_iter().flatten().min();
        Self {
            repo_id: id.to_string(),
            repo_type: kind.to_string(),
            namespace: id.namespace.to_string(),
            quota_bytes: own(limit),
            used_bytes: repository.used,
            available_bytes: left,
            percentage_used: percentage(repository),
            effective_quota_bytes: repository.limit,
            namespace_quota_bytes: account.limit,
            namespace_used_bytes: account.used,
            namespace_available_bytes: available(account),
            is_inheriting: limit == Limit::Default,
        }
    }
}

/// A namespace's repositories and what each of them holds.
#[derive(Object)]
pub struct StoredRepositories {
    pub namespace: String,
    pub is_organization: bool,
    /// On this page.
    pub total_repos: usize,
    pub repositories: Vec<StoredRepositoryView>,
}

/// A repository and what it holds, in bytes.
#[derive(Object)]
pub struct StoredRepositoryView {
    /// `namespace/name`
    pub repo_id: String,
    pub repo_type: String,
    pub name: String,
    pub private: bool,
    /// Its own limit; null where it has none.
    pub quota_bytes: Option<u64>,
    pub used_bytes: u64,
    /// Of the limit that holds; null where there is none.
    pub percentage_used: Option<f64>,
    pub is_inheriting: bool,
    pub created_at: String,
}

impl From<StoredRepository> for StoredRepositoryView {
    fn from(stored: StoredRepository) -> Self {
        Self {
            repo_id: stored.id.to_string(),
            repo_type: stored.kind.to_string(),
            name: stored.id.name.to_string(),
            private: stored.visibility == Visibility::Private,
            quota_bytes: own(stored.quota.limit),
            used_bytes: stored.quota.repository.used,
            percentage_used: percentage(stored.quota.repository),
            is_inheriting: stored.quota.limit == Limit::Default,
            created_at: stored.created_at.to_string(),
        }
    }
}

/// A repository among somebody's own, as `hf repos ls` shows it.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct OwnRepository {
    /// `namespace/name`
    pub id: String,
    /// `model`, `dataset` or `space`.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
    pub updated_at: String,
    /// `public` or `private`.
    pub visibility: String,
    /// In bytes.
    pub storage: u64,
    /// Of what its account holds: 0 to 100.
    pub storage_percent: f64,
}

impl From<StoredRepository> for OwnRepository {
    fn from(stored: StoredRepository) -> Self {
        let (used, all) = (stored.quota.repository.used, stored.quota.account.used);
        let share = Usage { used, reserved: 0, limit: Some(all.max(used).max(1)) };
        Self {
            id: stored.id.to_string(),
            kind: stored.kind.to_string(),
            updated_at: stored.updated_at.to_string(),
            visibility: stored.visibility.as_str().to_owned(),
            storage: used,
            storage_percent: percentage(share).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_has_two_decimals_and_no_limit_has_none() {
        let of = |used, limit| percentage(Usage { used, reserved: 0, limit });
        assert_eq!(of(1, Some(3)), Some(33.33));
        assert_eq!(of(0, Some(0)), Some(100.0));
        assert_eq!(of(5, None), None);
    }
}
