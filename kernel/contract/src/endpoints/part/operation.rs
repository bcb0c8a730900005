//! One operation of a part, held to its form.

use std::collections::BTreeSet;

use ballast_types::Right;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Access, LONGEST, METHODS, Operation, USUAL};

/// What the kernel says of every operation.
const KERNELS: [&str; 3] = ["security", "servers", "tags"];

/// Headers that no plugin gets, whatever it describes.
const KEPT: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The parameters of an address that names a repository.
const REPOSITORY: [&str; 3] = ["kinds", "namespace", "name"];

/// Whether a path is one below the instance's own prefix.
pub(super) fn placed(path: &str) -> Result<(), String> {
    let escaped = path.escape_debug();
    let refuse = |why: &str| Err(format!("the path '{escaped}' {why}"));
    let Some(rest) = path.strip_prefix('/') else { return refuse("does not begin with '/'") };
    if rest == "api" || rest.starts_with("api/") {
        return refuse("begins with /api: paths are those below the instance's own /api/x/NAME");
    }
    if rest == "info" || rest.starts_with("info/") {
        return refuse("begins with /info, which is for git-lfs");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let word = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.is_empty();
    for segment in rest.split('/') {
        let parameter = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let good = match parameter {
            Some(name) => word(name),
            None => !segment.is_empty() && segment.bytes().all(plain) && !matches!(segment, "." | ".."),
        };
        if !good {
            return refuse("has a segment that is neither plain letters nor one '{name}'");
        }
    }
    let names = parameters_in(path);
    match names.iter().collect::<BTreeSet<_>>().len() == names.len() {
        true => Ok(()),
        false => refuse("has one parameter twice"),
    }
}

/// A path without the names of its parameters: two of one shape are one address.
pub(super) fn shape(path: &str) -> String {
    let shape = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(shape).collect::<Vec<_>>().join("/")
}

fn parameters_in(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect()
}

/// What an operation says, where it says it as it must be said.
pub(super) fn checked(path: &str, method: &str, operation: &Value) -> Result<Operation, String> {
    read(path, method, operation).map_err(|why| format!("{} {path}: {why}", method.escape_debug()))
}

fn read(path: &str, method: &str, operation: &Value) -> Result<Operation, String> {
    if !METHODS.contains(&method) {
        return Err(format!("methods are {}", METHODS.join(", ")));
    }
    let said = operation.as_object().ok_or("it is no object")?;
    let id = described(said)?;
    let headers = parameters(path, said.get("parameters"))?;
    let access = word(said, "x-ballast-access", "anybody, account or administrator", |word| match word {
        "anybody" => Some(Access::Anybody),
        "account" => Some(Access::Account),
        "administrator" => Some(Access::Administrator),
        _ => None,
    })?;
    let right = word(said, "x-ballast-repository", "read, propose, write or admin", |word| {
        Right::deserialize(Value::String(word.to_owned())).ok()
    })?;
    let named = parameters_in(path);
    if right.is_some() && !REPOSITORY.iter().all(|name| named.contains(name)) {
        return Err("a repository is named by {kinds}, {namespace} and {name} in its path".to_owned());
    }
    let body = body(said.get("requestBody"), said.get("x-ballast-body"))?;
    if body.is_some() && matches!(method, "get" | "head") {
        return Err("it takes a body, and what only reads has none".to_owned());
    }
    let (id, method, path) = (id.to_owned(), method.to_owned(), path.to_owned());
    Ok(Operation { id, method, path, access: access.unwrap_or(Access::Account), right, body, headers })
}

/// Whether it is described as every operation is; its id.
fn described(said: &Map<String, Value>) -> Result<&str, String> {
    if let Some(key) = KERNELS.into_iter().find(|key| said.contains_key(*key)) {
        return Err(format!("'{key}' is the hub's to say; x-ballast-access says who may ask"));
    }
    let id = said.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plain || !id.starts_with(|first: char| first.is_ascii_alphabetic()) || id.len() > 100 {
        return Err("its operationId has letters, digits and '_', a letter first".to_owned());
    }
    if said.get("summary").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err("it has no summary".to_owned());
    }
    let responses = said.get("responses").and_then(Value::as_object);
    let told = |response: &Value| response["description"].is_string();
    match responses.is_some_and(|responses| !responses.is_empty() && responses.values().all(told)) {
        true => Ok(id),
        false => Err("its responses are missing, or one has no description".to_owned()),
    }
}

fn word<T>(
    said: &Map<String, Value>,
    key: &str,
    known: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(said) = said.get(key) else { return Ok(None) };
    said.as_str().and_then(read).map(Some).ok_or_else(|| format!("{key} is {known}"))
}

fn body(described: Option<&Value>, longest: Option<&Value>) -> Result<Option<usize>, String> {
    let longest = match longest {
        None => USUAL,
        Some(said) => {
            let number = said.as_u64().and_then(|number| usize::try_from(number).ok());
            number.filter(|number| *number <= LONGEST).ok_or_else(|| format!("x-ballast-body is 0 to {LONGEST}"))?
        }
    };
    Ok(described.map(|_| longest))
}

/// Whether the parameters are those of the path; the headers among them.
fn parameters(path: &str, described: Option<&Value>) -> Result<Vec<String>, String> {
    let none = Value::Array(vec![]);
    let described = described.unwrap_or(&none).as_array().ok_or("its parameters are no list")?;
    let mut of_path = BTreeSet::new();
    let mut headers = Vec::new();
    for parameter in described {
        let name = parameter["name"].as_str().ok_or("one of its parameters has no name")?;
        match parameter["in"].as_str() {
            Some("path") => drop(of_path.insert(name)),
            Some("header") if KEPT.contains(&name.to_ascii_lowercase().as_str()) => {
                return Err(format!("the header '{}' stays with the hub", name.escape_debug()));
            }
            Some("header") => headers.push(name.to_ascii_lowercase()),
            Some("query") => {}
            _ => return Err(format!("the parameter '{}' is in neither path, query nor header", name.escape_debug())),
        }
    }
    match of_path == parameters_in(path).into_iter().collect() {
        true => Ok(headers),
        false => Err("its parameters are not those of its path".to_owned()),
    }
}
