//! Users, organisations, members and identities.

use ballast_catalog::{Catalog, Clash, NamespaceKind, NewUser, OrgRole, OrganizationPatch, UserPatch};
use ballast_database::{Error, on_both};
use ballast_types::{NamespaceKey, UserKey, Visibility};

use crate::{name, new_organization, new_user, open, organization, user};

fn with_email(text: &str, email: &str) -> NewUser {
    NewUser { email: Some(email.to_owned()), ..new_user(text) }
}

async fn clash_of_user(catalog: &Catalog, new: NewUser) -> Option<Clash> {
    Clash::of(&catalog.create_user(new).await.unwrap_err())
}

on_both! {
    async fn a_name_is_found_in_any_case_and_keeps_its_own(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, lab) = (user(&catalog, "Ada-L").await, organization(&catalog, "The_Lab").await);
        assert_eq!(catalog.find_user(&name("aDA-l")).await.unwrap().unwrap(), ada);
        assert_eq!(catalog.get_user(ada.key).await.unwrap().name.as_str(), "Ada-L");
        assert_eq!(catalog.find_organization(&name("the_lab")).await.unwrap().unwrap(), lab);
        assert_eq!(catalog.get_organization(lab.key).await.unwrap(), lab);

        let found = catalog.find_namespace(&name("THE_LAB")).await.unwrap().unwrap();
        assert_eq!((found.key, found.kind, found.name.as_str()), (lab.key, NamespaceKind::Organization, "The_Lab"));
        let both = catalog.find_namespaces(&[lab.key, ada.key.namespace(), NamespaceKey(999)]).await.unwrap();
        let kinds: Vec<_> = both.iter().map(|found| found.kind).collect();
        assert_eq!(kinds, [NamespaceKind::User, NamespaceKind::Organization]);
    }

    async fn a_user_is_no_organization_and_another_spelling_no_name(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "Ada-L").await;
        assert_eq!(catalog.find_organization(&ada.name).await.unwrap(), None);
        assert!(matches!(catalog.get_organization(ada.key.namespace()).await, Err(Error::NotFound)));
        assert_eq!(catalog.find_user(&name("adal")).await.unwrap(), None);
        let similar = catalog.find_similar_namespace(&name("a_dal")).await.unwrap().unwrap();
        assert_eq!(similar.key, ada.key.namespace());
    }

    async fn users_and_organizations_share_their_names_in_every_spelling(scratch: &Scratch) {
        let catalog = open(scratch).await;
        user(&catalog, "Ada-L").await;
        for taken in ["Ada-L", "ada-l", "adal", "A_D_A_L"] {
            assert_eq!(clash_of_user(&catalog, new_user(taken)).await, Some(Clash::Namespace), "{taken}");
            let error = catalog.create_organization(new_organization(taken, None)).await.unwrap_err();
            assert_eq!(Clash::of(&error), Some(Clash::Namespace), "{taken}");
        }
        user(&catalog, "ada.l").await;
    }

    async fn an_address_that_is_taken_is_told_from_a_name_and_leaves_nothing_behind(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = catalog.create_user(with_email("ada", "Ada@Example.org")).await.unwrap();
        assert_eq!(clash_of_user(&catalog, with_email("bob", "ada@EXAMPLE.org")).await, Some(Clash::Email));
        assert_eq!(clash_of_user(&catalog, with_email("ADA", "bob@example.org")).await, Some(Clash::Namespace));
        assert_eq!(catalog.find_namespace(&name("bob")).await.unwrap(), None);
        assert_eq!(catalog.count_users().await.unwrap(), 1);
        let found = catalog.find_user_by_email("ADA@example.org").await.unwrap().unwrap();
        assert_eq!((found.key, found.email.as_deref()), (ada.key, Some("Ada@Example.org")));
        assert_eq!(catalog.find_user_by_email("a\0b").await.unwrap(), None);
    }

    async fn of_many_who_want_a_name_at_once_one_gets_it(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let tries: Vec<_> = (0..8).map(|_| {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.create_user(new_user("ada")).await })
        }).collect();
        let mut made = 0;
        for attempt in tries {
            match attempt.await.unwrap() {
                Ok(_) => made += 1,
                Err(error) => assert_eq!(Clash::of(&error), Some(Clash::Namespace)),
            }
        }
        assert_eq!(made, 1);
    }

    async fn a_patch_changes_what_it_names_and_nothing_else(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = catalog.create_user(with_email("ada", "ada@example.org")).await.unwrap();
        assert_eq!(catalog.update_user(ada.key, UserPatch::default()).await.unwrap(), ada);
        let patch = UserPatch { active: Some(false), email: Some(None), ..UserPatch::default() };
        let changed = catalog.update_user(ada.key, patch).await.unwrap();
        assert_eq!((changed.active, changed.email.clone(), changed.full_name), (false, None, ada.full_name));
        let bob = catalog.create_user(with_email("bob", "ada@example.org")).await.unwrap();
        let back = UserPatch { email: Some(Some("ADA@example.org".to_owned())), ..UserPatch::default() };
        assert_eq!(Clash::of(&catalog.update_user(ada.key, back.clone()).await.unwrap_err()), Some(Clash::Email));
        assert_eq!(catalog.update_user(bob.key, back).await.unwrap().email.as_deref(), Some("ADA@example.org"));
        let gone = catalog.update_user(UserKey(999), UserPatch { active: Some(true), ..UserPatch::default() }).await;
        assert!(matches!(gone, Err(Error::NotFound)));

        let lab = organization(&catalog, "lab").await;
        let patch = OrganizationPatch { default_visibility: Some(Visibility::Public), ..OrganizationPatch::default() };
        let changed = catalog.update_organization(lab.key, patch).await.unwrap();
        assert_eq!((changed.default_visibility, changed.description), (Visibility::Public, lab.description));
    }

    async fn users_in_pages_of_any_size_are_the_users_in_one(scratch: &Scratch) {
        let catalog = open(scratch).await;
        for i in 0..7 {
            user(&catalog, &format!("user{i}")).await;
            organization(&catalog, &format!("lab{i}")).await;
        }
        let all = catalog.list_users(None, 100).await.unwrap();
        assert_eq!(all.len(), 7);
        for limit in 1..=8 {
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let page = catalog.list_users(after, limit).await.unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = Some(last.key);
                paged.extend(page);
            }
            assert_eq!(paged, all, "pages of {limit}");
        }
        let keys: Vec<_> = all.iter().rev().map(|user| user.key).collect();
        assert_eq!(catalog.find_users(&keys).await.unwrap(), all);
        assert_eq!(catalog.find_users(&[]).await.unwrap(), []);
    }

    async fn members_have_one_role_each_which_can_change_and_end(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, bob) = (user(&catalog, "ada").await, user(&catalog, "bob").await);
        let lab = catalog.create_organization(new_organization("lab", Some(ada.key))).await.unwrap();
        assert_eq!(catalog.role(lab.key, ada.key).await.unwrap(), Some(OrgRole::SuperAdmin));
        assert_eq!(catalog.role(lab.key, bob.key).await.unwrap(), None);
        for role in OrgRole::ALL.iter().copied() {
            catalog.set_member(lab.key, bob.key, role).await.unwrap();
            assert_eq!(catalog.role(lab.key, bob.key).await.unwrap(), Some(role));
        }
        catalog.set_member(lab.key, bob.key, OrgRole::Member).await.unwrap();
        let first = catalog.members(lab.key, None, 1).await.unwrap();
        assert_eq!(first, [(ada.clone(), OrgRole::SuperAdmin)]);
        let rest = catalog.members(lab.key, Some(ada.key), 9).await.unwrap();
        assert_eq!(rest, [(bob.clone(), OrgRole::Member)]);
        assert!(catalog.remove_member(lab.key, bob.key).await.unwrap());
        assert!(!catalog.remove_member(lab.key, bob.key).await.unwrap());
        assert_eq!(catalog.role(lab.key, bob.key).await.unwrap(), None);
        assert!(OrgRole::Visitor < OrgRole::Member && OrgRole::Admin < OrgRole::SuperAdmin);
    }

    async fn a_users_memberships_come_in_pages(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let ada = user(&catalog, "ada").await;
        let mut expected = Vec::new();
        for (i, role) in OrgRole::ALL.iter().copied().enumerate() {
            let lab = organization(&catalog, &format!("lab{i}")).await;
            catalog.set_member(lab.key, ada.key, role).await.unwrap();
            expected.push((lab, role));
        }
        assert_eq!(catalog.memberships(ada.key, None, 100).await.unwrap(), expected);
        let after = expected[1].0.key;
        assert_eq!(catalog.memberships(ada.key, Some(after), 1).await.unwrap(), expected[2..3]);
    }

    async fn an_identity_is_linked_to_one_user(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, bob) = (user(&catalog, "ada").await, user(&catalog, "bob").await);
        for _ in 0..2 {
            catalog.link_identity("auth.main", "17", ada.key).await.unwrap();
        }
        catalog.link_identity("auth.other", "17", bob.key).await.unwrap();
        let error = catalog.link_identity("auth.main", "17", bob.key).await.unwrap_err();
        assert_eq!(Clash::of(&error), Some(Clash::Identity));
        assert_eq!(catalog.find_identity("auth.main", "17").await.unwrap().as_deref(), Some(&ada));
        assert_eq!(catalog.find_identity("auth.other", "17").await.unwrap().as_deref(), Some(&bob));
        assert_eq!(catalog.find_identity("auth.main", "18").await.unwrap(), None);
        assert_eq!(catalog.subjects_of(ada.key, "auth.main").await.unwrap(), ["17"]);
        assert!(catalog.subjects_of(ada.key, "auth.other").await.unwrap().is_empty());
    }
}
