//! `ballast storage migrate`

use std::time::{Duration, Instant};

use ballast_services::{Hub, MigrateOptions, Migrated, NotCopied};
use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::Options;
use crate::commands::with_hub;
use crate::exit::Exit;
use crate::{output, shutdown};

/// Copies what lies in one storage instance into another.
pub fn run(options: &Options, migrate: MigrateOptions, json: bool) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let (begun, asked) = (Instant::now(), shutdown::asked()?);
        let bar = output::progress("{msg} {bytes:>10}/{total_bytes:<10} {wide_bar} {bytes_per_sec} {eta}");
        let mut broken = None;
        let mut seen = Migrated::default();
        let mut told = |not_copied: Option<&NotCopied>, progress: &Migrated| {
            seen = *progress;
            show(&bar, progress);
            if let Some(not_copied) = not_copied {
                let line = if json { machine_line(not_copied) } else { line(not_copied) };
                broken = bar.suspend(|| output::print(&line)).err().or(broken.take());
            }
        };
        let operator = hub.operator();
        let ended = tokio::select! {
            migrated = operator.migrate_storage(migrate.clone(), &mut told) => Some(migrated),
            () = asked => None,
        };
        bar.finish_and_clear();
        broken.map_or(Ok(()), Err)?;
        let migrated = match ended {
            Some(Ok(migrated)) => migrated,
            Some(Err(failure)) => {
                return Err(Exit::failure(format!(
                    "{failure}; what was copied stays, and the same command goes on there"
                )));
            }
            None => return Err(Exit::failure(stopped(&seen))),
        };
        match json {
            true => output::print(&machine_summary(&migrated))?,
            false => output::print(&summary(hub, &migrate, &migrated, begun.elapsed()))?,
        }
        match migrated.damaged {
            0 => Ok(()),
            n => Err(Exit::failure(format!("{n} blobs are missing or damaged, and were not copied"))),
        }
    })
}

fn show(bar: &ProgressBar, progress: &Migrated) {
    bar.set_length(progress.wanted.bytes.max(progress.bytes));
    bar.set_position(progress.bytes);
    bar.set_message(format!("{} objects", progress.objects));
}

fn stopped(seen: &Migrated) -> String {
    let Migrated { blobs, bytes, .. } = *seen;
    let bytes = output::size(bytes);
    format!("stopped before the end: {blobs} blobs, {bytes}, were copied; the same command goes on there")
}

fn line(not_copied: &NotCopied) -> String {
    let NotCopied { sha256, key, sentence, repositories } = not_copied;
    let whose = if repositories.is_empty() { String::new() } else { format!(" ({})", repositories.join(", ")) };
    format!("NOT COPIED: {sha256}{whose} as {key}: {sentence}\n")
}

fn machine_line(not_copied: &NotCopied) -> String {
    let line = json!({
        "not_copied": not_copied.sha256.to_string(),
        "key": not_copied.key,
        "repositories": not_copied.repositories,
        "sentence": not_copied.sentence,
    });
    format!("{line}\n")
}

fn machine_summary(migrated: &Migrated) -> String {
    let Migrated { objects, blobs, bytes, damaged, left, remaining, kept, .. } = *migrated;
    let summary = json!({ "summary": {
        "objects": objects,
        "blobs": blobs,
        "bytes": bytes,
        "not_copied": damaged,
        "left": left,
        "remaining": { "objects": remaining.objects, "bytes": remaining.bytes },
        "old": { "holding": kept.holding, "unfinished": kept.unfinished, "deleting": kept.deleting },
    }});
    format!("{summary}\n")
}

fn summary(hub: &Hub, options: &MigrateOptions, migrated: &Migrated, took: Duration) -> String {
    let MigrateOptions { from, to, leave, .. } = options;
    let Migrated { blobs, bytes, left, remaining, kept, .. } = *migrated;
    let mut text = format!(
        "{blobs} blobs, {}, were copied from '{from}' to '{to}' in {:.1} s, each read whole and hashed\n",
        output::size(bytes),
        took.as_secs_f64()
    );
    if remaining.objects > 0 {
        let (objects, bytes) = (remaining.objects, output::size(remaining.bytes));
        text += &format!("{objects} objects with {bytes} are not in '{to}': damaged ones, and what came meanwhile\n");
    }
    if *leave {
        text += &format!("{left} blobs were taken away from '{from}'; ");
        text += &match (kept.holding, kept.unfinished, kept.deleting) {
            (0, 0, 0) => "it holds nothing any more, and can be taken out of the configuration\n".to_owned(),
            (0, 0, deleting) => format!(
                "`ballast gc run` deletes its last {deleting} objects, and then it can be taken out of the configuration\n"
            ),
            (holding, unfinished, _) => format!(
                "it holds {holding} objects still, and {unfinished} of uploads that have not ended: call this again later\n"
            ),
        };
        return text;
    }
    let next = match hub.uploads_to() == from {
        true => format!(
            "Uploads go to '{from}' still. Next, on every node:\n\n    [uploads]\n    storage = \"{to}\"\n\nStart each with it, and \
             then run: ballast storage migrate --from {from} --to {to} --leave\n"
        ),
        false => format!("Next, when every node sends uploads to '{to}': the same command with --leave\n"),
    };
    text + &next
}
