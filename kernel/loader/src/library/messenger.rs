//! A role that is asked by messages, behind its C table.

use std::ffi::c_void;
use std::time::Duration;

use ballast_abi::{Buf, Future, MessageTable, Str, Streamed, read_table};
use ballast_contract::{Error, ErrorKind, Result};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::declared::Made;
use super::loaded::{Loaded, Steps};
use super::reader::Pieces;

/// An instance that answers messages.
pub(super) struct Messenger {
    pub(super) loaded: Loaded,
    call: unsafe extern "C" fn(*mut c_void, Str) -> Future,
    /// How long an answer may take.
    patience: Duration,
    stream: Option<unsafe extern "C" fn(*mut c_void, Str, *mut Buf) -> Future>,
}

impl Messenger {
    pub(super) fn new(made: Made, role: &str, steps: Steps) -> std::result::Result<Self, String> {
        let table = unsafe { read_table(made.table.0.cast::<MessageTable>()) };
        let table = table.map_err(|fault| format!("its table of {role}: {fault}"))?;
        let call = table.call.ok_or_else(|| format!("its table of {role} lacks call"))?;
        let (patience, loaded) = (made.limits.answer, Loaded::new(made, steps));
        Ok(Self { loaded, call, patience, stream: table.stream })
    }

    /// The same of a role that cannot do without calls that have bytes.
    pub(super) fn streaming(made: Made, role: &str, steps: Steps) -> std::result::Result<Self, String> {
        let messenger = Self::new(made, role, steps)?;
        match messenger.stream {
            Some(_) => Ok(messenger),
            None => Err(format!("its table of {role} lacks stream")),
        }
    }

    /// The same, which waits for answers as long as for a whole object.
    pub(super) fn patient(self) -> Self {
        Self { patience: self.loaded.limits.whole(), ..self }
    }

    /// Asks, and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, operation: &'static str, call: &impl Serialize) -> Result<T> {
        let unsaid = |error: serde_json::Error| Error::new(ErrorKind::Internal, operation, error.to_string());
        let said = {
            let text = serde_json::to_string(call).map_err(unsaid)?;
            let mut call = self.loaded.call::<Buf>(operation, |data| unsafe { (self.call)(data, Str::of(&text)) })?;
            call.allow(self.patience);
            call
        };
        let answer = said.await?;
        let wrong = |error| self.loaded.of(operation).misbehaved(format!("its answer makes no sense: {error}"));
        serde_json::from_slice(answer.as_ref()).map_err(wrong)
    }

    /// Asks with bytes, and reads the answer; the bytes behind it are on their way.
    pub(super) async fn stream<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        call: &impl Serialize,
        bytes: Bytes,
    ) -> Result<(T, Pieces)> {
        let unsaid = |error: serde_json::Error| Error::new(ErrorKind::Internal, operation, error.to_string());
        let lacks = || Error::new(ErrorKind::Unsupported, operation, "the plugin has no bytes");
        let stream = self.stream.ok_or_else(lacks)?;
        let said = {
            let (text, mut lent) = (serde_json::to_string(call).map_err(unsaid)?, Buf::owning(bytes));
            let begin = |data| unsafe { stream(data, Str::of(&text), &mut lent) };
            let mut call = self.loaded.call::<Streamed>(operation, begin)?;
            call.allow(self.patience);
            call
        };
        let Streamed { answer, bytes } = said.await?;
        let of = self.loaded.of(operation);
        // First of all, so that it ends whatever comes.
        let pieces = Pieces::new(bytes, None, of.clone(), self.loaded.limits.answer);
        let wrong = |error| of.misbehaved(format!("its answer makes no sense: {error}"));
        Ok((serde_json::from_slice(answer.as_ref()).map_err(wrong)?, pieces))
    }

    /// Asks where one answer is to come for each question.
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
