//! The commands, one file each.

mod analyze;
mod audit;
mod cache;
mod check;
mod completions;
mod config;
mod database;
mod download;
mod gc;
mod import;
mod openapi;
mod plugins;
mod schema;
mod serve;
mod storage;
mod token;
mod user;
mod versioning;

use ballast_services::Hub;
use tokio::runtime::Runtime;

use crate::cli::{Cli, Command, Config, Options};
use crate::exit::Exit;
use crate::{background, builtins, data_dir, hub, preflight};

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<(), Exit> {
    let options = cli.options;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&options),
        Command::Check => check::run(&options),
        Command::Plugins(command) => plugins::run(&options, command),
        Command::Config(Config::Show) => config::show(&options),
        Command::Config(Config::Reference) => config::reference(),
        Command::Schema => schema::run(),
        Command::Openapi => openapi::run(&options),
        Command::User(command) => user::run(&options, command),
        Command::Token(command) => token::run(&options, command),
        Command::Database(command) => database::run(&options, command),
        Command::Storage(command) => storage::run(&options, command),
        Command::Versioning(command) => versioning::run(&options, command),
        Command::Gc(command) => gc::run(&options, command),
        Command::Audit(command) => audit::run(&options, command),
        Command::Download { wanted, speed, json } => download::run(&options, &wanted, &speed, json),
        Command::Import(wanted) => import::run(&options, &wanted),
        Command::Plan { wanted, json } => download::plan(&options, &wanted, json),
        Command::Analyze { wanted, json } => analyze::run(&options, &wanted, json),
        Command::Cache(command) => cache::run(command),
        Command::Completions { shell } => completions::run(shell),
    }
}

fn runtime() -> Result<Runtime, Exit> {
    Runtime::new().map_err(|error| Exit::failure(format!("no threads to work with: {error}")))
}

/// Opens the hub for one command, beside a serving one or alone, and closes it again.
fn with_hub(options: &Options, work: impl AsyncFnOnce(&Hub) -> Result<(), Exit>) -> Result<(), Exit> {
    let mut registry = builtins::registry();
    let loaded = preflight::load(options, &mut registry)?;
    runtime()?.block_on(async {
        let opened = hub::open(&loaded, &registry, hub::Purpose::Command).await?;
        let outcome = work(&opened.hub).await;
        opened.plugins.stop().await;
        outcome
    })
}

/// The same for a command that changes what a serving hub keeps in memory: it ends when that hub has noticed, so that
/// who was shut out is shut out by then.
fn with_hub_changing(options: &Options, work: impl AsyncFnOnce(&Hub) -> Result<(), Exit>) -> Result<(), Exit> {
    with_hub(options, work)?;
    let loaded = preflight::load(options, &mut builtins::registry())?;
    if data_dir::is_served(loaded.data_dir()) {
        // The hub asks its database; it cannot be asked whether it has.
        std::thread::sleep(background::NOTICE * 4);
    }
    Ok(())
}
