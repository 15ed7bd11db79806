//! The hot parts that touch neither disk nor network: what is timed (`cargo bench --package bursar-pure`) and what is
//! counted (`cargo xtask instructions`). A crate of its own, so that counting builds next to nothing.

use bursar_core::Id;
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::incoming::IncomingPayment;
use bursar_core::ledger::{Account, AccountKind, LocalRoute};
use bursar_core::limits::{self, Spend};
use bursar_core::outgoing::{Create, Loaded, create_local};
use bursar_core::quote::{Fixed, Price, Terms, price};
use bursar_core::rate::{Rates, UnitRate};
use bursar_core::secret::{Purpose, Secret};
use bursar_httpsig::{Policy, PrivateKey, Request, SignOptions, parse, sign, verify};
use bursar_types::{Action, Actions, Asset, CreateOutgoingPayment, GrantRequest, Interval, Limits, ResourceType};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use std::hint::black_box;

/// A part: its name, and what makes all that it needs and returns one run of it.
pub struct Part {
    /// Its name in tables and on the command line.
    pub name: &'static str,
    /// Makes what it needs.
    pub prepare: fn() -> Run,
}

/// Runs a part once.
pub type Run = Box<dyn FnMut()>;

/// A run whose result is used, as far as the compiler can tell.
fn run_of<T>(part: impl Fn() -> T + 'static) -> Run {
    Box::new(move || _ = black_box(part()))
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All of them.
pub const PARTS: &[Part] = &[
    Part { name: "signature-parse", prepare: signature_parse },
    Part { name: "signature-base", prepare: signature_base },
    Part { name: "signature-verify", prepare: signature_verify },
    Part { name: "signature-sign", prepare: signature_sign },
    Part { name: "token-recognise", prepare: token_recognise },
    Part { name: "interval-parse", prepare: interval_parse },
    Part { name: "window-monthly", prepare: || interval_window("R/2025-01-31T00:00:00Z/P1M") },
    Part { name: "window-monthly-from-year-1", prepare: || interval_window("R/0001-01-01T00:00:00Z/P1M") },
    Part { name: "window-of-a-second", prepare: || interval_window("R/2025-01-01T00:00:00Z/PT1S") },
    Part { name: "limit-decision", prepare: limit_decision },
    Part { name: "price-across-assets", prepare: price_across_assets },
    Part { name: "payment-plan", prepare: payment_plan },
    Part { name: "json-payment-in", prepare: json_payment_in },
    Part { name: "json-grant-in", prepare: json_grant_in },
    Part { name: "json-payment-out", prepare: json_payment_out },
];

const NOW: i64 = 1_747_742_400;
const BODY: &[u8] = br#"{"walletAddress":"https://wallet.example/user","incomingPayment":"https://wallet.example/op/incoming-payments/0198f2a1-c0de-7abc-8def-0123456789ab","debitAmount":{"value":"500","assetCode":"CAD","assetScale":2}}"#;
const GRANT: &[u8] = br#"{"client":"https://wallet.example/app","access_token":{"access":[{"type":"outgoing-payment","actions":["create","read"],"identifier":"https://wallet.example/user","limits":{"debitAmount":{"value":"10000","assetCode":"CAD","assetScale":2},"interval":"R3/2025-05-20T13:00:00Z/P1M"}}]},"interact":{"start":["redirect"],"finish":{"method":"redirect","uri":"https://app.example/done","nonce":"n"}}}"#;
const LIMITS: &str =
    r#"{"debitAmount":{"value":"10000","assetCode":"CAD","assetScale":2},"interval":"R/2025-01-31T00:00:00Z/P1M"}"#;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("an instant")
}

fn id(number: u8) -> Id {
    Id::from_bytes([number; 16])
}

fn cad() -> Asset {
    Asset::new("CAD", 2).expect("an asset")
}

/// The headers of a signed payment, as the official SDK sends them.
fn signed(key: &PrivateKey) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("authorization", HeaderValue::from_static("GNAP OS9M2PMHKUR64TB8N6BW7OZB8CDFONP219RP1LT0"));
    let signed = sign(key, "key-1", &request(&headers), &SignOptions::new(NOW)).expect("it can be signed");
    signed.apply_to(&mut headers);
    headers
}

fn request(headers: &HeaderMap) -> Request<'_> {
    Request { method: "POST", target_uri: "https://wallet.example/op/outgoing-payments", headers, body: Some(BODY) }
}

fn signature_parse() -> Run {
    let headers = signed(&PrivateKey::from_seed([7; 32]));
    run_of(move || parse(black_box(&headers)))
}

fn signature_base() -> Run {
    let headers = signed(&PrivateKey::from_seed([7; 32]));
    let parsed = parse(&headers).expect("a signature").remove(0);
    run_of(move || parsed.signature_base(black_box(&request(&headers))))
}

fn signature_verify() -> Run {
    let key = PrivateKey::from_seed([7; 32]);
    let headers = signed(&key);
    let (parsed, public) = (parse(&headers).expect("a signature").remove(0), key.public_key());
    run_of(move || {
        let verified = verify(&parsed, black_box(&request(&headers)), &public, &Policy::default(), NOW);
        assert!(verified.is_ok(), "the signature is good");
    })
}

fn signature_sign() -> Run {
    let key = PrivateKey::from_seed([7; 32]);
    run_of(move || signed(black_box(&key)))
}

fn token_recognise() -> Run {
    let secret = Secret::new([7; 32]);
    let token = secret.token(Purpose::AccessToken, &id(1));
    run_of(move || secret.token_id(Purpose::AccessToken, black_box(&token)))
}

fn interval_window(text: &str) -> Run {
    let interval: Interval = text.parse().expect("an interval");
    run_of(move || interval.window_at(black_box(now())))
}

fn interval_parse() -> Run {
    run_of(|| black_box("R3/2025-05-20T13:00:00Z/P1M").parse::<Interval>())
}

fn limit_decision() -> Run {
    let limits: Limits = serde_json::from_str(LIMITS).expect("limits");
    let (amount, spend) = (cad().amount(500).expect("an amount"), Spend::default());
    run_of(move || limits::reserve(Some(&limits), black_box(&spend), amount, amount))
}

fn price_across_assets() -> Run {
    let rates = Rates::parse("USD", [("CAD", "1.3650"), ("JPY", "149.5")]).expect("rates");
    let mut fees = bursar_core::fee::Fees::default();
    fees.set("CAD", 290, "0.30").expect("a fee");
    let receiver = IncomingPayment { asset: Asset::new("JPY", 0).expect("an asset"), ..receiver() };
    let debit = Fixed::Debit(cad().amount(1_000).expect("an amount"));
    run_of(move || {
        let rate = rates.between(cad(), black_box(receiver.asset)).expect("a rate");
        let terms = Terms { rate, fee: fees.of(cad()) };
        price(debit, cad(), &receiver, &terms, now())
    })
}

fn receiver() -> IncomingPayment {
    IncomingPayment {
        id: id(5),
        wallet_address: id(6),
        client: ClientId::WalletAddress("https://wallet.example/app".to_owned()),
        asset: cad(),
        incoming: None,
        received: 0,
        metadata: None,
        created_at: now(),
        expires_at: Timestamp::MAX,
        completed_at: None,
        expired_at: None,
    }
}

fn payment_plan() -> Run {
    let account =
        |number| Account { id: id(number), kind: AccountKind::Holder, asset: cad(), balance: 9_999, reserved: 0 };
    let access = GrantedAccess {
        id: id(1),
        resource: ResourceType::OutgoingPayment,
        actions: Actions::of(&[Action::Create]),
        identifier: Some("https://wallet.example/user".to_owned()),
        limits: Some(serde_json::from_str(LIMITS).expect("limits")),
    };
    let (spend, receiver) = (Spend::default(), receiver());
    let route = LocalRoute { payer: account(2), payee: account(3), exchange: None, fees: None };
    let amount = cad().amount(500).expect("an amount");
    let price = Price { debit: amount, fee: cad().zero(), receive: amount, rate: Some(UnitRate::ONE) };
    run_of(move || {
        let ask = Create {
            id: id(4),
            wallet_address: id(7),
            client: receiver.client.clone(),
            quote: None,
            receiver: "https://wallet.example/op/incoming-payments/5".to_owned(),
            price,
            metadata: None,
        };
        let loaded = Loaded { access: &access, spend: &spend, window: 0, receiver: &receiver, route: &route };
        create_local(black_box(&loaded), ask, now())
    })
}

fn json_payment_in() -> Run {
    run_of(|| serde_json::from_slice::<CreateOutgoingPayment>(black_box(BODY)))
}

fn json_grant_in() -> Run {
    run_of(|| serde_json::from_slice::<GrantRequest>(black_box(GRANT)))
}

fn json_payment_out() -> Run {
    let ask: CreateOutgoingPayment = serde_json::from_slice(BODY).expect("a body");
    run_of(move || serde_json::to_vec(black_box(&ask)))
}
