//! What is put on record: by whom, in which request, from where.
//!
//! A verb that changes rights, accounts, credentials, repositories' settings or limits puts it down with the change
//! where the catalog owns the change ([`Hub::noting`]), and otherwise when it is done and before it is answered
//! ([`Hub::put_on_record`]). `administration/audit_log.rs` reads it.

use std::net::IpAddr;
use std::sync::Arc;

use ballast_catalog::{AuditNote, AuditOutcome, Noted, User};
use ballast_types::{Name, RepoId, RepoKind};
use serde_json::Value;

use crate::caller::Known;
use crate::{Caller, Hub, Result};

/// The request that is being answered, as far as a record tells of it.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Its id, which stands in the log and in the answer.
    pub request: Arc<str>,
    pub address: Option<IpAddr>,
    /// Method and path.
    pub asked: Arc<str>,
}

tokio::task_local! {
    static TRACE: Trace;
}

impl Trace {
    /// Answers a request: what is put on record meanwhile, on this task, is said to belong to it.
    pub async fn follow<F: Future>(self, answering: F) -> F::Output {
        TRACE.scope(self, answering).await
    }

    /// That of the request that is being answered.
    pub fn of_this_task() -> Option<Self> {
        TRACE.try_with(Self::clone).ok()
    }
}

/// Who did something.
pub(crate) enum By<'a> {
    /// Somebody with a credential.
    Known(&'a Known),
    /// Somebody who proves who they are by what they do: who logs in, who uses a link from a message.
    User(&'a User),
    /// Somebody who is about to have an account.
    Newcomer(&'a Name),
    /// Who runs the hub, on its command line or by its config.
    Operator,
    Nobody,
}

/// The name of who runs the hub; no user can have it.
pub(crate) const OPERATOR: &str = "(operator)";

impl<'a> From<&'a Caller> for By<'a> {
    fn from(caller: &'a Caller) -> Self {
        caller.known().map_or(Self::Nobody, Self::Known)
    }
}

/// The hub itself, as records name it.
pub(crate) fn hub_object() -> String {
    "hub".to_owned()
}

/// Users, organisations and repositories, as records name them.
pub(crate) fn user_object(name: &Name) -> String {
    format!("user/{name}")
}

pub(crate) fn organization_object(name: &Name) -> String {
    format!("organization/{name}")
}

pub(crate) fn repository_object(kind: RepoKind, id: &RepoId) -> String {
    format!("{kind}/{id}")
}

impl Hub {
    /// What tells of something that was done. `details` holds no secret.
    pub(crate) fn note(&self, by: By<'_>, action: &'static str, object: String, details: Value) -> AuditNote {
        let (actor, actor_key, credential) = match by {
            By::Known(known) => {
                (Some(known.user.name.to_string()), Some(known.user.key), Some(known.credential.id.clone()))
            }
            By::User(user) => (Some(user.name.to_string()), Some(user.key), None),
            By::Newcomer(name) => (Some(name.to_string()), None, None),
            By::Operator => (Some(OPERATOR.to_owned()), None, None),
            By::Nobody => (None, None, None),
        };
        let trace = Trace::of_this_task();
        AuditNote {
            node: self.settings().node.clone(),
            at: self.now(),
            actor,
            actor_key,
            credential,
            address: trace.as_ref().and_then(|trace| trace.address).map(|address| address.to_string()),
            request: trace.map(|trace| trace.request.to_string()),
            action,
            object,
            outcome: AuditOutcome::Done,
            details,
        }
    }

    /// The catalog, for one change that is put on record with it.
    pub(crate) fn noting(&self, by: By<'_>, action: &'static str, object: String, details: Value) -> Noted {
        self.catalog().noting(self.note(by, action, object, details))
    }

    /// Puts on record what another owner of facts has changed.
    pub(crate) async fn put_on_record(
        &self,
        by: By<'_>,
        action: &'static str,
        object: String,
        details: Value,
    ) -> Result<()> {
        Ok(self.catalog().put_note(&self.note(by, action, object, details)).await?)
    }

    /// Puts on record that somebody asked for what they may not have.
    pub(crate) async fn put_refusal_on_record(&self, by: By<'_>, action: &'static str) -> Result<()> {
        let asked = Trace::of_this_task().map_or_else(String::new, |trace| trace.asked.to_string());
        let note = AuditNote { outcome: AuditOutcome::Refused, ..self.note(by, action, asked, Value::Null) };
        Ok(self.catalog().put_note(&note).await?)
    }

    /// Gives what waits its place in the chains of the log. Every minute, on every node.
    pub async fn seal_audit(&self) -> Result<usize> {
        Ok(self.catalog().seal_audit().await?)
    }
}
