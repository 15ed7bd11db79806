//! Group commit.
//!
//! Writing to disk is what takes time, so a writer takes all the writes that are waiting, runs each in its own
//! savepoint inside one transaction, commits once, and answers all. A write that fails is undone alone. No write
//! is answered before its commit is on disk.

use super::{Conn, Error, Location, Tx};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Most writes in one commit.
pub const WRITES_PER_COMMIT_MAX: usize = 256;
/// Most writes waiting; further callers wait their turn.
const QUEUE_LENGTH_MAX: usize = 4096;
/// How often a write is tried that met another one.
const ATTEMPTS_MAX: usize = 8;

/// What a write is about to change. Writes of different nodes that share a key wait for each other; so a write
/// sees no half of another one. Within one node writes run one after the other anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockKey(i64);

impl LockKey {
    /// The key of a stored thing.
    pub fn of(id: &bursar_core::Id) -> Self {
        // The last bytes of an id are random; a chance meeting of two ids only makes them wait for each other.
        let bytes = id.as_bytes();
        let mut tail = [0; 8];
        tail.copy_from_slice(&bytes[8..]);
        Self(i64::from_be_bytes(tail))
    }

    /// The key of something that has a name and no id yet.
    pub fn named(name: &str) -> Self {
        let hash = bursar_core::TokenHash::of(name);
        let mut head = [0; 8];
        head.copy_from_slice(&hash.as_bytes()[..8]);
        Self(i64::from_be_bytes(head))
    }

    pub(crate) fn number(&self) -> i64 {
        self.0
    }
}

/// A write that waits for its turn. One generic implementation; the trait only hides the result's type.
trait Job: Send {
    fn locks(&self) -> &[LockKey];
    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict;
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

/// What becomes of a write's changes.
enum Verdict {
    Keep,
    Undo,
    Retry,
}

struct Write<T, E, F> {
    locks: Vec<LockKey>,
    work: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for Write<T, E, F>
where
    T: Send,
    E: From<Error> + AsRetry + Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn locks(&self) -> &[LockKey] {
        &self.locks
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict {
        let done = catch_unwind(AssertUnwindSafe(|| (self.work)(tx)))
            .unwrap_or_else(|_| Err(E::from(Error::Unavailable("a write panicked".to_owned()))));
        let done = match (done, tx.failure.take()) {
            (Ok(_), Some(error)) => Err(E::from(error)),
            (done, _) => done,
        };
        let verdict = match &done {
            Ok(_) => Verdict::Keep,
            Err(error) => match error.as_retry() {
                Some(_) => Verdict::Retry,
                None => Verdict::Undo,
            },
        };
        self.result = Some(done);
        verdict
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(E::from(Error::Unavailable("a write was not run".to_owned()))),
            (Err(error), _) => Err(E::from(error)),
        };
        // A caller that went away needs no answer.
        let _ = self.reply.send(answer);
    }
}

/// Errors of use cases that may carry an error of the database.
pub trait AsRetry {
    /// The database's error, if trying again may help.
    fn as_retry(&self) -> Option<&Error>;
}

impl AsRetry for Error {
    fn as_retry(&self) -> Option<&Error> {
        self.is_retryable().then_some(self)
    }
}

/// The writes that wait, and the threads that do them.
pub(crate) struct Queue {
    sender: mpsc::Sender<Box<dyn Job>>,
}

impl Queue {
    pub(crate) fn start(location: &Location) -> Result<Self, Error> {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..location.writers() {
            let conn = Conn::open(location)?;
            let (receiver, location) = (receiver.clone(), location.clone());
            std::thread::Builder::new()
                .name(format!("writer-{number}"))
                .spawn(move || write_all(conn, &location, &receiver))
                .map_err(|error| Error::Unavailable(error.to_string()))?;
        }
        Ok(Self { sender })
    }

    /// Waits for a turn, runs the work in a transaction, and answers when it is on disk. The work may be run
    /// again if it met another write, so it must not change anything outside the transaction.
    pub(crate) async fn write<T, E, F>(&self, locks: Vec<LockKey>, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + AsRetry + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Write { locks, work, result: None, reply });
        let stopped = || "the writer has stopped".to_owned();
        self.sender.send(job).await.map_err(|_| Error::Unavailable(stopped()))?;
        answer.await.unwrap_or_else(|_| Err(Error::Unknown(stopped()).into()))
    }
}

fn write_all(mut conn: Conn, location: &Location, receiver: &Mutex<mpsc::Receiver<Box<dyn Job>>>) {
    let most = location.writes_per_commit_max();
    let mut group = Vec::with_capacity(most);
    loop {
        {
            let mut receiver = receiver.lock();
            if receiver.blocking_recv_many(&mut group, most) == 0 {
                return;
            }
        }
        if let Err(error) = revive(&mut conn, location) {
            answer_all(&mut group, &error);
            continue;
        }
        for job in write_group(&mut conn, &mut group) {
            write_alone(&mut conn, location, job);
        }
    }
}

/// Opens the connection again if it was lost.
fn revive(conn: &mut Conn, location: &Location) -> Result<(), Error> {
    if !conn.is_alive() {
        *conn = Conn::open(location)?;
    }
    Ok(())
}

/// Runs a group in one transaction and answers it. Returns the writes that have to be tried again, alone.
fn write_group(conn: &mut Conn, group: &mut Vec<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
    let is_alone = group.len() == 1;
    let (mut done, mut again) = (Vec::with_capacity(group.len()), Vec::new());
    let attempt = attempt(conn, group, &mut done, &mut again);
    match attempt {
        Ok(()) => {
            for job in done {
                job.answer(Ok(()));
            }
        }
        Err(error) => {
            let _ = conn.roll_back();
            again.append(&mut done);
            again.append(group);
            // Before the commit nothing is written, so all of it can be tried again, each on its own: the error may be
            // that of one write. A lost connection is often found out only now, when the first statement fails on it.
            let may_retry = |error: &Error| !is_alone || error.is_retryable() || !conn.is_alive();
            if !matches!(&error, Failed::Before(error) if may_retry(error)) {
                answer_all(&mut again, &error.told());
            }
        }
    }
    again
}

/// When a transaction failed.
enum Failed {
    /// Before the commit was asked for: nothing is written.
    Before(Error),
    /// While committing: it may be written or not, so nothing may be tried again.
    Committing(Error),
}

impl Failed {
    /// What callers are told.
    fn told(&self) -> Error {
        match self {
            Self::Before(error) => error.clone(),
            Self::Committing(error) => Error::Unknown(error.to_string()),
        }
    }
}

fn attempt(
    conn: &mut Conn,
    group: &mut Vec<Box<dyn Job>>,
    done: &mut Vec<Box<dyn Job>>,
    again: &mut Vec<Box<dyn Job>>,
) -> Result<(), Failed> {
    let mut locks: Vec<LockKey> = group.iter().flat_map(|job| job.locks()).copied().collect();
    locks.sort_unstable();
    locks.dedup();
    conn.begin_group().map_err(Failed::Before)?;
    if !locks.is_empty() {
        conn.lock(&locks).map_err(Failed::Before)?;
    }
    let mut waiting = std::mem::take(group).into_iter();
    while let Some(mut job) = waiting.next() {
        let ran = run_one(conn, &mut job);
        match ran {
            Ok(Verdict::Keep | Verdict::Undo) => done.push(job),
            Ok(Verdict::Retry) => again.push(job),
            Err(error) => {
                again.push(job);
                again.extend(waiting);
                return Err(Failed::Before(error));
            }
        }
    }
    conn.flush().map_err(Failed::Before)?;
    conn.commit().map_err(|error| match error {
        Error::Retry(_) => Failed::Before(error),
        error => Failed::Committing(error),
    })
}

/// Runs a write whose changes can be undone alone. An error is one of the whole group.
fn run_one(conn: &mut Conn, job: &mut Box<dyn Job>) -> Result<Verdict, Error> {
    conn.begin_one()?;
    let verdict = job.run(&mut conn.tx());
    match verdict {
        Verdict::Keep => conn.keep_one()?,
        Verdict::Undo | Verdict::Retry => conn.undo_one()?,
    }
    Ok(verdict)
}

/// Tries a write again that met another one, with a bound.
fn write_alone(conn: &mut Conn, location: &Location, job: Box<dyn Job>) {
    let mut group = vec![job];
    for _ in 0..ATTEMPTS_MAX {
        if let Err(error) = revive(conn, location) {
            answer_all(&mut group, &error);
            return;
        }
        group = write_group(conn, &mut group);
        if group.is_empty() {
            return;
        }
    }
    answer_all(&mut group, &Error::Retry("other writes keep changing the same rows".to_owned()));
}

fn answer_all(group: &mut Vec<Box<dyn Job>>, error: &Error) {
    for job in group.drain(..) {
        job.answer(Err(error.clone()));
    }
}
