//! The synchronous `postgres` crate, and `tokio-postgres` with and without pipelining.

use crate::bench::Driver;
use crate::payment::{AUDIT, EVENT, METADATA, Payment, READS, RECEIVER, STATE, WRITES, schema};
use futures_util::future::{join, try_join_all};
use postgres::types::ToSql;
use postgres::{Client, NoTls, Row, Statement};

/// A payment's parameters, as this driver family wants them.
type Parameters<'a> = Vec<&'a (dyn ToSql + Sync)>;

/// Makes and fills the tables anew.
pub fn create(target: &str) {
    let drop = "DROP TABLE IF EXISTS event, transfer, outgoing_payment, incoming_payment, ledger_account, grant_spend;";
    client(target).batch_execute(&format!("{drop}{}", schema("'\\x"))).expect("a schema");
    // Outside the batch's transaction: the measured time should not pay for what making the tables left behind.
    client(target)
        .batch_execute("ANALYZE")
        .and_then(|()| client(target).batch_execute("CHECKPOINT"))
        .expect("a checkpoint");
}

/// The three differences of the audit.
pub fn audit(target: &str, payments: i64) -> [i64; 3] {
    let row = client(target).query_one(AUDIT, &[&payments]).expect("an audit");
    [row.get(0), row.get(1), row.get(2)]
}

pub fn client(target: &str) -> Client {
    Client::connect(target, NoTls).expect("a PostgreSQL that answers")
}

/// Each locking read in its waiting and its not waiting form, then the writes.
struct Statements {
    reads: [Vec<Statement>; 2],
    writes: Vec<Statement>,
}

const LOCKS: [&str; 2] = [" FOR UPDATE NOWAIT", " FOR UPDATE"];

/// The parameters of every write, in the order of `WRITES`.
fn writes<'a>(p: &'a Payment, spent: &'a i64) -> [Parameters<'a>; 7] {
    [
        vec![&p.id, &p.grant, &p.sender, &p.incoming, &p.amount, &p.amount, &STATE, &RECEIVER, &METADATA, &p.now],
        vec![&p.amount, &p.grant, spent],
        vec![&p.transfer, &p.sender, &p.receiver, &p.amount, &p.now],
        vec![&p.event, &p.id, &EVENT, &METADATA, &p.now],
        vec![&p.amount, &p.sender, &p.amount],
        vec![&p.amount, &p.receiver],
        vec![&p.amount, &p.incoming],
    ]
}

/// Each read's statement and key.
fn reads(p: &Payment) -> [(usize, &Vec<u8>); 4] {
    let [first, second] = p.accounts();
    [(0, &p.grant), (1, first), (1, second), (2, &p.incoming)]
}

fn pair(row: &Row) -> (i64, i64) {
    (row.get(0), row.get(1))
}

fn one(touched: u64) -> Result<(), String> {
    if touched == 1 { Ok(()) } else { Err(format!("{touched} rows touched")) }
}

fn text(error: postgres::Error) -> String {
    error.to_string()
}

/// The synchronous crate: it waits for each answer.
pub struct Blocking {
    client: Client,
    statements: Statements,
}

impl Driver for Blocking {
    const BEGIN: &str = "BEGIN";

    async fn connect(target: &str) -> Self {
        let mut client = client(target);
        let mut prepare = |sql: &str| client.prepare(sql).expect("a statement");
        let reads = LOCKS.map(|lock| READS.iter().map(|sql| prepare(&format!("{sql}{lock}"))).collect());
        let writes = WRITES.iter().map(|sql| prepare(sql)).collect();
        Self { client, statements: Statements { reads, writes } }
    }

    async fn control(&mut self, sql: &'static str) -> Result<(), String> {
        self.client.batch_execute(sql).map_err(text)
    }

    async fn pay(&mut self, p: &Payment, wait: bool) -> Result<(), String> {
        let mut rows = [(0, 0); 4];
        for (row, (read, key)) in rows.iter_mut().zip(reads(p)) {
            *row = pair(&self.client.query_one(&self.statements.reads[usize::from(wait)][read], &[key]).map_err(text)?);
        }
        p.decide(rows)?;
        for (statement, parameters) in self.statements.writes.iter().zip(writes(p, &rows[0].0)) {
            one(self.client.execute(statement, &parameters).map_err(text)?)?;
        }
        Ok(())
    }
}

/// `tokio-postgres`. With `PIPELINE` the reads, and then the writes, are sent without waiting between them, and what opens or
/// closes a savepoint travels with the reads that follow.
pub struct Tokio<const PIPELINE: bool> {
    client: tokio_postgres::Client,
    statements: Statements,
    /// Control statements not sent yet.
    pending: String,
}

/// Connects, with the connection's task on the current runtime.
pub async fn tokio_client(target: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(target, NoTls).await.expect("a PostgreSQL that answers");
    tokio::spawn(async move { connection.await.expect("a connection that lasts") });
    client
}

impl<const PIPELINE: bool> Driver for Tokio<PIPELINE> {
    const BEGIN: &str = "BEGIN";

    async fn connect(target: &str) -> Self {
        let client = tokio_client(target).await;
        let (mut all, mut prepared) = (Vec::new(), Vec::new());
        LOCKS.iter().for_each(|lock| all.extend(READS.iter().map(|sql| format!("{sql}{lock}"))));
        all.extend(WRITES.iter().map(|sql| (*sql).to_owned()));
        for sql in all {
            prepared.push(client.prepare(&sql).await.expect("a statement"));
        }
        let writes = prepared.split_off(2 * READS.len());
        let waiting = prepared.split_off(READS.len());
        Self { client, statements: Statements { reads: [prepared, waiting], writes }, pending: String::new() }
    }

    async fn control(&mut self, sql: &'static str) -> Result<(), String> {
        if !self.pending.is_empty() {
            self.pending.push_str("; ");
        }
        self.pending.push_str(sql);
        if PIPELINE && (sql.starts_with("BEGIN") || sql.ends_with("SAVEPOINT s")) {
            return Ok(());
        }
        self.client.batch_execute(&std::mem::take(&mut self.pending)).await.map_err(text)
    }

    async fn pay(&mut self, p: &Payment, wait: bool) -> Result<(), String> {
        let (client, statements, pending) = (&self.client, &self.statements, std::mem::take(&mut self.pending));
        let waiting = &statements.reads[usize::from(wait)];
        let mut rows = [(0, 0); 4];
        if PIPELINE {
            let before =
                async { if pending.is_empty() { Ok(()) } else { client.batch_execute(&pending).await.map_err(text) } };
            let (before, loaded) =
                join(before, try_join_all(reads(p).map(|(n, key)| read(client, &waiting[n], key)))).await;
            before?;
            rows.copy_from_slice(&loaded?);
        } else {
            for (row, (n, key)) in rows.iter_mut().zip(reads(p)) {
                *row = read(client, &waiting[n], key).await?;
            }
        }
        p.decide(rows)?;
        let writes = statements.writes.iter().zip(writes(p, &rows[0].0));
        if PIPELINE {
            try_join_all(writes.map(|(statement, parameters)| write(client, statement, parameters))).await?;
        } else {
            for (statement, parameters) in writes {
                write(client, statement, parameters).await?;
            }
        }
        Ok(())
    }
}

async fn read(client: &tokio_postgres::Client, statement: &Statement, key: &Vec<u8>) -> Result<(i64, i64), String> {
    client.query_one(statement, &[key]).await.map(|row| pair(&row)).map_err(text)
}

async fn write(
    client: &tokio_postgres::Client,
    statement: &Statement,
    parameters: Parameters<'_>,
) -> Result<(), String> {
    one(client.execute(statement, &parameters).await.map_err(text)?)
}
