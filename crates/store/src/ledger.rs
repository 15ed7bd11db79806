//! Ledger accounts and transfers.

use crate::columns;
use crate::{Error, Row, Tx};
use bursar_core::Id;
use bursar_core::ledger::{Account, AccountKind, Change, Transfer, net_changes};
use bursar_types::Asset;
use jiff::Timestamp;

/// Opens an account with nothing in it.
///
/// # Errors
/// When the database fails.
pub fn open_account(tx: &mut Tx<'_>, id: &Id, kind: AccountKind, asset: Asset, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO ledger_account (id, kind, asset_code, asset_scale, balance, reserved, created_at)
         VALUES ($1, $2, $3, $4, 0, 0, $5)",
        &[id.into(), kind.as_str().into(), asset.code().into(), asset.scale().into(), now.into()],
    )?;
    Ok(())
}

/// The provider's own account of a kind in an asset, opened now with the given id if there is none.
///
/// # Errors
/// When the database fails.
pub fn provider_account(
    tx: &mut Tx<'_>,
    kind: AccountKind,
    asset: Asset,
    new: &Id,
    now: Timestamp,
) -> Result<Account, Error> {
    tx.execute(
        "INSERT INTO ledger_account (id, kind, asset_code, asset_scale, balance, reserved, created_at)
         VALUES ($1, $2, $3, $4, 0, 0, $5) ON CONFLICT DO NOTHING",
        &[new.into(), kind.as_str().into(), asset.code().into(), asset.scale().into(), now.into()],
    )?;
    find_provider_account(tx, kind, asset)?.ok_or(Error::Guard("the provider's account is missing"))
}

/// The provider's own account of a kind in an asset, if it is open.
///
/// # Errors
/// When the database fails.
pub fn find_provider_account(tx: &mut Tx<'_>, kind: AccountKind, asset: Asset) -> Result<Option<Account>, Error> {
    tx.one(
        "SELECT id, kind, asset_code, asset_scale, balance, reserved FROM ledger_account
         WHERE kind = $1 AND asset_code = $2 AND asset_scale = $3 AND kind <> 'holder'",
        &[kind.as_str().into(), asset.code().into(), asset.scale().into()],
        |row| read(row, 0),
    )
}

/// Finds an account.
///
/// # Errors
/// When the database fails.
pub fn account(tx: &mut Tx<'_>, id: &Id) -> Result<Option<Account>, Error> {
    tx.one(
        "SELECT id, kind, asset_code, asset_scale, balance, reserved FROM ledger_account WHERE id = $1",
        &[id.into()],
        |row| read(row, 0),
    )
}

/// Reads an account from its six columns, of which this is the first.
pub(crate) fn read(row: &Row<'_>, column: usize) -> Result<Account, Error> {
    let kind = row.text(column + 1)?;
    Ok(Account {
        id: row.id(column)?,
        kind: AccountKind::from_stored(&kind).ok_or_else(|| Error::Corrupt(format!("account kind {kind:?}")))?,
        asset: columns::asset(row, column + 2)?,
        balance: row.int(column + 4)?,
        reserved: row.int(column + 5)?,
    })
}

/// Writes transfers down and moves the balances.
///
/// # Errors
/// [`Error::Retry`] when a transfer is there already; [`Error::Guard`] when an account does not allow it by now.
pub fn transfer(tx: &mut Tx<'_>, transfers: &[Transfer], now: Timestamp) -> Result<(), Error> {
    for transfer in transfers {
        tx.insert(
            "INSERT INTO ledger_transfer (reference, leg, kind, ends_leg, debit_account, credit_account, amount,
                 created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                (&transfer.reference).into(),
                transfer.leg.into(),
                transfer.kind.as_str().into(),
                transfer.kind.ends().into(),
                (&transfer.debit).into(),
                (&transfer.credit).into(),
                transfer.amount.value().into(),
                now.into(),
            ],
        )?;
    }
    for change in net_changes(transfers).ok_or(NOT_ALLOWED)? {
        // Only differences that fit 64 bits are computed in SQL, since an integer that overflows turns into
        // something else in one engine and into an error in the other.
        let bounds = Bounds::of(change).ok_or(NOT_ALLOWED)?;
        tx.change_one(
            GUARD,
            "UPDATE ledger_account SET balance = balance + $2, reserved = reserved + $3
             WHERE id = $1 AND balance >= $4 AND balance <= $5 AND reserved >= $6 AND reserved <= $7
                 AND (kind <> 'holder' OR balance - reserved >= $8)",
            &[
                (&change.account).into(),
                change.balance.into(),
                change.reserved.into(),
                bounds.balance_min.into(),
                bounds.balance_max.into(),
                bounds.reserved_min.into(),
                bounds.reserved_max.into(),
                bounds.available_min.into(),
            ],
        )?;
    }
    Ok(())
}

const GUARD: &str = "an account does not allow the change";
const NOT_ALLOWED: Error = Error::Guard(GUARD);

/// Between what an account must be for a change to be possible: what [`Account::allows`] says, turned around.
struct Bounds {
    balance_min: i64,
    balance_max: i64,
    reserved_min: i64,
    reserved_max: i64,
    /// Of an account holder's account.
    available_min: i64,
}

impl Bounds {
    /// `None` when no account allows the change.
    fn of(change: Change) -> Option<Self> {
        Some(Self {
            balance_min: i64::MIN - change.balance.min(0),
            balance_max: i64::MAX - change.balance.max(0),
            reserved_min: change.reserved.min(0).checked_neg()?,
            reserved_max: i64::MAX - change.reserved.max(0),
            available_min: change.reserved.checked_sub(change.balance)?,
        })
    }
}
