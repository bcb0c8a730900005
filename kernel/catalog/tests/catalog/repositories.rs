//! Repositories: their names, states and settings.

use ballast_catalog::{Clash, Gated, NewRepository, RepoState, RepositoryPatch};
use ballast_database::{Error, on_both};
use ballast_types::{CommitId, RepoKey, RepoKind, Timestamp, Visibility};

use crate::{NOW, active, execute, new_model, open, organization, user, write_to};

on_both! {
    async fn a_repository_is_seen_once_it_is_activated(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "Ada").await;
        let made = catalog.create_repository(new_model(ada.key.namespace(), "Bert")).await.unwrap();
        assert_eq!(made.state, RepoState::Creating);
        assert_eq!(catalog.find_repository(RepoKind::Model, "ada", "bert").await.unwrap(), None);
        assert!(catalog.activate_repository(made.key).await.unwrap());
        assert!(!catalog.activate_repository(made.key).await.unwrap());
        let found = catalog.find_repository(RepoKind::Model, "ADA", "bErT").await.unwrap().unwrap();
        assert_eq!((found.repository.key, found.repository.name.as_str()), (made.key, "Bert"));
        assert_eq!((found.namespace.key, found.namespace.name.as_str()), (ada.key.namespace(), "Ada"));
        assert!(!found.by_redirect);
        assert_eq!(*found.repository, catalog.get_repository(made.key).await.unwrap());
    }

    async fn text_that_is_no_name_is_not_found(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "ada").await;
        let bert = active(&catalog, new_model(ada.key.namespace(), "bert")).await;
        assert!(catalog.mark_deleting(bert.key).await.unwrap());
        for text in ["", "a\0b", "é", "%", "be_t", &format!("/{}", bert.key), &"x".repeat(1 << 20)] {
            assert_eq!(catalog.find_repository(RepoKind::Model, "ada", text).await.unwrap(), None);
            assert_eq!(catalog.find_repository(RepoKind::Model, text, "bert").await.unwrap(), None);
        }
    }

    async fn a_name_is_taken_in_every_spelling_within_its_kind_and_namespace(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, lab) = (user(&catalog, "ada").await, organization(&catalog, "lab").await);
        let home = ada.key.namespace();
        active(&catalog, new_model(home, "Bert-base")).await;
        for taken in ["Bert-base", "bert-BASE", "bertbase", "BERT_base"] {
            let error = catalog.create_repository(new_model(home, taken)).await.unwrap_err();
            assert_eq!(Clash::of(&error), Some(Clash::Repository), "{taken}");
        }
        active(&catalog, new_model(lab.key, "bert-base")).await;
        active(&catalog, NewRepository { kind: RepoKind::Dataset, ..new_model(home, "bert-base") }).await;
        active(&catalog, new_model(home, "bert.base")).await;
    }

    async fn deleting_frees_the_name_and_the_key_is_never_used_again(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let home = user(&catalog, "ada").await.key.namespace();
        let old = active(&catalog, new_model(home, "bert")).await;
        assert!(catalog.mark_deleting(old.key).await.unwrap());
        assert!(!catalog.mark_deleting(old.key).await.unwrap());
        assert!(!catalog.activate_repository(old.key).await.unwrap());
        assert_eq!(catalog.find_repository(RepoKind::Model, "ada", "bert").await.unwrap(), None);
        let patch = RepositoryPatch { disabled: Some(true), ..RepositoryPatch::default() };
        assert_eq!(catalog.update_repository(None, old.key, patch).await.unwrap(), None);

        assert!(catalog.remove_repository(old.key).await.unwrap());
        assert!(!catalog.remove_repository(old.key).await.unwrap());
        assert!(matches!(catalog.get_repository(old.key).await, Err(Error::NotFound)));
        let new = active(&catalog, new_model(home, "Bert")).await;
        assert!(new.key > old.key);
        let found = catalog.find_repository(RepoKind::Model, "ada", "bert").await.unwrap().unwrap();
        assert_eq!(*found.repository, new);
    }

    async fn a_repository_that_lives_is_not_removed(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = active(&catalog, new_model(user(&catalog, "ada").await.key.namespace(), "bert")).await;
        assert!(!catalog.remove_repository(bert.key).await.unwrap());
        assert_eq!(catalog.get_repository(bert.key).await.unwrap(), bert);
    }

    async fn recovery_finds_repositories_by_their_states_page_by_page(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let home = user(&catalog, "ada").await.key.namespace();
        let creating = catalog.create_repository(new_model(home, "a")).await.unwrap().key;
        let live = active(&catalog, new_model(home, "b")).await.key;
        let deleting = active(&catalog, new_model(home, "c")).await.key;
        catalog.mark_deleting(deleting).await.unwrap();
        let unfinished = [RepoState::Creating, RepoState::Deleting];
        let keys = async |states: &[RepoState], after: Option<RepoKey>, limit| -> Vec<RepoKey> {
            catalog.repositories_in(states, after, limit).await.unwrap().into_iter().map(|r| r.key).collect()
        };
        assert_eq!(keys(&unfinished, None, 10).await, [creating, deleting]);
        assert_eq!(keys(&unfinished, None, 1).await, [creating]);
        assert_eq!(keys(&unfinished, Some(creating), 1).await, [deleting]);
        assert_eq!(keys(&[RepoState::Active], None, 10).await, [live]);
    }

    async fn settings_are_patched_and_reset_one_by_one(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = active(&catalog, new_model(user(&catalog, "ada").await.key.namespace(), "bert")).await;
        let suffixes = vec![".bin".to_owned(), ".\"odd\"".to_owned()];
        let patch = RepositoryPatch {
            visibility: Some(Visibility::Private),
            gated: Some(Some(Gated::Manual)),
            lfs_threshold: Some(Some(1000)),
            lfs_suffixes: Some(Some(suffixes.clone())),
            lfs_keep_versions: Some(Some(5)),
            ..RepositoryPatch::default()
        };
        let changed = catalog.update_repository(None, bert.key, patch).await.unwrap().unwrap();
        assert_eq!((changed.visibility, changed.gated), (Visibility::Private, Some(Gated::Manual)));
        assert_eq!((changed.lfs.threshold, changed.lfs.keep_versions), (Some(1000), Some(5)));
        assert_eq!(changed.lfs.suffixes, Some(suffixes));
        assert!(changed.version > bert.version);
        assert_eq!(changed.updated_at, bert.updated_at);

        let reset = RepositoryPatch { lfs_threshold: Some(None), gated: Some(None), ..RepositoryPatch::default() };
        let reset = catalog.update_repository(None, bert.key, reset).await.unwrap().unwrap();
        assert_eq!((reset.lfs.threshold, reset.gated), (None, None));
        assert_eq!((reset.lfs.keep_versions, reset.lfs.suffixes), (Some(5), changed.lfs.suffixes));
    }

    async fn late_word_of_an_older_write_hides_no_newer_one(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = active(&catalog, new_model(user(&catalog, "ada").await.key.namespace(), "bert")).await;
        let (older, newer) = (CommitId([1; 20]), CommitId([2; 20]));
        write_to(&catalog, bert.key, Some(newer), Timestamp(NOW.0 + 2)).await;
        write_to(&catalog, bert.key, Some(older), Timestamp(NOW.0 + 1)).await;
        write_to(&catalog, bert.key, None, Timestamp(NOW.0 + 3)).await;
        let touched = catalog.get_repository(bert.key).await.unwrap();
        assert_eq!((touched.head, touched.updated_at), (Some(newer), Timestamp(NOW.0 + 3)));
    }

    async fn a_former_name_leads_on_until_somebody_takes_it(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, lab) = (user(&catalog, "ada").await.key.namespace(), organization(&catalog, "lab").await);
        let bert = active(&catalog, new_model(lab.key, "bert")).await;
        let redirect = format!("INSERT INTO redirects VALUES ('model', {ada}, 'old-bert', {})", bert.key);
        execute(&scratch.database, redirect.clone()).await;
        let found = catalog.find_repository(RepoKind::Model, "Ada", "Old-Bert").await.unwrap().unwrap();
        assert_eq!((found.repository.key, found.namespace.name.as_str()), (bert.key, "lab"));
        assert!(found.by_redirect);
        assert_eq!(catalog.find_repository(RepoKind::Dataset, "ada", "old-bert").await.unwrap(), None);

        let new = active(&catalog, new_model(ada, "old-bert")).await;
        let found = catalog.find_repository(RepoKind::Model, "ada", "old-bert").await.unwrap().unwrap();
        assert_eq!((found.repository.key, found.by_redirect), (new.key, false));
        catalog.mark_deleting(new.key).await.unwrap();
        assert_eq!(catalog.find_repository(RepoKind::Model, "ada", "old-bert").await.unwrap(), None);

        execute(&scratch.database, redirect).await;
        assert!(catalog.find_repository(RepoKind::Model, "ada", "old-bert").await.unwrap().unwrap().by_redirect);
        catalog.mark_deleting(bert.key).await.unwrap();
        assert_eq!(catalog.find_repository(RepoKind::Model, "ada", "old-bert").await.unwrap(), None);
    }
}
