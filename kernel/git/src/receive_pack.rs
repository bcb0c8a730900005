//! Pushing: commands, a pack that is quarantined, and what became of each ref.

use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::{Error, ErrorKind};
use ballast_services::{Failure, Proposing, PushCommands, PushReport, Quarantine};
use ballast_types::GitOid;
use ballast_types::git::ObjectKind;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::output::Band;
use crate::pack::end::End;
use crate::pack::read::{BadPack, Index, Limits, Pack};
use crate::pkt_line::{self, FLUSH, Line, Lines};
use crate::{Exchange, Input, Output, Result, WireError};

/// The bytes of commands and options, at most.
const COMMANDS: u64 = 16 << 20;
/// Refs that one push moves, at most.
const REFS: usize = 20_000;
/// What may come of a short pack, in bytes: a flat folder of a hundred thousand files in two thousand commits.
const MADE: u64 = 8 << 30;
/// Objects up to this length are inflated where they are asked for, in bytes.
const AT_ONCE: u64 = 64 << 10;
/// The most options of a push.
const OPTIONS: usize = 100;
const ZERO: GitOid = GitOid([0; 20]);

/// What pushes may bring, and how many are read at once.
pub struct Gate {
    /// The longest pack, in bytes.
    pub pack: u64,
    /// The longest blob that is read whole, in bytes.
    pub blob: u64,
    /// The words for what went wrong in the hub.
    pub told: fn(Failure) -> String,
    busy: Semaphore,
}

impl Gate {
    /// One for each processor reads a pack at a time; the others wait with theirs on the disk.
    pub fn new(pack: u64, blob: u64, told: fn(Failure) -> String) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { pack, blob, told, busy: Semaphore::new(processors) }
    }
}

/// A push that was sent: its commands, and its pack on the disk.
#[derive(Default)]
pub struct Incoming {
    commands: PushCommands,
    report: bool,
    band: Band,
    quiet: bool,
    /// None where refs are deleted only, and where reading it failed.
    pack: Option<tokio::fs::File>,
    /// What was wrong with the pack before it was looked at.
    refused: Option<WireError>,
}

impl Incoming {
    /// Reads a push to its end; none where nothing is asked for. A pack that cannot be taken is no failure here: the
    /// answer says so.
    pub async fn read(gate: &Gate, exchange: Exchange, input: Input) -> Result<Option<Self>> {
        let mut lines = Lines::new(input, COMMANDS);
        let Some(mut incoming) = read(&mut lines).await? else { return Ok(None) };
        if incoming.commands.refs.iter().any(|(_, _, new)| new.is_some()) {
            match spool(gate, exchange, lines.into_inner()).await {
                Ok(pack) => incoming.pack = Some(pack),
                Err(WireError::Gone) => return Err(WireError::Gone),
                Err(error) => incoming.refused = Some(error),
            }
        }
        Ok(Some(incoming))
    }
}

/// Takes a push. What is wrong with it is told as git tells it; a failure means that nobody listens any more.
pub async fn receive_pack(
    repository: &Proposing,
    gate: &Gate,
    mut request: Incoming,
    output: &mut Output,
) -> Result<()> {
    output.set_band(request.band);
    let taken = take(repository, gate, &mut request, output).await;
    let (unpacked, report) = match taken {
        Ok(report) => (Ok(()), report),
        Err(WireError::Gone) => return Err(WireError::Gone),
        Err(error) => {
            let why = error.told(gate.told);
            let refs = request.commands.refs.iter();
            let report = PushReport { refs: refs.map(|(name, ..)| (name.clone(), Err(why.clone()))).collect() };
            (Err(why), report)
        }
    };
    if request.report {
        let mut text = Vec::new();
        match &unpacked {
            Ok(()) => pkt_line::write_text(&mut text, "unpack ok"),
            Err(why) => pkt_line::write_text(&mut text, &format!("unpack {}", one_line(why))),
        }
        for (name, result) in &report.refs {
            match result {
                Ok(()) => pkt_line::write_text(&mut text, &format!("ok {name}")),
                Err(why) => pkt_line::write_text(&mut text, &format!("ng {name} {}", one_line(why))),
            }
        }
        text.extend_from_slice(FLUSH);
        output.data(&text).await?;
    }
    output.set_band(Band::None);
    match request.band {
        Band::None => output.flush().await,
        _ => output.end().await,
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// The commands; none where there are none.
async fn read(lines: &mut Lines<Input>) -> Result<Option<Incoming>> {
    let (mut request, mut options) = (Incoming::default(), false);
    loop {
        let line = match lines.next().await? {
            None if request.commands.refs.is_empty() => return Ok(None),
            None => return Err(WireError::early()),
            Some(Line::Flush) => break,
            Some(Line::Data(bytes)) => bytes,
            Some(_) => return Err(WireError::protocol("a push has no sections")),
        };
        let (command, capabilities) = match line.iter().position(|byte| *byte == 0) {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line.as_slice(), None),
        };
        if let Some(capabilities) = capabilities.filter(|_| request.commands.refs.is_empty()) {
            let text = String::from_utf8_lossy(capabilities).into_owned();
            let has = |name: &str| text.split(' ').any(|one| one == name);
            request.report = has("report-status") || has("report-status-v2");
            request.band = if has("side-band-64k") { Band::Large } else { Band::None };
            request.quiet = has("quiet");
            request.commands.atomic = has("atomic");
            options = has("push-options");
            if text.split(' ').any(|one| one.strip_prefix("object-format=").is_some_and(|format| format != "sha1")) {
                return Err(WireError::protocol("objects are named by SHA-1 here: object-format=sha1"));
            }
        }
        let text = std::str::from_utf8(command).map_err(|_| WireError::protocol("a ref's name is not UTF-8"))?;
        // Where the client's own history is cut off: its parents have to be here, which is seen when they are looked for.
        if text.starts_with("shallow ") {
            continue;
        }
        request.commands.refs.push(parse(text)?);
        if request.commands.refs.len() > REFS {
            return Err(WireError::protocol(format!("a push moves at most {REFS} refs")));
        }
    }
    if request.commands.refs.is_empty() {
        return Ok(None);
    }
    if options {
        skip_options(lines).await?;
    }
    Ok(Some(request))
}

/// Options are for whoever runs hooks: there are none here.
async fn skip_options(lines: &mut Lines<Input>) -> Result<()> {
    for _ in 0..=OPTIONS {
        match lines.next().await? {
            Some(Line::Data(_)) => {}
            Some(Line::Flush) => return Ok(()),
            Some(_) => return Err(WireError::protocol("options of a push have no sections")),
            None => return Err(WireError::early()),
        }
    }
    Err(WireError::protocol(format!("a push has at most {OPTIONS} options")))
}

/// `old new name`
fn parse(text: &str) -> Result<(String, Option<GitOid>, Option<GitOid>)> {
    let bad = || WireError::protocol(format!("'{}' is no command of a push", text.escape_debug()));
    let mut parts = text.splitn(3, ' ');
    let mut id = || -> Result<Option<GitOid>> {
        let oid: GitOid = parts.next().and_then(|oid| oid.parse().ok()).ok_or_else(bad)?;
        Ok((oid != ZERO).then_some(oid))
    };
    let (old, new) = (id()?, id()?);
    Ok((parts.next().ok_or_else(bad)?.to_owned(), old, new))
}

async fn take(repository: &Proposing, gate: &Gate, request: &mut Incoming, output: &mut Output) -> Result<PushReport> {
    if let Some(error) = request.refused.take() {
        return Err(error);
    }
    let index = match request.pack.take() {
        Some(pack) => Some(index(repository, gate, pack).await?),
        None => None,
    };
    if let Some(index) = index.as_ref().filter(|index| !request.quiet && !index.is_empty()) {
        output.progress(&format!("Received {} objects, checking what they say.\n", index.len())).await?;
    }
    let quarantine = Held(index.map(Arc::new));
    Ok(repository.push(request.commands.clone(), &quarantine).await?)
}

/// The pack, on the disk. A request ends with it; in a conversation it says itself where it ends.
async fn spool(gate: &Gate, exchange: Exchange, mut input: Input) -> Result<tokio::fs::File> {
    let spool = tempfile::tempfile().map_err(|error| broken(BadPack::Disk(error)))?;
    let mut file = tokio::fs::File::from_std(spool);
    // What looks for the end inflates what it sees, and others wait for as long as that takes.
    let (mut end, room) = match exchange {
        Exchange::Once => (None, 256 << 10),
        Exchange::Conversation => (Some(End::default()), 32 << 10),
    };
    let (mut piece, mut length, mut is_over) = (vec![0; room], 0, false);
    while !is_over {
        let mut got = input.read(&mut piece).await?;
        if got == 0 {
            break;
        }
        if let Some(last) = end.as_mut().and_then(|end| end.find(&piece[..got])) {
            (got, is_over) = (last, true);
        }
        length += got as u64;
        if length > gate.pack {
            let most = gate.pack;
            let why = format!("the pack has more than {most} bytes, which is what one push may bring: push in parts");
            return Err(WireError::protocol(why));
        }
        file.write_all(&piece[..got]).await.map_err(|error| broken(BadPack::Disk(error)))?;
    }
    file.flush().await.map_err(|error| broken(BadPack::Disk(error)))?;
    Ok(file)
}

/// The pack, read.
async fn index(repository: &Proposing, gate: &Gate, file: tokio::fs::File) -> Result<Index> {
    let file = file.into_std().await;
    let _turn = gate.busy.acquire().await.map_err(|_| WireError::Gone)?;
    let limits = Limits { blob: gate.blob, made: MADE };
    let mut pack = blocking(move || Pack::read(file, limits)).await?;
    while let Some(oid) = pack.needs() {
        let Some((kind, bytes)) = repository.git_object(oid).await? else { break };
        pack = blocking(move || {
            pack.give(oid, kind, &bytes)?;
            Ok(pack)
        })
        .await?;
    }
    blocking(move || pack.finish()).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, BadPack> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| WireError::protocol("the pack could not be read"))?.map_err(broken)
}

fn broken(error: BadPack) -> WireError {
    match error {
        BadPack::Refused(why) => WireError::Protocol(why),
        BadPack::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            let context = "there is no room for the pack while it is checked";
            Failure::from(Error::new(ErrorKind::NoRoom, "git.receive", context).with_source(error)).into()
        }
        BadPack::Disk(error) => {
            let context = "the pack could not be kept while it is checked";
            Failure::from(Error::new(ErrorKind::Internal, "git.receive", context).with_source(error)).into()
        }
    }
}

/// What a push brought; nothing where it only deletes.
struct Held(Option<Arc<Index>>);

#[async_trait]
impl Quarantine for Held {
    fn blobs(&self) -> Vec<(GitOid, u64)> {
        self.0.iter().flat_map(|index| index.of_kind(ObjectKind::Blob)).collect()
    }

    fn trees(&self) -> Vec<GitOid> {
        self.0.iter().flat_map(|index| index.of_kind(ObjectKind::Tree)).map(|(oid, _)| oid).collect()
    }

    async fn read(&self, oid: GitOid) -> ballast_contract::Result<Option<(ObjectKind, Bytes)>> {
        let Some(index) = self.0.clone() else { return Ok(None) };
        let read = match index.size(oid) {
            None => return Ok(None),
            // A few pages that were written a moment ago; but there may be very many of them, one after the other.
            Some(size) if size <= AT_ONCE => {
                tokio::task::consume_budget().await;
                index.read(oid)
            }
            Some(_) => {
                let read = tokio::task::spawn_blocking(move || index.read(oid)).await;
                read.unwrap_or_else(|_| Err(BadPack::Refused("its reader went away".to_owned())))
            }
        };
        read.map_err(|error| {
            let context = format!("object {oid} of the push cannot be read again: {error}");
            Error::new(ErrorKind::Internal, "git.read", context)
        })
    }
}
