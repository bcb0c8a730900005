//! Columns into nouns: the one place where a stored value is read back, and where one that makes no sense is found.

use std::fmt::Display;
use std::str::FromStr;

use ballast_database::{Error, Result};
use ballast_types::{CommitId, Name, NamespaceKey, RepoKey, Timestamp, UserKey, Visibility};
use diesel::prelude::*;

use crate::tables::{invitations, namespaces, organizations, repositories, users};
use crate::{Invitation, LfsSettings, Namespace, Organization, Repository, Seat, User, Uses};

/// A text column that holds a word, a name or anything else with a written form.
pub(crate) fn parse<T: FromStr<Err: Display>>(column: &str, id: i64, text: &str) -> Result<T> {
    text.parse().map_err(|error| Error::corrupt(format!("{column} of row {id}: {error}")))
}

/// A count, which SQL has no unsigned type for.
pub(crate) fn count<T: TryFrom<i64>>(column: &str, id: i64, number: i64) -> Result<T> {
    number.try_into().map_err(|_| Error::corrupt(format!("{column} of row {id}: {number}")))
}

/// A limit as SQL counts.
pub(crate) fn limit(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}

/// A commit id, where there is one.
pub(crate) fn commit(column: &str, id: i64, bytes: Option<Vec<u8>>) -> Result<Option<CommitId>> {
    let read = |bytes: Vec<u8>| {
        CommitId::from_slice(&bytes)
            .ok_or_else(|| Error::corrupt(format!("{column} of row {id}: {} bytes", bytes.len())))
    };
    bytes.map(read).transpose()
}

pub(crate) fn visibility(column: &str, id: i64, word: &str) -> Result<Visibility> {
    let found = [Visibility::Public, Visibility::Private].into_iter().find(|known| known.as_str() == word);
    found.ok_or_else(|| Error::corrupt(format!("{column} of row {id}: '{word}'")))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = namespaces)]
pub(crate) struct NamespaceRow {
    id: i64,
    kind: String,
    name: String,
}

impl TryFrom<NamespaceRow> for Namespace {
    type Error = Error;

    fn try_from(row: NamespaceRow) -> Result<Self> {
        Ok(Self {
            key: NamespaceKey(row.id),
            kind: parse("namespaces.kind", row.id, &row.kind)?,
            name: parse("namespaces.name", row.id, &row.name)?,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(crate) struct UserRow {
    id: i64,
    full_name: String,
    email: Option<String>,
    email_verified: bool,
    administrator: bool,
    active: bool,
    created_at: i64,
}

/// A user's row and the name that their namespace has.
pub(crate) fn user((row, name): (UserRow, String)) -> Result<User> {
    Ok(User {
        key: UserKey(row.id),
        name: parse("namespaces.name", row.id, &name)?,
        full_name: row.full_name,
        email: row.email,
        email_verified: row.email_verified,
        administrator: row.administrator,
        active: row.active,
        created_at: Timestamp(row.created_at),
    })
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = organizations)]
pub(crate) struct OrganizationRow {
    id: i64,
    full_name: String,
    description: String,
    default_visibility: String,
    created_at: i64,
}

/// An organisation's row and the name that its namespace has.
pub(crate) fn organization((row, name): (OrganizationRow, String)) -> Result<Organization> {
    Ok(Organization {
        key: NamespaceKey(row.id),
        name: parse("namespaces.name", row.id, &name)?,
        full_name: row.full_name,
        description: row.description,
        default_visibility: visibility("organizations.default_visibility", row.id, &row.default_visibility)?,
        created_at: Timestamp(row.created_at),
    })
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = invitations)]
pub(crate) struct InvitationRow {
    id: i64,
    organization: Option<i64>,
    role: Option<String>,
    email: Option<String>,
    max_usage: Option<i64>,
    usage_count: i64,
    created_by: i64,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

/// An invitation's row and the name of who made it.
pub(crate) fn invitation((row, inviter): (InvitationRow, String)) -> Result<Invitation> {
    let odd = || Error::corrupt(format!("invitations.max_usage of row {}: {:?}", row.id, row.max_usage));
    let seat = match (row.organization, &row.role) {
        (Some(organization), Some(role)) => {
            let role = parse("invitations.role", row.id, role)?;
            Some(Seat { organization: NamespaceKey(organization), role })
        }
        _ => None,
    };
    Ok(Invitation {
        id: row.id,
        seat,
        email: row.email,
        uses: Uses::from_number(row.max_usage).ok_or_else(odd)?,
        used: count("invitations.usage_count", row.id, row.usage_count)?,
        created_by: UserKey(row.created_by),
        inviter,
        created_at: Timestamp(row.created_at),
        expires_at: Timestamp(row.expires_at),
        used_at: row.used_at.map(Timestamp),
    })
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = repositories)]
pub(crate) struct RepositoryRow {
    id: i64,
    kind: String,
    namespace: i64,
    name: String,
    visibility: String,
    state: String,
    version: i64,
    sdk: Option<String>,
    gated: Option<String>,
    lfs_threshold: Option<i64>,
    lfs_suffixes: Option<String>,
    lfs_keep_versions: Option<i64>,
    downloads: i64,
    likes: i64,
    trending: i64,
    disabled: bool,
    default_branch: String,
    head: Option<Vec<u8>>,
    created_at: i64,
    updated_at: i64,
    origin: Option<i64>,
    purged: bool,
}

impl TryFrom<RepositoryRow> for Repository {
    type Error = Error;

    fn try_from(row: RepositoryRow) -> Result<Self> {
        let id = row.id;
        Ok(Self {
            key: RepoKey(id),
            kind: parse("repositories.kind", id, &row.kind)?,
            namespace: NamespaceKey(row.namespace),
            name: parse::<Name>("repositories.name", id, &row.name)?,
            visibility: visibility("repositories.visibility", id, &row.visibility)?,
            state: parse("repositories.state", id, &row.state)?,
            version: row.version,
            sdk: row.sdk,
            gated: row.gated.map(|word| parse("repositories.gated", id, &word)).transpose()?,
            lfs: LfsSettings {
                threshold: row.lfs_threshold.map(|n| count("repositories.lfs_threshold", id, n)).transpose()?,
                suffixes: row.lfs_suffixes.map(|text| suffixes(id, &text)).transpose()?,
                keep_versions: row
                    .lfs_keep_versions
                    .map(|n| count("repositories.lfs_keep_versions", id, n))
                    .transpose()?,
            },
            downloads: count("repositories.downloads", id, row.downloads)?,
            likes: count("repositories.likes", id, row.likes)?,
            trending: count("repositories.trending", id, row.trending)?,
            disabled: row.disabled,
            default_branch: row.default_branch,
            head: commit("repositories.head", id, row.head)?,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            origin: row.origin.map(RepoKey),
            purged: row.purged,
        })
    }
}

fn suffixes(id: i64, text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text)
        .map_err(|error| Error::corrupt(format!("repositories.lfs_suffixes of row {id}: {error}")))
}
