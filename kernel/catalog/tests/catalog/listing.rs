//! Lists of repositories.

use ballast_catalog::{Catalog, ListQuery, NewRepository, OrgRole, Sort, Viewer};
use ballast_database::testing::Scratch;
use ballast_database::{Error, on_both};
use ballast_types::{RepoKind, Timestamp, UserKey, Visibility};

use crate::{NOW, active, execute, new_model, open, organization, user, write_to};

fn query(viewer: Viewer) -> ListQuery {
    ListQuery {
        kind: RepoKind::Model,
        author: None,
        search: Vec::new(),
        tags: Vec::new(),
        pipeline_tag: None,
        gated: None,
        viewer,
        sort: Sort::Name,
        descending: false,
        after: None,
        limit: 1000,
    }
}

fn of(user: UserKey) -> Viewer {
    Viewer { user: Some(user), ..Viewer::default() }
}

/// The `namespace/name` of each, in order.
async fn ids(catalog: &Catalog, query: ListQuery) -> Vec<String> {
    let listed = catalog.list_repositories(query).await.unwrap();
    listed.items.iter().map(|(repository, namespace)| format!("{namespace}/{}", repository.name)).collect()
}

async fn found(catalog: &Catalog, words: &[&str]) -> Vec<String> {
    let search = words.iter().map(|&word| word.to_owned()).collect();
    ids(catalog, ListQuery { search, ..query(Viewer::default()) }).await
}

/// Thirteen public models, of which some tie in every order.
async fn thirteen(scratch: &Scratch) -> Catalog {
    let catalog = open(scratch).await;
    let (ada, bob) = (user(&catalog, "ada").await.key.namespace(), user(&catalog, "bob").await.key.namespace());
    for i in 0..13 {
        let home = if i % 2 == 0 { ada } else { bob };
        let new =
            NewRepository { created_at: Timestamp(NOW.0 + i / 3), ..new_model(home, &format!("m{}", 12 - i / 2)) };
        let key = active(&catalog, new).await.key;
        let counts = format!(
            "UPDATE repositories SET downloads = {}, likes = {}, trending = {} WHERE id = {key}",
            i % 4,
            i % 5,
            i % 3
        );
        execute(&scratch.database, counts).await;
        write_to(&catalog, key, None, Timestamp(NOW.0 + 1000 + i % 3)).await;
    }
    catalog
}

on_both! {
    async fn what_is_private_is_listed_for_its_owner_its_members_and_administrators(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, bob, eve) = (user(&catalog, "ada").await, user(&catalog, "bob").await, user(&catalog, "eve").await);
        let lab = organization(&catalog, "lab").await;
        catalog.set_member(lab.key, bob.key, OrgRole::Visitor).await.unwrap();
        let private = |new: NewRepository| NewRepository { visibility: Visibility::Private, ..new };
        let own = active(&catalog, private(new_model(ada.key.namespace(), "a"))).await;
        active(&catalog, new_model(ada.key.namespace(), "b")).await;
        active(&catalog, private(new_model(lab.key, "c"))).await;
        let hidden = active(&catalog, new_model(lab.key, "d")).await;
        catalog.mark_deleting(hidden.key).await.unwrap();
        catalog.create_repository(new_model(lab.key, "e")).await.unwrap();
        active(&catalog, NewRepository { kind: RepoKind::Space, ..new_model(lab.key, "f") }).await;

        assert_eq!(ids(&catalog, query(Viewer::default())).await, ["ada/b"]);
        assert_eq!(ids(&catalog, query(of(eve.key))).await, ["ada/b"]);
        assert_eq!(ids(&catalog, query(of(ada.key))).await, ["ada/a", "ada/b"]);
        assert_eq!(ids(&catalog, query(of(bob.key))).await, ["ada/b", "lab/c"]);
        let everything = Viewer { everything: true, ..of(eve.key) };
        assert_eq!(ids(&catalog, query(everything.clone())).await, ["ada/a", "ada/b", "lab/c"]);
        let author = ListQuery { author: Some(lab.key), ..query(everything.clone()) };
        assert_eq!(ids(&catalog, author).await, ["lab/c"]);

        let scoped = |viewer| Viewer { scope: Some(vec![own.key]), ..viewer };
        assert_eq!(ids(&catalog, query(scoped(everything))).await, ["ada/a", "ada/b"]);
        assert_eq!(ids(&catalog, query(scoped(of(bob.key)))).await, ["ada/b"]);
        assert_eq!(ids(&catalog, query(Viewer { scope: Some(Vec::new()), ..of(ada.key) })).await, ["ada/b"]);
    }

    async fn a_search_finds_what_has_every_word_in_any_case(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, lab) = (user(&catalog, "Ada").await.key.namespace(), organization(&catalog, "Lab").await.key);
        for (home, name) in [(ada, "Bert-base"), (ada, "Bert_large"), (lab, "bert-tiny"), (lab, "gpt2")] {
            active(&catalog, new_model(home, name)).await;
        }
        assert_eq!(found(&catalog, &["BERT"]).await, ["Ada/Bert-base", "Lab/bert-tiny", "Ada/Bert_large"]);
        assert_eq!(found(&catalog, &["bert", "ada"]).await, ["Ada/Bert-base", "Ada/Bert_large"]);
        assert_eq!(found(&catalog, &["ada/bert-b"]).await, ["Ada/Bert-base"]);
        assert_eq!(found(&catalog, &["t_l"]).await, ["Ada/Bert_large"]);
        for nothing in [&["bert", "gpt2"][..], &["%"], &["\\"], &["a\0"], &["ü"]] {
            assert!(found(&catalog, nothing).await.is_empty(), "{nothing:?}");
        }
        assert_eq!(found(&catalog, &["b"; 5000]).await.len(), 4);
    }

    async fn pages_of_any_size_in_any_order_are_the_whole_list(scratch: &Scratch) {
        let catalog = thirteen(scratch).await;
        for sort in Sort::ALL.iter().copied() {
            for descending in [false, true] {
                let whole = ListQuery { sort, descending, ..query(Viewer::default()) };
                let all = ids(&catalog, whole.clone()).await;
                assert_eq!(all.len(), 13);
                for limit in 1..=14 {
                    let (mut paged, mut after) = (Vec::new(), None);
                    loop {
                        let page = ListQuery { after, limit, ..whole.clone() };
                        let page = catalog.list_repositories(page).await.unwrap();
                        assert!(page.items.len() <= limit);
                        paged.extend(page.items.iter().map(|(repository, name)| format!("{name}/{}", repository.name)));
                        after = page.next;
                        if after.is_none() {
                            break;
                        }
                    }
                    assert_eq!(paged, all, "{sort}, descending {descending}, pages of {limit}");
                }
            }
        }
    }

    async fn each_order_orders_by_what_it_names(scratch: &Scratch) {
        let catalog = thirteen(scratch).await;
        for sort in Sort::ALL.iter().copied() {
            let listed = catalog.list_repositories(ListQuery { sort, ..query(Viewer::default()) }).await.unwrap();
            let repositories = listed.items.into_iter().map(|(repository, _)| repository);
            let keys: Vec<_> = repositories.map(|r| match sort {
                Sort::Created => (r.created_at.0, String::new(), r.key),
                Sort::Updated => (r.updated_at.0, String::new(), r.key),
                Sort::Name => (0, r.name.lower(), r.key),
                Sort::Downloads => (r.downloads as i64, String::new(), r.key),
                Sort::Likes => (r.likes as i64, String::new(), r.key),
                Sort::Trend => (r.trending as i64, String::new(), r.key),
            }).collect();
            assert!(keys.is_sorted(), "{sort}: {keys:?}");
            let down = ListQuery { sort, descending: true, ..query(Viewer::default()) };
            let down = catalog.list_repositories(down).await.unwrap();
            assert!(down.items.iter().map(|(r, _)| r.key).eq(keys.iter().rev().map(|key| key.2)), "{sort}");
        }
    }

    async fn what_comes_and_goes_between_pages_repeats_and_hides_nothing_else(scratch: &Scratch) {
        let catalog = thirteen(scratch).await;
        let home = user(&catalog, "carl").await.key.namespace();
        let before = ids(&catalog, query(Viewer::default())).await;
        let mut gone = None;
        let (mut paged, mut after, mut page_number) = (Vec::new(), None, 0);
        loop {
            let page = ListQuery { after, limit: 3, ..query(Viewer::default()) };
            let page = catalog.list_repositories(page).await.unwrap();
            let last = page.items.last().map(|(repository, _)| repository.key);
            paged.extend(page.items.iter().map(|(repository, name)| format!("{name}/{}", repository.name)));
            // Behind the reader, and the very row that the reader stands on.
            active(&catalog, new_model(home, &format!("a{page_number}"))).await;
            if page_number == 0 {
                gone = last;
                catalog.mark_deleting(last.unwrap()).await.unwrap();
            }
            page_number += 1;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert!(gone.is_some());
        assert_eq!(paged, before);
    }

    async fn a_cursor_of_another_order_or_of_nobody_is_refused(scratch: &Scratch) {
        let catalog = thirteen(scratch).await;
        let first = catalog.list_repositories(ListQuery { limit: 1, ..query(Viewer::default()) }).await.unwrap();
        let foreign = first.next.unwrap();
        let huge = "likes.1.99999999999999999999";
        for after in [foreign.as_str(), "", "likes", "likes.1", "likes.x.1", "likes.1.x", huge] {
            let query = ListQuery { sort: Sort::Likes, after: Some(after.to_owned()), ..query(Viewer::default()) };
            let refused = catalog.list_repositories(query).await;
            assert!(matches!(refused, Err(Error::Cursor(_))), "{after:?}: {refused:?}");
        }
    }
}
