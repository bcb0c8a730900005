//! What is not mirrored, and the reason that whoever asks for it hears.

use ballast_tests::{Asked, Manner, REMOTE_COMMIT};
use serde_json::json;

use super::{asked, get, mirroring};
use crate::jobs::remote;

/// What the remote hub says of the repository.
fn saying(about: serde_json::Value) -> impl FnMut(&Asked) -> Manner + Send + 'static {
    let mut told = json!({ "sha": REMOTE_COMMIT, "private": false, "gated": false });
    told.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
    move |asked| match asked.target.contains("/revision/") {
        true => Manner::Text(told.to_string()),
        false => Manner::Good,
    }
}

#[test]
fn what_not_everybody_may_have_is_refused_with_the_reason() {
    for (about, reason) in [
        (json!({ "gated": "auto" }), "gated"),
        (json!({ "gated": "manual" }), "gated"),
        (json!({ "disabled": true }), "disabled"),
        (json!({ "gated": null }), "does not say"),
    ] {
        let remote = remote();
        remote.behave(saying(about.clone()));
        // Even with a token that could read it: whoever asks here is not who has that token.
        let hub = mirroring(&remote.endpoint(), "", "").set("downloader.main.config.token", "hf_operator").start();
        for client in [hub.client(), hub.admin()] {
            for path in
                ["/api/models/acme/bert", "/api/models/acme/bert/tree/main", "/acme/bert/resolve/main/config.json"]
            {
                let why = client.get(path).send().refused(403, "Forbidden");
                assert!(why.contains(reason) && why.contains(&remote.endpoint()), "{about}: {why}");
            }
        }
        assert!(asked(&remote).iter().all(|end| end == "revision/main"), "no listing, no bytes");
    }
}

#[test]
fn what_is_private_there_is_not_there_for_whoever_shows_no_token_of_their_own() {
    let remote = remote();
    let mut private = saying(json!({ "private": true }));
    remote.behave(move |asked| match asked.target.ends_with("/revision/nothing") {
        true => Manner::Status(404, None),
        false => private(asked),
    });
    // Nobody hears what this hub's own token sees.
    let hub = mirroring(&remote.endpoint(), "", "").set("downloader.main.config.token", "hf_operator").start();
    for path in ["/api/models/acme/bert", "/api/models/acme/bert/tree/main", "/acme/bert/resolve/main/config.json"] {
        hub.client().get(path).send().refused(401, "RepoNotFound");
        hub.admin().get(path).send().refused(404, "RepoNotFound");
    }
    hub.client().get("/api/models/acme/bert/revision/nothing").send().refused(401, "RepoNotFound");
    assert!(asked(&remote).iter().all(|end| end.starts_with("revision/")), "no listing, no bytes");
}

#[test]
fn what_was_for_everybody_and_is_not_any_more_is_shown_no_more() {
    let remote = remote();
    let hub = mirroring(&remote.endpoint(), "fresh_seconds = 0", "").start();
    get(&hub.client(), "config.json").expect(200);
    remote.behave(saying(json!({ "gated": "auto" })));
    get(&hub.client(), "config.json").refused(403, "Forbidden");
    // Nor when the other hub is down afterwards.
    remote.behave(|_| Manner::Status(503, None));
    get(&hub.client(), "config.json").refused(504, "RemoteUnavailable");
    // What had arrived is not fetched again when it is for everybody again.
    asked(&remote);
    remote.behave(|_| Manner::Good);
    get(&hub.client(), "config.json").expect(200);
    assert!(asked(&remote).iter().all(|end| !end.contains("resolve") && !end.contains("tree")));
    // It is gone there.
    remote.behave(|_| Manner::Status(404, None));
    get(&hub.client(), "config.json").refused(401, "RepoNotFound");
}

#[test]
fn rules_of_the_operator_are_told_where_they_refuse() {
    for (rules, reason) in [
        ("allow = [\"google\", \"acme/gpt*\"]", "(allow)"),
        ("deny = [\"acme/b*t\"]", "(deny)"),
        ("licenses = [\"apache-2.0\"]", "its licence (mit) is none of apache-2.0"),
        ("denied_licenses = [\"MIT\"]", "(denied_licenses)"),
        ("max_repository_bytes = 9000000", "(max_repository_bytes)"),
        ("min_age_days = 3650", "(min_age_days)"),
    ] {
        let remote = remote();
        let hub = mirroring(&remote.endpoint(), "", rules).start();
        for path in ["/api/models/acme/bert", "/acme/bert/resolve/main/config.json"] {
            let why = hub.client().get(path).send().refused(403, "Forbidden");
            assert!(why.contains(reason), "{rules}: {why}");
        }
        assert!(asked(&remote).iter().all(|end| !end.contains("resolve")), "{rules}");
    }
    for rules in ["allow = [\"ACME\"]", "licenses = [\"MIT\"]", "deny = [\"acme/gpt*\"]", "min_age_days = 1"] {
        let remote = remote();
        let hub = mirroring(&remote.endpoint(), "", rules).start();
        assert_eq!(get(&hub.client(), "config.json").expect(200).body, b"{}", "{rules}");
    }
}

#[test]
fn single_files_are_refused_where_a_rule_is_against_them() {
    let remote = remote();
    let hub = mirroring(&remote.endpoint(), "", "safetensors_only = true\nmax_file_bytes = 999").start();
    let client = hub.client();
    let why = get(&client, "model.Q8.bin").refused(403, "Forbidden");
    assert!(why.contains("max_file_bytes") && why.contains("model.Q8.bin"), "{why}");
    remote.put("models/acme/small", &[("a.bin", b"x".to_vec()), ("a.safetensors", b"y".to_vec())]);
    let why = client.get("/acme/small/resolve/main/a.bin").send().refused(403, "Forbidden");
    assert!(why.contains("safetensors_only"), "{why}");
    client.head("/acme/small/resolve/main/a.bin").send().expect(403);
    assert_eq!(client.get("/acme/small/resolve/main/a.safetensors").send().expect(200).body, b"y");
    assert_eq!(client.get("/api/models/acme/small/tree/main").send().ok().as_array().unwrap().len(), 2);
}
