//! The tables, and the arithmetic on their rows.

use ballast_contract::ErrorKind;
use ballast_contract::quota::{Account, Limit, Usage};
use ballast_database::Error as Database;
use ballast_types::{NamespaceKey, Visibility};
use diesel::prelude::*;

use crate::LedgerConfig;
use crate::failure::{Failure, Result};

diesel::table! {
    ledger_accounts (namespace, visibility) {
        namespace -> BigInt,
        visibility -> Text,
        used -> BigInt,
        reserved -> BigInt,
        limit_kind -> Text,
        limit_bytes -> Nullable<BigInt>,
    }
}
diesel::table! {
    ledger_repositories (repo) {
        repo -> BigInt,
        namespace -> BigInt,
        visibility -> Text,
        used -> BigInt,
        revision -> BigInt,
        reserved -> BigInt,
        limit_kind -> Text,
        limit_bytes -> Nullable<BigInt>,
    }
}
diesel::table! {
    ledger_reservations (id) { id -> BigInt, repo -> BigInt, bytes -> BigInt, expires_at -> BigInt, }
}

#[derive(Queryable, Clone)]
pub(crate) struct AccountRow {
    namespace: i64,
    visibility: String,
    pub(crate) used: i64,
    pub(crate) reserved: i64,
    limit_kind: String,
    limit_bytes: Option<i64>,
}

#[derive(Queryable, Clone)]
pub(crate) struct RepositoryRow {
    pub(crate) repo: i64,
    namespace: i64,
    visibility: String,
    pub(crate) used: i64,
    pub(crate) revision: i64,
    pub(crate) reserved: i64,
    limit_kind: String,
    limit_bytes: Option<i64>,
}

#[derive(Queryable, Insertable, Clone)]
#[diesel(table_name = ledger_reservations)]
pub(crate) struct ReservationRow {
    pub(crate) id: i64,
    pub(crate) repo: i64,
    pub(crate) bytes: i64,
    pub(crate) expires_at: i64,
}

impl AccountRow {
    pub(crate) fn account(&self) -> Result<Account> {
        account(self.namespace, &self.visibility)
    }

    pub(crate) fn limit(&self) -> Result<Limit> {
        limit(&self.limit_kind, self.limit_bytes)
    }

    pub(crate) fn usage(&self, config: &LedgerConfig) -> Result<Usage> {
        let most = most(self.limit()?, default_of(config, self.account()?.visibility));
        Ok(Usage { used: self.used.unsigned_abs(), reserved: self.reserved.unsigned_abs(), limit: most })
    }

    /// Refuses where these bytes more would pass the limit. None more always fit: what is too full may still shrink.
    pub(crate) fn admit(&self, bytes: i64, config: &LedgerConfig) -> Result<()> {
        admit(&self.usage(config)?, bytes, || format!("the {} space of this namespace", self.visibility))
    }

    pub(crate) fn add(&mut self, used: i64, reserved: i64) -> Result<()> {
        (self.used, self.reserved) = (sum(self.used, used)?, sum(self.reserved, reserved)?);
        Ok(())
    }
}

impl RepositoryRow {
    pub(crate) fn account(&self) -> Result<Account> {
        account(self.namespace, &self.visibility)
    }

    pub(crate) fn limit(&self) -> Result<Limit> {
        limit(&self.limit_kind, self.limit_bytes)
    }

    /// `default`: the limit of its account.
    pub(crate) fn usage(&self, default: Option<u64>) -> Result<Usage> {
        let most = most(self.limit()?, default);
        Ok(Usage { used: self.used.unsigned_abs(), reserved: self.reserved.unsigned_abs(), limit: most })
    }

    /// Refuses where these bytes more would pass its own limit; that of its account is checked there.
    pub(crate) fn admit(&self, bytes: i64) -> Result<()> {
        admit(&self.usage(None)?, bytes, || "this repository".to_owned())
    }

    pub(crate) fn move_to(&mut self, account: Account) {
        self.namespace = account.namespace.0;
        self.visibility = account.visibility.as_str().to_owned();
    }
}

/// What an account may hold where nothing is set for it.
pub(crate) fn default_of(config: &LedgerConfig, visibility: Visibility) -> Option<u64> {
    match visibility {
        Visibility::Public => config.default_public_bytes,
        Visibility::Private => config.default_private_bytes,
    }
}

/// A limit in the two columns that keep it.
pub(crate) fn columns(limit: Limit) -> Result<(&'static str, Option<i64>)> {
    Ok(match limit {
        Limit::Default => ("default", None),
        Limit::Unlimited => ("unlimited", None),
        Limit::Bytes(bytes) => ("bytes", Some(signed(bytes)?)),
    })
}

/// A number that the database can keep; it has 63 bits.
pub(crate) fn signed(number: u64) -> Result<i64> {
    let why = || format!("{number} is more than the books can hold; the most is {}", i64::MAX);
    i64::try_from(number).map_err(|_| Failure::Refused(ErrorKind::Invalid, why()))
}

/// A sum that the database can keep.
pub(crate) fn sum(a: i64, b: i64) -> Result<i64> {
    let why = || format!("{a} and {b} bytes together are more than the books can hold");
    a.checked_add(b).ok_or_else(|| Failure::Refused(ErrorKind::Invalid, why()))
}

fn most(limit: Limit, default: Option<u64>) -> Option<u64> {
    match limit {
        Limit::Default => default,
        Limit::Unlimited => None,
        Limit::Bytes(bytes) => Some(bytes),
    }
}

fn admit(usage: &Usage, bytes: i64, what: impl Fn() -> String) -> Result<()> {
    let Usage { used, reserved, limit: Some(limit) } = *usage else { return Ok(()) };
    let asked = bytes.unsigned_abs();
    if asked == 0 || used.saturating_add(reserved).saturating_add(asked) <= limit {
        return Ok(());
    }
    let promised = match reserved {
        0 => String::new(),
        _ => format!(", {reserved} more are promised to uploads under way"),
    };
    let context = format!("{} holds {used} of {limit} bytes{promised}: {asked} more do not fit", what());
    Err(Failure::Refused(ErrorKind::OverLimit, context))
}

fn account(namespace: i64, visibility: &str) -> Result<Account> {
    let found = [Visibility::Public, Visibility::Private].into_iter().find(|known| known.as_str() == visibility);
    let visibility = found.ok_or_else(|| Database::corrupt(format!("a ledger's visibility is '{visibility}'")))?;
    Ok(Account { namespace: NamespaceKey(namespace), visibility })
}

fn limit(kind: &str, bytes: Option<i64>) -> Result<Limit> {
    match (kind, bytes) {
        ("default", None) => Ok(Limit::Default),
        ("unlimited", None) => Ok(Limit::Unlimited),
        ("bytes", Some(bytes)) => Ok(Limit::Bytes(bytes.unsigned_abs())),
        _ => Err(Database::corrupt(format!("a ledger's limit is '{kind}' of {bytes:?} bytes")).into()),
    }
}
