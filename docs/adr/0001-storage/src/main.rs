//! Measures storage drivers with a payment provider's own transaction. Prints Markdown.
//!
//! ```text
//! cargo run --release -- sqlite [only]
//! cargo run --release -- postgres "host=$PWD/pg user=postgres" [only]
//! ```
//!
//! `only` keeps the rows whose name contains it. Every figure is the median of three runs, chosen by CPU time. The program that
//! measures runs on the database's machine, since it reads the CPU time of the server's processes from `/proc`.

mod bench;
mod payment;
mod postgres_crates;
mod reads;
mod sqlite;
mod sqlx_postgres;
mod sqlx_sqlite;

use bench::{Cell, Figures, Group, Place, run};
use std::time::Duration;

const RUNS: usize = 3;
const CLIENTS: [usize; 3] = [1, 8, 64];
const NO_SERVER: fn() -> Duration = || Duration::ZERO;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |n: usize| arguments.get(n).map_or("", String::as_str);
    match argument(0) {
        "sqlite" => sqlite_tables(argument(1)),
        "postgres" => postgres_tables(argument(1), argument(2)),
        _ => eprintln!("usage: sqlite [only] | postgres <connection string> [only]"),
    }
}

fn sqlite_tables(only: &str) {
    header("payment");
    for (name, kind) in
        [("rusqlite", 0), ("rusqlite, WITHOUT ROWID", 1), ("rusqlite, temp_store MEMORY", 2), ("sqlx", 3)]
    {
        for group in [Group::Single, Group::Savepoints, Group::Bare] {
            for (clients, hot) in CLIENTS.map(|n| (n, false)).into_iter().chain([(64, true)]) {
                let cell = Cell { group, writers: 1, clients, hot };
                // The variants of rusqlite differ where groups are large.
                if (kind == 1 || kind == 2) && (hot || clients < 64) {
                    continue;
                }
                row(only, &title(name, cell), || {
                    let directory = tempfile::tempdir().expect("a directory");
                    let path = directory.path().join("bench.db").to_string_lossy().into_owned();
                    sqlite::create(&path, kind == 1);
                    let figures = match kind {
                        2 => run::<sqlite::Rusqlite<true>>(&path, Place::Thread, cell, &NO_SERVER),
                        3 => run::<sqlx_sqlite::Sqlx>(&path, Place::Task, cell, &NO_SERVER),
                        _ => run::<sqlite::Rusqlite<false>>(&path, Place::Thread, cell, &NO_SERVER),
                    };
                    assert_eq!(sqlite::audit(&path, figures.done as i64), [0; 3], "the books balance");
                    figures
                });
            }
        }
    }
    header("read of one row");
    for way in ["inline", "spawn_blocking", "reader threads"] {
        for clients in CLIENTS {
            row(only, &format!("rusqlite, {way} | | {clients}"), || {
                let directory = tempfile::tempdir().expect("a directory");
                let path = directory.path().join("bench.db").to_string_lossy().into_owned();
                sqlite::create(&path, false);
                reads::sqlite(&path, way, clients)
            });
        }
    }
}

fn postgres_tables(target: &str, only: &str) {
    let postmaster = postmaster(target);
    let server = move || children_cpu(postmaster);
    header("payment");
    for name in
        ["postgres", "tokio-postgres", "tokio-postgres pipelined", "tokio-postgres pipelined on writer threads", "sqlx"]
    {
        for writers in [1, 2, 4] {
            for group in [Group::Single, Group::Savepoints, Group::NoWait, Group::Bare] {
                for (clients, hot) in CLIENTS.map(|n| (n, false)).into_iter().chain([(64, true)]) {
                    let cell = Cell { group, writers, clients, hot };
                    if !wanted(name, cell) {
                        continue;
                    }
                    row(only, &title(&format!("{name}, {writers} writers"), cell), || {
                        postgres_crates::create(target);
                        let figures = match name {
                            "postgres" => run::<postgres_crates::Blocking>(target, Place::Thread, cell, &server),
                            "tokio-postgres" => {
                                run::<postgres_crates::Tokio<false>>(target, Place::Task, cell, &server)
                            }
                            "tokio-postgres pipelined" => {
                                run::<postgres_crates::Tokio<true>>(target, Place::Task, cell, &server)
                            }
                            "sqlx" => run::<sqlx_postgres::Sqlx>(target, Place::Task, cell, &server),
                            _ => run::<postgres_crates::Tokio<true>>(target, Place::ThreadRuntime, cell, &server),
                        };
                        assert_eq!(postgres_crates::audit(target, figures.done as i64), [0; 3], "the books balance");
                        figures
                    });
                }
            }
        }
    }
    header("read of one row");
    for (name, way) in [("postgres, reader threads", "threads"), ("tokio-postgres, one shared connection", "shared")] {
        for clients in CLIENTS {
            row(only, &format!("{name} | | {clients}"), || {
                postgres_crates::create(target);
                reads::postgres(target, way, clients, &server)
            });
        }
    }
}

/// Not every combination says something: the two drivers that a writer thread can use are measured in more of them.
fn wanted(name: &str, Cell { group, writers, clients, hot }: Cell) -> bool {
    let on_threads = name == "postgres" || name.ends_with("threads");
    match group {
        _ if writers > 1 && clients == 1 => false,
        Group::NoWait => on_threads && writers > 1 && clients == 64 && (writers == 4 || !hot),
        _ if on_threads => !hot || writers != 2,
        _ => !hot && (writers == 1 || writers == 4 && group == Group::Single),
    }
}

fn title(name: &str, cell: Cell) -> String {
    let group = match cell.group {
        Group::Single => "one by one",
        Group::Savepoints => "group",
        Group::NoWait => "group, NOWAIT",
        Group::Bare => "group, no savepoints",
    };
    format!("{name} | {group} | {}{}", cell.clients, if cell.hot { " hot" } else { "" })
}

fn header(what: &str) {
    println!(
        "\n| {what}: driver | commit | clients | per second | CPU µs | of it in the server | p50 µs | p99 µs | run again |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
}

/// Prints the median of several runs.
fn row(only: &str, title: &str, mut once: impl FnMut() -> Figures) {
    if !title.contains(only) {
        return;
    }
    let mut runs: Vec<Figures> = (0..RUNS).map(|_| once()).collect();
    runs.sort_by(|a, b| (a.cpu_own + a.cpu_server).total_cmp(&(b.cpu_own + b.cpu_server)));
    let Figures { per_second, cpu_own, cpu_server, p50, p99, rerun, .. } = runs[RUNS / 2];
    let cpu = cpu_own + cpu_server;
    println!("| {title} | {per_second:.0} | {cpu:.1} | {cpu_server:.1} | {p50} | {p99} | {rerun:.1} % |");
}

/// The parent of a connection's server process.
fn postmaster(target: &str) -> u32 {
    let pid: i32 = postgres_crates::client(target).query_one("SELECT pg_backend_pid()", &[]).expect("a pid").get(0);
    parent(&pid.to_string()).expect("a server on this machine")
}

fn parent(pid: &str) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// CPU time used so far by a process's living children: the scheduler's figure, in nanoseconds.
fn children_cpu(of: u32) -> Duration {
    let pids =
        std::fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let nanos = pids.filter(|pid| parent(pid) == Some(of)).filter_map(|pid| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
