//! What the server keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::sha256;

/// The objects of a commit, by key.
pub type Objects = BTreeMap<String, Arc<Object>>;

#[derive(Default)]
pub struct Store {
    pub repositories: BTreeMap<String, Repository>,
    /// Storage namespaces that were ever used: what lies there stays.
    pub namespaces: BTreeSet<String>,
    count: u64,
}

pub struct Repository {
    pub name: String,
    pub namespace: String,
    pub default_branch: String,
    pub created: u64,
    pub branches: BTreeMap<String, Branch>,
    pub tags: BTreeMap<String, String>,
    pub commits: BTreeMap<String, Commit>,
}

pub struct Branch {
    pub commit: String,
    /// What anybody has staged: an object, or that one is gone.
    pub staged: BTreeMap<String, Option<Arc<Object>>>,
    pub hidden: bool,
}

#[derive(Clone)]
pub struct Commit {
    pub parents: Vec<String>,
    pub message: String,
    pub metadata: BTreeMap<String, String>,
    pub date: u64,
    pub objects: Arc<Objects>,
}

#[derive(Clone, PartialEq)]
pub struct Object {
    pub address: String,
    pub checksum: String,
    pub size: u64,
    pub mtime: u64,
    pub metadata: BTreeMap<String, String>,
    pub content_type: String,
    /// None where they lie elsewhere.
    pub bytes: Option<Arc<Vec<u8>>>,
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Store {
    /// A number that nothing else has.
    pub fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

impl Repository {
    pub fn new(name: &str, namespace: &str, default_branch: &str, number: u64) -> Self {
        let mut repository = Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            default_branch: default_branch.to_owned(),
            created: now(),
            branches: BTreeMap::new(),
            tags: BTreeMap::new(),
            commits: BTreeMap::new(),
        };
        let first = Commit {
            parents: vec![],
            message: "Repository created".to_owned(),
            metadata: BTreeMap::new(),
            date: now(),
            objects: Arc::default(),
        };
        let commit = repository.keep(first, number);
        let branch = Branch { commit, staged: BTreeMap::new(), hidden: false };
        repository.branches.insert(default_branch.to_owned(), branch);
        repository
    }

    /// Keeps a commit; its id has 64 digits.
    pub fn keep(&mut self, commit: Commit, number: u64) -> String {
        let Commit { parents, message, metadata, date, .. } = &commit;
        let id = sha256(format!("{}{number}{parents:?}{message}{metadata:?}{date}", self.name).as_bytes());
        self.commits.insert(id.clone(), commit);
        id
    }

    /// The commit that a branch, a tag, an id or the beginning of one means, and the branch.
    pub fn resolve(&self, name: &str) -> Option<(&str, Option<&Branch>)> {
        if let Some(branch) = self.branches.get(name) {
            return Some((&branch.commit, Some(branch)));
        }
        if let Some(commit) = self.tags.get(name) {
            return Some((commit, None));
        }
        if name.len() < 4 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut found = self.commits.keys().filter(|id| id.starts_with(name));
        match (found.next(), found.next()) {
            (Some(id), None) => Some((id, None)),
            _ => None,
        }
    }

    /// What a reader of a ref sees: on a branch also what is staged.
    pub fn objects(&self, name: &str) -> Option<Arc<Objects>> {
        let (commit, branch) = self.resolve(name)?;
        let committed = self.commits.get(commit)?.objects.clone();
        Some(match branch.filter(|branch| !branch.staged.is_empty()) {
            Some(branch) => Arc::new(branch.over(&committed)),
            None => committed,
        })
    }

    /// One object that a reader of a ref sees.
    pub fn object(&self, name: &str, key: &str) -> Option<Arc<Object>> {
        let (commit, branch) = self.resolve(name)?;
        match branch.and_then(|branch| branch.staged.get(key)) {
            Some(staged) => staged.clone(),
            None => self.commits.get(commit)?.objects.get(key).cloned(),
        }
    }

    pub fn to_json(&self) -> Value {
        json!({
            "id": self.name, "creation_date": self.created, "default_branch": self.default_branch,
            "storage_namespace": self.namespace, "read_only": false,
        })
    }
}

impl Branch {
    /// The objects with what is staged laid over them.
    pub fn over(&self, committed: &Objects) -> Objects {
        let mut objects = committed.clone();
        for (key, staged) in &self.staged {
            match staged {
                Some(object) => drop(objects.insert(key.clone(), object.clone())),
                None => drop(objects.remove(key)),
            }
        }
        objects
    }
}

impl Commit {
    pub fn to_json(&self, id: &str) -> Value {
        json!({
            "id": id, "parents": self.parents, "committer": "admin", "message": self.message,
            "creation_date": self.date, "meta_range_id": sha256(id.as_bytes()), "metadata": self.metadata,
            "version": 1, "generation": 1,
        })
    }
}

impl Object {
    pub fn empty() -> Self {
        Self {
            address: "local://elsewhere/empty".to_owned(),
            checksum: sha256(b""),
            size: 0,
            mtime: now(),
            metadata: BTreeMap::new(),
            content_type: String::new(),
            bytes: Some(Arc::default()),
        }
    }

    pub fn to_json(&self, key: &str, with_metadata: bool) -> Value {
        let mut line = json!({
            "path": key, "path_type": "object", "physical_address": self.address, "checksum": self.checksum,
            "mtime": self.mtime, "size_bytes": self.size, "content_type": self.content_type,
        });
        if with_metadata {
            line["metadata"] = json!(self.metadata);
        }
        line
    }
}
