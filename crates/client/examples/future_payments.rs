//! Gets permission to pay before it is known whom, and then pays whoever comes along: up to 100.00 a month, for three
//! months.
//!
//! ```text
//! export WALLET_ADDRESS=https://wallet.example/my-app    # the app's own wallet address
//! export PRIVATE_KEY=private.pem                         # the file of its private key
//! export KEY_ID=my-key                                   # the name under which the public key is published
//! export PAYER=https://cloudninebank.example.com/user    # who shall pay; without it, the app's own wallet address
//! cargo run --example future_payments -- '$wallet.example/bob' '$wallet.example/carol'
//! ```
//!
//! `INTERVAL` replaces the three months from now on, for example by `R3/2025-05-20T13:00:00Z/P1M`.

use bursar_client::types::{Action, Amount, WalletAddress};
use bursar_client::{
    AuthenticatedClient, CallbackListener, Client, Clock, Duration, GrantRequest, IncomingAccess, NewIncomingPayment,
    NewOutgoingPayment, OutgoingAccess, PrivateKey, Session,
};
use std::env;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let own_address = variable("WALLET_ADDRESS")?;
    let client = Client::builder()
        .wallet_address(&own_address)
        .key_id(variable("KEY_ID")?)
        .private_key(PrivateKey::parse(&std::fs::read_to_string(variable("PRIVATE_KEY")?)?)?)
        .build()?;

    // 1. Get wallet address information.
    let payer = client.wallet_address(env::var("PAYER").unwrap_or(own_address)).get().await?;
    println!("{} is kept in {}", payer.id, payer.asset_code);

    // 2. Request an interactive outgoing payment grant.
    let now = Clock::system().now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let interval = env::var("INTERVAL").unwrap_or_else(|_| format!("R3/{now}/P1M"));
    let mandate = OutgoingAccess::new(&payer.id)
        .actions([Action::Read, Action::Create])
        .interval(&interval)
        .debit(payer.asset()?.parse_decimal("100.00")?);
    let callback = CallbackListener::bind("http://localhost:3344").await?;
    let request = GrantRequest::new().access(mandate).finish(callback.url());
    let pending = client.grants().request(&payer.auth_server, request).await?.pending()?;

    // 3. Start interaction with the account holder.
    println!("Please open {}", pending.redirect());

    // 4. The account holder decides, and the browser comes back.
    let returned = callback.wait(Duration::from_secs(600)).await?;

    // 5. Continue the grant; finish() verifies that what came back belongs to it.
    let grant = pending.finish(&returned).await?;
    println!("The grant is given.");

    // From now on anybody can be paid.
    let five = payer.asset()?.parse_decimal("5.00")?;
    for recipient in env::args().skip(1) {
        let recipient = client.wallet_address(recipient).get().await?;
        pay(&client, grant.session()?, &payer, &recipient, five).await?;
    }
    Ok(())
}

/// Pays the recipient a fixed amount out of the payer's account.
async fn pay(
    client: &AuthenticatedClient,
    session: &Session,
    payer: &WalletAddress,
    recipient: &WalletAddress,
    amount: Amount,
) -> Result<(), Box<dyn Error>> {
    // A place to pay to, at the recipient's provider. Nobody has to be asked for that.
    let access = IncomingAccess::new([Action::Create, Action::Read]).wallet_address(&recipient.id);
    let request = GrantRequest::new().access(access);
    let at_recipient = client.grants().request(&recipient.auth_server, request).await?.issued()?;
    let place = at_recipient.session()?.incoming_payments().create(recipient, NewIncomingPayment::new()).await?;

    let new = NewOutgoingPayment::to_incoming_payment(&place.payment.id, amount);
    let created = session.outgoing_payments().create(payer, new).await?;
    let settled = session.outgoing_payments().settled(created.payment, Duration::from_secs(30)).await?;
    println!("{}: {} sent, {} to arrive", recipient.id, settled.sent_amount, settled.receive_amount);
    if let Some(spent) = created.grant_spent_debit_amount {
        println!("  {spent} spent in this window");
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name}; see the top of this example"))
}
