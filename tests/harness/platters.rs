//! What a power cut leaves on the disk.
//!
//! The library under the hub keeps, at each sync, what was synced (`tests/preload/faults.c`). Before a start everything
//! that lies there counts as synced. After the hub is killed, the folder is put together again from these copies: either
//! nothing is left of what was not synced, or chance decides for each page and each name, which is all that a file
//! system without further promises has to give.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::Random;

/// What of a file reaches the disk together.
const PAGE: usize = 4096;

type Inode = u64;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    inode: Inode,
    is_folder: bool,
}

type Names = BTreeMap<String, Node>;

/// The copies of what is synced.
pub struct Platters {
    folder: PathBuf,
    root: PathBuf,
}

/// The disk as the running system sees it.
#[derive(Default)]
struct Seen {
    folders: HashMap<Inode, Names>,
    files: HashMap<Inode, PathBuf>,
}

impl Platters {
    pub(crate) fn new(folder: &Path, root: &Path) -> Self {
        Self { folder: folder.to_owned(), root: root.to_owned() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that lies there now is synced: the state to begin from. No hub may run.
    pub fn settle(&self) {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).expect("a folder for the platters");
        let seen = Seen::of(&self.root);
        for (inode, names) in &seen.folders {
            fs::write(self.copy(*inode), written(names)).expect("a copy");
        }
        for (inode, path) in &seen.files {
            fs::copy(path, self.copy(*inode)).expect("a copy");
        }
    }

    /// Cuts the power: what was not synced is lost; with a seed, chance decides what of it is. No hub may run.
    pub fn cut(&self, seed: Option<u64>) {
        let left = self.folder.with_extension("left");
        let seen = Seen::of(&self.root);
        let chance = seed.map(Random::new);
        let root = inode(&self.root);
        self.rebuild(root, &left, &seen, chance.as_ref());
        fs::remove_dir_all(&self.root).expect("the old folder goes");
        fs::rename(&left, &self.root).expect("the new folder comes");
    }

    fn copy(&self, inode: Inode) -> PathBuf {
        self.folder.join(inode.to_string())
    }

    fn rebuild(&self, folder: Inode, target: &Path, seen: &Seen, chance: Option<&Random>) {
        fs::create_dir(target).expect("a folder");
        let synced = self.names(folder);
        let latest = seen.folders.get(&folder).unwrap_or(&synced);
        let mut names: Vec<&String> = synced.keys().chain(latest.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let (old, new) = (synced.get(name), latest.get(name));
            let late = old != new && chance.is_some_and(|chance| chance.percent(50));
            let target = target.join(name);
            match if late { new } else { old } {
                Some(Node { inode, is_folder: true }) => self.rebuild(*inode, &target, seen, chance),
                Some(Node { inode, is_folder: false }) => {
                    fs::write(&target, self.bytes(*inode, seen, chance)).expect("a file");
                    copy_mode(*inode, &target, seen);
                }
                None => {}
            }
        }
    }

    /// A folder that was never synced has no names.
    fn names(&self, folder: Inode) -> Names {
        read(&fs::read_to_string(self.copy(folder)).unwrap_or_default())
    }

    /// A file whose bytes were never synced is empty.
    fn bytes(&self, inode: Inode, seen: &Seen, chance: Option<&Random>) -> Vec<u8> {
        let synced = fs::read(self.copy(inode)).unwrap_or_default();
        let (Some(chance), Some(path)) = (chance, seen.files.get(&inode)) else { return synced };
        let latest = fs::read(path).expect("a file");
        let length = if chance.percent(50) { latest.len() } else { synced.len() };
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let page = bytes.len()..length.min(bytes.len() + PAGE);
            let source = if chance.percent(50) { &latest } else { &synced };
            let held = source.get(page.start..page.end.min(source.len())).unwrap_or_default();
            bytes.extend(held);
            bytes.resize(page.end, 0);
        }
        bytes
    }
}

/// A line for each name: inode, kind, name.
fn written(names: &Names) -> String {
    let kind = |node: &Node| if node.is_folder { 'd' } else { 'f' };
    names.iter().map(|(name, node)| format!("{} {} {name}\n", node.inode, kind(node))).collect()
}

fn read(text: &str) -> Names {
    let node = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let inode = words.next()?.parse().ok()?;
        let is_folder = words.next()? == "d";
        Some((words.next()?.to_owned(), Node { inode, is_folder }))
    };
    text.lines().map(|line| node(line).expect("an inode, a kind and a name")).collect()
}

fn copy_mode(inode: Inode, target: &Path, seen: &Seen) {
    if let Some(path) = seen.files.get(&inode) {
        let mode = fs::metadata(path).expect("a file").permissions();
        fs::set_permissions(target, mode).expect("a file's mode");
    }
}

impl Seen {
    fn of(root: &Path) -> Self {
        let mut seen = Self::default();
        seen.look(root);
        seen
    }

    fn look(&mut self, folder: &Path) {
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("an entry");
            let node = Node { inode: metadata.ino(), is_folder: metadata.is_dir() };
            names.insert(entry.file_name().into_string().expect("a name in UTF-8"), node);
            match node.is_folder {
                true => self.look(&entry.path()),
                false => drop(self.files.insert(node.inode, entry.path())),
            }
        }
        self.folders.insert(inode(folder), names);
    }
}

fn inode(path: &Path) -> Inode {
    fs::metadata(path).expect("a folder").ino()
}
