//! The contract's error as the hub reads it.

use ballast_abi::{Buf, Failure, PANICKED};
use ballast_contract::Error;
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
    let kind = ballast_contract::ErrorKind::Invalid;
    failure(kind.code(), &json!({ "operation": "plugin.check", "context": why, "path": path }))
}

/// A panic.
pub(crate) fn panicked(words: &str) -> Failure {
    failure(PANICKED, &json!({ "context": words }))
}

fn failure(code: u32, message: &serde_json::Value) -> Failure {
    Failure { code, reserved: 0, json: Buf::owning(message.to_string()) }
}
