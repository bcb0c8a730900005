//! What poem-openapi describes, made into what generators and people read well.

use serde_json::{Map, Value, json};

/// What the parameters of addresses are, which stand in so many operations that no handler says it, with an example.
/// What an operation says of one itself goes before this.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("kinds", "Of which kind the repository is.", "models"),
    ("namespace", "The user or organisation that it belongs to.", "acme"),
    ("name", "The repository's name in its namespace.", "bert-tiny"),
    ("type", "Of which kind the repository is.", "model"),
    ("revision", "A branch, a tag, `refs/…` (encoded as one segment) or a commit id.", "main"),
    ("branch", "The branch's name, encoded as one segment.", "experiment"),
    ("path", "The way to it from the root; its slashes may be encoded or not.", "config.json"),
    ("number", "The number that it was opened under.", "1"),
    ("org", "The organisation's name.", "acme"),
    ("org_name", "The organisation's name.", "acme"),
    ("username", "The user's name.", "ada"),
    ("token", "What the address of the invitation ends in.", "1.0OaSR7zC"),
    ("token_id", "The id that the list of tokens has.", "7"),
    ("slug", "What follows the owner in the slug.", "good-models-000000000000000000000001"),
    ("item", "The `_id` of the item.", "000000000000000000000001"),
    ("webhook", "The `id` of the webhook.", "000000000000000000000001"),
    ("key_id", "The number of the key.", "3"),
    ("session_id", "The number of the session.", "12"),
    ("invitation_id", "The number of the invitation.", "5"),
    ("prefix", "Of the protocol: `default`.", "default"),
    ("ticket", "As it stood in the address that was given out.", "AAAAAmV4"),
];

/// An operation and its path: a catch-all has its parameter's name (arguments are taken by position, as `*param4`),
/// media types stand without parameters, and no response and no parameter of an address is left without a word.
pub fn operation(path: &str, mut operation: Value) -> (String, Value) {
    for response in operation.get_mut("responses").into_iter().flat_map(values) {
        if response["description"] == "" {
            response["description"] = json!("Done");
        }
        bare_media_types(response);
    }
    if let Some(body) = operation.get_mut("requestBody") {
        bare_media_types(body);
    }
    let mut names = vec![];
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        say_what_it_is(parameter);
        if let (Some("path"), Some(name)) = (parameter["in"].as_str(), parameter["name"].as_str()) {
            names.push(name.to_owned());
        }
    }
    let segment = |segment: &str| match segment.strip_prefix("*param").and_then(|at| at.parse::<usize>().ok()) {
        Some(at) => names.get(at).map_or_else(|| segment.to_owned(), |name| format!("{{{name}}}")),
        None => segment.to_owned(),
    };
    (path.split('/').map(segment).collect::<Vec<_>>().join("/"), operation)
}

/// A schema. What an object need not have may also be null: clients send it so, and are sent it so.
pub fn schema(mut schema: Value) -> Value {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        let optional = !required.iter().any(|one| one == name) && property.get("default").is_none();
        // A description as a schema of its own is one that anything meets: generators stumble over it.
        if let Some(all) = property.get_mut("allOf").and_then(Value::as_array_mut) {
            all.retain(|one| one.as_object().is_none_or(|one| one.keys().any(|key| key != "description")));
        }
        match property.get_mut("allOf").filter(|_| optional).map(Value::take) {
            // `nullable` is for a type, and a reference has none: it is this or null.
            Some(Value::Array(mut choices)) => {
                choices.push(json!({ "type": "string", "nullable": true, "enum": [null] }));
                if let Some(property) = property.as_object_mut() {
                    property.remove("allOf");
                    property.insert("oneOf".to_owned(), Value::Array(choices));
                }
            }
            _ if optional && property.get("type").is_some() => property["nullable"] = json!(true),
            // Beside a bare reference nothing else is read, and what has no type may be null as it is.
            _ => {}
        }
    }
    schema
}

fn values(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.as_object_mut().into_iter().flat_map(Map::values_mut)
}

/// `application/json; charset=utf-8` is JSON to a person, and an unknown media type to a generator.
fn bare_media_types(described: &mut Value) {
    if let Some(content) = described.get_mut("content").and_then(Value::as_object_mut) {
        let bare = |media: String| media.split(';').next().unwrap_or_default().trim().to_owned();
        *content = std::mem::take(content).into_iter().map(|(media, schema)| (bare(media), schema)).collect();
    }
}

fn say_what_it_is(parameter: &mut Value) {
    let known = PARAMETERS.iter().find(|(name, ..)| parameter["name"] == *name);
    let Some((_, description, example)) = known else { return };
    if parameter["description"].as_str().is_none_or(str::is_empty) {
        parameter["description"] = json!(description);
    }
    if parameter["in"] == "path" {
        let is_number = parameter["schema"]["type"] == "integer";
        parameter["example"] = if is_number { json!(example.parse::<i64>().unwrap_or(1)) } else { json!(example) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catch_all_has_the_name_of_its_argument() {
        let described = json!({ "parameters": [{ "name": "a", "in": "path" }, { "name": "path", "in": "path" }] });
        let (path, described) = operation("/{a}/tree/*param1", described);
        assert_eq!(path, "/{a}/tree/{path}");
        assert_eq!(described["parameters"][1]["example"], "config.json");
        assert!(described["parameters"][0].get("example").is_none());
    }

    #[test]
    fn media_types_stand_without_parameters() {
        let content = json!({ "content": { "text/plain; charset=utf-8": { "schema": {} } } });
        let (_, described) = operation("/", json!({ "requestBody": content, "responses": { "200": content } }));
        assert!(described["requestBody"]["content"]["text/plain"].is_object());
        assert!(described["responses"]["200"]["content"]["text/plain"].is_object());
    }

    #[test]
    fn a_described_reference_is_a_reference_and_a_description_and_may_be_null() {
        let property = json!({ "description": "d", "allOf": [{ "$ref": "#/x" }, { "description": "d" }] });
        let described = schema(json!({ "properties": { "p": property } }));
        let nothing = json!({ "type": "string", "nullable": true, "enum": [null] });
        let expected = json!({ "description": "d", "oneOf": [{ "$ref": "#/x" }, nothing] });
        assert_eq!(described["properties"]["p"], expected);
        let described = schema(json!({ "required": ["p"], "properties": { "p": property } }));
        assert_eq!(described["properties"]["p"], json!({ "description": "d", "allOf": [{ "$ref": "#/x" }] }));
    }
}
