//! The keys of a folder, in byte order.

use std::fs;
use std::io;
use std::path::Path;

use ballast_contract::storage::StorageKey;

/// The first keys behind `after`, at most `limit`. Never more in memory than the entries of the folders on the way to
/// one object, and folders that lie before `after` are not read.
pub(crate) fn keys_after(root: &Path, after: Option<&StorageKey>, limit: usize) -> io::Result<Vec<StorageKey>> {
    let mut found = Vec::new();
    walk(root, "", after.map_or("", StorageKey::as_str), limit, &mut found)?;
    Ok(found)
}

/// `prefix` is empty or ends with a slash.
fn walk(folder: &Path, prefix: &str, after: &str, limit: usize, found: &mut Vec<StorageKey>) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in read(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A folder stands where its first key would: `a-b` comes before `a/b`.
        let name = if entry.file_type()?.is_dir() { format!("{prefix}{name}/") } else { format!("{prefix}{name}") };
        let may_follow = if name.ends_with('/') { *name > *after || after.starts_with(&name) } else { *name > *after };
        if may_follow && name.trim_end_matches('/').parse::<StorageKey>().is_ok() {
            names.push(name);
        }
    }
    names.sort_unstable();
    for name in names {
        if found.len() >= limit {
            break;
        }
        match (name.strip_suffix('/'), name.parse()) {
            (Some(inner), _) => {
                let last = inner.rsplit('/').next().unwrap_or(inner);
                walk(&folder.join(last), &name, after, limit, found)?;
            }
            (None, Ok(key)) => found.push(key),
            (None, Err(_)) => {}
        }
    }
    Ok(())
}

/// The entries of a folder; none where it went away meanwhile.
fn read(folder: &Path) -> io::Result<Box<dyn Iterator<Item = io::Result<fs::DirEntry>>>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Box::new(entries)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Box::new(std::iter::empty())),
        Err(error) => Err(error),
    }
}
