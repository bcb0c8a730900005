//! Sending messages, again and again until they arrive or are given up.

use std::sync::Arc;
use std::time::Duration;

use ballast_catalog::Message;
use ballast_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt, stream};
use hmac::{Hmac, Mac};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, USER_AGENT};

use super::WebhookSettings;
use super::address::{Public, checked};
use crate::{Failure, Hub, Result};

/// How long after each try a message is tried again: ten times over some three days, as Standard Webhooks proposes.
const WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(30 * 3600),
];

/// A webhook to which so many messages in a row were given up is told nothing any more.
const MOST_GIVEN_UP: u32 = 5;

/// Messages that one node sends at the same time.
const AT_ONCE: usize = 8;

/// Sends messages. It follows no redirect, uses no proxy, and reaches no private address unless that is allowed.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    settings: WebhookSettings,
}

impl Sender {
    /// `Unavailable` where this machine has no root certificates.
    pub fn new(settings: WebhookSettings) -> Result<Self> {
        // Where the program has chosen a library for TLS already, that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(settings.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0);
        let client = match settings.allow_private {
            true => client,
            false => client.dns_resolver(Arc::new(Public)),
        };
        let client = client.build().map_err(|error| {
            let context = "no client for webhooks could be made; see that this machine has root certificates";
            let kind = ballast_contract::ErrorKind::Unavailable;
            Failure::Unavailable(ballast_contract::Error::new(kind, "webhooks", context).with_source(error))
        })?;
        Ok(Self { client, settings })
    }

    /// How long a message may be with whoever sends it.
    fn patience(&self) -> Duration {
        self.settings.timeout * 2 + Duration::from_secs(30)
    }

    /// Sends one message; what came of it in words, for the log, where it did not arrive.
    async fn send(&self, message: &Message, now: Timestamp) -> std::result::Result<(), Refusal> {
        let url = checked(&message.url, self.settings.allow_private).map_err(Refusal::again)?;
        let id = format!("msg_{:024x}", message.id);
        let seconds = now.0 / 1000;
        let mut request = self.client.post(url).header(CONTENT_TYPE, "application/json");
        request = request.header(USER_AGENT, concat!("Ballast/", env!("CARGO_PKG_VERSION")));
        request = request.header("webhook-id", &id).header("webhook-timestamp", seconds);
        if let Some(secret) = &message.secret {
            let signature = signature(secret, &format!("{id}.{seconds}.{}", message.body));
            request = request.header("webhook-signature", signature).header("x-webhook-secret", secret);
        }
        match request.body(message.body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            // "Gone": Standard Webhooks' way to say that no more are wanted.
            Ok(answer) if answer.status().as_u16() == 410 => {
                Err(Refusal { why: "it answered 410".to_owned(), for_ever: true })
            }
            Ok(answer) => Err(Refusal::again(format!("it answered {}", answer.status()))),
            Err(error) => Err(Refusal::again(told(&error))),
        }
    }
}

/// Why a message did not arrive.
struct Refusal {
    why: String,
    /// The receiver wants no more of them.
    for_ever: bool,
}

impl Refusal {
    fn again(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_ever: false }
    }
}

/// An error with what caused it, which alone says what is wrong.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => told(source),
        None => error.to_string(),
    }
}

/// As Standard Webhooks signs: `v1,` and the base64 of an HMAC-SHA256, whose key is the secret, or what the base64
/// behind `whsec_` says.
fn signature(secret: &str, signed: &str) -> String {
    let key = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    let key = key.unwrap_or_else(|| secret.as_bytes().to_vec());
    // A key of any length is taken, so this cannot fail.
    let mac = Hmac::<sha2::Sha256>::new_from_slice(&key).map(|mac| mac.chain_update(signed));
    let digest = mac.map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
    format!("v1,{}", STANDARD.encode(digest))
}

impl Hub {
    /// Sends messages that are due, as many at a time as one node sends at once; answers how many that were.
    pub async fn send_messages(&self, sender: &Sender) -> Result<usize> {
        let now = self.now();
        // Looking writes nothing, and mostly nothing is due.
        if self.catalog().next_message().await?.is_none_or(|due| due > now) {
            return Ok(0);
        }
        let taken = self.catalog().take_messages(now, now.after(sender.patience()), AT_ONCE).await?;
        let sent = taken.len();
        let sending = stream::iter(taken).map(|message| async move { self.send_one(sender, &message).await });
        let mut done = sending.buffer_unordered(AT_ONCE);
        while let Some(done) = done.next().await {
            done?;
        }
        Ok(sent)
    }

    async fn send_one(&self, sender: &Sender, message: &Message) -> Result<()> {
        let Err(refusal) = sender.send(message, self.now()).await else {
            return Ok(self.catalog().message_arrived(message).await?);
        };
        let (webhook, why, attempts) = (message.webhook, refusal.why, message.attempts);
        let wait = WAITS.get(attempts.saturating_sub(1) as usize).filter(|_| !refusal.for_ever);
        match wait {
            Some(wait) => {
                tracing::debug!(webhook, why, attempts, "a message to a webhook did not arrive; it is sent again");
                Ok(self.catalog().put_message_off(message, self.now().after(*wait)).await?)
            }
            None => {
                let most = if refusal.for_ever { 1 } else { MOST_GIVEN_UP };
                let disabled = self.catalog().give_message_up(message, most).await?;
                tracing::warn!(webhook, why, attempts, disabled, "a message to a webhook was given up");
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn messages_are_signed_as_standard_webhooks_says() {
        let body = r#"{"test": 2432232314}"#;
        let signed = format!("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{body}");
        let signature = signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &signed);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
