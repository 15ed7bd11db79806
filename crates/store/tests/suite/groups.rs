//! Group commit: what is answered when, and what becomes of writes that fail among others.

use crate::database::{AtOnce, Database, Waiting, told, wait_for};
use bursar_store::{AsRetry, Error, Tx, Value, WRITES_PER_COMMIT_MAX};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

const NONE: [i64; 0] = [];

fn with_notes(db: &Database) {
    db.store();
    db.run("CREATE TABLE note (id BIGINT NOT NULL PRIMARY KEY)");
}

fn note(tx: &mut Tx<'_>, number: i64) -> Result<(), Error> {
    tx.execute("INSERT INTO note (id) VALUES ($1)", &[number.into()]).map(|_| ())
}

fn noted(tx: &mut Tx<'_>) -> Result<Vec<i64>, Error> {
    tx.all("SELECT id FROM note ORDER BY id", &[], |row| row.int(0))
}

/// A write that notes a number.
fn noting(db: &Database, number: i64) -> Waiting<'_, Result<(), Error>> {
    Waiting::enqueue(db.store().write(Vec::new(), move |tx| note(tx, number)))
}

pub fn nothing_is_answered_before_its_commit(db: &Database) {
    with_notes(db);
    let mut held = db.hold();
    let mut first = noting(db, 1);
    let (tell, reached) = channel();
    let (release, released) = channel();
    let second = Waiting::enqueue(db.store().write(Vec::new(), move |tx| {
        told(&tell);
        wait_for(&released);
        note(tx, 2)
    }));
    held.release_one();
    // The first has run: writes of a group run in the order in which they came, and the second is running.
    wait_for(&reached);
    assert!(!first.is_done(), "it is not on disk yet");
    assert_eq!(db.read(noted), NONE);
    told(&release);
    assert_eq!(db.wait(first), Ok(()));
    assert_eq!(db.wait(second), Ok(()));
    assert_eq!(db.read(noted), [1, 2]);
    held.release();
}

/// What a use case says when it refuses.
#[derive(Debug, PartialEq)]
enum Refused {
    ByRule,
    ByStore(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::ByStore(error)
    }
}

impl AsRetry for Refused {
    fn as_retry(&self) -> Option<&Error> {
        match self {
            Self::ByRule => None,
            Self::ByStore(error) => error.as_retry(),
        }
    }
}

pub fn writes_of_a_group_stand_or_fall_alone(db: &Database) {
    with_notes(db);
    let mut held = db.hold();
    let store = db.store();
    let first = noting(db, 1);
    let refused = Waiting::enqueue(store.write(Vec::new(), |tx| {
        note(tx, 100)?;
        Err::<(), _>(Refused::ByRule)
    }));
    let second = noting(db, 2);
    let panicking = Waiting::enqueue(store.write(Vec::new(), |tx| -> Result<(), Error> {
        note(tx, 101)?;
        // As a panic does, but without a line on the terminal of whoever runs the tests.
        std::panic::resume_unwind(Box::new("a mistake"))
    }));
    let third = noting(db, 3);
    let doubled = Waiting::enqueue(store.write(Vec::new(), |tx| {
        note(tx, 102)?;
        note(tx, 1)
    }));
    let careless = Waiting::enqueue(store.write(Vec::new(), |tx| {
        note(tx, 103)?;
        let _ = note(tx, 1);
        Ok::<_, Error>(())
    }));
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let unlucky = Waiting::enqueue(store.write(Vec::new(), move |tx| {
        note(tx, 50)?;
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(Error::Retry("somebody was faster".to_owned()));
        }
        Ok(())
    }));
    let (tell, reached) = channel();
    let (release, released) = channel();
    let last = Waiting::enqueue(store.write(Vec::new(), move |tx| {
        let seen = noted(tx)?;
        told(&tell);
        wait_for(&released);
        note(tx, 4)?;
        Ok::<_, Error>(seen)
    }));
    held.release_one();
    wait_for(&reached);
    // All of this is one transaction: the last write sees the others, and nobody else does.
    assert_eq!(db.read(noted), NONE);
    told(&release);
    assert_eq!(db.wait(last), Ok(vec![1, 2, 3]));
    for kept in [first, second, third] {
        assert_eq!(db.wait(kept), Ok(()));
    }
    assert_eq!(db.wait(refused), Err(Refused::ByRule));
    assert_eq!(db.wait(panicking), Err(Error::Unavailable("a write panicked".to_owned())));
    assert!(matches!(db.wait(doubled), Err(Error::Unique(_))));
    assert!(matches!(db.wait(careless), Err(Error::Unique(_))));
    assert_eq!(db.wait(unlucky), Ok(()));
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(db.read(noted), [1, 2, 3, 4, 50]);
    held.release();
}

pub fn a_failed_commit_is_told_to_everybody(db: &Database) {
    with_notes(db);
    // What this refers to is only looked at when the transaction ends.
    db.run("CREATE TABLE late (id BIGINT NOT NULL REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED)");
    let mut held = db.hold();
    let first = noting(db, 1);
    let dangling = Waiting::enqueue(
        db.store().write(Vec::new(), |tx| tx.execute("INSERT INTO late (id) VALUES (99)", &[]).map(|_| ())),
    );
    let second = noting(db, 2);
    held.release_one();
    for failed in [first, dangling, second] {
        let failed = db.wait(failed);
        // Nobody may try again blindly what may have been written.
        assert!(matches!(failed, Err(Error::Unknown(_))), "{failed:?}");
    }
    assert_eq!(db.read(noted), NONE);
    // The connection is as good as before.
    assert_eq!(db.try_write(|tx| note(tx, 3)), Ok(()));
    held.release();
    for number in 4..8 {
        assert_eq!(db.try_write(move |tx| note(tx, number)), Ok(()));
    }
    assert_eq!(db.read(noted), [3, 4, 5, 6, 7]);
}

/// Runs a write that fails so often with this error, and says how it ended and how often it ran.
fn failing(db: &Database, error: Error, times: usize) -> (Result<(), Error>, usize) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let done = db.wait(db.store().write(Vec::new(), move |tx| {
        note(tx, 7)?;
        if counted.fetch_add(1, Ordering::Relaxed) < times { Err(error.clone()) } else { Ok(()) }
    }));
    (done, runs.load(Ordering::Relaxed))
}

pub fn a_write_is_tried_again_while_that_may_help(db: &Database) {
    with_notes(db);
    for (round, error) in [Error::Retry("later".to_owned()), Error::Guard("moved")].into_iter().enumerate() {
        for times in [0, 1, 3] {
            assert_eq!(failing(db, error.clone(), times), (Ok(()), times + 1), "{error:?}");
            // Each run begins with nothing of the one before.
            assert_eq!(db.read(noted), [7], "round {round}");
            db.write(|tx| tx.execute("DELETE FROM note", &[]));
        }
    }
}

pub fn a_write_that_keeps_failing_is_given_up(db: &Database) {
    with_notes(db);
    for error in [Error::Retry("later".to_owned()), Error::Guard("moved")] {
        let (done, runs) = failing(db, error, usize::MAX);
        assert!(matches!(done, Err(Error::Retry(_))), "{done:?}");
        assert!((2..=20).contains(&runs), "{runs}");
        assert_eq!(db.read(noted), NONE);
    }
}

pub fn errors_that_nothing_helps_against_are_answered_at_once(db: &Database) {
    with_notes(db);
    let hopeless =
        [Error::Unique("there".to_owned()), Error::Corrupt("broken".to_owned()), Error::Unavailable("gone".to_owned())];
    for error in hopeless {
        assert_eq!(failing(db, error.clone(), usize::MAX), (Err(error), 1));
    }
    // The use case decides which of its errors are worth another try.
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let done = db.wait(db.store().write(Vec::new(), move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Err::<(), _>(AtOnce(Error::Guard("moved")))
    }));
    assert_eq!((done, runs.load(Ordering::Relaxed)), (Err(AtOnce(Error::Guard("moved"))), 1));
    assert_eq!(db.read(noted), NONE);
}

pub fn more_writes_than_one_group_holds(db: &Database) {
    with_notes(db);
    let held = db.hold();
    let count = WRITES_PER_COMMIT_MAX as i64 * 2 + 10;
    let waiting: Vec<_> = (0..count).map(|number| noting(db, number)).collect();
    held.release();
    for write in waiting {
        assert_eq!(db.wait(write), Ok(()));
    }
    assert_eq!(db.read(noted), (0..count).collect::<Vec<_>>());
}

pub fn a_caller_that_goes_away_changes_nothing(db: &Database) {
    with_notes(db);
    let held = db.hold();
    drop(noting(db, 1));
    let second = noting(db, 2);
    drop(noting(db, 3));
    held.release();
    assert_eq!(db.wait(second), Ok(()));
    // Writes that were taken are done, whether or not anybody still wants to know.
    assert_eq!(db.try_write(|tx| note(tx, 4)), Ok(()));
    db.try_write(|tx| note(tx, 5)).expect("another writer's turn");
    assert_eq!(db.read(noted), [1, 2, 3, 4, 5]);
}

pub fn a_statement_that_failed_undoes_its_write(db: &Database) {
    with_notes(db);
    db.write(|tx| note(tx, 1));
    // The two engines differ in what may be done after a failed statement; a write does not.
    let careless = db.try_write(|tx| {
        note(tx, 2)?;
        let failed = note(tx, 1);
        assert!(matches!(failed, Err(Error::Unique(_))));
        let _ = note(tx, 3);
        Ok("all is well")
    });
    assert!(matches!(careless, Err(Error::Unique(_))), "{careless:?}");
    let unread = db.try_write(|tx| {
        note(tx, 2)?;
        let _ = tx.one("SELECT id FROM note", &[], |row| row.text(0));
        Ok(())
    });
    assert!(matches!(unread, Err(Error::Corrupt(_))), "{unread:?}");
    // Nor after a guard that was refused.
    let guarded = db.try_write(|tx| {
        let _ = tx.change_one("nobody", "UPDATE note SET id = 9 WHERE id = $1", &[Value::Int(8)]);
        note(tx, 4)
    });
    assert_eq!(guarded, Err(Error::Guard("nobody")));
    assert_eq!(db.read(noted), [1]);
}
