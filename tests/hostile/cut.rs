//! Requests that are cut off at every byte.

use std::io::Write;
use std::net::Shutdown;

use ballast_tests::{Deployment, Hub, Repository, lines, sha256};
use serde_json::json;

use crate::siege::{answer_of, besieged, refused_or_closed, sockets, wait_until};

const CONTENT: &[u8] = b"forty bytes that a hub has or does not!!";

/// Sends every beginning of a request, from none of it to all but its last byte, each on a connection of its own that
/// then ends: at once, or in the sending direction only, so that an answer could come.
fn cut_everywhere(hub: &Hub, request: &[u8]) {
    let idle = sockets(hub);
    for at in 0..request.len() {
        let mut stream = hub.connect();
        stream.write_all(&request[..at]).unwrap();
        if at % 2 == 0 {
            stream.shutdown(Shutdown::Write).unwrap();
            refused_or_closed(&format!("cut at {at}"), &answer_of(&mut stream));
        }
    }
    wait_until("the hub has seen all of them end", || sockets(hub) <= idle + 2);
}

/// The two ways in which a body says where it ends.
fn framed(request: &ballast_tests::Request, body: &[u8]) -> [Vec<u8>; 2] {
    let (first, second) = body.split_at(body.len() / 2);
    let mut chunked = request.head_with("Transfer-Encoding: chunked");
    for chunk in [first, second, b""] {
        chunked.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    [[&request.head_for(body.len())[..], body].concat(), chunked]
}

/// A hub on which everybody has room for the files of these tests, and for no second copy of anything.
fn narrow() -> Deployment {
    let deployment = Deployment::new().set("quota.main.plugin", "quota.ledger");
    deployment.set("quota.main.config.default_public_bytes", "3000")
}

fn stored(repository: &Repository, bytes: &[u8]) -> bool {
    !repository.upload_action(&sha256(bytes), bytes.len())["actions"]["upload"].is_object()
}

#[test]
fn an_upload_that_is_cut_off_at_any_byte_stores_nothing() {
    besieged(narrow(), 256, |hub| {
        let repository = hub.model();
        let target = repository.upload_target(&sha256(CONTENT), CONTENT.len());
        let put = repository.client.anonymous().put(&target);
        repository.unchanged(|| {
            for request in framed(&put, CONTENT) {
                cut_everywhere(hub, &request);
                assert!(!stored(&repository, CONTENT), "a part of an upload counts as all of it");
            }
        });
        // The same request, whole: nothing was spoilt, and no room is lost.
        put.body(CONTENT).send().expect(200);
        repository.commit(&[lines::large_file("a.bin", &sha256(CONTENT), CONTENT.len())]).expect(200);
        assert_eq!(repository.read("a.bin"), CONTENT);
    });
}

#[test]
fn a_part_that_is_cut_off_at_any_byte_is_no_part() {
    let deployment = Deployment::new().set("lfs.multipart_threshold", "1024").set("lfs.part_size", "1024");
    besieged(deployment, 256, |hub| {
        let repository = hub.model();
        let whole: Vec<u8> = (0..1100).map(|at| (at % 251) as u8).collect();
        let (oid, part) = (sha256(&whole), &whole[..1024]);
        let objects = json!([{ "oid": oid, "size": whole.len() }]);
        let asked = json!({ "operation": "upload", "transfers": ["basic", "multipart"], "objects": objects });
        let upload = repository.batch(&asked).ok()["objects"][0]["actions"]["upload"].clone();
        let target = repository.client.target(upload["header"]["00001"].as_str().expect("a part")).to_owned();
        let put = repository.client.anonymous().put(&target);
        repository.unchanged(|| {
            let [request, _] = framed(&put, part);
            cut_everywhere(hub, &request);
        });
        assert!(!stored(&repository, &whole));
        put.body(part).send().expect(200);
    });
}

#[test]
fn a_commit_that_is_cut_off_at_any_byte_is_no_commit() {
    besieged(narrow(), 256, |hub| {
        let repository = hub.model();
        let lines = [lines::header("cut"), lines::file("a.txt", "a"), lines::file("b.txt", CONTENT)];
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let commit = repository.committing("main").header("Content-Type", "application/x-ndjson");
        repository.unchanged(|| {
            for request in framed(&commit, body.as_bytes()) {
                cut_everywhere(hub, &request);
            }
        });
        commit.body(body).send().expect(200);
        assert_eq!(repository.paths(), [".gitattributes", "a.txt", "b.txt"]);
    });
}

#[test]
fn a_commit_without_its_last_line_end_is_whole_and_one_of_half_a_line_is_not() {
    besieged(narrow(), 256, |hub| {
        let repository = hub.model();
        let body = format!("{}\n{}", lines::header("whole"), lines::file("a.txt", "a"));
        repository.unchanged(|| {
            for end in [body.len() - 1, body.len() - 10, body.find('\n').unwrap() + 3] {
                repository.committing("main").body(&body[..end]).send().refused(400, "BadRequest");
            }
        });
        repository.committing("main").body(body).send().expect(200);
    });
}
