//! What is known of a pushed history, so that nobody has to walk through it.

use ballast_contract::versioning::{Outcome, Versioning};
use ballast_testkit::versioning::pushing::{Pack, merges, moved};
use ballast_types::RefName;

use crate::scaffold::{new_repo, started};

ballast_database::on_both! {
    async fn merges_that_were_pushed_know_how_long_their_histories_are(scratch: &Scratch) {
        let engine = started(scratch).await;
        let (repo, mut pack) = (new_repo(&engine).await, Pack::default());
        let tips = merges(&mut pack, 40);
        let main = "refs/heads/main";
        // In two pushes, the second with merges of what only the database has by then.
        for (old, new) in [(None, tips[20]), (Some(tips[20]), tips[39])] {
            engine.forget_caches();
            assert_eq!(repo.push(&pack, &[moved(main, old, new)]).await, Outcome::Moved);
        }
        engine.forget_caches();
        for (n, tip) in tips.iter().enumerate() {
            let commit = engine.history.get(repo.key, *tip).await.unwrap();
            assert_eq!(commit.length, Some(1 + 3 * n as i64), "merge {n}");
        }
        // Where others go on it is known too.
        let mut request = repo.request(vec![ballast_testkit::versioning::repo::put("by/the", "API")]);
        request.branch = RefName::branch("main").unwrap();
        let next = engine.commit(request).await.unwrap().tip();
        assert_eq!(engine.history.get(repo.key, next).await.unwrap().length, Some(2 + 3 * 39));
    }
}
