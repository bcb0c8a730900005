//! Clients that take their time.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ballast_tests::{Hub, Repository, sha256};
use serde_json::json;

use crate::siege::{SOON, answer_of, besieged, head_of, impatient, refused_or_closed};

/// Between two bytes of one that drips.
const DRIP: Duration = Duration::from_millis(100);

/// Sends these bytes one at a time until the hub answers or ends the connection; what it said.
fn drip(stream: &mut TcpStream, bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let begun = Instant::now();
    stream.set_read_timeout(Some(DRIP)).unwrap();
    for byte in bytes {
        assert!(begun.elapsed() < SOON, "one that drips was endured for {SOON:?}");
        if stream.write_all(&[byte]).is_err() {
            break;
        }
        let mut piece = [0; 1024];
        match stream.read(&mut piece) {
            Ok(0) => return vec![],
            Ok(count) => return [&piece[..count], &answer_of(stream)].concat(),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return vec![],
        }
    }
    answer_of(stream)
}

/// As many at once as there are beginnings; each sends its beginning at once and the rest drop by drop, for ever.
fn all_drip(hub: &Hub, beginnings: &[Vec<u8>]) {
    let outcomes: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let one = |beginning: &Vec<u8>| {
            let mut stream = hub.connect();
            stream.write_all(beginning).unwrap();
            drip(&mut stream, std::iter::repeat(b'x'))
        };
        let all: Vec<_> = beginnings.iter().map(|beginning| scope.spawn(move || one(beginning))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for outcome in outcomes {
        refused_or_closed("one that drips", &outcome);
    }
}

#[test]
fn headers_that_come_byte_by_byte_are_not_waited_for() {
    besieged(impatient(), 256, |hub| {
        let beginnings =
            [&b""[..], b"G", b"GET /health HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\nHost: h\r\nX-Slow: ", b"PRI * HT"];
        all_drip(hub, &beginnings.iter().cycle().take(60).map(|bytes| bytes.to_vec()).collect::<Vec<_>>());
    });
}

#[test]
fn headers_that_drip_after_a_first_request_are_not_waited_for_either() {
    besieged(impatient(), 256, |hub| {
        let beginning = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n";
        let mut stream = hub.connect();
        stream.write_all(beginning).unwrap();
        let first = ballast_tests::read_answer(&mut stream, false).unwrap();
        assert_eq!(first.status, 200);
        refused_or_closed(
            "the second request",
            &drip(&mut stream, b"GET /".iter().copied().chain(std::iter::repeat(b'x'))),
        );
    });
}

/// Every sort of body: of an upload, a part, a commit, JSON, LFS JSON and a form.
fn bodies(repository: &Repository) -> Vec<Vec<u8>> {
    let upload = repository.upload_target(&sha256(b"slow"), 1_000_000);
    let client = &repository.client;
    let head = |method, target: &str, media| {
        head_of(client, method, target, &format!("Content-Type: {media}\r\nContent-Length: 1000000\r\n"))
    };
    let mut all = vec![
        head("PUT", &upload, "application/octet-stream"),
        head("POST", &repository.api("/commit/main"), "application/x-ndjson"),
        head("POST", "/api/repos/create", "application/json"),
        head("POST", &repository.api("/preupload/main"), "application/json"),
        head("POST", &repository.page(".git/info/lfs/objects/batch"), "application/vnd.git-lfs+json"),
        head("POST", &repository.api("/paths-info/main"), "application/x-www-form-urlencoded"),
    ];
    all.push(head_of(client, "PUT", &upload, "Transfer-Encoding: chunked\r\n"));
    all
}

#[test]
fn bodies_that_come_byte_by_byte_are_cut_off_and_leave_nothing() {
    besieged(impatient(), 256, |hub| {
        let repository = hub.model();
        let beginnings = bodies(&repository);
        repository.unchanged(|| all_drip(hub, &beginnings.iter().cycle().take(70).cloned().collect::<Vec<_>>()));
        let free = repository.upload_action(&sha256(b"slow"), 1_000_000);
        assert!(free["actions"]["upload"].is_object(), "half an upload counts as stored: {free}");
    });
}

#[test]
fn bodies_that_stand_still_are_cut_off() {
    besieged(impatient(), 256, |hub| {
        let repository = hub.model();
        for beginning in bodies(&repository) {
            let (mut stream, begun) = (hub.connect(), Instant::now());
            stream.write_all(&beginning).unwrap();
            refused_or_closed("a body that does not come", &answer_of(&mut stream));
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        }
    });
}

#[test]
fn an_upload_over_a_bad_line_is_taken_to_its_end() {
    besieged(impatient(), 256, |hub| {
        let repository = hub.model();
        let bytes = vec![b's'; 40_000];
        let target = repository.upload_target(&sha256(&bytes), bytes.len());
        let mut stream = hub.connect();
        stream.write_all(&repository.client.anonymous().put(&target).head_for(bytes.len())).unwrap();
        let begun = Instant::now();
        // Longer than a connection may stand still: nothing of it does.
        stream.set_read_timeout(Some(DRIP)).unwrap();
        for piece in bytes.chunks(1000) {
            stream.write_all(piece).unwrap();
            let waited = stream.read(&mut [0; 1]);
            if let Ok(count) = waited {
                assert_eq!((count, piece.len()), (1, 1000));
                break;
            }
        }
        assert!(begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
        let stored = repository.upload_action(&sha256(&bytes), bytes.len());
        repository.commit(&[ballast_tests::lines::large_file("slow.bin", &sha256(&bytes), bytes.len())]).expect(200);
        assert_eq!(repository.read("slow.bin"), bytes, "{stored}");
    });
}

/// A file that no buffers between a hub and a client hold.
const LARGE: usize = 24 << 20;

#[test]
fn a_download_over_a_bad_line_comes_to_its_end() {
    besieged(impatient(), 256, |hub| {
        let repository = hub.model();
        repository.add_large("large.bin", &vec![b'l'; LARGE]);
        let mut stream = hub.connect();
        stream.write_all(&repository.client.get(repository.resolve("large.bin")).head_for(0)).unwrap();
        let begun = Instant::now();
        let (_never, quiet) = std::sync::mpsc::channel::<()>();
        let (mut total, mut piece) = (0, vec![0; 512 << 10]);
        while total < LARGE {
            let count = stream.read(&mut piece).expect("the rest of the file");
            assert!(count > 0, "it was cut off after {total} bytes");
            total += count;
            // The bad line: nothing comes for a while.
            let _ = quiet.recv_timeout(DRIP);
        }
        assert!(begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
    });
}

#[test]
fn drops_of_a_thousand_clients_take_no_place_from_others() {
    // Fewer places than there are that drip: whoever asks something at once has one all the same.
    let deployment = impatient().set("server.max_connections", "20").set("server.idle_seconds", "60");
    besieged(deployment, 256, |hub| {
        let repository = hub.model();
        let beginnings = bodies(&repository);
        let slow: Vec<TcpStream> = (0..100)
            .map(|number| {
                let mut stream = hub.connect();
                stream.write_all(&beginnings[number % beginnings.len()]).unwrap();
                stream
            })
            .collect();
        for number in 0..20 {
            let answer = repository.client.get("/health").send();
            assert_eq!(answer.status, 200, "question {number}");
        }
        drop(slow);
        let body = json!({ "name": ballast_tests::unique("after"), "type": "model" });
        repository.client.post("/api/repos/create").json(&body).send().expect(200);
    });
}
