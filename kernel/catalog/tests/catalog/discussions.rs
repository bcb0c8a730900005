//! Discussions: their numbers, what happens in them, and what becomes of them.

use ballast_catalog::{
    Act, Catalog, Change, Comment, DiscussionQuery, DiscussionStatus, Edit, Happening, HappeningKey, NewDiscussion,
    Repository,
};
use ballast_database::on_both;
use ballast_types::{CommitId, RefName, Timestamp, UserKey};

use crate::{NOW, active, execute, new_model, open, user};

async fn model(catalog: &Catalog) -> (Repository, UserKey) {
    let ada = user(catalog, "ada").await.key;
    (active(catalog, new_model(ada.namespace(), "bert")).await, ada)
}

fn new(repository: &Repository, author: UserKey, title: &str) -> NewDiscussion {
    NewDiscussion {
        repo: repository.key,
        title: title.to_owned(),
        text: format!("about {title}"),
        status: DiscussionStatus::Open,
        author,
        created_at: NOW,
        pull_request: None,
    }
}

fn proposal(repository: &Repository, author: UserKey) -> NewDiscussion {
    let pull_request = Some((RefName::branch("main").unwrap(), CommitId([7; 20])));
    NewDiscussion { status: DiscussionStatus::Draft, pull_request, ..new(repository, author, "a change") }
}

fn act(repository: &Repository, number: u32, actor: UserKey, after: i64) -> Act {
    Act { repo: repository.key, number, actor: Some(actor), at: Timestamp(NOW.0 + after) }
}

fn edit(text: &str, at: i64) -> Edit {
    Edit { text: text.to_owned(), at: Timestamp(NOW.0 + at) }
}

fn done(change: Change) -> HappeningKey {
    let Change::Done(key) = change else { panic!("{change:?}") };
    key
}

async fn numbers(catalog: &Catalog, repository: &Repository, query: DiscussionQuery) -> (Vec<u32>, u64) {
    let page = catalog.list_discussions(repository.key, query).await.unwrap();
    (page.items.into_iter().map(|discussion| discussion.number).collect(), page.count)
}

on_both! {
    async fn of_many_that_are_opened_at_once_each_has_a_number_of_its_own(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (bert, ada) = model(&catalog).await;
        let other = active(&catalog, new_model(ada.namespace(), "other")).await;
        let opening: Vec<_> = (0..40).map(|at| {
            let (catalog, which) = (catalog.clone(), if at % 4 == 0 { &other } else { &bert });
            let new = new(which, ada, &format!("t{at}"));
            tokio::spawn(async move { (new.repo, catalog.open_discussion(new).await.unwrap().unwrap()) })
        }).collect();
        let mut given = Vec::new();
        for opened in opening {
            given.push(opened.await.unwrap());
        }
        for (repository, count) in [(&bert, 30), (&other, 10)] {
            let mut numbers: Vec<u32> =
                given.iter().filter(|(repo, _)| *repo == repository.key).map(|(_, number)| *number).collect();
            numbers.sort();
            assert_eq!(numbers, (1..=count).collect::<Vec<u32>>());
        }
    }

    async fn discussions_are_listed_from_the_newest_by_what_they_are_and_where_they_stand(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (bert, ada) = model(&catalog).await;
        let bob = user(&catalog, "bob").await.key;
        for (author, is_proposal) in [(ada, false), (bob, false), (ada, true), (bob, true)] {
            let new = if is_proposal { proposal(&bert, author) } else { new(&bert, author, "words") };
            catalog.open_discussion(new).await.unwrap();
        }
        let closed = DiscussionStatus::Closed;
        done(catalog.change_discussion_status(act(&bert, 2, bob, 1), closed, None, 10).await.unwrap());
        assert!(catalog.mark_merged(act(&bert, 4, ada, 1), CommitId([9; 20])).await.unwrap());
        let all = DiscussionQuery { limit: 10, ..DiscussionQuery::default() };
        let with = |pull_requests, open, author| DiscussionQuery { pull_requests, open, author, ..all.clone() };
        for (query, expected) in [
            (with(None, None, None), vec![4, 3, 2, 1]),
            (with(Some(true), None, None), vec![4, 3]),
            (with(Some(false), None, None), vec![2, 1]),
            (with(None, Some(true), None), vec![3, 1]),
            (with(None, Some(false), None), vec![4, 2]),
            (with(None, None, Some(bob)), vec![4, 2]),
            (with(Some(true), Some(false), Some(ada)), vec![]),
        ] {
            let count = expected.len() as u64;
            assert_eq!(numbers(&catalog, &bert, query.clone()).await, (expected, count), "{query:?}");
        }
        assert_eq!(numbers(&catalog, &bert, DiscussionQuery { start: 1, limit: 2, ..all }).await, (vec![3, 2], 4));
    }

    async fn what_happens_is_kept_in_its_order(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (bert, ada) = model(&catalog).await;
        catalog.open_discussion(new(&bert, ada, "old")).await.unwrap();
        let said = done(catalog.comment(act(&bert, 1, ada, 1), "1".to_owned(), 10).await.unwrap());
        done(catalog.rename_discussion(act(&bert, 1, ada, 2), "new".to_owned(), 10).await.unwrap());
        let words = Some("bye".to_owned());
        let (closing, closed) = (act(&bert, 1, ada, 3), DiscussionStatus::Closed);
        done(catalog.change_discussion_status(closing, closed, words, 10).await.unwrap());
        for (at, text) in [(4, "2"), (5, "3")] {
            done(catalog.edit_comment(act(&bert, 1, ada, at), said, text.to_owned(), 2).await.unwrap());
        }
        let events = catalog.discussion_events(bert.key, 1, 10).await.unwrap();
        let happened: Vec<Happening> = events.iter().map(|event| event.what.clone()).collect();
        let comment = |text: &str, at: i64, edits: &[(&str, i64)]| Happening::Comment(Comment {
            text: text.to_owned(),
            hidden: false,
            updated_at: Timestamp(NOW.0 + at),
            edits: edits.iter().map(|(text, at)| edit(text, *at)).collect(),
        });
        assert_eq!(happened, [
            comment("about old", 0, &[]),
            comment("3", 5, &[("1", 1), ("2", 4)]),
            Happening::Title { from: "old".to_owned(), to: "new".to_owned() },
            comment("bye", 3, &[]),
            Happening::Status(DiscussionStatus::Closed),
        ]);
        assert!(events.iter().all(|event| event.author.as_ref().is_some_and(|author| author.key == ada)));
        let found = catalog.find_discussion(bert.key, 1).await.unwrap().unwrap();
        assert_eq!((found.title.as_str(), found.status), ("new", DiscussionStatus::Closed));
        // Hiding takes every text away.
        done(catalog.hide_comment(act(&bert, 1, ada, 6), said).await.unwrap());
        let hidden = catalog.find_discussion_event(bert.key, 1, said).await.unwrap().unwrap();
        let Happening::Comment(comment) = hidden.what else { panic!("{hidden:?}") };
        assert_eq!((comment.text.as_str(), comment.hidden, comment.edits), ("", true, vec![]));
        let again = catalog.edit_comment(act(&bert, 1, ada, 7), said, "4".to_owned(), 9).await.unwrap();
        assert_eq!(again, Change::Absent, "a hidden comment cannot be edited");
    }

    async fn what_is_so_already_or_full_or_elsewhere_is_refused(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (bert, ada) = model(&catalog).await;
        for title in ["one", "two"] {
            catalog.open_discussion(new(&bert, ada, title)).await.unwrap();
        }
        let (act, open) = (act(&bert, 1, ada, 1), DiscussionStatus::Open);
        assert_eq!(catalog.rename_discussion(act, "one".to_owned(), 9).await.unwrap(), Change::Unchanged);
        assert_eq!(catalog.change_discussion_status(act, open, None, 9).await.unwrap(), Change::Unchanged);
        let said = done(catalog.comment(act, "1".to_owned(), 2).await.unwrap());
        assert_eq!(catalog.comment(act, "2".to_owned(), 2).await.unwrap(), Change::Full);
        done(catalog.edit_comment(act, said, "2".to_owned(), 1).await.unwrap());
        assert_eq!(catalog.edit_comment(act, said, "3".to_owned(), 1).await.unwrap(), Change::Full);
        for number in [2, 3] {
            let elsewhere = Act { number, ..act };
            assert_eq!(catalog.edit_comment(elsewhere, said, "x".to_owned(), 9).await.unwrap(), Change::Absent);
            assert_eq!(catalog.hide_comment(elsewhere, said).await.unwrap(), Change::Absent);
        }
        assert_eq!(catalog.comment(Act { number: 3, ..act }, "x".to_owned(), 9).await.unwrap(), Change::Absent);
        assert_eq!(catalog.find_discussion_event(bert.key, 2, said).await.unwrap(), None);
    }

    async fn a_pull_request_is_merged_once_however_many_say_so(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (bert, ada) = model(&catalog).await;
        catalog.open_discussion(proposal(&bert, ada)).await.unwrap();
        let saying: Vec<_> = (1..=6).map(|by| {
            let (catalog, act) = (catalog.clone(), act(&bert, 1, ada, 1));
            tokio::spawn(async move { catalog.mark_merged(act, CommitId([by; 20])).await.unwrap() })
        }).collect();
        let mut first = 0;
        for said in saying {
            first += usize::from(said.await.unwrap());
        }
        assert_eq!(first, 1);
        let found = catalog.find_discussion(bert.key, 1).await.unwrap().unwrap();
        assert!(found.is_merged() && found.pull_request.is_some_and(|proposed| proposed.merge_commit.is_some()));
        assert_eq!(catalog.discussion_events(bert.key, 1, 9).await.unwrap().len(), 2);
        let reopened = catalog.change_discussion_status(act(&bert, 1, ada, 2), DiscussionStatus::Open, None, 9).await;
        assert_eq!(reopened.unwrap(), Change::Unchanged);
    }

    async fn a_discussion_outlives_its_author_and_not_its_repository(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (bert, ada) = model(&catalog).await;
        let bob = user(&catalog, "bob").await.key;
        catalog.open_discussion(new(&bert, bob, "left behind")).await.unwrap();
        execute(&scratch.database, format!("DELETE FROM namespaces WHERE id = {}", bob.0)).await;
        assert_eq!(catalog.find_discussion(bert.key, 1).await.unwrap().unwrap().author, None);
        assert_eq!(catalog.discussion_events(bert.key, 1, 9).await.unwrap()[0].author, None);
        let said = done(catalog.comment(act(&bert, 1, ada, 1), "still here".to_owned(), 9).await.unwrap());
        done(catalog.edit_comment(act(&bert, 1, ada, 2), said, "still here!".to_owned(), 9).await.unwrap());
        catalog.mark_deleting(bert.key).await.unwrap();
        assert_eq!(catalog.open_discussion(new(&bert, ada, "too late")).await.unwrap(), None);
        assert!(catalog.remove_repository(bert.key).await.unwrap());
        assert_eq!(catalog.find_discussion(bert.key, 1).await.unwrap(), None);
        assert_eq!(catalog.discussion_events(bert.key, 1, 9).await.unwrap(), []);
    }
}
