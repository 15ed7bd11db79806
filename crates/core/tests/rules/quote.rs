//! Quotes: what a payment costs, and until when that binds.

use crate::support::{amount, asset, client, detail, id, incoming_payment, seconds, start, value, without_fee};
use bursar_core::fee::Fee;
use bursar_core::incoming::IncomingPayment;
use bursar_core::quote::{Fixed, Price, Quote, Terms, price};
use bursar_core::rate::{Rates, UnitRate};
use bursar_core::{Code, Refusal};
use bursar_types::VALUE_MAX;
use proptest::prelude::*;

/// The price from a wallet in CAD/2, at 1.36 CAD for a dollar.
fn priced(fixed: Fixed, receiver: &IncomingPayment) -> Result<Price, Refusal> {
    let rates = Rates::parse("USD", [("CAD", "1.36"), ("JPY", "147.5")]).expect("rates");
    let rate = rates.between(asset("CAD/2"), receiver.asset).expect("rate");
    price(fixed, asset("CAD/2"), receiver, &Terms { rate, fee: Fee::NONE }, seconds(7))
}

#[test]
fn the_fixed_side_decides_the_other() {
    #[track_caller]
    fn check(fixed: Fixed, receiver: &IncomingPayment, debit: u64, receive: u64) {
        let expected = without_fee(amount(debit, "CAD/2"), receiver.asset.amount(receive).expect("amount"));
        let same = receiver.asset == asset("CAD/2");
        let rate = UnitRate::from_stored(if same { "1/1" } else { "1/1.36" });
        assert_eq!(priced(fixed, receiver), Ok(Price { rate, ..expected }), "{fixed:?}");
    }
    let (cad, usd) = (asset("CAD/2"), asset("USD/2"));
    // Of one asset both sides are the same.
    check(Fixed::Debit(amount(150, "CAD/2")), &incoming_payment(cad, 0, None), 150, 150);
    check(Fixed::Receive(amount(150, "CAD/2")), &incoming_payment(cad, 0, None), 150, 150);
    check(Fixed::Missing, &incoming_payment(cad, 40, Some(100)), 60, 60);
    check(Fixed::Debit(amount(VALUE_MAX, "CAD/2")), &incoming_payment(cad, 0, None), VALUE_MAX, VALUE_MAX);
    // Of two assets what arrives is rounded down and what it costs up.
    check(Fixed::Debit(amount(136, "CAD/2")), &incoming_payment(usd, 0, None), 136, 100);
    check(Fixed::Debit(amount(137, "CAD/2")), &incoming_payment(usd, 0, None), 137, 100);
    check(Fixed::Receive(amount(100, "USD/2")), &incoming_payment(usd, 0, None), 136, 100);
    check(Fixed::Receive(amount(1, "USD/2")), &incoming_payment(usd, 0, None), 2, 1);
    check(Fixed::Missing, &incoming_payment(usd, 1, Some(100)), 135, 99);
    // Exactly what is missing is not too much.
    check(Fixed::Receive(amount(60, "CAD/2")), &incoming_payment(cad, 40, Some(100)), 60, 60);
    check(Fixed::Debit(amount(60, "CAD/2")), &incoming_payment(cad, 40, Some(100)), 60, 60);
}

#[test]
fn every_refusal() {
    #[track_caller]
    fn check(fixed: Fixed, receiver: &IncomingPayment, code: Code, words: &str) -> Refusal {
        let refusal = priced(fixed, receiver).expect_err("refused");
        assert_eq!(refusal.code, code, "{refusal:?}");
        assert!(refusal.description.contains(words), "{refusal:?}");
        refusal
    }
    let (cad, usd) = (asset("CAD/2"), asset("USD/2"));
    let debit = Fixed::Debit(amount(150, "CAD/2"));
    let open = incoming_payment(usd, 0, None);
    // A receiver that takes no money, before anything else is looked at.
    let completed = IncomingPayment { completed_at: Some(start()), ..open.clone() };
    let expired = IncomingPayment { expires_at: seconds(7), ..open.clone() };
    for fixed in [debit, Fixed::Missing, Fixed::Receive(amount(1, "EUR/2"))] {
        check(fixed, &completed, Code::InvalidReceiver, "invalid receiver");
        check(fixed, &expired, Code::InvalidReceiver, "invalid receiver");
    }
    // Amounts in the wrong asset.
    let wrong = Code::InvalidResourceRequest;
    check(
        Fixed::Debit(amount(1, "USD/2")),
        &open,
        wrong,
        "debitAmount is in USD/2, but the wallet address pays in CAD/2",
    );
    check(
        Fixed::Debit(amount(1, "CAD/9")),
        &open,
        wrong,
        "debitAmount is in CAD/9, but the wallet address pays in CAD/2",
    );
    check(Fixed::Receive(amount(1, "CAD/2")), &open, wrong, "receiveAmount is in CAD/2, but the receiver gets USD/2");
    // Nobody says how much.
    check(Fixed::Missing, &open, wrong, "the receiver has no incomingAmount");
    // Nothing would arrive: clients look for these words and for the least amount that would do.
    let least = |refusal: &Refusal| detail(refusal, "minSendAmount").map(ToString::to_string);
    let small = "non-positive receive amount";
    let two_cents = Some(r#"{"assetCode":"CAD","assetScale":2,"value":"2"}"#.to_owned());
    assert_eq!(least(&check(Fixed::Debit(amount(0, "CAD/2")), &open, Code::AmountTooSmall, small)), two_cents);
    assert_eq!(least(&check(Fixed::Debit(amount(1, "CAD/2")), &open, Code::AmountTooSmall, small)), two_cents);
    assert_eq!(least(&check(Fixed::Receive(amount(0, "USD/2")), &open, Code::AmountTooSmall, small)), two_cents);
    let yen = incoming_payment(asset("JPY/0"), 0, None);
    let one_cent = Some(r#"{"assetCode":"CAD","assetScale":2,"value":"1"}"#.to_owned());
    assert_eq!(least(&check(Fixed::Debit(amount(0, "CAD/2")), &yen, Code::AmountTooSmall, small)), one_cent);
    // More than the receiver takes.
    let bounded = incoming_payment(usd, 40, Some(100));
    for fixed in [Fixed::Debit(amount(83, "CAD/2")), Fixed::Receive(amount(61, "USD/2"))] {
        let refusal = check(fixed, &bounded, Code::AmountTooLarge, "more would arrive than the incoming payment takes");
        assert_eq!(detail(&refusal, "missing").map(|missing| missing["value"].clone()), Some("60".into()));
    }
    // More than an amount can be.
    let all = Fixed::Receive(amount(VALUE_MAX, "USD/2"));
    check(all, &open, Code::AmountTooLarge, "the converted amount is above 9223372036854775807");
    check(
        Fixed::Receive(amount(1, "CAD/2")),
        &incoming_payment(cad, 100, Some(100)),
        Code::AmountTooLarge,
        "more would",
    );
}

#[test]
fn the_least_amount_that_delivers_is_accepted() {
    let receiver = incoming_payment(asset("USD/2"), 0, None);
    let refusal = priced(Fixed::Debit(amount(1, "CAD/2")), &receiver).expect_err("too small");
    let least = detail(&refusal, "minSendAmount").cloned().expect("told");
    let least = serde_json::from_value(least).expect("an amount");
    let price = priced(Fixed::Debit(least), &receiver).expect("it delivers something");
    assert_eq!(price.receive, amount(1, "USD/2"));
}

#[test]
fn without_a_least_amount_none_is_told() {
    // One unit of what arrives costs more than the largest amount of what is paid.
    let rates = Rates::parse("BIG", [("SMALL", "100000")]).expect("rates");
    let rate = rates.between(asset("SMALL/18"), asset("BIG/0")).expect("rate");
    let receiver = incoming_payment(asset("BIG/0"), 0, None);
    let fixed = Fixed::Debit(amount(VALUE_MAX, "SMALL/18"));
    let refusal =
        price(fixed, asset("SMALL/18"), &receiver, &Terms { rate, fee: Fee::NONE }, start()).expect_err("too small");
    assert_eq!((refusal.code, &refusal.details), (Code::AmountTooSmall, &None));
    assert!(refusal.description.contains("non-positive receive amount"));
}

#[test]
fn a_quote_binds_until_it_expires_and_for_one_payment() {
    #[track_caller]
    fn check(used: bool, second: i64, expected: Result<(), &str>) {
        let quote = Quote {
            id: id(1),
            wallet_address: id(2),
            client: client("shop"),
            receiver: "https://bank.example/op/incoming-payments/1".to_owned(),
            incoming_payment: id(3),
            price: without_fee(amount(1, "CAD/2"), amount(1, "CAD/2")),
            created_at: start(),
            expires_at: seconds(300),
            used_by: used.then(|| id(4)),
        };
        match (quote.require_usable(seconds(second)), expected) {
            (Ok(()), Ok(())) => {}
            (Err(refusal), Err(words)) => {
                assert_eq!(refusal.code, Code::InvalidQuote);
                assert!(refusal.description.contains(words), "{refusal:?}");
            }
            (other, _) => panic!("{other:?} instead of {expected:?}"),
        }
    }
    check(false, 0, Ok(()));
    check(false, 299, Ok(()));
    check(false, 300, Err("has expired"));
    check(false, 1_000, Err("has expired"));
    check(true, 0, Err("used already"));
    check(true, 1_000, Err("used already"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A price that is given can be paid: something arrives, no more than the receiver takes, the fixed side is as
    /// it was fixed, and the other is the rate's.
    #[test]
    fn a_price_is_one_that_the_receiver_takes(
        fixed in 0..3,
        value in value(),
        received in 0_u64..1_000,
        room in prop::option::of(value()),
        one_asset: bool,
    ) {
        let (payer, to) = (asset("CAD/2"), asset(if one_asset { "CAD/2" } else { "USD/9" }));
        let rates = Rates::parse("USD", [("CAD", "1.36")]).unwrap();
        let rate = rates.between(payer, to).unwrap();
        let incoming = room.map(|room| received.saturating_add(room).min(VALUE_MAX));
        let receiver = incoming_payment(to, received, incoming);
        let fixed = match fixed {
            0 => Fixed::Debit(payer.amount(value).unwrap()),
            1 => Fixed::Receive(to.amount(value).unwrap()),
            _ => Fixed::Missing,
        };
        match price(fixed, payer, &receiver, &Terms { rate, fee: Fee::NONE }, start()) {
            Ok(price) => {
                prop_assert!(price.receive.value() > 0 && price.debit.value() > 0);
                prop_assert_eq!((price.debit.asset(), price.receive.asset()), (payer, to));
                prop_assert!(receiver.missing().is_none_or(|missing| price.receive.value() <= missing.value()));
                match fixed {
                    Fixed::Debit(debit) => {
                        prop_assert_eq!(price.debit, debit);
                        prop_assert_eq!(rate.deliver(debit), Ok(price.receive));
                    }
                    Fixed::Receive(receive) => prop_assert_eq!(price.receive, receive),
                    Fixed::Missing => prop_assert_eq!(Some(price.receive), receiver.missing()),
                }
                if !matches!(fixed, Fixed::Debit(_)) {
                    prop_assert_eq!(rate.debit_for(price.receive), Ok(price.debit));
                }
                // The receiver keeps the promise.
                let taken = receiver.receive(price.receive, start());
                let overflows = received.checked_add(price.receive.value()).is_none_or(|sum| sum > VALUE_MAX);
                prop_assert_eq!(taken.is_ok(), !overflows);
            }
            Err(refusal) => {
                let expected = match refusal.code {
                    Code::AmountTooSmall => match fixed {
                        Fixed::Debit(debit) => rate.deliver(debit).is_ok_and(|delivered| delivered.is_zero()),
                        Fixed::Receive(receive) => receive.is_zero(),
                        Fixed::Missing => receiver.missing().is_some_and(|missing| missing.is_zero()),
                    },
                    Code::AmountTooLarge => true,
                    Code::InvalidResourceRequest => fixed == Fixed::Missing && room.is_none(),
                    _ => false,
                };
                prop_assert!(expected, "{refusal:?}");
            }
        }
    }
}
