//! Looking a repository up at other hubs: what is known of it here, as long as that is fresh; what the hub says otherwise;
//! and what is known all the same where it cannot be asked.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ballast_catalog::{MirrorName, MirrorPin, NewMirrorPin};
use ballast_contract::downloader::{Source, SourceAccess, SourceInfo};
use ballast_contract::{Error, ErrorKind};
use ballast_landing::list_files;
use ballast_types::{CommitId, RepoId, RepoKind, Revision, Timestamp};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

use super::listing::Listing;
use super::moved::called;
use super::own::Reader;
use super::{MirrorId, MirrorParts, MirrorSource, Mirrored};
use crate::{Caller, Failure, Hub, Result, Wish};

/// A hub that is being asked, for all who wait for its answer.
pub(super) type Looking = Shared<BoxFuture<'static, Asked>>;

/// What came of asking a hub. Whoever waits finds what it said in the rows.
type Asked = std::result::Result<(), Miss>;

/// Why a hub's answer is no snapshot.
#[derive(Clone, Debug)]
pub(super) enum Miss {
    /// The hub has no such repository, as far as it tells.
    NotThere,
    /// It has another name for it, where what was asked for is a name that stands alone.
    Moved(RepoId),
    /// It has the repository, and not the revision.
    NoRevision,
    /// The reader has no right of their own to it, or needs none.
    NoRight,
    /// It has it, and it is not mirrored, because …
    Refused(String),
    /// It could not be asked, or said what makes no sense.
    Remote(Error),
    /// It is this hub that failed.
    Here(Error),
}

impl From<Failure> for Miss {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Remote(error) => Self::Remote(error),
            Failure::Unavailable(error) | Failure::NoRoom(error) | Failure::Damaged(error) | Failure::Broken(error) => {
                Self::Here(error)
            }
            other => Self::Here(Error::new(ErrorKind::Internal, "mirror", other.to_string())),
        }
    }
}

impl From<ballast_catalog::Error> for Miss {
    fn from(error: ballast_catalog::Error) -> Self {
        Failure::from(error).into()
    }
}

/// How long a snapshot may take to be made until whoever asks is told to come back. It goes on meanwhile.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// The branch that every hub of this kind has, and that is meant where none is named.
pub(super) const MAIN: &str = "main";

/// A repository's name at one hub.
#[derive(Clone)]
pub(super) struct Wanted {
    pub source: MirrorSource,
    pub kind: RepoKind,
    pub id: MirrorId,
    pub revision: Revision,
    /// Whose right it is that counts; none is what everybody may have.
    pub reader: Option<Reader>,
}

impl Wanted {
    pub fn row(&self) -> MirrorName {
        MirrorName {
            endpoint: self.source.downloader.endpoint(),
            kind: self.kind,
            namespace: self.id.namespace.clone(),
            name: self.id.name.clone(),
        }
    }

    fn key(&self) -> (super::Whose, String) {
        let id = match &self.reader {
            Some(reader) => format!("{} {}", self.id.lower(), reader.key),
            None => self.id.lower(),
        };
        ((self.source.downloader.endpoint(), self.kind, id), self.revision.as_str().to_owned())
    }

    pub fn at(&self, revision: Revision) -> Source {
        let token = self.reader.as_ref().map(|reader| reader.token.clone());
        Source { kind: self.kind, repo: self.id.to_string(), revision, token }
    }

    /// Why what the hub says of it is not taken; none where it is.
    pub fn refuses(&self, about: &SourceInfo, now: Timestamp) -> Option<String> {
        let rules = &self.source.rules;
        // It may have been renamed there.
        let named = called(about).unwrap_or_else(|| self.id.clone());
        rules.refuses_name(&self.id).or_else(|| rules.refuses_name(&named)).or_else(|| {
            let own = self.reader.is_some() && matches!(about.access, SourceAccess::Gated | SourceAccess::Private);
            rules.refuses(about, own, now)
        })
    }

    fn refused(&self, why: &str) -> Failure {
        let (id, from) = (&self.id, self.source.downloader.endpoint());
        Failure::Forbidden(format!("'{id}' is not taken from {from}: {why}"))
    }
}

impl Hub {
    /// What stands in the place of a repository that is not here: a snapshot of another hub's, or the failure itself.
    /// `Forbidden`, with the reason, where a rule is against it.
    pub(crate) async fn elsewhere(&self, caller: &Caller, absent: Failure, wish: &Wish<'_>) -> Result<Mirrored> {
        let Some(parts) = self.mirrors().parts.clone() else { return Err(absent) };
        let Some(id) = MirrorId::read(wish.namespace, wish.name) else { return Err(absent) };
        // Whoever owns a name here is not to be stood in for by whoever has it elsewhere; nor is another hub to hear what
        // private repositories here are called. A name that stands alone is nobody's here, unless it is the hub's own.
        let taken = match &id.namespace {
            Some(namespace) => self.catalog().find_namespace(namespace).await?.is_some(),
            None => id.name.is_reserved(),
        };
        if taken {
            return Err(absent);
        }
        let revision = match wish.revision.map(Revision::as_str) {
            None | Some("HEAD") => MAIN,
            Some(revision) => revision,
        };
        let (mut reason, mut is_asked) = (None, false);
        for source in &parts.sources {
            let (kind, revision) = (wish.kind, Revision::new(revision));
            let wanted = Wanted { source: source.clone(), kind, id: id.clone(), revision, reader: None };
            match source.rules.refuses_before(&id) {
                Some(why) => reason = reason.or(Some(wanted.refused(&why))),
                None => {
                    is_asked = true;
                    let reader = self.reader(caller, wish.tokens, &source.downloader.endpoint());
                    if let Some(reader) = reader {
                        let own = Wanted { reader: Some(reader), ..wanted.clone() };
                        if let Some(found) = self.look_as_reader(&parts, &own).await? {
                            return Ok(found);
                        }
                    }
                    if let Some(found) = self.look(&parts, &wanted).await? {
                        return Ok(found);
                    }
                }
            }
        }
        Err(reason.filter(|_| !is_asked).unwrap_or(absent))
    }

    /// None where that hub does not have it, or not for the reader alone.
    pub(super) async fn look(&self, parts: &Arc<MirrorParts>, wanted: &Wanted) -> Result<Option<Mirrored>> {
        let known = self.known(wanted).await?;
        if let Some((mirror, pin)) = &known
            && pin.checked_at.after(parts.fresh) > self.now()
        {
            return self.snapshot(parts, wanted, *mirror, pin.clone(), false).await.map(Some);
        }
        let led = self.led(wanted).await?;
        if let Some((to, at)) = &led
            && at.after(parts.fresh) > self.now()
        {
            return Err(wanted.moved(to.clone()));
        }
        let (key, from) = (wanted.key(), wanted.source.downloader.endpoint());
        if self.mirrors().absent.contains_key(&key) {
            return Ok(None);
        }
        let is_known = known.is_some() || led.is_some();
        let unreachable = is_known && self.mirrors().unreachable.contains_key(&from);
        let asked = match unreachable {
            true => {
                Err(Miss::Remote(Error::new(ErrorKind::Unavailable, "mirror", format!("{from} cannot be reached"))))
            }
            false => self.asked(parts, wanted, is_known).await,
        };
        match asked {
            Ok(()) => {
                let gone = || Failure::Conflict(format!("'{}' changed while it was looked up: try again", wanted.id));
                let (mirror, pin) = self.known(wanted).await?.ok_or_else(gone)?;
                self.snapshot(parts, wanted, mirror, pin, false).await.map(Some)
            }
            Err(Miss::NotThere | Miss::NoRight) => {
                self.mirrors().absent.insert(key, ());
                Ok(None)
            }
            Err(Miss::Moved(to)) => Err(wanted.moved(to)),
            Err(Miss::NoRevision) => Err(Failure::RevisionNotFound { revision: wanted.revision.clone() }),
            Err(Miss::Refused(why)) => Err(wanted.refused(&why)),
            Err(Miss::Here(error)) => Err(error.into()),
            Err(Miss::Remote(error)) => match (known, led) {
                // Complete, and marked as old.
                (Some((mirror, pin)), _) if wanted.is_trusted(parts, &pin, self.now()) => {
                    tracing::info!(%error, id = %wanted.id, from, "what is known of a mirror is answered unconfirmed");
                    self.mirrors().unreachable.insert(from, ());
                    self.snapshot(parts, wanted, mirror, pin, true).await.map(Some)
                }
                // Where it leads is asked again, and what it leads to says how old it is.
                (_, Some((to, _))) => {
                    self.mirrors().unreachable.insert(from, ());
                    Err(wanted.moved(to))
                }
                // What everybody may have may be known.
                _ if wanted.reader.is_some() && self.known(&wanted.of_everybody()).await?.is_some() => Ok(None),
                _ => Err(Failure::Remote(error)),
            },
        }
    }

    /// What is kept of a revision for whoever asks, where it is kept.
    pub(super) async fn known(&self, wanted: &Wanted) -> Result<Option<(ballast_catalog::Mirror, MirrorPin)>> {
        let Some(mirror) = self.catalog().find_mirror(&wanted.row()).await? else { return Ok(None) };
        if mirror.kept_until <= self.now() {
            return Ok(None);
        }
        let revision = wanted.revision.as_str();
        let pin = match &wanted.reader {
            Some(reader) => self.catalog().find_reader_pin(mirror.key, &reader.key, revision).await?,
            None => self.catalog().find_mirror_pin(mirror.key, revision).await?,
        };
        Ok(pin.map(|pin| (mirror, pin)))
    }

    /// Asks the hub, once for all who ask at the same time. Who knows something already waits less long.
    async fn asked(&self, parts: &Arc<MirrorParts>, wanted: &Wanted, known: bool) -> Asked {
        let key = wanted.key();
        let looking = {
            let mut all = self.mirrors().looking.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = || {
                let (hub, parts, wanted, key) = (self.clone(), Arc::clone(parts), wanted.clone(), key.clone());
                // It goes on when nobody waits for it any more.
                let task = tokio::spawn(async move {
                    let asked = hub.ask(&parts, &wanted).await;
                    hub.mirrors().looking.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                    asked
                });
                let broke = |_| Miss::Here(Error::new(ErrorKind::Internal, "mirror", "asking another hub broke off"));
                task.map(move |done| done.map_err(broke).and_then(|asked| asked)).boxed().shared()
            };
            let looking = all.entry(key.clone()).or_insert_with(begin);
            // One that broke off is nobody's any more.
            if looking.peek().is_some() {
                *looking = begin();
            }
            looking.clone()
        };
        let limit = if known { parts.patience } else { LIMIT };
        tokio::time::timeout(limit, looking).await.unwrap_or_else(|_| {
            let from = wanted.source.downloader.endpoint();
            let why =
                format!("{from} has not said all of '{}' within {} seconds: try again", wanted.id, limit.as_secs());
            Err(Miss::Remote(Error::new(ErrorKind::Unavailable, "mirror", why)))
        })
    }

    /// Asks the hub what a revision means and whether whoever asks may have it, and for the files of that commit where they
    /// are not known; keeps all of it, or nothing.
    async fn ask(&self, parts: &MirrorParts, wanted: &Wanted) -> Asked {
        let about = match self.describe(wanted).await {
            Err(miss @ (Miss::NotThere | Miss::Refused(_))) => {
                self.close(wanted).await?;
                return Err(if wanted.reader.is_some() { Miss::NoRight } else { miss });
            }
            told => told?,
        };
        match (&wanted.reader, about.access) {
            (Some(_), _) => self.check_right(wanted, &about).await?,
            // That it is there is for nobody to hear: this hub may have a token that sees it.
            (None, SourceAccess::Private) => {
                self.close(wanted).await?;
                return Err(Miss::NotThere);
            }
            (None, _) => {}
        }
        self.follow(wanted, &about).await?;
        if let Some(why) = wanted.refuses(&about, self.now()) {
            self.close(wanted).await?;
            return Err(Miss::Refused(why));
        }
        let mirror = self.keep_mirror(parts, &wanted.row()).await?;
        let listing = match self.catalog().find_mirror_listing(mirror.key, about.commit).await? {
            Some(listing) => listing,
            None => {
                let source = wanted.at(Revision::new(about.commit.to_string()));
                let files = list_files(wanted.source.downloader.as_ref(), &source).await.map_err(Miss::Remote)?;
                let listing = Listing::new(files)?;
                let stored = self.store_listing(mirror, &listing).await?;
                self.mirrors().listings.insert((mirror.key, about.commit), Arc::new(listing));
                stored
            }
        };
        let written = serde_json::to_string(&about);
        let written =
            written.map_err(|error| Miss::Here(Error::new(ErrorKind::Internal, "mirror", error.to_string())))?;
        let pin = MirrorPin { commit: about.commit, about: written, checked_at: self.now(), listing };
        let revision = wanted.revision.as_str().to_owned();
        self.keep_pin(parts, wanted, mirror, NewMirrorPin { revision, pin }).await
    }

    async fn describe(&self, wanted: &Wanted) -> std::result::Result<SourceInfo, Miss> {
        let downloader = &wanted.source.downloader;
        match downloader.describe(&wanted.at(wanted.revision.clone())).await {
            Ok(about) => Ok(about),
            // The same answer for a repository and for a revision that is not there.
            Err(error) if is_absent(&error) && wanted.revision.as_str() != MAIN => {
                match downloader.describe(&wanted.at(Revision::new(MAIN))).await {
                    // Which revisions something private has would tell that it is there.
                    Ok(about) if wanted.reader.is_none() && about.access == SourceAccess::Private => {
                        Err(Miss::NotThere)
                    }
                    Ok(_) => Err(Miss::NoRevision),
                    Err(error) if is_absent(&error) => Err(Miss::NotThere),
                    Err(error) => Err(Miss::Remote(error)),
                }
            }
            Err(error) if is_absent(&error) => Err(Miss::NotThere),
            Err(error) if error.is(ErrorKind::Denied) => Err(Miss::Refused(error.context)),
            Err(error) => Err(Miss::Remote(error)),
        }
    }

    /// What was for everybody is not any more; or what was for the reader.
    pub(super) async fn close(&self, wanted: &Wanted) -> std::result::Result<(), Miss> {
        if wanted.id.namespace.is_none() && wanted.reader.is_none() {
            self.catalog().drop_mirror_redirect(&wanted.row()).await?;
        }
        match (self.catalog().find_mirror(&wanted.row()).await?, &wanted.reader) {
            (Some(mirror), Some(reader)) => Ok(self.catalog().drop_reader(mirror.key, &reader.key).await?),
            (Some(mirror), None) => Ok(self.catalog().close_mirror(mirror.key).await?),
            (None, _) => Ok(()),
        }
    }

    async fn snapshot(
        &self,
        parts: &MirrorParts,
        wanted: &Wanted,
        mirror: ballast_catalog::Mirror,
        pin: MirrorPin,
        stale: bool,
    ) -> Result<Mirrored> {
        let unreadable = |error: serde_json::Error| {
            Failure::Damaged(Error::new(
                ErrorKind::Corrupt,
                "mirror",
                format!("what is kept of '{}': {error}", wanted.id),
            ))
        };
        let about: SourceInfo = serde_json::from_str(&pin.about).map_err(unreadable)?;
        // Rules may have changed since.
        if let Some(why) = wanted.refuses(&about, self.now()) {
            return Err(wanted.refused(&why));
        }
        let listing = self.listing(mirror, pin.commit, pin.listing).await?;
        if let Some(why) = wanted.source.rules.refuses_size(listing.bytes) {
            return Err(wanted.refused(&why));
        }
        let mirror = self.prolong(parts, mirror).await?;
        Ok(Mirrored {
            hub: self.clone(),
            source: wanted.source.clone(),
            kind: wanted.kind,
            id: wanted.id.clone(),
            mirror,
            commit: pin.commit,
            about: Arc::new(about),
            checked_at: pin.checked_at,
            stale,
            listing,
            reader: wanted.reader.clone(),
        })
    }
}

/// Hubs answer 401 for what is not there, where nobody shows a token.
fn is_absent(error: &Error) -> bool {
    error.is(ErrorKind::NotFound) || error.is(ErrorKind::Unauthenticated)
}

impl Mirrored {
    pub(super) fn at(&self, commit: CommitId) -> Source {
        let (revision, reader) = (Revision::new(commit.to_string()), self.reader.as_ref());
        Source {
            kind: self.kind,
            repo: self.id.to_string(),
            revision,
            token: reader.map(|reader| reader.token.clone()),
        }
    }
}
