//! Who must stay: somebody in charge of the hub, and of each organisation.

use ballast_catalog::{
    Catalog, NamespaceOrder, NamespaceQuery, NewUser, OrgRole, Recalculation, RecalculationState, Removal, User,
    UserPatch,
};
use ballast_database::{Error, on_both};
use ballast_types::{Name, Timestamp};

use crate::{NOW, active, name, new_model, new_organization, new_user, open, organization, user};

async fn administrator(catalog: &Catalog, text: &str) -> User {
    catalog.create_user(NewUser { administrator: true, ..new_user(text) }).await.unwrap()
}

fn demoted() -> UserPatch {
    UserPatch { administrator: Some(false), ..UserPatch::default() }
}

fn disabled() -> UserPatch {
    UserPatch { active: Some(false), ..UserPatch::default() }
}

on_both! {
    async fn the_last_administrator_who_may_come_in_stays(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, bob) = (administrator(&catalog, "ada").await, administrator(&catalog, "bob").await);
        let carl = user(&catalog, "carl").await;
        catalog.change_user(bob.key, disabled()).await.unwrap().unwrap();
        for patch in [demoted(), disabled()] {
            assert_eq!(catalog.change_user(ada.key, patch).await.unwrap(), None);
        }
        assert_eq!(catalog.remove_user(ada.key).await.unwrap(), Removal::LastAdministrator);
        assert_eq!(catalog.get_user(ada.key).await.unwrap(), ada);
        // Who is none may be changed, and what takes nothing away may be done to the last one.
        catalog.change_user(carl.key, disabled()).await.unwrap().unwrap();
        let named = UserPatch { full_name: Some("Ada".to_owned()), administrator: Some(true), ..UserPatch::default() };
        catalog.change_user(ada.key, named).await.unwrap().unwrap();
        catalog.change_user(bob.key, UserPatch { active: Some(true), ..UserPatch::default() }).await.unwrap().unwrap();
        assert_eq!(catalog.remove_user(ada.key).await.unwrap(), Removal::Removed);
        assert!(matches!(catalog.change_user(ada.key, demoted()).await, Err(Error::NotFound)));
    }

    async fn of_administrators_who_remove_each_other_at_once_one_stays(scratch: &Scratch) {
        let catalog = open(scratch).await;
        for round in 0..10 {
            let mut all = vec![];
            for number in 0..4 {
                all.push(administrator(&catalog, &format!("a{round}-{number}")).await);
            }
            let removals: Vec<_> = all.iter().enumerate().map(|(number, user)| {
                let (catalog, key) = (catalog.clone(), user.key);
                tokio::spawn(async move {
                    match number % 3 {
                        0 => catalog.remove_user(key).await.map(|removal| removal == Removal::Removed),
                        1 => catalog.change_user(key, demoted()).await.map(|changed| changed.is_some()),
                        _ => catalog.change_user(key, disabled()).await.map(|changed| changed.is_some()),
                    }
                })
            }).collect();
            let mut gone = 0;
            for removal in removals {
                // A deadlock that the database breaks is told as such, and nothing was done.
                gone += match removal.await.unwrap() {
                    Ok(done) => usize::from(done),
                    Err(error) if error.is_retryable() => 0,
                    Err(error) => panic!("{error}"),
                };
            }
            let left = catalog.totals().await.unwrap().administrators;
            assert!(left >= 1 && gone <= 3, "{round}: {left} left, {gone} gone");
            // The next round begins with none.
            for user in &all {
                match catalog.update_user(user.key, demoted()).await {
                    Ok(_) | Err(Error::NotFound) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    async fn a_user_who_governs_alone_or_has_repositories_stays(scratch: &Scratch) {
        let catalog = open(scratch).await;
        administrator(&catalog, "root").await;
        let (ada, bob) = (user(&catalog, "ada").await, user(&catalog, "bob").await);
        let lab = catalog.create_organization(new_organization("lab", Some(ada.key))).await.unwrap();
        catalog.set_member(lab.key, bob.key, OrgRole::Admin).await.unwrap();
        assert_eq!(catalog.remove_user(ada.key).await.unwrap(), Removal::LastSuperAdmin("lab".to_owned()));
        assert_eq!(catalog.removal_hindrance(ada.key).await.unwrap(), Some(Removal::LastSuperAdmin("lab".to_owned())));
        catalog.set_member(lab.key, bob.key, OrgRole::SuperAdmin).await.unwrap();
        let model = active(&catalog, new_model(ada.key.namespace(), "bert")).await;
        assert_eq!(catalog.remove_user(ada.key).await.unwrap(), Removal::HasRepositories);
        assert_eq!(catalog.removal_hindrance(ada.key).await.unwrap(), None);
        catalog.relocate_repository(None, model.key, lab.key, &name("bert")).await.unwrap().unwrap();
        assert_eq!(catalog.remove_user(ada.key).await.unwrap(), Removal::Removed);
        assert_eq!(catalog.role(lab.key, ada.key).await.unwrap(), None);
        user(&catalog, "ada").await;

        assert_eq!(catalog.remove_organization(lab.key).await.unwrap(), Removal::HasRepositories);
        assert!(catalog.mark_deleting(model.key).await.unwrap());
        assert_eq!(catalog.remove_organization(lab.key).await.unwrap(), Removal::HasRepositories, "it is on its way out");
        assert!(catalog.remove_repository(model.key).await.unwrap());
        assert_eq!(catalog.remove_organization(lab.key).await.unwrap(), Removal::Removed);
        assert!(matches!(catalog.remove_organization(lab.key).await, Err(Error::NotFound)));
        organization(&catalog, "lab").await;
    }

    async fn users_are_searched_and_listed_in_either_order_page_by_page(scratch: &Scratch) {
        let catalog = open(scratch).await;
        for text in ["dora", "Ada", "carl", "bob"] {
            let email = (text == "bob").then(|| "Builder@Example.org".to_owned());
            catalog.create_user(NewUser { email, ..new_user(text) }).await.unwrap();
        }
        let names = async |order, descending, search: &[&str]| {
            let search = search.iter().map(|word| (*word).to_owned()).collect();
            let mut query = NamespaceQuery { search, order, descending, after: None, limit: 2 };
            let mut names = vec![];
            loop {
                let page = catalog.search_users(query.clone()).await.unwrap();
                names.extend(page.iter().map(|user| user.name.to_string()));
                let Some(last) = page.last() else { return names };
                query.after = Some(query.cursor(last.key.0, &last.name));
            }
        };
        assert_eq!(names(NamespaceOrder::Created, false, &[]).await, ["dora", "Ada", "carl", "bob"]);
        assert_eq!(names(NamespaceOrder::Created, true, &[]).await, ["bob", "carl", "Ada", "dora"]);
        assert_eq!(names(NamespaceOrder::Name, false, &[]).await, ["Ada", "bob", "carl", "dora"]);
        assert_eq!(names(NamespaceOrder::Name, true, &["A"]).await, ["dora", "carl", "bob", "Ada"]);
        assert_eq!(names(NamespaceOrder::Name, false, &["builder", "b"]).await, ["bob"]);
        assert_eq!(names(NamespaceOrder::Name, false, &["%"]).await, [""; 0]);
        assert_eq!(names(NamespaceOrder::Name, false, &["\0"]).await, [""; 0]);
        let wrong = NamespaceQuery {
            search: vec![], order: NamespaceOrder::Created, descending: false, after: Some("x".to_owned()), limit: 2,
        };
        assert!(matches!(catalog.search_users(wrong).await, Err(Error::Cursor(_))));
    }

    async fn one_recalculation_runs_at_a_time_until_its_node_is_lost(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let new = |run: i64, at: Timestamp| Recalculation {
            run, state: RecalculationState::Running, started_by: None, started_at: at, seen_at: at,
            finished_at: None, total: 3, done: 0, failed: 0,
        };
        assert_eq!(catalog.find_recalculation().await.unwrap(), None);
        let beginners: Vec<_> = (0..8).map(|run| {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.begin_recalculation(&new(run, NOW), Timestamp(0)).await.unwrap() })
        }).collect();
        let mut begun = 0;
        for beginner in beginners {
            begun += usize::from(beginner.await.unwrap());
        }
        assert_eq!(begun, 1);
        let first = catalog.find_recalculation().await.unwrap().unwrap();
        let told = Recalculation { done: 2, ..first.clone() };
        assert!(catalog.tell_recalculation(&told).await.unwrap());
        assert_eq!(catalog.find_recalculation().await.unwrap(), Some(told.clone()));
        assert!(!catalog.begin_recalculation(&new(99, NOW), NOW.before(std::time::Duration::from_secs(1))).await.unwrap());
        assert!(catalog.begin_recalculation(&new(99, NOW), NOW).await.unwrap(), "nobody heard of it since");
        assert!(!catalog.tell_recalculation(&told).await.unwrap(), "another one has its place");
        let ended = Recalculation { state: RecalculationState::Finished, finished_at: Some(NOW), ..new(99, NOW) };
        assert!(catalog.tell_recalculation(&ended).await.unwrap());
        assert!(catalog.begin_recalculation(&new(100, NOW), Timestamp(0)).await.unwrap());
    }
}

#[test]
fn a_cursor_by_name_is_in_lower_case() {
    let query =
        NamespaceQuery { search: vec![], order: NamespaceOrder::Name, descending: false, after: None, limit: 1 };
    assert_eq!(query.cursor(7, &"AdA".parse::<Name>().unwrap()), "ada");
}
