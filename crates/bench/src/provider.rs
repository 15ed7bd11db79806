//! The provider under measurement: started as anybody would start it, stopped as a service manager would, audited.

use crate::connection::Connection;
use crate::proc::Processes;
use crate::sign::Signer;
use anyhow::{Context, Result, bail, ensure};
use bursar_app::Clock;
use bursar_store::Location;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// The public URL of all nodes. It is only ever a name: connections go to the nodes' own ports.
pub const PUBLIC_URL: &str = "http://bursar.test";

/// Longest time between the polite request to stop and the end.
const STOP_TIME_MAX: Duration = Duration::from_secs(30);
const STOP_LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Where the provider's program and its data are.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The program `bursar`.
    pub program: PathBuf,
    /// Its folder of data, which all nodes share.
    pub data: PathBuf,
    /// A PostgreSQL database instead of the embedded one.
    pub database: Option<String>,
    /// How many nodes serve.
    pub nodes: usize,
}

impl Installation {
    /// The database.
    pub fn location(&self) -> Location {
        match &self.database {
            Some(url) => Location::parse(url),
            None => Location::in_folder(&self.data),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for name in ["LISTEN", "PUBLIC_URL", "DATA", "DATABASE", "CONFIG"] {
            command.env_remove(format!("BURSAR_{name}"));
        }
        command.args(words).arg("--data").arg(&self.data);
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        command
    }

    /// Starts all nodes, one after the other since the first one brings the database up to date. Also tells how long it
    /// took from starting the first one to its first answer.
    ///
    /// # Errors
    /// When a node does not start, with what it said.
    pub async fn start(&self, signer: &Signer) -> Result<(Provider, Duration)> {
        let mut provider = Provider { nodes: Vec::new() };
        let mut first = None;
        for number in 0..self.nodes.max(1) {
            let words = ["serve", "--json", "--sandbox", "--listen", "127.0.0.1:0", "--public-url", PUBLIC_URL];
            let begun = Clock::real_instant();
            let node = Node::start(&mut self.command(&words), &self.data, &format!("node-{number}"))?;
            let asked = Connection::open(node.address)
                .await?
                .exchange(&signer.plain("GET", "/sandbox/clock", b""))
                .await
                .map(|(status, _)| status)?;
            ensure!(asked == 200, "the first answer of a node has status {asked}");
            first.get_or_insert(Clock::real_instant().saturating_duration_since(begun));
            provider.nodes.push(node);
        }
        Ok((provider, first.unwrap_or_default()))
    }

    /// Has the provider's own auditor look at the database.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn audit(&self) -> Result<Audit> {
        let output = self.command(&["doctor", "--json"]).output().context("starting the auditor")?;
        let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let audit: Audit =
            serde_json::from_slice(&output.stdout).with_context(|| format!("the auditor: {}", said()))?;
        ensure!(audit.sound == output.status.success(), "the auditor contradicts itself: {}", output.status);
        Ok(audit)
    }
}

/// What the auditor found.
#[derive(Debug, Clone, serde::Serialize, Deserialize)]
pub struct Audit {
    /// Whether all is well.
    pub sound: bool,
    /// How many transfers there are.
    pub transfers: u64,
    /// How many outgoing payments there are.
    pub payments: u64,
    /// What is wrong.
    pub faults: Vec<String>,
}

/// The running nodes.
pub struct Provider {
    nodes: Vec<Node>,
}

impl Provider {
    /// Where the nodes listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    /// The nodes' processes.
    pub fn processes(&self) -> Processes {
        Processes::only(self.nodes.iter().map(Node::process).collect())
    }

    /// Stops all nodes.
    ///
    /// # Errors
    /// When one does not stop, or not well.
    pub fn stop(mut self) -> Result<()> {
        self.nodes.iter_mut().try_for_each(Node::stop)
    }
}

/// A server in a process of its own, which is gone when this is dropped.
pub struct Node {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    log: PathBuf,
}

#[derive(Deserialize)]
struct Announcement {
    listen: SocketAddr,
}

impl Node {
    /// Starts a program that tells in one line of JSON where it listens. What else it says goes to a file.
    ///
    /// # Errors
    /// When it ends instead, with what it said.
    pub fn start(command: &mut Command, folder: &Path, name: &str) -> Result<Self> {
        let log = folder.with_extension(format!("{name}.log"));
        let errors = File::create(&log).with_context(|| log.display().to_string())?;
        let program = command.get_program().to_string_lossy().into_owned();
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = started.with_context(|| format!("starting {program}"))?;
        let output = child.stdout.take();
        let mut node = Self { child, address: SocketAddr::from(([0; 4], 0)), log };
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line).with_context(|| format!("reading from {program}"))?;
        }
        match serde_json::from_str::<Announcement>(&line) {
            Ok(announcement) => node.address = announcement.listen,
            Err(_) => bail!("{name} does not start: {line}{}", node.said()),
        }
        Ok(node)
    }

    /// The id of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default().trim().to_owned()
    }

    /// Asks it to stop, as a service manager does, and waits.
    ///
    /// # Errors
    /// When it does not, or ends badly.
    pub fn stop(&mut self) -> Result<()> {
        let process = self.process().to_string();
        let asked = Command::new("kill").args(["-TERM", &process]).status().context("starting kill")?;
        ensure!(asked.success(), "a server has ended by itself: {}", self.said());
        let status = self.wait()?;
        ensure!(status.success(), "a server ended with {status}: {}", self.said());
        Ok(())
    }

    fn wait(&mut self) -> Result<ExitStatus> {
        let until = Clock::real_instant() + STOP_TIME_MAX;
        while Clock::real_instant() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::park_timeout(STOP_LOOK_INTERVAL);
        }
        bail!("a server does not stop within {} s", STOP_TIME_MAX.as_secs())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
