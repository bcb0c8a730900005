//! What not everybody may have at the other hub, for those who have a right of their own to it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ballast_tests::{Answer, Asked, Client, Hub, Manner, REMOTE_COMMIT, RemoteHub, lines};
use serde_json::{Value, json};

use super::{get, mirroring};
use crate::jobs::{noise, remote};

const FILE: &str = "/acme/bert/resolve/main/model.Q8.bin";
const READS: [&str; 6] = [
    "/api/models/acme/bert",
    "/api/models/acme/bert/revision/main",
    "/api/models/acme/bert/tree/main",
    "/api/models/acme/bert/refs",
    "/api/models/acme/bert/auth-check",
    FILE,
];

/// The tokens that the remote hub lets in.
type Rights = Arc<Mutex<BTreeSet<String>>>;

fn rights(tokens: &[&str]) -> Rights {
    Arc::new(Mutex::new(tokens.iter().map(|token| format!("Bearer {token}")).collect()))
}

/// A remote hub whose repository is for some alone: of a private one nobody else hears, of a gated one nobody else has files.
fn guarded(about: &Value, rights: &Rights, refusal: u16) -> RemoteHub {
    let (remote, rights) = (remote(), Arc::clone(rights));
    let mut told = json!({ "id": "acme/bert", "sha": REMOTE_COMMIT, "private": false, "gated": false });
    told.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
    remote.behave(move |asked: &Asked| {
        let is_in = asked.authorization.as_ref().is_some_and(|token| rights.lock().unwrap().contains(token));
        let is_about = asked.target.contains("/revision/");
        let for_all = told["private"] == false && (is_about || asked.target.contains("/tree/"));
        match () {
            () if !is_in && !for_all => Manner::Status(refusal, None),
            () if is_about => Manner::Text(told.to_string()),
            () => Manner::Good,
        }
    });
    remote
}

/// What a new user of the hub shows, with a token of theirs for another one.
fn header(hub: &Hub, endpoint: &str, token: &str) -> String {
    let (name, _) = hub.user("write");
    format!("Bearer {}|{endpoint},{token}", hub.token(&name, "write"))
}

fn user(hub: &Hub, endpoint: &str, token: &str) -> Client {
    hub.client().with_authorization(&header(hub, endpoint, token))
}

/// Which tokens the remote hub was shown since the last time, with what was asked for.
fn shown(remote: &RemoteHub) -> Vec<(String, String)> {
    let told = |asked: Asked| (asked.authorization.unwrap_or_default().replace("Bearer ", ""), asked.target);
    remote.asked().into_iter().map(told).collect()
}

/// What an answer tells whoever may not know that something is there.
fn told(answer: &Answer, id: &str) -> (u16, Vec<Option<String>>, String) {
    let headers = ["etag", "x-repo-commit", "x-linked-etag", "x-linked-size", "x-source", "x-error-code", "warning"];
    let headers = headers.map(|name| answer.header(name).map(str::to_owned));
    (answer.status, headers.into(), answer.text().replace(id, "ID"))
}

#[test]
fn what_is_private_there_goes_to_whom_it_is_for_and_is_not_there_for_anybody_else() {
    let remote = guarded(&json!({ "private": true }), &rights(&["ada", "max"]), 404);
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let [of_ada, of_eve] = ["ada", "eve"].map(|token| header(&hub, &remote.endpoint(), token));
    let [ada, eve] = [&of_ada, &of_eve].map(|header| hub.client().with_authorization(header));
    let (_, bob) = hub.user("write");
    for path in READS {
        ada.get(path).send().expect(200);
    }
    let about = ada.get(READS[0]).send().ok();
    assert_eq!((&about["private"], &about["_source"]), (&json!(true), &json!(remote.endpoint())));
    assert_eq!(ada.get(FILE).header("Range", "bytes=7-9").send().expect(206).body, noise(50_000)[7..10]);
    let etag = ada.head(FILE).send().expect(200).header("etag").unwrap().to_owned();
    assert!(shown(&remote).iter().all(|(token, _)| token == "ada"));

    // It lies here now, and is as absent as what never was, whatever is asked and however much is known of it.
    for (client, absent) in [(hub.client(), 401), (bob, 404), (eve, 404), (hub.admin(), 404)] {
        for path in READS {
            let (ours, never) = (client.get(path).send(), client.get(path.replace("bert", "never")).send());
            assert_eq!(ours.status, absent, "{path}");
            assert_eq!(told(&ours, "acme/bert"), told(&never, "acme/never"), "{path}");
        }
        for name in ["Range", "If-None-Match"] {
            let value = if name == "Range" { "bytes=0-0" } else { &etag };
            client.get(FILE).header(name, value).send().refused(absent, "RepoNotFound");
            assert_eq!(client.head(FILE).header(name, value).send().status, absent);
        }
        let commit =
            client.post("/api/models/acme/bert/commit/main").lines(&[lines::header("x"), lines::file("a", "b")]);
        commit.send().refused(absent, "RepoNotFound");
    }
    assert!(shown(&remote).iter().all(|(token, target)| token != "ada" && !target.contains("/resolve/")));

    // Somebody else with a right of their own is asked for it, and the bytes are not fetched again.
    let max = user(&hub, &remote.endpoint(), "max");
    assert_eq!(max.get(FILE).send().expect(200).body, noise(50_000));
    let asked = shown(&remote);
    assert!(asked.iter().all(|(token, target)| token == "max" && !target.contains("/resolve/")), "{asked:?}");
    assert!(asked.iter().any(|(_, target)| target.ends_with("/auth-check")), "{asked:?}");
    // The right is the user's with the token, and survives a restart.
    let deployment = hub.deployment.clone();
    hub.stop();
    let hub = deployment.start();
    let [ada, eve] = [&of_ada, &of_eve].map(|header| hub.client().with_authorization(header));
    assert_eq!(ada.get(FILE).send().expect(200).body, noise(50_000));
    eve.get(FILE).send().refused(404, "RepoNotFound");
    assert!(shown(&remote).iter().all(|(token, _)| token != "ada"), "what was said a moment ago is fresh");
}

#[test]
fn what_is_gated_there_goes_to_whom_it_was_given_to_alone() {
    let remote = guarded(&json!({ "gated": "manual" }), &rights(&["ada"]), 403);
    let hub = mirroring(&remote.endpoint(), "", "").set("downloader.main.config.token", "operator").start();
    let ada = user(&hub, &remote.endpoint(), "ada");
    let eve = user(&hub, &remote.endpoint(), "eve");
    for path in READS {
        ada.get(path).send().expect(200);
        for client in [&hub.client(), &eve, &hub.admin()] {
            let why = client.get(path).send().refused(403, "Forbidden");
            assert!(why.contains("gated there") && why.contains("TOKEN_THERE"), "{why}");
        }
    }
    assert_eq!(ada.get(READS[0]).send().ok()["gated"], true);
    for (token, target) in shown(&remote) {
        assert!(!target.contains("/resolve/") || token == "ada", "{token}: {target}");
        assert!(!target.contains("/auth-check") || token != "operator", "{token}: {target}");
    }
    // Nobody is nobody, whatever they show.
    let nobody = hub.client().with_authorization(&format!("Bearer |{},ada", remote.endpoint()));
    nobody.get(FILE).send().expect(401);
    assert!(shown(&remote).iter().all(|(token, _)| token != "ada"));
}

#[test]
fn a_right_that_is_taken_away_is_lost_also_while_the_other_hub_is_down() {
    for (about, refusal) in
        [(json!({ "private": true }), 401), (json!({ "private": true }), 404), (json!({ "gated": "auto" }), 403)]
    {
        let tokens = rights(&["ada"]);
        let remote = guarded(&about, &tokens, refusal);
        let hub = mirroring(&remote.endpoint(), "fresh_seconds = 0", "").start();
        let ada = user(&hub, &remote.endpoint(), "ada");
        ada.get(FILE).send().expect(200);
        tokens.lock().unwrap().clear();
        for path in READS {
            let refused = ada.get(path).send();
            assert!(matches!(refused.status, 403 | 404), "{about} {path}: {}", refused.text());
        }
        remote.behave(|_| Manner::Status(503, None));
        assert!(matches!(ada.get(FILE).send().status, 404 | 504));
    }
}

#[test]
fn a_file_that_the_other_hub_refuses_ends_the_right_to_all_of_it() {
    let remote = guarded(&json!({ "private": true }), &rights(&["ada"]), 404);
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let ada = user(&hub, &remote.endpoint(), "ada");
    ada.get(READS[0]).send().expect(200);
    // What was said of the repository is fresh still.
    remote.behave(|_| Manner::Status(403, None));
    assert!(ada.get(FILE).send().status >= 400);
    for path in [READS[0], FILE] {
        assert!(matches!(ada.get(path).send().status, 403 | 404), "{path}");
    }
}

#[test]
fn while_the_other_hub_is_down_who_had_the_right_has_it_for_a_time_and_nobody_else() {
    for (trust, status) in [(3600, 200), (0, 504)] {
        let remote = guarded(&json!({ "private": true }), &rights(&["ada", "max"]), 404);
        let section = format!("fresh_seconds = 0\ntrust_seconds = {trust}");
        let hub = mirroring(&remote.endpoint(), &section, "").start();
        let ada = user(&hub, &remote.endpoint(), "ada");
        let max = user(&hub, &remote.endpoint(), "max");
        ada.get(FILE).send().expect(200);
        remote.behave(|_| Manner::Status(503, None));
        let answer = ada.get(FILE).send().expect(status);
        assert_eq!(answer.header("warning").is_some(), status == 200);
        for client in [max, hub.client(), hub.admin()] {
            client.get(FILE).send().refused(504, "RemoteUnavailable");
            client.get("/api/models/acme/never").send().refused(504, "RemoteUnavailable");
        }
    }
}

#[test]
fn tokens_go_to_the_hub_that_they_are_for_and_to_no_other() {
    let stranger = remote();
    let remote = guarded(&json!({ "private": true }), &rights(&["ada"]), 404);
    let leading = format!("{}/acme/bert/resolve/{REMOTE_COMMIT}/model.Q8.bin", stranger.endpoint());
    let hub = mirroring(&remote.endpoint(), "", "").set("downloader.main.config.allow_private", "true").start();
    let ada = user(&hub, &remote.endpoint(), "ada");
    ada.get(READS[0]).send().expect(200);
    shown(&remote);
    remote.behave(move |asked| match asked.target.contains("/resolve/") {
        true => Manner::LeadsTo(leading.clone()),
        false => Manner::Good,
    });
    assert_eq!(ada.get(FILE).send().expect(200).body, noise(50_000));
    assert!(shown(&remote).iter().all(|(token, _)| token == "ada"));
    let seen = shown(&stranger);
    assert!(!seen.is_empty() && seen.iter().all(|(token, _)| token.is_empty()), "{seen:?}");
    // One that is for another address is not shown here.
    for other in [stranger.endpoint(), format!("{}/x", remote.endpoint()), remote.endpoint().replace("http", "https")] {
        let eve = user(&hub, &other, "elsewhere");
        eve.get("/api/models/acme/other").send().expect(404);
    }
    assert!(shown(&remote).iter().all(|(token, _)| token.is_empty()));
    assert!(shown(&stranger).is_empty());
}

#[test]
fn what_is_for_everybody_comes_with_any_token_and_is_kept_for_everybody() {
    let remote = remote();
    remote.behave(|asked| match asked.authorization.is_some() {
        true => Manner::Status(401, None),
        false => Manner::Good,
    });
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let eve = user(&hub, &remote.endpoint(), "over");
    assert_eq!(eve.get("/acme/bert/resolve/main/config.json").send().expect(200).body, b"{}");
    shown(&remote);
    eve.get("/api/models/acme/bert").send().expect(200);
    assert_eq!(get(&hub.client(), "config.json").expect(200).body, b"{}");
    assert!(shown(&remote).is_empty(), "no token is shown for what is known to be for everybody");
}

#[test]
fn rules_hold_for_what_somebody_has_a_right_of_their_own_to() {
    let remote = guarded(&json!({ "private": true, "tags": ["license:mit"] }), &rights(&["ada"]), 404);
    let hub = mirroring(&remote.endpoint(), "", "licenses = [\"apache-2.0\"]").start();
    let ada = user(&hub, &remote.endpoint(), "ada");
    let why = ada.get(FILE).send().refused(403, "Forbidden");
    assert!(why.contains("its licence (mit) is none of apache-2.0"), "{why}");
    hub.client().get(FILE).send().refused(401, "RepoNotFound");
}

#[test]
fn tokens_that_cannot_be_read_are_refused_without_being_repeated() {
    let hub = Hub::shared();
    let (name, _) = hub.user("write");
    let token = hub.token(&name, "read");
    let whoami = |tail: &str| {
        let client = hub.client().with_authorization(&format!("Bearer {token}{tail}"));
        client.get("/api/whoami-v2").send()
    };
    assert_eq!(whoami("|https://huggingface.co,hf_secret").ok()["name"], name);
    for tail in ["|", "|hf_secret", "|https://huggingface.co,", "|ftp://x,hf_secret"] {
        let why = whoami(tail).refused(400, "BadRequest");
        assert!(why.contains("a comma and") && !why.contains("hf_secret"), "{why}");
    }
}
