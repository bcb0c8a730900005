//! Bytes on their way to a library.

use std::future::poll_fn;
use std::task::Poll;

use async_trait::async_trait;
use ballast_abi::{Buf, Failure, Writer};
use ballast_contract::Result;
use ballast_contract::storage::StorageWriter;
use bytes::Bytes;

use crate::library::Limits;
use crate::library::call::{Of, Patience};
use crate::library::waker;

pub(super) struct LoadedWriter {
    writer: Writer,
    written: u64,
    of: Of,
    limits: Limits,
}

impl LoadedWriter {
    pub(super) fn new(writer: Writer, of: Of, limits: Limits) -> Self {
        Self { writer, written: 0, of, limits }
    }

    /// Polls until the library has done what it was asked.
    async fn done(
        &self,
        patience: &mut Patience,
        mut poll: impl FnMut(*const ballast_abi::Context, &mut Failure) -> Option<u32> + Send,
    ) -> Result<()> {
        poll_fn(|context| {
            let (lent, mut failure) = (waker::lent(context), Failure::empty());
            let Some(code) = poll(&lent, &mut failure) else {
                return Poll::Ready(Err(self.of.misbehaved("its writer lacks what was asked of it")));
            };
            match self.of.polled(code, &failure) {
                Poll::Pending => patience.ends(&self.of, context).map(Err),
                Poll::Ready(outcome) => Poll::Ready(outcome.map(drop)),
            }
        })
        .await
    }
}

#[async_trait]
impl StorageWriter for LoadedWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let length = bytes.len() as u64;
        let (mut buf, mut patience) = (Buf::owning(bytes), Patience::new(self.limits.answer));
        let writer = &self.writer;
        let write = |context, failure: &mut Failure| {
            writer.write.map(|write| unsafe { write(writer.data, context, &mut buf, failure) })
        };
        self.done(&mut patience, write).await?;
        self.written += length;
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<u64> {
        self.of.operation = "storage.commit";
        let (mut size, mut patience) = (u64::MAX, Patience::new(self.limits.whole()));
        let writer = &self.writer;
        let commit = |context, failure: &mut Failure| {
            writer.commit.map(|commit| unsafe { commit(writer.data, context, &mut size, failure) })
        };
        self.done(&mut patience, commit).await?;
        if size == self.written {
            return Ok(size);
        }
        Err(self.of.misbehaved(format!("it says that it keeps {size} bytes of the {} that were written", self.written)))
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        self.of.operation = "storage.abort";
        let mut patience = Patience::new(self.limits.answer);
        let writer = &self.writer;
        let Some(abort) = writer.abort else { return Ok(()) };
        let abort = |context, failure: &mut Failure| Some(unsafe { abort(writer.data, context, failure) });
        self.done(&mut patience, abort).await
    }
}

impl Drop for LoadedWriter {
    fn drop(&mut self) {
        if let Some(drop) = self.writer.drop.take() {
            unsafe { drop(self.writer.data) };
        }
    }
}
