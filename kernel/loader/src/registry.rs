//! The plugins that there are, and what the configuration makes of them.

use ballast_config::{Loaded, PluginConfig, Problem, Role, Tree, conform, nearest, read_secrets};
use serde_json::Value;

use crate::Builtin;

/// The plugins that a configuration may name.
pub struct Registry {
    builtins: Vec<Builtin>,
}

/// An instance whose keys are right, in the order in which instances start.
pub(crate) struct Planned<'a> {
    pub builtin: &'a Builtin,
    pub instance: &'a str,
    pub required: bool,
    /// The plugin's keys, with secrets in their places.
    pub config: Value,
}

/// What the configuration comes to.
pub(crate) struct Plan<'a> {
    pub instances: Vec<Planned<'a>>,
    /// Mistakes in keys.
    pub mistakes: Vec<Problem>,
    /// Secrets that cannot be read here and now.
    pub unreadable: Vec<Problem>,
}

impl Registry {
    /// A registry of these plugins.
    pub fn new(builtins: Vec<Builtin>) -> Self {
        Self { builtins }
    }

    /// Every plugin, by role and then as listed.
    pub fn list(&self) -> impl Iterator<Item = &Builtin> {
        Role::ALL.into_iter().flat_map(|role| self.of_role(role))
    }

    /// The schema of a plugin's keys, where the plugin is known.
    pub fn schema(&self, id: &str) -> Option<&Value> {
        self.builtins.iter().find(|builtin| builtin.id() == id).map(Builtin::schema)
    }

    /// Every mistake in what the configuration says about plugins, as far as their schemas know; none is opened.
    pub fn mistakes(&self, loaded: &Loaded) -> Vec<Problem> {
        self.plan(loaded).mistakes
    }

    pub(crate) fn plan<'a>(&'a self, loaded: &'a Loaded) -> Plan<'a> {
        let mut plan = Plan { instances: Vec::new(), mistakes: Vec::new(), unreadable: Vec::new() };
        for role in Role::ALL {
            plan.mistakes.extend(choose(loaded, role).err());
            for (name, instance) in loaded.config.instances(role) {
                self.plan_instance(loaded, role, name, instance, &mut plan);
            }
        }
        plan
    }

    fn plan_instance<'a>(
        &'a self,
        loaded: &'a Loaded,
        role: Role,
        name: &'a str,
        instance: &PluginConfig,
        plan: &mut Plan<'a>,
    ) {
        let Some(builtin) = self.of_role(role).find(|builtin| builtin.id() == instance.plugin) else {
            let key = format!("{role}.{name}.plugin");
            let origin = loaded.origins.of_key(&key);
            return plan.mistakes.push(Problem::new(key, origin, self.unknown(role, &instance.plugin)));
        };
        let key = format!("{role}.{name}.config");
        let mut config = Value::Object(instance.config.clone());
        let mistakes = conform(builtin.schema(), &mut config, &key, Tree::Plugin, &loaded.origins);
        let clean = mistakes.is_empty();
        plan.mistakes.extend(mistakes);
        plan.unreadable.extend(read_secrets(builtin.schema(), &mut config, &key, &loaded.origins));
        if clean && let Err((path, why)) = builtin.check(&config) {
            let key = if path == "." { key } else { format!("{key}.{path}") };
            let origin = loaded.origins.of_key(&key);
            plan.mistakes.push(Problem::new(key, origin, why));
        }
        plan.instances.push(Planned { builtin, instance: name, required: instance.required, config });
    }

    fn of_role(&self, role: Role) -> impl Iterator<Item = &Builtin> {
        self.builtins.iter().filter(move |builtin| builtin.role() == role)
    }

    fn unknown(&self, role: Role, id: &str) -> String {
        let known: Vec<_> = self.of_role(role).map(Builtin::id).collect();
        let named = id.escape_debug();
        match (known.is_empty(), nearest(id, known.iter().copied())) {
            (true, _) => format!("no plugin '{named}' is known; this hub has none for {role}"),
            (_, Some(near)) => format!("no plugin '{named}' is known; did you mean '{near}'?"),
            (_, None) => format!("no plugin '{named}' is known; for {role} there is {}", known.join(", ")),
        }
    }
}

/// The instance that a role with several is asked by default: the only one, or the one named `main`. `Ok(None)` where
/// a role has none and needs none.
pub(crate) fn choose(loaded: &Loaded, role: Role) -> Result<Option<&str>, Problem> {
    let names: Vec<_> = loaded.config.instances(role).keys().map(String::as_str).collect();
    let wrong = |what: String| Err(Problem::new(role.as_str(), loaded.origins.of_key(role.as_str()), what));
    match (role, names.as_slice()) {
        (Role::Downloader, names) => Ok(names.first().copied()),
        (_, []) => wrong("the hub needs an instance".to_owned()),
        (Role::Auth, [first, ..]) | (_, [first]) => Ok(Some(first)),
        (Role::Storage, names) if names.contains(&"main") => Ok(Some("main")),
        (Role::Storage, names) => {
            wrong(format!("several instances ({}), and none is named main: which takes uploads?", names.join(", ")))
        }
        (_, names) => wrong(format!("one instance serves the hub, and here are several: {}", names.join(", "))),
    }
}
