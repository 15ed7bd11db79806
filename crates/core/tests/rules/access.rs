//! Access: which item allows what, on whose wallet address, and whose resources are seen.

use crate::support::{detail, id};
use bursar_core::Code;
use bursar_core::access::{
    ClientId, GrantedAccess, Scope, allowing, insufficient, require, require_list, require_read,
};
use bursar_types::{Action, Actions, ResourceType};

const ALICE: &str = "https://bank.example/alice";
const BOB: &str = "https://bank.example/bob";
use Action::*;
use ResourceType::*;

fn item(number: u64, resource: ResourceType, actions: &[Action], identifier: Option<&str>) -> GrantedAccess {
    GrantedAccess {
        id: id(number),
        resource,
        actions: Actions::of(actions),
        identifier: identifier.map(str::to_owned),
        limits: None,
    }
}

#[test]
fn the_first_item_that_allows_it_is_found() {
    let access = [
        item(1, IncomingPayment, &[Create, Complete], Some(ALICE)),
        item(2, OutgoingPayment, &[Read], Some(ALICE)),
        item(3, OutgoingPayment, &[Create, List], Some(ALICE)),
        item(4, OutgoingPayment, &[Create], Some(BOB)),
        item(5, Quote, &[Create], None),
        item(6, Quote, &[Create, Read], None),
    ];
    let check = |resource: ResourceType, action: Action, address: &str, expected: Option<u64>| {
        let found = require(&access, resource, action, address);
        match expected {
            Some(number) => assert_eq!(found.map(|item| item.id), Ok(id(number)), "{resource:?} {action:?} {address}"),
            None => {
                let refusal = found.expect_err("nothing allows it");
                assert_eq!((refusal.code, &*refusal.description), (Code::InsufficientGrant, "Insufficient Grant"));
                let needs = format!("{}: {}", resource.as_str(), action.as_str());
                assert_eq!(detail(&refusal, "needs").and_then(|text| text.as_str()), Some(needs.as_str()));
            }
        }
    };
    check(IncomingPayment, Create, ALICE, Some(1));
    check(IncomingPayment, Complete, ALICE, Some(1));
    check(IncomingPayment, Read, ALICE, None);
    check(IncomingPayment, Create, BOB, None);
    check(OutgoingPayment, Read, ALICE, Some(2));
    check(OutgoingPayment, Create, ALICE, Some(3));
    check(OutgoingPayment, Create, BOB, Some(4));
    check(OutgoingPayment, Read, BOB, None);
    check(OutgoingPayment, Complete, ALICE, None);
    // Without an identifier any wallet address of the provider will do.
    check(Quote, Create, ALICE, Some(5));
    check(Quote, Create, BOB, Some(5));
    check(Quote, Read, BOB, Some(6));
    // Addresses are compared in their canonical form, which the caller sees to.
    check(OutgoingPayment, Create, "https://bank.example/alice/", None);
    check(OutgoingPayment, Create, "https://bank.example/Alice", None);
    check(OutgoingPayment, Create, "https://bank.example/alicea", None);
    check(OutgoingPayment, Create, "", None);
    assert!(require(&[], Quote, Create, ALICE).is_err());
}

#[test]
fn all_items_that_allow_it_are_found_in_their_order() {
    let access = [
        item(1, OutgoingPayment, &[Create], Some(ALICE)),
        item(2, OutgoingPayment, &[Create], Some(BOB)),
        item(3, OutgoingPayment, &[Read], Some(ALICE)),
        item(4, Quote, &[Create], None),
        item(5, OutgoingPayment, &[Create, Read], Some(ALICE)),
    ];
    let check = |resource: ResourceType, action: Action, address: &str, expected: &[u64]| {
        let found: Vec<_> = allowing(&access, resource, action, address).map(|item| item.id).collect();
        assert_eq!(found, expected.iter().map(|number| id(*number)).collect::<Vec<_>>());
        assert_eq!(require(&access, resource, action, address).ok().map(|item| item.id), found.first().copied());
    };
    check(OutgoingPayment, Create, ALICE, &[1, 5]);
    check(OutgoingPayment, Create, BOB, &[2]);
    check(OutgoingPayment, Read, ALICE, &[3, 5]);
    check(OutgoingPayment, Read, BOB, &[]);
    check(Quote, Create, BOB, &[4]);
    check(IncomingPayment, Create, ALICE, &[]);
}

#[test]
fn reading_and_listing_see_own_resources_or_all() {
    #[track_caller]
    fn check(actions: &[Action], identifier: Option<&str>, read: Option<Scope>, list: Option<Scope>) {
        let access = [item(1, IncomingPayment, actions, identifier)];
        let scope = |found: Result<Scope, bursar_core::Refusal>, word: &str| match found {
            Ok(scope) => Some(scope),
            Err(refusal) => {
                assert_eq!(refusal, insufficient(IncomingPayment, if word == "read" { Read } else { List }));
                None
            }
        };
        assert_eq!(scope(require_read(&access, IncomingPayment, ALICE), "read"), read, "{actions:?} read");
        assert_eq!(scope(require_list(&access, IncomingPayment, ALICE), "list"), list, "{actions:?} list");
        // None of it reaches another kind of resource.
        assert!(require_read(&access, OutgoingPayment, ALICE).is_err());
        assert!(require_list(&access, OutgoingPayment, ALICE).is_err());
    }
    const OWN: Option<Scope> = Some(Scope::Own);
    const ALL: Option<Scope> = Some(Scope::All);
    check(&[Read], Some(ALICE), OWN, None);
    check(&[ReadAll], Some(ALICE), ALL, None);
    check(&[Read, ReadAll], Some(ALICE), ALL, None);
    check(&[List], Some(ALICE), None, OWN);
    check(&[ListAll], Some(ALICE), None, ALL);
    check(&[List, ListAll], Some(ALICE), None, ALL);
    check(&[Read, ListAll], Some(ALICE), OWN, ALL);
    check(&[ReadAll, List], None, ALL, OWN);
    check(&[Create, Complete], Some(ALICE), None, None);
    check(&Action::ALL, Some(BOB), None, None);
    check(&Action::ALL, None, ALL, ALL);
}

#[test]
fn the_wider_item_counts_wherever_it_stands() {
    let own = item(1, IncomingPayment, &[Read, List], None);
    let all = item(2, IncomingPayment, &[ReadAll, ListAll], Some(ALICE));
    for access in [[own.clone(), all.clone()], [all, own]] {
        assert_eq!(require_read(&access, IncomingPayment, ALICE), Ok(Scope::All));
        assert_eq!(require_list(&access, IncomingPayment, ALICE), Ok(Scope::All));
        assert_eq!(require_read(&access, IncomingPayment, BOB), Ok(Scope::Own));
        assert_eq!(require_list(&access, IncomingPayment, BOB), Ok(Scope::Own));
    }
}

#[test]
fn clients_are_stored_as_one_word() {
    let check = |client: ClientId, stored: &str| {
        assert_eq!(client.to_string(), stored);
        assert_eq!(ClientId::from_stored(stored.to_owned()), client);
    };
    check(ClientId::WalletAddress("https://app.example/shop".to_owned()), "https://app.example/shop");
    check(
        ClientId::Jwk("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".to_owned()),
        "jwk:kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    );
    check(ClientId::Holder(id(7)), &format!("holder:{}", id(7)));
    // Nothing else is taken for a person.
    assert_eq!(ClientId::from_stored("holder:x".to_owned()), ClientId::WalletAddress("holder:x".to_owned()));
    // Never the same client, even if the one's thumbprint is the other's address.
    let text = "https://app.example/shop".to_owned();
    assert_ne!(ClientId::Jwk(text.clone()).to_string(), ClientId::WalletAddress(text).to_string());
}
