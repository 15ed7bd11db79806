//! The decision about an outgoing payment: one table of refusals, and a property over whole scenes.

use crate::support::{
    amount, asset, check_unauthorized, client, detail, id, incoming_payment, limits, seconds, spending, start, value,
    without_fee,
};
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::incoming::IncomingPayment;
use bursar_core::ledger::{Account, AccountKind, LocalRoute, TransferKind, net_changes};
use bursar_core::limits::{Received, Spend};
use bursar_core::outgoing::{Counted, Create, Loaded, Plan, State, create_in_person, create_local, require_receiver};
use bursar_core::quote::Price;
use bursar_core::{Code, Refusal};
use bursar_types::{Amount, Asset, LimitAmount, Limits, VALUE_MAX};
use jiff::Timestamp;
use proptest::prelude::*;

const RECEIVER: &str = "https://bank.example/op/incoming-payments/0198f2a1-c0de-7abc-8def-0123456789ab";

/// Everything that a decision is made from.
#[derive(Debug, Clone)]
struct Scene {
    access: GrantedAccess,
    spend: Spend,
    receiver: IncomingPayment,
    route: LocalRoute,
    price: Price,
    now: Timestamp,
}

impl Scene {
    /// Alice has 1,000 CAD cents and pays 100 of them to a receiver that takes 150.
    fn simple() -> Self {
        let account = |number, balance| Account {
            id: id(number),
            kind: AccountKind::Holder,
            asset: asset("CAD/2"),
            balance,
            reserved: 0,
        };
        Self {
            access: spending(Some(limits(r#"{"debitAmount":{"value":"500","assetCode":"CAD","assetScale":2}}"#))),
            spend: Spend::default(),
            receiver: incoming_payment(asset("CAD/2"), 0, Some(150)),
            route: LocalRoute { payer: account(1, 1_000), payee: account(2, 0), exchange: None, fees: None },
            price: without_fee(amount(100, "CAD/2"), amount(100, "CAD/2")),
            now: seconds(7),
        }
    }

    fn ask(&self) -> Create {
        Create {
            id: id(700),
            wallet_address: id(701),
            client: client("app"),
            quote: Some(id(702)),
            receiver: RECEIVER.to_owned(),
            price: self.price,
            metadata: Some("{}".to_owned()),
        }
    }

    fn decide(&self) -> Result<Plan, Refusal> {
        let loaded = Loaded {
            access: &self.access,
            spend: &self.spend,
            window: 3,
            receiver: &self.receiver,
            route: &self.route,
        };
        create_local(&loaded, self.ask(), self.now)
    }
}

#[test]
fn a_payment_is_settled_in_one_plan() {
    let scene = Scene::simple();
    let plan = scene.decide().expect("everything allows it");
    let payment = &plan.settled.payment;
    assert_eq!((payment.id, payment.wallet_address, payment.quote), (id(700), id(701), Some(id(702))));
    let counted = Some(Counted { access: id(900), window: 3 });
    assert_eq!((&payment.client, payment.counted), (&client("app"), counted));
    assert_eq!((payment.receiver.as_str(), payment.incoming_payment), (RECEIVER, id(500)));
    assert_eq!((payment.price, payment.sent), (scene.price, amount(100, "CAD/2")));
    assert_eq!((payment.state, payment.created_at), (State::Completed, seconds(7)));
    assert_eq!(payment.metadata.as_deref(), Some("{}"));
    let spend = Spend {
        debit_committed: 100,
        receive_committed: 100,
        received: Received::Of(asset("CAD/2")),
        ..Spend::default()
    };
    assert_eq!(plan.spend, spend);
    assert_eq!(plan.settled.receiver, IncomingPayment { received: 100, ..scene.receiver });
    let moved: Vec<_> =
        plan.settled.transfers.iter().map(|t| (t.reference, t.debit, t.credit, t.amount, t.kind)).collect();
    assert_eq!(moved, [(id(700), id(1), id(2), amount(100, "CAD/2"), TransferKind::Direct)]);
}

#[test]
fn in_person_no_grant_limits_a_payment() {
    let mut scene = Scene::simple();
    scene.access.limits = Some(Limits { receiver: Some("https://elsewhere.example/".to_owned()), ..Limits::default() });
    let ask = Create { client: ClientId::Holder(id(800)), ..scene.ask() };
    let settled = create_in_person(&scene.receiver, &scene.route, ask.clone(), scene.now).expect("nothing forbids it");
    assert_eq!((&settled.payment.client, settled.payment.counted), (&ClientId::Holder(id(800)), None));
    assert_eq!((settled.payment.id, settled.payment.quote), (id(700), Some(id(702))));
    assert_eq!((settled.payment.price, settled.payment.sent), (scene.price, scene.price.debit));
    assert_eq!(settled.receiver, scene.receiver.receive(scene.price.receive, scene.now).unwrap());
    assert_eq!(settled.transfers.len(), 1);

    let refused = |scene: &Scene| {
        create_in_person(&scene.receiver, &scene.route, ask.clone(), scene.now).map_err(|refusal| refusal.code)
    };
    let mut poor = Scene::simple();
    poor.route.payer.balance = 99;
    assert_eq!(refused(&poor), Err(Code::InsufficientFunds));
    let mut closed = Scene::simple();
    closed.receiver.completed_at = Some(closed.now);
    assert_eq!(refused(&closed), Err(Code::InvalidReceiver));
    let mut full = Scene::simple();
    full.receiver.incoming = Some(99);
    assert_eq!(refused(&full), Err(Code::AmountTooLarge));
}

#[test]
fn states_are_read_as_they_are_written() {
    assert_eq!(State::from_stored(State::Completed.as_str()), Some(State::Completed));
    assert_eq!(State::from_stored("completed"), Some(State::Completed));
    for word in ["", "Completed", "failed", "completed "] {
        assert_eq!(State::from_stored(word), None, "{word:?}");
    }
}

#[test]
fn every_refusal_and_which_comes_first() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Scene), code: Code, description: &str) -> Refusal {
        let mut scene = Scene::simple();
        change(&mut scene);
        let refusal = scene.decide().expect_err("refused");
        assert_eq!((refusal.code, refusal.description.as_ref()), (code, description), "{refusal:?}");
        refusal
    }
    let expire = |scene: &mut Scene| scene.receiver.expires_at = scene.now;
    let forbid = |scene: &mut Scene| {
        let only = "https://bank.example/op/incoming-payments/other";
        scene.access.limits = Some(Limits { receiver: Some(only.to_owned()), ..Limits::default() });
    };
    let exhaust = |scene: &mut Scene| {
        scene.spend = Spend { debit_committed: 401, received: Received::Of(asset("CAD/2")), ..Spend::default() };
    };
    let impoverish = |scene: &mut Scene| scene.route.payer.reserved = 901;

    check(expire, Code::InvalidReceiver, "invalid receiver");
    check(|scene| scene.receiver.completed_at = Some(start()), Code::InvalidReceiver, "invalid receiver");
    let full =
        check(|scene| scene.receiver.received = 51, Code::AmountTooLarge, "the incoming payment takes less than that");
    assert_eq!(detail(&full, "missing").map(|missing| missing["value"].clone()), Some("99".into()));
    let other = check(forbid, Code::ReceiverNotAllowed, "unauthorized");
    check_unauthorized(&other, Code::ReceiverNotAllowed, "the grant allows paying another receiver only");
    let above = check(exhaust, Code::LimitExceeded, "unauthorized");
    assert_eq!(detail(&above, "left").map(|left| left["value"].clone()), Some("99".into()));
    let poor = check(impoverish, Code::InsufficientFunds, "unauthorized");
    check_unauthorized(&poor, Code::InsufficientFunds, "the wallet does not have enough money");
    check(|scene| scene.route.payee.balance = i64::MAX, Code::AmountTooLarge, "an account cannot hold that much");
    check(
        |scene| scene.price.receive = amount(99, "CAD/2"),
        Code::NoRate,
        "the provider does not exchange these assets",
    );

    // Of several the receiver's comes first, then the mandate's, then the wallet's.
    check(
        |scene| {
            expire(scene);
            forbid(scene);
            exhaust(scene);
            impoverish(scene)
        },
        Code::InvalidReceiver,
        "invalid receiver",
    );
    check(
        |scene| {
            forbid(scene);
            exhaust(scene);
            impoverish(scene)
        },
        Code::ReceiverNotAllowed,
        "unauthorized",
    );
    check(
        |scene| {
            exhaust(scene);
            impoverish(scene)
        },
        Code::LimitExceeded,
        "unauthorized",
    );
}

#[test]
fn a_mandate_for_one_receiver_pays_no_other() {
    #[track_caller]
    fn check(only: Option<&str>, receiver: &str, expected: bool) {
        let access = spending(Some(Limits { receiver: only.map(str::to_owned), ..Limits::default() }));
        match require_receiver(&access, receiver) {
            Ok(()) => assert!(expected, "{receiver}"),
            Err(refusal) => {
                assert!(!expected, "{refusal:?}");
                check_unauthorized(&refusal, Code::ReceiverNotAllowed, "another receiver only");
                assert_eq!(detail(&refusal, "receiver").and_then(|text| text.as_str()), only);
            }
        }
    }
    check(None, RECEIVER, true);
    check(Some(RECEIVER), RECEIVER, true);
    check(Some(RECEIVER), &RECEIVER[..RECEIVER.len() - 1], false);
    check(Some(RECEIVER), &format!("{RECEIVER}/"), false);
    check(Some(RECEIVER), &RECEIVER.to_uppercase(), false);
    check(Some(RECEIVER), "https://evil.example/op/incoming-payments/0198f2a1-c0de-7abc-8def-0123456789ab", false);
    check(Some(RECEIVER), "", false);
    assert!(require_receiver(&spending(None), RECEIVER).is_ok());
}

fn some_asset() -> impl Strategy<Value = Asset> {
    prop_oneof![6 => Just("CAD/2"), 4 => Just("USD/2"), 1 => Just("CAD/9")].prop_map(asset)
}

/// Values that often meet: small, or anything.
fn some_value() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..300, 1 => value()]
}

fn some_account(number: u64, kind: AccountKind, held: Asset) -> impl Strategy<Value = Account> {
    let edge = prop_oneof![Just(i64::MAX), Just(i64::MAX - 100), Just(i64::MIN), Just(i64::MIN + 100)];
    let balance = prop_oneof![6 => -1_000_i64..1_000, 1 => edge];
    (balance, 0_i64..100).prop_map(move |(balance, reserved)| {
        let balance = if kind == AccountKind::Holder { balance.saturating_abs().max(reserved) } else { balance };
        Account { id: id(number), kind, asset: held, balance, reserved }
    })
}

fn some_limits() -> impl Strategy<Value = Option<Limits>> {
    let amount = (some_value(), some_asset(), any::<bool>()).prop_map(|(value, asset, debit)| {
        let amount = asset.amount(value).expect("an amount");
        if debit { LimitAmount::Debit(amount) } else { LimitAmount::Receive(amount) }
    });
    let receiver = prop_oneof![8 => Just(None), 3 => Just(Some(RECEIVER)), 1 => Just(Some("https://bank.example/x"))];
    prop::option::weighted(
        0.8,
        (receiver, prop::option::of(amount)).prop_map(|(receiver, amount)| Limits {
            receiver: receiver.map(str::to_owned),
            interval: None,
            amount,
        }),
    )
}

/// A counter as earlier payments may have left it.
fn some_spend() -> impl Strategy<Value = Spend> {
    let received = prop_oneof![Just(Received::Nothing), some_asset().prop_map(Received::Of), Just(Received::Mixed)];
    (received, some_value(), 0_u64..300, 0_u64..300, some_value()).prop_map(|(received, a, b, c, d)| match received {
        Received::Nothing => Spend::default(),
        Received::Mixed => {
            Spend { debit_reserved: b, debit_committed: a.min(VALUE_MAX - b), received, ..Spend::default() }
        }
        Received::Of(_) => Spend {
            debit_reserved: b,
            debit_committed: a.min(VALUE_MAX - b),
            receive_reserved: c,
            receive_committed: d.min(VALUE_MAX - c),
            received,
        },
    })
}

fn scene() -> impl Strategy<Value = Scene> {
    let assets =
        (some_asset(), some_asset(), prop::bool::weighted(0.9), prop::bool::weighted(0.9), prop::bool::weighted(0.05));
    assets
        .prop_flat_map(|(payer, payee, honest_debit, honest_receive, same_account)| {
            let debit_asset = if honest_debit { payer } else { payee };
            let receive_asset = if honest_receive { payee } else { payer };
            let accounts = (
                some_account(1, AccountKind::Holder, payer),
                some_account(if same_account && payer == payee { 1 } else { 2 }, AccountKind::Holder, payee),
                some_account(8, AccountKind::Exchange, payer),
                some_account(9, AccountKind::Exchange, payee),
                prop::option::weighted(0.9, some_account(7, AccountKind::Fees, payer)),
            );
            let exchange = if payer == payee { Just(false).boxed() } else { prop::bool::weighted(0.95).boxed() };
            let receiver = (some_value(), prop::option::of(some_value()), 0..20_u8, prop::bool::weighted(0.95));
            let price = (some_value(), some_value(), prop::bool::weighted(0.8), prop_oneof![Just(0), 0_u64..50]);
            let fixed = Just((payer, payee, debit_asset, receive_asset));
            (fixed, accounts, exchange, receiver, price, some_limits(), some_spend())
        })
        .prop_map(|((payer, payee, debit_asset, receive_asset), accounts, exchange, receiver, price, limits, spend)| {
            let (source, mut target) = (accounts.0, accounts.1);
            if source.id == target.id {
                target = source;
            }
            let (received, room, closed, honest_asset) = receiver;
            let incoming = room.map(|room| received.saturating_add(room).min(VALUE_MAX));
            let takes = if honest_asset { payee } else { payer };
            let mut receiver = incoming_payment(takes, received, incoming);
            match closed {
                0 => receiver.completed_at = Some(start()),
                1 => receiver.expires_at = seconds(7),
                _ => {}
            }
            let (debit, receive, equal, fee) = price;
            let fee = fee.min(debit);
            let receive = if equal { debit - fee } else { receive };
            let amount = |asset: Asset, value: u64| asset.amount(value).expect("an amount");
            Scene {
                access: spending(limits),
                spend,
                receiver,
                route: LocalRoute {
                    payer: source,
                    payee: target,
                    exchange: exchange.then_some((accounts.2, accounts.3)),
                    fees: accounts.4,
                },
                price: Price {
                    fee: amount(debit_asset, fee),
                    ..without_fee(amount(debit_asset, debit), amount(receive_asset, receive))
                },
                now: seconds(7),
            }
        })
}

/// Whether the payment is possible, told plainly and in wide numbers.
fn is_possible(scene: &Scene) -> bool {
    let (debit, receive) = (i128::from(scene.price.debit.value()), i128::from(scene.price.receive.value()));
    let max = i128::from(VALUE_MAX);
    let receiver = &scene.receiver;
    let open = receiver.completed_at.is_none() && scene.now < receiver.expires_at;
    let taken = i128::from(receiver.received) + receive;
    let takes =
        receiver.asset == scene.price.receive.asset() && taken <= receiver.incoming.map_or(max, i128::from).min(max);
    let limits = scene.access.limits.as_ref();
    let named = limits.and_then(|limits| limits.receiver.as_deref()).is_none_or(|only| only == RECEIVER);

    let spend = &scene.spend;
    let debit_after = i128::from(spend.debit_reserved) + i128::from(spend.debit_committed) + debit;
    let receive_after = i128::from(spend.receive_reserved) + i128::from(spend.receive_committed) + receive;
    let one_asset = match spend.received {
        Received::Nothing => true,
        Received::Of(asset) => asset == scene.price.receive.asset(),
        Received::Mixed => false,
    };
    let countable = debit_after <= max && (!one_asset || receive_after <= max);
    let within =
        |limit: Amount, asset: Asset, after: i128| limit.asset() == asset && after <= i128::from(limit.value());
    let limited = match limits.and_then(|limits| limits.amount) {
        None => true,
        Some(LimitAmount::Debit(limit)) => within(limit, scene.price.debit.asset(), debit_after),
        Some(LimitAmount::Receive(limit)) => one_asset && within(limit, scene.price.receive.asset(), receive_after),
    };

    let fee = i128::from(scene.price.fee.value());
    let LocalRoute { payer, payee, exchange, fees } = scene.route;
    let fitting = scene.price.debit.asset() == payer.asset && scene.price.receive.asset() == payee.asset;
    let routed = fitting
        && match exchange {
            None => payer.asset == payee.asset && debit - fee == receive,
            Some(_) => true,
        }
        && (fee == 0 || fees.is_some());
    let holds = |account: Account, by: i128| {
        let after = i128::from(account.balance) + by;
        let left = after - i128::from(account.reserved);
        i64::try_from(after).is_ok() && (account.kind != AccountKind::Holder || left >= 0)
    };
    let funded = match exchange {
        None if payer.id == payee.id => holds(payer, -debit),
        None => holds(payer, -debit) && holds(payee, receive),
        Some((source, target)) => {
            holds(payer, -debit) && holds(source, debit - fee) && holds(target, -receive) && holds(payee, receive)
        }
    } && (fee == 0 || fees.is_some_and(|fees| holds(fees, fee)));
    open && takes && named && countable && limited && routed && funded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_500))]

    /// A plan is made if and only if the payment is possible, and it violates nothing.
    #[test]
    fn a_plan_keeps_every_promise(scene in scene()) {
        let decided = scene.decide();
        prop_assert_eq!(decided.is_ok(), is_possible(&scene), "{:?}", decided);
        let plan = match decided {
            Ok(plan) => plan,
            Err(refusal) => {
                let known = [
                    Code::InvalidReceiver, Code::AmountTooLarge, Code::ReceiverNotAllowed, Code::LimitExceeded,
                    Code::InsufficientFunds, Code::NoRate,
                ];
                prop_assert!(known.contains(&refusal.code), "{refusal:?}");
                return Ok(());
            }
        };
        let (debit, receive) = (scene.price.debit, scene.price.receive);

        // The payment says what was asked, and all of it has left.
        prop_assert_eq!(plan.settled.payment.price, scene.price);
        prop_assert_eq!(plan.settled.payment.sent, debit);
        prop_assert_eq!(plan.settled.payment.state, State::Completed);

        // The receiver counts it and takes no more than it should.
        prop_assert_eq!(plan.settled.receiver.received - scene.receiver.received, receive.value());
        prop_assert!(plan.settled.receiver.incoming.is_none_or(|incoming| plan.settled.receiver.received <= incoming));
        let is_full = plan.settled.receiver.incoming == Some(plan.settled.receiver.received);
        prop_assert_eq!(plan.settled.receiver.completed_at, is_full.then_some(scene.now));

        // The counter grows by the debit, keeps what is on its way, and stays at or below the limit.
        prop_assert_eq!(plan.spend.debit() - scene.spend.debit(), debit.value());
        prop_assert_eq!(plan.spend.debit_reserved, scene.spend.debit_reserved);
        match scene.access.limits.as_ref().and_then(|limits| limits.amount) {
            Some(LimitAmount::Debit(limit)) => prop_assert!(plan.spend.debit() <= limit.value()),
            Some(LimitAmount::Receive(limit)) => {
                prop_assert_eq!(plan.spend.received, Received::Of(limit.asset()));
                prop_assert!(plan.spend.receive() <= limit.value());
            }
            None => {}
        }

        // The money: the payer loses the debit, the payee gets what arrives, every asset adds up to zero.
        let net = net_changes(&plan.settled.transfers).expect("changes that were found possible");
        let fee = i128::from(scene.price.fee.value());
        let LocalRoute { payer, payee, exchange, fees } = scene.route;
        let mut accounts = vec![payer];
        accounts.extend((payee.id != payer.id).then_some(payee));
        accounts.extend(exchange.into_iter().flat_map(|(source, target)| [source, target]));
        accounts.extend(fees);
        let mut moved = Vec::new();
        for account in &accounts {
            let change = net.iter().find(|change| change.account == account.id);
            prop_assert!(change.is_none_or(|change| account.allows(*change)), "{account:?} {change:?}");
            moved.push((account.id, account.asset, change.map_or(0, |change| i128::from(change.balance))));
        }
        prop_assert_eq!(net.len(), moved.iter().filter(|(.., by)| *by != 0).count());
        for asset in [payer.asset, payee.asset] {
            let of_asset = moved.iter().filter(|(_, other, _)| *other == asset);
            prop_assert_eq!(of_asset.map(|(.., by)| by).sum::<i128>(), 0);
        }
        let by = |account: Account| moved.iter().find(|(id, ..)| *id == account.id).unwrap().2;
        if payer.id == payee.id {
            prop_assert_eq!(by(payer), -fee);
        } else {
            prop_assert_eq!(by(payer), -i128::from(debit.value()));
            prop_assert_eq!(by(payee), i128::from(receive.value()));
        }
        // What was debited is the fee, and what the receiver or the provider's position got.
        prop_assert_eq!(fees.map_or(0, by), fee);
        if let Some((source, target)) = exchange {
            prop_assert_eq!(by(source), i128::from(debit.value()) - fee);
            prop_assert_eq!(by(target), -i128::from(receive.value()));
        }
        for transfer in &plan.settled.transfers {
            let asset_of = |id| accounts.iter().find(|account| account.id == id).map(|account| account.asset);
            prop_assert_eq!(asset_of(transfer.debit), Some(transfer.amount.asset()));
            prop_assert_eq!(asset_of(transfer.credit), Some(transfer.amount.asset()));
            prop_assert_eq!(transfer.reference, plan.settled.payment.id);
        }
    }
}
