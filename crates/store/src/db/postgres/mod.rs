//! PostgreSQL, for several nodes that share one database.
//!
//! A statement whose answer nobody needs at once is not sent at once: it waits for the next one that is read from, or
//! for the commit, and all of them travel together. Until then an undone write has nothing to be undone; only one
//! that reads after it has changed something needs a savepoint.

mod change;
mod combine;

use change::{Change, Owned, Part};

use super::{Ask, Error, LockKey, Row, Value};
use futures_util::future::{MaybeDone, maybe_done};
use std::collections::HashMap;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
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
    statements: HashMap<Place, Statement>,
    /// Statements made of several, and for queries where the columns of each begin.
    combined: HashMap<(Kind, Vec<Place>), Combined>,
    unsent: Unsent,
    /// Answers that were fetched before they are asked for.
    fetched: Vec<Fetched>,
    /// Drives the connection while something is waited for.
    runtime: Runtime,
}

/// Address and length of a statement's text, which is static.
type Place = (usize, usize);

fn place(sql: &'static str) -> Place {
    (sql.as_ptr() as usize, sql.len())
}

/// What a combined statement is made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Changes,
    Queries,
}

#[derive(Clone)]
struct Combined {
    statement: Statement,
    starts: Arc<[usize]>,
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
    /// The row that all of them share, and where its columns begin in it, if it has a row.
    found: Option<(Arc<tokio_postgres::Row>, usize)>,
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
        Ok(Self {
            client,
            statements: HashMap::new(),
            combined: HashMap::new(),
            unsent: Unsent::default(),
            fetched: Vec::new(),
            runtime,
        })
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
        let part = Part { sql, parameters: values.len(), guard };
        let values = values.iter().map(Owned::of).collect();
        self.unsent.changes.push(Change { statement, values, parts: vec![part] });
        Ok(())
    }

    /// How many changes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.unsent.changes.len()
    }

    /// Makes one statement of the changes that have been waiting since there were so many. Each must be of other rows.
    pub(crate) fn combine(&mut self, since: usize) -> Result<(), Error> {
        let since = since.max(self.unsent.kept);
        if self.unsent.changes.len() < since + 2 {
            return Ok(());
        }
        let parts: Vec<Part> =
            self.unsent.changes[since..].iter().flat_map(|change| change.parts.iter().copied()).collect();
        let texts: Vec<_> = parts.iter().map(|part| (part.sql, part.parameters)).collect();
        let Combined { statement, .. } = self.prepare_combined(Kind::Changes, &texts)?;
        let values = self.unsent.changes.drain(since..).flat_map(|change| change.values).collect();
        self.unsent.changes.push(Change { statement, values, parts });
        Ok(())
    }

    pub(crate) fn query(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        keep: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Some(found) = self.take_fetched(sql, values) {
            return found.map_or(Ok(()), |(row, start)| keep(&Row::Postgres(&row, start)));
        }
        let statement = self.prepare(sql, values)?;
        if self.unsent.kept < self.unsent.changes.len() {
            self.set_savepoint()?;
        }
        let values = parameters(values);
        let last = self.client.query(&statement, &values);
        let answer = send(&self.runtime, &self.client, &mut self.unsent, last)?;
        let rows = self.settled(answer)?;
        rows.iter().try_for_each(|row| keep(&Row::Postgres(row, 0)))
    }

    /// Asks several queries at once and keeps the first row of each for when it is asked for, unless something is
    /// changed before that.
    pub(crate) fn fetch(&mut self, asks: &[Ask<'_>]) -> Result<(), Error> {
        let texts: Vec<_> = asks.iter().map(|ask| (ask.sql, ask.values.len())).collect();
        let values: Vec<Value<'_>> = asks.iter().flat_map(|ask| ask.values.iter().copied()).collect();
        fit(&values)?;
        let Combined { statement, starts } = self.prepare_combined(Kind::Queries, &texts)?;
        if self.unsent.kept < self.unsent.changes.len() {
            self.set_savepoint()?;
        }
        let values = parameters(&values);
        let last = self.client.query_one(&statement, &values);
        let answer = send(&self.runtime, &self.client, &mut self.unsent, last)?;
        let row = Arc::new(self.settled(answer)?);
        self.fetched.clear();
        for (ask, start) in asks.iter().zip(starts.iter()) {
            let found: Option<i32> = row.try_get(*start).map_err(failure)?;
            let values = ask.values.iter().map(Owned::of).collect();
            self.fetched.push(Fetched { sql: ask.sql, values, found: found.map(|_| (row.clone(), start + 1)) });
        }
        Ok(())
    }

    #[expect(clippy::option_option, reason = "whether it was fetched, and whether there is a row")]
    fn take_fetched(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Option<Option<(Arc<tokio_postgres::Row>, usize)>> {
        let is_it = |fetched: &Fetched| {
            place(fetched.sql) == place(sql) && fetched.values.iter().map(Owned::value).eq(values.iter().copied())
        };
        let at = self.fetched.iter().position(is_it)?;
        Some(self.fetched.swap_remove(at).found)
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
            let part = Part { sql: SAVEPOINT, parameters: 0, guard: None };
            let change = Change { statement, values: Vec::new(), parts: vec![part] };
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
        fit(values)?;
        if let Some(statement) = self.statements.get(&place(sql)) {
            return Ok(statement.clone());
        }
        let prepared = self.runtime.block_on(self.client.prepare(sql)).map_err(failure);
        let statement = self.settled(prepared)?;
        self.statements.insert(place(sql), statement.clone());
        Ok(statement)
    }

    fn prepare_combined(&mut self, kind: Kind, parts: &[(&'static str, usize)]) -> Result<Combined, Error> {
        let name = (kind, parts.iter().map(|(sql, _)| place(sql)).collect());
        if let Some(combined) = self.combined.get(&name) {
            return Ok(combined.clone());
        }
        let text = match kind {
            Kind::Changes => combine::changes(parts),
            Kind::Queries => combine::queries(parts),
        };
        let prepared = self.runtime.block_on(self.client.prepare(&text)).map_err(failure);
        let statement = self.settled(prepared)?;
        let columns = statement.columns().iter().enumerate();
        let starts = columns.filter(|(_, column)| column.name() == combine::FOUND).map(|(start, _)| start).collect();
        let combined = Combined { statement, starts };
        self.combined.insert(name, combined.clone());
        Ok(combined)
    }
}

/// Refuses what the server would refuse too, but with an end to the transaction.
fn fit(values: &[Value<'_>]) -> Result<(), Error> {
    if values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0'))) {
        return Err(Error::Unfit("text with a NUL".to_owned()));
    }
    Ok(())
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
    let sent = changes.iter().map(|change| Box::pin(maybe_done(change.make(client))));
    let (made, last) = runtime.block_on(in_order(sent.collect(), last));
    for (index, made) in made.into_iter().enumerate() {
        let failed = match made.map_err(failure) {
            Ok(None) => continue,
            Ok(Some(guard)) => Error::Guard(guard),
            // Whoever had the key first was not there when this was decided.
            Err(Error::Unique(text)) => Error::Retry(text),
            Err(error) => error,
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
