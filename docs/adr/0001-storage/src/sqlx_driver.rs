//! sqlx. This file is compiled twice: `super` says which engine's types, lock suffix and control statements it uses.

use super::{LOCK, engine};
use crate::bench::Driver;
use crate::payment::{EVENT, METADATA, Payment, READS, RECEIVER, STATE, WRITES};
use sqlx::{AssertSqlSafe, Connection, Database, SqlSafeStr, SqlStr};

/// One connection; sqlx keeps its prepared statements by their text.
pub struct Sqlx {
    connection: <engine::Db as Database>::Connection,
    reads: [SqlStr; 3],
}

impl Driver for Sqlx {
    const BEGIN: &str = engine::BEGIN;

    async fn connect(target: &str) -> Self {
        let connection = <engine::Db as Database>::Connection::connect_with(&engine::options(target))
            .await
            .expect("a database that answers");
        Self { connection, reads: READS.map(|sql| AssertSqlSafe(format!("{sql}{LOCK}")).into_sql_str()) }
    }

    async fn control(&mut self, sql: &'static str) -> Result<(), String> {
        engine::control(&mut self.connection, sql).await.map_err(text)
    }

    async fn pay(&mut self, p: &Payment, _wait: bool) -> Result<(), String> {
        let [first, second] = p.accounts();
        let mut rows = [(0, 0); 4];
        for (row, (read, key)) in rows.iter_mut().zip([(0, &p.grant), (1, first), (1, second), (2, &p.incoming)]) {
            *row = sqlx::query_as(self.reads[read].clone())
                .bind(key)
                .fetch_one(&mut self.connection)
                .await
                .map_err(text)?;
        }
        p.decide(rows)?;
        let query = sqlx::query::<engine::Db>;
        let outgoing = query(WRITES[0]).bind(&p.id).bind(&p.grant).bind(&p.sender).bind(&p.incoming).bind(p.amount);
        let writes = [
            outgoing.bind(p.amount).bind(STATE).bind(RECEIVER).bind(METADATA).bind(p.now),
            query(WRITES[1]).bind(p.amount).bind(&p.grant).bind(rows[0].0),
            query(WRITES[2]).bind(&p.transfer).bind(&p.sender).bind(&p.receiver).bind(p.amount).bind(p.now),
            query(WRITES[3]).bind(&p.event).bind(&p.id).bind(EVENT).bind(METADATA).bind(p.now),
            query(WRITES[4]).bind(p.amount).bind(&p.sender).bind(p.amount),
            query(WRITES[5]).bind(p.amount).bind(&p.receiver),
            query(WRITES[6]).bind(p.amount).bind(&p.incoming),
        ];
        for write in writes {
            match write.execute(&mut self.connection).await.map_err(text)?.rows_affected() {
                1 => {}
                n => return Err(format!("{n} rows touched")),
            }
        }
        Ok(())
    }
}

fn text(error: sqlx::Error) -> String {
    error.to_string()
}
