//! Storage: SQLite in a file, or PostgreSQL for several nodes, behind one SQL text.
//!
//! Writes are closures over an open transaction, collected into groups that are committed together
//! ([`Store::write`]); reads are closures over a connection ([`Store::read`]). No closure can make a network
//! call, since it is given nothing to make one with. One file per noun holds its statements.

pub mod account_holder;
pub mod audit;
mod columns;
mod db;
pub mod expired;
pub mod grant;
pub mod grant_change;
pub mod idempotency;
pub mod identity;
pub mod incoming_payment;
pub mod ledger;
mod list;
mod migrations;
pub mod movement;
pub mod nonce;
pub mod outgoing_payment;
pub mod passkey;
pub mod password;
pub mod payment_request;
pub mod quote;
pub mod recovery_code;
pub mod session;
pub mod setting;
pub mod spend;
pub mod token;
pub mod wallet_address;
pub mod wallet_key;

pub use db::{AsRetry, Ask, Error, Location, LockKey, Row, Tx, Value, WRITES_PER_COMMIT_MAX};
pub use migrations::{Applied, MIGRATIONS};

use db::{Conn, Queue};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Most reads at the same time, and so most connections that read.
const READERS_MAX: usize = 8;

/// The database.
#[derive(Clone)]
pub struct Store {
    queue: Arc<Queue>,
    readers: Arc<Readers>,
}

struct Readers {
    location: Location,
    idle: Mutex<Vec<Conn>>,
    turns: Arc<Semaphore>,
    inline: bool,
}

impl Store {
    /// Opens the database and brings its schema up to date. Blocks; call it before serving.
    ///
    /// # Errors
    /// When the database cannot be opened, or was written by a newer version.
    pub fn open(location: &Location, now: Timestamp) -> Result<Self, Error> {
        let mut conn = Conn::open(location)?;
        migrations::migrate(&mut conn, now)?;
        let inline = conn.reads_inline();
        Ok(Self {
            queue: Arc::new(Queue::start(location)?),
            readers: Arc::new(Readers {
                location: location.clone(),
                idle: Mutex::new(vec![conn]),
                turns: Arc::new(Semaphore::new(READERS_MAX)),
                inline,
            }),
        })
    }

    /// Runs `work` in a transaction, together with other writes that are waiting, and answers once it is on disk.
    ///
    /// `locks` names what is about to change: writes that share a key never overlap, on whatever node. If `work`
    /// meets another write all the same it is run again, so it must not change anything outside the transaction.
    /// Once a statement has failed the write is undone, even if `work` goes on and answers well.
    ///
    /// # Errors
    /// The error of `work`, which is then undone; or that of the database.
    pub async fn write<T, E, F>(&self, locks: Vec<LockKey>, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + AsRetry + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.queue.write(locks, work).await
    }

    /// Whether locks mean anything: a file has one writer at a time anyway, so nobody need look up what to name.
    pub fn takes_locks(&self) -> bool {
        matches!(self.readers.location, Location::Server(_))
    }

    /// Runs `work` on a connection that only reads. Each of its statements sees what is committed at its start.
    ///
    /// If the connection was idle and turns out to be dead, `work` is run again on a new one.
    ///
    /// # Errors
    /// The error of `work`, or that of the database.
    pub async fn read<T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.on_reader(move |conn| work(&mut conn.tx())).await
    }

    /// Runs `work` on everything as it is at one moment.
    ///
    /// # Errors
    /// The error of `work`, or that of the database.
    pub async fn snapshot<T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.on_reader(move |conn| {
            conn.begin_snapshot()?;
            let done = work(&mut conn.tx());
            conn.commit()?;
            done
        })
        .await
    }

    async fn on_reader<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnMut(&mut Conn) -> Result<T, E> + Send + 'static,
    {
        let closed = |_| Error::Unavailable("the database is closed".to_owned());
        let turn = self.readers.turns.clone().acquire_owned().await.map_err(closed)?;
        let readers = self.readers.clone();
        // The turn ends with the work, also when nobody waits for its answer any more.
        let read = move || {
            let _turn = turn;
            readers.with_conn(work)
        };
        if self.readers.inline {
            read()
        } else {
            let failed = |error: tokio::task::JoinError| Err(E::from(Error::Unavailable(error.to_string())));
            tokio::task::spawn_blocking(read).await.unwrap_or_else(failed)
        }
    }
}

impl Readers {
    /// Runs `work` on an idle connection, or on a new one. That an idle one was lost, as when the server was restarted, is
    /// found out only by using it: then nothing was answered yet, and all other idle ones were probably lost with it.
    fn with_conn<T, E: From<Error>>(&self, mut work: impl FnMut(&mut Conn) -> Result<T, E>) -> Result<T, E> {
        let idle = self.idle.lock().pop().filter(Conn::is_alive);
        if let Some(mut conn) = idle {
            let done = work(&mut conn);
            if conn.is_alive() {
                self.idle.lock().push(conn);
                return done;
            }
            self.idle.lock().clear();
        }
        let mut conn = Conn::open(&self.location)?;
        let done = work(&mut conn);
        if conn.is_alive() {
            self.idle.lock().push(conn);
        }
        done
    }
}

impl Drop for Readers {
    /// Closing a connection may block, which a thread that runs tasks must not.
    fn drop(&mut self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        if !self.inline {
            std::thread::spawn(move || drop(idle));
        }
    }
}
