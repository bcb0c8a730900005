//! Requests whose end is a matter of opinion: what one reader takes for a body, another takes for the next request.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use ballast_tests::{Deployment, Repository};

use crate::siege::{answer_of, besieged, refused_or_closed, statuses};

/// A request that makes a branch: hidden in another's body, it must not be carried out.
fn hidden(repository: &Repository) -> String {
    let body = r#"{"branch":"smuggled"}"#;
    let request = repository.client.post(repository.api("/branch")).header("Content-Type", "application/json");
    String::from_utf8(request.head_for(body.len())).unwrap() + body
}

fn sent(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    answer_of(&mut stream)
}

#[test]
fn a_request_of_two_lengths_is_refused_and_nothing_is_hidden_in_it() {
    besieged(Deployment::new(), 256, |hub| {
        let repository = hub.model();
        let hidden = hidden(&repository);
        let length = hidden.len();
        let framings = [
            format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
            format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
            format!("Content-Length: 0, {length}\r\n"),
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
            format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
            "Transfer-Encoding: identity\r\n".to_owned(),
            "Transfer-Encoding: chunked, identity\r\n".to_owned(),
            "Transfer-Encoding: xchunked\r\n".to_owned(),
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
            "Transfer-Encoding : chunked\r\n".to_owned(),
            "Transfer-Encoding\t: chunked\r\n".to_owned(),
            " Transfer-Encoding: chunked\r\n".to_owned(),
            "X: y\r\n Transfer-Encoding: chunked\r\n".to_owned(),
            "Transfer-Encoding:\r\n chunked\r\n".to_owned(),
            "Content-Length: -1\r\n".to_owned(),
            "Content-Length: +5\r\n".to_owned(),
            "Content-Length: 0x5\r\n".to_owned(),
            "Content-Length: 1 0\r\n".to_owned(),
            "Content-Length:\r\n".to_owned(),
            "Content-Length: 99999999999999999999999\r\n".to_owned(),
            "Content\0-Length: 0\r\n".to_owned(),
            "X: a\0b\r\n".to_owned(),
            "X: a\rContent-Length: 0\r\n".to_owned(),
            ": nameless\r\n".to_owned(),
        ];
        repository.unchanged(|| {
            for framing in &framings {
                // As a chunked body it is over at once; what follows is the hidden request, or a body of its length.
                for body in [format!("0\r\n\r\n{hidden}"), hidden.clone()] {
                    let head = format!("POST /api/validate-yaml HTTP/1.1\r\nHost: h\r\n{framing}\r\n");
                    let answer = sent(hub.connect(), &[head.as_bytes(), body.as_bytes()].concat());
                    refused_or_closed(framing, &answer);
                    assert!(statuses(&answer).len() < 2, "{framing:?} was read as {:?}", statuses(&answer));
                }
            }
        });
    });
}

#[test]
fn a_chunked_body_that_is_none_is_refused() {
    besieged(Deployment::new(), 256, |hub| {
        let repository = hub.model();
        let hidden = hidden(&repository);
        let chunks = [
            "x\r\n".to_owned(),
            "-1\r\n".to_owned(),
            "0x5\r\nabcde\r\n0\r\n\r\n".to_owned(),
            "5\r\nabcdefghij\r\n0\r\n\r\n".to_owned(),
            "5 5\r\nabcde\r\n0\r\n\r\n".to_owned(),
            "ffffffffffffffff\r\nabc".to_owned(),
            "fffffffffffffffff\r\nabc".to_owned(),
            format!("{}5\r\nabcde\r\n0\r\n\r\n", "0".repeat(100)),
            format!("5;{}\r\nabcde\r\n0\r\n\r\n", "x".repeat(1 << 20)),
            format!("0\r\n{}\r\n", "X-Trailer: 1\r\n".repeat(10_000)),
            format!("0\r\nX-Trailer: {}\r\n\r\n", "x".repeat(1 << 20)),
            format!("\r\n0\r\n\r\n{hidden}"),
        ];
        repository.unchanged(|| {
            for chunk in &chunks {
                let head = "POST /api/repos/create HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
                let answer = sent(hub.connect(), &[head.as_bytes(), chunk.as_bytes()].concat());
                let start: String = chunk.chars().take(40).collect();
                refused_or_closed(&start, &answer);
                assert!(statuses(&answer).len() < 2, "{start:?} was read as {:?}", statuses(&answer));
            }
        });
    });
}

#[test]
fn what_follows_a_body_of_the_announced_length_is_a_request_of_its_own() {
    besieged(Deployment::new(), 256, |hub| {
        let repository = hub.model();
        // Longer than announced: the rest is no request, and the hub goes on no further.
        let head = "POST /api/repos/create HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n";
        repository.unchanged(|| {
            let answer = sent(hub.connect(), format!("{head}{{}}trailing rubbish\r\n\r\n").as_bytes());
            refused_or_closed("longer than announced", &answer);
            // Shorter than announced: what is missing never comes.
            let head = head.replace("Length: 2", "Length: 2000");
            refused_or_closed("shorter than announced", &sent(hub.connect(), format!("{head}{{}}").as_bytes()));
        });
    });
}

#[test]
fn a_thousand_requests_at_once_on_one_connection_are_answered_in_order() {
    besieged(Deployment::new(), 256, |hub| {
        let mut stream = hub.connect();
        let mut sender = stream.try_clone().unwrap();
        let sending = std::thread::spawn(move || {
            for number in 0..1000 {
                let last = if number == 999 { "Connection: close\r\n" } else { "" };
                let request = format!("GET /health HTTP/1.1\r\nHost: h\r\nX-Request-Id: n{number}-\r\n{last}\r\n");
                sender.write_all(request.as_bytes()).unwrap();
            }
        });
        let answer = answer_of(&mut stream);
        sending.join().unwrap();
        assert_eq!(statuses(&answer), [200; 1000]);
        let text = String::from_utf8_lossy(&answer);
        let places: Vec<_> = (0..1000).map(|number| text.find(&format!("x-request-id: n{number}-"))).collect();
        assert!(places.is_sorted() && places[0].is_some());
    });
}

#[test]
fn requests_whose_answers_nobody_reads_are_not_taken_for_ever() {
    besieged(crate::siege::impatient(), 256, |hub| {
        let mut stream = hub.connect();
        let pipelined = b"GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100);
        stream.set_write_timeout(Some(crate::siege::SOON)).unwrap();
        let mut sent = 0;
        // The hub stops reading when its answers do not go, and ends the connection when that lasts.
        while sent < 64 << 20 {
            match stream.write(&pipelined) {
                Ok(count) => sent += count,
                Err(error) => {
                    assert!(error.kind() != std::io::ErrorKind::WouldBlock, "it was not ended");
                    return;
                }
            }
        }
        panic!("{sent} bytes of requests were taken, and no answer was read");
    });
}

#[test]
fn a_client_that_says_no_more_is_answered_or_let_go() {
    besieged(Deployment::new(), 256, |hub| {
        let repository = hub.model();
        let whole = hidden(&repository).replace("smuggled", "half-closed");
        for request in
            ["GET /health HTTP/1.1\r\nHost: h\r\n\r\n", "GET /health HTTP/1.1\r\nHost:", "", "\r\n\r\n", &whole]
        {
            let answer = sent(hub.connect(), request.as_bytes());
            assert!(statuses(&answer).iter().all(|status| *status < 500), "{request:?}");
        }
    });
}
