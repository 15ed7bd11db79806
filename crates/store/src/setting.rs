//! Settings that the provider keeps by itself, such as the sandbox's clock.

use crate::{Error, Tx};

/// Reads a setting.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, Error> {
    tx.one("SELECT value FROM setting WHERE name = $1", &[name.into()], |row| row.text(0))
}

/// Writes a setting.
///
/// # Errors
/// When the database fails.
pub fn put(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
        &[name.into(), value.into()],
    )?;
    Ok(())
}
