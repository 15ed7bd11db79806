//! Counters of what was spent: one for each access item and window.

use crate::columns::corrupt;
use crate::{Ask, Error, Row, Tx};
use bursar_core::Id;
use bursar_core::limits::{Received, Spend};
use bursar_types::Asset;

/// The stored code of [`Received::Mixed`]; no asset has it, since it is no plain ASCII word.
const MIXED: &str = "*";

const MOVED: &str = "the window's counter has moved";

/// Asks for the counter of a window.
pub fn ask(access: &Id, window: i64) -> Ask<'_> {
    Ask::new(
        "SELECT debit_reserved, debit_committed, receive_reserved, receive_committed, receive_asset_code,
             receive_asset_scale
         FROM grant_spend WHERE access_id = $1 AND window_index = $2",
        &[access.into(), window.into()],
    )
}

/// The counter of a window; all zero if nothing was spent in it.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &mut Tx<'_>, access: &Id, window: i64) -> Result<Spend, Error> {
    let spend = tx.ask(&ask(access, window), read)?;
    Ok(spend.unwrap_or_default())
}

/// The counters of an access item from one window to another, both included, oldest first. Windows in which nothing was
/// spent are left out.
///
/// # Errors
/// When the database fails.
pub fn between(tx: &mut Tx<'_>, access: &Id, first: i64, last: i64) -> Result<Vec<(i64, Spend)>, Error> {
    tx.all(
        "SELECT debit_reserved, debit_committed, receive_reserved, receive_committed, receive_asset_code,
             receive_asset_scale, window_index
         FROM grant_spend WHERE access_id = $1 AND window_index >= $2 AND window_index <= $3 ORDER BY window_index",
        &[access.into(), first.into(), last.into()],
        |row| Ok((row.int(6)?, read(row)?)),
    )
}

/// Moves a counter from one value to another.
///
/// # Errors
/// [`Error::Guard`] when it has another value by now.
pub fn put(tx: &mut Tx<'_>, access: &Id, window: i64, before: &Spend, after: &Spend) -> Result<(), Error> {
    let (code_before, scale_before) = stored_asset(&before.received);
    let (code, scale) = stored_asset(&after.received);
    if before.received == Received::Nothing {
        return tx.change_one(
            MOVED,
            "INSERT INTO grant_spend (access_id, window_index, debit_reserved, debit_committed, receive_reserved,
                 receive_committed, receive_asset_code, receive_asset_scale)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (access_id, window_index) DO NOTHING",
            &[
                access.into(),
                window.into(),
                after.debit_reserved.into(),
                after.debit_committed.into(),
                after.receive_reserved.into(),
                after.receive_committed.into(),
                code.into(),
                scale.into(),
            ],
        );
    }
    tx.change_one(
        MOVED,
        "UPDATE grant_spend SET debit_reserved = $3, debit_committed = $4, receive_reserved = $5,
             receive_committed = $6, receive_asset_code = $7, receive_asset_scale = $8
         WHERE access_id = $1 AND window_index = $2 AND debit_reserved = $9 AND debit_committed = $10
             AND receive_reserved = $11 AND receive_committed = $12 AND receive_asset_code = $13
             AND COALESCE(receive_asset_scale, -1) = $14",
        &[
            access.into(),
            window.into(),
            after.debit_reserved.into(),
            after.debit_committed.into(),
            after.receive_reserved.into(),
            after.receive_committed.into(),
            code.into(),
            scale.into(),
            before.debit_reserved.into(),
            before.debit_committed.into(),
            before.receive_reserved.into(),
            before.receive_committed.into(),
            code_before.into(),
            scale_before.map_or(-1, i64::from).into(),
        ],
    )
}

fn read(row: &Row<'_>) -> Result<Spend, Error> {
    let received = match row.opt_text(4)? {
        None => Received::Nothing,
        Some(code) if code == MIXED => Received::Mixed,
        Some(code) => {
            let scale = u8::try_from(row.int(5)?).map_err(corrupt)?;
            Received::Of(Asset::new(&code, scale).map_err(corrupt)?)
        }
    };
    Ok(Spend {
        debit_reserved: row.unsigned(0)?,
        debit_committed: row.unsigned(1)?,
        receive_reserved: row.unsigned(2)?,
        receive_committed: row.unsigned(3)?,
        received,
    })
}

/// The two columns of [`Received`].
fn stored_asset(received: &Received) -> (Option<&str>, Option<u8>) {
    match received {
        Received::Nothing => (None, None),
        Received::Of(asset) => (Some(asset.code()), Some(asset.scale())),
        Received::Mixed => (Some(MIXED), None),
    }
}
