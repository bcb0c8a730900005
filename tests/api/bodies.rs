//! Requests that cannot be read: bodies, queries, methods and addresses.

use std::io::Write;

use ballast_tests::{Hub, read_answer};
use serde_json::json;

#[test]
fn a_question_may_have_fields_that_the_hub_does_not_know() {
    let hub = Hub::shared();
    let repository = hub.model();
    let client = &repository.client;
    let ask = json!({ "files": [{ "path": "a", "size": 1, "mode": "x" }], "extra": 1 });
    client.post(repository.api("/preupload/main")).json(&ask).send().expect(200);
    let paths = json!({ "paths": [".gitattributes"], "extra": true });
    client.post(repository.api("/paths-info/main")).json(&paths).send().expect(200);
    client.post("/api/validate-yaml").json(&json!({ "content": "", "repoType": "model", "x": 1 })).send().expect(200);
    repository
        .batch(&json!({ "operation": "upload", "objects": [], "ref": { "name": "main" }, "extra": {} }))
        .expect(200);
}

#[test]
fn an_unknown_field_of_what_makes_or_deletes_something_is_refused_by_its_name() {
    let hub = Hub::shared();
    let repository = hub.model();
    // A word that is not understood may have been the one that keeps a repository private.
    repository.unchanged(|| {
        for (method, target, mut body) in [
            ("POST", "/api/repos/create".to_owned(), json!({ "name": "with-a-typo" })),
            ("DELETE", "/api/repos/delete".to_owned(), json!({ "name": repository.id })),
            ("POST", repository.api("/branch"), json!({ "branch": "b" })),
            ("POST", repository.api("/branch/b"), json!({})),
            ("POST", repository.api("/tag"), json!({ "tag": "t" })),
            ("POST", repository.api("/tag/main"), json!({ "tag": "t" })),
        ] {
            body["privat"] = true.into();
            let sentence = repository.client.request(method, &target).json(&body).send().refused(400, "BadRequest");
            assert!(sentence.contains("privat"), "{sentence}");
        }
    });
    repository.client.get("/api/models/admin/with-a-typo").send().refused(404, "RepoNotFound");
}

#[test]
fn every_field_that_any_client_sends_when_it_makes_a_repository_is_known() {
    let hub = Hub::shared();
    let body = json!({
        "name": ballast_tests::unique("fields"), "organization": null, "type": "model", "private": false, "sdk": null,
        "template": null, "hardware": null, "sleepTimeSeconds": null, "secrets": [], "variables": [], "volumes": [],
        "resourceGroupId": null, "region": null, "lfsmultipartthresh": 100,
    });
    hub.admin().post("/api/repos/create").json(&body).send().expect(200);
}

#[test]
fn a_field_of_another_type_is_refused_with_the_way_to_it() {
    let hub = Hub::shared();
    let repository = hub.model();
    let preupload = repository.api("/preupload/main");
    let (branch, tag) = (repository.api("/branch"), repository.api("/tag"));
    let create = "/api/repos/create".to_owned();
    repository.unchanged(|| {
        for (target, body, way) in [
            (&create, json!({ "name": 1 }), "body.name"),
            (&create, json!({}), "name"),
            (&create, json!({ "name": "x", "private": "yes" }), "body.private"),
            (&create, json!({ "name": "x", "private": 1 }), "body.private"),
            (&create, json!({ "name": "x", "type": 1 }), "body.type"),
            (&create, json!({ "name": "x", "organization": {} }), "body.organization"),
            (&create, json!([]), "body"),
            (&branch, json!(["b", null]), "body: a list"),
            (&create, json!("x"), "body"),
            (&create, json!(null), "body"),
            (&preupload, json!({}), "files"),
            (&preupload, json!({ "files": {} }), "body.files"),
            (&preupload, json!({ "files": [{ "path": "a" }] }), "body.files[0]"),
            (&preupload, json!({ "files": [{ "path": "a", "size": -1 }] }), "body.files[0].size"),
            (&preupload, json!({ "files": [{ "path": "a", "size": "1" }] }), "body.files[0].size"),
            (
                &preupload,
                json!({ "files": [{ "path": "a", "size": 1 }, { "path": 1, "size": 1 }] }),
                "body.files[1].path",
            ),
            (&preupload, json!({ "files": [{ "path": "a", "size": 1, "sample": "***" }] }), "sample"),
            (&preupload, json!({ "files": [{ "path": "a", "size": 1, "sha256": "xyz" }] }), "sha256"),
            (&preupload, json!({ "files": [], "gitIgnore": 1 }), "body.gitIgnore"),
            (&branch, json!({}), "branch"),
            (&branch, json!({ "branch": 1 }), "body.branch"),
            (&branch, json!({ "branch": "b", "revision": [] }), "body.revision"),
            (&tag, json!({ "tag": null }), "body.tag"),
            (&tag, json!({ "tag": "t", "message": 1 }), "body.message"),
        ] {
            let answer = repository.client.post(target).json(&body).send();
            let detail = answer.json()["detail"].clone();
            let sentence = answer.refused(400, "BadRequest");
            assert!(sentence.contains(way), "{target} {body}: {sentence}");
            assert!(detail[0]["loc"].is_array() && detail[0]["msg"].is_string(), "{target} {body}: {detail}");
        }
    });
}

#[test]
fn paths_info_alone_answers_what_it_cannot_read_with_422() {
    let hub = Hub::shared();
    let repository = hub.model();
    let ask = || repository.client.post(repository.api("/paths-info/main"));
    for (body, way) in [
        (json!({ "paths": "a" }), "body.paths"),
        (json!({ "paths": [1] }), "body.paths[0]"),
        (json!({ "paths": [], "expand": "perhaps" }), "body.expand"),
        (json!([]), "body"),
    ] {
        let answer = ask().json(&body).send();
        assert!(answer.json()["detail"][0]["loc"].is_array(), "{}", answer.text());
        assert!(answer.refused(422, "BadRequest").contains(way), "{body}");
    }
    ask().header("Content-Type", "application/json").body("{").send().refused(422, "BadRequest");
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    for target in [
        "/api/repos/create".to_owned(),
        repository.api("/preupload/main"),
        repository.api("/branch"),
        repository.api("/tag"),
    ] {
        for text in ["", "{", "{}}", "name=x", "\u{0}", "{\"name\":\"x\",}", "[1,2", "nul"] {
            let request = repository.client.post(&target).header("Content-Type", "application/json");
            request.body(text).send().refused(400, "BadRequest");
        }
        let request = repository.client.post(&target).header("Content-Type", "application/json");
        request.body(b"{\"name\":\"\xff\"}").send().refused(400, "BadRequest");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    repository.client.post("/api/repos/create").body(deep).send().refused(400, "BadRequest");
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    let text = "x".repeat(40 << 20);
    let body = json!({ "name": text }).to_string();
    repository.client.post("/api/repos/create").body(body).send().refused(413, "TooLarge");
}

#[test]
fn paths_info_takes_a_form_of_either_kind_and_json_and_nothing_else() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("dir/a b.txt", "x");
    let target = repository.api("/paths-info/main");
    let ask = || repository.client.post(&target);
    let multipart = "--B\r\nContent-Disposition: form-data; name=\"paths\"\r\n\r\ndir/a b.txt\r\n\
                     --B\r\nContent-Disposition: form-data; name=\"paths\"\r\n\r\nmissing\r\n\
                     --B\r\nContent-Disposition: form-data; name=\"expand\"\r\n\r\ntrue\r\n--B--\r\n";
    for request in [
        ask().form("paths=dir%2Fa+b.txt&paths=missing&expand=true"),
        ask().form("paths=dir/a%20b.txt&expand=True"),
        ask().json(&json!({ "paths": ["dir/a b.txt", "missing"], "expand": true })),
        ask().header("Content-Type", "multipart/form-data; boundary=B").body(multipart),
    ] {
        let found = request.send().ok();
        assert_eq!(found.as_array().unwrap().len(), 1);
        assert_eq!(found[0]["path"], "dir/a b.txt");
        assert!(found[0]["lastCommit"]["id"].is_string());
    }
    for media in ["text/plain", "application/xml", "nonsense"] {
        let status = ask().header("Content-Type", media).body("paths=a").send().status;
        assert!(matches!(status, 400 | 415), "{media}: {status}");
    }
    for broken in ["multipart/form-data", "multipart/form-data; boundary=Other"] {
        ask().header("Content-Type", broken).body(multipart).send().refused(422, "BadRequest");
    }
    ask().form("paths=a&expand=perhaps").send().refused(422, "BadRequest");
    let many: Vec<String> = (0..1001).map(|n| format!("p{n}")).collect();
    let sentence = ask().json(&json!({ "paths": many })).send().refused(400, "BadRequest");
    assert!(sentence.contains("1001") && sentence.contains("1000"), "{sentence}");
}

#[test]
fn a_query_that_makes_no_sense_is_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    let tree = repository.api("/tree/main");
    let commits = repository.api("/commits/main");
    let info = repository.api("");
    for (target, name) in [
        (format!("{tree}?recursive=perhaps"), "recursive"),
        (format!("{tree}?expand=2"), "expand"),
        (format!("{tree}?limit=x"), "limit"),
        (format!("{tree}?limit=-1"), "limit"),
        (format!("{tree}?limit=1.5"), "limit"),
        (format!("{tree}?limit=99999999999999999999999"), "limit"),
        (format!("{commits}?cursor=nonsense"), "cursor"),
        (format!("{commits}?limit=x"), "limit"),
        (format!("{info}?blobs=perhaps"), "blobs"),
        (format!("{info}?expand=nonsense"), "expand"),
        ("/api/models?limit=x".to_owned(), "limit"),
        ("/api/models?sort=nonsense".to_owned(), "sort"),
        ("/api/models?direction=2".to_owned(), "direction"),
        ("/api/models?cursor=nonsense".to_owned(), "cursor"),
        ("/api/models?cursor=%ff".to_owned(), ""),
        ("/api/models?expand=nonsense".to_owned(), "expand"),
    ] {
        let sentence = repository.client.get(&target).send().refused(400, "BadRequest");
        assert!(sentence.to_lowercase().contains(name), "{target}: {sentence}");
    }
}

#[test]
fn an_unknown_expansion_is_refused_with_those_that_there_are() {
    let hub = Hub::shared();
    let repository = hub.model();
    for target in [repository.api("?expand=nonsense"), repository.api("/revision/main?expand=sha&expand=nonsense")] {
        let sentence = repository.client.get(target).send().refused(400, "BadRequest");
        for word in ["'nonsense'", "sha", "siblings", "cardData", "usedStorage"] {
            assert!(sentence.contains(word), "{sentence}");
        }
    }
}

#[test]
fn words_for_yes_and_no_are_those_that_clients_use() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a/b.txt", "x");
    for (word, entries) in [("true", 3), ("True", 3), ("1", 3), ("false", 2), ("False", 2), ("0", 2)] {
        let listed = repository.client.get(repository.api(&format!("/tree/main?recursive={word}"))).send().ok();
        assert_eq!(listed.as_array().unwrap().len(), entries, "{word}");
    }
}

#[test]
fn a_method_that_is_not_taken_is_refused_in_the_form_of_all_refusals() {
    let hub = Hub::shared();
    let repository = hub.model();
    for (method, target) in [
        ("GET", "/api/repos/create".to_owned()),
        ("PATCH", "/api/repos/create".to_owned()),
        ("POST", "/api/whoami-v2".to_owned()),
        ("DELETE", repository.api("/tree/main")),
        ("PUT", repository.resolve("a")),
        ("POST", repository.resolve("a")),
        ("PUT", repository.api("/commit/main")),
        ("GET", repository.api("/super-squash/main")),
        ("DELETE", "/health".to_owned()),
        ("TRACE", "/health".to_owned()),
        ("GET", repository.page(".git/info/lfs/objects/batch")),
    ] {
        repository.client.request(method, &target).send().refused(405, "MethodNotAllowed");
    }
}

#[test]
fn an_address_at_which_there_is_nothing_is_refused_in_the_form_of_all_refusals() {
    let hub = Hub::shared();
    let repository = hub.model();
    for target in [
        "/nothing".to_owned(),
        "/api".to_owned(),
        "/api/".to_owned(),
        "/api/nothing".to_owned(),
        "/api/nothing/a/b".to_owned(),
        repository.api("/nothing"),
        repository.api("/tree/main").replace("/models/", "/modelz/"),
        "/api/notkinds/a/b".to_owned(),
        "/%2e%2e/%2e%2e/etc/passwd".to_owned(),
        "/../etc/passwd".to_owned(),
        "/api/models/a/b/c/d/e".to_owned(),
        "/.git/config".to_owned(),
        "/%00".to_owned(),
        format!("/{}", "x".repeat(6000)),
    ] {
        let answer = hub.admin().get(&target).send();
        assert!(answer.header("x-error-code").is_some(), "{target}");
        answer.refused(404, "NotFound");
    }
}

#[test]
fn a_request_that_is_no_http_ends_the_connection_and_nothing_else() {
    use std::io::{Read, Write};
    let hub = Hub::shared();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n: nameless\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ] {
        let mut stream = hub.connect();
        stream.write_all(bytes).unwrap();
        // The hub may have ended the connection already.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = vec![];
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    hub.client().get("/health").send().expect(200);
}

#[test]
fn headers_that_are_too_long_are_refused() {
    let hub = Hub::shared();
    let answer = hub.client().get("/health").header("X-Long", "x".repeat(1 << 20)).send();
    assert!(matches!(answer.status, 400 | 431), "{}", answer.status);
}

#[test]
fn a_request_id_comes_back_and_one_that_could_do_harm_does_not() {
    let hub = Hub::shared();
    let echoed = |name: &str, value: &str| {
        let answer = hub.client().get("/health").header(name, value).send().expect(200);
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(echoed("X-Request-Id", "abc-123"), "abc-123");
    assert_eq!(echoed("X-Amzn-Trace-Id", "9f0e-trace"), "9f0e-trace");
    for evil in ["a b", "<script>", &"x".repeat(5000), ""] {
        let id = echoed("X-Request-Id", evil);
        assert!(id != evil && !id.is_empty() && id.len() < 200, "{id}");
    }
    let first = hub.client().get("/nothing").send();
    assert_ne!(first.header("x-request-id"), hub.client().get("/nothing").send().header("x-request-id"));
}

#[test]
fn a_refusal_that_needs_no_body_takes_a_short_one_and_keeps_the_connection() {
    let hub = Hub::shared();
    let mut stream = hub.connect();
    for _ in 0..100 {
        // The body comes behind its head, as clients send it.
        stream.write_all(b"POST /api/nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n").unwrap();
        stream.write_all(b"0123456789").unwrap();
        let answer = read_answer(&mut stream, false).unwrap();
        assert_eq!((answer.status, answer.header("connection")), (405, None));
    }
}

#[test]
fn a_refusal_that_leaves_a_long_body_unread_says_that_the_connection_ends() {
    let hub = Hub::shared();
    let mut stream = hub.connect();
    stream.write_all(b"POST /api/nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n").unwrap();
    let answer = read_answer(&mut stream, false).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (405, Some("close")));
}
