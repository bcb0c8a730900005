//! The deployment's document: the core's, with the parts that plugins bring.

use ballast_contract::endpoints::part::{Access, Operation, Part};
use serde_json::{Map, Value, json};

use super::Mounted;

const SCHEMAS: &str = "#/components/schemas/";

/// The document with these parts; otherwise the instance that does not fit, and why.
pub fn described(mut document: Value, mounted: &[Mounted]) -> Result<Value, (String, String)> {
    for one in mounted {
        let Some(part) = &one.part else { continue };
        Adding { one, part }.add_to(&mut document).map_err(|why| (one.instance.clone(), why))?;
    }
    Ok(document)
}

struct Adding<'a> {
    one: &'a Mounted,
    part: &'a Part,
}

impl Adding<'_> {
    fn add_to(&self, document: &mut Value) -> Result<(), String> {
        let taken: Vec<String> = operation_ids(document);
        add_tag(document, &self.tag());
        for (name, schema) in self.part.schemas() {
            let name = self.schema(name);
            let mut schema = schema.clone();
            self.rename(&mut schema);
            schema["title"] = json!(name);
            let there = document["components"]["schemas"].get(&name).is_some_and(|there| *there != schema);
            if there {
                return Err(format!("its schema would be called {name}, as another is"));
            }
            document["components"]["schemas"][name] = schema;
        }
        for operation in self.part.operations() {
            let id = self.one.operation_id(operation);
            if taken.contains(&id) {
                return Err(format!("its operation '{}' would be called {id}, as another is", operation.id));
            }
            let described = self.part.described(operation).cloned().unwrap_or_default();
            let described = self.operation(operation, described, &document["components"]["responses"]);
            let path = format!("{}{}", self.one.prefix(), operation.path);
            if document["paths"].get(&path).and_then(|there| there.get(&operation.method)).is_some() {
                return Err(format!("{} {path} is there already", operation.method));
            }
            document["paths"][path][operation.method.as_str()] = described;
        }
        fault(document);
        Ok(())
    }

    fn tag(&self) -> String {
        format!("endpoints.{}", self.one.instance)
    }

    fn schema(&self, name: &str) -> String {
        format!("x_{}_{name}", self.one.instance.replace('-', "_"))
    }

    fn operation(&self, operation: &Operation, mut described: Value, shared: &Value) -> Value {
        self.rename(&mut described);
        described["operationId"] = json!(self.one.operation_id(operation));
        described["tags"] = json!([self.tag()]);
        let mut security = vec![json!({ "token": [] }), json!({ "basic": [] }), json!({ "session": [] })];
        if operation.access == Access::Anybody {
            security.push(json!({}));
        }
        described["security"] = json!(security);
        for (status, _) in REFUSALS.iter().filter(|(_, when)| when(operation)) {
            let name = format!("Error{status}");
            let known = *status == "502" || shared.get(&name).is_some();
            if known && described["responses"].get(status).is_none() {
                described["responses"][*status] = json!({ "$ref": format!("#/components/responses/{name}") });
            }
        }
        described
    }

    /// Gives references the names that their schemas have in the whole.
    fn rename(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.rename(item)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value {
                        Value::String(to) if key == "$ref" => self.refer(to),
                        Value::Object(mapping) if key == "mapping" => self.remap(mapping),
                        other => self.rename(other),
                    }
                }
            }
            _ => {}
        }
    }

    fn remap(&self, mapping: &mut Map<String, Value>) {
        for value in mapping.values_mut() {
            match value {
                Value::String(to) => self.refer(to),
                other => self.rename(other),
            }
        }
    }

    fn refer(&self, to: &mut String) {
        if let Some(name) = to.strip_prefix(SCHEMAS).filter(|name| self.part.schemas().contains_key(*name)) {
            *to = format!("{SCHEMAS}{}", self.schema(name));
        }
    }
}

type When = fn(&Operation) -> bool;

/// What the hub itself may answer, and when.
const REFUSALS: [(&str, When); 10] = [
    ("307", |operation| operation.right.is_some()),
    ("400", |_| true),
    ("401", |_| true),
    ("403", |operation| operation.access != Access::Anybody || operation.right.is_some()),
    ("404", |operation| operation.right.is_some()),
    ("413", |operation| operation.body.is_some()),
    ("415", |operation| operation.body.is_some()),
    ("429", |_| true),
    ("502", |_| true),
    ("503", |_| true),
];

fn operation_ids(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().into_iter().flat_map(Map::values);
    let operations = paths.filter_map(Value::as_object).flat_map(Map::values);
    operations.filter_map(|operation| operation["operationId"].as_str().map(str::to_owned)).collect()
}

fn add_tag(document: &mut Value, name: &str) {
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.push(json!({ "name": name, "description": "What a plugin of this deployment brings." }));
    }
}

/// The one refusal that the core never makes.
fn fault(document: &mut Value) {
    let responses = &mut document["components"]["responses"];
    let mut fault = responses["Error503"].clone();
    fault["description"] = json!("The plugin behind this address failed");
    responses["Error502"] = fault;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn part(id: &str) -> Part {
        let reference = json!({ "$ref": "#/components/schemas/Error" });
        let names = ["kinds", "namespace", "name"];
        let names =
            names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
        Part::read(&json!({
            "paths": {
                "/models/{kinds}/{namespace}/{name}": { "get": {
                    "operationId": id, "summary": "See", "x-ballast-access": "anybody", "x-ballast-repository": "read",
                    "parameters": names,
                    "responses": {
                        "200": { "description": "Seen", "content": { "application/json": { "schema": reference } } },
                        "404": { "description": "Not seen" },
                    },
                } },
            },
            "components": { "schemas": { "Error": { "type": "object", "properties": { "of": reference } } } },
        }))
        .unwrap()
    }

    fn mounted(instance: &str, id: &str) -> Mounted {
        let part = Some(Arc::new(part(id)));
        Mounted { instance: instance.to_owned(), plugin: "endpoints.tried".to_owned(), part }
    }

    #[test]
    fn a_part_stands_below_its_prefix_under_names_of_its_own() {
        let core = crate::document();
        let whole = described(core.clone(), &[mounted("one", "see"), mounted("an-other", "see")]).unwrap();
        for (instance, word) in [("one", "one"), ("an-other", "an_other")] {
            let path = format!("/api/x/{instance}/models/{{kinds}}/{{namespace}}/{{name}}");
            let operation = &whole["paths"][path]["get"];
            assert_eq!(operation["operationId"], format!("x_{word}_see"));
            let schema = format!("#/components/schemas/x_{word}_Error");
            assert_eq!(operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"], schema);
            assert_eq!(whole["components"]["schemas"][format!("x_{word}_Error")]["properties"]["of"]["$ref"], schema);
            assert_eq!(operation["responses"]["404"]["description"], "Not seen", "its own word for it stays");
            assert_eq!(operation["responses"]["502"]["$ref"], "#/components/responses/Error502");
            assert_eq!(operation["security"].as_array().unwrap().len(), 4, "anybody may ask");
            assert!(operation["responses"].get("413").is_none(), "it takes no body");
        }
        let ours = |document: &Value| document["components"]["schemas"]["Error"].clone();
        assert_eq!(ours(&whole), ours(&core), "what the core says stays as it is");
        for (path, methods) in core["paths"].as_object().unwrap() {
            assert_eq!(&whole["paths"][path], methods, "{path}");
        }
    }

    #[test]
    fn instances_whose_names_would_be_one_are_named() {
        let clash = described(crate::document(), &[mounted("a-b", "see"), mounted("a_b", "see")]).unwrap_err();
        assert_eq!(
            clash,
            ("a_b".to_owned(), "its operation 'see' would be called x_a_b_see, as another is".to_owned())
        );
    }
}
