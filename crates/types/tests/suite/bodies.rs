//! Bodies: what the specification's examples look like, and unknown fields.

use bursar_types::{
    ClientRef, ContinueResponse, CreateIncomingPayment, CreateOutgoingPayment, CreateQuote, GrantRequest,
    GrantResponse, IncomingPaymentWithMethods, OutgoingPaymentWithSpentAmounts, Page, PaymentMethod, SpentAmounts,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

fn both_ways<T: Serialize + DeserializeOwned>(body: Value) -> T {
    let read: T = serde_json::from_str(&body.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), body);
    read
}

fn refused<T: DeserializeOwned>(body: Value) -> String {
    serde_json::from_str::<T>(&body.to_string()).err().unwrap_or_else(|| panic!("{body} is accepted")).to_string()
}

fn amount(value: &str) -> Value {
    json!({ "value": value, "assetCode": "USD", "assetScale": 2 })
}

#[test]
fn clients_in_three_forms() {
    let request = |client: Value| json!({ "client": client, "access_token": { "access": [{ "type": "quote", "actions": ["read"] }] } });
    let plain: GrantRequest = both_ways(request(json!("https://app.example/")));
    assert_eq!(plain.client.wallet_address(), Some("https://app.example/"));
    let named: GrantRequest = both_ways(request(json!({ "walletAddress": "https://app.example/" })));
    assert!(matches!(named.client, ClientRef::WalletAddress(_)));
    let jwk = json!({ "kid": "k", "alg": "EdDSA", "use": "sig", "kty": "OKP", "crv": "Ed25519", "x": "AAAA" });
    let directed: GrantRequest = both_ways(request(json!({ "jwk": jwk })));
    assert_eq!(directed.client.wallet_address(), None);
    for client in
        [json!({}), json!({ "jwk": jwk, "walletAddress": "x" }), json!(7), json!({ "walletAddress": "x", "name": "y" })]
    {
        assert!(refused::<GrantRequest>(request(client)).contains("client"));
    }
    // New fields of GNAP are no reason to turn a client away.
    let newer = json!({ "client": "https://app.example/", "user": {}, "access_token": { "label": "x", "access": [] } });
    serde_json::from_value::<GrantRequest>(newer).unwrap();
}

#[test]
fn grant_answers() {
    let continuation =
        json!({ "access_token": { "value": "33OM" }, "uri": "https://auth.example/continue/1", "wait": 30 });
    let pending =
        json!({ "interact": { "redirect": "https://auth.example/i", "finish": "4105" }, "continue": continuation });
    assert!(matches!(both_ways(pending), GrantResponse::Pending { .. }));
    let token = json!({ "value": "OS9M", "manage": "https://auth.example/token/1", "expires_in": 600,
                        "access": [{ "type": "quote", "actions": ["create"] }] });
    let issued = both_ways(json!({ "access_token": token, "continue": continuation }));
    let GrantResponse::Issued { access_token, .. } = issued else { panic!("issued") };
    let printed = format!("{access_token:?}");
    assert!(printed.contains("/token/1") && !printed.contains("OS9M"), "{printed}");
    let answer: ContinueResponse = both_ways(json!({ "continue": continuation }));
    assert!(!format!("{answer:?}").contains("33OM"));
}

#[test]
fn payments() {
    let create: CreateIncomingPayment =
        both_ways(json!({ "walletAddress": "https://w.example/a", "incomingAmount": amount("2500"),
        "expiresAt": "2025-06-20T13:00:00Z", "metadata": { "ref": [1, { "a": null }] } }));
    assert!(create.metadata.is_some());
    assert!(refused::<CreateIncomingPayment>(json!({ "walletAddress": "x", "extra": 1 })).contains("extra"));
    assert!(
        refused::<CreateQuote>(json!({ "walletAddress": "x", "receiver": "y", "method": "card" })).contains("card")
    );
    for body in [
        json!({ "walletAddress": "x", "quoteId": "y", "metadata": {} }),
        json!({ "walletAddress": "x", "incomingPayment": "y", "debitAmount": amount("1") }),
    ] {
        both_ways::<CreateOutgoingPayment>(body);
    }
    for body in [
        json!({ "walletAddress": "x" }),
        json!({ "walletAddress": "x", "incomingPayment": "y" }),
        json!({ "walletAddress": "x", "quoteId": "y", "incomingPayment": "y", "debitAmount": amount("1") }),
        json!({ "walletAddress": "x", "quoteId": "y", "extra": 1 }),
    ] {
        assert!(refused::<CreateOutgoingPayment>(body).contains("quoteId"));
    }
    let incoming = json!({ "id": "i", "walletAddress": "w", "completed": false, "receivedAmount": amount("0"),
        "createdAt": "2025-05-20T13:00:00Z", "methods": [{ "type": "ilp", "ilpAddress": "g.x", "sharedSecret": "c2VjcmV0" }] });
    let incoming: IncomingPaymentWithMethods = both_ways(incoming);
    assert!(!format!("{incoming:?}").contains("c2VjcmV0"));
    let unknown = json!({ "type": "card", "number": "1" });
    assert_eq!(serde_json::from_value::<PaymentMethod>(unknown).unwrap(), PaymentMethod::Unknown);
    let outgoing = json!({ "id": "o", "walletAddress": "w", "failed": false, "receiver": "r", "receiveAmount": amount("1"),
        "debitAmount": amount("1"), "sentAmount": amount("1"), "createdAt": "2025-05-20T13:00:00.123456Z",
        "grantSpentDebitAmount": amount("1") });
    let outgoing: OutgoingPaymentWithSpentAmounts = both_ways(outgoing);
    both_ways::<SpentAmounts>(json!({ "spentDebitAmount": null, "spentReceiveAmount": amount("1") }));
    both_ways::<Page<Value>>(
        json!({ "pagination": { "hasNextPage": true, "hasPreviousPage": false }, "result": [outgoing] }),
    );
}
