//! The answer's way out: pieces through a short queue, so that who is slow slows down and nobody holds a whole pack.

use bytes::{Bytes, BytesMut};
use futures::Stream;
use tokio::sync::mpsc;

use crate::pkt_line::{self, FLUSH, MAX_LINE};
use crate::{Result, WireError};

/// Pieces that wait to be sent.
const WAITING: usize = 4;
/// Bytes that come together before they are passed on.
const PIECE: usize = 64 << 10;

/// Where an answer is written.
pub struct Output {
    queue: mpsc::Sender<Bytes>,
    buffer: BytesMut,
    band: Band,
}

/// How data of a pack is marked off from what is said beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Band {
    /// Not at all.
    #[default]
    None,
    /// Lines of up to 1000 bytes with a band's number.
    Small,
    /// Lines of up to 65520 bytes.
    Large,
}

/// What an [`Output`] is given.
pub type Answer = mpsc::Receiver<Bytes>;

/// An output, and what comes out of it. The answer ends when the output is dropped.
pub fn answer() -> (Output, Answer) {
    let (queue, answer) = mpsc::channel(WAITING);
    (Output { queue, buffer: BytesMut::new(), band: Band::None }, answer)
}

/// An answer as a stream.
pub fn stream(answer: Answer) -> impl Stream<Item = Bytes> {
    futures::stream::unfold(answer, |mut answer| async move { Some((answer.recv().await?, answer)) })
}

impl Output {
    /// Uses a band from here on.
    pub fn set_band(&mut self, band: Band) {
        self.band = band;
    }

    /// Bytes as they are.
    pub async fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        match self.buffer.len() >= PIECE {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// One line of text.
    pub async fn line(&mut self, text: &str) -> Result<()> {
        let mut line = Vec::with_capacity(text.len() + 5);
        pkt_line::write_text(&mut line, text);
        self.raw(&line).await
    }

    /// The end of a message.
    pub async fn end(&mut self) -> Result<()> {
        self.raw(FLUSH).await?;
        self.flush().await
    }

    /// Data of the answer proper.
    pub async fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.on_band(1, bytes).await
    }

    /// Something for a person to read, where there is a way to say it.
    pub async fn progress(&mut self, text: &str) -> Result<()> {
        match self.band {
            Band::None => Ok(()),
            _ => {
                self.on_band(2, text.as_bytes()).await?;
                self.flush().await
            }
        }
    }

    /// Why the answer ends here.
    pub async fn fatal(&mut self, text: &str) -> Result<()> {
        match self.band {
            Band::None => self.line(&format!("ERR {text}")).await?,
            _ => self.on_band(3, format!("{text}\n").as_bytes()).await?,
        }
        self.flush().await
    }

    async fn on_band(&mut self, band: u8, bytes: &[u8]) -> Result<()> {
        let most = match self.band {
            Band::None => return self.raw(bytes).await,
            Band::Small => 1000 - 5,
            Band::Large => MAX_LINE - 5,
        };
        for piece in bytes.chunks(most) {
            self.buffer.extend_from_slice(format!("{:04x}", piece.len() + 5).as_bytes());
            self.buffer.extend_from_slice(&[band]);
            self.raw(piece).await?;
        }
        Ok(())
    }

    /// Passes on what has come together.
    pub async fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = self.buffer.split().freeze();
        self.queue.send(piece).await.map_err(|_| WireError::Gone)
    }
}
