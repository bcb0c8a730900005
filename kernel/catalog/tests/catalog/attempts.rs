//! Tries of a password.

use std::time::Duration;

use ballast_catalog::{Catalog, Charge};
use ballast_database::on_both;
use ballast_types::Timestamp;
use futures::future::join_all;

use crate::{NOW, open};

const WINDOW: Duration = Duration::from_secs(600);

/// Something that may be tried ten times within the window.
fn ten(key: u8) -> Charge {
    Charge { key: [key; 32], cost: WINDOW / 10 }
}

async fn charge(catalog: &Catalog, keys: &[u8], now: Timestamp) -> Option<Timestamp> {
    catalog.charge_attempt(keys.iter().copied().map(ten).collect(), now, WINDOW).await.unwrap()
}

on_both! {
    async fn tries_at_the_same_moment_are_counted_one_by_one(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let refused = join_all((0..25).map(|_| charge(&catalog, &[2, 1], NOW))).await;
        assert_eq!(refused.iter().filter(|free| free.is_none()).count(), 10);
        // Room for one more is there when a tenth of the window is over.
        let free = NOW.after(WINDOW / 10);
        assert!(refused.iter().flatten().all(|told| *told == free), "{refused:?}");
        assert_eq!(charge(&catalog, &[1], Timestamp(free.0 - 1)).await, Some(free));
        assert_eq!(charge(&catalog, &[1], free).await, None);
        assert_eq!(charge(&catalog, &[1], free).await, Some(free.after(WINDOW / 10)));
    }

    async fn a_refused_try_is_counted_nowhere(scratch: &Scratch) {
        let catalog = open(scratch).await;
        for _ in 0..10 {
            assert_eq!(charge(&catalog, &[5], NOW).await, None);
        }
        for _ in 0..20 {
            assert!(charge(&catalog, &[1, 5, 9], NOW).await.is_some());
        }
        for _ in 0..10 {
            assert_eq!(charge(&catalog, &[1, 9], NOW).await, None);
        }
    }

    async fn what_was_no_failure_is_taken_back(scratch: &Scratch) {
        let catalog = open(scratch).await;
        for _ in 0..30 {
            assert_eq!(charge(&catalog, &[1, 2], NOW).await, None);
            catalog.refund_attempt(vec![ten(2), ten(1)]).await.unwrap();
        }
    }

    async fn what_has_drained_away_is_removed_and_nothing_else(scratch: &Scratch) {
        let catalog = open(scratch).await;
        charge(&catalog, &[1], NOW).await;
        for _ in 0..2 {
            charge(&catalog, &[2], NOW).await;
        }
        let drained = NOW.after(WINDOW / 10);
        assert_eq!(catalog.sweep_attempts(drained).await.unwrap(), 0);
        assert_eq!(catalog.sweep_attempts(Timestamp(drained.0 + 1)).await.unwrap(), 1);
        // The other one still counts: eight more and no ninth.
        for _ in 0..8 {
            assert_eq!(charge(&catalog, &[2], NOW).await, None);
        }
        assert!(charge(&catalog, &[2], NOW).await.is_some());
    }
}
