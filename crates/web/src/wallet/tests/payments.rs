//! The pages of payments: what their holder reads, finds and downloads, and that nobody else does.

use super::{Answer, Browser, Provider};
use axum::http::StatusCode;
use bursar_core::Id;
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::grant::{BoundKey, Grant, State as GrantState};
use bursar_core::incoming::IncomingPayment;
use bursar_core::ledger::{AccountKind, Transfer, TransferKind};
use bursar_core::outgoing::{OutgoingPayment, State};
use bursar_core::quote::Price;
use bursar_store::wallet_address::WalletAddress;
use bursar_store::{grant, incoming_payment, ledger, outgoing_payment, wallet_address};
use bursar_types::{Action, Actions, ResourceType};
use jiff::{SignedDuration, Timestamp};

const HOSTILE: &str = "<script>alert(1)</script>\u{202e}\" onload=x";

fn at(minutes: i64) -> Timestamp {
    let beginning: Timestamp = "2025-05-20T12:00:00Z".parse().unwrap();
    beginning + SignedDuration::from_mins(minutes)
}

fn id(number: u64) -> Id {
    Id::new(at(i64::try_from(number).unwrap()), [0; 10])
}

/// Payments of so many cents between alice and bob, made by an app with an odd name.
async fn pay(provider: &Provider, payments: Vec<(u64, bool, Option<&'static str>)>) {
    let write = provider.app.store.write(Vec::new(), move |tx| {
        let mut wallet = |name: &str| wallet_address::by_url(tx, &format!("https://bank.test/{name}"));
        let (alice, bob): (WalletAddress, WalletAddress) = (wallet("alice")?.unwrap(), wallet("bob")?.unwrap());
        let client = ClientId::WalletAddress("https://shop.example/app".to_owned());
        let access = GrantedAccess {
            id: id(20_000),
            resource: ResourceType::OutgoingPayment,
            actions: Actions::of(&[Action::Create]),
            identifier: Some(alice.url.clone()),
            limits: None,
        };
        let granted = Grant {
            id: id(20_001),
            client: client.clone(),
            client_name: Some(HOSTILE.to_owned()),
            key: BoundKey { kid: "key".to_owned(), x: [1; 32] },
            endpoint: "https://bank.test/auth".to_owned(),
            access: vec![access.clone()],
            subject: None,
            finish: None,
            created_at: at(0),
            expires_at: at(1),
            polled_at: None,
            paused_at: None,
            revision: 0,
            state: GrantState::Issued { holder: Some(alice.holder) },
        };
        grant::insert(tx, &granted)?;
        for (number, is_out, note) in &payments {
            let (payer, payee) = if *is_out { (&alice, &bob) } else { (&bob, &alice) };
            let cents = payer.asset.amount(*number).unwrap();
            let request = IncomingPayment {
                id: id(10_000 + number),
                wallet_address: payee.id,
                client: client.clone(),
                asset: payee.asset,
                incoming: Some(*number),
                received: *number,
                metadata: (!is_out).then(|| serde_json::json!({ "description": note }).to_string()),
                created_at: at(0),
                expires_at: at(10_000),
                completed_at: Some(at(1)),
                expired_at: None,
            };
            incoming_payment::insert(tx, &request)?;
            let payment = OutgoingPayment {
                id: id(*number),
                wallet_address: payer.id,
                client: client.clone(),
                counted: Some(bursar_core::outgoing::Counted { access: access.id, window: 0 }),
                quote: None,
                receiver: format!("https://bank.test/op/incoming-payments/{}", request.id),
                incoming_payment: request.id,
                price: Price { debit: cents, fee: cents.asset().zero(), receive: cents, rate: None },
                sent: cents,
                state: State::Completed,
                metadata: is_out
                    .then(|| serde_json::json!({ "description": note, "secret": "of the payer" }).to_string()),
                created_at: at(i64::try_from(*number).unwrap()),
            };
            outgoing_payment::insert(tx, &payment)?;
            let transfer = Transfer {
                reference: payment.id,
                leg: 0,
                kind: TransferKind::Direct,
                debit: payer.account,
                credit: payee.account,
                amount: cents,
            };
            assert_eq!(ledger::account(tx, &payer.account)?.unwrap().kind, AccountKind::Holder);
            ledger::transfer(tx, &[transfer], payment.created_at)?;
        }
        Ok::<_, bursar_app::Error>(())
    });
    write.await.unwrap();
}

async fn logged_in<'a>(provider: &'a Provider, name: &str) -> Browser<'a> {
    let mut browser = provider.browser();
    browser.log_in_at("/login", name, name).await;
    browser
}

/// What stands in the rows of a list, from the top.
fn sums(page: &Answer) -> Vec<String> {
    let sums = page.body.split("<span class=\"sum ").skip(1);
    sums.map(|rest| rest.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn nobody_reads_the_payments_of_others() {
    let provider = Provider::new().await;
    pay(&provider, vec![(100, true, Some("Lunch")), (101, false, Some("Refund"))]).await;
    let new = bursar_app::accounts::NewAccount {
        name: "carol".to_owned(),
        wallet_address: None,
        public_name: None,
        asset: bursar_types::Asset::new("CAD", 2).unwrap(),
        balance: 0,
        password: "carol".to_owned(),
    };
    bursar_app::accounts::create(&provider.app, new).await.unwrap();
    let [out, back] = [100, 101].map(|number| format!("/wallet/payments/{}", id(number)));

    let mut stranger = provider.browser();
    for path in [&out, &back, "/wallet", "/wallet/payments", "/wallet/payments/export.csv", "/wallet/payments?q=lunch"]
    {
        assert!(stranger.get(path).await.location().starts_with("/login"), "{path}");
    }
    let mut carol = logged_in(&provider, "carol").await;
    for path in [&out, &back] {
        let page = carol.get(path).await;
        assert_eq!((page.status, page.heading()), (StatusCode::NOT_FOUND, "This is not here"));
        assert!(!page.body.contains("Lunch") && !page.body.contains("CAD"));
    }
    for path in ["/wallet/payments", "/wallet/payments?q=lunch", "/wallet/payments?wallet=https://bank.test/alice"] {
        assert_eq!(sums(&carol.get(path).await), [""; 0], "{path}");
    }
    assert_eq!(carol.get("/wallet/payments/export.csv").await.body.lines().count(), 1);
    let cursor = format!("/wallet/payments?newer={}", id(1));
    assert_eq!(sums(&carol.get(&cursor).await), [""; 0]);
    for odd in ["x", "../account", "00000000-0000-0000-0000-000000000000", "export.cs"] {
        assert_eq!(carol.get(&format!("/wallet/payments/{odd}")).await.status, StatusCode::NOT_FOUND, "{odd}");
    }

    // Whoever was paid sees the money, and not what the payer's app noted.
    let mut bob = logged_in(&provider, "bob").await;
    let page = bob.get(&out).await;
    assert!(page.body.contains("+1.00 CAD") && page.body.contains("bank.test</b>/alice"));
    assert!(!page.body.contains("Lunch") && !page.body.contains("of the payer") && !page.body.contains("What it cost"));
    let mut alice = logged_in(&provider, "alice").await;
    let page = alice.get(&out).await;
    for told in ["\u{2212}1.00 CAD", "Lunch", "of the payer", "What it cost", "In the ledger", "bank.test</b>/bob"] {
        assert!(page.body.contains(told), "{told}");
    }
    let page = alice.get(&back).await;
    assert!(
        page.body.contains("+1.01 CAD") && page.body.contains("Refund") && page.body.contains("The request it paid")
    );
}

#[tokio::test]
async fn payments_are_found_and_paged() {
    let provider = Provider::new().await;
    let made = (100..140).map(|number| (number, number % 3 != 0, (number % 10 == 0).then_some("Coffee"))).collect();
    pay(&provider, made).await;
    let mut alice = logged_in(&provider, "alice").await;
    let home = alice.get("/wallet").await;
    assert_eq!(sums(&home)[..2], ["\u{2212}1.39 CAD", "+1.38 CAD"]);
    assert_eq!(sums(&home).len(), 6);

    let first = alice.get("/wallet/payments").await;
    let older = format!("/wallet/payments?older={}", id(115));
    assert_eq!(sums(&first).len(), 25);
    assert!(
        first.body.contains(&format!("href=\"{older}\"")) && !first.body.contains("rel=\"prev\""),
        "{}",
        first.body
    );
    let second = alice.get(&older).await;
    assert_eq!(sums(&second).len(), 15);
    let newer = format!("/wallet/payments?newer={}", id(114));
    assert!(second.body.contains(&format!("href=\"{newer}\"")) && !second.body.contains("rel=\"next\""));
    assert_eq!(sums(&alice.get(&newer).await), sums(&first));

    let mut check = async |query: &str, expected: &[&str]| {
        let page = alice.get(&format!("/wallet/payments?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}");
        assert_eq!(sums(&page), expected, "{query}");
    };
    check("q=coffee", &["\u{2212}1.30 CAD", "+1.20 CAD", "\u{2212}1.10 CAD", "\u{2212}1.00 CAD"]).await;
    check("q=COFFEE+bob&side=in", &["+1.20 CAD"]).await;
    check("q=%24bank.test/bob&most=1.01", &["\u{2212}1.01 CAD", "\u{2212}1.00 CAD"]).await;
    check("least=1%2C38", &["\u{2212}1.39 CAD", "+1.38 CAD"]).await;
    check("state=completed&app=https://shop.example/app&least=1.39", &["\u{2212}1.39 CAD"]).await;
    check("app=https://other.example/", &[]).await;
    check("from=2025-05-21", &[]).await;
    check("to=2025-05-20&least=1.39&side=out", &["\u{2212}1.39 CAD"]).await;
    check(&format!("q={}", id(117)), &["+1.17 CAD"]).await;
    check("q=nobody", &[]).await;

    let page = alice.get("/wallet/payments?app=https://other.example/").await.body;
    assert!(page.contains("<option value=\"https://other.example/\" selected>"));
    assert!(page.contains("<option value=\"https://shop.example/app\">"));

    for query in ["from=soon", "to=2025-02-30", "least=much", "most=-1", "from=2025-05-21&to=2025-05-20"] {
        let page = alice.get(&format!("/wallet/payments?{query}")).await;
        assert_eq!((page.status, sums(&page)), (StatusCode::UNPROCESSABLE_ENTITY, Vec::new()), "{query}");
        assert!(page.body.contains("aria-invalid=\"true\" aria-describedby=\"fault-"), "{query}");
        let file = alice.get(&format!("/wallet/payments/export.csv?{query}")).await;
        assert!(file.location().starts_with("/wallet/payments?"), "{query}");
    }
    assert_eq!(alice.get("/wallet/payments?q=a&q=b").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_file_has_what_the_search_finds() {
    let provider = Provider::new().await;
    let made = (1..=300).map(|number| (number, number % 2 == 0, (number == 7).then_some("=1+1"))).collect();
    pay(&provider, made).await;
    let mut alice = logged_in(&provider, "alice").await;
    let file = alice.get("/wallet/payments/export.csv").await;
    assert_eq!(file.status, StatusCode::OK);
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"payments.csv\"");
    assert_eq!((file.header("cache-control"), file.header("x-content-type-options")), ("no-store", "nosniff"));
    let lines: Vec<&str> = file.body.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 301, "in several reads, each payment once");
    assert!(lines[0].starts_with("\u{feff}Time,State,Paid in,Paid out,Asset"));
    assert!(lines[1].starts_with("2025-05-20T17:00:00Z,Completed,,3.00,CAD,0.00,3.00,CAD,https://bank.test/bob"));
    assert!(lines.iter().all(|line| !line.contains(",=") && !line.contains(",<b>")));
    let found = alice.get("/wallet/payments/export.csv?side=in&most=0.07&least=0.07").await;
    let lines: Vec<&str> = found.body.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].contains(",0.07,,CAD,,,,https://bank.test/bob,,'=1+1,https://shop.example/app,"), "{}", lines[1]);
}

#[tokio::test]
async fn words_of_strangers_stay_words_here_too() {
    let provider = Provider::new().await;
    pay(&provider, vec![(100, true, Some(HOSTILE)), (101, false, Some(HOSTILE))]).await;
    let mut alice = logged_in(&provider, "alice").await;
    let [out, back] = [100, 101].map(|number| format!("/wallet/payments/{}", id(number)));
    let typed = "/wallet/payments?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&app=%22onload%3Dx&state=%3Ci%3E";
    for path in ["/wallet", "/wallet/payments", &out, &back, typed] {
        let page = alice.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for hostile in ["<script>", "\" onload", "\"onload", "<i>", "\u{202e}"] {
            assert!(!page.body.contains(hostile), "{path}: {hostile}");
        }
        assert!(!page.body.contains("style="), "{path}");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'; "));
    }
}
