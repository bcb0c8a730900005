//! `config show`: every value with where it was written, and no secret.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::conform::is_secret;
use crate::origin::child;
use crate::{Loaded, Origin, Role};

/// The whole configuration as TOML, one key a line, each with its layer behind it. `schema` answers the schema of a
/// plugin's own keys, where the plugin is known: what it marks as secret is not shown, and its defaults are.
pub fn show(loaded: &Loaded, schema: impl Fn(&str) -> Option<Value>) -> String {
    let mut lines = Vec::new();
    let mut config = serde_json::to_value(&loaded.config).unwrap_or_default();
    for role in Role::ALL {
        for (name, instance) in loaded.config.instances(role) {
            let schema = schema(&instance.plugin).unwrap_or_default();
            let redacted = redact_table(&schema, &instance.config, false);
            config[role.as_str()][name]["config"] = Value::Object(with_defaults(&schema, redacted));
        }
    }
    let default_url = matches!(loaded.origins.of_value("database.url"), Origin::Default);
    if let (true, Some(url)) = (default_url, &loaded.config.database.url) {
        config["database"]["url"] = url.read().map(|url| json!(url.expose())).unwrap_or_default();
    }
    leaves(&config, "", &mut lines);
    let width = lines.iter().map(|(key, value)| key.len() + value.len() + 3).filter(|width| *width <= 72).max();
    let mut text = String::new();
    for (key, value) in lines {
        let line = format!("{key} = {value}");
        let origin = loaded.origins.of_value(&key).label();
        let _ = writeln!(text, "{line:width$}  # {origin}", width = width.unwrap_or_default());
    }
    text
}

fn leaves(value: &Value, key: &str, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(table) if !is_source(table) => {
            table.iter().for_each(|(name, value)| leaves(value, &child(key, name), lines));
        }
        Value::Null => {}
        value => lines.push((key.to_owned(), toml(value))),
    }
}

fn is_source(table: &Map<String, Value>) -> bool {
    table.len() == 1 && (table.contains_key("env") || table.contains_key("file"))
}

/// A value on one line of TOML; what is null is left out.
pub(crate) fn toml(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => toml_edit::Value::from(text.as_str()).to_string().trim().to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(table) if table.is_empty() => "{}".to_owned(),
        Value::Object(table) => {
            let written = table.iter().filter(|(_, value)| !value.is_null());
            let entries: Vec<_> =
                written.map(|(name, value)| format!("{} = {}", child("", name), toml(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

fn with_defaults(schema: &Value, mut config: Map<String, Value>) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.into_iter().flatten() {
        if let Some(default) = schema.get("default").filter(|default| !default.is_null() && !is_secret(schema)) {
            config.entry(name.clone()).or_insert_with(|| default.clone());
        }
    }
    config
}

fn redact_table(schema: &Value, table: &Map<String, Value>, hidden: bool) -> Map<String, Value> {
    let of = |name: &str| {
        let known = schema.get("properties").and_then(|properties| properties.get(name));
        known.or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null)
    };
    let entry = |(name, value): (&String, &Value)| {
        let hidden = hidden || is_secret(of(name)) || sounds_secret(name);
        (name.clone(), redact(of(name), value, hidden))
    };
    table.iter().map(entry).collect()
}

fn redact(schema: &Value, value: &Value, hidden: bool) -> Value {
    match value {
        Value::Object(table) if is_source(table) => value.clone(),
        Value::Object(table) => Value::Object(redact_table(schema, table, hidden)),
        Value::Array(items) => {
            let schema = schema.get("items").unwrap_or(&Value::Null);
            items.iter().map(|item| redact(schema, item, hidden)).collect()
        }
        Value::String(_) | Value::Number(_) if hidden => json!("***"),
        Value::String(text) => json!(without_password(text)),
        other => other.clone(),
    }
}

/// The words in a key's name that make its value a secret although no schema says so.
const SECRET_WORDS: [&str; 9] =
    ["secret", "password", "passphrase", "passwd", "token", "key", "credential", "signature", "auth"];

fn sounds_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// `scheme://user:password@host` without the password.
fn without_password(text: &str) -> String {
    let hide = || {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.find('/').map_or(rest, |end| &rest[..end]);
        let at = authority.rfind('@')?;
        let colon = authority[..at].find(':')?;
        Some(format!("{scheme}://{}:***{}", &authority[..colon], &rest[at..]))
    };
    hide().unwrap_or_else(|| text.to_owned())
}
