//! Asks an account holder for a grant to pay, in three forms.
//!
//! ```text
//! export WALLET_ADDRESS=https://wallet.example/my-app    # the app's own wallet address
//! export PRIVATE_KEY=private.pem                         # the file of its private key
//! export KEY_ID=my-key                                   # the name under which the public key is published
//! cargo run --example outgoing_payment_grant -- once
//! cargo run --example outgoing_payment_grant -- daily
//! cargo run --example outgoing_payment_grant -- receiver https://wallet.example/op/incoming-payments/…
//! ```
//!
//! `PAYER` names the wallet address that shall pay; without it, the app's own does.

use bursar_client::types::Action;
use bursar_client::{CallbackListener, Client, Duration, GrantRequest, OutgoingAccess, PrivateKey};
use std::env;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let form = arguments.next().unwrap_or_else(|| "once".to_owned());
    let own_address = variable("WALLET_ADDRESS")?;

    // Initialize the client.
    let client = Client::builder()
        .wallet_address(&own_address)
        .key_id(variable("KEY_ID")?)
        .private_key(PrivateKey::parse(&std::fs::read_to_string(variable("PRIVATE_KEY")?)?)?)
        .build()?;

    // Get wallet address information.
    let payer = client.wallet_address(env::var("PAYER").unwrap_or(own_address)).get().await?;

    // Say what may be paid: 1.30 of the payer's money …
    let mandate = OutgoingAccess::new(&payer.id)
        .actions([Action::List, Action::ListAll, Action::Read, Action::ReadAll, Action::Create])
        .debit(payer.asset()?.parse_decimal("1.30")?);
    let mandate = match form.as_str() {
        // … once and for all,
        "once" => mandate,
        // … every day anew,
        "daily" => mandate.interval("R/2025-04-22T08:00:00Z/P1D"),
        // … or once and for all, and to one incoming payment only.
        "receiver" => mandate.receiver(arguments.next().ok_or("add the URL of an incoming payment")?),
        other => return Err(format!("{other:?} is none of once, daily and receiver").into()),
    };

    // Request the grant. The browser will come back to this machine.
    let callback = CallbackListener::bind("http://localhost:3344").await?;
    let request = GrantRequest::new().access(mandate).finish(callback.url());
    let pending = client.grants().request(&payer.auth_server, request).await?.pending()?;
    println!("Please interact at the following URL: {}", pending.redirect());

    // Go on when the account holder has decided.
    let grant = pending.finish(&callback.wait(Duration::from_secs(600)).await?).await?;
    let token = grant.token().await?;
    println!("The grant is given. Its token is managed at {} and allows:", token.manage_url());
    for item in token.access() {
        println!("  {}: {}", item.resource_type().as_str(), item.actions());
        if let Some(interval) = item.limits().and_then(|limits| limits.interval.as_ref()) {
            println!("  the limit counts anew {}", interval.describe());
        }
    }
    let spent = grant.session()?.outgoing_payments().spent(&payer).await?;
    println!("Spent so far: {}", spent.spent_debit_amount.map_or("nothing".to_owned(), |amount| amount.to_string()));
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name}; see the top of this example"))
}
