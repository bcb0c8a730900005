use std::fmt::Write;

use ballast_contract::versioning::Node;
use ballast_services::FileChange;

const NOWHERE: &str = "0000000000000000000000000000000000000000";

/// The bits of a mode that say what sort of thing it is.
const SORT: u32 = 0o170000;

/// A difference as `git diff --full-index` writes it. Paths are not escaped but for what would end them.
pub fn patch(change: &FileChange) -> String {
    let (old, new) = (quoted("a/", change), quoted("b/", change));
    let mut text = format!("diff --git {old} {new}\n");
    let mode = |side: &Option<Node>| side.as_ref().map(Node::mode);
    // Writing to a string does not fail.
    let _ = match (mode(&change.before), mode(&change.after)) {
        (None, Some(mode)) => writeln!(text, "new file mode {mode:06o}"),
        (Some(mode), None) => writeln!(text, "deleted file mode {mode:06o}"),
        (Some(before), Some(after)) if before != after => {
            writeln!(text, "old mode {before:06o}\nnew mode {after:06o}")
        }
        _ => Ok(()),
    };
    let [before, after] = [&change.before, &change.after].map(oid);
    if before == after {
        return text;
    }
    let same = mode(&change.before).filter(|before| Some(*before) == mode(&change.after));
    let same = same.map_or(String::new(), |mode| format!(" {mode:06o}"));
    let _ = writeln!(text, "index {before}..{after}{same}");
    let old = if change.before.is_some() { old } else { "/dev/null".to_owned() };
    let new = if change.after.is_some() { new } else { "/dev/null".to_owned() };
    let _ = match change.hunks.as_deref().filter(|_| is_of_one_sort(change)) {
        Some("") => Ok(()),
        Some(hunks) => write!(text, "--- {}\n+++ {}\n{hunks}", ended(&old), ended(&new)),
        None => writeln!(text, "Binary files {old} and {new} differ"),
    };
    text
}

/// A difference as one line: `T` or `B`, the new size, and git's raw line.
pub fn raw(change: &FileChange) -> String {
    let mode = |side: &Option<Node>| side.as_ref().map_or(0, Node::mode);
    let status = match (&change.before, &change.after) {
        (None, _) => 'A',
        (_, None) => 'D',
        _ if !is_of_one_sort(change) => 'T',
        _ => 'M',
    };
    let is_lfs = |node: &Node| node.file().is_some_and(|file| file.is_lfs());
    let binary = [&change.before, &change.after].into_iter().flatten().any(is_lfs);
    let size = change.after.as_ref().and_then(Node::file).map_or(0, |file| file.size());
    let (letter, [before, after]) = (if binary { 'B' } else { 'T' }, [&change.before, &change.after].map(oid));
    let (old, new) = (mode(&change.before), mode(&change.after));
    format!("{letter} {size}\t:{old:06o} {new:06o} {before}... {after}... {status}\t{}\n", change.path)
}

fn oid(side: &Option<Node>) -> String {
    side.as_ref().map_or_else(|| NOWHERE.to_owned(), |node| node.oid().to_string())
}

fn is_of_one_sort(change: &FileChange) -> bool {
    let sort = |side: &Option<Node>| side.as_ref().map(|node| node.mode() & SORT);
    sort(&change.before).zip(sort(&change.after)).is_none_or(|(before, after)| before == after)
}

/// A path has neither control characters nor backslashes; quotation marks are what is left to escape.
fn quoted(prefix: &str, change: &FileChange) -> String {
    let path = change.path.as_str();
    match path.contains('"') {
        true => format!("\"{prefix}{}\"", path.replace('"', "\\\"")),
        false => format!("{prefix}{path}"),
    }
}

/// A name with a space in it ends with a tab.
fn ended(name: &str) -> String {
    if name.contains(' ') { format!("{name}\t") } else { name.to_owned() }
}
