//! Bursar: an Open Payments wallet provider in one program, and a client for the command line.

mod cli;
mod demo;
mod doctor;
mod serve;
mod settings;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Half of a request's allocations are freed by another thread than made them, and hashing a password takes 19 MiB for
/// a moment: the system's allocator is slow at the one and keeps the other (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An Open Payments wallet provider in one program, and a client for the command line.
#[derive(Parser)]
#[command(name = "bursar", version, about, max_term_width = 110)]
struct Arguments {
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// See the whole path with play money: consent, payments, limits, windows, revocation.
    Demo(demo::Demo),
    /// Run a wallet provider.
    Serve(serve::Serve),
    /// Bring a database's schema up to date.
    Migrate(doctor::Migrate),
    /// Check that a database is sound: no money lost, doubled or overspent.
    Doctor(doctor::Doctor),
    #[command(flatten)]
    Client(cli::Command),
}

fn main() -> ExitCode {
    let Arguments { json, command } = Arguments::parse();
    let done = match command {
        Command::Demo(demo) => in_runtime(demo::run(demo, json)),
        Command::Serve(serve) => in_runtime(serve::run(serve, json)),
        Command::Migrate(migrate) => doctor::migrate(&migrate, json),
        Command::Doctor(doctor) => in_runtime(doctor::run(doctor, json)),
        Command::Client(command) => in_runtime(cli::run(command, json)),
    };
    done.unwrap_or_else(|error| {
        anstream::eprintln!("{} {error:#}", owo_colors::OwoColorize::red(&"error:"));
        ExitCode::FAILURE
    })
}

fn in_runtime(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
