//! Who may name which bytes.

use ballast_contract::ErrorKind;

use crate::world::{ALICE, BOB, World, pattern, receive, sha256};

in_each_world! {
    async fn to_know_a_digest_is_not_to_have_the_blob(world: &World) {
        let held = world.commit(ALICE, &["alice's"]).await[0];
        let leased = world.store(world.lease(ALICE).await, "alice's new").await;
        let lease = world.lease(BOB).await;
        assert_eq!(world.content.claim(lease, &[held, leased]).await.unwrap(), [None, None]);
        assert_eq!(world.content.find_held(BOB, &[held]).await.unwrap(), [None]);
        assert_eq!(world.content.find_known(BOB, &[held, leased]).await.unwrap(), [None, None]);
        let refused = world.content.hold(lease, &[held]).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotFound);
        assert!(refused.context.contains(&held.to_string()), "{refused}");
        assert!(world.content.leased_blobs(lease).await.unwrap().is_empty());
    }

    async fn a_repository_claims_what_it_holds_or_has_leased(world: &World) {
        let held = world.commit(ALICE, &["held"]).await[0];
        let upload = world.lease(ALICE).await;
        let large = receive(&world.content, upload, &pattern(1000, 1)).await.unwrap();
        let (lease, unknown) = (world.lease(ALICE).await, sha256(b"unknown"));
        let claimed = world.content.claim(lease, &[unknown, large.sha256, held, held]).await.unwrap();
        assert_eq!(claimed.iter().map(|blob| blob.map(|b| b.size)).collect::<Vec<_>>(), [None, Some(1000), Some(4), Some(4)]);
        assert!(claimed[2].unwrap().oid.is_some(), "a small file knows its git id");
        world.content.drop_lease(upload).await.unwrap();
        let mut both = [held, large.sha256];
        both.sort_unstable();
        assert_eq!(world.content.leased_blobs(lease).await.unwrap(), both);
        assert_eq!(world.content.find_held(ALICE, &[large.sha256, held]).await.unwrap(), [None, claimed[2]]);
        assert_eq!(world.content.find_known(ALICE, &[large.sha256, held]).await.unwrap(), [claimed[1], claimed[2]]);
    }

    async fn what_a_dropped_lease_had_is_nobodys(world: &World) {
        let lease = world.lease(ALICE).await;
        let digest = world.store(lease, "left").await;
        world.content.drop_lease(lease).await.unwrap();
        world.content.drop_lease(lease).await.unwrap();
        let again = world.lease(ALICE).await;
        assert_eq!(world.content.claim(again, &[digest]).await.unwrap(), [None]);
        assert_eq!(world.content.claim(lease, &[digest]).await.unwrap_err().kind, ErrorKind::Conflict);
    }
}
