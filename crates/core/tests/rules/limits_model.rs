//! The counters of windows against a plain list of all payments ever made.

use crate::support::{amount, asset, limits, start, value};
use bursar_core::Code;
use bursar_core::limits::{Received, Reserved, Spend, commit, release, reserve, window_index};
use bursar_types::{Amount, Asset, LimitAmount, Limits, VALUE_MAX};
use jiff::SignedDuration;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const WINDOWS: i64 = 4;
const DAY_SECONDS: i64 = 86_400;

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Reserved,
    Settled { sent: u64, delivered: u64 },
}

#[derive(Debug, Clone, Copy)]
struct Payment {
    window: i64,
    debit: u64,
    receive: Amount,
    state: State,
}

impl Payment {
    fn reserved(&self) -> Reserved {
        Reserved { debit: self.debit, receive: self.receive.value() }
    }

    /// What it takes of its window: all that was reserved until it settles, then what was really paid.
    fn taken(&self) -> (u128, u128) {
        match self.state {
            State::Reserved => (self.debit.into(), self.receive.value().into()),
            State::Settled { sent, delivered } => (sent.into(), delivered.into()),
        }
    }
}

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A payment some seconds after the first window began, or before.
    Pay { second: i64, debit: u64, receive: u64, other_asset: bool },
    /// One of the payments on their way settles; it pays at most so many hundredths of both sides.
    Settle { which: usize, hundredths: u64 },
    /// One of the payments on their way is given up.
    GiveUp { which: usize },
}

fn step(value: impl Strategy<Value = u64> + Clone) -> impl Strategy<Value = Step> {
    let second = -DAY_SECONDS..(WINDOWS + 1) * DAY_SECONDS;
    let pay = (second, value.clone(), value, prop::bool::weighted(0.15))
        .prop_map(|(second, debit, receive, other_asset)| Step::Pay { second, debit, receive, other_asset });
    prop_oneof![
        4 => pay,
        2 => (any::<usize>(), 0_u64..=110).prop_map(|(which, hundredths)| Step::Settle { which, hundredths }),
        1 => any::<usize>().prop_map(|which| Step::GiveUp { which }),
    ]
}

/// Limits of each kind, with windows of a day.
fn some_limits() -> impl Strategy<Value = Limits> {
    let interval = format!(r#""interval":"R{WINDOWS}/{}/P1D""#, start());
    let most = prop_oneof![Just(0_u64), 1_u64..5_000, Just(VALUE_MAX - 1), Just(VALUE_MAX)];
    (0..3, most).prop_map(move |(kind, most)| {
        let amount = |field: &str, code: &str| {
            format!(r#"{{{interval},"{field}":{{"value":"{most}","assetCode":"{code}","assetScale":2}}}}"#)
        };
        match kind {
            0 => limits(&format!("{{{interval}}}")),
            1 => limits(&amount("debitAmount", "CAD")),
            _ => limits(&amount("receiveAmount", "USD")),
        }
    })
}

/// The counter of a window, added up from the list.
fn added_up(payments: &[Payment], window: i64) -> Spend {
    let mine: Vec<&Payment> = payments.iter().filter(|payment| payment.window == window).collect();
    let assets: BTreeSet<Asset> = mine.iter().map(|payment| payment.receive.asset()).collect();
    let received = match (assets.len(), assets.first()) {
        (1, Some(asset)) => Received::Of(*asset),
        (0, _) => Received::Nothing,
        _ => Received::Mixed,
    };
    let sum = |state: bool, side: fn(&Payment) -> u128| {
        let counted = mine.iter().filter(|payment| (payment.state == State::Reserved) == state);
        u64::try_from(counted.map(|payment| side(payment)).sum::<u128>()).expect("a sum that was allowed")
    };
    let deliveries = |state: bool| if received == Received::Mixed { 0 } else { sum(state, |p| p.taken().1) };
    Spend {
        debit_reserved: sum(true, |payment| payment.taken().0),
        debit_committed: sum(false, |payment| payment.taken().0),
        receive_reserved: deliveries(true),
        receive_committed: deliveries(false),
        received,
    }
}

/// Whether a further payment fits, told from the list alone.
fn fits(limits: &Limits, payments: &[Payment], next: &Payment) -> bool {
    let mine = || payments.iter().filter(|payment| payment.window == next.window);
    let debit: u128 = mine().map(|payment| payment.taken().0).sum::<u128>() + u128::from(next.debit);
    let receive: u128 = mine().map(|payment| payment.taken().1).sum::<u128>() + u128::from(next.receive.value());
    let one_asset = mine().all(|payment| payment.receive.asset() == next.receive.asset());
    let countable = debit <= u128::from(VALUE_MAX) && (!one_asset || receive <= u128::from(VALUE_MAX));
    countable
        && match limits.amount {
            None => true,
            Some(LimitAmount::Debit(limit)) => debit <= u128::from(limit.value()),
            Some(LimitAmount::Receive(limit)) => {
                one_asset && next.receive.asset() == limit.asset() && receive <= u128::from(limit.value())
            }
        }
}

fn run(limits: &Limits, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut payments: Vec<Payment> = Vec::new();
    let mut counters: BTreeMap<i64, Spend> = BTreeMap::new();
    for step in steps {
        let on_their_way: Vec<usize> =
            (0..payments.len()).filter(|index| payments[*index].state == State::Reserved).collect();
        match *step {
            Step::Pay { second, debit, receive, other_asset } => {
                let window = window_index(Some(limits), start() + SignedDuration::from_secs(second));
                let inside = (0..WINDOWS * DAY_SECONDS).contains(&second);
                let expected = if inside { Ok(second / DAY_SECONDS) } else { Err(Code::OutsideInterval) };
                prop_assert_eq!(window.clone().map_err(|refusal| refusal.code), expected);
                let Ok(window) = window else { continue };
                let receive = amount(receive, if other_asset { "EUR/2" } else { "USD/2" });
                let next = Payment { window, debit, receive, state: State::Reserved };
                let before = counters.get(&window).copied().unwrap_or_default();
                match reserve(Some(limits), &before, amount(debit, "CAD/2"), receive) {
                    Ok(after) => {
                        prop_assert!(fits(limits, &payments, &next), "{next:?} does not fit");
                        counters.insert(window, after);
                        payments.push(next);
                    }
                    Err(refusal) => {
                        prop_assert!(!fits(limits, &payments, &next), "{next:?} fits: {refusal:?}");
                        prop_assert_eq!(
                            (refusal.code, refusal.description.as_ref()),
                            (Code::LimitExceeded, "unauthorized")
                        );
                    }
                }
            }
            Step::Settle { which, hundredths } => {
                let Some(index) = on_their_way.get(which % on_their_way.len().max(1)) else { continue };
                let payment = &mut payments[*index];
                let part = |of: u64| u64::try_from(u128::from(of) * u128::from(hundredths) / 100).unwrap_or(u64::MAX);
                let (sent, delivered) = (part(payment.debit), part(payment.receive.value()));
                let counter = counters.get_mut(&payment.window).expect("a counter");
                *counter = commit(counter, payment.reserved(), sent, delivered);
                payment.state =
                    State::Settled { sent: sent.min(payment.debit), delivered: delivered.min(payment.receive.value()) };
            }
            Step::GiveUp { which } => {
                let Some(index) = on_their_way.get(which % on_their_way.len().max(1)) else { continue };
                let payment = &mut payments[*index];
                let counter = counters.get_mut(&payment.window).expect("a counter");
                let after = release(counter, payment.reserved());
                prop_assert!(counter.debit() - after.debit() <= payment.debit, "it frees too much");
                prop_assert!(counter.receive() - after.receive() <= payment.receive.value(), "it frees too much");
                *counter = after;
                payment.state = State::Settled { sent: 0, delivered: 0 };
            }
        }
        for (window, counter) in &counters {
            prop_assert_eq!(*counter, added_up(&payments, *window));
            prop_assert!(counter.debit() <= VALUE_MAX && counter.receive() <= VALUE_MAX);
            match limits.amount {
                Some(LimitAmount::Debit(limit)) => prop_assert!(counter.debit() <= limit.value()),
                Some(LimitAmount::Receive(limit)) => {
                    prop_assert_eq!(counter.received, Received::Of(asset("USD/2")));
                    prop_assert!(counter.receive() <= limit.value());
                }
                None => {}
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn counters_agree_with_a_list_of_payments(
        limits in some_limits(),
        steps in prop::collection::vec(step(0_u64..1_500), 1..60),
    ) {
        run(&limits, &steps)?;
    }

    /// The same with amounts whose sums come near to the largest value there is, and pass it.
    #[test]
    fn counters_keep_to_64_bits(
        limits in some_limits(),
        steps in prop::collection::vec(step(value().boxed()), 1..30),
    ) {
        run(&limits, &steps)?;
    }
}
