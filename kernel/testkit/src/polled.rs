//! Stopping a future where it waits.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Polls a future until it is done, or `limit` times; none in the second case. Each poll ends at an await.
pub async fn at_most<T>(future: &mut Pin<Box<impl Future<Output = T>>>, limit: usize) -> Option<T> {
    let mut polls = 0;
    poll_fn(|context| {
        if polls == limit {
            return Poll::Ready(None);
        }
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if polls == limit => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
