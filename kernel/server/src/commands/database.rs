//! `ballast database …`

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballast_config::SecretSource;
use ballast_database::{CopiedTable, CopyProgress, CopyStep, Database as Rows, Options as RowsOptions};
use serde_json::json;

use crate::cli::{CopyTarget, Database, Options};
use crate::exit::Exit;
use crate::hub::{self, Purpose};
use crate::{builtins, data_dir, output, preflight, shutdown};

/// Does what is asked of the database.
pub fn run(options: &Options, command: Database) -> Result<(), Exit> {
    match command {
        Database::Copy { to, while_serving, json } => copy(options, &to, while_serving, json),
    }
}

fn copy(options: &Options, to: &CopyTarget, while_serving: bool, json: bool) -> Result<(), Exit> {
    let mut registry = builtins::registry();
    let loaded = preflight::load(options, &mut registry)?;
    let url = source_of(to).read().map_err(Exit::misuse)?;
    Rows::check_url(url.expose()).map_err(Exit::misuse)?;
    // Whoever serves has this, and nobody begins to serve while it is held.
    let _lock = match while_serving {
        true => None,
        false => Some(data_dir::Lock::take_unserved(loaded.data_dir(), "would not be in the copy", "to rehearse")?),
    };
    super::runtime()?.block_on(async {
        let (begun, asked) = (Instant::now(), shutdown::asked()?);
        let source = hub::database(&loaded, Purpose::Command).await?;
        let wait = Duration::from_secs(loaded.config.database.wait_seconds.into());
        let target = Rows::open(url.expose(), &RowsOptions { connections: 2, wait, alone: false }).await;
        let target = target.map_err(|error| hub::unopened(url.expose(), &error))?;
        if let Some(table) = target.find_rows().await.map_err(Exit::failure)? {
            return Err(Exit::failure(ballast_database::CopyError::NotEmpty { table }));
        }
        hub::migrate(&source, &registry).await?;
        hub::migrate(&target, &registry).await?;
        let bar = output::progress("{msg:32!} {human_pos}/{human_len} rows {wide_bar} {eta}");
        let shown = bar.clone();
        let copied = tokio::select! {
            copied = source.copy_to(&target, Arc::new(move |progress| show(&shown, &progress))) => copied,
            () = asked => return Err(Exit::failure("stopped before the end; the target is as empty as it was")),
        };
        bar.finish_and_clear();
        let copied = copied.map_err(Exit::failure)?;
        match json {
            true => output::print(&machine_summary(&copied)),
            false => {
                let direction = format!("from {} to {}", source.dialect(), target.dialect());
                output::print(&summary(&copied, &direction, begun.elapsed(), to))
            }
        }
    })
}

fn source_of(to: &CopyTarget) -> SecretSource {
    let table = match (&to.env, &to.file) {
        (Some(env), _) => SecretSource::in_table(&json!({ "env": env })),
        (_, Some(file)) => SecretSource::in_table(&json!({ "file": file.to_string_lossy() })),
        _ => None,
    };
    table.unwrap_or_else(|| SecretSource::text(to.url.clone().unwrap_or_default()))
}

fn show(bar: &indicatif::ProgressBar, progress: &CopyProgress) {
    let word = match progress.step {
        CopyStep::Copying => "copying",
        CopyStep::Comparing => "comparing",
    };
    bar.set_length(progress.rows);
    bar.set_position(progress.done);
    bar.set_message(format!("{word} {}", progress.table));
}

fn summary(copied: &[CopiedTable], direction: &str, took: Duration, to: &CopyTarget) -> String {
    let filled = copied.iter().filter(|table| table.rows > 0);
    let mut rows = vec![["TABLE", "ROWS", "CHECKSUM"].map(str::to_owned)];
    rows.extend(filled.map(|table| {
        let checksum = table.checksum.to_string().chars().take(16).collect();
        [table.name.clone(), table.rows.to_string(), checksum]
    }));
    let (tables, sum) = (copied.len(), sum(copied));
    let url = match (&to.env, &to.file) {
        (Some(env), _) => format!("{{ env = \"{env}\" }}"),
        (_, Some(file)) => format!("{{ file = \"{}\" }}", file.display()),
        _ => "{ file = \"/etc/ballast/database-url\" }   # a file with the URL that was copied to".to_owned(),
    };
    format!(
        "{}{tables} tables with {sum} rows were copied {direction} in {:.1} s, read again and found the same\n\n\
         The configuration says now which database is used. For the copy, write into it:\n\n\
         \x20   [database]\n    url = {url}\n\n\
         Then start the hub. The database of before was not changed: remove it once the hub has served for a while, and \
         do not serve from it again.\n",
        output::columns(&rows),
        took.as_secs_f64()
    )
}

fn sum(copied: &[CopiedTable]) -> u64 {
    copied.iter().map(|table| table.rows).sum()
}

fn machine_summary(copied: &[CopiedTable]) -> String {
    let line = |table: &CopiedTable| {
        let line = json!({ "table": table.name, "rows": table.rows, "checksum": table.checksum.to_string() });
        format!("{line}\n")
    };
    let lines: String = copied.iter().map(line).collect();
    let summary = json!({ "summary": { "tables": copied.len(), "rows": sum(copied) } });
    format!("{lines}{summary}\n")
}
