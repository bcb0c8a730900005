//! Uploads in parts that nobody finished and nobody threw away: a crash came between their beginning and the row that
//! would have named them. Providers keep the parts for ever, and no list of objects shows them.

use std::sync::Arc;
use std::time::Duration;

use ballast_contract::storage::StorageKey;
use ballast_contract::{Error, ErrorKind};

use super::requests::Requests;

/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Throws away what is older than `days`, now and every day. Ends only from outside.
pub(crate) async fn take_care(requests: Arc<Requests>, days: u32) {
    loop {
        match throw_away(&requests, days).await {
            Ok(0) => {}
            Ok(thrown) => tracing::info!(thrown, days, "threw away uploads in parts that nobody has finished"),
            // Several providers do not list them, and say that in several ways.
            Err(error) => {
                tracing::info!(%error, "uploads in parts that nobody finished are left to the bucket's own rules")
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn throw_away(requests: &Requests, days: u32) -> Result<u64, Error> {
    let age = jiff::SignedDuration::from_hours(24 * i64::from(days));
    let cutoff = jiff::Timestamp::now() - age;
    let (mut thrown, mut after) = (0, None);
    loop {
        let (unfinished, next) = requests.unfinished(after.as_ref()).await?;
        for upload in unfinished {
            // Whose age cannot be read may be a minute old; what is no key of ours somebody else has begun.
            let is_old = upload.initiated.parse::<jiff::Timestamp>().is_ok_and(|begun| begun < cutoff);
            if !is_old || upload.key.parse::<StorageKey>().is_err() {
                continue;
            }
            match requests.abort(&upload.key, &upload.upload_id).await {
                Ok(()) => thrown += 1,
                Err(error) if error.is(ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        match next.filter(|next| Some(next) != after.as_ref()) {
            Some(next) => after = Some(next),
            None => return Ok(thrown),
        }
    }
}
