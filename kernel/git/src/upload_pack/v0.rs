//! Versions 0 and 1: wants, and haves until both sides know enough (`gitprotocol-pack`).

use ballast_services::Readable;
use ballast_types::CommitId;

use super::{Ask, BATCH, Fetched, REQUEST, band};
use crate::output::Band;
use crate::packs::Packs;
use crate::pkt_line::{FLUSH, Line, Lines};
use crate::{Exchange, Input, Output, Result, WireError};

/// How the server says that it has a commit too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acks {
    /// The first one, and no other.
    Single,
    Multi,
    Detailed,
}

/// Answers one fetch.
pub async fn serve(
    repository: &Readable,
    packs: &Packs,
    exchange: Exchange,
    input: Input,
    output: &mut Output,
) -> Result<Fetched> {
    let mut lines = Lines::new(input, REQUEST);
    let mut ask = Ask::default();
    let mut capabilities: Vec<String> = Vec::new();
    loop {
        let line = lines.next().await?;
        match line {
            // Whoever only wanted to see the refs.
            None | Some(Line::Flush) if ask.wants.is_empty() => return Ok(Fetched::default()),
            Some(Line::Flush) => break,
            Some(line) => {
                let text = line.text().ok_or_else(|| WireError::protocol("a line of a fetch is no text"))?;
                let (text, more) = match text.strip_prefix("want ").and_then(|rest| rest.split_once(' ')) {
                    Some((oid, more)) => (format!("want {oid}"), Some(more)),
                    None => (text.to_owned(), None),
                };
                if let Some(more) = more {
                    capabilities.extend(more.split(' ').map(str::to_owned));
                }
                if !ask.take(&text)? {
                    return Err(WireError::protocol(format!("'{}' is no line of a fetch", text.escape_debug())));
                }
            }
            None => return Err(WireError::early()),
        }
    }
    let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    let has = |name: &str| capabilities.contains(&name);
    (ask.thin, ask.offsets) = (has("thin-pack"), has("ofs-delta"));
    (ask.quiet, ask.tags, ask.deepen.relative) = (has("no-progress"), has("include-tag"), has("deepen-relative"));
    let acks = match (has("multi_ack_detailed"), has("multi_ack")) {
        (true, _) => Acks::Detailed,
        (false, true) => Acks::Multi,
        (false, false) => Acks::Single,
    };
    ask.check(repository).await?;
    let ends = ask.ends(repository).await?;
    if ask.deepen.is_asked() {
        for id in &ends.shallow {
            output.line(&format!("shallow {id}")).await?;
        }
        for id in &ends.unshallow {
            output.line(&format!("unshallow {id}")).await?;
        }
        output.raw(FLUSH).await?;
        output.flush().await?;
    }
    let negotiation = Negotiation { acks, no_done: has("no-done"), exchange };
    let Some(known) = negotiation.run(repository, &ask, &mut lines, output).await? else {
        return Ok(Fetched::default());
    };
    let band = band(&capabilities);
    output.set_band(band);
    let sent = ask.send(repository, packs, known, ends, output).await?;
    output.set_band(Band::None);
    match band {
        Band::None => output.flush().await?,
        _ => output.end().await?,
    }
    Ok(sent)
}

struct Negotiation {
    acks: Acks,
    no_done: bool,
    exchange: Exchange,
}

impl Negotiation {
    /// What both sides have; none where the client is to ask again.
    async fn run(
        &self,
        repository: &Readable,
        ask: &Ask,
        lines: &mut Lines<Input>,
        output: &mut Output,
    ) -> Result<Option<Vec<CommitId>>> {
        let (mut known, mut enough, mut ready) = (Vec::new(), false, false);
        loop {
            let mut round = Ask::default();
            let end = loop {
                match lines.next().await? {
                    Some(Line::Flush) => break false,
                    Some(line) if line.text() == Some("done") => break true,
                    Some(line) => {
                        let text = line.text().unwrap_or_default();
                        if !text.starts_with("have ") || !round.take(text)? {
                            let why = format!("'{}' is no line of a negotiation", text.escape_debug());
                            return Err(WireError::protocol(why));
                        }
                    }
                    // Whoever asked first where the history will end, and asks again.
                    None if self.exchange == Exchange::Once && round.haves.is_empty() => return Ok(None),
                    None => return Err(WireError::early()),
                }
            };
            for haves in round.haves.chunks(BATCH) {
                let common = repository.git_common(&ask.wants, haves).await?;
                enough |= common.enough;
                for id in &common.known {
                    let is_first = known.is_empty();
                    known.push(*id);
                    match self.acks {
                        Acks::Detailed => output.line(&format!("ACK {id} common")).await?,
                        Acks::Multi => output.line(&format!("ACK {id} continue")).await?,
                        Acks::Single if is_first => output.line(&format!("ACK {id}")).await?,
                        Acks::Single => {}
                    }
                }
            }
            let last = known.last().copied();
            if end {
                match last {
                    Some(id) if self.acks != Acks::Single => output.line(&format!("ACK {id}")).await?,
                    Some(_) => {}
                    None => output.line("NAK").await?,
                }
                return Ok(Some(known));
            }
            if let Some(id) = last.filter(|_| enough && self.acks == Acks::Detailed && !ready) {
                ready = true;
                output.line(&format!("ACK {id} ready")).await?;
            }
            if last.is_none() || self.acks != Acks::Single {
                output.line("NAK").await?;
            }
            if let Some(id) = last.filter(|_| ready && self.no_done) {
                output.line(&format!("ACK {id}")).await?;
                return Ok(Some(known));
            }
            output.flush().await?;
            if self.exchange == Exchange::Once {
                return Ok(None);
            }
            lines.renew(REQUEST);
        }
    }
}
