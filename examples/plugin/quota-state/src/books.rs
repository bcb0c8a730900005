//! What is written down: a page for each account, and for each repository and each promise where it stands.
//!
//! All that counts for an account is on its page, so whoever writes the page has seen every number that they decided on,
//! and a write is refused where somebody else wrote the page meanwhile. A repository that moves changes both pages.

use std::collections::BTreeMap;

use ballast_sdk::quota::{Account, Held, Limit, Usage};
use ballast_sdk::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// The page of an account.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Page {
    pub limit: Option<Limit>,
    pub repositories: BTreeMap<i64, Shelf>,
}

/// A repository on the page of its account.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Shelf {
    pub held: Held,
    pub limit: Option<Limit>,
    pub promises: BTreeMap<i64, Promise>,
}

/// Bytes that are promised, until then.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Promise {
    pub bytes: u64,
    pub expires: i64,
}

impl Shelf {
    pub fn reserved(&self) -> u64 {
        self.promises.values().map(|promise| promise.bytes).sum()
    }

    /// Refuses more than fits, and what can be counted no more.
    fn admits(&self, more: u64, limit: Option<u64>) -> Result<()> {
        admit("the repository", Usage { used: self.held.bytes, reserved: self.reserved(), limit }, more)
    }
}

impl Page {
    pub fn usage(&self, default: Option<u64>) -> Usage {
        let shelves = || self.repositories.values();
        Usage {
            used: shelves().map(|shelf| shelf.held.bytes).sum(),
            reserved: shelves().map(Shelf::reserved).sum(),
            limit: number(self.limit, default),
        }
    }

    /// Where a repository stands; its limit is the account's where it has none of its own.
    pub fn usage_of(&self, repo: i64, default: Option<u64>) -> Option<Usage> {
        let shelf = self.repositories.get(&repo)?;
        let limit = number(shelf.limit, number(self.limit, default));
        Some(Usage { used: shelf.held.bytes, reserved: shelf.reserved(), limit })
    }

    /// Whether the account and one of its repositories have room for more.
    pub fn admits(&self, repo: i64, more: u64, default: Option<u64>) -> Result<()> {
        admit("the account", self.usage(default), more)?;
        match self.repositories.get(&repo) {
            Some(shelf) => shelf.admits(more, number(shelf.limit, None)),
            None => Ok(()),
        }
    }
}

fn number(limit: Option<Limit>, default: Option<u64>) -> Option<u64> {
    match limit.unwrap_or(Limit::Default) {
        Limit::Default => default,
        Limit::Unlimited => None,
        Limit::Bytes(bytes) => Some(bytes),
    }
}

/// No hub has more bytes than this, and sums of fewer cannot overflow.
const MOST: u64 = i64::MAX as u64;

/// A number of bytes that can be kept.
pub fn countable(bytes: u64, others: u64) -> Result<u64> {
    let sum = bytes.checked_add(others).filter(|sum| *sum <= MOST);
    let why = || format!("{bytes} bytes beside {others} are more than can be counted");
    sum.ok_or_else(|| Error::new(ErrorKind::Invalid, "quota", why()))
}

fn admit(whose: &str, Usage { used, reserved, limit }: Usage, more: u64) -> Result<()> {
    let sum = countable(more, used.saturating_add(reserved))?;
    match limit {
        Some(limit) if sum > limit && more > 0 => {
            let why =
                format!("{whose} may hold {limit} bytes; it has {used}, {reserved} are promised, {more} do not fit");
            Err(Error::new(ErrorKind::OverLimit, "quota.reserve", why))
        }
        _ => Ok(()),
    }
}

/// The key of a page.
pub fn account_key(account: &Account) -> String {
    format!("account/{}/{}", account.namespace, account.visibility.as_str())
}
