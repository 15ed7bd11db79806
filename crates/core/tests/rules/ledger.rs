//! The ledger: what transfers change, and that nothing is ever made or lost.

use crate::support::{amount, asset, check_unauthorized, id, value, without_fee};
use bursar_core::ledger::{
    Account, AccountKind, Change, FEE_LEG, LocalRoute, Transfer, TransferKind, local_payment, net_changes,
};
use bursar_core::quote::Price;
use bursar_core::{Code, Id, Refusal};
use bursar_types::VALUE_MAX;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;

fn account(number: u64, kind: AccountKind, asset_text: &str, balance: i64, reserved: i64) -> Account {
    Account { id: id(number), kind, asset: asset(asset_text), balance, reserved }
}

fn holder(number: u64, asset_text: &str, balance: i64, reserved: i64) -> Account {
    account(number, AccountKind::Holder, asset_text, balance, reserved)
}

fn transfer(leg: u8, kind: TransferKind, from: u64, to: u64, value: u64) -> Transfer {
    Transfer { reference: id(77), leg, kind, debit: id(from), credit: id(to), amount: amount(value, "CAD/2") }
}

fn change(account: u64, balance: i64, reserved: i64) -> Change {
    Change { account: id(account), balance, reserved }
}

#[test]
fn words_are_read_as_they_are_written() {
    for kind in [AccountKind::Holder, AccountKind::Exchange, AccountKind::Issuer] {
        assert_eq!(AccountKind::from_stored(kind.as_str()), Some(kind));
    }
    for word in ["", "Holder", "holder ", "bank"] {
        assert_eq!(AccountKind::from_stored(word), None, "{word:?}");
    }
    let post = TransferKind::Post { leg: 3, reserved: 9 };
    let void = TransferKind::Void { leg: 4, reserved: 9 };
    let words = [TransferKind::Direct, TransferKind::Reserve, post, void].map(TransferKind::as_str);
    assert_eq!(words, ["direct", "reserve", "post", "void"]);
    assert_eq!(
        [TransferKind::Direct, TransferKind::Reserve, post, void].map(TransferKind::ends),
        [None, None, Some(3), Some(4)]
    );
}

#[test]
fn what_an_account_allows() {
    #[track_caller]
    fn check(account: &Account, balance: i64, reserved: i64, expected: bool) {
        assert_eq!(account.allows(Change { account: account.id, balance, reserved }), expected);
    }
    let person = holder(1, "CAD/2", 100, 30);
    assert_eq!(person.available(), 70);
    check(&person, -70, 0, true);
    check(&person, -71, 0, false);
    check(&person, 0, 70, true);
    check(&person, 0, 71, false);
    check(&person, -100, -30, true);
    check(&person, -101, -30, false);
    check(&person, 0, -30, true);
    check(&person, 0, -31, false);
    check(&person, MAX - 100, 0, true);
    check(&person, MAX - 99, 0, false);
    check(&person, MIN, 0, false);
    check(&person, 0, MAX, false);
    check(&person, MAX, MAX, false);
    check(&person, MAX - 100, MAX - 30, true);
    for kind in [AccountKind::Exchange, AccountKind::Issuer] {
        let provider = account(2, kind, "CAD/2", -100, 0);
        check(&provider, -MAX, 0, false);
        check(&provider, MIN + 100, 0, true);
        check(&provider, MIN + 99, 0, false);
        check(&provider, 0, 5, true);
        check(&provider, 0, -1, false);
        // What is set aside must be countable, but need not be there.
        check(&provider, 0, MAX, true);
        check(&account(2, kind, "CAD/2", MIN, 1), 0, MAX - 1, true);
        check(&account(2, kind, "CAD/2", MAX, MAX), 0, 1, false);
    }
}

#[test]
fn what_a_transfer_changes() {
    #[track_caller]
    fn check(kind: TransferKind, expected: (i64, i64, i64)) {
        let [paid, received] = transfer(0, kind, 1, 2, 60).changes();
        assert_eq!((paid, received), (change(1, expected.0, expected.1), change(2, expected.2, 0)));
    }
    check(TransferKind::Direct, (-60, 0, 60));
    check(TransferKind::Reserve, (0, 60, 0));
    check(TransferKind::Post { leg: 0, reserved: 60 }, (-60, -60, 60));
    check(TransferKind::Post { leg: 0, reserved: 100 }, (-60, -100, 60));
    check(TransferKind::Void { leg: 0, reserved: 60 }, (0, -60, 0));
}

#[test]
fn changes_are_added_up() {
    #[track_caller]
    fn check(transfers: &[Transfer], expected: Option<Vec<Change>>) {
        assert_eq!(net_changes(transfers), expected);
    }
    let direct = |from, to, value| transfer(0, TransferKind::Direct, from, to, value);
    check(&[], Some(vec![]));
    check(&[direct(2, 1, 5)], Some(vec![change(1, 5, 0), change(2, -5, 0)]));
    check(&[direct(1, 2, 5), direct(2, 3, 5)], Some(vec![change(1, -5, 0), change(3, 5, 0)]));
    check(&[direct(1, 1, 5)], Some(vec![]));
    check(&[direct(1, 2, 5), direct(2, 1, 5)], Some(vec![]));
    check(
        &[
            transfer(0, TransferKind::Reserve, 1, 2, 8),
            transfer(1, TransferKind::Post { leg: 0, reserved: 8 }, 1, 2, 3),
        ],
        Some(vec![change(1, -3, 0), change(2, 3, 0)]),
    );
    // Beyond 64 bits there is no change that could be applied, rather than a smaller one.
    check(&[direct(1, 2, VALUE_MAX)], Some(vec![change(1, -MAX, 0), change(2, MAX, 0)]));
    check(
        &[direct(1, 2, VALUE_MAX), direct(1, 3, 1)],
        Some(vec![change(1, MIN, 0), change(2, MAX, 0), change(3, 1, 0)]),
    );
    check(&[direct(1, 2, VALUE_MAX), direct(1, 3, 2)], None);
    check(&[direct(1, 2, VALUE_MAX), direct(3, 2, 1)], None);
    check(&[direct(1, 2, VALUE_MAX), direct(1, 2, VALUE_MAX)], None);
    // Halfway beyond, and back again.
    let there_and_back = [direct(1, 2, VALUE_MAX), direct(1, 2, VALUE_MAX), direct(2, 1, VALUE_MAX)];
    check(&there_and_back, Some(vec![change(1, -MAX, 0), change(2, MAX, 0)]));
}

/// What a payment within the provider moves: (payer, payee, value) of each transfer, or the code of the refusal.
fn moved(route: &LocalRoute, debit: (u64, &str), receive: (u64, &str)) -> Result<Vec<(Id, Id, u64)>, Refusal> {
    let price = without_fee(amount(debit.0, debit.1), amount(receive.0, receive.1));
    let transfers = local_payment(route, id(77), &price)?;
    let legs: Vec<u8> = transfers.iter().map(|transfer| transfer.leg).collect();
    assert_eq!(legs, (0..legs.len() as u8).collect::<Vec<_>>());
    assert!(transfers.iter().all(|transfer| transfer.kind == TransferKind::Direct && transfer.reference == id(77)));
    Ok(transfers.into_iter().map(|transfer| (transfer.debit, transfer.credit, transfer.amount.value())).collect())
}

fn exchange(source: (i64, i64), target: (i64, i64)) -> Option<(Account, Account)> {
    let position =
        |number, asset, (balance, reserved)| account(number, AccountKind::Exchange, asset, balance, reserved);
    Some((position(8, "CAD/2", source), position(9, "USD/2", target)))
}

#[test]
fn a_payment_of_one_asset_is_one_transfer() {
    let route = |payer: i64, payee: i64| LocalRoute {
        payer: holder(1, "CAD/2", payer, 10),
        payee: holder(2, "CAD/2", payee, 0),
        exchange: None,
        fees: None,
    };
    assert_eq!(moved(&route(110, 0), (100, "CAD/2"), (100, "CAD/2")), Ok(vec![(id(1), id(2), 100)]));
    assert_eq!(moved(&route(110, MAX - 100), (100, "CAD/2"), (100, "CAD/2")), Ok(vec![(id(1), id(2), 100)]));
    let refusal = moved(&route(109, 0), (100, "CAD/2"), (100, "CAD/2")).expect_err("ten are reserved");
    check_unauthorized(&refusal, Code::InsufficientFunds, "the wallet does not have enough money");
    let refusal = moved(&route(110, MAX - 99), (100, "CAD/2"), (100, "CAD/2")).expect_err("the payee is full");
    assert_eq!(
        (refusal.code, refusal.description.as_ref()),
        (Code::AmountTooLarge, "an account cannot hold that much")
    );
    // Not enough money comes first: the payer learns nothing about the payee's account.
    let refusal = moved(&route(109, MAX), (100, "CAD/2"), (100, "CAD/2")).expect_err("neither");
    assert_eq!(refusal.code, Code::InsufficientFunds);
}

#[test]
fn a_payment_of_two_assets_goes_through_the_provider() {
    let route = |payer: i64, payee: i64, exchange| LocalRoute {
        payer: holder(1, "CAD/2", payer, 0),
        payee: holder(2, "USD/2", payee, 0),
        exchange,
        fees: None,
    };
    let both = Ok(vec![(id(1), id(8), 136), (id(9), id(2), 100)]);
    assert_eq!(moved(&route(136, 0, exchange((0, 0), (0, 0))), (136, "CAD/2"), (100, "USD/2")), both);
    assert_eq!(moved(&route(136, 0, exchange((-5, 0), (MIN + 100, 0))), (136, "CAD/2"), (100, "USD/2")), both);
    #[track_caller]
    fn check(route: &LocalRoute, debit: (u64, &str), receive: (u64, &str), expected: Code) {
        assert_eq!(moved(route, debit, receive).expect_err("refused").code, expected);
    }
    let (cad, usd) = ((136, "CAD/2"), (100, "USD/2"));
    check(&route(135, 0, exchange((0, 0), (0, 0))), cad, usd, Code::InsufficientFunds);
    check(&route(136, MAX - 99, exchange((0, 0), (0, 0))), cad, usd, Code::AmountTooLarge);
    check(&route(136, 0, exchange((MAX - 135, 0), (0, 0))), cad, usd, Code::AmountTooLarge);
    check(&route(136, 0, exchange((0, 0), (MIN + 99, 0))), cad, usd, Code::AmountTooLarge);
    check(&route(136, 0, None), cad, usd, Code::NoRate);
}

#[test]
fn a_fee_is_one_more_transfer() {
    let route = |payer: i64, fees| LocalRoute {
        payer: holder(1, "CAD/2", payer, 0),
        payee: holder(2, "CAD/2", 0, 0),
        exchange: None,
        fees,
    };
    let fees = |asset| Some(account(7, AccountKind::Fees, asset, 0, 0));
    let price = Price { fee: amount(3, "CAD/2"), ..without_fee(amount(103, "CAD/2"), amount(100, "CAD/2")) };
    let legs = |transfers: Vec<Transfer>| -> Vec<_> {
        transfers.iter().map(|t| (t.leg, t.debit, t.credit, t.amount.value())).collect()
    };
    let paid = local_payment(&route(103, fees("CAD/2")), id(77), &price).map(legs);
    assert_eq!(paid, Ok(vec![(0, id(1), id(2), 100), (FEE_LEG, id(1), id(7), 3)]));
    // The payer needs the money for both.
    let refusal = local_payment(&route(102, fees("CAD/2")), id(77), &price).expect_err("a cent is missing");
    assert_eq!(refusal.code, Code::InsufficientFunds);
    for wrong in [None, fees("USD/2"), fees("CAD/9")] {
        let refusal = local_payment(&route(103, wrong), id(77), &price).expect_err("no place for the fee");
        assert_eq!(refusal.code, Code::NoRate);
    }
    let full = Some(account(7, AccountKind::Fees, "CAD/2", MAX - 2, 0));
    let refusal = local_payment(&route(103, full), id(77), &price).expect_err("no room for the fee");
    assert_eq!(refusal.code, Code::AmountTooLarge);
    // Without a fee the account does not matter.
    let free = without_fee(amount(100, "CAD/2"), amount(100, "CAD/2"));
    assert_eq!(local_payment(&route(103, fees("USD/2")), id(77), &free).map(legs), Ok(vec![(0, id(1), id(2), 100)]));
    // What is paid to oneself comes back, the fee does not.
    let own = holder(1, "CAD/2", 103, 0);
    let to_itself = LocalRoute { payer: own, payee: own, exchange: None, fees: fees("CAD/2") };
    let transfers = local_payment(&to_itself, id(77), &price).expect("it has the money");
    let net: Vec<_> = net_changes(&transfers).expect("small").iter().map(|c| (c.account, c.balance)).collect();
    assert_eq!(net, [(id(1), -3), (id(7), 3)]);
}

#[test]
fn amounts_must_be_of_the_accounts_assets() {
    #[track_caller]
    fn check(payer: &str, payee: &str, positions: Option<(&str, &str)>, debit: (u64, &str), receive: (u64, &str)) {
        let position = |number, asset| account(number, AccountKind::Exchange, asset, 0, 0);
        let route = LocalRoute {
            payer: holder(1, payer, 1_000, 0),
            payee: holder(2, payee, 0, 0),
            exchange: positions.map(|(source, target)| (position(8, source), position(9, target))),
            fees: None,
        };
        assert_eq!(moved(&route, debit, receive).expect_err("refused").code, Code::NoRate);
    }
    check("CAD/2", "USD/2", None, (5, "CAD/2"), (5, "CAD/2"));
    check("CAD/2", "CAD/2", None, (5, "CAD/2"), (4, "CAD/2"));
    check("CAD/2", "CAD/2", None, (5, "USD/2"), (5, "USD/2"));
    check("CAD/2", "CAD/9", None, (5, "CAD/2"), (5, "CAD/2"));
    let right = Some(("CAD/2", "USD/2"));
    check("CAD/2", "USD/2", right, (5, "USD/2"), (5, "USD/2"));
    check("CAD/2", "USD/2", right, (5, "CAD/2"), (5, "CAD/2"));
    check("CAD/2", "USD/2", right, (5, "CAD/9"), (5, "USD/2"));
    check("CAD/2", "USD/2", Some(("USD/2", "CAD/2")), (5, "CAD/2"), (5, "USD/2"));
    check("CAD/2", "EUR/2", right, (5, "CAD/2"), (5, "USD/2"));
    check("EUR/2", "USD/2", right, (5, "CAD/2"), (5, "USD/2"));
}

#[test]
fn a_payment_to_itself_changes_nothing_and_needs_the_money() {
    let route = |balance, reserved| {
        let account = holder(1, "CAD/2", balance, reserved);
        LocalRoute { payer: account, payee: account, exchange: None, fees: None }
    };
    let amount = |value| amount(value, "CAD/2");
    let transfers =
        local_payment(&route(100, 0), id(77), &without_fee(amount(100), amount(100))).expect("it has the money");
    assert_eq!(transfers.len(), 1);
    assert_eq!(net_changes(&transfers), Some(vec![]));
    for (balance, reserved) in [(99, 0), (100, 1), (0, 0)] {
        let refusal = local_payment(&route(balance, reserved), id(77), &without_fee(amount(100), amount(100)))
            .expect_err("refused");
        check_unauthorized(&refusal, Code::InsufficientFunds, "the wallet does not have enough money");
    }
    // A full account can pay itself as well: nothing is added to it.
    assert!(local_payment(&route(MAX, 0), id(77), &without_fee(amount(VALUE_MAX), amount(VALUE_MAX))).is_ok());
}

fn kind() -> impl Strategy<Value = TransferKind> {
    prop_oneof![
        3 => Just(TransferKind::Direct),
        1 => Just(TransferKind::Reserve),
        1 => value().prop_map(|reserved| TransferKind::Post { leg: 0, reserved }),
        1 => value().prop_map(|reserved| TransferKind::Void { leg: 0, reserved }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// One change for each account that changes, in the order of ids, and each is the sum.
    #[test]
    fn net_changes_are_the_sum(
        drawn in prop::collection::vec((kind(), 1_u64..6, 1_u64..6, value()), 0..12),
    ) {
        let transfers: Vec<Transfer> = drawn
            .iter()
            .enumerate()
            .map(|(leg, (kind, from, to, value))| transfer(leg as u8, *kind, *from, *to, *value))
            .collect();
        let mut sums: BTreeMap<Id, (i128, i128)> = BTreeMap::new();
        for (kind, from, to, value) in &drawn {
            let value = i128::from(*value);
            let (moved, set_aside) = match *kind {
                TransferKind::Direct => (value, 0),
                TransferKind::Reserve => (0, value),
                TransferKind::Post { reserved, .. } => (value, -i128::from(reserved)),
                TransferKind::Void { reserved, .. } => (0, -i128::from(reserved)),
            };
            let payer = sums.entry(id(*from)).or_default();
            *payer = (payer.0 - moved, payer.1 + set_aside);
            sums.entry(id(*to)).or_default().0 += moved;
        }
        sums.retain(|_, sum| *sum != (0, 0));
        let is_narrow = |sum: &i128| i64::try_from(*sum).is_ok();
        let countable = sums.values().all(|(balance, reserved)| is_narrow(balance) && is_narrow(reserved));
        let net = net_changes(&transfers);
        prop_assert_eq!(net.is_some(), countable);
        if let Some(net) = net {
            let listed: Vec<(Id, (i128, i128))> =
                net.iter().map(|change| (change.account, (change.balance.into(), change.reserved.into()))).collect();
            prop_assert_eq!(listed, sums.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(net.iter().map(|change| i128::from(change.balance)).sum::<i128>(), 0);
        }
    }
}

/// One thing that happens to the ledger.
#[derive(Debug, Clone, Copy)]
enum Step {
    Direct {
        from: usize,
        to: usize,
        value: u64,
    },
    Reserve {
        from: usize,
        to: usize,
        value: u64,
    },
    /// Ends one of the open reservations; posts so many hundredths of it, or voids it.
    End {
        which: usize,
        hundredths: Option<u64>,
    },
    /// A payment within the provider, of two assets if the two accounts have two.
    Pay {
        from: usize,
        to: usize,
        debit: u64,
        receive: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let value = || prop_oneof![4 => 0_u64..500, 1 => value()];
    let of = || 0_usize..10;
    prop_oneof![
        4 => (of(), of(), value()).prop_map(|(from, to, value)| Step::Direct { from, to, value }),
        3 => (of(), of(), value()).prop_map(|(from, to, value)| Step::Reserve { from, to, value }),
        3 => (any::<usize>(), prop::option::of(0_u64..=100))
            .prop_map(|(which, hundredths)| Step::End { which, hundredths }),
        3 => (of(), of(), value(), value())
            .prop_map(|(from, to, debit, receive)| Step::Pay { from, to, debit, receive }),
    ]
}

/// Three people, a position and an issuer in each of two assets.
fn ledger() -> Vec<Account> {
    let mut accounts = Vec::new();
    for (first, asset) in [(0, "CAD/2"), (5, "USD/2")] {
        accounts.extend((0..3).map(|number| holder(first + number, asset, 0, 0)));
        accounts.push(account(first + 3, AccountKind::Exchange, asset, 0, 0));
        accounts.push(account(first + 4, AccountKind::Issuer, asset, 0, 0));
    }
    accounts
}

/// Applies transfers if every account allows its change, as the store does.
fn apply(accounts: &mut [Account], transfers: &[Transfer]) -> bool {
    let Some(net) = net_changes(transfers) else { return false };
    let find = |change: &Change| (0..10).find(|index| id(*index as u64) == change.account).expect("an account");
    if !net.iter().all(|change| accounts[find(change)].allows(*change)) {
        return false;
    }
    for change in &net {
        let account = &mut accounts[find(change)];
        account.balance += change.balance;
        account.reserved += change.reserved;
    }
    true
}

fn is_sound(accounts: &[Account]) -> Result<(), TestCaseError> {
    for asset_text in ["CAD/2", "USD/2"] {
        let of_asset = accounts.iter().filter(|account| account.asset == asset(asset_text));
        prop_assert_eq!(of_asset.map(|account| i128::from(account.balance)).sum::<i128>(), 0, "{}", asset_text);
    }
    for account in accounts {
        prop_assert!(account.reserved >= 0, "{account:?}");
        if account.kind == AccountKind::Holder {
            prop_assert!(account.available() >= 0 && account.balance >= 0, "{account:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is tried, money only moves: every asset adds up to zero, no account holder owes anything, and what
    /// is set aside is what open reservations say.
    #[test]
    fn money_is_neither_made_nor_lost(steps in prop::collection::vec(step(), 1..80)) {
        let mut accounts = ledger();
        let mut open: Vec<Transfer> = Vec::new();
        // Something to begin with.
        for (issuer, person) in [(4, 0), (9, 5)] {
            let begin = direct_of(&accounts, issuer, person, 1_000);
            prop_assert!(apply(&mut accounts, &[begin]));
        }
        for step in steps {
            match step {
                Step::Direct { from, to, value } if accounts[from].asset == accounts[to].asset => {
                    let direct = direct_of(&accounts, from, to, value);
                    apply(&mut accounts, &[direct]);
                }
                Step::Reserve { from, to, value } if accounts[from].asset == accounts[to].asset => {
                    let reserve = Transfer { kind: TransferKind::Reserve, ..direct_of(&accounts, from, to, value) };
                    if apply(&mut accounts, &[reserve]) {
                        open.push(reserve);
                    }
                }
                Step::End { which, hundredths } if !open.is_empty() => {
                    let index = which % open.len();
                    let reserve = open[index];
                    let reserved = reserve.amount.value();
                    let end = match hundredths {
                        Some(hundredths) => {
                            let part = u128::from(reserved) * u128::from(hundredths) / 100;
                            let amount = reserve.amount.asset().amount(u64::try_from(part).unwrap()).unwrap();
                            Transfer { kind: TransferKind::Post { leg: reserve.leg, reserved }, amount, ..reserve }
                        }
                        None => Transfer { kind: TransferKind::Void { leg: reserve.leg, reserved }, ..reserve },
                    };
                    // What a person has set aside can always be paid; only a payee that is full may refuse it.
                    let find = |id| accounts.iter().find(|account| account.id == id).unwrap();
                    let is_due = find(end.debit).kind == AccountKind::Holder && find(end.credit).allows(end.changes()[1]);
                    let applied = apply(&mut accounts, &[end]);
                    prop_assert!(applied || !is_due, "{end:?}");
                    if applied {
                        open.swap_remove(index);
                    }
                }
                Step::Pay { from, to, debit, receive } => {
                    let (payer, payee) = (accounts[from], accounts[to]);
                    let exchange = (payer.asset != payee.asset).then(|| {
                        let position = |asset| {
                            let is_position = |other: &&Account| other.kind == AccountKind::Exchange && other.asset == asset;
                            *accounts.iter().find(is_position).unwrap()
                        };
                        (position(payer.asset), position(payee.asset))
                    });
                    let receive = if exchange.is_some() { receive } else { debit };
                    let route = LocalRoute { payer, payee, exchange, fees: None };
                    let (debit, receive) = (payer.asset.amount(debit).unwrap(), payee.asset.amount(receive).unwrap());
                    let transfers = local_payment(&route, id(77), &without_fee(debit, receive));
                    // What was found possible is possible: after the decision nothing can fail.
                    if let Ok(transfers) = transfers {
                        prop_assert!(apply(&mut accounts, &transfers), "{transfers:?}");
                    }
                }
                _ => {}
            }
            is_sound(&accounts)?;
            for account in &accounts {
                let open = open.iter().filter(|reserve| reserve.debit == account.id);
                let set_aside: i128 = open.map(|reserve| i128::from(reserve.amount.value())).sum();
                prop_assert_eq!(i128::from(account.reserved), set_aside);
            }
        }
    }
}

fn direct_of(accounts: &[Account], from: usize, to: usize, value: u64) -> Transfer {
    Transfer {
        reference: id(77),
        leg: 0,
        kind: TransferKind::Direct,
        debit: accounts[from].id,
        credit: accounts[to].id,
        amount: accounts[from].asset.amount(value).expect("an amount"),
    }
}
