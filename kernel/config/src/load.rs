//! Layers in, one configuration out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ballast_types::Name;
use figment::value::Dict;
use figment::{Figment, Profile, Provider};
use serde::Deserialize;
use serde_json::Value;

use crate::layer::{Layer, misspelt};
use crate::{
    BootstrapToken, HubConfig, Origin, Origins, PluginConfig, Problem, Problems, Role, SecretSource, Tree, conform,
    schema_of,
};

/// The file that is read where it exists, before all others.
pub const SYSTEM_FILE: &str = "/etc/ballast/ballast.toml";

/// What to read, from the weakest layer to the strongest.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Read where it exists: [`SYSTEM_FILE`], or another place in tests.
    pub system: Option<PathBuf>,
    /// `--config`, in order. Each must exist.
    pub files: Vec<PathBuf>,
    /// The environment. Variables that are not configuration are passed over.
    pub environment: Vec<(String, String)>,
    /// `--set`, in order.
    pub set: Vec<String>,
    /// Options that stand for one key, such as `--listen`: name, key and value. They are over everything else.
    pub flags: Vec<(&'static str, [&'static str; 2], String)>,
    /// The data folder, where what nobody wrote about finds its place.
    pub data_dir: PathBuf,
}

/// Every mistake that the kernel found, and what can still be looked at so that all mistakes are said at once.
#[derive(Debug)]
pub struct Mistakes {
    pub problems: Problems,
    /// Everything by default but the plugins' instances, as far as they could be read.
    pub rest: Box<Loaded>,
}

/// A configuration without mistakes, as far as the kernel can tell, and where each value was written.
#[derive(Debug)]
pub struct Loaded {
    /// The whole configuration; roles that nobody wrote about have their built-in plugin.
    pub config: HubConfig,
    /// Where each value was written.
    pub origins: Origins,
    /// The folder for what the hub keeps itself.
    pub data_dir: PathBuf,
}

impl Layers {
    /// The layers of this process: the system's file and its environment.
    pub fn of_process(data_dir: PathBuf) -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let environment = std::env::vars_os().filter_map(utf8).collect();
        Self { system: Some(SYSTEM_FILE.into()), environment, data_dir, ..Self::default() }
    }

    /// Reads and merges all layers, and answers the configuration or every mistake in it. Secrets are not read, and
    /// plugins' own keys are not looked at: the loader does both.
    pub fn load(&self) -> Result<Loaded, Mistakes> {
        let schema = schema_of::<HubConfig>();
        let mut problems = Vec::new();
        let figment = self.merge(&schema, &mut problems);
        let tree = figment.data().map(|mut profiles| profiles.remove(&Profile::Default).unwrap_or_default());
        let tree = tree.unwrap_or_else(|error| {
            problems.push(Problem::new("", Origin::Default, error.to_string()));
            Dict::new()
        });
        let origins = Origins::of(&figment, &tree);
        let mut tree = serde_json::to_value(tree).unwrap_or_default();
        problems.extend(conform(&schema, &mut tree, "", Tree::Kernel, &origins));
        if self.data_dir.to_str().is_none() {
            let what = format!("the data folder's path is not UTF-8: {}", self.data_dir.display());
            problems.push(Problem::new("", Origin::Flag("--data-dir".to_owned()), what));
        }
        let config = self.typed(&tree, &origins, &mut problems);
        let loaded = |mut config: HubConfig| {
            config.fill(&self.data_dir);
            Loaded { config, origins, data_dir: self.data_dir.clone() }
        };
        match (config, problems.is_empty()) {
            (Some(config), true) => Ok(loaded(config)),
            _ => Err(Mistakes { problems: Problems(problems), rest: Box::new(loaded(instances_alone(&tree))) }),
        }
    }

    /// The tree as the types want it, unless there are mistakes in it.
    fn typed(&self, tree: &Value, origins: &Origins, problems: &mut Vec<Problem>) -> Option<HubConfig> {
        if !problems.is_empty() {
            return None;
        }
        match serde_path_to_error::deserialize(tree) {
            Ok(config) => {
                problems.extend(contradictions(&config, origins));
                Some(config)
            }
            Err(error) => {
                let key = error.path().to_string();
                let origin = origins.of_key(&key);
                problems.push(Problem::new(key, origin, error.into_inner().to_string()));
                None
            }
        }
    }

    fn merge(&self, schema: &Value, problems: &mut Vec<Problem>) -> Figment {
        let mut layers = Vec::new();
        let system = self.system.iter().filter(|path| path.exists());
        layers.extend(system.chain(&self.files).map(|path: &PathBuf| Layer::file(path)));
        let sections = sections(schema);
        for (variable, value) in &self.environment {
            problems.extend(misspelt(variable, &sections));
            layers.extend(Layer::environment(variable, value).map(Ok));
        }
        layers.extend(self.set.iter().map(|assignment| Layer::set(assignment)));
        layers.extend(self.flags.iter().map(|(flag, keys, value)| Ok(Layer::flag(flag, keys, value))));

        layers.into_iter().fold(Figment::new(), |figment, layer| match layer {
            Ok(layer) => figment.merge(layer),
            Err(problem) => {
                problems.push(problem);
                figment
            }
        })
    }
}

impl Loaded {
    /// Reads a secret of the configuration; `key` is its path, for the error.
    pub fn secret(&self, key: &str, source: &SecretSource) -> Result<ballast_types::Secret, Problem> {
        source.read().map_err(|why| Problem::new(key, self.origins.of_key(key), why))
    }

    /// Every secret outside the plugins' own keys that cannot be read now, or is no token's value although it should
    /// be one.
    pub fn unreadable_secrets(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.config.database.url.iter().filter_map(|url| self.secret("database.url", url).err()));
        problems.extend(self.config.mail.url.iter().filter_map(|url| self.secret("mail.url", url).err()));
        for (i, user) in self.config.bootstrap.users.iter().enumerate() {
            let key = format!("bootstrap.users[{i}].password");
            problems.extend(user.password.iter().filter_map(|source| self.secret(&key, source).err()));
            for (j, token) in user.tokens.iter().enumerate() {
                let key = format!("bootstrap.users[{i}].tokens[{j}].value");
                let refuse = |value: ballast_types::Secret| {
                    let why = BootstrapToken::refuse(value.expose())?;
                    Some(Problem::new(key.clone(), self.origins.of_key(&key), why))
                };
                problems.extend(self.secret(&key, &token.value).map_or_else(Some, refuse));
            }
        }
        problems
    }

    /// The data folder's path.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }
}

/// A configuration of nothing but the instances in a tree that may have mistakes.
fn instances_alone(tree: &Value) -> HubConfig {
    let mut config = HubConfig::default();
    for role in Role::ALL {
        let instances = tree.get(role.as_str()).and_then(Value::as_object).into_iter().flatten();
        let readable = instances.filter_map(|(name, instance)| {
            let instance = PluginConfig::deserialize(instance).ok()?;
            Some((name.clone(), instance))
        });
        config.instances_mut(role).extend(readable);
    }
    config
}

fn sections(schema: &Value) -> Vec<(String, Vec<String>)> {
    let properties = |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let keys = |schema: &Value| properties(schema).keys().cloned().collect();
    properties(schema).iter().map(|(name, section)| (name.clone(), keys(section))).collect()
}

/// What no single key can be blamed for.
fn contradictions(config: &HubConfig, origins: &Origins) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut report = |key: &str, what: String| problems.push(Problem::new(key, origins.of_key(key), what));
    for role in Role::ALL {
        for instance in config.instances(role).keys() {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
            if !instance.bytes().all(plain) || instance.is_empty() || instance.len() > 64 {
                let key = crate::origin::child(role.as_str(), instance);
                report(&key, "an instance's name has 1 to 64 of a-z, 0-9, '_' and '-'".to_owned());
            }
        }
    }
    let uploads = &config.uploads;
    if uploads.grace_hours <= uploads.lease_hours {
        let least = uploads.lease_hours;
        report("uploads.grace_hours", format!("expected more than uploads.lease_hours, which is {least}"));
    }
    if config.lfs.multipart_threshold < config.lfs.part_size {
        let least = config.lfs.part_size;
        report("lfs.multipart_threshold", format!("expected at least lfs.part_size, which is {least}"));
    }
    declared(config, report);
    problems
}

/// Names and tokens that are declared twice, and what is written down but cannot be used.
fn declared(config: &HubConfig, mut report: impl FnMut(&str, String)) {
    let bootstrap = &config.bootstrap;
    let users = bootstrap.users.iter().enumerate().map(|(i, user)| (format!("bootstrap.users[{i}]"), &user.name));
    let organizations = bootstrap.organizations.iter().enumerate();
    let organizations = organizations.map(|(i, org)| (format!("bootstrap.organizations[{i}]"), &org.name));
    let mut taken: HashMap<String, (String, &Name)> = HashMap::new();
    for (key, name) in users.chain(organizations) {
        match taken.get(&name.normalized()) {
            Some((first, other)) => {
                report(&format!("{key}.name"), format!("'{name}' and '{other}' of {first} are one name"))
            }
            None => drop(taken.insert(name.normalized(), (key, name))),
        }
    }
    let mut values: HashMap<&str, String> = HashMap::new();
    for (i, user) in bootstrap.users.iter().enumerate() {
        if let Some(SecretSource::Text(password)) = &user.password {
            let least = config.accounts.min_password;
            if password.expose().chars().count() < least {
                let what = format!("expected at least {least} characters (accounts.min_password)");
                report(&format!("bootstrap.users[{i}].password"), what);
            }
        }
        let mut names: HashMap<&str, usize> = HashMap::new();
        for (j, token) in user.tokens.iter().enumerate() {
            let key = format!("bootstrap.users[{i}].tokens[{j}]");
            if let Some(first) = names.insert(&token.name, j) {
                let what = format!("tokens[{first}] of this user has the same name");
                report(&format!("{key}.name"), what);
            }
            let SecretSource::Text(value) = &token.value else { continue };
            if let Some(why) = BootstrapToken::refuse(value.expose()) {
                report(&format!("{key}.value"), why.to_owned());
            }
            if let Some(first) = values.insert(value.expose(), key.clone()) {
                report(&format!("{key}.value"), format!("{first} has the same value"));
            }
        }
    }
    for (i, organization) in bootstrap.organizations.iter().enumerate() {
        let mut members: HashMap<String, usize> = HashMap::new();
        for (j, member) in organization.members.iter().enumerate() {
            if let Some(first) = members.insert(member.user.lower(), j) {
                let key = format!("bootstrap.organizations[{i}].members[{j}].user");
                report(&key, format!("members[{first}] is the same user"));
            }
        }
    }
}
