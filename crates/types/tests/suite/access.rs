//! Access items and limits.

use bursar_types::{AccessItem, Action, LimitAmount, ResourceType};
use serde_json::{Value, json};

fn read(value: Value) -> Result<AccessItem, String> {
    serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())
}

#[test]
fn what_is_read_is_written() {
    let items = [
        json!({ "type": "incoming-payment", "actions": ["create", "complete", "read", "read-all", "list", "list-all"] }),
        json!({ "type": "incoming-payment", "actions": ["read"], "identifier": "https://wallet.example/alice" }),
        json!({ "type": "quote", "actions": ["create", "read", "read-all"] }),
        json!({ "type": "outgoing-payment", "actions": ["create"], "identifier": "https://wallet.example/alice" }),
        json!({ "type": "outgoing-payment", "actions": ["create", "read", "read-all", "list", "list-all"],
                "identifier": "https://wallet.example/alice", "limits": {} }),
        json!({ "type": "outgoing-payment", "actions": ["create"], "identifier": "https://wallet.example/alice",
                "limits": { "receiver": "https://x.example/incoming-payments/1", "interval": "R3/2025-05-20T13:00:00Z/P1M",
                            "debitAmount": { "value": "1", "assetCode": "CAD", "assetScale": 2 } } }),
        json!({ "type": "outgoing-payment", "actions": ["create"], "identifier": "https://wallet.example/alice",
                "limits": { "receiveAmount": { "value": "1", "assetCode": "CAD", "assetScale": 2 } } }),
    ];
    for item in items {
        assert_eq!(serde_json::to_value(read(item.clone()).unwrap()).unwrap(), item);
    }
}

#[test]
fn what_cannot_be_granted() {
    let amount = json!({ "value": "1", "assetCode": "CAD", "assetScale": 2 });
    let wallet = "https://wallet.example/alice";
    let cases = [
        (json!({ "type": "quote", "actions": ["complete"] }), "quote has no action complete"),
        (json!({ "type": "quote", "actions": ["list"] }), "quote has no action list"),
        (
            json!({ "type": "outgoing-payment", "actions": ["complete"], "identifier": wallet }),
            "has no action complete",
        ),
        (json!({ "type": "quote", "actions": [] }), "names no action"),
        (json!({ "type": "quote", "actions": ["read", "read"] }), "more than once"),
        (json!({ "type": "quote", "actions": ["write"] }), "write"),
        (json!({ "type": "quote", "actions": ["read"], "identifier": wallet }), "identifier"),
        (json!({ "type": "quote", "actions": ["read"], "limits": {} }), "limits"),
        (json!({ "type": "outgoing-payment", "actions": ["read"] }), "identifier"),
        (json!({ "type": "wallet", "actions": ["read"] }), "wallet"),
        (json!({ "actions": ["read"] }), "type"),
        (
            json!({ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet,
                 "limits": { "debitAmount": amount, "receiveAmount": amount } }),
            "not both",
        ),
        (
            json!({ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet,
                 "limits": { "debitAmmount": amount } }),
            "debitAmmount",
        ),
        (
            json!({ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet,
                 "limits": { "interval": "R0/2025-05-20T13:00:00Z/P1M" } }),
            "R0",
        ),
    ];
    for (item, reason) in cases {
        let refused = read(item.clone()).unwrap_err();
        assert!(refused.contains(reason), "{item}: {refused}");
    }
}

#[test]
fn accessors() {
    let item = read(json!({ "type": "outgoing-payment", "actions": ["read", "create"], "identifier": "x",
                            "limits": { "debitAmount": { "value": "7", "assetCode": "CAD", "assetScale": 2 } } }))
    .unwrap();
    assert_eq!((item.resource_type(), item.identifier()), (ResourceType::OutgoingPayment, Some("x")));
    assert!(item.actions().contains(Action::Create) && !item.actions().contains(Action::List));
    assert_eq!(item.actions().to_string(), "create, read");
    assert!(matches!(item.limits().unwrap().amount, Some(LimitAmount::Debit(amount)) if amount.value() == 7));
}
