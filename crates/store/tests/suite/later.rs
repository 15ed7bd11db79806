//! Changes that may be made later than they are asked for, and answers that are fetched earlier.

use crate::database::{Database, Waiting};
use bursar_store::{AsRetry, Ask, Error, Tx, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn with_notes(db: &Database) {
    db.store();
    db.run("CREATE TABLE note (id BIGINT NOT NULL PRIMARY KEY, words TEXT NOT NULL UNIQUE)");
}

fn note(tx: &mut Tx<'_>, number: i64) -> Result<(), Error> {
    let words = format!("number {number}");
    tx.insert("INSERT INTO note (id, words) VALUES ($1, $2)", &[number.into(), (&words).into()])
}

fn change(tx: &mut Tx<'_>, from: i64, to: i64) -> Result<(), Error> {
    tx.change_one("the number is there", "UPDATE note SET id = $2 WHERE id = $1", &[from.into(), to.into()])
}

fn ask(number: i64) -> Ask<'static> {
    Ask::new("SELECT words FROM note WHERE id = $1", &[Value::Int(number)])
}

fn words(tx: &mut Tx<'_>, number: i64) -> Result<Option<String>, Error> {
    tx.ask(&ask(number), |row| row.text(0))
}

fn noted(tx: &mut Tx<'_>) -> Result<Vec<i64>, Error> {
    tx.all("SELECT id FROM note ORDER BY id", &[], |row| row.int(0))
}

/// What a use case says when it refuses.
#[derive(Debug, PartialEq)]
struct Refused;

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        panic!("{error}")
    }
}

impl AsRetry for Refused {
    fn as_retry(&self) -> Option<&Error> {
        None
    }
}

pub fn reads_see_every_change(db: &Database) {
    with_notes(db);
    let seen = db.write(|tx| {
        note(tx, 1)?;
        note(tx, 2)?;
        let first = noted(tx)?;
        change(tx, 2, 3)?;
        let touched = tx.execute("DELETE FROM note WHERE id = 3", &[])?;
        note(tx, 4)?;
        Ok((first, touched, noted(tx)?))
    });
    assert_eq!(seen, (vec![1, 2], 1, vec![1, 4]));
    assert_eq!(db.read(noted), [1, 4]);
}

/// Whether or not it has read since, and whoever comes before and after it in the same commit.
pub fn a_refused_write_leaves_nothing(db: &Database) {
    with_notes(db);
    let held = db.hold();
    let store = db.store();
    let mut kept = Vec::new();
    let mut refused = Vec::new();
    for number in 0..4 {
        kept.push(Waiting::enqueue(store.write(Vec::new(), move |tx| note(tx, number))));
        refused.push(Waiting::enqueue(store.write(Vec::new(), move |tx| {
            note(tx, 100 + number)?;
            if number % 2 == 0 {
                assert!(noted(tx)?.contains(&(100 + number)));
                note(tx, 200 + number)?;
            }
            Err::<(), _>(Refused)
        })));
        kept.push(Waiting::enqueue(store.write(Vec::new(), move |tx| {
            let seen = noted(tx)?;
            assert!(seen.iter().all(|number| *number < 100), "{seen:?}");
            note(tx, 10 + number)
        })));
    }
    held.release();
    for waiting in kept {
        assert_eq!(db.wait(waiting), Ok(()));
    }
    for waiting in refused {
        assert_eq!(db.wait(waiting), Err(Refused));
    }
    assert_eq!(db.read(noted), [0, 1, 2, 3, 10, 11, 12, 13]);
}

/// A write that answered well, and only then turned out to be impossible.
pub fn whoever_fails_late_fails_alone(db: &Database) {
    with_notes(db);
    db.write(|tx| note(tx, 1));
    let held = db.hold();
    let store = db.store();
    let writing = |number: i64| Waiting::enqueue(store.write(Vec::new(), move |tx| note(tx, number)));
    let (before, doubled) = (writing(2), writing(1));
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    // It finds the row it wants to change only when it is run again.
    let lucky = Waiting::enqueue(store.write(Vec::new(), move |tx| {
        let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
        change(tx, if first { 99 } else { 1 }, 7)
    }));
    let unlucky = Waiting::enqueue(store.write(Vec::new(), |tx| change(tx, 98, 8)));
    let unfit = Waiting::enqueue(
        store.write(Vec::new(), |tx| tx.insert("INSERT INTO note (id, words) VALUES (9, $1)", &[Value::Text("a\0b")])),
    );
    let missing = Waiting::enqueue(store.write(Vec::new(), |tx| tx.insert("INSERT INTO note (id) VALUES (10)", &[])));
    let after = writing(3);
    held.release();
    assert_eq!(db.wait(before), Ok(()));
    assert_eq!(db.wait(after), Ok(()));
    assert_eq!(db.wait(lucky), Ok(()));
    assert!(runs.load(Ordering::Relaxed) > 1);
    // Tried again in vain: whether before or after the number one became a seven is for the scheduler to say.
    let doubled = db.wait(doubled);
    assert!(matches!(doubled, Ok(()) | Err(Error::Retry(_))), "{doubled:?}");
    let unlucky = db.wait(unlucky);
    assert!(matches!(unlucky, Err(Error::Retry(_))), "{unlucky:?}");
    let unfit = db.wait(unfit);
    assert!(matches!(unfit, Err(Error::Unfit(_))), "{unfit:?}");
    let missing = db.wait(missing);
    assert!(matches!(missing, Err(Error::Unavailable(_))), "{missing:?}");
    let left = db.read(noted);
    assert_eq!(left.iter().filter(|number| **number != 1).collect::<Vec<_>>(), [&2, &3, &7]);
    assert_eq!(left.contains(&1), doubled.is_ok());
}

pub fn more_changes_than_are_kept_waiting(db: &Database) {
    with_notes(db);
    db.write(|tx| (0..500).try_for_each(|number| note(tx, number)));
    assert_eq!(db.read(noted).len(), 500);
    let refused = db.wait(db.store().write(Vec::new(), |tx| {
        (500..900).try_for_each(|number| note(tx, number))?;
        Err::<(), _>(Refused)
    }));
    assert_eq!(refused, Err(Refused));
    assert_eq!(db.read(noted).len(), 500);
}

pub fn fetched_answers_are_those_that_would_have_come(db: &Database) {
    with_notes(db);
    db.write(|tx| (1..4).try_for_each(|number| note(tx, number)));
    let text = |number: i64| Some(format!("number {number}"));
    let seen = db.write(move |tx| {
        change(tx, 3, 30)?;
        tx.fetch(|| vec![ask(1), ask(2), ask(3), ask(30), ask(1)])?;
        // In any order, more than once, and also what was not fetched.
        let seen = [2, 1, 1, 1, 3, 30, 4].map(|number| words(tx, number));
        tx.fetch(|| vec![ask(1), ask(2)])?;
        change(tx, 1, 5)?;
        Ok((seen.into_iter().collect::<Result<Vec<_>, _>>()?, [words(tx, 1)?, words(tx, 5)?]))
    });
    assert_eq!(seen.0, [text(2), text(1), text(1), text(1), None, text(3), None]);
    assert_eq!(seen.1, [None, text(1)]);
    // Nothing that one write fetched is left for the next.
    db.write(|tx| tx.fetch(|| vec![ask(5)]));
    db.run("UPDATE note SET words = 'other' WHERE id = 5");
    assert_eq!(db.write(|tx| words(tx, 5)).as_deref(), Some("other"));
    // A query that fails is an error of this write and of no other one.
    let failed = db.try_write(|tx| tx.fetch(|| vec![ask(1), Ask::new("SELECT 1 FROM nowhere", &[])]));
    assert_eq!(failed.is_err(), !db.is_file());
    db.write(|tx| note(tx, 6));
}

pub fn changes_made_together(db: &Database) {
    with_notes(db);
    db.write(|tx| (1..6).try_for_each(|number| note(tx, number)));
    // Of different kinds, some of them twice, among others that are made alone.
    let seen = db.write(|tx| {
        change(tx, 1, 11)?;
        let made = tx.together(|tx| {
            note(tx, 6)?;
            note(tx, 7)?;
            change(tx, 2, 12)?;
            change(tx, 3, 13)?;
            tx.insert("DELETE FROM note WHERE id > $1 AND id < $2", &[Value::Int(3), Value::Int(6)])?;
            Ok::<_, Error>("made")
        })?;
        note(tx, 8)?;
        Ok((made, noted(tx)?))
    });
    assert_eq!(seen, ("made", vec![6, 7, 8, 11, 12, 13]));
    // One by itself, none at all, and with a read in between.
    let seen = db.write(|tx| {
        tx.together(|tx| change(tx, 6, 16))?;
        tx.together(|_| Ok::<_, Error>(()))?;
        tx.together(|tx| {
            change(tx, 7, 17)?;
            let seen = noted(tx)?;
            change(tx, 8, 18)?;
            note(tx, 19)?;
            Ok::<_, Error>(seen)
        })
    });
    assert_eq!(seen, [8, 11, 12, 13, 16, 17]);
    let all = [11, 12, 13, 16, 17, 18, 19];
    assert_eq!(db.read(noted), all);
    // All or nothing.
    let guarded = db.try_write(|tx| {
        tx.together(|tx| {
            note(tx, 20)?;
            change(tx, 99, 21)?;
            note(tx, 22)
        })
    });
    assert_eq!(guarded, Err(Error::Guard("the number is there")));
    let doubled = db.try_write(|tx| {
        tx.together(|tx| {
            note(tx, 20)?;
            note(tx, 11)
        })
    });
    assert!(matches!(doubled, Err(Error::Retry(_))), "{doubled:?}");
    let refused = db.wait(db.store().write(Vec::new(), |tx| {
        tx.together(|tx| {
            note(tx, 20)?;
            note(tx, 21)?;
            Err::<(), _>(Refused)
        })
    }));
    assert_eq!(refused, Err(Refused));
    assert_eq!(db.read(noted), all);
}
