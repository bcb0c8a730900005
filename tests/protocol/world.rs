//! A hub in one process, on a database of the test's, with a clock of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ballast_catalog::{Catalog, DiscussionQuery, NewOrganization, RepoState};
use ballast_content::{Content, ContentOptions, Delivery};
use ballast_contract::Component;
use ballast_contract::auth::{Credential, NewToken, Role};
use ballast_contract::quota::{Account, Quota, Scope};
use ballast_contract::storage::Storage;
use ballast_contract::versioning::Versioning;
use ballast_database::Database;
use ballast_services::{
    Caller, Deduplication, Hub, LfsSettings, Mail, NewAccount, Parts, Registration, Settings, WebhookSettings,
};
use ballast_storage_opendal::OpendalConfig;
use ballast_types::{ByteRange, CommitId, RepoKey, RepoKind, Revision, Secret, Timestamp, UserKey, Visibility};
use diesel_async::SimpleAsyncConnection;
use futures::TryStreamExt;

use crate::journey::{Files, Journey};
use crate::mutant::WithoutFence;

/// Which hub: a sound one, or one that lacks a safeguard.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Sound,
    WithoutFence,
    WithoutLease,
}

/// The length of a part of an upload, in bytes.
pub const PART: u64 = 1000;

pub struct World {
    /// The node that the journey goes through.
    pub hub: Hub,
    /// Another one on the same database and storage: it recovers and collects, and shares no lock in memory.
    pub other: Hub,
    database: Database,
    catalog: Catalog,
    content: Content,
    storage: Arc<dyn Storage>,
    engine: Arc<dyn Versioning>,
    quota: Arc<dyn Quota>,
    token: Secret,
    ahead: Arc<AtomicI64>,
}

fn settings() -> Settings {
    Settings {
        site_name: "Test".to_owned(),
        lfs: LfsSettings {
            threshold: 5_000_000,
            suffixes: vec![".bin".to_owned()],
            keep_versions: 5,
            auto_prune: false,
            multipart_threshold: PART,
            part_size: PART,
        },
        deduplication: Deduplication::Namespace,
        chunk_uploads: false,
        routes: vec![],
        pushed_file: 10_000_000,
        lease: Duration::from_secs(2 * 3600),
        operation: Duration::from_secs(3600),
        grace: Duration::ZERO,
        download_session: Duration::from_secs(15 * 60),
        registration: Registration::Closed,
        provision: vec![],
        require_email_verification: false,
        link_base: "http://localhost".to_owned(),
        session: Duration::from_secs(3600),
        min_password: 8,
        webhooks: WebhookSettings { allow_private: false, timeout: Duration::from_secs(15) },
        node: "test".to_owned(),
        audit_keep: None,
        no_reply_host: "hub.test".to_owned(),
    }
}

async fn engine(database: &Database, kind: Kind) -> Arc<dyn Versioning> {
    let native = ballast_versioning_native::open(Default::default(), database.clone()).await.unwrap();
    native.start().await.unwrap();
    match kind {
        Kind::WithoutFence => Arc::new(WithoutFence(Arc::new(native))),
        Kind::Sound | Kind::WithoutLease => Arc::new(native),
    }
}

async fn ledger(database: &Database) -> Arc<dyn Quota> {
    let ledger = ballast_quota_ledger::open(Default::default(), database.clone()).await.unwrap();
    ledger.start().await.unwrap();
    Arc::new(ledger)
}

async fn node(database: &Database, storage: &Arc<dyn Storage>, kind: Kind, ahead: &Arc<AtomicI64>) -> Parts {
    let auth = ballast_auth_local::open(Default::default(), database.clone()).await.unwrap();
    auth.start().await.unwrap();
    let catalog = Catalog::new(database.clone());
    catalog.migrate().await.unwrap();
    let grace = Duration::ZERO;
    let options = ContentOptions { grace, xorb_grace: grace, ..ContentOptions::default() };
    let stores = BTreeMap::from([("main".to_owned(), storage.clone())]);
    let content = Content::new(database.clone(), stores, "main".to_owned(), options).unwrap();
    content.migrate().await.unwrap();
    let (ahead, engine) = (ahead.clone(), engine(database, kind).await);
    Parts {
        catalog,
        content,
        engines: vec![("main".to_owned(), engine.clone())],
        engine,
        auth: vec![("main".to_owned(), Arc::new(auth))],
        quota: ledger(database).await,
        endpoints: vec![],
        mail: Mail::log("hub@localhost").unwrap(),
        jobs: None,
        mirror: None,
        settings: settings(),
        clock: Arc::new(move || Timestamp(Timestamp::now().0 + ahead.load(Ordering::SeqCst))),
    }
}

impl World {
    pub async fn new(database: &Database, kind: Kind) -> Self {
        let storage = ballast_storage_opendal::open(OpendalConfig::memory()).await.unwrap();
        Self::over(database, kind, Arc::new(storage)).await
    }

    /// One whose bytes go to this store.
    pub async fn over(database: &Database, kind: Kind, storage: Arc<dyn Storage>) -> Self {
        storage.start().await.unwrap();
        let ahead = Arc::new(AtomicI64::new(0));
        let parts = node(database, &storage, kind, &ahead).await;
        let (catalog, content) = (parts.catalog.clone(), parts.content.clone());
        let (engine, quota) = (parts.engine.clone(), parts.quota.clone());
        let hub = Hub::open(parts).await.unwrap();
        let other = Hub::open(node(database, &storage, kind, &ahead).await).await.unwrap();
        let (alice, token) = first_user(&hub).await;
        catalog.create_organization(lab(alice)).await.unwrap();
        if kind == Kind::WithoutLease {
            let trigger = "CREATE TRIGGER no_lease AFTER INSERT ON leases BEGIN \
                           UPDATE leases SET expires = 0 WHERE id = NEW.id; END";
            execute(database, trigger).await;
        }
        Self { hub, other, database: database.clone(), catalog, content, storage, engine, quota, token, ahead }
    }

    pub fn at_present(&self) {
        self.ahead.store(0, Ordering::SeqCst);
    }

    pub fn later(&self, by: Duration) {
        self.ahead.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub async fn caller(&self) -> Caller {
        self.hub.caller(Some(Credential::Bearer { token: self.token.clone() }), None).await.unwrap()
    }

    /// Waits for what was cut off: a call of the database that has begun runs to its end. That is within moments, and
    /// the minutes of a deadline pass at once here.
    pub async fn is_quiet(&self) {
        while self.database.is_written() {
            tokio::task::yield_now().await;
        }
    }

    /// Recovers and collects until nothing is under way.
    pub async fn is_at_rest(&self, after: &str) {
        self.is_quiet().await;
        let mut unrest = vec![];
        for _ in 0..50 {
            self.other.collect().await.unwrap();
            unrest = self.unrest().await;
            if unrest.is_empty() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(unrest.is_empty(), "{after}: {}", unrest.join("; "));
    }

    /// Nothing is under way any more, and the journey's books and bytes are right.
    pub async fn comes_to_rest(&self, journey: &Journey) {
        self.is_at_rest(&journey.name).await;
        for name in [journey.name.clone(), journey.short_lived()] {
            self.books_are_exact(&name).await;
        }
        self.accounts_are_exact(&journey.name).await;
        self.acknowledged_commits_read_back(journey).await;
        self.pull_requests_are_as_their_branches(&journey.name).await;
    }

    /// What a branch has by a merge is said to be merged, every pull request has its ref, and every ref its pull
    /// request.
    async fn pull_requests_are_as_their_branches(&self, name: &str) {
        let Some(repo) = self.find(name).await else { return };
        let query = DiscussionQuery { limit: 100, ..DiscussionQuery::default() };
        let found = self.catalog.list_discussions(repo, query).await.unwrap().items;
        if found.is_empty() {
            return;
        }
        let caller = self.caller().await;
        let repository = self.hub.readable(&caller, RepoKind::Model, "alice", name).await.unwrap();
        for discussion in &found {
            let proposal = repository.discussion_details(discussion.number).await.unwrap().proposal.unwrap();
            let main = self.engine.resolve(repo, &Revision::main()).await.unwrap();
            let history = self.engine.log(repo, main, None, 100).await.unwrap().items;
            let base = proposal.pull_request.base;
            let is_in = proposal.head != base && history.iter().any(|commit| commit.id == proposal.head);
            assert_eq!(is_in, discussion.is_merged(), "{name}: pull request {}", discussion.number);
        }
        let refs = self.engine.refs(repo, "refs/pr/", None, 100).await.unwrap().items;
        assert_eq!(refs.len(), found.len(), "{name}: refs and pull requests");
    }

    async fn unrest(&self) -> Vec<String> {
        let mut unrest = vec![];
        for table in [
            "operations",
            "operation_reservations",
            "leases",
            "lease_blobs",
            "lease_reservations",
            "also_pending",
            "kept_promises",
        ] {
            let rows = count(&self.database, table).await;
            if rows > 0 {
                unrest.push(format!("{rows} rows in {table}"));
            }
        }
        let halves = count(&self.database, "repositories WHERE state <> 'active'").await;
        if halves > 0 {
            unrest.push(format!("{halves} repositories half made or half deleted"));
        }
        let pending = count(&self.database, "holdings WHERE pending IS NOT NULL").await;
        if pending > 0 {
            unrest.push(format!("{pending} pending holdings"));
        }
        let reserved = count(&self.database, "ledger_reservations").await;
        if reserved > 0 {
            unrest.push(format!("{reserved} reservations"));
        }
        unrest
    }

    async fn find(&self, name: &str) -> Option<RepoKey> {
        let found = self.catalog.find_repository(RepoKind::Model, "alice", name).await.unwrap();
        found.map(|found| found.repository.key)
    }

    /// Held, counted and reachable are the same bytes.
    pub async fn books_are_exact(&self, name: &str) {
        let Some(repo) = self.find(name).await else { return };
        let held = self.content.held(repo).await.unwrap().bytes;
        let usage = self.quota.usage(&[Scope::Repository(repo)]).await.unwrap()[0];
        assert_eq!((usage.used, usage.reserved), (held, 0), "{name}: the ledger and content");
        let (mut digests, mut after) = (std::collections::BTreeSet::new(), None);
        loop {
            let page = self.engine.contents(repo, after, 100).await.unwrap();
            digests.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let digests: Vec<_> = digests.into_iter().collect();
        let blobs = self.content.find_held(repo, &digests).await.unwrap();
        let sum: u64 = blobs.iter().map(|blob| blob.expect("what the engine names is held").size).sum();
        assert_eq!(sum, held, "{name}: reachable and held");
    }

    /// Each account is the sum of the repositories that the catalog says count for it.
    async fn accounts_are_exact(&self, after: &str) {
        let repositories = self.catalog.repositories_in(&[RepoState::Active], None, 10_000).await.unwrap();
        let own: Vec<_> = repositories.iter().map(|repository| Scope::Repository(repository.key)).collect();
        let mut sums: BTreeMap<Account, u64> = BTreeMap::new();
        for (repository, usage) in repositories.iter().zip(self.quota.usage(&own).await.unwrap()) {
            let account = Account { namespace: repository.namespace, visibility: repository.visibility };
            *sums.entry(account).or_default() += usage.used;
        }
        for name in ["alice", "lab"] {
            let namespace = self.catalog.find_namespace(&name.parse().unwrap()).await.unwrap().unwrap().key;
            for visibility in [Visibility::Public, Visibility::Private] {
                let account = Account { namespace, visibility };
                let used = self.quota.usage(&[Scope::Account(account)]).await.unwrap()[0].used;
                assert_eq!(used, sums.get(&account).copied().unwrap_or_default(), "{after}: {visibility:?} of {name}");
            }
        }
    }

    async fn acknowledged_commits_read_back(&self, journey: &Journey) {
        for (id, files) in journey.acknowledged() {
            self.reads_back(journey, id, &files).await;
        }
    }

    async fn reads_back(&self, journey: &Journey, id: CommitId, files: &Files) {
        let caller = self.caller().await;
        let repository = self.hub.downloadable(&caller, RepoKind::Model, "alice", &journey.name).await.unwrap();
        for (path, bytes) in files {
            let file = repository.resolve_file(&Revision::new(id.to_string()), path).await.unwrap();
            let range = ByteRange::whole(file.size());
            let read = match file.open(range).await.unwrap() {
                Delivery::Stream(stream) => stream.try_collect::<Vec<_>>().await.unwrap().concat(),
                Delivery::Chunks(chunks) => chunks.into_stream().try_collect::<Vec<_>>().await.unwrap().concat(),
                Delivery::File { .. } => unreachable!("the store of this test is memory"),
            };
            assert_eq!(read, &bytes[..], "{}: {path} of {id}", journey.name);
        }
    }

    /// Deletes every repository; then not one byte may be left.
    pub async fn is_empty_once_everything_is_deleted(&self) {
        let caller = self.caller().await;
        loop {
            let states = [RepoState::Active];
            let repositories = self.catalog.repositories_in(&states, None, 100).await.unwrap();
            if repositories.is_empty() {
                break;
            }
            for repository in repositories {
                let owner = self.catalog.find_namespaces(&[repository.namespace]).await.unwrap().remove(0).name;
                let (owner, name) = (owner.as_str(), repository.name.as_str());
                let handle = self.hub.administering(&caller, RepoKind::Model, owner, name).await.unwrap();
                handle.delete().await.unwrap();
            }
        }
        self.later(Duration::from_secs(3600));
        self.hub.collect().await.unwrap();
        // The grace of a xorb begins when the last file in it has gone.
        self.hub.collect().await.unwrap();
        for table in ["blobs", "locations", "objects", "holdings", "held", "repositories", "operations"] {
            assert_eq!(count(&self.database, table).await, 0, "rows in {table}");
        }
        assert_eq!(self.storage.list(None, 10).await.unwrap().items, []);
    }
}

/// Where repositories are moved to.
fn lab(creator: UserKey) -> NewOrganization {
    NewOrganization {
        name: "lab".parse().unwrap(),
        full_name: String::new(),
        description: String::new(),
        default_visibility: Visibility::Public,
        creator: Some(creator),
        created_at: Timestamp::now(),
    }
}

async fn first_user(hub: &Hub) -> (UserKey, Secret) {
    let operator = hub.operator();
    let new = NewAccount {
        name: "alice".parse().unwrap(),
        full_name: String::new(),
        email: None,
        password: None,
        administrator: false,
    };
    let user = operator.create_user(new).await.unwrap();
    let token = NewToken { name: "t".to_owned(), role: Role::Write, repositories: None, expires_at: None, value: None };
    (user.key, operator.create_token(&user, &token).await.unwrap().value)
}

pub async fn execute(database: &Database, statement: &'static str) {
    let ballast_database::Connections::Sqlite { write, .. } = database.connections() else {
        unreachable!("the mutants run on SQLite")
    };
    write.get().await.unwrap().batch_execute(statement).await.unwrap();
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    rows: i64,
}

async fn count(database: &Database, table: &str) -> i64 {
    use ballast_database::Connections;
    use diesel_async::RunQueryDsl;
    let query = diesel::sql_query(format!("SELECT count(*) AS rows FROM {table}"));
    let counted: Count = match database.connections() {
        Connections::Sqlite { read, .. } => query.get_result(&mut *read.get().await.unwrap()).await.unwrap(),
        Connections::Postgres(pool) => query.get_result(&mut *pool.get().await.unwrap()).await.unwrap(),
    };
    counted.rows
}
