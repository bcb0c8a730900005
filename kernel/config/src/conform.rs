//! Holding what was written against a schema: every mistake at once, each with its key and the nearest valid one.
//!
//! This is no general JSON Schema validator. It knows what schemars makes of our types (with subschemas inline), and
//! says what is wrong in an operator's words. On the way it gives values that were written as bare text, in the
//! environment or behind `--set`, the type that the schema wants.

use serde_json::{Map, Value};

use crate::origin::{child, item};
use crate::{Origins, Problem, SecretSource, format, suggest};

/// Whose keys are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// The kernel's own.
    Kernel,
    /// A plugin's, where any text may also be `{ env = … }` or `{ file = … }`.
    Plugin,
}

/// Holds `value`, whose path is `key`, against `schema`, and answers every mistake in it.
pub fn conform(schema: &Value, value: &mut Value, key: &str, tree: Tree, origins: &Origins) -> Vec<Problem> {
    let mut walk = Walk { root: schema, root_key: key, tree, origins, problems: Vec::new() };
    walk.value(schema, value, key);
    walk.problems
}

struct Walk<'a> {
    root: &'a Value,
    root_key: &'a str,
    tree: Tree,
    origins: &'a Origins,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn report(&mut self, key: &str, what: impl Into<String>) {
        self.problems.push(Problem::new(key, self.origins.of_key(key), what));
    }

    fn value(&mut self, schema: &Value, value: &mut Value, key: &str) {
        if let Some(words) = words(schema) {
            return self.word(&words, value, key);
        }
        if let Some(choices) = alternatives(schema) {
            return self.choice(schema, choices, value, key);
        }
        let types = types(schema);
        if self.origins.of_key(key).is_textual() {
            give_type(&types, value);
        }
        if types.is_empty() {
            return;
        }
        if self.tree == Tree::Plugin && types.contains(&"string") && SecretSource::in_table(value).is_some() {
            return;
        }
        if !types.iter().any(|expected| is_a(expected, value)) {
            let found = found(value, is_secret(schema));
            return self.report(key, format!("expected {}, found {found}", wanted(schema)));
        }
        match value {
            Value::Object(table) => self.table(schema, table, key),
            Value::Array(items) => self.list(schema, items, key),
            Value::String(text) => self.text(schema, text, key),
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or_default(), key),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn table(&mut self, schema: &Value, table: &mut Map<String, Value>, key: &str) {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let additional = schema.get("additionalProperties");
        for (name, value) in table.iter_mut() {
            let path = child(key, name);
            match (properties.get(name), additional) {
                (Some(schema), _) => self.value(schema, value, &path),
                (None, Some(Value::Bool(false))) => self.unknown(properties, name, key, &path),
                (None, Some(schema)) => self.value(schema, value, &path),
                (None, None) => {}
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in required.filter(|name| !table.contains_key(*name)) {
            self.report(&child(key, name), "missing");
        }
    }

    fn unknown(&mut self, properties: &Map<String, Value>, name: &str, section: &str, path: &str) {
        let near = suggest::nearest(name, properties.keys().map(String::as_str)).map(|near| child(section, near));
        let what = match near.or_else(|| elsewhere(self.root, self.root_key, name)) {
            Some(near) => format!("unknown key; did you mean {near}?"),
            None if properties.is_empty() => "unknown key; none is known here".to_owned(),
            None => {
                let known: Vec<_> = properties.keys().map(String::as_str).collect();
                format!("unknown key; known here: {}", known.join(", "))
            }
        };
        self.report(path, what);
    }

    fn list(&mut self, schema: &Value, items: &mut [Value], key: &str) {
        let Some(schema) = schema.get("items") else { return };
        for (index, value) in items.iter_mut().enumerate() {
            self.value(schema, value, &item(key, index));
        }
    }

    fn text(&mut self, schema: &Value, text: &str, key: &str) {
        let length = text.chars().count() as u64;
        let bound = |word| schema.get(word).and_then(Value::as_u64);
        if text.is_empty() && bound("minLength").is_some_and(|least| least > 0) {
            self.report(key, "it is empty");
        } else if let Some(least) = bound("minLength").filter(|least| length < *least) {
            self.report(key, format!("expected at least {least} characters"));
        } else if let Some(most) = bound("maxLength").filter(|most| length > *most) {
            self.report(key, format!("expected at most {most} characters"));
        } else if let Some(why) = schema.get("format").and_then(Value::as_str).and_then(|f| format::refuse(f, text)) {
            let repeated = why.starts_with('\'') || is_secret(schema);
            self.report(key, if repeated { why } else { format!("{why}; found '{}'", text.escape_debug()) });
        }
    }

    fn number(&mut self, schema: &Value, number: f64, key: &str) {
        let bound = |word| schema.get(word).filter(|v| v.as_f64().is_some());
        if let Some(least) = bound("minimum").filter(|least| least.as_f64().is_some_and(|least| number < least)) {
            self.report(key, format!("expected at least {least}, found {number}"));
        } else if let Some(most) = bound("maximum").filter(|most| most.as_f64().is_some_and(|most| number > most)) {
            self.report(key, format!("expected at most {most}, found {number}"));
        }
    }

    fn word(&mut self, words: &[&str], value: &Value, key: &str) {
        let known = either(words.iter().map(|word| format!("'{word}'")));
        match value {
            Value::String(word) if words.contains(&word.as_str()) => {}
            Value::String(word) => {
                let near = suggest::nearest(word, words.iter().copied());
                let near = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
                self.report(key, format!("expected {known}, found '{}'{near}", word.escape_debug()));
            }
            other => self.report(key, format!("expected {known}, found {}", found(other, false))),
        }
    }

    /// The first alternative that fits; where none does, the mistakes of the one that was probably meant.
    fn choice(&mut self, schema: &Value, choices: &[Value], value: &mut Value, key: &str) {
        let mut meant = None;
        // A text that may stay a text is not read as a number or a switch.
        let text = value.is_string();
        let texts = choices.iter().filter(|choice| text && types(choice).contains(&"string"));
        for choice in texts.chain(choices) {
            let mut candidate = value.clone();
            let mut walk = Walk { problems: Vec::new(), ..*self };
            walk.value(choice, &mut candidate, key);
            if walk.problems.is_empty() {
                *value = candidate;
                return;
            }
            let same_shape = types(choice).iter().any(|expected| is_a(expected, &candidate));
            let as_one_of_its_kind = same_shape && (words(choice).is_some() || alternatives(choice).is_none());
            let names_a_key = choice.get("properties").and_then(Value::as_object).zip(value.as_object());
            let names_a_key = names_a_key.is_none_or(|(known, table)| table.keys().any(|key| known.contains_key(key)));
            if meant.is_none() && as_one_of_its_kind && names_a_key {
                meant = Some(walk.problems);
            }
        }
        match meant {
            Some(problems) => self.problems.extend(problems),
            None => {
                let secret = is_secret(schema);
                let found = found(value, secret);
                let expected = if is_source(choices) { SOURCES.to_owned() } else { either(shapes(choices)) };
                self.report(key, format!("expected {expected}, found {found}"));
            }
        }
    }
}

const SOURCES: &str = "a text, { env = \"VARIABLE\" } or { file = \"/path\" }";

/// Whether these are the three ways to write a secret.
fn is_source(choices: &[Value]) -> bool {
    choices.iter().any(|choice| choice.pointer("/properties/env").is_some() || choice.get("writeOnly").is_some())
}

fn shapes(choices: &[Value]) -> impl Iterator<Item = String> {
    let all = choices.iter().flat_map(|choice| types(choice).into_iter().map(word_for));
    let distinct: std::collections::BTreeSet<_> = all.collect();
    distinct.into_iter().map(str::to_owned)
}

/// The words of an enumeration, however schemars wrote it.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return Some(list.iter().filter_map(Value::as_str).collect());
    }
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return Some(vec![word]);
    }
    let nested: Option<Vec<_>> = schema.get("oneOf")?.as_array()?.iter().map(words).collect();
    nested.map(|words| words.concat())
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()
}

/// The types that a schema allows; none means that it allows all.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ if words(schema).is_some() => vec!["string"],
        _ => Vec::new(),
    }
}

fn is_a(expected: &str, value: &Value) -> bool {
    match expected {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn word_for(expected: &str) -> &'static str {
    match expected {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a table",
        _ => "nothing",
    }
}

fn found(value: &Value, secret: bool) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) if secret => "another value".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text '{}'", text.escape_debug()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}

pub(crate) fn is_secret(schema: &Value) -> bool {
    let marked = |schema: &Value| schema.get("writeOnly").and_then(Value::as_bool).unwrap_or_default();
    marked(schema) || alternatives(schema).is_some_and(|choices| choices.iter().any(marked))
}

/// What a schema wants, in words.
pub(crate) fn wanted(schema: &Value) -> String {
    either(types(schema).into_iter().map(word_for))
}

/// Whether a schema allows a text, or anything.
pub(crate) fn may_be_text(schema: &Value) -> bool {
    match alternatives(schema) {
        Some(choices) => choices.iter().any(may_be_text),
        None => schema.get("type").is_none() || types(schema).contains(&"string"),
    }
}

fn either(words: impl Iterator<Item = impl ToString>) -> String {
    let words: Vec<_> = words.map(|word| word.to_string()).filter(|word| word != "nothing").collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// Bare text becomes what the schema wants; what cannot is left, and reported as the text that it is.
fn give_type(types: &[&str], value: &mut Value) {
    let Value::String(text) = value else { return };
    if text.is_empty() && types.contains(&"null") {
        *value = Value::Null;
        return;
    }
    if types.is_empty() || types.contains(&"string") {
        return;
    }
    if let Ok(typed) = text.trim().parse::<toml_edit::Value>() {
        let typed = serde_json::to_value(crate::layer::scalar(&typed)).unwrap_or_default();
        if types.iter().any(|expected| is_a(expected, &typed)) {
            *value = typed;
        }
    }
}

/// A key of exactly this name in another section.
fn elsewhere(schema: &Value, key: &str, name: &str) -> Option<String> {
    let properties = schema.get("properties")?.as_object()?;
    let here = properties.contains_key(name).then(|| child(key, name));
    here.or_else(|| properties.iter().find_map(|(section, schema)| elsewhere(schema, &child(key, section), name)))
}
