use ballast_services::{AuditFilter, Failure};
use ballast_types::Timestamp;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;

use super::Group;
use crate::call::OwnCall;
use crate::error::Answer;
use crate::json_lines::JsonLines;
use crate::paged::PagedObject;
use crate::wire::{AuditItem, AuditList, AuditOutcomeWord};

pub struct Audit;

#[OpenApi(tag = "Group::Administration")]
impl Audit {
    /// List the audit log
    ///
    /// What changed rights, accounts, credentials, repositories and limits, and who did it; newest first.
    #[oai(path = "/api/admin/audit", method = "get", operation_id = "admin_list_audit")]
    #[allow(clippy::too_many_arguments)]
    async fn admin_list_audit(
        &self,
        call: OwnCall,
        /// The user's name; `(operator)` is whoever runs the hub.
        actor: Query<Option<String>>,
        /// `user.create`, or all that begins so: `user`.
        action: Query<Option<String>>,
        /// `user/ada`, `organization/lab`, `model/acme/bert`.
        object: Query<Option<String>>,
        /// Only what was done, or only what was refused.
        outcome: Query<Option<AuditOutcomeWord>>,
        /// Not earlier than this moment, as in `2026-11-21T01:34:15Z`.
        since: Query<Option<String>>,
        /// Earlier than this moment.
        until: Query<Option<String>>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<AuditList>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let filter = filter(actor.0, action.0, object.0, outcome.0, since.0, until.0)?;
        let page = hub.list_audit(filter, cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(PagedObject::new(AuditList { records: page.items.into_iter().map(AuditItem::from).collect() }, next))
    }

    /// Export the audit log
    ///
    /// As lines of JSON, oldest first. The SHA-256 of a line without its `hash`, as compact JSON with sorted keys, is that
    /// hash, and `previous` is the hash of the line before it of the same `node`.
    #[oai(path = "/api/admin/audit/export", method = "get", operation_id = "admin_export_audit")]
    #[allow(clippy::too_many_arguments)]
    async fn admin_export_audit(
        &self,
        call: OwnCall,
        /// The user's name; `(operator)` is whoever runs the hub.
        actor: Query<Option<String>>,
        /// `user.create`, or all that begins so: `user`.
        action: Query<Option<String>>,
        /// `user/ada`, `organization/lab`, `model/acme/bert`.
        object: Query<Option<String>>,
        /// Only what was done, or only what was refused.
        outcome: Query<Option<AuditOutcomeWord>>,
        /// Not earlier than this moment, as in `2026-11-21T01:34:15Z`.
        since: Query<Option<String>>,
        /// Earlier than this moment.
        until: Query<Option<String>>,
    ) -> Answer<JsonLines> {
        let hub = call.hub.administrator(&call.caller).await?;
        let filter = filter(actor.0, action.0, object.0, outcome.0, since.0, until.0)?;
        Ok(JsonLines::new(hub.export_audit(filter).await?))
    }
}

fn filter(
    actor: Option<String>,
    action: Option<String>,
    object: Option<String>,
    outcome: Option<AuditOutcomeWord>,
    since: Option<String>,
    until: Option<String>,
) -> Result<AuditFilter, Failure> {
    let moment = |name: &str, text: Option<String>| {
        let wrong = |_| Failure::Invalid(format!("{name}: a moment is written as in 2026-11-21T01:34:15Z"));
        text.map(|text| text.parse::<Timestamp>().map_err(wrong)).transpose()
    };
    Ok(AuditFilter {
        actor,
        action,
        object,
        outcome: outcome.map(Into::into),
        since: moment("since", since)?,
        until: moment("until", until)?,
    })
}
