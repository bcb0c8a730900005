//! Version 2: commands that each stand for themselves (`gitprotocol-v2`).

use ballast_services::{GitRefs, Readable};
use ballast_types::CommitId;

use super::{Ask, BATCH, Ends, Fetched, REQUEST};
use crate::output::Band;
use crate::packs::Packs;
use crate::pkt_line::{DELIMITER, Line, Lines};
use crate::{Exchange, Input, Output, Result, WireError};

/// Prefixes that `ls-refs` is asked for beyond which all refs are told.
const PREFIXES: usize = 65_536;

/// One command.
struct Request {
    command: String,
    arguments: Vec<String>,
}

/// Answers commands until there are no more.
pub async fn serve(
    repository: &Readable,
    packs: &Packs,
    exchange: Exchange,
    input: Input,
    output: &mut Output,
) -> Result<Fetched> {
    let mut lines = Lines::new(input, REQUEST);
    let mut fetched = Fetched::default();
    while let Some(Request { command, arguments }) = read(&mut lines).await? {
        match command.as_str() {
            "ls-refs" => ls_refs(repository, &arguments, output).await?,
            "fetch" => fetched.objects += fetch(repository, packs, &arguments, output).await?.objects,
            other => return Err(WireError::protocol(format!("unknown command '{}'", other.escape_debug()))),
        }
        if exchange == Exchange::Once {
            break;
        }
        lines.renew(REQUEST);
    }
    Ok(fetched)
}

/// The next command; none where the client is done.
async fn read(lines: &mut Lines<Input>) -> Result<Option<Request>> {
    let (mut command, mut arguments, mut is_argument) = (None, Vec::new(), false);
    loop {
        let line = match lines.next().await? {
            None if command.is_none() => return Ok(None),
            None => return Err(WireError::early()),
            Some(line) => line,
        };
        match line {
            Line::Flush if command.is_none() => return Ok(None),
            Line::Flush => break,
            Line::Delimiter => is_argument = true,
            Line::ResponseEnd => return Err(WireError::protocol("a request does not end like that")),
            Line::Data(_) => {
                let text = line.text().ok_or_else(|| WireError::protocol("a line is not UTF-8"))?;
                if is_argument {
                    arguments.push(text.to_owned());
                } else if let Some(name) = text.strip_prefix("command=") {
                    command = Some(name.to_owned());
                } else if text.strip_prefix("object-format=").is_some_and(|format| format != "sha1") {
                    return Err(WireError::protocol("objects are named by SHA-1 here: object-format=sha1"));
                }
            }
        }
    }
    Ok(command.map(|command| Request { command, arguments }))
}

async fn ls_refs(repository: &Readable, arguments: &[String], output: &mut Output) -> Result<()> {
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let prefixes: Vec<&str> = arguments.iter().filter_map(|argument| argument.strip_prefix("ref-prefix ")).collect();
    let is_asked =
        |name: &str| prefixes.is_empty() || prefixes.len() > PREFIXES || prefixes.iter().any(|p| name.starts_with(p));
    let GitRefs { head, refs } = repository.git_refs().await?;
    if is_asked("HEAD") {
        let symref = if has("symrefs") { format!(" symref-target:{head}") } else { String::new() };
        match refs.iter().find(|found| found.name == head).and_then(|found| found.commit) {
            Some(tip) => output.line(&format!("{tip} HEAD{symref}")).await?,
            None if has("unborn") => output.line(&format!("unborn HEAD{symref}")).await?,
            None => {}
        }
    }
    for found in refs {
        let Some(commit) = found.commit.filter(|_| is_asked(found.name.as_str())) else { continue };
        let peeled = if has("peel") && found.tag.is_some() { format!(" peeled:{commit}") } else { String::new() };
        let oid = found.tag.unwrap_or(commit.into());
        output.line(&format!("{oid} {}{peeled}", found.name)).await?;
    }
    output.end().await
}

async fn fetch(repository: &Readable, packs: &Packs, arguments: &[String], output: &mut Output) -> Result<Fetched> {
    let mut ask = Ask::default();
    let (mut done, mut wait) = (false, false);
    for argument in arguments {
        match argument.as_str() {
            "done" => done = true,
            "thin-pack" => ask.thin = true,
            "ofs-delta" => ask.offsets = true,
            "no-progress" => ask.quiet = true,
            "include-tag" => ask.tags = true,
            "wait-for-done" => wait = true,
            other if ask.take(other)? => {}
            // What is not offered is not asked for; what is asked for all the same is left out.
            other => tracing::debug!(argument = other, "an argument of fetch that is not offered"),
        }
    }
    ask.check(repository).await?;
    let mut known: Vec<CommitId> = Vec::new();
    let mut enough = false;
    for haves in ask.haves.chunks(BATCH) {
        let common = repository.git_common(&ask.wants, haves).await?;
        known.extend(common.known);
        enough |= common.enough;
    }
    if !done {
        output.line("acknowledgments").await?;
        if known.is_empty() {
            output.line("NAK").await?;
        }
        for id in &known {
            output.line(&format!("ACK {id}")).await?;
        }
        if !enough || wait {
            output.end().await?;
            return Ok(Fetched::default());
        }
        output.line("ready").await?;
        output.raw(DELIMITER).await?;
    }
    let ends = ask.ends(repository).await?;
    if ask.deepen.is_asked() {
        tell_ends(&ends, output).await?;
    }
    output.line("packfile").await?;
    output.set_band(Band::Large);
    let sent = ask.send(repository, packs, known, ends, output).await?;
    output.set_band(Band::None);
    output.end().await?;
    Ok(sent)
}

async fn tell_ends(ends: &Ends, output: &mut Output) -> Result<()> {
    output.line("shallow-info").await?;
    for id in &ends.shallow {
        output.line(&format!("shallow {id}")).await?;
    }
    for id in &ends.unshallow {
        output.line(&format!("unshallow {id}")).await?;
    }
    output.raw(DELIMITER).await
}
