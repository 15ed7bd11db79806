//! What is there before anything is measured: accounts from the sandbox API, grants as every app gets them.

use crate::connection::Connection;
use crate::provider::PUBLIC_URL;
use crate::sign::{Ask, Signer};
use anyhow::{Context, Result, ensure};
use bursar_app::Clock;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Enough for any number of small payments.
const BALANCE: u64 = 1_000_000_000_000_000;
/// How many payments of each kind there are to be read.
const READABLE: usize = 64;
/// A token of this age is replaced before the next operation, long before it expires.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(120);
/// How many accounts are made at the same time.
const SEEDERS: usize = 16;

/// A conversation with the provider.
pub struct Api<'a> {
    connection: Connection,
    signer: &'a Signer,
}

impl<'a> Api<'a> {
    /// Connects to a node.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn open(node: SocketAddr, signer: &'a Signer) -> Result<Self> {
        Ok(Self { connection: Connection::open(node).await?, signer })
    }

    async fn call(&mut self, what: &str, request: &[u8], expected: u16) -> Result<Value> {
        let (status, body) = self.connection.exchange(request).await.with_context(|| what.to_owned())?;
        ensure!(status == expected, "{what}: status {status}, {}", String::from_utf8_lossy(&body));
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&body)?) }
    }

    async fn sandbox(&mut self, path: &str, body: &Value, expected: u16) -> Result<Value> {
        self.call(path, &self.signer.plain("POST", path, body.to_string().as_bytes()), expected).await
    }

    async fn signed(&mut self, path: &str, token: Option<&str>, body: &Value, expected: u16) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = self.signer.signed(&Ask { method: "POST", path, token, body: body.as_bytes() })?;
        self.call(path, &request, expected).await
    }

    /// Makes an account; its wallet address.
    async fn account(&mut self, name: &str) -> Result<String> {
        let ask = json!({ "name": name, "publicName": format!("{name} of the bench"), "assetCode": "USD",
                          "assetScale": 2, "balance": BALANCE.to_string(), "password": "bench" });
        text(&self.sandbox("/sandbox/accounts", &ask, 201).await?["walletAddress"])
    }

    /// Gets a mandate without limits: request, consent, continuation.
    async fn mandate(&mut self, wallet: &str) -> Result<Grant> {
        let pending = self.signed("/auth", None, &mandate_request(&self.signer.address, wallet, 0), 200).await?;
        let decision = json!({ "redirect": pending["interact"]["redirect"], "decision": "approve" });
        let finish = text(&self.sandbox("/sandbox/interactions", &decision, 200).await?["finish"])?;
        let finish = url::Url::parse(&finish).context("the finish URL")?;
        let reference = finish.query_pairs().find(|(name, _)| name == "interact_ref");
        let reference = reference.context("the finish URL has no interact_ref")?.1.into_owned();
        let (uri, token) =
            (path_of(&pending["continue"]["uri"])?, text(&pending["continue"]["access_token"]["value"])?);
        Grant::read(&self.signed(&uri, Some(&token), &json!({ "interact_ref": reference }), 200).await?)
    }

    /// Makes an incoming payment that takes any amount; its URL.
    async fn receiver(&mut self, grant: &Grant, wallet: &str) -> Result<String> {
        let ask = json!({ "walletAddress": wallet });
        let made = self.signed("/op/incoming-payments", Some(&grant.token), &ask, 201).await?;
        text(&made["id"])
    }

    async fn renew(&mut self, grant: &mut Grant) -> Result<()> {
        if Clock::real_instant().saturating_duration_since(grant.since) > TOKEN_AGE_MAX {
            self.rotate(grant).await?;
        }
        Ok(())
    }

    async fn rotate(&mut self, grant: &mut Grant) -> Result<()> {
        let path = grant.manage.clone();
        *grant = Grant::read(&self.signed(&path, Some(&grant.token), &Value::Null, 200).await?)?;
        Ok(())
    }
}

/// Moves the sandbox's clock of every node to the same instant.
///
/// # Errors
/// When a node refuses.
pub async fn set_clock(nodes: &[SocketAddr], signer: &Signer, to: jiff::Timestamp) -> Result<()> {
    for node in nodes {
        let mut api = Api::open(*node, signer).await?;
        api.sandbox("/sandbox/clock", &json!({ "set": to.to_string() }), 200).await?;
    }
    Ok(())
}

/// Replaces the tokens of all wallets, whatever their age, and the incoming payments that they pay to.
///
/// # Errors
/// When the provider refuses.
pub async fn renew_all(nodes: &[SocketAddr], signer: &Signer, scene: &mut Scene, ring: &mut [Pair]) -> Result<()> {
    let first = nodes.first().context("there is no node")?;
    let mut api = Api::open(*first, signer).await?;
    api.rotate(&mut scene.mandate).await?;
    api.rotate(&mut scene.incoming).await?;
    scene.receiver = api.receiver(&scene.incoming, &scene.payee).await?;
    let incoming = &scene.incoming;
    let mut payees: Vec<String> = ring.iter().map(|pair| pair.payer.clone()).collect();
    let shift = 1.min(payees.len());
    payees.rotate_left(shift);
    let share = ring.len().div_ceil(SEEDERS).max(1);
    let shares = ring.chunks_mut(share).zip(payees.chunks(share)).zip(nodes.iter().cycle());
    let seeders = shares.map(async |((pairs, payees), node)| {
        let mut api = Api::open(*node, signer).await?;
        for (pair, payee) in pairs.iter_mut().zip(payees) {
            api.rotate(&mut pair.mandate).await?;
            pair.receiver = api.receiver(incoming, payee).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    try_join_all(seeders).await?;
    Ok(())
}

/// The request of a mandate without limits for a wallet; `number` makes it differ from others.
pub fn mandate_request(client: &str, wallet: &str, number: usize) -> Value {
    json!({
        "access_token": { "access": [
            { "type": "outgoing-payment", "actions": ["create", "read", "list"], "identifier": wallet },
            { "type": "quote", "actions": ["create", "read"] },
        ] },
        "client": client,
        "interact": { "start": ["redirect"], "finish": {
            "method": "redirect", "uri": "http://localhost:3344/done", "nonce": format!("nonce-{number}") } },
    })
}

/// The request of access to everybody's incoming payments, which needs no consent.
pub fn incoming_request(client: &str) -> Value {
    let item = json!({ "type": "incoming-payment", "actions": ["create", "read", "complete", "list"] });
    json!({ "access_token": { "access": [item] }, "client": client })
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("text expected, not {value}"))
}

/// The path of a URL of the provider's.
fn path_of(url: &Value) -> Result<String> {
    let url = text(url)?;
    let path = url.strip_prefix(PUBLIC_URL).map(str::to_owned);
    path.with_context(|| format!("{url} is not at {PUBLIC_URL}"))
}

/// An access token, and where it is replaced.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The token.
    pub token: String,
    /// Path of its management URI.
    pub manage: String,
    since: Instant,
}

impl Grant {
    fn read(answer: &Value) -> Result<Self> {
        let token = &answer["access_token"];
        Ok(Self { token: text(&token["value"])?, manage: path_of(&token["manage"])?, since: Clock::real_instant() })
    }
}

/// One app, one payer, one receiver, and what can be read of them.
pub struct Scene {
    /// The payer's wallet address.
    pub payer: String,
    /// The receiver's wallet address.
    pub payee: String,
    /// The incoming payment that takes everything.
    pub receiver: String,
    /// The payer's mandate, which also allows quotes.
    pub mandate: Grant,
    /// Access to incoming payments.
    pub incoming: Grant,
    /// Paths of incoming payments.
    pub incoming_paths: Vec<String>,
    /// Paths of outgoing payments.
    pub outgoing_paths: Vec<String>,
}

impl Scene {
    /// Makes all of it.
    ///
    /// # Errors
    /// When the provider refuses something.
    pub async fn prepare(node: SocketAddr, signer: &Signer, app: &str) -> Result<Self> {
        let mut api = Api::open(node, signer).await?;
        api.account(app).await?;
        api.sandbox(&format!("/sandbox/accounts/{app}/keys"), &json!({ "jwk": signer.jwk()? }), 201).await?;
        let (payer, payee) = (api.account("payer").await?, api.account("payee").await?);
        let mandate = api.mandate(&payer).await?;
        let incoming = Grant::read(&api.signed("/auth", None, &incoming_request(&signer.address), 200).await?)?;
        let receiver = api.receiver(&incoming, &payee).await?;
        let (mut incoming_paths, mut outgoing_paths) = (Vec::new(), Vec::new());
        for number in 0..READABLE {
            incoming_paths.push(path_of(&api.receiver(&incoming, &payee).await?.into())?);
            let ask = payment_request(&payer, &receiver, number);
            let made = api.signed("/op/outgoing-payments", Some(&mandate.token), &ask, 201).await?;
            outgoing_paths.push(path_of(&made["id"])?);
        }
        Ok(Self { payer, payee, receiver, mandate, incoming, incoming_paths, outgoing_paths })
    }

    /// How many outgoing payments it has made.
    pub fn payments(&self) -> u64 {
        self.outgoing_paths.len() as u64
    }

    /// Replaces tokens that have become old.
    ///
    /// # Errors
    /// When the provider refuses.
    pub async fn renew(&mut self, node: SocketAddr, signer: &Signer) -> Result<()> {
        let mut api = Api::open(node, signer).await?;
        api.renew(&mut self.mandate).await?;
        api.renew(&mut self.incoming).await
    }
}

/// The body of a payment. All differ, since a number is part of the amount.
pub fn payment_request(payer: &str, receiver: &str, number: usize) -> Value {
    let debit = json!({ "value": (number + 1).to_string(), "assetCode": "USD", "assetScale": 2 });
    json!({ "walletAddress": payer, "incomingPayment": receiver, "debitAmount": debit })
}

/// A wallet with a mandate of its own, and an incoming payment of another wallet.
pub struct Pair {
    /// The wallet address that pays.
    pub payer: String,
    /// Its mandate.
    pub mandate: Grant,
    /// Where its payments go.
    pub receiver: String,
}

/// Makes wallets, each with a mandate, that pay one another in a ring.
///
/// # Errors
/// When the provider refuses something.
pub async fn ring(nodes: &[SocketAddr], signer: &Signer, scene: &Scene, wallets: usize) -> Result<Vec<Pair>> {
    let seeders = SEEDERS.min(wallets.max(1));
    let make = async |seeder: usize| -> Result<Vec<(usize, String, Grant, String)>> {
        let node = nodes.get(seeder % nodes.len().max(1)).context("there is no node")?;
        let mut api = Api::open(*node, signer).await?;
        let mut made = Vec::new();
        for number in (seeder..wallets).step_by(seeders) {
            let wallet = api.account(&format!("wallet-{number}")).await?;
            let mandate = api.mandate(&wallet).await?;
            let receiver = api.receiver(&scene.incoming, &wallet).await?;
            made.push((number, wallet, mandate, receiver));
        }
        Ok(made)
    };
    let mut made: Vec<_> = try_join_all((0..seeders).map(make)).await?.into_iter().flatten().collect();
    made.sort_unstable_by_key(|(number, ..)| *number);
    let mut receivers: Vec<String> = made.iter().map(|(.., receiver)| receiver.clone()).collect();
    let shift = 1.min(receivers.len());
    receivers.rotate_left(shift);
    let pair = |((_, payer, mandate, _), receiver)| Pair { payer, mandate, receiver };
    Ok(made.into_iter().zip(receivers).map(pair).collect())
}
