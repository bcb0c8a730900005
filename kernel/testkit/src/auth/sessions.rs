//! Sessions.

use ballast_contract::ErrorKind;
use ballast_contract::auth::CredentialKind;
use ballast_types::Timestamp;

use super::{HOUR, Instance, bearer, cookie, credentials, has_ended, proven};

pub(super) async fn a_session_proves_its_subject_until_it_is_closed(auth: &Instance) {
    let keep = credentials(auth);
    let later = Timestamp::now().after(HOUR);
    let session = keep.open_session("ada", later).await.unwrap();
    let other = keep.open_session("ada", later).await.unwrap();
    assert_ne!(session, other);
    let identity = proven(auth, &cookie(&session)).await;
    assert_eq!((identity.subject.as_str(), identity.credential.kind), ("ada", CredentialKind::Session));
    assert!(auth.is_valid(&identity.credential.id).await.unwrap());
    assert!(has_ended(auth, &bearer(&session)).await, "a session is no token");
    keep.close_session(&session).await.unwrap();
    keep.close_session(&session).await.unwrap();
    assert!(has_ended(auth, &cookie(&session)).await);
    assert!(!auth.is_valid(&identity.credential.id).await.unwrap());
    proven(auth, &cookie(&other)).await;
}

pub(super) async fn a_session_ends_in_time(auth: &Instance) {
    let session = credentials(auth).open_session("ada", Timestamp::now().before(HOUR)).await.unwrap();
    let error = auth.authenticate(&cookie(&session)).await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated), "{error:?}");
}

pub(super) async fn all_sessions_of_a_subject_end_together(auth: &Instance) {
    let keep = credentials(auth);
    let later = Timestamp::now().after(HOUR);
    let hers = [keep.open_session("ada", later).await.unwrap(), keep.open_session("ada", later).await.unwrap()];
    let his = keep.open_session("bob", later).await.unwrap();
    for session in &hers {
        proven(auth, &cookie(session)).await;
    }
    keep.close_sessions("ada").await.unwrap();
    for session in &hers {
        assert!(has_ended(auth, &cookie(session)).await);
    }
    proven(auth, &cookie(&his)).await;
}

pub(super) async fn sessions_are_listed_and_ended_one_by_one(auth: &Instance) {
    let keep = credentials(auth);
    let later = Timestamp::now().after(HOUR);
    let mut hers = Vec::new();
    for _ in 0..3 {
        hers.push(keep.open_session("ada", later).await.unwrap());
    }
    keep.open_session("ada", Timestamp::now().before(HOUR)).await.unwrap();
    keep.open_session("bob", later).await.unwrap();
    let first = keep.sessions("ada", None, 2).await.unwrap();
    let rest = keep.sessions("ada", first.next.clone(), 2).await.unwrap();
    let listed: Vec<_> = first.items.iter().chain(&rest.items).collect();
    assert_eq!((first.items.len(), rest.items.len(), &rest.next), (2, 1, &None), "one that is over is not listed");
    assert!(listed.iter().all(|session| session.expires_at == later && session.created_at.is_some()));
    let theirs = keep.revoke_session("bob", listed[1].id).await.unwrap_err();
    assert!(theirs.is(ErrorKind::NotFound), "{theirs:?}");
    proven(auth, &cookie(&hers[1])).await;
    keep.revoke_session("ada", listed[1].id).await.unwrap();
    for (number, session) in hers.iter().enumerate() {
        assert_eq!(has_ended(auth, &cookie(session)).await, number == 1, "{number}");
    }
    let again = keep.revoke_session("ada", listed[1].id).await.unwrap_err();
    assert!(again.is(ErrorKind::NotFound), "{again:?}");
}
