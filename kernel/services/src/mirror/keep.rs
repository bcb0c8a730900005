//! What is kept of mirrors: a row and a lease each, and listings.

use std::sync::Arc;
use std::time::Duration;

use ballast_catalog::{Mirror, MirrorName};
use ballast_contract::downloader::{Expected, SourceFile};
use ballast_contract::{Error, ErrorKind};
use ballast_types::{CommitId, RepoKey, Sha256};
use bytes::Bytes;
use futures::StreamExt;
use sha2::Digest;

use super::MirrorParts;
use super::listing::Listing;
use crate::operation::random_key;
use crate::{Failure, Hub, Result};

/// The longest listing, in bytes of JSON: that of some millions of files.
const MOST_LISTING: u64 = 1 << 30;

impl Hub {
    /// The mirror of that name, which is made where there is none.
    pub(super) async fn keep_mirror(&self, parts: &MirrorParts, name: &MirrorName) -> Result<Mirror> {
        let now = self.now();
        if let Some(there) = self.catalog().find_mirror(name).await?.filter(|mirror| mirror.kept_until > now) {
            return self.prolong(parts, there).await;
        }
        let (key, kept_until) = (RepoKey(random_key()?), now.after(parts.keep));
        // The row ends first, so that it never says of what has gone that it is there.
        let lease = self.content().create_lease(key, kept_until.after(parts.keep)).await?;
        let kept = self.catalog().put_mirror(name, Mirror { key, lease, kept_until }, now).await?;
        if kept.key != key {
            self.content().drop_lease(lease).await?;
        }
        Ok(kept)
    }

    /// Keeps what is read longer, once in a while.
    pub(super) async fn prolong(&self, parts: &MirrorParts, mirror: Mirror) -> Result<Mirror> {
        let until = self.now().after(parts.keep);
        let often = Duration::from_secs(24 * 60 * 60).min(parts.keep / 4);
        if until.before(often) <= mirror.kept_until {
            return Ok(mirror);
        }
        self.content().extend_lease(mirror.lease, until.after(parts.keep)).await?;
        self.catalog().keep_mirror(mirror.key, until).await?;
        Ok(Mirror { kept_until: until, ..mirror })
    }

    /// Keeps a listing as a blob.
    pub(super) async fn store_listing(&self, mirror: Mirror, listing: &Listing) -> Result<Sha256> {
        let files: Vec<&SourceFile> = listing.files().collect();
        let text = serde_json::to_vec(&files).map_err(broken)?;
        let (sha256, size) = (Sha256(sha2::Sha256::digest(&text).into()), text.len() as u64);
        if size > MOST_LISTING {
            let why = format!("the other hub lists files in {size} bytes; {MOST_LISTING} are kept");
            return Err(Failure::TooLarge(why));
        }
        let body = futures::stream::iter([Ok(Bytes::from(text))]).boxed();
        self.content().receive(mirror.lease, Expected::Sha256(sha256), size, body).await?;
        Ok(sha256)
    }

    /// The files of a commit.
    pub(super) async fn listing(&self, mirror: Mirror, commit: CommitId, blob: Sha256) -> Result<Arc<Listing>> {
        let known = &self.mirrors().listings;
        if let Some(listing) = known.get(&(mirror.key, commit)) {
            return Ok(listing);
        }
        let text = self.content().read_small(blob, MOST_LISTING).await?;
        let files: Vec<SourceFile> = serde_json::from_slice(&text).map_err(broken)?;
        let listing = Arc::new(Listing::new(files)?);
        known.insert((mirror.key, commit), Arc::clone(&listing));
        Ok(listing)
    }
}

fn broken(error: serde_json::Error) -> Failure {
    Failure::Broken(Error::new(ErrorKind::Internal, "mirror.listing", error.to_string()))
}
