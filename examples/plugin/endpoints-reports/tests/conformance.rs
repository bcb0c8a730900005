//! The suite of the role, in this process, over a space in memory. `ballast plugins test` runs it over the library.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ballast_sdk::endpoints::part::Part;
use ballast_sdk::endpoints::{Account, Endpoints, Repository, Request};
use ballast_sdk::types::{RepoKey, RepoKind, UserKey, Visibility};
use ballast_sdk::{ErrorKind, auth, serde_json};
use ballast_sdk::{Page, Result, Slots, State, Versioned, WriteIf, async_trait};
use endpoints_reports::{ReportsConfig, open};

/// A space that is gone with the process.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Versioned>>);

impl Memory {
    fn rows(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Versioned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl State for Memory {
    async fn get(&self, key: &str) -> Result<Option<Versioned>> {
        Ok(self.rows().get(key).cloned())
    }

    async fn apply(&self, writes: Vec<WriteIf>) -> Result<bool> {
        let mut rows = self.rows();
        let version = |key: &str| rows.get(key).map_or(0, |row| row.version);
        if writes.iter().any(|write| version(&write.key) != write.version) {
            return Ok(false);
        }
        for WriteIf { key, version, value } in writes {
            match value {
                Some(value) => drop(rows.insert(key, Versioned { value, version: version + 1 })),
                None => drop(rows.remove(&key)),
            }
        }
        Ok(true)
    }

    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<(String, Versioned)>> {
        let rows = self.rows();
        let behind = rows.iter().filter(|(key, _)| key.starts_with(prefix));
        let behind = behind.filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        let mut items: Vec<_> = behind.take(limit + 1).map(|(key, row)| (key.clone(), row.clone())).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(key, _)| key.clone());
        Ok(Page { items, next })
    }
}

fn part() -> Part {
    Part::read(&serde_json::from_str(include_str!("../src/openapi.json")).expect("JSON")).expect("a part")
}

fn desk() -> Arc<dyn Endpoints> {
    let slots = Slots::of("endpoints.main", Some(Arc::new(Memory::default())));
    Arc::new(open(ReportsConfig::default(), slots).expect("a desk"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_conforms() {
    ballast_testkit::endpoints::conforms(&part(), async || (desk(), ())).await;
}

/// A request of a user about a repository.
fn asked(operation: &str, user: i64, repository: i64, body: &'static str) -> Request {
    let name = format!("user-{user}").parse().expect("a name");
    let caller = Account { name, key: UserKey(user), is_administrator: false, role: auth::Role::Write };
    let (kind, visibility) = (RepoKind::Model, Visibility::Public);
    let repository = Repository { key: RepoKey(repository), kind, id: "acme/bert".to_owned(), visibility };
    Request {
        operation: operation.to_owned(),
        parameters: BTreeMap::new(),
        query: vec![],
        headers: vec![],
        caller: Some(caller),
        repository: Some(repository),
        base: String::new(),
        body: body.into(),
    }
}

const SPAM: &str = r#"{"reason": "spam", "text": "an advertisement"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_user_has_one_open_report_of_a_repository_however_many_come_at_once() {
    let desk = desk();
    let all = (0..24).map(|at| {
        let desk = Arc::clone(&desk);
        tokio::spawn(
            async move { desk.answer(asked("file_report", at % 6, at % 2, SPAM)).await.map(|filed| filed.status) },
        )
    });
    let mut filed = 0;
    for one in all.collect::<Vec<_>>() {
        match one.await.expect("no panic") {
            Ok(status) => filed += u32::from(status == 201),
            Err(error) => assert_eq!(error.kind, ErrorKind::Conflict, "{error}"),
        }
    }
    assert_eq!(filed, 6, "six users report one repository each, once");
    let mut closing = asked("close_report", 0, 0, "");
    closing.parameters.insert("report".to_owned(), "1".to_owned());
    assert_eq!(desk.answer(closing.clone()).await.expect("closed").status, 204);
    assert_eq!(desk.answer(closing).await.map(|_| ()).expect_err("gone").kind, ErrorKind::NotFound);
    assert_eq!(
        desk.answer(asked("file_report", 7, 0, "{}")).await.map(|_| ()).expect_err("bad").kind,
        ErrorKind::Invalid
    );
}
