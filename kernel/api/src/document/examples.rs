//! What requests and answers look like: the files of `kernel/api/examples`, one for each group of operations.
//!
//! An entry is `"operationId": { "request": …, "response": … }`, both as they stand in a body; a body that is no JSON is
//! a string; `statuses` has answers of another form. Spectral holds them against their schemas, and a test insists on one for each operation.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

const FILES: &[(&str, &str)] = &[
    ("access", include_str!("../../examples/access.json")),
    ("account", include_str!("../../examples/account.json")),
    ("administration", include_str!("../../examples/administration.json")),
    ("collections", include_str!("../../examples/collections.json")),
    ("commits", include_str!("../../examples/commits.json")),
    ("discussions", include_str!("../../examples/discussions.json")),
    ("git", include_str!("../../examples/git.json")),
    ("imports", include_str!("../../examples/imports.json")),
    ("history", include_str!("../../examples/history.json")),
    ("jobs", include_str!("../../examples/jobs.json")),
    ("lfs", include_str!("../../examples/lfs.json")),
    ("organizations", include_str!("../../examples/organizations.json")),
    ("pages", include_str!("../../examples/pages.json")),
    ("people", include_str!("../../examples/people.json")),
    ("quota", include_str!("../../examples/quota.json")),
    ("repositories", include_str!("../../examples/repositories.json")),
    ("site", include_str!("../../examples/site.json")),
    ("social", include_str!("../../examples/social.json")),
    ("tree", include_str!("../../examples/tree.json")),
    ("webhooks", include_str!("../../examples/webhooks.json")),
    ("xet", include_str!("../../examples/xet.json")),
];

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    request: Option<Value>,
    response: Option<Value>,
    /// Answers of other forms, by status.
    #[serde(default)]
    statuses: BTreeMap<String, Value>,
}

/// Examples by `operationId`.
pub struct Examples(BTreeMap<String, Example>);

impl Examples {
    /// All that there are; refused with the file that cannot be read, or that says again what another says.
    pub fn read() -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for (name, text) in FILES {
            let found: BTreeMap<String, Example> =
                serde_json::from_str(text).map_err(|error| format!("the examples of '{name}': {error}"))?;
            for (id, example) in found {
                if all.insert(id.clone(), example).is_some() {
                    return Err(format!("the examples of '{name}': '{id}' has one elsewhere"));
                }
            }
        }
        Ok(Self(all))
    }

    /// Puts the example of `id` into an operation, which may have another name.
    pub fn show(&self, id: &str, operation: &mut Value) {
        let Some(Example { request, response, statuses }) = self.0.get(id) else { return };
        if let (Some(request), Some(body)) = (request, operation.get_mut("requestBody")) {
            for media in values(&mut body["content"]) {
                media["example"] = request.clone();
            }
        }
        let Some(response) = response else { return };
        for (status, described) in operation["responses"].as_object_mut().into_iter().flatten() {
            let content = described.get_mut("content").filter(|_| status.starts_with('2'));
            for (media, described) in content.and_then(Value::as_object_mut).into_iter().flatten() {
                // A page is for a browser; what programs are answered stands beside it.
                if media != "text/html" {
                    described["example"] = statuses.get(status).unwrap_or(response).clone();
                }
            }
        }
    }

    /// Those for which `is_known` finds no operation.
    pub fn of_nothing(&self, is_known: impl Fn(&str) -> bool) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|id| !is_known(id))
    }
}

fn values(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.as_object_mut().into_iter().flat_map(Map::values_mut)
}
