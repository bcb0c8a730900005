//! `ballast completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output;

/// Prints the completions of a shell.
pub fn run(shell: Shell) -> Result<(), Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ballast", &mut text);
    output::print(&String::from_utf8_lossy(&text))
}
