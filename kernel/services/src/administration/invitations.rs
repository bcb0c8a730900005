//! Invitations, whoever made them.

use ballast_catalog::Invitation;
use ballast_contract::Page;
use ballast_types::{Name, NamespaceKey};
use serde_json::json;

use super::{Administrator, LONGEST_PAGE, USUAL_PAGE};
use crate::organizations::{cursor, paged};
use crate::paging::page_size;
use crate::{Failure, Invited, Result};

/// An invitation, and where it leads.
#[derive(Clone, Debug)]
pub struct ListedInvitation {
    pub invited: Invited,
    pub organization: Option<Name>,
}

impl Administrator {
    /// A page of all invitations, newest first: 100 unless asked, at most 1000.
    pub async fn list_invitations(&self, after: Option<&str>, limit: Option<usize>) -> Result<Page<ListedInvitation>> {
        let (before, limit) = (cursor(after)?, page_size(limit, USUAL_PAGE, LONGEST_PAGE));
        let found = self.hub.catalog().list_all_invitations(before, limit + 1).await?;
        let Page { items, next } = paged(found, limit, |invitation| invitation.id);
        let mut keys: Vec<NamespaceKey> =
            items.iter().filter_map(|invitation| invitation.seat.map(|seat| seat.organization)).collect();
        keys.dedup();
        let namespaces = self.hub.catalog().find_namespaces(&keys).await?;
        let listed = |invitation: Invitation| {
            let of = invitation.seat.map(|seat| seat.organization);
            let organization = namespaces.iter().find(|namespace| Some(namespace.key) == of);
            let organization = organization.map(|namespace| namespace.name.clone());
            ListedInvitation { invited: self.hub.invited(invitation), organization }
        };
        Ok(Page { items: items.into_iter().map(listed).collect(), next })
    }

    /// Withdraws an invitation by its number. `NotFound`.
    pub async fn delete_invitation(&self, id: i64) -> Result<()> {
        let noted = self.hub.noting(self.by(), "invitation.delete", format!("invitation/{id}"), json!({}));
        let absent = || Failure::NotFound(format!("There is no invitation {id}, or it was withdrawn"));
        noted.delete_invitation(id).await?.then_some(()).ok_or_else(absent)
    }
}
