//! A remote hub that misbehaves while it is imported from.

use ballast_tests::{Asked, Hub, Manner, RemoteHub, Repository, Rows};
use serde_json::Value;

use super::{bert, files, importing, over, start};
use crate::jobs::faults::{always, at_first};
use crate::jobs::{LARGE, noise, remote};

const TOKEN: &str = "hf_a-token-of-the-remote-hub";

/// A remote hub that misbehaves, and what becomes of the import.
fn fault(manner: impl FnMut(&Asked) -> Manner + Send + 'static) -> (Hub, Repository, Value) {
    let remote = remote();
    remote.behave(manner);
    let hub = importing(&remote).set("jobs.token", TOKEN).start();
    let target = start(&hub.admin(), &bert());
    let import = over(&target);
    (hub, target, import)
}

#[test]
fn what_passes_is_waited_for_and_tried_again() {
    for manner in [
        Manner::Stalls(100_000),
        Manner::Drops(100_000),
        Manner::Drops(0),
        Manner::Status(503, None),
        Manner::Status(429, Some(("Retry-After", "1".to_owned()))),
        Manner::TooLittle(1000),
        Manner::IgnoresRange,
    ] {
        let (_hub, target, import) = fault(at_first(manner.clone(), 2));
        assert_eq!(import["status"], "completed", "{manner:?}: {}", import["error"]);
        assert_eq!(target.read("model.Q4.bin"), noise(LARGE), "{manner:?}");
    }
}

#[test]
fn a_remote_hub_that_sends_no_parts_is_read_on_from_the_beginning() {
    let mut seen = 0;
    let (_hub, target, import) = fault(move |asked| {
        seen += usize::from(asked.target.contains("Q4"));
        match asked.target.contains("Q4") {
            true if seen == 1 => Manner::Drops(3_000_000),
            true => Manner::IgnoresRange,
            false => Manner::Good,
        }
    });
    assert_eq!(import["status"], "completed", "{}", import["error"]);
    assert_eq!(target.read("model.Q4.bin"), noise(LARGE));
}

#[test]
fn what_does_not_pass_fails_with_a_reason_and_the_branch_stays() {
    for (manner, reason) in [
        (Manner::OtherBytes, "is not what the remote hub said"),
        (Manner::OtherEtag, "is another one on the remote hub"),
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
        let (hub, target, import) = fault(always(manner.clone()));
        let error = import["error"].as_str().unwrap();
        assert!(import["status"] == "failed" && error.contains(reason), "{manner:?}: {import:#}");
        assert_eq!(files(&target, "main").len(), 1, "{manner:?}: how every repository begins");
        assert!(!error.contains(TOKEN) && !hub.log().contains(TOKEN));
        // What did not come is promised no more.
        let promised = "SELECT count(*) FROM lease_reservations";
        assert_eq!(Rows::of(&hub.deployment).number(promised), 0, "{manner:?}");
    }
}

#[test]
fn a_small_file_that_is_another_one_is_refused() {
    let (_hub, target, import) = fault(|asked| match asked.target.ends_with("config.json") {
        true => Manner::OtherBytes,
        false => Manner::Good,
    });
    assert!(import["error"].as_str().unwrap().contains("git blob id"), "{import}");
    assert_eq!(files(&target, "main").len(), 1);
}

#[test]
fn a_file_that_changes_between_two_pieces_is_not_put_together() {
    let mut seen = 0;
    let (_hub, target, import) = fault(move |asked| {
        seen += usize::from(asked.target.contains("Q4"));
        match asked.target.contains("Q4") {
            true if seen == 1 => Manner::Drops(3_000_000),
            true => Manner::OtherEtag,
            false => Manner::Good,
        }
    });
    assert!(import["error"].as_str().unwrap().contains("is another one"), "{import:#}");
    assert_eq!(files(&target, "main").len(), 1);
}

#[test]
fn a_token_goes_to_its_hub_and_to_no_other_host() {
    let elsewhere = RemoteHub::start();
    elsewhere.put("models/acme/bert", &[("model.Q4.bin", noise(LARGE)), ("model.Q8.bin", noise(50_000))]);
    let (remote, target) = (remote(), elsewhere.endpoint());
    remote.behave(move |asked| match asked.target.contains(".bin") {
        true => Manner::LeadsTo(format!("{target}{}", asked.target)),
        false => Manner::Good,
    });
    let strict = importing(&remote).set("jobs.token", TOKEN);
    // A private address is nowhere that a remote hub may lead to.
    let hub = strict.start();
    let failed = over(&start(&hub.admin(), &bert()));
    assert!(failed["error"].as_str().unwrap().contains("not on the public internet"), "{failed:#}");
    assert!(elsewhere.asked().is_empty());
    let token = hub.admin_token();
    hub.stop();
    let hub = strict.set("downloader.main.config.allow_private", "true").start();
    let done = over(&start(&hub.client().with_token(&token), &bert()));
    assert_eq!(done["status"], "completed", "{}", done["error"]);
    let bearer = Some(format!("Bearer {TOKEN}"));
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
        (file(".git/config"), "'.git'"),
        (file("half").split_at(20).0.to_owned(), "no answer of such a hub"),
        (twice, "lists a twice"),
    ] {
        let text = listing.clone();
        let (_hub, target, import) = fault(move |asked| match asked.target.contains("/tree/") {
            true => Manner::Text(text.clone()),
            false => Manner::Good,
        });
        assert!(import["error"].as_str().unwrap().contains(reason), "{listing}: {import}");
        assert_eq!(files(&target, "main").len(), 1);
    }
}
