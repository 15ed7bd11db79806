//! The ledger: accounts, and transfers between them.
//!
//! Every transfer debits one account and credits another of the same asset, so the balances of an asset always
//! add up to zero. Transfers are never changed: money on its way is *reserved*, and a second transfer *posts* it
//! or *voids* it. Each transfer is named by what it belongs to and its number in it, so a repeat is harmless.

use crate::quote::Price;
use crate::{Code, Id, Refusal};
use bursar_types::{Amount, Asset};

/// The number of the transfer that takes a payment's fee.
pub const FEE_LEG: u8 = 2;

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountKind {
    /// An account holder's money. Never below zero.
    Holder,
    /// The provider's own position in an asset, through which currencies are exchanged.
    Exchange,
    /// What the provider has earned by fees.
    Fees,
    /// Where money comes from and goes to outside this ledger; the negative of all of it inside.
    Issuer,
}

impl AccountKind {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holder => "holder",
            Self::Exchange => "exchange",
            Self::Fees => "fees",
            Self::Issuer => "issuer",
        }
    }

    /// Reads the stored word.
    pub fn from_stored(word: &str) -> Option<Self> {
        [Self::Holder, Self::Exchange, Self::Fees, Self::Issuer].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An account as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: Id,
    /// What it is for.
    pub kind: AccountKind,
    /// The only asset it holds.
    pub asset: Asset,
    /// Credits minus debits, in smallest units.
    pub balance: i64,
    /// The part of the balance that is reserved for payments on their way.
    pub reserved: i64,
}

impl Account {
    /// What can be spent now.
    pub fn available(&self) -> i64 {
        self.balance.saturating_sub(self.reserved)
    }

    /// Whether the account allows the change: an account holder's available balance stays at zero or above, and
    /// no sum leaves the range of 64 bits.
    pub fn allows(&self, change: Change) -> bool {
        let after = self.balance.checked_add(change.balance).zip(self.reserved.checked_add(change.reserved));
        after.is_some_and(|(balance, reserved)| {
            reserved >= 0 && (self.kind != AccountKind::Holder || balance >= reserved)
        })
    }
}

/// A transfer between two accounts of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// What it belongs to, such as a payment.
    pub reference: Id,
    /// Its number within that.
    pub leg: u8,
    /// What it does.
    pub kind: TransferKind,
    /// The account that pays.
    pub debit: Id,
    /// The account that is paid.
    pub credit: Id,
    /// How much.
    pub amount: Amount,
}

/// What a transfer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferKind {
    /// Moves money at once.
    Direct,
    /// Sets money aside.
    Reserve,
    /// Moves money that was set aside, at most all of it; the rest is free again.
    Post {
        /// The reserving transfer of the same reference.
        leg: u8,
        /// What it had set aside, in smallest units.
        reserved: u64,
    },
    /// Frees money that was set aside.
    Void {
        /// The reserving transfer of the same reference.
        leg: u8,
        /// What it had set aside, in smallest units.
        reserved: u64,
    },
}

impl TransferKind {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Reserve => "reserve",
            Self::Post { .. } => "post",
            Self::Void { .. } => "void",
        }
    }

    /// The reserving transfer that this one ends.
    pub fn ends(self) -> Option<u8> {
        match self {
            Self::Direct | Self::Reserve => None,
            Self::Post { leg, .. } | Self::Void { leg, .. } => Some(leg),
        }
    }
}

/// What a transfer changes at one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The account.
    pub account: Id,
    /// Added to its balance.
    pub balance: i64,
    /// Added to what is reserved of it.
    pub reserved: i64,
}

impl Transfer {
    /// What it changes: at the debited account, then at the credited one.
    pub fn changes(&self) -> [Change; 2] {
        // Amounts are at most 2^63-1, so both signs fit.
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let amount = signed(self.amount.value());
        let (debited, freed, credited) = match self.kind {
            TransferKind::Direct => (-amount, 0, amount),
            TransferKind::Reserve => (0, amount, 0),
            TransferKind::Post { reserved, .. } => (-amount, -signed(reserved), amount),
            TransferKind::Void { reserved, .. } => (0, -signed(reserved), 0),
        };
        [
            Change { account: self.debit, balance: debited, reserved: freed },
            Change { account: self.credit, balance: credited, reserved: 0 },
        ]
    }
}

/// All that the transfers change, one change for each account, in the order of the accounts' ids: the order in
/// which everybody locks them. `None` when a change is beyond 64 bits, so that no account could allow it.
pub fn net_changes(transfers: &[Transfer]) -> Option<Vec<Change>> {
    // Wide while adding up: what leaves 64 bits halfway may come back.
    let mut net: Vec<(Id, i128, i128)> = Vec::with_capacity(transfers.len() * 2);
    for Change { account, balance, reserved } in transfers.iter().flat_map(Transfer::changes) {
        match net.iter_mut().find(|(other, ..)| *other == account) {
            Some((_, balances, reserves)) => {
                *balances += i128::from(balance);
                *reserves += i128::from(reserved);
            }
            None => net.push((account, balance.into(), reserved.into())),
        }
    }
    net.retain(|(_, balance, reserved)| *balance != 0 || *reserved != 0);
    net.sort_by_key(|(account, ..)| *account);
    let narrow = |(account, balance, reserved): (Id, i128, i128)| {
        Some(Change { account, balance: i64::try_from(balance).ok()?, reserved: i64::try_from(reserved).ok()? })
    };
    net.into_iter().map(narrow).collect()
}

/// The accounts that a payment within this provider touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalRoute {
    /// Who pays.
    pub payer: Account,
    /// Who is paid.
    pub payee: Account,
    /// The provider's positions in the payer's and the payee's asset, if these differ.
    pub exchange: Option<(Account, Account)>,
    /// Where fees of the payer's asset go, if one is charged.
    pub fees: Option<Account>,
}

/// The transfers of a payment within this provider: one if both have the same asset, else one in each asset
/// through the provider's positions; and one more for the fee, if there is one.
///
/// # Errors
/// [`Code::InsufficientFunds`] when the payer has too little, also for a payment to itself;
/// [`Code::AmountTooLarge`] when another account would leave the range of 64 bits; [`Code::NoRate`] when the amounts
/// are not of the accounts' assets, or these differ and there is no exchange.
pub fn local_payment(route: &LocalRoute, reference: Id, price: &Price) -> Result<Vec<Transfer>, Refusal> {
    let LocalRoute { payer, payee, exchange, fees } = route;
    let Price { debit, fee, receive, .. } = *price;
    let principal = price.principal();
    let transfer = |leg, from: &Account, to: &Account, amount| Transfer {
        reference,
        leg,
        kind: TransferKind::Direct,
        debit: from.id,
        credit: to.id,
        amount,
    };
    let is_pair = |from: &Account, to: &Account, amount: Amount| [from.asset, to.asset] == [amount.asset(); 2];
    let unlike = || Refusal::new(Code::NoRate, "the provider does not exchange these assets");
    let (mut transfers, mut accounts) = match exchange {
        None if is_pair(payer, payee, principal) && principal == receive => {
            (vec![transfer(0, payer, payee, principal)], vec![payer, payee])
        }
        Some((source, target)) if is_pair(payer, source, principal) && is_pair(target, payee, receive) => (
            vec![transfer(0, payer, source, principal), transfer(1, target, payee, receive)],
            vec![payer, source, target, payee],
        ),
        _ => return Err(unlike()),
    };
    match fees {
        _ if fee.is_zero() => {}
        Some(fees) if is_pair(payer, fees, fee) => {
            transfers.push(transfer(FEE_LEG, payer, fees, fee));
            accounts.push(fees);
        }
        _ => return Err(unlike()),
    }
    // Asked of the payer alone first: a payment to itself changes little in the end, and still needs the money.
    let [paid, _] = transfer(0, payer, payee, debit).changes();
    if !payer.allows(paid) {
        return Err(Refusal::unauthorized(Code::InsufficientFunds, "the wallet does not have enough money"));
    }
    let too_large = || Refusal::new(Code::AmountTooLarge, "an account cannot hold that much");
    for change in net_changes(&transfers).ok_or_else(too_large)? {
        if accounts.iter().any(|account| account.id == change.account && !account.allows(change)) {
            return Err(too_large());
        }
    }
    Ok(transfers)
}
