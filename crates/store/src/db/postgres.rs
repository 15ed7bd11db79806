//! PostgreSQL, for several nodes that share one database.
//!
//! A statement whose answer nobody needs at once is not sent at once: it waits for the next one that is read from, or
//! for the commit, and all of them travel together. Until then an undone write has nothing to be undone; only one
//! that reads after it has changed something needs a savepoint.

use super::{Ask, Error, LockKey, Row, Value};
use futures_util::future::{MaybeDone, maybe_done};
use std::collections::HashMap;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Statement};

/// A node that is cut off must not hold its locks for long, nor a lost server hold a node.
pub(crate) const TIME_OUTS: &str =
    "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'";
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const SILENCE_MAX: Duration = Duration::from_secs(10);
const SAVEPOINT: &str = "SAVEPOINT one";
const ROLL_BACK_TO: &str = "ROLLBACK TO SAVEPOINT one";
const RELEASE: &str = "RELEASE SAVEPOINT one";
/// Most statements that wait to be sent.
const UNSENT_MAX: usize = 64;

pub(crate) struct Connection {
    client: Client,
    /// Prepared statements by address and length of their text, which is static.
    statements: HashMap<(usize, usize), Statement>,
    unsent: Unsent,
    /// Answers that were fetched before they are asked for.
    fetched: Vec<Fetched>,
    /// Drives the connection while something is waited for.
    runtime: Runtime,
}

/// What the server is still to be told.
#[derive(Default)]
struct Unsent {
    /// Whether a transaction is open that is a group of writes.
    is_group: bool,
    changes: Vec<Change>,
    /// How many of them, from the first, belong to writes that have ended well.
    kept: usize,
    /// Whether the write that is running has a savepoint.
    has_savepoint: bool,
    /// Why the transaction cannot go on.
    broken: Option<Error>,
}

struct Fetched {
    sql: &'static str,
    values: Vec<Owned>,
    rows: Vec<tokio_postgres::Row>,
}

struct Change {
    statement: Statement,
    values: Vec<Owned>,
    /// What it means if not exactly one row is touched.
    guard: Option<&'static str>,
}

/// A parameter that can wait.
enum Owned {
    Int(i64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    Null,
}

impl Owned {
    fn of(value: &Value<'_>) -> Self {
        match *value {
            Value::Int(value) => Self::Int(value),
            Value::Text(text) => Self::Text(text.into()),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::Null => Self::Null,
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Int(value) => Value::Int(*value),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Null => Value::Null,
        }
    }
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
        let started = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = started.map_err(|error| Error::Unavailable(error.to_string()))?;
        let (client, connection) = runtime.block_on(config.connect(NoTls)).map_err(failure)?;
        // What ends it also ends what waits for it, with the reason.
        runtime.spawn(async move {
            let _ = connection.await;
        });
        runtime.block_on(client.batch_execute(TIME_OUTS)).map_err(failure)?;
        Ok(Self { client, statements: HashMap::new(), unsent: Unsent::default(), fetched: Vec::new(), runtime })
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.client.is_closed()
    }

    /// Sends what waits, and then this text.
    pub(crate) fn batch(&mut self, text: &str) -> Result<(), Error> {
        self.flush()?;
        self.runtime.block_on(self.client.batch_execute(text)).map_err(failure)
    }

    /// Begins a transaction for a group of writes.
    pub(crate) fn begin_group(&mut self) -> Result<(), Error> {
        self.unsent = Unsent { is_group: true, ..Unsent::default() };
        // Where these are needed in a hurry nothing can be prepared any more.
        for text in [SAVEPOINT, ROLL_BACK_TO, RELEASE] {
            self.prepare(text, &[])?;
        }
        self.change(None, "BEGIN", &[])?;
        self.begin_one();
        Ok(())
    }

    /// Commits it; everything has been sent and was answered well.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        self.unsent = Unsent::default();
        self.batch("COMMIT")
    }

    /// Ends the transaction as if nothing had been done.
    pub(crate) fn roll_back(&mut self) -> Result<(), Error> {
        self.unsent = Unsent::default();
        self.batch("ROLLBACK")
    }

    /// Runs a statement at once; how many rows it touched.
    pub(crate) fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        let statement = self.prepare(sql, values)?;
        self.fetched.clear();
        self.set_savepoint()?;
        let last = self.client.execute_raw(&statement, values.iter().copied());
        let answer = send(&self.runtime, &self.client, &mut self.unsent, last)?;
        self.settled(answer)
    }

    /// Runs a statement some time before the next one that is read from; which then tells of errors.
    pub(crate) fn change(
        &mut self,
        guard: Option<&'static str>,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<(), Error> {
        let statement = self.prepare(sql, values)?;
        if self.unsent.changes.len() >= UNSENT_MAX {
            self.flush()?;
        }
        self.fetched.clear();
        let values = values.iter().map(Owned::of).collect();
        self.unsent.changes.push(Change { statement, values, guard });
        Ok(())
    }

    pub(crate) fn query(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        keep: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Some(rows) = self.take_fetched(sql, values) {
            return rows.iter().try_for_each(|row| keep(&Row::Postgres(row)));
        }
        let statement = self.prepare(sql, values)?;
        if self.unsent.kept < self.unsent.changes.len() {
            self.set_savepoint()?;
        }
        let values = parameters(values);
        let last = self.client.query(&statement, &values);
        let answer = send(&self.runtime, &self.client, &mut self.unsent, last)?;
        let rows = self.settled(answer)?;
        rows.iter().try_for_each(|row| keep(&Row::Postgres(row)))
    }

    /// Sends several queries at once and keeps their answers for when they are asked for, unless something is changed
    /// before that.
    pub(crate) fn fetch(&mut self, asks: &[Ask<'_>]) -> Result<(), Error> {
        let prepared = asks.iter().map(|ask| self.prepare(ask.sql, &ask.values)).collect::<Result<Vec<_>, _>>()?;
        if self.unsent.kept < self.unsent.changes.len() {
            self.set_savepoint()?;
        }
        let values: Vec<_> = asks.iter().map(|ask| parameters(&ask.values)).collect();
        let client = &self.client;
        let queries = prepared
            .iter()
            .zip(&values)
            .map(|(statement, values)| Box::pin(maybe_done(client.query(statement, values))));
        let all = in_order(queries.collect(), ready(()));
        let last = async { all.await.0.into_iter().collect::<Result<Vec<_>, _>>() };
        let answer = send(&self.runtime, client, &mut self.unsent, last)?;
        let answers = self.settled(answer)?;
        let fetched = asks.iter().zip(answers).map(|(ask, rows)| Fetched {
            sql: ask.sql,
            values: ask.values.iter().map(Owned::of).collect(),
            rows,
        });
        self.fetched = fetched.collect();
        Ok(())
    }

    fn take_fetched(&mut self, sql: &'static str, values: &[Value<'_>]) -> Option<Vec<tokio_postgres::Row>> {
        let is_it = |fetched: &Fetched| {
            std::ptr::eq(fetched.sql, sql) && fetched.values.iter().map(Owned::value).eq(values.iter().copied())
        };
        let at = self.fetched.iter().position(is_it)?;
        Some(self.fetched.swap_remove(at).rows)
    }

    /// Locks the keys, which are sorted: every node takes them in the same order, so none waits in a circle.
    pub(crate) fn lock(&mut self, keys: &[LockKey]) -> Result<(), Error> {
        let keys: Vec<i64> = keys.iter().map(LockKey::number).collect();
        let statement = self.prepare(
            "SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) WITH ORDINALITY AS t(key, place) ORDER BY place",
            &[],
        )?;
        let last = self.client.execute_raw(&statement, [&keys]);
        let answer = send(&self.runtime, &self.client, &mut self.unsent, last)?;
        self.settled(answer).map(|_| ())
    }

    /// Begins a write among others in one transaction.
    pub(crate) fn begin_one(&mut self) {
        self.fetched.clear();
        self.unsent.kept = self.unsent.changes.len();
        self.unsent.has_savepoint = false;
    }

    /// Keeps what the write has changed.
    pub(crate) fn keep_one(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.unsent.broken {
            return Err(error.clone());
        }
        if std::mem::take(&mut self.unsent.has_savepoint) {
            self.change(None, RELEASE, &[])?;
        }
        self.unsent.kept = self.unsent.changes.len();
        Ok(())
    }

    /// Undoes what the write has changed, unless that cannot be told from what others have.
    pub(crate) fn undo_one(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.unsent.broken {
            return Err(error.clone());
        }
        self.unsent.changes.truncate(self.unsent.kept);
        if std::mem::take(&mut self.unsent.has_savepoint) {
            self.change(None, ROLL_BACK_TO, &[])?;
            self.change(None, RELEASE, &[])?;
        }
        self.unsent.kept = self.unsent.changes.len();
        Ok(())
    }

    /// Sends what waits.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        if self.unsent.changes.is_empty() {
            return Ok(());
        }
        if self.unsent.kept < self.unsent.changes.len() {
            self.set_savepoint()?;
        }
        send(&self.runtime, &self.client, &mut self.unsent, ready(Ok(()))).map(|_| ())
    }

    /// Puts a savepoint before the first change of the write that is running.
    fn set_savepoint(&mut self) -> Result<(), Error> {
        if self.unsent.is_group && !self.unsent.has_savepoint {
            let statement = self.prepare(SAVEPOINT, &[])?;
            let change = Change { statement, values: Vec::new(), guard: None };
            self.unsent.changes.insert(self.unsent.kept, change);
            self.unsent.kept += 1;
            self.unsent.has_savepoint = true;
        }
        Ok(())
    }

    /// The answer of a last statement. Without a savepoint its error ends the whole group.
    fn settled<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &answer
            && self.unsent.is_group
            && !self.unsent.has_savepoint
        {
            self.unsent.broken = Some(error.clone());
        }
        answer
    }

    fn prepare(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Statement, Error> {
        // The server would say so too, but with an end to the transaction.
        if values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0'))) {
            return Err(Error::Unfit("text with a NUL".to_owned()));
        }
        let place = (sql.as_ptr() as usize, sql.len());
        if let Some(statement) = self.statements.get(&place) {
            return Ok(statement.clone());
        }
        let prepared = self.runtime.block_on(self.client.prepare(sql)).map_err(failure);
        let statement = self.settled(prepared)?;
        self.statements.insert(place, statement.clone());
        Ok(statement)
    }
}

/// Sends what waits and after it a last statement, without waiting for answers in between. An error is one of what
/// waited; that of the last statement is its own answer.
fn send<T>(
    runtime: &Runtime,
    client: &Client,
    unsent: &mut Unsent,
    last: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<Result<T, Error>, Error> {
    if let Some(error) = &unsent.broken {
        return Err(error.clone());
    }
    let changes = std::mem::take(&mut unsent.changes);
    let kept = std::mem::take(&mut unsent.kept);
    let sent = changes.iter().map(|change| {
        let values = change.values.iter().map(Owned::value);
        Box::pin(maybe_done(client.execute_raw(&change.statement, values)))
    });
    let (touched, last) = runtime.block_on(in_order(sent.collect(), last));
    for (index, (change, touched)) in changes.iter().zip(touched).enumerate() {
        let failed = match (touched.map_err(failure), change.guard) {
            (Ok(1), _) | (Ok(_), None) => continue,
            (Ok(_), Some(guard)) => Error::Guard(guard),
            // Whoever had the key first was not there when this was decided.
            (Err(Error::Unique(text)), _) => Error::Retry(text),
            (Err(error), _) => error,
        };
        if index < kept {
            unsent.broken = Some(failed.clone());
        }
        return Err(failed);
    }
    Ok(last.map_err(failure))
}

/// Runs futures that each send something when they are first polled: the first in line sends first, the last one last.
async fn in_order<F: Future, L: Future>(
    mut first: Vec<Pin<Box<MaybeDone<F>>>>,
    last: L,
) -> (Vec<F::Output>, L::Output) {
    let mut last = pin!(last);
    let mut answer = None;
    let answer = poll_fn(|context| {
        let mut others = true;
        for one in &mut first {
            others &= one.as_mut().poll(context).is_ready();
        }
        if answer.is_none()
            && let Poll::Ready(done) = last.as_mut().poll(context)
        {
            answer = Some(done);
        }
        match answer.take() {
            Some(done) if others => Poll::Ready(done),
            waiting => {
                answer = waiting;
                Poll::Pending
            }
        }
    })
    .await;
    (first.iter_mut().filter_map(|one| one.as_mut().take_output()).collect(), answer)
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

fn failure(error: tokio_postgres::Error) -> Error {
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
