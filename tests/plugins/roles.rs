//! Other roles than storage that are a library: what a hub does with them.

use ballast_tests::{Client, Deployment, Hub, Receiver, Repository, lines};
use serde_json::json;

use crate::built;

/// A hub whose public bytes a library counts.
fn counted() -> Deployment {
    let keys = "[quota.main]\nplugin = \"quota.state\"\n[quota.main.config]\npublic_bytes = 20000\n";
    Deployment::new().config(&(built::quota().load_patiently() + keys))
}

#[test]
fn a_quota_that_is_a_library_holds_and_keeps_its_books() {
    let deployment = counted();
    let hub = deployment.start();
    let repository = hub.model();
    repository.add("fits.txt", vec![b'x'; 10_000]);
    let more = [lines::file("more.txt", vec![b'y'; 15_000])];
    repository.unchanged(|| {
        let said = repository.commit(&more).refused(413, "QuotaExceeded");
        assert!(said.contains("20000"), "{said}");
    });
    hub.private_model().add("more.txt", vec![b'y'; 15_000]);
    let token = hub.admin_token();
    hub.stop();
    let hub = deployment.start();
    let repository = repository.seen_by(&hub.client().with_token(&token));
    repository.commit(&more).refused(413, "QuotaExceeded");
    repository.add("less.txt", vec![b'z'; 5_000]);
    let deleted = json!({ "name": repository.id, "type": "model" });
    repository.client.request("DELETE", "/api/repos/delete").json(&deleted).send().expect(200);
    let another = hub.model();
    another.commit(&more).expect(200);
    let report = reported(&hub, "quota");
    assert_eq!((&report["plugin"], &report["state"]), (&json!("quota.state"), &json!("ready")));
    hub.stop();
}

#[test]
fn a_quota_that_is_a_library_is_exact_where_many_come_at_once() {
    let hub = counted().start();
    let repositories: Vec<Repository> = (0..8).map(|_| hub.model()).collect();
    let commits = repositories.iter().map(|repository| {
        let repository = repository.clone();
        std::thread::spawn(move || repository.commit(&[lines::file("a.txt", vec![b'a'; 4_000])]).status)
    });
    let threads: Vec<_> = commits.collect();
    let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 413)), "{statuses:?}");
    // Nothing more fits, and not one byte is over.
    let used = hub.admin().get("/api/quota/admin").send().ok()["public_used_bytes"].as_u64().unwrap();
    assert!((16_001..=20_000).contains(&used), "{used}: {statuses:?}");
    hub.stop();
}

#[test]
fn the_suite_of_its_role_runs_against_a_quota_that_is_a_library() {
    let file = built::quota().file().display().to_string();
    let said = Deployment::new().run(["plugins", "test", file.as_str()]).ok();
    assert!(said.contains("quota.trial (quota.state) passes the suite of quota"), "{said}");
    let file = built::trusting().file().display().to_string();
    let said = Deployment::new().run(["plugins", "test", file.as_str()]).ok();
    assert!(said.contains("auth.trial (auth.trusting) passes the suite of auth"), "{said}");
}

/// A hub that also believes what a library says of tokens.
fn trusting(keys: &str, provision: &str) -> Deployment {
    let config = format!(
        "{}[accounts]\nprovision = [{provision}]\n[auth.main]\nplugin = \"auth.local\"\n\
         [auth.word]\nplugin = \"auth.trusting\"\n[auth.word.config]\n{keys}\n",
        built::trusting().load_patiently()
    );
    Deployment::new().config(&config)
}

fn name(client: &Client) -> String {
    client.get("/api/whoami-v2").send().ok()["name"].as_str().unwrap().to_owned()
}

#[test]
fn who_an_auth_of_others_knows_gets_an_account_when_they_first_come() {
    let hub = trusting("revoked = [\"eve\"]", "\"word\"").start();
    let ada = hub.client().with_token("iam:ada");
    assert_eq!(name(&ada), "ada");
    let repository = Repository::create(&ada, "ada", true);
    repository.add("a.txt", "mine");
    assert_eq!(name(&ada), "ada", "the same account again");
    // Whoever has the name already is somebody else.
    hub.deployment.run(["user", "create", "bob"]).ok();
    assert_eq!(name(&hub.client().with_token("iam:bob")), "bob-2");
    hub.client().with_token("iam:bob").get(repository.api("")).send().refused(404, "RepoNotFound");
    hub.client().with_token("iam:eve").get("/api/whoami-v2").send().expect(401);
    hub.client().with_token("hf_nothing").get("/api/whoami-v2").send().expect(401);
    hub.admin().get("/api/whoami-v2").send().expect(200);
    let records = hub.admin().get("/api/admin/audit?action=user.provision").send().ok().to_string();
    assert!(records.contains("user/ada") && records.contains("user/bob-2"), "{records}");
    hub.stop();
}

#[test]
fn many_first_requests_of_a_newcomer_are_one_account() {
    let hub = trusting("", "\"word\"").start();
    let first: Vec<_> = (0..8)
        .map(|_| {
            let client = hub.client().with_token("iam:grace");
            std::thread::spawn(move || name(&client))
        })
        .collect();
    for thread in first {
        assert_eq!(thread.join().unwrap(), "grace");
    }
    hub.stop();
}

#[test]
fn nobody_gets_an_account_by_an_auth_that_may_not_bring_any() {
    let hub = trusting("", "").start();
    hub.client().with_token("iam:ada").get("/api/whoami-v2").send().expect(401);
    hub.stop();
    let log = trusting("", "\"words\"").try_start().err().unwrap();
    assert!(log.contains("accounts.provision") && log.contains("no auth instance 'words'"), "{log}");
}

#[test]
fn the_rules_of_an_auth_of_others_take_rights_away() {
    let hub = trusting("readers = [\"ada\"]\nblind = [\"eve\"]", "\"word\"").start();
    let (ada, bob) = (hub.client().with_token("iam:ada"), hub.client().with_token("iam:bob"));
    assert_eq!((name(&ada), name(&bob)), ("ada".to_owned(), "bob".to_owned()));
    let of_bob = Repository::create(&bob, "bob", false);
    of_bob.add("a.txt", "b");
    of_bob.seen_by(&ada).client.get(of_bob.api("")).send().expect(200);
    let of_ada = Repository::create(&ada, "ada", false);
    of_ada.commit(&[lines::file("a.txt", "a")]).refused(403, "Forbidden");
    let seen = |client: &Client| client.get("/api/models").send().ok().as_array().unwrap().len();
    let eve = hub.client().with_token("iam:eve");
    assert_eq!((seen(&hub.client()), seen(&ada), seen(&eve)), (2, 2, 0));
    of_bob.seen_by(&eve).client.get(of_bob.api("")).send().refused(404, "RepoNotFound");
    hub.stop();
}

fn reported(hub: &Hub, role: &str) -> serde_json::Value {
    let all = hub.admin().get("/api/admin/plugins").send().ok();
    let all = all.as_array().or_else(|| all["plugins"].as_array()).unwrap().clone();
    all.into_iter().find(|one| one["role"] == role).unwrap()
}

/// With `--all`: it is the one that brings a TLS of its own.
#[test]
fn an_oauth_server_is_asked_about_tokens() {
    if std::env::var_os("BALLAST_TEST_ALL").is_none() {
        return;
    }
    let server = Receiver::answering(|asked| {
        let known = asked.body.contains("token=co-ada&");
        json!({ "active": known, "sub": "1", "username": "ada@company.example", "scope": "write" }).to_string()
    });
    let keys = format!("endpoint = \"{}\"\nclient_id = \"hub\"\nclient_secret = \"s\"\nprefix = \"co-\"", server.url());
    let config = format!(
        "{}[accounts]\nprovision = [\"company\"]\n[auth.main]\nplugin = \"auth.local\"\n\
         [auth.company]\nplugin = \"auth.introspection\"\n[auth.company.config]\n{keys}\n",
        built::introspection().load_patiently()
    );
    let hub = Deployment::new().config(&config).start();
    let ada = hub.client().with_token("co-ada");
    assert_eq!(name(&ada), "ada");
    Repository::create(&ada, "ada", false).add("a.txt", "a");
    hub.client().with_token("co-eve").get("/api/whoami-v2").send().expect(401);
    hub.admin().get("/api/whoami-v2").send().expect(200);
    let asked = server.wait_for(2);
    assert!(asked.iter().all(|one| one.header("authorization") == Some("Basic aHViOnM=")), "{asked:?}");
    assert!(!asked.iter().any(|one| one.body.contains("hf_")), "tokens of the hub's own stay here");
    hub.stop();
}
