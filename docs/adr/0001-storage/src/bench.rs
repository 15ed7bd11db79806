//! Clients, queue, writers and the measuring of one cell.

use crate::payment::Payment;
use async_channel::{Receiver, Sender};
use nix::sys::resource::{UsageWho, getrusage};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// One connection of one driver. A synchronous driver's futures are ready at once.
pub trait Driver: Sized + Send + 'static {
    /// What opens a transaction that may write.
    const BEGIN: &str;
    /// Opens a connection and prepares its statements.
    fn connect(target: &str) -> impl Future<Output = Self> + Send;
    /// Runs BEGIN, COMMIT, SAVEPOINT and their kind; several are separated by `;`.
    fn control(&mut self, sql: &'static str) -> impl Future<Output = Result<(), String>> + Send;
    /// The eleven statements. With `wait` false a row locked by another transaction is an error at once.
    fn pay(&mut self, payment: &Payment, wait: bool) -> impl Future<Output = Result<(), String>> + Send;
}

/// How payments are committed.
#[derive(Clone, Copy, PartialEq)]
pub enum Group {
    /// One transaction for each payment.
    Single,
    /// All waiting payments in one transaction, each in a savepoint.
    Savepoints,
    /// The same, and a locked row is not waited for: that payment is run again by itself afterwards.
    NoWait,
    /// All waiting payments in one transaction, no savepoints; after an error each is run again by itself.
    Bare,
}

/// Where a writer runs.
#[derive(Clone, Copy)]
pub enum Place {
    /// A thread without any runtime.
    Thread,
    /// A thread with a runtime of its own, for an async driver.
    ThreadRuntime,
    /// A task of the runtime that the clients use too.
    Task,
}

/// One cell of the table.
#[derive(Clone, Copy)]
pub struct Cell {
    pub group: Group,
    pub writers: usize,
    pub clients: usize,
    pub hot: bool,
}

/// What one run of a cell gave. CPU and latency in microseconds.
#[derive(Clone, Copy)]
pub struct Figures {
    pub per_second: f64,
    pub cpu_own: f64,
    pub cpu_server: f64,
    pub p50: u64,
    pub p99: u64,
    /// Share of operations that had to be run again, in per cent.
    pub rerun: f64,
    /// Operations done, warm-up included.
    pub done: u64,
}

/// Most payments that one transaction takes.
const GROUP_MAX: usize = 256;
const WARM_UP: Duration = Duration::from_millis(200);
const RUN: Duration = Duration::from_millis(1000);

struct Job {
    payment: Payment,
    reply: oneshot::Sender<Result<(), String>>,
}

/// Runs one cell against one driver. `server_cpu` gives the CPU time of the database's own processes.
pub fn run<D: Driver>(target: &str, place: Place, cell: Cell, server_cpu: &dyn Fn() -> Duration) -> Figures {
    let runtime = runtime();
    let (jobs, queue) = async_channel::bounded::<Job>(1024);
    let reruns = Arc::new(AtomicU64::new(0));
    let (ready, started) = std::sync::mpsc::channel();
    let mut threads = Vec::new();
    for _ in 0..cell.writers {
        let (target, queue, reruns, ready) = (target.to_owned(), queue.clone(), reruns.clone(), ready.clone());
        let writer = async move {
            let driver = D::connect(&target).await;
            ready.send(()).expect("the bench waits");
            work(driver, queue, cell.group, &reruns).await;
        };
        match place {
            Place::Thread => threads.push(std::thread::spawn(|| pollster::block_on(writer))),
            Place::ThreadRuntime => threads.push(std::thread::spawn(|| {
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(writer)
            })),
            Place::Task => drop(runtime.spawn(writer)),
        }
    }
    for _ in 0..cell.writers {
        started.recv().expect("a writer that connects");
    }
    let figures = measure(&runtime, cell.clients, server_cpu, &reruns, move |n| {
        let jobs: Sender<Job> = jobs.clone();
        async move {
            let (reply, answer) = oneshot::channel();
            jobs.send(Job { payment: Payment::new(n, cell.hot), reply }).await.expect("a writer that lives");
            answer.await.expect("a writer that answers").expect("a payment that is made");
        }
    });
    for thread in threads {
        thread.join().expect("a writer that does not panic");
    }
    figures
}

/// The runtime of the clients: as many workers as the server would have here.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// `clients` tasks, each doing one operation after the other: warm-up, then the measured time.
pub fn measure<F, Fut>(
    runtime: &Runtime,
    clients: usize,
    server_cpu: &dyn Fn() -> Duration,
    reruns: &AtomicU64,
    op: F,
) -> Figures
where
    F: Fn(u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let count = Arc::new(AtomicU64::new(0));
    let phase = |length: Duration| {
        let (until, mut latencies) = (Instant::now() + length, Vec::new());
        let tasks: Vec<_> = (0..clients)
            .map(|_| {
                let (op, count) = (op.clone(), count.clone());
                runtime.spawn(async move {
                    let mut latencies = Vec::new();
                    while Instant::now() < until {
                        let start = Instant::now();
                        op(count.fetch_add(1, Relaxed)).await;
                        latencies.push(start.elapsed().as_micros() as u64);
                    }
                    latencies
                })
            })
            .collect();
        for task in tasks {
            latencies.extend(runtime.block_on(task).expect("a client that does not panic"));
        }
        latencies.sort_unstable();
        latencies
    };
    phase(WARM_UP);
    let (own, server, start, rerun) = (own_cpu(), server_cpu(), Instant::now(), reruns.load(Relaxed));
    let latencies = phase(RUN);
    let (own, server, elapsed) = (own_cpu() - own, server_cpu().saturating_sub(server), start.elapsed());
    let done = latencies.len() as f64;
    Figures {
        per_second: done / elapsed.as_secs_f64(),
        cpu_own: own.as_secs_f64() * 1e6 / done,
        cpu_server: server.as_secs_f64() * 1e6 / done,
        p50: latencies[latencies.len() / 2],
        p99: latencies[latencies.len() * 99 / 100],
        rerun: (reruns.load(Relaxed) - rerun) as f64 * 100.0 / done,
        done: count.load(Relaxed),
    }
}

fn own_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("getrusage of oneself");
    let micros = |t: nix::sys::time::TimeVal| (t.tv_sec() * 1_000_000 + t.tv_usec()) as u64;
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

/// A writer: takes what waits, commits, answers.
async fn work<D: Driver>(mut driver: D, queue: Receiver<Job>, group: Group, reruns: &AtomicU64) {
    while let Ok(first) = queue.recv().await {
        let mut jobs = vec![first];
        while group != Group::Single && jobs.len() < GROUP_MAX {
            let Ok(job) = queue.try_recv() else { break };
            jobs.push(job);
        }
        let again = if group == Group::Single { jobs } else { together(&mut driver, jobs, group).await };
        if group != Group::Single {
            reruns.fetch_add(again.len() as u64, Relaxed);
        }
        for job in again {
            let mut result = alone(&mut driver, &job.payment).await;
            for _ in 0..10 {
                if result.is_ok() {
                    break;
                }
                reruns.fetch_add(1, Relaxed);
                result = alone(&mut driver, &job.payment).await;
            }
            drop(job.reply.send(result));
        }
    }
}

/// One payment in one transaction.
async fn alone<D: Driver>(driver: &mut D, payment: &Payment) -> Result<(), String> {
    driver.control(D::BEGIN).await?;
    let result = driver.pay(payment, true).await;
    driver.control(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    result
}

/// Many payments in one transaction. Answers those that were made, and gives back those to be run again.
async fn together<D: Driver>(driver: &mut D, jobs: Vec<Job>, group: Group) -> Vec<Job> {
    let (mut made, mut again) = (Vec::new(), Vec::new());
    let savepoints = group != Group::Bare;
    let mut control: &'static str = if savepoints { "SAVEPOINT s" } else { "" };
    driver.control(D::BEGIN).await.expect("BEGIN");
    for job in jobs {
        if savepoints {
            driver.control(control).await.expect("SAVEPOINT");
        } else if !again.is_empty() {
            again.push(job);
            continue;
        }
        match driver.pay(&job.payment, group != Group::NoWait).await {
            Ok(()) => {
                control = "RELEASE s; SAVEPOINT s";
                made.push(job);
            }
            Err(_) => {
                control = "ROLLBACK TO s; RELEASE s; SAVEPOINT s";
                again.push(job);
            }
        }
    }
    if savepoints && control.starts_with("ROLLBACK") {
        driver.control("ROLLBACK TO s").await.expect("ROLLBACK TO");
    }
    if !savepoints && !again.is_empty() {
        driver.control("ROLLBACK").await.expect("ROLLBACK");
        made.append(&mut again);
        return made;
    }
    driver.control("COMMIT").await.expect("COMMIT");
    for job in made {
        drop(job.reply.send(Ok(())));
    }
    again
}
