//! What went wrong, in the hub's nouns.

use std::time::Duration;

use ballast_contract::{Error, ErrorKind};
use ballast_types::{CommitId, RefName, RepoId, RepoKind, RepoPath, Revision, Sha256};

/// Why a verb did not do what it says. It knows no status code: one table in `api` has those.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such repository, or this caller may not know of it: the two look the same everywhere.
    #[error("Repository not found: there is no {kind} '{id}', or you may not see it")]
    RepositoryNotFound {
        kind: RepoKind,
        /// As the caller wrote it.
        id: String,
        /// Whether the caller showed no credential, and might see it with one.
        anonymous: bool,
    },
    /// The repository has another name now.
    #[error("The {kind} '{from}' is now called '{to}'")]
    RepositoryMoved { kind: RepoKind, from: String, to: RepoId },
    /// The name is taken.
    #[error("You already created this {kind} repo: a {kind} repository called '{id}' already exists")]
    RepositoryExists { kind: RepoKind, id: RepoId },
    /// The revision names no commit.
    #[error("Revision not found: '{revision}' is no branch, tag or commit of this repository")]
    RevisionNotFound { revision: Revision },
    /// The commit has nothing at this path.
    #[error("Entry not found: '{path}' does not exist at this revision")]
    EntryNotFound { path: String, commit: CommitId },
    /// The history names this file, whose bytes were deleted from the repository for good.
    #[error(
        "'{path}' was permanently deleted from this repository, whose history still names it: upload it again to restore it"
    )]
    Purged { path: String, commit: CommitId },
    /// The history names this file, of whose path newer versions are kept.
    #[error(
        "This version of '{path}' is not kept any more: this repository keeps the newest ones and what its branches and \
         tags have; upload it again to restore it"
    )]
    Pruned { path: String, commit: CommitId },
    /// A commit is to delete or copy what is not there.
    #[error("A file with this name doesn't exist: {0}")]
    PathMissing(String),
    /// The branch moved since the caller looked.
    #[error("The branch was updated since you opened this page. Please refresh and try again.")]
    BranchMoved,
    /// What is to be brought together contradicts itself in these paths, of which there may be more than are told.
    #[error("{what}: both sides changed {}", listed(paths))]
    MergeConflict { what: String, paths: Vec<RepoPath> },
    /// A branch or tag of this name is there already.
    #[error("Reference {name} already exists")]
    RefExists { name: RefName },
    /// A branch or tag is not there.
    #[error("Invalid rev id: {name} does not exist")]
    RefNotFound { name: RefName },
    /// A commit or batch names an object that this repository was not given.
    #[error("The object {sha256} is not in this repository: upload it before you name it")]
    ObjectNotFound { sha256: Sha256 },
    /// The namespace is not there, or the caller may not write to it; which of the two is not told.
    #[error("Namespace not found: '{namespace}' is no user or organisation in which you may create repositories")]
    NamespaceNotFound { namespace: String },
    /// The repository may be seen, and its files are for those who were given access.
    #[error("{}", gated(*kind, id, *anonymous))]
    Gated { kind: RepoKind, id: RepoId, anonymous: bool },
    /// The credential is wrong, expired or revoked.
    #[error("Invalid credentials in Authorization header")]
    BadCredential,
    /// A login with a password that is not this user's, or a user that is not there; which of the two is not told.
    #[error("The user name or the password is wrong")]
    WrongPassword,
    /// Passwords or codes were tried too often, or logins begun.
    #[error("Too many attempts: try again in {} seconds", seconds(wait))]
    TooManyAttempts { wait: Duration },
    /// The verb needs somebody, and nobody is calling.
    #[error("You must be logged in to do this: send an access token")]
    CredentialRequired,
    /// The caller is known and may see the thing, and may not do this with it.
    #[error("{0}")]
    Forbidden(String),
    /// There is no room.
    #[error("{0}")]
    OverQuota(String),
    /// There is no room where a repository is to count from now on.
    #[error("{0}")]
    NoRoomThere(String),
    /// A repository of a remote hub is named as none can be.
    #[error("Invalid repo format")]
    RepoFormat {
        /// As the caller wrote it.
        repo: String,
    },
    /// What a remote hub said, or that it said nothing.
    #[error("{}", .0.context)]
    Remote(Error),
    /// A plugin of this hub did not do what it was asked; what happened is the operator's to know.
    #[error("The plugin behind this address, endpoints.{instance}, failed; whoever runs the hub finds why in its log")]
    PluginFault { instance: String, cause: Error },
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The request is larger than this hub takes.
    #[error("{0}")]
    TooLarge(String),
    /// The request contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// What was asked for is not there, and none of the kinds above.
    #[error("{0}")]
    NotFound(String),
    /// This deployment does not do that.
    #[error("{0}")]
    Unsupported(String),
    /// The body ended, or its sender went away, before it was whole.
    #[error("{0}")]
    Interrupted(String),
    /// Not now; the same call may work later.
    #[error("{0}")]
    Unavailable(Error),
    /// The disk is full, until somebody makes room.
    #[error("{0}")]
    NoRoom(Error),
    /// What is stored is not what was stored.
    #[error("{0}")]
    Damaged(Error),
    /// A fault of the hub's own.
    #[error("{0}")]
    Broken(Error),
}

fn gated(kind: RepoKind, id: &RepoId, anonymous: bool) -> String {
    match anonymous {
        true => format!("Access to {kind} {id} is restricted: log in, with access to it, to get its files"),
        false => format!(
            "Access to {kind} {id} is restricted and you are not in the authorized list: ask for access at \
             /api/{}/{id}/ask-access",
            kind.plural()
        ),
    }
}

/// The first few of these paths.
fn listed(paths: &[RepoPath]) -> String {
    const FEW: usize = 5;
    let few: Vec<String> = paths.iter().take(FEW).map(|path| format!("'{path}'")).collect();
    match paths.len().saturating_sub(FEW) {
        0 => few.join(", "),
        more => format!("{} and {more} more", few.join(", ")),
    }
}

/// Whole seconds after which a time is over.
fn seconds(wait: &Duration) -> u64 {
    wait.as_secs() + 1
}

/// The result of a verb.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A request that makes no sense, in the words of whatever parsed it.
    pub fn invalid(why: impl std::fmt::Display) -> Self {
        Self::Invalid(why.to_string())
    }

    /// How long to wait before the same request may work, in whole seconds, where that is known.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyAttempts { wait } => Some(seconds(wait)),
            _ => None,
        }
    }

    /// A write whose operation was ended by somebody else: recovery, or whoever deletes the repository.
    pub(crate) fn given_up() -> Self {
        Self::Conflict("The repository is being deleted, or this took too long and was given up".to_owned())
    }

    pub(crate) fn entry_not_found(path: &RepoPath, commit: CommitId) -> Self {
        Self::EntryNotFound { path: path.to_string(), commit }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind {
            ErrorKind::NotFound => Self::NotFound(error.context),
            ErrorKind::AlreadyExists | ErrorKind::Conflict => Self::Conflict(error.context),
            ErrorKind::Denied => Self::Forbidden(error.context),
            ErrorKind::Unauthenticated => Self::BadCredential,
            ErrorKind::OverLimit => Self::OverQuota(error.context),
            ErrorKind::Invalid => Self::Invalid(error.context),
            ErrorKind::Unsupported => Self::Unsupported(error.context),
            ErrorKind::NoRoom => Self::NoRoom(error),
            ErrorKind::Unavailable => Self::Unavailable(error),
            ErrorKind::Corrupt => Self::Damaged(error),
            ErrorKind::Internal => Self::Broken(error),
        }
    }
}

impl From<ballast_catalog::Error> for Failure {
    fn from(error: ballast_catalog::Error) -> Self {
        let kind = match &error {
            ballast_catalog::Error::Full(_) => ErrorKind::NoRoom,
            error if error.is_retryable() => ErrorKind::Unavailable,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, "catalog", error.to_string()).into()
    }
}
