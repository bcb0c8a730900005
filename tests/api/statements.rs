//! How often a request asks the database: as often for five rows as for five hundred.
//!
//! The hub counts its statements (`ballast_database_statements_total` in `/metrics`), and so each list is asked for few
//! rows and for many: on both databases, with everything in memory and with nothing. Which requests are lists is read
//! out of the document, so that a new one cannot be forgotten.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ballast_testkit::XetUpload;
use ballast_tests::{Answer, Client, Deployment, Hub, PartUpload, Repository, Request, lines, sha256, unique};
use serde_json::{Value, json};

use crate::xet::{Session, noise};

use crate::databases::Postgres;
use crate::document::{Operation, operations};

/// Files in a folder; more than what one statement names nowhere, and fewer than one page.
const FILES: usize = 500;
/// Rows that cost a request each.
const ROWS: usize = 40;

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

/// What answers with a list and asks no database for it.
const EXEMPT: [&str; 2] = ["get_readiness", "validate_card"];

const LIST: Option<&str> = Some("");

#[rustfmt::skip]
const CASES: &[Case] = &[
    case("list_repositories", "models", ROWS, LIST, |w, n| w.get(&format!("/api/models?limit={n}"))),
    case("list_repositories", "datasets", ROWS, LIST, |w, n| w.get(&format!("/api/datasets?limit={n}"))),
    case("list_repositories", "spaces", ROWS, LIST, |w, n| w.get(&format!("/api/spaces?limit={n}"))),
    case("list_repositories", "one author, by name", ROWS, LIST, |w, n| w.get(&format!("/api/models?author=admin&search=repo&sort=name&limit={n}"))),
    case("list_repositories", "what a member sees", ROWS, LIST, |w, n| w.member(30).get(format!("/api/models?full=true&limit={n}"))),
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
    case("put_shard_v2", "terms", ROWS, None, |w, n| w.shard(n)),
    case("list_commits", "history", ROWS, LIST, |w, n| w.wide("GET", &format!("/commits/main?limit={n}"))),
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
];

/// A hub with few and many of everything.
struct World {
    hub: Hub,
    client: Client,
    wide: Repository,
    narrow: Repository,
    dataset: Repository,
    /// Large files that the repository `wide` has: oid and size.
    stored: Vec<(String, usize)>,
}

/// A large file's size, which is more than one part.
const LARGE: usize = 3000;
const PART: usize = 1024;

/// Users that belong to 5 and to 30 organisations.
fn members() -> String {
    let organization = |number: usize| {
        let users: Vec<_> = [5, 30].into_iter().filter(|most| number < *most).collect();
        let member = |most: &usize| format!("{{ user = \"member{most}\", role = \"member\" }}");
        let members: Vec<_> = users.iter().map(member).collect();
        format!("[[bootstrap.organizations]]\nname = \"lab{number}\"\nmembers = [{}]\n", members.join(", "))
    };
    let users: String = [5, 30].map(|most| format!("[[bootstrap.users]]\nname = \"member{most}\"\n")).concat();
    users + &(0..30).map(organization).collect::<String>()
}

fn named(folder: &str, number: usize) -> String {
    format!("{folder}/{number:04}.txt")
}

impl World {
    fn new(deployment: Deployment) -> Self {
        let deployment = deployment.config(&members()).set("lfs.multipart_threshold", "2000");
        let hub = deployment.set("lfs.part_size", &PART.to_string()).start();
        let admin = hub.admin();
        let (wide, narrow) = (Repository::create(&admin, "admin", false), Repository::create(&admin, "admin", false));
        for number in 0..ROWS {
            Repository::create(&admin, "admin", number % 2 == 0);
            Repository::create(&admin, "lab0", true);
            Repository::create_kind(&admin, "datasets", "admin", false);
            let space = json!({ "name": unique("admin/space"), "type": "space", "sdk": "static" });
            admin.post("/api/repos/create").json(&space).send().expect(200);
        }
        let dataset = Repository::create_kind(&admin, "datasets", "admin", false);
        let mut world = Self { client: admin, wide, narrow, dataset, stored: vec![], hub };
        world.fill();
        world
    }

    fn fill(&mut self) {
        let text = |path: String| lines::file(&path.clone(), path);
        let mut files: Vec<Value> = (0..FILES).map(|number| text(named("dir", number))).collect();
        files.extend((0..FILES).map(|number| text(format!("{number:04}.txt"))));
        files.extend((0..ROWS).map(|number| text(format!("deep/{number:04}/a/b.txt"))));
        self.wide.commit(&files).expect(200);
        for number in 0..ROWS {
            let name = named("aged", number);
            self.wide.add(&name, &name);
            self.wide.client.post(self.wide.api(&format!("/branch/b{number}"))).send().expect(200);
        }
        self.stored = (0..ROWS).map(|_| self.large_file()).collect();
        let large = self.stored.iter().enumerate();
        let large: Vec<Value> =
            large.map(|(at, (oid, size))| lines::large_file(&format!("large/{at}"), oid, *size)).collect();
        self.wide.commit(&large).expect(200);
        for number in 0..4 {
            self.narrow.add(&format!("{number}.txt"), "x");
            self.narrow.client.post(self.narrow.api(&format!("/branch/b{number}"))).send().expect(200);
        }
    }

    /// A file of so many terms, whose xorb is sent.
    fn in_terms(&self, terms: usize) -> (Session, XetUpload) {
        let session = Session::to_write(&self.wide);
        let chunk = XetUpload::of(&noise(1_000, 40));
        session.send_xorb(chunk.xorb, &chunk.stored).expect(200);
        (session, chunk.rearranged(&vec![0..1; terms]))
    }

    fn shard(&self, terms: usize) -> Request {
        let (session, upload) = self.in_terms(terms);
        session.client.post("/xet/v2/shards").body(upload.shard())
    }

    fn reconstruction(&self, version: &str, terms: usize) -> Request {
        let (session, upload) = self.in_terms(terms);
        session.send_shard(&upload.shard()).expect(200);
        session.client.get(format!("/xet/{version}/reconstructions/{}", upload.file.file))
    }

    fn get(&self, target: &str) -> Request {
        self.client.get(target)
    }

    fn member(&self, organizations: usize) -> Client {
        let name = format!("member{organizations}");
        self.hub.client().with_token(&self.hub.token(&name, "read"))
    }

    fn wide(&self, method: &str, rest: &str) -> Request {
        self.client.request(method, self.wide.api(rest))
    }

    /// Of the repository with five of everything, or the other.
    fn sized(&self, rows: usize, rest: &str) -> Request {
        let repository = if rows == 5 { &self.narrow } else { &self.wide };
        self.client.get(repository.api(rest))
    }

    fn paths_info(&self, folder: &str, rows: usize, expand: bool) -> Request {
        let paths: Vec<String> = (0..rows).map(|number| named(folder, number)).collect();
        self.wide("POST", "/paths-info/main").json(&json!({ "paths": paths, "expand": expand }))
    }

    fn preupload(&self, folder: &str, rows: usize) -> Request {
        let file = |number| json!({ "path": named(folder, number), "size": 12, "sample": "" });
        let files: Vec<Value> = (0..rows).map(file).collect();
        self.wide("POST", "/preupload/main").json(&json!({ "files": files }))
    }

    fn new_objects(&self, rows: usize) -> Vec<(String, usize)> {
        (0..rows).map(|_| (sha256(unique("object")), LARGE)).collect()
    }

    fn batch(&self, kinds: &str, operation: &str, objects: &[(String, usize)], transfers: &[&str]) -> Request {
        let repository = if kinds == "datasets" { &self.dataset } else { &self.wide };
        let objects: Vec<Value> = objects.iter().map(|(oid, size)| json!({ "oid": oid, "size": size })).collect();
        let asked = json!({ "operation": operation, "transfers": transfers, "objects": objects });
        self.client.post(repository.page(".git/info/lfs/objects/batch")).json(&asked)
    }

    /// A large file that is uploaded and stands in no commit.
    fn large_file(&self) -> (String, usize) {
        let mut bytes = unique("large").into_bytes();
        bytes.resize(LARGE, b'.');
        (self.wide.upload(&bytes), LARGE)
    }

    fn large_files(&self, rows: usize) -> Vec<Value> {
        let file = |_| {
            let (oid, size) = self.large_file();
            lines::large_file(&unique("large/new"), &oid, size)
        };
        (0..rows).map(file).collect()
    }

    fn new_files(&self, rows: usize, folder: &str) -> Vec<Value> {
        (0..rows).map(|_| lines::file(&unique(&format!("{folder}/f")), unique("text"))).collect()
    }

    fn new_folders(&self, rows: usize) -> Vec<Value> {
        (0..rows).map(|_| lines::file(&format!("{}/a/b.txt", unique("folder")), unique("text"))).collect()
    }

    fn commit(&self, operations: Vec<Value>) -> Request {
        let all: Vec<Value> = [lines::header("a test")].into_iter().chain(operations).collect();
        self.wide.committing("main").lines(&all)
    }

    fn deletes(&self, rows: usize) -> Request {
        let files = self.new_files(rows, "gone");
        self.wide.commit(&files).expect(200);
        let delete = |file: &Value| lines::deleted_file(file["value"]["path"].as_str().expect("a path"));
        self.commit(files.iter().map(delete).collect())
    }

    fn copies(&self, rows: usize) -> Request {
        self.commit((0..rows).map(|number| lines::copy(&named("dir", number), &unique("copies/f"))).collect())
    }

    /// The end of an upload of which all parts are there.
    fn complete(&self, parts: usize) -> Request {
        let mut bytes = unique("parts").into_bytes();
        bytes.resize(PART * parts, b'.');
        let upload = PartUpload::begin(&self.wide, bytes);
        let sent: Vec<Value> = (1..=parts).map(|number| upload.send_right(number)).collect();
        upload.completing(&sent)
    }

    /// The statements of this process so far.
    fn statements(&self) -> u64 {
        let metrics = self.hub.client().get("/metrics").send().expect(200).text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("ballast_database_statements_total "));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no count in:\n{metrics}"))
    }

    /// What a request cost at its cheapest: the hub asks its database now and then for reasons of its own. No more
    /// than `enough` is looked for.
    fn cost(&self, ask: impl Fn() -> Request, enough: u64) -> (u64, Answer) {
        let tried = (0..4).map(|_| {
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
        let (least, _) = self.cost(|| ask(self, *few), 0);
        let (most, answer) = self.cost(|| ask(self, *many), least + more);
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
            let (cost, _) = world.cost(|| request.clone(), 0);
            println!("{method} {target}: {cost} statements");
            assert!(cost <= most, "{method} {target}: {cost} statements, and {most} are allowed");
        }
    }
}
