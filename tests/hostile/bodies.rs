//! Bodies without end, bodies that are more than they seem, and bodies that are dear to read.

use std::io::Write;

use ballast_tests::{Deployment, Hub, Repository, sha256};
use serde_json::json;

use crate::siege::{SOON, besieged, head_of, pour, refused_or_closed, statuses};

/// Enough to see that there is an end: more than anything that is read in one piece, or held.
const ENDLESS: usize = 96 << 20;

/// What a proxy may have sent before it looks at the answer.
const ON_ITS_WAY: usize = 8 << 20;

/// Every address that reads a body: method, target, media type.
fn doors(repository: &Repository) -> Vec<(&'static str, String, &'static str)> {
    let upload = repository.upload_target(&sha256(b"body"), 1000);
    let (json, lfs) = ("application/json", "application/vnd.git-lfs+json");
    let page = |rest| repository.page(rest);
    vec![
        ("POST", "/api/repos/create".to_owned(), json),
        ("DELETE", "/api/repos/delete".to_owned(), json),
        ("POST", "/api/validate-yaml".to_owned(), json),
        ("POST", repository.api("/preupload/main"), json),
        ("POST", repository.api("/branch"), json),
        ("POST", repository.api("/branch/b"), json),
        ("POST", repository.api("/tag"), json),
        ("POST", repository.api("/tag/main"), json),
        ("POST", repository.api("/paths-info/main"), json),
        ("POST", repository.api("/paths-info/main"), "application/x-www-form-urlencoded"),
        ("POST", repository.api("/paths-info/main"), "multipart/form-data; boundary=B"),
        ("POST", page(".git/info/lfs/objects/batch"), lfs),
        ("POST", page(".git/info/lfs/objects/verify"), lfs),
        ("POST", upload.replacen('?', "/complete?", 1), lfs),
        ("PUT", upload.replacen('?', "/parts/1?", 1), "application/octet-stream"),
        ("PUT", upload, "application/octet-stream"),
        ("POST", repository.api("/commit/main"), "application/x-ndjson"),
    ]
}

/// Sends pieces for as long as they are taken; how many bytes that were.
fn endless(hub: &Hub, head: &[u8], piece: &[u8], what: &str) -> usize {
    let mut stream = hub.connect();
    stream.write_all(head).unwrap();
    let (answer, sent) = pour(&mut stream, piece, ENDLESS);
    refused_or_closed(what, &answer);
    sent
}

#[test]
fn a_body_without_end_is_refused_wherever_it_comes() {
    besieged(Deployment::new(), 320, |hub| {
        let repository = hub.model();
        let doors = doors(&repository);
        let text = vec![b'x'; 60_000];
        let chunk = [format!("{:x}\r\n", text.len()).as_bytes(), &text, b"\r\n"].concat();
        repository.unchanged(|| {
            for (method, target, media) in doors {
                for (framing, piece) in [("Transfer-Encoding: chunked", &chunk), ("Content-Length: 99999999999", &text)]
                {
                    let headers = format!("Content-Type: {media}\r\n{framing}\r\n");
                    let head = head_of(&repository.client, method, &target, &headers);
                    let sent = endless(hub, &head, piece, &format!("{method} {target}"));
                    assert!(sent < ENDLESS, "{method} {target}: {sent} bytes of {framing} were taken");
                }
            }
        });
    });
}

#[test]
fn who_is_refused_is_not_cut_off_before_hearing_why() {
    besieged(Deployment::new(), 320, |hub| {
        let repository = hub.model();
        let headers = "Content-Type: application/x-ndjson\r\nContent-Length: 99999999999\r\n";
        let head = head_of(&hub.client(), "POST", &repository.api("/commit/main"), headers);
        for attempt in 0..20 {
            let mut stream = hub.connect();
            stream.write_all(&head).unwrap();
            let (answer, sent) = pour(&mut stream, &[b' '; 60_000], ON_ITS_WAY);
            assert_eq!(statuses(&answer), [401], "attempt {attempt}");
            // Proxies take a connection on which they cannot write for a hub that is gone, and say so.
            assert!(sent >= ON_ITS_WAY, "attempt {attempt}: cut off after {sent} bytes");
        }
    });
}

#[test]
fn chunks_of_a_byte_and_lines_of_nothing_cost_no_more_than_others() {
    besieged(Deployment::new(), 320, |hub| {
        let repository = hub.model();
        let headers = "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n";
        let head = head_of(&repository.client, "POST", &repository.api("/commit/main"), headers);
        repository.unchanged(|| {
            endless(hub, &head, &b"1\r\nx\r\n".repeat(10_000), "chunks of a byte");
            let sent = endless(hub, &head, &b"1\r\n\n\r\n".repeat(10_000), "empty lines in chunks");
            assert!(sent < ENDLESS, "{sent} bytes of nothing were taken");
            let lines = [b"10000\r\n", &b"\n".repeat(0x10000)[..], b"\r\n"].concat();
            let sent = endless(hub, &head, &lines, "empty lines");
            assert!(sent < ENDLESS, "{sent} bytes of nothing were taken");
        });
    });
}

#[test]
fn a_compressed_body_is_refused_with_a_sentence_and_never_unpacked() {
    // 1 GiB of zeros, if anybody unpacked it: ten of these are a bomb's usual size.
    let bomb =
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03".iter().copied().chain(std::iter::repeat_n(0, 100_000)).collect::<Vec<_>>();
    besieged(Deployment::new(), 256, |hub| {
        let repository = hub.model();
        let doors = doors(&repository);
        repository.unchanged(|| {
            for (method, target, media) in doors {
                for coding in ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, identity", "identity, gzip", "bomb"] {
                    let request = repository.client.request(method, &target).header("Content-Type", media);
                    let answer = request.header("Content-Encoding", coding).body(&bomb).send();
                    let sentence = answer.refused(415, "UnsupportedMediaType");
                    assert!(sentence.contains("Content-Encoding"), "{method} {target}: {sentence}");
                }
            }
        });
        // What is not compressed may say so.
        let body = json!({ "paths": ["a"] }).to_string();
        let request =
            repository.client.post(repository.api("/paths-info/main")).header("Content-Type", "application/json");
        request.header("Content-Encoding", "identity").body(body).send().expect(200);
    });
}

#[test]
fn a_hundred_mebibytes_of_json_are_refused() {
    besieged(Deployment::new(), 320, |hub| {
        let repository = hub.model();
        let huge = format!(r#"{{"name":"{}"}}"#, "x".repeat(100 << 20));
        for (method, target, media) in doors(&repository).into_iter().filter(|(.., media)| media.contains("json")) {
            let headers = format!("Content-Type: {media}\r\nContent-Length: {}\r\n", huge.len());
            let head = head_of(&repository.client, method, &target, &headers);
            let mut stream = hub.connect();
            stream.write_all(&head).unwrap();
            let (answer, sent) = pour(&mut stream, &huge.as_bytes()[..1 << 20], huge.len());
            refused_or_closed(&target, &answer);
            assert!(sent < huge.len(), "{target}: all of it was taken");
        }
    });
}

#[test]
fn many_large_bodies_at_once_take_turns() {
    besieged(Deployment::new(), 400, |hub| {
        let repository = hub.model();
        let paths: Vec<String> = (0..600_000).map(|number| format!("path/number/{number}")).collect();
        let body = json!({ "paths": paths }).to_string();
        assert!(body.len() > 10 << 20 && body.len() < 16 << 20);
        std::thread::scope(|scope| {
            for _ in 0..24 {
                scope.spawn(|| {
                    let ask = repository.client.post(repository.api("/paths-info/main"));
                    let answer = ask.header("Content-Type", "application/json").body(&body).send();
                    assert!(matches!(answer.status, 400 | 413), "{}: {}", answer.status, answer.text());
                });
            }
        });
    });
}

#[test]
fn a_million_brackets_are_refused_or_passed_over_at_once() {
    besieged(Deployment::new(), 256, |hub| {
        let repository = hub.model();
        let deep = |open: &str, close: &str| open.repeat(1_000_000) + &close.repeat(1_000_000);
        let texts = [
            deep("[", "]"),
            deep("{\"a\":", "}").replace(":}", ":1}"),
            "[".repeat(1_000_000),
            format!(r#"{{"name":"x","type":{}}}"#, deep("[", "]")),
            format!(r#"{{"key":"header","value":{}}}"#, deep("[", "]")),
            format!(r#"{{"paths":{}}}"#, deep("[", "]")),
            format!(r#"{{"operation":"upload","objects":{}}}"#, deep("[", "]")),
        ];
        repository.unchanged(|| {
            for (method, target, media) in doors(&repository).into_iter().filter(|(.., media)| media.contains("json")) {
                for text in &texts {
                    let begun = std::time::Instant::now();
                    let request = repository.client.request(method, &target).header("Content-Type", media);
                    let answer = request.body(text).send();
                    // A field that nobody asks for may be as deep as it likes: it is passed over.
                    assert!(answer.status < 500, "{method} {target}: {}", answer.status);
                    assert!(begun.elapsed() < SOON / 3, "{method} {target} took {:?}", begun.elapsed());
                }
            }
        });
    });
}

#[test]
fn lines_of_a_commit_without_end_are_refused_and_leave_nothing() {
    besieged(Deployment::new().set("lfs.threshold", "1000000"), 600, |hub| {
        let repository = hub.model();
        let header = r#"{"key":"header","value":{"summary":"endless"}}"#;
        let headers = "Content-Type: application/x-ndjson\r\nContent-Length: 99999999999\r\n";
        let head = head_of(&repository.client, "POST", &repository.api("/commit/main"), headers);
        let with_header = [&head[..], header.as_bytes(), b"\n"].concat();
        repository.unchanged(|| {
            // One line, as a file's content, as a header's summary, as rubbish.
            let file = [&with_header[..], br#"{"key":"file","value":{"path":"a","content":""#].concat();
            let summary = [&head[..], br#"{"key":"header","value":{"summary":""#].concat();
            for beginning in [&file, &summary, &with_header] {
                let sent = endless(hub, beginning, &vec![b'A'; 1 << 20], "one line without end");
                assert!(sent < ENDLESS, "{sent} bytes of one line were taken");
            }
            // The same operation again and again: a path may be written once.
            let line = format!("{}\n", r#"{"key":"deletedFolder","value":{"path":"a"}}"#).repeat(20_000);
            endless(hub, &with_header, line.as_bytes(), "lines without end");
        });
    });
}

#[test]
fn a_summary_as_long_as_a_line_is_refused() {
    besieged(Deployment::new(), 256, |hub| {
        let repository = hub.model();
        repository.unchanged(|| {
            let line = json!({ "key": "header", "value": { "summary": "x".repeat(10 << 20) } });
            let answer = repository.committing("main").lines(&[line]).send();
            answer.refused(400, "BadRequest");
        });
    });
}

#[test]
fn a_body_where_none_is_wanted_is_not_waited_for() {
    besieged(Deployment::new(), 256, |hub| {
        for (method, target) in
            [("GET", "/health"), ("GET", "/api/models"), ("HEAD", "/health"), ("OPTIONS", "/"), ("TRACE", "/")]
        {
            let headers = "Content-Length: 99999999999\r\n";
            let mut stream = hub.connect();
            stream.write_all(&head_of(&hub.client(), method, target, headers)).unwrap();
            let (answer, sent) = pour(&mut stream, &vec![b'x'; 1 << 20], ENDLESS);
            assert!(statuses(&answer).iter().all(|status| *status < 500), "{method} {target}");
            assert!(sent < ENDLESS, "{method} {target}: {sent} bytes were taken");
        }
    });
}
