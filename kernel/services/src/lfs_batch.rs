//! Large objects, many at once: what is there, and tickets for what is not.

use std::collections::HashMap;

use ballast_content::NewUpload;
use ballast_contract::quota::Reservation;
use ballast_types::{LeaseId, ReservationId, Sha256, Timestamp};

use crate::operation::random_key;
use crate::ticket::COMMIT_TIME;
use crate::{Failure, Purpose, Readable, Result, Ticket, Writable};

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
    /// This repository does not have it.
    Absent,
}

/// The most objects that are answered at once. Clients ask for 100 (git-lfs) or 256 (`huggingface_hub`).
const MAX_OBJECTS: usize = 1000;

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

impl Writable {
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

    /// One lease for all of them, one reservation for each: a commit that names some of them ends just theirs.
    async fn promise(&self, wanted: &HashMap<Sha256, u64>, parts: bool) -> Result<HashMap<Sha256, LfsUpload>> {
        let hub = &self.hub;
        let expires = hub.now().after(hub.settings().lease);
        let lease = hub.content().create_lease(self.key(), expires).await?;
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
            hub.content().drop_lease(lease).await?;
            return Err(error.into());
        }
        self.issue(lease, wanted, expires.before(COMMIT_TIME), parts).await
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
        let new = |(sha256, size): (&Sha256, &u64)| NewUpload {
            sha256: *sha256,
            size: *size,
            part_size: settings.part_size.max(size.div_ceil(MAX_PARTS)),
        };
        let new: Vec<NewUpload> = wanted.iter().filter(|(_, size)| in_parts(**size)).map(new).collect();
        let begun = match new.is_empty() {
            true => vec![],
            false => self.hub.content().begin_multipart(lease, &new).await?,
        };
        let whole = wanted.iter().filter(|(_, size)| !in_parts(**size)).map(|(sha256, size)| {
            let ticket = ticket(Purpose::Upload { lease }, *sha256, *size);
            (*sha256, LfsUpload::Whole { ticket, expires })
        });
        let cut = new.iter().zip(begun).map(|(NewUpload { sha256, size, part_size }, upload)| {
            let ticket = ticket(Purpose::Multipart { lease, upload: upload.0, part_size: *part_size }, *sha256, *size);
            let parts = u32::try_from(size.div_ceil(*part_size)).unwrap_or(u32::MAX);
            (*sha256, LfsUpload::Parts { ticket, part_size: *part_size, parts, expires })
        });
        Ok(whole.chain(cut).collect())
    }

    /// Whether an uploaded object has arrived whole.
    pub async fn lfs_verify(&self, object: LfsObject) -> Result<()> {
        let known = self.hub.content().find_known(self.key(), &[object.sha256]).await?;
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

impl Readable {
    /// Answers for each object, in order. Only what this repository holds can be read by its oid.
    pub async fn lfs_download(&self, objects: &[LfsObject]) -> Result<Vec<LfsDownload>> {
        check_count(objects)?;
        let digests: Vec<Sha256> = objects.iter().map(|object| object.sha256).collect();
        let held = self.hub.content().find_held(self.key(), &digests).await?;
        let expires = self.hub.now().after(self.hub.settings().lease);
        let answer = |(sha256, blob): (Sha256, Option<ballast_content::Blob>)| match blob {
            Some(blob) => {
                let purpose = Purpose::Download;
                let ticket = Ticket { purpose, repo: self.key(), sha256, size: blob.size, expires };
                LfsDownload::Available { ticket: self.hub.0.tickets.issue(&ticket), size: blob.size, expires }
            }
            None => LfsDownload::Absent,
        };
        Ok(digests.into_iter().zip(held).map(answer).collect())
    }
}
