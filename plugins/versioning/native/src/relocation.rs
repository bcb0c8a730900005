//! Giving away whole histories, and taking them in.
//!
//! A commit that comes from another engine is worked out as one that is made here: its changes are laid over the map of
//! its first parent, and the trees are derived from that. So the id of its tree is no claim but what the map comes to.

use std::collections::HashMap;

use async_trait::async_trait;
use ballast_contract::versioning::{Arrival, Ref, Relocation, WholeRef};
use ballast_contract::{Error, ErrorKind, Page, Result};
use ballast_types::git::{self, ObjectKind, TagText, object_id};
use ballast_types::{CommitId, GitOid, RepoKey, Timestamp};
use bytes::Bytes;

use crate::Native;
use crate::commit::{Marks, Plan, collision, tree_rows};
use crate::draft::Draft;
use crate::error::{corrupt, internal, invalid, no_repository, stored};
use crate::files;
use crate::history::Commit;
use crate::refs::explain;
use crate::rows::commits::{self, Halt, Made};
use crate::rows::schema::{RefRow, TagRow};
use crate::rows::{refs, repositories};
use crate::store::{Fresh, empty};
use crate::trees::{Derived, Pinned};
use crate::walk::Walk;

const OPERATION: &str = "versioning.relocation";
/// Commits and tags that are asked for in one statement.
const BATCH: usize = 500;
/// Tags of tags that are followed: as many as a push may bring.
const NESTED: usize = 16;

impl Native {
    async fn take_in(&self, repo: RepoKey, arrival: Arrival) -> Result<CommitId> {
        let id = arrival.id();
        if self.history.find(repo, &[id]).await?.contains_key(&id) {
            return Ok(id);
        }
        let Arrival { bytes, changes } = arrival;
        let encoded = git::Commit::parse(&bytes).map_err(|error| invalid(OPERATION, format!("{id}: {error}")))?;
        let mut parents = Vec::with_capacity(encoded.parents.len());
        for parent in &encoded.parents {
            parents.push(self.history.get(repo, *parent).await?);
        }
        let base = parents.first().map_or(empty().0, |parent| parent.root);
        let mut walk = Walk::new(&self.store);
        let elsewhere = self.sources(repo, &changes).await?;
        let (edits, facts) = Draft::new(&mut walk, base, &changes, &elsewhere).await?.finish().await?;
        let facts = self.unknown(repo, facts).await?;
        let derived = Derived::new(&mut walk, base, edits, &Pinned::new()).await?;
        if derived.tree != encoded.tree {
            return Err(other_tree(id, encoded.tree, derived.tree));
        }
        let trees = tree_rows(repo, id, derived.trees.clone());
        let mut fresh = Fresh::new()?;
        let plan = Plan { base, parents: &parents, marks: &Marks::of(&parents) };
        let roots = self.edit_maps(&mut walk, &mut fresh, id, plan, derived).await?;
        let length = self.history.length_of(repo, &parents).await?;
        let commit = Commit::new(&encoded, id, roots, &parents, length);
        let made = Made {
            commit: commit.row(repo, bytes.to_vec()),
            nodes: fresh.rows(Timestamp::now().0),
            files: facts.iter().filter_map(|(id, facts)| files::row(repo, *id, facts)).collect(),
            trees,
        };
        match commits::adopt(&self.database, made).await {
            Ok(()) => {
                self.store.admit(fresh);
                self.history.admit(repo, commit);
                Ok(id)
            }
            Err(Halt::Moved) => Err(no_repository(OPERATION, repo)),
            Err(Halt::Claimed) => Err(internal(OPERATION, "a commit that was taken in met an operation")),
            Err(Halt::Collision(oid)) => Err(collision(&oid)),
            Err(Halt::Database(error)) => Err(stored(OPERATION)(error)),
        }
    }

    /// Git's own bytes of these annotated tags and of those that they lead through.
    async fn tag_bytes(&self, repo: RepoKey, mut wanted: Vec<GitOid>) -> Result<HashMap<GitOid, Bytes>> {
        let mut found: HashMap<GitOid, Bytes> = HashMap::new();
        for _ in 0..NESTED {
            let mut inner = Vec::new();
            for batch in wanted.chunks(BATCH) {
                let oids = batch.iter().map(|oid| oid.0.to_vec()).collect();
                for row in refs::tags(&self.database, repo.0, oids).await.map_err(stored(OPERATION))? {
                    let oid = GitOid::from_slice(&row.oid);
                    let oid = oid.ok_or_else(|| corrupt(OPERATION, "a tag's id has a wrong length"))?;
                    inner.extend(inner_tag(&row.bytes));
                    found.insert(oid, row.bytes.into());
                }
            }
            wanted = inner.into_iter().filter(|oid| !found.contains_key(oid)).collect();
            if wanted.is_empty() {
                break;
            }
        }
        Ok(found)
    }
}

/// What a tag of a tag leads to.
fn inner_tag(bytes: &[u8]) -> Option<GitOid> {
    TagText::parse(bytes).filter(|text| text.kind == ObjectKind::Tag).map(|text| text.object)
}

/// The tags that one leads through, itself first.
fn chain(tags: &HashMap<GitOid, Bytes>, first: Option<GitOid>) -> Result<Vec<Bytes>> {
    let (mut all, mut next) = (Vec::new(), first);
    while let Some(oid) = next.filter(|_| all.len() < NESTED) {
        let bytes = tags.get(&oid).ok_or_else(|| corrupt(OPERATION, format!("the tag object {oid} is absent")))?;
        next = inner_tag(bytes);
        all.push(bytes.clone());
    }
    Ok(all)
}

fn other_tree(id: CommitId, tree: GitOid, derived: GitOid) -> Error {
    let context = format!(
        "the tree of commit {id} is {tree}, and what it holds makes {derived}: git wrote a tree there in a way in which \
         this engine does not"
    );
    Error::new(ErrorKind::Unsupported, OPERATION, context)
}

#[async_trait]
impl Relocation for Native {
    async fn repositories(&self, after: Option<RepoKey>, limit: usize) -> Result<Vec<RepoKey>> {
        let (after, limit) = (after.map_or(i64::MIN, |key| key.0), i64::try_from(limit.max(1)).unwrap_or(i64::MAX));
        let keys = repositories::page(&self.database, after, limit).await.map_err(stored(OPERATION))?;
        Ok(keys.into_iter().map(RepoKey).collect())
    }

    async fn kept_commits(&self, repo: RepoKey, after: Option<CommitId>, limit: usize) -> Result<Vec<CommitId>> {
        let after = after.map(|id| id.0.to_vec()).unwrap_or_default();
        let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
        let rows = commits::page(&self.database, repo.0, after, limit).await.map_err(stored(OPERATION))?;
        if rows.is_empty() {
            self.history.check(repo).await?;
        }
        let wrong = || corrupt(OPERATION, "a commit id has a wrong length");
        rows.iter().map(|row| CommitId::from_slice(&row.id).ok_or_else(wrong)).collect()
    }

    async fn commit_bytes(&self, repo: RepoKey, ids: &[CommitId]) -> Result<Vec<Option<Bytes>>> {
        let mut found = HashMap::with_capacity(ids.len());
        for batch in ids.chunks(BATCH) {
            let batch = batch.iter().map(|id| id.0.to_vec()).collect();
            let rows = commits::find(&self.database, repo.0, batch).await.map_err(stored(OPERATION))?;
            found.extend(rows.into_iter().map(|row| (row.id, Bytes::from(row.bytes))));
        }
        Ok(ids.iter().map(|id| found.get(id.0.as_slice()).cloned()).collect())
    }

    async fn whole_refs(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<WholeRef>> {
        let page = self.list_refs(repo, "", after, limit).await?;
        let tags = self.tag_bytes(repo, page.items.iter().filter_map(|one| one.tag).collect()).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for one in page.items {
            items.push(WholeRef { name: one.name, commit: one.commit, tags: chain(&tags, one.tag)? });
        }
        Ok(Page { items, next: page.next })
    }

    async fn adopt(&self, repo: RepoKey, arrival: Arrival) -> Result<CommitId> {
        self.unless_gone(repo, self.take_in(repo, arrival).await).await
    }

    async fn adopt_refs(&self, repo: RepoKey, refs: &[WholeRef]) -> Result<()> {
        let bytes = |oid: GitOid| oid.0.to_vec();
        let row = |one: Ref| RefRow {
            repo: repo.0,
            name: one.name.to_string(),
            commit: one.commit.map(|id| id.0.to_vec()),
            tag: one.tag.map(bytes),
        };
        let rows = WholeRef::summaries(refs)?.into_iter().map(row).collect();
        let tags = refs.iter().flat_map(|one| &one.tags);
        let tag =
            |text: &Bytes| TagRow { repo: repo.0, oid: bytes(object_id(ObjectKind::Tag, text)), bytes: text.to_vec() };
        let mut tags: Vec<TagRow> = tags.map(tag).collect();
        tags.sort_unstable_by(|a, b| a.oid.cmp(&b.oid));
        tags.dedup_by(|a, b| a.oid == b.oid);
        let moving = self.database.outdating(self.resolved.all());
        refs::replace(&moving, repo.0, rows, tags).await.map_err(|refusal| explain(repo, refusal))
    }

    async fn withdraw(&self, repo: RepoKey) -> Result<()> {
        let moving = self.database.outdating(self.resolved.all());
        repositories::withdraw(&moving, repo.0).await.map_err(stored(OPERATION))?;
        self.forget_repositories();
        Ok(())
    }
}
