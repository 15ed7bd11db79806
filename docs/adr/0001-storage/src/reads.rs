//! How to serve the read of one row by its key.

use crate::bench::{Figures, measure, runtime};
use crate::payment::{READS, ROWS, key, scatter};
use crate::{postgres_crates, sqlite};
use rusqlite::Connection;
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Read connections and reader threads: one for each worker of the runtime.
const READERS: usize = 2;

struct Pool {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Pool {
    fn read(&self, key: &[u8]) -> (i64, i64) {
        let start = self.next.fetch_add(1, Relaxed);
        let free = (0..READERS).find_map(|n| self.connections[(start + n) % READERS].try_lock().ok());
        let connection = free.unwrap_or_else(|| self.connections[start % READERS].lock().expect("no reader panics"));
        sqlite_read(&connection, key)
    }
}

fn sqlite_read(connection: &Connection, key: &[u8]) -> (i64, i64) {
    let mut statement = connection.prepare_cached(READS[1]).expect("a statement");
    statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).expect("a row")
}

fn cell<F, Fut>(runtime: &Runtime, clients: usize, server: &dyn Fn() -> Duration, read: F) -> Figures
where
    F: Fn(Vec<u8>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = (i64, i64)> + Send,
{
    measure(runtime, clients, server, &AtomicU64::new(0), move |n| {
        let row = read(key('a', scatter(n) % ROWS));
        async move {
            assert!(row.await.0 > 0, "a balance");
            // As an HTTP handler would between two reads.
            tokio::task::yield_now().await;
        }
    })
}

/// Starts reader threads that answer through a channel; `connect` runs on each.
fn threads<C: 'static>(
    connect: impl Fn() -> C + Send + Sync + 'static,
    read: fn(&mut C, &[u8]) -> (i64, i64),
) -> Asker {
    let (ask, asked) = async_channel::bounded::<(Vec<u8>, oneshot::Sender<(i64, i64)>)>(1024);
    let connect = Arc::new(connect);
    for _ in 0..READERS {
        let (asked, connect) = (asked.clone(), connect.clone());
        std::thread::spawn(move || {
            let mut connection = connect();
            while let Ok((key, reply)) = asked.recv_blocking() {
                let _ = reply.send(read(&mut connection, &key));
            }
        });
    }
    ask
}

type Asker = async_channel::Sender<(Vec<u8>, oneshot::Sender<(i64, i64)>)>;

async fn ask(asker: Asker, key: Vec<u8>) -> (i64, i64) {
    let (reply, answer) = oneshot::channel();
    asker.send((key, reply)).await.expect("a reader that lives");
    answer.await.expect("a reader that answers")
}

/// SQLite: on the async worker itself, through `spawn_blocking`, through reader threads.
pub fn sqlite(path: &str, way: &str, clients: usize) -> Figures {
    let (runtime, server) = (runtime(), || Duration::ZERO);
    let connections = (0..READERS).map(|_| Mutex::new(sqlite::open(path))).collect();
    let pool = Arc::new(Pool { connections, next: AtomicUsize::new(0) });
    match way {
        "inline" => cell(&runtime, clients, &server, move |key| {
            let pool = pool.clone();
            async move { pool.read(&key) }
        }),
        "spawn_blocking" => cell(&runtime, clients, &server, move |key| {
            let pool = pool.clone();
            async move { tokio::task::spawn_blocking(move || pool.read(&key)).await.expect("a read") }
        }),
        _ => {
            let path = path.to_owned();
            let asker = threads(move || sqlite::open(&path), |connection, key| sqlite_read(connection, key));
            cell(&runtime, clients, &server, move |key| ask(asker.clone(), key))
        }
    }
}

/// PostgreSQL: `tokio-postgres` connections shared by all, or the synchronous crate on reader threads.
pub fn postgres(target: &str, way: &str, clients: usize, server: &dyn Fn() -> Duration) -> Figures {
    let runtime = runtime();
    if way == "shared" {
        let shared = runtime.block_on(async {
            let client = postgres_crates::tokio_client(target).await;
            let statement = client.prepare(READS[1]).await.expect("a statement");
            Arc::new((client, statement))
        });
        return cell(&runtime, clients, server, move |key| {
            let shared = shared.clone();
            async move {
                let row = shared.0.query_one(&shared.1, &[&key]).await.expect("a row");
                (row.get(0), row.get(1))
            }
        });
    }
    let target = target.to_owned();
    let connect = move || {
        let mut client = postgres_crates::client(&target);
        let statement = client.prepare(READS[1]).expect("a statement");
        (client, statement)
    };
    let asker = threads(connect, |(client, statement), key| {
        let row = client.query_one(&*statement, &[&key]).expect("a row");
        (row.get(0), row.get(1))
    });
    cell(&runtime, clients, server, move |key| ask(asker.clone(), key))
}
