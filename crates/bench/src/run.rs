//! A run from its beginning to its end.

use crate::connection::Connection;
use crate::floor::{self, each, per_second};
use crate::load::{self, Expect, Outcome};
use crate::machine::Machine;
use crate::operations::{Operation, World};
use crate::proc::{Memory, Processes, Ticks};
use crate::provider::{Node, PUBLIC_URL, Provider};
use crate::report::{BeforeAndAfter, Disk, Latency, Measured, Report, Start};
use crate::schedule::Schedule;
use crate::seed::{self, Pair, Scene};
use crate::settings::{Arguments, Settings};
use crate::sign::Signer;
use crate::{empty, history};
use anyhow::{Context, Result, ensure};
use bursar_app::{Clock, Random};
use bursar_httpsig::PrivateKey;
use bursar_store::Location;
use jiff::SignedDuration;
use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The app's name and its key's.
pub const APP: &str = "bench-app";
pub const KID: &str = "bench-key";
/// Requests for each second of warming up: more than are ever answered.
const WARM_UP_RATE: u64 = 20_000;
/// Requests that are signed ahead at most; measuring ends early when they are used up.
const REQUESTS_MAX: u64 = 1_000_000;

/// What is measured with.
struct Bench {
    settings: Settings,
    ticks: Ticks,
    signer: Signer,
    /// The database server's processes.
    database: Processes,
    /// The server that does nothing.
    empty: Node,
}

/// Starts the provider, measures, stops and audits it.
///
/// # Errors
/// When something cannot be measured. Wrong answers of the provider are in the report.
pub async fn run(arguments: &Arguments) -> Result<Report> {
    let settings = arguments.settings()?;
    let clock = Clock::system(SignedDuration::ZERO);
    let at = clock.now();
    let parent = arguments.folder();
    fs::create_dir_all(&parent).with_context(|| parent.display().to_string())?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&parent).context("a temporary folder")?;
    let installation = arguments.installation(folder.path())?;
    let machine = Machine::with_data_in(arguments.database_folder().unwrap_or(folder.path()));
    let key = PrivateKey::from_seed(Random::system().bytes());
    let bench = Bench {
        ticks: Ticks::of_this_system()?,
        signer: Signer::new(APP, PUBLIC_URL, key, KID, clock, settings.nonce)?,
        database: arguments.database_processes(),
        empty: start_empty(folder.path())?,
        settings,
    };
    let settings = &bench.settings;

    println!("preparing: accounts, grants, {} payments", settings.history);
    let (provider, empty_start) = installation.start(&bench.signer).await?;
    let mut scene = Scene::prepare(first(&provider)?, &bench.signer, APP).await?;
    provider.stop()?;
    let location = installation.location();
    if settings.history > 0 {
        history::fill(&location, &scene, settings.history).await?;
    }
    let (provider, seeded_start) = installation.start(&bench.signer).await?;
    let idle = bench.memory(&provider)?;

    let cryptography = floor::cryptography(&bench.signer, bench.ticks, settings.floor())?;
    let mut payments_expected = scene.payments() + settings.history;
    let mut operations = Vec::new();
    for operation in arguments.operations() {
        println!("measuring {}", operation.name());
        scene.renew(first(&provider)?, &bench.signer).await?;
        let (measured, paid) = bench.measure(operation, &provider, &scene).await.with_context(|| operation.name())?;
        payments_expected += paid;
        operations.push(measured);
    }
    let after = bench.memory(&provider)?;
    let disk = disk(&location, arguments.database_folder());
    provider.stop()?;

    println!("auditing, and measuring durable rows");
    let audit = installation.audit()?;
    let rows_at = match &location {
        Location::File(_) => Location::in_folder(folder.path()),
        Location::Server(_) => location,
    };
    let insert = floor::insert(&rows_at, &bench.database, bench.ticks, settings.floor()).await?;
    operations.iter_mut().for_each(|one| one.set_floor(&cryptography, &insert));
    let memory = |of: fn(&(Memory, Option<Memory>)) -> Option<Memory>| {
        Some(BeforeAndAfter { idle: of(&idle)?, after: of(&after)? })
    };
    Ok(Report {
        at,
        machine,
        cryptography,
        insert,
        start: Start { empty_millis: whole_millis(empty_start), seeded_millis: whole_millis(seeded_start) },
        memory: BeforeAndAfter { idle: idle.0, after: after.0 },
        database_memory: memory(|(_, database)| *database),
        disk,
        operations,
        audit,
        payments_expected,
        settings: bench.settings,
    })
}

pub fn first(provider: &Provider) -> Result<std::net::SocketAddr> {
    provider.addresses().first().copied().context("there is no node")
}

fn start_empty(folder: &Path) -> Result<Node> {
    let us = std::env::current_exe().context("finding this program")?;
    Node::start(Command::new(us).arg(empty::COMMAND), &folder.join("empty"), "server")
}

pub fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What was used between two looks.
#[derive(Clone, Copy)]
struct Used {
    nodes: Duration,
    database: Duration,
    us: Duration,
    written_bytes: u64,
}

impl Bench {
    /// Memory of the nodes, and of the database server if there is one.
    fn memory(&self, provider: &Provider) -> Result<(Memory, Option<Memory>)> {
        let database = self.database.memory()?;
        Ok((provider.processes().memory()?, (database != Memory::default()).then_some(database)))
    }

    fn used(&self, provider: &Processes) -> Result<Used> {
        let us = Processes::only(vec![std::process::id()]);
        Ok(Used {
            nodes: provider.cpu(self.ticks)?,
            database: self.database.cpu(self.ticks)?,
            us: us.cpu(self.ticks)?,
            // Somebody else's processes keep it to themselves.
            written_bytes: provider.written_bytes().unwrap_or(0) + self.database.written_bytes().unwrap_or(0),
        })
    }

    /// Measures one operation, and how many payments it made, warming up included.
    async fn measure(&self, operation: Operation, provider: &Provider, scene: &Scene) -> Result<(Measured, u64)> {
        let (settings, nodes, expect) = (&self.settings, provider.addresses(), operation.expect());
        let ring: Vec<Pair> = match operation {
            Operation::PaymentSpread => {
                let wallets = usize::try_from(settings.wallets).context("too many wallets")?;
                seed::ring(&nodes, &self.signer, scene, wallets).await?
            }
            _ => Vec::new(),
        };
        let world = World { signer: &self.signer, scene, ring: &ring };
        let connections = if operation.is_open_loop() { settings.open_connections } else { settings.connections };
        let connections = usize::try_from(connections)?;

        let warm_up = settings.warm_up();
        let pool = operation.pool(&world, usize::try_from(WARM_UP_RATE * settings.warm_up_millis / 1000)?)?;
        let warm = load::closed(&mut load::connect(&nodes, connections).await?, &pool, expect, warm_up).await?;
        let failure = warm.first_failure.as_deref().unwrap_or("no answer");
        ensure!(warm.failed == 0 && warm.good > 0, "warming up: {failure}");

        let schedule = operation.is_open_loop().then(|| Schedule::new(settings.rate, settings.run()));
        let count = match schedule {
            Some(schedule) => schedule.count(),
            // Half as many again as the warm-up lets expect.
            None => per_second(warm.good, warm.elapsed) * settings.run_millis / 1000 * 3 / 2 + 100,
        };
        let pool = operation.pool(&world, usize::try_from(count.min(REQUESTS_MAX))?)?;
        // Only now: signing takes a while, and a server need not keep idle connections.
        let mut connections = load::connect(&nodes, connections).await?;
        let processes = provider.processes();
        let before = self.used(&processes)?;
        let outcome = match schedule {
            Some(schedule) => {
                let next = |number| Some((Cow::Borrowed(pool.request(number)?), expect));
                load::open(&mut connections, &next, schedule).await?
            }
            None => load::closed(&mut connections, &pool, expect, settings.run()).await?,
        };
        let after = self.used(&processes)?;
        drop(connections);

        let answer_bytes = outcome.body_bytes.checked_div(outcome.good).unwrap_or(0);
        let http_nanos = self.http_floor(&pool, answer_bytes).await?;
        let paid = if operation.pays() { warm.good + outcome.good } else { 0 };
        let rate = schedule.map(|_| settings.rate);
        let rss_bytes = processes.memory()?.rss_bytes;
        let measured =
            Measured { http_nanos, answer_bytes, rss_bytes, rate, ..summed(operation, outcome, before, after) };
        Ok((Measured { parts: operation.parts(settings.nonce), ..measured }, paid))
    }

    /// Processor time of the server that does nothing for the same requests and answers of this size.
    async fn http_floor(&self, pool: &load::Pool, answer_bytes: u64) -> Result<u64> {
        let mut control = Connection::open(self.empty.address).await?;
        empty::set_answer_bytes(&mut control, answer_bytes).await?;
        let connections = usize::try_from(self.settings.connections)?;
        let mut connections = load::connect(&[self.empty.address], connections).await?;
        let processes = Processes::only(vec![self.empty.process()]);
        // The requests mean nothing to it, so they may come again.
        let pool = load::Pool { requests: pool.requests.iter().take(4096).cloned().collect(), repeats: true };
        let expect = Expect::Status(200);
        load::closed(&mut connections, &pool, expect, self.settings.warm_up() / 4).await?;
        let before = processes.cpu(self.ticks)?;
        let outcome = load::closed(&mut connections, &pool, expect, self.settings.floor()).await?;
        let spent = processes.cpu(self.ticks)?.saturating_sub(before);
        ensure!(outcome.failed == 0, "the empty server: {}", outcome.first_failure.unwrap_or_default());
        Ok(each(spent, outcome.good))
    }
}

/// An outcome divided by its answers. What depends on floors is added later.
fn summed(operation: Operation, outcome: Outcome, before: Used, after: Used) -> Measured {
    let spent = |of: fn(&Used) -> Duration| of(&after).saturating_sub(of(&before));
    let share = |time: Duration| each(time, outcome.good);
    let written = after.written_bytes.saturating_sub(before.written_bytes);
    Measured {
        name: operation.name().to_owned(),
        good: outcome.good,
        failed: outcome.failed,
        unsent: outcome.unsent,
        rate: None,
        per_second: per_second(outcome.good, outcome.elapsed),
        cpu_nanos: share(spent(|used| used.nodes) + spent(|used| used.database)),
        database_cpu_nanos: share(spent(|used| used.database)),
        load_cpu_nanos: share(spent(|used| used.us)),
        written_bytes: written.checked_div(outcome.good).unwrap_or(0),
        rss_bytes: 0,
        answer_bytes: 0,
        latency: Latency::of(&outcome.latency),
        http_nanos: 0,
        parts: Vec::new(),
        floor_nanos: 0,
        times_floor_hundredths: 0,
        first_failure: outcome.first_failure,
    }
}

/// How much room the database takes: the embedded one's files, or what is below a server's folder.
pub fn disk(location: &Location, server: Option<&Path>) -> Disk {
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    match (location, server) {
        (Location::File(path), _) => {
            Disk { database_bytes: size(path), log_bytes: size(Path::new(&format!("{}-wal", path.display()))) }
        }
        (Location::Server(_), Some(folder)) => {
            Disk { database_bytes: below(&folder.join("base")), log_bytes: below(&folder.join("pg_wal")) }
        }
        (Location::Server(_), None) => Disk::default(),
    }
}

/// All files below a folder, in bytes. Files may go while they are looked at.
fn below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => below(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}
