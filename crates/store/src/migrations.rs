//! The schema's versions, embedded and applied in order, each in its own transaction.

use crate::db::{Conn, Error, Location, while_migrating};
use jiff::Timestamp;

/// Every version: its name and its statements, in order.
pub const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_initial", include_str!("../migrations/0001_initial.sql")),
    ("0002_fees_and_expiry", include_str!("../migrations/0002_fees_and_expiry.sql")),
    ("0003_tokens_name_themselves", include_str!("../migrations/0003_tokens_name_themselves.sql")),
    ("0004_mandates", include_str!("../migrations/0004_mandates.sql")),
    ("0005_ways_in", include_str!("../migrations/0005_ways_in.sql")),
    ("0006_whom_payments_reached", include_str!("../migrations/0006_whom_payments_reached.sql")),
    ("0007_in_person", include_str!("../migrations/0007_in_person.sql")),
    ("0008_forgetting_without_scans", include_str!("../migrations/0008_forgetting_without_scans.sql")),
];

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Names of the versions that were applied now.
    pub applied: Vec<&'static str>,
    /// The version that the schema has now.
    pub version: usize,
}

impl Applied {
    /// Brings the schema of a database up to date, without opening it for use.
    ///
    /// # Errors
    /// When the database cannot be opened, or was written by a newer version.
    pub fn at(location: &Location, now: Timestamp) -> Result<Self, Error> {
        migrate(&mut Conn::open(location)?, now)
    }
}

/// Applies what is missing. Nodes that start together do this one after the other.
pub(crate) fn migrate(conn: &mut Conn, now: Timestamp) -> Result<Applied, Error> {
    while_migrating(conn, |conn| {
        conn.batch(
            "CREATE TABLE IF NOT EXISTS schema_version (
                 version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
        )?;
        let mut applied = Vec::new();
        for (index, (name, statements)) in MIGRATIONS.iter().enumerate() {
            if apply(conn, index + 1, name, statements, now)? {
                applied.push(*name);
            }
        }
        let newest = newest(conn)?;
        if newest > MIGRATIONS.len() {
            let text =
                format!("its schema has version {newest}, this program knows {}: use a newer one", MIGRATIONS.len());
            return Err(Error::Unavailable(text));
        }
        Ok(Applied { applied, version: newest })
    })
}

fn apply(conn: &mut Conn, version: usize, name: &str, statements: &str, now: Timestamp) -> Result<bool, Error> {
    conn.begin_group()?;
    let done = if newest(conn)? >= version {
        Ok(false)
    } else {
        conn.batch(statements).and_then(|()| {
            conn.tx().execute(
                "INSERT INTO schema_version (version, name, applied_at) VALUES ($1, $2, $3)",
                &[(version as u64).into(), name.into(), now.into()],
            )?;
            Ok(true)
        })
    };
    if done.is_ok() {
        conn.commit()?
    } else {
        conn.roll_back()?
    }
    done
}

fn newest(conn: &mut Conn) -> Result<usize, Error> {
    let newest = conn.tx().one("SELECT COALESCE(MAX(version), 0) FROM schema_version", &[], |row| row.unsigned(0))?;
    Ok(usize::try_from(newest.unwrap_or(0)).unwrap_or(usize::MAX))
}
