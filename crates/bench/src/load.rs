//! The load: signed requests over many connections, each waiting for its answers (closed loop), or each request at its
//! own instant whatever became of the others (open loop).

pub use crate::connection::Connection;
use crate::schedule::Schedule;
use anyhow::{Context, Result};
use bursar_app::Clock;
use futures_util::future::{join_all, try_join_all};
use hdrhistogram::Histogram;
use serde::Deserialize;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Latencies are kept to three digits, up to a minute.
const LATENCY_NANOS_MAX: u64 = 60_000_000_000;
/// A thread may wake this much before the instant that it waits for.
const NAP_MIN: Duration = Duration::from_micros(20);

/// Requests that were signed ahead.
#[derive(Debug, Default)]
pub struct Pool {
    /// As they travel.
    pub requests: Vec<Vec<u8>>,
    /// Whether they may be sent more than once.
    pub repeats: bool,
}

impl Pool {
    /// The request of this number, counted from 0.
    pub fn request(&self, number: usize) -> Option<&[u8]> {
        let index = if self.repeats { number.checked_rem(self.requests.len())? } else { number };
        self.requests.get(index).map(Vec::as_slice)
    }
}

/// What makes an answer a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// This status.
    Status(u16),
    /// 201, and all of the debit was sent: the payment is settled.
    Settled,
}

/// As much of an outgoing payment as tells whether it is settled.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    debit_amount: Amount,
    sent_amount: Amount,
    failed: bool,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Amount {
    value: String,
    asset_code: String,
    asset_scale: u8,
}

impl Expect {
    /// Checks an answer.
    ///
    /// # Errors
    /// What is wrong with it, with its body.
    pub fn check(self, status: u16, body: &[u8]) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what} (status {status}): {}", String::from_utf8_lossy(body)));
        match self {
            Self::Status(expected) if status == expected => Ok(()),
            Self::Settled if status == 201 => match serde_json::from_slice::<Payment>(body) {
                Ok(payment) if payment.failed => wrong("the payment failed"),
                Ok(payment) if payment.debit_amount == payment.sent_amount => Ok(()),
                Ok(_) => wrong("the payment is not settled"),
                Err(_) => wrong("this is no payment"),
            },
            Self::Status(_) | Self::Settled => wrong("refused"),
        }
    }
}

/// What came of a load.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Good answers.
    pub good: u64,
    /// Those of them that tell of a settled payment.
    pub settled: u64,
    /// Answers that were not good, and connections that broke.
    pub failed: u64,
    /// The first of these.
    pub first_failure: Option<String>,
    /// All bytes of the bodies of good answers.
    pub body_bytes: u64,
    /// From the beginning to the last answer.
    pub elapsed: Duration,
    /// How long answers took, in nanoseconds: from sending, or in an open loop from when the request was due.
    pub latency: Histogram<u64>,
    /// Requests of an open loop that were due but not sent before it was given up.
    pub unsent: u64,
}

impl Outcome {
    fn new() -> Result<Self> {
        let latency = Histogram::new_with_bounds(1000, LATENCY_NANOS_MAX, 3).context("a histogram")?;
        let (good, settled, failed, body_bytes, unsent) = (0, 0, 0, 0, 0);
        Ok(Self { good, settled, failed, first_failure: None, body_bytes, elapsed: Duration::ZERO, latency, unsent })
    }

    fn fail(&mut self, text: String) {
        self.failed += 1;
        self.first_failure.get_or_insert(text);
    }
}

/// Opens connections to the nodes, as many to each.
///
/// # Errors
/// When a node does not listen.
pub async fn connect(nodes: &[SocketAddr], connections: usize) -> Result<Vec<Connection>> {
    try_join_all(nodes.iter().cycle().take(connections).map(|node| Connection::open(*node))).await
}

/// A load that is under way.
struct Running {
    next: Cell<usize>,
    outcome: RefCell<Outcome>,
}

impl Running {
    fn new() -> Result<Self> {
        Ok(Self { next: Cell::new(0), outcome: RefCell::new(Outcome::new()?) })
    }

    fn take_number(&self) -> usize {
        self.next.replace(self.next.get() + 1)
    }

    /// Sends one request; whether the connection can be used again.
    async fn send(&self, connection: &mut Connection, request: &[u8], expect: Expect, begun: Instant) -> bool {
        let answered = connection.exchange(request).await;
        let took = Clock::real_instant().saturating_duration_since(begun);
        let mut outcome = self.outcome.borrow_mut();
        let (status, body) = match answered {
            Ok(answer) => answer,
            Err(error) => {
                outcome.fail(format!("{error:#}"));
                return false;
            }
        };
        match expect.check(status, &body) {
            Ok(()) => {
                outcome.good += 1;
                outcome.settled += u64::from(expect == Expect::Settled);
                outcome.body_bytes += body.len() as u64;
                outcome.latency.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            }
            Err(text) => outcome.fail(text),
        }
        true
    }

    fn ended(self, begun: Instant) -> Outcome {
        let elapsed = Clock::real_instant().saturating_duration_since(begun);
        Outcome { elapsed, ..self.outcome.into_inner() }
    }
}

/// Each connection sends its next request once the last one is answered, for this long or until all are sent.
///
/// # Errors
/// Never for what the server does: that is in the outcome.
pub async fn closed(connections: &mut [Connection], pool: &Pool, expect: Expect, time: Duration) -> Result<Outcome> {
    let running = Running::new()?;
    let begun = Clock::real_instant();
    let until = begun + time;
    let each = async |connection: &mut Connection| {
        loop {
            let now = Clock::real_instant();
            let Some(request) = (now < until).then(|| pool.request(running.take_number())).flatten() else { return };
            if !running.send(connection, request, expect, now).await {
                return;
            }
        }
    };
    join_all(connections.iter_mut().map(each)).await;
    Ok(running.ended(begun))
}

/// The next request of an open loop and what it is to be answered with, by its number from 0; none when they are used up.
pub type Next<'a> = &'a dyn Fn(usize) -> Option<(Cow<'a, [u8]>, Expect)>;

/// Requests at the instants of a schedule. One that finds all connections busy waits for one of them, and its latency
/// counts from when it was due. A server that cannot keep up is given as much time again, and then left alone.
///
/// # Errors
/// When the thread that keeps time cannot be started. What the server does is in the outcome.
pub async fn open(connections: &mut [Connection], next: Next<'_>, schedule: Schedule) -> Result<Outcome> {
    let running = Running::new()?;
    let turns = Arc::new(Semaphore::new(0));
    let begun = Clock::real_instant();
    let give_up = begun + schedule.due(schedule.count()) * 2 + Duration::from_secs(1);
    let pacer = {
        let (turns, waiting) = (turns.clone(), connections.len());
        let pace = move || {
            pace(schedule, begun, &turns);
            // Everybody who still waits finds that there is nothing left to send.
            turns.add_permits(waiting);
        };
        std::thread::Builder::new().name("pacer".to_owned()).spawn(pace).context("starting the pacer")?
    };
    let each = async |connection: &mut Connection| {
        loop {
            let Ok(turn) = turns.acquire().await else { return };
            turn.forget();
            let number = running.take_number();
            if number as u64 >= schedule.count() {
                return;
            }
            let Some((request, expect)) = (Clock::real_instant() < give_up).then(|| next(number)).flatten() else {
                running.outcome.borrow_mut().unsent += 1;
                continue;
            };
            if !running.send(connection, &request, expect, begun + schedule.due(number as u64)).await {
                return;
            }
        }
    };
    join_all(connections.iter_mut().map(each)).await;
    let taken = (running.next.get() as u64).min(schedule.count());
    let mut outcome = running.ended(begun);
    // All connections may have broken before everything was taken.
    outcome.unsent += schedule.count() - taken;
    // It ends by itself at the end of the schedule.
    let _ = pacer.join();
    Ok(outcome)
}

/// Gives out one turn for each request when it is due. A thread of its own wakes more exactly than the runtime's timer,
/// which counts in milliseconds.
fn pace(schedule: Schedule, begun: Instant, turns: &Semaphore) {
    let mut given = 0;
    while given < schedule.count() {
        let passed = Clock::real_instant().saturating_duration_since(begun);
        let due = schedule.due_by(passed);
        if due > given {
            turns.add_permits(usize::try_from(due - given).unwrap_or(usize::MAX));
            given = due;
        } else {
            std::thread::park_timeout(schedule.due(given).saturating_sub(passed).max(NAP_MIN));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn answers_are_checked() {
        #[track_caller]
        fn check(expect: Expect, status: u16, body: &str, expected: Result<(), &str>) {
            let found = expect.check(status, body.as_bytes());
            match expected {
                Ok(()) => assert_eq!(found, Ok(())),
                Err(part) => assert!(found.unwrap_err().starts_with(part), "{body}"),
            }
        }
        let payment = |debit: &str, sent: &str, failed: bool| {
            let amount = |value: &str| format!(r#"{{"value":"{value}","assetCode":"USD","assetScale":2}}"#);
            format!(r#"{{"id":"x","debitAmount":{},"sentAmount":{},"failed":{failed}}}"#, amount(debit), amount(sent))
        };
        check(Expect::Status(200), 200, "", Ok(()));
        check(Expect::Status(200), 201, "", Err("refused"));
        check(Expect::Settled, 201, &payment("7", "7", false), Ok(()));
        check(Expect::Settled, 201, &payment("7", "0", false), Err("the payment is not settled"));
        check(Expect::Settled, 201, &payment("7", "7", true), Err("the payment failed"));
        check(Expect::Settled, 201, "{}", Err("this is no payment"));
        check(Expect::Settled, 200, &payment("7", "7", false), Err("refused"));
        check(Expect::Settled, 403, "{\"error\":{}}", Err("refused (status 403): {\"error\":{}}"));
    }

    /// A server that answers so many requests on each connection, and then closes it.
    async fn server(answers_each: usize, answer: &'static str) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                tokio::spawn(async move {
                    for _ in 0..answers_each {
                        // The requests of these tests are one byte long.
                        if connection.read_u8().await.is_err() {
                            return;
                        }
                        connection.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        address
    }

    const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";

    fn same(_: usize) -> Option<(Cow<'static, [u8]>, Expect)> {
        Some((Cow::Borrowed(b"x"), Expect::Status(200)))
    }

    fn pool(requests: usize, repeats: bool) -> Pool {
        Pool { requests: vec![b"x".to_vec(); requests], repeats }
    }

    #[tokio::test]
    async fn a_closed_loop_sends_every_request_once() {
        let node = server(usize::MAX, GOOD).await;
        let mut connections = connect(&[node], 3).await.unwrap();
        let hour = Duration::from_secs(3600);
        let outcome = closed(&mut connections, &pool(100, false), Expect::Status(200), hour).await.unwrap();
        assert_eq!((outcome.good, outcome.failed, outcome.body_bytes, outcome.latency.len()), (100, 0, 300, 100));
        let none = closed(&mut connections, &pool(1, true), Expect::Status(200), Duration::ZERO).await.unwrap();
        assert_eq!((none.good, none.failed), (0, 0), "no time, no request");
    }

    #[tokio::test]
    async fn an_open_loop_sends_what_is_scheduled() {
        let node = server(usize::MAX, GOOD).await;
        let mut connections = connect(&[node], 3).await.unwrap();
        let schedule = Schedule::new(10_000, Duration::from_millis(20));
        let outcome = open(&mut connections, &same, schedule).await.unwrap();
        assert_eq!((outcome.good, outcome.failed, outcome.unsent), (200, 0, 0));
        assert!(outcome.elapsed >= schedule.due(199), "the last one is due then");
    }

    #[tokio::test]
    async fn wrong_answers_and_broken_connections_are_counted() {
        let node = server(5, GOOD).await;
        let mut connections = connect(&[node], 2).await.unwrap();
        let hour = Duration::from_secs(3600);
        let outcome = closed(&mut connections, &pool(1, true), Expect::Status(200), hour).await.unwrap();
        assert_eq!((outcome.good, outcome.failed), (10, 2), "both connections end after five answers");

        let mut connections = connect(&[node], 2).await.unwrap();
        let schedule = Schedule::new(10_000, Duration::from_millis(3));
        let outcome = open(&mut connections, &same, schedule).await.unwrap();
        assert_eq!((outcome.good, outcome.failed, outcome.unsent), (10, 2, 18));

        let refusing = server(usize::MAX, "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
        let mut connections = connect(&[refusing], 2).await.unwrap();
        let outcome = closed(&mut connections, &pool(7, false), Expect::Status(200), hour).await.unwrap();
        assert_eq!((outcome.good, outcome.failed, outcome.latency.len()), (0, 7, 0));
        assert_eq!(outcome.first_failure.as_deref(), Some("refused (status 403): no"));
    }

    #[test]
    fn pools_end_unless_they_repeat() {
        let requests = vec![b"a".to_vec(), b"b".to_vec()];
        let once = Pool { requests: requests.clone(), repeats: false };
        assert_eq!((once.request(1), once.request(2)), (Some(&b"b"[..]), None));
        let again = Pool { requests, repeats: true };
        assert_eq!((again.request(1), again.request(4)), (Some(&b"b"[..]), Some(&b"a"[..])));
        assert_eq!(Pool { requests: Vec::new(), repeats: true }.request(0), None);
    }
}
