//! Roles that are asked by messages: what crosses, what is lent, and answers that make no sense.

use ballast_contract::auth::{Auth, Credential, CredentialInfo, CredentialKind, Identity, Policy, Question};
use ballast_contract::quota::{Account, Held, Limit, Quota, Reservation, Scope, Usage};
use ballast_contract::{Component, Error, ErrorKind, Health};
use ballast_database::testing::sqlite;
use ballast_types::{NamespaceKey, RepoKey, ReservationId, Right, Secret, Timestamp, Visibility};

use super::*;
use crate::state_of;

type Told<T> = ballast_contract::Result<T>;

fn manifest(role: &str, requires: &str) -> String {
    format!(
        r#"{{"abi": {{"major": 1, "minor": 1}}, "id": "{role}.tried", "version": "1", "roles": ["{role}"], "requires": [{requires}]}}"#
    )
}

/// A declaration that lives as long as the process, with its manifest.
fn declared<E: Exported>(requires: &str) -> (&'static Declaration, &'static str) {
    let manifest: &'static str = manifest(E::ROLE, requires).leak();
    (Box::leak(Box::new(declaration::<E>(manifest.as_bytes()))), manifest)
}

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn made<E: Exported>(requires: &str, state: Arc<dyn State>, limit: Duration) -> Result<Opened, Refusal> {
    let (declaration, manifest) = declared::<E>(requires);
    let library = opened(declaration, manifest, limit).unwrap();
    let role = library.manifest().role().unwrap();
    library.create(role, "main", &json!({}), state).await
}

/// A quota that counts in its space how often repositories were forgotten.
struct Counter(Option<Arc<dyn State>>);

impl Exported for Counter {
    type Config = NoKeys;
    const ROLE: &'static str = "quota";
    const POLLING: Polling = Polling::Inline;

    fn open(_: NoKeys, slots: Slots) -> Told<Exports> {
        Ok(Exports::Quota(Arc::new(Self(slots.state().ok()))))
    }
}

impl Component for Counter {}

#[async_trait::async_trait]
impl Quota for Counter {
    async fn place(&self, _: RepoKey, _: Account, _: bool) -> Told<()> {
        Ok(())
    }

    async fn reserve(&self, repo: RepoKey, reservations: &[Reservation], _: Timestamp) -> Told<()> {
        let bytes: u64 = reservations.iter().map(|reservation| reservation.bytes).sum();
        let mut full = Error::new(ErrorKind::OverLimit, "quota.reserve", format!("{repo} wants {bytes}"));
        full.retryable = true;
        Err(full)
    }

    async fn settle(&self, _: RepoKey, held: Held, _: &[ReservationId]) -> Told<()> {
        panic!("on purpose, at {}", held.revision)
    }

    async fn release(&self, _: &[ReservationId]) -> Told<()> {
        std::future::pending().await
    }

    async fn forget(&self, repo: RepoKey) -> Told<()> {
        let lacks = || Error::new(ErrorKind::Unsupported, "quota.forget", "no space");
        let (state, key) = (self.0.as_ref().ok_or_else(lacks)?, format!("forgotten/{repo}"));
        loop {
            let version = state.get(&key).await?.map_or(0, |seen| seen.version);
            let write = WriteIf { key: key.clone(), version, value: Some(vec![0, 255]) };
            if state.apply(vec![write]).await? {
                return Ok(());
            }
        }
    }

    async fn usage(&self, scopes: &[Scope]) -> Told<Vec<Usage>> {
        let of = |scope: &Scope| match scope {
            Scope::Repository(repo) => Usage { used: repo.0.unsigned_abs(), reserved: u64::MAX, limit: Some(0) },
            Scope::Account(_) => Usage::default(),
        };
        Ok(scopes.iter().map(of).collect())
    }

    async fn limits(&self, scopes: &[Scope]) -> Told<Vec<Limit>> {
        // One too few.
        Ok(scopes.iter().skip(1).map(|_| Limit::Unlimited).collect())
    }

    async fn set_limit(&self, _: Scope, _: Limit) -> Told<()> {
        let page = self.0.as_ref().unwrap().scan("forgotten/", None, 2).await?;
        let keys: Vec<&str> = page.items.iter().map(|(key, _)| key.as_str()).collect();
        Err(Error::new(ErrorKind::Conflict, "quota.set_limit", format!("{keys:?} and {}", page.next.is_some())))
    }

    async fn expire(&self, _: Timestamp) -> Told<()> {
        Ok(())
    }
}

async fn counter(state: Arc<dyn State>, limit: Duration) -> Arc<dyn Quota> {
    let Ok(Opened::Quota(quota)) = made::<Counter>("\"state\"", state, limit).await else { panic!("no quota") };
    quota.start().await.unwrap();
    quota
}

const REPO: RepoKey = RepoKey(7);

#[tokio::test]
async fn a_question_arrives_as_it_was_asked_and_an_error_as_it_was_answered() {
    let quota = counter(Arc::new(NoState), PATIENCE).await;
    let account = Account { namespace: NamespaceKey(1), visibility: Visibility::Private };
    quota.place(REPO, account, true).await.unwrap();
    let scopes = [Scope::Repository(REPO), Scope::Account(account)];
    let expected = [Usage { used: 7, reserved: u64::MAX, limit: Some(0) }, Usage::default()];
    assert_eq!(quota.usage(&scopes).await.unwrap(), expected);
    let wanted = [(1, 30), (2, 12)].map(|(id, bytes)| Reservation { id: ReservationId(id), bytes });
    let full = quota.reserve(REPO, &wanted, Timestamp(5)).await.unwrap_err();
    assert_eq!((full.kind, full.retryable, full.context.as_str()), (ErrorKind::OverLimit, true, "7 wants 42"));
}

#[tokio::test]
async fn a_panic_an_answer_of_another_length_and_none_are_faults_of_the_instance() {
    let quota = counter(Arc::new(NoState), Duration::from_secs(1)).await;
    let panicked = quota.settle(REPO, Held { bytes: 1, revision: 3 }, &[]).await.unwrap_err();
    assert!(panicked.to_string().contains("the plugin panicked: on purpose, at 3"), "{panicked}");
    let short = quota.limits(&[Scope::Repository(REPO); 3]).await.unwrap_err();
    assert!(short.to_string().contains("it answered 2 of 3 questions"), "{short}");
    assert_eq!(quota.health().await, Health::Ready);
    let late = quota.release(&[ReservationId(1)]).await.unwrap_err();
    assert_eq!(
        (late.kind, late.context.as_str()),
        (ErrorKind::Unavailable, "the plugin did not answer within 1 seconds")
    );
    assert!(matches!(quota.health().await, Health::Degraded(why) if why.contains("misbehaved 3 times")));
    quota.expire(Timestamp(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_space_is_the_instances_own_and_durable() {
    let scratch = sqlite().await;
    let state = state_of(scratch.database.clone(), "quota.main");
    let quota = counter(Arc::clone(&state), PATIENCE).await;
    let all = (0..16).map(|at| {
        let quota = Arc::clone(&quota);
        tokio::spawn(async move { quota.forget(RepoKey(at % 4)).await })
    });
    for one in futures::future::join_all(all).await {
        one.unwrap().unwrap();
    }
    for repo in 0..4 {
        let seen = state.get(&format!("forgotten/{repo}")).await.unwrap().unwrap();
        assert_eq!(seen, Versioned { value: vec![0, 255], version: 4 });
    }
    let listed = quota.set_limit(Scope::Repository(REPO), Limit::Unlimited).await.unwrap_err();
    assert_eq!(listed.context, "[\"forgotten/0\", \"forgotten/1\"] and true");
    drop(quota);
    counter(Arc::clone(&state), PATIENCE).await.forget(RepoKey(0)).await.unwrap();
    assert_eq!(state.get("forgotten/0").await.unwrap().unwrap().version, 5);
    assert_eq!(state_of(scratch.database.clone(), "quota.other").get("forgotten/0").await.unwrap(), None);
}

#[tokio::test]
async fn who_requires_no_space_gets_none() {
    let Ok(Opened::Quota(quota)) = made::<Counter>("", Arc::new(NoState), PATIENCE).await else { panic!("no quota") };
    quota.start().await.unwrap();
    assert_eq!(quota.forget(REPO).await.unwrap_err().context, "no space");
}

/// An auth that knows one token and takes the right to write away.
struct One;

impl Exported for One {
    type Config = NoKeys;
    const ROLE: &'static str = "auth";
    const POLLING: Polling = Polling::Spawn;

    fn open(_: NoKeys, _: Slots) -> Told<Exports> {
        Ok(Exports::Auth(Arc::new(Self)))
    }
}

impl Component for One {}

#[async_trait::async_trait]
impl Auth for One {
    async fn authenticate(&self, credential: &Credential) -> Told<Option<Identity>> {
        let Credential::Bearer { token } = credential else { return Ok(None) };
        match token.expose() {
            "the-token" => Ok(Some(ada())),
            "revoked" => Err(Error::new(ErrorKind::Unauthenticated, "auth.authenticate", "it was revoked")),
            _ => Ok(None),
        }
    }

    async fn is_valid(&self, credential: &str) -> Told<bool> {
        Ok(credential == "1")
    }

    fn policy(&self) -> Option<&dyn Policy> {
        Some(self)
    }
}

#[async_trait::async_trait]
impl Policy for One {
    async fn narrow(&self, questions: &[Question]) -> Told<Vec<bool>> {
        Ok(questions.iter().map(|question| question.right < Right::Write).collect())
    }
}

fn ada() -> Identity {
    Identity {
        subject: "ada".to_owned(),
        name_hint: Some("Ada".to_owned()),
        email_hint: None,
        administrator: None,
        credential: CredentialInfo {
            kind: CredentialKind::Token,
            id: "1".to_owned(),
            name: "laptop".to_owned(),
            role: ballast_contract::auth::Role::Write,
            repositories: Some(vec![REPO]),
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auth_proves_who_is_calling_and_narrows_what_they_may() {
    let Ok(Opened::Auth(auth)) = made::<One>("", Arc::new(NoState), PATIENCE).await else { panic!("no auth") };
    auth.start().await.unwrap();
    let bearer = |token: &str| Credential::Bearer { token: Secret::new(token) };
    assert_eq!(auth.authenticate(&bearer("the-token")).await.unwrap(), Some(ada()));
    assert_eq!(auth.authenticate(&bearer("another")).await.unwrap(), None);
    let revoked = auth.authenticate(&bearer("revoked")).await.unwrap_err();
    assert_eq!((revoked.kind, revoked.context.as_str()), (ErrorKind::Unauthenticated, "it was revoked"));
    assert_eq!((auth.is_valid("1").await.unwrap(), auth.is_valid("2").await.unwrap()), (true, false));
    assert!(auth.credentials().is_none(), "it keeps none");
    let question = |right| Question {
        user: None,
        subject: Some("ada".to_owned()),
        repo: REPO,
        namespace: NamespaceKey(1),
        visibility: Visibility::Private,
        right,
    };
    let answers = auth.policy().unwrap().narrow(&[question(Right::Read), question(Right::Write)]).await.unwrap();
    assert_eq!(answers, [true, false]);
}

#[tokio::test]
async fn an_instance_of_another_role_than_its_plugins_is_refused() {
    let (declaration, manifest) = declared::<One>("");
    let library = opened(declaration, manifest, PATIENCE).unwrap();
    let refused = library.create(Role::Quota, "main", &json!({}), Arc::new(NoState)).await.err().unwrap();
    assert_eq!(refused.why, "plugin.create: the one role that it has is auth");
}
