//! Wallet addresses and their keys.

use crate::columns;
use crate::{Error, Row, Tx};
use bursar_core::Id;
use bursar_types::Asset;
use jiff::Timestamp;

/// A wallet address of this provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletAddress {
    /// Its id.
    pub id: Id,
    /// Its canonical URL.
    pub url: String,
    /// The name shown to others.
    pub public_name: Option<String>,
    /// Whose it is.
    pub holder: Id,
    /// The ledger account behind it.
    pub account: Id,
    /// The asset of that account.
    pub asset: Asset,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when it no longer exists for others.
    pub deactivated_at: Option<Timestamp>,
}

/// A public key of a wallet address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletKey {
    /// The key's name.
    pub kid: String,
    /// Ed25519 public key.
    pub x: [u8; 32],
}

const COLUMNS_BY_URL: &str = "SELECT id, url, public_name, holder_id, account_id, asset_code, asset_scale, created_at,
     deactivated_at FROM wallet_address WHERE url = $1";

/// Adds a wallet address.
///
/// # Errors
/// [`Error::Unique`] when the URL is taken.
pub fn insert(tx: &mut Tx<'_>, address: &WalletAddress) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO wallet_address (id, url, public_name, holder_id, account_id, asset_code, asset_scale, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            (&address.id).into(),
            (&address.url).into(),
            address.public_name.as_deref().into(),
            (&address.holder).into(),
            (&address.account).into(),
            address.asset.code().into(),
            address.asset.scale().into(),
            address.created_at.into(),
        ],
    )?;
    Ok(())
}

/// Finds a wallet address by its canonical URL, also a deactivated one.
///
/// # Errors
/// When the database fails.
pub fn by_url(tx: &mut Tx<'_>, url: &str) -> Result<Option<WalletAddress>, Error> {
    tx.one(COLUMNS_BY_URL, &[url.into()], read)
}

/// Finds a wallet address by id.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<WalletAddress>, Error> {
    tx.one(
        "SELECT id, url, public_name, holder_id, account_id, asset_code, asset_scale, created_at, deactivated_at
         FROM wallet_address WHERE id = $1",
        &[id.into()],
        read,
    )
}

/// The ledger account behind a wallet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountOf {
    /// Its id.
    pub account: Id,
    /// Its asset.
    pub asset: Asset,
}

/// The accounts between which a payment from this wallet address to this incoming payment moves money, if both are
/// there. They never change.
///
/// # Errors
/// When the database fails.
pub fn accounts_between(tx: &mut Tx<'_>, payer: &str, incoming: &Id) -> Result<Option<[AccountOf; 2]>, Error> {
    tx.one(
        "SELECT p.account_id, p.asset_code, p.asset_scale, q.account_id, q.asset_code, q.asset_scale
         FROM wallet_address p
         JOIN incoming_payment i ON i.id = $2
         JOIN wallet_address q ON q.id = i.wallet_address_id
         WHERE p.url = $1",
        &[payer.into(), incoming.into()],
        |row| {
            let account = |at| Ok::<_, Error>(AccountOf { account: row.id(at)?, asset: columns::asset(row, at + 1)? });
            Ok([account(0)?, account(3)?])
        },
    )
}

/// Whether there is a wallet address above this URL, of the server at `origin`.
///
/// # Errors
/// When the database fails.
pub fn is_below_another(tx: &mut Tx<'_>, url: &str, origin: &str) -> Result<bool, Error> {
    nearest_above(tx, url, origin).map(|above| above.is_some())
}

/// The nearest wallet address above this URL, of the server at `origin`.
///
/// # Errors
/// When the database fails.
pub fn nearest_above(tx: &mut Tx<'_>, url: &str, origin: &str) -> Result<Option<WalletAddress>, Error> {
    let mut above = url;
    while let Some((parent, _)) = above.rsplit_once('/').filter(|(parent, _)| parent.len() > origin.len()) {
        if let Some(found) = by_url(tx, parent)? {
            return Ok(Some(found));
        }
        above = parent;
    }
    Ok(None)
}

/// The first wallet address of the account holder of this name.
///
/// # Errors
/// When the database fails.
pub fn of_holder(tx: &mut Tx<'_>, name: &str) -> Result<Option<WalletAddress>, Error> {
    tx.one(
        "SELECT w.id, w.url, w.public_name, w.holder_id, w.account_id, w.asset_code, w.asset_scale, w.created_at,
             w.deactivated_at
         FROM account_holder h JOIN wallet_address w ON w.holder_id = h.id WHERE h.name = $1 ORDER BY w.id LIMIT 1",
        &[name.into()],
        read,
    )
}

/// The wallet addresses of an account holder, oldest first, also deactivated ones; at most so many.
///
/// # Errors
/// When the database fails.
pub fn all_of_holder(tx: &mut Tx<'_>, holder: &Id, most: u64) -> Result<Vec<WalletAddress>, Error> {
    tx.all(
        "SELECT id, url, public_name, holder_id, account_id, asset_code, asset_scale, created_at, deactivated_at
         FROM wallet_address WHERE holder_id = $1 ORDER BY id LIMIT $2",
        &[holder.into(), most.into()],
        read,
    )
}

/// Deactivates all wallet addresses of an account holder that are active.
///
/// # Errors
/// When the database fails.
pub fn deactivate_all(tx: &mut Tx<'_>, holder: &Id, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE wallet_address SET deactivated_at = $2 WHERE holder_id = $1 AND deactivated_at IS NULL";
    tx.execute(sql, &[holder.into(), now.into()]).map(|_| ())
}

/// What a wallet address is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses {
    /// Grants in force under which apps may spend from it.
    pub mandates: u64,
    /// Requests of its owner that can still be paid.
    pub requests: u64,
}

/// What a wallet address is used for. Looks at all grants and requests of its owner.
///
/// # Errors
/// When the database fails.
pub fn uses(tx: &mut Tx<'_>, address: &WalletAddress, now: Timestamp) -> Result<Uses, Error> {
    let mandates = tx.one(
        "SELECT COUNT(DISTINCT g.id) FROM op_grant g JOIN grant_access a ON a.grant_id = g.id
         WHERE g.holder_id = $1 AND g.state = 'issued' AND a.identifier = $2 AND a.resource = 'outgoing-payment'",
        &[(&address.holder).into(), (&address.url).into()],
        |row| row.unsigned(0),
    )?;
    let requests = tx.one(
        "SELECT COUNT(*) FROM payment_request r JOIN incoming_payment i ON i.id = r.id
         WHERE r.holder_id = $1 AND i.wallet_address_id = $2 AND i.completed_at IS NULL AND i.expired_at IS NULL
             AND i.expires_at > $3",
        &[(&address.holder).into(), (&address.id).into(), now.into()],
        |row| row.unsigned(0),
    )?;
    Ok(Uses { mandates: mandates.unwrap_or(0), requests: requests.unwrap_or(0) })
}

/// Gives a wallet address another public name, or none.
///
/// # Errors
/// [`Error::Guard`] when it is not this holder's.
pub fn rename(tx: &mut Tx<'_>, id: &Id, holder: &Id, public_name: Option<&str>) -> Result<(), Error> {
    tx.change_one(
        "the wallet address is another's",
        "UPDATE wallet_address SET public_name = $3 WHERE id = $1 AND holder_id = $2",
        &[id.into(), holder.into(), public_name.into()],
    )
}

/// Makes a wallet address disappear for others.
///
/// # Errors
/// [`Error::Guard`] when it is deactivated already, or not this holder's.
pub fn deactivate(tx: &mut Tx<'_>, id: &Id, holder: &Id, now: Timestamp) -> Result<(), Error> {
    tx.change_one(
        "the wallet address is deactivated",
        "UPDATE wallet_address SET deactivated_at = $3 WHERE id = $1 AND holder_id = $2 AND deactivated_at IS NULL",
        &[id.into(), holder.into(), now.into()],
    )
}

/// Makes a wallet address appear again.
///
/// # Errors
/// [`Error::Guard`] when it is active already, or not this holder's.
pub fn reactivate(tx: &mut Tx<'_>, id: &Id, holder: &Id) -> Result<(), Error> {
    tx.change_one(
        "the wallet address is active",
        "UPDATE wallet_address SET deactivated_at = NULL
         WHERE id = $1 AND holder_id = $2 AND deactivated_at IS NOT NULL",
        &[id.into(), holder.into()],
    )
}

pub(crate) fn read(row: &Row<'_>) -> Result<WalletAddress, Error> {
    Ok(WalletAddress {
        id: row.id(0)?,
        url: row.text(1)?,
        public_name: row.opt_text(2)?,
        holder: row.id(3)?,
        account: row.id(4)?,
        asset: columns::asset(row, 5)?,
        created_at: row.instant(7)?,
        deactivated_at: row.opt_instant(8)?,
    })
}

/// The keys of a wallet address that are not revoked, oldest first.
///
/// # Errors
/// When the database fails.
pub fn keys(tx: &mut Tx<'_>, address: &Id) -> Result<Vec<WalletKey>, Error> {
    tx.all(
        "SELECT kid, x FROM wallet_key WHERE wallet_address_id = $1 AND revoked_at IS NULL ORDER BY id",
        &[address.into()],
        |row| Ok(WalletKey { kid: row.text(0)?, x: row.key(1)? }),
    )
}

/// Adds a key. The name of a revoked key may be used again.
///
/// # Errors
/// [`Error::Unique`] when a key of this name is there.
pub fn insert_key(tx: &mut Tx<'_>, id: &Id, address: &Id, key: &WalletKey, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO wallet_key (id, wallet_address_id, kid, x, created_at) VALUES ($1, $2, $3, $4, $5)",
        &[id.into(), address.into(), (&key.kid).into(), (&key.x).into(), now.into()],
    )?;
    Ok(())
}

/// Revokes a key; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn revoke_key(tx: &mut Tx<'_>, address: &Id, kid: &str, now: Timestamp) -> Result<bool, Error> {
    let touched = tx.execute(
        "UPDATE wallet_key SET revoked_at = $3 WHERE wallet_address_id = $1 AND kid = $2 AND revoked_at IS NULL",
        &[address.into(), kid.into(), now.into()],
    )?;
    Ok(touched == 1)
}
