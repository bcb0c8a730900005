//! What an operator writes: a scheme, and the options that OpenDAL has for it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use ballast_contract::{Error, ErrorKind, Result};
use opendal::{Operator, services};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where bytes lie. `scheme` says in what: `fs`, a folder of this machine, or `memory`, which forgets everything at the
/// end and is for trying out. All other keys are the options of that scheme as OpenDAL documents them; for `fs` that is
/// `root`, the folder.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("examples" = [{ "scheme": "fs", "root": "/var/lib/ballast/storage" }]))]
pub struct OpendalConfig(BTreeMap<String, Setting>);

/// A value as TOML and the environment write it. OpenDAL reads them all as text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Setting {
    Switch(bool),
    Number(i64),
    Text(String),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// Only the keys: values may be secrets.
impl fmt::Debug for OpendalConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A folder, whose place is still to be said.
impl Default for OpendalConfig {
    fn default() -> Self {
        Self(BTreeMap::from([("scheme".to_owned(), Setting::Text("fs".to_owned()))]))
    }
}

impl OpendalConfig {
    /// Bytes in this folder.
    pub fn folder(root: &Path) -> Self {
        Self::default().or_root(root)
    }

    /// Bytes in memory.
    pub fn memory() -> Self {
        Self(BTreeMap::from([("scheme".to_owned(), Setting::Text("memory".to_owned()))]))
    }

    /// The same, with this folder where the scheme is `fs` and no root was written.
    pub fn or_root(mut self, root: &Path) -> Self {
        if self.scheme() == "fs" {
            let root = Setting::Text(root.to_string_lossy().into_owned());
            self.0.entry("root".to_owned()).or_insert(root);
        }
        self
    }

    fn scheme(&self) -> String {
        self.0.get("scheme").map_or_else(|| "fs".to_owned(), ToString::to_string)
    }

    /// The scheme and its options, which are all known ones.
    pub(crate) fn read(&self) -> Result<(Scheme, BTreeMap<String, String>)> {
        let name = self.scheme();
        let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.name() == name).ok_or_else(|| {
            let names = Scheme::ALL.map(Scheme::name);
            invalid(format!(
                "scheme '{name}' is not built in{}; there are: {}",
                nearest(&name, &names),
                names.join(", ")
            ))
        })?;
        let options: BTreeMap<_, _> = self.0.iter().filter(|(key, _)| *key != "scheme").collect();
        let known = scheme.options()?;
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        if let Some(key) = options.keys().find(|key| !known.contains(&key.as_str())) {
            let suggestion = nearest(key, &known);
            let context = format!("scheme '{name}' has no option '{key}'{suggestion}; it has: {}", known.join(", "));
            return Err(invalid(context));
        }
        Ok((scheme, options.into_iter().map(|(key, value)| (key.clone(), value.to_string())).collect()))
    }
}

/// The schemes that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Fs,
    Memory,
}

impl Scheme {
    const ALL: [Self; 2] = [Self::Fs, Self::Memory];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fs => "fs",
            Self::Memory => "memory",
        }
    }

    /// The options that OpenDAL's own config of the scheme has: OpenDAL itself would take a misspelt one in silence.
    fn options(self) -> Result<Vec<String>> {
        let config = match self {
            Self::Fs => serde_json::to_value(services::FsConfig::default()),
            Self::Memory => serde_json::to_value(services::MemoryConfig::default()),
        };
        let config = config.map_err(|error| Error::new(ErrorKind::Internal, "storage.open", error.to_string()))?;
        let keys = config.as_object().into_iter().flat_map(|fields| fields.keys());
        // How a folder makes a write atomic is this plugin's business.
        Ok(keys.filter(|key| *key != "atomic_write_dir").cloned().collect())
    }

    /// OpenDAL's handle on the scheme.
    pub(crate) fn operator(self, options: BTreeMap<String, String>) -> Result<Operator> {
        let operator = match self {
            Self::Fs => Operator::from_iter::<services::Fs>(options),
            Self::Memory => Operator::from_iter::<services::Memory>(options),
        };
        operator.map_err(|error| crate::failure::told(error, "storage.start", self.name()))
    }
}

fn nearest(typed: &str, known: &[&str]) -> String {
    let near = known.iter().map(|name| (strsim::damerau_levenshtein(typed, name), name)).min();
    match near {
        Some((distance, name)) if distance <= 2.max(typed.len() / 3) => format!(" (did you mean '{name}'?)"),
        _ => String::new(),
    }
}

fn invalid(context: String) -> Error {
    Error::new(ErrorKind::Invalid, "storage.open", context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let config: OpendalConfig = serde_json::from_str(json).unwrap();
        config.read().unwrap_err().context
    }

    #[test]
    fn a_misspelt_option_is_refused_with_the_nearest() {
        let refused = refused(r#"{"scheme": "fs", "rot": "/data"}"#);
        assert_eq!(refused, "scheme 'fs' has no option 'rot' (did you mean 'root'?); it has: root");
    }

    #[test]
    fn an_unknown_scheme_is_refused_with_those_that_are_built_in() {
        let refused = refused(r#"{"scheme": "s4"}"#);
        assert!(refused.starts_with("scheme 's4' is not built in"), "{refused}");
        assert!(refused.ends_with("; there are: fs, memory"), "{refused}");
    }

    #[test]
    fn a_root_that_was_written_is_kept() {
        let config: OpendalConfig = serde_json::from_str(r#"{"scheme": "fs", "root": "/data"}"#).unwrap();
        assert_eq!(config.or_root(Path::new("/other")).read().unwrap().1["root"], "/data");
    }

    #[test]
    fn values_do_not_show_in_logs() {
        let config: OpendalConfig = serde_json::from_str(r#"{"scheme": "fs", "secret": "hunter2"}"#).unwrap();
        assert_eq!(format!("{config:?}"), r#"{"scheme", "secret"}"#);
    }
}
