//! Repositories of other hubs, taken over.

mod faults;
mod history;
mod rights;

use std::time::{Duration, Instant};

use ballast_tests::{
    Client, Deployment, Hub, Manner, Postgres, REMOTE_COMMIT, RemoteHub, Repository, Rows, lines, unique,
};
use serde_json::{Value, json};

use crate::jobs::{LARGE, downloading, noise, remote};

/// How long an import may take here.
const LIMIT: Duration = Duration::from_secs(60);

/// A hub that imports from a remote one, for its administrator.
fn importing(remote: &RemoteHub) -> Deployment {
    downloading(remote).set("jobs.access", "accounts")
}

/// A hub that imports from another Ballast.
fn importing_from(source: &Hub) -> Deployment {
    importing(&RemoteHub::start())
        .set("downloader.main.config.endpoint", &source.client().base())
        .set("jobs.token", &source.admin_token())
}

fn bert() -> Value {
    json!({ "repo": "acme/bert" })
}

/// Orders an import; answers the repository that it goes to.
#[track_caller]
fn start(client: &Client, wish: &Value) -> Repository {
    let import = client.post("/api/import").json(wish).send().expect(202).json();
    let kinds = match import["type"].as_str().unwrap() {
        "dataset" => "datasets",
        "space" => "spaces",
        _ => "models",
    };
    Repository { client: client.clone(), kinds, id: import["target"].as_str().unwrap().to_owned() }
}

/// Waits until an import fits.
#[track_caller]
fn wait(target: &Repository, fits: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let import = target.client.get(target.api("/import")).send().ok();
        if fits(&import) {
            return import;
        }
        assert!(begun.elapsed() < LIMIT, "it did not come to that: {import:#}");
        std::thread::yield_now();
    }
}

#[track_caller]
fn over(target: &Repository) -> Value {
    wait(target, |import| ["completed", "failed", "cancelled"].contains(&import["status"].as_str().unwrap()))
}

/// Orders an import and sees it done.
#[track_caller]
fn import(client: &Client, wish: &Value) -> (Repository, Value) {
    let target = start(client, wish);
    let import = over(&target);
    assert_eq!((&import["status"], &import["error"]), (&json!("completed"), &json!("")), "{import:#}");
    (target, import)
}

/// Path, git's id, the large file's digest and size of every file at a revision.
fn files(repository: &Repository, revision: &str) -> Vec<Value> {
    let listed = repository.client.get(repository.api(&format!("/tree/{revision}?recursive=true"))).send().ok();
    let file = |line: &Value| json!([line["path"], line["oid"], line["lfs"]["oid"], line["size"]]);
    listed.as_array().unwrap().iter().filter(|line| line["type"] == "file").map(file).collect()
}

/// The titles of a branch's commits, newest first.
fn titles(repository: &Repository) -> Vec<String> {
    let commits = repository.client.get(repository.api("/commits/main?limit=100")).send().ok();
    commits.as_array().unwrap().iter().map(|commit| commit["title"].as_str().unwrap().to_owned()).collect()
}

/// What a remote hub was asked for bytes since the last time.
fn fetched(remote: &RemoteHub) -> Vec<String> {
    let asked = remote.asked().into_iter().filter(|asked| asked.target.contains("/resolve/"));
    asked.map(|asked| asked.target.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn a_repository_of_another_ballast_is_taken_over_with_the_ids_of_its_files() {
    let source = Hub::shared();
    for kinds in ["models", "datasets", "spaces"] {
        let repository = Repository::create_kind(&source.admin(), kinds, "admin", true);
        repository.add("config.json", "{}");
        repository.add("deep/er/notes.txt", "notes");
        repository.add("empty", "");
        repository.add_large("weights.bin", &noise(LARGE));
        let hub = importing_from(&source).start();
        let wish = json!({ "repo": repository.id, "type": kinds.trim_end_matches('s'), "target": "copied" });
        let (target, import) = import(&hub.admin(), &wish);
        assert_eq!((target.id.as_str(), files(&target, "main")), ("admin/copied", files(&repository, "main")));
        assert_eq!(target.read("weights.bin"), noise(LARGE));
        assert_eq!(target.read("deep/er/notes.txt"), b"notes");
        assert_eq!((&import["sourceCommit"], &import["commit"]), (&json!(repository.tip()), &json!(target.tip())));
        assert_eq!((&import["from"], &import["repo"]), (&json!(source.client().base()), &json!(repository.id)));
        let progress = &import["progress"];
        assert_eq!((&progress["totalFiles"], &progress["completedFiles"]), (&json!(5), &json!(5)));
        assert_eq!(progress["totalBytes"], progress["completedBytes"], "{progress}");
        assert_eq!(titles(&target)[0], format!("Import {} from {}", repository.id, source.client().base()));
        let info = hub.admin().get(target.api("")).send().ok();
        assert_eq!(info["private"], true, "whether all may read it there is not known");
        // What it holds is counted, and nothing is promised any more.
        let quota = hub.admin().get("/api/quota/admin").send().ok();
        let held = (LARGE + 7) as u64;
        assert!(
            quota["used_bytes"].as_u64() >= Some(held) && quota["used_bytes"].as_u64() < Some(held + 10_000),
            "{quota}"
        );
    }
}

#[test]
fn what_is_here_already_is_not_fetched_again() {
    let remote = remote();
    let hub = importing(&remote).start();
    let (target, _) = import(&hub.admin(), &bert());
    assert_eq!(target.id, "admin/bert");
    let mut first = fetched(&remote);
    first.sort();
    assert_eq!(first, ["config.json", "model.Q4.bin", "model.Q8.bin", "words.txt"]);
    let (tip, commits) = (target.tip(), titles(&target).len());
    // The same commit once more: not even looked at.
    let (_, again) = import(&hub.admin(), &bert());
    assert_eq!((fetched(&remote).len(), target.tip(), titles(&target).len()), (0, tip, commits));
    assert_eq!(again["progress"]["totalFiles"], 0);
    // The large ones are there, in a repository that the same user reads; small ones are fetched.
    let (other, import) = import(&hub.admin(), &json!({ "repo": "acme/bert", "target": "other" }));
    let mut small = fetched(&remote);
    small.sort();
    assert_eq!(
        (small, files(&other, "main")),
        (vec!["config.json".to_owned(), "words.txt".to_owned()], files(&target, "main"))
    );
    assert_eq!(import["progress"]["fetchedBytes"], 1002);
    assert_eq!(import["progress"]["completedBytes"], import["progress"]["totalBytes"]);
}

#[test]
fn the_same_bytes_under_many_names_are_fetched_once() {
    let remote = RemoteHub::start();
    let names: Vec<String> =
        (0..250).map(|at| format!("{at:03}.txt")).chain((0..3).map(|at| format!("{at}.bin"))).collect();
    let files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), b"x".to_vec())).collect();
    remote.put("datasets/acme/wide", &files);
    let hub = importing(&remote).start();
    let (target, import) = import(&hub.admin(), &json!({ "repo": "acme/wide", "type": "dataset" }));
    assert_eq!((fetched(&remote).len(), &import["progress"]["completedFiles"]), (2, &json!(253)));
    assert_eq!(import["progress"]["completedBytes"], import["progress"]["totalBytes"]);
    assert_eq!((target.read("007.txt"), target.read("2.bin")), (b"x".to_vec(), b"x".to_vec()));
}

#[test]
fn an_import_follows_its_source_and_takes_away_what_is_gone_there() {
    let source = Hub::shared();
    let repository = source.private_model();
    repository.add("a.txt", "one");
    repository.add("folder/file.txt", "below");
    let hub = importing_from(&source).start();
    let wish = json!({ "repo": repository.id, "target": unique("copy") });
    let (target, _) = import(&hub.admin(), &wish);
    repository.commit(&[lines::file("a.txt", "two"), lines::deleted_file("folder/file.txt")]).expect(200);
    // A file takes the folder's place.
    repository.add("folder", "a file");
    import(&hub.admin(), &wish);
    assert_eq!(files(&target, "main"), files(&repository, "main"));
    assert_eq!((target.read("a.txt"), target.read("folder")), (b"two".to_vec(), b"a file".to_vec()));
}

#[test]
fn an_import_goes_on_after_kill_9_and_fetches_no_file_twice() {
    let remote = remote();
    remote.behave(|asked| if asked.target.contains("Q4") { Manner::Stalls(100_000) } else { Manner::Good });
    let deployment = importing(&remote).set("downloader.main.config.stall_seconds", "600");
    let hub = deployment.start();
    let (target, token) = (start(&hub.admin(), &bert()), hub.admin_token());
    // The other large file is there.
    wait(&target, |import| {
        let progress = &import["progress"];
        progress["completedFiles"] == 1 && progress["fetchedBytes"].as_u64() >= Some(150_000)
    });
    hub.kill();
    remote.behave(|_| Manner::Good);
    remote.asked();
    let hub = deployment.start();
    let target = target.seen_by(&hub.client().with_token(&token));
    let import = over(&target);
    assert_eq!((&import["status"], &import["error"]), (&json!("completed"), &json!("")));
    assert_eq!(target.read("model.Q4.bin"), noise(LARGE));
    let again = fetched(&remote);
    assert!(!again.contains(&"model.Q8.bin".to_owned()) && again.contains(&"model.Q4.bin".to_owned()), "{again:?}");
    let quota = hub.admin().get("/api/quota/admin").send().ok();
    assert!(quota["used_bytes"].as_u64() < Some(LARGE as u64 + 100_000), "{quota}");
    assert_eq!(Rows::of(&hub.deployment).number("SELECT count(*) FROM imports WHERE lease IS NOT NULL"), 0);
}

#[test]
fn an_import_that_failed_begins_with_what_is_missing() {
    let remote = remote();
    remote.behave(|asked| if asked.target.ends_with("words.txt") { Manner::Status(403, None) } else { Manner::Good });
    let hub = importing(&remote).start();
    let target = start(&hub.admin(), &bert());
    let failed = over(&target);
    assert!(failed["error"].as_str().unwrap().starts_with("403"), "{failed}");
    remote.behave(|_| Manner::Good);
    remote.asked();
    import(&hub.admin(), &bert());
    assert!(fetched(&remote).iter().all(|name| !name.ends_with(".bin")), "what had come is there");
    assert_eq!(target.read("model.Q4.bin"), noise(LARGE));
}

/// As it is where the process died between a commit and the import's row: all that stands there is the write.
fn cut_off(hub: &Hub, operation: &str) {
    let written = format!("operation = {operation}, next_source = '{REMOTE_COMMIT}', status = 'queued'");
    let change = format!("UPDATE imports SET source_commit = NULL, commit_id = NULL, {written}");
    assert_eq!(Rows::of(&hub.deployment).change(&change), 1);
}

#[test]
fn a_commit_that_a_crash_cut_off_from_the_imports_row_is_known_again() {
    // The engine's own rows say which operation made a commit; those of lakeFS lie elsewhere.
    if std::env::var("BALLAST_TEST_VERSIONING").is_ok() {
        return;
    }
    let remote = remote();
    let hub = importing(&remote).start();
    let (target, _) = import(&hub.admin(), &bert());
    let (tip, commits) = (target.tip(), titles(&target).len());
    fetched(&remote);
    let made = format!("\"commit\" = X'{tip}' AND repo = imports.repository");
    cut_off(&hub, &format!("(SELECT operation FROM native_operations WHERE {made})"));
    let again = wait(&target, |import| import["commit"].is_string() && import["status"] == "completed");
    assert_eq!((&again["sourceCommit"], &again["commit"]), (&json!(REMOTE_COMMIT), &json!(tip)));
    assert_eq!((target.tip(), titles(&target).len(), fetched(&remote).len()), (tip, commits, 0));
}

#[test]
fn a_write_that_came_to_nothing_brought_nothing() {
    let remote = remote();
    let hub = importing(&remote).start();
    let (target, _) = import(&hub.admin(), &bert());
    let tip = target.tip();
    cut_off(&hub, "7");
    let failed = wait(&target, |import| import["status"] == "failed");
    assert!(failed["error"].as_str().unwrap().contains("no import of 'acme/bert' brought there"), "{failed}");
    assert_eq!(target.tip(), tip);
}

#[test]
fn a_branch_that_somebody_else_wrote_to_is_left_alone_unless_it_may_be_replaced() {
    let remote = remote();
    let hub = importing(&remote).start();
    let own = hub.model();
    own.add("mine.txt", "mine");
    let wish = json!({ "repo": "acme/bert", "target": own.id });
    let tip = own.tip();
    let refused = hub.admin().post("/api/import").json(&wish).send().refused(409, "Conflict");
    assert!(refused.contains("holds commits that no import of 'acme/bert' brought there"), "{refused}");
    assert_eq!((own.tip(), fetched(&remote).len()), (tip, 0));
    let overwrite = json!({ "repo": "acme/bert", "target": own.id, "overwrite": true });
    import(&hub.admin(), &overwrite);
    assert!(!own.paths().contains(&"mine.txt".to_owned()) && own.paths().contains(&"config.json".to_owned()));
    // What it brought it may go on with; what somebody adds to that is somebody's.
    import(&hub.admin(), &wish);
    own.add("mine.txt", "mine");
    hub.admin().post("/api/import").json(&wish).send().refused(409, "Conflict");
    // Into a branch of its own it goes.
    hub.admin().post(own.api("/branch/upstream")).send().expect(200);
    let branch = json!({ "repo": "acme/bert", "target": own.id, "branch": "upstream", "overwrite": true });
    import(&hub.admin(), &branch);
    assert_eq!(own.read("mine.txt"), b"mine");
    assert_eq!(files(&own, "upstream").len(), 4);
}

#[test]
fn an_import_is_brought_up_to_date_by_itself() {
    let source = Hub::shared();
    let repository = source.private_model();
    repository.add("a.txt", "one");
    let hub = importing_from(&source).start();
    let wish = json!({ "repo": repository.id, "target": "mirrored", "everySeconds": 3600 });
    let (target, done) = import(&hub.admin(), &wish);
    assert_eq!(done["everySeconds"], 3600);
    let (ended, next) = (done["endedAt"].as_str().unwrap(), done["nextAt"].as_str().unwrap());
    assert!(next > ended, "{done}");
    repository.add("a.txt", "two");
    let rows = Rows::of(&hub.deployment);
    assert_eq!(rows.change("UPDATE imports SET next_at = 1"), 1);
    wait(&target, |import| import["sourceCommit"] == json!(repository.tip()) && import["status"] == "completed");
    assert_eq!(target.read("a.txt"), b"two");
    // Ended, it stays as it is.
    let stopped = hub.admin().delete(target.api("/import")).send().ok();
    assert_eq!((&stopped["everySeconds"], &stopped["nextAt"]), (&Value::Null, &Value::Null));
    assert_eq!(rows.number("SELECT count(*) FROM imports WHERE next_at IS NOT NULL"), 0);
}

#[test]
fn an_import_that_is_ended_gives_its_room_back() {
    let remote = remote();
    remote.behave(|asked| if asked.target.contains("Q4") { Manner::Stalls(100_000) } else { Manner::Good });
    let hub = importing(&remote).set("downloader.main.config.stall_seconds", "600").start();
    let target = start(&hub.admin(), &bert());
    wait(&target, |import| import["progress"]["fetchedBytes"].as_u64() >= Some(150_000));
    let same = hub.admin().post("/api/import").json(&bert()).send().expect(200).json();
    assert_eq!(same["status"], "running");
    let other = json!({ "repo": "acme/bert", "history": true });
    let refused = hub.admin().post("/api/import").json(&other).send().refused(409, "Conflict");
    assert!(refused.contains("is under way"), "{refused}");
    let stopped = hub.admin().delete(target.api("/import")).send().ok();
    assert_eq!((&stopped["status"], &stopped["nextAt"]), (&json!("cancelled"), &Value::Null));
    assert_eq!(Rows::of(&hub.deployment).number("SELECT count(*) FROM ledger_reservations"), 0);
    assert_eq!(files(&target, "main").len(), 1, "nothing of it is there but how repositories begin");
    // And it may begin anew.
    remote.behave(|_| Manner::Good);
    import(&hub.admin(), &bert());
}

#[test]
fn where_there_is_no_room_nothing_is_fetched() {
    let remote = remote();
    let hub = importing(&remote).start();
    hub.admin().put("/api/quota/admin").json(&json!({ "quota_bytes": 1_000_000 })).send().expect(200);
    let target = start(&hub.admin(), &bert());
    let import = over(&target);
    assert_eq!(import["status"], "failed");
    assert!(import["error"].as_str().unwrap().contains("do not fit"), "{import}");
    assert!(fetched(&remote).iter().all(|name| !name.ends_with(".bin")));
    assert_eq!(files(&target, "main").len(), 1);
}

#[test]
fn when_a_node_dies_another_goes_on_with_its_import() {
    let Some(database) = Postgres::new() else { return };
    let remote = remote();
    remote.behave(|asked| if asked.target.contains("Q4") { Manner::Stalls(100_000) } else { Manner::Good });
    let importing = |node: Deployment| {
        node.set("downloader.main.plugin", "downloader.huggingface")
            .set("downloader.main.config.endpoint", &remote.endpoint())
            .set("downloader.main.config.stall_seconds", "600")
    };
    let first = importing(database.deployment()).start();
    let (target, token) = (start(&first.admin(), &bert()), first.admin_token());
    wait(&target, |import| import["progress"]["completedFiles"] == 1);
    let second = importing(database.beside(&first.deployment)).start();
    let target = target.seen_by(&second.client().with_token(&token));
    assert_eq!(target.client.get(target.api("/import")).send().ok()["status"], "running");
    remote.behave(|_| Manner::Good);
    remote.asked();
    let kept = first.deployment.clone();
    first.kill();
    assert_eq!(over(&target)["status"], "completed");
    assert_eq!(target.read("model.Q4.bin"), noise(LARGE));
    assert!(!fetched(&remote).contains(&"model.Q8.bin".to_owned()));
    drop(kept);
}

#[test]
fn requests_that_make_no_sense_are_refused_and_make_no_repository() {
    let remote = remote();
    let hub = importing(&remote).start();
    for (wish, reason) in [
        (json!({ "repo": "gpt2" }), "Invalid repo format"),
        (json!({ "repo": "acme/bert", "revision": "../../x" }), "revision"),
        (json!({ "repo": "acme/bert", "branch": "a..b" }), "branch"),
        (json!({ "repo": "acme/bert", "everySeconds": 1 }), "every"),
        (json!({ "repo": "acme/bert", "target": "admin/a b" }), "target"),
        (json!({ "repo": "acme/bert", "from": "https://elsewhere.example" }), "does not import from"),
        (json!({ "repo": "acme/bert", "nonsense": 1 }), "nonsense"),
        (json!({ "repo": "acme/bert", "type": "kernel" }), ""),
    ] {
        let refused = hub.admin().post("/api/import").json(&wish).send();
        assert!([400, 501].contains(&refused.status), "{wish}: {}", refused.text());
        assert!(refused.json()["error"].as_str().unwrap().contains(reason), "{wish}: {}", refused.text());
    }
    hub.admin().post("/api/import").json(&json!({ "repo": "acme/nothing" })).send().refused(404, "RemoteNotFound");
    assert_eq!(hub.admin().get("/api/models?author=admin").send().ok(), json!([]));
    assert_eq!(fetched(&remote).len(), 0);
    let model = hub.model();
    hub.admin().get(model.api("/import")).send().refused(404, "NotFound");
    hub.admin().delete(model.api("/import")).send().refused(404, "NotFound");
}

/// `ballast` on a data folder, with a remote hub in its environment.
fn command(deployment: &Deployment, remote: &RemoteHub, arguments: &[&str]) -> ballast_tests::Outcome {
    let home = deployment.folder().join("hf").display().to_string();
    deployment.clone().environment("HF_ENDPOINT", &remote.endpoint()).environment("HF_HOME", &home).run(arguments)
}

#[test]
fn the_command_line_imports_without_a_hub_and_says_how_it_went() {
    let (remote, deployment) = (remote(), Deployment::new());
    deployment.start().stop();
    let events = command(&deployment, &remote, &["import", "acme/bert", "--public", "--json"]).ok();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["event"], &events[0]["target"]), (&json!("start"), &json!("admin/bert")));
    let done = events.last().unwrap();
    assert_eq!((&done["event"], &done["sourceCommit"]), (&json!("done"), &json!(REMOTE_COMMIT)));
    assert!(events.iter().any(|event| event["event"] == "progress"), "{events:?}");
    let told = command(&deployment, &remote, &["import", "acme/bert"]).ok();
    assert_eq!(told, format!("model admin/bert at {}\n", done["commit"].as_str().unwrap()));
    for (arguments, code) in [
        (&["import", "acme/nothing"][..], 3),
        (&["import", "nonsense"], 2),
        (&["import", "acme/bert", "--as", "nobody"], 1),
        (&["import", "acme/bert", "--every", "1"], 2),
    ] {
        let ended = command(&deployment, &remote, arguments).ended(code);
        assert!(ended.errors.starts_with("ballast: "), "{arguments:?}: {}", ended.errors);
    }
    remote.behave(crate::jobs::faults::always(Manner::OtherBytes));
    let wrong = command(&deployment, &remote, &["import", "acme/bert", "again", "--as", "admin"]);
    // Its large files are here already.
    wrong.ok();
    let hub = deployment.start();
    let target = Repository { client: hub.client(), kinds: "models", id: "admin/bert".to_owned() };
    assert_eq!(target.read("model.Q4.bin"), noise(LARGE));
    let imported = hub.admin().get(target.api("/import")).send().ok();
    assert_eq!((&imported["status"], &imported["commit"]), (&json!("completed"), &done["commit"]));
}

#[test]
fn the_command_line_imports_beside_a_hub_that_serves() {
    let remote = remote();
    let hub = Deployment::new().start();
    command(&hub.deployment, &remote, &["import", "acme/bert", "admin/beside", "--public"]).ok();
    let target = Repository { client: hub.client(), kinds: "models", id: "admin/beside".to_owned() };
    assert_eq!(target.read("model.Q8.bin"), noise(50_000));
    // What is not what it should be is told by the code.
    remote.put("models/acme/other", &[("weights.bin", noise(70_000))]);
    remote.behave(crate::jobs::faults::always(Manner::OtherBytes));
    let wrong = command(&hub.deployment, &remote, &["import", "acme/other"]).ended(7);
    assert!(wrong.errors.contains("is not what the remote hub said"), "{}", wrong.errors);
}
