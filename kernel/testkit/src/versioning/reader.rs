//! Somebody who fetches, and looks at what comes as git does: each object once, in the order that was promised, with the
//! bytes that its id names, and nothing lacking in the end.

use std::collections::{HashMap, HashSet};

use ballast_contract::versioning::{Encoded, FetchRequest, FileRef, GitObject};
use ballast_types::git::{Commit, ObjectKind, TagText, TreeItem, apply_delta, object_id};
use ballast_types::{CommitId, GitOid};
use futures::TryStreamExt;

use super::repo::Repo;

/// More than any object of these checks has.
const MOST: usize = 16 << 20;

/// What a reader has by now.
#[derive(Clone, Default)]
pub struct Reader {
    texts: HashMap<GitOid, (ObjectKind, Vec<u8>)>,
    blobs: HashMap<GitOid, FileRef>,
    /// Trees that came as deltas.
    pub deltas: usize,
}

/// What is left out on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Without<'a> {
    /// Commits whose parents are not looked for.
    pub cut: &'a [CommitId],
    pub blobs: bool,
    pub trees: bool,
}

/// All of a commit.
pub const WHOLE: Without<'static> = Without { cut: &[], blobs: false, trees: false };

impl Reader {
    /// Whether it has an object.
    pub fn has(&self, oid: GitOid) -> bool {
        self.texts.contains_key(&oid) || self.blobs.contains_key(&oid)
    }

    /// The bytes of a commit, tree or tag that it has.
    pub fn text(&self, oid: GitOid) -> &[u8] {
        &self.texts[&oid].1
    }

    /// Fetches; answers what came.
    pub async fn fetch(&mut self, repo: &Repo, request: FetchRequest) -> Vec<GitObject> {
        let git = repo.engine.git().unwrap();
        let pages: Vec<Vec<GitObject>> = git.missing(repo.key, request).try_collect().await.unwrap();
        let objects = pages.concat();
        let came: HashSet<GitOid> = objects.iter().map(GitObject::oid).collect();
        assert_eq!(came.len(), objects.len(), "an object comes once");
        for object in &objects {
            if let GitObject::Blob { oid, file, base } = object {
                assert_eq!(file.oid(), *oid);
                assert!(base.is_none_or(|base| came.contains(&base.oid()) || self.has(base.oid())), "{base:?}");
                self.blobs.insert(*oid, *file);
            }
        }
        let mut rest: Vec<&GitObject> = objects.iter().filter(|object| object.kind() != ObjectKind::Blob).collect();
        while !rest.is_empty() {
            // One page as deltas, one as whole objects.
            let as_delta = self.texts.len().is_multiple_of(2) || rest.len() > 3;
            let asked: Vec<(&GitObject, bool)> = rest.iter().map(|object| (*object, as_delta)).collect();
            let encoded = git.encode(repo.key, &asked).await.unwrap();
            assert!((1..=rest.len()).contains(&encoded.len()), "{} of {}", encoded.len(), rest.len());
            for (object, encoded) in rest.drain(..encoded.len()).zip(encoded) {
                self.take(object, encoded, &came);
            }
        }
        objects
    }

    fn take(&mut self, object: &GitObject, encoded: Encoded, came: &HashSet<GitOid>) {
        let bytes = match encoded {
            Encoded::Whole(bytes) => bytes,
            Encoded::Delta(delta) => {
                let GitObject::Tree { base: Some(base), .. } = object else { panic!("a delta of {object:?}") };
                self.deltas += 1;
                apply_delta(self.text(base.oid), &delta, MOST).unwrap()
            }
        };
        assert_eq!(object_id(object.kind(), &bytes), object.oid(), "{object:?}");
        if let GitObject::Commit { .. } = object {
            let parents = Commit::parse(&bytes).unwrap().parents.into_iter().map(GitOid::from);
            assert!(
                parents.filter(|parent| came.contains(parent)).all(|parent| self.has(parent)),
                "a child came first"
            );
        }
        self.texts.insert(object.oid(), (object.kind(), bytes));
    }

    /// All that these lead to, each of which the reader has.
    pub fn closure(&self, tips: &[GitOid], without: Without<'_>) -> HashSet<GitOid> {
        let (mut open, mut reached) = (tips.to_vec(), HashSet::new());
        while let Some(oid) = open.pop() {
            if !reached.insert(oid) || self.blobs.contains_key(&oid) {
                continue;
            }
            let (kind, bytes) = self.texts.get(&oid).unwrap_or_else(|| panic!("the reader lacks {oid}"));
            match kind {
                ObjectKind::Commit => {
                    let Commit { tree, parents, .. } = Commit::parse(bytes).unwrap();
                    open.extend((!without.trees).then_some(tree));
                    let is_end = without.cut.contains(&CommitId(oid.0));
                    open.extend(parents.into_iter().filter(|_| !is_end).map(GitOid::from));
                }
                ObjectKind::Tag => open.push(TagText::parse(bytes).unwrap().object),
                ObjectKind::Tree => {
                    for item in TreeItem::parse_all(bytes).map(Result::unwrap) {
                        // What a submodule names is somebody else's.
                        let wanted = item.mode == 0o40000 || (item.mode != 0o160000 && !without.blobs);
                        open.extend(wanted.then_some(item.oid));
                    }
                }
                ObjectKind::Blob => {}
            }
        }
        reached
    }
}

/// The ids of objects.
pub fn oids(objects: &[GitObject]) -> HashSet<GitOid> {
    objects.iter().map(GitObject::oid).collect()
}

/// What these want who have those.
pub fn wanting(wants: &[CommitId], haves: &[CommitId]) -> FetchRequest {
    FetchRequest { wants: wants.iter().map(|id| (*id).into()).collect(), haves: haves.to_vec(), ..Default::default() }
}
