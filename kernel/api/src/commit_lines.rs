//! The lines of a commit: a header first, then one operation each.

use std::borrow::Cow;

use ballast_services::{CommitHeader, CommitOperation, Failure};
use ballast_types::{CommitId, Revision, Sha256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::lines::{Line, Lines};

#[derive(Deserialize)]
struct Keyed<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeaderLine {
    summary: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parent_commit: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLine<'a> {
    path: String,
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(default)]
    encoding: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LargeFileLine {
    path: String,
    #[serde(default)]
    algo: Option<String>,
    oid: String,
    /// Absent where a file is copied.
    #[serde(default)]
    size: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeletedLine {
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CopyLine {
    path: String,
    src_path: String,
    #[serde(default)]
    src_revision: Option<String>,
}

/// Reads the header, which must come first.
pub async fn header<S>(lines: &mut Lines<S>) -> Result<CommitHeader, Failure>
where
    S: Stream<Item = Result<Bytes, Failure>> + Unpin,
{
    let missing = || Failure::Invalid("line 1: a commit begins with its header, {\"key\":\"header\",…}".to_owned());
    let line = lines.next().await?.ok_or_else(missing)?;
    let keyed = keyed(&line)?;
    if keyed.key != "header" {
        return Err(missing());
    }
    let header: HeaderLine = value(&line, &keyed)?;
    let parent = header.parent_commit.filter(|text| !text.is_empty());
    let parent: Option<CommitId> = parent
        .map(|text| text.parse())
        .transpose()
        .map_err(|error| at(&line, format!("value.parentCommit: {error}")))?;
    Ok(CommitHeader { summary: header.summary, description: header.description.unwrap_or_default(), parent })
}

/// The operations that follow, as they arrive.
pub fn operations<S>(lines: Lines<S>) -> impl Stream<Item = Result<CommitOperation, Failure>> + Send
where
    S: Stream<Item = Result<Bytes, Failure>> + Unpin + Send,
{
    let unfold = futures::stream::try_unfold(lines, async |mut lines| {
        let line = lines.next().await?;
        Ok::<_, Failure>(line.map(|line| (line, lines)))
    });
    unfold.and_then(async |line| operation(&line))
}

fn operation(line: &Line) -> Result<CommitOperation, Failure> {
    let keyed = keyed(line)?;
    match &*keyed.key {
        "file" => file(line, &keyed),
        "lfsFile" => large_file(line, &keyed),
        "deletedFile" => value(line, &keyed).map(|DeletedLine { path }| CommitOperation::DeleteFile { path }),
        "deletedFolder" => value(line, &keyed).map(|DeletedLine { path }| CommitOperation::DeleteFolder { path }),
        "copyFile" => value(line, &keyed).map(|copy: CopyLine| CommitOperation::Copy {
            from: copy.src_path,
            revision: copy.src_revision.filter(|text| !text.is_empty()).map(Revision::new),
            to: copy.path,
        }),
        "header" => Err(at(line, "a second header; a commit has one, in its first line")),
        other => Err(at(
            line,
            format!(
                "unknown key '{}'; it is file, lfsFile, deletedFile, deletedFolder or copyFile",
                other.escape_debug()
            ),
        )),
    }
}

fn file(line: &Line, keyed: &Keyed<'_>) -> Result<CommitOperation, Failure> {
    let file: FileLine<'_> = serde_json::from_str(keyed.value.get()).map_err(|error| at(line, error))?;
    let content = match file.encoding.as_deref() {
        None | Some("base64") => STANDARD
            .decode(file.content.as_bytes())
            .map_err(|error| at(line, format!("'{}': its content is not base64: {error}", file.path.escape_debug())))?,
        Some("utf-8") => file.content.into_owned().into_bytes(),
        Some(other) => {
            let why = format!("unknown encoding '{}'; it is base64 or utf-8", other.escape_debug());
            return Err(at(line, why));
        }
    };
    Ok(CommitOperation::AddFile { path: file.path, content: content.into() })
}

fn large_file(line: &Line, keyed: &Keyed<'_>) -> Result<CommitOperation, Failure> {
    let file: LargeFileLine = value(line, keyed)?;
    if file.algo.as_deref().is_some_and(|algo| algo != "sha256") {
        return Err(at(line, "value.algo: only sha256 is known"));
    }
    let sha256: Sha256 = file.oid.parse().map_err(|error| at(line, format!("value.oid: {error}")))?;
    Ok(CommitOperation::AddLfs { path: file.path, sha256, size: file.size })
}

fn keyed(line: &Line) -> Result<Keyed<'_>, Failure> {
    serde_json::from_slice(&line.text).map_err(|error| at(line, error))
}

fn value<T: DeserializeOwned>(line: &Line, keyed: &Keyed<'_>) -> Result<T, Failure> {
    serde_json::from_str(keyed.value.get()).map_err(|error| at(line, format!("value of '{}': {error}", keyed.key)))
}

fn at(line: &Line, why: impl std::fmt::Display) -> Failure {
    Failure::Invalid(format!("line {}: {why}", line.number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(CommitHeader, Vec<CommitOperation>), Failure> {
        futures::executor::block_on(crate::read::commit(vec![Bytes::copy_from_slice(body.as_bytes())], 10_000))
    }

    const HEADER: &str = r#"{"key":"header","value":{"summary":"s","description":"d"}}"#;

    #[test]
    fn every_operation_is_read() {
        let oid = "ab".repeat(32);
        let body = [
            HEADER.to_owned(),
            r#"{"key":"file","value":{"path":"a","content":"aGk=","encoding":"base64"}}"#.to_owned(),
            format!(r#"{{"key":"lfsFile","value":{{"path":"b","algo":"sha256","oid":"{oid}"}}}}"#),
            r#"{"key":"deletedFile","value":{"path":"c"}}"#.to_owned(),
            r#"{"key":"deletedFolder","value":{"path":"d/"}}"#.to_owned(),
            r#"{"key":"copyFile","value":{"path":"e","srcPath":"a","srcRevision":"main"}}"#.to_owned(),
        ];
        let (header, operations) = read(&body.join("\n")).unwrap();
        assert_eq!((header.summary.as_str(), header.description.as_str(), header.parent), ("s", "d", None));
        assert_eq!(operations.len(), 5);
        assert!(
            matches!(&operations[0], CommitOperation::AddFile { path, content } if path == "a" && &content[..] == b"hi")
        );
        assert!(matches!(&operations[1], CommitOperation::AddLfs { size: None, .. }));
        assert!(
            matches!(&operations[4], CommitOperation::Copy { from, revision: Some(_), to } if from == "a" && to == "e")
        );
    }

    #[test]
    fn a_broken_line_is_refused_by_its_number() {
        for (line, why) in [
            ("{", "line 2: EOF"),
            ("[]", "line 2: invalid"),
            ("nonsense", "line 2: expected"),
            (r#"{"key":"file"}"#, "line 2: missing field `value`"),
            (r#"{"key":"zap","value":{}}"#, "line 2: unknown key 'zap'"),
            (HEADER, "line 2: a second header"),
            (r#"{"key":"file","value":{"path":"a"}}"#, "line 2: missing field `content`"),
            (r#"{"key":"file","value":{"path":"a","content":"***"}}"#, "line 2: 'a': its content is not base64"),
            (r#"{"key":"file","value":{"path":"a","content":"","encoding":"rot13"}}"#, "line 2: unknown encoding"),
            (r#"{"key":"file","value":{"path":"a","content":"","mode":1}}"#, "line 2: unknown field `mode`"),
            (r#"{"key":"lfsFile","value":{"path":"a","oid":"xyz"}}"#, "line 2: value.oid: a SHA-256 is written as"),
            (r#"{"key":"lfsFile","value":{"path":"a","oid":"","algo":"md5"}}"#, "line 2: value.algo"),
            (r#"{"key":"deletedFile","value":{"path":1}}"#, "line 2: value of 'deletedFile': invalid type"),
        ] {
            let failure = read(&format!("{HEADER}\n{line}\n")).unwrap_err().to_string();
            assert!(failure.starts_with(why), "{line}: {failure}");
        }
    }

    #[test]
    fn a_commit_begins_with_its_header() {
        for body in ["", "\n\n", r#"{"key":"deletedFile","value":{"path":"a"}}"#] {
            assert!(read(body).unwrap_err().to_string().starts_with("line 1: a commit begins with its header"));
        }
        let parent = r#"{"key":"header","value":{"summary":"s","parentCommit":"main"}}"#;
        assert!(read(parent).unwrap_err().to_string().contains("value.parentCommit: a commit id"));
    }
}
