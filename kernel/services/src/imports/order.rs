//! Ordering an import, looking at one, and ending it.

use std::collections::HashMap;
use std::time::Duration;

use ballast_catalog::{Import, ImportWish, NewImport, PutImport};
use ballast_contract::Page;
use ballast_contract::downloader::Source;
use ballast_types::{CommitId, Name, RefName, RepoId, RepoKey, RepoKind, RepoPath, Revision, Visibility};
use serde_json::json;

use super::tree::is_untouched;
use super::{ImportSource, ImportView, Importing};
use crate::audit::{By, repository_object};
use crate::jobs::repo_id;
use crate::paging::{after, page_size, paged};
use crate::{Caller, Failure, Hub, NewRepository, Operator, Result, User, Writable};

/// What is to be taken over.
#[derive(Clone, Debug, Default)]
pub struct ImportRequest {
    /// `namespace/name` on the remote hub.
    pub repo: String,
    pub kind: Option<RepoKind>,
    /// `main` unless asked.
    pub revision: Option<String>,
    /// The remote hub, by its name in the configuration or its address; without, the first.
    pub from: Option<String>,
    /// `namespace/name`, or a name in the caller's own namespace; without, the source's own name there.
    pub target: Option<String>,
    /// `main` unless asked.
    pub branch: Option<String>,
    /// Each commit of the source becomes one, and not only its latest state.
    pub history: bool,
    /// Whether a repository that is made for it is private; it is unless told otherwise.
    pub private: Option<bool>,
    /// Whether what the branch holds otherwise may be replaced.
    pub overwrite: bool,
    /// How often it is brought up to date by itself.
    pub every: Option<Duration>,
}

const LEAST_OFTEN: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const MOST_OFTEN: Duration = Duration::from_secs(60);

/// How long a run may take to end when its import was ended.
const WINDING_DOWN: Duration = Duration::from_secs(10);

impl Importing {
    /// Orders an import, into a repository that is made for it where there is none. The same one that is under way already
    /// is answered instead: then false. `Remote` where the source cannot be read, and `Conflict` where the branch holds what
    /// no import brought there, unless that may be replaced.
    pub async fn start(&self, request: ImportRequest) -> Result<(ImportView, bool)> {
        let from = self.hub.import_source(request.from.as_deref())?;
        let (source, branch, every) = self.read(from, &request).await?;
        from.downloader.pin(&source).await.map_err(Failure::Remote)?;
        let target = self.target(&request, &source.repo, source.kind).await?;
        let order = NewImport {
            repo: target.key(),
            owner: self.caller.known()?.user.key,
            endpoint: from.downloader.endpoint(),
            source: source.repo.clone(),
            revision: source.revision.as_str().to_owned(),
            wish: ImportWish { branch, history: request.history, overwrite: request.overwrite },
            every,
        };
        target.check_takeover(&order).await?;
        let (import, new) = match self.hub.catalog().put_import(&order, self.hub.now()).await? {
            PutImport::New(import) => (import, true),
            PutImport::Same(import) => (import, false),
            PutImport::Other => {
                let why = format!("Another import into '{}' is under way: wait for its end, or end it", target.id());
                return Err(Failure::Conflict(why));
            }
        };
        if new {
            let details = json!({
                "from": order.endpoint, "source": order.source, "revision": order.revision, "branch": order.wish.branch,
                "history": order.wish.history, "every_seconds": every.map(|every| every.as_secs()),
            });
            let object = repository_object(target.kind(), target.id());
            self.hub.put_on_record(By::from(&self.caller), "import.start", object, details).await?;
        }
        self.hub.imports().waits.notify_one();
        Ok((ImportView { kind: target.kind(), id: target.id().clone(), import }, new))
    }

    /// What repositories take over from other hubs, as far as the caller ordered it; for an administrator, all of it. By the
    /// repositories' keys; 100 at a time unless asked, at most 1000.
    pub async fn list(&self, cursor: Option<&str>, limit: Option<usize>) -> Result<Page<ImportView>> {
        let known = self.caller.known()?;
        let owner = (!known.is_administrator()).then_some(known.user.key);
        let (limit, after) = (page_size(limit, 100, 1000), after(cursor)?.map(RepoKey));
        let found = self.hub.catalog().list_imports(owner, after, limit + 1).await?;
        let page = paged(found, limit, |import| import.order.repo.0);
        let keys: Vec<RepoKey> = page.items.iter().map(|import| import.order.repo).collect();
        let there = self.hub.catalog().find_owned(&keys).await?;
        let there = self.hub.visible_among(&self.caller.viewer(), self.caller.known().ok(), there).await?;
        let there: HashMap<RepoKey, (RepoKind, RepoId)> = there
            .into_iter()
            .map(|(repository, owner)| {
                let id = RepoId { namespace: owner.name, name: repository.name };
                (repository.key, (repository.kind, id))
            })
            .collect();
        let view = |import: Import| {
            let (kind, id) = there.get(&import.order.repo).cloned()?;
            Some(ImportView { kind, id, import: self.hub.as_it_is(import) })
        };
        Ok(Page { items: page.items.into_iter().filter_map(view).collect(), next: page.next })
    }

    /// How an import is by now.
    pub async fn follow(&self, import: &ImportView) -> Result<ImportView> {
        self.hub.writable_by_key(&self.caller, import.import.order.repo).await?.import().await
    }

    /// What a request means; `RepoFormat` or `Invalid` where it makes no sense.
    async fn read(&self, from: &ImportSource, request: &ImportRequest) -> Result<(Source, RefName, Option<Duration>)> {
        let repo = repo_id(&request.repo)?.to_string();
        let revision = request.revision.as_deref().filter(|text| !text.is_empty()).unwrap_or("main");
        let named: std::result::Result<RepoPath, _> = revision.parse();
        named.map_err(|error| Failure::Invalid(format!("revision: {error}")))?;
        let branch = request.branch.as_deref().filter(|text| !text.is_empty()).unwrap_or("main");
        let branch = RefName::branch(branch).map_err(|error| Failure::Invalid(format!("branch: {error}")))?;
        if let Some(every) = request.every.filter(|every| !(MOST_OFTEN..=LEAST_OFTEN).contains(every)) {
            return Err(Failure::Invalid(format!(
                "every: {} seconds; an import is brought up to date every {} to {} seconds",
                every.as_secs(),
                MOST_OFTEN.as_secs(),
                LEAST_OFTEN.as_secs()
            )));
        }
        let kind = request.kind.unwrap_or(RepoKind::Model);
        let token = self.hub.import_token(from).await?;
        Ok((Source { kind, repo, revision: Revision::new(revision), token }, branch, request.every))
    }

    /// The repository that it goes to, which is made where there is none.
    async fn target(&self, request: &ImportRequest, source: &str, kind: RepoKind) -> Result<Writable> {
        let own_name = || source.split_once('/').map_or(source, |(_, name)| name);
        let target = request.target.as_deref().filter(|text| !text.is_empty()).unwrap_or_else(own_name);
        let own = self.caller.known()?.user.name.as_str();
        let (namespace, name) = target.split_once('/').unwrap_or((own, target));
        let parsed: std::result::Result<Name, _> = name.parse();
        parsed.map_err(|error| Failure::Invalid(format!("target: {error}")))?;
        match self.hub.writable(&self.caller, kind, namespace, name).await {
            Err(Failure::RepositoryNotFound { .. }) => {}
            Err(Failure::RepositoryMoved { to, .. }) => {
                return self.hub.writable(&self.caller, kind, to.namespace.as_str(), to.name.as_str()).await;
            }
            found => return found,
        }
        let visibility = if request.private.unwrap_or(true) { Visibility::Private } else { Visibility::Public };
        let new = NewRepository {
            kind,
            name: format!("{namespace}/{name}"),
            organization: None,
            visibility: Some(visibility),
            sdk: None,
        };
        match self.hub.create_repository(&self.caller, new).await {
            // Somebody was faster, or it has another spelling.
            Ok(_) | Err(Failure::RepositoryExists { .. }) => {}
            Err(failure) => return Err(failure),
        }
        self.hub.writable(&self.caller, kind, namespace, name).await
    }
}

impl Operator {
    /// A user's right to import, as they may use it now.
    pub async fn importing(&self, user: &User) -> Result<Importing> {
        self.hub.importing(&self.hub.on_behalf_of(user.key).await?)
    }
}

impl Writable {
    /// What this repository takes over from another hub. `NotFound` where it never did.
    pub async fn import(&self) -> Result<ImportView> {
        let found = self.hub.catalog().find_import(self.key()).await?;
        let none = || Failure::NotFound(format!("'{}' takes nothing over from another hub", self.id()));
        let import = self.hub.as_it_is(found.ok_or_else(none)?);
        Ok(ImportView { kind: self.kind(), id: self.id().clone(), import })
    }

    /// Ends what is taken over, now and in future; what has been taken over stays. When this has answered, nothing of it
    /// goes on here.
    pub async fn stop_import(&self) -> Result<ImportView> {
        self.import().await?;
        let stopped = self.hub.catalog().stop_import(self.key(), self.hub.now()).await?;
        if let Some(live) = self.hub.imports().live(self.key()) {
            live.stop();
            // Another node's run notices within a second; one here is waited for.
            if tokio::time::timeout(WINDING_DOWN, live.ended()).await.is_err() {
                tracing::warn!(repository = %self.id(), "an import takes long to end; it has nothing more to say");
            }
        }
        if let Some(lease) = stopped.and_then(|import| import.lease) {
            self.give_room_back(lease).await?;
        }
        let object = repository_object(self.kind(), self.id());
        self.hub.put_on_record(By::from(&self.caller), "import.stop", object, json!({})).await?;
        self.import().await
    }

    /// Where the branch stands, which must hold nothing but what an import of the same source brought there, unless it may
    /// be replaced.
    pub(super) async fn check_takeover(&self, order: &NewImport) -> Result<Option<CommitId>> {
        let branch = Revision::new(order.wish.branch.as_str());
        let Some(tip) = self.tip(&branch).await? else { return Ok(None) };
        if order.wish.overwrite || is_untouched(self, tip).await? {
            return Ok(Some(tip));
        }
        let former = self.hub.catalog().find_import(self.key()).await?;
        let is_same = |former: &NewImport| {
            former.endpoint == order.endpoint
                && former.source == order.source
                && former.wish.branch == order.wish.branch
        };
        let brought = former.filter(|former| is_same(&former.order)).is_some_and(|former| {
            // What became of a write that was cut off is seen when the import is worked on.
            former.taken.is_some_and(|(_, commit)| commit == tip) || former.writing.is_some()
        });
        match brought {
            true => Ok(Some(tip)),
            false => Err(Failure::Conflict(format!(
                "'{}' of '{}' holds commits that no import of '{}' brought there: take another repository, or let the \
                 import replace what is there (overwrite)",
                order.wish.branch.short(),
                self.id(),
                order.source
            ))),
        }
    }
}

impl Hub {
    /// An import with what is known here of one that is worked on here.
    fn as_it_is(&self, mut import: Import) -> Import {
        if let Some(live) = self.imports().live(import.order.repo).filter(|live| live.run == import.run) {
            import.progress = live.progress.now();
        }
        import
    }

    /// The repository of an import, with its owner's right to import and to write, as it is now.
    pub(super) async fn import_target(&self, order: &NewImport) -> Result<Writable> {
        let owner = self.on_behalf_of(order.owner).await?;
        self.importing(&owner)?;
        self.writable_by_key(&owner, order.repo).await
    }

    async fn writable_by_key(&self, caller: &Caller, repo: RepoKey) -> Result<Writable> {
        let gone = || Failure::NotFound("The repository is not there any more".to_owned());
        let (repository, namespace) = self.catalog().find_owned(&[repo]).await?.pop().ok_or_else(gone)?;
        self.writable(caller, repository.kind, namespace.name.as_str(), repository.name.as_str()).await
    }

    /// The token that a hub is shown.
    pub(super) async fn import_token(&self, from: &ImportSource) -> Result<Option<ballast_types::Secret>> {
        match from.takes_job_token {
            true => Ok(self.job_settings().await?.token),
            false => Ok(None),
        }
    }
}
