//! What a downloader plugin keeps its promises by.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ballast_contract::downloader::{Downloader, Expected, Fetched, Source, SourceAccess, SourceFile};
use ballast_contract::{Error, ErrorKind, Health};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{ByteRange, CommitId, GitOid, RepoKind, Revision, Secret, Sha256};
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};
use sha2::Digest;

use crate::Random;

type Instance = Arc<dyn Downloader>;

/// A remote hub that the plugin's tests bring, as empty as it may be. A repository has one commit and the branch `main`.
pub trait Remote {
    /// Has a repository (`namespace/name`) with these files from now on; those that end in `.bin` are large files.
    fn put(&self, kind: RepoKind, repo: &str, files: &[(String, Vec<u8>)]);
    /// Answers only whoever shows this token, from now on.
    fn guard(&self, token: &str);
}

const REPO: &str = "acme/bert";
const KIND: RepoKind = RepoKind::Model;
/// More than one page of a listing, as hubs that speak as huggingface.co does make them.
const MANY: usize = 1234;
const LARGE: usize = 700_001;

/// Runs every check, each on a fresh instance that is not started, and the remote hub that it reads. What a plugin does not
/// do, it says by `Unsupported`.
pub async fn conforms<R: Remote>(fresh: impl AsyncFn() -> (Instance, R)) {
    macro_rules! each {
        ($($check:ident)*) => {$({
            let (downloader, remote) = fresh().await;
            // Shown by the test runner only where the check fails.
            println!("downloader: {}", stringify!($check));
            downloader.start().await.unwrap();
            assert_eq!(downloader.health().await, Health::Ready);
            $check(&downloader, &remote).await;
            downloader.stop().await;
            downloader.stop().await;
        })*};
    }
    each! {
        the_remote_hub_has_an_address
        a_revision_means_one_commit
        what_is_not_there_is_said_to_be_absent
        every_file_is_planned_once_with_its_size_and_digest
        a_fetch_brings_what_was_asked_for_or_the_whole
        many_fetches_at_once_bring_each_its_own
        a_fetch_that_is_dropped_harms_no_other
        what_is_not_what_it_was_is_a_conflict
        what_is_told_of_a_repository_agrees_with_its_commit
        the_readers_own_token_is_the_one_that_counts
    }
}

/// Any bytes, of which no two places are alike.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let random = Random::new(seed);
    (0..length).map(|_| random.below(256) as u8).collect()
}

fn files() -> Vec<(String, Vec<u8>)> {
    let named = |path: &str, length, seed| (path.to_owned(), noise(length, seed));
    vec![
        named("config.json", 100, 1),
        named("data/a b.txt", 7, 2),
        named("empty.txt", 0, 3),
        named("model.bin", LARGE, 4),
    ]
}

fn at(revision: &str) -> Source {
    Source { kind: KIND, repo: REPO.to_owned(), revision: Revision::new(revision), token: None }
}

fn shown(source: &Source, token: &str) -> Source {
    Source { token: Some(Secret::new(token)), ..source.clone() }
}

async fn pinned(downloader: &Instance) -> Source {
    at(&downloader.pin(&at("main")).await.unwrap().to_string())
}

async fn planned(downloader: &Instance, source: &Source) -> Vec<SourceFile> {
    let (mut all, mut after) = (vec![], None);
    loop {
        let page = downloader.plan(source, after).await.unwrap();
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
        assert!(all.len() < 10 * MANY, "the pages have no end");
    }
}

/// The files of the repository, with what lies at each path.
async fn known(downloader: &Instance, remote: &impl Remote) -> (Source, Vec<(SourceFile, Vec<u8>)>) {
    remote.put(KIND, REPO, &files());
    let source = pinned(downloader).await;
    let planned = planned(downloader, &source).await;
    let bytes = |file: &SourceFile| files().into_iter().find(|(path, _)| path == file.path.as_str()).unwrap().1;
    let known = planned.into_iter().map(|file| {
        let bytes = bytes(&file);
        (file, bytes)
    });
    (source, known.collect())
}

/// All bytes of a fetch, which are as many as it says.
async fn read(fetched: Fetched) -> Vec<u8> {
    let bytes: Vec<bytes::Bytes> = fetched.bytes.try_collect().await.unwrap();
    let bytes = bytes.concat();
    assert_eq!(bytes.len() as u64, fetched.range.len());
    bytes
}

fn is_absent(error: &Error) -> bool {
    error.is(ErrorKind::NotFound) || error.is(ErrorKind::Unauthenticated)
}

fn slice(bytes: &[u8], range: ByteRange) -> &[u8] {
    &bytes[range.start as usize..range.end as usize]
}

async fn the_remote_hub_has_an_address(downloader: &Instance, _: &impl Remote) {
    let endpoint = downloader.endpoint();
    assert!(endpoint.contains("://") && !endpoint.ends_with('/'), "{endpoint}");
}

async fn a_revision_means_one_commit(downloader: &Instance, remote: &impl Remote) {
    remote.put(KIND, REPO, &files());
    let commit: CommitId = downloader.pin(&at("main")).await.unwrap();
    assert_eq!(downloader.pin(&at("main")).await.unwrap(), commit);
    assert_eq!(downloader.pin(&at(&commit.to_string())).await.unwrap(), commit, "a commit means itself");
}

async fn what_is_not_there_is_said_to_be_absent(downloader: &Instance, remote: &impl Remote) {
    remote.put(KIND, "acme/other", &files());
    for error in [
        downloader.pin(&at("main")).await.unwrap_err(),
        downloader.plan(&at(&"0".repeat(40)), None).await.unwrap_err(),
        downloader
            .pin(&Source { kind: RepoKind::Dataset, repo: "acme/other".to_owned(), ..at("main") })
            .await
            .unwrap_err(),
    ] {
        assert!(is_absent(&error), "{error}");
    }
}

async fn every_file_is_planned_once_with_its_size_and_digest(downloader: &Instance, remote: &impl Remote) {
    let many = (0..MANY).map(|at| (format!("many/{at:04}.txt"), at.to_string().into_bytes()));
    let there: Vec<(String, Vec<u8>)> = many.chain(files()).collect();
    remote.put(KIND, REPO, &there);
    let source = pinned(downloader).await;
    let mut planned = planned(downloader, &source).await;
    planned.sort_by(|a, b| a.path.cmp(&b.path));
    let mut wanted: Vec<(String, u64, String)> = there
        .into_iter()
        .map(|(path, bytes)| {
            let digest = match path.ends_with(".bin") {
                true => Expected::Sha256(Sha256(sha2::Sha256::digest(&bytes).into())),
                false => Expected::Git(object_id(ObjectKind::Blob, &bytes)),
            };
            (path, bytes.len() as u64, digest.to_string())
        })
        .collect();
    wanted.sort();
    let told: Vec<(String, u64, String)> =
        planned.iter().map(|file| (file.path.to_string(), file.size, file.expected.to_string())).collect();
    assert_eq!(told, wanted);
    assert!(planned.iter().all(|file| file.is_lfs == file.path.as_str().ends_with(".bin")));
}

async fn a_fetch_brings_what_was_asked_for_or_the_whole(downloader: &Instance, remote: &impl Remote) {
    let (source, known) = known(downloader, remote).await;
    assert_eq!(known.len(), files().len());
    for (file, bytes) in &known {
        let random = Random::new(file.size);
        let mut ranges = vec![ByteRange::whole(file.size)];
        for _ in 0..8 {
            let start = random.below(bytes.len().max(1)) as u64;
            let end = start + random.below((file.size - start).max(1) as usize) as u64;
            ranges.push(ByteRange { start, end: (end + 1).min(file.size) });
        }
        for range in ranges.into_iter().filter(|range| !range.is_empty() || file.size == 0) {
            let fetched = downloader.fetch(&source, file, range).await.unwrap();
            let came = fetched.range;
            assert!(came == range || came == ByteRange::whole(file.size), "{}: {came:?} for {range:?}", file.path);
            assert!(read(fetched).await == slice(bytes, came), "{}: {range:?}", file.path);
        }
    }
}

async fn many_fetches_at_once_bring_each_its_own(downloader: &Instance, remote: &impl Remote) {
    let (source, known) = known(downloader, remote).await;
    let fetches = (0..40).map(async |turn| {
        let (file, bytes) = &known[turn % known.len()];
        let fetched = downloader.fetch(&source, file, ByteRange::whole(file.size)).await.unwrap();
        assert!(read(fetched).await == *bytes, "{}", file.path);
    });
    join_all(fetches).await;
}

async fn a_fetch_that_is_dropped_harms_no_other(downloader: &Instance, remote: &impl Remote) {
    let (source, known) = known(downloader, remote).await;
    let (file, bytes) = known.iter().find(|(file, _)| file.is_lfs).unwrap();
    // More than may be under way at once, if each kept its place.
    for _ in 0..100 {
        let mut fetched = downloader.fetch(&source, file, ByteRange::whole(file.size)).await.unwrap();
        assert!(fetched.bytes.next().await.unwrap().is_ok());
    }
    let fetched = downloader.fetch(&source, file, ByteRange::whole(file.size)).await.unwrap();
    assert!(read(fetched).await == *bytes);
}

async fn what_is_not_what_it_was_is_a_conflict(downloader: &Instance, remote: &impl Remote) {
    let (source, known) = known(downloader, remote).await;
    for (file, _) in known.iter().filter(|(file, _)| file.size > 0) {
        let expected = match file.expected {
            Expected::Sha256(_) => Expected::Sha256(Sha256([7; 32])),
            Expected::Git(_) => Expected::Git(GitOid([7; 20])),
        };
        let other = SourceFile { expected, ..file.clone() };
        let error = downloader.fetch(&source, &other, ByteRange::whole(file.size)).await.err().unwrap();
        assert!(error.is(ErrorKind::Conflict), "{error}");
    }
}

async fn what_is_told_of_a_repository_agrees_with_its_commit(downloader: &Instance, remote: &impl Remote) {
    remote.put(KIND, REPO, &files());
    let commit = downloader.pin(&at("main")).await.unwrap();
    match downloader.describe(&at("main")).await {
        Ok(about) => assert_eq!((about.commit, about.access), (commit, SourceAccess::Everybody)),
        Err(error) => assert!(error.is(ErrorKind::Unsupported), "{error}"),
    }
    match downloader.history(&at(&commit.to_string()), None).await {
        Ok(page) => assert_eq!(page.items.first().map(|first| first.id), Some(commit)),
        Err(error) => assert!(error.is(ErrorKind::Unsupported), "{error}"),
    }
    let missing = Source { repo: "acme/nothing".to_owned(), ..at("main") };
    for error in
        [downloader.describe(&missing).await.err(), downloader.refs(&missing).await.err()].into_iter().flatten()
    {
        assert!(is_absent(&error) || error.is(ErrorKind::Unsupported), "{error}");
    }
}

async fn the_readers_own_token_is_the_one_that_counts(downloader: &Instance, remote: &impl Remote) {
    let (source, known) = known(downloader, remote).await;
    remote.guard("right");
    let (file, bytes) = &known[0];
    let whole = ByteRange::whole(file.size);
    let is_refused = |error: &Error| is_absent(error) || error.is(ErrorKind::Denied);
    for refused in [source.clone(), shown(&source, "hf_wrong")] {
        for error in [
            downloader.pin(&refused).await.err().unwrap(),
            downloader.plan(&refused, None).await.err().unwrap(),
            downloader.fetch(&refused, file, whole).await.err().unwrap(),
        ] {
            assert!(is_refused(&error), "{error}");
            assert!(!error.to_string().contains("hf_wrong"), "a token is repeated: {error}");
        }
        let error = downloader.check(&refused).await.unwrap_err();
        assert!(is_refused(&error) || error.is(ErrorKind::Unsupported), "{error}");
    }
    let right = shown(&source, "right");
    assert_eq!(downloader.pin(&right).await.unwrap().to_string(), source.revision.as_str());
    assert!(read(downloader.fetch(&right, file, whole).await.unwrap()).await == *bytes);
    if let Err(error) = downloader.check(&right).await {
        assert!(error.is(ErrorKind::Unsupported), "{error}");
    }
    // What was right for one reader is not for the next.
    assert!(downloader.fetch(&shown(&source, "hf_wrong"), file, whole).await.is_err());
}

/// Reads a repository that there is, and holds all of it to what is said of it: for a downloader whose remote hub nobody here
/// can change. `source` has no token, or one that may read.
pub async fn reads(downloader: &Instance, source: &Source) {
    let commit = downloader.pin(source).await.unwrap();
    let source = Source { revision: Revision::new(commit.to_string()), ..source.clone() };
    assert_eq!(downloader.pin(&source).await.unwrap(), commit, "a commit means itself");
    let mut files = planned(downloader, &source).await;
    assert!(!files.is_empty(), "{} has no file", source.repo);
    files.sort_by(|one, next| one.path.cmp(&next.path));
    assert!(files.is_sorted_by(|one, next| one.path < next.path), "a path is planned twice");
    for file in &files {
        let whole = downloader.fetch(&source, file, ByteRange::whole(file.size)).await.unwrap();
        let bytes = read(whole).await;
        let digest = match file.expected {
            Expected::Sha256(_) => Expected::Sha256(Sha256(sha2::Sha256::digest(&bytes).into())),
            Expected::Git(_) => Expected::Git(object_id(ObjectKind::Blob, &bytes)),
        };
        assert_eq!((bytes.len() as u64, digest), (file.size, file.expected), "{}", file.path);
        if file.size > 1 {
            let range = ByteRange { start: file.size / 3, end: file.size - 1 };
            let part = downloader.fetch(&source, file, range).await.unwrap();
            let came = part.range;
            assert!(came == range || came == ByteRange::whole(file.size), "{}: {came:?} for {range:?}", file.path);
            assert!(read(part).await == slice(&bytes, came), "{}: {range:?}", file.path);
        }
    }
    let missing = Source { repo: format!("{}-that-nobody-has", source.repo), ..source };
    let error = downloader.pin(&missing).await.unwrap_err();
    assert!(is_absent(&error) || error.is(ErrorKind::Denied), "{error}");
}
