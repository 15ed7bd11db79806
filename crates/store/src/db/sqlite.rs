//! SQLite, embedded: one file, write-ahead log, every commit synced to disk.

use super::{Error, Row, Value};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, ErrorCode, OpenFlags, ToSql, ffi};
use std::path::Path;

const STATEMENTS_CACHED: usize = 192;

pub(crate) struct Connection(rusqlite::Connection);

impl Connection {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(failure)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        // Otherwise many statements are planned anew each time a parameter is bound, which takes longer than they do.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failure)?;
        connection
            .execute_batch(
                "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;",
            )
            .map_err(failure)?;
        Ok(Self(connection))
    }

    pub(crate) fn batch(&self, text: &str) -> Result<(), Error> {
        self.0.execute_batch(text).map_err(failure)
    }

    /// Runs a statement without parameters and rows, such as `COMMIT`.
    pub(crate) fn control(&self, text: &str) -> Result<(), Error> {
        self.execute(text, &[]).map(|_| ())
    }

    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, Error> {
        let mut statement = self.prepare(sql, values)?;
        let touched = statement.raw_execute().map_err(failure)?;
        Ok(touched as u64)
    }

    pub(crate) fn query(
        &self,
        sql: &str,
        values: &[Value<'_>],
        keep: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut statement = self.prepare(sql, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failure)? {
            keep(&Row::Sqlite(row))?;
        }
        Ok(())
    }

    /// Prepares a statement and binds `$n` by its number: SQLite itself would count parameters in the order in
    /// which they first stand in the text.
    fn prepare(&self, sql: &str, values: &[Value<'_>]) -> Result<CachedStatement<'_>, Error> {
        let mut statement = self.0.prepare_cached(sql).map_err(failure)?;
        let mut used = 0;
        for index in 1..=statement.parameter_count() {
            let number = statement.parameter_name(index).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
            let value = number.and_then(|number| values.get(number.checked_sub(1)?));
            let value = value.ok_or_else(|| Error::Corrupt(format!("no value for parameter {index} of {sql}")))?;
            // The other engine's text cannot hold it; what can be stored must not depend on the engine.
            if matches!(value, Value::Text(text) if text.contains('\0')) {
                return Err(Error::Unfit("text with a NUL".to_owned()));
            }
            statement.raw_bind_parameter(index, value).map_err(failure)?;
            used = used.max(number.unwrap_or(0));
        }
        // The other engine refuses these too.
        if used < values.len() {
            return Err(Error::Corrupt(format!("{} values for the {used} parameters of {sql}", values.len())));
        }
        Ok(statement)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Int(value) => ValueRef::Integer(*value),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
            Value::Null => ValueRef::Null,
        }))
    }
}

fn failure(error: rusqlite::Error) -> Error {
    let text = error.to_string();
    match error.sqlite_error() {
        Some(failure) if matches!(failure.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::Retry(text)
        }
        Some(failure)
            if matches!(
                failure.extended_code,
                ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID
            ) =>
        {
            Error::Unique(text)
        }
        _ => Error::Unavailable(text),
    }
}
