//! What a revision means, which files it has, and which commits lead to it.

use std::str::FromStr;

use ballast_contract::downloader::{Expected, Source, SourceCommit, SourceFile};
use ballast_contract::{Error, ErrorKind, Page, Result};
use ballast_types::{CommitId, GitOid, RepoPath, Sha256, Timestamp};
use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::remote::Remote;

#[derive(Deserialize)]
struct About {
    sha: Option<String>,
}

/// A line of a tree, of which only files matter.
#[derive(Deserialize)]
struct Line {
    r#type: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: String,
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    oid: String,
    size: Option<u64>,
}

/// A commit of a history.
#[derive(Deserialize)]
struct Made {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    authors: Vec<Author>,
    date: String,
}

#[derive(Deserialize)]
struct Author {
    user: Option<String>,
}

impl Remote {
    /// The commit that a source's revision means now.
    pub(crate) async fn commit(&self, source: &Source) -> Result<CommitId> {
        let (about, _): (About, _) = self.json(&self.revision(source)?, source.token.as_ref()).await?;
        let odd = || odd(format!("{} has no commit at {}", source.repo, source.revision.as_str()));
        about.sha.and_then(|sha| sha.parse().ok()).ok_or_else(odd)
    }

    /// Where the remote hub tells of a source at its revision.
    pub(crate) fn revision(&self, source: &Source) -> Result<Url> {
        let mut url = self.api(source, "/revision")?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(source.revision.as_str());
        }
        Ok(url)
    }

    /// A page of the files of a source whose revision is a commit.
    pub(crate) async fn page(&self, source: &Source, after: Option<String>) -> Result<Page<SourceFile>> {
        let rest = format!("/tree/{}?recursive=true&expand=false", source.revision.as_str());
        let (lines, next): (Vec<Line>, _) = self.lines(source, &rest, after).await?;
        let files = lines.into_iter().filter(|line| line.r#type == "file").map(file).collect::<Result<_>>()?;
        Ok(Page { items: files, next })
    }

    /// A page of the commits that lead to a source whose revision is a commit.
    pub(crate) async fn commits(&self, source: &Source, after: Option<String>) -> Result<Page<SourceCommit>> {
        let rest = format!("/commits/{}?limit=100", source.revision.as_str());
        let (lines, next): (Vec<Made>, _) = self.lines(source, &rest, after).await?;
        Ok(Page { items: lines.into_iter().map(commit).collect::<Result<_>>()?, next })
    }

    /// A page of something that is listed, and where it goes on.
    async fn lines<T: DeserializeOwned>(
        &self,
        source: &Source,
        rest: &str,
        after: Option<String>,
    ) -> Result<(Vec<T>, Option<String>)> {
        let url = match after {
            Some(next) => Url::parse(&next).map_err(|error| odd(format!("the next page: {error}")))?,
            None => self.api(source, rest)?,
        };
        // The token is for the remote hub, and so is a listing.
        if !self.reach.is_home(&url) {
            return Err(odd("the next page of a listing is said to be on another host".to_owned()));
        }
        let (lines, headers): (Vec<T>, _) = self.json(&url, source.token.as_ref()).await?;
        Ok((lines, next_page(&headers, &url)?))
    }
}

fn commit(made: Made) -> Result<SourceCommit> {
    let wrong = |what: &str| odd(format!("the remote hub lists a commit whose {what} cannot be read"));
    let message = match made.message.trim() {
        "" => format!("{}\n", made.title.trim()),
        rest => format!("{}\n\n{rest}\n", made.title.trim()),
    };
    Ok(SourceCommit {
        id: made.id.parse().map_err(|_| wrong("id"))?,
        message,
        authors: made.authors.into_iter().filter_map(|author| author.user).collect(),
        time: made.date.parse::<Timestamp>().map_err(|_| wrong("date"))?,
    })
}

fn odd(why: String) -> Error {
    Error::new(ErrorKind::Corrupt, "downloader.list", why)
}

fn file(line: Line) -> Result<SourceFile> {
    let path: RepoPath = line.path.parse().map_err(|error| odd(format!("the remote hub lists {error}")))?;
    let (expected, size) = match &line.lfs {
        Some(lfs) => (digest::<Sha256>(&path, &lfs.oid).map(Expected::Sha256)?, lfs.size.unwrap_or(line.size)),
        None => (digest::<GitOid>(&path, &line.oid).map(Expected::Git)?, line.size),
    };
    Ok(SourceFile { path, size, expected, is_lfs: line.lfs.is_some() })
}

fn digest<T: FromStr>(path: &RepoPath, text: &str) -> Result<T> {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    text.parse().map_err(|_| odd(format!("the remote hub lists {path} without a digest that its bytes could have")))
}

/// Where a listing goes on, of a header like `<https://…>; rel="next"`.
fn next_page(headers: &HeaderMap, here: &Url) -> Result<Option<String>> {
    for link in headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).flat_map(links) {
        let (target, about) = link;
        if about.split(';').any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next")) {
            let next = here.join(target).map_err(|error| odd(format!("the next page: {error}")))?;
            return Ok(Some(next.into()));
        }
    }
    Ok(None)
}

/// The targets of a header and what stands behind each. A comma may stand in a target.
fn links(mut text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    while let Some(begin) = text.find('<') {
        let Some(end) = text[begin..].find('>').map(|end| begin + end) else { break };
        let rest = &text[end + 1..];
        let about = &rest[..rest.find(",").unwrap_or(rest.len())];
        found.push((&text[begin + 1..end], about));
        text = &rest[about.len()..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(link: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, link.parse().unwrap());
        next_page(&headers, &"https://hub.example/api/models/a/b/tree/main?x=1".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_next_page_is_found_among_links_absolute_and_relative() {
        assert_eq!(next("<https://hub.example/n?a=1,2>; rel=\"next\"").unwrap(), "https://hub.example/n?a=1,2");
        assert_eq!(
            next("</p>; rel=\"prev\", <?cursor=z>; rel=next").unwrap(),
            "https://hub.example/api/models/a/b/tree/main?cursor=z"
        );
        assert_eq!(next("</p>; rel=\"prev\""), None);
        assert_eq!(next("<unfinished"), None);
    }

    #[test]
    fn a_commit_is_read_with_whoever_made_it() {
        let made = |json: serde_json::Value| commit(serde_json::from_value(json).unwrap());
        let id = "c".repeat(40);
        let told = made(serde_json::json!({
            "id": id, "title": "Add weights", "message": "All of them.", "date": "2024-05-01T12:00:00.000Z",
            "authors": [{"user": "ada"}, {"avatar": "x"}, {"user": "max"}],
        }))
        .unwrap();
        assert_eq!((told.message.as_str(), told.time), ("Add weights\n\nAll of them.\n", Timestamp(1_714_564_800_000)));
        assert_eq!((told.id.to_string(), told.authors), (id.clone(), vec!["ada".to_owned(), "max".to_owned()]));
        let bare = made(serde_json::json!({ "id": id, "title": "x", "date": "2024-05-01T12:00:00Z" })).unwrap();
        assert_eq!((bare.message.as_str(), bare.authors.len()), ("x\n", 0));
        assert!(made(serde_json::json!({ "id": "../x", "date": "2024-05-01T12:00:00Z" })).is_err());
        assert!(made(serde_json::json!({ "id": id, "date": "yesterday" })).is_err());
    }

    fn read(json: serde_json::Value) -> Result<SourceFile> {
        file(serde_json::from_value(json).unwrap())
    }

    #[test]
    fn a_large_file_has_its_own_digest_and_any_other_gits() {
        let (sha, oid) = ("a".repeat(64), "b".repeat(40));
        let line =
            serde_json::json!({"type": "file", "path": "m.bin", "size": 9, "oid": oid, "lfs": {"oid": sha, "size": 9}});
        let large = read(line).unwrap();
        assert_eq!((large.expected.to_string(), large.is_lfs, large.size), (sha, true, 9));
        let small = read(serde_json::json!({"type": "file", "path": "a", "size": 1, "oid": oid})).unwrap();
        assert_eq!((small.expected.to_string(), small.is_lfs), (oid, false));
    }

    #[test]
    fn paths_that_lead_out_of_the_repository_and_files_without_digests_are_refused() {
        for path in ["../x", "a/../../x", "/etc/passwd", ".git/config", ""] {
            let line = serde_json::json!({"type": "file", "path": path, "size": 1, "oid": "b".repeat(40)});
            assert!(read(line).unwrap_err().is(ErrorKind::Corrupt), "{path}");
        }
        assert!(read(serde_json::json!({"type": "file", "path": "a", "size": 1})).is_err());
    }
}
