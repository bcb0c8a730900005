//! Mail: what the hub has to say to somebody who is not looking at it.

use std::path::Path;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{Address, AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

/// A way for mail, and whom it comes from.
#[derive(Clone)]
pub struct Mail {
    way: Way,
    from: Mailbox,
}

#[derive(Clone)]
enum Way {
    Log,
    File(AsyncFileTransport<Tokio1Executor>),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

/// How long a mail server may take for each of its answers.
const PATIENCE: Duration = Duration::from_secs(30);

impl Mail {
    /// Into the log: for whoever runs the hub to pass on.
    pub fn log(from: &str) -> Result<Self, String> {
        Ok(Self { way: Way::Log, from: sender(from)? })
    }

    /// Into a folder, which must be there.
    pub fn file(from: &str, folder: &Path) -> Result<Self, String> {
        Ok(Self { way: Way::File(AsyncFileTransport::new(folder)), from: sender(from)? })
    }

    /// To a server, by a URL such as `smtps://user:password@host`. The error does not repeat it.
    pub fn smtp(from: &str, url: &str) -> Result<Self, String> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|error| error.to_string())?;
        Ok(Self { way: Way::Smtp(builder.timeout(Some(PATIENCE)).build()), from: sender(from)? })
    }

    /// Sends a text; what goes wrong is said without it.
    pub(crate) async fn send(&self, to: &str, subject: &str, text: &str) -> Result<(), String> {
        let to = to.parse::<Address>().map_err(|error| format!("'{to}' is no address: {error}"))?;
        let message = Message::builder().from(self.from.clone()).to(Mailbox::new(None, to)).subject(subject);
        let message = message.header(ContentType::TEXT_PLAIN).body(text.to_owned());
        let message = message.map_err(|error| error.to_string())?;
        match &self.way {
            Way::Log => {
                let to = message.envelope().to().first().map(ToString::to_string).unwrap_or_default();
                tracing::info!(to, subject, text, "a mail that nobody sends: mail.transport is 'log'");
                Ok(())
            }
            Way::File(way) => way.send(message).await.map(drop).map_err(|error| error.to_string()),
            Way::Smtp(way) => way.send(message).await.map(drop).map_err(|error| error.to_string()),
        }
    }
}

fn sender(from: &str) -> Result<Mailbox, String> {
    from.parse::<Mailbox>().map_err(|error| format!("'{from}' is no sender: {error}"))
}
