//! Client library for Open Payments.
//!
//! An app pays out of people's accounts, and into them, at whichever provider they have: it asks for permission, the
//! account holder agrees at the provider's own page, and from then on the app pays within the limits that were agreed.
//! This library does the asking, the proving and the paying.
//!
//! # From nothing to a payment
//!
//! The app has a wallet address of its own, at which the public half of its key is published; that is how providers
//! know it. [`generate_key`] makes a key.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use bursar_client::types::Action;
//! use bursar_client::{
//!     Client, Duration, GrantRequest, IncomingAccess, NewIncomingPayment, NewOutgoingPayment, OutgoingAccess, PrivateKey,
//! };
//!
//! let client = Client::builder()
//!     .wallet_address("https://wallet.example/my-app")
//!     .key_id("my-key")
//!     .private_key(PrivateKey::parse(&std::fs::read_to_string("private.pem")?)?)
//!     .build()?;
//!
//! // 1. Whose account, and where are its servers?
//! let payer = client.wallet_address("https://cloudninebank.example.com/user").get().await?;
//!
//! // 2. Ask for a mandate: up to 100.00 a month, three times, to anyone.
//! let mandate = OutgoingAccess::new(&payer.id)
//!     .actions([Action::Create, Action::Read])
//!     .debit(payer.asset()?.parse_decimal("100.00")?)
//!     .interval("R3/2025-05-20T13:00:00Z/P1M");
//! let request = GrantRequest::new().access(mandate).finish("https://my-app.example/finish/42");
//! let pending = client.grants().request(&payer.auth_server, request).await?.pending()?;
//!
//! // 3. Send the account holder to the consent page, and go on when the browser comes back.
//! println!("Please open {}", pending.redirect());
//! # let requested_url = "";
//! let grant = pending.finish(requested_url).await?;
//!
//! // 4. Somebody shall be paid: create an incoming payment there. Nobody has to be asked for that.
//! let receiver = client.wallet_address("$wallet.example/bob").get().await?;
//! let access = IncomingAccess::new([Action::Create, Action::Read]).wallet_address(&receiver.id);
//! let at_receiver = client.grants().request(&receiver.auth_server, GrantRequest::new().access(access)).await?.issued()?;
//! let incoming = at_receiver.session()?.incoming_payments().create(&receiver, NewIncomingPayment::new()).await?;
//!
//! // 5. Pay.
//! let payments = grant.session()?.outgoing_payments();
//! let five = payer.asset()?.parse_decimal("5.00")?;
//! let created =
//!     payments.create(&payer, NewOutgoingPayment::to_incoming_payment(&incoming.payment.id, five)).await?;
//! let settled = payments.settled(created.payment, Duration::from_secs(30)).await?;
//! println!("{} sent", settled.sent_amount);
//! # Ok(()) }
//! ```
//!
//! The folder `examples` has two programs that do this from end to end.
//!
//! # What to keep
//!
//! * Between step 2 and 3 a web app answers two requests: [`PendingGrant::save`] and [`Grants::restore_pending`].
//! * Between runs: [`IssuedGrant::save`] and [`Grants::restore`]. Tokens live for minutes and are renewed by themselves,
//!   and the old one is dead then: keep what [`IssuedGrant::on_change`] tells.
//! * To be able to try a payment again after a crash, and not pay twice: an idempotency key of your own, written down
//!   before ([`NewOutgoingPayment::idempotency_key`]).
//!
//! # What it does without being asked
//!
//! * **Signs** every request but the public ones (RFC 9421, Ed25519), each with a nonce of its own.
//! * **Renews** an access token that has expired, once however many tasks use it, and repeats the request
//!   ([`Session`]).
//! * **Repeats**, once and after a moment, what a broken connection or a server that is not ready (502, 503, 504) has
//!   prevented; only reading, renewing, and creating with an idempotency key, which do no harm when repeated.
//! * **Refuses** to call servers without encryption (except on this machine and under `.test`), to follow redirects, to
//!   read answers of more than 1 MiB, and to accept a return from the consent page whose hash is not genuine.
//!
//! It does not keep requests out of your own network: a server program that is told wallet addresses by strangers has
//! to do that in the HTTP client that it hands over ([`Builder::http_client`]).
//!
//! # Seeing what goes over the wire
//!
//! [`AuthenticatedClient::observed`] tells a function of the program's own each request and its answer, as an
//! [`Exchange`] in which tokens and other secrets are cut short: for logs, and for pages that show developers what happens.
//!
//! # Errors
//!
//! [`Error`] tells apart what a program reacts to: [`Error::Refused`] carries the server's status, code, description and
//! details; [`Error::Denied`] means that the account holder said no; [`Error::TokenEnded`] that a new grant is needed.
//! None of them, and nothing that this crate prints, contains a token or a key.
//!
//! # Specifications
//!
//! Open Payments 1.3; GNAP (RFC 9635, RFC 9767); HTTP Message Signatures (RFC 9421); Digest Fields (RFC 9530).

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod access;
mod builder;
mod callback;
mod client;
mod clock;
mod did;
mod error;
mod exchange;
mod grant;
mod incoming_payment;
mod outgoing_payment;
mod page;
mod quote;
mod secret;
mod session;
mod token;
mod transport;
mod url_rules;
mod wallet_address;

pub use access::{Access, IncomingAccess, OutgoingAccess, QuoteAccess};
pub use builder::{Anonymous, Builder, ClientForm, Identified, generate_key};
pub use callback::{CallbackError, CallbackListener};
pub use client::{AuthenticatedClient, Client};
pub use clock::{Clock, Duration, Random, RandomError};
pub use did::{DidDocument, VerificationMethod};
pub use error::{BuildError, Error, InvalidGrantRequest, InvalidRedirect, NetworkError, Refusal};
pub use exchange::{Exchange, Message};
pub use grant::{Grant, GrantRequest, Grants, IssuedGrant, PendingGrant, SavedGrant, SavedPendingGrant};
pub use incoming_payment::{IncomingPayments, NewIncomingPayment, PublicIncomingPayments};
pub use outgoing_payment::{NewOutgoingPayment, OutgoingPayments};
pub use page::{ListOptions, Pages};
pub use quote::{NewQuote, Quotes};
pub use session::Session;
pub use token::Token;
pub use url_rules::InvalidUrl;
pub use wallet_address::WalletAddressAt;

pub use bursar_httpsig::{Jwk, JwkSet, KeyError, PrivateKey, PublicKey};
pub use bursar_types as types;
