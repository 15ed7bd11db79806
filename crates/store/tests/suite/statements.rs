//! Statements: parameters by number, values and their types, and which error is which.

use crate::database::{Database, edges_of_time, id, now};
use bursar_core::TokenHash;
use bursar_store::{Error, Row, Tx, Value};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// A table of each type, with a key and a bound.
fn with_scratch(db: &Database) {
    db.store();
    db.run(
        "CREATE TABLE scratch (id BIGINT NOT NULL PRIMARY KEY, number BIGINT, words TEXT, raw BYTEA);
         CREATE UNIQUE INDEX scratch_words ON scratch (words);
         CREATE TABLE bounded (id BIGINT NOT NULL PRIMARY KEY REFERENCES scratch (id), number BIGINT CHECK (number > 0))",
    );
}

pub fn parameters_are_bound_by_number(db: &Database) {
    with_scratch(db);
    // In another order than they are numbered.
    db.write(|tx| {
        tx.execute(
            "INSERT INTO scratch (raw, words, number, id) VALUES ($4, $3, $2, $1)",
            &[1_i64.into(), 20_i64.into(), "three".into(), Value::Bytes(b"four")],
        )
    });
    let row = db.read(|tx| {
        tx.one("SELECT id, number, words, raw FROM scratch", &[], |row| {
            Ok((row.int(0)?, row.int(1)?, row.text(2)?, row.bytes(3)?))
        })
    });
    assert_eq!(row, Some((1, 20, "three".to_owned(), b"four".to_vec())));

    // The same one several times, and a higher number before it.
    let find = |wanted: i64, least: i64| {
        db.read(move |tx| {
            tx.one(
                "SELECT words FROM scratch WHERE number >= $2 AND (id = $1 OR number = $1) AND number + $1 - $1 >= $2",
                &[wanted.into(), least.into()],
                |row| row.text(0),
            )
        })
    };
    assert_eq!(find(1, 20), Some("three".to_owned()));
    assert_eq!(find(20, 20), Some("three".to_owned()));
    assert_eq!(find(1, 21), None);
    assert_eq!(find(2, 20), None);

    // Two-digit numbers are not one-digit numbers followed by something.
    let values: Vec<i64> = (1..=12).collect();
    let touched = db.write(move |tx| {
        let values: Vec<Value<'_>> = values.iter().map(|value| (*value).into()).collect();
        tx.execute(
            "UPDATE scratch SET number = number + $12 WHERE id + 10 = $11 AND id + 9 = $10 AND id + 8 = $9 AND id + 7 = $8
                 AND id + 6 = $7 AND id + 5 = $6 AND id + 4 = $5 AND id + 3 = $4 AND id + 2 = $3 AND id + 1 = $2
                 AND id = $1",
            &values,
        )
    });
    assert_eq!(touched, 1);
    assert_eq!(db.number("SELECT number FROM scratch"), 32);
}

pub fn every_parameter_has_a_value_and_every_value_a_parameter(db: &Database) {
    with_scratch(db);
    #[track_caller]
    fn check(db: &Database, sql: &'static str, values: &[i64], expected: bool) {
        let (values, again) = (values.to_vec(), values.to_vec());
        let bind = |values: &[i64]| values.iter().map(|value| Value::Int(*value)).collect::<Vec<_>>();
        let done = db.try_write(move |tx| tx.execute(sql, &bind(&values)));
        assert_eq!(done.is_ok(), expected, "{sql} {done:?}");
        let found = db.try_write(move |tx| tx.all(sql, &bind(&again), |_| Ok(())));
        assert_eq!(found.is_ok(), expected, "{sql} {found:?}");
    }
    check(db, "UPDATE scratch SET number = $1 WHERE id = $2", &[1, 2], true);
    check(db, "UPDATE scratch SET number = $1 WHERE id = $2", &[1], false);
    check(db, "UPDATE scratch SET number = $1 WHERE id = $2", &[], false);
    check(db, "UPDATE scratch SET number = $1 WHERE id = $2", &[1, 2, 3], false);
    check(db, "UPDATE scratch SET number = 1", &[], true);
    check(db, "UPDATE scratch SET number = 1", &[1], false);
    check(db, "UPDATE scratch SET number = $1 WHERE id = $3", &[1, 2], false);
    // A statement that was refused does no harm to the next one.
    check(db, "UPDATE scratch SET number = $1 WHERE id = $2", &[1, 2], true);
}

pub fn values_come_back(db: &Database) {
    with_scratch(db);
    let integers = [0, 1, -1, i64::MAX, i64::MIN];
    let texts = ["", "a", "O'Neill \"x\" \\ $1 ? %", "Grüße, 世界 🦀\n\t", &"long ".repeat(20_000)].map(str::to_owned);
    let bytes: [Vec<u8>; 5] = [vec![], vec![0], (0..=255).collect(), vec![0; 32], vec![255; 100_000]];
    let (sent, expected) = ((texts.clone(), bytes.clone()), (texts, bytes));
    db.write(move |tx| {
        for (index, number) in integers.into_iter().enumerate() {
            let (words, raw) = (&sent.0[index], sent.1[index].as_slice());
            let values = [(index as i64).into(), number.into(), words.into(), raw.into()];
            tx.execute("INSERT INTO scratch (id, number, words, raw) VALUES ($1, $2, $3, $4)", &values)?;
        }
        Ok(())
    });
    let rows = db.read(|tx| {
        tx.all("SELECT number, words, raw FROM scratch ORDER BY id", &[], |row| {
            // Read in both ways, and not from left to right.
            assert_eq!(row.opt_bytes(2)?, Some(row.bytes(2)?));
            assert_eq!(row.opt_text(1)?, Some(row.text(1)?));
            assert_eq!(row.opt_int(0)?, Some(row.int(0)?));
            Ok((row.int(0)?, row.text(1)?, row.bytes(2)?))
        })
    });
    for (index, row) in rows.into_iter().enumerate() {
        assert_eq!(row, (integers[index], expected.0[index].clone(), expected.1[index].clone()));
    }

    // What is made of the three types.
    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug + Send + 'static>(
        db: &Database,
        value: Value<'_>,
        read: fn(&Row<'_>) -> Result<T, Error>,
        expected: T,
    ) {
        let (number, raw) = match value {
            Value::Int(number) => (Some(number), None),
            Value::Bytes(bytes) => (None, Some(bytes.to_vec())),
            Value::Text(_) | Value::Null => (None, None),
        };
        db.write(move |tx| {
            let values = [number.into(), raw.as_deref().into()];
            tx.execute("UPDATE scratch SET number = $1, raw = $2 WHERE id = 0", &values)
        });
        let found = db.read(move |tx| tx.one("SELECT number, raw FROM scratch WHERE id = 0", &[], read));
        assert_eq!(found, Some(expected));
    }
    check(db, u64::from(u32::MAX).into(), |row| row.unsigned(0), u64::from(u32::MAX));
    check(db, (i64::MAX as u64).into(), |row| row.unsigned(0), i64::MAX as u64);
    // Nothing counts as far as this; the largest there is, rather than a negative number.
    check(db, u64::MAX.into(), |row| row.unsigned(0), i64::MAX as u64);
    check(db, 255_u8.into(), |row| row.int(0), 255);
    check(db, now().into(), |row| row.instant(0), now());
    check(db, Some(now()).into(), |row| row.opt_instant(0), Some(now()));
    for edge in edges_of_time() {
        check(db, edge.into(), |row| row.instant(0), edge);
    }
    check(db, Timestamp::UNIX_EPOCH.into(), |row| row.instant(0), Timestamp::UNIX_EPOCH);
    check(db, (&id(7)).into(), |row| row.id(1), id(7));
    check(db, Some(&id(7)).into(), |row| row.opt_id(1), Some(id(7)));
    check(db, (&[9; 32]).into(), |row| row.key(1), [9; 32]);
    let hash = TokenHash::of("token");
    check(db, (&hash).into(), |row| row.key(1), *hash.as_bytes());
}

pub fn what_is_not_there_is_null(db: &Database) {
    with_scratch(db);
    db.write(|tx| {
        let values = [1_i64.into(), None::<i64>.into(), None::<&str>.into(), Value::Null];
        tx.execute("INSERT INTO scratch (id, number, words, raw) VALUES ($1, $2, $3, $4)", &values)
    });
    let row = db.read(|tx| {
        tx.one("SELECT number, words, raw FROM scratch", &[], |row| {
            let absent = (row.opt_int(0)?, row.opt_text(1)?, row.opt_bytes(2)?, row.opt_instant(0)?, row.opt_id(2)?);
            let read = [row.int(0).is_ok(), row.text(1).is_ok(), row.bytes(2).is_ok(), row.instant(0).is_ok()];
            let made = [row.unsigned(0).is_ok(), row.id(2).is_ok(), row.key(2).is_ok()];
            Ok((absent, read, made))
        })
    });
    assert_eq!(row, Some(((None, None, None, None, None), [false; 4], [false; 3])));
}

pub fn a_column_of_another_type_is_not_read(db: &Database) {
    with_scratch(db);
    #[track_caller]
    fn check<T: std::fmt::Debug + Send + 'static>(
        db: &Database,
        number: i64,
        raw: &'static [u8],
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) {
        db.write(move |tx| {
            tx.execute("DELETE FROM scratch", &[])?;
            let values = [number.into(), "words".into(), raw.into()];
            tx.execute("INSERT INTO scratch (id, number, words, raw) VALUES (1, $1, $2, $3)", &values)
        });
        let found = db.try_read(move |tx| tx.one("SELECT number, words, raw FROM scratch", &[], read));
        assert!(matches!(found, Err(Error::Corrupt(_))), "{found:?}");
    }
    check(db, 0, b"", |row| row.text(0));
    check(db, 0, b"", |row| row.bytes(0));
    check(db, 0, b"", |row| row.int(1));
    check(db, 0, b"", |row| row.opt_int(2));
    check(db, 0, b"", |row| row.opt_text(2));
    check(db, 0, b"", |row| row.opt_bytes(0));
    check(db, 0, b"", |row| row.int(3));
    check(db, 0, b"", |row| row.opt_text(99));
    check(db, -1, b"", |row| row.unsigned(0));
    check(db, i64::MIN, b"", |row| row.unsigned(0));
    check(db, i64::MIN, b"", |row| row.instant(0));
    check(db, i64::MAX, b"", |row| row.opt_instant(0));
    check(db, 0, b"", |row| row.id(2));
    check(db, 0, b"fifteen bytes..", |row| row.id(2));
    check(db, 0, b"seventeen bytes..", |row| row.opt_id(2));
    check(db, 0, b"sixteen bytes...", |row| row.key(2));
}

pub fn errors_are_told_apart(db: &Database) {
    with_scratch(db);
    #[track_caller]
    fn check(db: &Database, sql: &'static str, expected: fn(&Error) -> bool) {
        let error = db.try_write(move |tx| tx.execute(sql, &[])).expect_err(sql);
        assert!(expected(&error), "{sql}: {error:?}");
    }
    let unique: fn(&Error) -> bool = |error| matches!(error, Error::Unique(_));
    let unavailable: fn(&Error) -> bool = |error| matches!(error, Error::Unavailable(_));
    db.write(|tx| tx.execute("INSERT INTO scratch (id, words) VALUES (1, 'one')", &[]));
    db.write(|tx| tx.execute("INSERT INTO bounded (id, number) VALUES (1, 1)", &[]));
    check(db, "INSERT INTO scratch (id) VALUES (1)", unique);
    check(db, "INSERT INTO scratch (id, words) VALUES (2, 'one')", unique);
    check(db, "INSERT INTO scratch (id) VALUES (NULL)", unavailable);
    check(db, "INSERT INTO bounded (id, number) VALUES (2, 1)", unavailable);
    check(db, "UPDATE bounded SET number = 0", unavailable);
    check(db, "DELETE FROM scratch", unavailable);
    check(db, "INSERT INTO nowhere (id) VALUES (1)", unavailable);
    check(db, "SELEC 1", unavailable);
    assert_eq!(db.number("SELECT COUNT(*) FROM scratch"), 1);
}

pub fn what_one_engine_cannot_hold_neither_takes(db: &Database) {
    with_scratch(db);
    let put = |words: &'static str| {
        db.try_write(move |tx| tx.execute("INSERT INTO scratch (id, words) VALUES (1, $1)", &[words.into()]))
    };
    for words in ["\0", "before\0after", "after\0"] {
        let refused = put(words);
        assert!(matches!(refused, Err(Error::Unfit(_))), "{refused:?}");
        let sought =
            db.try_read(move |tx| tx.all("SELECT id FROM scratch WHERE words = $1", &[words.into()], |_| Ok(())));
        assert!(matches!(sought, Err(Error::Unfit(_))), "{sought:?}");
    }
    assert_eq!(put("\u{1}\u{7f}\u{ffff}"), Ok(1));
    // Bytes are another matter.
    let bytes = db.write(|tx| tx.execute("UPDATE scratch SET raw = $1", &[Value::Bytes(b"a\0b")]));
    assert_eq!(bytes, 1);
}

pub fn guarded_changes_touch_one_row(db: &Database) {
    with_scratch(db);
    db.write(|tx| tx.execute("INSERT INTO scratch (id, number) VALUES (1, 10), (2, 20), (3, 20)", &[]));
    let change = |number: i64| {
        db.try_write(move |tx| {
            tx.change_one("what was expected", "UPDATE scratch SET words = NULL WHERE number = $1", &[number.into()])
        })
    };
    assert_eq!(change(10), Ok(()));
    assert_eq!(change(11), Err(Error::Guard("what was expected")));
    assert_eq!(change(20), Err(Error::Guard("what was expected")));
    // How many rows were touched, also of statements that insert and delete.
    let touched = |sql: &'static str| db.write(move |tx| tx.execute(sql, &[]));
    assert_eq!(touched("UPDATE scratch SET words = NULL WHERE number = 20"), 2);
    assert_eq!(touched("INSERT INTO scratch (id) VALUES (4)"), 1);
    assert_eq!(touched("INSERT INTO scratch (id) VALUES (4) ON CONFLICT (id) DO NOTHING"), 0);
    assert_eq!(touched("DELETE FROM scratch WHERE id > 2"), 2);
    assert_eq!(touched("DELETE FROM scratch WHERE id > 2"), 0);
    // `one` takes the first row of several.
    let first = db.read(|tx| tx.one("SELECT id FROM scratch ORDER BY id DESC", &[], |row| row.int(0)));
    assert_eq!(first, Some(2));
}

/// What PostgreSQL's text cannot hold is kept out before it comes here.
fn words() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', "0"))
}

pub fn any_value_comes_back(db: &Database) {
    with_scratch(db);
    fn put(tx: &mut Tx<'_>, number: Option<i64>, words: Option<&str>, raw: Option<&[u8]>) -> Result<(), Error> {
        tx.execute("DELETE FROM scratch", &[])?;
        let values = [raw.into(), words.into(), number.into()];
        tx.execute("INSERT INTO scratch (id, number, words, raw) VALUES (1, $3, $2, $1)", &values).map(|_| ())
    }
    let strategy = (any::<Option<i64>>(), prop::option::of(words()), any::<Option<Vec<u8>>>());
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let done = runner.run(&strategy, |(number, words, raw)| {
        let sent = (number, words.clone(), raw.clone());
        let row = db.write(move |tx| {
            put(tx, sent.0, sent.1.as_deref(), sent.2.as_deref())?;
            tx.one("SELECT number, words, raw FROM scratch", &[], |row| {
                Ok((row.opt_int(0)?, row.opt_text(1)?, row.opt_bytes(2)?))
            })
        });
        prop_assert_eq!(row, Some((number, words, raw)));
        Ok(())
    });
    assert_eq!(done.map_err(|error| error.to_string()), Ok(()));
}
