//! Links in mails.

use ballast_catalog::{Catalog, MailPurpose, NewMailToken, NewUser, User, UserPatch};
use ballast_database::on_both;
use ballast_types::Timestamp;
use futures::future::join_all;

use crate::{NOW, new_user, open};

const END: Timestamp = Timestamp(NOW.0 + 1000);

async fn ada(catalog: &Catalog) -> User {
    let new = NewUser { email: Some("Ada@Example.org".to_owned()), ..new_user("ada") };
    catalog.create_user(new).await.unwrap()
}

async fn link(catalog: &Catalog, user: &User, number: u8, purpose: MailPurpose) {
    let email = user.email.clone().unwrap();
    let new = NewMailToken { digest: [number; 32], user: user.key, purpose, email, expires_at: END };
    catalog.create_mail_token(new).await.unwrap();
}

async fn take(catalog: &Catalog, number: u8, now: Timestamp) -> bool {
    catalog.take_mail_token([number; 32], MailPurpose::Verify, now).await.unwrap().is_some()
}

on_both! {
    async fn a_link_verifies_an_address_once_and_ends_the_others_of_its_kind(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = ada(&catalog).await;
        for number in [1, 2] {
            link(&catalog, &ada, number, MailPurpose::Verify).await;
        }
        link(&catalog, &ada, 3, MailPurpose::Reset).await;
        // One that is for something else, one that is over and one that is none.
        for (number, now) in [(3, NOW), (1, END), (9, NOW)] {
            assert!(!take(&catalog, number, now).await, "{number}");
        }
        assert!(!catalog.get_user(ada.key).await.unwrap().email_verified);
        let taken = catalog.take_mail_token([1; 32], MailPurpose::Verify, NOW).await.unwrap().unwrap();
        assert!(taken.key == ada.key && taken.email_verified);
        for number in [1, 2] {
            assert!(!take(&catalog, number, NOW).await, "{number}");
        }
        assert!(catalog.take_mail_token([3; 32], MailPurpose::Reset, NOW).await.unwrap().is_some());
    }

    async fn a_link_to_an_address_of_before_proves_nothing_and_ends_no_other(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = ada(&catalog).await;
        link(&catalog, &ada, 1, MailPurpose::Verify).await;
        let email = Some(Some("other@example.org".to_owned()));
        let changed = catalog.update_user(ada.key, UserPatch { email, ..UserPatch::default() }).await.unwrap();
        link(&catalog, &changed, 2, MailPurpose::Verify).await;
        assert!(!take(&catalog, 1, NOW).await);
        assert!(!catalog.get_user(ada.key).await.unwrap().email_verified);
        assert!(take(&catalog, 2, NOW).await);
    }

    async fn of_links_that_are_taken_at_the_same_moment_one_counts(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = ada(&catalog).await;
        for number in 0..8 {
            link(&catalog, &ada, number, MailPurpose::Verify).await;
        }
        let taken = join_all((0..16).map(|at| take(&catalog, at % 8, NOW))).await;
        assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
    }

    async fn links_that_are_over_are_removed_and_no_others(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = ada(&catalog).await;
        link(&catalog, &ada, 1, MailPurpose::Verify).await;
        assert_eq!(catalog.sweep_mail_tokens(END).await.unwrap(), 0);
        assert!(take(&catalog, 1, NOW).await);
        link(&catalog, &ada, 1, MailPurpose::Verify).await;
        assert_eq!(catalog.sweep_mail_tokens(Timestamp(END.0 + 1)).await.unwrap(), 1);
    }
}
