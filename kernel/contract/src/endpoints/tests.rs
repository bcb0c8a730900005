//! Parts of the document that are taken, and those that are not; messages as they cross.
#![allow(clippy::unwrap_used)]

use ballast_types::{RepoKey, RepoKind, Right, UserKey, Visibility};
use serde_json::{Value, json};

use super::message::{EndpointsCall, Head};
use super::part::{Access, LONGEST, Part};
use super::*;

fn parameter(name: &str, place: &str) -> Value {
    json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": "string" } })
}

/// An operation that says what each has to.
fn plain(id: &str) -> Value {
    json!({ "operationId": id, "summary": "It is", "responses": { "200": { "description": "Done" } } })
}

fn with(mut operation: Value, key: &str, value: Value) -> Value {
    operation[key] = value;
    operation
}

fn at(path: &str, method: &str, operation: Value) -> Value {
    json!({ "paths": { path: { method: operation } } })
}

#[test]
fn a_part_says_who_may_ask_what_about_which_repository_with_how_long_a_body() {
    let names = ["kinds", "namespace", "name"].map(|name| parameter(name, "path"));
    let about = with(with(plain("b"), "parameters", json!(names)), "x-ballast-repository", json!("write"));
    let about = with(about, "requestBody", json!({ "content": {} }));
    let long = with(with(plain("c"), "requestBody", json!({})), "x-ballast-body", json!(LONGEST));
    let open = with(
        with(plain("a"), "x-ballast-access", json!("anybody")),
        "parameters",
        json!([parameter("X-Of", "header")]),
    );
    let part = json!({ "paths": {
        "/things": { "get": open, "put": long },
        "/of/{kinds}/{namespace}/{name}": { "post": about },
    } });
    let part = Part::read(&part).unwrap();
    let of = |id: &str| part.operation(id).unwrap();
    assert_eq!((of("a").access, of("a").right, of("a").body), (Access::Anybody, None, None));
    assert_eq!(of("a").headers, ["x-of"]);
    assert_eq!((of("b").access, of("b").right, of("b").body), (Access::Account, Some(Right::Write), Some(1 << 20)));
    assert_eq!((of("c").body, of("c").method.as_str(), of("c").path.as_str()), (Some(LONGEST), "put", "/things"));
    assert!(of("a").is_safe() && !of("c").is_safe());
    assert_eq!(part.described(of("a")).unwrap()["summary"], "It is");
}

#[test]
fn a_part_that_reaches_beyond_its_own_is_refused_with_the_place() {
    let placed = |path: &str| at(path, "get", plain("a"));
    let changed = |key: &str, value: Value| at("/a", "get", with(plain("a"), key, value));
    let reference = |to: &str| changed("responses", json!({ "200": { "description": "", "schema": { "$ref": to } } }));
    for (part, expected) in [
        (json!([]), "it is no object"),
        (json!({}), "it has no 'paths'"),
        (json!({ "paths": {} }), "it has no operation"),
        (json!({ "paths": {}, "servers": [] }), "it has 'servers'"),
        (placed("/api/models"), "the path '/api/models' begins with /api"),
        (placed("/info/lfs"), "is for git-lfs"),
        (placed("a"), "does not begin with '/'"),
        (placed("/../models"), "has a segment that is neither"),
        (placed("/a//b"), "has a segment that is neither"),
        (placed("/a/"), "has a segment that is neither"),
        (placed("/a/*rest"), "has a segment that is neither"),
        (placed("/a/b{c}"), "has a segment that is neither"),
        (placed("/{a}/{a}"), "has one parameter twice"),
        (placed("/{a}"), "get /{a}: its parameters are not those of its path"),
        (at("/a", "trace", plain("a")), "trace /a: methods are get, head"),
        (at("/a", "parameters", json!([])), "methods are"),
        (changed("operationId", json!("")), "its operationId has letters"),
        (changed("operationId", json!("a b")), "its operationId has letters"),
        (changed("summary", json!("")), "it has no summary"),
        (changed("responses", json!({})), "its responses are missing"),
        (changed("security", json!([])), "'security' is the hub's to say"),
        (changed("servers", json!([])), "'servers' is the hub's to say"),
        (changed("x-ballast-access", json!("everybody")), "x-ballast-access is anybody, account or administrator"),
        (changed("x-ballast-repository", json!("own")), "x-ballast-repository is read"),
        (changed("x-ballast-repository", json!("read")), "a repository is named by {kinds}"),
        (changed("requestBody", json!({})), "what only reads has none"),
        (changed("parameters", json!([parameter("Cookie", "header")])), "the header 'Cookie' stays with the hub"),
        (changed("parameters", json!([parameter("c", "cookie")])), "in neither path, query nor header"),
        (changed("parameters", json!([{}])), "one of its parameters has no name"),
        (reference("#/components/schemas/Error"), "leads to no schema of its own"),
        (reference("https://example.org/schema.json"), "leads to no schema of its own"),
        (at("/a", "post", with(plain("a"), "x-ballast-body", json!(LONGEST + 1))), "x-ballast-body is 0 to"),
        (
            json!({ "paths": { "/a": { "get": plain("a") }, "/b": { "get": plain("a") } } }),
            "two operations are called 'a'",
        ),
        (
            json!({ "paths": {
                "/{a}": { "get": with(plain("a"), "parameters", json!([parameter("a", "path")])) },
                "/{b}": { "put": with(plain("b"), "parameters", json!([parameter("b", "path")])) },
            } }),
            "'/{a}' and '/{b}' are one address",
        ),
        (json!({ "paths": {}, "components": { "responses": {} } }), "its components have 'responses'"),
        (json!({ "paths": {}, "components": { "schemas": { "a/b": {} } } }), "the schema 'a/b' is called by more"),
    ] {
        let refused = Part::read(&part).unwrap_err();
        assert!(refused.contains(expected), "{part}: {refused}");
    }
}

fn request() -> Request {
    Request {
        operation: "close".to_owned(),
        parameters: [("report".to_owned(), "7".to_owned())].into(),
        query: vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())],
        headers: vec![("accept".to_owned(), "*/*".to_owned())],
        caller: Some(Account {
            name: "ada".parse().unwrap(),
            key: UserKey(3),
            is_administrator: false,
            role: Role::Write,
        }),
        repository: Some(Repository {
            key: RepoKey(9),
            kind: RepoKind::Model,
            id: "ada/bert".to_owned(),
            visibility: Visibility::Private,
        }),
        base: "https://hub.example.org/api/x/reports".to_owned(),
        body: Bytes::from_static(b"{}"),
    }
}

/// Frozen: a library that was built yesterday reads it tomorrow.
#[test]
fn a_request_crosses_in_these_words() {
    let call = EndpointsCall::Answer { request: request() };
    let expected = json!({
        "call": "answer",
        "request": {
            "operation": "close",
            "parameters": { "report": "7" },
            "query": [["a", "1"], ["a", "2"]],
            "headers": [["accept", "*/*"]],
            "caller": { "name": "ada", "key": 3, "is_administrator": false, "role": "write" },
            "repository": { "key": 9, "kind": "model", "id": "ada/bert", "visibility": "private" },
            "base": "https://hub.example.org/api/x/reports",
        },
    });
    assert_eq!(serde_json::to_value(&call).unwrap(), expected);
    let read: EndpointsCall = serde_json::from_value(expected).unwrap();
    assert_eq!(read, EndpointsCall::Answer { request: Request { body: Bytes::new(), ..request() } });
    let head: Head = serde_json::from_value(json!({ "status": 204, "of a newer one": 1 })).unwrap();
    assert_eq!(head, Head { status: 204, headers: vec![] });
}

#[test]
fn what_a_request_lacks_is_said_in_words() {
    let bare = Request { caller: None, repository: None, ..request() };
    assert_eq!(bare.account().unwrap_err().kind, ErrorKind::Unauthenticated);
    assert_eq!(bare.repository().unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(bare.parameter("none").unwrap_err().context, "the address has no 'none'");
    assert_eq!(bare.json::<Vec<u8>>().unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!((bare.query("a"), bare.header("accept")), (Some("1"), Some("*/*")));
}
