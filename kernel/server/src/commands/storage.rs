//! `ballast storage …`

mod migrate;

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use ballast_services::{Depth, Finding, Holding, MigrateOptions, Progress, Severity, Stats, VerifyOptions, XetStats};
use serde_json::json;

use super::with_hub;
use crate::cli::{Options, Storage};
use crate::exit::Exit;
use crate::{output, shutdown};

/// Does what is asked of the storage.
pub fn run(options: &Options, command: Storage) -> Result<(), Exit> {
    match command {
        Storage::Verify { quick, json, side_by_side } => verify(options, quick, json, side_by_side),
        Storage::Migrate { from, to, leave, json, side_by_side } => {
            let migrate = MigrateOptions { from, to, leave, side_by_side: side_by_side.into() };
            migrate::run(options, migrate, json)
        }
        Storage::Chunk => chunk(options),
        Storage::Stats { json } => stats(options, json),
    }
}

fn verify(options: &Options, quick: bool, json: bool, side_by_side: u8) -> Result<(), Exit> {
    let depth = if quick { Depth::Sizes } else { Depth::Bytes };
    let verify = VerifyOptions { depth, side_by_side: side_by_side.into() };
    with_hub(options, async |hub| {
        let mut teller = Teller::new(json);
        let asked = shutdown::asked()?;
        let operator = hub.operator();
        let mut told = |finding: Option<&Finding>, progress: &Progress| teller.tell(finding, progress);
        let ended = tokio::select! {
            verified = operator.verify_storage(verify, &mut told) => Some(verified.map_err(Exit::failure)),
            () = asked => None,
        };
        match ended {
            Some(verified) => teller.end(&verified?, depth),
            None => teller.stopped(),
        }
    })
}

fn chunk(options: &Options) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let asked = shutdown::asked()?;
        let cut = tokio::select! {
            cut = hub.cut_uploads() => cut.map_err(Exit::failure)?,
            () = asked => return Err(Exit::failure("stopped before the end; what was cut stays cut")),
        };
        let written = output::size(cut.written);
        output::print(&format!("{} files lie in chunks now, for which {written} were stored anew\n", cut.files))?;
        match cut.failed {
            0 => Ok(()),
            n => Err(Exit::failure(format!("{n} files could not be cut; they are served as they came"))),
        }
    })
}

fn stats(options: &Options, json: bool) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let stats = hub.operator().storage_stats().await.map_err(Exit::failure)?;
        output::print(&if json { machine_stats(&stats) } else { shown_stats(&stats) })
    })
}

fn shown_stats(stats: &Stats) -> String {
    let size = output::size;
    let mut text = format!("held by repositories  {}\n", size(stats.logical()));
    for ((namespace, kind), holding) in &stats.held {
        let Holding { repositories, bytes, .. } = holding;
        let saved = format!(
            "deduplication saves {}, compression {}",
            size(holding.saved_by_deduplication()),
            size(holding.saved_by_compression())
        );
        text += &format!(
            "  {namespace}, {repositories} {kind}s: {}, stored as {}: {saved}\n",
            size(*bytes),
            size(holding.stored())
        );
    }
    text += &format!("stored                {}\n", size(stats.stored()));
    for (instance, (objects, bytes)) in &stats.storage.stored {
        text += &format!("  {instance}, {objects} objects: {}\n", size(*bytes));
    }
    let XetStats { files, file_bytes, xorbs, raw, stored, unused } = stats.storage.xet;
    text += &format!(
        "in chunks             {files} files of {} in {xorbs} xorbs of {}\n  deduplication leaves {} of them, compression {} of that; {} wait unused\n",
        size(file_bytes),
        size(stored),
        share(raw, file_bytes),
        share(stored, raw),
        size(unused),
    );
    text
}

/// `37 %`
fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "all".to_owned(),
        _ => format!("{:.0} %", part as f64 * 100.0 / whole as f64),
    }
}

fn machine_stats(stats: &Stats) -> String {
    let held = stats.held.iter().map(|((namespace, kind), holding)| {
        json!({
            "namespace": namespace,
            "kind": kind,
            "repositories": holding.repositories,
            "bytes": holding.bytes,
            "stored_bytes": holding.stored(),
            "saved_by_deduplication": holding.saved_by_deduplication(),
            "saved_by_compression": holding.saved_by_compression(),
        })
    });
    let stored = stats.storage.stored.iter();
    let stored =
        stored.map(|(storage, (objects, bytes))| json!({ "storage": storage, "objects": objects, "bytes": bytes }));
    let XetStats { files, file_bytes, xorbs, raw, stored: xorb_bytes, unused } = stats.storage.xet;
    let document = json!({
        "logical_bytes": stats.logical(),
        "stored_bytes": stats.stored(),
        "held": held.collect::<Vec<_>>(),
        "stored": stored.collect::<Vec<_>>(),
        "xet": {
            "files": files,
            "file_bytes": file_bytes,
            "xorbs": xorbs,
            "raw_bytes": raw,
            "stored_bytes": xorb_bytes,
            "unused_bytes": unused,
        },
    });
    format!("{document}\n")
}

/// Says what is found, as it is found.
struct Teller {
    json: bool,
    /// Whether a line of progress is wanted, and when it was last written.
    shown: Option<Instant>,
    seen: Progress,
    /// Whoever reads our output may have gone.
    broken: Option<Exit>,
}

/// How often the line of progress is written.
const PACE: Duration = Duration::from_millis(200);

impl Teller {
    fn new(json: bool) -> Self {
        let shown = std::io::stderr().is_terminal().then(Instant::now);
        Self { json, shown, seen: Progress::default(), broken: None }
    }

    fn tell(&mut self, finding: Option<&Finding>, progress: &Progress) {
        self.seen = *progress;
        if let Some(finding) = finding {
            self.clear();
            let line = if self.json { machine_line(finding) } else { line(finding) };
            if let Err(exit) = output::print(&line) {
                self.broken.get_or_insert(exit);
            }
        }
        if self.shown.is_some_and(|shown| shown.elapsed() >= PACE) {
            self.shown = Some(Instant::now());
            let Progress { repositories, objects, bytes, .. } = *progress;
            let line = format!("\r\x1b[K{repositories} repositories, {objects} objects, {} read", output::size(bytes));
            // A terminal that went away misses nothing.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn clear(&self) {
        if self.shown.is_some() {
            let _ = std::io::stderr().write_all(b"\r\x1b[K");
        }
    }

    fn end(self, verified: &Progress, depth: Depth) -> Result<(), Exit> {
        self.clear();
        self.broken.map_or(Ok(()), Err)?;
        match self.json {
            true => output::print(&machine_summary(verified, true))?,
            false => output::print(&summary(verified, depth))?,
        }
        match verified.damage {
            0 => Ok(()),
            n => Err(Exit::failure(format!("{n} findings of damage: something that was stored is missing or changed"))),
        }
    }

    fn stopped(self) -> Result<(), Exit> {
        self.clear();
        if self.json {
            output::print(&machine_summary(&self.seen, false))?;
        }
        let Progress { repositories, objects, damage, .. } = self.seen;
        let so_far = format!("{repositories} repositories and {objects} objects were gone over, {damage} damaged");
        Err(Exit::failure(format!("stopped before the end: {so_far}")))
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Damage => "damage",
        Severity::Notice => "notice",
    }
}

fn line(finding: &Finding) -> String {
    let whose = match finding.repositories.as_slice() {
        [] => String::new(),
        names => format!(" ({})", names.join(", ")),
    };
    format!("{}: {}{whose}: {}\n", word(finding.severity).to_uppercase(), finding.subject, finding.sentence)
}

fn machine_line(finding: &Finding) -> String {
    let line = json!({
        "severity": word(finding.severity),
        "what": finding.what.as_str(),
        "subject": finding.subject,
        "repositories": finding.repositories,
        "sentence": finding.sentence,
    });
    format!("{line}\n")
}

fn machine_summary(progress: &Progress, complete: bool) -> String {
    let summary = json!({ "summary": {
        "complete": complete,
        "repositories": progress.repositories,
        "names": progress.names,
        "objects": progress.objects,
        "blobs": progress.blobs,
        "bytes": progress.bytes,
        "damage": progress.damage,
        "notices": progress.notices,
    }});
    format!("{summary}\n")
}

fn summary(verified: &Progress, depth: Depth) -> String {
    let Progress { repositories, names, objects, blobs, bytes, damage, notices } = *verified;
    let read = match depth {
        Depth::Bytes => format!("{} were read and hashed", output::size(bytes)),
        Depth::Sizes => "only sizes were compared".to_owned(),
    };
    let over =
        format!("{repositories} repositories, {names} files of theirs, {objects} objects with {blobs} blobs; {read}");
    let outcome = match (damage, notices) {
        (0, 0) => "everything is there and as it was stored".to_owned(),
        (0, notices) => {
            format!("everything is there and as it was stored; {notices} things are untidy, and nothing is lost")
        }
        (damage, notices) => format!(
            "{damage} damaged or missing, {notices} untidy. A file is whole again when its bytes are uploaded again; \
             `ballast gc explain SHA256` says who needs it"
        ),
    };
    format!("{over}\n{outcome}\n")
}
