//! Incoming payments at the resource server.

use crate::callers::Caller;
use crate::idempotent::{IdempotencyKey, Memory};
use crate::lists::{ListQuery, Listed};
use crate::{App, Error, wallets};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bursar_core::access::{self, ClientId, Scope};
use bursar_core::incoming::{self as rule, IncomingPayment};
use bursar_core::secret::Purpose;
use bursar_core::{Code, Id};
use bursar_store::{LockKey, Tx, incoming_payment, wallet_address};
use bursar_types::{
    Action, CreateIncomingPayment, IlpMethod, IncomingPayment as Wire, IncomingPaymentWithMethods, Metadata, Page,
    PaymentMethod, PublicIncomingPayment, ResourceType, WalletAddressUrl,
};
use std::sync::Arc;

const RESOURCE: ResourceType = ResourceType::IncomingPayment;
/// Longest metadata, as JSON text.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;

/// Metadata as it is stored.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] when it is too long.
pub(crate) fn stored_metadata(metadata: Option<Metadata>) -> Result<Option<String>, Error> {
    let Some(metadata) = metadata else { return Ok(None) };
    let text = serde_json::to_string(&metadata).map_err(|error| Error::Internal(error.to_string()))?;
    if text.len() > METADATA_BYTES_MAX {
        return Err(Error::refused(Code::InvalidResourceRequest, "metadata is longer than 16384 bytes of JSON"));
    }
    Ok(Some(text))
}

/// Metadata as it is told.
pub(crate) fn wire_metadata(stored: Option<&str>) -> Result<Option<Metadata>, Error> {
    stored.map(serde_json::from_str).transpose().map_err(|error| Error::Internal(format!("stored metadata: {error}")))
}

/// The refusal of a `walletAddress` that is not one of this provider.
pub(crate) fn unknown_wallet(reason: String) -> Error {
    Error::refused(Code::InvalidResourceRequest, format!("walletAddress: {reason}"))
}

/// Creates an incoming payment.
///
/// # Errors
/// [`Code::InsufficientGrant`], and what [`rule::create`] refuses.
pub async fn create(
    app: &App,
    caller: Arc<Caller>,
    ask: CreateIncomingPayment,
    key: Option<IdempotencyKey>,
) -> Result<IncomingPaymentWithMethods, Error> {
    let (now, id) = app.now_and_id();
    let lifetime = app.config.incoming_lifetime_max;
    let metadata = stored_metadata(ask.metadata)?;
    let memory = Memory::of(app, caller.client.to_string(), key, now);
    let base = app.config.resource_url();
    // Payments of one wallet address are written one after the other, so that its list only grows at its end.
    let lock = WalletAddressUrl::parse(&ask.wallet_address).map(|url| LockKey::named(url.as_str()));
    let made = app
        .store
        .write(lock.into_iter().collect(), move |tx| {
            let wallet = wallets::find(tx, &ask.wallet_address, unknown_wallet)?;
            access::require(&caller.access, RESOURCE, Action::Create, &wallet.url)?;
            if let Some(used) = memory.recall(tx)? {
                return serde_json::from_str(&used.answer).map_err(|error| Error::Internal(error.to_string()));
            }
            let id = id.after(incoming_payment::newest(tx, &wallet.id)?.as_ref());
            let create = rule::Create {
                id,
                wallet_address: wallet.id,
                asset: wallet.asset,
                client: caller.client.clone(),
                incoming: ask.incoming_amount,
                expires_at: ask.expires_at,
                metadata: metadata.clone(),
            };
            let payment = rule::create(create, lifetime, now)?;
            incoming_payment::insert(tx, &payment)?;
            let made = wire(&base, &payment, wallet.url)?;
            // The secret of the payment methods is derived again for a repetition, so that it is not stored.
            memory.remember(tx, &id, &made)?;
            Ok(made)
        })
        .await?;
    let id = made.id.rsplit_once('/').and_then(|(_, id)| id.parse().ok()).unwrap_or(id);
    Ok(IncomingPaymentWithMethods { methods: vec![method(app, &id)], payment: made })
}

fn wire(base: &str, payment: &IncomingPayment, wallet: String) -> Result<Wire, Error> {
    let amount = |value: u64| payment.asset.amount(value).map_err(|error| Error::Internal(error.to_string()));
    Ok(Wire {
        id: format!("{base}/incoming-payments/{}", payment.id),
        wallet_address: wallet,
        completed: payment.completed_at.is_some(),
        incoming_amount: payment.incoming.map(amount).transpose()?,
        received_amount: amount(payment.received)?,
        expires_at: Some(payment.expires_at),
        metadata: wire_metadata(payment.metadata.as_deref())?,
        created_at: payment.created_at,
    })
}

/// How to pay: an address below the provider's own that names the payment and proves that we made it, and a
/// secret that only we can derive again. Any node can answer for it.
fn method(app: &App, id: &Id) -> PaymentMethod {
    let proof = app.secret.derive(Purpose::IlpAddress, id.as_bytes());
    let token = URL_SAFE_NO_PAD.encode([id.as_bytes().as_slice(), &proof[..16]].concat());
    PaymentMethod::Ilp(IlpMethod {
        ilp_address: format!("{}.{token}", app.config.ilp_address),
        shared_secret: app.secret.derive_text(Purpose::StreamSecret, id.as_bytes()),
    })
}

/// What anybody may see.
///
/// # Errors
/// Not found.
pub async fn get_public(app: &App, id: &str) -> Result<PublicIncomingPayment, Error> {
    let missing = || Error::not_found("incoming payment");
    let id: Id = id.parse().map_err(|_| missing())?;
    let payment = app.store.read(move |tx| incoming_payment::by_id(tx, &id).map_err(Error::from)).await?;
    let payment = payment.ok_or_else(missing)?;
    Ok(PublicIncomingPayment {
        received_amount: payment.asset.amount(payment.received).ok(),
        auth_server: app.config.auth_url(),
    })
}

/// What the caller may see, with the ways to pay while it takes money.
///
/// # Errors
/// [`Code::InsufficientGrant`]; not found, also when it is another client's and the caller only reads its own.
pub async fn get(app: &App, caller: Arc<Caller>, id: &str) -> Result<IncomingPaymentWithMethods, Error> {
    let missing = || Error::not_found("incoming payment");
    let id: Id = id.parse().map_err(|_| missing())?;
    let now = app.clock.now();
    let (payment, url) = app
        .store
        .read(move |tx| {
            let (payment, url) = load(tx, &id)?;
            if access::require_read(&caller.access, RESOURCE, &url)? == Scope::Own && payment.client != caller.client {
                return Err(missing());
            }
            Ok((payment, url))
        })
        .await?;
    let methods = if payment.is_open(now) { vec![method(app, &id)] } else { Vec::new() };
    Ok(IncomingPaymentWithMethods { payment: wire(&app.config.resource_url(), &payment, url)?, methods })
}

const LISTED: Listed<IncomingPayment> = Listed {
    resource: RESOURCE,
    by_id: incoming_payment::by_id,
    list: incoming_payment::list,
    about: |payment| (payment.id, payment.wallet_address, &payment.client),
};

/// A page of a wallet address's incoming payments, newest first, as far as the caller may see them.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] for parameters that make no sense; [`Code::InsufficientGrant`].
pub async fn list(app: &App, caller: Arc<Caller>, query: ListQuery) -> Result<Page<Wire>, Error> {
    let base = app.config.resource_url();
    app.store
        .read(move |tx| LISTED.page(tx, &caller, &query, |payment, wallet| wire(&base, payment, wallet.url.clone())))
        .await
}

fn load(tx: &mut Tx<'_>, id: &Id) -> Result<(IncomingPayment, String), Error> {
    let payment = incoming_payment::by_id(tx, id)?.ok_or_else(|| Error::not_found("incoming payment"))?;
    let wallet = wallet_address::by_id(tx, &payment.wallet_address)?;
    let wallet = wallet.ok_or_else(|| Error::Internal("an incoming payment without its wallet address".to_owned()))?;
    Ok((payment, wallet.url))
}

/// Completes an incoming payment: for its creator, or for a client that is the wallet address itself.
///
/// # Errors
/// [`Code::InsufficientGrant`]; not found; [`Code::Conflict`] when it takes no more money anyway.
pub async fn complete(app: &App, caller: Arc<Caller>, id: &str) -> Result<Wire, Error> {
    let missing = || Error::not_found("incoming payment");
    let id: Id = id.parse().map_err(|_| missing())?;
    let now = app.clock.now();
    let base = app.config.resource_url();
    app.store
        .write(vec![LockKey::of(&id)], move |tx| {
            let (payment, url) = load(tx, &id)?;
            access::require(&caller.access, RESOURCE, Action::Complete, &url)?;
            let owner = matches!(&caller.client, ClientId::WalletAddress(client) if *client == url);
            if payment.client != caller.client && !owner {
                return Err(missing());
            }
            let completed = payment.complete(now)?;
            incoming_payment::update(tx, &payment, &completed)?;
            wire(&base, &completed, url)
        })
        .await
}
