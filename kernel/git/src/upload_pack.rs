//! Fetching: what a client wants and has, and the pack of what it lacks.

mod v0;
mod v2;

use ballast_contract::versioning::{Cut, FetchRequest, Filter};
use ballast_services::{Failure, Readable};
use ballast_types::{CommitId, GitOid, Revision, Timestamp};

use crate::output::Band;
use crate::pack::write::Writer;
use crate::packs::{Key, Packs};
use crate::{Exchange, Input, Output, Result, WireError};

/// The bytes of one request, at most: some 200,000 lines of ids.
const REQUEST: u64 = 16 << 20;
/// Ids that are looked up at once.
const BATCH: usize = 500;

/// Answers a client that fetches. `protocol` is what it said of the version that it speaks (`GIT_PROTOCOL`).
pub async fn upload_pack(
    repository: &Readable,
    packs: &Packs,
    protocol: &str,
    exchange: Exchange,
    input: Input,
    output: &mut Output,
) -> Result<Fetched> {
    match crate::advertise::is_second(protocol) {
        true => v2::serve(repository, packs, exchange, input, output).await,
        false => v0::serve(repository, packs, exchange, input, output).await,
    }
}

/// Says why an answer ends here, to whoever still listens.
pub async fn refuse(error: WireError, told: fn(Failure) -> String, output: &mut Output) {
    if !matches!(error, WireError::Gone) {
        // Whoever is gone meanwhile needs no reason.
        let _ = output.fatal(&error.told(told)).await;
    }
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Objects of packs; none where nothing but refs was asked for.
    pub objects: u64,
}

/// How a client wants history to be cut off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Deepen {
    depth: Option<u32>,
    /// `depth` counts from where the client's history ends.
    relative: bool,
    since: Option<Timestamp>,
    not: Vec<String>,
}

impl Deepen {
    fn is_asked(&self) -> bool {
        self.depth.is_some() || self.since.is_some() || !self.not.is_empty()
    }

    /// Takes a line that is about it; false for another one.
    fn take(&mut self, line: &str) -> Result<bool> {
        let bad = || WireError::protocol(format!("'{}' makes no sense", line.escape_debug()));
        if let Some(depth) = line.strip_prefix("deepen ") {
            let depth = depth.parse().ok().filter(|depth| *depth > 0).ok_or_else(bad)?;
            self.depth = Some(depth);
        } else if line == "deepen-relative" {
            self.relative = true;
        } else if let Some(since) = line.strip_prefix("deepen-since ") {
            self.since = Some(Timestamp::from_seconds(since.parse().map_err(|_| bad())?));
        } else if let Some(not) = line.strip_prefix("deepen-not ") {
            self.not.push(not.to_owned());
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// What a client asks for, in either version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ask {
    wants: Vec<GitOid>,
    haves: Vec<CommitId>,
    shallow: Vec<CommitId>,
    deepen: Deepen,
    filter: Filter,
    thin: bool,
    offsets: bool,
    quiet: bool,
    tags: bool,
}

/// Where a client's history will end, and where it does no longer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ends {
    shallow: Vec<CommitId>,
    unshallow: Vec<CommitId>,
    /// Where the walk stops.
    cut: Vec<CommitId>,
}

/// git asks for this depth when it means all.
const INFINITE: u32 = 0x7fff_ffff;

impl Ask {
    /// Takes a line with an object's id behind a word; false for another one.
    fn take(&mut self, line: &str) -> Result<bool> {
        let id = |text: &str| -> Result<GitOid> {
            text.parse().map_err(|_| WireError::protocol(format!("'{}' is no object's id", text.escape_debug())))
        };
        if let Some(oid) = line.strip_prefix("want ") {
            self.wants.push(id(oid)?);
        } else if let Some(oid) = line.strip_prefix("have ") {
            self.haves.push(CommitId(id(oid)?.0));
        } else if let Some(oid) = line.strip_prefix("shallow ") {
            self.shallow.push(CommitId(id(oid)?.0));
        } else if let Some(filter) = line.strip_prefix("filter ") {
            self.filter = parse_filter(filter)?;
        } else {
            return self.deepen.take(line);
        }
        Ok(true)
    }

    /// Refuses what the repository does not have.
    async fn check(&mut self, repository: &Readable) -> Result<()> {
        self.wants.sort_unstable();
        self.wants.dedup();
        for wants in self.wants.chunks(BATCH) {
            let has = repository.git_has(wants).await?;
            if let Some((oid, _)) = wants.iter().zip(has).find(|(_, has)| !has) {
                return Err(WireError::protocol(format!("upload-pack: not our ref {oid}")));
            }
        }
        let mut known = Vec::with_capacity(self.shallow.len());
        for shallow in self.shallow.chunks(BATCH) {
            let oids: Vec<GitOid> = shallow.iter().map(|id| (*id).into()).collect();
            let has = repository.git_has(&oids).await?;
            known.extend(shallow.iter().zip(has).filter(|(_, has)| *has).map(|(id, _)| *id));
        }
        self.shallow = known;
        Ok(())
    }

    /// Where the client's history will end.
    async fn ends(&self, repository: &Readable) -> Result<Ends> {
        let Deepen { depth, relative, since, not } = &self.deepen;
        if !self.deepen.is_asked() {
            return Ok(Ends { cut: self.shallow.clone(), ..Ends::default() });
        }
        let cut = match depth {
            Some(depth) if *depth >= INFINITE && !*relative => Vec::new(),
            Some(depth) if *relative && !self.shallow.is_empty() => {
                // From where it ends now: those commits are the first.
                let from: Vec<GitOid> = self.shallow.iter().map(|id| (*id).into()).collect();
                repository.git_ends(&from, &Cut::Depth(depth.saturating_add(1))).await?
            }
            Some(depth) => repository.git_ends(&self.wants, &Cut::Depth(*depth)).await?,
            None => {
                let mut excluded = Vec::with_capacity(not.len());
                for name in not {
                    excluded.push(repository.resolve(&Revision::new(name.as_str())).await?);
                }
                repository.git_ends(&self.wants, &Cut::Until { since: *since, not: excluded }).await?
            }
        };
        let shallow = cut.iter().filter(|id| !self.shallow.contains(id)).copied().collect();
        let unshallow = self.shallow.iter().filter(|id| !cut.contains(id)).copied().collect();
        Ok(Ends { shallow, unshallow, cut })
    }

    /// Sends what the client lacks.
    async fn send(
        self,
        repository: &Readable,
        packs: &Packs,
        haves: Vec<CommitId>,
        ends: Ends,
        output: &mut Output,
    ) -> Result<Fetched> {
        let Self { wants, shallow, filter, thin, offsets, quiet, tags, .. } = self;
        let wanted = FetchRequest { wants, haves, shallow, cut: ends.cut, tags, filter };
        let key = Key::of(repository.key(), &wanted, thin, offsets);
        if let Some(kept) = key.as_ref().and_then(|key| packs.find(key)) {
            let objects = kept.objects();
            count(objects, quiet, output).await?;
            kept.send(output).await?;
            return Ok(Fetched { objects });
        }
        let missing = repository.git_missing(wanted).await?;
        let objects = missing.len() as u64;
        count(objects, quiet, output).await?;
        let copy = packs.copy(key, objects).await;
        Writer::new(missing, thin, offsets, copy).run(output).await?;
        Ok(Fetched { objects })
    }
}

/// Tells a person how much is to come.
async fn count(objects: u64, quiet: bool, output: &mut Output) -> Result<()> {
    match quiet {
        true => Ok(()),
        false => output.progress(&format!("Enumerating objects: {objects}, done.\n")).await,
    }
}

/// Reads the name of a filter (`git rev-list --filter`).
fn parse_filter(text: &str) -> Result<Filter> {
    let all = Filter { blobs_from: None, trees: false };
    if text == "blob:none" {
        return Ok(Filter { blobs_from: Some(0), ..all });
    }
    if text == "tree:0" {
        return Ok(Filter { trees: true, ..all });
    }
    let limit = text.strip_prefix("blob:limit=").and_then(parse_size);
    let why = || {
        WireError::protocol(format!(
            "the filter '{}' is not offered: blob:none, blob:limit=N and tree:0 are",
            text.escape_debug()
        ))
    };
    limit.map(|limit| Filter { blobs_from: Some(limit), ..all }).ok_or_else(why)
}

/// A number with git's suffixes.
fn parse_size(text: &str) -> Option<u64> {
    let (digits, factor) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1 << 10),
        (at, 'm' | 'M') => (&text[..at], 1 << 20),
        (at, 'g' | 'G') => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// Which band capabilities ask for.
fn band(capabilities: &[&str]) -> Band {
    match capabilities {
        all if all.contains(&"side-band-64k") => Band::Large,
        all if all.contains(&"side-band") => Band::Small,
        _ => Band::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_as_git_writes_them() {
        assert_eq!(parse_filter("blob:none").unwrap(), Filter { blobs_from: Some(0), trees: false });
        assert_eq!(parse_filter("blob:limit=2k").unwrap(), Filter { blobs_from: Some(2048), trees: false });
        assert_eq!(parse_filter("tree:0").unwrap(), Filter { blobs_from: None, trees: true });
        for bad in ["", "blob:limit=", "blob:limit=-1", "blob:limit=99999999999999g", "tree:1", "sparse:oid=x"] {
            assert!(parse_filter(bad).is_err(), "{bad}");
        }
    }
}
