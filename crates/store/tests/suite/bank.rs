//! Account holders with wallets, grants and payments, for cases that need something to begin with.

use crate::database::{id, now, seconds};
use bursar_core::Id;
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::grant::{BoundKey, Finish, Grant, State};
use bursar_core::incoming::IncomingPayment;
use bursar_core::ledger::{AccountKind, Transfer, TransferKind};
use bursar_core::outgoing::{self, Counted, OutgoingPayment};
use bursar_core::quote::{Price, Quote};
use bursar_core::rate::UnitRate;
use bursar_store::account_holder::{self, AccountHolder};
use bursar_store::wallet_address::{self, WalletAddress};
use bursar_store::{Error, Tx, grant, incoming_payment, ledger};
use bursar_types::{Action, Actions, Amount, Asset, Limits, ResourceType};

/// Numbers of ids: those of one person or thing are that far apart.
pub const HOLDER: u64 = 100;
pub const ACCOUNT: u64 = 200;
pub const WALLET: u64 = 300;
pub const GRANT: u64 = 400;
pub const ACCESS: u64 = 500;
pub const INCOMING: u64 = 600;
pub const QUOTE: u64 = 700;
pub const PAYMENT: u64 = 800;
pub const TOKEN: u64 = 900;

pub fn asset(text: &str) -> Asset {
    let (code, scale) = text.split_once('/').expect("CODE/scale");
    Asset::new(code, scale.parse().expect("a scale")).expect("an asset")
}

pub fn amount(value: u64, text: &str) -> Amount {
    asset(text).amount(value).expect("an amount")
}

pub fn client() -> ClientId {
    ClientId::WalletAddress("https://app.example/me".to_owned())
}

pub fn limits(json: &str) -> Limits {
    serde_json::from_str(json).expect("limits")
}

pub fn holder(number: u64) -> AccountHolder {
    AccountHolder::new(id(HOLDER + number), format!("person-{number}"), now())
}

pub fn wallet(number: u64, asset_text: &str) -> WalletAddress {
    WalletAddress {
        id: id(WALLET + number),
        url: format!("https://bank.example/person-{number}"),
        public_name: None,
        holder: id(HOLDER + number),
        account: id(ACCOUNT + number),
        asset: asset(asset_text),
        created_at: now(),
        deactivated_at: None,
    }
}

/// Adds a person with an account and a wallet address.
pub fn add_person(tx: &mut Tx<'_>, number: u64, asset_text: &str) -> Result<(), Error> {
    account_holder::insert(tx, &holder(number))?;
    ledger::open_account(tx, &id(ACCOUNT + number), AccountKind::Holder, asset(asset_text), now())?;
    wallet_address::insert(tx, &wallet(number, asset_text))
}

/// A transfer that moves money at once.
pub fn direct(reference: u64, leg: u8, from: Id, to: Id, amount: Amount) -> Transfer {
    Transfer { reference: id(reference), leg, kind: TransferKind::Direct, debit: from, credit: to, amount }
}

/// Gives a person money from outside.
pub fn fund(tx: &mut Tx<'_>, number: u64, value: u64, asset_text: &str) -> Result<(), Error> {
    let issuer = ledger::provider_account(tx, AccountKind::Issuer, asset(asset_text), &id(20 + number), now())?;
    let transfer = direct(10 + number, 0, issuer.id, id(ACCOUNT + number), amount(value, asset_text));
    ledger::transfer(tx, &[transfer], now())
}

/// A person's access to spending, granted to the app.
pub fn spending(number: u64, limits: Option<Limits>) -> GrantedAccess {
    GrantedAccess {
        id: id(ACCESS + number),
        resource: ResourceType::OutgoingPayment,
        actions: Actions::of(&[Action::Create, Action::Read]),
        identifier: Some(format!("https://bank.example/person-{number}")),
        limits,
    }
}

/// A grant in any state, with everything that may be absent present.
pub fn full_grant(number: u64, state: State) -> Grant {
    Grant {
        id: id(GRANT + number),
        client: client(),
        client_name: Some("Die App für \"alles\" 🦀".to_owned()),
        key: BoundKey { kid: "key-1".to_owned(), x: std::array::from_fn(|index| index as u8) },
        endpoint: "https://auth.bank.example/".to_owned(),
        access: vec![spending(number, None)],
        subject: Some("https://bank.example/person-1".to_owned()),
        finish: Some(Finish { uri: "https://app.example/back?x=1".to_owned(), nonce: "nonce".to_owned() }),
        created_at: now(),
        expires_at: seconds(600),
        polled_at: None,
        paused_at: None,
        revision: 0,
        state,
    }
}

/// Adds a grant by which the app may spend the person's money.
pub fn add_mandate(tx: &mut Tx<'_>, number: u64, limits: Option<Limits>) -> Result<(), Error> {
    let issued = State::Issued { holder: Some(id(HOLDER + number)) };
    let granted = Grant { access: vec![spending(number, limits)], ..full_grant(number, issued) };
    grant::insert(tx, &granted)
}

/// An incoming payment to a person.
pub fn incoming(number: u64, person: u64, asset_text: &str, most: Option<u64>) -> IncomingPayment {
    IncomingPayment {
        id: id(INCOMING + number),
        wallet_address: id(WALLET + person),
        client: client(),
        asset: asset(asset_text),
        incoming: most,
        received: 0,
        metadata: None,
        created_at: now(),
        expires_at: seconds(86_400),
        completed_at: None,
        expired_at: None,
    }
}

pub fn add_incoming(tx: &mut Tx<'_>, payment: &IncomingPayment) -> Result<(), Error> {
    incoming_payment::insert(tx, payment)
}

pub fn receiver(number: u64) -> String {
    format!("https://bank.example/op/incoming-payments/{}", id(INCOMING + number))
}

/// A price without a fee.
pub fn price(debit: Amount, receive: Amount) -> Price {
    Price { debit, fee: debit.asset().zero(), receive, rate: UnitRate::from_stored("1.36/0.85") }
}

/// A quote for a person's payment to an incoming payment.
pub fn quote(number: u64, person: u64, incoming: u64, debit: Amount, receive: Amount) -> Quote {
    Quote {
        id: id(QUOTE + number),
        wallet_address: id(WALLET + person),
        client: client(),
        receiver: receiver(incoming),
        incoming_payment: id(INCOMING + incoming),
        price: price(debit, receive),
        created_at: now(),
        expires_at: seconds(300),
        used_by: None,
    }
}

/// A settled payment of a person.
pub fn payment(number: u64, person: u64, incoming: u64, debit: Amount, receive: Amount) -> OutgoingPayment {
    OutgoingPayment {
        id: id(PAYMENT + number),
        wallet_address: id(WALLET + person),
        client: client(),
        counted: Some(Counted { access: id(ACCESS + person), window: 0 }),
        quote: None,
        receiver: receiver(incoming),
        incoming_payment: id(INCOMING + incoming),
        price: price(debit, receive),
        sent: debit,
        state: outgoing::State::Completed,
        metadata: None,
        created_at: now(),
    }
}
