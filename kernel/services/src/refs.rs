//! Branches and tags.

use ballast_catalog::EventKind;
use ballast_contract::ErrorKind;
use ballast_contract::versioning::{Annotation, Ref, RefUpdate};
use ballast_types::{RefKind, RefName, Revision};

use crate::create_commit::check_message;
use crate::{Failure, Readable, Result, Writable};

/// The refs of a repository, by family.
#[derive(Clone, Debug, Default)]
pub struct Refs {
    pub branches: Vec<Ref>,
    pub tags: Vec<Ref>,
    pub converts: Vec<Ref>,
    pub proposals: Vec<Ref>,
}

const PAGE: usize = 1000;

/// More refs than this in one answer help nobody.
const MAX_REFS: usize = 20_000;

impl Readable {
    /// Every ref that points somewhere; proposals where they are asked for.
    pub async fn refs(&self, proposals: bool) -> Result<Refs> {
        let (mut refs, mut after, mut count) = (Refs::default(), None, 0);
        loop {
            let page = self.hub.engine().refs(self.key(), "refs/", after, PAGE).await?;
            count += page.items.len();
            for found in page.items.into_iter().filter(|found| found.commit.is_some()) {
                match found.name.kind() {
                    RefKind::Branch => refs.branches.push(found),
                    RefKind::Tag => refs.tags.push(found),
                    RefKind::Conversion => refs.converts.push(found),
                    RefKind::Proposal if proposals => refs.proposals.push(found),
                    RefKind::Proposal | RefKind::Other => {}
                }
            }
            after = page.next;
            if after.is_none() || count >= MAX_REFS {
                return Ok(refs);
            }
        }
    }

    pub(crate) async fn find_ref(&self, name: &RefName) -> Result<Option<Ref>> {
        let page = self.hub.engine().refs(self.key(), name.as_str(), None, 1).await?;
        // Refs come by name, and no other name that begins with this one sorts before it.
        Ok(page.items.into_iter().next().filter(|found| found.name == *name))
    }
}

impl Writable {
    /// Makes a branch at a revision, by default the default branch. One that exists is refused, or, with
    /// `overwrite`, moved.
    pub async fn create_branch(&self, name: &str, from: Option<&Revision>, overwrite: bool) -> Result<()> {
        let name = RefName::branch(name).map_err(Failure::invalid)?;
        let default = Revision::new(self.default_branch());
        let new = self.resolve(from.unwrap_or(&default)).await?;
        let old = match overwrite {
            true => self.find_ref(&name).await?.and_then(|found| found.commit),
            false => None,
        };
        self.update(RefUpdate { name, old, new: Some(new), annotation: None }).await
    }

    /// Deletes a branch. The default branch stays.
    pub async fn delete_branch(&self, name: &str) -> Result<()> {
        let name = RefName::branch(name).map_err(Failure::invalid)?;
        if name.short() == self.default_branch() {
            return Err(Failure::Forbidden(format!("Cannot delete {name}: it is the default branch")));
        }
        self.delete_ref(name).await
    }

    /// Makes a tag at a revision; with a message, an annotated one.
    pub async fn create_tag(&self, name: &str, at: &Revision, message: Option<String>) -> Result<()> {
        let name = RefName::tag(name).map_err(Failure::invalid)?;
        let new = self.resolve(at).await?;
        let tagger = self.caller.known()?.signature(&self.hub);
        let message = message.filter(|text| !text.is_empty());
        message.as_deref().map_or(Ok(()), check_message)?;
        let annotation = message.map(|text| Annotation { tagger, time: self.hub.now(), message: format!("{text}\n") });
        self.update(RefUpdate { name, old: None, new: Some(new), annotation }).await
    }

    /// Deletes a tag.
    pub async fn delete_tag(&self, name: &str) -> Result<()> {
        self.delete_ref(RefName::tag(name).map_err(Failure::invalid)?).await
    }

    async fn delete_ref(&self, name: RefName) -> Result<()> {
        let old = self.find_ref(&name).await?.and_then(|found| found.commit);
        let old = Some(old.ok_or_else(|| Failure::RefNotFound { name: name.clone() })?);
        self.update(RefUpdate { name, old, new: None, annotation: None }).await
    }

    async fn update(&self, update: RefUpdate) -> Result<()> {
        let moved = self.hub.engine().update_refs(self.key(), std::slice::from_ref(&update)).await;
        let RefUpdate { name, old, new, .. } = update;
        let details = serde_json::json!({ "ref": name, "oldSha": old, "newSha": new });
        moved.map_err(|error| match error.kind {
            ErrorKind::AlreadyExists => Failure::RefExists { name },
            ErrorKind::Conflict => Failure::BranchMoved,
            ErrorKind::NotFound => Failure::RefNotFound { name },
            _ => error.into(),
        })?;
        self.tell(EventKind::RefChanged, details).await
    }
}
