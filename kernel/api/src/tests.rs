//! The document as a whole.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::{assembled, document};

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = vec![];
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    all
}

/// `BALLAST_BLESS=1` writes what the code says; otherwise the file must say the same.
#[test]
fn the_committed_document_is_the_one_that_the_code_describes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/openapi.json");
    let text = format!("{:#}\n", document());
    if std::env::var_os("BALLAST_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "openapi/openapi.json is not current: run this test with BALLAST_BLESS=1 and commit it");
}

#[test]
fn the_document_is_the_same_every_time() {
    assert_eq!(document().to_string(), document().to_string());
}

#[test]
fn every_operation_says_what_it_is_for_and_how_it_is_refused() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        assert!(!id.is_empty() && ids.insert(id), "{place}: its operationId is missing or not its own");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{place} has no summary");
        assert!(
            operation["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{place} says no more than that"
        );
        assert!(operation["tags"].as_array().is_some_and(|tags| !tags.is_empty()), "{place} has no tag");
        let under_a_repository = path.contains("{namespace}");
        assert!(!under_a_repository || operation["security"].is_array(), "{place} does not say who may call it");
        assert!(!under_a_repository || operation["responses"]["404"].is_object(), "{place} does not say 404");
        let declared: Vec<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let written: Vec<&str> =
            path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        assert_eq!(declared, written, "{place}: its parameters are not those of its path");
    }
}

#[test]
fn every_parameter_says_what_it_is() {
    for (method, path, operation) in operations(&document()) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let said = parameter["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(said, "{method} {path}: '{}' needs a doc comment", parameter["name"]);
        }
    }
}

/// Whether they are of the right form is for Spectral to say.
#[test]
fn every_operation_shows_what_is_sent_and_what_is_answered() {
    let mut missing = vec![];
    for (_, _, operation) in operations(&document()) {
        let bodies = |described: &Value, of: &[&str]| -> bool {
            let content = described["content"].as_object().into_iter().flatten();
            content.filter(|(media, _)| of.contains(&media.as_str())).all(|(_, body)| body.get("example").is_some())
        };
        let sent = [JSON, LFS_JSON, "application/x-ndjson", "application/x-www-form-urlencoded"];
        let done = operation["responses"].as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2'));
        let id = operation["operationId"].as_str().unwrap();
        if !bodies(&operation["requestBody"], &sent) {
            missing.push(format!("{id}: request"));
        }
        if !done.into_iter().all(|(_, response)| bodies(response, &[JSON, LFS_JSON])) {
            missing.push(format!("{id}: response"));
        }
    }
    assert!(missing.is_empty(), "kernel/api/examples has none for:\n{}", missing.join("\n"));
}

const JSON: &str = "application/json";
const LFS_JSON: &str = "application/vnd.git-lfs+json";

#[test]
fn every_route_is_in_the_document() {
    let (table, document) = assembled();
    let described: BTreeSet<(String, String)> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| (method, path.split('/').map(shape).collect::<Vec<_>>().join("/")))
        .collect();
    for (path, methods) in &table {
        let shaped = path.split('/').map(shape).collect::<Vec<_>>().join("/");
        for method in methods.keys() {
            let method = method.as_str().to_ascii_lowercase();
            assert!(described.contains(&(method.clone(), shaped.clone())), "{method} {path}");
        }
    }
}

/// One segment, without the name of its parameter.
fn shape(segment: &str) -> &str {
    if segment.starts_with([':', '*', '{']) { "*" } else { segment }
}
