//! How often a request asks the database: as often for five rows as for five hundred.
//!
//! The hub counts its statements (`ballast_database_statements_total` in `/metrics`), and so each list is asked for few
//! rows and for many: on both databases, with everything in memory and with nothing. Which requests are lists is read
//! out of the document, so that a new one cannot be forgotten.

mod world;
mod xet;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ballast_tests::{Answer, Deployment, Request, lines, unique};
use serde_json::{Value, json};

use crate::databases::Postgres;
use crate::document::{Operation, operations};
use world::World;

/// Files in a folder; more than what one statement names nowhere, and fewer than one page.
const FILES: usize = 500;
/// Rows that cost a request each.
const ROWS: usize = 40;
/// How often a request is sent for what it costs when nothing else happens; and at most, where that seems too much.
const TRIES: usize = 4;
const MOST_TRIES: usize = 16;

/// A request for a number of rows, of an operation of the document.
struct Case {
    operation: &'static str,
    /// What it is asked for.
    of: &'static str,
    few: usize,
    many: usize,
    /// A larger tree is deeper: so many levels more may be read, each in a statement.
    levels: u64,
    /// With nothing in memory, a tree's shape is seen too, and that the leaves of a page are read in batches that
    /// double: so many statements more.
    batches: u64,
    /// Makes what is asked for, and then the request.
    ask: fn(&World, usize) -> Request,
    /// Where the rows stand in the answer; none where it has none.
    rows: Option<&'static str>,
}

const fn case(
    operation: &'static str,
    of: &'static str,
    many: usize,
    rows: Option<&'static str>,
    ask: fn(&World, usize) -> Request,
) -> Case {
    Case { operation, of, few: 5, many, levels: 0, batches: 0, ask, rows }
}

/// The same for a page of a tree, of at most a thousand rows, or a commit, which finds another tree each time.
const fn tree(mut case: Case) -> Case {
    case.batches = 3;
    case
}

/// The same where few and many rows lie in trees of their own, of which the larger one has a second page.
const fn deep(mut case: Case) -> Case {
    case.levels = 2;
    case.batches = 10;
    case
}

/// What answers with a list and asks no database for it, or with one that is always empty.
const EXEMPT: [&str; 7] = [
    "get_cached",
    "get_readiness",
    "list_cached",
    "list_organization_followers",
    "list_user_followers",
    "list_user_following",
    "validate_card",
];

const LIST: Option<&str> = Some("");

#[rustfmt::skip]
const CASES: &[Case] = &[
    case("list_repositories", "models", ROWS, LIST, |w, n| w.get(&format!("/api/models?limit={n}"))),
    case("list_repositories", "datasets", ROWS, LIST, |w, n| w.get(&format!("/api/datasets?limit={n}"))),
    case("list_repositories", "spaces", ROWS, LIST, |w, n| w.get(&format!("/api/spaces?limit={n}"))),
    case("list_repositories", "one author, by name", ROWS, LIST, |w, n| w.get(&format!("/api/models?author=admin&search=repo&sort=name&limit={n}"))),
    case("list_repositories", "what a member sees", ROWS, LIST, |w, n| w.member(30).get(format!("/api/models?full=true&limit={n}"))),
    case("list_repositories", "by tags, with cards", ROWS, LIST, |w, n| w.get(&format!("/api/models?full=true&gated=false&limit={n}"))),
    case("list_user_repositories", "of all kinds", ROWS, Some("/models"), |w, n| w.get(&format!("/api/users/admin/repos?limit={n}"))),
    case("list_likers", "users", ROWS, LIST, |w, n| w.wide("GET", &format!("/likers?limit={n}"))),
    case("list_user_likes", "repositories", ROWS, LIST, |w, n| w.get(&format!("/api/users/admin/likes?limit={n}"))),
    case("list_access_requests", "users", ROWS, LIST, |w, n| w.sized(5, &format!("/user-access-request/pending?limit={n}"))),
    case("list_collections", "collections", ROWS, LIST, |w, n| w.with_collections(ROWS).get(format!("/api/collections?owner=fan0&limit={n}"))),
    case("create_collection", "collections there are", ROWS, None, |w, n| w.with_collections(n).post("/api/collections").json(&json!({ "title": unique("title") }))),
    case("get_collection", "items", ROWS, Some("/items"), |w, n| w.client.get(w.collection(n))),
    case("update_collection", "items", ROWS, Some("/data/items"), |w, n| w.client.request("PATCH", w.collection(n)).json(&json!({ "theme": "green" }))),
    case("add_collection_item", "items", ROWS, Some("/items"), World::add_again),
    case("lfs_list_locks", "locks", ROWS, Some("/locks"), |w, n| w.with_locks(ROWS).get(format!("{}?limit={n}", w.locks("")))),
    case("lfs_verify_locks", "locks", ROWS, Some("/ours"), |w, n| w.with_locks(ROWS).post(w.locks("/verify")).json(&json!({ "limit": n }))),
    case("list_lfs_files", "large files", 20, LIST, |w, n| w.wide("GET", &format!("/lfs-files?limit={n}"))),
    case("duplicate_lfs_files", "large files", 20, None, World::lend),
    case("delete_lfs_files", "large files", 20, None, World::purge),
    case("list_stored_repositories", "of all kinds", ROWS, Some("/repositories"), |w, n| w.get(&format!("/api/quota/admin/repos?limit={n}"))),
    case("list_own_repositories", "of all kinds", ROWS, LIST, |w, n| w.get(&format!("/api/settings/repositories?limit={n}"))),
    case("list_organization_repositories", "of all kinds", ROWS, LIST, |w, n| w.get(&format!("/api/organizations/lab0/settings/repositories?limit={n}"))),
    case("get_recent_stats", "days", ROWS, Some("/stats"), |w, n| w.wide("GET", &format!("/stats/recent?days={n}"))),
    case("update_repository_settings", "suffixes", ROWS, None, World::suffixes),
    case("get_lfs_settings", "suffixes", ROWS, None, |w, _| w.wide("GET", "/settings/lfs")),
    case("get_lfs_settings_too", "suffixes", ROWS, None, |w, _| w.wide("GET", "/lfs/settings")),
    case("list_trending", "repositories", ROWS, None, |w, n| w.get(&format!("/api/trending?limit={n}"))),
    case("list_tokens", "tokens", ROWS, Some("/tokens"), |w, n| w.with_tokens(ROWS).get(format!("/api/auth/tokens?limit={n}"))),
    case("create_token", "repositories", ROWS, None, World::scoped_token),
    case("list_user_organizations", "organisations", 30, Some("/organizations"), |w, n| w.get(&format!("/org/users/member{n}/orgs"))),
    case("list_members", "members", ROWS, Some("/members"), |w, n| w.get(&format!("/org/crowd/members?limit={n}"))),
    case("list_organization_members", "members", ROWS, LIST, |w, n| w.get(&format!("/api/organizations/crowd/members?limit={n}"))),
    case("get_user_overview", "organisations", 30, Some("/orgs"), |w, n| w.get(&format!("/api/users/member{n}/overview"))),
    case("list_invitations", "invitations", ROWS, Some("/invitations"), |w, n| w.with_invitations(ROWS).get(format!("/api/invitations/org/crowd/list?limit={n}"))),
    case("admin_list_users", "users", ROWS, Some("/users"), |w, n| w.get(&format!("/api/admin/users?sort=name&limit={n}"))),
    case("admin_list_organizations", "organisations", 30, Some("/organizations"), |w, n| w.get(&format!("/api/admin/organizations?limit={n}"))),
    case("admin_list_repositories", "the newest", ROWS, Some("/repositories"), |w, n| w.get(&format!("/api/admin/repositories?limit={n}"))),
    case("admin_list_repositories", "the largest", ROWS, Some("/repositories"), |w, n| w.get(&format!("/api/admin/repositories?sort=bytes&type=model&limit={n}"))),
    case("admin_list_tokens", "tokens", ROWS, Some("/tokens"), |w, n| { w.with_tokens(ROWS); w.get(&format!("/api/admin/users/member5/tokens?limit={n}")) }),
    case("admin_list_sessions", "sessions", ROWS, Some("/sessions"), |w, n| w.with_sessions(ROWS).get(format!("/api/admin/users/member30/sessions?limit={n}"))),
    case("admin_list_invitations", "invitations", ROWS, Some("/invitations"), |w, n| w.with_invitations(ROWS).get(format!("/api/admin/invitations?limit={n}"))),
    case("admin_list_operations", "none", 0, Some("/operations"), |w, n| w.get(&format!("/api/admin/operations?limit={}", n + 1))),
    case("admin_list_plugins", "instances", 4, None, |w, _| w.get("/api/admin/plugins")),
    case("admin_get_statistics", "days", ROWS, Some("/downloads"), |w, n| w.get(&format!("/api/admin/statistics?days={n}"))),
    case("admin_get_statistics", "repositories", ROWS, None, |w, n| w.get(&format!("/api/admin/statistics?top={n}"))),
    case("admin_get_storage", "namespaces and kinds", 4, None, |w, _| w.get("/api/admin/storage")),
    case("admin_list_audit", "records", ROWS, Some("/records"), |w, n| w.get(&format!("/api/admin/audit?limit={n}"))),
    case("admin_export_audit", "records", ROWS, None, |w, n| w.get(&format!("/api/admin/audit/export?action={}", if n == ROWS { "access" } else { "organization" }))),
    case("list_ssh_keys", "keys", ROWS, LIST, |w, n| w.with_keys(ROWS).get(format!("/api/user/keys?limit={n}"))),
    case("whoami", "organisations", 30, Some("/orgs"), |w, n| w.member(n).get("/api/whoami-v2")),
    tree(case("list_root", "a folder", FILES, LIST, |w, n| w.wide("GET", &format!("/tree/main?limit={n}")))),
    tree(case("list_root", "all folders", FILES, LIST, |w, n| w.wide("GET", &format!("/tree/main?recursive=true&limit={n}")))),
    tree(case("list_root", "expanded", 50, LIST, |w, n| w.wide("GET", &format!("/tree/main?expand=true&limit={n}")))),
    tree(case("list_folder", "a folder", FILES, LIST, |w, n| w.wide("GET", &format!("/tree/main/dir?limit={n}")))),
    tree(case("list_folder", "expanded, each row of another commit", ROWS, LIST, |w, n| w.wide("GET", &format!("/tree/main/aged?expand=true&limit={n}")))),
    tree(case("list_folder", "folders with their sizes", ROWS, LIST, |w, n| w.wide("GET", &format!("/tree/main/deep?expand=true&limit={n}")))),
    case("get_paths_info", "plain", FILES, LIST, |w, n| w.paths_info("dir", n, false)),
    case("get_paths_info", "expanded", FILES, LIST, |w, n| w.paths_info("dir", n, true)),
    case("get_paths_info", "expanded, each row of another commit", ROWS, LIST, |w, n| w.paths_info("aged", n, true)),
    case("get_xet_reconstruction", "terms", ROWS, Some("/terms"), |w, n| w.reconstruction("v1", n)),
    case("get_xet_reconstruction_v2", "terms", ROWS, Some("/terms"), |w, n| w.reconstruction("v2", n)),
    case("get_xet_reconstruction", "xorbs", ROWS, Some("/terms"), World::reconstruction_of_xorbs),
    case("put_shard_v2", "terms", ROWS, None, |w, n| w.shard(n)),
    case("put_shard_v2", "files", ROWS, None, |w, n| w.shard_of_files(n)),
    case("list_commits", "history", ROWS, LIST, |w, n| w.wide("GET", &format!("/commits/main?limit={n}"))),
    case("get_commit", "parents", ROWS, None, |w, _| w.wide("GET", "/commit/main")),
    case("list_discussions", "a page", ROWS, Some("/discussions"), |w, n| w.discussions(n)),
    case("get_discussion", "comments, each edited", ROWS, Some("/events"), |w, n| w.talk(n, "get_discussion")),
    tree(case("get_discussion", "commits and files of a pull request", ROWS, Some("/events"), |w, n| w.proposal(n))),
    case("comment_discussion", "comments", ROWS, None, |w, n| w.talk(n, "comment")),
    case("rename_discussion", "comments", ROWS, None, |w, n| w.talk(n, "title")),
    case("set_discussion_status", "comments", ROWS, None, |w, n| w.talk(n, "status")),
    case("edit_discussion_comment", "comments", ROWS, None, |w, n| w.talk(n, "edit")),
    case("hide_discussion_comment", "comments", ROWS, None, |w, n| w.talk(n, "hide")),
    case("list_refs", "branches", ROWS, Some("/branches"), |w, n| w.sized(n, "/refs")),
    deep(case("get_repository", "siblings", FILES, Some("/siblings"), |w, n| w.sized(n, ""))),
    deep(case("get_repository", "siblings with sizes", FILES, Some("/siblings"), |w, n| w.sized(n, "?blobs=true"))),
    deep(case("get_revision", "siblings", FILES, Some("/siblings"), |w, n| w.sized(n, "/revision/main"))),
    case("preupload", "new files", FILES, Some("/files"), |w, n| w.preupload("new", n)),
    case("preupload", "files that are there", FILES, Some("/files"), |w, n| w.preupload("dir", n)),
    case("lfs_batch", "uploads", FILES, Some("/objects"), |w, n| w.batch("datasets", "upload", &w.new_objects(n), &["basic"])),
    case("lfs_batch_model", "uploads", FILES, Some("/objects"), |w, n| w.batch("models", "upload", &w.new_objects(n), &["basic"])),
    case("lfs_batch_model", "uploads in parts", FILES, Some("/objects"), |w, n| w.batch("models", "upload", &w.new_objects(n), &["basic", "multipart"])),
    case("lfs_batch_model", "uploads of what is there", ROWS, Some("/objects"), |w, n| w.batch("models", "upload", &w.stored[..n], &["basic"])),
    case("lfs_batch_model", "downloads", ROWS, Some("/objects"), |w, n| w.batch("models", "download", &w.stored[..n], &["basic"])),
    case("complete_object", "parts", ROWS, None, World::complete),
    tree(case("create_commit", "small files", FILES, None, |w, n| w.commit(w.new_files(n, "new")))),
    tree(case("create_commit", "small files in folders of their own", FILES, None, |w, n| w.commit(w.new_folders(n)))),
    tree(case("create_commit", "large files", ROWS, None, |w, n| w.commit(w.large_files(n)))),
    tree(case("create_commit", "deletes", FILES, None, World::deletes)),
    tree(case("create_commit", "copies", FILES, None, World::copies)),
    tree(case("diff_commit", "texts of new files", FILES, Some("/files"), World::difference)),
    case("list_jobs", "jobs", ROWS, Some("/jobs"), |w, n| w.with_jobs().get(format!("/api/jobs?limit={n}"))),
    case("list_imports", "imports", ROWS, LIST, |w, n| w.with_imports().get(format!("/api/import?limit={n}"))),
    case("get_job", "files", ROWS, Some("/files"), |w, n| w.client.get(w.job(n))),
    case("plan_download", "files", ROWS, Some("/files"), |w, n| w.client.post("/api/plan").json(&json!({ "repo": format!("acme/files{n}") }))),
    case("start_download", "files", ROWS, Some("/files"), |w, n| w.client.post("/api/download").json(&json!({ "repo": format!("acme/files{n}"), "dryRun": true }))),
    case("list_webhooks", "webhooks", ROWS, LIST, |w, n| w.with_webhooks(n).get("/api/settings/webhooks")),
    case("create_webhook", "what it watches", ROWS, Some("/webhook/watched"), |w, n| w.client.post("/api/settings/webhooks").json(&w.wish(n))),
    case("get_webhook", "what it watches", ROWS, Some("/webhook/watched"), |w, n| w.client.get(w.webhook(n))),
    case("update_webhook", "what it watches", ROWS, Some("/webhook/watched"), |w, n| w.client.post(w.webhook(n)).json(&w.wish(n))),
    case("enable_webhook", "what it watches", ROWS, Some("/webhook/watched"), |w, n| w.client.post(w.webhook(n) + "/enable")),
    case("disable_webhook", "what it watches", ROWS, Some("/webhook/watched"), |w, n| w.client.post(w.webhook(n) + "/disable")),
];

impl World {
    /// The statements of this process so far.
    fn statements(&self) -> u64 {
        let metrics = self.hub.client().get("/metrics").send().expect(200).text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("ballast_database_statements_total "));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no count in:\n{metrics}"))
    }

    /// What a request cost at its cheapest: the hub asks its database now and then for reasons of its own, which on a
    /// machine that is busy fall into almost every slow request. No more than `enough` is looked for.
    fn cost(&self, ask: impl Fn() -> Request, enough: u64, tries: usize) -> (u64, Answer) {
        let tried = (0..tries).map(|_| {
            let request = ask();
            let before = self.settled();
            let answer = request.send().expect(200);
            (self.statements() - before, answer)
        });
        let mut best: Option<(u64, Answer)> = None;
        for (cost, answer) in tried {
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, answer));
            }
            if best.as_ref().is_some_and(|(least, _)| *least <= enough) {
                break;
            }
        }
        best.expect("a measurement")
    }

    /// The count once nothing is under way: what a request started may go on for a while behind its answer.
    fn settled(&self) -> u64 {
        let begun = Instant::now();
        let mut last = self.statements();
        loop {
            let now = self.statements();
            if now == last || begun.elapsed() > Duration::from_millis(300) {
                return now;
            }
            last = now;
        }
    }

    fn rows(&self, case: &Case, answer: &Answer) -> Option<usize> {
        let pointer = case.rows?;
        let answered = answer.json();
        Some(answered.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len))
    }

    /// What is wrong with a list; none where it keeps the promise.
    fn look_at(&self, case: &Case, memory: Memory) -> Option<String> {
        let Case { operation, of, few, many, ask, .. } = case;
        let more = case.levels + if memory == Memory::Empty { case.batches } else { 0 };
        // The first may find more to read than those after it.
        ask(self, *few).send().expect(200);
        ask(self, *many).send().expect(200);
        let (least, _) = self.cost(|| ask(self, *few), 0, TRIES);
        let (most, answer) = self.cost(|| ask(self, *many), least + more, MOST_TRIES);
        if let Some(rows) = self.rows(case, &answer) {
            assert!(rows >= *many, "{operation} ({of}): {rows} rows, and {many} were to come");
        }
        let text = format!("{operation} ({of}): {least} statements for {few}, {most} for {many}");
        println!("{text}");
        (most > least + more).then_some(text)
    }
}

/// What the engine keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    Usual,
    /// Every node and every fact of a file is read.
    Empty,
}

fn every_list(deployment: Deployment, memory: Memory) {
    let deployment = match memory {
        Memory::Usual => deployment,
        Memory::Empty => {
            deployment.set("versioning.main.plugin", "versioning.native").set("versioning.main.config.cache_bytes", "0")
        }
    };
    let world = World::new(deployment);
    let wrong: Vec<String> = CASES.iter().filter_map(|case| world.look_at(case, memory)).collect();
    assert!(wrong.is_empty(), "more statements for more rows:\n{}", wrong.join("\n"));
}

#[test]
fn no_list_asks_more_often_for_more_rows_on_sqlite() {
    every_list(Deployment::new(), Memory::Usual);
}

#[test]
fn no_list_asks_more_often_for_more_rows_on_postgres() {
    let Some(database) = Postgres::new() else { return };
    every_list(database.deployment(), Memory::Usual);
}

#[test]
fn no_list_asks_more_often_for_more_rows_with_an_empty_memory_on_sqlite() {
    every_list(Deployment::new(), Memory::Empty);
}

#[test]
fn no_list_asks_more_often_for_more_rows_with_an_empty_memory_on_postgres() {
    let Some(database) = Postgres::new() else { return };
    every_list(database.deployment(), Memory::Empty);
}

#[test]
fn every_list_of_the_document_has_a_case() {
    let lists: BTreeSet<String> = operations().into_iter().filter(Operation::is_list).map(|found| found.id).collect();
    let known = CASES.iter().map(|case| case.operation).chain(EXEMPT).map(str::to_owned).collect();
    assert_eq!(lists, known, "left: the lists of openapi.json; right: those that this file asks");
}

/// What a request costs that was sent before, on the only process of a hub on SQLite, in statements.
const WARM: [(&str, &str, u64); 5] = [
    ("HEAD", "PAGE/resolve/main/0001.txt", 0),
    ("GET", "PAGE/resolve/main/0001.txt", 0),
    ("GET", "/api/models/ID", 0),
    ("GET", "/api/models/ID/revision/main", 0),
    ("GET", "/api/models/ID/tree/main", 0),
];

#[test]
fn what_was_asked_before_costs_no_more_than_is_written_here() {
    let hub = Deployment::new().start();
    let repository = hub.model();
    repository.commit(&[lines::file("0001.txt", "1"), lines::file("README.md", "# x")]).expect(200);
    let (wide, narrow, dataset) = (repository.clone(), repository.clone(), repository.clone());
    let world = World { client: hub.admin(), hub, wide, narrow, dataset, stored: vec![] };
    for (method, target, most) in WARM {
        let target = target.replace("PAGE", &repository.page("")).replace("ID", &repository.id);
        for client in [world.client.clone(), world.client.anonymous()] {
            let request = client.request(method, &target);
            request.clone().send().expect(200);
            let (cost, _) = world.cost(|| request.clone(), most, MOST_TRIES);
            println!("{method} {target}: {cost} statements");
            assert!(cost <= most, "{method} {target}: {cost} statements, and {most} are allowed");
        }
    }
}
