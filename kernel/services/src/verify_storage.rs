//! Is everything there that should be, and is it what was stored?
//!
//! From the names to the bytes: each repository's history, as the engine keeps it; each blob that the history names; each
//! object that holds blobs, read and hashed. Then from the bytes to the names: objects that nobody knows, counts that do
//! not add up, work that nobody ended. It reads beside a serving hub: whatever looks wrong is looked at again, because
//! it may have been moved or deleted since. Only the verdict on bytes is written down: damaged ones are not served any
//! more, and those that turn out whole are served again.

use std::collections::HashSet;

use ballast_catalog::{RepoState, Repository};
use ballast_content::{Depth, Examined, Pack, Standing, Verdict};
use ballast_contract::ErrorKind;
use ballast_contract::quota::Scope;
use ballast_types::{RepoKey, Sha256};
use futures::{StreamExt, stream};

use crate::{Hub, Operator, Result};

/// How many pieces of the engine's are read at a time, and how many digests asked about.
const PAGE: usize = 1000;

/// How many objects are listed at a time: a pack has up to some thousand blobs.
const OBJECTS: usize = 32;

/// How to verify.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions {
    pub depth: Depth,
    /// How many objects are read side by side.
    pub side_by_side: usize,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something that was acknowledged is missing or not what it was.
    Damage,
    /// Nothing is lost, and something is not tidy.
    Notice,
}

/// What sort of finding it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The engine's own: a ref, a commit, a tree, a piece of its storage.
    History,
    /// A blob that a history names and that is not stored.
    Absent,
    /// A blob that a history names and that its repository does not hold.
    Unheld,
    /// A blob without a place.
    Unplaced,
    /// An object that is not there.
    Missing,
    /// Bytes that are not those that were stored.
    Damaged,
    /// A count that is not what it counts.
    Count,
    /// An object that no row knows.
    Orphan,
    /// Something begun that nobody has ended.
    Unfinished,
}

impl What {
    /// As machines read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Absent => "absent",
            Self::Unheld => "unheld",
            Self::Unplaced => "unplaced",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Count => "count",
            Self::Orphan => "orphan",
            Self::Unfinished => "unfinished",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub what: What,
    /// What it is about: a digest, a key, an id.
    pub subject: String,
    /// Whose it is, as people call them.
    pub repositories: Vec<String>,
    /// What is wrong.
    pub sentence: String,
}

/// How far it has come; at the end, what was gone over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub repositories: u64,
    /// Digests that histories name; one that two repositories name counts twice.
    pub names: u64,
    pub objects: u64,
    pub blobs: u64,
    /// Read and hashed.
    pub bytes: u64,
    pub damage: u64,
    pub notices: u64,
}

/// Who is told, as it happens: of each finding, and now and then of the progress alone.
pub type Told<'a> = dyn FnMut(Option<&Finding>, &Progress) + Send + 'a;

struct Verifying<'a> {
    hub: &'a Hub,
    options: VerifyOptions,
    progress: Progress,
    told: &'a mut Told<'a>,
    /// The repository that was last called by its name: findings come repository by repository.
    called: Option<(RepoKey, String)>,
}

impl Operator {
    /// Goes over all that is stored. Whoever drops this early has been told what was found so far.
    pub async fn verify_storage<'a>(&'a self, options: VerifyOptions, told: &'a mut Told<'a>) -> Result<Progress> {
        let mut verifying = Verifying { hub: &self.hub, options, progress: Progress::default(), told, called: None };
        verifying.repositories().await?;
        verifying.objects().await?;
        verifying.unplaced().await?;
        verifying.orphans().await?;
        verifying.unfinished().await?;
        Ok(verifying.progress)
    }
}

impl Verifying<'_> {
    fn find(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Damage => self.progress.damage += 1,
            Severity::Notice => self.progress.notices += 1,
        }
        (self.told)(Some(&finding), &self.progress);
    }

    fn go_on(&mut self) {
        (self.told)(None, &self.progress);
    }

    async fn repositories(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let states = [RepoState::Active, RepoState::Creating, RepoState::Deleting];
            let page = self.hub.catalog().repositories_in(&states, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key);
            for repository in page {
                match repository.state {
                    RepoState::Active => self.repository(repository.key).await?,
                    _ => self.half_made(&repository).await?,
                }
                self.progress.repositories += 1;
                self.go_on();
            }
        }
    }

    async fn half_made(&mut self, repository: &Repository) -> Result<()> {
        let sentence = "it is half made or half deleted; recovery finishes it within minutes of the hub's start";
        self.notice(What::Unfinished, repository.key.to_string(), Some(repository.key), sentence.to_owned()).await
    }

    async fn repository(&mut self, repo: RepoKey) -> Result<()> {
        self.history(repo).await?;
        self.names(repo).await?;
        self.counts(repo).await
    }

    async fn history(&mut self, repo: RepoKey) -> Result<()> {
        let Some(upkeep) = self.hub.engine().upkeep() else { return Ok(()) };
        let mut after = None;
        loop {
            let page = match upkeep.verify(repo, after, PAGE).await {
                Err(error) if error.is(ErrorKind::NotFound) => return Ok(()),
                page => page?,
            };
            for damage in page.items {
                let at = damage.commit.map(|commit| format!(" (commit {commit})")).unwrap_or_default();
                let path = damage.path.map(|path| format!(" at '{path}'")).unwrap_or_default();
                let sentence = format!("{}{path}{at}", damage.sentence);
                self.damage(What::History, damage.id, vec![repo], sentence).await?;
            }
            self.go_on();
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn names(&mut self, repo: RepoKey) -> Result<()> {
        let mut after: Option<String> = None;
        loop {
            let page = match self.hub.engine().contents(repo, after.clone(), PAGE).await {
                Err(error) if error.is(ErrorKind::NotFound) => return Ok(()),
                page => page?,
            };
            let missing = self.not_kept(repo, &page.items).await?;
            if !missing.is_empty() {
                self.unless_let_go(repo, after, missing.into_iter().map(|(sha256, _)| sha256).collect()).await?;
            }
            self.progress.names += page.items.len() as u64;
            self.go_on();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Those of these digests that are not kept for the repository.
    async fn not_kept(&self, repo: RepoKey, digests: &[Sha256]) -> Result<Vec<(Sha256, Standing)>> {
        let standing = self.hub.content().standing(repo, digests).await?;
        let all = digests.iter().copied().zip(standing);
        Ok(all.filter(|(_, standing)| !matches!(standing, Standing::Kept | Standing::Purged)).collect())
    }

    /// Digests that the page of the history behind `after` named, and that are not kept: a finding each, unless it was
    /// let go of meanwhile, with reason. So the page is read once more, and the rest of the history only for what it
    /// does not name any more.
    async fn unless_let_go(&mut self, repo: RepoKey, after: Option<String>, digests: Vec<Sha256>) -> Result<()> {
        let again: HashSet<Sha256> = match self.hub.engine().contents(repo, after, PAGE).await {
            Err(error) if error.is(ErrorKind::NotFound) => return Ok(()),
            page => page?.items.into_iter().collect(),
        };
        for (sha256, standing) in self.not_kept(repo, &digests).await? {
            if !again.contains(&sha256) && !self.hub.names(repo, sha256).await? {
                continue;
            }
            let (what, sentence) = match standing {
                Standing::Kept | Standing::Purged => continue,
                Standing::Absent => {
                    (What::Absent, "the history names it and it is not stored; upload the same file again")
                }
                Standing::Unheld => {
                    (What::Unheld, "the history names it and the repository does not hold it; a collection may take it")
                }
            };
            self.damage(what, sha256.to_string(), vec![repo], sentence.to_owned()).await?;
        }
        Ok(())
    }

    /// What the repository's holdings add up to, what it is counted to hold, and what the quota says are one number.
    async fn counts(&mut self, repo: RepoKey) -> Result<()> {
        for last in [false, false, true] {
            let Some(counted) = self.hub.content().find_counted(repo).await? else { return Ok(()) };
            let used = self.hub.quota().usage(&[Scope::Repository(repo)]).await?.first().map_or(0, |usage| usage.used);
            if counted.level.bytes == counted.sum && used == counted.sum {
                return Ok(());
            }
            let still = self.hub.content().find_counted(repo).await? == Some(counted);
            // A commit under way tells the quota a moment after it has counted.
            if last && still && self.hub.catalog().operations_of(repo, None, 1).await?.is_empty() {
                let sentence = format!(
                    "its files are {} bytes, it is counted to hold {}, and the quota says {used}",
                    counted.sum, counted.level.bytes
                );
                return self.damage(What::Count, repo.to_string(), vec![repo], sentence).await;
            }
        }
        Ok(())
    }

    async fn objects(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.hub.content().list_objects(after, OBJECTS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id());
            let (hub, depth) = (self.hub, self.options.depth);
            let examine = |pack: Pack| async move {
                let bad = hub.content().examine_object(&pack, depth).await;
                (pack, bad)
            };
            let mut examined = stream::iter(page).map(examine).buffer_unordered(self.options.side_by_side.max(1));
            while let Some((pack, bad)) = examined.next().await {
                self.progress.objects += 1;
                self.progress.blobs += pack.blobs() as u64;
                self.progress.bytes += if depth == Depth::Bytes { pack.bytes() } else { 0 };
                for examined in bad? {
                    self.not_whole(examined).await?;
                }
                self.go_on();
            }
        }
    }

    async fn not_whole(&mut self, examined: Examined) -> Result<()> {
        let story = self.hub.content().find_blob_story(examined.sha256).await?;
        let holders = story.iter().flat_map(|story| &story.holders).map(|holder| holder.repo);
        // Of a xorb, those whose files have chunks in it.
        let users = story.iter().filter_map(|story| story.xorb.as_ref()).flat_map(|xorb| xorb.repos.iter().copied());
        let holders: Vec<RepoKey> = holders.chain(users).collect();
        let place = format!("{} in storage '{}'", examined.key, examined.storage);
        let (what, sentence) = match examined.verdict {
            Verdict::Whole => return Ok(()),
            Verdict::Missing => (What::Missing, format!("its object {place} is not there")),
            Verdict::Damaged(why) => (What::Damaged, format!("its bytes in {place} are not what was stored: {why}")),
        };
        self.damage(what, examined.sha256.to_string(), holders, sentence).await
    }

    async fn unplaced(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.hub.content().unplaced(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for sha256 in page {
                let sentence = "it has a row and lies nowhere; upload the same file again".to_owned();
                self.damage(What::Unplaced, sha256.to_string(), vec![], sentence).await?;
            }
        }
    }

    async fn orphans(&mut self) -> Result<()> {
        for storage in self.hub.content().storages() {
            let mut after = None;
            loop {
                let page = self.hub.content().list_orphans(&storage, after, PAGE).await?;
                for orphan in page.items {
                    let sentence = format!(
                        "no row knows these {} bytes in storage '{storage}'; nothing reads them, and they can be deleted",
                        orphan.size
                    );
                    self.notice(What::Orphan, orphan.key.to_string(), None, sentence).await?;
                }
                self.go_on();
                after = page.next.and_then(|next| next.parse().ok());
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn unfinished(&mut self) -> Result<()> {
        let forsaken = self.hub.content().count_forsaken().await?;
        if forsaken > 0 {
            let sentence =
                format!("{forsaken} holdings wait for a commit that is over; `ballast gc run` puts them right");
            self.notice(What::Unfinished, "holdings".to_owned(), None, sentence).await?;
        }
        let mut after = None;
        loop {
            let page = self.hub.catalog().expired_operations(self.hub.now(), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for operation in page {
                let sentence = format!(
                    "{} begun at {} is past its deadline; a serving hub ends it within a minute",
                    operation.purpose, operation.created_at
                );
                self.notice(What::Unfinished, operation.id.to_string(), Some(operation.repo), sentence).await?;
            }
        }
    }

    async fn damage(&mut self, what: What, subject: String, repos: Vec<RepoKey>, sentence: String) -> Result<()> {
        let repositories = self.called(&repos).await?;
        self.find(Finding { severity: Severity::Damage, what, subject, repositories, sentence });
        Ok(())
    }

    async fn notice(&mut self, what: What, subject: String, repo: Option<RepoKey>, sentence: String) -> Result<()> {
        let repositories = self.called(repo.as_slice()).await?;
        self.find(Finding { severity: Severity::Notice, what, subject, repositories, sentence });
        Ok(())
    }

    async fn called(&mut self, repos: &[RepoKey]) -> Result<Vec<String>> {
        let mut names = Vec::with_capacity(repos.len());
        for repo in repos {
            let name = match self.called.take() {
                Some((last, name)) if last == *repo => name,
                _ => self.hub.name_of(*repo).await?,
            };
            names.push(name.clone());
            self.called = Some((*repo, name));
        }
        Ok(names)
    }
}
