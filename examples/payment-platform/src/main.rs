//! Payment Platform on its own, against any provider.
//!
//! ```text
//! export WALLET_ADDRESS=https://wallet.example/my-app    # the app's own wallet address
//! export PRIVATE_KEY=private.pem                         # the file of its private key
//! export KEY_ID=my-key                                   # the name under which the public key is published
//! export PAYER=https://wallet.example/una                # the wallet address that the form suggests
//! export RECIPIENT=https://wallet.example/carol          # and who is paid
//! cargo run -p payment-platform
//! ```
//!
//! It listens on the loopback only: whoever reaches it can have it look up any wallet address. A site for the public keeps
//! such requests out of its own network, with an HTTP client of its own (`bursar_client::Builder::http_client`), and is
//! reached over TLS.

use bursar_client::{Client, Clock, PrivateKey};
use payment_platform::{Person, Settings, router};
use std::env;
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder()
        .wallet_address(variable("WALLET_ADDRESS")?)
        .key_id(variable("KEY_ID")?)
        .private_key(PrivateKey::parse(&std::fs::read_to_string(variable("PRIVATE_KEY")?)?)?)
        .build()?;
    let recipient = variable("RECIPIENT")?;
    let clock = Clock::system();
    let settings = Settings {
        client,
        url: "http://127.0.0.1:4100".to_owned(),
        payer: variable("PAYER")?,
        people: vec![Person { name: recipient.clone(), address: recipient }],
        now: Arc::new(move || clock.now()),
    };
    println!("Payment Platform is at {}", settings.url);
    axum::serve(TcpListener::bind("127.0.0.1:4100").await?, router(settings)).await?;
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name}; see the top of this program"))
}
