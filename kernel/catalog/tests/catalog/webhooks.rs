//! Webhooks and the messages to them.

use std::collections::BTreeSet;

use ballast_catalog::{Catalog, Domain, EventKind, NewEvent, NewMessage, Watched, WebhookWish};
use ballast_types::{RepoKey, Timestamp, UserKey};

use ballast_database::on_both;

use crate::{NOW, open, user};

fn wish(repo: i64) -> WebhookWish {
    WebhookWish {
        url: "https://example.org/".to_owned(),
        secret: None,
        domains: BTreeSet::from([Domain::Repo]),
        watched: BTreeSet::from([Watched::Repository(RepoKey(repo))]),
    }
}

async fn webhook(catalog: &Catalog, owner: UserKey, repo: i64) -> i64 {
    catalog.create_webhook(owner, &wish(repo), NOW, 10).await.unwrap().unwrap()
}

async fn event(catalog: &Catalog, repo: i64) {
    let (repo, kind) = (RepoKey(repo), EventKind::RefChanged);
    let event = NewEvent { repo, kind, actor: None, head: None, at: NOW, details: serde_json::json!({}) };
    catalog.append_event(event).await.unwrap();
}

on_both! {
    async fn of_several_nodes_that_read_an_event_one_makes_the_messages(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let hook = webhook(&catalog, user(&catalog, "ada").await.key, 7).await;
        event(&catalog, 7).await;
        let id = catalog.list_events(None, 10).await.unwrap()[0].id;
        let nodes: Vec<_> = (0..4)
            .map(|node| {
                let catalog = catalog.clone();
                let message = NewMessage { event: id, webhook: hook, body: format!("of node {node}") };
                tokio::spawn(async move { catalog.deliver_events(&[id], vec![message], NOW).await.unwrap() })
            })
            .collect();
        let mut delivered = 0;
        for node in nodes {
            delivered += node.await.unwrap();
        }
        assert_eq!(delivered, 1);
        assert_eq!(catalog.take_messages(NOW, Timestamp(NOW.0 + 60), 10).await.unwrap().len(), 1);
        assert!(catalog.list_events(None, 10).await.unwrap().is_empty());
    }

    async fn a_message_is_with_one_sender_until_its_time_is_over(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let hook = webhook(&catalog, user(&catalog, "ada").await.key, 7).await;
        event(&catalog, 7).await;
        let id = catalog.list_events(None, 10).await.unwrap()[0].id;
        let message = NewMessage { event: id, webhook: hook, body: "{}".to_owned() };
        catalog.deliver_events(&[id], vec![message], NOW).await.unwrap();
        let until = Timestamp(NOW.0 + 60);
        let taken = catalog.take_messages(NOW, until, 10).await.unwrap();
        assert_eq!((taken.len(), taken[0].attempts), (1, 1));
        assert!(catalog.take_messages(NOW, until, 10).await.unwrap().is_empty());
        let again = catalog.take_messages(until, Timestamp(until.0 + 60), 10).await.unwrap();
        assert_eq!((again[0].id, again[0].attempts), (taken[0].id, 2));
        catalog.put_message_off(&again[0], Timestamp(until.0 + 500)).await.unwrap();
        assert!(catalog.take_messages(Timestamp(until.0 + 499), until, 10).await.unwrap().is_empty());
        catalog.message_arrived(&again[0]).await.unwrap();
        assert!(catalog.take_messages(Timestamp(i64::MAX), until, 10).await.unwrap().is_empty());
    }

    async fn a_webhook_that_takes_nothing_any_more_is_stopped(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "ada").await.key;
        let hook = webhook(&catalog, ada, 7).await;
        for given_up in 1..=2 {
            event(&catalog, 7).await;
            let id = catalog.list_events(None, 10).await.unwrap()[0].id;
            let message = NewMessage { event: id, webhook: hook, body: "{}".to_owned() };
            catalog.deliver_events(&[id], vec![message], NOW).await.unwrap();
            let taken = catalog.take_messages(NOW, Timestamp(NOW.0 + 60), 10).await.unwrap();
            assert_eq!(catalog.give_message_up(&taken[0], 2).await.unwrap(), given_up == 2);
        }
        let watched = BTreeSet::from([Watched::Repository(RepoKey(7))]);
        assert!(catalog.webhooks_watching(&watched).await.unwrap().is_empty());
        assert!(catalog.find_webhook(ada, hook).await.unwrap().unwrap().disabled);
        assert!(catalog.set_webhook_disabled(ada, hook, false).await.unwrap());
        assert_eq!(catalog.webhooks_watching(&watched).await.unwrap().len(), 1);
    }

    async fn somebody_has_no_more_webhooks_than_they_may_and_nobody_elses(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, bob) = (user(&catalog, "ada").await.key, user(&catalog, "bob").await.key);
        let hook = webhook(&catalog, ada, 7).await;
        assert_eq!(catalog.create_webhook(ada, &wish(8), NOW, 1).await.unwrap(), None);
        assert!(catalog.find_webhook(bob, hook).await.unwrap().is_none());
        assert!(!catalog.update_webhook(bob, hook, &wish(9)).await.unwrap());
        assert!(!catalog.delete_webhook(bob, hook).await.unwrap());
        assert!(catalog.update_webhook(ada, hook, &wish(9)).await.unwrap());
        assert_eq!(catalog.find_webhook(ada, hook).await.unwrap().unwrap().watched, wish(9).watched);
        assert!(catalog.delete_webhook(ada, hook).await.unwrap());
    }
}
