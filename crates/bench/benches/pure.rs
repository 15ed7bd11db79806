//! The hot parts that touch neither disk nor network: `cargo bench --package bursar-bench`. Tests run each of them once.

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
use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

fn main() {
    divan::main();
}

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

#[divan::bench]
fn signature_parse(bencher: Bencher<'_, '_>) {
    let headers = signed(&PrivateKey::from_seed([7; 32]));
    bencher.bench(|| parse(black_box(&headers)));
}

#[divan::bench]
fn signature_base(bencher: Bencher<'_, '_>) {
    let headers = signed(&PrivateKey::from_seed([7; 32]));
    let parsed = parse(&headers).expect("a signature").remove(0);
    bencher.bench(|| parsed.signature_base(black_box(&request(&headers))));
}

#[divan::bench]
fn signature_verify(bencher: Bencher<'_, '_>) {
    let key = PrivateKey::from_seed([7; 32]);
    let headers = signed(&key);
    let (parsed, public) = (parse(&headers).expect("a signature").remove(0), key.public_key());
    bencher.bench(|| verify(&parsed, black_box(&request(&headers)), &public, &Policy::default(), NOW).is_ok());
}

#[divan::bench]
fn signature_sign(bencher: Bencher<'_, '_>) {
    let key = PrivateKey::from_seed([7; 32]);
    bencher.bench(|| signed(black_box(&key)));
}

#[divan::bench]
fn token_recognise(bencher: Bencher<'_, '_>) {
    let secret = Secret::new([7; 32]);
    let token = secret.token(Purpose::AccessToken, &id(1));
    bencher.bench(|| secret.token_id(Purpose::AccessToken, black_box(&token)));
}

#[divan::bench(args = ["R/2025-01-31T00:00:00Z/P1M", "R/0001-01-01T00:00:00Z/P1M", "R/2025-01-01T00:00:00Z/PT1S"])]
fn interval_window(bencher: Bencher<'_, '_>, text: &str) {
    let interval: Interval = text.parse().expect("an interval");
    bencher.bench(|| interval.window_at(black_box(now())));
}

#[divan::bench]
fn interval_parse(bencher: Bencher<'_, '_>) {
    bencher.bench(|| black_box("R3/2025-05-20T13:00:00Z/P1M").parse::<Interval>());
}

#[divan::bench]
fn limit_decision(bencher: Bencher<'_, '_>) {
    let limits: Limits = serde_json::from_str(LIMITS).expect("limits");
    let (amount, spend) = (cad().amount(500).expect("an amount"), Spend::default());
    bencher.bench(|| limits::reserve(Some(&limits), black_box(&spend), amount, amount));
}

#[divan::bench]
fn price_across_assets(bencher: Bencher<'_, '_>) {
    let rates = Rates::parse("USD", [("CAD", "1.3650"), ("JPY", "149.5")]).expect("rates");
    let mut fees = bursar_core::fee::Fees::default();
    fees.set("CAD", 290, "0.30").expect("a fee");
    let receiver = IncomingPayment { asset: Asset::new("JPY", 0).expect("an asset"), ..receiver() };
    let debit = Fixed::Debit(cad().amount(1_000).expect("an amount"));
    bencher.bench(|| {
        let rate = rates.between(cad(), black_box(receiver.asset))?;
        price(debit, cad(), &receiver, &Terms { rate, fee: fees.of(cad()) }, now())
    });
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

#[divan::bench]
fn payment_plan(bencher: Bencher<'_, '_>) {
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
    bencher
        .with_inputs(|| Create {
            id: id(4),
            wallet_address: id(7),
            client: receiver.client.clone(),
            quote: None,
            receiver: "https://wallet.example/op/incoming-payments/5".to_owned(),
            price,
            metadata: None,
        })
        .bench_values(|ask| {
            let loaded = Loaded { access: &access, spend: &spend, window: 0, receiver: &receiver, route: &route };
            create_local(black_box(&loaded), ask, now())
        });
}

#[divan::bench]
fn json_payment_in(bencher: Bencher<'_, '_>) {
    bencher.bench(|| serde_json::from_slice::<CreateOutgoingPayment>(black_box(BODY)));
}

#[divan::bench]
fn json_grant_in(bencher: Bencher<'_, '_>) {
    bencher.bench(|| serde_json::from_slice::<GrantRequest>(black_box(GRANT)));
}

#[divan::bench]
fn json_payment_out(bencher: Bencher<'_, '_>) {
    let ask: CreateOutgoingPayment = serde_json::from_slice(BODY).expect("a body");
    bencher.bench(|| serde_json::to_vec(black_box(&ask)));
}
