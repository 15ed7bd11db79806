//! What only a server has: connections that get lost, deadlocks, and locks between nodes.

use crate::database::{Database, Waiting, lock, run_on_server, told, wait_for};
use bursar_store::{Error, Store, Tx, setting};
use std::sync::mpsc::channel;

#[test]
fn a_lost_connection_is_replaced() {
    run_on_server(|db| {
        db.write(|tx| setting::put(tx, "name", "value"));
        for round in 0..3 {
            lose_all_connections(db);
            // Nothing was written yet when it was found out, so nobody has to know. There are two threads that write.
            for _ in 0..4 {
                let written = db.wait(db.store().write(Vec::new(), |tx| setting::put(tx, "name", "value")));
                assert_eq!(written, Ok(()), "round {round}");
            }
            // Nor does a read tell anybody that its connection was gone.
            let found = db.try_read(|tx| setting::get(tx, "name"));
            assert_eq!(found, Ok(Some("value".to_owned())), "round {round}");
        }
    });
}

fn lose_all_connections(db: &Database) {
    db.number(
        "SELECT COUNT(*) FROM (SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()) AS terminated",
    );
}

#[test]
fn a_connection_lost_in_the_middle_is_replaced() {
    run_on_server(|db| {
        db.store();
        let (tell, begun) = channel();
        let (release, released) = channel();
        let mut is_first = true;
        let waiting = Waiting::enqueue(db.store().write(Vec::new(), move |tx| {
            setting::put(tx, "runs", if is_first { "1" } else { "2" })?;
            if std::mem::take(&mut is_first) {
                told(&tell);
                wait_for(&released);
            }
            setting::put(tx, "name", "value")
        }));
        wait_for(&begun);
        lose_all_connections(db);
        told(&release);
        // It was not committed, so it is run again as a whole.
        assert_eq!(db.wait(waiting), Ok(()));
        let store = db.open();
        let get = |name: &'static str| db.wait(store.read(move |tx| setting::get(tx, name)));
        assert_eq!((get("runs"), get("name")), (Ok(Some("2".to_owned())), Ok(Some("value".to_owned()))));
    });
}

/// Adds to one row, lets the other side do so with its own, and then wants the other's row.
fn cross(
    mine: &'static str,
    other: &'static str,
    tell: std::sync::mpsc::Sender<()>,
    reached: std::sync::mpsc::Receiver<()>,
) -> impl FnMut(&mut Tx<'_>) -> Result<(), Error> + Send + 'static {
    let mut is_first = true;
    move |tx| {
        add(tx, mine)?;
        if std::mem::take(&mut is_first) {
            told(&tell);
            wait_for(&reached);
        }
        add(tx, other)
    }
}

fn add(tx: &mut Tx<'_>, name: &str) -> Result<(), Error> {
    tx.execute("UPDATE counter SET value = value + 1 WHERE name = $1", &[name.into()]).map(|_| ())
}

#[test]
fn a_deadlock_is_tried_again() {
    run_on_server(|db| {
        let other: Store = db.open();
        db.run("CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)");
        db.run("INSERT INTO counter (name, value) VALUES ('x', 0), ('y', 0)");
        let (tell_one, reached_one) = channel();
        let (tell_two, reached_two) = channel();
        // No locks are named, so the two wait in a circle until the server ends one of them.
        let one = Waiting::enqueue(db.store().write(Vec::new(), cross("x", "y", tell_one, reached_two)));
        let two = Waiting::enqueue(other.write(Vec::new(), cross("y", "x", tell_two, reached_one)));
        assert_eq!((db.wait(one), db.wait(two)), (Ok(()), Ok(())));
        assert_eq!(db.number("SELECT MIN(value) FROM counter"), 2);
        assert_eq!(db.number("SELECT MAX(value) FROM counter"), 2);
    });
}

#[test]
fn writes_that_share_a_key_wait_for_each_other_on_every_node() {
    run_on_server(|db| {
        let other: Store = db.open();
        let (tell, begun) = channel();
        let (release, released) = channel();
        let first = Waiting::enqueue(db.store().write(vec![lock(1), lock(2)], move |tx| {
            setting::put(tx, "first", "half")?;
            told(&tell);
            wait_for(&released);
            setting::put(tx, "first", "whole")
        }));
        wait_for(&begun);
        let mut second = Waiting::enqueue(other.write(vec![lock(2), lock(3)], |tx| setting::get(tx, "first")));
        // Until the server says that it waits; only then another group begins.
        while db.number("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 0 {
            assert!(!second.is_done(), "it did not wait");
        }
        let third = db.wait(other.write(vec![lock(4)], |tx| setting::get(tx, "first")));
        assert_eq!(third, Ok(None), "it shares no key, and sees nothing of what is not committed");
        assert!(!second.is_done());
        told(&release);
        assert_eq!(db.wait(first), Ok(()));
        assert_eq!(db.wait(second), Ok(Some("whole".to_owned())));
    });
}

#[test]
fn locks_are_named_in_any_order_and_any_number() {
    run_on_server(|db| {
        let nodes = [db.open(), db.open()];
        let tasks: Vec<_> = (0..80_u64)
            .map(|number| {
                let mut keys = vec![lock(1), lock(2), lock(number), lock(2), lock(u64::MAX)];
                keys.rotate_left(number as usize % 5);
                let node = nodes[number as usize % 2].clone();
                db.runtime().spawn(async move { node.write(keys, |tx| setting::put(tx, "name", "value")).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(db.wait(task).expect("no panic"), Ok(()));
        }
        // Those of a transaction are gone with it, and those of a migration as well.
        assert_eq!(db.number("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'"), 0);
        // Nobody ever waited in a circle. Servers count that when a connection ends.
        drop(nodes);
        while db.number(
            "SELECT COUNT(*) FROM pg_stat_activity
             WHERE datname = current_database() AND backend_type = 'client backend'",
        ) > 1
        {}
        assert_eq!(db.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), 0);
    });
}
