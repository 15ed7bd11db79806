//! Short ways to write down assets, amounts, instants and ids, and to look at refusals.

use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::incoming::IncomingPayment;
use bursar_core::quote::Price;
use bursar_core::rate::UnitRate;
use bursar_core::{Code, Id, Refusal};
use bursar_types::{Actions, Amount, Asset, Limits, ResourceType, VALUE_MAX};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

/// An asset from `CODE/scale`.
pub fn asset(text: &str) -> Asset {
    let (code, scale) = text.split_once('/').expect("CODE/scale");
    Asset::new(code, scale.parse().expect("a scale")).expect("an asset")
}

/// An amount in smallest units.
pub fn amount(value: u64, text: &str) -> Amount {
    asset(text).amount(value).expect("an amount")
}

/// A price without a fee.
pub fn without_fee(debit: Amount, receive: Amount) -> Price {
    Price { debit, fee: debit.asset().zero(), receive, rate: Some(UnitRate::ONE) }
}

pub fn id(number: u64) -> Id {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Id::from_bytes(bytes)
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The instant at which most tests begin.
pub fn start() -> Timestamp {
    at("2026-01-31T12:00:00Z")
}

/// So many seconds after the beginning, or before it.
pub fn seconds(number: i64) -> Timestamp {
    start() + SignedDuration::from_secs(number)
}

pub fn limits(json: &str) -> Limits {
    serde_json::from_str(json).expect("limits")
}

pub fn client(name: &str) -> ClientId {
    ClientId::WalletAddress(format!("https://app.example/{name}"))
}

/// Access to outgoing payments of the wallet address `https://bank.example/payer`.
pub fn spending(limits: Option<Limits>) -> GrantedAccess {
    GrantedAccess {
        id: id(900),
        resource: ResourceType::OutgoingPayment,
        actions: Actions::of(&[bursar_types::Action::Create]),
        identifier: Some("https://bank.example/payer".to_owned()),
        limits,
    }
}

/// An incoming payment that has received so much of so much, and is open for a day.
pub fn incoming_payment(asset: Asset, received: u64, incoming: Option<u64>) -> IncomingPayment {
    IncomingPayment {
        id: id(500),
        wallet_address: id(501),
        client: client("shop"),
        asset,
        incoming,
        received,
        metadata: Some(r#"{"order":"17"}"#.to_owned()),
        created_at: start(),
        expires_at: seconds(86_400),
        completed_at: None,
        expired_at: None,
    }
}

/// What a refusal says in `details`, or nothing.
pub fn detail<'a>(refusal: &'a Refusal, name: &str) -> Option<&'a serde_json::Value> {
    refusal.details.as_ref()?.get(name)
}

/// That the refusal is what deployed clients take for "not allowed by the mandate": the code, the exact
/// description, and a reason that holds the words given.
#[track_caller]
pub fn check_unauthorized(refusal: &Refusal, code: Code, reason: &str) {
    assert_eq!((refusal.code, refusal.description.as_ref()), (code, "unauthorized"), "{refusal:?}");
    let given = detail(refusal, "reason").and_then(|value| value.as_str()).unwrap_or_default();
    assert!(given.contains(reason), "{refusal:?}");
}

/// Values of amounts: small ones, any, and those at the upper edge.
pub fn value() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0_u64..2_000, 2 => 0..=VALUE_MAX, 1 => VALUE_MAX - 3..=VALUE_MAX, 1 => 1_u64..1_000_000_000_000]
}
