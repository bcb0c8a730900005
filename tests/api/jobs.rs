//! Downloads from other hubs: jobs, their cache, and what a remote hub may do to them.

pub(crate) mod faults;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ballast_tests::{Client, Deployment, Hub, Manner, REMOTE_COMMIT, Random, RemoteHub, Watcher};
use serde_json::{Value, json};

use faults::always;

pub(crate) const LARGE: usize = 9 << 20;
/// How long a job may take here.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn noise(length: usize) -> Vec<u8> {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    let whole = NOISE.get_or_init(|| {
        let random = Random::new(7);
        (0..LARGE).map(|_| random.below(256) as u8).collect()
    });
    whole[..length].to_vec()
}

/// A remote hub with a model.
pub(crate) fn remote() -> RemoteHub {
    let remote = RemoteHub::start();
    remote.put(
        "models/acme/bert",
        &[
            ("config.json", b"{}".to_vec()),
            ("data/words.txt", noise(1000)),
            ("model.Q4.bin", noise(LARGE)),
            ("model.Q8.bin", noise(50_000)),
        ],
    );
    remote
}

/// A hub that downloads from it, patient with nothing.
pub(crate) fn downloading(remote: &RemoteHub) -> Deployment {
    Deployment::new()
        .set("downloader.main.plugin", "downloader.huggingface")
        .set("downloader.main.config.endpoint", &remote.endpoint())
        .set("downloader.main.config.retries", "2")
        .set("downloader.main.config.stall_seconds", "1")
        .set("downloader.main.config.timeout_seconds", "2")
        .set("downloader.main.config.patience_seconds", "5")
        .set("jobs.multipart_threshold", "1048576")
        .set("jobs.retries", "2")
        .set("jobs.access", "everybody")
}

fn cache(hub: &Hub) -> PathBuf {
    hub.deployment.data().join("huggingface/hub")
}

fn snapshot(hub: &Hub) -> PathBuf {
    cache(hub).join("models--acme--bert/snapshots").join(REMOTE_COMMIT)
}

fn start(client: &Client, wish: &Value) -> String {
    let job = client.post("/api/download").json(wish).send().expect(202).json();
    job["id"].as_str().unwrap().to_owned()
}

fn job(client: &Client, id: &str) -> Value {
    client.get(format!("/api/jobs/{id}")).send().ok()
}

/// Waits until a job fits.
#[track_caller]
fn wait(client: &Client, id: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let job = job(client, id);
        if fits(&job) {
            return job;
        }
        assert!(begun.elapsed() < LIMIT, "it did not come to that: {job:#}");
        std::thread::yield_now();
    }
}

#[track_caller]
fn over(client: &Client, id: &str) -> Value {
    wait(client, id, |job| ["completed", "failed", "cancelled"].contains(&job["status"].as_str().unwrap()))
}

#[track_caller]
fn assert_whole(hub: &Hub) {
    assert_eq!(fs::read(snapshot(hub).join("model.Q4.bin")).unwrap(), noise(LARGE));
    assert_eq!(fs::read(snapshot(hub).join("model.Q8.bin")).unwrap(), noise(50_000));
    assert_eq!(fs::read(snapshot(hub).join("config.json")).unwrap(), b"{}");
    assert_eq!(fs::read(snapshot(hub).join("data/words.txt")).unwrap(), noise(1000));
}

fn bert() -> Value {
    json!({ "repo": "acme/bert" })
}

/// The names below a folder that are no folders and no links.
fn blobs(hub: &Hub) -> Vec<String> {
    let folder = cache(hub).join("models--acme--bert/blobs");
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_job_downloads_into_the_cache_and_says_how_it_went() {
    let remote = remote();
    let hub = downloading(&remote).start();
    let client = hub.client();
    let new = client.post("/api/download").json(&bert()).send().expect(202).json();
    assert_eq!(
        (&new["repo"], &new["revision"], &new["isDataset"]),
        (&json!("acme/bert"), &json!("main"), &json!(false))
    );
    assert_eq!((&new["filters"], &new["error"]), (&json!([]), &json!("")));
    assert!(new["outputDir"].as_str().unwrap().ends_with("/hub"), "{new}");
    assert!(new["id"].as_str().unwrap().len() == 12 && new.get("endedAt").is_some(), "{new}");
    let done = over(&client, new["id"].as_str().unwrap());
    assert_eq!((&done["status"], &done["error"]), (&json!("completed"), &json!("")));
    let progress = &done["progress"];
    assert_eq!((&progress["totalFiles"], &progress["completedFiles"]), (&json!(4), &json!(4)));
    assert_eq!(progress["totalBytes"], progress["downloadedBytes"]);
    assert_eq!(done["files"].as_array().unwrap().len(), 4);
    assert!(done["startedAt"].is_string() && done["endedAt"].is_string(), "{done}");
    assert_whole(&hub);
    let folder = cache(&hub).join("models--acme--bert");
    assert_eq!(fs::read_to_string(folder.join("refs/main")).unwrap(), REMOTE_COMMIT);
    // The same once more: nothing is sent for it.
    let sent = remote.sent();
    let again = start(&client, &bert());
    assert_eq!(over(&client, &again)["status"], "completed");
    assert_eq!(remote.sent(), sent);
    let listed = client.get("/api/jobs").send().ok();
    assert_eq!((&listed["count"], &listed["jobs"][1]["id"]), (&json!(2), &json!(again)));
}

#[test]
fn a_plan_is_told_with_filters_and_nothing_is_fetched() {
    let remote = remote();
    let hub = downloading(&remote).start();
    let wish = json!({ "repo": "acme/bert:q4", "excludes": ["WORDS"], "filters": ["q9"] });
    let plan = hub.client().post("/api/plan").json(&wish).send().ok();
    let paths: Vec<_> = plan["files"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(paths, ["config.json", "model.Q4.bin"]);
    assert_eq!((&plan["totalFiles"], &plan["totalSize"]), (&json!(2), &json!(LARGE + 2)));
    assert_eq!(plan["files"][1]["lfs"], json!(true));
    assert_eq!(plan["warnings"], json!(["The filter 'q9' matches no file"]));
    let dry = json!({ "repo": "acme/bert:q4", "excludes": ["WORDS"], "filters": ["q9"], "dryRun": true });
    assert_eq!(hub.client().post("/api/download").json(&dry).send().ok(), plan);
    assert_eq!((remote.sent(), hub.client().get("/api/jobs").send().ok()["count"].clone()), (0, json!(0)));
}

#[test]
fn all_pages_of_a_listing_are_planned() {
    let remote = RemoteHub::start();
    let names: Vec<String> = (0..250).map(|at| format!("{at:03}.txt")).collect();
    let files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), b"x".to_vec())).collect();
    remote.put("models/acme/wide", &files);
    let hub = downloading(&remote).start();
    let plan = hub.client().post("/api/plan").json(&json!({ "repo": "acme/wide" })).send().ok();
    assert_eq!(plan["totalFiles"], 250);
    let id = start(&hub.client(), &json!({ "repo": "acme/wide" }));
    assert_eq!(over(&hub.client(), &id)["progress"]["completedFiles"], 250);
    // One blob for all of them.
    let asked = remote.asked().into_iter().filter(|asked| asked.target.contains("/resolve/")).count();
    assert!(asked < 20, "{asked} requests for the same bytes");
}

#[test]
fn the_same_job_is_answered_while_it_is_under_way() {
    let remote = remote();
    remote.behave(|asked| if asked.target.contains("Q4") { Manner::Stalls(1000) } else { Manner::Good });
    let hub = downloading(&remote).set("downloader.main.config.stall_seconds", "600").start();
    let client = hub.client();
    let id = start(&client, &bert());
    let same = client.post("/api/download").json(&bert()).send().expect(200).json();
    assert_eq!((&same["job"]["id"], &same["message"]), (&json!(id), &json!("Download already in progress")));
    // Paused it goes on being the same; cancelled not.
    wait(&client, &id, |job| job["status"] == "running");
    let paused = client.post(format!("/api/jobs/{id}/pause")).send().ok();
    assert_eq!(paused, json!({ "success": true, "message": "Job paused" }));
    assert_eq!(job(&client, &id)["status"], "paused");
    let twice = client.post(format!("/api/jobs/{id}/pause")).send().expect(404).json();
    assert_eq!(twice["error"], "Job not found or not running");
    assert_eq!(client.post("/api/download").json(&bert()).send().expect(200).json()["job"]["id"], json!(id));
    let cancelled = client.delete(format!("/api/jobs/{id}")).send().ok();
    assert_eq!(cancelled, json!({ "success": true, "message": "Job cancelled" }));
    assert_eq!(job(&client, &id)["status"], "cancelled");
    let gone = client.delete(format!("/api/jobs/{id}")).send().expect(404).json();
    assert_eq!(gone["error"], "Job not found or already completed");
    assert_ne!(start(&client, &bert()), id);
    assert_eq!(client.get("/api/jobs/000000000000").send().expect(404).json()["error"], "Job not found");
}

#[test]
fn a_paused_job_goes_on_with_what_is_missing() {
    let remote = remote();
    remote.behave(|asked| match asked.range.as_deref() {
        Some(range) if range.starts_with("bytes=8388608") => Manner::Stalls(1000),
        _ => Manner::Good,
    });
    let hub = downloading(&remote).set("downloader.main.config.stall_seconds", "600").start();
    let client = hub.client();
    let id = start(&client, &bert());
    wait(&client, &id, |job| job["progress"]["downloadedBytes"].as_u64() >= Some(8 << 20));
    client.post(format!("/api/jobs/{id}/pause")).send().ok();
    remote.behave(|_| Manner::Good);
    let before = remote.sent();
    let resumed = client.post(format!("/api/jobs/{id}/resume")).send().ok();
    assert_eq!(resumed, json!({ "success": true, "message": "Job resumed" }));
    assert_eq!(over(&client, &id)["status"], "completed");
    assert_whole(&hub);
    assert!(remote.sent() - before <= (1 << 20) + 60_000, "{} bytes were sent again", remote.sent() - before);
    let not_paused = client.post(format!("/api/jobs/{id}/resume")).send().expect(404).json();
    assert_eq!(not_paused["error"], "Job not found or not paused");
}

#[test]
fn a_job_goes_on_after_kill_9_and_fetches_only_what_was_in_flight() {
    let remote = remote();
    remote.behave(|asked| match asked.range.as_deref() {
        Some(range) if range.starts_with("bytes=8388608") => Manner::Stalls(1000),
        _ => Manner::Good,
    });
    let deployment = downloading(&remote).set("downloader.main.config.stall_seconds", "600");
    let hub = deployment.start();
    let id = start(&hub.client(), &bert());
    wait(&hub.client(), &id, |job| job["progress"]["downloadedBytes"].as_u64() >= Some(8 << 20));
    hub.kill();
    remote.behave(|_| Manner::Good);
    let before = remote.sent();
    let hub = deployment.start();
    assert_eq!(over(&hub.client(), &id)["status"], "completed");
    assert_whole(&hub);
    assert!(remote.sent() - before <= (1 << 20) + 60_000, "{} bytes were sent again", remote.sent() - before);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let hub = downloading(&remote()).start();
    let client = hub.client();
    for repo in ["", "gpt2", "../x/y", "a/b/c"] {
        let refused = client.post("/api/download").json(&json!({ "repo": repo })).send().expect(400).json();
        assert_eq!(
            (&refused["error"], &refused["details"]),
            (&json!("Invalid repo format"), &json!("Expected owner/name"))
        );
    }
    client.post("/api/download").body("{").send().expect(400);
    client.post("/api/download").json(&json!({ "repo": "acme/bert", "revision": "../../x" })).send().expect(400);
    client.get("/api/cache/acme/nothing").send().expect(404);
}

#[test]
fn settings_are_read_and_set_and_survive() {
    let remote = remote();
    let deployment = downloading(&remote).set("jobs.token", "hf_abcdefghijklmnop");
    let hub = deployment.start();
    let client = hub.client();
    let before = client.get("/api/settings").send().ok();
    assert_eq!((&before["token"], &before["multipartThreshold"]), (&json!("********mnop"), &json!("1MiB")));
    assert_eq!((&before["connections"], &before["endpoint"]), (&json!(8), &json!(remote.endpoint())));
    assert!(before["cacheDir"].as_str().unwrap().ends_with("/hub"));
    let wish =
        json!({ "connections": 16, "verify": "size", "cacheDir": "/etc", "more": 1, "multipartThreshold": "64MiB" });
    let set = client.post("/api/settings").json(&wish).send().ok();
    assert_eq!(set, json!({ "success": true, "message": "Settings updated" }));
    for wrong in [
        json!({ "retries": 3, "connections": 0 }),
        json!({ "retries": 3, "verify": "maybe" }),
        json!({ "retries": 3, "maxActive": "many" }),
        json!({ "retries": 3, "multipartThreshold": "some" }),
    ] {
        client.post("/api/settings").json(&wrong).send().expect(400);
    }
    hub.stop();
    let after = deployment.start().client().get("/api/settings").send().ok();
    let expected = json!({
        "token": "********mnop", "cacheDir": before["cacheDir"], "connections": 16, "maxActive": 3,
        "multipartThreshold": "64MiB", "verify": "size", "retries": 2, "endpoint": remote.endpoint(),
    });
    assert_eq!(after, expected, "a wrong value changed nothing, and folders stay");
}

#[test]
fn the_cache_is_listed_shown_and_emptied() {
    let hub = downloading(&remote()).start();
    let client = hub.client();
    over(&client, &start(&client, &bert()));
    let listed = client.get("/api/cache?type=model").send().ok();
    assert_eq!((&listed["count"], &listed["repos"][0]["repo"]), (&json!(1), &json!("acme/bert")));
    assert_eq!(listed["repos"][0]["path"], json!(cache(&hub).join("models--acme--bert")));
    assert_eq!(listed["stats"]["models"], 1);
    assert_eq!(client.get("/api/cache?type=dataset").send().ok()["count"], 0);
    let shown = client.get("/api/cache/acme/bert").send().ok();
    assert_eq!((&shown["snapshots"], &shown["type"]), (&json!(["main"]), &json!("model")));
    assert_eq!(shown["commits"][0]["files"].as_array().unwrap().len(), 4);
    client.delete("/api/cache/acme/bert").send().ok();
    let gone = client.get("/api/cache/acme/bert").send().expect(404).json();
    assert_eq!(gone["error"], "Repository not found in cache");
    assert!(!Path::new(&cache(&hub)).join("models--acme--bert").exists());
}

#[test]
fn a_password_is_asked_for_as_the_downloaders_clients_know_it() {
    let remote = remote();
    let hub = downloading(&remote)
        .config("[jobs]\naccess = \"password\"\nauth_user = \"admin\"\nauth_pass = \"secret123\"\n");
    // What stands in the file is said again on the command line, which wins.
    let hub = hub.set("jobs.access", "password").start();
    let refused = hub.client().get("/api/jobs").send().expect(401);
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"HF Downloader\""));
    assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
    hub.client().with_authorization("Basic YWRtaW46d3Jvbmc=").get("/api/jobs").send().expect(401);
    let known = hub.client().with_authorization("Basic YWRtaW46c2VjcmV0MTIz");
    known.get("/api/jobs").send().expect(200);
    known.get("/api/downloader/jobs/").send().expect(200);
    // A page that a browser shows elsewhere has the password, and orders nothing.
    let foreign = known.post("/api/download").header("Origin", "https://evil.example").json(&bert());
    foreign.send().expect(403);
}

#[test]
fn in_a_hub_with_accounts_downloads_are_the_administrators() {
    let remote = remote();
    let hub = downloading(&remote).set("jobs.access", "accounts").start();
    let (name, somebody) = hub.user("write");
    hub.client().get("/api/jobs").send().expect(401);
    somebody.get("/api/jobs").send().expect(403);
    hub.admin().get("/api/jobs").send().expect(200);
    let deployment = hub.deployment.clone().config(&format!("[jobs]\nusers = [\"{name}\"]\n"));
    let token = hub.token(&name, "write");
    hub.stop();
    let hub = deployment.start();
    hub.client().with_token(&token).get("/api/jobs").send().expect(200);
}

#[test]
fn another_ballast_is_a_remote_hub() {
    let source = Hub::shared();
    let repository = source.private_model();
    repository.add("config.json", "{\"model_type\": \"bert\"}");
    repository.add_large("weights.bin", &noise(LARGE));
    let hub = downloading(&remote())
        .set("downloader.main.config.endpoint", &source.client().base())
        .set("jobs.token", &source.admin_token())
        .start();
    let wish = json!({ "repo": repository.id });
    let done = over(&hub.client(), &start(&hub.client(), &wish));
    assert_eq!(done["status"], "completed", "{}", done["error"]);
    let folder = cache(&hub).join(format!("models--{}/snapshots", repository.id.replace('/', "--")));
    let snapshot = folder.join(repository.tip());
    assert_eq!(fs::read(snapshot.join("weights.bin")).unwrap(), noise(LARGE));
    assert_eq!(fs::read(snapshot.join("config.json")).unwrap(), b"{\"model_type\": \"bert\"}");
}

#[test]
fn who_watches_hears_of_all_jobs_first_and_then_of_every_change() {
    let remote = remote();
    let hub = downloading(&remote).start();
    let client = hub.client();
    let before = start(&client, &json!({ "repo": "acme/nothing" }));
    over(&client, &before);
    let mut watcher = Watcher::open(&client, "/api/ws", &[]).map_err(|answer| answer.text()).unwrap();
    let init = watcher.hear().unwrap();
    assert_eq!((&init["type"], &init["data"]["jobs"][0]["id"]), (&json!("init"), &json!(before)));
    assert!(init["data"]["version"].is_string());
    let id = start(&client, &bert());
    let (mut updates, mut last) = (0, Value::Null);
    loop {
        let heard = watcher.hear().expect("news");
        if heard["type"] == "event" {
            assert_eq!(heard["data"], json!({ "event": "download_complete", "jobId": id }));
            break;
        }
        assert_eq!((&heard["type"], &heard["data"]["id"]), (&json!("job_update"), &json!(id)));
        (updates, last) = (updates + 1, heard["data"].clone());
    }
    assert_eq!((&last["status"], &last["progress"]["completedFiles"]), (&json!("completed"), &json!(4)));
    assert!(updates >= 1 && last["files"].as_array().unwrap().len() == 4, "{last}");
    // A frame that is too long ends it.
    watcher.send(600 * 1024);
    while let Some(heard) = watcher.hear() {
        assert_ne!(heard["type"], "init");
    }
}

#[test]
fn a_page_of_another_origin_does_not_watch() {
    let hub = downloading(&remote()).start();
    let refused = Watcher::open(&hub.client(), "/api/ws", &[("Origin", "https://evil.example")]);
    assert_eq!(refused.err().expect("a refusal").status, 403);
    let own = hub.client().base();
    assert!(Watcher::open(&hub.client(), "/api/downloader/ws", &[("Origin", own.as_str())]).is_ok());
    assert_eq!(hub.client().get("/api/ws").send().status, 400, "it is no page");
}

/// `ballast` beside no hub at all.
fn command(deployment: &Deployment, remote: &RemoteHub, arguments: &[&str]) -> ballast_tests::Outcome {
    let endpoint = remote.endpoint();
    let cache = deployment.folder().join("hf/hub").display().to_string();
    let deployment = deployment.clone().environment("HF_ENDPOINT", &endpoint).environment("HF_HUB_CACHE", &cache);
    deployment.run(arguments)
}

#[test]
fn the_command_line_plans_downloads_and_looks_after_the_cache() {
    let (remote, deployment) = (remote(), Deployment::new());
    let plan = command(&deployment, &remote, &["plan", "acme/bert:q8"]).ok();
    assert!(plan.contains("model.Q8.bin") && !plan.contains("Q4"), "{plan}");
    let events = command(&deployment, &remote, &["download", "acme/bert", "--json"]).ok();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["event"], &events[0]["totalFiles"]), (&json!("plan"), &json!(4)));
    let done = events.last().unwrap();
    assert_eq!((&done["event"], &done["commit"]), (&json!("done"), &json!(REMOTE_COMMIT)));
    let files = events.iter().filter(|event| event["event"] == "file" && event["status"] == "complete").count();
    assert_eq!(files, 4);
    let snapshot = PathBuf::from(done["path"].as_str().unwrap());
    assert_eq!(fs::read(snapshot.join("model.Q4.bin")).unwrap(), noise(LARGE));
    let listed = command(&deployment, &remote, &["cache", "list"]).ok();
    assert!(listed.contains("acme/bert"), "{listed}");
    let info = command(&deployment, &remote, &["cache", "info", "acme/bert", "--json"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&info).unwrap()["commits"][0]["refs"], json!(["main"]));
    command(&deployment, &remote, &["cache", "verify"]).ok();
    fs::write(fs::canonicalize(snapshot.join("config.json")).unwrap(), "other").unwrap();
    let damaged = command(&deployment, &remote, &["cache", "verify", "acme/bert"]).ended(7);
    assert!(damaged.output.contains("damaged"), "{}", damaged.output);
    command(&deployment, &remote, &["cache", "delete", "acme/bert"]).ok();
    command(&deployment, &remote, &["cache", "info", "acme/bert"]).ended(3);
}

#[test]
fn the_command_line_says_by_its_code_why_it_failed() {
    let (remote, deployment) = (remote(), Deployment::new());
    command(&deployment, &remote, &["download", "acme/nothing"]).ended(3);
    command(&deployment, &remote, &["download", "nonsense"]).ended(2);
    remote.behave(always(Manner::Status(403, None)));
    command(&deployment, &remote, &["download", "acme/bert"]).ended(4);
    remote.behave(always(Manner::OtherBytes));
    let wrong = command(&deployment, &remote, &["download", "acme/bert"]).ended(7);
    assert!(wrong.errors.contains("is not what the remote hub said"), "{}", wrong.errors);
}

#[test]
fn a_repository_is_analyzed_and_who_means_which_is_asked() {
    let remote = remote();
    remote.put("models/acme/both", &[("config.json", b"{\"architectures\": [\"BertModel\"]}".to_vec())]);
    remote.put("datasets/acme/both", &[("data.csv", b"a,b\n1,2\n".to_vec())]);
    let hub = downloading(&remote).start();
    let client = hub.client();
    let which = client.get("/api/analyze/acme/both").send().ok();
    assert_eq!((&which["needsSelection"], &which["options"]), (&json!(true), &json!(["model", "dataset"])));
    let dataset = client.get("/api/analyze/acme/both?dataset=true").send().ok();
    assert_eq!((&dataset["type"], &dataset["is_dataset"]), (&json!("dataset"), &json!(true)));
    let model = client.get("/api/analyze/acme/both?dataset=false").send().ok();
    assert_eq!((&model["is_dataset"], &model["file_count"]), (&json!(false), &json!(1)));
    let sent = remote.sent();
    let found = client.get("/api/analyze/acme/bert").send().ok();
    assert_eq!((&found["repo"], &found["is_dataset"]), (&json!("acme/bert"), &json!(false)));
    assert!(remote.sent() - sent < 100_000, "no weights are fetched");
    let absent = client.get("/api/analyze/acme/nothing").send().expect(404).json();
    assert_eq!(absent["error"], "Analysis failed");
    assert!(absent["details"].as_str().unwrap().starts_with("404"), "{absent}");
    let text = command(&Deployment::new(), &remote, &["analyze", "acme/both"]).ok();
    assert!(text.contains("1 files"), "{text}");
}
