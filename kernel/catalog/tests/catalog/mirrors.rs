//! What is known of repositories of other hubs that are read through this one.

use ballast_catalog::{Catalog, Mirror, MirrorName, MirrorPin, NewMirrorPin};
use ballast_database::on_both;
use ballast_types::{CommitId, LeaseId, RepoId, RepoKey, RepoKind, Sha256, Timestamp};

use crate::{NOW, open};

fn later(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

fn name(endpoint: &str, name: &str) -> MirrorName {
    let (namespace, name) = name.split_once('/').unwrap();
    MirrorName {
        endpoint: endpoint.to_owned(),
        kind: RepoKind::Model,
        namespace: Some(namespace.parse().unwrap()),
        name: name.parse().unwrap(),
    }
}

fn mirror(key: i64) -> Mirror {
    Mirror { key: RepoKey(key), lease: LeaseId(key * 10), kept_until: later(100) }
}

fn pin(commit: u8, at: i64) -> MirrorPin {
    MirrorPin {
        commit: CommitId([commit; 20]),
        about: format!("about {commit}"),
        checked_at: later(at),
        listing: Sha256([commit; 32]),
    }
}

async fn put(catalog: &Catalog, key: i64) -> Mirror {
    catalog.put_mirror(&name("https://a", "acme/bert"), mirror(key), NOW).await.unwrap()
}

on_both! {
    async fn a_mirror_is_one_row_in_any_spelling_and_the_first_stays(scratch: &Scratch) {
        let catalog = open(scratch).await;
        assert_eq!(put(&catalog, 1).await, mirror(1));
        assert_eq!(put(&catalog, 2).await, mirror(1), "of two nodes that come at once one is first");
        let found = catalog.find_mirror(&name("https://a", "ACME/Bert")).await.unwrap();
        assert_eq!(found, Some(mirror(1)));
        assert_eq!(catalog.find_mirror(&name("https://b", "acme/bert")).await.unwrap(), None);
        let from = catalog.find_mirrored(RepoKind::Model, "Acme", "BERT").await.unwrap();
        assert_eq!(from, None, "of what nobody may have nobody is told");
        let new = NewMirrorPin { revision: "main".to_owned(), pin: pin(1, 0) };
        catalog.pin_mirror(RepoKey(1), new).await.unwrap();
        let from = catalog.find_mirrored(RepoKind::Model, "Acme", "BERT").await.unwrap();
        assert_eq!(from.as_deref(), Some("https://a"));
        assert_eq!(catalog.name_mirror(RepoKey(1)).await.unwrap(), Some(name("https://a", "acme/bert")));
        assert_eq!(catalog.name_mirror(RepoKey(2)).await.unwrap(), None);
        assert_eq!(catalog.find_mirrored(RepoKind::Dataset, "acme", "bert").await.unwrap(), None);
    }

    async fn what_is_kept_no_longer_is_forgotten_with_all_that_is_known_of_it(scratch: &Scratch) {
        let catalog = open(scratch).await;
        put(&catalog, 1).await;
        catalog.put_mirror_file(RepoKey(1), "digest", Sha256([7; 32])).await.unwrap();
        assert!(catalog.forget_mirrors(later(99)).await.unwrap().is_empty());
        catalog.keep_mirror(RepoKey(1), later(200)).await.unwrap();
        catalog.keep_mirror(RepoKey(1), later(150)).await.unwrap();
        assert!(catalog.forget_mirrors(later(199)).await.unwrap().is_empty(), "never sooner than was said");
        assert_eq!(catalog.forget_mirrors(later(200)).await.unwrap(), [LeaseId(10)]);
        assert_eq!(catalog.find_mirror_file(RepoKey(1), "digest").await.unwrap(), None);
        // One whose time is over makes room for a new one by itself.
        put(&catalog, 3).await;
        let anew = catalog.put_mirror(&name("https://a", "acme/bert"), mirror(4), later(100)).await.unwrap();
        assert_eq!(anew.key, RepoKey(4));
    }

    async fn revisions_files_and_refs_are_said_anew_and_taken_back(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let key = put(&catalog, 1).await.key;
        let say = async |revision: &str, pin: MirrorPin| {
            catalog.pin_mirror(key, NewMirrorPin { revision: revision.to_owned(), pin }).await.unwrap();
        };
        say("main", pin(1, 0)).await;
        say("v1", pin(1, 5)).await;
        say("main", pin(2, 9)).await;
        assert_eq!(catalog.find_mirror_pin(key, "main").await.unwrap(), Some(pin(2, 9)));
        assert_eq!(catalog.find_mirror_pin(key, "v1").await.unwrap(), Some(pin(1, 5)));
        assert_eq!(catalog.find_mirror_listing(key, CommitId([1; 20])).await.unwrap(), Some(Sha256([1; 32])));
        catalog.put_mirror_refs(key, "[]".to_owned(), NOW).await.unwrap();
        assert_eq!(catalog.find_mirror_refs(key).await.unwrap(), Some(("[]".to_owned(), NOW)));
        for digest in [3, 4] {
            catalog.put_mirror_file(key, "file", Sha256([digest; 32])).await.unwrap();
        }
        assert_eq!(catalog.find_mirror_file(key, "file").await.unwrap(), Some(Sha256([4; 32])));
        catalog.close_mirror(key).await.unwrap();
        assert_eq!(catalog.find_mirror_pin(key, "main").await.unwrap(), None);
        assert_eq!(catalog.find_mirror_refs(key).await.unwrap(), None);
        let listing = catalog.find_mirror_listing(key, CommitId([2; 20])).await.unwrap();
        assert!(listing.is_some() && catalog.find_mirror_file(key, "file").await.unwrap().is_some(), "what came stays");
        catalog.drop_mirror_file(key, "file").await.unwrap();
        assert_eq!(catalog.find_mirror_file(key, "file").await.unwrap(), None);
    }

    async fn a_name_that_stands_alone_is_another_one_and_may_lead_to_a_repository(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let alone = |endpoint: &str, name: &str| {
            MirrorName { endpoint: endpoint.to_owned(), kind: RepoKind::Model, namespace: None, name: name.parse().unwrap() }
        };
        put(&catalog, 1).await;
        assert_eq!(catalog.find_mirror(&alone("https://a", "bert")).await.unwrap(), None);
        catalog.put_mirror(&alone("https://a", "Bert"), mirror(2), NOW).await.unwrap();
        assert_eq!(catalog.find_mirror(&alone("https://a", "bert")).await.unwrap(), Some(mirror(2)));
        assert_eq!(catalog.name_mirror(RepoKey(2)).await.unwrap(), Some(alone("https://a", "bert")));
        let led = async |endpoint: &str, name: &str| {
            let found = catalog.find_mirror_redirect(&alone(endpoint, name)).await.unwrap();
            found.map(|(to, at)| (to.to_string(), at))
        };
        assert_eq!(led("https://a", "gpt2").await, None);
        for (to, at) in [("acme/gpt2", 0), ("Openai/GPT2", 5)] {
            let (namespace, name) = to.split_once('/').unwrap();
            let to = RepoId { namespace: namespace.parse().unwrap(), name: name.parse().unwrap() };
            catalog.put_mirror_redirect(&alone("https://a", "GPT2"), &to, later(at)).await.unwrap();
        }
        assert_eq!(led("https://a", "Gpt2").await, Some(("Openai/GPT2".to_owned(), later(5))));
        assert_eq!(led("https://b", "gpt2").await, None);
        catalog.drop_mirror_redirect(&alone("https://a", "gpt2")).await.unwrap();
        assert_eq!(led("https://a", "gpt2").await, None);
    }

    async fn what_is_said_to_one_reader_is_for_no_other_and_not_for_everybody(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let key = put(&catalog, 1).await.key;
        let say = async |reader: &str, revision: &str, pin: MirrorPin, since: i64| {
            let new = NewMirrorPin { revision: revision.to_owned(), pin };
            catalog.pin_reader(key, reader, new, later(since)).await.unwrap();
        };
        let said = async |reader: &str, revision: &str| catalog.find_reader_pin(key, reader, revision).await.unwrap();
        say("ada", "main", pin(1, 0), -9).await;
        say("ada", "main", pin(2, 5), -9).await;
        say("ada", "v1", pin(1, 6), -9).await;
        say("max", "main", pin(1, 7), -9).await;
        assert_eq!((said("ada", "main").await, said("ada", "v1").await), (Some(pin(2, 5)), Some(pin(1, 6))));
        assert_eq!((said("eve", "main").await, said("max", "v1").await), (None, None));
        assert_eq!(catalog.find_mirror_pin(key, "main").await.unwrap(), None);
        assert_eq!(catalog.find_mirrored(RepoKind::Model, "acme", "bert").await.unwrap(), None);
        // Closing it for everybody is not closing it for them.
        catalog.close_mirror(key).await.unwrap();
        assert_eq!(said("max", "main").await, Some(pin(1, 7)));
        catalog.drop_reader(key, "ada").await.unwrap();
        assert_eq!((said("ada", "main").await, said("ada", "v1").await), (None, None));
        assert_eq!(said("max", "main").await, Some(pin(1, 7)));
        // What is too old goes when something new is kept.
        say("ada", "main", pin(2, 20), 8).await;
        assert_eq!((said("max", "main").await, said("ada", "main").await), (None, Some(pin(2, 20))));
        catalog.forget_mirrors(later(100)).await.unwrap();
        assert_eq!(said("ada", "main").await, None);
    }
}
