//! Where a value was written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use figment::Figment;
use figment::value::Value;

/// The layer that a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody wrote it.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable, by its name.
    Environment(String),
    /// `--set`.
    Set,
    /// An option of the command line that stands for one key, by its name: `--listen`.
    Flag(String),
}

impl Origin {
    /// Its name alone: `/etc/ballast/ballast.toml`, `BALLAST_SERVER__LISTEN`, `--set`, `default`.
    pub fn label(&self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Environment(variable) => variable.clone(),
            Self::Set => "--set".to_owned(),
            Self::Flag(flag) => flag.clone(),
        }
    }

    /// Whether values are written there as bare text, whose type only the schema knows.
    pub(crate) fn is_textual(&self) -> bool {
        matches!(self, Self::Environment(_) | Self::Set | Self::Flag(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("by default"),
            Self::File(path) => write!(f, "in {}", path.display()),
            other => write!(f, "from {}", other.label()),
        }
    }
}

/// The layer of every value that was written, by the value's path.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Reads what figment remembers of a merged tree.
    pub(crate) fn of(figment: &Figment, tree: &figment::value::Dict) -> Self {
        let mut origins = Self::default();
        for (name, value) in tree {
            origins.record(figment, child("", name), value);
        }
        origins
    }

    fn record(&mut self, figment: &Figment, key: String, value: &Value) {
        match value {
            Value::Dict(_, dict) => dict.iter().for_each(|(name, v)| self.record(figment, child(&key, name), v)),
            Value::Array(_, items) => {
                items.iter().enumerate().for_each(|(i, v)| self.record(figment, item(&key, i), v))
            }
            _ => {}
        }
        if let Some(origin) = figment.get_metadata(value.tag()).and_then(crate::layer::origin) {
            self.0.insert(key, origin);
        }
    }

    /// Where exactly this value was written; `Default` where nobody wrote it, even in a section that somebody wrote.
    pub fn of_value(&self, key: &str) -> Origin {
        self.0.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// Where the value at this path was written, or else the nearest thing around it.
    pub fn of_key(&self, key: &str) -> Origin {
        let around = |key: &str| key.rfind(['.', '[']).map(|end| key[..end].to_owned());
        std::iter::successors(Some(key.to_owned()), |key| around(key))
            .find_map(|key| self.0.get(&key).cloned())
            .unwrap_or(Origin::Default)
    }
}

/// The path of a key in a section.
pub(crate) fn child(section: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if section.is_empty() { name } else { format!("{section}.{name}") }
}

/// The path of an item in a list.
pub(crate) fn item(list: &str, index: usize) -> String {
    format!("{list}[{index}]")
}
