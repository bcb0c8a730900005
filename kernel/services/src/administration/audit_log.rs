//! The audit log, as it is read, checked, and shortened.

use ballast_catalog::{AuditFilter, AuditQuery, AuditRecord, Chain};
use ballast_contract::Page;
use ballast_types::Sha256;
use futures::stream::{self, Stream, StreamExt};
use serde_json::Value;

use super::{Administrator, LONGEST_PAGE, USUAL_PAGE};
use crate::audit::By;
use crate::paging::{after, page_size, paged};
use crate::{Failure, Hub, Result};

/// What a walk over the chains found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    pub chains: u64,
    pub records: u64,
    pub broken: Vec<BrokenChain>,
}

/// A chain that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenChain {
    pub node: String,
    /// The first record that does not fit; none where it is the end.
    pub number: Option<u64>,
    pub why: String,
}

impl Administrator {
    /// A page of records, newest first: 100 unless asked, at most 1000. What was done before this was asked is there.
    pub async fn list_audit(
        &self,
        filter: AuditFilter,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<AuditRecord>> {
        self.hub.seal_audit().await?;
        let limit = page_size(limit, USUAL_PAGE, LONGEST_PAGE);
        let query = AuditQuery { filter, after: after(cursor)?, limit: limit + 1, oldest_first: false };
        Ok(paged(self.hub.catalog().list_audit(query).await?, limit, |record| record.id))
    }

    /// Every record, oldest first, each as a line of JSON: what is hashed, and `hash` besides. That they were read is put
    /// on record before.
    pub async fn export_audit(&self, filter: AuditFilter) -> Result<impl Stream<Item = Result<String>> + Send + use<>> {
        self.hub.put_on_record(self.by(), "audit.export", "audit".to_owned(), Value::Null).await?;
        self.hub.seal_audit().await?;
        let (hub, query) =
            (self.hub.clone(), AuditQuery { filter, oldest_first: true, after: None, limit: LONGEST_PAGE });
        let pages = stream::try_unfold(Some(None), move |place: Option<Option<i64>>| {
            let (hub, query) = (hub.clone(), query.clone());
            async move {
                let Some(after) = place else { return Ok::<_, Failure>(None) };
                let page = hub.catalog().list_audit(AuditQuery { after, ..query }).await?;
                let next = page.last().filter(|_| page.len() == LONGEST_PAGE).map(|last| Some(last.id));
                let text: String = page.iter().map(line).collect();
                Ok(Some((text, next)))
            }
        });
        Ok(pages.filter(|page: &Result<String>| {
            let empty = page.as_ref().is_ok_and(String::is_empty);
            async move { !empty }
        }))
    }

    /// Walks each chain from its base to its head, and says where it is broken first.
    pub async fn verify_audit(&self) -> Result<AuditReport> {
        self.hub.seal_audit().await?;
        let catalog = self.hub.catalog();
        let chains = catalog.audit_chains().await?;
        let mut report = AuditReport { chains: chains.len() as u64, ..AuditReport::default() };
        for node in catalog.audit_nodes().await? {
            if !chains.iter().any(|chain| chain.node == node) {
                let why = "there are records, and no chain that they belong to".to_owned();
                report.broken.push(BrokenChain { node, number: None, why });
            }
        }
        for chain in &chains {
            self.verify_chain(chain, &mut report).await?;
        }
        Ok(report)
    }

    async fn verify_chain(&self, chain: &Chain, report: &mut AuditReport) -> Result<()> {
        let broken = |number: Option<u64>, why: String| BrokenChain { node: chain.node.clone(), number, why };
        let mut place = chain.base;
        let mut page = self.hub.catalog().audit_links(&chain.node, None).await?;
        while let Some(last) = page.last() {
            let end = last.number;
            for link in &page {
                // The log goes on while it is walked over.
                if link.number > chain.head.0 {
                    report.broken.extend(ends_elsewhere(chain, place));
                    return Ok(());
                }
                match link.check(place) {
                    Ok(hash) => place = (link.number, hash),
                    Err(why) => {
                        report.broken.push(broken(Some(link.number), why.to_string()));
                        return Ok(());
                    }
                }
                report.records += 1;
            }
            page = self.hub.catalog().audit_links(&chain.node, Some(end)).await?;
        }
        report.broken.extend(ends_elsewhere(chain, place));
        Ok(())
    }
}

/// What is wrong where a chain does not end with the record that was sealed last.
fn ends_elsewhere(chain: &Chain, place: (u64, Sha256)) -> Option<BrokenChain> {
    let why = || format!("it ends with record {}, and record {} was sealed last", place.0, chain.head.0);
    (place != chain.head).then(|| BrokenChain { node: chain.node.clone(), number: None, why: why() })
}

impl Hub {
    /// Takes away the records that are older than the operator wants to keep, oldest first, so that the rest of each
    /// chain can still be verified. Answers how many went.
    pub async fn trim_audit(&self) -> Result<u64> {
        let Some(keep) = self.settings().audit_keep else { return Ok(0) };
        let before = self.now().before(keep);
        let mut gone = 0;
        for chain in self.catalog().audit_chains().await? {
            loop {
                let note = self.note(By::Operator, "audit.trim", "audit".to_owned(), Value::Null);
                let now = self.catalog().trim_audit(&chain.node, before, note).await?;
                gone += now;
                if now == 0 {
                    break;
                }
            }
        }
        Ok(gone)
    }
}

/// A record as a line: what is hashed, and its hash besides.
fn line(record: &AuditRecord) -> String {
    let mut value = serde_json::to_value(&record.content).unwrap_or(Value::Null);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("hash".to_owned(), record.hash.to_string().into());
    }
    value.sort_all_objects();
    format!("{value}\n")
}
