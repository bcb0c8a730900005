//! A remote hub that misbehaves while it is mirrored.

use std::io::Write;

use ballast_tests::{Client, Manner, RemoteHub, read_answer};

use super::{get, mirroring};
use crate::jobs::faults::{always, at_first};
use crate::jobs::{LARGE, noise, remote};

/// The body of a file, or nothing where the answer breaks off.
fn whole(client: &Client, file: &str) -> Option<Vec<u8>> {
    let mut stream = client.connect();
    let request = client.get(format!("/acme/bert/resolve/main/{file}"));
    stream.write_all(&request.head_for(0)).unwrap();
    read_answer(&mut stream, false).ok().filter(|answer| answer.status == 200).map(|answer| answer.body)
}

#[test]
fn other_bytes_than_were_said_are_never_a_whole_answer_and_never_kept() {
    for manner in
        [Manner::OtherBytes, Manner::OtherEtag, Manner::TooMuch(10), Manner::TooLittle(10), Manner::Drops(5_000_000)]
    {
        let remote = remote();
        remote.behave(always(manner.clone()));
        let hub = mirroring(&remote.endpoint(), "", "").start();
        for file in ["model.Q4.bin", "model.Q8.bin"] {
            let came = whole(&hub.client(), file);
            assert!(matches!(manner, Manner::Drops(_)) || came.is_none(), "{manner:?} {file}");
        }
        // When it behaves again, all is well.
        remote.behave(|_| Manner::Good);
        assert!(whole(&hub.client(), "model.Q4.bin") == Some(noise(LARGE)), "{manner:?}");
        assert!(whole(&hub.client(), "model.Q8.bin") == Some(noise(50_000)), "{manner:?}");
    }
}

#[test]
fn a_small_file_that_is_another_one_is_refused() {
    let remote = remote();
    remote.behave(|asked| if asked.target.ends_with("config.json") { Manner::OtherBytes } else { Manner::Good });
    let hub = mirroring(&remote.endpoint(), "", "").start();
    assert!(whole(&hub.client(), "config.json").is_none());
    remote.behave(|_| Manner::Good);
    assert_eq!(get(&hub.client(), "config.json").expect(200).body, b"{}");
}

#[test]
fn connections_that_break_are_read_on_and_nobody_notices() {
    for manner in [Manner::Drops(3_000_000), Manner::Stalls(100_000), Manner::Status(503, None)] {
        let remote = remote();
        remote.behave(at_first(manner.clone(), 2));
        let hub = mirroring(&remote.endpoint(), "", "").start();
        assert!(get(&hub.client(), "model.Q4.bin").expect(200).body == noise(LARGE), "{manner:?}");
    }
}

#[test]
fn half_a_listing_is_no_snapshot() {
    let remote = RemoteHub::start();
    let names: Vec<String> = (0..250).map(|number| format!("{number:03}.txt")).collect();
    let files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), name.clone().into_bytes())).collect();
    remote.put("models/acme/bert", &files);
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let second = |asked: &ballast_tests::Asked| asked.target.contains("cursor=200");
    for manner in [Manner::Status(503, None), Manner::Text("[{\"type\":".to_owned()), Manner::Drops(10)] {
        remote.behave(move |asked| if second(asked) { manner.clone() } else { Manner::Good });
        for path in ["/api/models/acme/bert/tree/main", "/acme/bert/resolve/main/000.txt", "/api/models/acme/bert"] {
            let refused = hub.client().get(path).send();
            assert!(matches!(refused.status, 502 | 504), "{path}: {}", refused.text());
        }
    }
    remote.behave(|_| Manner::Good);
    let tree = hub.client().get("/api/models/acme/bert/tree/main").send().ok();
    assert_eq!(tree.as_array().unwrap().len(), 250);
    assert_eq!(get(&hub.client(), "249.txt").expect(200).body, b"249.txt");
}
