//! Logins of devices, and what renews their tokens.

use std::time::Duration;

use ballast_catalog::{Catalog, DevicePoll, NewDeviceLogin, NewRefreshToken, Refreshed};
use ballast_database::on_both;
use ballast_types::Timestamp;
use futures::future::join_all;

use crate::{NOW, open, user};

const END: Timestamp = Timestamp(NOW.0 + 900_000);

async fn login(catalog: &Catalog, number: u8) {
    let new = NewDeviceLogin {
        digest: [number; 32],
        code: [100 + number; 32],
        every: Duration::from_secs(5),
        created_at: NOW,
        expires_at: END,
    };
    catalog.create_device_login(new).await.unwrap();
}

async fn poll(catalog: &Catalog, number: u8, seconds: i64) -> DevicePoll {
    catalog.poll_device_login([number; 32], Timestamp(NOW.0 + seconds * 1000)).await.unwrap()
}

on_both! {
    async fn a_device_that_asks_too_often_has_to_wait_longer(scratch: &Scratch) {
        let catalog = open(scratch).await;
        login(&catalog, 1).await;
        let mut told = vec![];
        // Five seconds between two, and five more for each that came too soon.
        for seconds in [0, 5, 6, 15, 16, 36, 56] {
            told.push(poll(&catalog, 1, seconds).await);
        }
        let (pending, soon) = (DevicePoll::Pending, DevicePoll::TooSoon);
        assert_eq!(told, [pending, pending, soon, soon, soon, pending, pending]);
    }

    async fn a_login_is_answered_once_and_told_once(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, bob) = (user(&catalog, "ada").await, user(&catalog, "bob").await);
        login(&catalog, 1).await;
        login(&catalog, 2).await;
        let answer = |number: u8, user, now| catalog.answer_device_login([100 + number; 32], user, now);
        assert!(catalog.is_device_login_waiting([101; 32], NOW).await.unwrap());
        assert!(!answer(9, Some(ada.key), NOW).await.unwrap());
        assert!(!answer(1, Some(ada.key), END).await.unwrap());
        assert!(answer(1, Some(ada.key), NOW).await.unwrap());
        assert!(!answer(1, Some(bob.key), NOW).await.unwrap() && !answer(1, None, NOW).await.unwrap());
        assert!(!catalog.is_device_login_waiting([101; 32], NOW).await.unwrap());
        let told = join_all((0..6).map(|_| poll(&catalog, 1, 1))).await;
        assert_eq!(told.iter().filter(|told| **told == DevicePoll::Granted(ada.key)).count(), 1, "{told:?}");
        assert_eq!(told.iter().filter(|told| **told == DevicePoll::Over).count(), 5, "{told:?}");

        assert!(answer(2, None, NOW).await.unwrap() && !answer(2, Some(ada.key), NOW).await.unwrap());
        assert_eq!((poll(&catalog, 2, 1).await, poll(&catalog, 2, 2).await), (DevicePoll::Denied, DevicePoll::Over));
    }

    async fn a_login_that_waited_too_long_is_over_and_removed(scratch: &Scratch) {
        let catalog = open(scratch).await;
        login(&catalog, 1).await;
        assert_eq!(catalog.sweep_device_logins(END).await.unwrap(), 0);
        assert_eq!(catalog.sweep_device_logins(Timestamp(END.0 + 1)).await.unwrap(), 1);
        login(&catalog, 1).await;
        assert_eq!(poll(&catalog, 1, 900).await, DevicePoll::Over);
        login(&catalog, 1).await;
    }

    async fn a_refresh_token_is_good_once_and_ends_its_login_the_second_time(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "ada").await;
        let new = NewRefreshToken { digest: [1; 32], user: ada.key, token: 7, expires_at: END };
        catalog.create_refresh_token(new.clone()).await.unwrap();
        let rotate = |shown: u8, next: u8, now| catalog.rotate_refresh_token([shown; 32], [next; 32], now, END);
        let (renews, replayed) =
            (Refreshed::Renews { user: ada.key, token: 7 }, Refreshed::Replayed { user: ada.key, token: 7 });
        assert_eq!(rotate(9, 2, NOW).await.unwrap(), Refreshed::Unknown);
        assert_eq!(rotate(1, 2, END).await.unwrap(), Refreshed::Unknown);
        assert_eq!(rotate(1, 2, NOW).await.unwrap(), renews);
        assert_eq!(rotate(2, 3, NOW).await.unwrap(), renews);
        assert_eq!(rotate(2, 4, NOW).await.unwrap(), replayed);
        // For both of its holders.
        assert_eq!(rotate(3, 5, NOW).await.unwrap(), Refreshed::Unknown);

        catalog.create_refresh_token(new).await.unwrap();
        let told = join_all((10..16).map(|next| rotate(1, next, NOW))).await;
        let told: Vec<Refreshed> = told.into_iter().map(Result::unwrap).collect();
        assert_eq!(told.iter().filter(|one| **one == renews).count(), 1, "{told:?}");
        assert_eq!(told.iter().filter(|one| **one == replayed).count(), 1, "{told:?}");
    }

    async fn refresh_tokens_that_are_over_are_removed(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "ada").await;
        for (number, end) in [(1, NOW), (2, END)] {
            let new = NewRefreshToken { digest: [number; 32], user: ada.key, token: 7, expires_at: end };
            catalog.create_refresh_token(new).await.unwrap();
        }
        assert_eq!(catalog.sweep_refresh_tokens(END).await.unwrap(), 1);
        catalog.delete_refresh_token([2; 32]).await.unwrap();
        catalog.delete_refresh_token([2; 32]).await.unwrap();
        assert_eq!(catalog.sweep_refresh_tokens(Timestamp(END.0 + 1)).await.unwrap(), 0);
    }
}
