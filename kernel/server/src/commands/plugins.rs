//! `ballast plugins`: those that there are, and tools for who writes one.

mod inspect;
mod new;
mod suite;

use ballast_loader::Plugin;

use crate::cli::{Options, Plugins};
use crate::exit::Exit;
use crate::{builtins, output};

/// Does what is asked of plugins.
pub fn run(options: &Options, command: Plugins) -> Result<(), Exit> {
    match command {
        Plugins::List => list(options),
        Plugins::Inspect { file } => inspect::run(&file),
        Plugins::Test { file, repository } => suite::run(options, &file, repository.as_deref()),
        Plugins::New { role, name, ballast } => new::run(role, &name, &ballast),
    }
}

/// Prints what a configuration may name, and on standard error which libraries were refused.
fn list(options: &Options) -> Result<(), Exit> {
    let mut registry = builtins::registry();
    let loaded = options.layers().load().map_err(|mistakes| Exit::Configuration(mistakes.problems))?;
    registry.inspect(&loaded);
    let heading = ["PLUGIN", "ROLE", "VERSION", "KIND"].map(str::to_owned);
    let kind = |plugin: &Plugin| plugin.file().map_or("built in".to_owned(), |file| file.display().to_string());
    let row = |plugin: &Plugin| {
        [plugin.id().to_owned(), plugin.role().to_string(), plugin.version().to_owned(), kind(plugin)]
    };
    let rows: Vec<_> = std::iter::once(heading).chain(registry.list().map(row)).collect();
    output::print(&output::columns(&rows))?;
    for library in registry.libraries() {
        if let Some(why) = library.refused {
            eprintln!("ballast: refused: {}: {why}", library.file.display());
        }
    }
    Ok(())
}
