//! Changes that are put on record in the transaction that makes them.

use std::sync::Arc;

use ballast_database::Result;
use ballast_types::{Name, NamespaceKey, OperationId, RepoKey, Timestamp, UserKey};

use crate::{
    Acceptance, AccessRequest, AccessStatus, AuditNote, Catalog, Invitation, NewInvitation, NewOrganization,
    NewRepository, NewUser, OrgRole, Organization, OrganizationPatch, Removal, Repository, RepositoryPatch, Standing,
    User, UserPatch, WebhookWish,
};

/// A catalog for one change, which comes with a note: where nothing is changed, nothing is put on record. Each of these
/// is the catalog's own verb of the same name.
pub struct Noted(Catalog);

impl Catalog {
    /// The catalog, for one change that this note tells of.
    pub fn noting(&self, note: AuditNote) -> Noted {
        Noted(Self { note: Some(Arc::new(note)), ..self.clone() })
    }
}

macro_rules! noted {
    ($($verb:ident($($argument:ident: $sort:ty),*) -> $answer:ty;)*) => {
        impl Noted {
            $(
                pub async fn $verb(&self, $($argument: $sort),*) -> Result<$answer> {
                    self.0.$verb($($argument),*).await
                }
            )*
        }
    };
}

noted! {
    create_user(new: NewUser) -> User;
    update_user(key: UserKey, patch: UserPatch) -> User;
    change_user(key: UserKey, patch: UserPatch) -> Option<User>;
    remove_user(key: UserKey) -> Removal;
    register_user(new: NewUser, instance: &str, subject: &str, invitation: Option<i64>) -> Option<User>;
    create_organization(new: NewOrganization) -> Organization;
    update_organization(key: NamespaceKey, patch: OrganizationPatch) -> Organization;
    remove_organization(key: NamespaceKey) -> Removal;
    change_member(
        organization: NamespaceKey, actor: UserKey, target: UserKey, seen: Standing, role: Option<OrgRole>
    ) -> bool;
    create_invitation(new: NewInvitation) -> Invitation;
    delete_invitation(id: i64) -> bool;
    accept_invitation(id: i64, user: UserKey, now: Timestamp) -> Acceptance;
    create_repository(new: NewRepository) -> Repository;
    mark_deleting(key: RepoKey) -> bool;
    update_repository(operation: Option<OperationId>, key: RepoKey, patch: RepositoryPatch) -> Option<Repository>;
    relocate_repository(
        operation: Option<OperationId>, key: RepoKey, namespace: NamespaceKey, name: &Name
    ) -> Option<Repository>;
    ask_access(repo: RepoKey, user: UserKey, request: AccessRequest) -> bool;
    decide_access(
        repo: RepoKey, user: UserKey, status: AccessStatus, reason: Option<String>, at: Timestamp
    ) -> bool;
    create_webhook(owner: UserKey, wish: &WebhookWish, at: Timestamp, most: usize) -> Option<i64>;
    update_webhook(owner: UserKey, id: i64, wish: &WebhookWish) -> bool;
    set_webhook_disabled(owner: UserKey, id: i64, disabled: bool) -> bool;
    delete_webhook(owner: UserKey, id: i64) -> bool;
}
