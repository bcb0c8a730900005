//! References of a part: each leads to a schema of its own.

use serde_json::{Map, Value};

/// Before the name of a schema.
const SCHEMAS: &str = "#/components/schemas/";

/// Whether each reference leads somewhere.
pub(super) fn resolve(part: &Map<String, Value>, schemas: &Map<String, Value>) -> Result<(), String> {
    part.values().try_for_each(|value| below(value, schemas))
}

fn below(value: &Value, schemas: &Map<String, Value>) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| below(item, schemas)),
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| match (key.as_str(), value) {
            ("$ref", Value::String(to)) => match to.strip_prefix(SCHEMAS) {
                Some(name) if schemas.contains_key(name) => Ok(()),
                _ => Err(format!("the reference '{}' leads to no schema of its own", to.escape_debug())),
            },
            _ => below(value, schemas),
        }),
        _ => Ok(()),
    }
}
