//! Large objects, many at once: what is there, and tickets for what is not.

use std::collections::HashMap;
use std::time::Duration;

use ballast_content::{Blob, Content, DirectUpload, LetGo, NewUpload, UploadId};
use ballast_contract::ErrorKind;
use ballast_contract::quota::Reservation;
use ballast_contract::storage::SignedRequest;
use ballast_types::{LeaseId, ReservationId, Sha256, Timestamp};
use futures::{TryStreamExt, stream};

use crate::operation::random_key;
use crate::resolve_file::REDIRECT_VALID;
use crate::ticket::COMMIT_TIME;
use crate::{Downloadable, Failure, Proposing, Purpose, Result, Ticket};

/// An object as an LFS client names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LfsObject {
    pub sha256: Sha256,
    /// In bytes.
    pub size: u64,
}

/// What an uploader is to do with one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LfsUpload {
    /// Nothing: this repository has it.
    Stored,
    /// Send it whole.
    Whole { ticket: String, expires: Timestamp },
    /// Send it in parts of `part_size` bytes, the last one shorter, and say when all are there.
    Parts { ticket: String, part_size: u64, parts: u32, expires: Timestamp },
    /// Send it whole, past the hub, and have it verified.
    Direct { url: String, expires: Timestamp },
    /// Send it in parts of `part_size` bytes, the last one shorter, each to its URL past the hub, and say when all are
    /// there.
    DirectParts { ticket: String, part_size: u64, urls: Vec<String>, expires: Timestamp },
    /// Send it by Xet, which has a token of its own.
    Xet,
    /// It is there with another size: the client is mistaken.
    WrongSize { size: u64 },
}

/// What a downloader is to do for one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LfsDownload {
    Available {
        ticket: String,
        size: u64,
        expires: Timestamp,
    },
    /// The storage has it, at this URL.
    Elsewhere {
        url: String,
        size: u64,
        expires: Timestamp,
    },
    /// This repository does not have it.
    Absent,
    /// It had it, and keeps newer versions.
    Pruned,
}

/// The most objects that are answered at once. Clients ask for 100 (git-lfs) or 256 (`huggingface_hub`).
const MAX_OBJECTS: usize = 1000;

/// How many objects that were sent past the hub are read at the same time for one request.
const CONCLUDED_AT_ONCE: usize = 4;

/// Providers take at most 10,000 parts.
const MAX_PARTS: u64 = 10_000;

/// The largest object, in bytes: 5 TB, the Hub's and S3's own limit.
const MAX_SIZE: u64 = 5_000_000_000_000;

fn check_count(objects: &[LfsObject]) -> Result<()> {
    match objects.len() > MAX_OBJECTS {
        true => Err(Failure::Invalid(format!("{} objects at once; at most {MAX_OBJECTS} are answered", objects.len()))),
        false => Ok(()),
    }
}

impl Proposing {
    /// Answers for each object, in order, with room reserved for what is to come. `parts` says whether the client can
    /// send parts.
    pub async fn lfs_upload(&self, objects: &[LfsObject], parts: bool) -> Result<Vec<LfsUpload>> {
        check_count(objects)?;
        if let Some(object) = objects.iter().find(|object| object.size > MAX_SIZE) {
            let why = format!("The object {} has {} bytes; at most {MAX_SIZE} are taken", object.sha256, object.size);
            return Err(Failure::TooLarge(why));
        }
        let digests: Vec<Sha256> = objects.iter().map(|object| object.sha256).collect();
        let known = self.hub.content().find_known(self.key(), &digests).await?;
        let wanted: HashMap<Sha256, u64> = objects
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none())
            .map(|(object, _)| (object.sha256, object.size))
            .collect();
        let issued = match wanted.is_empty() {
            true => HashMap::new(),
            false => self.promise(&wanted, parts).await?,
        };
        let answer = |(object, known): (&LfsObject, Option<ballast_content::Blob>)| match known {
            Some(blob) if blob.size == object.size => LfsUpload::Stored,
            Some(blob) => LfsUpload::WrongSize { size: blob.size },
            None => issued.get(&object.sha256).cloned().unwrap_or(LfsUpload::Stored),
        };
        Ok(objects.iter().zip(known).map(answer).collect())
    }

    /// Answers for each object, in order, for a client that sends by Xet. What it takes is reserved as it comes.
    pub async fn lfs_upload_by_xet(&self, objects: &[LfsObject]) -> Result<Vec<LfsUpload>> {
        check_count(objects)?;
        let digests: Vec<Sha256> = objects.iter().map(|object| object.sha256).collect();
        let known = self.hub.content().find_known(self.key(), &digests).await?;
        let answer = |(object, known): (&LfsObject, Option<ballast_content::Blob>)| match known {
            Some(blob) if blob.size == object.size => LfsUpload::Stored,
            Some(blob) => LfsUpload::WrongSize { size: blob.size },
            None => LfsUpload::Xet,
        };
        Ok(objects.iter().zip(known).map(answer).collect())
    }

    async fn promise(&self, wanted: &HashMap<Sha256, u64>, parts: bool) -> Result<HashMap<Sha256, LfsUpload>> {
        let expires = self.hub.now().after(self.hub.settings().lease);
        let lease = self.make_room(wanted, expires).await?;
        let issued = self.issue(lease, wanted, expires.before(COMMIT_TIME), parts).await;
        if issued.is_err() {
            self.give_room_back(lease).await?;
        }
        issued
    }

    /// One lease for all of them, one reservation for each: a commit that names some of them ends just theirs.
    pub(crate) async fn make_room(&self, wanted: &HashMap<Sha256, u64>, expires: Timestamp) -> Result<LeaseId> {
        let lease = self.hub.content().create_lease(self.key(), expires).await?;
        match self.make_room_under(lease, wanted, expires).await {
            Ok(()) => Ok(lease),
            Err(failure) => {
                self.hub.content().drop_lease(lease).await?;
                Err(failure)
            }
        }
    }

    /// The same under a lease that is there, which keeps no promise where there is no room.
    pub(crate) async fn make_room_under(
        &self,
        lease: LeaseId,
        wanted: &HashMap<Sha256, u64>,
        expires: Timestamp,
    ) -> Result<()> {
        let hub = &self.hub;
        let mut reservations = Vec::with_capacity(wanted.len());
        for bytes in wanted.values() {
            reservations.push(Reservation { id: ReservationId(random_key()?), bytes: *bytes });
        }
        let promised: Vec<_> = wanted.keys().copied().zip(reservations.iter().map(|r| r.id)).collect();
        let reserved = async {
            hub.content().promise(lease, &promised).await?;
            hub.quota().reserve(self.key(), &reservations, expires).await
        };
        if let Err(error) = reserved.await {
            let forgotten: Vec<_> = promised.iter().map(|(_, id)| *id).collect();
            hub.content().forget_promises(lease, &forgotten).await?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Ends a lease that nobody was told of: what was promised under it would be missing until its end.
    pub(crate) async fn give_room_back(&self, lease: LeaseId) -> Result<()> {
        let promised = self.hub.content().drop_lease(lease).await?;
        Ok(self.hub.quota().release(&promised).await?)
    }

    /// A ticket for each object, and an upload in parts for those that are large enough.
    async fn issue(
        &self,
        lease: LeaseId,
        wanted: &HashMap<Sha256, u64>,
        expires: Timestamp,
        parts: bool,
    ) -> Result<HashMap<Sha256, LfsUpload>> {
        let settings = &self.hub.settings().lfs;
        let ticket = |purpose, sha256, size| {
            let ticket = Ticket { purpose, repo: self.key(), sha256, size, expires };
            self.hub.0.tickets.issue(&ticket)
        };
        let in_parts = |size: u64| parts && size > settings.multipart_threshold;
        let new = |sha256: &Sha256, size: u64, part_size| NewUpload { sha256: *sha256, size, part_size };
        let cut = |size: u64| settings.part_size.max(size.div_ceil(MAX_PARTS));
        let content = self.hub.content_for(self.key()).await?;
        let takes_direct = |size: u64| content.takes_direct(size, in_parts(size));
        let direct = wanted.iter().filter(|(_, size)| takes_direct(**size));
        let direct = direct.map(|(sha256, size)| new(sha256, *size, if in_parts(*size) { cut(*size) } else { *size }));
        let direct = self.issue_direct(&content, lease, direct.collect(), expires).await?;
        let wanted: HashMap<&Sha256, &u64> = wanted.iter().filter(|(sha256, _)| !direct.contains_key(sha256)).collect();
        let in_parts_here = wanted.iter().filter(|(_, size)| in_parts(***size));
        let new: Vec<NewUpload> = in_parts_here.map(|(sha256, size)| new(sha256, **size, cut(**size))).collect();
        let begun = match new.is_empty() {
            true => vec![],
            false => content.begin_multipart(lease, &new).await?,
        };
        let whole = wanted.iter().filter(|(_, size)| !in_parts(***size)).map(|(sha256, size)| {
            let ticket = ticket(Purpose::Upload { lease }, **sha256, **size);
            (**sha256, LfsUpload::Whole { ticket, expires })
        });
        let cut = new.iter().zip(begun).map(|(NewUpload { sha256, size, part_size }, upload)| {
            let ticket = ticket(Purpose::Multipart { lease, upload: upload.0, part_size: *part_size }, *sha256, *size);
            let parts = u32::try_from(size.div_ceil(*part_size)).unwrap_or(u32::MAX);
            (*sha256, LfsUpload::Parts { ticket, part_size: *part_size, parts, expires })
        });
        Ok(whole.chain(cut).chain(direct).collect())
    }

    /// URLs of the storage for each object: one, or one for each part and a ticket to say that all are there.
    async fn issue_direct(
        &self,
        content: &Content,
        lease: LeaseId,
        new: Vec<NewUpload>,
        expires: Timestamp,
    ) -> Result<HashMap<Sha256, LfsUpload>> {
        if new.is_empty() {
            return Ok(HashMap::new());
        }
        let left = expires.0.saturating_sub(self.hub.now().0);
        let valid = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        let begun = content.begin_direct(lease, &new, valid).await?;
        let answer = |(NewUpload { sha256, size, .. }, upload): (NewUpload, DirectUpload)| {
            let part_size = upload.part_size;
            // A signature may not last as long as the lease.
            let expires = upload.parts.iter().map(|part| part.expires).min().unwrap_or(expires).min(expires);
            let mut urls: Vec<String> = upload.parts.into_iter().map(|part| part.url).collect();
            let answer = match (size <= part_size, urls.pop()) {
                (true, Some(url)) => LfsUpload::Direct { url, expires },
                (_, last) => {
                    urls.extend(last);
                    let purpose = Purpose::Multipart { lease, upload: upload.id.0, part_size };
                    let ticket = Ticket { purpose, repo: self.key(), sha256, size, expires };
                    LfsUpload::DirectParts { ticket: self.hub.0.tickets.issue(&ticket), part_size, urls, expires }
                }
            };
            (sha256, answer)
        };
        Ok(new.into_iter().zip(begun).map(answer).collect())
    }

    /// Large files for a commit, as far as they are this repository's to name; what was sent past the hub is taken over.
    pub(crate) async fn claim(&self, lease: LeaseId, digests: &[Sha256]) -> Result<Vec<Option<Blob>>> {
        let content = self.hub.content();
        let found = content.claim(lease, digests).await?;
        let absent = digests.iter().zip(&found).filter(|(_, blob)| blob.is_none()).map(|(sha256, _)| *sha256);
        let absent: Vec<Sha256> = absent.collect();
        if absent.is_empty() {
            return Ok(found);
        }
        self.conclude_direct(&absent).await?;
        Ok(content.claim(lease, digests).await?)
    }

    /// Takes over what was sent to the storage past the hub of those of these objects that are not known yet: the client
    /// need not say that it is there before it is asked for. An object of which nothing was sent stays unknown; of one
    /// that was sent and is not what was announced, why.
    pub(crate) async fn conclude_direct(&self, digests: &[Sha256]) -> Result<()> {
        let uploads = self.hub.content().find_direct(self.key(), digests).await?;
        let concluding = uploads.into_iter().map(|uploads| Ok(self.conclude_one(uploads)));
        stream::iter(concluding).try_for_each_concurrent(CONCLUDED_AT_ONCE, |one| one).await
    }

    /// Takes over the first of these uploads of one object that is what was announced.
    async fn conclude_one(&self, uploads: Vec<UploadId>) -> Result<()> {
        let mut refusal = None;
        for upload in uploads {
            match self.hub.content().conclude_direct(upload).await {
                Ok(_) => return Ok(()),
                // Nothing was sent to that one.
                Err(error) if error.is(ErrorKind::NotFound) => {}
                Err(error) => refusal = Some(error),
            }
        }
        refusal.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Whether an uploaded object has arrived whole.
    pub async fn lfs_verify(&self, object: LfsObject) -> Result<()> {
        let mut known = self.hub.content().find_known(self.key(), &[object.sha256]).await?;
        if known.iter().all(Option::is_none) {
            self.conclude_direct(&[object.sha256]).await?;
            known = self.hub.content().find_known(self.key(), &[object.sha256]).await?;
        }
        match known.into_iter().flatten().next() {
            Some(blob) if blob.size == object.size => Ok(()),
            Some(blob) => Err(Failure::Invalid(format!(
                "The object {} has {} bytes here, not {}",
                object.sha256, blob.size, object.size
            ))),
            None => Err(Failure::ObjectNotFound { sha256: object.sha256 }),
        }
    }
}

impl Downloadable {
    /// Answers for each object, in order. Only what this repository holds can be read by its oid.
    pub async fn lfs_download(&self, objects: &[LfsObject]) -> Result<Vec<LfsDownload>> {
        check_count(objects)?;
        let digests: Vec<Sha256> = objects.iter().map(|object| object.sha256).collect();
        let held = self.hub.content().find_held(self.key(), &digests).await?;
        let expires = self.hub.now().after(self.hub.settings().lease);
        let held_digests: Vec<Sha256> = held.iter().flatten().map(|blob| blob.sha256).collect();
        let signed = self.hub.content().redirect_all(&held_digests, REDIRECT_VALID).await?;
        let signed = held_digests.into_iter().zip(signed).filter_map(|(sha256, signed)| Some((sha256, signed?)));
        let signed: HashMap<Sha256, SignedRequest> = signed.collect();
        let absent: Vec<Sha256> =
            digests.iter().zip(&held).filter(|(_, blob)| blob.is_none()).map(|(sha256, _)| *sha256).collect();
        let let_go = match self.repository.purged && !absent.is_empty() {
            true => self.hub.content().let_go_among(self.key(), &absent).await?,
            false => HashMap::new(),
        };
        let answer = |(sha256, blob): (Sha256, Option<ballast_content::Blob>)| match (blob, signed.get(&sha256)) {
            (Some(blob), Some(SignedRequest { url, expires, .. })) => {
                LfsDownload::Elsewhere { url: url.clone(), size: blob.size, expires: *expires }
            }
            (Some(blob), None) => {
                let purpose = Purpose::Download;
                let ticket = Ticket { purpose, repo: self.key(), sha256, size: blob.size, expires };
                LfsDownload::Available { ticket: self.hub.0.tickets.issue(&ticket), size: blob.size, expires }
            }
            (None, _) if let_go.get(&sha256) == Some(&LetGo::Pruned) => LfsDownload::Pruned,
            (None, _) => LfsDownload::Absent,
        };
        Ok(digests.into_iter().zip(held).map(answer).collect())
    }
}
