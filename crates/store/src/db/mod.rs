//! The only place that knows which database engine is used.
//!
//! Everything else in this crate writes one SQL text with `$n` parameters, over three types: 64-bit integers,
//! text and bytes. What differs between the engines has a name here: how to connect, how a transaction begins
//! ([`Conn::begin`]), the locks that a group of writes takes first ([`LockKey`]), and the lock for migrations.

mod postgres;
mod sqlite;
mod value;
mod writer;

pub use value::{Row, Value};
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

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Changing something.
    Write,
    /// Reading everything as of one moment.
    Snapshot,
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

    pub(crate) fn begin(&mut self, purpose: Purpose) -> Result<(), Error> {
        let text = match (&*self, purpose) {
            (Self::Sqlite(_), Purpose::Write) => "BEGIN IMMEDIATE",
            (Self::Sqlite(_), Purpose::Snapshot) => "BEGIN",
            (Self::Postgres(_), Purpose::Write) => "BEGIN",
            (Self::Postgres(_), Purpose::Snapshot) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.control(text)
    }

    /// Runs a statement without parameters and rows, such as `COMMIT`.
    pub(crate) fn control(&mut self, text: &'static str) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.execute(text, &[]).map(|_| ()),
            Self::Postgres(connection) => connection.batch(text),
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

    /// Runs a guarded change: it must touch exactly one row, or [`Error::Guard`] names what was expected.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn change_one(&mut self, guard: &'static str, sql: &'static str, values: &[Value<'_>]) -> Result<(), Error> {
        if self.execute(sql, values)? == 1 { Ok(()) } else { Err(Error::Guard(guard)) }
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
            conn.control("SET lock_timeout = 0")?;
            conn.control("SET statement_timeout = 0")?;
            conn.control("SELECT pg_advisory_lock(7309737901)")?;
            let done = work(conn);
            conn.control("SELECT pg_advisory_unlock(7309737901)")?;
            conn.control(postgres::TIME_OUTS)?;
            done
        }
    }
}
