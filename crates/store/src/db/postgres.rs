//! PostgreSQL, for several nodes that share one database.

use super::{Error, LockKey, Row, Value};
use ::postgres::error::SqlState;
use ::postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use ::postgres::{Client, Config, NoTls, Statement};
use std::collections::HashMap;
use std::time::Duration;

/// A node that is cut off must not hold its locks for long, nor a lost server hold a node.
pub(crate) const TIME_OUTS: &str =
    "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'";
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const SILENCE_MAX: Duration = Duration::from_secs(10);

pub(crate) struct Connection {
    client: Client,
    /// Prepared statements by address and length of their text, which is static.
    statements: HashMap<(usize, usize), Statement>,
}

impl Connection {
    pub(crate) fn open(url: &str) -> Result<Self, Error> {
        let mut config: Config = url.parse().map_err(failure)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIME_MAX);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE_MAX);
        }
        let mut client = config.connect(NoTls).map_err(failure)?;
        client.batch_execute(TIME_OUTS).map_err(failure)?;
        Ok(Self { client, statements: HashMap::new() })
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.client.is_closed()
    }

    pub(crate) fn batch(&mut self, text: &str) -> Result<(), Error> {
        self.client.batch_execute(text).map_err(failure)
    }

    pub(crate) fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        let statement = self.prepare(sql)?;
        self.client.execute(&statement, &parameters(values)).map_err(failure)
    }

    pub(crate) fn query(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        keep: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let statement = self.prepare(sql)?;
        let rows = self.client.query(&statement, &parameters(values)).map_err(failure)?;
        rows.iter().try_for_each(|row| keep(&Row::Postgres(row)))
    }

    /// Locks the keys, which are sorted: every node takes them in the same order, so none waits in a circle.
    pub(crate) fn lock(&mut self, keys: &[LockKey]) -> Result<(), Error> {
        let keys: Vec<i64> = keys.iter().map(LockKey::number).collect();
        let statement = self.prepare(
            "SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) WITH ORDINALITY AS t(key, place) ORDER BY place",
        )?;
        self.client.execute(&statement, &[&keys]).map_err(failure).map(|_| ())
    }

    fn prepare(&mut self, sql: &'static str) -> Result<Statement, Error> {
        let place = (sql.as_ptr() as usize, sql.len());
        if let Some(statement) = self.statements.get(&place) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).map_err(failure)?;
        self.statements.insert(place, statement.clone());
        Ok(statement)
    }
}

fn parameters<'a>(values: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Int(value) => value.to_sql(ty, out),
            Value::Text(text) => text.to_sql(ty, out),
            Value::Bytes(bytes) => bytes.to_sql(ty, out),
            Value::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA | Type::VARCHAR)
    }

    to_sql_checked!();
}

fn failure(error: ::postgres::Error) -> Error {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let text = error.as_db_error().map_or_else(|| format!("{error}{cause}"), ToString::to_string);
    match error.code() {
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => Error::Unique(text),
        // Class 22 is about data, 54000 about its size.
        Some(code) if code.code().starts_with("22") || *code == SqlState::PROGRAM_LIMIT_EXCEEDED => Error::Unfit(text),
        Some(code)
            if matches!(
                *code,
                SqlState::QUERY_CANCELED
                    | SqlState::T_R_SERIALIZATION_FAILURE
                    | SqlState::T_R_DEADLOCK_DETECTED
                    | SqlState::LOCK_NOT_AVAILABLE
            ) =>
        {
            Error::Retry(text)
        }
        _ => Error::Unavailable(text),
    }
}
