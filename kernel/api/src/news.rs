//! Jobs over a WebSocket: one JSON document a frame.

use std::sync::Arc;
use std::time::Duration;

use ballast_services::{JobNews, JobStatus, JobWatch};
use futures::{SinkExt, StreamExt};
use poem::web::websocket::{CloseCode, Message, WebSocket, WebSocketConfig, WebSocketStream};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use crate::document;
use crate::wire::JobBody;

const PING: Duration = Duration::from_secs(30);
/// Who is not heard of for so long is gone.
const SILENT: Duration = Duration::from_secs(60);
/// Who does not take a frame for so long is gone.
const SLOW: Duration = Duration::from_secs(10);
/// The longest frame that is taken.
const LONGEST: usize = 512 * 1024;
/// Watchers at the same time.
const MOST: usize = 256;

/// Room for watchers.
#[derive(Clone)]
pub struct Seats(Arc<Semaphore>);

impl Default for Seats {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

impl Seats {
    pub fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// The answer to a request for news.
pub struct News(Response);

impl News {
    /// Sends what a watcher hears for as long as somebody listens.
    pub fn new(socket: WebSocket, watch: JobWatch, seat: OwnedSemaphorePermit) -> Self {
        let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
        let told = socket.config(config).on_upgrade(move |stream| async move {
            let _seat = seat;
            tell(stream, watch).await;
        });
        Self(told.into_response())
    }
}

impl IntoResponse for News {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for News {
    fn meta() -> MetaResponses {
        let description = "A WebSocket, as the request's `Upgrade` asks for. Each frame is `{\"type\": …, \"data\": …}`: first \
            `init` with all jobs, then `job_update` with a job that changed, and `event` when one is over";
        let headers = vec![document::header("Upgrade", "`websocket`")];
        let response = MetaResponse { description, status: Some(101), status_range: None, content: vec![], headers };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}

async fn tell(mut stream: WebSocketStream, mut watch: JobWatch) {
    let jobs: Vec<JobBody> = std::mem::take(&mut watch.jobs).into_iter().map(Into::into).collect();
    let init = json!({ "type": "init", "data": { "jobs": jobs, "version": env!("CARGO_PKG_VERSION") } });
    if !send(&mut stream, Message::text(init.to_string())).await {
        return;
    }
    let mut pings = interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            news = watch.next() => match news {
                Some(news) => Message::text(frame(news).to_string()),
                None => {
                    let _ = send(&mut stream, Message::close_with(CloseCode::Policy, "too far behind")).await;
                    return;
                }
            },
            came = stream.next() => match came {
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return,
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            _ = pings.tick() => Message::ping(Vec::new()),
            () = sleep_until(heard + SILENT) => return,
        };
        if !send(&mut stream, message).await {
            return;
        }
    }
}

async fn send(stream: &mut WebSocketStream, message: Message) -> bool {
    matches!(timeout(SLOW, stream.send(message)).await, Ok(Ok(())))
}

fn frame(news: JobNews) -> Value {
    match news {
        JobNews::Update(view) => json!({ "type": "job_update", "data": JobBody::from((*view).clone()) }),
        JobNews::Event { name, status } => {
            let event = match status {
                JobStatus::Completed => "download_complete",
                JobStatus::Failed => "download_failed",
                JobStatus::Cancelled => "download_cancelled",
                _ => "download_paused",
            };
            json!({ "type": "event", "data": { "event": event, "jobId": name } })
        }
    }
}
