//! A remote hub that misbehaves.

use std::fs;

use ballast_tests::{Asked, Hub, Manner, RemoteHub};
use serde_json::Value;

use super::{LARGE, assert_whole, bert, blobs, cache, downloading, noise, over, remote, start};

/// A remote hub that misbehaves with large files, and what becomes of the job.
fn fault(manner: impl FnMut(&Asked) -> Manner + Send + 'static) -> (Hub, RemoteHub, Value) {
    let remote = remote();
    remote.behave(manner);
    let hub = downloading(&remote).set("jobs.token", "hf_a-token-of-the-remote-hub").start();
    let id = start(&hub.client(), &bert());
    let job = over(&hub.client(), &id);
    (hub, remote, job)
}

/// The first requests for large files, and good manners after them.
pub fn at_first(manner: Manner, mut times: usize) -> impl FnMut(&Asked) -> Manner + Send + 'static {
    move |asked| {
        if times == 0 || !asked.target.contains(".bin") {
            return Manner::Good;
        }
        times -= 1;
        manner.clone()
    }
}

pub fn always(manner: Manner) -> impl FnMut(&Asked) -> Manner + Send + 'static {
    move |asked| if asked.target.contains(".bin") { manner.clone() } else { Manner::Good }
}

#[test]
fn what_passes_is_waited_for_and_tried_again() {
    for manner in [
        Manner::Stalls(100_000),
        Manner::Drops(100_000),
        Manner::Drops(0),
        Manner::Status(500, None),
        Manner::Status(503, None),
        Manner::Status(429, None),
        Manner::Status(429, Some(("Retry-After", "1".to_owned()))),
        Manner::TooLittle(1000),
    ] {
        let (hub, _remote, job) = fault(at_first(manner.clone(), 2));
        assert_eq!(job["status"], "completed", "{manner:?}: {}", job["error"]);
        assert_whole(&hub);
    }
}

#[test]
fn a_remote_hub_that_sends_no_parts_is_read_by_one_connection() {
    let (hub, _remote, job) = fault(always(Manner::IgnoresRange));
    assert_eq!(job["status"], "completed", "{}", job["error"]);
    assert_whole(&hub);
}

#[test]
fn what_does_not_pass_fails_with_a_reason_and_leaves_nothing_under_a_final_name() {
    for (manner, reason) in [
        (Manner::OtherBytes, "is not what the remote hub said"),
        (Manner::OtherEtag, "is another one on the remote hub"),
        (Manner::OtherPart, "another part of it came"),
        (Manner::TooMuch(10), "more bytes are sent than it has"),
        (Manner::Drops(0), ""),
        (Manner::Stalls(0), "next to nothing"),
        (Manner::Status(401, None), "401:"),
        (Manner::Status(403, None), "403:"),
        (Manner::Status(404, None), "404:"),
        (Manner::Status(429, None), "429:"),
        (Manner::Status(503, None), "503:"),
        (Manner::Status(429, Some(("Retry-After", "3600".to_owned()))), "left alone for 3600 seconds"),
    ] {
        let (hub, _remote, job) = fault(always(manner.clone()));
        let error = job["error"].as_str().unwrap();
        assert!(job["status"] == "failed" && error.contains(reason), "{manner:?}: {job:#}");
        assert!(!blobs(&hub).contains(&ballast_tests::sha256(noise(LARGE))), "{manner:?}: {:?}", blobs(&hub));
        // Whatever has a name is what it says.
        for name in blobs(&hub).into_iter().filter(|name| name.len() == 64) {
            let bytes = fs::read(cache(&hub).join("models--acme--bert/blobs").join(&name)).unwrap();
            assert_eq!(ballast_tests::sha256(bytes), name, "{manner:?}");
        }
        assert!(!cache(&hub).join("models--acme--bert/refs/main").exists(), "{manner:?}");
    }
}

#[test]
fn a_file_that_changes_between_two_pieces_is_not_put_together() {
    let mut seen = 0;
    let (hub, _remote, job) = fault(move |asked| {
        seen += usize::from(asked.target.contains("Q4"));
        if seen > 1 && asked.target.contains("Q4") { Manner::OtherEtag } else { Manner::Good }
    });
    assert_eq!(job["status"], "failed");
    assert!(job["error"].as_str().unwrap().contains("is another one"), "{job:#}");
    assert!(!blobs(&hub).contains(&ballast_tests::sha256(noise(LARGE))));
}

#[test]
fn a_token_goes_to_its_hub_and_to_no_other_host() {
    let elsewhere = RemoteHub::start();
    elsewhere.put("models/acme/bert", &[("model.Q4.bin", noise(LARGE)), ("model.Q8.bin", noise(50_000))]);
    let target = elsewhere.endpoint();
    let remote = remote();
    remote.behave(move |asked| match asked.target.contains(".bin") {
        true => Manner::LeadsTo(format!("{target}{}", asked.target)),
        false => Manner::Good,
    });
    let token = "hf_a-token-of-the-remote-hub";
    let strict = downloading(&remote).set("jobs.token", token);
    // A private address is nowhere that a remote hub may lead to.
    let hub = strict.start();
    let failed = over(&hub.client(), &start(&hub.client(), &bert()));
    assert!(failed["error"].as_str().unwrap().contains("not on the public internet"), "{failed:#}");
    assert!(elsewhere.asked().is_empty());
    hub.stop();
    let hub = strict.set("downloader.main.config.allow_private", "true").start();
    let done = over(&hub.client(), &start(&hub.client(), &bert()));
    assert_eq!(done["status"], "completed", "{}", done["error"]);
    assert_whole(&hub);
    let bearer = Some(format!("Bearer {token}"));
    assert!(remote.asked().iter().all(|asked| asked.authorization == bearer));
    let strangers = elsewhere.asked();
    assert!(!strangers.is_empty() && strangers.iter().all(|asked| asked.authorization.is_none()), "{strangers:?}");
}

#[test]
fn a_listing_that_cannot_be_right_is_refused() {
    let file = |path: &str| format!(r#"[{{"type":"file","path":"{path}","size":1,"oid":"{}"}}]"#, "b".repeat(40));
    let twice = format!("[{0},{0}]", file("a").trim_matches(['[', ']']));
    for (listing, reason) in [
        (file("../../outside"), "'.' and '..'"),
        (file("/etc/passwd"), "absolute"),
        (file(".git/config"), "'.git'"),
        (file("half").split_at(20).0.to_owned(), "no answer of such a hub"),
        (twice, "lists a twice"),
        ("{}".to_owned(), "no answer of such a hub"),
    ] {
        let remote = remote();
        let text = listing.clone();
        remote.behave(move |asked| match asked.target.contains("/tree/") {
            true => Manner::Text(text.clone()),
            false => Manner::Good,
        });
        let hub = downloading(&remote).start();
        let refused = hub.client().post("/api/plan").json(&bert()).send().expect(502).json();
        assert!(refused["error"].as_str().unwrap().contains(reason), "{listing}: {refused}");
    }
}

#[test]
fn what_a_remote_hub_says_is_told_apart() {
    for (status, answered) in [(404, 404), (401, 403), (403, 403), (429, 429), (500, 504)] {
        let remote = remote();
        remote.behave(move |_| Manner::Status(status, None));
        let hub = downloading(&remote).set("downloader.main.config.retries", "0").start();
        let refused = hub.client().post("/api/plan").json(&bert()).send().expect(answered).json();
        assert!(refused["error"].as_str().unwrap().starts_with(&status.to_string()), "{refused}");
    }
}
