//! Closing an account: nobody logs in with it any more, nobody pays from it or into it, and its history stays.

use crate::login::Here;
use crate::{App, Error};
use bursar_core::grant::State;
use bursar_core::{Code, Id};
use bursar_store::grant_change::{self, GrantChange, Kind};
use bursar_store::wallet_address::WalletAddress;
use bursar_store::{
    LockKey, Tx, account_holder, grant, identity, ledger, passkey, password, recovery_code, session, token,
    wallet_address,
};
use bursar_types::Amount;

/// Most grants that one step ends, so that it never holds others up.
const GRANTS_PER_STEP: u64 = 50;

/// All there can be: nothing may be overlooked.
const ADDRESSES_MAX: u64 = i64::MAX as u64;

/// What would be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The wallet addresses that are still active.
    pub addresses: Vec<String>,
    /// What is left on the accounts. Nothing may be.
    pub left: Vec<Amount>,
}

/// What closing somebody's account would close.
///
/// # Errors
/// When the database fails.
pub async fn view(app: &App, here: &Here) -> Result<Closing, Error> {
    let holder = here.person.holder;
    app.store
        .read(move |tx| {
            let addresses = wallet_address::all_of_holder(tx, &holder, ADDRESSES_MAX)?;
            let left = left(tx, &addresses)?;
            let active = addresses.into_iter().filter(|address| address.deactivated_at.is_none());
            Ok::<_, Error>(Closing { addresses: active.map(|address| address.url).collect(), left })
        })
        .await
}

/// What is left on the accounts behind some wallet addresses, reserved parts included.
fn left(tx: &mut Tx<'_>, addresses: &[WalletAddress]) -> Result<Vec<Amount>, Error> {
    let mut seen: Vec<Id> = Vec::new();
    let mut left = Vec::new();
    for address in addresses {
        if seen.contains(&address.account) {
            continue;
        }
        seen.push(address.account);
        let account = ledger::account(tx, &address.account)?.ok_or_else(|| Error::not_found("account"))?;
        let value = u64::try_from(account.balance).unwrap_or(0);
        if value > 0 {
            left.push(address.asset.amount(value).map_err(|error| Error::Internal(error.to_string()))?);
        }
    }
    Ok(left)
}

fn require_empty(left: &[Amount]) -> Result<(), Error> {
    if left.is_empty() {
        return Ok(());
    }
    let text = "there is money on this account: pay it out first, or ask us to";
    Err(Error::refused(Code::Conflict, text))
}

/// Closes somebody's account: their mandates and sessions end, their wallet addresses are deactivated, and their ways in
/// are forgotten. Ledger and payments stay as they were.
///
/// # Errors
/// [`Code::LogInAgain`]; [`Code::Conflict`] while there is money on it.
pub async fn close(app: &App, here: &Here) -> Result<(), Error> {
    here.require_fresh(app)?;
    require_empty(&view(app, here).await?.left)?;
    let (now, holder) = (app.clock.now(), here.person.holder);
    while end_grants(app, holder).await? > 0 {}
    let owned = app
        .store
        .read(move |tx| wallet_address::all_of_holder(tx, &holder, ADDRESSES_MAX).map_err(Error::from))
        .await?;
    let locks = owned.iter().map(|address| LockKey::of(&address.account)).chain([LockKey::of(&holder)]).collect();
    app.store
        .write(locks, move |tx| {
            let open = account_holder::by_id(tx, &holder)?.filter(|holder| holder.closed_at.is_none());
            if open.is_none() {
                return Ok(());
            }
            let addresses = wallet_address::all_of_holder(tx, &holder, ADDRESSES_MAX)?;
            require_empty(&left(tx, &addresses)?)?;
            if !grant::live_of(tx, &holder, 1)?.is_empty() {
                return Err(Error::refused(Code::Conflict, "a mandate was given just now: please try again"));
            }
            account_holder::close(tx, &holder, now)?;
            wallet_address::deactivate_all(tx, &holder, now)?;
            session::delete_others(tx, &holder, None)?;
            password::delete(tx, &holder)?;
            passkey::delete_all(tx, &holder)?;
            recovery_code::delete_all(tx, &holder)?;
            Ok(identity::delete_all(tx, &holder)?)
        })
        .await?;
    for address in &owned {
        app.wallets.forget_one(&address.url);
    }
    Ok(())
}

/// Ends some of somebody's mandates; how many.
async fn end_grants(app: &App, holder: Id) -> Result<usize, Error> {
    let now = app.clock.now();
    let live = app.store.read(move |tx| grant::live_of(tx, &holder, GRANTS_PER_STEP).map_err(Error::from)).await?;
    let ended = live.clone();
    let notes: Vec<Id> = live.iter().map(|_| app.new_id(now)).collect();
    app.store
        .write(live.iter().map(LockKey::of).collect(), move |tx| {
            for (id, note) in live.iter().zip(&notes) {
                let Some(found) = grant::by_id(tx, id)? else { continue };
                if matches!(found.state, State::Approved { .. } | State::Issued { .. }) {
                    grant::set_state(tx, id, found.state, State::Ended { holder: Some(holder), at: now })?;
                    token::revoke_all(tx, id, now)?;
                    grant_change::insert(
                        tx,
                        &GrantChange { id: *note, grant: *id, kind: Kind::Revoked, created_at: now },
                    )?;
                }
            }
            Ok::<_, Error>(())
        })
        .await?;
    app.callers.forget(|caller| ended.contains(&caller.grant));
    Ok(ended.len())
}
