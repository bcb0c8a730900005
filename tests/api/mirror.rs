//! Repositories of other hubs, read through this one.

mod alone;
mod faults;
mod own;
mod people;
mod rules;

use ballast_tests::{Answer, Client, Deployment, Hub, Manner, REMOTE_COMMIT, RemoteHub, Repository, lines, unique};
use serde_json::{Value, json};

use crate::jobs::{LARGE, downloading, noise, remote};

/// A hub that mirrors a remote one, with these lines for the section and for the source.
fn mirroring(endpoint: &str, section: &str, rules: &str) -> Deployment {
    downloading(&RemoteHub::start())
        .set("jobs.access", "accounts")
        .set("downloader.main.config.endpoint", endpoint)
        .config(&format!("[mirror]\n{section}\n[[mirror.sources]]\nfrom = \"main\"\n{rules}\n"))
}

/// What was asked of a remote hub since the last time: the ends of the addresses.
fn asked(remote: &RemoteHub) -> Vec<String> {
    let end = |target: &str| target.split('?').next().unwrap().rsplit("bert/").next().unwrap().to_owned();
    remote.asked().iter().map(|asked| end(&asked.target)).collect()
}

fn get(client: &Client, file: &str) -> Answer {
    client.get(format!("/acme/bert/resolve/main/{file}")).send()
}

/// The headers of an answer that clients of the hub read.
fn told(answer: &Answer) -> Vec<Option<String>> {
    let names = ["etag", "x-repo-commit", "x-linked-etag", "x-linked-size", "content-length", "content-range"];
    let more = ["accept-ranges", "content-type", "content-disposition", "x-error-code"];
    names.iter().chain(&more).map(|name| answer.header(name).map(str::to_owned)).collect()
}

/// A repository of another Ballast whose owner this one has never heard of.
fn of_another(source: &Hub, kinds: &'static str) -> Repository {
    let (name, owner) = source.user("write");
    let repository = Repository::create_kind(&owner, kinds, &name, false);
    repository.add("README.md", "---\nlicense: mit\nlibrary_name: transformers\n---\n# It\n");
    repository.add("deep/er/notes.txt", "notes");
    repository.add("empty", "");
    repository.add_large("weights.bin", &noise(3_000_000));
    repository.client.post(repository.api("/tag/main")).json(&json!({ "tag": "v1" })).send().expect(200);
    repository
}

#[test]
fn a_repository_that_another_ballast_has_reads_as_it_does_there() {
    let source = Hub::shared();
    for kinds in ["models", "datasets"] {
        let there = of_another(&source, kinds);
        let hub = mirroring(&source.client().base(), "", "").start();
        let (here, there) = (there.seen_by(&hub.client()), there.seen_by(&source.client()));
        let (tip, both) = (there.tip(), [&here, &there]);
        assert_eq!(here.tip(), tip);
        for path in
            ["/tree/main", "/tree/main?recursive=true", "/tree/v1/deep?recursive=true", "/tree/main?limit=2", "/refs"]
        {
            let [ours, theirs] = both.map(|repository| repository.client.get(repository.api(path)).send().ok());
            assert_eq!(without_xet(ours), without_xet(theirs), "{path}");
        }
        let wanted = json!({ "paths": ["deep", "weights.bin", "nothing"], "expand": false });
        let info = |repository: &Repository| {
            without_xet(repository.client.post(repository.api("/paths-info/main")).json(&wanted).send().ok())
        };
        assert_eq!(info(&here), info(&there));
        for file in ["README.md", "deep/er/notes.txt", "empty", "weights.bin", "nothing", "deep"] {
            for (method, range) in [("HEAD", None), ("GET", None), ("GET", Some("bytes=2-4")), ("HEAD", None)] {
                let ask = |repository: &Repository| {
                    let request = repository.client.request(method, repository.resolve(file));
                    range.map_or(request.clone(), |range| request.header("Range", range)).send()
                };
                let (ours, theirs) = (ask(&here), ask(&there));
                assert_eq!((ours.status, told(&ours)), (theirs.status, told(&theirs)), "{method} {file} {range:?}");
                assert!(ours.status >= 400 || ours.body == theirs.body, "{method} {file} {range:?}");
                assert_eq!(ours.header("x-source"), Some(source.client().base().as_str()));
                assert_eq!((ours.header("warning"), theirs.header("x-source")), (None, None));
            }
        }
        let raw = |repository: &Repository| {
            repository.client.get(repository.page("/raw/main/weights.bin")).send().expect(200)
        };
        let (ours, theirs) = (raw(&here), raw(&there));
        assert_eq!((told(&ours), ours.text()), (told(&theirs), theirs.text()), "the pointer");
        let [ours, theirs] = both.map(|repository| repository.client.get(repository.api("?blobs=true")).send().ok());
        for field in ["id", "author", "sha", "private", "gated", "tags", "cardData", "library_name", "lastModified"] {
            assert_eq!(ours[field], theirs[field], "{field}");
        }
        assert_eq!(without_xet(ours["siblings"].clone()), without_xet(theirs["siblings"].clone()));
        assert_eq!((&ours["_source"], &theirs["_source"]), (&json!(source.client().base()), &json!("local")));
        here.client.get(here.api("/revision/v1")).send().expect(200);
        here.client.get(here.api(&format!("/revision/{tip}"))).send().expect(200);
        here.client.get(here.api("/revision/nothing")).send().refused(404, "RevisionNotFound");
        here.client.get(here.api("/auth-check")).send().expect(200);
    }
}

/// A listing without what is only where a file came by Xet, in one order: what lies in folders comes where it will.
fn without_xet(mut listed: Value) -> Value {
    if let Some(lines) = listed.as_array_mut() {
        lines.iter_mut().for_each(|line| drop(line.as_object_mut().unwrap().remove("xetHash")));
        lines.sort_by_key(|line| line.to_string());
    }
    listed
}

#[test]
fn files_are_fetched_when_they_are_asked_for_and_once() {
    let remote = remote();
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let client = hub.client();
    client.head("/acme/bert/resolve/main/model.Q4.bin").send().expect(200);
    assert_eq!(asked(&remote), ["revision/main", &format!("tree/{REMOTE_COMMIT}")], "no bytes of any file");
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            std::thread::spawn(move || get(&client, "model.Q4.bin").expect(200).body)
        })
        .collect();
    for reader in readers {
        assert!(reader.join().unwrap() == noise(LARGE));
    }
    assert_eq!(asked(&remote), [format!("resolve/{REMOTE_COMMIT}/model.Q4.bin")], "one request for all eight");
    for (range, part) in
        [("bytes=0-0", 0..1), ("bytes=-5", LARGE - 5..LARGE), ("bytes=5000000-5000009", 5_000_000..5_000_010)]
    {
        let answer = client.get("/acme/bert/resolve/main/model.Q4.bin").header("Range", range).send().expect(206);
        assert_eq!(answer.body, noise(LARGE)[part], "{range}");
    }
    assert_eq!(get(&client, "data/words.txt").expect(200).body, noise(1000));
    assert_eq!(get(&client, "data/words.txt").expect(200).body, noise(1000));
    assert_eq!(asked(&remote), [format!("resolve/{REMOTE_COMMIT}/data/words.txt")]);
    // It counts for nobody, and a collection leaves it.
    let admin = hub.admin();
    assert!(admin.get("/api/quota/admin").send().ok()["used_bytes"].as_u64() < Some(10_000));
    hub.deployment.run(["gc", "run"]).ok();
    assert_eq!(get(&client, "model.Q4.bin").expect(200).body, noise(LARGE));
    assert!(asked(&remote).is_empty());
}

#[test]
fn the_first_to_ask_reads_along_while_the_file_comes() {
    let remote = remote();
    remote.behave(|asked| if asked.target.contains("Q4") { Manner::Stalls(100_000) } else { Manner::Good });
    let hub = mirroring(&remote.endpoint(), "", "").set("downloader.main.config.stall_seconds", "3600").start();
    // The remote hub has sent the beginning and nothing else.
    for range in ["bytes=0-99", "bytes=50000-99999"] {
        let answer = hub.client().get("/acme/bert/resolve/main/model.Q4.bin").header("Range", range).send().expect(206);
        let (start, end) = range.trim_start_matches("bytes=").split_once('-').unwrap();
        assert_eq!(answer.body, noise(LARGE)[start.parse().unwrap()..=end.parse().unwrap()]);
    }
    assert_eq!(asked(&remote).iter().filter(|end| end.contains("Q4")).count(), 1);
}

#[test]
fn what_is_mirrored_survives_a_restart_and_is_served_without_the_other_hub() {
    let remote = remote();
    let hub = mirroring(&remote.endpoint(), "", "").start();
    for file in ["config.json", "model.Q8.bin"] {
        get(&hub.client(), file).expect(200);
    }
    let deployment = hub.deployment.clone();
    hub.stop();
    remote.asked();
    remote.behave(|_| Manner::Status(503, None));
    let hub = deployment.start();
    let answer = get(&hub.client(), "model.Q8.bin").expect(200);
    assert_eq!((answer.body.as_slice(), answer.header("warning")), (&noise(50_000)[..], None));
    assert_eq!(hub.client().get("/api/models/acme/bert/tree/main").send().ok().as_array().unwrap().len(), 4);
    assert!(asked(&remote).is_empty(), "what was said a moment ago is fresh");
}

#[test]
fn a_stale_snapshot_is_answered_whole_and_says_so_where_the_other_hub_is_down() {
    let remote = remote();
    let hub = mirroring(&remote.endpoint(), "fresh_seconds = 0", "").start();
    let client = hub.client();
    get(&client, "config.json").expect(200);
    get(&client, "config.json").expect(200);
    assert_eq!(asked(&remote).iter().filter(|end| *end == "revision/main").count(), 2, "asked again each time");
    remote.behave(|_| Manner::Status(503, None));
    for path in ["/api/models/acme/bert", "/api/models/acme/bert/tree/main", "/acme/bert/resolve/main/config.json"] {
        let answer = client.get(path).send().expect(200);
        assert_eq!(answer.header("warning"), Some("110 - \"Response is Stale\""), "{path}");
        assert!(answer.header("age").is_some_and(|age| age.parse::<u64>().is_ok()), "{path}");
    }
    let absent = get(&client, "nothing").expect(404);
    assert!(absent.header("warning").is_some(), "also where the snapshot lacks something");
    // What has not been fetched is not to be had, and nothing else is made of it.
    let refused = get(&client, "model.Q8.bin");
    refused.refused(504, "RemoteUnavailable");
    client.get("/api/models/acme/other").send().refused(504, "RemoteUnavailable");
}

#[test]
fn what_is_here_wins_and_a_namespace_of_this_hub_is_looked_for_nowhere_else() {
    let remote = remote();
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let admin = hub.admin();
    admin.post("/org/create").json(&json!({ "name": "acme" })).send().expect(200);
    admin.get("/api/models/acme/bert").send().refused(404, "RepoNotFound");
    hub.client().get("/api/models/acme/bert").send().refused(401, "RepoNotFound");
    get(&hub.client(), "config.json").refused(401, "RepoNotFound");
    assert!(asked(&remote).is_empty(), "what is private here is told to nobody");
    let new = json!({ "name": "bert", "organization": "acme" });
    admin.post("/api/repos/create").json(&new).send().expect(200);
    let here = Repository { client: admin.clone(), kinds: "models", id: "acme/bert".to_owned() };
    here.add("config.json", "ours");
    assert_eq!(here.read("config.json"), b"ours");
    assert_eq!(admin.get(here.api("")).send().expect(200).header("x-source"), None);
    assert!(asked(&remote).is_empty());
}

#[test]
fn without_fallback_this_hub_alone_answers() {
    let remote = remote();
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let client = hub.client();
    for known in [false, true] {
        for path in [
            "/api/models/acme/bert?fallback=false",
            "/api/models/acme/bert/revision/main?fallback=false",
            "/api/models/acme/bert/tree/main?fallback=false",
            "/api/models/acme/bert/tree/main/data?fallback=False",
            "/api/models/acme/bert/refs?fallback=0",
            "/api/models/acme/bert/auth-check?fallback=false",
            "/acme/bert/resolve/main/config.json?fallback=false",
            "/acme/bert/raw/main/config.json?fallback=false",
        ] {
            client.get(path).send().refused(401, "RepoNotFound");
        }
        let paths =
            client.post("/api/models/acme/bert/paths-info/main?fallback=false").form("paths=config.json").send();
        paths.refused(401, "RepoNotFound");
        assert!(asked(&remote).is_empty(), "{known}");
        client.get("/api/models/acme/bert?fallback=true").send().expect(200);
        asked(&remote);
    }
}

#[test]
fn nothing_is_written_to_a_mirror_and_the_refusal_says_why() {
    let remote = remote();
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let admin = hub.admin();
    let here = Repository { client: admin.clone(), kinds: "models", id: "acme/bert".to_owned() };
    admin.get(here.api("")).send().expect(200);
    let why = here.commit(&[lines::file("a", "b")]).refused(403, "Forbidden");
    assert!(why.contains(&format!("mirrored from {}", remote.endpoint())) && why.contains("import"), "{why}");
    admin.post(here.api("/branch")).json(&json!({ "branch": "x" })).send().refused(403, "Forbidden");
    admin.post(here.api("/discussions")).json(&json!({ "title": "x" })).send().refused(403, "Forbidden");
    admin.put(here.api("/settings")).json(&json!({ "private": true })).send().refused(403, "Forbidden");
    let gone = json!({ "name": "bert", "organization": "acme" });
    admin.delete("/api/repos/delete").json(&gone).send().refused(403, "Forbidden");
    // Whoever is nobody hears what everybody hears of what is not here.
    hub.client().post(here.api("/branch")).json(&json!({ "branch": "x" })).send().refused(401, "RepoNotFound");
    assert_eq!(get(&hub.client(), "config.json").expect(200).body, b"{}");
}

#[test]
fn of_several_hubs_the_first_that_has_it_is_read() {
    let (first, second) = (remote(), remote());
    first.put("models/acme/bert", &[("config.json", b"first".to_vec())]);
    second.put("models/acme/only", &[("config.json", b"second".to_vec())]);
    let hub = downloading(&second)
        .set("downloader.other.plugin", "downloader.huggingface")
        .set("downloader.other.config.endpoint", &first.endpoint())
        .config("[[mirror.sources]]\nfrom = \"other\"\n[[mirror.sources]]\nfrom = \"main\"\nallow = [\"acme\"]\n")
        .start();
    let client = hub.client();
    assert_eq!(get(&client, "config.json").expect(200).body, b"first");
    let only = client.get("/acme/only/resolve/main/config.json").send().expect(200);
    assert_eq!((only.body.as_slice(), only.header("x-source")), (&b"second"[..], Some(second.endpoint().as_str())));
    client.get(format!("/api/models/{}/x", unique("nobody"))).send().refused(401, "RepoNotFound");
    // The second does not stand in for the first where that cannot be asked: it may have another one of the same name.
    first.behave(|_| Manner::Status(503, None));
    client.get("/api/models/acme/bert/revision/v2").send().refused(504, "RemoteUnavailable");
}
