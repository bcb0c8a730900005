//! The layers that figment merges, one provider each: a file, an environment variable, a `--set`.

use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Num, Tag, Value};
use figment::{Metadata, Profile, Provider};
use toml_edit::{Item, TableLike};

use crate::{Origin, Problem};

/// What one layer says.
pub(crate) struct Layer {
    origin: Origin,
    values: Dict,
}

const FILE: &str = "file";
const ENVIRONMENT: &str = "environment";
const SET: &str = "set";
const FLAG: &str = "flag";

/// What every variable that configures the hub begins with; sections and keys are parted by `__`.
const PREFIX: &str = "BALLAST_";

/// The largest configuration file, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

impl Layer {
    /// A file, which must be there. A syntax error is told by its line, without the line's text: it may hold a secret.
    pub(crate) fn file(path: &Path) -> Result<Self, Problem> {
        let origin = Origin::File(path.to_owned());
        let fail = |why: String| Problem::new("", origin.clone(), why);
        let size = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
        if size > LARGEST {
            return Err(fail(format!("it has {size} bytes, and a configuration file has at most {LARGEST}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let document = text.parse::<toml_edit::DocumentMut>().map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            fail(format!("line {line}: {}", error.message().lines().collect::<Vec<_>>().join("; ")))
        })?;
        Ok(Self { origin, values: table(document.as_table()) })
    }

    /// An environment variable; none where it is not the hub's configuration.
    pub(crate) fn environment(variable: &str, value: &str) -> Option<Self> {
        let keys: Vec<_> = variable.strip_prefix(PREFIX)?.split("__").map(str::to_lowercase).collect();
        (keys.len() > 1).then(|| Self::text(Origin::Environment(variable.to_owned()), &keys, value))
    }

    /// `--set section.key=value`.
    pub(crate) fn set(assignment: &str) -> Result<Self, Problem> {
        let wrong = || {
            let what = assignment.split('=').next().unwrap_or_default().escape_default();
            Problem::new("", Origin::Set, format!("'{what}' is not of the form section.key=value"))
        };
        let (path, value) = assignment.split_once('=').ok_or_else(wrong)?;
        let keys = toml_edit::Key::parse(path.trim()).map_err(|_| wrong())?;
        let keys: Vec<_> = keys.iter().map(|key| key.get().to_owned()).collect();
        Ok(Self::text(Origin::Set, &keys, value))
    }

    /// An option of the command line that stands for one key.
    pub(crate) fn flag(flag: &str, keys: &[&str], value: &str) -> Self {
        let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        Self::text(Origin::Flag(flag.to_owned()), &keys, value)
    }

    /// The value stays the text that was written: only the schema knows whether `0123` is a number or a password.
    fn text(origin: Origin, keys: &[String], value: &str) -> Self {
        let leaf = Value::from(value);
        let nested = keys.iter().rev().fold(leaf, |inner, key| Value::from(Dict::from([(key.clone(), inner)])));
        let values = nested.into_dict().unwrap_or_default();
        Self { origin, values }
    }
}

/// Variables that look like configuration with one underscore too few, and what was probably meant.
pub(crate) fn misspelt(variable: &str, sections: &[(String, Vec<String>)]) -> Option<Problem> {
    let rest = variable.strip_prefix(PREFIX).filter(|rest| !rest.contains("__"))?.to_lowercase();
    let meant = sections.iter().find_map(|(section, keys)| {
        let key = rest.strip_prefix(section.as_str())?.strip_prefix('_')?;
        keys.iter().any(|known| known == key).then(|| format!("{section}__{key}"))
    })?;
    let meant = format!("{PREFIX}{}", meant.to_uppercase());
    let origin = Origin::Environment(variable.to_owned());
    Some(Problem::new("", origin, format!("section and key are parted by two underscores: did you mean {meant}?")))
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.origin {
            Origin::Default => Metadata::default(),
            Origin::File(path) => Metadata::from(FILE, path.as_path()),
            Origin::Environment(variable) => Metadata::from(ENVIRONMENT, variable.as_str()),
            Origin::Set => Metadata::named(SET),
            Origin::Flag(flag) => Metadata::from(FLAG, flag.as_str()),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// The layer that figment's metadata speaks of.
pub(crate) fn origin(metadata: &Metadata) -> Option<Origin> {
    use figment::Source;
    match (metadata.name.as_ref(), &metadata.source) {
        (FILE, Some(Source::File(path))) => Some(Origin::File(PathBuf::from(path))),
        (ENVIRONMENT, Some(Source::Custom(variable))) => Some(Origin::Environment(variable.clone())),
        (FLAG, Some(Source::Custom(flag))) => Some(Origin::Flag(flag.clone())),
        (SET, _) => Some(Origin::Set),
        _ => None,
    }
}

fn table(table: &dyn TableLike) -> Dict {
    table.iter().filter_map(|(key, item)| Some((key.to_owned(), value(item)?))).collect()
}

fn value(item: &Item) -> Option<Value> {
    match item {
        Item::None => None,
        Item::Value(value) => Some(scalar(value)),
        Item::Table(inner) => Some(Value::from(table(inner))),
        Item::ArrayOfTables(list) => Some(Value::from(list.iter().map(|t| Value::from(table(t))).collect::<Vec<_>>())),
    }
}

/// A TOML value as figment's; a date is the text it was written as.
pub(crate) fn scalar(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::from(text.value().as_str()),
        toml_edit::Value::Integer(number) => Value::Num(Tag::Default, Num::from(*number.value())),
        toml_edit::Value::Float(number) => Value::Num(Tag::Default, Num::from(*number.value())),
        toml_edit::Value::Boolean(truth) => Value::from(*truth.value()),
        toml_edit::Value::Datetime(moment) => Value::from(moment.value().to_string()),
        toml_edit::Value::Array(items) => Value::from(items.iter().map(scalar).collect::<Vec<_>>()),
        toml_edit::Value::InlineTable(inner) => Value::from(table(inner)),
    }
}
