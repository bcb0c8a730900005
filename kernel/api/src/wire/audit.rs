use ballast_services::{AuditOutcome, AuditRecord};
use poem_openapi::{Enum, Object};
use serde_json::Value;

/// What became of what somebody wanted.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum AuditOutcomeWord {
    /// It was done.
    Done,
    /// They may not do it.
    Refused,
}

impl From<AuditOutcomeWord> for AuditOutcome {
    fn from(word: AuditOutcomeWord) -> Self {
        match word {
            AuditOutcomeWord::Done => Self::Done,
            AuditOutcomeWord::Refused => Self::Refused,
        }
    }
}

/// Something that is on record.
#[derive(Object)]
pub struct AuditItem {
    /// `2026-11-21T01:34:15.000Z`
    pub time: String,
    /// The user; null is nobody, and `(operator)` whoever runs the hub, on its command line or by its config.
    pub actor: Option<String>,
    pub actor_id: Option<i64>,
    /// The credential's id, as `token:12`.
    pub credential: Option<String>,
    /// Of the client.
    pub address: Option<String>,
    /// The request's id, as its answer had it.
    pub request: Option<String>,
    /// A word for what was changed, a dot, and a word for how: `user.create`.
    pub action: String,
    /// `user/ada`, `organization/lab`, `model/acme/bert`; of a refusal, method and path.
    pub object: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// What else there is to say.
    pub details: Value,
    /// Whose chain it belongs to.
    pub node: String,
    /// Its place there, from 1 on.
    pub number: u64,
    /// The hash of the record before it.
    pub previous: String,
    /// The SHA-256 of the record without this field, as compact JSON with sorted keys.
    pub hash: String,
}

impl From<AuditRecord> for AuditItem {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { content, hash, .. } = record;
        Self {
            time: content.time,
            actor: content.actor,
            actor_id: content.actor_id,
            credential: content.credential,
            address: content.address,
            request: content.request,
            action: content.action,
            object: content.object,
            outcome: content.outcome,
            details: content.details,
            node: content.node,
            number: content.number,
            previous: content.previous,
            hash: hash.to_string(),
        }
    }
}

/// A page of records, newest first.
#[derive(Object)]
pub struct AuditList {
    pub records: Vec<AuditItem>,
}
