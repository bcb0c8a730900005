//! Refs: finding what a revision means, listing, and moving several at once.

use std::collections::HashSet;

use ballast_contract::versioning::{Annotation, Ref, RefUpdate};
use ballast_contract::{Error, ErrorKind, Page, Result};
use ballast_database::Database;
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, GitOid, RefName, RepoKey, Revision};

use crate::Native;
use crate::error::{conflict, corrupt, invalid, missing, no_commit, no_repository, stored};
use crate::rows::refs::{self, Move, Refusal};
use crate::rows::schema::{RefRow, TagRow};

const OPERATION: &str = "versioning.refs";
/// More moves than this outdate everything that is known of revisions, rather than each what it must.
const MANY: usize = 64;

impl Native {
    pub(crate) async fn resolve_revision(&self, repo: RepoKey, revision: &Revision) -> Result<CommitId> {
        let text = revision.as_str();
        if let Ok(id) = text.parse::<CommitId>()
            && self.history.find(repo, &[id]).await?.contains_key(&id)
        {
            return Ok(id);
        }
        let key = (repo, text.to_owned());
        if let Some(id) = self.resolved.get(&key) {
            return Ok(id);
        }
        let mark = self.resolved.mark(&key);
        let candidates = ["", "refs/heads/", "refs/tags/", "refs/"].map(|prefix| format!("{prefix}{text}"));
        let names = candidates.iter().filter(|name| name.parse::<RefName>().is_ok()).cloned().collect();
        let rows = refs::find(&self.database, repo.0, names).await.map_err(stored(OPERATION))?;
        let row = candidates.iter().find_map(|name| rows.iter().find(|row| row.name == *name));
        if let Some(row) = row {
            let unborn = || missing(OPERATION, format!("{} of repository {repo} has no commit yet", row.name));
            let id = commit_id(row.commit.as_deref().ok_or_else(unborn)?)?;
            self.resolved.put(key, id, mark);
            return Ok(id);
        }
        match self.history.beginning_with(repo, text).await?.as_slice() {
            [id] => Ok(*id),
            [] => {
                self.history.check(repo).await?;
                Err(missing(OPERATION, format!("repository {repo} has no revision '{}'", text.escape_debug())))
            }
            _ => Err(missing(OPERATION, format!("several commits of repository {repo} begin with '{text}'"))),
        }
    }

    pub(crate) async fn list_refs(
        &self,
        repo: RepoKey,
        prefix: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Ref>> {
        // PostgreSQL takes no zero byte in a text, and no ref has one.
        if prefix.contains('\0') || after.as_ref().is_some_and(|after| after.contains('\0')) {
            return Ok(Page::last(Vec::new()));
        }
        let limit = limit.max(1);
        let (inclusive, from) = (after.is_none(), after.unwrap_or_else(|| prefix.to_owned()));
        let take = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let mut rows = refs::page(&self.database, repo.0, from, inclusive, take).await.map_err(stored(OPERATION))?;
        rows.truncate(rows.iter().take_while(|row| row.name.starts_with(prefix)).count());
        if rows.is_empty() {
            self.history.check(repo).await?;
        }
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.name.clone());
        Ok(Page { items: rows.into_iter().map(read_ref).collect::<Result<_>>()?, next })
    }

    pub(crate) async fn move_refs(&self, repo: RepoKey, updates: &[RefUpdate]) -> Result<()> {
        let mut seen = HashSet::new();
        if let Some(twice) = updates.iter().find(|update| !seen.insert(&update.name)) {
            return Err(invalid(OPERATION, format!("{} is to be moved twice", twice.name)));
        }
        if let Some(nothing) = updates.iter().find(|update| update.old.is_none() && update.new.is_none()) {
            return Err(invalid(OPERATION, format!("{} has neither an old nor a new commit", nothing.name)));
        }
        let mut moves: Vec<Move> = updates.iter().map(|update| plan(repo, update)).collect();
        // Deletions first, so that `a` may become `a/b`; within that by name, so that nobody waits in a circle.
        moves.sort_by(|a, b| (a.new.is_some(), &a.name).cmp(&(b.new.is_some(), &b.name)));
        let names: Vec<&str> = updates.iter().map(|update| update.name.as_str()).collect();
        refs::apply(&self.moving(repo, &names), repo.0, moves).await.map_err(|refusal| explain(repo, refusal))
    }

    /// The database, for a write that moves these refs: what was resolved by way of them counts no longer.
    pub(crate) fn moving(&self, repo: RepoKey, names: &[&str]) -> Database {
        if names.len() > MANY {
            return self.database.outdating(self.resolved.all());
        }
        let texts = names.iter().flat_map(|name| revisions(name));
        texts.fold(self.database.clone(), |database, text| {
            database.outdating(self.resolved.one(&(repo, text.to_owned())))
        })
    }
}

/// Every text by which a ref may be meant.
fn revisions(name: &str) -> impl Iterator<Item = &str> {
    ["", "refs/", "refs/heads/", "refs/tags/"].into_iter().filter_map(|prefix| name.strip_prefix(prefix))
}

fn plan(repo: RepoKey, update: &RefUpdate) -> Move {
    let annotated = update.new.zip(update.annotation.as_ref());
    let tag = annotated.map(|(commit, annotation)| {
        let (oid, bytes) = encode_tag(&update.name, commit, annotation);
        TagRow { repo: repo.0, oid: oid.0.to_vec(), bytes }
    });
    let bytes = |id: Option<CommitId>| id.map(|id| id.0.to_vec());
    Move { name: update.name.to_string(), old: bytes(update.old), new: bytes(update.new), tag }
}

/// Git's own bytes of an annotated tag.
fn encode_tag(name: &RefName, commit: CommitId, annotation: &Annotation) -> (GitOid, Vec<u8>) {
    let Annotation { tagger, time, message } = annotation;
    let who = format!("{} <{}> {} +0000", tagger.name, tagger.email, time.seconds());
    let text = format!("object {commit}\ntype commit\ntag {}\ntagger {who}\n\n{message}", name.short());
    (object_id(ObjectKind::Tag, text.as_bytes()), text.into_bytes())
}

pub(crate) fn explain(repo: RepoKey, refusal: Refusal) -> Error {
    match refusal {
        Refusal::NoRepository => no_repository(OPERATION, repo),
        Refusal::NoCommit(id) => match CommitId::from_slice(&id) {
            Some(id) => no_commit(OPERATION, repo, id),
            None => corrupt(OPERATION, "a commit id has a wrong length"),
        },
        Refusal::Absent(name) => missing(OPERATION, format!("repository {repo} has no ref {name}")),
        Refusal::Stale(name) => {
            conflict(OPERATION, format!("{name} of repository {repo} is not where it was said to be"))
        }
        Refusal::Exists { name, other } if name == other => {
            Error::new(ErrorKind::AlreadyExists, OPERATION, format!("repository {repo} has a ref {name} already"))
        }
        Refusal::Exists { name, other } => {
            let context = format!("repository {repo} cannot have {name} beside {other}: one is a folder of the other");
            Error::new(ErrorKind::AlreadyExists, OPERATION, context)
        }
        Refusal::Database(error) => stored(OPERATION)(error),
    }
}

fn read_ref(row: RefRow) -> Result<Ref> {
    let name = row.name.parse().map_err(|error| corrupt(OPERATION, "native_refs has a bad name").with_source(error))?;
    let oid =
        |bytes: Vec<u8>| GitOid::from_slice(&bytes).ok_or_else(|| corrupt(OPERATION, "a tag's id has a wrong length"));
    let commit = row.commit.as_deref().map(commit_id).transpose()?;
    Ok(Ref { name, commit, tag: row.tag.map(oid).transpose()? })
}

fn commit_id(bytes: &[u8]) -> Result<CommitId> {
    CommitId::from_slice(bytes).ok_or_else(|| corrupt(OPERATION, "a commit id has a wrong length"))
}
