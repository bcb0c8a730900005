//! What is kept in memory where one process writes alone is what the database says.

use ballast_catalog::{Found, OrgRole, RepositoryPatch, UserPatch};
use ballast_database::Options;
use ballast_database::testing::{Scratch, sqlite};

use super::*;

/// A catalog that keeps what it read, and another of the same database that does not.
async fn both() -> (Catalog, Catalog, Scratch) {
    let scratch = sqlite().await;
    let database = Database::open(&scratch.url, &Options { alone: true, ..Options::default() }).await.unwrap();
    let alone = Catalog::new(database);
    alone.migrate().await.unwrap();
    (alone, Catalog::new(scratch.database.clone()), scratch)
}

async fn find(catalog: &Catalog, name: &str) -> Option<Found> {
    catalog.find_repository(RepoKind::Model, "ada", name).await.unwrap()
}

#[tokio::test]
async fn every_change_of_a_repository_is_seen_by_the_next_reader() {
    let (alone, plain, _scratch) = both().await;
    let ada = user(&alone, "Ada").await;
    assert_eq!(find(&alone, "bert").await, None);
    let made = alone.create_repository(new_model(ada.key.namespace(), "Bert")).await.unwrap();
    assert_eq!(find(&alone, "bert").await, None, "a repository that is being made was shown");
    alone.activate_repository(made.key).await.unwrap();

    let same = async |what: &str| {
        // Twice before the comparison: once from the rows, once from memory.
        let seen = [find(&alone, "bert").await, find(&alone, "BERT").await, find(&alone, "bert").await];
        let there = find(&plain, "bert").await;
        assert!(seen.iter().all(|found| *found == there), "after {what}: {seen:?} instead of {there:?}");
    };
    same("activate").await;
    let hidden = RepositoryPatch { visibility: Some(Visibility::Private), ..RepositoryPatch::default() };
    alone.update_repository(None, made.key, hidden).await.unwrap();
    same("a change of settings").await;
    write_to(&alone, made.key, Some(CommitId([7; 20])), Timestamp(NOW.0 + 1)).await;
    same("a write to its content").await;
    alone.mark_deleting(made.key).await.unwrap();
    same("its end").await;
    assert_eq!(find(&alone, "bert").await, None);
}

#[tokio::test]
async fn a_name_that_goes_to_another_repository_leads_there_at_once() {
    let (alone, _, _scratch) = both().await;
    let ada = user(&alone, "Ada").await;
    let mut last = None;
    for _ in 0..3 {
        let made = alone.create_repository(new_model(ada.key.namespace(), "bert")).await.unwrap();
        alone.activate_repository(made.key).await.unwrap();
        for _ in 0..3 {
            assert_eq!(find(&alone, "bert").await.unwrap().repository.key, made.key);
        }
        assert_ne!(last.replace(made.key), Some(made.key));
        alone.mark_deleting(made.key).await.unwrap();
    }
}

#[tokio::test]
async fn who_is_shut_out_is_shut_out_at_once() {
    let (alone, _, _scratch) = both().await;
    let (ada, lab) = (user(&alone, "Ada").await, organization(&alone, "lab").await);
    alone.link_identity("main", "1", ada.key).await.unwrap();
    for active in [true, false, true] {
        alone.update_user(ada.key, UserPatch { active: Some(active), ..UserPatch::default() }).await.unwrap();
        for _ in 0..2 {
            assert_eq!(alone.find_identity("main", "1").await.unwrap().unwrap().active, active);
        }
    }
    let role = async || (alone.role(lab.key, ada.key).await.unwrap(), alone.role(lab.key, ada.key).await.unwrap());
    assert_eq!(role().await, (None, None));
    alone.set_member(lab.key, ada.key, OrgRole::Admin).await.unwrap();
    assert_eq!(role().await, (Some(OrgRole::Admin), Some(OrgRole::Admin)));
    alone.set_member(lab.key, ada.key, OrgRole::Visitor).await.unwrap();
    assert_eq!(role().await, (Some(OrgRole::Visitor), Some(OrgRole::Visitor)));
    alone.remove_member(lab.key, ada.key).await.unwrap();
    assert_eq!(role().await, (None, None));
}
