//! A past: settled payments under one grant, decided by the same rules and written by the same functions as real ones,
//! only without a request for each.

use crate::seed::Scene;
use anyhow::{Context, Result};
use bursar_app::{Clock, Error, Random};
use bursar_core::Id;
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::ledger::{Account, LocalRoute};
use bursar_core::limits::WHOLE_LIFE;
use bursar_core::outgoing::{self, Create, Loaded};
use bursar_core::quote::Price;
use bursar_core::rate::UnitRate;
use bursar_store::wallet_address::WalletAddress;
use bursar_store::{
    Location, Store, Tx, grant, incoming_payment, ledger, outgoing_payment, spend, token, wallet_address,
};
use bursar_types::ResourceType;
use jiff::{SignedDuration, Timestamp};

/// Payments per transaction.
const BATCH: u64 = 500;
/// What each of them moves, in smallest units.
const DEBIT: u64 = 1;

/// Under what the payments are made.
#[derive(Clone)]
struct Under {
    client: ClientId,
    access: GrantedAccess,
    payer: WalletAddress,
    payee: WalletAddress,
    receiver: Id,
    receiver_url: String,
}

/// Writes payments from the scene's payer to its receiver, dated into the last moments before now. The provider must be
/// stopped.
///
/// # Errors
/// When the database fails, or a rule refuses.
pub async fn fill(location: &Location, scene: &Scene, count: u64) -> Result<()> {
    let clock = Clock::system(SignedDuration::ZERO);
    let (opened, now) = (location.clone(), clock.now());
    let store =
        tokio::task::spawn_blocking(move || Store::open(&opened, now)).await?.context("opening the database")?;
    let token = scene.mandate.manage.rsplit_once('/').and_then(|(_, id)| id.parse::<Id>().ok());
    let token = token.context("the management URI does not end in an id")?;
    let (payer, receiver) = (scene.payer.clone(), scene.receiver.clone());
    let under = store.read(move |tx| load(tx, &token, &payer, &receiver)).await.context("loading the grant")?;
    let random = Random::system();
    let mut done = 0;
    while done < count {
        let size = BATCH.min(count - done);
        let (under, random) = (under.clone(), random.clone());
        // One each millisecond, so that ids ascend as they do in life.
        let at = |number: u64| {
            let back = i64::try_from(count - number).unwrap_or(i64::MAX);
            now.saturating_sub(SignedDuration::from_millis(back)).unwrap_or(now)
        };
        let ids: Vec<(Id, Timestamp)> =
            (done..done + size).map(|number| (Id::new(at(number), random.bytes()), at(number))).collect();
        store.write(Vec::new(), move |tx| write(tx, &under, &ids)).await.context("writing the history")?;
        done += size;
    }
    Ok(())
}

fn missing(what: &str) -> Error {
    Error::Internal(format!("{what} is missing"))
}

fn load(tx: &mut Tx<'_>, token: &Id, payer: &str, receiver: &str) -> Result<Under, Error> {
    let token = token::by_id(tx, token)?.ok_or_else(|| missing("the token"))?;
    let grant = grant::by_id(tx, &token.grant)?.ok_or_else(|| missing("the grant"))?;
    let pays = |item: &GrantedAccess| item.resource == ResourceType::OutgoingPayment;
    let access = grant.access.into_iter().find(pays).ok_or_else(|| missing("the access"))?;
    let payer = wallet_address::by_url(tx, payer)?.ok_or_else(|| missing("the payer"))?;
    let id = receiver.rsplit_once('/').and_then(|(_, id)| id.parse::<Id>().ok());
    let id = id.ok_or_else(|| missing("the receiver's id"))?;
    let incoming = incoming_payment::by_id(tx, &id)?.ok_or_else(|| missing("the receiver"))?;
    let payee = wallet_address::by_id(tx, &incoming.wallet_address)?.ok_or_else(|| missing("the payee"))?;
    Ok(Under { client: grant.client, access, payer, payee, receiver: id, receiver_url: receiver.to_owned() })
}

/// Decides and writes some payments. What all of them change is written once.
fn write(tx: &mut Tx<'_>, under: &Under, ids: &[(Id, Timestamp)]) -> Result<(), Error> {
    let mut account = |id: &Id| ledger::account(tx, id)?.ok_or_else(|| missing("an account"));
    let (mut payer, mut payee) = (account(&under.payer.account)?, account(&under.payee.account)?);
    let spend_before = spend::get(tx, &under.access.id, WHOLE_LIFE)?;
    let receiver_before = incoming_payment::by_id(tx, &under.receiver)?.ok_or_else(|| missing("the receiver"))?;
    let debit = under.payer.asset.amount(DEBIT).map_err(|error| Error::Internal(error.to_string()))?;
    let price = Price { debit, fee: under.payer.asset.zero(), receive: debit, rate: Some(UnitRate::ONE) };
    let (mut spend, mut receiver, mut transfers) = (spend_before, receiver_before.clone(), Vec::new());
    let mut last = Timestamp::UNIX_EPOCH;
    for (id, at) in ids {
        let route = LocalRoute { payer, payee, exchange: None, fees: None };
        let loaded =
            Loaded { access: &under.access, spend: &spend, window: WHOLE_LIFE, receiver: &receiver, route: &route };
        let create = Create {
            id: *id,
            wallet_address: under.payer.id,
            client: under.client.clone(),
            quote: None,
            receiver: under.receiver_url.clone(),
            price,
            metadata: None,
        };
        let plan = outgoing::create_local(&loaded, create, *at)?;
        outgoing_payment::insert(tx, &plan.settled.payment)?;
        for change in plan.settled.transfers.iter().flat_map(bursar_core::ledger::Transfer::changes) {
            [&mut payer, &mut payee].into_iter().for_each(|account| apply(account, change));
        }
        transfers.extend(plan.settled.transfers);
        (spend, receiver, last) = (plan.spend, plan.settled.receiver, *at);
    }
    spend::put(tx, &under.access.id, WHOLE_LIFE, &spend_before, &spend)?;
    ledger::transfer(tx, &transfers, last)?;
    incoming_payment::update(tx, &receiver_before, &receiver)?;
    Ok(())
}

fn apply(account: &mut Account, change: bursar_core::ledger::Change) {
    if account.id == change.account {
        account.balance = account.balance.saturating_add(change.balance);
        account.reserved = account.reserved.saturating_add(change.reserved);
    }
}
