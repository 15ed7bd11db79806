//! The auditor: proves from the rows alone that no money was lost, doubled or overspent.

use crate::columns::{self, corrupt};
use crate::grant_change::{self, Kind};
use crate::{Error, Tx, spend};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::ledger::AccountKind;
use bursar_core::limits::Received;
use bursar_types::{Asset, LimitAmount, Limits};
use std::collections::HashMap;

/// What the auditor saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Ledger accounts.
    pub accounts: u64,
    /// Transfers between them.
    pub transfers: u64,
    /// Outgoing payments.
    pub payments: u64,
    /// Windows of grants in which something was spent.
    pub windows: u64,
    /// What is wrong, in words. Empty if all is well.
    pub faults: Vec<String>,
}

/// Balance and reserved part of an account, as its transfers say. Wide, so that no sum can overflow.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Sums {
    balance: i128,
    reserved: i128,
}

/// Spent in one window, as its payments say.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Spent {
    debit: u128,
    receive: u128,
}

/// Checks everything. Run it on a snapshot ([`crate::Store::snapshot`]).
///
/// Balances follow from transfers; balances of an asset add up to zero; no account holder is below zero; every
/// payment has moved exactly its money between its two accounts; incoming payments and windows count exactly their
/// payments; none took in more than its amount; every payment was allowed by a grant, or made by the owner of the money
/// at a price they were quoted; no window is above its limit; no quote was used twice.
///
/// # Errors
/// When the database fails. What it finds wrong is in the report.
pub fn audit(tx: &mut Tx<'_>) -> Result<Report, Error> {
    let mut report = Report::default();
    ledger(tx, &mut report)?;
    payments(tx, &mut report)?;
    Ok(report)
}

fn ledger(tx: &mut Tx<'_>, report: &mut Report) -> Result<(), Error> {
    let mut sums: HashMap<Id, Sums> = HashMap::new();
    let mut reserves: HashMap<(Id, i64), (Id, i128)> = HashMap::new();
    let mut orphans = Vec::new();
    let transfers = tx.all(
        "SELECT reference, leg, kind, ends_leg, debit_account, credit_account, amount FROM ledger_transfer
         ORDER BY reference, leg",
        &[],
        |row| {
            let (reference, debit, credit) = (row.id(0)?, row.id(4)?, row.id(5)?);
            let amount = i128::from(row.int(6)?);
            let kind = row.text(2)?;
            let mut moved = 0;
            match (kind.as_str(), row.opt_int(3)?) {
                ("direct", None) => moved = amount,
                ("reserve", None) => {
                    sums.entry(debit).or_default().reserved += amount;
                    reserves.insert((reference, row.int(1)?), (debit, amount));
                }
                ("post" | "void", Some(ended)) => match reserves.remove(&(reference, ended)) {
                    Some((account, reserved)) if account == debit && amount <= reserved => {
                        sums.entry(debit).or_default().reserved -= reserved;
                        moved = if kind == "post" { amount } else { 0 };
                    }
                    _ => orphans.push(format!("transfer {reference} ends a reservation that does not fit")),
                },
                _ => orphans.push(format!("transfer {reference} has an impossible kind")),
            }
            sums.entry(debit).or_default().balance -= moved;
            sums.entry(credit).or_default().balance += moved;
            Ok(())
        },
    )?;
    report.transfers = transfers.len() as u64;
    report.faults.append(&mut orphans);

    let mut by_asset: HashMap<Asset, i128> = HashMap::new();
    let accounts =
        tx.all("SELECT id, kind, asset_code, asset_scale, balance, reserved FROM ledger_account", &[], |row| {
            let id = row.id(0)?;
            let stored = Sums { balance: row.int(4)?.into(), reserved: row.int(5)?.into() };
            if sums.remove(&id).unwrap_or_default() != stored {
                report.faults.push(format!("account {id} has a balance that does not follow from its transfers"));
            }
            if row.text(1)? == AccountKind::Holder.as_str() && stored.balance < stored.reserved {
                report.faults.push(format!("account {id} of an account holder is below zero"));
            }
            *by_asset.entry(columns::asset(row, 2)?).or_default() += stored.balance;
            Ok(())
        })?;
    report.accounts = accounts.len() as u64;
    for (asset, sum) in by_asset.into_iter().filter(|(_, sum)| *sum != 0) {
        report.faults.push(format!("balances in {asset:?} add up to {sum}, not to zero"));
    }
    Ok(())
}

fn payments(tx: &mut Tx<'_>, report: &mut Report) -> Result<(), Error> {
    let mut windows: HashMap<(Id, i64), Spent> = HashMap::new();
    let mut received: HashMap<Id, u128> = HashMap::new();
    let mut unmoved = Vec::new();
    let payments = tx.all(
        "SELECT p.id, p.access_id, p.window_index, p.incoming_payment_id, p.debit, p.receive, p.sent,
             paid.amount, arrived.amount, p.receive_asset_code, p.debit_asset_code, p.receive_asset_scale,
             p.debit_asset_scale, paid.debit_account, payer.account_id, paid.credit_account, arrived.credit_account,
             payee.account_id, p.fee, charged.amount, charged.debit_account, earner.kind, p.client, p.quote_id,
             payer.holder_id
         FROM outgoing_payment p
         LEFT JOIN ledger_transfer paid ON paid.reference = p.id AND paid.leg = 0 AND paid.kind = 'direct'
         LEFT JOIN ledger_transfer arrived ON arrived.reference = p.id AND arrived.leg = 1 AND arrived.kind = 'direct'
         LEFT JOIN ledger_transfer charged ON charged.reference = p.id AND charged.leg = 2 AND charged.kind = 'direct'
         LEFT JOIN ledger_account earner ON earner.id = charged.credit_account
         LEFT JOIN wallet_address payer ON payer.id = p.wallet_address_id
         LEFT JOIN incoming_payment i ON i.id = p.incoming_payment_id
         LEFT JOIN wallet_address payee ON payee.id = i.wallet_address_id",
        &[],
        |row| {
            let (debit, receive) = (row.int(4)?, row.int(5)?);
            let same_asset = row.text(9)? == row.text(10)? && row.int(11)? == row.int(12)?;
            // Of one asset, the money arrives with the transfer that pays it.
            let (arrived, credited) = if same_asset { (7, 15) } else { (8, 16) };
            let fee = row.int(18)?;
            let amounts =
                [(row.opt_int(7)?, debit - fee), (row.opt_int(arrived)?, receive), (Some(row.int(6)?), debit)];
            let accounts = [(row.opt_id(13)?, row.opt_id(14)?), (row.opt_id(credited)?, row.opt_id(17)?)];
            // The fee goes to where fees go; without one nothing does.
            let charged = match row.opt_int(19)? {
                None => fee == 0,
                Some(charged) => {
                    let earned = row.opt_text(21)?.as_deref() == Some(AccountKind::Fees.as_str());
                    fee > 0 && charged == fee && earned && row.opt_id(20)? == row.opt_id(14)?
                }
            };
            if !charged
                || amounts.iter().any(|(moved, due)| *moved != Some(*due))
                || accounts.iter().any(|(moved, due)| moved.is_none() || moved != due)
            {
                unmoved.push(format!("payment {} did not move exactly its money", row.id(0)?));
            }
            let in_person = match ClientId::from_stored(row.text(22)?) {
                ClientId::Holder(holder) => Some(holder),
                ClientId::WalletAddress(_) | ClientId::Jwk(_) => None,
            };
            match (row.opt_id(1)?, in_person) {
                (Some(access), None) => {
                    let spent = windows.entry((access, row.int(2)?)).or_default();
                    spent.debit += u128::from(row.unsigned(4)?);
                    spent.receive += u128::from(row.unsigned(5)?);
                }
                // Nobody's leave is needed by whoever owns the money and has seen the price.
                (None, Some(holder)) if row.opt_id(24)? == Some(holder) && row.opt_id(23)?.is_some() => {}
                _ => unmoved.push(format!("payment {} was allowed by nobody", row.id(0)?)),
            }
            *received.entry(row.id(3)?).or_default() += u128::from(row.unsigned(5)?);
            Ok(())
        },
    )?;
    report.payments = payments.len() as u64;
    report.faults.append(&mut unmoved);

    tx.all("SELECT id, received, incoming FROM incoming_payment", &[], |row| {
        let id = row.id(0)?;
        let taken = row.int(1)?;
        if row.opt_int(2)?.is_some_and(|incoming| taken > incoming) {
            report.faults.push(format!("incoming payment {id} took in more than its amount"));
        }
        if received.remove(&id).unwrap_or(0) != u128::from(row.unsigned(1)?) {
            report.faults.push(format!("incoming payment {id} counts something else than was paid to it"));
        }
        Ok(())
    })?;
    for id in received.into_keys() {
        report.faults.push(format!("payments were made to incoming payment {id}, which does not exist"));
    }
    tx.all(
        "SELECT q.id FROM quote q LEFT JOIN outgoing_payment p ON p.id = q.used_by AND p.quote_id = q.id
         WHERE q.used_by IS NOT NULL AND p.id IS NULL",
        &[],
        |row| {
            report.faults.push(format!("quote {} is used by a payment that does not name it", row.id(0)?));
            Ok(())
        },
    )?;
    tx.all(
        "SELECT p.id FROM outgoing_payment p LEFT JOIN quote q ON q.id = p.quote_id AND q.used_by = p.id
         WHERE p.quote_id IS NOT NULL AND q.id IS NULL",
        &[],
        |row| {
            report.faults.push(format!("payment {} names a quote that it did not use up", row.id(0)?));
            Ok(())
        },
    )?;
    self::windows(tx, windows, report)
}

/// Limits that were lowered in a window, after so much had been spent in it.
struct Lowered {
    limits: Option<Limits>,
    window: i64,
    spent: Spent,
}

/// Whether more was spent in a window than the limits in force at its end, and than had been spent when they were
/// lowered.
fn is_over(spent: &Spent, window: i64, limits: Option<&Limits>, lowered: &[Lowered]) -> bool {
    let limits = match lowered.iter().find(|change| change.window > window) {
        Some(later) => later.limits.as_ref(),
        None => limits,
    };
    let before = |side: fn(&Spent) -> u128| {
        lowered.iter().filter(|change| change.window == window).map(|change| side(&change.spent)).max().unwrap_or(0)
    };
    match limits.and_then(|limits| limits.amount) {
        Some(LimitAmount::Debit(limit)) => spent.debit > before(|spent| spent.debit).max(limit.value().into()),
        Some(LimitAmount::Receive(limit)) => spent.receive > before(|spent| spent.receive).max(limit.value().into()),
        None => false,
    }
}

fn windows(tx: &mut Tx<'_>, mut paid: HashMap<(Id, i64), Spent>, report: &mut Report) -> Result<(), Error> {
    let rows = tx.all(
        "SELECT s.access_id, s.window_index, a.limits FROM grant_spend s JOIN grant_access a ON a.id = s.access_id",
        &[],
        |row| Ok((row.id(0)?, row.int(1)?, row.opt_text(2)?)),
    )?;
    report.windows = rows.len() as u64;
    let mut lowered: HashMap<Id, Vec<Lowered>> = HashMap::new();
    for change in grant_change::all_lowered(tx)? {
        if let Kind::Lowered { access, limits, window, debit, receive } = change {
            let spent = Spent { debit: debit.into(), receive: receive.into() };
            lowered.entry(access).or_default().push(Lowered { limits, window, spent });
        }
    }
    for (access, window, limits) in rows {
        let spend = spend::get(tx, &access, window)?;
        let spent = paid.remove(&(access, window)).unwrap_or_default();
        let mixed = spend.received == Received::Mixed;
        if u128::from(spend.debit()) != spent.debit || (!mixed && u128::from(spend.receive()) != spent.receive) {
            report.faults.push(format!("window {window} of access {access} counts something else than was paid"));
        }
        let limits: Option<Limits> = limits.map(|text| serde_json::from_str(&text)).transpose().map_err(corrupt)?;
        let lowered = lowered.get(&access).map(Vec::as_slice).unwrap_or_default();
        if is_over(&spent, window, limits.as_ref(), lowered) {
            report.faults.push(format!("window {window} of access {access} is above its limit"));
        }
    }
    for (access, window) in paid.into_keys() {
        report.faults.push(format!("window {window} of access {access} was spent in without being counted"));
    }
    Ok(())
}
