//! The hub's own secrets, and several nodes that start at once.

use ballast_catalog::Catalog;
use ballast_database::on_both;

use crate::open;

on_both! {
    async fn nodes_that_ask_at_once_are_told_the_same_secret(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let nodes: Vec<_> = (0..16).map(|_| {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.secret("tickets").await.unwrap() })
        }).collect();
        let secret = catalog.secret("tickets").await.unwrap();
        for node in nodes {
            assert_eq!(node.await.unwrap(), secret);
        }
        assert_ne!(catalog.secret("cookies").await.unwrap(), secret);
        assert_ne!(secret, [0; 32]);
    }

    async fn nodes_that_migrate_at_once_take_turns(scratch: &Scratch) {
        let nodes: Vec<_> = (0..3).map(|_| {
            let catalog = Catalog::new(scratch.database.clone());
            tokio::spawn(async move { catalog.migrate().await })
        }).collect();
        for node in nodes {
            node.await.unwrap().unwrap();
        }
        assert_eq!(open(scratch).await.count_users().await.unwrap(), 0);
    }
}
