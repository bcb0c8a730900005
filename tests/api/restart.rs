//! What outlives the process, and how it ends.

use std::io::Write;
use std::time::{Duration, Instant};

use ballast_tests::{Deployment, Hub, Repository, lines, read_answer, sha256};

/// A repository with a bit of everything, and how it looks.
fn filled(hub: &Hub) -> (Repository, serde_json::Value) {
    let repository = hub.model();
    repository.commit(&[lines::file("a.txt", "small"), lines::file("dir/b.txt", "b")]).expect(200);
    repository.add_large("m.bin", &[5; 50_000]);
    repository.client.post(repository.api("/branch/side")).send().expect(200);
    let state = repository.state();
    (repository, state)
}

/// The same repository on a hub that was started after.
fn again(hub: &Hub, repository: &Repository) -> Repository {
    repository.seen_by(&hub.admin())
}

fn is_whole(repository: &Repository, state: &serde_json::Value) {
    assert_eq!(&repository.state(), state);
    assert_eq!(repository.read("a.txt"), b"small");
    assert_eq!(repository.read("m.bin"), [5; 50_000]);
    repository.add("later.txt", "it goes on");
}

#[test]
fn data_and_tokens_survive_an_orderly_end() {
    let deployment = Deployment::new();
    let hub = deployment.start();
    let (repository, state) = filled(&hub);
    let token = hub.admin_token();
    hub.stop();
    let hub = deployment.start();
    is_whole(&again(&hub, &repository), &state);
    assert_eq!(hub.admin_token(), token);
    // The token is told once.
    assert!(!hub.log().contains(&token) && !hub.log().contains("new hub"), "{}", hub.log());
    let tokens = deployment.run(["token", "list", "admin"]).ok();
    assert_eq!(tokens.lines().count(), 2, "{tokens}");
}

#[test]
fn data_survive_a_power_cut_also_on_postgres() {
    let databases = crate::databases::Postgres::new();
    let deployments = [Some(Deployment::new()), databases.as_ref().map(|database| database.deployment())];
    for deployment in deployments.into_iter().flatten() {
        let hub = deployment.start();
        let (repository, state) = filled(&hub);
        hub.kill();
        let hub = deployment.start();
        is_whole(&again(&hub, &repository), &state);
    }
}

#[test]
fn a_link_is_good_after_a_restart() {
    let deployment = Deployment::new();
    let hub = deployment.start();
    let repository = hub.model();
    let oid = sha256(b"across");
    let target = repository.upload_target(&oid, 6);
    hub.kill();
    let hub = deployment.start();
    hub.client().put(target).body("across").send().expect(200);
    again(&hub, &repository).commit(&[lines::large_file("m.bin", &oid, 6)]).expect(200);
}

#[test]
fn a_commit_cut_off_by_a_power_cut_leaves_nothing() {
    let deployment = Deployment::new();
    let hub = deployment.start();
    let (repository, state) = filled(&hub);
    let text = format!("{}\n{}\n", lines::header("x"), lines::file("half.txt", "half"));
    let mut stream = hub.connect();
    stream.write_all(&repository.committing("main").head_for(text.len() + 100)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    hub.kill();
    let hub = deployment.start();
    is_whole(&again(&hub, &repository), &state);
}

#[test]
fn an_idle_connection_does_not_hold_the_hub_up() {
    let hub = Deployment::new().start();
    let mut idle = hub.connect();
    let head = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", hub.address);
    idle.write_all(head.as_bytes()).unwrap();
    read_answer(&mut idle, false).unwrap().expect(200);
    let silent = hub.connect();
    let took = hub.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop((idle, silent));
}

#[test]
fn an_upload_under_way_is_let_finish() {
    let deployment = Deployment::new();
    let hub = deployment.start();
    let repository = hub.model();
    let bytes = vec![8u8; 100_000];
    let oid = sha256(&bytes);
    let target = repository.upload_target(&oid, bytes.len());
    let mut stream = hub.connect();
    stream.write_all(&hub.client().put(target).head_for(bytes.len())).unwrap();
    stream.write_all(&bytes[..60_000]).unwrap();
    // Once it is being read the hub knows of it.
    let begun = Instant::now();
    let metrics = || hub.client().get("/health").send().status;
    while metrics() != 200 {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    let client = hub.client();
    hub.terminate();
    // New connections are refused before the old request is through.
    while std::net::TcpStream::connect(hub.address).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the hub still listens at {}", client.base());
        std::thread::sleep(Duration::from_millis(5));
    }
    stream.write_all(&bytes[60_000..]).unwrap();
    read_answer(&mut stream, false).unwrap().expect(200);
    hub.wait();
    let hub = deployment.start();
    let repository = again(&hub, &repository);
    assert!(repository.upload_action(&oid, bytes.len()).get("actions").is_none());
}

#[test]
fn a_request_that_never_ends_is_cut_off_when_its_time_is_over() {
    let hub = Deployment::new().set("server.drain_seconds", "1").start();
    let repository = hub.model();
    let mut stream = hub.connect();
    stream.write_all(&repository.committing("main").head_for(1000)).unwrap();
    stream.write_all(lines::header("x").to_string().as_bytes()).unwrap();
    hub.client().get("/health").send().expect(200);
    let took = hub.stop();
    assert!(took < Duration::from_secs(15), "{took:?}");
    drop(stream);
}
