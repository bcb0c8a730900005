//! Public keys.

use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::auth::{Credential, CredentialKind, NewSshKey, Role};
use futures::future::join_all;

use super::{Instance, credentials, has_ended, proven};

pub(super) fn public_key(number: u32) -> NewSshKey {
    NewSshKey {
        title: format!("key {number}"),
        key_type: "ssh-ed25519".to_owned(),
        public_key: format!("ssh-ed25519 AAAA{number}"),
        fingerprint: format!("SHA256:fingerprint{number}"),
        login: true,
    }
}

pub(super) fn ssh(key: &NewSshKey) -> Credential {
    Credential::SshKey { fingerprint: key.fingerprint.clone() }
}

pub(super) async fn a_public_key_proves_its_subject_until_it_is_removed(auth: &Instance) {
    let key = public_key(1);
    assert!(has_ended(auth, &ssh(&key)).await);
    let info = credentials(auth).add_ssh_key("ada", &key).await.unwrap();
    assert_eq!((&info.title, &info.key_type, &info.fingerprint), (&key.title, &key.key_type, &key.fingerprint));
    assert!(info.login && info.last_used.is_none());
    let identity = proven(auth, &ssh(&key)).await;
    assert_eq!((identity.subject.as_str(), identity.credential.kind), ("ada", CredentialKind::SshKey));
    // A key pushes and pulls, and manages no credentials.
    assert_eq!((identity.credential.role, identity.credential.name.as_str()), (Role::Write, "key 1"));
    let id = identity.credential.id;
    assert!(auth.is_valid(&id).await.unwrap());
    let used = credentials(auth).ssh_key("ada", info.id).await.unwrap();
    assert!(used.last_used.is_some() && used.id == info.id);
    let stranger = credentials(auth).remove_ssh_key("bob", info.id).await.unwrap_err();
    assert!(stranger.is(ErrorKind::NotFound), "{stranger:?}");
    assert!(credentials(auth).ssh_key("bob", info.id).await.unwrap_err().is(ErrorKind::NotFound));
    credentials(auth).remove_ssh_key("ada", info.id).await.unwrap();
    assert!(has_ended(auth, &ssh(&key)).await && !auth.is_valid(&id).await.unwrap());
    let again = credentials(auth).remove_ssh_key("ada", info.id).await.unwrap_err();
    assert!(again.is(ErrorKind::NotFound), "{again:?}");
    credentials(auth).add_ssh_key("bob", &key).await.unwrap();
}

pub(super) async fn a_public_key_is_one_subjects_alone(auth: &Instance) {
    let key = public_key(1);
    let adding = (0..4).map(|number| {
        let (auth, key) = (Arc::clone(auth), key.clone());
        tokio::spawn(async move { credentials(&auth).add_ssh_key(&format!("subject {number}"), &key).await })
    });
    let added: Vec<_> = join_all(adding).await.into_iter().map(|one| one.unwrap()).collect();
    assert_eq!(added.iter().filter(|one| one.is_ok()).count(), 1);
    assert!(added.iter().filter_map(|one| one.as_ref().err()).all(|error| error.is(ErrorKind::AlreadyExists)));
}

pub(super) async fn a_public_key_that_lets_nobody_in_is_kept_all_the_same(auth: &Instance) {
    let key = NewSshKey { key_type: "ssh-dss".to_owned(), login: false, ..public_key(1) };
    let info = credentials(auth).add_ssh_key("ada", &key).await.unwrap();
    assert!(!info.login && has_ended(auth, &ssh(&key)).await);
    assert_eq!(credentials(auth).ssh_key("ada", info.id).await.unwrap(), info);
}

pub(super) async fn public_keys_are_listed_oldest_first_in_pages(auth: &Instance) {
    for number in 0..5 {
        credentials(auth).add_ssh_key("ada", &public_key(number)).await.unwrap();
    }
    credentials(auth).add_ssh_key("bob", &public_key(9)).await.unwrap();
    let (mut titles, mut after) = (vec![], None);
    loop {
        let page = credentials(auth).ssh_keys("ada", after, 2).await.unwrap();
        assert!(page.items.len() <= 2);
        titles.extend(page.items.into_iter().map(|key| key.title));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(titles, (0..5).map(|number| format!("key {number}")).collect::<Vec<_>>());
    let odd = credentials(auth).ssh_keys("ada", Some("x".to_owned()), 2).await.unwrap_err();
    assert!(odd.is(ErrorKind::Invalid), "{odd:?}");
}
