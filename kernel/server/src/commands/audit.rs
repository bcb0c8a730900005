//! `ballast audit …`

use std::pin::pin;

use ballast_services::{AuditFilter, AuditReport, BrokenChain};
use futures::TryStreamExt;
use serde_json::json;

use super::with_hub;
use crate::cli::{Audit, Options};
use crate::exit::Exit;
use crate::output;

/// Does what is asked of the audit log.
pub fn run(options: &Options, command: Audit) -> Result<(), Exit> {
    match command {
        Audit::Verify { json } => verify(options, json),
        Audit::Export { actor, action, object, since, until } => {
            export(options, AuditFilter { actor, action, object, outcome: None, since, until })
        }
    }
}

fn verify(options: &Options, json: bool) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let report = hub.operator().verify_audit().await.map_err(Exit::failure)?;
        output::print(&if json { machine_report(&report) } else { shown_report(&report) })?;
        match report.broken.len() {
            0 => Ok(()),
            n => Err(Exit::failure(format!("{n} of the audit log's chains do not hold"))),
        }
    })
}

fn shown_report(report: &AuditReport) -> String {
    let mut text = format!("{} records in {} chains were gone over\n", report.records, report.chains);
    for BrokenChain { node, number, why } in &report.broken {
        let at = number.map_or_else(|| "at its end".to_owned(), |number| format!("at record {number}"));
        text += &format!("BROKEN: the chain of {node}, {at}: {why}\n");
    }
    if report.broken.is_empty() {
        text += "every record is as it was written, and none is missing\n";
    }
    text
}

fn machine_report(report: &AuditReport) -> String {
    let broken = |chain: &BrokenChain| json!({ "node": chain.node, "number": chain.number, "why": chain.why });
    let broken: Vec<_> = report.broken.iter().map(broken).collect();
    format!("{}\n", json!({ "chains": report.chains, "records": report.records, "broken": broken }))
}

fn export(options: &Options, filter: AuditFilter) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let lines = hub.operator().export_audit(filter).await.map_err(Exit::failure)?;
        let mut lines = pin!(lines);
        while let Some(some) = lines.try_next().await.map_err(Exit::failure)? {
            output::print(&some)?;
        }
        Ok(())
    })
}
