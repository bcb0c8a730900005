//! The hub as a whole: its parts and settings.

use std::sync::Arc;
use std::time::Duration;

use ballast_catalog::Catalog;
use ballast_content::Content;
use ballast_contract::auth::Auth;
use ballast_contract::endpoints::Endpoints;
use ballast_contract::quota::Quota;
use ballast_contract::versioning::{GitObjects, GitPushes, Rewriting, Versioning};
use ballast_types::{RepoKey, RepoKind, Timestamp};

use crate::downloads::Downloads;
use crate::imports::Imports;
use crate::jobs::{JobParts, Jobs};
use crate::mail::Mail;
use crate::mirror::{MirrorParts, Mirrors};
use crate::prune_versions::Pruning;
use crate::small_files::SmallFiles;
use crate::ticket::TicketOffice;
use crate::{Failure, Result, WebhookSettings};

/// What decides whether a file goes to LFS, and how LFS uploads are cut.
#[derive(Clone, Debug)]
pub struct LfsSettings {
    /// From this size on, in bytes.
    pub threshold: u64,
    /// Always, where the lower-case path ends with one of these.
    pub suffixes: Vec<String>,
    /// Versions of a path that pruning keeps, where it is switched on.
    pub keep_versions: u32,
    /// Whether older versions are pruned after each commit.
    pub auto_prune: bool,
    /// Above this size, in bytes, an upload goes in parts where the client can.
    pub multipart_threshold: u64,
    /// In bytes.
    pub part_size: u64,
}

/// Of whose files a client may learn that the hub has a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deduplication {
    Hub,
    Namespace,
    Repository,
    Off,
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    Open,
    /// Who holds an invitation.
    Invitation,
    Closed,
}

impl Registration {
    /// The word in the configuration and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invitation => "invitation",
            Self::Closed => "closed",
        }
    }
}

/// Where what is uploaded to some repositories goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The storage instance.
    pub storage: String,
    /// Where there are none: all.
    pub kinds: Vec<RepoKind>,
    /// In lower case; where there are none: all.
    pub namespaces: Vec<String>,
}

impl Route {
    /// Whether it is for the repositories of this kind in this namespace.
    fn fits(&self, kind: RepoKind, namespace: &str) -> bool {
        let of_kind = self.kinds.is_empty() || self.kinds.contains(&kind);
        of_kind && (self.namespaces.is_empty() || self.namespaces.iter().any(|name| name == namespace))
    }
}

/// What the operator chose, as far as the verbs need it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub site_name: String,
    pub lfs: LfsSettings,
    /// The longest regular file that a push may bring, in bytes.
    pub pushed_file: u64,
    pub deduplication: Deduplication,
    /// Whether large files that came whole are cut into chunks in the background.
    pub chunk_uploads: bool,
    /// Where uploads go that do not go to the default storage: the first that fits.
    pub routes: Vec<Route>,
    /// How long an uploaded object waits for the commit that names it.
    pub lease: Duration,
    /// How long a commit may take from its first byte to its end.
    pub operation: Duration,
    /// How long unreachable content is kept.
    pub grace: Duration,
    /// How long a visitor's downloads from a repository count as one.
    pub download_session: Duration,
    pub registration: Registration,
    /// Auth instances whose subjects get an account when they first come.
    pub provision: Vec<String>,
    /// Whether nobody logs in by password before their address is known to be theirs.
    pub require_email_verification: bool,
    /// What links in mails begin with: never what a request says.
    pub link_base: String,
    /// How long a browser stays signed in.
    pub session: Duration,
    /// The shortest password, in characters.
    pub min_password: usize,
    pub webhooks: WebhookSettings,
    /// What this node is called: each has a chain of its own in the audit log.
    pub node: String,
    /// How long records of the audit log are kept; none is for ever.
    pub audit_keep: Option<Duration>,
    /// The host in the e-mail address of commits whose author has none.
    pub no_reply_host: String,
}

/// What a hub is put together from.
pub struct Parts {
    pub catalog: Catalog,
    pub content: Content,
    pub engine: Arc<dyn Versioning>,
    /// Every engine with its instance's name, that one first.
    pub engines: Vec<(String, Arc<dyn Versioning>)>,
    /// Asked in this order, each with its instance's name.
    pub auth: Vec<(String, Arc<dyn Auth>)>,
    pub quota: Arc<dyn Quota>,
    /// Each with its instance's name.
    pub endpoints: Vec<(String, Arc<dyn Endpoints>)>,
    pub mail: Mail,
    /// None where the hub reads no other.
    pub jobs: Option<JobParts>,
    /// None where nothing is mirrored.
    pub mirror: Option<MirrorParts>,
    pub settings: Settings,
    /// The present; a test brings its own.
    pub clock: Clock,
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

pub(crate) struct Inner {
    pub parts: Parts,
    pub tickets: TicketOffice,
    pub small_files: SmallFiles,
    pub downloads: Downloads,
    pub jobs: Jobs,
    pub imports: Imports,
    pub pruning: Pruning,
    pub mirrors: Mirrors,
}

/// The hub. Cheap to clone; nothing here is a right: handles are.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

impl Hub {
    /// Puts a hub together from parts that are started already.
    pub async fn open(mut parts: Parts) -> Result<Self> {
        let tickets = TicketOffice::new(parts.catalog.secret("tickets").await?);
        let downloads = Downloads::new(parts.catalog.secret("visitors").await?);
        let jobs = Jobs::new(parts.jobs.take());
        let (small_files, imports, pruning) = (SmallFiles::new(), Imports::default(), Pruning::new());
        let mirrors = Mirrors::new(parts.mirror.take());
        let inner = Inner { parts, tickets, small_files, downloads, jobs, imports, pruning, mirrors };
        Ok(Self(Arc::new(inner)))
    }

    /// What the operator chose.
    pub fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }

    /// The storage instance that new bytes go to, unless a route says otherwise.
    pub fn uploads_to(&self) -> &str {
        self.0.parts.content.uploads_to()
    }

    /// Content, with new bytes going where those of this repository do. Of a repository that is gone nothing is kept,
    /// wherever it goes.
    pub(crate) async fn content_for(&self, repo: RepoKey) -> Result<Content> {
        let (content, routes) = (self.content(), &self.settings().routes);
        if routes.is_empty() {
            return Ok(content.clone());
        }
        let repository = match self.catalog().get_repository(repo).await {
            Err(ballast_catalog::Error::NotFound) => return Ok(content.clone()),
            found => found?,
        };
        let namespaces = self.catalog().find_namespaces(&[repository.namespace]).await?;
        let namespace = namespaces.first().map(|namespace| namespace.name.lower()).unwrap_or_default();
        match routes.iter().find(|route| route.fits(repository.kind, &namespace)) {
            Some(route) => Ok(content.sent_to(&route.storage)?),
            None => Ok(content.clone()),
        }
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.parts.catalog
    }

    pub(crate) fn content(&self) -> &Content {
        &self.0.parts.content
    }

    pub(crate) fn engine(&self) -> &dyn Versioning {
        self.0.parts.engine.as_ref()
    }

    /// `Unsupported` where the engine makes no commits of other commits.
    pub(crate) fn rewriting(&self) -> Result<&dyn Rewriting> {
        let why = "This hub's versioning engine does not merge, compare, revert or squash";
        self.engine().rewriting().ok_or_else(|| Failure::Unsupported(why.to_owned()))
    }

    /// `Unsupported` where the engine has no git objects.
    pub(crate) fn git(&self) -> Result<&dyn GitObjects> {
        let why = "This hub's versioning engine has no git objects: clone and push are not to be had, the API is";
        self.engine().git().ok_or_else(|| Failure::Unsupported(why.to_owned()))
    }

    /// `Unsupported` where the engine takes no pushes.
    pub(crate) fn git_pushes(&self) -> Result<&dyn GitPushes> {
        let why = "This hub's versioning engine takes no pushes by git, which may clone and fetch: commit by the API \
                   instead, as with hf upload";
        self.git()?.pushes().ok_or_else(|| Failure::Unsupported(why.to_owned()))
    }

    pub(crate) fn quota(&self) -> &dyn Quota {
        self.0.parts.quota.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.parts.clock)()
    }
}
