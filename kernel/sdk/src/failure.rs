//! The contract's error as the hub reads it.

use ballast_abi::{Buf, Failure, PANICKED};
use ballast_contract::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::json;

/// An error of the plugin. Its cause becomes part of the sentence: types do not cross.
pub(crate) fn failed(error: &Error) -> Failure {
    let context = match &error.source {
        Some(source) => format!("{}: {source}", error.context),
        None => error.context.clone(),
    };
    let message = json!({ "operation": error.operation, "context": context, "retryable": error.retryable });
    failure(error.kind.code(), &message)
}

/// Config that cannot be read, and the key where.
pub(crate) fn misread(path: &str, why: &str) -> Failure {
    failure(ErrorKind::Invalid.code(), &json!({ "operation": "plugin.check", "context": why, "path": path }))
}

/// A panic.
pub(crate) fn panicked(words: &str) -> Failure {
    failure(PANICKED, &json!({ "context": words }))
}

/// What the hub says when something failed; each key may be missing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    operation: Option<String>,
    context: Option<String>,
    retryable: Option<bool>,
}

/// A failure of the hub's.
pub(crate) fn read(failure: &Failure, operation: &str) -> Error {
    let said: Said = serde_json::from_slice(failure.json.as_ref()).unwrap_or_default();
    let operation = said.operation.unwrap_or_else(|| operation.to_owned());
    let context = said.context.unwrap_or_else(|| "the hub did not say why".to_owned());
    let mut error = Error::new(ErrorKind::of_code(failure.code), operation, context);
    error.retryable = said.retryable.unwrap_or(error.retryable);
    error
}

fn failure(code: u32, message: &serde_json::Value) -> Failure {
    Failure { code, reserved: 0, json: Buf::owning(message.to_string()) }
}
