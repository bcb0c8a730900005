//! One OpenAPI document and one route table out of the parts that handlers bring.
//!
//! Each part is described by itself, with a registry of its own, and the descriptions are merged as JSON, where a clash
//! of paths, operations or schemas is seen and named.

mod examples;
mod readable;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, MetaHeader, Registry};
use poem_openapi::types::Type;
use serde_json::{Map, Value, json};

use examples::Examples;

/// Endpoints by path and method.
pub type Table = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// Operations with their description.
pub struct Part {
    name: &'static str,
    routes: Table,
    paths: BTreeMap<String, BTreeMap<String, Value>>,
    /// The operations that are others under one more address, with the others' `operationId`.
    twins: BTreeMap<String, String>,
    schemas: BTreeMap<String, Value>,
    security: BTreeMap<String, Value>,
    tags: BTreeMap<String, Value>,
}

/// Two parts that cannot stand in one document.
#[derive(Debug, PartialEq, Eq)]
pub struct Clash(String);

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the API's parts do not fit together: {}", self.0)
    }
}

impl std::error::Error for Clash {}

/// A header of a response, for descriptions.
pub(crate) fn header(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

impl Part {
    /// The operations of one group.
    pub fn new<T: OpenApi + 'static>(name: &'static str, operations: T) -> Self {
        let mut routes = Table::new();
        operations.add_routes(&mut routes);
        let mut registry = Registry::new();
        T::register(&mut registry);
        let mut paths: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for path in T::meta().into_iter().flat_map(|MetaApi { paths }| paths) {
            let described = value(&path);
            let operations = described.as_object().into_iter().flatten();
            for (method, operation) in operations.map(|(method, operation)| (method.clone(), operation.clone())) {
                let (path, operation) = readable::operation(&path.path, operation);
                paths.entry(path).or_default().insert(method, operation);
            }
        }
        let tags = registry.tags.iter().map(|tag| (tag.name.to_owned(), value(tag))).collect();
        let security = registry.security_schemes.iter().map(|(name, scheme)| ((*name).to_owned(), value(scheme)));
        let schemas = registry.schemas.iter().map(|(name, schema)| (name.clone(), readable::schema(value(schema))));
        Self {
            name,
            routes,
            paths,
            twins: BTreeMap::new(),
            schemas: schemas.collect(),
            security: security.collect(),
            tags,
        }
    }

    /// Describes an operation under one more of its addresses, by a name of its own. Parameters that this address
    /// does not have are left out. The routes need nothing: addresses are made one before them.
    pub fn also(mut self, path: &str, method: &str, at: &str, operation_id: &str) -> Self {
        let found = self.paths.get(path).and_then(|operations| operations.get(method)).cloned();
        debug_assert!(found.is_some(), "there is no {method} {path}");
        if let Some(mut operation) = found {
            let first = operation["operationId"].as_str().unwrap_or_default().to_owned();
            self.twins.insert(operation_id.to_owned(), first);
            operation["operationId"] = json!(operation_id);
            if let Some(parameters) = operation["parameters"].as_array_mut() {
                let stands = |one: &Value| at.contains(&format!("{{{}}}", one["name"].as_str().unwrap_or_default()));
                parameters.retain(|one| one["in"] != "path" || stands(one));
            }
            self.paths.entry(at.to_owned()).or_default().insert(method.to_owned(), operation);
        }
        self
    }
}

fn value(described: &impl serde::Serialize) -> Value {
    serde_json::to_value(described).unwrap_or(Value::Null)
}

/// All parts as one table and one document.
pub fn merge(parts: Vec<Part>, info: Value) -> Result<(Table, Value), Clash> {
    let mut table = Table::new();
    let mut whole = Whole::default();
    for part in parts {
        for (path, methods) in part.routes {
            for (method, endpoint) in methods {
                if table.entry(path.clone()).or_default().insert(method.clone(), endpoint).is_some() {
                    return Err(Clash(format!("{method} {path} of '{}' is mounted already", part.name)));
                }
            }
        }
        whole.add_operations(part.name, part.paths)?;
        whole.twins.extend(part.twins);
        add("schema", part.name, &mut whole.schemas, part.schemas)?;
        add("security scheme", part.name, &mut whole.security, part.security)?;
        add("tag", part.name, &mut whole.tags, part.tags)?;
    }
    whole.show(&Examples::read().map_err(Clash)?)?;
    Ok((table, whole.into_document(info)))
}

#[derive(Default)]
struct Whole {
    paths: BTreeMap<String, BTreeMap<String, Value>>,
    operations: BTreeMap<String, &'static str>,
    twins: BTreeMap<String, String>,
    schemas: BTreeMap<String, Value>,
    security: BTreeMap<String, Value>,
    tags: BTreeMap<String, Value>,
}

/// The same thing twice is one thing; two different ones of one name are a clash.
fn add(what: &str, part: &str, all: &mut BTreeMap<String, Value>, more: BTreeMap<String, Value>) -> Result<(), Clash> {
    for (name, described) in more {
        match all.get(&name) {
            Some(there) if *there != described => {
                return Err(Clash(format!("the {what} '{name}' of '{part}' is described differently elsewhere")));
            }
            _ => drop(all.insert(name, described)),
        }
    }
    Ok(())
}

impl Whole {
    fn add_operations(
        &mut self,
        part: &'static str,
        paths: BTreeMap<String, BTreeMap<String, Value>>,
    ) -> Result<(), Clash> {
        for (path, operations) in paths {
            for (method, operation) in operations {
                let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
                if id.is_empty() {
                    return Err(Clash(format!("{method} {path} of '{part}' has no operationId")));
                }
                if let Some(other) = self.operations.insert(id.clone(), part) {
                    return Err(Clash(format!("the operationId '{id}' of '{part}' is one of '{other}' too")));
                }
                self.paths.entry(path.clone()).or_default().insert(method, operation);
            }
        }
        Ok(())
    }

    fn show(&mut self, examples: &Examples) -> Result<(), Clash> {
        for operation in self.paths.values_mut().flat_map(BTreeMap::values_mut) {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            examples.show(self.twins.get(&id).unwrap_or(&id), operation);
        }
        match examples.of_nothing(|id| self.operations.contains_key(id)) {
            Some(id) => Err(Clash(format!("the example of '{id}' is of no operation"))),
            None => Ok(()),
        }
    }

    fn into_document(mut self, info: Value) -> Value {
        let responses = self.shared_refusals();
        let tags: Vec<Value> = self.tags.into_values().collect();
        json!({
            "openapi": "3.0.3",
            "info": info,
            "servers": [{ "url": "/", "description": "The hub that this document came from" }],
            "tags": tags,
            "paths": self.paths,
            "components": {
                "responses": responses,
                "schemas": self.schemas,
                "securitySchemes": self.security,
            },
        })
    }

    /// Puts the refusals, which are the same for every operation, into one place.
    fn shared_refusals(&mut self) -> Map<String, Value> {
        let mut shared = Map::new();
        let operations = self.paths.values_mut().flat_map(|operations| operations.values_mut());
        for responses in operations.filter_map(|operation| operation["responses"].as_object_mut()) {
            for (status, response) in responses.iter_mut() {
                let content = response["content"].as_object().into_iter().flat_map(Map::values);
                let schemas = content.filter_map(|media| media["schema"]["$ref"].as_str()?.rsplit('/').next());
                let Some(form) = schemas.filter(|name| matches!(*name, "Error" | "LfsError")).max() else { continue };
                let form = if response["content"].get("text/plain").is_some() { "GitError" } else { form };
                let name = format!("{form}{status}");
                let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                let described = std::mem::replace(response, reference);
                shared.entry(name).or_insert(described);
            }
        }
        shared.sort_keys();
        shared
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::payload::PlainText;

    use super::*;

    struct One;

    #[OpenApi]
    impl One {
        /// One
        #[oai(path = "/one", method = "get", operation_id = "get_one")]
        async fn one(&self) -> PlainText<String> {
            PlainText("1".to_owned())
        }
    }

    #[test]
    fn parts_that_clash_are_named() {
        let clash = merge(vec![Part::new("a", One), Part::new("b", One)], json!({})).err().unwrap();
        assert_eq!(clash.to_string(), "the API's parts do not fit together: GET /one of 'b' is mounted already");
        let renamed = Part { routes: Table::new(), ..Part::new("b", One) };
        let clash = merge(vec![Part::new("a", One), renamed], json!({})).err().unwrap();
        assert!(clash.to_string().contains("operationId 'get_one' of 'b'"));
    }
}
