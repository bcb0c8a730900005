//! A role that is asked by messages, behind its C table.

use std::ffi::c_void;

use ballast_abi::{Buf, Future, MessageTable, Str, read_table};
use ballast_contract::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::declared::Made;
use super::loaded::{Loaded, Steps};

/// An instance that answers messages.
pub(super) struct Messenger {
    pub(super) loaded: Loaded,
    call: unsafe extern "C" fn(*mut c_void, Str) -> Future,
}

impl Messenger {
    pub(super) fn new(made: Made, role: &str, steps: Steps) -> std::result::Result<Self, String> {
        let table = unsafe { read_table(made.table.0.cast::<MessageTable>()) };
        let table = table.map_err(|fault| format!("its table of {role}: {fault}"))?;
        let call = table.call.ok_or_else(|| format!("its table of {role} lacks call"))?;
        Ok(Self { loaded: Loaded::new(made, steps), call })
    }

    /// Asks, and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, operation: &'static str, call: &impl Serialize) -> Result<T> {
        let unsaid = |error: serde_json::Error| Error::new(ErrorKind::Internal, operation, error.to_string());
        let said = {
            let text = serde_json::to_string(call).map_err(unsaid)?;
            self.loaded.call::<Buf>(operation, |data| unsafe { (self.call)(data, Str::of(&text)) })?
        };
        let answer = said.await?;
        let wrong = |error| self.loaded.of(operation).misbehaved(format!("its answer makes no sense: {error}"));
        serde_json::from_slice(answer.as_ref()).map_err(wrong)
    }

    /// The same where one answer is to come for each question.
    pub(super) async fn ask_each<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        call: &impl Serialize,
        questions: usize,
    ) -> Result<Vec<T>> {
        let answers: Vec<T> = self.ask(operation, call).await?;
        match answers.len() == questions {
            true => Ok(answers),
            false => {
                let how = format!("it answered {} of {questions} questions", answers.len());
                Err(self.loaded.of(operation).misbehaved(how))
            }
        }
    }
}
