//! `ballast versioning migrate`

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use ballast_tests::{Deployment, Hub, LAKEFS_KEY, LAKEFS_SECRET, LakeFault, LakeServer, Repository, lines};
use serde_json::{Value, json};

use crate::world::{fill, goes_on, pattern, told};

const MIGRATE: [&str; 6] = ["versioning", "migrate", "--from", "native", "--to", "lake"];
const BACK: [&str; 6] = ["versioning", "migrate", "--from", "lake", "--to", "native"];
/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A deployment with both engines, of which the native one serves.
fn with_both(server: &LakeServer) -> Deployment {
    let settings = [
        ("versioning.native.plugin", "versioning.native"),
        ("versioning.lake.plugin", "versioning.lakefs"),
        ("versioning.lake.config.endpoint", &server.endpoint()),
        ("versioning.lake.config.access_key_id", LAKEFS_KEY),
        ("versioning.lake.config.secret_access_key", LAKEFS_SECRET),
        ("repositories.versioning", "native"),
    ];
    settings.iter().fold(Deployment::new(), |all, (key, value)| all.set(key, value))
}

fn on_lakefs(deployment: &Deployment) -> Deployment {
    deployment.clone().set("repositories.versioning", "lake")
}

/// Moves everything; the sums.
fn migrate(deployment: &Deployment, arguments: &[&str], more: &[&str]) -> Value {
    let (bad, summary) = told(&deployment.run([arguments, more, &["--json"]].concat()).ok());
    assert!(bad.is_empty(), "{bad:?}");
    summary
}

/// A proposal, and a history that was squashed away: the ids of commits to which no branch leads.
fn make_history(dataset: &Repository) -> Vec<String> {
    let target = dataset.api("/commit/main?create_pr=1");
    let all = [lines::header("Propose"), lines::file("proposed.txt", "p")];
    let proposed = dataset.client.post(target).lines(&all).send().ok();
    assert!(proposed["pullRequestUrl"].is_string(), "{proposed}");
    dataset.client.post(dataset.api("/branch/dev")).json(&json!({})).send().expect(200);
    dataset.commit_on("dev", &[lines::file("only-here.txt", "dev")]).expect(200);
    let old = vec![dataset.tip_of("dev"), dataset.tip_of("refs/pr/1")];
    dataset.client.post(dataset.api("/super-squash/dev")).json(&json!({ "message": "One" })).send().expect(200);
    assert_ne!(dataset.tip_of("dev"), old[0]);
    old
}

/// What the hub says of these commits, by their ids alone.
fn by_id(model: &Repository, commits: &[String]) -> Vec<Value> {
    let ask = |id: &String| {
        let tree = model.client.get(model.api(&format!("/tree/{id}?recursive=true&expand=true"))).send().ok();
        let log = model.client.get(model.api(&format!("/commits/{id}"))).send().ok();
        json!([tree, log])
    };
    commits.iter().map(ask).collect()
}

#[test]
fn what_moves_to_lakefs_and_back_has_the_same_ids_files_and_refs() {
    let server = LakeServer::start();
    let deployment = with_both(&server);
    let hub = deployment.start();
    let filled = fill(&hub);
    let old = make_history(&filled.dataset);
    let tag = json!({ "tag": "passing" });
    filled.model.client.post(filled.model.api("/tag/main")).json(&tag).send().expect(200);

    // A first pass while the hub serves, and what comes after it.
    let refused = deployment.run(MIGRATE).ended(1);
    assert!(refused.errors.contains("--while-serving"), "{}", refused.errors);
    let first = migrate(&deployment, &MIGRATE, &["--while-serving"]);
    assert!(first["commits"].as_u64().unwrap() > 10, "{first}");
    let late = hub.model();
    late.add("late.txt", "came after the first pass");
    filled.model.add("late.txt", "as well");
    let gone = hub.model();
    migrate(&deployment, &MIGRATE, &["--while-serving"]);
    let body = json!({ "name": gone.id, "type": "model" });
    hub.admin().request("DELETE", "/api/repos/delete").json(&body).send().expect(200);
    filled.model.client.request("DELETE", filled.model.api("/tag/passing")).send().expect(200);
    let tag = json!({ "tag": "v2.0", "message": "second" });
    filled.model.client.post(filled.model.api("/tag/main")).json(&tag).send().expect(200);
    let before = (filled.answers(), by_id(&filled.dataset, &old), late.state());
    hub.stop();

    let last = migrate(&deployment, &MIGRATE, &[]);
    assert_eq!(
        (&last["repositories"], &last["deleted"], &last["not_moved"]),
        (&3.into(), &1.into(), &0.into()),
        "{last}"
    );
    assert_eq!(migrate(&deployment, &MIGRATE, &[])["commits"], 0, "there is nothing left to do");

    let moved = on_lakefs(&deployment);
    let hub = moved.start();
    let filled = filled.on(&hub);
    let late = late.seen_by(&hub.admin());
    assert_eq!((filled.answers(), by_id(&filled.dataset, &old), late.state()), before);
    filled.is_whole();
    goes_on(&hub, &filled);
    let newest = filled.model.tip();
    hub.stop();
    moved.run(["storage", "verify"]).ok();
    moved.run(["gc", "run"]).ok();

    // And back, with what was written there.
    let hub = moved.start();
    let filled = filled.on(&hub);
    let before = (filled.answers(), by_id(&filled.dataset, &old));
    hub.stop();
    let back = migrate(&moved, &BACK, &[]);
    assert!(back["commits"].as_u64().unwrap() < first["commits"].as_u64().unwrap(), "most are there: {back}");
    let hub = deployment.start();
    let filled = filled.on(&hub);
    assert_eq!((filled.answers(), by_id(&filled.dataset, &old)), before);
    assert_eq!(filled.model.tip(), newest);
    filled.is_whole();
    filled.model.add("home.txt", "again");
    hub.stop();
    deployment.run(["storage", "verify"]).ok();
}

#[test]
fn a_move_that_was_killed_goes_on_where_it_was_and_leaves_nothing_half() {
    let server = LakeServer::start();
    let deployment = with_both(&server);
    let hub = deployment.start();
    let models: Vec<Repository> = (0..3).map(|_| hub.model()).collect();
    for number in 0..4 {
        models.iter().for_each(|model| drop(model.add(&format!("{number}.txt"), pattern(100, number))));
    }
    let states: Vec<Value> = models.iter().map(Repository::state).collect();
    hub.stop();

    // The command is killed while lakeFS has its seventh commit before it.
    let (said, reached) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let mut commits = 0;
    server.behave(move |asked| {
        commits += u32::from(asked.method == "POST" && asked.path.ends_with("/commits"));
        if commits == 7 {
            commits += 1;
            let _ = said.send(());
            let _ = wait.recv_timeout(LIMIT);
        }
        LakeFault::None
    });
    let mut command = deployment.spawn(MIGRATE);
    reached.recv_timeout(LIMIT).unwrap();
    command.kill().unwrap();
    command.wait().unwrap();
    go_on.send(()).unwrap();

    // What counts is where it was.
    let hub = deployment.start();
    let seen = |hub: &Hub| -> Vec<Value> { models.iter().map(|model| model.seen_by(&hub.admin()).state()).collect() };
    assert_eq!(seen(&hub), states);
    hub.stop();
    // Each model has its first commit and four more.
    assert_eq!(migrate(&deployment, &MIGRATE, &[])["commits"], 15 - 6);
    let hub = on_lakefs(&deployment).start();
    assert_eq!(seen(&hub), states);
    hub.stop();
    on_lakefs(&deployment).run(["storage", "verify"]).ok();
}

/// Runs git in a folder; its output, without the end of its line.
fn git(folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

/// Pushes a commit whose tree has an entry for the empty tree, which git takes and no engine but the native one holds.
fn push_an_empty_folder(hub: &Hub, model: &Repository) {
    let folder = hub.deployment.folder().join("work");
    std::fs::create_dir(&folder).unwrap();
    git(&folder, &["init", "--quiet", "."], "");
    let empty = git(&folder, &["mktree"], "");
    let tree = git(&folder, &["mktree"], &format!("040000 tree {empty}\tnothing\n"));
    let commit = git(&folder, &["commit-tree", &tree, "-m", "an empty folder"], "");
    let base = hub.client().base();
    let url = base.replace("http://", &format!("http://admin:{}@", hub.admin_token())) + &model.page(".git");
    git(&folder, &["push", "--quiet", &url, &format!("{commit}:refs/heads/odd")], "");
}

#[test]
fn a_repository_that_cannot_move_is_told_and_stays_whole_where_it_is() {
    let server = LakeServer::start();
    let deployment = with_both(&server);
    let hub = deployment.start();
    let (odd, plain) = (hub.model(), hub.model());
    odd.add("a.txt", "a");
    plain.add("b.txt", "b");
    push_an_empty_folder(&hub, &odd);
    let states = [odd.state(), plain.state()];
    hub.stop();

    let outcome = deployment.run([&MIGRATE[..], &["--json"]].concat()).ended(1);
    let (left, summary) = told(&outcome.output);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["not_moved"], format!("model {}", odd.id));
    let sentence = left[0]["sentence"].as_str().unwrap();
    assert!(sentence.contains("the tree of commit") && sentence.contains("in a way"), "{sentence}");
    assert_eq!((&summary["repositories"], &summary["not_moved"]), (&2.into(), &1.into()), "{summary}");
    assert!(outcome.errors.contains("1 repositories could not be moved"), "{}", outcome.errors);
    assert_eq!(server.repositories().len(), 1, "nothing of it is left in lakeFS");
    let told_again = deployment.run(MIGRATE).ended(1);
    assert!(told_again.output.contains("NOT MOVED") && told_again.output.contains("'native' must go on serving"));

    let hub = deployment.start();
    let seen = [&odd, &plain].map(|model| model.seen_by(&hub.admin()));
    assert_eq!(seen.each_ref().map(Repository::state), states);
    // Without the branch there is nothing that keeps it.
    seen[0].client.request("DELETE", seen[0].api("/branch/odd")).send().expect(200);
    let states = seen.each_ref().map(Repository::state);
    hub.stop();
    let summary = migrate(&deployment, &MIGRATE, &[]);
    assert_eq!((&summary["not_moved"], &summary["left_behind"]), (&0.into(), &1.into()), "{summary}");
    let hub = on_lakefs(&deployment).start();
    assert_eq!([&odd, &plain].map(|model| model.seen_by(&hub.admin()).state()), states);
    hub.stop();
}

#[test]
fn what_was_written_to_the_other_engine_is_not_overwritten() {
    let server = LakeServer::start();
    let deployment = with_both(&server);
    let hub = deployment.start();
    let model = hub.model();
    model.add("a.txt", "a");
    hub.stop();
    migrate(&deployment, &MIGRATE, &[]);
    let hub = on_lakefs(&deployment).start();
    model.seen_by(&hub.admin()).add("b.txt", "b");
    let tip = model.seen_by(&hub.admin()).tip();
    hub.stop();
    // Somebody serves from the old engine again, and moves.
    let outcome = deployment.run(MIGRATE).ended(1);
    let told = format!("stands in 'lake' at commit {tip}, which 'native' does not have");
    assert!(outcome.output.contains(&told), "{}", outcome.output);
    let hub = on_lakefs(&deployment).start();
    assert_eq!(model.seen_by(&hub.admin()).tip(), tip);
    hub.stop();
}

#[test]
fn one_repository_moves_alone_and_a_move_that_makes_no_sense_is_refused() {
    let server = LakeServer::start();
    let deployment = with_both(&server);
    let hub = deployment.start();
    let (one, other) = (hub.model(), hub.model());
    one.add("a.txt", "a");
    other.add("b.txt", "b");
    hub.stop();
    let wanted = format!("model:{}", one.id);
    let summary = migrate(&deployment, &MIGRATE, &["--repo", &wanted]);
    assert_eq!((&summary["repositories"], &summary["commits"]), (&1.into(), &2.into()), "{summary}");
    assert_eq!(server.repositories().len(), 1);
    let refused = |from: &str, to: &str, more: &[&str]| {
        deployment.run([&["versioning", "migrate", "--from", from, "--to", to], more].concat()).ended(1).errors
    };
    assert!(refused("native", "nowhere", &[]).contains("no versioning instance 'nowhere'; configured are: native, "));
    assert!(refused("native", "native", &[]).contains("name another instance"));
    assert!(refused("lake", "native", &[]).contains("'native' serves"));
    assert!(refused("native", "lake", &["--repo", "model:admin/nobody"]).contains("there is no model 'admin/nobody'"));
    assert!(refused("native", "lake", &["--repo", &one.id]).contains("write model:namespace/name"));
    let told = deployment.run(MIGRATE).ok();
    assert!(told.contains("[repositories]") && told.contains("versioning = \"lake\""), "{told}");
    let twice = deployment.clone().set("versioning.other.plugin", "versioning.native").run(["check"]).ended(2);
    assert!(twice.errors.contains("versioning.other.plugin") && twice.errors.contains("'native'"), "{}", twice.errors);
}
