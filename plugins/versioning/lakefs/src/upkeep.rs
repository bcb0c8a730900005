//! Whether everything is there that should be, and away with what nobody needs.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ballast_contract::versioning::{Damage, Damaged, SweepRequest, Swept, Upkeep};
use ballast_contract::{ErrorKind, Page, Result};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, RepoKey, RepoPath, Timestamp};

use crate::Lakefs;
use crate::client::noted;
use crate::folder::{Item, What, join};
use crate::names::{WORK, file_key};
use crate::publish::made_at;
use crate::reading::View;
use crate::records::Repository;
use ballast_contract::versioning::failure::invalid;

const OPERATION: &str = "versioning.upkeep";
/// No commit takes longer: a hidden branch that is older is not in use.
const LONGEST_COMMIT: Duration = Duration::from_secs(6 * 60 * 60);
/// Rows that are read at once.
const AT_ONCE: usize = 500;

/// Where a walk stands: in a commit, behind a folder that was walked; `~` while refs are looked at.
struct Place {
    commit: Option<CommitId>,
    folder: Option<String>,
}

impl Place {
    fn parse(text: &str) -> Result<Self> {
        let bad = || invalid(OPERATION, "not a cursor of this walk");
        let (commit, folder) = text.split_once('/').map_or((text, None), |(commit, folder)| (commit, Some(folder)));
        Ok(Self { commit: Some(commit.parse().map_err(|_| bad())?), folder: folder.map(str::to_owned) })
    }
}

/// A part of a walk over one commit's own folders.
struct Walk<'a, 'v> {
    view: &'a View<'v>,
    found: Vec<Damage>,
    /// How much may still be read.
    left: usize,
}

impl Walk<'_, '_> {
    fn note(&mut self, what: Damaged, id: String, path: Option<&str>, sentence: impl Into<String>) {
        let path = path.and_then(|path| path.parse::<RepoPath>().ok());
        let commit = Some(self.view.commit.info.id);
        self.found.push(Damage { what, id, commit, path, sentence: sentence.into() });
    }

    /// The commit itself: its row and lakeFS's own.
    async fn commit(&mut self, engine: &Lakefs, repository: &Repository) -> Result<()> {
        let commit = self.view.commit.clone();
        let id = commit.info.id;
        let text = engine.records.commit_text(self.view.repo(), id).await?;
        if text.is_some_and(|text| object_id(ObjectKind::Commit, text.as_bytes()) != id.into()) {
            self.note(Damaged::Commit, id.to_string(), None, "its text is not that of its id");
        }
        if commit.root.oid != commit.info.tree {
            self.note(Damaged::Tree, commit.info.tree.to_string(), None, "the commit's tree is not that of its root");
        }
        match engine.client.find_commit(&repository.name, &commit.lakefs).await? {
            None => {
                let sentence = format!("lakeFS has no commit {} any more", commit.lakefs);
                self.note(Damaged::Commit, id.to_string(), None, sentence);
            }
            Some(found) if noted(&found.metadata, "ballast-commit") != Some(&id.to_string()) => {
                let sentence = format!("the commit {} in lakeFS says that it is another one", commit.lakefs);
                self.note(Damaged::Commit, id.to_string(), None, sentence);
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// The folders that this commit wrote, in the order of their paths, behind one; where to go on.
    async fn folders(
        &mut self,
        engine: &Lakefs,
        repository: &Repository,
        after: Option<&str>,
    ) -> Result<Option<String>> {
        let commit = self.view.commit.clone();
        if commit.root.written != commit.info.id || commit.root.files == 0 {
            return Ok(None);
        }
        let root = Item { name: String::new(), last: commit.info.id, what: What::Folder(commit.root) };
        let mut open = vec![(String::new(), root)];
        let mut walked = after.map(str::to_owned);
        while let Some((path, item)) = open.pop() {
            let is_walked = after.is_some_and(|after| order(&path, after).is_le());
            let leads_on = |after: &str| path.is_empty() || after == path || after.starts_with(&format!("{path}/"));
            if is_walked && !after.is_some_and(leads_on) {
                continue;
            }
            if !is_walked && self.left == 0 {
                return Ok(walked);
            }
            let What::Folder(sub) = item.what else { continue };
            let folder = match self.view.read_anew(&path, &sub).await {
                Ok(folder) => folder,
                Err(error) if error.is(ErrorKind::Corrupt) => {
                    if !is_walked {
                        self.left = self.left.saturating_sub(1);
                        self.note(Damaged::Node, sub.content.to_string(), Some(&path), error.context);
                        walked = Some(path);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            if !is_walked {
                self.left = self.left.saturating_sub(1 + folder.items.len());
                self.files(engine, repository, &path, &folder.items).await?;
                walked = Some(path.clone());
            }
            let own = |item: &Item| matches!(item.what, What::Folder(sub) if sub.written == commit.info.id);
            let mut inner: Vec<_> =
                folder.items.into_iter().filter(own).map(|item| (join(&path, &item.name), item)).collect();
            // Depth first and by path: the last one is taken first.
            inner.sort_by(|a, b| b.0.cmp(&a.0));
            open.extend(inner);
        }
        Ok(None)
    }

    /// The links of a folder's files, as lakeFS has them.
    async fn files(&mut self, engine: &Lakefs, repository: &Repository, folder: &str, items: &[Item]) -> Result<()> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut files = BTreeMap::new();
        for item in items {
            let path = join(folder, &item.name);
            // What has a key of another form is not among its neighbours.
            if let What::Entry(node) = item.what
                && file_key(&path) == path
            {
                files.insert(path, node);
            }
        }
        let (mut after, commit) = (String::new(), self.view.commit.lakefs.clone());
        while !files.is_empty() {
            let page = engine.client.objects(&repository.name, &commit, &prefix, &after).await?;
            for object in &page.results {
                let Some(node) = files.remove(&object.path) else { continue };
                if noted(&object.metadata, "ballast-oid") != Some(&node.oid().to_string()) {
                    let sentence = "lakeFS has another file there than the folder's index says";
                    self.note(Damaged::File, node.oid().to_string(), Some(&object.path), sentence);
                }
            }
            match page.next() {
                Some(next) => after = next,
                None => break,
            }
        }
        for (path, node) in files {
            self.note(Damaged::File, node.oid().to_string(), Some(&path), "lakeFS does not have the file");
        }
        Ok(())
    }
}

#[async_trait]
impl Upkeep for Lakefs {
    async fn verify(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<Damage>> {
        let repository = self.repository(repo).await?;
        let place = match &after {
            Some(text) => Place::parse(text)?,
            None => Place { commit: None, folder: None },
        };
        let mut found = if after.is_none() { self.stray_refs(repo).await? } else { Vec::new() };
        let commit = match (place.commit, &place.folder) {
            (Some(id), Some(_)) => self.records.commit(repo, id).await?,
            (after, _) => self.records.commits(repo, "", after, 1).await?.pop(),
        };
        let Some(commit) = commit else { return Ok(Page::last(found)) };
        let id = commit.info.id;
        let view = self.view(repo, &repository, Arc::new(commit));
        let mut walk = Walk { view: &view, found: Vec::new(), left: limit.max(1) };
        if place.folder.is_none() {
            walk.commit(self, &repository).await?;
        }
        let inside = place.folder.as_deref().and_then(|folder| folder.strip_prefix('~'));
        let next = walk.folders(self, &repository, inside).await?;
        found.extend(walk.found);
        let next = next.map_or_else(|| id.to_string(), |folder| format!("{id}/~{folder}"));
        Ok(Page { items: found, next: Some(next) })
    }

    async fn sweep(&self, request: &SweepRequest) -> Result<Swept> {
        let mut swept = Swept::default();
        let youngest = request.cutoff.min(Timestamp::now().before(LONGEST_COMMIT));
        let mut after = None;
        loop {
            let page = self.records.repositories(after, AT_ONCE).await?;
            for (repo, row) in &page.items {
                match row.deleted {
                    true => swept.removed += self.sweep_deleted(*repo, row, request.dry_run).await?,
                    false if row.root.is_some() => {
                        let (kept, removed) = self.sweep_branches(row, youngest, request.dry_run).await?;
                        swept.kept += kept;
                        swept.removed += removed;
                        if !request.dry_run {
                            self.follow_all(*repo, row).await?;
                        }
                    }
                    false => swept.kept += 1,
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(swept);
            }
        }
    }
}

impl Lakefs {
    /// Refs that lead nowhere.
    async fn stray_refs(&self, repo: RepoKey) -> Result<Vec<Damage>> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.records.refs(repo, "", after, AT_ONCE).await?;
            for one in page.items {
                let Some(id) = one.commit else { continue };
                if self.records.commit(repo, id).await?.is_none() {
                    let sentence = format!("it leads to commit {id}, which is absent");
                    let id = one.name.to_string();
                    found.push(Damage { what: Damaged::Ref, id, commit: None, path: None, sentence });
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// What a deleted repository has left: late rows, and the repository in lakeFS where it could not be reached.
    async fn sweep_deleted(&self, repo: RepoKey, row: &Repository, dry_run: bool) -> Result<u64> {
        let there = !row.name.is_empty() && self.client.has_repository(&row.name).await?;
        let rows = if dry_run { self.records.count(repo).await? } else { self.bury(repo, row).await? };
        Ok(rows + u64::from(there))
    }

    /// Takes hidden branches away that a commit has left behind; how many stay and go.
    async fn sweep_branches(&self, row: &Repository, youngest: Timestamp, dry_run: bool) -> Result<(u64, u64)> {
        let (mut kept, mut removed, mut after) = (0, 0, String::new());
        loop {
            let page = self.client.branches(&row.name, WORK, &after).await?;
            for branch in &page.results {
                if made_at(&branch.id).is_none_or(|made| made >= youngest) {
                    kept += 1;
                    continue;
                }
                removed += 1;
                if !dry_run {
                    self.client.delete_branch(&row.name, &branch.id).await?;
                }
            }
            match page.next() {
                Some(next) => after = next,
                None => return Ok((kept, removed)),
            }
        }
    }

    /// Sets every branch and tag in lakeFS to where its ref stands.
    async fn follow_all(&self, repo: RepoKey, row: &Repository) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.records.refs(repo, "", after, AT_ONCE).await?;
            for one in page.items {
                self.follow(repo, row, &one.name).await;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// The order in which folders are walked: one before those in it, and these before its neighbours.
fn order(one: &str, other: &str) -> Ordering {
    one.split('/').filter(|name| !name.is_empty()).cmp(other.split('/').filter(|name| !name.is_empty()))
}
