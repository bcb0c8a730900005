//! Invitations into an organisation, and into the hub alone.

use ballast_catalog::{Acceptance, Catalog, Invitation, NewInvitation, OrgRole, Seat, User, Uses};
use ballast_database::on_both;
use ballast_types::Timestamp;

use crate::{NOW, new_user, open, organization, user};

const END: Timestamp = Timestamp(NOW.0 + 1000);

async fn invitation(catalog: &Catalog, by: &User, seat: Option<Seat>) -> Invitation {
    let new =
        NewInvitation { seat, email: None, uses: Uses::Once, created_by: by.key, created_at: NOW, expires_at: END };
    catalog.create_invitation(new).await.unwrap()
}

on_both! {
    async fn an_invitation_into_the_hub_makes_an_account_once_and_no_member(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "ada").await;
        let lab = organization(&catalog, "lab").await;
        let made = invitation(&catalog, &ada, None).await;
        assert_eq!((made.seat, made.inviter.as_str()), (None, "ada"));
        assert!(catalog.list_invitations(lab.key, None, 10).await.unwrap().is_empty());
        // Who has an account gains nothing, and uses nothing up.
        let accepted = catalog.accept_invitation(made.id, ada.key, NOW).await.unwrap();
        assert_eq!(accepted, Acceptance::Over);
        let register =
            async |name: &str| catalog.register_user(new_user(name), "main", &format!("of {name}"), Some(made.id)).await;
        let bob = register("bob").await.unwrap().unwrap();
        assert!(catalog.memberships(bob.key, None, 10).await.unwrap().is_empty());
        assert_eq!(register("eve").await.unwrap(), None);
        assert_eq!(catalog.find_invitation(made.id).await.unwrap().unwrap().used, 1);
    }

    async fn an_invitation_into_an_organisation_makes_an_account_and_a_member(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "ada").await;
        let lab = organization(&catalog, "lab").await;
        let seat = Seat { organization: lab.key, role: OrgRole::Member };
        let made = invitation(&catalog, &ada, Some(seat)).await;
        assert_eq!(made.seat, Some(seat));
        assert_eq!(catalog.list_invitations(lab.key, None, 10).await.unwrap(), std::slice::from_ref(&made));
        let bob = catalog.register_user(new_user("bob"), "main", "bob", Some(made.id)).await.unwrap().unwrap();
        assert_eq!(catalog.role(lab.key, bob.key).await.unwrap(), Some(OrgRole::Member));
    }

    async fn the_number_of_an_invitation_is_never_given_again(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "ada").await;
        let first = invitation(&catalog, &ada, None).await;
        assert!(catalog.delete_invitation(first.id).await.unwrap());
        assert!(invitation(&catalog, &ada, None).await.id > first.id);
    }
}
