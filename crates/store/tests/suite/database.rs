//! A fresh database of either engine, gone again after the test.

use bursar_core::Id;
use bursar_store::{AsRetry, Error, Location, LockKey, Store, Tx};
use jiff::{SignedDuration, Timestamp};
use std::cell::OnceCell;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use tokio::runtime::Runtime;

/// A case of the suite.
pub type Case = fn(&Database);

/// Runs a case on an SQLite file.
pub fn run_on_file(case: Case) {
    let folder = tempfile::tempdir().expect("a folder for the database");
    let location = Location::in_folder(folder.path());
    case(&Database::at(location, Engine::File));
}

/// Runs a case on a database of its own at the PostgreSQL server of the tests.
pub fn run_on_server(case: Case) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("BURSAR_TEST_POSTGRES").expect(
        "BURSAR_TEST_POSTGRES is not set: `cargo xtask test` sets up a PostgreSQL server and this variable; else give it \
         the URL of one where databases may be made, such as postgres://postgres@127.0.0.1:5432/postgres",
    );
    let name = format!("bursar_store_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let (host, _) = server.rsplit_once('/').expect("a URL that names a database");
    let location = Location::parse(&format!("{host}/{name}"));
    let database = ServerDatabase { server, name };
    // What an earlier run of the same number may have left behind.
    database.run("DROP DATABASE IF EXISTS");
    database.run("CREATE DATABASE");
    // Tests that provoke a deadlock need not wait a second until it is found out.
    database.run_more("ALTER DATABASE", "SET deadlock_timeout = '50ms'");
    case(&Database::at(location, Engine::Server));
    drop(database);
}

/// Deletes the database in the end, also when the test fails.
struct ServerDatabase {
    server: String,
    name: String,
}

impl ServerDatabase {
    fn run(&self, what: &str) {
        self.run_more(what, if what.starts_with("DROP") { "WITH (FORCE)" } else { "" });
    }

    fn run_more(&self, what: &str, more: &str) {
        let mut client = postgres::Client::connect(&self.server, postgres::NoTls).expect("the PostgreSQL of the tests");
        client.batch_execute(&format!("{what} {} {more}", self.name)).expect(what);
    }
}

impl Drop for ServerDatabase {
    fn drop(&mut self) {
        self.run("DROP DATABASE IF EXISTS");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    File,
    Server,
}

/// A database for one test.
pub struct Database {
    pub location: Location,
    engine: Engine,
    store: OnceCell<Store>,
    runtime: Runtime,
}

/// The error of a write that is answered at once, whatever it is: so that tests see guards and not that they were
/// tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtOnce(pub Error);

impl From<Error> for AtOnce {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl AsRetry for AtOnce {
    fn as_retry(&self) -> Option<&Error> {
        None
    }
}

/// Does something and waits until it is done.
pub fn at_once<T>(tx: &mut Tx<'_>, mut work: impl FnMut(&mut Tx<'_>) -> Result<T, Error>) -> Result<T, AtOnce> {
    let made = work(tx)?;
    tx.settle()?;
    Ok(made)
}

impl Database {
    fn at(location: Location, engine: Engine) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        Self { location, engine, store: OnceCell::new(), runtime }
    }

    /// The store, opened on first use.
    pub fn store(&self) -> &Store {
        self.store.get_or_init(|| self.open())
    }

    /// Opens it once more: as another node does.
    pub fn open(&self) -> Store {
        Store::open(&self.location, now()).expect("the database opens")
    }

    /// Waits for something asynchronous.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// A write with its error as it is.
    pub fn try_write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let written = self.wait(self.store().write(Vec::new(), move |tx| at_once(tx, &mut work)));
        written.map_err(|AtOnce(error)| error)
    }

    /// Many writes with their errors as they are, in the order in which they were given.
    pub fn try_all<T: Send + 'static>(
        &self,
        works: impl IntoIterator<Item = impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static>,
    ) -> Vec<Result<T, Error>> {
        let store = self.store();
        let writing = works.into_iter().map(|mut work| store.write(Vec::new(), move |tx| at_once(tx, &mut work)));
        let written = self.wait(futures_util::future::join_all(writing));
        written.into_iter().map(|done| done.map_err(|AtOnce(error)| error)).collect()
    }

    /// A write that must succeed.
    #[track_caller]
    pub fn write<T: Send + 'static>(&self, work: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static) -> T {
        self.try_write(work).expect("the write succeeds")
    }

    /// A read with its error as it is.
    pub fn try_read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.wait(self.store().read(work))
    }

    /// A read that must succeed.
    #[track_caller]
    pub fn read<T: Send + 'static>(&self, work: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static) -> T {
        self.try_read(work).expect("the read succeeds")
    }

    /// Runs statements behind the store's back.
    pub fn run(&self, sql: &str) {
        match &self.location {
            Location::File(path) => {
                rusqlite::Connection::open(path).expect("the file opens").execute_batch(sql).expect(sql);
            }
            Location::Server(url) => self.client(url).batch_execute(sql).expect(sql),
        }
    }

    /// The one number that a query behind the store's back gives.
    pub fn number(&self, sql: &str) -> i64 {
        match &self.location {
            Location::File(path) => {
                let connection = rusqlite::Connection::open(path).expect("the file opens");
                connection.query_row(sql, [], |row| row.get(0)).expect(sql)
            }
            Location::Server(url) => self.client(url).query_one(sql, &[]).expect(sql).get(0),
        }
    }

    /// How the engine carries a statement with two numbers out, whatever they are.
    pub fn plan(&self, sql: &str) -> Vec<String> {
        match &self.location {
            Location::File(path) => {
                let connection = rusqlite::Connection::open(path).expect("the file opens");
                let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(sql);
                explain.query_map([1, 1], |row| row.get(3)).expect(sql).map(|line| line.expect("a line")).collect()
            }
            Location::Server(url) => {
                let mut client = self.client(url);
                let prepare = format!("SET plan_cache_mode = force_generic_plan; PREPARE it (BIGINT, BIGINT) AS {sql}");
                client.batch_execute(&prepare).expect(sql);
                client.query("EXPLAIN EXECUTE it (1, 1)", &[]).expect(sql).iter().map(|row| row.get(0)).collect()
            }
        }
    }

    fn client(&self, url: &str) -> postgres::Client {
        postgres::Client::connect(url, postgres::NoTls).expect("the server answers")
    }

    /// Keeps every thread that writes at work, so that further writes wait in the queue together.
    pub fn hold(&self) -> Held<'_> {
        let writers = match self.engine {
            Engine::File => 1,
            Engine::Server => 2,
        };
        let mut held = Vec::new();
        for _ in 0..writers {
            let (tell, started) = channel();
            let (release, released) = channel();
            let write = self.store().write(Vec::new(), move |_| {
                told(&tell);
                wait_for(&released);
                Ok::<_, Error>(())
            });
            let waiting = Waiting::enqueue(write);
            // Only now, or else one thread could take both of these.
            wait_for(&started);
            held.push((release, waiting));
        }
        Held { database: self, held }
    }

    /// Whether the tests run on a file, where all writes come one after the other.
    pub fn is_file(&self) -> bool {
        self.engine == Engine::File
    }
}

/// Threads that are kept at work.
pub struct Held<'a> {
    database: &'a Database,
    held: Vec<HeldWriter<'a>>,
}

/// What lets it go on, and its answer.
type HeldWriter<'a> = (Sender<()>, Waiting<'a, Result<(), Error>>);

impl Held<'_> {
    /// Lets one of the threads go on: it commits, and takes all that waits in the queue as one group.
    pub fn release_one(&mut self) {
        let (release, mut waiting) = self.held.remove(0);
        told(&release);
        self.database.wait(&mut waiting).expect("a write that only waited");
    }

    /// Lets the others go on.
    pub fn release(mut self) {
        while !self.held.is_empty() {
            self.release_one();
        }
    }
}

/// A write or read that has begun: its future was polled once, so its work is in the queue.
pub struct Waiting<'a, T>(Pin<Box<dyn Future<Output = T> + 'a>>);

impl<'a, T> Waiting<'a, T> {
    #[track_caller]
    pub fn enqueue(future: impl Future<Output = T> + 'a) -> Self {
        let mut waiting = Self(Box::pin(future));
        assert!(!waiting.is_done(), "it was answered before it could have been done");
        waiting
    }

    /// Whether the answer is there. If so it is gone now.
    pub fn is_done(&mut self) -> bool {
        self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}

impl<T> Future for Waiting<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(cx)
    }
}

/// Waits until somebody tells. Fails the test, and does not hang it, if that somebody is gone.
pub fn wait_for(receiver: &Receiver<()>) {
    receiver.recv().expect("the other side is still there");
}

/// Tells whoever waits, if anybody does.
pub fn told(sender: &Sender<()>) {
    let _ = sender.send(());
}

/// The instant at which everything happens.
pub fn now() -> Timestamp {
    "2026-01-31T12:00:00.000001Z".parse().expect("an instant")
}

/// So many seconds later, or earlier.
pub fn seconds(number: i64) -> Timestamp {
    now() + SignedDuration::from_secs(number)
}

pub fn id(number: u64) -> Id {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Id::from_bytes(bytes)
}

pub fn lock(number: u64) -> LockKey {
    LockKey::of(&id(number))
}

/// The earliest and the latest instant that there are, in whole microseconds.
pub fn edges_of_time() -> [Timestamp; 2] {
    [Timestamp::MIN, Timestamp::new(Timestamp::MAX.as_second(), 999_999_000).expect("within the last second")]
}
