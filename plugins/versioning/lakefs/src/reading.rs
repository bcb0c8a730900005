//! Reading a commit: folder by folder, each one call to lakeFS and then at hand.
//!
//! Always by the id of a commit in lakeFS and never by a branch: on a branch lakeFS shows what nobody has committed. An
//! index is known by the commit that last wrote it, so that commits share what they have in common.

use std::collections::BTreeSet;
use std::sync::Arc;

use ballast_contract::versioning::{Entry, ListRequest, Node};
use ballast_contract::{Page, Result};
use ballast_types::{CommitId, RepoKey, RepoPath};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use moka::sync::Cache;

use crate::Lakefs;
use crate::client::Client;
use crate::draft::Stored;
use crate::folder::{Folder, Item, Sub, What, join};
use crate::names::folder_key;
use crate::records::{Commit, Repository};
use ballast_contract::versioning::failure::{corrupt, invalid, missing};

const OPERATION: &str = "versioning.read";
/// Folders that one call reads at the same time.
const AT_A_TIME: usize = 8;

/// Open folders that are at hand.
pub type Folders = Cache<(RepoKey, CommitId, String), Arc<Folder>>;

/// A folder on its way, with its path.
type Reading<'a> = BoxFuture<'a, Result<(String, Arc<Folder>)>>;

/// One commit, to be read.
#[derive(Clone)]
pub struct View<'a> {
    client: &'a Client,
    folders: &'a Folders,
    repo: RepoKey,
    /// What the repository is called in lakeFS.
    name: String,
    pub commit: Arc<Commit>,
}

impl View<'_> {
    /// Whose commit it is.
    pub fn repo(&self) -> RepoKey {
        self.repo
    }
}

impl Lakefs {
    /// A commit of a repository, to be read.
    pub(crate) fn view(&self, repo: RepoKey, repository: &Repository, commit: Arc<Commit>) -> View<'_> {
        View { client: &self.client, folders: &self.folders, repo, name: repository.name.clone(), commit }
    }

    /// The same, by the commit's id. `NotFound` says whether the commit or the repository is missing.
    pub(crate) async fn view_of(&self, repo: RepoKey, at: CommitId) -> Result<View<'_>> {
        let repository = self.repository(repo).await?;
        let commit = self.commit_of(repo, at).await?;
        Ok(self.view(repo, &repository, commit))
    }

    pub(crate) async fn find_entries(
        &self,
        repo: RepoKey,
        at: CommitId,
        paths: &[RepoPath],
    ) -> Result<Vec<Option<Item>>> {
        let view = self.view_of(repo, at).await?;
        let mut stored = Stored::default();
        let folders = paths.iter().flat_map(|path| path.ancestors().map(str::to_owned)).collect();
        view.load(&mut stored, folders).await?;
        Ok(paths.iter().map(|path| stored.find(path.as_str()).cloned()).collect())
    }

    pub(crate) async fn list_folder(&self, request: &ListRequest) -> Result<Page<Entry>> {
        let view = self.view_of(request.repo, request.at).await?;
        let top = request.folder.as_ref().map_or("", RepoPath::as_str);
        let no_folder = || {
            let named = if top.is_empty() { "its root" } else { top };
            missing(OPERATION, format!("commit {} of repository {} has no folder {named}", request.at, request.repo))
        };
        view.folder(top).await?.ok_or_else(no_folder)?;
        let limit = request.limit.max(1);
        let mut walk = Walk::begin(&view, top, request.after.as_deref(), request.recursive).await?;
        let mut items = Vec::new();
        while items.len() < limit {
            match walk.next().await? {
                Some(entry) => items.push(entry),
                None => break,
            }
        }
        let next = if walk.has_more() { walk.cursor() } else { None };
        Ok(Page { items, next })
    }
}

impl View<'_> {
    /// The index behind a folder's line.
    async fn read(&self, path: &str, sub: &Sub) -> Result<Arc<Folder>> {
        if sub.files == 0 {
            return Ok(Arc::default());
        }
        let key = (self.repo, sub.written, path.to_owned());
        if let Some(folder) = self.folders.get(&key) {
            return Ok(folder);
        }
        let folder = Arc::new(self.read_anew(path, sub).await?);
        self.folders.insert(key, folder.clone());
        Ok(folder)
    }

    /// The same, from lakeFS and not from memory.
    pub async fn read_anew(&self, path: &str, sub: &Sub) -> Result<Folder> {
        let of = || format!("the index of the folder '{path}' of commit {} in lakeFS", self.commit.info.id);
        let bytes = self.client.object(&self.name, &self.commit.lakefs, &folder_key(path)).await?;
        let folder = Folder::decode(&bytes.ok_or_else(|| corrupt(OPERATION, format!("{} is absent", of())))?)?;
        match folder.sum(sub.written) == *sub {
            true => Ok(folder),
            false => Err(corrupt(OPERATION, format!("{} is not what was written there", of()))),
        }
    }

    /// A folder; none where there is none of this path.
    pub async fn folder(&self, path: &str) -> Result<Option<Arc<Folder>>> {
        let mut folder = self.read("", &self.commit.root).await?;
        if path.is_empty() {
            return Ok(Some(folder));
        }
        for (end, name) in parts(path) {
            let Some(What::Folder(sub)) = folder.line(name, true).map(|item| item.what) else { return Ok(None) };
            folder = self.read(&path[..end], &sub).await?;
        }
        Ok(Some(folder))
    }

    /// The folder behind a line of one that is open.
    pub async fn inner(&self, path: &str, item: &Item) -> Result<Arc<Folder>> {
        match &item.what {
            What::Folder(sub) => self.read(path, sub).await,
            What::Entry(_) => Ok(Arc::default()),
        }
    }

    /// Reads these folders, as far as they are there, those above them and the root.
    pub async fn load(&self, stored: &mut Stored, paths: BTreeSet<String>) -> Result<()> {
        let mut wanted: BTreeSet<(usize, &str)> = BTreeSet::new();
        for path in &paths {
            let above = path.match_indices('/').map(|(at, _)| &path[..at]).chain([path.as_str()]);
            wanted.extend(above.filter(|path| !path.is_empty()).map(|path| (path.matches('/').count(), path)));
        }
        self.load_root(stored).await?;
        let depths: BTreeSet<usize> = wanted.iter().map(|(depth, _)| *depth).collect();
        for depth in depths {
            let level = wanted.iter().filter(|(at, path)| *at == depth && !stored.0.contains_key(*path));
            let there: Vec<(String, Item)> =
                level.filter_map(|(_, path)| Some(((*path).to_owned(), folder_line(stored, path)?.clone()))).collect();
            self.load_lines(stored, there).await?;
        }
        Ok(())
    }

    /// Reads a folder, as far as it is there, with everything below it.
    pub async fn load_below(&self, stored: &mut Stored, path: &str) -> Result<()> {
        self.load(stored, [path.to_owned()].into()).await?;
        let mut open = vec![path.to_owned()];
        while !open.is_empty() {
            let mut lines = Vec::new();
            for path in &open {
                let items = stored.0.get(path).map(|folder| folder.items.clone()).unwrap_or_default();
                let inside = items.into_iter().filter(Item::is_folder).map(|item| (join(path, &item.name), item));
                lines.extend(inside);
            }
            open = lines.iter().map(|(path, _)| path.clone()).collect();
            lines.retain(|(path, _)| !stored.0.contains_key(path));
            self.load_lines(stored, lines).await?;
        }
        Ok(())
    }

    /// Reads on from a folder to the first file in it, which a message may name.
    pub async fn load_first(&self, stored: &mut Stored, path: &str) -> Result<()> {
        let mut path = path.to_owned();
        while let Some(first) = stored.0.get(&path).and_then(|folder| folder.items.first()).cloned() {
            path = join(&path, &first.name);
            self.load_lines(stored, vec![(path.clone(), first)]).await?;
        }
        Ok(())
    }

    async fn load_root(&self, stored: &mut Stored) -> Result<()> {
        if !stored.0.contains_key("") {
            stored.0.insert(String::new(), self.read("", &self.commit.root).await?);
        }
        Ok(())
    }

    async fn load_lines(&self, stored: &mut Stored, lines: Vec<(String, Item)>) -> Result<()> {
        stored.0.extend(self.inner_all(lines).await?);
        Ok(())
    }

    /// The folders behind these lines, each with its path.
    pub async fn inner_all(&self, lines: Vec<(String, Item)>) -> Result<Vec<(String, Arc<Folder>)>> {
        let mut reads: Vec<Reading<'_>> = Vec::new();
        for (path, item) in lines.into_iter().filter(|(_, item)| item.is_folder()) {
            reads.push(Box::pin(async move {
                let folder = self.inner(&path, &item).await?;
                Ok((path, folder))
            }));
        }
        stream::iter(reads).buffered(AT_A_TIME).try_collect().await
    }
}

/// The line of a folder in what was read.
fn folder_line<'s>(stored: &'s Stored, path: &str) -> Option<&'s Item> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    stored.0.get(above)?.line(name, true)
}

/// The names in a path, each with where it ends.
fn parts(path: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut begin = 0;
    path.split('/').map(move |name| {
        let end = begin + name.len();
        begin = end + 1;
        (end, name)
    })
}

/// A listing under way: a folder's own entries, then those of the folders in it.
struct Walk<'a, 'v> {
    view: &'a View<'v>,
    recursive: bool,
    open: Vec<Level>,
    /// The folder and git's key of the last entry that was given.
    last: Option<(String, String)>,
}

struct Level {
    path: String,
    folder: Arc<Folder>,
    /// The next line.
    at: usize,
    /// Whether the lines themselves are through, and the folders among them are entered.
    entering: bool,
}

impl<'a, 'v> Walk<'a, 'v> {
    /// Stands at the beginning, or behind a cursor: the folder's path, two slashes, and the key of a line in it.
    async fn begin(view: &'a View<'v>, top: &str, after: Option<&str>, recursive: bool) -> Result<Self> {
        let mut walk = Self { view, recursive, open: Vec::new(), last: None };
        let Some(after) = after else {
            walk.enter(top.to_owned()).await?;
            return Ok(walk);
        };
        let bad = || invalid(OPERATION, "not a cursor of this listing");
        let is_below = |folder: &str| {
            folder == top || top.is_empty() || folder.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
        };
        walk.enter(top.to_owned()).await?;
        let Some((folder, key)) = after.split_once("//").filter(|(folder, _)| is_below(folder)) else {
            // Any text is a place: before everything below the folder, or behind it.
            if after > format!("{top}//").as_str() {
                walk.open.clear();
            }
            return Ok(walk);
        };
        let begin = if top.is_empty() { 0 } else { (top.len() + 1).min(folder.len()) };
        for (end, name) in parts(&folder[begin..]).filter(|(_, name)| !name.is_empty()) {
            let level = walk.open.last_mut().ok_or_else(bad)?;
            level.entering = true;
            level.at = level.folder.position_behind(&format!("{name}/"));
            let path = folder[..begin + end].to_owned();
            if view.folder(&path).await?.is_none() {
                return Ok(walk);
            }
            walk.enter(path).await?;
        }
        let level = walk.open.last_mut().ok_or_else(bad)?;
        level.at = level.folder.position_behind(key);
        Ok(walk)
    }

    async fn enter(&mut self, path: String) -> Result<()> {
        let gone = || invalid(OPERATION, "not a cursor of this listing");
        let folder = self.view.folder(&path).await?.ok_or_else(gone)?;
        self.open.push(Level { path, folder, at: 0, entering: false });
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Entry>> {
        while let Some(level) = self.open.last_mut() {
            let Some(item) = level.folder.items.get(level.at).cloned() else {
                match level.entering || !self.recursive {
                    true => drop(self.open.pop()),
                    false => (level.at, level.entering) = (0, true),
                }
                continue;
            };
            level.at += 1;
            let path = join(&level.path, &item.name);
            if !level.entering {
                self.last = Some((level.path.clone(), item.key()));
                return Ok(Some(Entry { path: repo_path(path)?, node: item.what.node() }));
            }
            if item.is_folder() {
                self.enter(path).await?;
            }
        }
        Ok(None)
    }

    /// Whether anything is left. A folder that is there is never empty.
    fn has_more(&self) -> bool {
        self.open.iter().any(|level| {
            let rest = level.folder.items.get(level.at..).unwrap_or_default();
            let folders = || level.folder.items.iter().any(Item::is_folder);
            match level.entering {
                true => rest.iter().any(Item::is_folder),
                false => !rest.is_empty() || (self.recursive && folders()),
            }
        })
    }

    fn cursor(&self) -> Option<String> {
        self.last.as_ref().map(|(folder, key)| format!("{folder}//{key}"))
    }
}

/// A path that an index has.
pub fn repo_path(path: String) -> Result<RepoPath> {
    path.try_into().map_err(|error| corrupt(OPERATION, "an index of a folder has a bad name").with_source(error))
}

/// What a line says to a reader.
pub fn node(item: Option<Item>) -> Option<Node> {
    item.map(|item| item.what.node())
}

/// What a folder's line sums up; none for anything else.
pub fn sum(item: Option<Item>) -> Option<u64> {
    match item?.what {
        What::Folder(sub) => Some(sub.bytes),
        What::Entry(_) => None,
    }
}
