//! The document, as far as tests are made from it.

use serde_json::Value;

/// An operation of the document.
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    described: Value,
    schemas: Value,
}

/// All of them.
pub fn operations() -> Vec<Operation> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/openapi.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut operations = vec![];
    for (path, methods) in document["paths"].as_object().unwrap() {
        operations.extend(methods.as_object().unwrap().iter().map(|(method, described)| Operation {
            id: described["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase(),
            path: path.clone(),
            described: described.clone(),
            schemas: document["components"]["schemas"].clone(),
        }));
    }
    assert!(operations.len() > 25, "{}", operations.len());
    operations
}

impl Operation {
    /// Whether it is sent, or answers, more of something the more there is.
    pub fn is_list(&self) -> bool {
        let bodies = [&self.described["requestBody"], &self.described["responses"]["200"]];
        let media = bodies.iter().filter_map(|body| body["content"].as_object()).flatten();
        media.into_iter().any(|(media, body)| media == "application/x-ndjson" || self.has_list(&body["schema"], 0))
    }

    /// What it is sent in the document's example, and of which media type.
    pub fn example(&self) -> Option<(String, Value)> {
        let (media, body) = self.described["requestBody"]["content"].as_object()?.iter().next()?;
        Some((media.clone(), body.get("example").cloned().unwrap_or_else(|| "x".into())))
    }

    fn has_list(&self, schema: &Value, depth: usize) -> bool {
        if depth > 20 {
            return false;
        }
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap_or_default();
            return self.has_list(&self.schemas[name], depth + 1);
        }
        let properties = schema["properties"].as_object().into_iter().flatten().map(|(_, schema)| schema);
        let joined = ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten();
        schema["type"] == "array" || properties.chain(joined).any(|part| self.has_list(part, depth + 1))
    }
}
