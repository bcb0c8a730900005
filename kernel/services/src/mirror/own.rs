//! What not everybody may have, for those who have a right of their own to it at the other hub.
//!
//! Whoever asks shows a token of theirs for that hub, and is answered by what the hub says to it: not by what it says to this
//! hub, and not by what it said to somebody else. What was said is kept for each of them apart; listings and bytes are the same
//! for all who may have them. Whom the hub sends away is answered as everybody is, and so is whoever asks for what everybody
//! may have.

use std::sync::Arc;

use ballast_catalog::{MirrorPin, NewMirrorPin};
use ballast_contract::downloader::{SourceAccess, SourceInfo};
use ballast_contract::{Error, ErrorKind};
use ballast_types::{Revision, Secret, Timestamp};
use url::Url;

use super::look::{MAIN, Miss, Wanted};
use super::{MirrorParts, Mirrored};
use crate::{Caller, Hub, Result};

/// A token of the caller's own at another hub.
#[derive(Clone, Debug)]
pub struct HubToken {
    /// The address of that hub, as the caller writes it.
    pub endpoint: String,
    pub token: Secret,
}

/// Somebody who shows a token of theirs to another hub.
#[derive(Clone)]
pub(super) struct Reader {
    pub token: Secret,
    /// A digest of who it is and of the token, in hexadecimal, which tells neither.
    pub key: String,
}

impl Wanted {
    /// The same for everybody.
    pub fn of_everybody(&self) -> Self {
        Self { reader: None, ..self.clone() }
    }

    /// Whether what is known is good enough where the hub cannot be asked: what everybody may have is; a right of one's own is
    /// for some time.
    pub fn is_trusted(&self, parts: &MirrorParts, pin: &MirrorPin, now: Timestamp) -> bool {
        self.reader.is_none() || pin.checked_at.after(parts.trust) > now
    }
}

impl Hub {
    /// The caller as a reader of another hub; none where they showed no token for it. Nobody is no reader.
    pub(super) fn reader(&self, caller: &Caller, tokens: &[HubToken], endpoint: &str) -> Option<Reader> {
        let shown = tokens.iter().find(|shown| is_address(&shown.endpoint, endpoint))?;
        let user = caller.known().ok()?.user.key;
        let digest = self.0.tickets.digest("mirror reader", &format!("{user}\n{endpoint}\n{}", shown.token.expose()));
        let key = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Reader { token: shown.token.clone(), key })
    }

    /// What a reader may have by a right of their own; none where that is what everybody may have.
    pub(super) async fn look_as_reader(&self, parts: &Arc<MirrorParts>, wanted: &Wanted) -> Result<Option<Mirrored>> {
        let known = self.known(&wanted.of_everybody()).await?;
        // Nobody needs to show a token for what everybody may have.
        match known.is_some_and(|(_, pin)| pin.checked_at.after(parts.fresh) > self.now()) {
            true => Ok(None),
            false => self.look(parts, wanted).await,
        }
    }

    /// Whether the reader may have what not everybody may have; keeps nothing of it where not.
    pub(super) async fn check_right(&self, wanted: &Wanted, about: &SourceInfo) -> std::result::Result<(), Miss> {
        match about.access {
            SourceAccess::Gated | SourceAccess::Private => {}
            SourceAccess::Everybody | SourceAccess::Nobody | SourceAccess::Unsaid => {
                self.close(wanted).await?;
                return Err(Miss::NoRight);
            }
        }
        match wanted.source.downloader.check(&wanted.at(Revision::new(MAIN))).await {
            Ok(()) => Ok(()),
            Err(error) if is_refusal(&error) => {
                self.close(wanted).await?;
                Err(Miss::NoRight)
            }
            Err(error) => Err(Miss::Remote(error)),
        }
    }

    /// Keeps what was said of a revision for whoever it was said to.
    pub(super) async fn keep_pin(
        &self,
        parts: &MirrorParts,
        wanted: &Wanted,
        mirror: ballast_catalog::Mirror,
        new: NewMirrorPin,
    ) -> std::result::Result<(), Miss> {
        let Some(reader) = &wanted.reader else { return Ok(self.catalog().pin_mirror(mirror.key, new).await?) };
        let since = self.now().before(parts.trust.max(parts.fresh));
        Ok(self.catalog().pin_reader(mirror.key, &reader.key, new, since).await?)
    }
}

impl Mirrored {
    /// A file was refused to the reader: they are asked for their right anew.
    pub(super) async fn was_refused(&self, error: &Error) -> Result<()> {
        match &self.reader {
            Some(reader) if is_refusal(error) => {
                Ok(self.hub.catalog().drop_reader(self.mirror.key, &reader.key).await?)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a hub sends somebody away.
fn is_refusal(error: &Error) -> bool {
    [ErrorKind::Denied, ErrorKind::Unauthenticated, ErrorKind::NotFound].into_iter().any(|kind| error.is(kind))
}

/// Whether what somebody wrote is the address of that hub: the host in any spelling of the case, the rest as it is.
fn is_address(written: &str, endpoint: &str) -> bool {
    let read = |address: &str| Url::parse(address.trim_end_matches('/')).ok();
    read(written).is_some_and(|written| read(endpoint) == Some(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_the_hub_whose_address_stands_with_it_and_for_no_other() {
        let hub = "https://huggingface.co";
        for same in [
            "https://huggingface.co",
            "https://huggingface.co/",
            "HTTPS://HuggingFace.co",
            "https://huggingface.co:443",
        ] {
            assert!(is_address(same, hub), "{same}");
        }
        for other in [
            "http://huggingface.co",
            "https://huggingface.co:444",
            "https://huggingface.co/x",
            "huggingface.co",
            "",
            "https://huggingface.co.evil",
        ] {
            assert!(!is_address(other, hub), "{other}");
        }
        assert!(is_address("https://a/Path", "https://a/Path") && !is_address("https://a/path", "https://a/Path"));
    }
}
