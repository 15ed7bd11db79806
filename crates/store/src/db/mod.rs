//! The only place that knows which database engine is used.
//!
//! Everything else in this crate writes one SQL text with `$n` parameters, over three types: 64-bit integers,
//! text and bytes. What differs between the engines has a name here: how to connect, how a transaction begins
//! ([`Conn::begin_group`]), the locks that a group of writes takes first ([`LockKey`]), and the lock for migrations.

mod postgres;
mod sqlite;
mod value;
mod writer;

pub use value::{Ask, Row, Value};
pub use writer::{AsRetry, LockKey, WRITES_PER_COMMIT_MAX};

pub(crate) use writer::Queue;

use std::path::{Path, PathBuf};

/// Why the database did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Somebody else changed the same rows; trying again may help.
    #[error("the database asked to try again: {0}")]
    Retry(String),
    /// A row with this key is there already.
    #[error("there is such a row already: {0}")]
    Unique(String),
    /// A guarded change did not find the row in the expected state.
    #[error("a guarded change found another state: {0}")]
    Guard(&'static str),
    /// A row cannot be read as what it should be.
    #[error("a stored value cannot be read: {0}")]
    Corrupt(String),
    /// A value that the database cannot hold, such as text with a NUL.
    #[error("a value cannot be stored: {0}")]
    Unfit(String),
    /// The commit was asked for, and its answer did not come: it may be written or not.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
    /// The database cannot be reached, or failed.
    #[error("the database failed: {0}")]
    Unavailable(String),
}

impl Error {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Retry(_) | Self::Guard(_))
    }
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An SQLite file, created if missing.
    File(PathBuf),
    /// A PostgreSQL database.
    Server(String),
}

impl Location {
    /// Reads `postgres://…` as a server and anything else as a file's path (`sqlite:` may precede it).
    pub fn parse(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Self::Server(text.to_owned());
        }
        Self::File(PathBuf::from(text.strip_prefix("sqlite:").unwrap_or(text)))
    }

    /// The SQLite file in a folder of data.
    pub fn in_folder(folder: &Path) -> Self {
        Self::File(folder.join("bursar.db"))
    }

    /// What to call it in messages: without user name and password.
    pub fn describe(&self) -> String {
        match self {
            Self::File(path) => format!("SQLite file {}", path.display()),
            Self::Server(url) => {
                // A password may stand before the host, or among the parameters after the name.
                let (named, _) = url.split_once('?').unwrap_or((url, ""));
                format!("PostgreSQL at {}", named.rsplit_once('@').map_or("the given URL", |(_, rest)| rest))
            }
        }
    }

    /// Most writes in one commit: the server keeps only 64 savepoints of a connection where others can see them
    /// cheaply.
    pub(crate) fn writes_per_commit_max(&self) -> usize {
        match self {
            Self::File(_) => WRITES_PER_COMMIT_MAX,
            Self::Server(_) => WRITES_PER_COMMIT_MAX.min(64),
        }
    }

    /// How many threads write: one for a file, which has one writer at a time.
    pub(crate) fn writers(&self) -> usize {
        match self {
            Self::File(_) => 1,
            Self::Server(_) => 2,
        }
    }
}

/// A connection.
pub(crate) enum Conn {
    Sqlite(sqlite::Connection),
    Postgres(Box<postgres::Connection>),
}

impl Conn {
    pub(crate) fn open(location: &Location) -> Result<Self, Error> {
        Ok(match location {
            Location::File(path) => Self::Sqlite(sqlite::Connection::open(path)?),
            Location::Server(url) => Self::Postgres(Box::new(postgres::Connection::open(url)?)),
        })
    }

    /// Whether reads are so quick that they need no thread of their own.
    pub(crate) fn reads_inline(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Whether the connection can be used again after an error.
    pub(crate) fn is_alive(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(connection) => connection.is_alive(),
        }
    }

    /// Begins a transaction for a group of writes.
    pub(crate) fn begin_group(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.control("BEGIN IMMEDIATE"),
            Self::Postgres(connection) => connection.begin_group(),
        }
    }

    /// Begins a transaction that reads everything as of one moment.
    pub(crate) fn begin_snapshot(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.control("BEGIN"),
            Self::Postgres(connection) => connection.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        }
    }

    /// Begins one write of a group: what it changes can be undone alone.
    pub(crate) fn begin_one(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.control("SAVEPOINT one"),
            Self::Postgres(connection) => {
                connection.begin_one();
                Ok(())
            }
        }
    }

    /// Keeps what the write has changed. An error is one of the whole group.
    pub(crate) fn keep_one(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.control("RELEASE SAVEPOINT one"),
            Self::Postgres(connection) => connection.keep_one(),
        }
    }

    /// Undoes what the write has changed. An error is one of the whole group.
    pub(crate) fn undo_one(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => {
                connection.control("ROLLBACK TO SAVEPOINT one")?;
                connection.control("RELEASE SAVEPOINT one")
            }
            Self::Postgres(connection) => connection.undo_one(),
        }
    }

    /// Sees to it that every statement has been answered. An error is one of the whole group.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(connection) => connection.flush(),
        }
    }

    /// Commits a transaction whose statements have all been answered well.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.control("COMMIT"),
            Self::Postgres(connection) => connection.commit(),
        }
    }

    /// Ends a transaction as if nothing had been done.
    pub(crate) fn roll_back(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.control("ROLLBACK"),
            Self::Postgres(connection) => connection.roll_back(),
        }
    }

    /// Runs several statements separated by semicolons: migrations.
    pub(crate) fn batch(&mut self, text: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.batch(text),
            Self::Postgres(connection) => connection.batch(text),
        }
    }

    /// Takes the locks of a group of writes until the transaction ends. A file has one writer at a time anyway.
    pub(crate) fn lock(&mut self, keys: &[LockKey]) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(connection) => connection.lock(keys),
        }
    }

    pub(crate) fn tx(&mut self) -> Tx<'_> {
        Tx { conn: self, failure: None }
    }
}

/// An open transaction, or a connection that only reads.
pub struct Tx<'a> {
    conn: &'a mut Conn,
    /// The first statement's error. One engine lets nothing be done after it and the other does; so that both do the
    /// same, a write that met one is undone whatever it answers.
    failure: Option<Error>,
}

impl Tx<'_> {
    /// Runs a statement; how many rows it touched.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        let done = match self.conn {
            Conn::Sqlite(connection) => connection.execute(sql, values),
            Conn::Postgres(connection) => connection.execute(sql, values),
        };
        self.noted(done)
    }

    /// Adds a row that is new as far as this write can know. The engine may do so later, together with other
    /// statements, but before the commit: if there is such a row after all, the write is run again.
    ///
    /// # Errors
    /// As [`Error`] says; also of earlier statements of this kind.
    pub fn insert(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<(), Error> {
        let done = match self.conn {
            Conn::Sqlite(connection) => match connection.execute(sql, values) {
                Err(Error::Unique(text)) => Err(Error::Retry(text)),
                done => done.map(|_| ()),
            },
            Conn::Postgres(connection) => connection.change(None, sql, values),
        };
        self.noted(done)
    }

    /// Runs a guarded change: it must touch exactly one row, or [`Error::Guard`] names what was expected. Like
    /// [`Self::insert`] it may be done later; if the guard fails then, the write is run again.
    ///
    /// # Errors
    /// As [`Error`] says; also of earlier statements of this kind.
    pub fn change_one(&mut self, guard: &'static str, sql: &'static str, values: &[Value<'_>]) -> Result<(), Error> {
        let done = match self.conn {
            Conn::Sqlite(connection) => match connection.execute(sql, values) {
                Ok(1) => Ok(()),
                Ok(_) => Err(Error::Guard(guard)),
                Err(error) => Err(error),
            },
            Conn::Postgres(connection) => connection.change(Some(guard), sql, values),
        };
        self.noted(done)
    }

    /// The rows of a query, each read by `read`.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn all<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        let mut keep = |row: &Row<'_>| {
            found.push(read(row)?);
            Ok(())
        };
        let done = match self.conn {
            Conn::Sqlite(connection) => connection.query(sql, values, &mut keep),
            Conn::Postgres(connection) => connection.query(sql, values, &mut keep),
        };
        self.noted(done)?;
        Ok(found)
    }

    /// The first row of a query, if there is one.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn one<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.all(sql, values, read)?.into_iter().next())
    }

    /// Fetches the answers of queries that are about to be asked, all at once, where the way to the database is long;
    /// where it is short this does nothing.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn fetch<'b>(&mut self, asks: impl FnOnce() -> Vec<Ask<'b>>) -> Result<(), Error> {
        let done = match self.conn {
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(connection) => connection.fetch(&asks()),
        };
        self.noted(done)
    }

    /// The first row of a query, if there is one.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn ask<T>(
        &mut self,
        ask: &Ask<'_>,
        read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.one(ask.sql, &ask.values, read)
    }

    /// Makes changes of which each is of other rows than the rest: an engine may make them in one go.
    ///
    /// # Errors
    /// Those of `changes`.
    pub fn together<T, E: From<Error>>(&mut self, changes: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let since = match self.conn {
            Conn::Sqlite(_) => 0,
            Conn::Postgres(connection) => connection.waiting(),
        };
        let made = changes(self)?;
        if let Conn::Postgres(connection) = self.conn {
            let combined = connection.combine(since);
            self.noted(combined)?;
        }
        Ok(made)
    }

    /// Waits until everything that was to be done has been done.
    ///
    /// # Errors
    /// Those of [`Self::insert`] and [`Self::change_one`].
    pub fn settle(&mut self) -> Result<(), Error> {
        let done = self.conn.flush();
        self.noted(done)
    }

    fn noted<T>(&mut self, done: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &done
            && self.failure.is_none()
        {
            self.failure = Some(error.clone());
        }
        done
    }
}

/// Runs `work` while nobody else migrates the same database.
pub(crate) fn while_migrating<T>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<T, Error>,
) -> Result<T, Error> {
    match conn {
        // The file's one writer at a time is lock enough: a migration is a write transaction.
        Conn::Sqlite(_) => work(conn),
        Conn::Postgres(_) => {
            // Another node may take its time.
            conn.batch("SET lock_timeout = 0; SET statement_timeout = 0")?;
            conn.batch("SELECT pg_advisory_lock(7309737901)")?;
            let done = work(conn);
            conn.batch("SELECT pg_advisory_unlock(7309737901)")?;
            conn.batch(postgres::TIME_OUTS)?;
            done
        }
    }
}
