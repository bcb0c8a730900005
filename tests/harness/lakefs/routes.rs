//! What the server does with a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::answers::{Answer, page};
use super::store::{Branch, Commit, Object, Repository, Store, now};
use super::{Request, unescaped};
use crate::sha256;

const LONGEST_KEY: usize = 1024;

type Outcome = Result<Answer, Answer>;

fn refuse<T>(status: u16, message: &str) -> Result<T, Answer> {
    Err(Answer::refused(status, message))
}

pub fn answer(store: &mut Store, request: &Request) -> Answer {
    let path = request.path.strip_prefix("/api/v1/").unwrap_or(&request.path);
    let parts: Vec<String> = path.split('/').map(unescaped).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    route(store, request, &parts).unwrap_or_else(|refused| refused)
}

fn route(store: &mut Store, request: &Request, parts: &[&str]) -> Outcome {
    match (request.method.as_str(), parts) {
        ("GET", ["healthcheck"] | ["", "_health"]) => Ok(Answer::empty(204)),
        ("GET", ["config"]) => Ok(config()),
        ("GET", ["repositories"]) => {
            let lines = store.repositories.iter().map(|(name, repository)| (name.clone(), repository.to_json()));
            Ok(listed(request, lines))
        }
        ("POST", ["repositories"]) => create(store, request),
        ("GET", ["repositories", name]) => Ok(Answer::json(200, &find(store, name)?.to_json())),
        ("DELETE", ["repositories", name]) => {
            find(store, name)?;
            store.repositories.remove(*name);
            Ok(Answer::empty(204))
        }
        (_, ["repositories", name, rest @ ..]) => {
            let number = store.number();
            let repository = find(store, name)?;
            match rest {
                ["branches", rest @ ..] => branches(repository, request, rest, number),
                ["tags", rest @ ..] => tags(repository, request, rest),
                ["commits", id] => commit_of(repository, id),
                ["refs", name, rest @ ..] => reads(repository, request, name, rest, number),
                _ => refuse(404, "no such route"),
            }
        }
        _ => refuse(404, "no such route"),
    }
}

fn config() -> Answer {
    let storage = json!({
        "blockstore_type": "local", "blockstore_namespace_example": "local://example",
        "blockstore_namespace_ValidityRegex": "^local://", "pre_sign_support": false, "pre_sign_support_ui": false,
        "import_support": false, "import_validity_regex": "^local://", "pre_sign_multipart_upload": false,
    });
    Answer::json(200, &json!({ "version_config": { "version": "1.84.0-stand-in" }, "storage_config": storage }))
}

/// Lines in order, with a prefix and behind a place.
fn listed(request: &Request, lines: impl Iterator<Item = (String, Value)>) -> Answer {
    let (empty, query) = (String::new(), &request.query);
    let (prefix, after) = (query.get("prefix").unwrap_or(&empty), query.get("after").unwrap_or(&empty));
    let lines = lines.filter(|(at, _)| at.starts_with(prefix.as_str()) && at > after);
    page(lines, query.get("amount"))
}

fn find<'s>(store: &'s mut Store, name: &str) -> Result<&'s mut Repository, Answer> {
    store.repositories.get_mut(name).ok_or_else(|| Answer::refused(404, "repository not found"))
}

fn read(request: &Request) -> Result<Value, Answer> {
    serde_json::from_slice(&request.body).map_err(|error| Answer::refused(400, &format!("bad body: {error}")))
}

fn text<'v>(body: &'v Value, key: &str) -> &'v str {
    body[key].as_str().unwrap_or_default()
}

/// As Go reads it.
fn is_true(request: &Request, name: &str) -> bool {
    request.query.get(name).is_some_and(|value| matches!(value.as_str(), "1" | "t" | "T" | "true" | "True" | "TRUE"))
}

fn create(store: &mut Store, request: &Request) -> Outcome {
    let body = read(request)?;
    let (name, namespace) = (text(&body, "name"), text(&body, "storage_namespace").trim_end_matches('/'));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let begins = name.bytes().next().is_some_and(plain);
    if !begins || !(3..=63).contains(&name.len()) || !name.bytes().all(|byte| plain(byte) || byte == b'-') {
        return refuse(400, "invalid repository id");
    }
    if !namespace.contains("://") {
        return refuse(400, "invalid storage namespace");
    }
    if store.repositories.contains_key(name) {
        return refuse(409, "repository already exists");
    }
    if !store.namespaces.insert(namespace.to_owned()) {
        return refuse(400, "storage namespace already in use");
    }
    let default_branch = if text(&body, "default_branch").is_empty() { "main" } else { text(&body, "default_branch") };
    check_branch(default_branch)?;
    let repository = Repository::new(name, namespace, default_branch, store.number());
    let made = repository.to_json();
    store.repositories.insert(name.to_owned(), repository);
    Ok(Answer::json(201, &made))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn check_branch(name: &str) -> Result<(), Answer> {
    match name.starts_with(is_word) && name.chars().all(|c| is_word(c) || c == '-') {
        true => Ok(()),
        false => refuse(400, "invalid branch id"),
    }
}

fn check_tag(name: &str) -> Result<(), Answer> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/^:?*[\\~".contains(c);
    match name.is_empty() || name.contains("..") || name.starts_with('.') || name.ends_with('.') || name.contains(odd) {
        true => refuse(400, "invalid tag id"),
        false => Ok(()),
    }
}

fn check_key(request: &Request) -> Result<&String, Answer> {
    let key = request.query.get("path").filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    key.ok_or_else(|| Answer::refused(400, "path is required, and at most 1024 bytes"))
}

fn branches(repository: &mut Repository, request: &Request, rest: &[&str], number: u64) -> Outcome {
    let line = |name: &str, branch: &Branch| json!({ "id": name, "commit_id": branch.commit });
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let hidden = is_true(request, "show_hidden");
            let shown = repository.branches.iter().filter(|(_, branch)| hidden || !branch.hidden);
            Ok(listed(request, shown.map(|(name, branch)| (name.clone(), line(name, branch)))))
        }
        ("POST", []) => {
            let body = read(request)?;
            let (name, source) = (text(&body, "name"), text(&body, "source"));
            check_branch(name)?;
            let (commit, _) = repository.resolve(source).ok_or_else(|| Answer::refused(404, "source not found"))?;
            let hidden = body["hidden"] == json!(true);
            let branch = Branch { commit: commit.to_owned(), staged: BTreeMap::new(), hidden };
            if repository.branches.contains_key(name) {
                return refuse(409, "branch already exists");
            }
            let commit = branch.commit.clone();
            repository.branches.insert(name.to_owned(), branch);
            Ok(Answer::bytes(commit.into_bytes(), "text/plain", "").with_status(201))
        }
        (_, [name, rest @ ..]) => {
            if !repository.branches.contains_key(*name) {
                return refuse(404, "branch not found");
            }
            match (request.method.as_str(), rest) {
                ("GET", []) => Ok(Answer::json(200, &line(name, &repository.branches[*name]))),
                ("DELETE", []) if repository.default_branch == *name => refuse(400, "cannot delete the default branch"),
                ("DELETE", []) => {
                    repository.branches.remove(*name);
                    Ok(Answer::empty(204))
                }
                ("PUT", ["hard_reset"]) => {
                    let to = request.query.get("ref").cloned().unwrap_or_default();
                    let (commit, _) = repository.resolve(&to).ok_or_else(|| Answer::refused(404, "ref not found"))?;
                    let commit = commit.to_owned();
                    let branch = at(repository, name)?;
                    if !branch.staged.is_empty() && !is_true(request, "force") {
                        return refuse(400, "branch has uncommitted changes");
                    }
                    (branch.commit, branch.staged) = (commit, BTreeMap::new());
                    Ok(Answer::empty(204))
                }
                ("PUT", []) => {
                    at(repository, name)?.staged.clear();
                    Ok(Answer::empty(204))
                }
                ("GET", ["diff"]) => {
                    let staged = repository.branches[*name].staged.iter();
                    let kind = |object: &Option<Arc<Object>>| if object.is_some() { "changed" } else { "removed" };
                    let line =
                        |key: &String, object| json!({ "path": key, "path_type": "object", "type": kind(object) });
                    Ok(listed(request, staged.map(|(key, object)| (key.clone(), line(key, object)))))
                }
                ("POST", ["commits"]) => seal(repository, request, name, number),
                (_, rest) => stage(repository, request, name, rest),
            }
        }
        _ => refuse(404, "no such route"),
    }
}

fn at<'r>(repository: &'r mut Repository, branch: &str) -> Result<&'r mut Branch, Answer> {
    repository.branches.get_mut(branch).ok_or_else(|| Answer::refused(404, "branch not found"))
}

/// Commits whatever anybody has staged on a branch.
fn seal(repository: &mut Repository, request: &Request, name: &str, number: u64) -> Outcome {
    let body = read(request)?;
    let branch = at(repository, name)?;
    if branch.staged.is_empty() && body["allow_empty"] != json!(true) {
        return refuse(400, "commit: no changes");
    }
    if text(&body, "message").is_empty() && body["allow_empty_message"] != json!(true) {
        return refuse(400, "commit: no message");
    }
    let parent = branch.commit.clone();
    let staged = Branch { staged: std::mem::take(&mut branch.staged), commit: parent.clone(), hidden: false };
    let objects = Arc::new(staged.over(&repository.commits[&parent].objects));
    let metadata = serde_json::from_value(body["metadata"].clone()).unwrap_or_default();
    let date = body["date"].as_u64().unwrap_or_else(now);
    let commit = Commit { parents: vec![parent], message: text(&body, "message").to_owned(), metadata, date, objects };
    let id = repository.keep(commit, number);
    at(repository, name)?.commit = id.clone();
    Ok(Answer::json(201, &repository.commits[&id].to_json(&id)))
}

fn stage(repository: &mut Repository, request: &Request, name: &str, rest: &[&str]) -> Outcome {
    let namespace = repository.namespace.clone();
    let exists = |key: &str| repository.object(name, key).is_some();
    match (request.method.as_str(), rest) {
        ("POST", ["objects", "delete"]) => {
            let body = read(request)?;
            let keys: Vec<String> = serde_json::from_value(body["paths"].clone()).unwrap_or_default();
            if keys.is_empty() || keys.len() > 1000 {
                return refuse(400, "between 1 and 1000 paths");
            }
            at(repository, name)?.staged.extend(keys.into_iter().map(|key| (key, None)));
            Ok(Answer::json(200, &json!({ "errors": [] })))
        }
        ("DELETE", ["objects"]) => {
            let key = check_key(request)?;
            if !exists(key) {
                return refuse(404, "object not found");
            }
            at(repository, name)?.staged.insert(key.clone(), None);
            Ok(Answer::empty(204))
        }
        ("POST", ["objects"]) => {
            let key = check_key(request)?.clone();
            if request.headers.get("if-none-match").is_some_and(|value| value == "*") && exists(&key) {
                return refuse(412, "object already exists");
            }
            let bytes = content(request)?;
            let digest = sha256(&bytes);
            let object = Object {
                address: format!("{namespace}/data/{digest}"),
                checksum: digest,
                size: bytes.len() as u64,
                mtime: now(),
                metadata: BTreeMap::new(),
                content_type: "application/octet-stream".to_owned(),
                bytes: Some(Arc::new(bytes)),
            };
            let line = object.to_json(&key, true);
            at(repository, name)?.staged.insert(key, Some(Arc::new(object)));
            Ok(Answer::json(201, &line))
        }
        ("PUT", ["objects"] | ["staging", "backing"]) => {
            let key = check_key(request)?.clone();
            if request.headers.get("if-none-match").is_some_and(|value| value == "*") && exists(&key) {
                return refuse(412, "object already exists");
            }
            let body = read(request)?;
            let address =
                body["physical_address"].as_str().unwrap_or_else(|| text(&body["staging"], "physical_address"));
            if address.starts_with(&format!("{namespace}/")) {
                return refuse(400, "an address inside the storage namespace must be signed");
            }
            let (Some(size), false) = (body["size_bytes"].as_u64(), address.is_empty()) else {
                return refuse(400, "physical_address, checksum and size_bytes are required");
            };
            let metadata = &body[if body["user_metadata"].is_null() { "metadata" } else { "user_metadata" }];
            let object = Object {
                address: address.to_owned(),
                checksum: text(&body, "checksum").to_owned(),
                size,
                mtime: now(),
                metadata: serde_json::from_value(metadata.clone()).unwrap_or_default(),
                content_type: text(&body, "content_type").to_owned(),
                bytes: None,
            };
            let line = object.to_json(&key, true);
            let status = if rest == ["objects"] { 201 } else { 200 };
            at(repository, name)?.staged.insert(key, Some(Arc::new(object)));
            Ok(Answer::json(status, &line))
        }
        _ => refuse(404, "no such route"),
    }
}

/// What was uploaded: the body, or the part `content` of a form.
fn content(request: &Request) -> Result<Vec<u8>, Answer> {
    let content_type = request.headers.get("content-type").cloned().unwrap_or_default();
    let Some((_, boundary)) = content_type.split_once("boundary=") else { return Ok(request.body.clone()) };
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let find = |bytes: &[u8], wanted: &[u8]| bytes.windows(wanted.len()).position(|window| window == wanted);
    let bad = || Answer::refused(400, "a form without content");
    let begin = find(&request.body, b"\r\n\r\n").ok_or_else(bad)? + 4;
    let length = find(&request.body[begin..], format!("\r\n{boundary}").as_bytes()).ok_or_else(bad)?;
    Ok(request.body[begin..begin + length].to_vec())
}

fn tags(repository: &mut Repository, request: &Request, rest: &[&str]) -> Outcome {
    let line = |name: &str, commit: &str| json!({ "id": name, "commit_id": commit });
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let lines = repository.tags.iter().map(|(name, commit)| (name.clone(), line(name, commit)));
            Ok(listed(request, lines))
        }
        ("POST", []) => {
            let body = read(request)?;
            let name = text(&body, "id");
            check_tag(name)?;
            let resolved =
                repository.resolve(text(&body, "ref")).ok_or_else(|| Answer::refused(404, "ref not found"))?;
            let commit = resolved.0.to_owned();
            if repository.tags.contains_key(name) && body["force"] != json!(true) {
                return refuse(409, "tag already exists");
            }
            repository.tags.insert(name.to_owned(), commit.clone());
            Ok(Answer::json(201, &line(name, &commit)))
        }
        ("GET", [name]) => match repository.tags.get(*name) {
            Some(commit) => Ok(Answer::json(200, &line(name, commit))),
            None => refuse(404, "tag not found"),
        },
        ("DELETE", [name]) => match repository.tags.remove(*name) {
            Some(_) => Ok(Answer::empty(204)),
            None => refuse(404, "tag not found"),
        },
        _ => refuse(404, "no such route"),
    }
}

fn commit_of(repository: &Repository, id: &str) -> Outcome {
    match repository.commits.get(id) {
        Some(commit) => Ok(Answer::json(200, &commit.to_json(id))),
        None => refuse(404, "commit not found"),
    }
}

fn reads(repository: &mut Repository, request: &Request, name: &str, rest: &[&str], number: u64) -> Outcome {
    let absent = || Answer::refused(404, "ref not found");
    let with_metadata = !request.query.contains_key("user_metadata") || is_true(request, "user_metadata");
    match (request.method.as_str(), rest) {
        ("GET", ["objects", "stat"]) => {
            let key = check_key(request)?;
            repository.resolve(name).ok_or_else(absent)?;
            let object = repository.object(name, key).ok_or_else(|| Answer::refused(404, "object not found"))?;
            Ok(Answer::json(200, &object.to_json(key, with_metadata)))
        }
        ("GET" | "HEAD", ["objects"]) => {
            repository.resolve(name).ok_or_else(absent)?;
            let found = repository.object(name, check_key(request)?);
            let object = found.ok_or_else(|| Answer::refused(404, "object not found"))?;
            let Some(bytes) = &object.bytes else { return refuse(410, "resource gone") };
            Ok(Answer::bytes(bytes.to_vec(), &object.content_type, &object.checksum))
        }
        ("GET", ["objects", "ls"]) => list(repository, request, name, with_metadata),
        ("GET", ["commits"]) => {
            let (first, _) = repository.resolve(name).ok_or_else(absent)?;
            let mut next = Some(first.to_owned());
            let mut log = Vec::new();
            while let Some(id) = next {
                let commit = &repository.commits[&id];
                next = commit.parents.first().cloned();
                log.push((id.clone(), commit.to_json(&id)));
            }
            let after = request.query.get("after").filter(|after| !after.is_empty());
            let begin = after.and_then(|after| log.iter().position(|(id, _)| id == after)).map_or(0, |at| at + 1);
            Ok(page(log.into_iter().skip(begin), request.query.get("amount")))
        }
        ("GET", ["diff", other]) => {
            let (left, right) =
                (repository.objects(name).ok_or_else(absent)?, repository.objects(other).ok_or_else(absent)?);
            let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let lines = keys.into_iter().filter(|key| left.get(*key) != right.get(*key)).map(|key| {
                let kind = match (left.contains_key(key), right.contains_key(key)) {
                    (false, _) => "added",
                    (_, false) => "removed",
                    _ => "changed",
                };
                (key.clone(), json!({ "path": key, "path_type": "object", "type": kind }))
            });
            Ok(listed(request, lines))
        }
        ("POST", ["merge", into]) => merge(repository, request, name, into, number),
        _ => refuse(404, "no such route"),
    }
}

fn list(repository: &Repository, request: &Request, name: &str, with_metadata: bool) -> Outcome {
    let objects = repository.objects(name).ok_or_else(|| Answer::refused(404, "ref not found"))?;
    let (empty, query) = (String::new(), &request.query);
    let (prefix, after) = (query.get("prefix").unwrap_or(&empty), query.get("after").unwrap_or(&empty));
    let delimiter = query.get("delimiter").filter(|delimiter| !delimiter.is_empty());
    let mut lines: Vec<(String, Value)> = Vec::new();
    for (key, object) in objects.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(prefix.as_str())) {
        let end = delimiter.and_then(|delimiter| Some(key[prefix.len()..].find(delimiter.as_str())? + delimiter.len()));
        let (at, line) = match end {
            Some(end) => {
                let folder = key[..prefix.len() + end].to_owned();
                let line = json!({
                    "path": folder, "path_type": "common_prefix", "physical_address": "", "checksum": "", "mtime": 0,
                });
                (folder, line)
            }
            None => (key.clone(), object.to_json(key, with_metadata)),
        };
        if at > *after && lines.last().is_none_or(|(last, _)| *last != at) {
            lines.push((at, line));
        }
    }
    Ok(page(lines.into_iter(), query.get("amount")))
}

/// Brings one ref into a branch. There is no expected head; a branch with anything staged is refused.
fn merge(repository: &mut Repository, request: &Request, from: &str, into: &str, number: u64) -> Outcome {
    let absent = || Answer::refused(404, "ref not found");
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let source = repository.resolve(from).ok_or_else(absent)?.0.to_owned();
    let branch = repository.branches.get(into).ok_or_else(absent)?;
    if !branch.staged.is_empty() {
        return refuse(400, "branch has uncommitted changes");
    }
    let target = branch.commit.clone();
    let behind = |id: &str| {
        let (mut found, mut open) = (Vec::new(), vec![id.to_owned()]);
        while let Some(id) = open.pop() {
            open.extend(repository.commits[&id].parents.clone());
            found.push(id);
        }
        found
    };
    let ours = behind(&target);
    let base = behind(&source).into_iter().find(|id| ours.contains(id)).ok_or_else(absent)?;
    let [base, theirs, mine] = [&base, &source, &target].map(|id| repository.commits[id].objects.clone());
    let mut objects = (*mine).clone();
    for key in base.keys().chain(theirs.keys()) {
        let (was, is, here) = (base.get(key), theirs.get(key), mine.get(key));
        if was == is || is == here {
            continue;
        }
        match (was == here, text(&body, "strategy")) {
            (false, "") => return refuse(409, "conflict found"),
            (false, "dest-wins") => {}
            _ => match is {
                Some(object) => drop(objects.insert(key.clone(), object.clone())),
                None => drop(objects.remove(key)),
            },
        }
    }
    let parents = if body["squash_merge"] == json!(true) { vec![target] } else { vec![target, source] };
    let metadata = serde_json::from_value(body["metadata"].clone()).unwrap_or_default();
    let message = body["message"].as_str().unwrap_or("Merge").to_owned();
    let commit = Commit { parents, message, metadata, date: now(), objects: Arc::new(objects) };
    let id = repository.keep(commit, number);
    at(repository, into)?.commit = id.clone();
    Ok(Answer::json(200, &json!({ "reference": id })))
}
