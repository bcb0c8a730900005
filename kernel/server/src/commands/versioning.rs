//! `ballast versioning …`

use std::time::{Duration, Instant};

use ballast_services::{Hub, Moved, NotMoved, RelocateOptions};
use indicatif::ProgressBar;
use serde_json::json;

use super::with_hub;
use crate::cli::{Options, Versioning};
use crate::exit::Exit;
use crate::{builtins, data_dir, output, preflight, shutdown};

/// Does what is asked of the engines.
pub fn run(options: &Options, command: Versioning) -> Result<(), Exit> {
    match command {
        Versioning::Migrate { from, to, repo, while_serving, json } => {
            migrate(options, RelocateOptions { from, to, only: repo, serving: while_serving }, json)
        }
    }
}

/// Moves repositories from one versioning instance to another.
fn migrate(options: &Options, relocate: RelocateOptions, json: bool) -> Result<(), Exit> {
    let loaded = preflight::load(options, &mut builtins::registry())?;
    // Whoever serves has this, and nobody begins to serve while it is held.
    let _lock = match relocate.serving {
        true => None,
        false => {
            let (what, purpose) = ("would stay in the old engine", "for a first pass");
            Some(data_dir::Lock::take_unserved(loaded.data_dir(), what, purpose)?)
        }
    };
    with_hub(options, async |hub| {
        let (begun, asked) = (Instant::now(), shutdown::asked()?);
        let bar = output::progress("{msg} {pos}/{len} repositories {wide_bar} {eta}");
        let (mut broken, mut seen) = (None, Moved::default());
        let mut told = |not_moved: Option<&NotMoved>, progress: &Moved| {
            seen = *progress;
            show(&bar, progress);
            if let Some(not_moved) = not_moved {
                let line = if json { machine_line(not_moved) } else { line(not_moved) };
                broken = bar.suspend(|| output::print(&line)).err().or(broken.take());
            }
        };
        let operator = hub.operator();
        let ended = tokio::select! {
            moved = operator.migrate_versioning(relocate.clone(), &mut told) => Some(moved),
            () = asked => None,
        };
        bar.finish_and_clear();
        broken.map_or(Ok(()), Err)?;
        let moved = match ended {
            Some(Ok(moved)) => moved,
            Some(Err(failure)) => {
                return Err(Exit::failure(format!(
                    "{failure}; '{}' goes on serving, and the same command goes on where it was",
                    hub.commits_to()
                )));
            }
            None => return Err(Exit::failure(stopped(&seen))),
        };
        match json {
            true => output::print(&machine_summary(&moved))?,
            false => output::print(&summary(hub, &relocate, &moved, begun.elapsed()))?,
        }
        match moved.left {
            0 => Ok(()),
            n => {
                Err(Exit::failure(format!("{n} repositories could not be moved, and are in '{}' still", relocate.from)))
            }
        }
    })
}

fn show(bar: &ProgressBar, progress: &Moved) {
    bar.set_length(progress.wanted);
    bar.set_position(progress.repositories);
    bar.set_message(format!("{} commits", progress.commits));
}

fn stopped(seen: &Moved) -> String {
    let Moved { wanted, repositories, commits, .. } = *seen;
    format!(
        "stopped before the end: {commits} commits were moved, {repositories} of {wanted} repositories are through; the \
         same command goes on there"
    )
}

fn line(not_moved: &NotMoved) -> String {
    format!("NOT MOVED: {}: {}\n", not_moved.repository, not_moved.sentence)
}

fn machine_line(not_moved: &NotMoved) -> String {
    let line = json!({ "not_moved": not_moved.repository, "sentence": not_moved.sentence });
    format!("{line}\n")
}

fn machine_summary(moved: &Moved) -> String {
    let Moved { wanted, commits, stayed, refs, left, behind, gone, .. } = *moved;
    let summary = json!({ "summary": {
        "repositories": wanted,
        "commits": commits,
        "left_behind": stayed,
        "refs": refs,
        "not_moved": left,
        "behind": behind,
        "deleted": gone,
    }});
    format!("{summary}\n")
}

fn summary(hub: &Hub, options: &RelocateOptions, moved: &Moved, took: Duration) -> String {
    let RelocateOptions { from, to, only, serving } = options;
    let Moved { wanted, commits, stayed, refs, left, behind, gone, .. } = *moved;
    let whole = wanted - left - behind;
    let mut text = format!(
        "{commits} commits were moved from '{from}' to '{to}' in {:.1} s. {whole} of {wanted} repositories have there the \
         same {refs} refs, read again, and the same trees\n",
        took.as_secs_f64()
    );
    if stayed > 0 {
        text +=
            &format!("{stayed} commits to which no branch or tag leads stay in '{from}': '{to}' cannot hold them\n");
    }
    if gone > 0 {
        text += &format!("{gone} repositories that the hub has no more were deleted from '{to}'\n");
    }
    if behind > 0 {
        text += &format!("{behind} were written to meanwhile: the last pass brings the rest\n");
    }
    text += &match (*serving, left, only.is_empty()) {
        (_, 1.., _) => format!("'{}' must go on serving: in '{to}' the others would be missing\n", hub.commits_to()),
        (true, ..) => "Next: stop every node, and the same command without --while-serving\n".to_owned(),
        (_, _, false) => format!("Next: the same command without --repo; in '{to}' all others would be missing\n"),
        _ => format!(
            "Next, on every node, before any of them serves again:\n\n    [repositories]\n    versioning = \"{to}\"\n\n'{from}' \
             keeps what it has, and may be taken out of the configuration once the hub has served for a while. Do not serve \
             from it again without moving back.\n"
        ),
    };
    text
}
