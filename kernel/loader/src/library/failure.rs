//! What a library says when something failed.

use ballast_abi::{Buf, Failure, PANICKED};
use ballast_contract::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::json;

/// What stands in a failure; each key may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    operation: Option<String>,
    context: Option<String>,
    path: Option<String>,
    retryable: Option<bool>,
}

/// A failure that was read.
pub(super) struct Told {
    pub error: Error,
    /// The key that a check found wrong.
    pub path: Option<String>,
    pub panicked: bool,
}

/// No sentence is longer.
const LONGEST: usize = 4096;

/// What a failure of `operation` says.
pub(super) fn told(failure: &Failure, operation: &str) -> Told {
    let said: Said = match text_of(&failure.json) {
        Some(text) => serde_json::from_str(text).unwrap_or_default(),
        None => Said::default(),
    };
    let panicked = failure.code == PANICKED;
    let context = said.context.map(|context| context.chars().take(LONGEST).collect::<String>());
    let context = context.unwrap_or_else(|| "it did not say why".to_owned());
    let context = if panicked { format!("the plugin panicked: {context}") } else { context };
    let operation = said.operation.unwrap_or_else(|| operation.to_owned());
    let mut error = Error::new(ErrorKind::of_code(failure.code), operation, context);
    error.retryable = said.retryable.unwrap_or(error.retryable);
    Told { error, path: said.path, panicked }
}

fn text_of(json: &Buf) -> Option<&str> {
    std::str::from_utf8(json.as_ref()).ok()
}

/// The hub's own error, as a library reads it.
pub(super) fn failed(error: &Error) -> Failure {
    let said = json!({ "operation": error.operation, "context": error.context, "retryable": error.retryable });
    Failure { code: error.kind.code(), reserved: 0, json: Buf::owning(said.to_string()) }
}

/// A plugin that does not keep its promises.
pub(super) fn misbehaved(operation: &str, how: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, operation, how)
}
