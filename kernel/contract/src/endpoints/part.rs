//! The part of the OpenAPI document that endpoints bring: read, and held to its form, before any of their code runs.
//!
//! ```json
//! {
//!     "paths": {
//!         "/repositories/{kinds}/{namespace}/{name}": {
//!             "post": {
//!                 "operationId": "report",
//!                 "summary": "Report a repository",
//!                 "x-ballast-access": "account",
//!                 "x-ballast-repository": "read",
//!                 "x-ballast-body": 65536,
//!                 "parameters": [{ "name": "kinds", "in": "path", "required": true, "schema": { "type": "string" } }],
//!                 "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Words" } } } },
//!                 "responses": { "201": { "description": "It is on record" } }
//!             }
//!         }
//!     },
//!     "components": { "schemas": { "Words": { "type": "object" } } }
//! }
//! ```
//!
//! Paths stand below the instance's own prefix. `x-ballast-access` says who may ask at all: `anybody`, `account` (what it is
//! where nothing is said) or `administrator`. With `x-ballast-repository`, the address has `{kinds}`, `{namespace}` and
//! `{name}`, and the caller has that right (`read`, `propose`, `write`, `admin`) to that repository. `x-ballast-body` is how
//! long the request's body may be, in bytes: a MiB where nothing is said, and never more than [`LONGEST`].

mod operation;
mod references;

use std::collections::{BTreeMap, BTreeSet};

use ballast_types::Right;
use serde_json::{Map, Value};

use operation::{checked, shape};

/// The longest body that an operation may ask for, in bytes.
pub const LONGEST: usize = 16 << 20;

/// Of an operation that does not say.
const USUAL: usize = 1 << 20;

/// The methods that an operation may have.
pub const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// Who may ask at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Anybody,
    /// Whoever shows a credential; a request that may change something takes one that may write.
    Account,
    /// Administrators of the hub.
    Administrator,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    /// One of [`METHODS`].
    pub method: String,
    /// Below the instance's prefix: `/reports/{report}`.
    pub path: String,
    pub access: Access,
    /// The right to the repository that the address names, where it names one.
    pub right: Option<Right>,
    /// The longest body, in bytes; none where it takes none.
    pub body: Option<usize>,
    /// Headers that are parameters of it, in lower case.
    pub headers: Vec<String>,
}

/// What endpoints bring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    operations: Vec<Operation>,
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
}

impl Operation {
    /// Whether the method says that nothing changes.
    pub fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "get" | "head")
    }
}

impl Part {
    /// Reads a part, or says what is wrong with it and where.
    pub fn read(part: &Value) -> Result<Self, String> {
        let part = part.as_object().ok_or("it is no object with 'paths' and 'components'")?;
        if let Some(other) = part.keys().find(|key| !matches!(key.as_str(), "paths" | "components")) {
            return Err(format!("it has '{}', and may have 'paths' and 'components' alone", other.escape_debug()));
        }
        let paths = part.get("paths").and_then(Value::as_object).ok_or("it has no 'paths'")?;
        let schemas = schemas(part.get("components"))?;
        references::resolve(part, &schemas)?;
        let mut operations = Vec::new();
        let (mut shapes, mut ids) = (BTreeMap::new(), BTreeSet::new());
        for (path, methods) in paths {
            operation::placed(path)?;
            if let Some(other) = shapes.insert(shape(path), path) {
                return Err(format!("'{other}' and '{path}' are one address"));
            }
            let methods = methods.as_object().ok_or_else(|| format!("'{path}' is no object"))?;
            for (method, operation) in methods {
                let operation = checked(path, method, operation)?;
                if !ids.insert(operation.id.clone()) {
                    return Err(format!("two operations are called '{}'", operation.id));
                }
                operations.push(operation);
            }
        }
        match operations.is_empty() {
            true => Err("it has no operation".to_owned()),
            false => Ok(Self { operations, paths: paths.clone(), schemas }),
        }
    }

    /// Every operation.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of this id.
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// What stands below `paths`.
    pub fn paths(&self) -> &Map<String, Value> {
        &self.paths
    }

    /// What stands below `components.schemas`.
    pub fn schemas(&self) -> &Map<String, Value> {
        &self.schemas
    }

    /// How an operation is described.
    pub fn described(&self, operation: &Operation) -> Option<&Value> {
        self.paths.get(&operation.path)?.get(&operation.method)
    }
}

fn schemas(components: Option<&Value>) -> Result<Map<String, Value>, String> {
    let Some(components) = components else { return Ok(Map::new()) };
    let components = components.as_object().ok_or("its 'components' are no object")?;
    if let Some(other) = components.keys().find(|key| *key != "schemas") {
        return Err(format!("its components have '{}', and may have 'schemas' alone", other.escape_debug()));
    }
    let none = Value::Object(Map::new());
    let schemas = components.get("schemas").unwrap_or(&none).as_object().ok_or("its schemas are no object")?;
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match schemas.keys().find(|name| !plain(name)) {
        Some(name) => {
            Err(format!("the schema '{}' is called by more than letters, digits and '_'", name.escape_debug()))
        }
        None => Ok(schemas.clone()),
    }
}
