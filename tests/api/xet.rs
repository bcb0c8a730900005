//! Xet as it is on the wire: tokens, and what is refused.

use ballast_testkit::XetUpload;
use ballast_tests::{Answer, Client, Deployment, Hub, Repository, lines, sha256};
use bytes::Bytes;
use serde_json::Value;

/// Bytes that do not repeat within a file, and differ by their number.
pub fn noise(length: usize, number: u64) -> Bytes {
    let random = ballast_tests::Random::new(number);
    (0..length).map(|_| random.below(256) as u8).collect()
}

/// Somebody with a token of Xet.
pub struct Session {
    pub client: Client,
}

impl Session {
    #[track_caller]
    pub fn to_write(repository: &Repository) -> Self {
        Self::with(repository, "xet-write-token")
    }

    #[track_caller]
    fn to_read(repository: &Repository) -> Self {
        Self::with(repository, "xet-read-token")
    }

    #[track_caller]
    fn with(repository: &Repository, what: &str) -> Self {
        let access = repository.client.get(repository.api(&format!("/{what}/main"))).send().ok();
        assert_eq!(access["casUrl"], format!("{}/xet", repository.client.base()));
        Self { client: repository.client.with_token(access["accessToken"].as_str().unwrap()) }
    }

    pub fn send_xorb(&self, name: impl std::fmt::Display, body: &[u8]) -> Answer {
        self.client.post(format!("/xet/v1/xorbs/default/{name}")).body(body).send()
    }

    pub fn send_shard(&self, shard: &[u8]) -> Answer {
        self.client.post("/xet/v1/shards").body(shard).send()
    }

    fn reconstruct(&self, upload: &XetUpload) -> Answer {
        self.client.get(format!("/xet/v1/reconstructions/{}", upload.file.file)).send()
    }

    /// Everything that a client sends before it commits.
    #[track_caller]
    fn upload(&self, upload: &XetUpload) {
        self.send_xorb(upload.xorb, &upload.stored).expect(200);
        self.send_shard(&upload.shard()).expect(200);
    }
}

#[track_caller]
pub fn committed(repository: &Repository, path: &str, upload: &XetUpload) {
    Session::to_write(repository).upload(upload);
    let line = lines::large_file(path, &sha256(&upload.bytes), upload.bytes.len());
    repository.commit(&[line]).expect(200);
}

/// How much lies in storage.
fn objects(hub: &Hub) -> usize {
    fn below(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| if entry.path().is_dir() { below(&entry.path()) } else { 1 }).sum()
    }
    below(&hub.deployment.storage())
}

#[test]
fn a_token_is_told_in_the_body_and_in_headers() {
    let hub = Hub::shared();
    let repository = hub.model();
    let answer = repository.client.get(repository.api("/xet-write-token/main")).send();
    let (body, header) = (answer.json(), |name: &str| answer.header(name).unwrap().to_owned());
    assert_eq!(header("x-xet-cas-url"), body["casUrl"].as_str().unwrap());
    assert_eq!(header("x-xet-access-token"), body["accessToken"].as_str().unwrap());
    assert_eq!(header("x-xet-token-expiration"), body["exp"].to_string());
    repository.client.get(repository.api("/xet-write-token/None?create_pr=1")).send().expect(200);
    repository.client.get(repository.api("/xet-write-token/nowhere")).send().refused(404, "RevisionNotFound");
    repository.client.get(repository.api("/xet-read-token/nowhere")).send().refused(404, "RevisionNotFound");
}

#[test]
fn who_may_not_write_gets_no_token_to_write_and_who_may_not_read_none_at_all() {
    let hub = Hub::shared();
    let (open, closed) = (hub.model(), hub.private_model());
    let (_, stranger) = hub.user("write");
    let get = |client: &Client, repository: &Repository, what: &str| client.get(repository.api(what)).send();
    get(&stranger, &open, "/xet-read-token/main").expect(200);
    get(&stranger, &open, "/xet-write-token/main").expect(403);
    get(&stranger, &closed, "/xet-read-token/main").refused(404, "RepoNotFound");
    get(&stranger, &closed, "/xet-write-token/main").refused(404, "RepoNotFound");
    get(&hub.client(), &open, "/xet-read-token/main").expect(200);
    get(&hub.client(), &open, "/xet-write-token/main").expect(401);
}

#[test]
fn without_a_token_of_xet_nothing_is_taken_and_nothing_told() {
    let hub = Hub::shared();
    let repository = hub.model();
    let upload = XetUpload::of(&noise(50_000, 11));
    committed(&repository, "a.bin", &upload);
    for client in [hub.client(), repository.client.clone(), repository.client.with_token("a.b")] {
        let session = Session { client };
        session.send_xorb(upload.xorb, &upload.stored).expect(401);
        session.send_shard(&upload.shard()).expect(401);
        session.reconstruct(&upload).expect(401);
    }
    let reader = Session::to_read(&repository);
    reader.reconstruct(&upload).expect(200);
    reader.send_xorb(upload.xorb, &upload.stored).expect(403);
    reader.send_shard(&upload.shard()).expect(403);
}

#[test]
fn a_token_of_xet_ends_with_the_token_that_it_was_made_from() {
    let hub = Hub::shared();
    let (name, client) = hub.user("write");
    let repository = Repository::create(&client, &name, false);
    let session = Session::to_write(&repository);
    let upload = XetUpload::of(&noise(50_000, 12));
    session.send_xorb(upload.xorb, &upload.stored).expect(200);
    let listed = hub.deployment.run(["token", "list", &name]).ok();
    let id = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    hub.deployment.run(["token", "revoke", &name, &id]).ok();
    let begun = std::time::Instant::now();
    while session.send_shard(&upload.shard()).status != 401 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "it is still good");
    }
}

#[test]
fn a_file_of_another_repository_is_not_told_of() {
    let hub = Hub::shared();
    let (secret, open) = (hub.private_model(), hub.model());
    let upload = XetUpload::of(&noise(50_000, 13));
    committed(&secret, "a.bin", &upload);
    Session::to_read(&secret).reconstruct(&upload).expect(200);
    Session::to_read(&open).reconstruct(&upload).refused(404, "NotFound");
    let (_, stranger) = hub.user("write");
    Session::to_read(&open.seen_by(&stranger)).reconstruct(&upload).refused(404, "NotFound");
}

#[test]
fn an_address_of_bytes_opens_these_bytes_and_no_others() {
    let hub = Hub::shared();
    let repository = hub.model();
    let upload = XetUpload::of(&noise(400_000, 14));
    committed(&repository, "a.bin", &upload);
    let reader = Session::to_read(&repository);
    let part = reader
        .client
        .get(format!("/xet/v1/reconstructions/{}", upload.file.file))
        .header("Range", "bytes=200000-200000");
    let fetch: Value = part.send().ok()["fetch_info"][upload.xorb.to_string()][0].clone();
    let (first, last) = (fetch["url_range"]["start"].as_u64().unwrap(), fetch["url_range"]["end"].as_u64().unwrap());
    let target = hub.client().target(fetch["url"].as_str().unwrap()).to_owned();
    let get = |range: String| hub.client().get(&target).header("Range", range).send();
    assert_eq!(get(format!("bytes={first}-{last}")).expect(206).body, upload.stored[first as usize..=last as usize]);
    get(format!("bytes={}-{last}", first - 1)).expect(403);
    get(format!("bytes={first}-{last}")).expect(206);
    hub.client().get(&target).send().expect(403);
    let forged = target.replace("ticket=", "ticket=x");
    hub.client().get(&forged).header("Range", format!("bytes={first}-{last}")).send().expect(403);
}

#[test]
fn a_xorb_that_is_not_what_it_says_is_refused_and_leaves_nothing() {
    let hub = Deployment::new().start();
    let repository = hub.model();
    let before = objects(&hub);
    let session = Session::to_write(&repository);
    let upload = XetUpload::of(&noise(200_000, 15));
    for cut in [0, 1, 8, 9, 100_000, upload.stored.len() - 1] {
        session.send_xorb(upload.xorb, &upload.stored[..cut]).refused(400, "BadRequest");
    }
    let other = XetUpload::of(&noise(200_000, 16));
    let why = session.send_xorb(upload.xorb, &other.stored).refused(400, "BadRequest");
    assert!(why.contains(&other.xorb.to_string()), "{why}");
    session.send_xorb("xyz", &upload.stored).refused(400, "BadRequest");
    // 128 KiB of zeros in 500 bytes are a chunk; what says 16 MiB is none.
    let mut bomb = XetUpload::of(&Bytes::from(vec![0; 131_072])).stored.to_vec();
    bomb[5..8].copy_from_slice(&[0xff; 3]);
    session.send_xorb(upload.xorb, &bomb).refused(400, "BadRequest");
    assert_eq!(objects(&hub), before);
}

#[test]
fn a_shard_that_is_none_or_not_true_is_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    let session = Session::to_write(&repository);
    let upload = XetUpload::of(&noise(200_000, 17));
    let why = session.send_shard(&upload.shard()).refused(400, "BadRequest");
    assert!(why.contains(&upload.xorb.to_string()), "its xorb is not here: {why}");
    session.send_xorb(upload.xorb, &upload.stored).expect(200);
    let shard = upload.shard();
    for cut in [0, 1, 47, 48, 100, shard.len() - 1] {
        session.send_shard(&shard[..cut]).refused(400, "BadRequest");
    }
    for at in [0, 50, 80, 100, 134, 138, 142, 150, 200] {
        let mut flipped = shard.clone();
        flipped[at] ^= 1;
        session.send_shard(&flipped).refused(400, "BadRequest");
    }
    session.send_shard(&shard).expect(200);
    assert_eq!(session.send_shard(&shard).ok()["result"], 0, "all of it is known by now");
}

#[test]
fn a_shard_is_answered_line_by_line_and_a_mistake_in_it_too() {
    let hub = Hub::shared();
    let repository = hub.model();
    let session = Session::to_write(&repository);
    let upload = XetUpload::of(&noise(200_000, 18));
    let send = |shard: Vec<u8>| session.client.post("/xet/v2/shards").body(shard).send();
    let last =
        |answer: Answer| -> Value { serde_json::from_str(answer.expect(200).text().lines().last().unwrap()).unwrap() };
    let told = last(send(upload.shard()));
    assert_eq!((&told["type"], &told["retryable"]), (&"error".into(), &false.into()), "{told}");
    session.send_xorb(upload.xorb, &upload.stored).expect(200);
    assert_eq!(last(send(upload.shard())), serde_json::json!({ "type": "result" }));
    send(b"no shard".to_vec()).refused(400, "BadRequest");
}

#[test]
fn a_range_behind_the_end_is_told_from_a_file_that_is_not_there() {
    let hub = Hub::shared();
    let repository = hub.model();
    let upload = XetUpload::of(&noise(50_000, 19));
    committed(&repository, "a.bin", &upload);
    let reader = Session::to_read(&repository);
    for version in ["v1", "v2"] {
        let ask = |range: &str| {
            let address = format!("/xet/{version}/reconstructions/{}", upload.file.file);
            reader.client.get(address).header("Range", range).send()
        };
        ask("bytes=49999-60000").expect(200);
        ask("bytes=50000-").refused(416, "RangeNotSatisfiable");
        let absent = format!("/xet/{version}/reconstructions/{}", "ab".repeat(32));
        reader.client.get(absent).send().refused(404, "NotFound");
    }
    for address in ["/xet/v9/anything", "/xet/v1/unknown"] {
        reader.client.post(address).send().refused(404, "NotFound");
    }
    hub.client().post("/v1/telemetry").body("{}").send().expect(200);
}

#[test]
fn what_comes_by_xet_counts_as_what_it_is_and_no_more_than_there_is_room_for() {
    let deployment = Deployment::new().set("quota.main.plugin", "quota.ledger");
    let hub = deployment.set("quota.main.config.default_private_bytes", "300000").start();
    let repository = hub.private_model();
    let session = Session::to_write(&repository);
    let large = XetUpload::of(&noise(400_000, 20));
    session.send_xorb(large.xorb, &large.stored).refused(413, "QuotaExceeded");
    let fitting = XetUpload::of(&noise(250_000, 21));
    committed(&repository, "a.bin", &fitting);
    // Sent again under another name it takes no more room.
    committed(&repository, "b.bin", &fitting);
    let twice = fitting.rearranged(&[0..fitting.chunks.len() as u32, 0..fitting.chunks.len() as u32]);
    session.send_shard(&twice.shard()).refused(413, "QuotaExceeded");
}

#[test]
fn what_deduplication_saves_is_told_on_the_command_line() {
    let hub = Deployment::new().start();
    let repository = hub.model();
    let upload = XetUpload::of(&noise(1_000_000, 30));
    let count = upload.chunks.len() as u32;
    committed(&repository, "a.bin", &upload);
    let turned = upload.rearranged(&[count / 2..count, 0..count / 2]);
    committed(&repository, "b.bin", &turned);
    let stats: Value = serde_json::from_str(&hub.deployment.run(["storage", "stats", "--json"]).ok()).unwrap();
    let xet = |field: &str| stats["xet"][field].as_u64().unwrap();
    assert_eq!((xet("files"), xet("file_bytes"), xet("xorbs")), (2, 2_000_000, 1), "{stats}");
    assert_eq!((xet("raw_bytes"), xet("stored_bytes")), (1_000_000, upload.stored.len() as u64));
    assert!(stats["logical_bytes"].as_u64().unwrap() >= 2_000_000);
    assert!(stats["stored_bytes"].as_u64().unwrap() < 1_100_000);
    let held = &stats["held"][0];
    assert_eq!((held["namespace"].as_str(), held["kind"].as_str()), (Some("admin"), Some("model")), "{stats}");
    let of_namespace = |field: &str| held[field].as_u64().unwrap();
    assert!((1_000_000..1_001_000).contains(&of_namespace("saved_by_deduplication")), "{stats}");
    assert!((1_000_000..1_010_000).contains(&of_namespace("stored_bytes")), "{stats}");
    let shown = hub.deployment.run(["storage", "stats"]).ok();
    assert!(shown.contains("deduplication leaves 50 % of them"), "{shown}");
}

#[test]
fn who_asks_for_the_facts_of_a_file_in_chunks_gets_them_and_not_its_bytes() {
    let hub = Hub::shared();
    let repository = hub.private_model();
    let upload = XetUpload::of(&noise(300_000, 33));
    committed(&repository, "a.bin", &upload);
    repository.add_large("b.bin", b"not in chunks");
    let ask = |path: &str, accept: &str| {
        let request = repository.client.get(repository.resolve(path)).header("range", "bytes=0-0");
        request.header("accept", accept).send()
    };
    let facts = "application/vnd.xet-fileinfo+json, */*";
    let answer = ask("a.bin", facts).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/vnd.xet-fileinfo+json"));
    assert_eq!(answer.header("x-linked-size"), Some("300000"));
    assert_eq!(answer.header("vary"), Some("Accept"));
    assert_eq!(answer.header("x-xet-hash"), answer.json()["xetHash"].as_str());
    assert!(answer.header("link").unwrap().contains("rel=\"xet-auth\""));
    assert_eq!(ask("a.bin", "*/*").expect(206).body, upload.bytes[..1]);
    assert_eq!(ask("b.bin", facts).expect(206).body, b"n");
}

fn xet_files(deployment: &Deployment) -> u64 {
    let stats: Value = serde_json::from_str(&deployment.run(["storage", "stats", "--json"]).ok()).unwrap();
    stats["xet"]["files"].as_u64().unwrap()
}

#[test]
fn what_came_by_lfs_is_cut_by_a_command_and_reads_the_same() {
    let hub = Deployment::new().start();
    let repository = hub.private_model();
    let bytes = noise(2_000_000, 40);
    repository.add_large("a.bin", &bytes);
    let read =
        |range: &str| repository.client.get(repository.resolve("a.bin")).header("range", range).send().expect(206).body;
    assert_eq!(read("bytes=5-9"), bytes[5..10]);
    let said = hub.deployment.run(["storage", "chunk"]).ok();
    assert!(said.starts_with("1 files lie in chunks now"), "{said}");
    assert!(hub.deployment.run(["storage", "chunk"]).ok().starts_with("0 files"));
    assert_eq!(xet_files(&hub.deployment), 1);
    assert_eq!(objects(&hub), 3, "the piece, the xorb, and the small files of the first commit");
    let explained = hub.deployment.run(["gc", "explain", &sha256(&bytes)]).ok();
    assert!(explained.contains("set aside at"), "{explained}");

    hub.deployment.run(["gc", "run", "--grace", "0s", "--shorten-grace"]).ok();
    assert_eq!(objects(&hub), 2);
    assert_eq!(repository.read("a.bin"), bytes);
    assert_eq!(read("bytes=1000000-1999998"), bytes[1_000_000..1_999_999]);
    let verified = hub.deployment.run(["storage", "verify"]).ok();
    assert!(verified.contains("everything is there and as it was stored"), "{verified}");
}

#[test]
fn a_hub_that_is_told_to_cuts_by_itself_what_came_by_lfs() {
    let deployment = Deployment::new();
    let hub = deployment.start();
    let (mine, other) = (hub.model(), hub.model());
    let bytes = noise(1_000_000, 41);
    mine.add_large("a.bin", &bytes);
    other.add_large("b.bin", &[&bytes[..], b"and more"].concat());
    hub.stop();
    let hub = deployment.set("xet.chunk_uploads", "true").start();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while xet_files(&hub.deployment) < 2 {
        assert!(std::time::Instant::now() < deadline, "nothing was cut");
    }
    let mine = mine.seen_by(&hub.admin());
    assert!(mine.client.head(mine.resolve("a.bin")).send().expect(200).header("x-xet-hash").is_some());
    assert_eq!(mine.read("a.bin"), bytes);
}

/// The one object below a folder of the storage.
fn only_file(folder: &std::path::Path) -> std::path::PathBuf {
    let mut entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (only, more) = (entries.next().unwrap(), entries.next());
    assert_eq!(more, None);
    if only.is_dir() { only_file(&only) } else { only }
}

#[test]
fn a_damaged_xorb_is_told_with_the_repositories_whose_files_lie_in_it() {
    let hub = Deployment::new().start();
    let (one, other) = (hub.model(), hub.private_model());
    let upload = XetUpload::of(&noise(300_000, 42));
    committed(&one, "a.bin", &upload);
    committed(&other, "b.bin", &upload);
    let xorb = only_file(&hub.deployment.storage().join("xorbs"));
    let mut bytes = std::fs::read(&xorb).unwrap();
    bytes[150_000] ^= 1;
    std::fs::write(&xorb, bytes).unwrap();
    let said = hub.deployment.run(["storage", "verify", "--json"]).ended(1);
    let finding: Value = serde_json::from_str(said.output.lines().next().unwrap()).unwrap();
    assert_eq!(finding["subject"], sha256(&upload.stored), "{finding}");
    let whose = finding["repositories"].as_array().unwrap();
    assert_eq!(whose.len(), 2, "{finding}");
    let explained = hub.deployment.run(["gc", "explain", &sha256(&upload.stored)]).ok();
    assert!(explained.contains("these files are held by"), "{explained}");
}

#[test]
fn why_a_xorb_stays_is_told_on_the_command_line() {
    let hub = Deployment::new().start();
    let repository = hub.model();
    let upload = XetUpload::of(&noise(100_000, 31));
    committed(&repository, "a.bin", &upload);
    let explain = |digest: String| hub.deployment.run(["gc", "explain", &digest]).ok();
    let file = explain(sha256(&upload.bytes));
    assert!(file.contains("lies as chunks of 1 xorbs") && file.contains("kept: a history names it"), "{file}");
    let xorb = explain(sha256(&upload.stored));
    assert!(
        xorb.contains(&upload.xorb.to_string()) && xorb.contains("files that are kept have chunks in it"),
        "{xorb}"
    );
    let idle = XetUpload::of(&noise(100_000, 32));
    Session::to_write(&repository).send_xorb(idle.xorb, &idle.stored).expect(200);
    assert!(explain(sha256(&idle.stored)).contains("leased until"));
}
