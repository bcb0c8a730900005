//! What an auth plugin keeps its promises by.
#![allow(clippy::unwrap_used)]

mod sessions;
mod ssh_keys;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballast_contract::auth::{Auth, Credential, CredentialKind, Credentials, Identity, NewToken, Role};
use ballast_contract::{ErrorKind, Health, Result};
use ballast_types::{RepoKey, Secret, Timestamp};
use futures::future::join_all;
use sessions::{
    a_session_ends_in_time, a_session_proves_its_subject_until_it_is_closed, all_sessions_of_a_subject_end_together,
    sessions_are_listed_and_ended_one_by_one,
};
use ssh_keys::{
    a_public_key_is_one_subjects_alone, a_public_key_proves_its_subject_until_it_is_removed,
    a_public_key_that_lets_nobody_in_is_kept_all_the_same, public_key, public_keys_are_listed_oldest_first_in_pages,
    ssh,
};

const HOUR: Duration = Duration::from_secs(3600);

type Instance = Arc<dyn Auth>;

/// Runs every check, each on a fresh instance that is not started. `fresh` answers with the instance what must live as
/// long as it does. Checks of [`Credentials`] are left out where the plugin keeps none.
pub async fn conforms<K>(fresh: impl AsyncFn() -> (Instance, K)) {
    macro_rules! each {
        ($($check:ident)*) => {$({
            let (auth, _kept) = fresh().await;
            // Shown by the test runner only where the check fails.
            println!("auth: {}", stringify!($check));
            auth.start().await.unwrap();
            $check(&auth).await;
            auth.stop().await;
            auth.stop().await;
        })*};
    }
    each!(an_unknown_credential_is_left_to_the_next);
    let (auth, _kept) = fresh().await;
    if auth.credentials().is_none() {
        return;
    }
    each! {
        a_token_proves_its_subject_as_far_as_it_reaches
        an_expired_token_is_refused
        a_revoked_token_ends_at_once
        a_revoked_token_ends_at_once_under_load
        a_token_is_revoked_by_its_own_subject_alone
        a_declared_token_may_be_declared_again
        a_declared_value_is_taken_for_others
        a_declared_value_has_eight_printable_characters
        a_token_declared_by_many_at_once_is_one
        tokens_are_listed_oldest_first_in_pages
        a_password_is_checked
        a_wrong_password_and_a_missing_one_cost_the_same
        a_changed_password_ends_sessions_and_no_tokens
        a_token_that_is_renewed_has_another_value_and_end
        a_session_proves_its_subject_until_it_is_closed
        a_session_ends_in_time
        all_sessions_of_a_subject_end_together
        sessions_are_listed_and_ended_one_by_one
        all_tokens_of_a_subject_end_together
        a_public_key_proves_its_subject_until_it_is_removed
        a_public_key_is_one_subjects_alone
        a_public_key_that_lets_nobody_in_is_kept_all_the_same
        public_keys_are_listed_oldest_first_in_pages
        a_forgotten_subject_leaves_nothing
    }
}

fn credentials(auth: &Instance) -> &dyn Credentials {
    auth.credentials().expect("an instance keeps credentials always or never")
}

fn bearer(token: &Secret) -> Credential {
    Credential::Bearer { token: token.clone() }
}

fn cookie(session: &Secret) -> Credential {
    Credential::Session { id: session.clone() }
}

fn token(name: &str) -> NewToken {
    NewToken { name: name.to_owned(), role: Role::Write, repositories: None, expires_at: None, value: None }
}

fn declared(name: &str, value: &str) -> NewToken {
    NewToken { value: Some(Secret::new(value)), ..token(name) }
}

/// Whether an answer proves nobody: the credential is unknown now, or known to be over.
fn proves_nobody(answer: &Result<Option<Identity>>) -> bool {
    match answer {
        Ok(identity) => identity.is_none(),
        Err(error) => error.is(ErrorKind::Unauthenticated),
    }
}

async fn proven(auth: &Instance, credential: &Credential) -> Identity {
    auth.authenticate(credential).await.unwrap().expect("a credential that holds")
}

async fn has_ended(auth: &Instance, credential: &Credential) -> bool {
    proves_nobody(&auth.authenticate(credential).await)
}

async fn an_unknown_credential_is_left_to_the_next(auth: &Instance) {
    let secret = Secret::new("hf_nobodyEverMadeThisOneAndNobodyEverWill");
    let fingerprint = "SHA256:2vB0VY5Tg7w9oVb0V3J3s4o0Y1J8Ckq3mD9XxqUe7bU".to_owned();
    let unknown = [
        bearer(&secret),
        Credential::Basic { user: "nobody".to_owned(), secret: secret.clone() },
        cookie(&secret),
        Credential::SshKey { fingerprint },
        bearer(&Secret::new("")),
    ];
    for credential in unknown {
        assert_eq!(auth.authenticate(&credential).await.unwrap(), None, "{credential:?}");
    }
    for id in ["", "nonsense", "token:9999999", "session:9999999", "password:9999999", "token:-1"] {
        assert!(!auth.is_valid(id).await.unwrap(), "{id}");
    }
    assert_eq!(auth.health().await, Health::Ready);
}

async fn a_token_proves_its_subject_as_far_as_it_reaches(auth: &Instance) {
    let scope = Some(vec![RepoKey(7), RepoKey(9)]);
    let expires_at = Some(Timestamp::now().after(HOUR));
    let new = NewToken { repositories: scope.clone(), expires_at, role: Role::Read, ..token("laptop") };
    let (info, value) = credentials(auth).create_token("ada", &new).await.unwrap();
    assert_eq!((&info.name, info.role, &info.repositories), (&new.name, Role::Read, &scope));
    assert_eq!((info.expires_at, info.last_used), (expires_at, None));
    let basic = Credential::Basic { user: "whoever".to_owned(), secret: value.clone() };
    for credential in [bearer(&value), basic, bearer(&value)] {
        let identity = proven(auth, &credential).await;
        let credential = &identity.credential;
        assert_eq!((identity.subject.as_str(), credential.name.as_str()), ("ada", "laptop"));
        assert_eq!((credential.kind, credential.role), (CredentialKind::Token, Role::Read));
        assert_eq!(credential.repositories, scope);
        assert!(auth.is_valid(&credential.id).await.unwrap(), "{}", credential.id);
    }
    let (_, other) = credentials(auth).create_token("ada", &token("laptop")).await.unwrap();
    assert_ne!(value, other, "a token's value is random");
    assert_eq!(proven(auth, &bearer(&other)).await.credential.repositories, None);
    assert!(has_ended(auth, &cookie(&value)).await, "a token is no session");
}

async fn an_expired_token_is_refused(auth: &Instance) {
    let new = NewToken { expires_at: Some(Timestamp::now().before(HOUR)), ..token("old") };
    let (_, value) = credentials(auth).create_token("ada", &new).await.unwrap();
    let error = auth.authenticate(&bearer(&value)).await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated), "{error:?}");
    assert!(!error.to_string().contains(value.expose()), "an error tells no secret");
}

async fn a_revoked_token_ends_at_once(auth: &Instance) {
    let (info, value) = credentials(auth).create_token("ada", &token("lost")).await.unwrap();
    let (_, kept) = credentials(auth).create_token("ada", &token("kept")).await.unwrap();
    let id = proven(auth, &bearer(&value)).await.credential.id;
    assert!(auth.is_valid(&id).await.unwrap());
    credentials(auth).revoke_token("ada", info.id).await.unwrap();
    assert!(has_ended(auth, &bearer(&value)).await);
    assert!(!auth.is_valid(&id).await.unwrap());
    proven(auth, &bearer(&kept)).await;
    let again = credentials(auth).revoke_token("ada", info.id).await.unwrap_err();
    assert!(again.is(ErrorKind::NotFound), "{again:?}");
}

async fn a_revoked_token_ends_at_once_under_load(auth: &Instance) {
    for _ in 0..3 {
        let (info, value) = credentials(auth).create_token("ada", &token("busy")).await.unwrap();
        let busy = (0..16).map(|_| {
            let (auth, credential) = (Arc::clone(auth), bearer(&value));
            tokio::spawn(async move {
                while !has_ended(&auth, &credential).await {
                    // An answer from memory never waits, and would keep this thread to itself.
                    tokio::task::yield_now().await;
                }
            })
        });
        let busy: Vec<_> = busy.collect();
        proven(auth, &bearer(&value)).await;
        credentials(auth).revoke_token("ada", info.id).await.unwrap();
        for _ in 0..50 {
            assert!(has_ended(auth, &bearer(&value)).await, "an answer from before came after");
        }
        for task in busy {
            task.await.unwrap();
        }
    }
}

async fn a_token_is_revoked_by_its_own_subject_alone(auth: &Instance) {
    let (info, value) = credentials(auth).create_token("ada", &token("hers")).await.unwrap();
    let error = credentials(auth).revoke_token("bob", info.id).await.unwrap_err();
    assert!(error.is(ErrorKind::NotFound), "{error:?}");
    proven(auth, &bearer(&value)).await;
}

async fn a_declared_token_may_be_declared_again(auth: &Instance) {
    let first = declared("laptop", "demo-token");
    let (before, value) = credentials(auth).create_token("ada", &first).await.unwrap();
    assert_eq!(value.expose(), "demo-token");
    assert_eq!(proven(auth, &bearer(&value)).await.credential.role, Role::Write);
    let scope = Some(vec![RepoKey(3)]);
    let second = NewToken { role: Role::Read, repositories: scope.clone(), ..first };
    let (after, _) = credentials(auth).create_token("ada", &second).await.unwrap();
    assert_eq!((after.id, after.created_at), (before.id, before.created_at));
    let credential = proven(auth, &bearer(&value)).await.credential;
    assert_eq!((credential.role, credential.repositories), (Role::Read, scope));
    let over = NewToken { expires_at: Some(Timestamp::now().before(HOUR)), ..second };
    credentials(auth).create_token("ada", &over).await.unwrap();
    assert!(has_ended(auth, &bearer(&value)).await);
    assert_eq!(credentials(auth).tokens("ada", None, 10).await.unwrap().items.len(), 1);
}

async fn a_declared_value_is_taken_for_others(auth: &Instance) {
    let (_, value) = credentials(auth).create_token("ada", &declared("laptop", "demo-token")).await.unwrap();
    for (subject, name) in [("bob", "laptop"), ("ada", "desktop")] {
        let taken = credentials(auth).create_token(subject, &declared(name, "demo-token")).await.unwrap_err();
        assert!(taken.is(ErrorKind::AlreadyExists), "{subject} {name}: {taken:?}");
        assert!(!taken.to_string().contains("demo-token"), "an error tells no secret");
    }
    let identity = proven(auth, &bearer(&value)).await;
    assert_eq!((identity.subject.as_str(), identity.credential.name.as_str()), ("ada", "laptop"));
}

async fn a_declared_value_has_eight_printable_characters(auth: &Instance) {
    for value in ["", "seven77", "line\nfeed-and-more"] {
        let error = credentials(auth).create_token("ada", &declared("bad", value)).await.unwrap_err();
        assert!(error.is(ErrorKind::Invalid), "{error:?}");
    }
    credentials(auth).create_token("ada", &declared("good", "8 chars!")).await.unwrap();
}

async fn a_token_declared_by_many_at_once_is_one(auth: &Instance) {
    let all = (0..16).map(|_| {
        let auth = Arc::clone(auth);
        tokio::spawn(async move {
            credentials(&auth).create_token("ada", &declared("laptop", "demo-token")).await.unwrap().0.id
        })
    });
    let ids: Vec<_> = join_all(all).await.into_iter().map(|id| id.unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

async fn tokens_are_listed_oldest_first_in_pages(auth: &Instance) {
    let mut made = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        made.push(credentials(auth).create_token("ada", &token(name)).await.unwrap().0);
        credentials(auth).create_token("bob", &token(name)).await.unwrap();
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = credentials(auth).tokens("ada", after, 2).await.unwrap();
        assert!(page.items.len() <= 2);
        listed.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, made);
    assert_eq!(credentials(auth).tokens("nobody", None, 2).await.unwrap().items, []);
}

async fn a_password_is_checked(auth: &Instance) {
    let (right, wrong) = (Secret::new("correct horse"), Secret::new("correct horsf"));
    let keep = credentials(auth);
    keep.set_password("ada", Some(&right)).await.unwrap();
    let identity = keep.check_password(Some("ada"), &right).await.unwrap().expect("the password is right");
    assert_eq!((identity.subject.as_str(), identity.credential.kind), ("ada", CredentialKind::Password));
    assert!(auth.is_valid(&identity.credential.id).await.unwrap());
    for (subject, password) in [(Some("ada"), &wrong), (Some("bob"), &right), (None, &right)] {
        assert_eq!(keep.check_password(subject, password).await.unwrap(), None, "{subject:?}");
    }
    keep.set_password("ada", Some(&wrong)).await.unwrap();
    assert_eq!(keep.check_password(Some("ada"), &right).await.unwrap(), None);
    assert!(!auth.is_valid(&identity.credential.id).await.unwrap(), "what the old password signed is void");
    assert!(keep.check_password(Some("ada"), &wrong).await.unwrap().is_some());
    keep.set_password("ada", None).await.unwrap();
    keep.set_password("ada", None).await.unwrap();
    assert_eq!(keep.check_password(Some("ada"), &wrong).await.unwrap(), None);
}

async fn a_wrong_password_and_a_missing_one_cost_the_same(auth: &Instance) {
    let password = Secret::new("correct horse");
    credentials(auth).set_password("ada", Some(&password)).await.unwrap();
    let wrong = least_time(auth, Some("ada")).await;
    // The least of several is what the work itself takes; a factor leaves room for a busy machine.
    for subject in [None, Some("bob")] {
        let missing = least_time(auth, subject).await;
        assert!(missing * 4 > wrong && missing < wrong * 4, "{subject:?}: {missing:?}, a wrong one: {wrong:?}");
    }
}

async fn least_time(auth: &Instance, subject: Option<&str>) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..7 {
        let begun = Instant::now();
        assert_eq!(credentials(auth).check_password(subject, &Secret::new("wrong")).await.unwrap(), None);
        least = least.min(begun.elapsed());
    }
    least
}

async fn a_changed_password_ends_sessions_and_no_tokens(auth: &Instance) {
    let keep = credentials(auth);
    let later = Timestamp::now().after(HOUR);
    let hers = keep.open_session("ada", later).await.unwrap();
    let his = keep.open_session("bob", later).await.unwrap();
    let (_, value) = keep.create_token("ada", &token("laptop")).await.unwrap();
    for password in [Some(Secret::new("correct horse")), None] {
        let session = keep.open_session("ada", later).await.unwrap();
        proven(auth, &cookie(&session)).await;
        keep.set_password("ada", password.as_ref()).await.unwrap();
        assert!(has_ended(auth, &cookie(&session)).await);
    }
    assert!(has_ended(auth, &cookie(&hers)).await);
    proven(auth, &cookie(&his)).await;
    proven(auth, &bearer(&value)).await;
}

async fn a_token_that_is_renewed_has_another_value_and_end(auth: &Instance) {
    let keep = credentials(auth);
    let (info, value) = keep.create_token("ada", &token("laptop")).await.unwrap();
    let before = proven(auth, &bearer(&value)).await;
    let end = Timestamp::now().after(HOUR);
    let stranger = keep.renew_token("bob", info.id, Some(end)).await.unwrap_err();
    assert!(stranger.is(ErrorKind::NotFound), "{stranger:?}");
    let renewed = keep.renew_token("ada", info.id, Some(end)).await.unwrap();
    assert!(has_ended(auth, &bearer(&value)).await);
    // The same credential by another value.
    assert_eq!(proven(auth, &bearer(&renewed)).await, before);
    let listed = keep.tokens("ada", None, 10).await.unwrap().items;
    assert_eq!((listed.len(), listed[0].id, listed[0].expires_at), (1, info.id, Some(end)));
    keep.renew_token("ada", info.id, Some(Timestamp::now().before(HOUR))).await.unwrap();
    keep.revoke_token("ada", info.id).await.unwrap();
    let gone = keep.renew_token("ada", info.id, None).await.unwrap_err();
    assert!(gone.is(ErrorKind::NotFound), "{gone:?}");
}

async fn all_tokens_of_a_subject_end_together(auth: &Instance) {
    let keep = credentials(auth);
    let (_, one) = keep.create_token("ada", &token("one")).await.unwrap();
    let (_, other) = keep.create_token("ada", &token("other")).await.unwrap();
    let (_, his) = keep.create_token("bob", &token("his")).await.unwrap();
    let session = keep.open_session("ada", Timestamp::now().after(HOUR)).await.unwrap();
    proven(auth, &bearer(&one)).await;
    keep.revoke_tokens("ada").await.unwrap();
    keep.revoke_tokens("ada").await.unwrap();
    assert!(has_ended(auth, &bearer(&one)).await && has_ended(auth, &bearer(&other)).await);
    proven(auth, &bearer(&his)).await;
    proven(auth, &cookie(&session)).await;
}

async fn a_forgotten_subject_leaves_nothing(auth: &Instance) {
    let keep = credentials(auth);
    let password = Secret::new("correct horse");
    let mut proofs = Vec::new();
    for subject in ["ada", "bob"] {
        keep.set_password(subject, Some(&password)).await.unwrap();
        let (_, value) = keep.create_token(subject, &token("laptop")).await.unwrap();
        let session = keep.open_session(subject, Timestamp::now().after(HOUR)).await.unwrap();
        let key = public_key(if subject == "ada" { 1 } else { 2 });
        keep.add_ssh_key(subject, &key).await.unwrap();
        for credential in [bearer(&value), cookie(&session), ssh(&key)] {
            proven(auth, &credential).await;
            proofs.push((subject, credential));
        }
    }
    keep.forget("ada").await.unwrap();
    keep.forget("ada").await.unwrap();
    for (subject, credential) in &proofs {
        assert_eq!(has_ended(auth, credential).await, *subject == "ada", "{subject}");
    }
    assert_eq!(keep.check_password(Some("ada"), &password).await.unwrap(), None);
    assert!(keep.check_password(Some("bob"), &password).await.unwrap().is_some());
    assert_eq!(keep.tokens("ada", None, 10).await.unwrap().items, []);
}
