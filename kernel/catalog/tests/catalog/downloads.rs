//! Downloads, likes and trends.

use ballast_catalog::{Catalog, Day, Download, Viewer, Visitor};
use ballast_database::on_both;
use ballast_types::{RepoKey, RepoKind, Timestamp};

use crate::{NOW, active, execute, new_model, open, user};

fn by(visitor: u8, repo: RepoKey, stretch: i64, day: i64) -> Download {
    Download { repo, stretch, visitor: Visitor { id: [visitor; 16], known: visitor == 0 }, day: Day(day), files: 2 }
}

async fn model(catalog: &Catalog, name: &str) -> RepoKey {
    let home = match catalog.find_user(&"ada".parse().unwrap()).await.unwrap() {
        Some(ada) => ada.key,
        None => user(catalog, "ada").await.key,
    };
    active(catalog, new_model(home.namespace(), name)).await.key
}

async fn count(catalog: &Catalog, repo: RepoKey) -> u64 {
    catalog.get_repository(repo).await.unwrap().downloads
}

on_both! {
    async fn a_visitor_counts_once_in_a_stretch_whoever_writes_it(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (repo, other) = (model(&catalog, "a").await, model(&catalog, "b").await);
        let batch = vec![by(0, repo, 1, 5), by(1, repo, 1, 5), by(1, repo, 2, 6), by(1, other, 1, 5)];
        catalog.record_downloads(batch.clone(), 1).await.unwrap();
        // Another node met the same visitors, and one more.
        catalog.record_downloads(vec![by(0, repo, 1, 5), by(1, repo, 2, 6), by(2, repo, 2, 6)], 2).await.unwrap();
        assert_eq!((count(&catalog, repo).await, count(&catalog, other).await), (4, 1));
        let days = catalog.daily_downloads(repo, Day(0)).await.unwrap();
        let told: Vec<_> = days.iter().map(|day| (day.day.0, day.known, day.anonymous, day.files)).collect();
        assert_eq!(told, [(5, 1, 1, 6), (6, 0, 2, 6)]);
        assert_eq!(catalog.daily_downloads(repo, Day(6)).await.unwrap().len(), 1);

        assert_eq!(catalog.forget_sessions(2).await.unwrap(), 3);
        catalog.record_downloads(vec![by(1, repo, 2, 6)], 3).await.unwrap();
        assert_eq!(count(&catalog, repo).await, 4, "the stretch that goes on is not forgotten");
    }

    async fn downloads_of_a_repository_that_is_gone_keep_no_others_from_counting(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let repo = model(&catalog, "a").await;
        catalog.record_downloads(vec![by(1, RepoKey(4711), 1, 5), by(1, repo, 1, 5)], 1).await.unwrap();
        assert_eq!(count(&catalog, repo).await, 1);
    }

    async fn young_downloads_count_more_than_old_ones(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (old, young, never) = (model(&catalog, "old").await, model(&catalog, "young").await, model(&catalog, "never").await);
        catalog.record_downloads((1..=3).map(|visitor| by(visitor, old, 1, 11)).collect(), 1).await.unwrap();
        catalog.record_downloads((1..=2).map(|visitor| by(visitor, young, 2, 17)).collect(), 2).await.unwrap();
        let trends = catalog.trends(RepoKind::Model, Day(10), &Viewer::default(), 10).await.unwrap();
        let told: Vec<_> = trends.iter().map(|trend| (trend.repo, trend.score, trend.sessions)).collect();
        assert_eq!(told, [(young, 14, 2), (old, 3, 3)]);
        assert!(catalog.trends(RepoKind::Dataset, Day(10), &Viewer::default(), 10).await.unwrap().is_empty());
        assert_eq!(catalog.trends(RepoKind::Model, Day(11), &Viewer::default(), 10).await.unwrap().len(), 1);

        catalog.rank_trends(Day(10)).await.unwrap();
        let rank = async |repo| catalog.get_repository(repo).await.unwrap().trending;
        assert_eq!((rank(young).await, rank(old).await, rank(never).await), (14, 3, 0));
        catalog.rank_trends(Day(11)).await.unwrap();
        assert_eq!((rank(young).await, rank(old).await), (12, 0), "what is over is taken back");
    }

    async fn trends_show_what_the_viewer_may_see(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let repo = model(&catalog, "secret").await;
        execute(&scratch.database, format!("UPDATE repositories SET visibility = 'private' WHERE id = {repo}")).await;
        catalog.record_downloads(vec![by(1, repo, 1, 5)], 1).await.unwrap();
        let (ada, bob) = (catalog.find_user(&"ada".parse().unwrap()).await.unwrap().unwrap(), user(&catalog, "bob").await);
        let seen = async |viewer: Viewer| catalog.trends(RepoKind::Model, Day(1), &viewer, 10).await.unwrap().len();
        assert_eq!(seen(Viewer::default()).await, 0);
        assert_eq!(seen(Viewer { user: Some(bob.key), ..Viewer::default() }).await, 0);
        assert_eq!(seen(Viewer { user: Some(ada.key), ..Viewer::default() }).await, 1);
        let scoped = |scope| Viewer { user: Some(ada.key), scope: Some(scope), ..Viewer::default() };
        assert_eq!((seen(scoped(vec![])).await, seen(scoped(vec![repo])).await), (0, 1));
        assert_eq!(seen(Viewer { everything: true, ..Viewer::default() }).await, 1);
    }

    async fn many_who_like_at_once_are_counted_once_each(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let repo = model(&catalog, "a").await;
        let mut fans = vec![];
        for number in 0..8 {
            fans.push(user(&catalog, &format!("fan{number}")).await.key);
        }
        let like = |user| { let catalog = catalog.clone(); async move { catalog.like(repo, user, NOW).await.unwrap().changed } };
        let twice = fans.iter().chain(&fans).map(|fan| like(*fan));
        let changed = futures::future::join_all(twice).await;
        assert_eq!(changed.iter().filter(|changed| **changed).count(), 8);
        assert_eq!(catalog.get_repository(repo).await.unwrap().likes, 8);
        assert_eq!(catalog.unlike(repo, fans[0]).await.unwrap().likes, 7);
        assert!(!catalog.unlike(repo, fans[0]).await.unwrap().changed);
        assert_eq!(catalog.likers(repo, Some(fans[3]), 10).await.unwrap().len(), 4);
        assert_eq!(Day::of(Timestamp(-1)), Day(-1));
    }
}
