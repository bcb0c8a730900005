//! What is written down: each report under its number, how many each repository has, and who has reported what.
//!
//! A report is filed and closed by one write of all that changes, which happens only where nobody else wrote meanwhile.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ballast_sdk::types::{Name, RepoKey, RepoKind, UserKey};
use ballast_sdk::{Error, ErrorKind, Page, Result, State, Versioned, WriteIf};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A report, as it is kept and as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub id: u64,
    pub repository: RepoKey,
    pub kind: RepoKind,
    /// What the repository was called then.
    pub name: String,
    pub reason: String,
    pub text: String,
    /// Who says so, and what they were called then.
    pub by: UserKey,
    pub by_name: Name,
    /// Seconds since 1970.
    pub at: u64,
}

/// The book.
pub struct Book(Arc<dyn State>);

/// So often somebody else may be faster.
const TRIES: usize = 100;

const NUMBER: &str = "number";
const REPORT: &str = "report/";

fn report_key(id: u64) -> String {
    format!("{REPORT}{id:020}")
}

fn count_key(repository: RepoKey) -> String {
    format!("open/{repository}")
}

fn own_key(repository: RepoKey, by: UserKey) -> String {
    format!("own/{repository}/{by}")
}

impl Book {
    pub fn new(state: Arc<dyn State>) -> Self {
        Self(state)
    }

    /// Files a report, whose number and time are given here. `Conflict` where the same user has one open already.
    pub async fn file(&self, report: Report) -> Result<Report> {
        for _ in 0..TRIES {
            let own = own_key(report.repository, report.by);
            if self.0.get(&own).await?.is_some() {
                let why = "you have reported this repository already, and nobody has closed that report yet";
                return Err(Error::new(ErrorKind::Conflict, "reports.file", why));
            }
            let (number, seen) = self.number(NUMBER).await?;
            let (open, counted) = self.number(&count_key(report.repository)).await?;
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let report = Report { id: number + 1, at, ..report.clone() };
            let writes = vec![
                write(NUMBER.to_owned(), seen, &report.id)?,
                write(count_key(report.repository), counted, &(open + 1))?,
                write(own, 0, &report.id)?,
                write(report_key(report.id), 0, &report)?,
            ];
            if self.0.apply(writes).await? {
                return Ok(report);
            }
        }
        Err(busy())
    }

    /// Closes a report. `NotFound` where there is none of this number.
    pub async fn close(&self, id: u64) -> Result<()> {
        for _ in 0..TRIES {
            let none = || Error::new(ErrorKind::NotFound, "reports.close", format!("there is no open report {id}"));
            let kept = self.0.get(&report_key(id)).await?.ok_or_else(none)?;
            let report: Report = read(&kept)?;
            let (open, counted) = self.number(&count_key(report.repository)).await?;
            let own = own_key(report.repository, report.by);
            let owned = self.0.get(&own).await?.map_or(0, |kept| kept.version);
            let writes = vec![
                write(count_key(report.repository), counted, &open.saturating_sub(1))?,
                WriteIf { key: report_key(id), version: kept.version, value: None },
                WriteIf { key: own, version: owned, value: None },
            ];
            if self.0.apply(writes).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Open reports, oldest first.
    pub async fn list(&self, after: Option<u64>, limit: usize) -> Result<Page<Report>> {
        let page = self.0.scan(REPORT, after.map(report_key), limit).await?;
        let items = page.items.iter().map(|(_, kept)| read(kept)).collect::<Result<Vec<Report>>>()?;
        let next = page.next.and_then(|_| items.last().map(|last| last.id.to_string()));
        Ok(Page { items, next })
    }

    /// How many reports of a repository are open.
    pub async fn open(&self, repository: RepoKey) -> Result<u64> {
        Ok(self.number(&count_key(repository)).await?.0)
    }

    /// A number with its version; 0 where there is none.
    async fn number(&self, key: &str) -> Result<(u64, u64)> {
        match self.0.get(key).await? {
            Some(kept) => Ok((read(&kept)?, kept.version)),
            None => Ok((0, 0)),
        }
    }
}

fn read<T: DeserializeOwned>(kept: &Versioned) -> Result<T> {
    serde_json::from_slice(&kept.value)
        .map_err(|error| Error::new(ErrorKind::Corrupt, "reports.read", error.to_string()))
}

fn write(key: String, version: u64, value: &impl Serialize) -> Result<WriteIf> {
    let value = serde_json::to_vec(value);
    let value = value.map_err(|error| Error::new(ErrorKind::Internal, "reports.write", error.to_string()))?;
    Ok(WriteIf { key, version, value: Some(value) })
}

fn busy() -> Error {
    Error::new(ErrorKind::Unavailable, "reports", "too many write at the same time")
}
