//! The plugins that there are, and what the configuration makes of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ballast_config::{
    Loaded, MirrorSourceConfig, PluginConfig, Problem, Role, Tree, UploadRoute, conform, nearest, read_secrets,
};
use ballast_database::{self as database, Database};
use serde_json::Value;

use crate::library::{Library, LibraryReport, Manifest};
use crate::{Plugin, state};

/// The plugins that a configuration may name.
pub struct Registry {
    plugins: Vec<Plugin>,
    libraries: Vec<Arc<Library>>,
    refused: Vec<Refused>,
}

/// A line of `plugins.load` that was refused.
struct Refused {
    report: LibraryReport,
    /// Stand in for the plugin, in each role that it may have; their id is empty where the manifest could not be read.
    plugins: Vec<Plugin>,
}

/// An instance whose keys are right, in the order in which instances start.
pub(crate) struct Planned<'a> {
    pub plugin: &'a Plugin,
    pub instance: &'a str,
    pub required: bool,
    /// The plugin's keys, with secrets in their places.
    pub config: Value,
}

/// What the configuration comes to.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    pub instances: Vec<Planned<'a>>,
    /// Mistakes in keys.
    pub mistakes: Vec<Problem>,
    /// Secrets that cannot be read here and now.
    pub unreadable: Vec<Problem>,
}

impl Registry {
    /// A registry of these plugins.
    pub fn new(builtins: Vec<Plugin>) -> Self {
        Self { plugins: builtins, libraries: Vec::new(), refused: Vec::new() }
    }

    /// Verifies and inspects the libraries that the configuration allows, and adds what they are; none of their code
    /// runs. What is wrong with one matters to the instances that want it, and to nobody else.
    pub fn inspect(&mut self, loaded: &Loaded) {
        for line in &loaded.config.plugins.load {
            let library = Library::inspect(line).and_then(|library| self.has_room_for(library));
            match library {
                Ok(library) => {
                    let library = Arc::new(library);
                    self.plugins.push(Plugin::library(Arc::clone(&library)));
                    self.libraries.push(library);
                }
                Err(why) => self.refuse(PathBuf::from(&line.file), why),
            }
        }
    }

    fn has_room_for(&self, library: Library) -> Result<Library, String> {
        let id = &library.manifest().id;
        match self.plugins.iter().find(|plugin| plugin.id() == id) {
            Some(plugin) => match plugin.file() {
                Some(file) => Err(format!("its id {id} is that of {}", file.display())),
                None => Err(format!("its id {id} is that of a built-in plugin")),
            },
            None => Ok(library),
        }
    }

    fn refuse(&mut self, file: PathBuf, why: String) {
        // Whose library it would have been, where it says so.
        let manifest = Library::inspect_anywhere(&file).ok().map(|library| library.manifest().clone());
        let id = manifest.as_ref().map(|manifest| manifest.id.clone()).unwrap_or_default();
        let roles = manifest.as_ref().and_then(Manifest::role).map_or_else(|| Role::ALL.to_vec(), |role| vec![role]);
        let stand_in = |role| Plugin::refused(role, &id, format!("{}: {why}", file.display()));
        let plugins = roles.into_iter().map(stand_in).collect();
        let of = manifest.map(|manifest| (manifest.id, manifest.version));
        let report = LibraryReport { file, sha256: None, plugin: of, refused: Some(why) };
        self.refused.push(Refused { report, plugins });
    }

    /// What became of each line of `plugins.load` so far.
    pub fn libraries(&self) -> Vec<LibraryReport> {
        let refused = self.refused.iter().map(|refused| refused.report.clone());
        self.libraries.iter().map(|library| library.report()).chain(refused).collect()
    }

    /// Every plugin, by role and then as listed.
    pub fn list(&self) -> impl Iterator<Item = &Plugin> {
        Role::ALL.into_iter().flat_map(|role| self.of_role(role))
    }

    /// Brings the tables of all plugins up to date, those of plugins that the configuration does not name as well: what
    /// an instance of before left there is not lost by a copy.
    pub async fn migrate(&self, database: &Database) -> database::Result<()> {
        for migrations in self.plugins.iter().filter_map(Plugin::tables) {
            database.migrate(migrations).await?;
        }
        database.migrate(state::migrations()).await
    }

    /// The schema of a plugin's keys, where the plugin is known.
    pub fn schema(&self, id: &str) -> Option<&Value> {
        self.plugins.iter().find(|plugin| plugin.id() == id).map(Plugin::schema)
    }

    /// Every mistake in what the configuration says about plugins, as far as their schemas know; none is opened.
    pub fn mistakes(&self, loaded: &Loaded) -> Vec<Problem> {
        self.plan(loaded).mistakes
    }

    /// The endpoints that the configuration names, by instance; none of their code runs.
    pub fn endpoints<'a>(&'a self, loaded: &'a Loaded) -> impl Iterator<Item = (&'a str, &'a Plugin)> {
        let instances = loaded.config.instances(Role::Endpoints).iter();
        instances.filter_map(|(name, one)| Some((name.as_str(), self.named(Role::Endpoints, &one.plugin)?)))
    }

    pub(crate) fn plan<'a>(&'a self, loaded: &'a Loaded) -> Plan<'a> {
        let mistakes = misrouted(loaded).into_iter().chain(mirroring_nobody(loaded)).chain(provided_by_nobody(loaded));
        let mistakes = mistakes.chain(self.sharing_tables(loaded)).collect();
        let mut plan = Plan { mistakes, ..Plan::default() };
        for role in Role::ALL {
            plan.mistakes.extend(choose(loaded, role).err());
            for (name, instance) in loaded.config.instances(role) {
                self.plan_instance(loaded, role, name, instance, &mut plan);
            }
        }
        plan
    }

    pub(crate) fn plan_instance<'a>(
        &'a self,
        loaded: &'a Loaded,
        role: Role,
        name: &'a str,
        instance: &PluginConfig,
        plan: &mut Plan<'a>,
    ) {
        let Some(plugin) = self.named(role, &instance.plugin) else {
            let key = format!("{role}.{name}.plugin");
            let origin = loaded.origins.of_key(&key);
            return plan.mistakes.push(Problem::new(key, origin, self.unknown(role, &instance.plugin)));
        };
        let key = format!("{role}.{name}.config");
        let mut config = Value::Object(instance.config.clone());
        let mistakes = conform(plugin.schema(), &mut config, &key, Tree::Plugin, &loaded.origins);
        let clean = mistakes.is_empty();
        plan.mistakes.extend(mistakes);
        plan.unreadable.extend(read_secrets(plugin.schema(), &mut config, &key, &loaded.origins));
        if clean && let Err((path, why)) = plugin.check(&config) {
            let key = if path == "." { key } else { format!("{key}.{path}") };
            let origin = loaded.origins.of_key(&key);
            plan.mistakes.push(Problem::new(key, origin, why));
        }
        plan.instances.push(Planned { plugin, instance: name, required: instance.required, config });
    }

    /// Engines that would write the same rows: a plugin's tables belong to the plugin, and not to an instance of it.
    fn sharing_tables(&self, loaded: &Loaded) -> Vec<Problem> {
        let mut mistakes: Vec<Problem> = Vec::new();
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, instance) in loaded.config.instances(Role::Versioning) {
            let id = instance.plugin.as_str();
            let has_tables =
                self.of_role(Role::Versioning).any(|plugin| plugin.id() == id && plugin.tables().is_some());
            if let Some(first) = seen.get(id).filter(|_| has_tables) {
                let key = format!("versioning.{name}.plugin");
                let what = format!("{id} keeps its rows in the hub's database, where '{first}' is of it already");
                mistakes.push(Problem::new(key.clone(), loaded.origins.of_key(&key), what));
            }
            seen.entry(id).or_insert(name);
        }
        mistakes
    }

    /// The plugin of this id, or what stands for a library that was refused and is it, or might have been.
    fn named(&self, role: Role, id: &str) -> Option<&Plugin> {
        let all = || self.refused.iter().flat_map(|refused| &refused.plugins);
        let refused = || all().filter(|plugin| plugin.role() == role);
        let known = self.of_role(role).find(|plugin| plugin.id() == id);
        known.or_else(|| refused().find(|plugin| plugin.id() == id)).or_else(|| refused().find(|p| p.id().is_empty()))
    }

    fn of_role(&self, role: Role) -> impl Iterator<Item = &Plugin> {
        self.plugins.iter().filter(move |plugin| plugin.role() == role)
    }

    fn unknown(&self, role: Role, id: &str) -> String {
        let known: Vec<_> = self.of_role(role).map(Plugin::id).collect();
        let named = id.escape_debug();
        match (known.is_empty(), nearest(id, known.iter().copied())) {
            (true, _) => format!("no plugin '{named}' is known; this hub has none for {role}"),
            (_, Some(near)) => format!("no plugin '{named}' is known; did you mean '{near}'?"),
            (_, None) => format!("no plugin '{named}' is known; for {role} there is {}", known.join(", ")),
        }
    }
}

/// Routes of uploads that lead nowhere.
fn misrouted(loaded: &Loaded) -> Vec<Problem> {
    let routes = loaded.config.uploads.routes.iter().enumerate();
    let misrouted = |(number, route): (usize, &UploadRoute)| {
        let is_there = loaded.config.storage.contains_key(&route.storage);
        (!is_there).then(|| no_storage(loaded, &format!("uploads.routes[{number}].storage"), &route.storage))
    };
    routes.filter_map(misrouted).collect()
}

/// Mirrors of hubs that no downloader reads.
fn mirroring_nobody(loaded: &Loaded) -> Vec<Problem> {
    let downloaders = &loaded.config.downloader;
    let unknown = |(number, source): (usize, &MirrorSourceConfig)| {
        let key = format!("mirror.sources[{number}].from");
        let names = downloaders.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let what = format!("there is no downloader '{}'; configured are: {names}", source.from.escape_debug());
        let problem = Problem::new(&key, loaded.origins.of_key(&key), what);
        (!downloaders.contains_key(&source.from)).then_some(problem)
    };
    loaded.config.mirror.sources.iter().enumerate().filter_map(unknown).collect()
}

/// Accounts for the users of auth instances that are none.
fn provided_by_nobody(loaded: &Loaded) -> Option<Problem> {
    let mut provided = loaded.config.accounts.provision.iter();
    let unknown = provided.find(|name| !loaded.config.auth.contains_key(name.as_str()))?;
    Some(no_instance(loaded, Role::Auth, "accounts.provision", unknown))
}

fn no_storage(loaded: &Loaded, key: &str, wanted: &str) -> Problem {
    no_instance(loaded, Role::Storage, key, wanted)
}

fn no_instance(loaded: &Loaded, role: Role, key: &str, wanted: &str) -> Problem {
    let names = loaded.config.instances(role).keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let what = format!("there is no {role} instance '{}'; configured are: {names}", wanted.escape_debug());
    Problem::new(key, loaded.origins.of_key(key), what)
}

/// The instance that a role with several is asked by default: of storages the one that `uploads.storage` names, of
/// engines the one that `repositories.versioning` names, else the only one, or the one named `main`. `Ok(None)` where a
/// role has none and needs none.
pub(crate) fn choose(loaded: &Loaded, role: Role) -> Result<Option<&str>, Problem> {
    let names: Vec<_> = loaded.config.instances(role).keys().map(String::as_str).collect();
    let wrong = |what: String| Err(Problem::new(role.as_str(), loaded.origins.of_key(role.as_str()), what));
    let chooser = match role {
        Role::Storage => Some((&loaded.config.uploads.storage, "uploads.storage", "takes uploads")),
        Role::Versioning => Some((&loaded.config.repositories.versioning, "repositories.versioning", "serves")),
        Role::Auth | Role::Quota | Role::Downloader | Role::Endpoints => None,
    };
    if let Some((Some(wanted), key, _)) = chooser {
        return match names.iter().find(|name| *name == wanted) {
            Some(name) => Ok(Some(name)),
            None => Err(no_instance(loaded, role, key, wanted)),
        };
    }
    match (role, names.as_slice(), chooser) {
        (Role::Downloader | Role::Endpoints, names, _) => Ok(names.first().copied()),
        (_, [], _) => wrong("the hub needs an instance".to_owned()),
        (Role::Auth, [first, ..], _) | (_, [first], _) => Ok(Some(first)),
        (_, names, Some(_)) if names.contains(&"main") => Ok(Some("main")),
        (_, names, Some((_, key, does))) => {
            let names = names.join(", ");
            wrong(format!("several instances ({names}), and none is named main: {key} says which {does}"))
        }
        (_, names, None) => wrong(format!("one instance serves the hub, and here are several: {}", names.join(", "))),
    }
}
