//! From one versioning engine to another: every repository with every branch, tag, proposal and commit.
//!
//! The old engine serves until the operator's config names the new one, and nobody reads the new one before. A pass asks
//! both engines what they have and remembers nothing, so it may be cut off anywhere and called again: commits that are
//! there are not moved twice, and refs are set last. What is written to the old engine afterwards is missing in the new
//! one until the next pass; the last pass is made while nobody serves.
//!
//! **What is checked.** The new engine works out the tree of each commit from what it stores, and refuses one that is
//! not the commit's. When the refs are set, they are read from both engines and compared, and so is the tree of each
//! commit that a ref leads to, worked out from what the new engine lists. A repository of which a ref leads to what cannot
//! be held there stays where it is, with a sentence, and nothing of it is left in the new engine.

mod history;
mod verify;

use std::sync::Arc;

use ballast_catalog::{RepoState, Repository};
use ballast_contract::versioning::{Relocation, Versioning};
use ballast_contract::{Error, ErrorKind};
use ballast_types::{RefName, RepoKey, RepoKind};

use crate::{Failure, Hub, Operator, Result};

/// Repositories that are listed at a time.
const PAGE: usize = 200;

/// A repository that changes while it is moved is gone over so many times; then the rest is left to the next call.
const PASSES: u32 = 3;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelocateOptions {
    /// Names of versioning instances.
    pub from: String,
    pub to: String,
    /// These repositories alone, each as `model:namespace/name`; all, where there are none.
    pub only: Vec<String>,
    /// Whether a hub may serve and write meanwhile.
    pub serving: bool,
}

/// How far it has come; at the end, what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Repositories that are to be moved.
    pub wanted: u64,
    /// Those that were gone over.
    pub repositories: u64,
    /// Commits that were moved; others were there.
    pub commits: u64,
    /// Commits that stayed: no ref leads to them, and the new engine cannot hold them.
    pub stayed: u64,
    /// Refs that are in the new engine as in the old one.
    pub refs: u64,
    /// Repositories that stayed where they are.
    pub left: u64,
    /// Those that were written to while they were moved, so that the next call has something to do.
    pub behind: u64,
    /// Repositories of the new engine that were deleted, because the hub has them no more.
    pub gone: u64,
}

/// A repository that was not moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMoved {
    /// As people call it.
    pub repository: String,
    /// Why.
    pub sentence: String,
}

/// Who is told, as it happens: of each repository that was not moved, and now and then of the progress alone.
pub type RelocationTold<'a> = dyn FnMut(Option<&NotMoved>, &Moved) + Send + 'a;

/// An engine that gives away or takes in.
struct Side {
    name: String,
    engine: Arc<dyn Versioning>,
}

impl Side {
    fn relocation(&self) -> ballast_contract::Result<&dyn Relocation> {
        let why = || {
            let context = format!("the engine of '{}' neither gives whole histories away nor takes them in", self.name);
            Error::new(ErrorKind::Unsupported, "versioning.relocation", context)
        };
        self.engine.relocation().ok_or_else(why)
    }
}

/// What became of one repository.
enum Outcome {
    Moved,
    /// Somebody writes to it.
    Behind,
    /// There is no such repository any more.
    Gone,
    Left(String),
}

struct Relocating<'a> {
    hub: &'a Hub,
    options: RelocateOptions,
    from: Side,
    to: Side,
    done: Moved,
    told: &'a mut RelocationTold<'a>,
}

impl Operator {
    /// Moves repositories from the engine that serves to another one, which then has what that has. Whoever drops this
    /// early can call it again: it goes on where it was. `Invalid` where the two make no sense, `Unsupported` where an
    /// engine does not do that; `Conflict` where somebody writes although nobody was to serve.
    pub async fn migrate_versioning<'a>(
        &'a self,
        options: RelocateOptions,
        told: &'a mut RelocationTold<'a>,
    ) -> Result<Moved> {
        let hub = &self.hub;
        let (from, to) = (hub.side(&options.from)?, hub.side(&options.to)?);
        hub.check_relocation(&options)?;
        from.relocation()?;
        to.relocation()?;
        let mut relocating = Relocating { hub, options, from, to, done: Moved::default(), told };
        relocating.run().await?;
        Ok(relocating.done)
    }
}

impl Hub {
    /// The name of the versioning instance that serves.
    pub fn commits_to(&self) -> &str {
        self.0.parts.engines.first().map_or("", |(name, _)| name)
    }

    fn side(&self, wanted: &str) -> Result<Side> {
        let engines = &self.0.parts.engines;
        match engines.iter().find(|(name, _)| name == wanted) {
            Some((name, engine)) => Ok(Side { name: name.clone(), engine: engine.clone() }),
            None => {
                let names = engines.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
                Err(Failure::Invalid(format!("there is no versioning instance '{wanted}'; configured are: {names}")))
            }
        }
    }

    fn check_relocation(&self, options: &RelocateOptions) -> Result<()> {
        let RelocateOptions { from, to, .. } = options;
        let serving = self.commits_to();
        if from == to {
            return Err(Failure::Invalid(format!("'{from}' is where the repositories are; name another instance")));
        }
        match from == serving {
            true => Ok(()),
            false => Err(Failure::Invalid(format!(
                "'{serving}' serves, and so it has what counts: move from there, or write versioning = \"{from}\" into \
                 [repositories] first"
            ))),
        }
    }

    /// Repositories that were asked for by name.
    async fn named_repositories(&self, wanted: &[String]) -> Result<Vec<Repository>> {
        let mut found = Vec::with_capacity(wanted.len());
        for text in wanted {
            let parts = text.split_once(':').and_then(|(kind, id)| Some((kind.parse::<RepoKind>().ok()?, id)));
            let parts = parts.and_then(|(kind, id)| Some((kind, id.split_once('/')?)));
            let (kind, (namespace, name)) = parts.ok_or_else(|| {
                Failure::Invalid(format!("'{}' is no repository; write model:namespace/name", text.escape_debug()))
            })?;
            let repository = self.catalog().find_repository(kind, namespace, name).await?;
            let repository = repository.filter(|found| !found.by_redirect);
            let absent = || Failure::Invalid(format!("there is no {kind} '{namespace}/{name}'"));
            found.push((*repository.ok_or_else(absent)?.repository).clone());
        }
        Ok(found)
    }
}

impl Relocating<'_> {
    async fn run(&mut self) -> Result<()> {
        if !self.options.serving {
            // What is under way would be unknown to the new engine, and taken for what came to nothing.
            self.hub.recover_unserved().await?;
        }
        if !self.options.only.is_empty() {
            let named = self.hub.named_repositories(&self.options.only).await?;
            self.done.wanted = named.len() as u64;
            for repository in named {
                self.repository(&repository).await?;
            }
            return Ok(());
        }
        self.done.wanted = self.count().await?;
        let mut after = None;
        loop {
            let page = self.hub.catalog().repositories_in(&[RepoState::Active], after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            for repository in page {
                self.repository(&repository).await?;
            }
        }
        self.forget_deleted().await
    }

    async fn count(&self) -> Result<u64> {
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.hub.catalog().repositories_in(&[RepoState::Active], after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(count) };
            after = Some(last.key);
            count += page.len() as u64;
        }
    }

    async fn repository(&mut self, repository: &Repository) -> Result<()> {
        (self.told)(None, &self.done);
        match self.relocate(repository.key).await? {
            Outcome::Moved => {}
            Outcome::Gone => {
                self.done.wanted -= 1;
                return Ok(());
            }
            Outcome::Behind if self.options.serving => self.done.behind += 1,
            Outcome::Behind => {
                let name = self.hub.name_of(repository.key).await?;
                return Err(Failure::Conflict(format!(
                    "{name} was written to meanwhile: a node serves still. Stop every node, and call this again"
                )));
            }
            Outcome::Left(sentence) => {
                self.done.left += 1;
                let name = self.hub.name_of(repository.key).await?;
                (self.told)(Some(&NotMoved { repository: name, sentence }), &self.done);
            }
        }
        self.done.repositories += 1;
        (self.told)(None, &self.done);
        Ok(())
    }

    /// One repository; what is wrong with it alone is an outcome, and anything else ends the call.
    async fn relocate(&mut self, repo: RepoKey) -> Result<Outcome> {
        if let Err(error) = self.from.relocation()?.kept_commits(repo, None, 1).await {
            return match error.kind {
                ErrorKind::NotFound if self.is_gone(repo).await? => Ok(Outcome::Gone),
                ErrorKind::NotFound => Ok(Outcome::Left(format!("'{}' does not have it", self.from.name))),
                _ => Err(error.into()),
            };
        }
        let main = RefName::branch("main").map_err(Failure::invalid)?;
        self.to.engine.create(repo, &main).await?;
        for _ in 0..PASSES {
            let passed = self.pass(repo).await;
            let error = match passed {
                Ok(true) => return Ok(Outcome::Moved),
                Ok(false) => continue,
                Err(error) => error,
            };
            return match error.kind {
                ErrorKind::NotFound if self.is_gone(repo).await? => Ok(Outcome::Gone),
                ErrorKind::Unsupported | ErrorKind::Invalid | ErrorKind::Corrupt | ErrorKind::NotFound => {
                    self.take_back(repo).await?;
                    Ok(Outcome::Left(error.context))
                }
                _ => Err(error.into()),
            };
        }
        Ok(Outcome::Behind)
    }

    /// Moves what is not there yet; whether both engines have the same then.
    async fn pass(&mut self, repo: RepoKey) -> ballast_contract::Result<bool> {
        self.check_strangers(repo).await?;
        let refs = history::whole_refs(&self.from, repo).await?;
        let stayed = self.commits(repo, &refs).await?;
        self.to.relocation()?.adopt_refs(repo, &refs).await?;
        let same = self.verify(repo, &refs).await?;
        if same {
            self.done.refs += refs.len() as u64;
            self.done.stayed += stayed;
        }
        Ok(same)
    }

    /// Takes away what was begun of a repository that cannot be moved. What an earlier call moved whole stays.
    async fn take_back(&self, repo: RepoKey) -> Result<()> {
        let refs = history::whole_refs(&self.to, repo).await?;
        if refs.iter().all(|one| one.commit.is_none()) {
            self.to.relocation()?.withdraw(repo).await?;
        }
        Ok(())
    }

    async fn is_gone(&self, repo: RepoKey) -> Result<bool> {
        match self.hub.catalog().get_repository(repo).await {
            Err(ballast_catalog::Error::NotFound) => Ok(true),
            found => Ok(found?.state != RepoState::Active),
        }
    }

    /// Deletes what the new engine has of repositories that were deleted since they were moved there.
    async fn forget_deleted(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.to.relocation()?.repositories(after, PAGE).await?;
            for repo in &page {
                if let Err(ballast_catalog::Error::NotFound) = self.hub.catalog().get_repository(*repo).await {
                    self.to.engine.delete(*repo).await?;
                    self.done.gone += 1;
                }
            }
            after = page.last().copied();
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }
}
