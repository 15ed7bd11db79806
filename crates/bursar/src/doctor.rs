//! `bursar migrate` and `bursar doctor`: care for the database.

use crate::serve::open_store;
use crate::settings::Data;
use anyhow::Context;
use bursar_app::Clock;
use bursar_store::Applied;
use bursar_store::audit::{self, Report};
use clap::Args;
use jiff::SignedDuration;
use owo_colors::OwoColorize;
use serde_json::json;
use std::process::ExitCode;

/// Bring a database's schema up to date.
#[derive(Args, Debug)]
pub struct Migrate {
    #[command(flatten)]
    data: Data,
}

/// Check that a database is sound.
#[derive(Args, Debug)]
#[command(after_help = "\
Reads everything as of one moment, also while the provider runs. Exits with 1 if something is wrong.")]
pub struct Doctor {
    #[command(flatten)]
    data: Data,
}

/// Applies what is missing, and says so.
pub fn migrate(migrate: &Migrate, json: bool) -> anyhow::Result<ExitCode> {
    let location = migrate.data.location();
    migrate.data.make_folder()?;
    let now = Clock::system(SignedDuration::ZERO).now();
    let done = Applied::at(&location, now).with_context(|| format!("cannot migrate the {}", location.describe()))?;
    if json {
        println!("{}", json!({ "version": done.version, "applied": done.applied }));
    } else if done.applied.is_empty() {
        println!("The {} is up to date (version {}).", location.describe(), done.version);
    } else {
        println!("The {} has version {} now: applied {}.", location.describe(), done.version, done.applied.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// Audits a database, and says what it saw.
pub async fn run(doctor: Doctor, json: bool) -> anyhow::Result<ExitCode> {
    let location = doctor.data.location();
    let cannot = || format!("cannot read the {}", location.describe());
    if let bursar_store::Location::File(path) = &location {
        anyhow::ensure!(path.exists(), "there is no database at {}: name its folder with --data", path.display());
    }
    let now = Clock::system(SignedDuration::ZERO).now();
    let store = open_store(&location, now).await?;
    let report = store.snapshot(audit::audit).await.with_context(cannot)?;
    let Report { accounts, transfers, payments, windows, faults } = &report;
    let sound = faults.is_empty();
    if json {
        println!(
            "{}",
            json!({ "sound": sound, "accounts": accounts, "transfers": transfers, "payments": payments,
                    "windows": windows, "faults": faults })
        );
    } else {
        anstream::println!(
            "The {}: {}, {}, {}, {}.",
            location.describe(),
            count(*accounts, "account"),
            count(*transfers, "transfer"),
            count(*payments, "payment"),
            count(*windows, "window")
        );
        for fault in faults {
            anstream::println!("  {} {fault}", "wrong:".red().bold());
        }
        if sound {
            anstream::println!(
                "{} balances add up, nobody is below zero, no window is overspent.",
                "Sound:".green().bold()
            );
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A number of things: `1 payment`, `2 payments`.
fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
