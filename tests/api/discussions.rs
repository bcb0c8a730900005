//! Discussions: who may open, say, change and hide what, and how they are listed.

use ballast_tests::{Answer, Client, Hub, Repository};
use serde_json::{Value, json};

pub fn post(repository: &Repository, rest: &str, body: Value) -> Answer {
    repository.client.post(repository.api(&format!("/discussions{rest}"))).json(&body).send()
}

pub fn get(repository: &Repository, rest: &str) -> Answer {
    repository.client.get(repository.api(&format!("/discussions{rest}"))).send()
}

/// Opens one; its number.
#[track_caller]
fn open(repository: &Repository, title: &str) -> u64 {
    let new = json!({ "title": title, "description": format!("About {title}"), "pullRequest": false });
    let opened = post(repository, "", new).ok();
    let number = opened["num"].as_u64().expect("a number");
    assert_eq!(opened["url"], repository.client.base() + &repository.page(&format!("/discussions/{number}")));
    number
}

/// What of each event tells them apart: its type, who did it, and what it says.
fn told(repository: &Repository, number: u64) -> Vec<(String, String, String)> {
    let discussion = get(repository, &format!("/{number}?diff=1")).ok();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let event = |event: &Value| {
        let data = &event["data"];
        let says = match event["type"].as_str().unwrap() {
            "comment" => text(&data["latest"]["raw"]),
            "status-change" => text(&data["status"]),
            "title-change" => format!("{} -> {}", text(&data["from"]), text(&data["to"])),
            _ => text(&data["subject"]),
        };
        (text(&event["type"]), text(&event["author"]["name"]), says)
    };
    discussion["events"].as_array().expect("a list").iter().map(event).collect()
}

fn three(kind: &str, who: &str, says: &str) -> (String, String, String) {
    (kind.to_owned(), who.to_owned(), says.to_owned())
}

/// A public model of the administrator, as somebody else sees it; and who that is.
fn seen_by_another(hub: &Hub) -> (Repository, Repository, String) {
    let repository = hub.model();
    let (name, client) = hub.user("write");
    (repository.clone(), repository.seen_by(&client), name)
}

#[test]
fn a_discussion_is_read_as_it_was_opened() {
    let hub = Hub::shared();
    let (repository, theirs, name) = seen_by_another(&hub);
    let number = open(&theirs, "A question");
    assert_eq!(number, 1);
    for reader in [&repository, &theirs, &repository.seen_by(&hub.client())] {
        let found = get(reader, "/1").ok();
        assert_eq!(
            (&found["num"], &found["title"], &found["status"]),
            (&json!(1), &json!("A question"), &json!("open"))
        );
        assert_eq!((&found["author"]["name"], &found["isPullRequest"]), (&json!(name), &json!(false)));
        assert_eq!(found["repo"], json!({ "name": repository.id, "type": "model" }));
        assert!(found["createdAt"].as_str().is_some_and(|at| at.ends_with('Z')));
        let absent = ["changes", "diff", "filesWithConflicts"].map(|field| found.get(field).is_none());
        assert_eq!(absent, [true; 3], "what pull requests have: {found}");
        let comment = &found["events"][0];
        assert_eq!((&comment["type"], &comment["author"]["name"]), (&json!("comment"), &json!(name)));
        let data = &comment["data"];
        assert_eq!((&data["edited"], &data["hidden"], &data["history"]), (&json!(false), &json!(false), &json!([])));
        assert_eq!(
            (&data["latest"]["raw"], &data["latest"]["html"]),
            (&json!("About A question"), &json!("<p>About A question</p>"))
        );
        let id = comment["id"].as_str().unwrap();
        assert!(id.len() == 24 && id.to_lowercase() == id, "{id}");
    }
    get(&repository, "/2").refused(404, "NotFound");
    get(&repository, "/0").refused(404, "NotFound");
    assert_eq!(get(&repository, "/x").status, 400);
}

#[test]
fn everybody_may_say_something_and_nobody_in_anothers_name() {
    let hub = Hub::shared();
    let (repository, theirs, name) = seen_by_another(&hub);
    let number = open(&repository, "one");
    let said = post(&theirs, &format!("/{number}/comment"), json!({ "comment": "  <b>Hi</b> \u{fc}\n" })).ok();
    let message = &said["newMessage"];
    assert_eq!(message["data"]["latest"]["raw"], "<b>Hi</b> \u{fc}");
    assert_eq!(message["data"]["latest"]["html"], "<p>&lt;b&gt;Hi&lt;/b&gt; \u{fc}</p>");
    let of = |event: &Value, verb: &str| format!("/{number}/comment/{}/{verb}", event["id"].as_str().unwrap());
    // Who may write hides what others say, and does not put words in their mouth.
    let edit = json!({ "content": "No" });
    post(&repository, &of(message, "edit"), edit.clone()).refused(403, "Forbidden");
    let first = get(&repository, "/1").ok()["events"][0].clone();
    post(&theirs, &of(&first, "edit"), edit.clone()).refused(403, "Forbidden");
    post(&theirs, &of(&first, "hide"), json!({})).refused(403, "Forbidden");
    let updated = post(&theirs, &of(message, "edit"), json!({ "content": "Hello" })).ok()["updatedComment"].clone();
    let data = &updated["data"];
    assert_eq!(
        (&data["edited"], &data["latest"]["raw"], &data["numEdits"]),
        (&json!(true), &json!("Hello"), &json!(1))
    );
    assert_eq!(data["history"][0]["raw"], "<b>Hi</b> \u{fc}");
    assert_eq!((&updated["id"], &updated["createdAt"]), (&message["id"], &message["createdAt"]));
    let hidden = post(&repository, &of(message, "hide"), json!({})).ok()["updatedComment"].clone();
    assert_eq!((&hidden["data"]["hidden"], &hidden["data"]["history"]), (&json!(true), &json!([])));
    assert!(!get(&theirs, "/1").text().contains("Hello"), "what was hidden is gone");
    post(&theirs, &of(message, "edit"), edit).refused(404, "NotFound");
    assert_eq!(told(&repository, number)[1], three("comment", &name, "This comment has been hidden"));
}

#[test]
fn its_author_and_who_may_write_change_title_and_status() {
    let hub = Hub::shared();
    let (repository, theirs, name) = seen_by_another(&hub);
    let another = repository.seen_by(&hub.user("write").1);
    let number = open(&theirs, "one");
    for (rest, body) in [("title", json!({ "title": "x" })), ("status", json!({ "status": "closed" }))] {
        post(&another, &format!("/{number}/{rest}"), body).refused(403, "Forbidden");
    }
    let renamed = post(&theirs, &format!("/{number}/title"), json!({ "title": " two " })).ok();
    assert_eq!(
        (&renamed["newTitle"]["data"]["from"], &renamed["newTitle"]["data"]["to"]),
        (&json!("one"), &json!("two"))
    );
    let closed = json!({ "status": "closed", "comment": "done" });
    let status = post(&repository, &format!("/{number}/status"), closed.clone()).ok();
    assert_eq!(status["newStatus"]["data"]["status"], "closed");
    post(&repository, &format!("/{number}/status"), closed).refused(409, "Conflict");
    post(&theirs, &format!("/{number}/title"), json!({ "title": "two" })).refused(409, "Conflict");
    post(&theirs, &format!("/{number}/status"), json!({ "status": "open" })).expect(200);
    assert_eq!(
        told(&theirs, number),
        [
            three("comment", &name, "About one"),
            three("title-change", &name, "one -> two"),
            three("comment", "admin", "done"),
            three("status-change", "admin", "closed"),
            three("status-change", &name, "open"),
        ]
    );
    post(&repository, &format!("/{number}/merge"), json!({})).refused(400, "BadRequest");
}

#[test]
fn who_is_nobody_or_only_reads_says_nothing() {
    let hub = Hub::shared();
    let repository = hub.model();
    let number = open(&repository, "one");
    let before = get(&repository, "/1").text();
    let (name, _) = hub.user("write");
    let reader = hub.client().with_token(&hub.token(&name, "read"));
    for (client, status, code) in [(hub.client(), 401, "Unauthorized"), (reader, 403, "Forbidden")] {
        let seen = repository.seen_by(&client);
        let id = get(&seen, "/1").ok()["events"][0]["id"].as_str().unwrap().to_owned();
        for (rest, body) in [
            (String::new(), json!({ "title": "x" })),
            (format!("/{number}/comment"), json!({ "comment": "x" })),
            (format!("/{number}/title"), json!({ "title": "x" })),
            (format!("/{number}/status"), json!({ "status": "closed" })),
            (format!("/{number}/merge"), json!({})),
            (format!("/{number}/comment/{id}/edit"), json!({ "content": "x" })),
            (format!("/{number}/comment/{id}/hide"), json!({})),
        ] {
            post(&seen, &rest, body).refused(status, code);
        }
    }
    assert_eq!(get(&repository, "/1").text(), before);
    assert_eq!(get(&repository, "").ok()["count"], 1);
}

#[test]
fn what_makes_no_sense_is_refused_and_leaves_nothing() {
    let hub = Hub::shared();
    let repository = hub.model();
    let number = open(&repository, "one");
    let before = get(&repository, "/1").text();
    let long = "x".repeat(70_000);
    for (rest, body) in [
        ("", json!({})),
        ("", json!({ "title": "" })),
        ("", json!({ "title": " \n" })),
        ("", json!({ "title": "a\nb" })),
        ("", json!({ "title": "a\0" })),
        ("", json!({ "title": "x".repeat(501) })),
        ("", json!({ "title": "x", "description": "a\0" })),
        ("", json!({ "title": "x", "description": long })),
        ("", json!({ "title": "x", "pullRequests": true })),
        ("", json!({ "title": "x", "pullRequest": "yes" })),
        ("/1/comment", json!({})),
        ("/1/comment", json!({ "comment": "  " })),
        ("/1/comment", json!({ "comment": "a\0" })),
        ("/1/comment", json!({ "comment": long })),
        ("/1/title", json!({ "title": "" })),
        ("/1/status", json!({ "status": "merged" })),
        ("/1/status", json!({ "status": "all" })),
        ("/1/status", json!({ "status": "closed", "comment": "a\0" })),
    ] {
        post(&repository, rest, body.clone()).refused(400, "BadRequest");
    }
    for rest in ["/7/comment", "/7/title", "/7/status", "/7/merge"] {
        let body = match rest.rsplit('/').next() {
            Some("comment") => json!({ "comment": "x" }),
            Some("title") => json!({ "title": "x" }),
            Some("status") => json!({ "status": "closed" }),
            _ => json!({}),
        };
        post(&repository, rest, body).refused(404, "NotFound");
    }
    for id in ["x", "0", "ffffffffffffffffffffffff", &"0".repeat(40)] {
        post(&repository, &format!("/1/comment/{id}/edit"), json!({ "content": "x" })).refused(404, "NotFound");
        post(&repository, &format!("/1/comment/{id}/hide"), json!({})).refused(404, "NotFound");
    }
    assert_eq!((number, get(&repository, "/1").text()), (1, before));
    assert_eq!(get(&repository, "").ok()["count"], 1);
}

#[test]
fn discussions_are_listed_newest_first_in_pages_and_by_what_is_asked() {
    let hub = Hub::shared();
    let (repository, theirs, name) = seen_by_another(&hub);
    for at in 0..60 {
        open(if at % 10 == 0 { &theirs } else { &repository }, &format!("number {at}"));
    }
    post(&repository, "/3/status", json!({ "status": "closed" })).expect(200);
    post(&theirs, "", json!({ "title": "a change", "pullRequest": true })).expect(200);
    let listed = |query: &str| {
        let page = get(&repository, query).ok();
        let numbers = page["discussions"].as_array().expect("a list").iter();
        let numbers: Vec<u64> = numbers.map(|item| item["num"].as_u64().expect("a number")).collect();
        (page["count"].as_u64().unwrap(), page["start"].as_u64().unwrap(), numbers)
    };
    let down = |from: u64, to: u64| (to..=from).rev().collect::<Vec<u64>>();
    assert_eq!(listed(""), (61, 0, down(61, 12)));
    assert_eq!(listed("?p=0&type=all&status=all"), (61, 0, down(61, 12)));
    assert_eq!(listed("?p=1"), (61, 50, down(11, 1)));
    assert_eq!(listed("?p=2"), (61, 100, vec![]));
    assert!(listed("?p=4294967295").2.is_empty());
    assert_eq!(listed("?page_index=1"), (61, 50, down(11, 1)), "as huggingface_hub 0.20 asks");
    assert_eq!(listed("?type=pull_request"), (1, 0, vec![61]));
    assert_eq!(listed("?type=discussion&p=1").0, 60);
    assert_eq!(listed("?status=closed"), (1, 0, vec![3]));
    assert_eq!(listed("?status=open&type=pull_request").2, [61], "a draft is open");
    let expected = vec![61, 51, 41, 31, 21, 11, 1];
    assert_eq!(listed(&format!("?author={}", name.to_uppercase())), (7, 0, expected));
    for nobody in ["nobody-of-this-name", "a%20b", "%00"] {
        assert_eq!(listed(&format!("?author={nobody}")), (0, 0, vec![]), "{nobody}");
    }
    for query in ["?type=x", "?status=draft", "?p=-1", "?p=x"] {
        get(&repository, query).refused(400, "BadRequest");
    }
    let item = &get(&repository, "").ok()["discussions"][0];
    assert_eq!((&item["status"], &item["isPullRequest"]), (&json!("draft"), &json!(true)));
    assert_eq!((&item["author"]["name"], &item["repo"]["type"]), (&json!(name), &json!("model")));
}

#[test]
fn of_many_opened_at_once_each_has_a_number_of_its_own() {
    let hub = Hub::shared();
    let repository = hub.model();
    let open = |at: usize| {
        let new = json!({ "title": format!("t{at}"), "pullRequest": at.is_multiple_of(2) });
        post(&repository, "", new).ok()["num"].as_u64().unwrap()
    };
    let numbers = std::thread::scope(|threads| {
        let open = &open;
        let opening: Vec<_> = (0..12).map(|at| threads.spawn(move || open(at))).collect();
        let mut numbers: Vec<u64> = opening.into_iter().map(|thread| thread.join().unwrap()).collect();
        numbers.sort();
        numbers
    });
    assert_eq!(numbers, (1..=12).collect::<Vec<u64>>());
}

#[test]
fn a_deleted_repository_takes_its_discussions_along() {
    let hub = Hub::shared();
    let client: Client = hub.admin();
    let repository = Repository::create(&client, "admin", false);
    open(&repository, "gone with it");
    client.delete("/api/repos/delete").json(&json!({ "name": repository.id })).send().expect(200);
    get(&repository, "/1").refused(404, "RepoNotFound");
    client.post("/api/repos/create").json(&json!({ "name": repository.id })).send().expect(200);
    get(&repository, "/1").refused(404, "NotFound");
    assert_eq!(open(&repository, "a new beginning"), 1);
}
