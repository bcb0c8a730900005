//! `ballast cache …`: the cache that Hugging Face's own programs share.

use std::collections::BTreeSet;

use ballast_landing::{CachedRepository, Flaw, Verified};
use ballast_types::{CommitId, RepoId, RepoKind};
use serde_json::json;

use crate::cli::{Cache, CacheOptions};
use crate::exit::Exit;
use crate::output;
use crate::remote::{self, exit, repo_id};

/// Does what is asked of the cache.
pub fn run(command: Cache) -> Result<(), Exit> {
    match command {
        Cache::List { options } => list(options),
        Cache::Info { repo, options } => info(&repo, options),
        Cache::Verify { repo, options } => verify(repo.as_deref(), options),
        Cache::Delete { repo, revision, options } => delete(&repo, &revision, options),
    }
}

fn kind(options: &CacheOptions) -> RepoKind {
    match (options.dataset, options.space) {
        (true, _) => RepoKind::Dataset,
        (_, true) => RepoKind::Space,
        _ => RepoKind::Model,
    }
}

fn named(repo: &str) -> Result<RepoId, Exit> {
    repo_id(repo).map_err(|why| Exit::misuse(format!("{repo}: {why}")))
}

fn absent(kind: RepoKind, repo: &str) -> Exit {
    Exit::Ended { code: 3, why: format!("the cache has no {kind} '{repo}'; `ballast cache list` says what it has") }
}

fn list(options: CacheOptions) -> Result<(), Exit> {
    let cache = remote::cache(options.cache_dir)?;
    let found = cache.list().map_err(exit)?;
    if options.json {
        let repos: Vec<_> = found.iter().map(about).collect();
        return output::print(&format!(
            "{}\n",
            json!({ "cacheDir": cache.root(), "count": repos.len(), "repos": repos })
        ));
    }
    let heading = ["TYPE", "REPOSITORY", "SIZE", "BLOBS", "MODIFIED"].map(str::to_owned);
    let row = |one: &CachedRepository| {
        let (kind, size) = (one.kind.to_string(), output::size(one.size));
        [kind, one.id.to_string(), size, one.blobs.to_string(), one.modified.to_string()]
    };
    let rows: Vec<_> = std::iter::once(heading).chain(found.iter().map(row)).collect();
    output::print(&output::columns(&rows))
}

fn about(one: &CachedRepository) -> serde_json::Value {
    json!({
        "repo": one.id.to_string(), "type": one.kind, "path": one.path, "size": one.size, "blobs": one.blobs,
        "lastModified": one.modified.to_string(),
    })
}

fn info(repo: &str, options: CacheOptions) -> Result<(), Exit> {
    let (kind, id) = (kind(&options), named(repo)?);
    let cache = remote::cache(options.cache_dir)?;
    let found = cache.inventory(kind, &id).map_err(exit)?.ok_or_else(|| absent(kind, repo))?;
    if options.json {
        let commits = found.snapshots.iter().map(|snapshot| {
            let files =
                snapshot.files.iter().map(|file| json!({ "path": file.path, "size": file.size, "blob": file.blob }));
            json!({ "commit": snapshot.commit, "refs": snapshot.refs, "files": files.collect::<Vec<_>>() })
        });
        let mut told = about(&found.repository);
        told["commits"] = commits.collect();
        return output::print(&format!("{told}\n"));
    }
    let mut text = format!("{}\n{}\n", found.repository.path.display(), output::size(found.repository.size));
    for snapshot in &found.snapshots {
        text += &format!("\n{} {}\n", snapshot.commit, snapshot.refs.join(" "));
        let rows: Vec<_> = snapshot.files.iter().map(|file| [output::size(file.size), file.path.to_string()]).collect();
        text += &output::columns(&rows);
    }
    output::print(&text)
}

fn verify(repo: Option<&str>, options: CacheOptions) -> Result<(), Exit> {
    let kind = kind(&options);
    let cache = remote::cache(options.cache_dir)?;
    let wanted = match repo {
        Some(repo) => vec![(kind, named(repo)?)],
        None => cache.list().map_err(exit)?.into_iter().map(|one| (one.kind, one.id)).collect(),
    };
    let mut flaws = 0;
    for (kind, id) in wanted {
        let verified = cache.verify(kind, &id, |_| {}).map_err(exit)?.ok_or_else(|| absent(kind, &id.to_string()))?;
        flaws += verified.flaws.len();
        tell(kind, &id, &verified, options.json)?;
    }
    match flaws {
        0 => Ok(()),
        n => Err(Exit::Ended {
            code: 7,
            why: format!("{n} things in the cache are not as they should be; download them again"),
        }),
    }
}

fn tell(kind: RepoKind, id: &RepoId, verified: &Verified, as_json: bool) -> Result<(), Exit> {
    let flaw = |flaw: &Flaw| match flaw {
        Flaw::Damaged { blob } => ("damaged", blob.clone()),
        Flaw::Missing { path } => ("missing", path.clone()),
    };
    if as_json {
        let flaws = verified.flaws.iter().map(flaw).map(|(what, which)| json!({ "what": what, "which": which }));
        let told = json!({
            "repo": id.to_string(), "type": kind, "blobs": verified.blobs, "bytes": verified.bytes,
            "unnamed": verified.unnamed, "flaws": flaws.collect::<Vec<_>>(),
        });
        return output::print(&format!("{told}\n"));
    }
    let mut text = format!("{kind} {id}: {} blobs, {}\n", verified.blobs, output::size(verified.bytes));
    for (what, which) in verified.flaws.iter().map(flaw) {
        text += &format!("  {what}: {which}\n");
    }
    output::print(&text)
}

fn delete(repo: &str, revisions: &[String], options: CacheOptions) -> Result<(), Exit> {
    let (kind, id) = (kind(&options), named(repo)?);
    let cache = remote::cache(options.cache_dir)?;
    let freed = match revisions {
        [] => cache.delete(kind, &id).map_err(exit)?.ok_or_else(|| absent(kind, repo))?,
        revisions => {
            let found = cache.inventory(kind, &id).map_err(exit)?.ok_or_else(|| absent(kind, repo))?;
            let commit = |revision: &String| {
                let of = |snapshot: &&ballast_landing::CachedSnapshot| {
                    snapshot.commit.to_string() == *revision || snapshot.refs.contains(revision)
                };
                let found = found.snapshots.iter().find(of).map(|snapshot| snapshot.commit);
                found.ok_or_else(|| Exit::Ended {
                    code: 3,
                    why: format!("'{revision}' is no cached revision of {repo}"),
                })
            };
            let commits: BTreeSet<CommitId> = revisions.iter().map(commit).collect::<Result<_, _>>()?;
            cache.delete_snapshots(kind, &id, &commits).map_err(exit)?
        }
    };
    match options.json {
        true => output::print(&format!("{}\n", json!({ "freed": freed }))),
        false => output::print(&format!("{} are free\n", output::size(freed))),
    }
}
