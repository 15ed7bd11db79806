//! A soak: payments at a fixed rate for many minutes while days pass by the sandbox's clock, so that what lives for a
//! short while expires and is cleaned up under load. In the end it is judged whether anything grew that should not.

mod backlog;
mod judge;

use crate::load::{self, Expect};
use crate::machine::Machine;
use crate::operations::{Operation, World};
use crate::provider::{Audit, Installation, PUBLIC_URL, Provider};
use crate::report::{Disk, Latency};
use crate::run::{self, APP, KID};
use crate::schedule::Schedule;
use crate::seed::{self, Pair, Scene};
use crate::settings::{Arguments, Settings};
use crate::sign::Signer;
use crate::table::{mebibytes, millis};
use anyhow::{Context, Result, ensure};
use bursar_app::{Clock, Random, jobs};
use bursar_httpsig::PrivateKey;
use bursar_store::Store;
use bursar_store::expired::Kind;
use jiff::{SignedDuration, Timestamp};
use judge::Rule;
use serde::Serialize;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fs;
use std::process::ExitCode;
use tokio::runtime::Runtime;

/// What is asked for, again and again: ten payments, and what goes with them.
const MIX: [Operation; 16] = [
    Operation::PaymentSpread,
    Operation::ReadOutgoing,
    Operation::PaymentSpread,
    Operation::PaymentSpread,
    Operation::Quote,
    Operation::PaymentSpread,
    Operation::PaymentSpread,
    Operation::Spent,
    Operation::PaymentSpread,
    Operation::GrantInteractive,
    Operation::PaymentSpread,
    Operation::PaymentSpread,
    Operation::ListOutgoing,
    Operation::PaymentSpread,
    Operation::Incoming,
    Operation::PaymentSpread,
];
const PAYMENTS_IN_MIX: u32 = 10;
/// How much time passes by the sandbox's clock in the whole run: longer than anything is kept that is ever cleaned up.
const DAYS: i64 = 45;
/// As the provider has it when nothing else is set.
const IDEMPOTENCY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// Waiting rows are counted up to this, for each kind.
const WAITING_MAX: u64 = 1_000_000;

/// A slice of the run.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// When it ended, in seconds since the beginning.
    seconds: u64,
    /// Whether the clock was moved right before it, so that much had just expired.
    cleaning: bool,
    /// Settled payments.
    settled: u64,
    /// All good answers.
    good: u64,
    /// Other answers, and broken connections.
    failed: u64,
    /// Requests that the server left no time for.
    unsent: u64,
    /// How long answers took from when their requests were due.
    latency: Latency,
    /// Resident memory of all nodes, in bytes.
    rss_bytes: u64,
    disk: Disk,
    /// Rows that had expired at its beginning and were there at its end, nonces left out.
    waiting_before: u64,
    waiting_after: u64,
    /// Nonces that have expired, which they do by real time, all the time.
    nonces_waiting: u64,
}

/// All figures of a soak. Times are in nanoseconds.
#[derive(Debug, Serialize)]
struct Report {
    at: Timestamp,
    machine: Machine,
    settings: Settings,
    lines: Vec<Line>,
    /// From asking the nodes to stop to their end, in milliseconds.
    stop_millis: u64,
    /// The database after that.
    disk_stopped: Disk,
    rules: Vec<Rule>,
    audit: Audit,
}

/// Soaks, and tells of it. Fails if a rule is broken.
///
/// # Errors
/// When something cannot be measured.
pub fn soak(arguments: &Arguments, runtime: &Runtime) -> Result<ExitCode> {
    let report = runtime.block_on(run(arguments))?;
    println!();
    for rule in &report.rules {
        println!("{} {}", if rule.holds { "ok    " } else { "BROKEN" }, rule.text);
    }
    if let Some(path) = &arguments.out {
        let text = serde_json::to_string_pretty(&report).context("the report")?;
        fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(if report.rules.iter().all(|rule| rule.holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(arguments: &Arguments) -> Result<Report> {
    let settings = Settings { nonce: true, ..arguments.settings()? };
    let clock = Clock::system(SignedDuration::ZERO);
    let at = clock.now();
    let parent = arguments.folder();
    fs::create_dir_all(&parent).with_context(|| parent.display().to_string())?;
    let folder = tempfile::Builder::new().prefix("soak-").tempdir_in(&parent).context("a temporary folder")?;
    let installation = arguments.installation(folder.path())?;
    let machine = Machine::with_data_in(arguments.database_folder().unwrap_or(folder.path()));
    let key = PrivateKey::from_seed(Random::system().bytes());
    let signer = Signer::new(APP, PUBLIC_URL, key, KID, clock, settings.nonce)?.with_idempotency_keys();
    println!("preparing: {} accounts, each with its grant", settings.wallets);
    let (provider, _) = installation.start(&signer).await?;
    let nodes = provider.addresses();
    let scene = Scene::prepare(run::first(&provider)?, &signer, APP).await?;
    let ring = seed::ring(&nodes, &signer, &scene, usize::try_from(settings.wallets)?).await?;
    let mut payments_expected = scene.payments();
    let store = open(&installation).await?;
    if arguments.expired > 0 {
        println!("writing {} nonces and idempotency keys that have expired", arguments.expired);
        backlog::fill(&store, at, arguments.expired).await?;
    }

    let mut soak = Soak {
        store,
        arguments,
        settings,
        signer,
        scene,
        ring,
        installation,
        clock: Clock::system(SignedDuration::ZERO),
    };
    let lines = soak.lines(&provider).await?;
    let Soak { store, installation, settings, .. } = soak;
    // The last connection to a file tidies its log up, and that should be the provider's.
    drop(store);
    let stopping = Clock::real_instant();
    provider.stop()?;
    let stop_millis = run::whole_millis(Clock::real_instant().saturating_duration_since(stopping));
    let disk_stopped = run::disk(&installation.location(), arguments.database_folder());
    println!(
        "stopped in {stop_millis} ms; on disk {} MiB database, {} MiB log; auditing",
        mebibytes(disk_stopped.database_bytes),
        mebibytes(disk_stopped.log_bytes)
    );
    let audit = installation.audit()?;
    payments_expected += lines.iter().map(|line| line.settled).sum::<u64>();
    let mut rules = judge::correctness(&lines, &audit, payments_expected, arguments.expired > 0);
    if !settings.quick {
        rules.extend(judge::growth(&lines, settings.engine == "embedded"));
    }
    Ok(Report { at, machine, settings, lines, stop_millis, disk_stopped, rules, audit })
}

async fn open(installation: &Installation) -> Result<Store> {
    let (location, now) = (installation.location(), Clock::system(SignedDuration::ZERO).now());
    tokio::task::spawn_blocking(move || Store::open(&location, now)).await?.context("opening the database")
}

/// A soak under way.
struct Soak<'a> {
    arguments: &'a Arguments,
    settings: Settings,
    signer: Signer,
    scene: Scene,
    ring: Vec<Pair>,
    installation: Installation,
    /// The database, to count what waits.
    store: Store,
    /// The sandbox's clock, as it was moved.
    clock: Clock,
}

impl Soak<'_> {
    async fn lines(&mut self, provider: &Provider) -> Result<Vec<Line>> {
        let (time, count) = self.arguments.slices();
        let rate = self.settings.rate.saturating_mul(16) / PAYMENTS_IN_MIX;
        println!(
            "{count} slices of {} s, {rate} requests a second, {} of them payments",
            time.as_secs(),
            self.settings.rate
        );
        println!("{}", heading());
        let nodes = provider.addresses();
        let mut connections = load::connect(&nodes, usize::try_from(self.settings.open_connections)?).await?;
        let begun = Clock::real_instant();
        let (mut lines, mut numbers) = (Vec::new(), 0);
        for slice in 0..count {
            // Every second slice begins with a jump; what has expired by then should be gone before the next one.
            let cleaning = slice % 2 == 1;
            if cleaning {
                let hours = DAYS * 24 / i64::try_from((count / 2).max(1))?;
                let to = self.clock.now().checked_add(SignedDuration::from_hours(hours)).context("the clock")?;
                seed::set_clock(&nodes, &self.signer, to).await?;
                self.clock.set(to);
                seed::renew_all(&nodes, &self.signer, &mut self.scene, &mut self.ring).await?;
            }
            let waiting_before = self.waiting().await?.0;
            let schedule = Schedule::new(rate, time);
            let outcome = self.pay(&mut connections, schedule, numbers).await?;
            numbers += usize::try_from(schedule.count())?;
            ensure!(outcome.good > 0, "no answer: {}", outcome.first_failure.unwrap_or_default());
            let (waiting_after, nonces_waiting) = self.waiting().await?;
            let line = Line {
                seconds: Clock::real_instant().saturating_duration_since(begun).as_secs(),
                cleaning,
                settled: outcome.settled,
                good: outcome.good,
                failed: outcome.failed,
                unsent: outcome.unsent,
                latency: Latency::of(&outcome.latency),
                rss_bytes: provider.processes().memory()?.rss_bytes,
                disk: run::disk(&self.installation.location(), self.arguments.database_folder()),
                waiting_before,
                waiting_after,
                nonces_waiting,
            };
            println!("{}", line.text());
            if let Some(failure) = outcome.first_failure {
                println!("  the first failure: {failure}");
            }
            lines.push(line);
        }
        Ok(lines)
    }

    /// One slice of load, signed as it goes: nobody would have signed millions of requests ahead.
    async fn pay(
        &self,
        connections: &mut [load::Connection],
        schedule: Schedule,
        numbers: usize,
    ) -> Result<load::Outcome> {
        let world = World { signer: &self.signer, scene: &self.scene, ring: &self.ring };
        let unsigned = RefCell::new(None);
        let next = |number: usize| -> Option<(Cow<'_, [u8]>, Expect)> {
            let operation = MIX.get(number % MIX.len())?;
            match operation.request(&world, numbers + number) {
                Ok(request) => Some((Cow::Owned(request), operation.expect())),
                Err(error) => {
                    unsigned.borrow_mut().get_or_insert(error);
                    None
                }
            }
        };
        let outcome = load::open(connections, &next, schedule).await?;
        match unsigned.into_inner() {
            Some(error) => Err(error),
            None => Ok(outcome),
        }
    }

    /// Rows that have expired and are still there: nonces apart from all others.
    async fn waiting(&self) -> Result<(u64, u64)> {
        let by = Kind::ALL.map(|kind| (kind, jobs::forgotten_by(kind, &self.clock, IDEMPOTENCY_LIFETIME)));
        let count = move |tx: &mut bursar_store::Tx<'_>| {
            let (mut others, mut nonces) = (0, 0);
            for (kind, by) in by {
                let count = kind.waiting(tx, by, WAITING_MAX)?;
                *(if kind == Kind::Nonces { &mut nonces } else { &mut others }) += count;
            }
            Ok::<_, bursar_store::Error>((others, nonces))
        };
        self.store.read(count).await.context("counting what has expired")
    }
}

fn heading() -> String {
    format!(
        "{:>6} {:<8} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8} {:>9} {:>9} {:>8}",
        "s",
        "clock",
        "settled",
        "p50 ms",
        "p99",
        "p99.9",
        "max",
        "unsent",
        "RSS MiB",
        "db MiB",
        "log MiB",
        "expired",
        "at end",
        "nonces"
    )
}

impl Line {
    fn text(&self) -> String {
        let Latency { p50, p99, p999, max, .. } = self.latency;
        format!(
            "{:>6} {:<8} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8} {:>9} {:>9} {:>8}",
            self.seconds,
            if self.cleaning { "moved" } else { "" },
            self.settled,
            millis(p50),
            millis(p99),
            millis(p999),
            millis(max),
            self.unsent,
            mebibytes(self.rss_bytes),
            mebibytes(self.disk.database_bytes),
            mebibytes(self.disk.log_bytes),
            self.waiting_before,
            self.waiting_after,
            self.nonces_waiting,
        )
    }
}
