//! What repositories take over from other hubs, and who works on it.

use std::time::Duration;

use ballast_catalog::{Catalog, Import, ImportMark, ImportProgress, ImportWish, JobStatus, NewImport, PutImport};
use ballast_database::on_both;
use ballast_types::{CommitId, LeaseId, OperationId, RefName, Timestamp};

use crate::{NOW, active, new_model, open, user};

const HUB: &str = "https://hub.example";

fn later(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

fn from(hubs: &[&str]) -> Vec<String> {
    hubs.iter().map(|hub| (*hub).to_owned()).collect()
}

/// An import into a repository of that name.
async fn order(catalog: &Catalog, name: &str) -> NewImport {
    let owner = match catalog.find_user(&"ada".parse().unwrap()).await.unwrap() {
        Some(there) => there,
        None => user(catalog, "ada").await,
    };
    let repo = active(catalog, new_model(owner.key.namespace(), name)).await.key;
    let wish = ImportWish { branch: RefName::branch("main").unwrap(), history: false, overwrite: false };
    NewImport {
        repo,
        owner: owner.key,
        endpoint: HUB.to_owned(),
        source: "acme/bert".to_owned(),
        revision: "main".to_owned(),
        wish,
        every: None,
    }
}

async fn put(catalog: &Catalog, order: &NewImport) -> Import {
    match catalog.put_import(order, NOW).await.unwrap() {
        PutImport::New(import) => import,
        other => panic!("{other:?}"),
    }
}

async fn take(catalog: &Catalog, now: Timestamp) -> Option<Import> {
    catalog.take_import(now, Timestamp(now.0 + 10_000), &from(&[HUB]), None).await.unwrap()
}

on_both! {
    async fn the_same_import_is_ordered_once_until_it_is_over(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let order = order(&catalog, "bert").await;
        let asking: Vec<_> = (0..6)
            .map(|_| {
                let (catalog, order) = (catalog.clone(), order.clone());
                tokio::spawn(async move { catalog.put_import(&order, NOW).await.unwrap() })
            })
            .collect();
        let mut new = 0;
        for asked in asking {
            new += usize::from(matches!(asked.await.unwrap(), PutImport::New(_)));
        }
        assert_eq!(new, 1);
        let other = NewImport { revision: "v2".to_owned(), ..order.clone() };
        assert_eq!(catalog.put_import(&other, NOW).await.unwrap(), PutImport::Other);
        let taken = take(&catalog, NOW).await.unwrap();
        assert!(matches!(catalog.put_import(&order, NOW).await.unwrap(), PutImport::Same(_)));
        assert!(catalog.end_import(&taken, JobStatus::Failed, "why", ImportProgress::default(), NOW).await.unwrap());
        assert_eq!(put(&catalog, &other).await.order, other);
    }

    async fn one_worker_takes_an_import_and_another_when_the_first_is_not_heard_of(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let order = order(&catalog, "bert").await;
        put(&catalog, &order).await;
        assert_eq!(catalog.take_import(NOW, later(10), &from(&["https://other.example"]), None).await.unwrap(), None);
        let first = take(&catalog, NOW).await.unwrap();
        assert_eq!((first.status, first.started_at), (JobStatus::Running, Some(NOW)));
        assert_eq!(take(&catalog, later(5)).await, None);
        assert!(catalog.tell_of_import(&first, later(20), ImportProgress::default()).await.unwrap());
        assert_eq!(take(&catalog, later(11)).await, None);
        let second = take(&catalog, later(21)).await.unwrap();
        assert!(second.run > first.run);
        // The first has nothing more to say.
        assert!(!catalog.tell_of_import(&first, later(30), ImportProgress::default()).await.unwrap());
        assert!(!catalog.mark_import(&first, ImportMark::Lease(Some(LeaseId(7)))).await.unwrap());
        assert!(!catalog.end_import(&first, JobStatus::Completed, "", ImportProgress::default(), NOW).await.unwrap());
        let progress = ImportProgress { total_files: 3, fetched_bytes: 9, ..ImportProgress::default() };
        assert!(catalog.end_import(&second, JobStatus::Completed, "", progress, later(22)).await.unwrap());
        let over = catalog.find_import(order.repo).await.unwrap().unwrap();
        assert_eq!((over.status, over.progress, over.ended_at), (JobStatus::Completed, progress, Some(later(22))));
        assert_eq!(take(&catalog, later(1_000_000)).await, None);
    }

    async fn an_import_with_a_time_is_taken_again_when_that_has_come(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let order = NewImport { every: Some(Duration::from_secs(60)), ..order(&catalog, "bert").await };
        put(&catalog, &order).await;
        for (begun, status) in [(0, JobStatus::Completed), (60, JobStatus::Failed)] {
            let taken = take(&catalog, later(begun)).await.unwrap();
            assert!(catalog.end_import(&taken, status, "", ImportProgress::default(), later(begun)).await.unwrap());
            let over = catalog.find_import(order.repo).await.unwrap().unwrap();
            assert_eq!((over.next_at, take(&catalog, later(begun + 59)).await), (Some(later(begun + 60)), None));
        }
        let taken = take(&catalog, later(120)).await.unwrap();
        assert_eq!(taken.next_at, None);
        assert!(catalog.mark_import(&taken, ImportMark::Lease(Some(LeaseId(7)))).await.unwrap());
        // Ended, it comes no more, and whoever ends it hears of the lease.
        let stopped = catalog.stop_import(order.repo, later(121)).await.unwrap().unwrap();
        assert_eq!((stopped.status, stopped.lease), (JobStatus::Cancelled, Some(LeaseId(7))));
        assert!(!catalog.tell_of_import(&taken, later(130), ImportProgress::default()).await.unwrap());
        assert_eq!(take(&catalog, later(1_000_000)).await, None);
        let over = catalog.find_import(order.repo).await.unwrap().unwrap();
        assert_eq!((over.lease, over.order.every, over.next_at), (None, None, None));
    }

    async fn what_a_crash_interrupts_is_found_again_and_another_source_begins_anew(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let order = order(&catalog, "bert").await;
        put(&catalog, &order).await;
        let taken = take(&catalog, NOW).await.unwrap();
        let (source, commit) = (CommitId([1; 20]), CommitId([2; 20]));
        let found = || async { catalog.find_import(order.repo).await.unwrap().unwrap() };
        assert!(catalog.mark_import(&taken, ImportMark::Lease(Some(LeaseId(7)))).await.unwrap());
        assert!(catalog.mark_import(&taken, ImportMark::Writing(OperationId(9), source)).await.unwrap());
        assert_eq!((found().await.lease, found().await.writing), (Some(LeaseId(7)), Some((OperationId(9), source))));
        assert!(catalog.mark_import(&taken, ImportMark::Taken(source, commit)).await.unwrap());
        assert_eq!((found().await.taken, found().await.writing), (Some((source, commit)), None));
        assert!(catalog.mark_import(&taken, ImportMark::Writing(OperationId(10), commit)).await.unwrap());
        assert!(catalog.mark_import(&taken, ImportMark::GivenUp).await.unwrap());
        assert_eq!((found().await.taken, found().await.writing), (Some((source, commit)), None));
        assert!(catalog.end_import(&taken, JobStatus::Failed, "why", ImportProgress::default(), NOW).await.unwrap());
        let again = put(&catalog, &NewImport { revision: "v2".to_owned(), ..order.clone() }).await;
        assert_eq!((again.taken, again.lease, again.error.as_str()), (Some((source, commit)), Some(LeaseId(7)), ""));
        let taken = take(&catalog, NOW).await.unwrap();
        assert!(catalog.end_import(&taken, JobStatus::Failed, "why", ImportProgress::default(), NOW).await.unwrap());
        let other = put(&catalog, &NewImport { source: "acme/gpt".to_owned(), ..order.clone() }).await;
        assert_eq!(other.taken, None, "what was taken over was another one's");
    }

    async fn an_import_goes_with_its_repository(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let order = order(&catalog, "bert").await;
        put(&catalog, &order).await;
        assert!(catalog.mark_deleting(order.repo).await.unwrap());
        assert!(catalog.remove_repository(order.repo).await.unwrap());
        assert_eq!(catalog.find_import(order.repo).await.unwrap(), None);
    }
}
