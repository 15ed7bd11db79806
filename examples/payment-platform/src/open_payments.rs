//! The protocol, step by step. Everything that goes over the wire begins in this file.

use bursar_client::types::{Action, Amount, OutgoingPaymentWithSpentAmounts, WalletAddress};
use bursar_client::{
    AuthenticatedClient, Error, GrantRequest, IncomingAccess, IssuedGrant, NewIncomingPayment, NewOutgoingPayment,
    OutgoingAccess, PendingGrant,
};

/// The mandate that the app would like to have.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The most that may be spent in each window, fees included.
    pub amount: Amount,
    /// The windows (ISO 8601 repeating interval); without one, the amount may be spent once.
    pub interval: Option<String>,
    /// The only incoming payment that may be paid; without one, anybody's may.
    pub receiver: Option<String>,
}

/// Step 1: whose account is it, in which currency is it kept, and where are its servers?
///
/// # Errors
/// When it is no wallet address, or its provider cannot be reached or refuses.
pub async fn look_up(client: &AuthenticatedClient, address: &str) -> Result<WalletAddress, Error> {
    client.wallet_address(address).get().await
}

/// Step 2: ask the payer's provider for the mandate. It answers with the address of its consent page, to which the browser
/// is sent next ([`PendingGrant::redirect`]); `callback` is where it shall come back to.
///
/// # Errors
/// When the provider cannot be reached or refuses.
pub async fn ask(
    client: &AuthenticatedClient,
    payer: &WalletAddress,
    wish: Wish,
    callback: &str,
) -> Result<PendingGrant, Error> {
    // `create` to pay; `read` to see what became of payments, and what has been spent.
    let mut mandate = OutgoingAccess::new(&payer.id).actions([Action::Create, Action::Read]).debit(wish.amount);
    if let Some(interval) = wish.interval {
        mandate = mandate.interval(interval);
    }
    if let Some(receiver) = wish.receiver {
        mandate = mandate.receiver(receiver);
    }
    let request = GrantRequest::new().access(mandate).finish(callback);
    client.grants().request(&payer.auth_server, request).await?.pending()
}

/// Step 3: the browser is back, with `hash` and `interact_ref` in its address. `finish` verifies the hash, which only
/// the provider can have made for this very request (RFC 9635 §4.2.3), and only then continues the grant.
///
/// # Errors
/// [`Error::Denied`] when the account holder said no; [`Error::HashMismatch`] when the address was made up.
pub async fn come_back(pending: &PendingGrant, returned_to: &str) -> Result<IssuedGrant, Error> {
    pending.finish(returned_to).await
}

/// Step 4: somebody shall be paid, so they need an incoming payment at *their* provider. It takes a grant to create one,
/// but nobody is asked for that. This one has no amount of its own, so that many small payments can go to it; returns
/// its URL.
///
/// # Errors
/// When it is no wallet address, or its provider cannot be reached or refuses.
pub async fn receive(client: &AuthenticatedClient, address: &str) -> Result<String, Error> {
    let recipient = look_up(client, address).await?;
    let access = IncomingAccess::new([Action::Create, Action::Read]).wallet_address(&recipient.id);
    let request = GrantRequest::new().access(access);
    let grant = client.grants().request(&recipient.auth_server, request).await?.issued()?;
    let created = grant.session()?.incoming_payments().create(&recipient, NewIncomingPayment::new()).await?;
    Ok(created.payment.id)
}

/// Step 5: pay, as often as one likes, within the mandate. The answer says what has been spent in this window. An
/// access token that has expired is renewed on the way, without anybody noticing.
///
/// # Errors
/// A [refusal](Error::refusal) says why not: over the limit, outside every window, paused. [`Error::TokenEnded`] means that
/// the account holder has revoked the mandate.
pub async fn pay(
    grant: &IssuedGrant,
    payer: &WalletAddress,
    incoming_payment: &str,
    amount: Amount,
) -> Result<OutgoingPaymentWithSpentAmounts, Error> {
    let payment = NewOutgoingPayment::to_incoming_payment(incoming_payment, amount);
    grant.session()?.outgoing_payments().create(payer, payment).await
}
