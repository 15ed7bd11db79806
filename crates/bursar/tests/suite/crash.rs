//! Killed in the middle of payments, again and again: nothing is lost, doubled or overspent.

use crate::program::{Program, doctor};
use bursar_client::types::{Action, WalletAddress};
use bursar_client::{
    AuthenticatedClient, Client, Error, GrantRequest, IncomingAccess, NewIncomingPayment, NewOutgoingPayment,
    OutgoingAccess, PrivateKey, Session,
};
use bursar_store::Location;
use bursar_testkit::Engine;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};

const PAYERS: u64 = 16;
const ROUNDS: u64 = 6;
const PAYMENTS_PER_ROUND: u64 = 48;
/// In smallest units. The limit allows one payment less than all of them.
const DEBIT: u64 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_on_a_file() {
    killed_again_and_again(Engine::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_on_a_server() {
    killed_again_and_again(Engine::Server).await;
}

async fn killed_again_and_again(engine: Engine) {
    // Another test may have chosen one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = TempDir::new().expect("a folder");
    let location = match engine {
        Engine::Embedded => Location::in_folder(folder.path()),
        Engine::Server => engine.create(folder.path()).await,
    };
    let mut program = Program::start(folder.path(), &location, None);
    let scene = Scene::prepare(&program.url).await;
    let answered = Arc::new(Mutex::new(HashMap::new()));
    for round in 0..ROUNDS {
        let (told, mut paid) = mpsc::unbounded_channel();
        let mut tasks = Vec::new();
        for payer in 0..PAYERS {
            let (scene, answered, told) = (scene.clone(), answered.clone(), told.clone());
            tasks.push(tokio::spawn(async move {
                for number in (payer..PAYMENTS_PER_ROUND).step_by(PAYERS as usize) {
                    let key = format!("payment-{round}-{number}");
                    match scene.pay(&key).await {
                        Ok(id) => {
                            answered.lock().await.insert(key, id);
                            let _ = told.send(());
                        }
                        // Only the power failure may keep a payment from being made.
                        Err(error) => assert!(error.refusal().is_none_or(|refusal| refusal.status == 503), "{error}"),
                    }
                }
            }));
        }
        drop(told);
        // The power fails once some payments of this round are through, each time at another moment.
        for _ in 0..=round * 5 {
            paid.recv().await.expect("a payment goes through");
        }
        let port = program.kill();
        for task in tasks {
            task.await.expect("it gives up");
        }
        program = Program::start(folder.path(), &location, Some(&port));
    }

    // Every payment is asked for once more: those that were answered get the same answer, the others are made now.
    let before = answered.lock().await.clone();
    let (mut made, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        for number in 0..PAYMENTS_PER_ROUND {
            let key = format!("payment-{round}-{number}");
            match scene.pay(&key).await {
                Ok(id) => {
                    made += 1;
                    assert!(before.get(&key).is_none_or(|first| *first == id), "{key} was paid twice");
                }
                Err(Error::Refused(refusal)) if refusal.code == "limit_exceeded" => {
                    refused += 1;
                    assert!(!before.contains_key(&key), "{key} was lost");
                }
                Err(error) => panic!("{key}: {error}"),
            }
        }
    }
    assert_eq!((made, refused), (ROUNDS * PAYMENTS_PER_ROUND - 1, 1));
    let carol: Value = get(&format!("{}/sandbox/accounts/carol", program.url)).await;
    assert_eq!(carol["balance"]["value"], (made * DEBIT).to_string());
    program.kill();
    let said = doctor(folder.path(), &location);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    let report: Value = serde_json::from_slice(&said.stdout).expect("a report");
    assert_eq!(report["payments"], made);
}

#[derive(Clone)]
struct Scene {
    session: Session,
    payer: WalletAddress,
    receiver: String,
}

impl Scene {
    async fn prepare(url: &str) -> Self {
        let key = PrivateKey::from_seed([5; 32]);
        for (name, balance) in [("user", "1000000"), ("carol", "0"), ("app", "0")] {
            let account =
                json!({ "name": name, "assetCode": "CAD", "assetScale": 2, "balance": balance, "password": "x" });
            sandbox(url, "accounts", &account).await;
        }
        let jwk = key.public_jwk("key-1").expect("a key");
        sandbox(url, "accounts/app/keys", &json!({ "jwk": jwk })).await;
        let client: AuthenticatedClient = Client::builder()
            .wallet_address(format!("{url}/app"))
            .key_id("key-1")
            .private_key(key)
            .build()
            .expect("a client");
        let payer = client.wallet_address(format!("{url}/user")).get().await.expect("a wallet");
        let carol = client.wallet_address(format!("{url}/carol")).get().await.expect("a wallet");
        let access = IncomingAccess::new([Action::Create]).wallet_address(&carol.id);
        let grant = client.grants().request(&carol.auth_server, GrantRequest::new().access(access)).await;
        let grant = grant.expect("an answer").issued().expect("no consent is needed");
        let session = grant.session().expect("access");
        let made = session.incoming_payments().create(&carol, NewIncomingPayment::new()).await.expect("a receiver");
        let limit = (ROUNDS * PAYMENTS_PER_ROUND - 1) * DEBIT;
        let mandate = OutgoingAccess::new(&payer.id)
            .actions([Action::Create, Action::Read])
            .debit(payer.asset().expect("an asset").amount(limit).expect("an amount"));
        let request = GrantRequest::new().access(mandate).finish("http://localhost:3344/");
        let pending =
            client.grants().request(&payer.auth_server, request).await.expect("an answer").pending().expect("consent");
        let decision = json!({ "redirect": pending.redirect(), "decision": "approve" });
        let finish = sandbox(url, "interactions", &decision).await;
        let granted = pending.finish(finish["finish"].as_str().expect("an URL")).await.expect("a grant");
        let session = granted.session().expect("access").clone();
        Self { session, payer, receiver: made.payment.id }
    }

    /// Pays once, however often it is called with the same key; the payment's URL.
    async fn pay(&self, key: &str) -> Result<String, Error> {
        let debit = self.payer.asset().expect("an asset").amount(DEBIT).expect("an amount");
        let new = NewOutgoingPayment::to_incoming_payment(&self.receiver, debit).idempotency_key(key);
        Ok(self.session.outgoing_payments().create(&self.payer, new).await?.payment.id)
    }
}

async fn sandbox(url: &str, path: &str, body: &Value) -> Value {
    let request = http().post(format!("{url}/sandbox/{path}")).body(body.to_string());
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

async fn get(url: &str) -> Value {
    let answer = http().get(url).send().await.expect("an answer");
    serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
}
