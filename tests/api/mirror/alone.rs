//! Names that stand alone, as the oldest of huggingface.co: `gpt2`, `squad`.

use ballast_tests::{Answer, Client, Manner, REMOTE_COMMIT, RemoteHub, Repository, unique};
use serde_json::json;

use super::mirroring;
use crate::jobs::{noise, remote};

/// What is read of `gpt2`, and where it is asked for.
const READS: [&str; 6] = [
    "/api/models/gpt2",
    "/api/models/gpt2/revision/main",
    "/api/models/gpt2/tree/main",
    "/api/models/gpt2/refs",
    "/api/models/gpt2/auth-check",
    "/gpt2/resolve/main/config.json",
];

/// A remote hub on which `gpt2` is another name for `openai/gpt2`.
fn renamed() -> RemoteHub {
    let remote = remote();
    remote.put("models/openai/gpt2", &[("config.json", b"gpt2".to_vec()), ("model.bin", noise(70_000))]);
    remote.put("datasets/raj/squad", &[("data.txt", b"squad".to_vec())]);
    remote.rename("models/gpt2", "models/openai/gpt2");
    remote.rename("datasets/squad", "datasets/raj/squad");
    remote
}

/// Goes where an answer leads, as clients do.
#[track_caller]
fn followed(client: &Client, method: &str, path: &str, range: Option<&str>) -> Answer {
    let ask = |path: &str| {
        let request = client.request(method, path);
        range.map_or(request.clone(), |range| request.header("Range", range)).send()
    };
    let led = ask(path).expect(307);
    let to = led.header("location").expect("where it leads").to_owned();
    assert!(to.starts_with('/'), "{to}: every client follows what is relative");
    ask(&to)
}

#[test]
fn a_name_that_stands_alone_leads_where_the_other_hub_has_it() {
    let remote = renamed();
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let client = hub.client();
    for path in READS {
        let led = client.get(path).send().expect(307);
        assert_eq!(led.header("location"), Some(path.replace("gpt2", "openai/gpt2").as_str()));
        followed(&client, "GET", path, None).expect(200);
    }
    let about = followed(&client, "GET", "/api/models/gpt2?blobs=true", None).ok();
    assert_eq!((&about["id"], &about["sha"]), (&json!("openai/gpt2"), &json!(REMOTE_COMMIT)));
    let head = followed(&client, "HEAD", "/gpt2/resolve/main/model.bin", None).expect(200);
    assert_eq!((head.header("x-repo-commit"), head.header("x-linked-size")), (Some(REMOTE_COMMIT), Some("70000")));
    let part = followed(&client, "GET", "/gpt2/resolve/main/model.bin", Some("bytes=5-9")).expect(206);
    assert_eq!(part.body, noise(70_000)[5..10]);
    assert_eq!(followed(&client, "GET", "/datasets/squad/resolve/main/data.txt", None).expect(200).body, b"squad");
    let paths = client.post("/api/models/gpt2/paths-info/main").form("paths=config.json").send().expect(307);
    assert_eq!(paths.header("location"), Some("/api/models/openai/gpt2/paths-info/main"));
    // Where it leads is asked once.
    let asked: Vec<String> = remote.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(asked.iter().filter(|target| target.starts_with("/api/models/gpt2/")).count(), 1, "{asked:?}");
}

#[test]
fn a_name_that_stands_alone_at_the_other_hub_is_mirrored_under_it() {
    let remote = remote();
    remote.put("models/gpt2", &[("config.json", b"alone".to_vec()), ("a/model.bin", noise(70_000))]);
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let client = hub.client();
    for path in READS {
        let answer = client.get(path).send().expect(200);
        assert_eq!(answer.header("x-source"), Some(remote.endpoint().as_str()), "{path}");
    }
    let about = client.get("/api/models/gpt2").send().ok();
    assert_eq!((&about["id"], &about["sha"]), (&json!("gpt2"), &json!(REMOTE_COMMIT)));
    let part = client.get("/gpt2/resolve/main/a/model.bin").header("Range", "bytes=5-9").send().expect(206);
    assert_eq!(part.body, noise(70_000)[5..10]);
    let head = client.head("/gpt2/resolve/main/a/model.bin").send().expect(200);
    assert_eq!(head.header("x-repo-commit"), Some(REMOTE_COMMIT));
    let paths = client.post("/api/models/gpt2/paths-info/main").form("paths=a&paths=config.json").send().ok();
    assert_eq!(paths.as_array().unwrap().len(), 2);
    client.get("/gpt2/resolve/main/nothing").send().refused(404, "EntryNotFound");
    // One of the same name in a namespace is another one, and so is what has the placeholder in its address.
    client.get("/api/models/-/gpt2").send().refused(401, "RepoNotFound");
    client.get("/-/gpt2/resolve/main/config.json").send().refused(401, "RepoNotFound");
    // It survives the other hub.
    remote.behave(|_| Manner::Status(503, None));
    assert_eq!(client.get("/gpt2/resolve/main/config.json").send().expect(200).body, b"alone");
}

#[test]
fn names_that_stand_alone_are_unknown_where_nothing_is_mirrored_or_nobody_has_them() {
    let remote = renamed();
    let hub = mirroring(&remote.endpoint(), "", "").start();
    for path in READS {
        let here = if path.contains('?') { format!("{path}&fallback=false") } else { format!("{path}?fallback=false") };
        hub.client().get(here).send().refused(401, "RepoNotFound");
        let nobodys = path.replace("gpt2", &unique("nobody"));
        hub.client().get(&nobodys).send().refused(401, "RepoNotFound");
        hub.admin().get(&nobodys).send().refused(404, "RepoNotFound");
    }
    // Names of the hub's own pages are asked of nobody.
    remote.asked();
    for path in ["/settings/resolve/main/x", "/api/models/settings", "/api/models/api/tree/main"] {
        hub.client().get(path).send().refused(401, "RepoNotFound");
    }
    hub.client().get("/api/spaces/hardware").send().refused(501, "NotImplemented");
    assert!(remote.asked().is_empty());
    // A private one of the operator's is told to nobody.
    remote.behave(|asked| match asked.target.contains("/revision/") {
        true => Manner::Text(
            json!({ "id": "secret/plans", "sha": REMOTE_COMMIT, "private": true, "gated": false }).to_string(),
        ),
        false => Manner::Good,
    });
    hub.client().get("/api/models/plans").send().refused(401, "RepoNotFound");
}

#[test]
fn what_is_here_wins_over_a_name_that_stands_alone() {
    let remote = renamed();
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let (name, user) = hub.user("write");
    user.post("/api/repos/create").json(&json!({ "name": "refs" })).send().expect(200);
    let here = Repository { client: user.clone(), kinds: "models", id: format!("{name}/refs") };
    here.add("config.json", "ours");
    // `NAME/refs` is that repository, and no list of what `NAME` has.
    assert_eq!(user.get(here.api("")).send().ok()["id"], format!("{name}/refs"));
    user.get(format!("/api/models/{name}/auth-check")).send().refused(404, "RepoNotFound");
    assert!(remote.asked().is_empty(), "what could be private here is told to nobody");
    // Where it leads, the repository of this hub stands before the other hub's.
    let admin = hub.admin();
    admin.post("/org/create").json(&json!({ "name": "openai" })).send().expect(200);
    let new = json!({ "name": "gpt2", "organization": "openai" });
    admin.post("/api/repos/create").json(&new).send().expect(200);
    let here = Repository { client: admin.clone(), kinds: "models", id: "openai/gpt2".to_owned() };
    here.add("config.json", "ours");
    assert_eq!(followed(&admin, "GET", "/gpt2/resolve/main/config.json", None).expect(200).body, b"ours");
}

#[test]
fn rules_hold_for_where_a_name_leads_and_for_names_that_stand_alone() {
    let remote = renamed();
    remote.put("models/lone", &[("config.json", b"{}".to_vec())]);
    for (rules, gpt2, lone) in [
        ("allow = [\"openai\"]", 200, 403),
        ("allow = [\"lone\"]", 403, 200),
        ("deny = [\"openai/gpt*\"]", 403, 200),
        ("deny = [\"lone\"]", 200, 403),
    ] {
        let hub = mirroring(&remote.endpoint(), "", rules).start();
        followed(&hub.client(), "GET", "/gpt2/resolve/main/config.json", None).expect(gpt2);
        hub.client().get("/lone/resolve/main/config.json").send().expect(lone);
    }
    // A repository that has another name there by now is held against that one too.
    remote.rename("models/nice/name", "models/openai/gpt2");
    let hub = mirroring(&remote.endpoint(), "", "deny = [\"openai\"]").start();
    let why = hub.client().get("/api/models/nice/name").send().refused(403, "Forbidden");
    assert!(why.contains("'openai' is not mirrored (deny)"), "{why}");
}

#[test]
fn where_a_name_leads_is_known_while_the_other_hub_is_down_and_forgotten_when_it_is_gone() {
    let remote = renamed();
    let hub = mirroring(&remote.endpoint(), "fresh_seconds = 0", "").start();
    assert_eq!(followed(&hub.client(), "GET", "/gpt2/resolve/main/config.json", None).expect(200).body, b"gpt2");
    let deployment = hub.deployment.clone();
    hub.stop();
    remote.behave(|_| Manner::Status(503, None));
    let hub = deployment.start();
    let answer = followed(&hub.client(), "GET", "/gpt2/resolve/main/config.json", None).expect(200);
    assert_eq!((answer.body.as_slice(), answer.header("warning")), (&b"gpt2"[..], Some("110 - \"Response is Stale\"")));
    hub.client().get("/api/models/never").send().refused(504, "RemoteUnavailable");
    hub.stop();
    remote.behave(|_| Manner::Status(404, None));
    let hub = deployment.start();
    for _ in 0..2 {
        hub.client().get("/gpt2/resolve/main/config.json").send().refused(401, "RepoNotFound");
    }
    remote.behave(|_| Manner::Status(503, None));
    hub.stop();
    let hub = deployment.start();
    hub.client().get("/gpt2/resolve/main/config.json").send().refused(504, "RemoteUnavailable");
}
