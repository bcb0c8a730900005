//! A hub with few and many of everything, and the requests for them.

use std::sync::Mutex;

use ballast_tests::{Client, Deployment, Hub, PartUpload, RemoteHub, Repository, Request, lines, sha256, unique};
use serde_json::{Value, json};

use super::{FILES, ROWS};

/// On which hub, how many discussions, where, and the comments of the first.
type TalkedAbout = (String, usize, Repository, Vec<String>);

/// A hub with few and many of everything.
pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) client: Client,
    pub(super) wide: Repository,
    pub(super) narrow: Repository,
    pub(super) dataset: Repository,
    /// Large files that the repository `wide` has: oid and size.
    pub(super) stored: Vec<(String, usize)>,
}

/// A large file's size, which is more than one part.
const LARGE: usize = 3000;
const PART: usize = 1024;

/// Users that belong to 5 and to 30 organisations, an organisation of many, and those that like something.
fn members() -> String {
    let organization = |number: usize| {
        let users: Vec<_> = [5, 30].into_iter().filter(|most| number < *most).collect();
        let member = |most: &usize| format!("{{ user = \"member{most}\", role = \"member\" }}");
        let members: Vec<_> = users.iter().map(member).collect();
        format!("[[bootstrap.organizations]]\nname = \"lab{number}\"\nmembers = [{}]\n", members.join(", "))
    };
    let users: String = [5, 30].map(|most| format!("[[bootstrap.users]]\nname = \"member{most}\"\n")).concat();
    let crowd: Vec<_> = (0..ROWS).map(|number| format!("crowd{number}")).collect();
    let of_crowd = |name: &String| format!("[[bootstrap.users]]\nname = \"{name}\"\n");
    let of_crowd: String = crowd.iter().map(of_crowd).collect();
    let belongs: Vec<_> = crowd.iter().map(|name| format!("{{ user = \"{name}\", role = \"member\" }}")).collect();
    let crowd = format!("[[bootstrap.organizations]]\nname = \"crowd\"\nmembers = [{}]\n", belongs.join(", "));
    users
        + &of_crowd
        + &(0..30).map(organization).collect::<String>()
        + &crowd
        + &(0..ROWS).map(fan).collect::<String>()
}

/// Users that like a repository and ask for access to another.
fn fan(number: usize) -> String {
    let token = format!("{{ name = \"t\", role = \"write\", value = \"token-of-fan{number}\" }}");
    format!("[[bootstrap.users]]\nname = \"fan{number}\"\ntokens = [{token}]\n")
}

fn named(folder: &str, number: usize) -> String {
    format!("{folder}/{number:04}.txt")
}

impl World {
    /// Downloads that are over.
    pub(super) fn with_jobs(&self) -> &Client {
        let there = |limit: usize| self.client.get(format!("/api/jobs?limit={limit}")).send().ok();
        for number in there(1000)["count"].as_u64().unwrap() as usize..ROWS {
            let repo = format!("acme/files{}", if number % 2 == 0 { 5 } else { ROWS });
            let new = json!({ "repo": repo, "excludes": [format!("none{number}")] });
            self.client.post("/api/download").json(&new).send().expect(202);
        }
        while there(1000)["jobs"].as_array().unwrap().iter().any(|job| job["endedAt"].is_null()) {
            std::thread::yield_now();
        }
        &self.client
    }

    /// Imports that are over.
    pub(super) fn with_imports(&self) -> &Client {
        let there = || self.client.get("/api/import?limit=1000").send().ok().as_array().unwrap().clone();
        for number in there().len()..ROWS {
            let new = json!({ "repo": "acme/files5", "target": format!("taken-over-{number}") });
            self.client.post("/api/import").json(&new).send().expect(202);
        }
        while there().iter().any(|import| import["endedAt"].is_null()) {
            std::thread::yield_now();
        }
        &self.client
    }

    /// Where a job of so many files is told of.
    pub(super) fn job(&self, files: usize) -> String {
        let jobs = self.with_jobs().get("/api/jobs").send().ok();
        let of = |job: &&Value| job["progress"]["totalFiles"] == files;
        let job = jobs["jobs"].as_array().unwrap().iter().find(of).expect("a job");
        format!("/api/jobs/{}", job["id"].as_str().unwrap())
    }
}

impl World {
    pub(super) fn new(deployment: Deployment) -> Self {
        let deployment = deployment.config(&members()).set("lfs.multipart_threshold", "2000");
        // Nothing is written behind an answer.
        let deployment = deployment.set("statistics.write_seconds", "3600").set("webhooks.look_seconds", "3600");
        let remote = RemoteHub::start();
        for files in [5, ROWS] {
            let names: Vec<String> = (0..files).map(|number| format!("{number}.txt")).collect();
            let files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), b"x".to_vec())).collect();
            remote.put(&format!("models/acme/files{}", files.len()), &files);
        }
        let deployment = deployment
            .set("downloader.main.plugin", "downloader.huggingface")
            .set("downloader.main.config.endpoint", &remote.endpoint());
        let hub = deployment.set("lfs.part_size", &PART.to_string()).start();
        let admin = hub.admin();
        let (wide, narrow) = (Repository::create(&admin, "admin", false), Repository::create(&admin, "admin", false));
        for number in 0..ROWS {
            let model = Repository::create(&admin, "admin", number % 2 == 0);
            admin.post(model.api("/like")).send().expect(200);
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

    pub(super) fn fill(&mut self) {
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
        self.narrow.client.put(self.narrow.api("/settings")).json(&json!({ "gated": "manual" })).send().expect(200);
        for number in 0..ROWS {
            let fan = self.hub.client().with_token(&format!("token-of-fan{number}"));
            fan.post(self.wide.api("/like")).send().expect(200);
            fan.post(self.narrow.api("/ask-access")).send().expect(200);
        }
        for number in 0..4 {
            self.narrow.add(&format!("{number}.txt"), "x");
            self.narrow.client.post(self.narrow.api(&format!("/branch/b{number}"))).send().expect(200);
        }
    }

    /// A repository with so many discussions, asked for all of them.
    pub(super) fn discussions(&self, rows: usize) -> Request {
        let (at, _) = self.talked_about(rows);
        at.client.get(at.api("/discussions"))
    }

    /// A repository with as many discussions as the first of them has comments, each edited; and that one's comments.
    pub(super) fn talked_about(&self, rows: usize) -> (Repository, Vec<String>) {
        static MADE: Mutex<Vec<TalkedAbout>> = Mutex::new(vec![]);
        let mut made = MADE.lock().unwrap();
        let hub = self.client.base();
        if let Some((_, _, at, comments)) = made.iter().find(|(base, count, ..)| (base, *count) == (&hub, rows)) {
            return (at.clone(), comments.clone());
        }
        let at = Repository::create(&self.client, "admin", false);
        let post =
            |rest: &str, body: Value| at.client.post(at.api(&format!("/discussions{rest}"))).json(&body).send().ok();
        let comments = (0..rows).map(|number| {
            post("", json!({ "title": format!("{number}"), "description": "x" }));
            let said = post("/1/comment", json!({ "comment": "one" }))["newMessage"]["id"].as_str().unwrap().to_owned();
            post(&format!("/1/comment/{said}/edit"), json!({ "content": "two" }));
            said
        });
        let comments: Vec<String> = comments.collect();
        made.push((hub, rows, at.clone(), comments.clone()));
        (at, comments)
    }

    /// Something done in a discussion with so many comments, which is left as it was but for one more thing.
    pub(super) fn talk(&self, rows: usize, verb: &str) -> Request {
        let (at, comments) = self.talked_about(rows);
        let post = |rest: &str, body: Value| at.client.post(at.api(&format!("/discussions/{rest}"))).json(&body);
        match verb {
            "comment" => post("1/comment", json!({ "comment": unique("said") })),
            "title" => post("1/title", json!({ "title": unique("title") })),
            "status" => {
                let is_open = at.client.get(at.api("/discussions/1")).send().ok()["status"] == "open";
                post("1/status", json!({ "status": if is_open { "closed" } else { "open" } }))
            }
            "edit" => post(&format!("1/comment/{}/edit", comments[0]), json!({ "content": unique("text") })),
            "hide" => {
                let said = post("1/comment", json!({ "comment": "x" })).send().ok()["newMessage"]["id"].clone();
                post(&format!("1/comment/{}/hide", said.as_str().unwrap()), json!({}))
            }
            _ => at.client.get(at.api("/discussions/1")),
        }
    }

    /// A pull request of so many commits, each with a file of its own, asked for with its difference.
    pub(super) fn proposal(&self, rows: usize) -> Request {
        static MADE: Mutex<Vec<(String, usize, Repository)>> = Mutex::new(vec![]);
        let mut made = MADE.lock().unwrap();
        let hub = self.client.base();
        let known = made.iter().find(|(base, count, _)| (base, *count) == (&hub, rows)).map(|(_, _, at)| at.clone());
        let at = known.unwrap_or_else(|| {
            let at = Repository::create(&self.client, "admin", false);
            let new = json!({ "title": "t", "pullRequest": true });
            at.client.post(at.api("/discussions")).json(&new).send().expect(200);
            for number in 0..rows {
                let path = named("proposed", number);
                at.commit_on("refs/pr/1", &[lines::file(&path, &path)]).expect(200);
            }
            made.push((hub, rows, at.clone()));
            at
        });
        at.client.get(at.api("/discussions/1?diff=1"))
    }

    pub(super) fn suffixes(&self, suffixes: usize) -> Request {
        let suffixes: Vec<String> = (0..suffixes).map(|number| format!(".s{number}")).collect();
        self.wide("PUT", "/settings").json(&json!({ "lfs_suffix_rules": suffixes }))
    }

    pub(super) fn get(&self, target: &str) -> Request {
        self.client.get(target)
    }

    pub(super) fn member(&self, organizations: usize) -> Client {
        let name = format!("member{organizations}");
        self.hub.client().with_token(&self.hub.token(&name, "read"))
    }

    pub(super) fn wide(&self, method: &str, rest: &str) -> Request {
        self.client.request(method, self.wide.api(rest))
    }

    /// Somebody with at least so many SSH keys.
    pub(super) fn with_keys(&self, keys: usize) -> Client {
        use base64::Engine as _;
        let has = self.get("/api/user/keys").send().ok().as_array().map_or(0, Vec::len);
        for number in has..keys {
            let half = sha256(format!("key {number}"));
            let bytes: Vec<u8> = half.as_bytes()[..32].to_vec();
            let parts = [b"ssh-ed25519".to_vec(), bytes];
            let length = |part: &[u8]| u32::try_from(part.len()).unwrap().to_be_bytes();
            let blob: Vec<u8> = parts.iter().flat_map(|part| [&length(part)[..], part].concat()).collect();
            let line = format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(blob));
            self.client.post("/api/user/keys").json(&json!({ "title": "t", "key": line })).send().expect(200);
        }
        self.client.clone()
    }

    /// Somebody who sees at least so many invitations into an organisation.
    pub(super) fn with_invitations(&self, invitations: usize) -> Client {
        let target = "/api/invitations/org/crowd";
        let has = self.get(&format!("{target}/list")).send().ok()["invitations"].as_array().map_or(0, Vec::len);
        for _ in has..invitations {
            self.client.post(format!("{target}/create")).json(&json!({ "role": "member" })).send().expect(200);
        }
        self.client.clone()
    }

    /// A token for so many repositories.
    pub(super) fn scoped_token(&self, repositories: usize) -> Request {
        let listed = self.get(&format!("/api/models?author=admin&limit={repositories}")).send().ok();
        let ids: Vec<&Value> = listed.as_array().expect("models").iter().map(|model| &model["id"]).collect();
        assert_eq!(ids.len(), repositories);
        self.client.post("/api/auth/tokens/create").json(&json!({ "name": "scoped", "repositories": ids }))
    }

    /// Somebody with at least so many collections.
    pub(super) fn with_collections(&self, collections: usize) -> Client {
        let client = self.hub.client().with_token("token-of-fan0");
        let has = client.get("/api/collections?owner=fan0").send().ok().as_array().map_or(0, Vec::len);
        for _ in has..collections {
            client.post("/api/collections").json(&json!({ "title": unique("title") })).send().expect(200);
        }
        client
    }

    /// The names of so many models.
    pub(super) fn models(&self, count: usize) -> Vec<String> {
        let list = self.get(&format!("/api/models?author=admin&sort=createdAt&direction=1&limit={count}")).send().ok();
        list.as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Where the collection of so many items is.
    pub(super) fn collection(&self, items: usize) -> String {
        let made = self.client.post("/api/collections").json(&json!({ "title": format!("of {items}") })).send();
        let address = format!("/api/collections/{}", made.json()["slug"].as_str().unwrap());
        if made.status == 200 {
            for id in self.models(items) {
                let item = json!({ "item": { "id": id, "type": "model" } });
                self.client.post(format!("{address}/items")).json(&item).send().expect(200);
            }
        }
        address
    }

    /// Puts into a collection what was taken out of it before.
    pub(super) fn add_again(&self, items: usize) -> Request {
        let address = self.collection(items);
        let full = self.client.get(&address).send().ok();
        let item = &full["items"][0];
        self.client.delete(format!("{address}/items/{}", item["_id"].as_str().unwrap())).send().expect(200);
        let item = json!({ "item": { "id": item["id"], "type": "model" } });
        self.client.post(format!("{address}/items")).json(&item)
    }

    /// A webhook that watches so many models and whose address is nobody's.
    pub(super) fn wish(&self, watched: usize) -> Value {
        let watched: Vec<Value> =
            self.models(watched).into_iter().map(|id| json!({ "type": "model", "name": id })).collect();
        json!({ "url": "http://localhost:9/hook", "watched": watched, "secret": format!("of-{}", watched.len()) })
    }

    /// Where a webhook is that watches so many.
    pub(super) fn webhook(&self, watched: usize) -> String {
        let secret = format!("of-{watched}");
        let found = self.get("/api/settings/webhooks").send().ok();
        let there = found.as_array().unwrap().iter().find(|webhook| webhook["secret"] == secret).cloned();
        let made =
            || self.client.post("/api/settings/webhooks").json(&self.wish(watched)).send().ok()["webhook"].clone();
        format!("/api/settings/webhooks/{}", there.unwrap_or_else(made)["id"].as_str().unwrap())
    }

    /// Somebody with so many webhooks.
    pub(super) fn with_webhooks(&self, webhooks: usize) -> Client {
        let client = self.hub.client().with_token(&format!("token-of-fan{}", usize::from(webhooks > 5)));
        let has = client.get("/api/settings/webhooks").send().ok().as_array().map_or(0, Vec::len);
        for _ in has..webhooks {
            client.post("/api/settings/webhooks").json(&self.wish(1)).send().expect(200);
        }
        client
    }

    pub(super) fn lend(&self, files: usize) -> Request {
        let files: Vec<Value> = self.stored.iter().take(files).map(|(oid, _)| json!({ "sha256": oid })).collect();
        let target = json!({ "type": "model", "name": self.narrow.id });
        let body = json!({ "target": target, "files": files });
        self.client.post(self.wide.api("/lfs-files/duplicate")).json(&body)
    }

    /// Deletes so many large files of a repository that has no others.
    pub(super) fn purge(&self, files: usize) -> Request {
        let repository = Repository::create(&self.client, "admin", false);
        let texts: Vec<String> = (0..files).map(|number| format!("{} {number}", repository.id)).collect();
        let oids: Vec<String> = texts.iter().map(|text| repository.upload(text.as_bytes())).collect();
        let line = |(oid, text): (&String, &String)| lines::large_file(&format!("{oid}.bin"), oid, text.len());
        let operations: Vec<Value> = oids.iter().zip(&texts).map(line).collect();
        repository.commit(&operations).expect(200);
        let body = json!({ "deletions": { "sha": oids } });
        self.client.post(repository.api("/lfs-files/batch")).json(&body)
    }

    /// Somebody with at least so many tokens.
    pub(super) fn with_tokens(&self, tokens: usize) -> Client {
        let client = self.hub.client().with_token(&self.hub.token("member5", "admin"));
        let has = client.get("/api/auth/tokens").send().ok()["tokens"].as_array().map_or(0, Vec::len);
        for number in has..tokens {
            let new = json!({ "name": format!("t{number}"), "repositories": [self.wide.id] });
            client.post("/api/auth/tokens/create").json(&new).send().expect(200);
        }
        client
    }

    /// The locks of the wide repository.
    pub(super) fn locks(&self, rest: &str) -> String {
        format!("/models/{}/info/lfs/locks{rest}", self.wide.id)
    }

    /// Somebody who has at least so many locks.
    pub(super) fn with_locks(&self, locks: usize) -> &Client {
        let has = self.get(&self.locks("?limit=1000")).send().ok()["locks"].as_array().map_or(0, Vec::len);
        for number in has..locks {
            self.client.post(self.locks("")).json(&json!({ "path": format!("locked/{number}") })).send().expect(201);
        }
        &self.client
    }

    /// An administrator, where somebody has at least so many sessions.
    pub(super) fn with_sessions(&self, sessions: usize) -> Client {
        let target = "/api/admin/users/member30";
        let has = self.get(&format!("{target}/sessions")).send().ok()["sessions"].as_array().map_or(0, Vec::len);
        if has < sessions {
            let password = json!({ "password": "correct horse" });
            self.client.post(format!("{target}/password")).json(&password).send().expect(200);
            let login = json!({ "username": "member30", "password": "correct horse" });
            for _ in 0..sessions {
                self.client.anonymous().post("/api/auth/login").json(&login).send().expect(200);
            }
        }
        self.client.clone()
    }

    /// Of the repository with five of everything, or the other.
    pub(super) fn sized(&self, rows: usize, rest: &str) -> Request {
        let repository = if rows == 5 { &self.narrow } else { &self.wide };
        self.client.get(repository.api(rest))
    }

    pub(super) fn paths_info(&self, folder: &str, rows: usize, expand: bool) -> Request {
        let paths: Vec<String> = (0..rows).map(|number| named(folder, number)).collect();
        self.wide("POST", "/paths-info/main").json(&json!({ "paths": paths, "expand": expand }))
    }

    pub(super) fn preupload(&self, folder: &str, rows: usize) -> Request {
        let file = |number| json!({ "path": named(folder, number), "size": 12, "sample": "" });
        let files: Vec<Value> = (0..rows).map(file).collect();
        self.wide("POST", "/preupload/main").json(&json!({ "files": files }))
    }

    pub(super) fn new_objects(&self, rows: usize) -> Vec<(String, usize)> {
        (0..rows).map(|_| (sha256(unique("object")), LARGE)).collect()
    }

    pub(super) fn batch(
        &self,
        kinds: &str,
        operation: &str,
        objects: &[(String, usize)],
        transfers: &[&str],
    ) -> Request {
        let repository = if kinds == "datasets" { &self.dataset } else { &self.wide };
        let objects: Vec<Value> = objects.iter().map(|(oid, size)| json!({ "oid": oid, "size": size })).collect();
        let asked = json!({ "operation": operation, "transfers": transfers, "objects": objects });
        self.client.post(repository.page(".git/info/lfs/objects/batch")).json(&asked)
    }

    /// A large file that is uploaded and stands in no commit.
    pub(super) fn large_file(&self) -> (String, usize) {
        let mut bytes = unique("large").into_bytes();
        bytes.resize(LARGE, b'.');
        (self.wide.upload(&bytes), LARGE)
    }

    pub(super) fn large_files(&self, rows: usize) -> Vec<Value> {
        let file = |_| {
            let (oid, size) = self.large_file();
            lines::large_file(&unique("large/new"), &oid, size)
        };
        (0..rows).map(file).collect()
    }

    pub(super) fn new_files(&self, rows: usize, folder: &str) -> Vec<Value> {
        (0..rows).map(|_| lines::file(&unique(&format!("{folder}/f")), unique("text"))).collect()
    }

    pub(super) fn new_folders(&self, rows: usize) -> Vec<Value> {
        (0..rows).map(|_| lines::file(&format!("{}/a/b.txt", unique("folder")), unique("text"))).collect()
    }

    pub(super) fn commit(&self, operations: Vec<Value>) -> Request {
        let all: Vec<Value> = [lines::header("a test")].into_iter().chain(operations).collect();
        self.wide.committing("main").lines(&all)
    }

    pub(super) fn difference(&self, rows: usize) -> Request {
        let made = self.commit(self.new_files(rows, "differs")).send().ok();
        let id = made["commitOid"].as_str().expect("a commit");
        self.client.get(self.wide.api(&format!("/commit/{id}/diff?limit=1000")))
    }

    pub(super) fn deletes(&self, rows: usize) -> Request {
        let files = self.new_files(rows, "gone");
        self.wide.commit(&files).expect(200);
        let delete = |file: &Value| lines::deleted_file(file["value"]["path"].as_str().expect("a path"));
        self.commit(files.iter().map(delete).collect())
    }

    pub(super) fn copies(&self, rows: usize) -> Request {
        self.commit((0..rows).map(|number| lines::copy(&named("dir", number), &unique("copies/f"))).collect())
    }

    /// The end of an upload of which all parts are there.
    pub(super) fn complete(&self, parts: usize) -> Request {
        let mut bytes = unique("parts").into_bytes();
        bytes.resize(PART * parts, b'.');
        let upload = PartUpload::begin(&self.wide, bytes);
        let sent: Vec<Value> = (1..=parts).map(|number| upload.send_right(number)).collect();
        upload.completing(&sent)
    }
}
