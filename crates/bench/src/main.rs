//! Measures a real provider over real signed HTTP: processor time per operation as a multiple of what no implementation
//! could do without, latency, memory, disk. A development tool; `docs/performance.md` explains the figures.

mod connection;
mod empty;
mod floor;
mod framing;
mod history;
mod load;
mod machine;
mod operations;
mod proc;
mod provider;
mod report;
mod run;
mod schedule;
mod seed;
mod settings;
mod sign;
mod soak;
mod table;

use anyhow::{Context, Result};
use clap::Parser;
use report::Report;
use settings::Arguments;
use std::fs;
use std::process::ExitCode;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let done = if std::env::args().nth(1).is_some_and(|word| word == empty::COMMAND) {
        // As many threads as the provider has.
        Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("starting a runtime")
            .and_then(|runtime| runtime.block_on(empty::serve()).map(|()| ExitCode::SUCCESS))
    } else {
        measure(&Arguments::parse())
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs everything and tells of it. Fails if the provider gave a wrong answer.
fn measure(arguments: &Arguments) -> Result<ExitCode> {
    let old = arguments.compare.as_ref().map(|path| {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str::<Report>(&text).with_context(|| format!("{} is no report", path.display()))
    });
    let old = old.transpose()?;
    // One thread, so that the load takes little of what it measures.
    let runtime = Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    if arguments.soaks() {
        return soak::soak(arguments, &runtime);
    }
    let report = runtime.block_on(run::run(arguments))?;
    println!("\n{}", table::report(&report));
    if let Some(old) = &old {
        println!("{}", table::comparison(old, &report));
    }
    if let Some(path) = &arguments.out {
        let text = serde_json::to_string_pretty(&report).context("the report")?;
        fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    let faults = report.faults();
    for fault in &faults {
        eprintln!("wrong: {fault}");
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
