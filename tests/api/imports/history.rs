//! Imports that take each commit over.

use ballast_tests::{Hub, lines, unique};
use serde_json::json;

use super::{files, import, importing, importing_from, over, start, titles};
use crate::jobs::{LARGE, noise, remote};

#[test]
fn each_commit_becomes_one_with_the_same_files_message_and_date() {
    let source = Hub::shared();
    let repository = source.private_model();
    repository.add("a.txt", "one");
    repository.add_large("weights.bin", &noise(LARGE));
    repository.commit(&[lines::file("a.txt", "two"), lines::deleted_file("weights.bin")]).expect(200);
    repository.add_large("weights.bin", &noise(70_000));
    let hub = importing_from(&source).start();
    let wish = json!({ "repo": repository.id, "target": unique("copy"), "history": true });
    let (target, done) = import(&hub.admin(), &wish);
    let told = |from: &ballast_tests::Repository| {
        let commits = from.client.get(from.api("/commits/main?limit=100")).send().ok();
        commits.as_array().unwrap().clone()
    };
    let (theirs, ours) = (told(&repository), told(&target));
    // A repository begins with a commit, there as here; that one changes nothing.
    assert_eq!((theirs.len(), ours.len()), (5, 5));
    for (their, our) in theirs.iter().zip(&ours).take(4) {
        assert_eq!((&their["title"], &their["message"]), (&our["title"], &our["message"]));
        let second = |date: &serde_json::Value| date.as_str().unwrap()[..19].to_owned();
        assert_eq!(second(&their["date"]), second(&our["date"]));
        let (their, our) = (their["id"].as_str().unwrap(), our["id"].as_str().unwrap());
        assert_eq!(files(&repository, their), files(&target, our));
    }
    assert_eq!(done["progress"]["completedCommits"], 5);
    // What comes later is added, and nothing else is looked at.
    repository.add("a.txt", "three");
    repository.add("b.txt", "new");
    let (_, more) = import(&hub.admin(), &wish);
    assert_eq!((&more["progress"]["totalCommits"], titles(&target).len()), (&json!(2), 7));
    assert_eq!(files(&target, "main"), files(&repository, "main"));
}

#[test]
fn a_history_that_was_rewritten_is_told_of_and_nothing_is_changed() {
    let source = Hub::shared();
    let repository = source.private_model();
    repository.add("a.txt", "one");
    let hub = importing_from(&source).start();
    let wish = json!({ "repo": repository.id, "target": unique("copy"), "history": true });
    let (target, _) = import(&hub.admin(), &wish);
    let tip = target.tip();
    repository.client.post(repository.api("/super-squash/main")).json(&json!({})).send().expect(200);
    let failed = over(&start(&hub.admin(), &wish));
    assert!(failed["error"].as_str().unwrap().contains("it was rewritten"), "{failed}");
    assert_eq!(target.tip(), tip);
    // Its latest state alone may be taken over all the same.
    repository.add("a.txt", "two");
    import(&hub.admin(), &json!({ "repo": repository.id, "target": target.id }));
    assert_eq!(target.read("a.txt"), b"two");
}

#[test]
fn the_authors_of_another_hub_are_named_and_are_nobody_here() {
    let remote = remote();
    let hub = importing(&remote).start();
    let (target, _) = import(&hub.admin(), &json!({ "repo": "acme/bert", "history": true }));
    let commit = hub.admin().get(target.api("/commit/main")).send().ok();
    assert_eq!((&commit["title"], &commit["date"]), (&json!("All of it"), &json!("2024-05-01T12:00:00.000Z")));
    let commits = hub.admin().get(target.api("/commits/main")).send().ok();
    assert_eq!(commits[0]["authors"][0]["user"], "ada");
}
