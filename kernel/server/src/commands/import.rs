//! `ballast import`

use std::io::IsTerminal;
use std::time::Duration;

use ballast_services::{Failure, Hub, ImportRequest, ImportView, Importing, JobStatus};
use ballast_types::RepoKind;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::user::parse;
use crate::cli::{Import, Options};
use crate::exit::Exit;
use crate::hub::{self, Purpose};
use crate::remote::{self, Elsewhere};
use crate::{background, builtins, data_dir, output, preflight};

/// How often is looked whether it is over, and progress is shown.
const LOOK: Duration = Duration::from_millis(200);

/// Takes a repository over, beside a serving hub or alone. Whoever of the two takes it first works on it.
pub fn run(options: &Options, wanted: &Import) -> Result<(), Exit> {
    let mut registry = builtins::registry();
    let loaded = preflight::load(options, &mut registry)?;
    super::runtime()?.block_on(async {
        let elsewhere = Elsewhere::open(&loaded, wanted.endpoint.as_deref()).await?;
        let opened = hub::open_reading(&loaded, &registry, Purpose::Command, elsewhere).await?;
        let outcome = import(&opened.hub, wanted).await;
        opened.plugins.stop().await;
        if data_dir::is_served(loaded.data_dir()) {
            // The hub asks its database; it cannot be asked whether it has.
            tokio::time::sleep(background::NOTICE * 4).await;
        }
        outcome
    })
}

async fn import(hub: &Hub, wanted: &Import) -> Result<(), Exit> {
    let user = hub.operator().get_user(&parse(&wanted.user)?).await.map_err(Exit::failure)?;
    let importing = hub.operator().importing(&user).await.map_err(exit)?;
    let (import, _) = importing.start(request(wanted)).await.map_err(exit)?;
    if wanted.json {
        line(
            &json!({ "event": "start", "target": import.id.to_string(), "type": import.kind, "from": import.import.order.endpoint }),
        )?;
    }
    let work = hub.work_on_import(import.import.order.repo);
    let (ended, failure) = tokio::join!(follow(&importing, import, wanted.json), work);
    let (ended, failure) = (ended?, failure.map_err(exit)?);
    let import = &ended.import;
    match import.status {
        JobStatus::Completed => done(&ended, wanted.json),
        status => {
            let why = if import.error.is_empty() { format!("the import was {status}") } else { import.error.clone() };
            if wanted.json {
                line(&json!({ "event": "failed", "error": why }))?;
            }
            Err(failure.map_or_else(|| Exit::failure(why), exit))
        }
    }
}

fn request(wanted: &Import) -> ImportRequest {
    ImportRequest {
        repo: wanted.repo.clone(),
        kind: Some(match (wanted.dataset, wanted.space) {
            (true, _) => RepoKind::Dataset,
            (_, true) => RepoKind::Space,
            _ => RepoKind::Model,
        }),
        revision: Some(wanted.revision.clone()),
        from: wanted.endpoint.clone(),
        target: wanted.target.clone(),
        branch: Some(wanted.branch.clone()),
        history: wanted.history,
        private: Some(!wanted.public),
        overwrite: wanted.overwrite,
        every: wanted.every.map(Duration::from_secs),
    }
}

fn done(ended: &ImportView, json: bool) -> Result<(), Exit> {
    let (source, commit) = ended.import.taken.unzip();
    match json {
        true => {
            let fetched = ended.progress().fetched_bytes;
            line(&json!({
                "event": "done", "target": ended.id.to_string(), "sourceCommit": source, "commit": commit, "fetchedBytes": fetched,
            }))
        }
        false => {
            let commit = commit.map_or_else(String::new, |commit| format!(" at {commit}"));
            output::print(&format!("{} {}{commit}\n", ended.kind, ended.id))
        }
    }
}

/// Shows how far an import is until it is over.
async fn follow(importing: &Importing, mut import: ImportView, json: bool) -> Result<ImportView, Exit> {
    let bar = bar(json);
    let mut told = Value::Null;
    while !import.import.status.is_over() {
        tokio::time::sleep(LOOK).await;
        import = importing.follow(&import).await.map_err(exit)?;
        let now = import.progress();
        bar.set_length(now.total_bytes);
        bar.set_position(now.completed_bytes);
        bar.set_message(match now.total_commits {
            0 | 1 => format!("{} of {} files", now.completed_files, now.total_files),
            commits => format!("{} of {commits} commits", now.completed_commits),
        });
        let event = json!({
            "event": "progress", "completedBytes": now.completed_bytes, "totalBytes": now.total_bytes,
            "fetchedBytes": now.fetched_bytes, "completedFiles": now.completed_files, "totalFiles": now.total_files,
            "completedCommits": now.completed_commits, "totalCommits": now.total_commits,
        });
        if json && told != event {
            line(&event)?;
            told = event;
        }
    }
    bar.finish_and_clear();
    Ok(import)
}

fn bar(json: bool) -> ProgressBar {
    let hidden = json || !std::io::stderr().is_terminal();
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{wide_msg} {bytes:>10}/{total_bytes:<10} {bar:24} {bytes_per_sec} {eta}");
    ProgressBar::with_draw_target(Some(0), target).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn line(event: &Value) -> Result<(), Exit> {
    output::print(&format!("{event}\n"))
}

/// How the program ends where an import does not do what it should.
fn exit(failure: Failure) -> Exit {
    let why = failure.to_string();
    match failure {
        Failure::Remote(error) => remote::exit(error),
        Failure::OverQuota(_) | Failure::NoRoom(_) => Exit::Ended { code: 6, why },
        Failure::Conflict(_) => Exit::Ended { code: 7, why },
        Failure::RepoFormat { repo } => Exit::misuse(format!("{repo}: a repository is named as in owner/name")),
        Failure::Invalid(_) => Exit::misuse(why),
        _ => Exit::failure(why),
    }
}
