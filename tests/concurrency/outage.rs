//! Two hubs on one PostgreSQL and one bucket, and each of the four goes away under load: requests fail with a 503 and
//! nothing else, what was acknowledged stays, and all goes on by itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, iter};

use ballast_tests::bucket::{Bucket, Provider};
use ballast_tests::{Answer, Client, Deployment, Hub, PostgresServer, Repository, Session, lines, sha256};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

/// Writers, each with a repository of its own.
const WRITERS: usize = 4;

/// Who writes, where, and how often it was acknowledged.
struct Load {
    nodes: Mutex<Vec<Client>>,
    repositories: Vec<Repository>,
    acknowledged: Vec<AtomicUsize>,
    done: AtomicBool,
}

/// A path and its bytes.
type File = (String, Vec<u8>);

impl Load {
    fn nodes(&self) -> Vec<Client> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_nodes(&self, nodes: Vec<Client>) {
        *self.nodes.lock().unwrap_or_else(PoisonError::into_inner) = nodes;
    }

    /// Commits at one node after the other until everything is over; what was acknowledged.
    fn write(&self, number: usize) -> Vec<File> {
        let mut kept = vec![];
        for n in 0.. {
            if self.done.load(Ordering::SeqCst) {
                break;
            }
            let nodes = self.nodes();
            let repository = self.repositories[number].seen_by(&nodes[n % nodes.len()]);
            let small = (format!("s{n}.txt"), format!("small {n} of {number}").into_bytes());
            let large = (format!("l{n}.bin"), format!("large {n} of {number}").repeat(500).into_bytes());
            // A node that is gone answers nothing: nobody knows what became of it then.
            if commit(&repository, &small, &large).unwrap_or(false) {
                kept.extend([small, large]);
                self.acknowledged[number].fetch_add(1, Ordering::SeqCst);
            }
        }
        kept
    }

    /// Until every writer was acknowledged once more than now.
    fn goes_on(&self, what: &str) {
        let counts = || self.acknowledged.iter().map(|count| count.load(Ordering::SeqCst)).collect::<Vec<_>>();
        let (before, begun) = (counts(), Instant::now());
        while iter::zip(&before, counts()).any(|(before, now)| now < before + 2) {
            assert!(begun.elapsed() < LIMIT, "{what}: nobody commits any more");
            std::thread::yield_now();
        }
    }

    /// Until every node refuses what this asks.
    fn is_refused(&self, ask: impl Fn(&Repository) -> u16) {
        for node in self.nodes() {
            let (repository, begun) = (self.repositories[0].seen_by(&node), Instant::now());
            while ask(&repository) != 503 {
                assert!(begun.elapsed() < LIMIT, "nobody is refused");
            }
        }
    }
}

/// Uploads a file and commits it with another one; whether that was acknowledged.
fn commit(repository: &Repository, small: &File, large: &File) -> io::Result<bool> {
    let mut session = Session::new(&repository.client);
    let oid = sha256(&large.1);
    let objects = json!([{ "oid": oid, "size": large.1.len() }]);
    let asked = json!({ "operation": "upload", "transfers": ["basic"], "objects": objects });
    let batch = repository.client.post(repository.page(".git/info/lfs/objects/batch"));
    let batch = batch.header("Content-Type", "application/vnd.git-lfs+json").body(asked.to_string());
    let answer = session.send(&batch)?;
    if !is_done(&answer) {
        return Ok(false);
    }
    if let Some(link) = answer.json()["objects"][0]["actions"]["upload"]["href"].as_str() {
        let put = repository.client.anonymous().put(repository.client.target(link)).body(&large.1);
        if !is_done(&session.send(&put)?) {
            return Ok(false);
        }
    }
    let all: [Value; 3] = [
        lines::header("under load"),
        lines::file(&small.0, &small.1),
        lines::large_file(&large.0, &oid, large.1.len()),
    ];
    Ok(is_done(&session.send(&repository.committing("main").lines(&all))?))
}

/// Whether it was; otherwise it was refused as it should be.
fn is_done(answer: &Answer) -> bool {
    assert!([200, 503].contains(&answer.status), "{}: {} {}", answer.asked, answer.status, answer.text());
    answer.status == 200
}

fn node(server: &PostgresServer, bucket: &Bucket) -> Deployment {
    let deployment = Deployment::new().over(bucket, "off").set("database.url", server.url());
    let patience = [("RETRIES", "1"), ("TIMEOUT_SECONDS", "1"), ("TRANSFER_TIMEOUT_SECONDS", "1")];
    patience.iter().fold(deployment.set("database.wait_seconds", "2"), |deployment, (key, value)| {
        deployment.environment(&format!("BALLAST_STORAGE__MAIN__CONFIG__{key}"), value)
    })
}

#[test]
fn a_database_a_provider_and_a_node_that_go_away_under_load_cost_no_acknowledged_commit() {
    let Some(server) = PostgresServer::start() else { return };
    let provider = Provider::start();
    let bucket = provider.bucket();
    let first = node(&server, &bucket).start();
    let token = first.admin_token();
    let second = node(&server, &bucket).start();
    let client = |hub: &Hub| hub.client().with_token(&token);
    let repositories = (0..WRITERS).map(|_| first.model()).collect();
    let acknowledged = (0..WRITERS).map(|_| AtomicUsize::new(0)).collect();
    let nodes = Mutex::new(vec![client(&first), client(&second)]);
    let load = Load { nodes, repositories, acknowledged, done: AtomicBool::new(false) };
    let load = &load;
    let (kept, third) = std::thread::scope(|scope| {
        let write = |number| scope.spawn(move || load.write(number));
        let writers: Vec<_> = (0..WRITERS).map(write).collect();
        // Whatever fails here, the writers come to an end.
        let over = Over(&load.done);
        load.goes_on("at first");
        server.halt();
        load.is_refused(|repository| repository.client.get(repository.api("/revision/main")).send().status);
        server.resume();
        load.goes_on("after the database");
        provider.stop();
        load.is_refused(|repository| repository.commit(&[lines::file("down.txt", "down")]).status);
        provider.resume();
        load.goes_on("after the provider");
        load.set_nodes(vec![client(&first)]);
        second.kill();
        load.goes_on("after a node");
        let third = node(&server, &bucket).start();
        load.set_nodes(vec![client(&first), client(&third)]);
        load.goes_on("with another node");
        drop(over);
        (writers.into_iter().map(|writer| writer.join().expect("a writer")).collect::<Vec<_>>(), third)
    });
    for hub in [&first, &third] {
        for (repository, files) in load.repositories.iter().zip(&kept) {
            let repository = repository.seen_by(&client(hub));
            for (path, bytes) in files {
                assert!(repository.read(path) == *bytes, "{path} of {} is not what was acknowledged", repository.id);
            }
        }
        assert!(!hub.log().contains("panicked"), "{}", hub.log());
    }
    first.deployment.run(["storage", "verify"]).ok();
}

/// Ends the writers when it goes out of scope.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
