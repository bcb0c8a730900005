//! Counts downloads: 15 minutes of one visitor are one download, whatever they fetch meanwhile and from which node.
//!
//! A download is counted in memory and written some seconds later, many at once: reading stays free of writing. What a
//! crash loses is those seconds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use ballast_catalog::{Daily, Day, Download, Visitor};
use ballast_types::{RepoId, RepoKey, RepoKind};
use sha2::{Digest, Sha256};

use crate::operation::random_key;
use crate::{Caller, Failure, Hub, Readable, RepositoryInfo, Result};

/// Visits that wait to be written. Beyond these, new ones are not counted: a database that takes no writes must not
/// fill the memory.
const MOST: usize = 200_000;
/// Visits that are written in one transaction.
const BATCH: usize = 1000;
/// The days that lists in order of trend look back on.
const WINDOW: u32 = 7;
/// The longest series of days that is told.
const MOST_DAYS: u32 = 365;

/// Where an anonymous request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub address: Option<IpAddr>,
    /// The program that asks, as it calls itself.
    pub agent: Option<String>,
}

/// Downloads that are not written yet.
pub(crate) struct Downloads {
    /// Makes of addresses what tells nobody which they were.
    secret: [u8; 32],
    waiting: Mutex<HashMap<(RepoKey, i64, Visitor), Waiting>>,
}

struct Waiting {
    day: Day,
    files: u64,
}

/// A repository's downloads over some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Every day of the period, oldest first.
    pub days: Vec<Daily>,
}

/// A repository that is downloaded much these days.
#[derive(Clone, Debug)]
pub struct Trending {
    pub repository: RepositoryInfo,
    /// Sessions in the period.
    pub recent_downloads: u64,
}

impl Downloads {
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret, waiting: Mutex::default() }
    }

    fn visitor(&self, caller: &Caller, repo: RepoKey, origin: &Origin) -> Visitor {
        let known = caller.for_repository(repo);
        let mut hasher = Sha256::new();
        hasher.update(self.secret);
        match known {
            Some(known) => hasher.update(format!("user {}", known.user.key)),
            None => {
                let address = origin.address.map_or_else(String::new, |address| address.to_string());
                hasher.update(format!("{address} {}", origin.agent.as_deref().unwrap_or_default()));
            }
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize()[..16]);
        Visitor { id, known: known.is_some() }
    }

    fn add(&self, key: (RepoKey, i64, Visitor), day: Day, files: u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST && !waiting.contains_key(&key) {
            return;
        }
        let one = waiting.entry(key).or_insert(Waiting { day, files: 0 });
        one.files = one.files.saturating_add(files);
    }

    fn take(&self) -> Vec<Download> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let download =
            |((repo, stretch, visitor), Waiting { day, files })| Download { repo, stretch, visitor, day, files };
        std::mem::take(&mut *waiting).into_iter().map(download).collect()
    }

    fn put_back(&self, downloads: Vec<Download>) {
        for download in downloads {
            self.add((download.repo, download.stretch, download.visitor), download.day, download.files);
        }
    }
}

impl Readable {
    /// Counts a download by the caller, of so many files.
    pub fn downloaded(&self, origin: &Origin, files: u64) {
        let (downloads, now) = (&self.hub.0.downloads, self.hub.now());
        let stretch = self.hub.stretch();
        let visitor = downloads.visitor(&self.caller, self.key(), origin);
        downloads.add((self.key(), stretch, visitor), Day::of(now), files);
    }

    /// How often it was downloaded, ever.
    pub fn count_downloads(&self) -> u64 {
        self.repository.downloads
    }

    /// Its downloads of the last days, today included. `Invalid` for none, or more than a year.
    pub async fn recent_downloads(&self, days: u32) -> Result<Series> {
        let (first, today) = self.hub.period(days)?;
        let found = self.hub.catalog().daily_downloads(self.key(), first).await?;
        Ok(in_every_day(first, today, &found))
    }
}

/// The days of a period, those without downloads too.
pub(crate) fn in_every_day(first: Day, today: Day, found: &[Daily]) -> Series {
    let of = |day: Day| {
        let some = found.iter().find(|daily| daily.day == day).copied();
        some.unwrap_or(Daily { day, known: 0, anonymous: 0, files: 0 })
    };
    Series { days: (first.0..=today.0).map(|day| of(Day(day))).collect() }
}

impl Hub {
    fn stretch(&self) -> i64 {
        let length = i64::try_from(self.settings().download_session.as_millis()).unwrap_or(i64::MAX).max(1);
        self.now().0.div_euclid(length)
    }

    /// The first day of a period that ends today, and today.
    pub(crate) fn period(&self, days: u32) -> Result<(Day, Day)> {
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(Failure::Invalid(format!("days: {days} is not offered; it is 1 to {MOST_DAYS}")));
        }
        let today = Day::of(self.now());
        Ok((today.before(days - 1), today))
    }

    /// Writes the downloads that wait, and forgets sessions that nobody can continue. What cannot be written waits on.
    pub async fn write_downloads(&self) -> Result<usize> {
        let mut waiting = self.0.downloads.take();
        let mut written = 0;
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(BATCH));
            // The order in which rows are locked everywhere.
            waiting.sort_unstable_by_key(|download| (download.repo, download.stretch, download.visitor));
            if let Err(error) = self.catalog().record_downloads(waiting.clone(), random_key()?).await {
                self.0.downloads.put_back(waiting);
                self.0.downloads.put_back(rest);
                return Err(error.into());
            }
            written += waiting.len();
            waiting = rest;
        }
        if written > 0 {
            self.catalog().forget_sessions(self.stretch() - 1).await?;
        }
        Ok(written)
    }

    /// Works out what lists in order of trend show. Every few minutes, on every node.
    pub async fn rank_trends(&self) -> Result<()> {
        Ok(self.catalog().rank_trends(Day::of(self.now()).before(WINDOW)).await?)
    }

    /// What is downloaded most in the last days, of what the caller may see, the most first: 20 unless asked, at most
    /// 100. A session counts the more the younger it is.
    pub async fn trending(
        &self,
        caller: &Caller,
        kind: RepoKind,
        days: u32,
        limit: Option<usize>,
    ) -> Result<(Vec<Trending>, [Day; 2])> {
        let (first, today) = self.period(days)?;
        let limit = crate::paging::page_size(limit, 20, 100);
        let trends = self.catalog().trends(kind, first.before(1), &caller.viewer(), limit).await?;
        let keys: Vec<RepoKey> = trends.iter().map(|trend| trend.repo).collect();
        let found = self.catalog().named_repositories(&keys).await?;
        let found = self.listed_by_rules(caller, found, |(repository, _)| repository).await?;
        let trending = |trend: &ballast_catalog::Trend| {
            let (repository, namespace) = found.iter().find(|(repository, _)| repository.key == trend.repo)?;
            let id = RepoId { namespace: namespace.clone(), name: repository.name.clone() };
            let repository = RepositoryInfo::new(repository, id, repository.head);
            Some(Trending { repository, recent_downloads: trend.sessions })
        };
        Ok((trends.iter().filter_map(trending).collect(), [first, today]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_one_entry_for_each_visitor_and_stretch() {
        let downloads = Downloads::new([1; 32]);
        let origin = |agent: &str| Origin { address: None, agent: Some(agent.to_owned()) };
        let nobody = Caller::anonymous();
        let visitor = |agent: &str| downloads.visitor(&nobody, RepoKey(1), &origin(agent));
        assert_eq!(visitor("curl"), visitor("curl"));
        assert_ne!(visitor("curl"), visitor("wget"));
        for (stretch, agent) in [(1, "curl"), (1, "curl"), (1, "wget"), (2, "curl")] {
            downloads.add((RepoKey(1), stretch, visitor(agent)), Day(1), 1);
        }
        let taken = downloads.take();
        assert_eq!((taken.len(), taken.iter().map(|download| download.files).sum::<u64>()), (3, 4));
        downloads.put_back(taken);
        assert_eq!(downloads.take().len(), 3);
        assert!(downloads.take().is_empty());
    }

    #[test]
    fn addresses_are_not_to_be_found_in_what_is_kept() {
        let origin = Origin { address: "10.1.2.3".parse().ok(), agent: None };
        let of = |secret: u8| Downloads::new([secret; 32]).visitor(&Caller::anonymous(), RepoKey(1), &origin).id;
        assert_ne!(of(1), of(2), "whoever has the rows and not the secret cannot try addresses");
    }
}
