//! One operation, one address: the spellings that clients use are rewritten to it before routing.
//!
//! | spelling | address |
//! |---|---|
//! | a trailing slash (except below `resolve` and `raw`) | without it |
//! | `/datasets/acme/corpus/tree/main` | `/api/datasets/acme/corpus/tree/main` |
//! | `/api/models/acme/bert/tree` | `/api/models/acme/bert/tree/main` |
//! | `/acme/bert/resolve/main/x` | `/models/acme/bert/resolve/main/x` |
//! | `/acme/bert.git/info/lfs/…`, `/api/acme/bert.git/info/lfs/…` | `/models/acme/bert/info/lfs/…` |
//! | `/acme/bert.git/info/refs`, `…/HEAD`, `…/git-upload-pack`, `…/git-receive-pack` | `/models/acme/bert/info/refs` … |
//! | `…/lfs/settings` | `…/settings/lfs` |
//! | `…/info/lfs/verify` | `…/info/lfs/objects/verify` |
//! | `…/super-squash/refs/pr/1`, as old clients write it | `…/super-squash/refs%2Fpr%2F1` |
//! | `/xet/v1/chunk/default/…` | `/xet/v1/chunks/default/…` |
//! | `/api/downloader/…` | `/api/…`, of what the downloader has |
//!
//! Where other hubs are mirrored, `-` stands for the namespace that the oldest repositories of some have none of:
//! `/gpt2/resolve/main/x` is `/models/-/gpt2/resolve/main/x`. It is no name, so nothing of this hub is hidden by it.
//!
//! Nothing is decoded here, so `refs%2Fpr%2F1` stays one segment.

use std::borrow::Cow;

use ballast_types::{Name, RepoKind};
use poem::http::Method;

/// Operations on a repository that are reached with and without `/api`.
const WITHOUT_API: [&str; 6] = ["tree", "paths-info", "commits", "branch", "tag", "settings"];
/// What follows a repository's id in an address, for telling that an id has one segment only.
const OPERATIONS: [&str; 27] = [
    "tree",
    "paths-info",
    "commits",
    "branch",
    "tag",
    "settings",
    "resolve",
    "raw",
    "revision",
    "refs",
    "commit",
    "preupload",
    "auth-check",
    "info",
    "compare",
    "merge",
    "super-squash",
    "discussions",
    "like",
    "likers",
    "stats",
    "lfs",
    "ask-access",
    "user-access-request",
    "xet-read-token",
    "xet-write-token",
    "lfs-files",
];

/// What is reached below `/api/downloader` too, where a proxy may keep it apart from the hub.
const DOWNLOADER: [&str; 8] = ["health", "download", "plan", "jobs", "settings", "analyze", "cache", "ws"];

fn is_kind(segment: &str) -> bool {
    RepoKind::ALL.iter().any(|kind| kind.plural() == segment)
}

fn is_file(segment: &str) -> bool {
    matches!(segment, "resolve" | "raw")
}

/// The address of what a raw (still percent-encoded) request path asks for.
pub fn canonical(path: &str) -> Cow<'_, str> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let rewritten = match segments.as_slice() {
        // Files: whatever stands behind the revision is a path, and belongs to the client alone.
        [kind, _, _, verb, ..] if is_kind(kind) && is_file(verb) => None,
        [namespace, _, verb, ..] if is_file(verb) && !is_kind(namespace) && *namespace != "api" => {
            Some(format!("/models{path}"))
        }
        _ => return routed(path.trim_end_matches('/')),
    };
    rewritten.map_or(Cow::Borrowed(path), Cow::Owned)
}

fn routed(path: &str) -> Cow<'_, str> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        [] => Cow::Borrowed("/"),
        ["xet", "v1", "chunk", prefix, chunk] => Cow::Owned(format!("/xet/v1/chunks/{prefix}/{chunk}")),
        ["api", rest @ ..] if large_files(rest).is_some() => Cow::Owned(large_files(rest).unwrap_or_default()),
        rest if large_files(rest).is_some() => Cow::Owned(large_files(rest).unwrap_or_default()),
        rest if git(rest).is_some() => Cow::Owned(git(rest).unwrap_or_default()),
        [kind, _, _, verb, ..] if is_kind(kind) && WITHOUT_API.contains(verb) => {
            Cow::Owned(format!("/api{path}{}", default_revision(&segments)))
        }
        ["api", kind, namespace, name, "lfs", "settings"] if is_kind(kind) => {
            Cow::Owned(format!("/api/{kind}/{namespace}/{name}/settings/lfs"))
        }
        ["api", kind, namespace, name, "super-squash", "refs", family, rest @ ..] => {
            let rest: String = rest.iter().map(|part| format!("%2F{part}")).collect();
            Cow::Owned(format!("/api/{kind}/{namespace}/{name}/super-squash/refs%2F{family}{rest}"))
        }
        ["api", "downloader", first, ..] if DOWNLOADER.contains(first) => {
            Cow::Owned(format!("/api/{}", segments[2..].join("/")))
        }
        ["api", repository @ ..] => match default_revision(repository) {
            "" => Cow::Borrowed(path),
            revision => Cow::Owned(format!("{path}{revision}")),
        },
        _ => Cow::Borrowed(path),
    }
}

/// A tree without a revision is the default branch's.
fn default_revision(repository: &[&str]) -> &'static str {
    match repository {
        [kind, _, _, "tree"] if is_kind(kind) => "/main",
        _ => "",
    }
}

/// `[kind/]namespace/name[.git]/info/lfs/…`
fn large_files(segments: &[&str]) -> Option<String> {
    let (kind, rest) = match segments {
        [kind, rest @ ..] if is_kind(kind) && rest.get(2) == Some(&"info") => (*kind, rest),
        rest => ("models", rest),
    };
    let [namespace, name, "info", "lfs", tail @ ..] = rest else { return None };
    let name = name.strip_suffix(".git").unwrap_or(name);
    let tail = match tail {
        ["verify"] => "objects/verify".to_owned(),
        tail => tail.join("/"),
    };
    Some(format!("/{kind}/{namespace}/{name}/info/lfs/{tail}"))
}

/// `[kind/]namespace/name[.git]/…` as git asks for it.
fn git(segments: &[&str]) -> Option<String> {
    let (kind, rest) = match segments {
        [kind, rest @ ..] if is_kind(kind) && rest.len() > 2 => (*kind, rest),
        rest => ("models", rest),
    };
    let [namespace, name, asked @ ..] = rest else { return None };
    let is_gits = matches!(asked, ["info", "refs"] | ["HEAD"] | ["git-upload-pack"] | ["git-receive-pack"]);
    let name = name.strip_suffix(".git").unwrap_or(name);
    (is_gits && *namespace != "api").then(|| format!("/{kind}/{namespace}/{name}/{}", asked.join("/")))
}

/// The repository that a path means whose id has only one segment. No such repository can exist, and clients expect
/// to be told so rather than that the address is wrong.
pub fn single_segment_id(path: &str) -> Option<(RepoKind, &str)> {
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').skip(1).collect();
    let (segments, api) = match segments.as_slice() {
        ["api", rest @ ..] => (rest, true),
        rest => (rest, false),
    };
    match segments {
        [kind, id] if api => Some((kind.parse().ok().filter(|_| is_kind(kind))?, id)),
        [kind, id, verb, ..] if is_kind(kind) && OPERATIONS.contains(verb) => Some((kind.parse().ok()?, id)),
        [id, verb, _, ..] if !api && !is_kind(id) && is_file(verb) => Some((RepoKind::Model, id)),
        _ => None,
    }
}

/// What an address asks for by a name that stands alone.
#[derive(Debug, PartialEq, Eq)]
pub struct AloneAddress<'a> {
    pub name: &'a str,
    /// Its address, with `-` for a namespace.
    pub address: String,
    /// Whether the same address could be that of a repository whose namespace is the name.
    pub is_ambiguous: bool,
}

/// What is read of a repository by a raw path whose id is a name that stands alone; none of any other path. Names of the
/// hub's own pages stand for nothing else, and what has a meaning with two segments keeps it.
pub fn alone<'a>(method: &Method, path: &'a str) -> Option<AloneAddress<'a>> {
    let (reads, posts) = (method == Method::GET, method == Method::POST);
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let trimmed = || path.trim_end_matches('/').split('/').skip(1).collect::<Vec<&str>>();
    let is_revision = |text: &str| !OPERATIONS.contains(&text);
    let is_free = |name: &&str| name.parse::<Name>().is_ok_and(|name| !name.is_reserved());
    let found = |name: &'a str, address: String, is_ambiguous: bool| {
        Some(AloneAddress { name, address, is_ambiguous }).filter(|_| is_free(&name))
    };
    match segments.as_slice() {
        [kind, name, verb, revision, _, ..]
            if is_kind(kind) && is_file(verb) && is_revision(revision) && (reads || method == Method::HEAD) =>
        {
            return found(name, format!("/{kind}/-/{}", segments[1..].join("/")), false);
        }
        [name, verb, revision, _, ..]
            if !is_kind(name) && is_file(verb) && is_revision(revision) && (reads || method == Method::HEAD) =>
        {
            return found(name, format!("/models/-/{}", segments.join("/")), false);
        }
        _ => {}
    }
    let segments = trimmed();
    let (rest, is_api) = match segments.as_slice() {
        ["api", rest @ ..] => (rest, true),
        rest => (rest, false),
    };
    let [kind, name, asked @ ..] = rest else { return None };
    let is_ambiguous = match asked {
        [] => is_api && reads,
        ["refs" | "auth-check"] => is_api && reads,
        ["revision", revision] => is_api && reads && is_revision(revision),
        ["tree", revision, ..] => reads && is_revision(revision),
        ["paths-info", revision] => posts && is_revision(revision),
        _ => false,
    }
    .then_some(matches!(asked, ["refs" | "auth-check"]))?;
    is_kind(kind).then(|| found(name, format!("/api/{kind}/-/{}", rest[1..].join("/")), is_ambiguous)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_leads_to_one_address() {
        for (spelling, address) in [
            ("/", "/"),
            ("/api/models", "/api/models"),
            ("/api/models/", "/api/models"),
            ("/datasets/a/b/tree/main", "/api/datasets/a/b/tree/main"),
            ("/datasets/a/b/tree/main/", "/api/datasets/a/b/tree/main"),
            ("/models/a/b/branch", "/api/models/a/b/branch"),
            ("/api/models/a/b/tree", "/api/models/a/b/tree/main"),
            ("/spaces/a/b/tree/", "/api/spaces/a/b/tree/main"),
            ("/a/b/resolve/main/x", "/models/a/b/resolve/main/x"),
            ("/a/b/resolve/refs%2Fpr%2F1/x%2Fy", "/models/a/b/resolve/refs%2Fpr%2F1/x%2Fy"),
            ("/datasets/a/b/resolve/main/x/", "/datasets/a/b/resolve/main/x/"),
            ("/a/b/raw/main/x", "/models/a/b/raw/main/x"),
            ("/a/b.git/info/lfs/objects/batch", "/models/a/b/info/lfs/objects/batch"),
            ("/a/b/info/lfs/objects/batch", "/models/a/b/info/lfs/objects/batch"),
            ("/datasets/a/b.git/info/lfs/objects/batch", "/datasets/a/b/info/lfs/objects/batch"),
            ("/api/a/b.git/info/lfs/verify", "/models/a/b/info/lfs/objects/verify"),
            ("/a/b.git/info/lfs/locks/verify", "/models/a/b/info/lfs/locks/verify"),
            ("/a/b.git/info/refs", "/models/a/b/info/refs"),
            ("/a/b/git-upload-pack", "/models/a/b/git-upload-pack"),
            ("/datasets/a/b.git/git-receive-pack", "/datasets/a/b/git-receive-pack"),
            ("/models/a/b.git/HEAD", "/models/a/b/HEAD"),
            ("/api/lfs/objects/0a/parts/1", "/api/lfs/objects/0a/parts/1"),
            ("/xet/v1/chunk/default/ab", "/xet/v1/chunks/default/ab"),
            ("/api/models/a/b/super-squash/refs/pr/1", "/api/models/a/b/super-squash/refs%2Fpr%2F1"),
            ("/api/models/a/b/super-squash/main", "/api/models/a/b/super-squash/main"),
            ("/api/whoami-v2/", "/api/whoami-v2"),
            ("/api/downloader/jobs/ab/pause", "/api/jobs/ab/pause"),
            ("/api/downloader/jobs/", "/api/jobs"),
            ("/api/downloader/whoami-v2", "/api/downloader/whoami-v2"),
            ("/a/b", "/a/b"),
        ] {
            assert_eq!(canonical(spelling), address, "{spelling}");
        }
    }

    #[test]
    fn ids_of_one_segment_are_recognised_as_repositories_that_cannot_be() {
        assert_eq!(single_segment_id("/api/models/x"), Some((RepoKind::Model, "x")));
        assert_eq!(single_segment_id("/api/datasets/x/tree/main"), Some((RepoKind::Dataset, "x")));
        assert_eq!(single_segment_id("/foo/resolve/main/x"), Some((RepoKind::Model, "foo")));
        assert_eq!(single_segment_id("/datasets/foo/resolve/main/x"), Some((RepoKind::Dataset, "foo")));
        assert_eq!(single_segment_id("/api/nothing/x"), None);
        assert_eq!(single_segment_id("/api/models"), None);
    }

    #[test]
    fn what_is_read_of_a_name_that_stands_alone_has_an_address_of_its_own() {
        let of = |method: Method, path: &str| alone(&method, path).map(|alone| (alone.address, alone.is_ambiguous));
        for (method, path, address, is_ambiguous) in [
            (Method::GET, "/api/models/gpt2", "/api/models/-/gpt2", false),
            (Method::GET, "/api/models/gpt2/", "/api/models/-/gpt2", false),
            (
                Method::GET,
                "/api/datasets/squad/revision/refs%2Fpr%2F1",
                "/api/datasets/-/squad/revision/refs%2Fpr%2F1",
                false,
            ),
            (Method::GET, "/api/models/gpt2/tree/main/a/b", "/api/models/-/gpt2/tree/main/a/b", false),
            (Method::GET, "/datasets/squad/tree/main", "/api/datasets/-/squad/tree/main", false),
            (Method::POST, "/api/models/gpt2/paths-info/main", "/api/models/-/gpt2/paths-info/main", false),
            (Method::GET, "/api/models/gpt2/refs", "/api/models/-/gpt2/refs", true),
            (Method::GET, "/api/models/gpt2/auth-check", "/api/models/-/gpt2/auth-check", true),
            (Method::HEAD, "/gpt2/resolve/main/config.json", "/models/-/gpt2/resolve/main/config.json", false),
            (Method::GET, "/gpt2/raw/main/a/b/", "/models/-/gpt2/raw/main/a/b/", false),
            (Method::GET, "/datasets/squad/resolve/main/x", "/datasets/-/squad/resolve/main/x", false),
        ] {
            assert_eq!(of(method, path), Some((address.to_owned(), is_ambiguous)), "{path}");
        }
    }

    #[test]
    fn names_of_pages_and_addresses_with_two_segments_keep_their_meaning() {
        for path in [
            "/api/models",
            "/api/models/acme/bert",
            "/api/models/acme/bert/refs",
            "/api/models/acme/tree",
            "/api/models/tree/resolve/refs",
            "/api/models/settings",
            "/api/nothing/gpt2",
            "/api/models/a%20b",
            "/acme/bert/resolve/main/x",
            "/datasets/acme/corpus/resolve/main/x",
            "/datasets/acme/corpus/tree/main",
            "/docs/resolve/main/x",
            "/api/resolve/main/x",
            "/gpt2/resolve/resolve/x",
            "/gpt2/resolve/main",
            "/models/datasets/resolve/main/x",
            "/-/resolve/main/x",
        ] {
            assert_eq!(alone(&Method::GET, path), None, "{path}");
        }
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            assert_eq!(alone(&method, "/gpt2/resolve/main/x"), None);
            assert_eq!(alone(&method, "/api/models/gpt2"), None);
        }
    }
}
