//! The manual that the types write: a reference file with every key, and a JSON Schema for editors.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{HubConfig, Role};

/// A plugin whose keys belong into the manual.
pub struct PluginReference {
    pub role: Role,
    pub id: String,
    /// Of its own keys.
    pub schema: Value,
}

/// The schema of a configuration type, with every subschema where it is used: what [`crate::conform`] walks.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// `config/ballast.schema.json`: the schema of a configuration file, the known plugins' keys included.
pub fn reference_schema(plugins: &[PluginReference]) -> Value {
    let mut schema = schema_of::<HubConfig>();
    schema["title"] = json!("Ballast configuration");
    for role in Role::ALL {
        let known: Vec<_> = plugins.iter().filter(|plugin| plugin.role == role).collect();
        let Some(instance) = schema.pointer_mut(&format!("/properties/{role}/additionalProperties")) else { continue };
        let rules = known.iter().map(|plugin| {
            json!({
                "if": { "properties": { "plugin": { "const": plugin.id } } },
                "then": { "properties": { "config": plugin.schema } },
            })
        });
        let rules: Vec<_> = rules.collect();
        if !rules.is_empty() {
            instance["allOf"] = Value::Array(rules);
        }
    }
    schema
}

/// `config/ballast.toml`: every key with its manual and its default, commented out.
pub fn reference_toml(plugins: &[PluginReference]) -> String {
    let schema = schema_of::<HubConfig>();
    let mut text = Text::default();
    text.prose(&schema);
    text.lines
        .push("# This file is generated from the code (`ballast config reference`): copy what you need.".to_owned());
    for (section, schema) in properties(&schema) {
        match Role::ALL.into_iter().find(|role| role.as_str() == section) {
            Some(role) => text.role(role, schema, plugins),
            None => text.section(section, schema),
        }
    }
    text.lines.join("\n") + "\n"
}

#[derive(Default)]
struct Text {
    lines: Vec<String>,
}

impl Text {
    fn prose(&mut self, schema: &Value) {
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        self.lines.extend(description.lines().map(|line| format!("# {line}").trim_end().to_owned()));
    }

    fn section(&mut self, header: &str, schema: &Value) {
        self.lines.push(String::new());
        self.prose(schema);
        let (tables, keys): (Vec<_>, Vec<_>) = properties(schema).partition(|(_, schema)| is_table_list(schema));
        if !keys.is_empty() {
            self.lines.push(format!("[{header}]"));
        }
        self.keys(keys.into_iter());
        for (name, schema) in tables {
            self.lines.push(String::new());
            self.prose(schema);
            self.lines.push(format!("# [[{header}.{name}]]"));
            self.keys(properties(&schema["items"]));
        }
    }

    fn role(&mut self, role: Role, schema: &Value, plugins: &[PluginReference]) {
        self.lines.push(String::new());
        self.prose(schema);
        let instance = &schema["additionalProperties"];
        for plugin in plugins.iter().filter(|plugin| plugin.role == role) {
            self.lines.push(String::new());
            self.lines.push(format!("# [{role}.main]"));
            for (name, schema) in properties(instance).filter(|(name, _)| *name != "config") {
                let value = if name == "plugin" { json!(plugin.id) } else { example(name, schema) };
                self.key(name, schema, &value);
            }
            self.lines.push(format!("# [{role}.main.config]"));
            self.prose(&plugin.schema);
            self.keys(properties(&plugin.schema));
            let free = plugin.schema.pointer("/examples/0").and_then(Value::as_object).into_iter().flatten();
            free.for_each(|(name, value)| self.key(name, &Value::Null, value));
        }
    }

    fn keys<'a>(&mut self, keys: impl Iterator<Item = (&'a str, &'a Value)>) {
        for (name, schema) in keys {
            let value = example(name, schema);
            self.key(name, schema, &value);
        }
    }

    fn key(&mut self, name: &str, schema: &Value, value: &Value) {
        self.prose(schema);
        for choice in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
            let says = choice.get("description").and_then(Value::as_str).unwrap_or_default();
            if let Some(word) = choice.get("const").and_then(Value::as_str) {
                self.lines.push(format!("#   \"{word}\": {says}"));
            }
        }
        let value = if value.is_null() { blank(schema) } else { crate::show::toml(value) };
        self.lines.push(format!("# {name} = {value}"));
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

fn is_table_list(schema: &Value) -> bool {
    schema.pointer("/items/properties").is_some()
}

/// The default where there is one, else an example, else something of the right shape.
fn example(name: &str, schema: &Value) -> Value {
    let given = schema.get("default").filter(|value| !value.is_null());
    let shown = schema.get("examples").and_then(|examples| examples.get(0));
    if let Some(value) = given.filter(|value| *value != &json!([])).or(shown) {
        return value.clone();
    }
    if is_table_list(schema) {
        let item = &schema["items"];
        let entry: Map<_, _> =
            properties(item).map(|(name, schema)| (name.to_owned(), example(name, schema))).collect();
        return json!([entry]);
    }
    if crate::conform::is_secret(schema) {
        return json!({ "env": name.to_uppercase() });
    }
    if let Some(first) = schema.pointer("/oneOf/0/const") {
        return first.clone();
    }
    given.cloned().unwrap_or_default()
}

/// What stands where there is neither default nor example: it says what is wanted, and must be replaced.
fn blank(schema: &Value) -> String {
    format!("<{}>", crate::conform::wanted(schema))
}
