//! Refs: finding what a revision means, and moving several at once.

use std::collections::BTreeMap;

use ballast_contract::versioning::{Annotation, RefUpdate};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, RefName, RepoKey, Revision};

use crate::Lakefs;
use crate::records::{self, Kept, RefRow, Tag};
use ballast_contract::versioning::failure::{conflict, missing, no_commit, no_repository};

const OPERATION: &str = "versioning.refs";
/// How often a move is done again because somebody else made or deleted a ref.
const ATTEMPTS: usize = 256;

/// What was read of refs, and what is to become of them.
#[derive(Default)]
struct Plan {
    rows: BTreeMap<String, Planned>,
    /// Whether a ref is made or deleted.
    names: bool,
}

struct Planned {
    version: u64,
    /// None where there is none, or it goes.
    row: Option<RefRow>,
    changed: bool,
}

impl Lakefs {
    pub(crate) async fn resolve_revision(&self, repo: RepoKey, revision: &Revision) -> Result<CommitId> {
        let text = revision.as_str();
        self.repository(repo).await?;
        if let Ok(id) = text.parse::<CommitId>()
            && self.find_commit(repo, id).await?.is_some()
        {
            return Ok(id);
        }
        for prefix in ["", "refs/heads/", "refs/tags/", "refs/"] {
            let Ok(name) = format!("{prefix}{text}").parse::<RefName>() else { continue };
            if let Some(row) = self.records.find_ref(repo, name.as_str()).await? {
                let unborn = || missing(OPERATION, format!("{name} of repository {repo} has no commit yet"));
                return row.value.commit.ok_or_else(unborn);
            }
        }
        let short = (7..40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = match short {
            true => self.records.commits(repo, &text.to_ascii_lowercase(), None, 2).await?,
            false => Vec::new(),
        };
        match found.as_slice() {
            [commit] => Ok(commit.info.id),
            [] => Err(missing(OPERATION, format!("repository {repo} has no revision '{}'", text.escape_debug()))),
            _ => Err(missing(OPERATION, format!("several commits of repository {repo} begin with '{text}'"))),
        }
    }

    pub(crate) async fn move_refs(&self, repo: RepoKey, updates: &[RefUpdate]) -> Result<()> {
        // Deletions first, so that `a` may become `a/b`.
        let mut updates: Vec<&RefUpdate> = updates.iter().collect();
        updates.sort_by(|a, b| (a.new.is_some(), &a.name).cmp(&(b.new.is_some(), &b.name)));
        for _ in 0..ATTEMPTS {
            let kept = self.records.repository(repo).await?;
            let gone = || no_repository(OPERATION, repo);
            let kept = kept.filter(|kept| !kept.value.deleted && kept.value.root.is_some()).ok_or_else(gone)?;
            for id in updates.iter().filter_map(|update| update.new) {
                self.find_commit(repo, id).await?.ok_or_else(|| no_commit(OPERATION, repo, id))?;
            }
            let mut plan = Plan::default();
            for update in &updates {
                self.plan(repo, &mut plan, update).await?;
            }
            let mut writes = Vec::new();
            for (name, planned) in plan.rows.into_iter().filter(|(_, planned)| planned.changed) {
                let row = planned.row.unwrap_or(RefRow { gone: true, ..RefRow::default() });
                writes.push(records::write(records::ref_key(repo, &name), planned.version, &row)?);
            }
            if plan.names {
                writes.push(records::write(records::repository_key(repo), kept.version, &kept.value)?);
            }
            if writes.is_empty() || self.records.apply(writes).await? {
                for update in &updates {
                    self.follow(repo, &kept.value, &update.name).await;
                }
                return Ok(());
            }
        }
        let context = format!("the refs of repository {repo} changed {ATTEMPTS} times meanwhile");
        Err(Error::new(ErrorKind::Unavailable, OPERATION, context))
    }

    async fn plan(&self, repo: RepoKey, plan: &mut Plan, update: &RefUpdate) -> Result<()> {
        let name = update.name.as_str();
        let stands = self.planned(repo, plan, name).await?.row.clone();
        let stale = || conflict(OPERATION, format!("{name} of repository {repo} is not where it was said to be"));
        let row = match (update.old, update.new) {
            (Some(old), Some(new)) => {
                stands.filter(|row| row.commit == Some(old)).ok_or_else(stale)?;
                Some(RefRow { commit: Some(new), tag: annotated(update), gone: false })
            }
            (Some(old), None) => {
                let absent = || missing(OPERATION, format!("repository {repo} has no ref {name}"));
                stands.ok_or_else(absent)?.commit.filter(|commit| *commit == old).ok_or_else(stale)?;
                plan.names = true;
                None
            }
            (None, new) => {
                self.make_room(repo, plan, name).await?;
                if stands.is_some_and(|row| row.commit.is_some()) {
                    let context = format!("repository {repo} has a ref {name} already");
                    return Err(Error::new(ErrorKind::AlreadyExists, OPERATION, context));
                }
                plan.names = true;
                Some(RefRow { commit: new, tag: annotated(update), gone: false })
            }
        };
        let planned = self.planned(repo, plan, name).await?;
        (planned.row, planned.changed) = (row, true);
        Ok(())
    }

    /// A ref as the steps before have left it.
    async fn planned<'p>(&self, repo: RepoKey, plan: &'p mut Plan, name: &str) -> Result<&'p mut Planned> {
        if !plan.rows.contains_key(name) {
            let kept = self.records.ref_row(repo, name).await?;
            let version = kept.as_ref().map_or(0, |kept| kept.version);
            let row = kept.map(|Kept { value, .. }| value).filter(|row| !row.gone);
            plan.rows.insert(name.to_owned(), Planned { version, row, changed: false });
        }
        let absent = || missing(OPERATION, format!("repository {repo} has no ref {name}"));
        plan.rows.get_mut(name).ok_or_else(absent)
    }

    /// No ref may be a folder of another.
    async fn make_room(&self, repo: RepoKey, plan: &mut Plan, name: &str) -> Result<()> {
        let clash = |other: &str| {
            let context = format!("repository {repo} cannot have {name} beside {other}: one is a folder of the other");
            Err(Error::new(ErrorKind::AlreadyExists, OPERATION, context))
        };
        for (at, _) in name.match_indices('/') {
            if self.planned(repo, plan, &name[..at]).await?.row.is_some() {
                return clash(&name[..at]);
            }
        }
        let below = format!("{name}/");
        if let Some((other, _)) = plan.rows.iter().find(|(other, row)| other.starts_with(&below) && row.row.is_some()) {
            return clash(other);
        }
        let mut after = None;
        loop {
            let page = self.records.refs(repo, &below, after, 100).await?;
            let stays = |other: &str| plan.rows.get(other).is_none_or(|planned| planned.row.is_some());
            if let Some(other) = page.items.iter().find(|other| stays(other.name.as_str())) {
                return clash(other.name.as_str());
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// Git's own object of an annotated tag.
fn annotated(update: &RefUpdate) -> Option<Tag> {
    let (commit, Annotation { tagger, time, message }) = update.new.zip(update.annotation.as_ref())?;
    let who = format!("{} <{}> {} +0000", tagger.name, tagger.email, time.seconds());
    let name = update.name.short();
    let text = format!("object {commit}\ntype commit\ntag {name}\ntagger {who}\n\n{message}");
    Some(Tag { oid: object_id(ObjectKind::Tag, text.as_bytes()), text, inner: Vec::new() })
}
