//! Writes under way, and the outbox.

use ballast_catalog::{Catalog, EventId, EventKind, NewEvent, Operation, Repository};
use ballast_database::on_both;
use ballast_types::{CommitId, OperationId, RepoKey, ReservationId, Timestamp};

use crate::{NOW, active, committed, new_model, open, operation, user};

/// The events but those that say that a repository is there.
async fn told(catalog: &Catalog) -> Vec<NewEvent> {
    let events = catalog.list_events(None, 10).await.unwrap().into_iter().map(|event| event.event);
    events.filter(|event| event.kind != EventKind::RepositoryCreated).collect()
}

async fn model(catalog: &Catalog) -> Repository {
    active(catalog, new_model(user(catalog, "ada").await.key.namespace(), "bert")).await
}

fn moved(repo: RepoKey, head: u8) -> NewEvent {
    committed(repo, Some(CommitId([head; 20])), Timestamp(NOW.0 + 1))
}

on_both! {
    async fn an_operation_is_closed_by_one_of_all_who_try_with_one_event(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = model(&catalog).await;
        assert!(catalog.begin_operation(operation(1, bert.key)).await.unwrap());
        let tries: Vec<_> = (1..=8).map(|head| {
            let (catalog, event) = (catalog.clone(), moved(bert.key, head));
            tokio::spawn(async move { (head, catalog.close_operation(OperationId(1), Some(event)).await.unwrap()) })
        }).collect();
        let mut closed = Vec::new();
        for attempt in tries {
            let (head, done) = attempt.await.unwrap();
            closed.extend(done.then_some(head));
        }
        assert_eq!(closed.len(), 1);
        assert_eq!(told(&catalog).await, [moved(bert.key, closed[0])]);
        let touched = catalog.get_repository(bert.key).await.unwrap();
        assert_eq!((touched.head, touched.updated_at), (Some(CommitId([closed[0]; 20])), Timestamp(NOW.0 + 1)));
        assert_eq!(catalog.find_operation(OperationId(1)).await.unwrap(), None);
    }

    async fn an_operation_that_came_to_nothing_leaves_no_event(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = model(&catalog).await;
        catalog.begin_operation(operation(1, bert.key)).await.unwrap();
        assert!(catalog.close_operation(OperationId(1), None).await.unwrap());
        assert!(told(&catalog).await.is_empty());
        assert_eq!(catalog.get_repository(bert.key).await.unwrap(), bert);
    }

    async fn reservations_are_on_record_until_the_operation_is_closed(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = model(&catalog).await;
        let begun = Operation { reservations: vec![ReservationId(5)], ..operation(1, bert.key) };
        assert!(catalog.begin_operation(begun.clone()).await.unwrap());
        assert!(catalog.begin_operation(begun.clone()).await.is_err());
        for _ in 0..2 {
            assert!(catalog.add_reservation(begun.id, ReservationId(9)).await.unwrap());
        }
        let found = catalog.find_operation(begun.id).await.unwrap().unwrap();
        assert_eq!(found, Operation { reservations: vec![ReservationId(5), ReservationId(9)], ..begun.clone() });
        catalog.close_operation(begun.id, None).await.unwrap();
        assert!(!catalog.add_reservation(begun.id, ReservationId(10)).await.unwrap());
        assert!(catalog.begin_operation(operation(1, bert.key)).await.unwrap());
        assert!(catalog.find_operation(begun.id).await.unwrap().unwrap().reservations.is_empty());
    }

    async fn a_reservation_that_meets_the_closing_is_refused_or_closed_with_it(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = model(&catalog).await;
        for id in 1..=10 {
            catalog.begin_operation(operation(id, bert.key)).await.unwrap();
            let writer = catalog.clone();
            let adding = async move { writer.add_reservation(OperationId(id), ReservationId(id)).await };
            let adding = tokio::spawn(adding);
            assert!(catalog.close_operation(OperationId(id), None).await.unwrap());
            adding.await.unwrap().unwrap();
            catalog.begin_operation(operation(id, bert.key)).await.unwrap();
            assert!(catalog.find_operation(OperationId(id)).await.unwrap().unwrap().reservations.is_empty());
        }
    }

    async fn no_operation_begins_on_a_repository_that_is_being_deleted(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = model(&catalog).await;
        assert!(catalog.begin_operation(operation(1, bert.key)).await.unwrap());
        assert!(catalog.mark_deleting(bert.key).await.unwrap());
        assert!(!catalog.begin_operation(operation(2, bert.key)).await.unwrap());
        assert!(!catalog.begin_operation(operation(3, RepoKey(999))).await.unwrap());
        assert_eq!(catalog.find_operation(OperationId(2)).await.unwrap(), None);
        assert!(!catalog.remove_repository(bert.key).await.unwrap());
        assert!(catalog.close_operation(OperationId(1), None).await.unwrap());
        assert!(catalog.remove_repository(bert.key).await.unwrap());
    }

    async fn a_deletion_sees_every_write_that_began_before_it(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let home = user(&catalog, "ada").await.key.namespace();
        for round in 0..10 {
            let bert = active(&catalog, new_model(home, "bert")).await;
            let writers: Vec<_> = (0..4).map(|writer| {
                let (catalog, operation) = (catalog.clone(), operation(1 + round * 10 + writer, bert.key));
                tokio::spawn(async move { (operation.id, catalog.begin_operation(operation).await.unwrap()) })
            }).collect();
            assert!(catalog.mark_deleting(bert.key).await.unwrap());
            let seen: Vec<_> = catalog.operations_of(bert.key, None, 10).await.unwrap().iter().map(|o| o.id).collect();
            for writer in writers {
                let (id, begun) = writer.await.unwrap();
                assert_eq!(begun, seen.contains(&id));
            }
        }
    }

    async fn more_time_is_given_and_never_taken(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = model(&catalog).await;
        let begun = operation(1, bert.key);
        catalog.begin_operation(begun.clone()).await.unwrap();
        let later = Timestamp(begun.deadline.0 + 1);
        assert!(catalog.extend_operation(begun.id, later).await.unwrap());
        assert!(!catalog.extend_operation(begun.id, begun.deadline).await.unwrap());
        assert_eq!(catalog.find_operation(begun.id).await.unwrap().unwrap().deadline, later);
        catalog.close_operation(begun.id, None).await.unwrap();
        assert!(!catalog.extend_operation(begun.id, Timestamp(later.0 + 1)).await.unwrap());
    }

    async fn recovery_finds_what_is_past_its_deadline_page_by_page(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let bert = model(&catalog).await;
        for id in [3_i64, 1, 2, -4] {
            let deadline = Timestamp(NOW.0 + id.abs() * 10);
            let begun = Operation { deadline, reservations: vec![ReservationId(id)], ..operation(id, bert.key) };
            catalog.begin_operation(begun).await.unwrap();
        }
        let expired = async |now: i64, after: Option<i64>, limit| -> Vec<i64> {
            let (now, after) = (Timestamp(NOW.0 + now), after.map(OperationId));
            let found = catalog.expired_operations(now, after, limit).await.unwrap();
            assert!(found.iter().all(|operation| operation.reservations == [ReservationId(operation.id.0)]));
            found.iter().map(|operation| operation.id.0).collect()
        };
        assert!(expired(9, None, 10).await.is_empty());
        assert_eq!(expired(20, None, 10).await, [1, 2]);
        assert_eq!(expired(100, None, 2).await, [-4, 1]);
        assert_eq!(expired(100, Some(1), 2).await, [2, 3]);
        let all = catalog.operations_of(bert.key, None, 10).await.unwrap();
        assert_eq!(all.iter().map(|operation| operation.id.0).collect::<Vec<_>>(), [-4, 1, 2, 3]);
        let rest = catalog.operations_of(bert.key, Some(OperationId(2)), 10).await.unwrap();
        assert_eq!(rest.len(), 1);
    }

    async fn events_stay_until_they_are_delivered_by_their_ids(scratch: &Scratch) {
        let catalog = open(scratch).await;
        for head in 1..=5 {
            catalog.append_event(moved(RepoKey(1), head)).await.unwrap();
        }
        let first = catalog.list_events(None, 2).await.unwrap();
        let rest = catalog.list_events(Some(first[1].id), 10).await.unwrap();
        assert_eq!((first.len(), rest.len()), (2, 3));
        assert_eq!(rest[0].event, moved(RepoKey(1), 3));
        let delivered: Vec<EventId> = [&first[1], &rest[0]].map(|event| event.id).to_vec();
        assert_eq!(catalog.deliver_events(&delivered, vec![], NOW).await.unwrap(), 2);
        assert_eq!(catalog.deliver_events(&delivered, vec![], NOW).await.unwrap(), 0);
        let left = catalog.list_events(None, 10).await.unwrap();
        let left: Vec<_> = left.into_iter().map(|event| event.event.head).collect();
        assert_eq!(left, [1, 4, 5].map(|head| Some(CommitId([head; 20]))));
    }
}
