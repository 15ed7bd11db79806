//! rusqlite, on whichever thread its writer runs.

use crate::bench::Driver;
use crate::payment::{AUDIT, EVENT, METADATA, Payment, READS, RECEIVER, STATE, WRITES, schema};
use rusqlite::{Connection, Params, params};

/// A connection with the settings of the design: WAL, every commit synced, foreign keys checked.
pub fn open(path: &str) -> Connection {
    let connection = Connection::open(path).expect("a database file");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;")
        .expect("pragmas");
    connection.set_prepared_statement_cache_capacity(64);
    connection
}

/// Makes and fills the tables in a new file.
pub fn create(path: &str, without_rowid: bool) {
    let mut sql = schema("x'").replace("BYTEA", "BLOB");
    if without_rowid {
        sql = sql.replace("NOT NULL);\nCREATE", "NOT NULL) WITHOUT ROWID;\nCREATE");
    }
    open(path).execute_batch(&sql).expect("a schema");
}

/// The three differences of the audit.
pub fn audit(path: &str, payments: i64) -> [i64; 3] {
    let row = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
    open(path).query_row(AUDIT, [payments], row).expect("an audit")
}

/// With `MEMORY` what a savepoint may have to restore is kept in memory whatever its size; by default it goes to a file after 64 KiB.
pub struct Rusqlite<const MEMORY: bool>(Connection);

impl<const MEMORY: bool> Driver for Rusqlite<MEMORY> {
    const BEGIN: &str = "BEGIN IMMEDIATE";

    async fn connect(path: &str) -> Self {
        let connection = open(path);
        if MEMORY {
            connection.execute_batch("PRAGMA temp_store = MEMORY").expect("a pragma");
        }
        Self(connection)
    }

    async fn control(&mut self, sql: &'static str) -> Result<(), String> {
        sql.split("; ").try_for_each(|sql| self.0.prepare_cached(sql)?.execute([]).map(drop)).map_err(text)
    }

    async fn pay(&mut self, p: &Payment, _wait: bool) -> Result<(), String> {
        let [first, second] = p.accounts();
        let rows = [self.row(0, &p.grant)?, self.row(1, first)?, self.row(1, second)?, self.row(2, &p.incoming)?];
        p.decide(rows)?;
        self.one(
            0,
            params![p.id, p.grant, p.sender, p.incoming, p.amount, p.amount, STATE, RECEIVER, METADATA, p.now],
        )?;
        self.one(1, params![p.amount, p.grant, rows[0].0])?;
        self.one(2, params![p.transfer, p.sender, p.receiver, p.amount, p.now])?;
        self.one(3, params![p.event, p.id, EVENT, METADATA, p.now])?;
        self.one(4, params![p.amount, p.sender, p.amount])?;
        self.one(5, params![p.amount, p.receiver])?;
        self.one(6, params![p.amount, p.incoming])
    }
}

impl<const MEMORY: bool> Rusqlite<MEMORY> {
    fn row(&self, read: usize, key: &Vec<u8>) -> Result<(i64, i64), String> {
        let mut statement = self.0.prepare_cached(READS[read]).map_err(text)?;
        statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).map_err(text)
    }

    fn one(&self, write: usize, params: impl Params) -> Result<(), String> {
        match self.0.prepare_cached(WRITES[write]).and_then(|mut s| s.execute(params)).map_err(text)? {
            1 => Ok(()),
            n => Err(format!("write {write} touched {n} rows")),
        }
    }
}

fn text(error: rusqlite::Error) -> String {
    error.to_string()
}
