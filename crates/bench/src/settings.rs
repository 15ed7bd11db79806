//! What is measured, and how: the command line.

use crate::operations::Operation;
use crate::proc::Processes;
use crate::provider::Installation;
use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Signatures are accepted for 300 seconds, and all of them are made before the first is sent.
const SECONDS_MAX: u64 = 120;
/// Open loops have more connections, so that it is the server that requests wait for.
const OPEN_CONNECTIONS_FACTOR: u64 = 4;

/// Measure a provider: processor time per operation against its floor, latency, memory, disk.
#[derive(Parser, Debug, Clone)]
#[command(name = "bursar-bench", max_term_width = 110)]
pub struct Arguments {
    /// Measure only these operations.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    only: Vec<Operation>,
    /// Connections of a closed loop; an open loop has four times as many.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    connections: u64,
    /// How long each operation is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// How long each operation runs before it is measured.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    warm_up: u64,
    /// Requests per second of open loops.
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Wallets and grants of payment-spread. More than that take so long to make that the first tokens expire.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    wallets: u64,
    /// Settled payments that are there before, under the measured grant and wallet.
    #[arg(long, value_name = "N", default_value_t = 0)]
    history: u64,
    /// Sign with a nonce, which costs the server a durable row more for what changes anything. The official SDKs send none.
    #[arg(long)]
    nonce: bool,
    /// Nodes on one PostgreSQL database.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    nodes: u64,
    /// A PostgreSQL database that nobody else uses, instead of the embedded one.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The id of that server's first process.
    #[arg(long, value_name = "PID", requires = "database")]
    database_process: Option<u32>,
    /// That server's folder of data.
    #[arg(long, value_name = "DIR", requires = "database")]
    database_folder: Option<PathBuf>,
    /// The program `bursar` [default: beside this program]
    #[arg(long, value_name = "FILE")]
    bursar: Option<PathBuf>,
    /// Where a temporary folder for the data is made [default: the system's]
    #[arg(long, value_name = "DIR", overrides_with = "folder")]
    folder: Option<PathBuf>,
    /// Write all figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Compare with the figures of an earlier run.
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Instead of measuring operations, pay for so many minutes at the rate of --rate, while days pass and what expires is
    /// cleaned up, and judge whether anything grows that should not.
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=24 * 60), conflicts_with_all = ["only", "compare"])]
    soak: Option<u64>,
    /// Soak for about 20 seconds; with --quick nothing is judged that depends on time.
    #[arg(long, conflicts_with_all = ["only", "compare", "soak"])]
    soak_briefly: bool,
    /// So many nonces, and as many idempotency keys, that have expired before a soak begins.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub expired: u64,
    /// A run of a few seconds that only shows that measuring works. Its figures mean nothing.
    #[arg(long)]
    quick: bool,
}

/// How it is measured, as the report tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `embedded` or `postgres`.
    pub engine: String,
    /// Whether this program was optimised, and so presumably the provider beside it.
    pub optimised: bool,
    /// A quick run, whose figures mean nothing.
    pub quick: bool,
    /// Nodes.
    pub nodes: u64,
    /// Connections of closed loops.
    pub connections: u64,
    /// Connections of open loops.
    pub open_connections: u64,
    /// How long each operation is measured, in milliseconds.
    pub run_millis: u64,
    /// How long each operation runs before, in milliseconds.
    pub warm_up_millis: u64,
    /// Requests per second of open loops.
    pub rate: u32,
    /// Wallets of payment-spread.
    pub wallets: u64,
    /// Payments that were there before.
    pub history: u64,
    /// Whether signatures carry a nonce.
    pub nonce: bool,
}

impl Settings {
    /// How long each operation is measured.
    pub fn run(&self) -> Duration {
        Duration::from_millis(self.run_millis)
    }

    /// How long each operation runs before.
    pub fn warm_up(&self) -> Duration {
        Duration::from_millis(self.warm_up_millis)
    }

    /// How long each floor is measured.
    pub fn floor(&self) -> Duration {
        (self.run() / 4).max(self.warm_up())
    }
}

impl Arguments {
    /// How it shall be measured.
    ///
    /// # Errors
    /// When the arguments contradict each other.
    pub fn settings(&self) -> Result<Settings> {
        ensure!(self.nodes == 1 || self.database.is_some(), "several nodes need PostgreSQL: --engine postgres");
        let settings = Settings {
            engine: if self.database.is_some() { "postgres" } else { "embedded" }.to_owned(),
            optimised: !cfg!(debug_assertions),
            quick: self.quick,
            nodes: self.nodes,
            connections: self.connections,
            open_connections: self.connections * OPEN_CONNECTIONS_FACTOR,
            run_millis: self.seconds * 1000,
            warm_up_millis: self.warm_up * 1000,
            rate: self.rate,
            wallets: self.wallets,
            history: self.history,
            nonce: self.nonce,
        };
        if !self.quick {
            return Ok(settings);
        }
        let (history, rate) = (settings.history.clamp(50, 1000), settings.rate.min(50));
        Ok(Settings {
            connections: 4,
            open_connections: 8,
            run_millis: 150,
            warm_up_millis: 50,
            wallets: 4,
            history,
            rate,
            ..settings
        })
    }

    /// Whether it is a soak.
    pub fn soaks(&self) -> bool {
        self.soak.is_some() || self.soak_briefly
    }

    /// How long each slice of a soak takes, and how many there are; an even number, half of them after the clock was
    /// moved.
    pub fn slices(&self) -> (Duration, u64) {
        match self.soak {
            Some(minutes) => (Duration::from_secs(10), minutes * 6),
            None => (Duration::from_secs(2), 10),
        }
    }

    /// The operations, in their own order, each once.
    pub fn operations(&self) -> Vec<Operation> {
        let chosen = |operation: &Operation| self.only.is_empty() || self.only.contains(operation);
        Operation::ALL.into_iter().filter(chosen).collect()
    }

    /// The provider's program, with its data in this folder.
    ///
    /// # Errors
    /// When the program is not there.
    pub fn installation(&self, folder: &Path) -> Result<Installation> {
        let beside = || {
            let us = std::env::current_exe().context("finding this program")?;
            Ok(us.with_file_name(format!("bursar{}", std::env::consts::EXE_SUFFIX)))
        };
        let program = self.bursar.clone().map_or_else(beside, Ok::<_, anyhow::Error>)?;
        ensure!(program.is_file(), "there is no {}: build it, or name it with --bursar", program.display());
        let nodes = usize::try_from(self.nodes).context("too many nodes")?;
        Ok(Installation { program, data: folder.join("data"), database: self.database.clone(), nodes })
    }

    /// Where the temporary folder is made.
    pub fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// The processes of the database server: none for an embedded database.
    pub fn database_processes(&self) -> Processes {
        self.database_process.map(Processes::family).unwrap_or_default()
    }

    /// The database server's folder of data.
    pub fn database_folder(&self) -> Option<&Path> {
        self.database_folder.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Arguments {
        Arguments::try_parse_from(["bursar-bench"].into_iter().chain(words.split_whitespace())).unwrap()
    }

    #[test]
    fn settings_are_what_was_asked_for() {
        let settings = read("--seconds 7 --connections 8 --nonce").settings().unwrap();
        assert_eq!((settings.run(), settings.connections, settings.open_connections), (Duration::from_secs(7), 8, 32));
        assert!(settings.nonce && !settings.quick && settings.engine == "embedded");
        let quick = read("--quick --history 7 --database postgres://x").settings().unwrap();
        assert!(quick.run() < Duration::from_secs(1) && quick.history == 50 && quick.engine == "postgres");
        assert!(read("--nodes 2").settings().is_err());
    }

    #[test]
    fn operations_are_chosen_by_name() {
        let check = |words: &str, expected: &[Operation]| assert_eq!(read(words).operations(), expected, "{words}");
        check("", &Operation::ALL);
        check("--only quote,jwks --only quote", &[Operation::Jwks, Operation::Quote]);
        assert!(Arguments::try_parse_from(["bursar-bench", "--only", "bake"]).is_err());
        assert!(
            Arguments::try_parse_from(["bursar-bench", "--seconds", "200"]).is_err(),
            "signatures would be too old"
        );
    }
}
