//! Secrets: written down, or written where they are.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use ballast_types::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::conform::may_be_text;
use crate::origin::{child, item};
use crate::{Origins, Problem};

/// A secret itself, `{ env = "VARIABLE" }`, or `{ file = "/path" }` whose last line break does not count.
///
/// Serialising it gives away where it is, never what it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SecretSource {
    /// The secret itself.
    Text(Secret),
    /// The environment variable that holds it.
    Environment(FromEnvironment),
    /// The file that holds it.
    File(FromFile),
}

/// `{ env = "VARIABLE" }`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromEnvironment {
    pub env: String,
}

/// `{ file = "/path" }`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromFile {
    pub file: PathBuf,
}

/// The largest secret that is read from a file, in bytes.
const LARGEST: u64 = 64 * 1024;

impl SecretSource {
    /// A secret that is written down.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(Secret::new(value))
    }

    /// Reads a `{ env = … }` or `{ file = … }` table; none where it is anything else.
    pub fn in_table(value: &Value) -> Option<Self> {
        let table = value.as_object().filter(|table| table.len() == 1)?;
        match (table.get("env"), table.get("file")) {
            (Some(Value::String(env)), _) => Some(Self::Environment(FromEnvironment { env: env.clone() })),
            (_, Some(Value::String(file))) => Some(Self::File(FromFile { file: file.into() })),
            _ => None,
        }
    }

    /// The secret, read now. The error says which variable or file is missing.
    pub fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Text(secret) => Ok(secret.clone()),
            Self::Environment(FromEnvironment { env }) => match std::env::var(env) {
                Ok(value) => Ok(Secret::new(value)),
                Err(std::env::VarError::NotPresent) => Err(format!("the environment variable {env} is not set")),
                Err(std::env::VarError::NotUnicode(_)) => Err(format!("the environment variable {env} is not UTF-8")),
            },
            Self::File(FromFile { file }) => read_file(file).map_err(|why| format!("{}: {why}", file.display())),
        }
    }
}

/// Puts the secrets themselves in the place of `{ env = … }` and `{ file = … }`, wherever a plugin's schema allows a
/// text. Answers those that cannot be read; a mark stands in their place, so that the rest can still be checked.
pub fn read_secrets(schema: &Value, value: &mut Value, key: &str, origins: &Origins) -> Vec<Problem> {
    if may_be_text(schema)
        && let Some(source) = SecretSource::in_table(value)
    {
        let read = source.read();
        *value = Value::String(read.as_ref().map_or("unread", Secret::expose).to_owned());
        return read.err().map(|why| Problem::new(key, origins.of_key(key), why)).into_iter().collect();
    }
    match value {
        Value::Object(table) => {
            let schema = |name: &String| {
                let known = schema.get("properties").and_then(|properties| properties.get(name));
                known.or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Bool(true))
            };
            let each =
                |(name, value): (&String, &mut Value)| read_secrets(schema(name), value, &child(key, name), origins);
            table.iter_mut().flat_map(each).collect()
        }
        Value::Array(items) => {
            let schema = schema.get("items").unwrap_or(&Value::Bool(true));
            let each = |(i, value): (usize, &mut Value)| read_secrets(schema, value, &item(key, i), origins);
            items.iter_mut().enumerate().flat_map(each).collect()
        }
        _ => Vec::new(),
    }
}

fn read_file(path: &Path) -> Result<Secret, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST {
        return Err(format!("it has {size} bytes, and a secret has at most {LARGEST}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text)))
}

impl Serialize for SecretSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(_) => serializer.serialize_str("***"),
            Self::Environment(source) => source.serialize(serializer),
            Self::File(source) => source.serialize(serializer),
        }
    }
}

impl JsonSchema for SecretSource {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = |key: &str, what: &str| {
            json_schema!({
                "type": "object",
                "properties": { key: { "type": "string", "description": what, "minLength": 1 } },
                "required": [key],
                "additionalProperties": false,
            })
        };
        json_schema!({
            "writeOnly": true,
            "anyOf": [
                { "type": "string" },
                one("env", "The environment variable that holds it."),
                one("file", "The file that holds it."),
            ],
        })
    }
}
