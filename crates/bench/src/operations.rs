//! What is measured: each operation's requests, what answers them well, and what no implementation could do without.

use crate::load::{Expect, Pool};
use crate::seed::{Pair, Scene, incoming_request, mandate_request, payment_request};
use crate::sign::{Ask, Signer};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::form_urlencoded;

/// An operation of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Operation {
    /// The document of a wallet address.
    WalletAddress,
    /// Its keys.
    Jwks,
    /// One incoming payment, for its client.
    ReadIncoming,
    /// One outgoing payment.
    ReadOutgoing,
    /// What was spent under a grant.
    Spent,
    /// The newest 20 outgoing payments.
    ListOutgoing,
    /// A grant request that needs consent.
    GrantInteractive,
    /// A grant request that needs none, and gets its token at once.
    GrantIncoming,
    /// Creating an incoming payment.
    Incoming,
    /// Creating a quote.
    Quote,
    /// Creating and settling outgoing payments, all under one grant.
    Payment,
    /// The same over many grants and wallets.
    PaymentSpread,
    /// Payments under one grant at a fixed rate.
    PaymentOpen,
}

/// A part of an operation that costs something whatever the implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// HTTP itself: this request, an answer of this size.
    Http,
    /// Verifying one Ed25519 signature.
    Signature,
    /// The SHA-512 digest of the body.
    Digest,
    /// One row, durably, in a commit that others share.
    Insert,
}

impl Part {
    /// Its letter in tables.
    pub fn letter(self) -> char {
        match self {
            Self::Http => 'H',
            Self::Signature => 'S',
            Self::Digest => 'D',
            Self::Insert => 'I',
        }
    }
}

/// Everything that requests are made of.
pub struct World<'a> {
    /// The app.
    pub signer: &'a Signer,
    /// The payer and its receiver.
    pub scene: &'a Scene,
    /// The wallets of [`Operation::PaymentSpread`].
    pub ring: &'a [Pair],
}

impl Operation {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 13] = [
        Self::WalletAddress,
        Self::Jwks,
        Self::ReadIncoming,
        Self::ReadOutgoing,
        Self::Spent,
        Self::ListOutgoing,
        Self::GrantInteractive,
        Self::GrantIncoming,
        Self::Incoming,
        Self::Quote,
        Self::Payment,
        Self::PaymentSpread,
        Self::PaymentOpen,
    ];

    /// Its name in tables, on the command line, and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::WalletAddress => "wallet-address",
            Self::Jwks => "jwks",
            Self::ReadIncoming => "read-incoming",
            Self::ReadOutgoing => "read-outgoing",
            Self::Spent => "spent",
            Self::ListOutgoing => "list-outgoing",
            Self::GrantInteractive => "grant-interactive",
            Self::GrantIncoming => "grant-incoming",
            Self::Incoming => "incoming",
            Self::Quote => "quote",
            Self::Payment => "payment",
            Self::PaymentSpread => "payment-spread",
            Self::PaymentOpen => "payment-open",
        }
    }

    /// Whether it makes an outgoing payment.
    pub fn pays(self) -> bool {
        matches!(self, Self::Payment | Self::PaymentSpread | Self::PaymentOpen)
    }

    /// Whether its requests come at a fixed rate.
    pub fn is_open_loop(self) -> bool {
        self == Self::PaymentOpen
    }

    /// What makes an answer a good one.
    pub fn expect(self) -> Expect {
        match self {
            Self::Incoming | Self::Quote => Expect::Status(201),
            Self::Payment | Self::PaymentSpread | Self::PaymentOpen => Expect::Settled,
            _ => Expect::Status(200),
        }
    }

    fn is_signed(self) -> bool {
        !matches!(self, Self::WalletAddress | Self::Jwks)
    }

    /// What its floor is made of.
    pub fn parts(self, nonces: bool) -> Vec<Part> {
        let mut parts = vec![Part::Http];
        if self.is_signed() {
            parts.push(Part::Signature);
        }
        if matches!(self, Self::GrantInteractive | Self::GrantIncoming | Self::Incoming | Self::Quote) || self.pays() {
            parts.extend([Part::Digest, Part::Insert]);
            // Only the nonce of something that changes anything is written down.
            if nonces {
                parts.push(Part::Insert);
            }
        }
        parts
    }

    /// Signs that many requests.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn pool(self, world: &World<'_>, count: usize) -> Result<Pool> {
        let count = if self.is_signed() { count } else { 1 };
        let requests = (0..count).map(|number| self.request(world, number)).collect::<Result<_>>()?;
        Ok(Pool { requests, repeats: !self.is_signed() })
    }

    /// One request, signed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn request(self, world: &World<'_>, number: usize) -> Result<Vec<u8>> {
        let World { signer, scene, ring } = world;
        let path = |url: &str| url.strip_prefix(&signer.public_url).unwrap_or(url).to_owned();
        let get = |path: &str, token: &str| signer.signed(&Ask { method: "GET", path, token: Some(token), body: b"" });
        let post = |path: &str, token: Option<&str>, body: serde_json::Value| {
            signer.signed(&Ask { method: "POST", path, token, body: body.to_string().as_bytes() })
        };
        let one_of = |paths: &'_ [String]| -> Result<String> {
            let path = number.checked_rem(paths.len()).and_then(|index| paths.get(index));
            path.cloned().context("there is nothing to read")
        };
        let (mandate, incoming) = (scene.mandate.token.as_str(), scene.incoming.token.as_str());
        match self {
            Self::WalletAddress => Ok(signer.plain("GET", &path(&scene.payer), b"")),
            Self::Jwks => Ok(signer.plain("GET", &format!("{}/jwks.json", path(&signer.address)), b"")),
            Self::ReadIncoming => get(&one_of(&scene.incoming_paths)?, incoming),
            Self::ReadOutgoing => get(&one_of(&scene.outgoing_paths)?, mandate),
            Self::Spent => get("/op/outgoing-payment-grant", mandate),
            Self::ListOutgoing => {
                let wallet: String = form_urlencoded::byte_serialize(scene.payer.as_bytes()).collect();
                get(&format!("/op/outgoing-payments?wallet-address={wallet}&first=20"), mandate)
            }
            Self::GrantInteractive => post("/auth", None, mandate_request(&signer.address, &scene.payer, number)),
            Self::GrantIncoming => post("/auth", None, incoming_request(&signer.address)),
            Self::Incoming => {
                let amount = json!({ "value": (number + 1).to_string(), "assetCode": "USD", "assetScale": 2 });
                let body = json!({ "walletAddress": scene.payee, "incomingAmount": amount });
                post("/op/incoming-payments", Some(incoming), body)
            }
            Self::Quote => {
                let mut body = payment_request(&scene.payer, "", number);
                body["receiver"] = json!(scene.receiver);
                body["method"] = json!("ilp");
                body.as_object_mut().and_then(|body| body.remove("incomingPayment"));
                post("/op/quotes", Some(mandate), body)
            }
            Self::Payment | Self::PaymentOpen => {
                let body = payment_request(&scene.payer, &scene.receiver, number);
                post("/op/outgoing-payments", Some(mandate), body)
            }
            Self::PaymentSpread => {
                let pair = number.checked_rem(ring.len()).and_then(|index| ring.get(index));
                let Pair { payer, mandate, receiver } = pair.context("there are no wallets")?;
                post("/op/outgoing-payments", Some(&mandate.token), payment_request(payer, receiver, number))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_operation_is_listed_and_named_as_on_the_command_line() {
        assert_eq!(Operation::ALL, Operation::value_variants());
        for operation in Operation::ALL {
            assert_eq!(operation.to_possible_value().unwrap().get_name(), operation.name());
        }
    }

    #[test]
    fn floors_hold_what_cannot_be_left_out() {
        #[track_caller]
        fn check(operation: Operation, nonces: bool, expected: &str) {
            assert_eq!(operation.parts(nonces).into_iter().map(Part::letter).collect::<String>(), expected);
        }
        check(Operation::Jwks, true, "H");
        check(Operation::Spent, false, "HS");
        check(Operation::Spent, true, "HS");
        check(Operation::GrantInteractive, false, "HSDI");
        check(Operation::PaymentSpread, false, "HSDI");
        check(Operation::Payment, true, "HSDII");
    }
}
