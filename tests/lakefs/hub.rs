//! A hub whose commits are in lakeFS, by its config alone.

use ballast_tests::{Deployment, LakeServer};

#[test]
fn a_hub_on_lakefs_commits_reads_restarts_verifies_and_collects() {
    let server = LakeServer::start();
    let deployment = Deployment::new().versioned_by(&server);
    let hub = deployment.start();
    let repository = hub.model();
    let (first, large) = (repository.add("a/config.json", "{}"), vec![7; 6_000_000]);
    let second = repository.add_large("a/model.safetensors", &large);
    assert_ne!(first, second);
    let name = server.repositories().remove(0);
    let commit = server.branches(&name)["main"].clone();
    assert_eq!(server.metadata(&name, &commit)["ballast-commit"], repository.tip());
    assert_eq!(server.object(&name, &commit, "a/model.safetensors").unwrap()["ballast-lfs"], "true");
    let state = repository.state();
    hub.stop();
    let hub = deployment.start();
    let repository = repository.seen_by(&hub.admin());
    assert_eq!((repository.state(), repository.read("a/model.safetensors")), (state, large));
    deployment.run(["storage", "verify"]).ok();
    deployment.run(["gc", "run"]).ok();
    assert_eq!(repository.read("a/config.json"), b"{}");
    server.damage(&name, &commit, "a/", Some(b"garbage"));
    let told = deployment.run(["storage", "verify"]).ended(1);
    assert!(told.output.contains("should be the index of a folder"), "{}", told.output);
}

#[test]
fn what_the_engine_cannot_do_is_answered_as_not_implemented_with_a_sentence() {
    let hub = Deployment::new().versioned_by(&LakeServer::start()).start();
    let repository = hub.model();
    repository.add("a", "1");
    let git = |path: &str| format!("{}.git/{path}", repository.page(""));
    let refs = hub.admin().get(git("info/refs?service=git-upload-pack")).send().expect(200).text();
    assert!(refs.contains(&repository.tip()), "{refs}");
    let begun = hub.admin().get(git("info/refs?service=git-receive-pack")).send().expect(501).text();
    let pushed = hub.admin().post(git("git-receive-pack")).send().expect(501).text();
    for sentence in [begun, pushed] {
        assert!(sentence.contains("takes no pushes by git") && sentence.contains("hf upload"), "{sentence}");
    }
}

#[test]
fn a_hub_whose_lakefs_is_not_there_says_so_and_does_not_start() {
    let server = LakeServer::start();
    let deployment = Deployment::new().versioned_by(&server);
    let deployment = deployment.environment("BALLAST_VERSIONING__MAIN__CONFIG__ENDPOINT", "http://127.0.0.1:1");
    let log = match deployment.environment("BALLAST_VERSIONING__MAIN__CONFIG__RETRIES", "0").try_start() {
        Ok(_) => panic!("it started"),
        Err(log) => log,
    };
    assert!(
        log.contains("versioning.main (versioning.lakefs) did not start") && log.contains("cannot be reached"),
        "{log}"
    );
}
