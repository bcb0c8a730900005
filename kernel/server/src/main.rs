//! The binary `ballast`: command line, logging, wiring, shutdown. The only room that names a plugin.

mod background;
mod builtins;
mod cli;
mod commands;
mod connection;
mod data_dir;
mod declared;
mod endpoints;
mod exit;
mod files;
mod first_start;
mod http;
mod hub;
mod jobs;
mod libraries;
mod logging;
mod mirror;
mod output;
mod places;
mod preflight;
mod remote;
mod shutdown;
mod ssh;
mod status;
mod unread;

// A quarter of a small request's time went to the system's allocator; this one takes a third of that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    exit::code(commands::run(cli::parse()))
}
