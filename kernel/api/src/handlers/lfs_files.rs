use std::collections::HashSet;

use ballast_services::Failure;
use ballast_types::Sha256;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::{Group, kind};
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::paged::Paged;
use crate::wire::{
    DeleteLargeFiles, DuplicateFailure, DuplicateLargeFiles, DuplicatedFiles, Kinds, LargeFileItem, Message,
};

/// The large files of a repository, in whichever commit they are.
pub struct LfsFiles;

#[OpenApi(tag = "Group::Lfs")]
impl LfsFiles {
    /// List the large files that a repository holds
    ///
    /// Those of former commits too: what its quota is spent on.
    #[oai(path = "/api/:kinds/:namespace/:name/lfs-files", method = "get", operation_id = "list_lfs_files")]
    async fn list_lfs_files(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Paged<LargeFileItem>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let page = repository.list_large(cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(Paged::new(page.items.into_iter().map(Into::into).collect()).followed_by(next))
    }

    /// Delete large files for good
    ///
    /// All of them or none. Commits go on naming them, and reading one is answered with 404 from then on; the quota is
    /// given back at once, and the bytes go with the next collection if no other repository holds them.
    #[oai(path = "/api/:kinds/:namespace/:name/lfs-files/batch", method = "post", operation_id = "delete_lfs_files")]
    async fn delete_lfs_files(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        which: JsonBody<DeleteLargeFiles>,
    ) -> Answer<Json<Message>> {
        let repository = call.hub.administering(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let digests = digests(which.0.deletions.sha.iter())?;
        repository.purge_large(&digests).await?;
        Ok(Json(Message { message: format!("{} large files are deleted from '{}'", digests.len(), repository.id()) }))
    }

    /// Give large files to another repository
    ///
    /// Nothing is sent: they can be committed to the target as if they had been uploaded to it, for as long as an upload
    /// may wait for its commit. The repository in the address is the one that holds them.
    #[oai(
        path = "/api/:kinds/:namespace/:name/lfs-files/duplicate",
        method = "post",
        operation_id = "duplicate_lfs_files"
    )]
    async fn duplicate_lfs_files(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        what: JsonBody<DuplicateLargeFiles>,
    ) -> Answer<Json<DuplicatedFiles>> {
        let source = call.hub.downloadable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let target = kind(what.0.target.kind.as_deref())?;
        let (to, named) = what.0.target.name.split_once('/').unwrap_or(("", &what.0.target.name));
        let target = call.hub.proposing(&call.caller, target, to, named).await?;
        let digests = digests(what.0.files.iter().map(|file| &file.sha256))?;
        let failed = source.lend_files(&target, &digests).await?.into_iter().map(|sha256| DuplicateFailure {
            sha256: sha256.to_string(),
            error: format!("'{}' does not hold this file", source.id()),
        });
        Ok(Json(DuplicatedFiles { failed: failed.collect() }))
    }
}

/// Each digest once.
fn digests<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Vec<Sha256>, Failure> {
    let mut seen = HashSet::new();
    let read = |text: &String| text.parse::<Sha256>().map_err(Failure::invalid);
    let all: Vec<Sha256> = texts.map(read).collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|sha256| seen.insert(*sha256)).collect())
}
