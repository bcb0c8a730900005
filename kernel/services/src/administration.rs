//! The hub as whoever runs it sees and changes it: the right is an [`Administrator`].
//!
//! An administrator of the hub has it with a session, the password, or a token of role admin without a repository scope;
//! the command line has it because it can read the hub's own files ([`Operator`](crate::Operator)). What is changed here
//! is put on record, and so is who asked for it in vain.

mod audit_log;
mod credentials;
mod invitations;
mod operations;
mod organizations;
mod recalculation;
mod repositories;
mod statistics;
mod users;

use ballast_catalog::{NamespaceOrder, NamespaceQuery};
use ballast_contract::Page;
use ballast_types::Name;

use crate::audit::By;
use crate::paging::page_size;
use crate::{Caller, Failure, Hub, Result};

pub use audit_log::{AuditReport, BrokenChain};
pub use invitations::ListedInvitation;
pub use operations::OperationAbout;
pub use organizations::OrganizationAccount;
pub use recalculation::RecalculationProgress;
pub use repositories::{RepositoryAbout, RepositoryFilter, RepositoryOrder};
pub use statistics::Statistics;
pub use users::{AccountAbout, AccountPatch};

/// The right to see and change everything, whoever's it is.
#[derive(Clone)]
pub struct Administrator {
    pub(crate) hub: Hub,
    /// None is the command line.
    caller: Option<Caller>,
}

/// What of a list of users or organisations is wanted.
#[derive(Clone, Debug, Default)]
pub struct DirectoryQuery {
    /// Each of these must occur in the name or the e-mail address.
    pub search: Vec<String>,
    /// By name, and not by age.
    pub by_name: bool,
    pub descending: bool,
    /// Of the page before.
    pub cursor: Option<String>,
    /// 100 unless asked, at most 1000.
    pub limit: Option<usize>,
}

const USUAL_PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;

impl Hub {
    /// The right to run the hub. `CredentialRequired` for nobody; `Forbidden`, which is put on record, for everybody but
    /// an administrator with a credential that reaches everywhere.
    pub async fn administrator(&self, caller: &Caller) -> Result<Administrator> {
        let known = caller.known()?;
        if known.is_administrator() {
            return Ok(Administrator { hub: self.clone(), caller: Some(caller.clone()) });
        }
        // What nobody in particular asks for is not kept: anybody could fill the log.
        self.put_refusal_on_record(By::Known(known), "administration.ask").await?;
        let why = "This is for administrators of the hub: log in as one, or use a token of role admin without a \
                   repository scope";
        Err(Failure::Forbidden(why.to_owned()))
    }
}

impl Administrator {
    /// For the program that runs the hub.
    pub(crate) fn on_command_line(hub: &Hub) -> Self {
        Self { hub: hub.clone(), caller: None }
    }

    fn by(&self) -> By<'_> {
        self.caller.as_ref().map_or(By::Operator, By::from)
    }

    /// The name that records show.
    fn name(&self) -> String {
        let name = self.caller.as_ref().and_then(Caller::user_name);
        name.map_or_else(|| crate::audit::OPERATOR.to_owned(), Name::to_string)
    }
}

impl DirectoryQuery {
    fn length(&self) -> usize {
        page_size(self.limit, USUAL_PAGE, LONGEST_PAGE)
    }

    /// The same for the catalog, with one more than a page.
    fn query(&self) -> NamespaceQuery {
        NamespaceQuery {
            search: self.search.clone(),
            order: if self.by_name { NamespaceOrder::Name } else { NamespaceOrder::Created },
            descending: self.descending,
            after: self.cursor.clone(),
            limit: self.length() + 1,
        }
    }

    /// A page of what was asked for with one more than its length.
    fn paged<T>(&self, mut found: Vec<T>, place: impl Fn(&T) -> (i64, Name)) -> Page<T> {
        let more = found.len() > self.length();
        found.truncate(self.length());
        let next = found.last().filter(|_| more).map(|last| {
            let (key, name) = place(last);
            self.query().cursor(key, &name)
        });
        Page { items: found, next }
    }
}

/// A page that begins where no list of this order left off is the caller's mistake.
fn cursor_of_this_list(error: ballast_catalog::Error) -> Failure {
    match error {
        ballast_catalog::Error::Cursor(_) => Failure::invalid("The cursor is not one that this list gave"),
        other => other.into(),
    }
}
