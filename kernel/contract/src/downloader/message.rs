//! What a downloader is asked over the C tables: one JSON message, one answer, and bytes behind it where they are fetched.
//! Keys may come to be known, and none goes.

use ballast_types::{ByteRange, Name};
use serde::{Deserialize, Serialize};

use super::{Downloader, Source, SourceFile};
use crate::message::json;
use crate::{ByteStream, Error, ErrorKind, Result};

/// A call of [`Downloader`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum DownloaderCall {
    /// Asked once, after the start.
    Endpoint,
    Pin {
        source: Source,
    },
    Plan {
        source: Source,
        after: Option<String>,
    },
    /// Answered with a [`FetchedHead`], and the bytes behind it: the one call that has some.
    Fetch {
        source: Source,
        file: SourceFile,
        range: ByteRange,
    },
    History {
        source: Source,
        after: Option<String>,
    },
    Describe {
        source: Source,
    },
    Check {
        source: Source,
    },
    Refs {
        source: Source,
    },
    Profile {
        name: Name,
    },
    Analyze {
        source: Source,
    },
}

/// Which bytes of a file come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedHead {
    pub range: ByteRange,
}

impl DownloaderCall {
    /// Makes a call that has no bytes, and answers with the JSON of what it answers.
    pub async fn answer(self, downloader: &dyn Downloader) -> Result<Vec<u8>> {
        match self {
            Self::Endpoint => json(&downloader.endpoint()),
            Self::Pin { source } => json(&downloader.pin(&source).await?),
            Self::Plan { source, after } => json(&downloader.plan(&source, after).await?),
            Self::History { source, after } => json(&downloader.history(&source, after).await?),
            Self::Describe { source } => json(&downloader.describe(&source).await?),
            Self::Check { source } => json(&downloader.check(&source).await?),
            Self::Refs { source } => json(&downloader.refs(&source).await?),
            Self::Profile { name } => json(&downloader.profile(&name).await?),
            Self::Analyze { source } => json(&downloader.analyze(&source).await?),
            Self::Fetch { .. } => Err(unsupported("it has bytes, and is asked with them")),
        }
    }

    /// Makes the call that has bytes.
    pub async fn stream(self, downloader: &dyn Downloader) -> Result<(Vec<u8>, ByteStream)> {
        let Self::Fetch { source, file, range } = self else { return Err(unsupported("it has no bytes")) };
        let fetched = downloader.fetch(&source, &file, range).await?;
        Ok((json(&FetchedHead { range: fetched.range })?, fetched.bytes))
    }
}

fn unsupported(why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "downloader.call", why)
}
